//! Content items of structured reports (PS3.3 C.17.3): each is a data set with
//! a relationship to the item above it, a value type, a concept and a value.

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::{Code, unit};
use super::dataset::Put;

/// How an item belongs to the one above it.
pub(super) const CONTAINS: &str = "CONTAINS";
/// Says something more about a concept.
pub(super) const CONCEPT_MODIFIER: &str = "HAS CONCEPT MOD";
/// Says in which circumstances.
pub(super) const CONTEXT: &str = "HAS OBS CONTEXT";
/// Says a property of a value.
pub(super) const PROPERTIES: &str = "HAS PROPERTIES";

/// An item without its value.
fn bare(relationship: &str, kind: &str, concept: &Code) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.text(tags::RELATIONSHIP_TYPE, VR::CS, relationship);
    item.text(tags::VALUE_TYPE, VR::CS, kind);
    item.code(tags::CONCEPT_NAME_CODE_SEQUENCE, concept);
    item
}

/// A text.
pub(super) fn text(relationship: &str, concept: &Code, value: &str) -> InMemDicomObject {
    let mut item = bare(relationship, "TEXT", concept);
    item.text(tags::TEXT_VALUE, VR::UT, value);
    item
}

/// A code.
pub(super) fn code(relationship: &str, concept: &Code, value: &Code) -> InMemDicomObject {
    let mut item = bare(relationship, "CODE", concept);
    item.code(tags::CONCEPT_CODE_SEQUENCE, value);
    item
}

/// A UID.
pub(super) fn uid(relationship: &str, concept: &Code, value: &str) -> InMemDicomObject {
    let mut item = bare(relationship, "UIDREF", concept);
    item.text(tags::UID, VR::UI, value);
    item
}

/// A container with its children.
pub(super) fn container(
    relationship: &str,
    concept: &Code,
    children: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    let mut item = bare(relationship, "CONTAINER", concept);
    item.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    with(item, children)
}

/// A number with its unit; without a value it says that the measurement failed.
pub(super) fn number(
    relationship: &str,
    concept: &Code,
    value: Option<f64>,
    ucum: &str,
) -> InMemDicomObject {
    let mut item = bare(relationship, "NUM", concept);
    let Some(value) = value else {
        item.items(tags::MEASURED_VALUE_SEQUENCE, Vec::new());
        item.code(
            tags::NUMERIC_VALUE_QUALIFIER_CODE_SEQUENCE,
            &Code::dcm("114006", "Measurement failure"),
        );
        return item;
    };
    let mut measured = InMemDicomObject::new_empty();
    measured.text(tags::NUMERIC_VALUE, VR::DS, &decimal(value));
    measured.put(DataElement::new(
        tags::FLOATING_POINT_VALUE,
        VR::FD,
        PrimitiveValue::from(value),
    ));
    measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, &unit(ucum));
    item.items(tags::MEASURED_VALUE_SEQUENCE, vec![measured]);
    item
}

/// A point in space, in millimeters, in a frame of reference.
#[allow(
    clippy::cast_possible_truncation,
    reason = "Graphic Data (0070,0022) holds 32-bit floats"
)]
pub(super) fn point(
    relationship: &str,
    concept: &Code,
    place_mm: [f64; 3],
    frame: &str,
) -> InMemDicomObject {
    let mut item = bare(relationship, "SCOORD3D", concept);
    item.text(tags::GRAPHIC_TYPE, VR::CS, "POINT");
    item.put(DataElement::new(
        tags::GRAPHIC_DATA,
        VR::FL,
        PrimitiveValue::F32(place_mm.iter().map(|value| *value as f32).collect()),
    ));
    item.text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, frame);
    item
}

/// An item and its children.
pub(super) fn with(
    mut item: InMemDicomObject,
    children: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    if !children.is_empty() {
        item.items(tags::CONTENT_SEQUENCE, children);
    }
    item
}

/// A number as a decimal string of at most 16 characters (VR DS).
pub(super) fn decimal(value: f64) -> String {
    let plain = format!("{value:.6}");
    let plain = plain.trim_end_matches('0').trim_end_matches('.');
    if plain.len() <= 16 && (value == 0.0 || value.abs() >= 1e-3) {
        return if plain == "-0" {
            "0".into()
        } else {
            plain.into()
        };
    }
    format!("{value:.8e}")
}
