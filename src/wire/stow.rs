//! The answer to STOW-RS: which instances are held and which were refused, as
//! DICOM JSON (PS3.18 10.5.3, PS3.18 F, PS3.3 C.12.1.1). The central writes
//! it, the forwarder reads it instance by instance; the HTTP status alone says
//! nothing about an instance.
//!
//! What the standard lacks is the proof that the *same bytes* are held: each
//! referenced item carries their SHA-256 in a private element, block
//! `BONEBOX`. A reader that does not know it passes it over.

use serde_json::{Value, json};

use super::WireError;
use crate::names::Digest;
use crate::names::InstanceUid;
use crate::names::SopClass;
use crate::names::Uid;

/// Media type of the answer.
pub const DICOM_JSON: &str = "application/dicom+json";

/// The owner of the private block (0099,00xx).
const BLOCK: &str = "BONEBOX";
/// Private Creator of the block.
const CREATOR: &str = "00990010";
/// SHA-256 of the instance held, 64 hexadecimal digits.
const HELD_DIGEST: &str = "00991001";
/// Failed SOP Sequence.
const FAILED: &str = "00081198";
/// Referenced SOP Sequence.
const REFERENCED: &str = "00081199";
/// Referenced SOP Class UID.
const CLASS: &str = "00081150";
/// Referenced SOP Instance UID.
const INSTANCE: &str = "00081155";
/// Failure Reason.
const REASON: &str = "00081197";

/// Why an instance was refused: Failure Reason (0008,1197), PS3.18 table
/// 10.5.3-2 and PS3.4 B.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 0110H: processing failure (a disk or database error). Try again.
    ProcessingFailure,
    /// 0111H: another instance with this UID is held, with other bytes.
    OtherBytesHeld,
    /// 0122H: the SOP class is not on the list.
    ClassNotSupported,
    /// 0124H: not authorized: a person's identity may be in it.
    IdentityNotRemoved,
    /// A700H: out of resources. Try again.
    OutOfResources,
    /// A900H: the data set does not match what the request or file says.
    Mismatch,
    /// C000H: not a DICOM Part 10 file.
    CannotUnderstand,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::ProcessingFailure,
        Self::OtherBytesHeld,
        Self::ClassNotSupported,
        Self::IdentityNotRemoved,
        Self::OutOfResources,
        Self::Mismatch,
        Self::CannotUnderstand,
    ];

    /// The standard's number.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::ProcessingFailure => 0x0110,
            Self::OtherBytesHeld => 0x0111,
            Self::ClassNotSupported => 0x0122,
            Self::IdentityNotRemoved => 0x0124,
            Self::OutOfResources => 0xA700,
            Self::Mismatch => 0xA900,
            Self::CannotUnderstand => 0xC000,
        }
    }

    /// The reason of a number, if it is one that we know.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The reason's name in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProcessingFailure => "processing-failure",
            Self::OtherBytesHeld => "other-bytes-held",
            Self::ClassNotSupported => "class-not-supported",
            Self::IdentityNotRemoved => "identity-not-removed",
            Self::OutOfResources => "out-of-resources",
            Self::Mismatch => "mismatch",
            Self::CannotUnderstand => "cannot-understand",
        }
    }
}

/// An instance that the central holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its SOP class.
    pub sop_class: Uid<SopClass>,
    /// Its UID.
    pub sop_instance: Uid<InstanceUid>,
    /// SHA-256 of the bytes held; `None` from a central that does not say.
    pub digest: Option<Digest>,
}

/// An instance that the central refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its SOP class, if it could be read.
    pub sop_class: Option<Uid<SopClass>>,
    /// Its UID, if it could be read.
    pub sop_instance: Option<Uid<InstanceUid>>,
    /// Failure Reason, as it came.
    pub reason: u16,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StowAnswer {
    /// What is held, newly or from before.
    pub held: Vec<Held>,
    /// What was refused.
    pub failed: Vec<Failed>,
}

impl StowAnswer {
    /// The HTTP status that fits (PS3.18 table 10.5.3-1): 200 all, 202 some,
    /// 409 none.
    #[must_use]
    pub fn status(&self) -> u16 {
        match (self.held.is_empty(), self.failed.is_empty()) {
            (_, true) => 200,
            (false, false) => 202,
            (true, false) => 409,
        }
    }

    /// The answer as DICOM JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = serde_json::Map::new();
        if !self.failed.is_empty() {
            let items: Vec<Value> = self.failed.iter().map(failed_item).collect();
            object.insert(FAILED.into(), json!({"vr": "SQ", "Value": items}));
        }
        if !self.held.is_empty() {
            let items: Vec<Value> = self.held.iter().map(held_item).collect();
            object.insert(REFERENCED.into(), json!({"vr": "SQ", "Value": items}));
        }
        Value::Object(object).to_string().into_bytes()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`WireError`] if it is not JSON, or an item lacks what it must have.
    pub fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let value: Value = serde_json::from_slice(bytes)?;
        // Some servers answer with an array of one data set.
        let value = match value.as_array().map(Vec::as_slice) {
            Some([set]) => set.clone(),
            _ => value,
        };
        if !value.is_object() {
            return Err(malformed("not a data set"));
        }
        let mut answer = Self::default();
        for item in items(&value, REFERENCED) {
            answer.held.push(Held {
                sop_class: text(item, CLASS)
                    .ok_or_else(|| malformed("an instance held without a class"))?
                    .parse()?,
                sop_instance: text(item, INSTANCE)
                    .ok_or_else(|| malformed("an instance held without a UID"))?
                    .parse()?,
                digest: digest(item)?,
            });
        }
        for item in items(&value, FAILED) {
            answer.failed.push(Failed {
                sop_class: text(item, CLASS).map(str::parse).transpose()?,
                sop_instance: text(item, INSTANCE).map(str::parse).transpose()?,
                reason: first(item, REASON)
                    .and_then(Value::as_u64)
                    .and_then(|reason| u16::try_from(reason).ok())
                    .unwrap_or(Reason::ProcessingFailure.code()),
            });
        }
        Ok(answer)
    }
}

fn malformed(why: &str) -> WireError {
    WireError::Malformed {
        what: "the answer to STOW-RS",
        why: why.to_owned(),
    }
}

fn ui(text: &str) -> Value {
    json!({"vr": "UI", "Value": [text]})
}

fn held_item(held: &Held) -> Value {
    let mut item = json!({
        CLASS: ui(held.sop_class.as_str()),
        INSTANCE: ui(held.sop_instance.as_str()),
    });
    if let (Some(digest), Value::Object(item)) = (held.digest, &mut item) {
        item.insert(CREATOR.into(), json!({"vr": "LO", "Value": [BLOCK]}));
        item.insert(
            HELD_DIGEST.into(),
            json!({"vr": "LO", "Value": [digest.hex()]}),
        );
    }
    item
}

fn failed_item(failed: &Failed) -> Value {
    let mut item = serde_json::Map::new();
    if let Some(class) = &failed.sop_class {
        item.insert(CLASS.into(), ui(class.as_str()));
    }
    if let Some(instance) = &failed.sop_instance {
        item.insert(INSTANCE.into(), ui(instance.as_str()));
    }
    item.insert(REASON.into(), json!({"vr": "US", "Value": [failed.reason]}));
    Value::Object(item)
}

fn items<'a>(set: &'a Value, tag: &str) -> impl Iterator<Item = &'a Value> {
    set.get(tag)
        .and_then(|element| element.get("Value"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn first<'a>(set: &'a Value, tag: &str) -> Option<&'a Value> {
    set.get(tag)?.get("Value")?.get(0)
}

fn text<'a>(set: &'a Value, tag: &str) -> Option<&'a str> {
    first(set, tag)?.as_str()
}

/// The digest of an item, if the private block is ours.
fn digest(item: &Value) -> Result<Option<Digest>, WireError> {
    if text(item, CREATOR) != Some(BLOCK) {
        return Ok(None);
    }
    Ok(text(item, HELD_DIGEST).map(str::parse).transpose()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn held(n: u8, digest: bool) -> Held {
        Held {
            sop_class: "1.2.840.10008.5.1.4.1.1.104.3".parse().unwrap(),
            sop_instance: format!("2.25.{n}").parse().unwrap(),
            digest: digest.then(|| Digest::of(&[n])),
        }
    }

    fn failed(n: u8, named: bool, reason: u16) -> Failed {
        Failed {
            sop_class: None,
            sop_instance: named.then(|| format!("2.25.{n}").parse().unwrap()),
            reason,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            good in prop::collection::vec((any::<u8>(), any::<bool>()), 0..5),
            bad in prop::collection::vec((any::<u8>(), any::<bool>(), any::<u16>()), 0..5),
        ) {
            let answer = StowAnswer {
                held: good.iter().map(|(n, digest)| held(*n, *digest)).collect(),
                failed: bad.iter().map(|(n, named, reason)| failed(*n, *named, *reason)).collect(),
            };
            prop_assert_eq!(StowAnswer::from_json(&answer.to_json()).unwrap(), answer);
        }

        #[test]
        fn broken_answers_are_refused_not_crashed_on(at in 0usize..300, byte in any::<u8>()) {
            let answer = StowAnswer { held: vec![held(1, true)], failed: vec![failed(2, true, 5)] };
            let mut bytes = answer.to_json();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(read) = StowAnswer::from_json(&bytes) {
                prop_assert!(read.held.len() <= 1 && read.failed.len() <= 1);
            }
        }
    }

    #[test]
    fn the_status_follows_the_instances() {
        let mut answer = StowAnswer::default();
        answer.held.push(held(1, true));
        assert_eq!(answer.status(), 200);
        answer.failed.push(failed(2, true, 1));
        assert_eq!(answer.status(), 202);
        answer.held.clear();
        assert_eq!(answer.status(), 409);
    }

    #[test]
    fn an_answer_of_another_server_is_read() {
        // As Orthanc 1.10 answers: with a retrieve URL and no digest.
        let text = r#"{"00081190":{"vr":"UR","Value":["https://h/studies/1.2"]},
            "00081198":{"vr":"SQ"},
            "00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2.3"]},
            "00081155":{"vr":"UI","Value":["1.2.4"]},"00081190":{"vr":"UR","Value":["u"]}}]}}"#;
        let answer = StowAnswer::from_json(text.as_bytes()).unwrap();
        assert_eq!(answer.held.len(), 1);
        assert_eq!(answer.held[0].digest, None);
        assert!(answer.failed.is_empty());
    }

    #[test]
    fn reasons_are_their_codes() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code(1), None);
    }
}
