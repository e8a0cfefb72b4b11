//! Which objects pass, and what their definitions demand of an attribute.
//!
//! An allow-list (PS3.3): computed radiography, digital X-ray, CT and enhanced
//! CT, as a detector made them. Saved screens, reports, documents and whatever
//! else may show a name goes to quarantine.

use dicom_core::Tag;

use super::Reason;
use super::element::{Element, find, text};
use super::read::{Object, native_length};

/// The object definitions that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cr,
    Dx,
    Ct,
    EnhancedCt,
}

/// How an object definition wants an attribute of the top level (PS3.5 7.4),
/// as far as de-identification must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Type 1: present, with a value.
    Value,
    /// Type 2: present.
    Presence,
    /// Type 3, or not of this definition.
    Nothing,
}

/// Type 2 in every definition that passes: patient, study, series, equipment,
/// image modules.
const PRESENT: [Tag; 12] = [
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0070),
    Tag(0x0008, 0x0090),
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0020, 0x0010),
    Tag(0x0020, 0x0011),
    Tag(0x0020, 0x0013),
];

impl Kind {
    fn of(sop_class: &str) -> Option<Self> {
        match sop_class.strip_prefix("1.2.840.10008.5.1.4.1.1.")? {
            "1" => Some(Self::Cr),
            "1.1" | "1.1.1" => Some(Self::Dx),
            "2" => Some(Self::Ct),
            "2.1" => Some(Self::EnhancedCt),
            _ => None,
        }
    }

    /// What the definition demands of an attribute of the top level.
    pub(super) fn demand(self, tag: Tag) -> Demand {
        let named = (tag.0, tag.1);
        if self.type_1().contains(&named) {
            Demand::Value
        } else if self.type_2().contains(&named) || PRESENT.contains(&tag) {
            Demand::Presence
        } else {
            Demand::Nothing
        }
    }

    const fn type_1(self) -> &'static [(u16, u16)] {
        match self {
            Self::Cr | Self::Ct => &[],
            Self::Dx => &[(0x0028, 0x1054)],
            Self::EnhancedCt => &[
                (0x0008, 0x0023),
                (0x0008, 0x002a),
                (0x0008, 0x0033),
                (0x0008, 0x0070),
                (0x0008, 0x1090),
                (0x0018, 0x1000),
                (0x0018, 0x1020),
            ],
        }
    }

    const fn type_2(self) -> &'static [(u16, u16)] {
        match self {
            Self::Cr => &[(0x0018, 0x0015), (0x0018, 0x5101)],
            Self::Dx => &[
                (0x0008, 0x2218),
                (0x0018, 0x1508),
                (0x0018, 0x7004),
                (0x0040, 0x0555),
            ],
            Self::Ct => &[
                (0x0018, 0x0050),
                (0x0018, 0x0060),
                (0x0020, 0x0012),
                (0x0020, 0x1040),
            ],
            Self::EnhancedCt => &[(0x0020, 0x1040), (0x0040, 0x0555)],
        }
    }
}

/// What a person should know about an object that passed.
pub(super) const BURNED_IN_UNKNOWN: &str = "burned-in-annotation-unknown";
pub(super) const IMAGE_TYPE_ABSENT: &str = "image-type-absent";
pub(super) const COMPRESSED: &str = "compressed-stream-not-searched";

/// An object that may pass, and how.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) kind: Kind,
    /// Bytes of the pixel element that are pixels; what follows is dropped.
    pub(super) pixel_bytes: u64,
    pub(super) flags: Vec<&'static str>,
}

/// Decides whether an object passes.
pub(super) fn admit(object: &Object) -> Result<Admitted, Reason> {
    let elements = &object.elements;
    let class = text(elements, Tag(0x0008, 0x0016));
    if !object.sop_class.is_empty() && object.sop_class != class {
        return Err(Reason::SopClassUnclear);
    }
    let kind = Kind::of(class).ok_or(Reason::SopClass)?;
    for uid in [
        Tag(0x0008, 0x0018),
        Tag(0x0020, 0x000d),
        Tag(0x0020, 0x000e),
    ] {
        if text(elements, uid).is_empty() {
            return Err(Reason::NoIdentifiers);
        }
    }
    let mut flags = Vec::new();
    match text(elements, Tag(0x0028, 0x0301)) {
        "YES" => return Err(Reason::BurnedIn),
        "NO" => {}
        _ => flags.push(BURNED_IN_UNKNOWN),
    }
    if !is_from_the_detector(kind, text(elements, Tag(0x0008, 0x0008)))? {
        flags.push(IMAGE_TYPE_ABSENT);
    }
    check_overlays(elements)?;
    let pixel_bytes = check_pixels(object)?;
    if object.pixels.fragments.is_some() {
        flags.push(COMPRESSED);
    }
    Ok(Admitted {
        kind,
        pixel_bytes,
        flags,
    })
}

/// Image Type must say PRIMARY, for CT also ORIGINAL: a radiograph processed
/// for presentation is DERIVED\PRIMARY, a saved screen or a reformatted stack
/// is SECONDARY or derived. `false` when it says nothing.
fn is_from_the_detector(kind: Kind, image_type: &str) -> Result<bool, Reason> {
    if image_type.is_empty() {
        return Ok(false);
    }
    let values: Vec<&str> = image_type.split('\\').map(str::trim).collect();
    let is_ct = matches!(kind, Kind::Ct | Kind::EnhancedCt);
    match values.as_slice() {
        ["ORIGINAL", "PRIMARY", ..] => {}
        ["DERIVED", "PRIMARY", ..] if !is_ct => {}
        _ => return Err(Reason::NotFromDetector),
    }
    let screen = ["SCREEN SAVE", "SCREEN", "SECONDARY", "DOSE", "DOSE_INFO"];
    if values.iter().any(|value| screen.contains(value)) {
        return Err(Reason::NotFromDetector);
    }
    Ok(true)
}

/// An overlay without data of its own lies in unused bits of the pixels, where
/// removing the group does not reach it.
fn check_overlays(elements: &[Element]) -> Result<(), Reason> {
    let groups = elements
        .iter()
        .filter(|e| e.tag.0 & 0xff01 == 0x6000 && e.tag.1 == 0x0102);
    for position in groups {
        let has_data = find(elements, Tag(position.tag.0, 0x3000)).is_some();
        if !has_data && position.us() != Some(0) {
            return Err(Reason::EmbeddedOverlay);
        }
    }
    Ok(())
}

fn check_pixels(object: &Object) -> Result<u64, Reason> {
    let elements = &object.elements;
    let samples = find(elements, Tag(0x0028, 0x0002)).and_then(Element::us);
    let photometric = text(elements, Tag(0x0028, 0x0004));
    if samples != Some(1) || !matches!(photometric, "MONOCHROME1" | "MONOCHROME2") {
        return Err(Reason::NotGray);
    }
    let frames = match text(elements, Tag(0x0028, 0x0008)) {
        "" => 1,
        number => number.parse::<u64>().map_err(|_| Reason::Malformed)?,
    };
    let needed = native_length(elements, frames).ok_or(Reason::PixelsIncomplete)?;
    if needed == 0 {
        return Err(Reason::PixelsIncomplete);
    }
    let pixels = &object.pixels;
    match pixels.fragments {
        Some(0) => Err(Reason::PixelsIncomplete),
        Some(_) if !offsets_fit(pixels.offsets, frames) => Err(Reason::Malformed),
        Some(_) => Ok(pixels.length),
        None if pixels.length < needed => Err(Reason::PixelsIncomplete),
        None => Ok(needed),
    }
}

/// A basic offset table is empty or has four bytes a frame (PS3.5 A.4).
fn offsets_fit(bytes: u32, frames: u64) -> bool {
    bytes == 0 || Some(u64::from(bytes)) == frames.checked_mul(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_types() {
        let check = |kind, text, expected| {
            assert_eq!(is_from_the_detector(kind, text), expected, "{text}");
        };
        let refused = Err(Reason::NotFromDetector);
        check(Kind::Ct, "ORIGINAL\\PRIMARY\\AXIAL", Ok(true));
        check(Kind::Ct, "ORIGINAL\\PRIMARY\\LOCALIZER", Ok(true));
        check(Kind::Ct, "DERIVED\\PRIMARY\\MPR", refused);
        check(Kind::Ct, "DERIVED\\SECONDARY\\OTHER", refused);
        check(Kind::Ct, "ORIGINAL\\SECONDARY", refused);
        check(Kind::Ct, "ORIGINAL\\PRIMARY\\SCREEN SAVE", refused);
        check(Kind::Dx, "DERIVED\\PRIMARY", Ok(true));
        check(Kind::Cr, "DERIVED\\SECONDARY", refused);
        check(Kind::Cr, "", Ok(false));
        check(Kind::Cr, "ORIGINAL", refused);
    }
}
