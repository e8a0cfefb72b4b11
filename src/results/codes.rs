//! The coded words that result objects use (PS3.16), and our own where the
//! standard has none: scheme `99BONEBOX`, named in each object.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::dataset::Put;
use crate::anatomy::Bone;
use crate::anatomy::Side;

/// Our own coding scheme.
pub(super) const OWN: &str = "99BONEBOX";

/// A coded concept: value, scheme, meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    value: String,
    scheme: &'static str,
    meaning: String,
}

impl Code {
    /// A code of DICOM's own scheme.
    pub(super) fn dcm(value: &str, meaning: &str) -> Self {
        Self::of("DCM", value, meaning)
    }

    /// A code of SNOMED CT.
    pub(super) fn sct(value: &str, meaning: &str) -> Self {
        Self::of("SCT", value, meaning)
    }

    /// A language of RFC 5646.
    pub(super) fn rfc5646(value: &str, meaning: &str) -> Self {
        Self::of("RFC5646", value, meaning)
    }

    /// A code of our own.
    pub(super) fn own(value: &str, meaning: &str) -> Self {
        Self::of(OWN, value, meaning)
    }

    fn of(scheme: &'static str, value: &str, meaning: &str) -> Self {
        Self {
            // Code Value is a short string, Code Meaning a long one.
            value: value.chars().take(16).collect(),
            scheme,
            meaning: meaning.chars().take(64).collect(),
        }
    }

    /// The code as the one item of a code sequence.
    pub(super) fn item(&self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        item.text(tags::CODE_VALUE, VR::SH, &self.value);
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, self.scheme);
        item.text(tags::CODE_MEANING, VR::LO, &self.meaning);
        item
    }
}

/// The unit of a UCUM code.
pub(super) fn unit(ucum: &str) -> Code {
    let meaning = match ucum {
        "mm" => "millimeter",
        "deg" => "degree",
        "mg/cm3" => "milligram per cubic centimeter",
        "MPa" => "megapascal",
        "N" => "newton",
        "1" => "no units",
        other => other,
    };
    Code::of("UCUM", ucum, meaning)
}

/// The bone as an anatomic site.
pub(super) fn site(bone: Bone) -> Code {
    match bone {
        Bone::Radius => Code::sct("62413002", "Radius"),
        Bone::Ulna => Code::sct("23416004", "Ulna"),
    }
}

/// Right or left.
pub(super) fn laterality(side: Side) -> Code {
    match side {
        Side::Right => Code::sct("24028007", "Right"),
        Side::Left => Code::sct("7771000", "Left"),
    }
}

/// Names our coding scheme, as C.12.1 wants for a scheme that is not the
/// standard's.
pub(super) fn scheme_identification() -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, OWN);
    item.text(tags::CODING_SCHEME_NAME, VR::ST, "bonebox words");
    item.text(
        tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION,
        VR::ST,
        "bonebox project",
    );
    item
}
