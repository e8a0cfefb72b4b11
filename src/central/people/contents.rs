//! What a held object shows to people: the surface in an Encapsulated STL, the
//! measures in a report. Objects were judged when they came; still, nothing
//! here trusts their form.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::central::admit::text;

/// A measure of a report.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Measured {
    /// Its machine-readable name, if the report says it; else its meaning.
    pub(super) name: String,
    /// The value, if it could be observed.
    pub(super) value: Option<f64>,
    /// The unit's UCUM code.
    pub(super) unit: String,
    /// Half-width of the stated 95 % interval.
    pub(super) half_width: Option<f64>,
    /// What the error was measured on.
    pub(super) measured_on: String,
    /// How it was computed.
    pub(super) method: String,
    /// The model.
    pub(super) model: String,
}

/// The surface in an Encapsulated STL, and its laterality.
pub(super) fn surface(bytes: &[u8]) -> Option<(Vec<u8>, String)> {
    let object = dicom_object::from_reader(bytes).ok()?;
    let document = object.element(tags::ENCAPSULATED_DOCUMENT).ok()?;
    let mut document = document.to_bytes().ok()?.into_owned();
    if let Ok(length) = object.element(tags::ENCAPSULATED_DOCUMENT_LENGTH)
        && let Ok(length) = length.to_int::<usize>()
    {
        document.truncate(length);
    }
    Some((
        document,
        text(&object, tags::LATERALITY).unwrap_or_default(),
    ))
}

/// The bone that an Encapsulated STL says it is: `radius`, `ulna`.
pub(super) fn bone(bytes: &[u8]) -> Option<&'static str> {
    let object = dicom_object::from_reader(bytes).ok()?;
    let code = concept(&object, tags::CODE_VALUE)?;
    ["radius", "ulna"]
        .into_iter()
        .find(|bone| code == format!("{bone}-surface"))
}

/// The measures of a report, in its order.
pub(super) fn measures(bytes: &[u8]) -> Vec<Measured> {
    let mut found = Vec::new();
    if let Ok(object) = dicom_object::from_reader(bytes) {
        collect(&object, &mut found, 0);
    }
    found
}

fn children(item: &InMemDicomObject) -> &[InMemDicomObject] {
    item.element(tags::CONTENT_SEQUENCE)
        .ok()
        .and_then(|element| element.value().items())
        .unwrap_or_default()
}

fn first(item: &InMemDicomObject, sequence: Tag) -> Option<&InMemDicomObject> {
    item.element(sequence).ok()?.value().items()?.first()
}

fn concept(item: &InMemDicomObject, tag: Tag) -> Option<String> {
    text(first(item, tags::CONCEPT_NAME_CODE_SEQUENCE)?, tag)
}

fn number(item: &InMemDicomObject) -> Option<f64> {
    let measured = first(item, tags::MEASURED_VALUE_SEQUENCE)?;
    text(measured, tags::NUMERIC_VALUE)?.trim().parse().ok()
}

/// The numbers that a container contains, at any depth; what hangs below a
/// number belongs to it.
fn collect(item: &InMemDicomObject, found: &mut Vec<Measured>, depth: u32) {
    if depth > 16 {
        return;
    }
    for child in children(item) {
        if text(child, tags::VALUE_TYPE).as_deref() == Some("NUM") {
            found.push(measured(child));
        } else {
            collect(child, found, depth + 1);
        }
    }
}

fn measured(item: &InMemDicomObject) -> Measured {
    let mut measured = Measured {
        name: concept(item, tags::CODE_MEANING).unwrap_or_default(),
        value: number(item),
        ..Measured::default()
    };
    if let Some(value) = first(item, tags::MEASURED_VALUE_SEQUENCE)
        && let Some(unit) = first(value, tags::MEASUREMENT_UNITS_CODE_SEQUENCE)
    {
        measured.unit = text(unit, tags::CODE_VALUE).unwrap_or_default();
    }
    for child in children(item) {
        let said = || text(child, tags::TEXT_VALUE).unwrap_or_default();
        match concept(child, tags::CODE_VALUE).as_deref() {
            Some("figure-name") => measured.name = said(),
            Some("method") => measured.method = said(),
            Some("measured-on") => measured.measured_on = said(),
            Some("111001") => measured.model = said(),
            Some("half-width-95") => measured.half_width = number(child),
            _ => {}
        }
    }
    measured
}
