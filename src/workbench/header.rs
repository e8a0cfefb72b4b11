//! What every object of an invented person's study begins with, whatever its
//! images are: patient, study, series and equipment; and the end of writing it.

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::WorkbenchError;
use super::invented::Identity;

/// A series of an invented study.
pub(super) struct Series<'a> {
    /// Modality.
    pub modality: &'static str,
    /// Presentation Intent Type, of a projection X-ray.
    pub intent: Option<&'static str>,
    /// What its UIDs are made from.
    pub key: &'a str,
    /// Series Number.
    pub number: &'static str,
    /// Who made the images.
    pub model: &'a str,
}

/// Puts elements into a data set, in short words.
pub(super) struct Writer(InMemDicomObject);

impl Writer {
    pub(super) fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// A text. What is not ASCII is encoded in ISO 2022 IR 87, whatever the
    /// writer makes of the data set's character set.
    pub(super) fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        let value = if value.is_empty() {
            PrimitiveValue::Empty
        } else if value.is_ascii() {
            PrimitiveValue::from(value)
        } else {
            PrimitiveValue::from(japanese(value))
        };
        self.0.put(DataElement::new(tag, vr, value));
    }

    pub(super) fn decimal(&mut self, tag: Tag, values: &[f64]) {
        let text: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        self.text(tag, VR::DS, &text.join("\\"));
    }

    pub(super) fn number(&mut self, tag: Tag, value: u16) {
        self.0
            .put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    pub(super) fn signed(&mut self, tag: Tag, value: i16) {
        self.0
            .put(DataElement::new(tag, VR::SS, PrimitiveValue::from(value)));
    }

    /// 16-bit pixels.
    pub(super) fn pixels(&mut self, pixels: &[u16]) {
        self.0.put(DataElement::new(
            tags::PIXEL_DATA,
            VR::OW,
            PrimitiveValue::U16(pixels.into()),
        ));
    }

    pub(super) fn items(&mut self, tag: Tag, items: Vec<Self>) {
        let items: Vec<_> = items.into_iter().map(|item| item.0).collect();
        self.0
            .put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }

    pub(super) fn code(&mut self, tag: Tag, value: &str, scheme: &str, meaning: &str) {
        let mut item = Self::new();
        item.text(tags::CODE_VALUE, VR::SH, value);
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
        item.text(tags::CODE_MEANING, VR::LO, meaning);
        self.items(tag, vec![item]);
    }
}

/// Text in ISO 2022 IR 87 (JIS X 0208 behind an escape), padded to even length
/// and back in ASCII at its end, as PS3.5 6.1.2.5.3 wants.
pub(crate) fn japanese(text: &str) -> Vec<u8> {
    let codec = SpecificCharacterSet::from_code("ISO 2022 IR 87").unwrap_or_default();
    let mut bytes = codec.encode(text).unwrap_or_default();
    let last = bytes.windows(3).rev().find(|three| three[0] == 0x1b);
    if last.is_some_and(|escape| escape != b"\x1b(B") {
        bytes.extend_from_slice(b"\x1b(B");
    }
    if bytes.len() % 2 == 1 {
        bytes.push(b' ');
    }
    bytes
}

impl Writer {
    /// A data set that says whose and which series' it is.
    pub(super) fn begin(identity: &Identity, series: &Series<'_>) -> Self {
        let mut set = Self::new();
        set.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "\\ISO 2022 IR 87");
        put_person(&mut set, identity);
        put_study(&mut set, identity, series);
        put_equipment(&mut set, identity, series.model);
        set
    }

    /// The data set as a Part 10 file.
    ///
    /// # Errors
    /// [`WorkbenchError::Step`] if the writer fails.
    pub(super) fn finish(
        mut self,
        class: &'static str,
        instance: &str,
        identity: &Identity,
    ) -> Result<Vec<u8>, WorkbenchError> {
        self.text(tags::SOP_CLASS_UID, VR::UI, class);
        self.text(tags::SOP_INSTANCE_UID, VR::UI, instance);
        let fault =
            |error: &dyn std::fmt::Display| WorkbenchError::Step(format!("writing: {error}"));
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(class)
            .media_storage_sop_instance_uid(instance)
            .source_application_entity_title(&identity.station);
        let mut bytes = Vec::new();
        self.0
            .with_meta(meta)
            .map_err(|error| fault(&error))?
            .write_all(&mut bytes)
            .map_err(|error| fault(&error))?;
        Ok(bytes)
    }
}

/// Patient.
fn put_person(set: &mut Writer, identity: &Identity) {
    set.text(tags::PATIENT_NAME, VR::PN, &identity.person_name());
    set.text(tags::PATIENT_ID, VR::LO, &identity.patient_id);
    set.text(tags::ISSUER_OF_PATIENT_ID, VR::LO, &identity.institution);
    set.text(tags::PATIENT_BIRTH_DATE, VR::DA, &identity.birth_date);
    set.text(tags::PATIENT_SEX, VR::CS, &identity.sex.to_string());
    set.text(tags::PATIENT_ADDRESS, VR::LO, &identity.address);
    set.text(tags::PATIENT_TELEPHONE_NUMBERS, VR::SH, &identity.telephone);
    set.text(tags::PATIENT_COMMENTS, VR::LT, &identity.comment);
    let mut other = Writer::new();
    other.text(tags::PATIENT_ID, VR::LO, &identity.patient_id);
    other.text(tags::ISSUER_OF_PATIENT_ID, VR::LO, &identity.institution);
    other.text(tags::TYPE_OF_PATIENT_ID, VR::CS, "TEXT");
    set.items(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![other]);
}

/// General study and series, request, private note.
fn put_study(set: &mut Writer, identity: &Identity, series: &Series<'_>) {
    let (date, time) = identity.at.dicom();
    for tag in [
        tags::STUDY_DATE,
        tags::SERIES_DATE,
        tags::ACQUISITION_DATE,
        tags::CONTENT_DATE,
        tags::PERFORMED_PROCEDURE_STEP_START_DATE,
    ] {
        set.text(tag, VR::DA, &date);
    }
    for tag in [
        tags::STUDY_TIME,
        tags::SERIES_TIME,
        tags::ACQUISITION_TIME,
        tags::CONTENT_TIME,
        tags::PERFORMED_PROCEDURE_STEP_START_TIME,
    ] {
        set.text(tag, VR::TM, &time);
    }
    set.text(tags::STUDY_INSTANCE_UID, VR::UI, &identity.study_uid);
    set.text(tags::STUDY_ID, VR::SH, &identity.study_id);
    set.text(tags::ACCESSION_NUMBER, VR::SH, &identity.accession);
    set.text(tags::STUDY_DESCRIPTION, VR::LO, "Wrist PA and lateral");
    set.text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, &identity.referring);
    set.text(tags::OPERATORS_NAME, VR::PN, &identity.operator);
    let mut physician = Writer::new();
    physician.code(
        tags::PERSON_IDENTIFICATION_CODE_SEQUENCE,
        &identity.serial,
        "99MOGI",
        &identity.referring,
    );
    physician.text(tags::INSTITUTION_NAME, VR::LO, &identity.institution);
    set.items(
        tags::REFERRING_PHYSICIAN_IDENTIFICATION_SEQUENCE,
        vec![physician],
    );
    set.text(tags::MODALITY, VR::CS, series.modality);
    if let Some(intent) = series.intent {
        set.text(tags::PRESENTATION_INTENT_TYPE, VR::CS, intent);
    }
    let uid = identity.uid(&format!("series-{}", series.key));
    set.text(tags::SERIES_INSTANCE_UID, VR::UI, &uid);
    set.text(tags::SERIES_NUMBER, VR::IS, series.number);
    let name = format!("Wrist {}", series.key);
    set.text(tags::SERIES_DESCRIPTION, VR::LO, &name);
    set.text(tags::PROTOCOL_NAME, VR::LO, &name);
    let mut request = Writer::new();
    request.text(tags::REQUESTED_PROCEDURE_ID, VR::SH, &identity.accession);
    request.text(
        tags::SCHEDULED_PROCEDURE_STEP_ID,
        VR::SH,
        &identity.study_id,
    );
    request.text(
        tags::REASON_FOR_THE_REQUESTED_PROCEDURE,
        VR::LO,
        &identity.comment,
    );
    set.items(tags::REQUEST_ATTRIBUTES_SEQUENCE, vec![request]);
    let mut step = Writer::new();
    step.text(
        tags::REFERENCED_SOP_CLASS_UID,
        VR::UI,
        uids::MODALITY_PERFORMED_PROCEDURE_STEP,
    );
    step.text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        &identity.uid("procedure-step"),
    );
    set.items(
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
        vec![step],
    );
    set.text(Tag(0x0009, 0x0010), VR::LO, "MOGI XRAY 1.0");
    set.text(Tag(0x0009, 0x1001), VR::LO, &identity.private_note);
}

/// General equipment.
fn put_equipment(set: &mut Writer, identity: &Identity, model: &str) {
    set.text(tags::MANUFACTURER, VR::LO, "Mogi X-ray Works (simulated)");
    set.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, model);
    set.text(tags::INSTITUTION_NAME, VR::LO, &identity.institution);
    set.text(tags::INSTITUTION_ADDRESS, VR::ST, &identity.address);
    set.text(tags::STATION_NAME, VR::SH, &identity.station);
    set.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, &identity.serial);
    set.text(tags::DEVICE_UID, VR::UI, &identity.uid("device"));
    set.text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_in_three_groups() {
        // PS3.5 H.3.2, example 2: the groups of a Japanese name.
        let bytes = japanese("Yamada^Tarou=山田^太郎=やまだ^たろう");
        let expected = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\
            \x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        let padded = [expected.as_slice(), b" "].concat();
        assert_eq!(bytes, padded.split_at(bytes.len()).0);
        assert!(bytes.starts_with(expected));
    }
}
