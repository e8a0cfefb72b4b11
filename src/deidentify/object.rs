//! Which objects pass.
//!
//! An allow-list (PS3.3): computed radiography, digital X-ray, CT and enhanced
//! CT, as a detector made them, and structured reports where a project cleans
//! them. Saved screens, documents and whatever else may show a name goes to
//! quarantine.

use dicom_core::Tag;

use super::element::{Element, find, text};
use super::read::{Object, Pixels, native_length};
use super::{Judged, Reason};
use crate::profile::Choice;
use crate::profile::Definition;
use crate::profile::Options;

/// What a person should know about an object that passed.
pub(super) const BURNED_IN_UNKNOWN: &str = "burned-in-annotation-unknown";
pub(super) const RELEASED: &str = "released-by-a-person";
pub(super) const IMAGE_TYPE_ABSENT: &str = "image-type-absent";
pub(super) const COMPRESSED: &str = "compressed-stream-not-searched";

/// Whether a flag says that a compressed stream was not searched.
pub(super) fn is_compressed(flag: &str) -> bool {
    flag == COMPRESSED
}

/// An object that may pass, and how.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) definition: Definition,
    /// Bytes of the pixel element that are pixels; what follows is dropped.
    pub(super) pixel_bytes: u64,
    pub(super) flags: Vec<&'static str>,
}

/// Decides whether an object passes.
pub(super) fn admit(
    object: &Object,
    options: &Options,
    judged: Judged,
) -> Result<Admitted, Reason> {
    let elements = &object.elements;
    let class = text(elements, Tag(0x0008, 0x0016));
    if !object.sop_class.is_empty() && object.sop_class != class {
        return Err(Reason::SopClassUnclear);
    }
    let definition = Definition::of(class).ok_or(Reason::SopClass)?;
    if definition == Definition::Sr && !options.has(Choice::Structured) {
        return Err(Reason::SopClass);
    }
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
    if definition == Definition::Sr {
        return Ok(Admitted {
            definition,
            pixel_bytes: 0,
            flags,
        });
    }
    if judged == Judged::ByPerson {
        flags.push(RELEASED);
    } else {
        match text(elements, Tag(0x0028, 0x0301)) {
            "YES" => return Err(Reason::BurnedIn),
            "NO" => {}
            _ => flags.push(BURNED_IN_UNKNOWN),
        }
        if !is_from_the_detector(definition, text(elements, Tag(0x0008, 0x0008)))? {
            flags.push(IMAGE_TYPE_ABSENT);
        }
    }
    check_overlays(elements)?;
    let pixels = object.pixels.as_ref().ok_or(Reason::NoPixels)?;
    let pixel_bytes = check_pixels(elements, pixels)?;
    if pixels.fragments.is_some() {
        flags.push(COMPRESSED);
    }
    Ok(Admitted {
        definition,
        pixel_bytes,
        flags,
    })
}

/// Image Type must say PRIMARY, for CT also ORIGINAL: a radiograph processed
/// for presentation is DERIVED\PRIMARY, a saved screen or a reformatted stack
/// is SECONDARY or derived. `false` when it says nothing.
fn is_from_the_detector(definition: Definition, image_type: &str) -> Result<bool, Reason> {
    if image_type.is_empty() {
        return Ok(false);
    }
    let values: Vec<&str> = image_type.split('\\').map(str::trim).collect();
    let is_ct = matches!(definition, Definition::Ct | Definition::EnhancedCt);
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

fn check_pixels(elements: &[Element], pixels: &Pixels) -> Result<u64, Reason> {
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
        let check = |definition, text, expected| {
            assert_eq!(is_from_the_detector(definition, text), expected, "{text}");
        };
        let refused = Err(Reason::NotFromDetector);
        check(Definition::Ct, "ORIGINAL\\PRIMARY\\AXIAL", Ok(true));
        check(Definition::Ct, "ORIGINAL\\PRIMARY\\LOCALIZER", Ok(true));
        check(Definition::Ct, "DERIVED\\PRIMARY\\MPR", refused);
        check(Definition::Ct, "DERIVED\\SECONDARY\\OTHER", refused);
        check(Definition::Ct, "ORIGINAL\\SECONDARY", refused);
        check(Definition::Ct, "ORIGINAL\\PRIMARY\\SCREEN SAVE", refused);
        check(Definition::Dx, "DERIVED\\PRIMARY", Ok(true));
        check(Definition::Cr, "DERIVED\\SECONDARY", refused);
        check(Definition::Cr, "", Ok(false));
        check(Definition::Cr, "ORIGINAL", refused);
    }
}
