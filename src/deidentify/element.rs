//! A data set as a tree, small: values that the rules may look at are held,
//! bulk stays in the file as a range.

use dicom_core::dictionary::{DataDictionary as _, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) value: Value,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// The bytes as they stand in the file.
    Bytes(Vec<u8>),
    /// The items of a sequence.
    Items(Vec<Vec<Element>>),
    /// Bytes that were not read: too long for an attribute that could stay.
    Withheld,
}

impl Element {
    /// A text value, padded to even length.
    pub(super) fn text(tag: Tag, vr: VR, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == VR::UI { 0 } else { b' ' });
        }
        Self::bytes(tag, vr, bytes)
    }

    pub(super) fn bytes(tag: Tag, vr: VR, bytes: Vec<u8>) -> Self {
        Self {
            tag,
            vr,
            value: Value::Bytes(bytes),
        }
    }

    pub(super) fn sequence(tag: Tag, items: Vec<Vec<Self>>) -> Self {
        Self {
            tag,
            vr: VR::SQ,
            value: Value::Items(items),
        }
    }

    /// No value.
    pub(super) fn empty(tag: Tag, vr: VR) -> Self {
        if vr == VR::SQ {
            Self::sequence(tag, Vec::new())
        } else {
            Self::bytes(tag, vr, Vec::new())
        }
    }

    /// The bytes of a plain value; none for a sequence or withheld bulk.
    pub(super) fn plain(&self) -> &[u8] {
        match &self.value {
            Value::Bytes(bytes) => bytes,
            Value::Items(_) | Value::Withheld => &[],
        }
    }

    /// The value as text without its padding, if it is ASCII.
    pub(super) fn ascii(&self) -> Option<&str> {
        let text = std::str::from_utf8(self.plain()).ok()?;
        let text = text.trim_matches(|c| c == ' ' || c == '\0');
        text.is_ascii().then_some(text)
    }

    /// The first number of a US value.
    pub(super) fn us(&self) -> Option<u16> {
        let bytes = self.plain().first_chunk::<2>()?;
        (self.vr == VR::US).then(|| u16::from_le_bytes(*bytes))
    }
}

/// The attribute with a tag, in a data set whose tags ascend.
pub(super) fn find(elements: &[Element], tag: Tag) -> Option<&Element> {
    let index = elements.binary_search_by_key(&tag, |e| e.tag).ok()?;
    elements.get(index)
}

/// The text of an attribute; empty when it is absent or not ASCII.
pub(super) fn text(elements: &[Element], tag: Tag) -> &str {
    find(elements, tag)
        .and_then(Element::ascii)
        .unwrap_or_default()
}

/// The value representations that the standard's dictionary allows a tag;
/// nothing when it does not know the tag. The first is the one to take when the
/// file does not say.
pub(super) fn dictionary_vrs(tag: Tag) -> &'static [VR] {
    let Some(entry) = StandardDataDictionary.by_tag(tag) else {
        return &[];
    };
    match entry.vr {
        VirtualVr::Exact(vr) => single(vr),
        VirtualVr::Xs => &[VR::US, VR::SS],
        VirtualVr::Ox | VirtualVr::Px => &[VR::OW, VR::OB],
        VirtualVr::Lt => &[VR::OW, VR::US, VR::SS],
        _ => &[],
    }
}

/// A slice of one value representation that lives as long as the program.
fn single(vr: VR) -> &'static [VR] {
    const ALL: [VR; 34] = [
        VR::AE,
        VR::AS,
        VR::AT,
        VR::CS,
        VR::DA,
        VR::DS,
        VR::DT,
        VR::FD,
        VR::FL,
        VR::IS,
        VR::LO,
        VR::LT,
        VR::OB,
        VR::OD,
        VR::OF,
        VR::OL,
        VR::OV,
        VR::OW,
        VR::PN,
        VR::SH,
        VR::SL,
        VR::SQ,
        VR::SS,
        VR::ST,
        VR::SV,
        VR::TM,
        VR::UC,
        VR::UI,
        VR::UL,
        VR::UN,
        VR::UR,
        VR::US,
        VR::UT,
        VR::UV,
    ];
    static TABLE: [VR; 34] = ALL;
    TABLE
        .iter()
        .position(|v| *v == vr)
        .map_or(&[], |index| TABLE.get(index..=index).unwrap_or(&[]))
}

/// Whether a value representation is written with a length of four bytes in
/// explicit encoding (PS3.5 7.1.2).
pub(super) fn has_long_header(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}
