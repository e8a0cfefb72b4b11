//! What an image's header says of view, side, body part and scale.
//!
//! Only the attributes that stand here are read. Tags are often wrong in the
//! field, so they can refuse an image but never alone accept it.

use std::io::ErrorKind;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, OpenFileOptions, ReadError};

use super::calibration::{Calibration, ScaleTags, Spacing};
use super::{RasterError, check_size};

/// The direction of the projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Postero-anterior.
    Pa,
    /// Antero-posterior.
    Ap,
    /// From the side, either way.
    Lateral,
    /// Between the two.
    Oblique,
    /// Not said, or said in a word that is not known here.
    Unknown,
}

/// The side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Right.
    Right,
    /// Left.
    Left,
}

/// The body part, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyPart {
    /// The wrist.
    Wrist,
    /// The forearm, which ends in the wrist.
    Forearm,
    /// The hand, which begins there.
    Hand,
    /// Said to be something else.
    Other,
    /// Not said.
    Unknown,
}

/// What is known of an image before its pixels are decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageTags {
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub columns: u32,
    /// A modality of projection radiography: DX, CR, or a detector by another
    /// code (RG, RF, XA are not).
    pub projection: bool,
    /// Direction of the projection.
    pub view: View,
    /// The side, where said: `None` when absent, or when two attributes of one
    /// header disagree.
    pub side: Option<Side>,
    /// The body part.
    pub body_part: BodyPart,
    /// The scale.
    pub calibration: Calibration,
}

/// Reads the tags of a file, up to its pixels.
///
/// # Errors
/// [`RasterError::Read`], [`RasterError::Parse`], [`RasterError::TooLarge`] (file).
pub fn read_tags(path: &Path) -> Result<ImageTags, RasterError> {
    check_size(path)?;
    let object = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .open_file(path)
        .map_err(refuse_file)?;
    Ok(tags_of(&object))
}

/// A reading error without the text that it was reading.
#[allow(
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "the crate's enum is not exhaustive; used as a map_err function"
)]
pub(super) fn refuse_file(error: ReadError) -> RasterError {
    match error {
        ReadError::OpenFile { source, .. } | ReadError::ReadFile { source, .. }
            if source.kind() != ErrorKind::UnexpectedEof =>
        {
            RasterError::Read { source }
        }
        ReadError::ReadFile { .. } | ReadError::ReadPreambleBytes { .. } => {
            RasterError::Parse { at: "file meta" }
        }
        ReadError::ParseMetaDataSet { .. } => RasterError::Parse { at: "file meta" },
        ReadError::ReadUnrecognizedTransferSyntax { .. }
        | ReadError::ReadUnsupportedTransferSyntax { .. }
        | ReadError::ReadUnsupportedTransferSyntaxWithSuggestion { .. } => RasterError::Parse {
            at: "transfer syntax",
        },
        _ => RasterError::Parse { at: "data set" },
    }
}

/// The tags of an object.
pub(super) fn tags_of(object: &InMemDicomObject) -> ImageTags {
    let modality = text(object, tags::MODALITY);
    ImageTags {
        rows: whole(object, tags::ROWS),
        columns: whole(object, tags::COLUMNS),
        projection: matches!(modality.as_deref(), Some("DX" | "CR" | "RG" | "DR")),
        view: view_of(object),
        side: side_of(object),
        body_part: body_part_of(object),
        calibration: Calibration::judge(scale_of(object)),
    }
}

/// An attribute's text, in capitals and without padding; `None` when absent or
/// empty.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let element = object.element_opt(tag).ok().flatten()?;
    let text = element.to_str().ok()?;
    let text = text.trim_matches([' ', '\0']).to_ascii_uppercase();
    (!text.is_empty()).then_some(text)
}

/// A whole number that is not negative, or zero.
pub(super) fn whole(object: &InMemDicomObject, tag: Tag) -> u32 {
    object
        .element_opt(tag)
        .ok()
        .flatten()
        .and_then(|element| element.to_int().ok())
        .unwrap_or(0)
}

/// The first number of an attribute, where it is finite.
pub(super) fn number(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    let element = object.element_opt(tag).ok().flatten()?;
    let values = element.to_multi_float64().ok()?;
    values.first().copied().filter(|value| value.is_finite())
}

fn spacing(object: &InMemDicomObject, tag: Tag) -> Option<Spacing> {
    let element = object.element_opt(tag).ok().flatten()?;
    let values = element.to_multi_float64().ok()?;
    match values.as_slice() {
        [row, column] => Spacing::plausible(*row, *column),
        _ => None,
    }
}

fn scale_of(object: &InMemDicomObject) -> ScaleTags {
    let kind = text(object, tags::PIXEL_SPACING_CALIBRATION_TYPE);
    ScaleTags {
        imager: spacing(object, tags::IMAGER_PIXEL_SPACING),
        pixel: spacing(object, tags::PIXEL_SPACING),
        fiducial: kind.as_deref() == Some("FIDUCIAL"),
        scanned: spacing(object, tags::NOMINAL_SCANNED_PIXEL_SPACING),
        source_detector_mm: number(object, tags::DISTANCE_SOURCE_TO_DETECTOR),
        source_object_mm: number(object, tags::DISTANCE_SOURCE_TO_PATIENT),
        magnification: number(object, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR),
    }
}

/// The code values of a sequence's items, with their scheme.
fn codes(object: &InMemDicomObject, sequence: Tag) -> Vec<String> {
    object
        .element_opt(sequence)
        .ok()
        .flatten()
        .and_then(|element| element.items())
        .unwrap_or_default()
        .iter()
        .filter_map(|item| text(item, tags::CODE_VALUE))
        .collect()
}

/// View Position (0018,5101) first, then View Code Sequence (0054,0220; PS3.16
/// CID 4010, by SNOMED CT or the retired SNOMED RT code).
fn view_of(object: &InMemDicomObject) -> View {
    let by_position = match text(object, tags::VIEW_POSITION).as_deref() {
        Some("PA") => View::Pa,
        Some("AP") => View::Ap,
        Some("LL" | "RL" | "LLD" | "RLD" | "LAT" | "LATERAL" | "ML" | "LM") => View::Lateral,
        Some("LLO" | "RLO" | "OBL" | "OBLIQUE" | "LAO" | "RAO" | "LPO" | "RPO") => View::Oblique,
        Some(_) | None => View::Unknown,
    };
    if by_position != View::Unknown {
        return by_position;
    }
    codes(object, tags::VIEW_CODE_SEQUENCE)
        .iter()
        .map(|code| match code.as_str() {
            "272479007" | "R-40888" | "R-10214" => View::Pa,
            "399348003" | "R-10206" => View::Ap,
            "399067008" | "R-102CD" | "399173006" | "R-10236" | "399198007" | "R-10232"
            | "399352003" | "R-10228" | "399260004" | "R-10224" => View::Lateral,
            "399182000" | "R-102C1" => View::Oblique,
            _ => View::Unknown,
        })
        .find(|view| *view != View::Unknown)
        .unwrap_or(View::Unknown)
}

/// Image Laterality (0020,0062; DX) and Laterality (0020,0060; series). Where
/// both stand and differ, the side is not known.
fn side_of(object: &InMemDicomObject) -> Option<Side> {
    let side = |tag| match text(object, tag).as_deref() {
        Some("R") => Some(Side::Right),
        Some("L") => Some(Side::Left),
        Some(_) | None => None,
    };
    match (side(tags::IMAGE_LATERALITY), side(tags::LATERALITY)) {
        (Some(image), Some(series)) => (image == series).then_some(image),
        (image, series) => image.or(series),
    }
}

/// Anatomic Region Sequence (0008,2218) and Body Part Examined (0018,0015;
/// PS3.16 annex L). The coded region wins where it names one of ours; a coded
/// region that names something else beats a word.
fn body_part_of(object: &InMemDicomObject) -> BodyPart {
    let regions = codes(object, tags::ANATOMIC_REGION_SEQUENCE);
    let coded = regions.iter().map(|code| match code.as_str() {
        "74670003" | "T-15460" | "8205005" => BodyPart::Wrist,
        "14975008" | "T-D8500" | "75129005" | "T-1242B" => BodyPart::Forearm,
        "85562004" | "T-D8700" => BodyPart::Hand,
        _ => BodyPart::Other,
    });
    let word = match text(object, tags::BODY_PART_EXAMINED).as_deref() {
        Some("WRIST" | "WRIST JOINT" | "WRISTJOINT") => BodyPart::Wrist,
        Some("FOREARM" | "RADIUS" | "ULNA" | "RADIUSULNA") => BodyPart::Forearm,
        Some("HAND") => BodyPart::Hand,
        Some(_) => BodyPart::Other,
        None => BodyPart::Unknown,
    };
    coded.reduce(|first, _| first).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, VR};

    use super::*;

    fn object(pairs: &[(Tag, VR, &str)]) -> InMemDicomObject {
        InMemDicomObject::from_element_iter(
            pairs
                .iter()
                .map(|(tag, vr, value)| DataElement::new(*tag, *vr, *value)),
        )
    }

    fn with_code(sequence: Tag, code: &str) -> InMemDicomObject {
        let item = object(&[(tags::CODE_VALUE, VR::SH, code)]);
        let items = DataSetSequence::from(vec![item]);
        InMemDicomObject::from_element_iter([DataElement::new(sequence, VR::SQ, items)])
    }

    #[test]
    fn views() {
        let by_word = |word| tags_of(&object(&[(tags::VIEW_POSITION, VR::CS, word)])).view;
        assert_eq!(by_word("PA"), View::Pa);
        assert_eq!(by_word("ap "), View::Ap);
        assert_eq!(by_word("LL"), View::Lateral);
        assert_eq!(by_word("RLO"), View::Oblique);
        assert_eq!(by_word("SCAPHOID"), View::Unknown);
        let by_code = |code| tags_of(&with_code(tags::VIEW_CODE_SEQUENCE, code)).view;
        assert_eq!(by_code("272479007"), View::Pa);
        assert_eq!(by_code("R-10206"), View::Ap);
        assert_eq!(by_code("399352003"), View::Lateral);
        assert_eq!(by_code("1"), View::Unknown);
    }

    #[test]
    fn body_parts() {
        let by_word = |word| tags_of(&object(&[(tags::BODY_PART_EXAMINED, VR::CS, word)]));
        assert_eq!(by_word("WRIST").body_part, BodyPart::Wrist);
        assert_eq!(by_word("CHEST").body_part, BodyPart::Other);
        assert_eq!(by_word("EXTREMITY").body_part, BodyPart::Other);
        assert_eq!(by_word("").body_part, BodyPart::Unknown);
        let mut both = with_code(tags::ANATOMIC_REGION_SEQUENCE, "T-15460");
        assert_eq!(tags_of(&both).body_part, BodyPart::Wrist);
        let word = DataElement::new(tags::BODY_PART_EXAMINED, VR::CS, "EXTREMITY");
        drop(both.put(word));
        assert_eq!(tags_of(&both).body_part, BodyPart::Wrist);
    }

    #[test]
    fn a_header_that_contradicts_itself_names_no_side() {
        let sides = |image, series| {
            let pairs = [
                (tags::IMAGE_LATERALITY, VR::CS, image),
                (tags::LATERALITY, VR::CS, series),
            ];
            tags_of(&object(&pairs)).side
        };
        assert_eq!(sides("R", ""), Some(Side::Right));
        assert_eq!(sides("", "L"), Some(Side::Left));
        assert_eq!(sides("L", "L"), Some(Side::Left));
        assert_eq!(sides("L", "R"), None);
        assert_eq!(sides("", ""), None);
        assert_eq!(sides("B", ""), None);
    }

    #[test]
    fn a_number_that_is_none_is_none() {
        let broken = object(&[
            (tags::DISTANCE_SOURCE_TO_DETECTOR, VR::DS, "YAMADA"),
            (tags::IMAGER_PIXEL_SPACING, VR::DS, "0.15"),
        ]);
        let calibration = tags_of(&broken).calibration;
        assert_eq!(calibration.spacing, None);
        assert_eq!(calibration.source_detector_mm, None);
    }
}
