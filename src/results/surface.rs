//! One bone's surface as an Encapsulated STL (PS3.3 A.85.1).

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::{Code, unit};
use super::dataset::{Put, algorithm, common, finish, reference, series_of};
use super::{ENCAPSULATED_STL, ResultInput, ResultObject, ResultsError};
use crate::anatomy::Bone;
use crate::anatomy::Side;
use crate::names::InstanceUid;
use crate::names::SeriesUid;
use crate::names::Uid;
use crate::wire::NOTICE_EN;

/// Writes one bone. Both bones share series, model group and frame of
/// reference.
pub(super) fn write(
    input: &ResultInput<'_>,
    bone: Bone,
    stl: &[u8],
    number: u32,
) -> Result<ResultObject, ResultsError> {
    let fault = ResultsError::Surface { bone: bone.name() };
    let length = match u32::try_from(stl.len()) {
        // The element's length is even, and all ones mean "undefined".
        Ok(length) if length > 0 && length < u32::MAX - 1 => length,
        _ => return Err(fault),
    };
    let class = ENCAPSULATED_STL.parse()?;
    let instance: Uid<InstanceUid> = input.uid(&format!("stl-{}", bone.name()))?;
    let (date, time) = input.at.dicom();
    let side = match input.side {
        Side::Right => "right",
        Side::Left => "left",
    };

    let mut set = common(input, ENCAPSULATED_STL);
    put_series(input, &mut set)?;
    // Encapsulated document.
    set.text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string());
    set.text(
        tags::ACQUISITION_DATE_TIME,
        VR::DT,
        &format!("{date}{time}"),
    );
    set.text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
    set.text(tags::RECOGNIZABLE_VISUAL_FEATURES, VR::CS, "NO");
    set.text(
        tags::DOCUMENT_TITLE,
        VR::ST,
        &format!("Surface of the {side} {}. {NOTICE_EN}", bone.name()),
    );
    set.code(
        tags::CONCEPT_NAME_CODE_SEQUENCE,
        &Code::own(
            &format!("{}-surface", bone.name()),
            &format!("Surface model of the {}", bone.name()),
        ),
    );
    set.text(
        tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT,
        VR::LO,
        "model/stl",
    );
    let mut document = stl.to_vec();
    if document.len() % 2 == 1 {
        document.push(0);
    }
    set.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT,
        VR::OB,
        PrimitiveValue::from(document),
    ));
    set.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT_LENGTH,
        VR::UL,
        PrimitiveValue::from(length),
    ));
    if !input.sources.is_empty() {
        let sources = input
            .sources
            .iter()
            .map(|source| reference(source.sop_class.as_str(), source.sop_instance.as_str()));
        set.items(tags::SOURCE_INSTANCE_SEQUENCE, sources.collect());
        set.items(
            tags::REFERENCED_SERIES_SEQUENCE,
            series_of(input, tags::REFERENCED_INSTANCE_SEQUENCE),
        );
    }
    put_model(input, &mut set)?;
    finish(
        set,
        "Encapsulated STL",
        &format!("{}.dcm", bone.name()),
        class,
        instance,
    )
}

/// Encapsulated document series, frame of reference: the same for both bones.
fn put_series(input: &ResultInput<'_>, set: &mut InMemDicomObject) -> Result<(), ResultsError> {
    let series: Uid<SeriesUid> = input.uid("stl-series")?;
    let frame: Uid<()> = input.uid("frame-of-reference")?;
    set.text(tags::MODALITY, VR::CS, "M3D");
    set.text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str());
    set.text(tags::SERIES_NUMBER, VR::IS, "9001");
    set.text(tags::SERIES_DESCRIPTION, VR::LO, "bonebox bone surfaces");
    set.text(tags::LATERALITY, VR::CS, &input.side.letter().to_string());
    set.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, frame.as_str());
    set.text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
    Ok(())
}

/// Manufacturing 3D model: unit, origin, and the notice.
fn put_model(input: &ResultInput<'_>, set: &mut InMemDicomObject) -> Result<(), ResultsError> {
    let group: Uid<()> = input.uid("model-group")?;
    set.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, &unit("mm"));
    set.text(tags::MODEL_MODIFICATION, VR::CS, "NO");
    set.text(tags::MODEL_MIRRORING, VR::CS, "NO");
    set.text(tags::MODEL_GROUP_UID, VR::UI, group.as_str());
    set.text(tags::CONTENT_DESCRIPTION, VR::LO, NOTICE_EN);
    set.items(tags::DERIVATION_ALGORITHM_SEQUENCE, vec![algorithm(input)]);
    Ok(())
}
