//! The options of the profile (PS3.15 E.3), by name, with their codes.

use std::collections::BTreeSet;
use std::fmt;

use super::{Action, CHOICES, Row};

/// An option of the profile (PS3.15 E.3); the number of the first ten is their
/// column in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Choice {
    /// Retain Safe Private Option.
    SafePrivate = 0,
    /// Retain UIDs Option.
    Uids = 1,
    /// Retain Device Identity Option.
    Device = 2,
    /// Retain Institution Identity Option.
    Institution = 3,
    /// Retain Patient Characteristics Option.
    Characteristics = 4,
    /// Retain Longitudinal Temporal Information, Full Dates.
    DatesFull = 5,
    /// Retain Longitudinal Temporal Information, Modified Dates.
    DatesModified = 6,
    /// Clean Descriptors Option.
    Descriptors = 7,
    /// Clean Structured Content Option.
    Structured = 8,
    /// Clean Graphics Option.
    Graphics = 9,
    /// Clean Pixel Data Option: works on pixels, has no column.
    Pixels = 10,
    /// Ours, narrower than Characteristics: of the patient's characteristics
    /// only sex, and age in bands of ten years.
    AgeBandAndSex = 11,
}

impl Choice {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SafePrivate,
        Self::Uids,
        Self::Device,
        Self::Institution,
        Self::Characteristics,
        Self::DatesFull,
        Self::DatesModified,
        Self::Descriptors,
        Self::Structured,
        Self::Graphics,
        Self::Pixels,
        Self::AgeBandAndSex,
    ];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SafePrivate => "retain-safe-private",
            Self::Uids => "retain-uids",
            Self::Device => "retain-device-identity",
            Self::Institution => "retain-institution-identity",
            Self::Characteristics => "retain-patient-characteristics",
            Self::DatesFull => "retain-full-dates",
            Self::DatesModified => "retain-modified-dates",
            Self::Descriptors => "clean-descriptors",
            Self::Structured => "clean-structured-content",
            Self::Graphics => "clean-graphics",
            Self::Pixels => "clean-pixel-data",
            Self::AgeBandAndSex => "retain-age-band-and-sex",
        }
    }

    /// Its code in context group 7050 of PS3.16 (scheme DCM) and the meaning.
    /// What keeps sex and age bands keeps patient characteristics.
    #[must_use]
    pub const fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::Pixels => ("113101", "Clean Pixel Data Option"),
            Self::Graphics => ("113103", "Clean Graphics Option"),
            Self::Structured => ("113104", "Clean Structured Content Option"),
            Self::Descriptors => ("113105", "Clean Descriptors Option"),
            Self::DatesFull => (
                "113106",
                "Retain Longitudinal Temporal Information Full Dates Option",
            ),
            Self::DatesModified => (
                "113107",
                "Retain Longitudinal Temporal Information Modified Dates Option",
            ),
            Self::Characteristics | Self::AgeBandAndSex => {
                ("113108", "Retain Patient Characteristics Option")
            }
            Self::Device => ("113109", "Retain Device Identity Option"),
            Self::Uids => ("113110", "Retain UIDs Option"),
            Self::SafePrivate => ("113111", "Retain Safe Private Option"),
            Self::Institution => ("113112", "Retain Institution Identity Option"),
        }
    }
}

/// Why a list of options was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// No option has this name.
    #[error("option {0}: not known; there are {known}", known = known())]
    Unknown(String),
    /// Dates can be kept or moved, not both (PS3.15 E.3.6).
    #[error("options retain-full-dates and retain-modified-dates exclude each other")]
    BothDates,
}

fn known() -> String {
    Choice::ALL.map(Choice::name).join(", ")
}

/// The options that a project has switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeSet<Choice>);

impl Options {
    /// None: the Basic Profile alone.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What a project has when its settings do not say: the strictest that
    /// keeps the reconstruction working.
    #[must_use]
    pub fn shipped() -> Self {
        Self(BTreeSet::from([Choice::Pixels, Choice::AgeBandAndSex]))
    }

    /// Options by their names.
    ///
    /// # Errors
    /// [`OptionsError`] for a name that is none, or two that exclude each other.
    pub fn parse<T: AsRef<str>>(names: &[T]) -> Result<Self, OptionsError> {
        let mut chosen = BTreeSet::new();
        for name in names.iter().map(AsRef::as_ref) {
            let choice = Choice::ALL.into_iter().find(|choice| choice.name() == name);
            chosen.insert(choice.ok_or_else(|| OptionsError::Unknown(name.to_owned()))?);
        }
        if chosen.contains(&Choice::DatesFull) && chosen.contains(&Choice::DatesModified) {
            return Err(OptionsError::BothDates);
        }
        Ok(Self(chosen))
    }

    /// Whether an option is on.
    #[must_use]
    pub fn has(&self, choice: Choice) -> bool {
        self.0.contains(&choice)
    }

    /// Those that are on, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Choice> {
        self.0.iter().copied()
    }

    /// What a row demands under these options, and by which of them. To keep
    /// goes before to clean, and either before the Basic Profile.
    #[must_use]
    pub fn demand(&self, row: &Row) -> (Action, Option<Choice>) {
        let by = |wanted| {
            let mut those = self.iter().filter(|choice| (*choice as usize) < CHOICES);
            those.find(|choice| row.choice(*choice) == Some(wanted))
        };
        for wanted in [Action::Keep, Action::Clean] {
            if let Some(choice) = by(wanted) {
                return (wanted, Some(choice));
            }
        }
        (row.basic, None)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Choice::name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::profile::Edition;
    use dicom_core::Tag;

    #[test]
    fn names_are_read_and_refused() {
        let all: Vec<_> = Choice::ALL.map(Choice::name).to_vec();
        assert_eq!(Options::parse(&all), Err(OptionsError::BothDates));
        let some = Options::parse(&["retain-uids", "clean-descriptors"]).unwrap();
        assert!(some.has(Choice::Uids) && !some.has(Choice::Device));
        assert_eq!(some.to_string(), "retain-uids clean-descriptors");
        let error = Options::parse(&["retain-names"]).unwrap_err().to_string();
        assert!(error.contains("retain-names") && error.contains("retain-uids"));
    }

    #[test]
    fn codes_are_those_of_context_group_7050() {
        let mut codes: Vec<_> = Choice::ALL.map(|choice| choice.code().0).to_vec();
        codes.sort_unstable();
        codes.dedup();
        // 113102 (visual features) is no option of ours; sex and age share one.
        assert_eq!(codes.len(), 11);
        assert_eq!((codes[0], codes[10]), ("113101", "113112"));
    }

    #[test]
    fn an_option_goes_before_the_basic_profile() {
        let edition = Edition::newest();
        let check = |names: &[&str], tag, expected| {
            let options = Options::parse(names).unwrap();
            assert_eq!(options.demand(edition.row(tag).unwrap()).0, expected);
        };
        let date = Tag(0x0008, 0x0020);
        check(&[], date, Action::Empty);
        check(&["retain-modified-dates"], date, Action::Clean);
        check(&["retain-full-dates"], date, Action::Keep);
        check(&["retain-uids"], date, Action::Empty);
        let allergies = Tag(0x0010, 0x2110);
        check(&["clean-descriptors"], allergies, Action::Clean);
    }
}
