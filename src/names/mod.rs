//! Who and which: identifiers that exist only when they are valid.
//!
//! A value of these types has been checked once, at the door. Values that
//! identify a person travel as [`Phi`], which prints a fixed mark.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod digest;
mod phi;

pub use digest::{Digest, Hasher};
pub use phi::Phi;

/// Why a name was refused. The offending text is never repeated: it may
/// identify a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty, too long, or has a character the standard forbids.
    #[error("not a valid {what}: {why}")]
    Invalid {
        /// Which kind of name was being made.
        what: &'static str,
        /// The rule that it breaks.
        why: &'static str,
    },
}

/// Makes a newtype over `String` with parsing, display and serde through text.
macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<String, &'static str> = $check;
                check(text)
                    .map(Self)
                    .map_err(|why| NameError::Invalid { what: $what, why })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_name!(
    /// A DICOM application entity title (PS3.5 6.2, VR AE): 1 to 16 characters
    /// of the default repertoire, no backslash, not only spaces. Surrounding
    /// spaces are not significant and are dropped.
    AeTitle,
    "application entity title",
    |text| {
        let text = text.trim_matches(|c| c == ' ' || c == '\0');
        if text.is_empty() || text.len() > 16 {
            return Err("1 to 16 characters are needed");
        }
        if text.bytes().any(|b| !(0x20..0x7f).contains(&b) || b == b'\\') {
            return Err("only printable ASCII without backslash is allowed");
        }
        Ok(text.to_owned())
    }
);

text_name!(
    /// The stand-in for a person within one project: `BB-` and 20 characters
    /// of base 32, from a keyed hash. Stable for the person, meaningless
    /// without the key.
    Pseudonym,
    "pseudonym",
    |text| {
        let rest = text.strip_prefix("BB-").ok_or("it starts with BB-")?;
        let good = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
        if rest.len() != 20 || !rest.bytes().all(good) {
            return Err("BB- is followed by 20 characters A-Z, 2-7");
        }
        Ok(text.to_owned())
    }
);

text_name!(
    /// The name of an account of a box: 2 to 32 of a-z, 0-9, dot, dash and
    /// underscore, the first a letter.
    AccountName,
    "account name",
    |text| {
        if !(2..=32).contains(&text.len()) {
            return Err("2 to 32 characters are needed");
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if !text.bytes().all(good) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err("only a-z, 0-9, dot, dash and underscore, a letter first");
        }
        Ok(text.to_owned())
    }
);

text_name!(
    /// The box's own name for a study: 32 hexadecimal digits of a keyed hash
    /// of the Study Instance UID. Safe in logs, file names and pages.
    StudyKey,
    "study key",
    |text| hex_text(text, 32)
);

text_name!(
    /// The box's own name for an instance: 32 hexadecimal digits of a keyed
    /// hash of the SOP Instance UID.
    InstanceKey,
    "instance key",
    |text| hex_text(text, 32)
);

text_name!(
    /// A project: the unit of pseudonym keys, options and destinations.
    Project,
    "project name",
    |text| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 40 || !text.bytes().all(good) {
            return Err("1 to 40 characters a-z, 0-9 and - are needed");
        }
        Ok(text.to_owned())
    }
);

text_name!(
    /// Which model made a figure: its name and version, as on its card.
    ModelId,
    "model name",
    |text| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-._@".contains(&b);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(good) {
            return Err("1 to 64 characters a-z, A-Z, 0-9, - . _ @ are needed");
        }
        Ok(text.to_owned())
    }
);

fn hex_text(text: &str, length: usize) -> Result<String, &'static str> {
    let good = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != length || !text.bytes().all(good) {
        return Err("a fixed number of lower-case hexadecimal digits is needed");
    }
    Ok(text.to_owned())
}

/// Marks a [`Uid`] of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StudyUid {}
/// Marks a [`Uid`] of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesUid {}
/// Marks a [`Uid`] of a SOP instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceUid {}
/// Marks a [`Uid`] of a SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SopClass {}
/// Marks a [`Uid`] of a transfer syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransferSyntax {}

/// A DICOM unique identifier (PS3.5 9.1) of one kind: at most 64 digits and
/// dots, no empty component. Leading zeros in a component break the standard
/// but are met in the field; they are accepted on the way in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(
    try_from = "String",
    into = "String",
    bound(serialize = "Kind: Clone", deserialize = "")
)]
pub struct Uid<Kind> {
    text: String,
    kind: PhantomData<fn() -> Kind>,
}

impl<Kind> Uid<Kind> {
    /// The dotted text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<Kind> FromStr for Uid<Kind> {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let fault = |why| NameError::Invalid { what: "UID", why };
        let text = text.trim_end_matches(['\0', ' ']);
        if text.is_empty() || text.len() > 64 {
            return Err(fault("1 to 64 characters are needed"));
        }
        if text.split('.').any(str::is_empty) {
            return Err(fault("a component is empty"));
        }
        if text.bytes().any(|b| !b.is_ascii_digit() && b != b'.') {
            return Err(fault("only digits and dots are allowed"));
        }
        Ok(Self {
            text: text.to_owned(),
            kind: PhantomData,
        })
    }
}

impl<Kind> TryFrom<String> for Uid<Kind> {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl<Kind> From<Uid<Kind>> for String {
    fn from(uid: Uid<Kind>) -> Self {
        uid.text
    }
}

impl<Kind> fmt::Display for Uid<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// On which ground data of a project may leave the hospital. The forwarder
/// sends nothing whose basis is [`LegalBasis::None`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalBasis {
    /// Consent to joint research.
    ResearchConsent,
    /// The central processes on the hospital's behalf.
    Entrustment,
    /// Japan's Next-Generation Medical Infrastructure Act.
    MedicalInfrastructureAct,
    /// Invented data: demo and tests.
    Synthetic,
    /// No ground is stated: nothing leaves.
    None,
}

/// What a signed-in person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees studies and results, asks for retries.
    Radiographer,
    /// Sees technical state.
    Service,
    /// Changes settings and accounts.
    Administrator,
    /// Reads the journal.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Radiographer,
        Self::Service,
        Self::Administrator,
        Self::Auditor,
    ];

    /// The role's name in rows and forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Radiographer => "radiographer",
            Self::Service => "service",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a name, if it is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether it may see who a patient is, and decide about their images.
    #[must_use]
    pub const fn may_see_people(self) -> bool {
        matches!(self, Self::Radiographer | Self::Administrator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = NameError>>(text: &str, good: bool) {
        assert_eq!(text.parse::<T>().is_ok(), good, "{text:?}");
    }

    #[test]
    fn application_entity_titles() {
        check::<AeTitle>("BONEBOX", true);
        check::<AeTitle>(" PADDED  ", true);
        check::<AeTitle>("", false);
        check::<AeTitle>("   ", false);
        check::<AeTitle>("SEVENTEEN-LETTERS", false);
        check::<AeTitle>("BACK\\SLASH", false);
    }

    #[test]
    fn uids() {
        check::<Uid<StudyUid>>("1.2.840.10008.1.2\0", true);
        check::<Uid<StudyUid>>("../../name", false);
        check::<Uid<StudyUid>>("1..2", false);
        check::<Uid<StudyUid>>("", false);
        check::<Uid<StudyUid>>(&"1".repeat(65), false);
    }

    #[test]
    fn keys_and_pseudonyms() {
        check::<StudyKey>("0123456789abcdef0123456789abcdef", true);
        check::<StudyKey>("0123456789ABCDEF0123456789abcdef", false);
        check::<Pseudonym>("BB-ABCDEFGHIJ2345672345", true);
        check::<Pseudonym>("YAMADA", false);
        check::<Project>("demo-1", true);
        check::<Project>("Demo", false);
    }

    #[test]
    fn a_refusal_never_repeats_the_text() {
        let error = "YAMADA^TAROU\\".parse::<AeTitle>().map(|_| ()).err();
        assert!(!format!("{error:?}").contains("YAMADA"));
    }
}
