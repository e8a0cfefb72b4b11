//! The parts that all result objects share: patient, study, equipment, SOP
//! common; and short words to put elements into a data set.

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::codes::{Code, scheme_identification};
use super::{ResultInput, ResultObject, ResultsError};
use crate::names::InstanceUid;
use crate::names::SopClass;
use crate::names::Uid;
use crate::wire::NOTICE_EN;

/// This program as an implementation (0002,0012): `2.25.` and 128 bits of the
/// SHA-256 of "bonebox implementation".
const IMPLEMENTATION: &str = "2.25.133441516456492520808993306520953312108";
/// Implementation version name (0002,0013), at most 16 characters.
const IMPLEMENTATION_NAME: &str = concat!("BONEBOX_", env!("CARGO_PKG_VERSION"));

/// Puts elements into a data set.
pub(super) trait Put {
    /// One text value; empty text is an empty element.
    fn text(&mut self, tag: Tag, vr: VR, value: &str);
    /// A sequence.
    fn items(&mut self, tag: Tag, items: Vec<InMemDicomObject>);
    /// A sequence of one code.
    fn code(&mut self, tag: Tag, code: &Code) {
        self.items(tag, vec![code.item()]);
    }
}

impl Put for InMemDicomObject {
    fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        let value = if value.is_empty() {
            PrimitiveValue::Empty
        } else {
            PrimitiveValue::from(value)
        };
        self.put(DataElement::new(tag, vr, value));
    }

    fn items(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }
}

/// What every object says: whose, which study, who made it, and the notice's
/// company of type 2 attributes, empty because nobody is named.
pub(super) fn common(input: &ResultInput<'_>, class: &str) -> InMemDicomObject {
    let (date, time) = input.at.dicom();
    let mut set = InMemDicomObject::new_empty();
    set.text(tags::SOP_CLASS_UID, VR::UI, class);
    set.items(
        tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE,
        vec![scheme_identification()],
    );
    set.text(tags::CONTENT_DATE, VR::DA, &date);
    set.text(tags::CONTENT_TIME, VR::TM, &time);
    // Patient: the pseudonym stands for name and ID (PS3.15 E).
    set.text(tags::PATIENT_NAME, VR::PN, input.pseudonym.as_str());
    set.text(tags::PATIENT_ID, VR::LO, input.pseudonym.as_str());
    set.text(tags::PATIENT_BIRTH_DATE, VR::DA, "");
    set.text(tags::PATIENT_SEX, VR::CS, "");
    set.text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
    set.text(
        tags::DEIDENTIFICATION_METHOD,
        VR::LO,
        "made from de-identified images",
    );
    // General study.
    set.text(tags::STUDY_INSTANCE_UID, VR::UI, input.study_uid.as_str());
    set.text(tags::STUDY_DATE, VR::DA, "");
    set.text(tags::STUDY_TIME, VR::TM, "");
    set.text(tags::STUDY_ID, VR::SH, "");
    set.text(tags::ACCESSION_NUMBER, VR::SH, "");
    set.text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "");
    // Equipment.
    set.text(tags::MANUFACTURER, VR::LO, "bonebox project");
    set.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "bonebox");
    set.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, input.device);
    set.text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
    set
}

/// Which algorithm made an object (PS3.3 10.16).
pub(super) fn algorithm(input: &ResultInput<'_>) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.code(
        tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
        &Code::dcm("123110", "Artificial Intelligence"),
    );
    item.text(tags::ALGORITHM_NAME, VR::LO, input.model.id.as_str());
    item.text(tags::ALGORITHM_VERSION, VR::LO, env!("CARGO_PKG_VERSION"));
    item.text(
        tags::ALGORITHM_PARAMETERS,
        VR::LT,
        &format!("model card sha256 {}. {NOTICE_EN}", input.model.digest),
    );
    item
}

/// A reference to an image.
pub(super) fn reference(class: &str, instance: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class);
    item.text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance);
    item
}

/// The images used, an item a series; the images' sequence has its own name in
/// each module.
pub(super) fn series_of(input: &ResultInput<'_>, instances: Tag) -> Vec<InMemDicomObject> {
    let mut series: Vec<(&str, Vec<InMemDicomObject>)> = Vec::new();
    for source in input.sources {
        let item = reference(source.sop_class.as_str(), source.sop_instance.as_str());
        match series
            .iter_mut()
            .find(|(uid, _)| *uid == source.series.as_str())
        {
            Some((_, items)) => items.push(item),
            None => series.push((source.series.as_str(), vec![item])),
        }
    }
    let item = |(uid, items): (&str, Vec<InMemDicomObject>)| {
        let mut item = InMemDicomObject::new_empty();
        item.items(instances, items);
        item.text(tags::SERIES_INSTANCE_UID, VR::UI, uid);
        item
    };
    series.into_iter().map(item).collect()
}

/// The data set as a Part 10 file.
pub(super) fn finish(
    mut set: InMemDicomObject,
    object: &'static str,
    name: &str,
    class: Uid<SopClass>,
    instance: Uid<InstanceUid>,
) -> Result<ResultObject, ResultsError> {
    set.text(tags::SOP_INSTANCE_UID, VR::UI, instance.as_str());
    let write = |why: String| ResultsError::Write { object, why };
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(class.as_str())
        .media_storage_sop_instance_uid(instance.as_str())
        .implementation_class_uid(IMPLEMENTATION)
        .implementation_version_name(IMPLEMENTATION_NAME);
    let file = set
        .with_meta(meta)
        .map_err(|error| write(error.to_string()))?;
    let mut bytes = Vec::new();
    file.write_all(&mut bytes)
        .map_err(|error| write(error.to_string()))?;
    Ok(ResultObject {
        name: name.to_owned(),
        sop_class: class,
        sop_instance: instance,
        bytes,
    })
}
