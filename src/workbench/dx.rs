//! Writes a radiograph as a Digital X-Ray Image For Presentation (PS3.3 A.26)
//! with the identity of an invented person: what an X-ray unit would send.

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::WorkbenchError;
use super::invented::Identity;
use crate::anatomy::Side;
use crate::phantom::SimulatedXray;
use crate::radiography::Photometric;
use crate::radiography::Projection;

/// A radiograph to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct DxImage<'a> {
    /// 12-bit pixels, row after row.
    pub pixels: &'a [u16],
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// From row to row and from column to column on the detector.
    pub spacing_mm: [f64; 2],
    /// From source to detector.
    pub source_detector_mm: f64,
    /// From the middle of the wrist to the detector.
    pub object_detector_mm: f64,
    /// The direction.
    pub projection: Projection,
    /// Which wrist.
    pub side: Side,
    /// Which way the values run.
    pub photometric: Photometric,
}

impl<'a> DxImage<'a> {
    /// A simulated X-ray as an apparatus knows it: where the beam's middle
    /// truly met the detector is not told.
    ///
    /// # Errors
    /// [`WorkbenchError::Step`] if it is larger than DICOM's 65535 rows or columns.
    pub fn of(xray: &'a SimulatedXray) -> Result<Self, WorkbenchError> {
        let size = |number: u32| {
            u16::try_from(number)
                .map_err(|_| WorkbenchError::Step("the image is too large for DICOM".into()))
        };
        Ok(Self {
            pixels: &xray.pixels,
            rows: size(xray.camera.rows)?,
            columns: size(xray.camera.columns)?,
            spacing_mm: xray.camera.pixel_spacing_mm,
            source_detector_mm: xray.camera.sid_mm,
            object_detector_mm: xray.camera.oid_mm,
            projection: xray.projection,
            side: xray.side,
            photometric: xray.photometric,
        })
    }
}

/// Puts elements into a data set, in short words.
struct Writer(InMemDicomObject);

impl Writer {
    fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// A text. What is not ASCII is encoded in ISO 2022 IR 87, whatever the
    /// writer makes of the data set's character set.
    fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        let value = if value.is_empty() {
            PrimitiveValue::Empty
        } else if value.is_ascii() {
            PrimitiveValue::from(value)
        } else {
            PrimitiveValue::from(japanese(value))
        };
        self.0.put(DataElement::new(tag, vr, value));
    }

    fn decimal(&mut self, tag: Tag, values: &[f64]) {
        let text: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        self.text(tag, VR::DS, &text.join("\\"));
    }

    fn number(&mut self, tag: Tag, value: u16) {
        self.0
            .put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    fn items(&mut self, tag: Tag, items: Vec<Self>) {
        let items: Vec<_> = items.into_iter().map(|item| item.0).collect();
        self.0
            .put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }

    fn code(&mut self, tag: Tag, value: &str, scheme: &str, meaning: &str) {
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

/// Writes an image of an invented person as a Part 10 file.
///
/// # Errors
/// [`WorkbenchError::Step`] if pixels are missing or the writer fails.
pub fn write(image: &DxImage<'_>, identity: &Identity) -> Result<Vec<u8>, WorkbenchError> {
    if image.pixels.len() != usize::from(image.rows) * usize::from(image.columns) {
        return Err(WorkbenchError::Step(
            "the image has not as many pixels as its rows and columns say".into(),
        ));
    }
    let mut set = Writer::new();
    let view = image.projection.name();
    let instance = identity.uid(&format!("image-{view}"));
    set.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "\\ISO 2022 IR 87");
    put_person(&mut set, identity);
    put_study(&mut set, identity, view);
    put_equipment(&mut set, identity);
    put_image(&mut set, image, identity);
    put_detector(&mut set, image);
    put_position(&mut set, image);
    put_pixels(&mut set, image);
    set.text(
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    );
    set.text(tags::SOP_INSTANCE_UID, VR::UI, &instance);
    let fault = |error: &dyn std::fmt::Display| WorkbenchError::Step(format!("writing: {error}"));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION)
        .media_storage_sop_instance_uid(&instance)
        .source_application_entity_title(&identity.station);
    let mut bytes = Vec::new();
    set.0
        .with_meta(meta)
        .map_err(|error| fault(&error))?
        .write_all(&mut bytes)
        .map_err(|error| fault(&error))?;
    Ok(bytes)
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
fn put_study(set: &mut Writer, identity: &Identity, view: &str) {
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
    set.text(tags::MODALITY, VR::CS, "DX");
    set.text(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION");
    let series = identity.uid(&format!("series-{view}"));
    set.text(tags::SERIES_INSTANCE_UID, VR::UI, &series);
    let number = if view == "pa" { "1" } else { "2" };
    set.text(tags::SERIES_NUMBER, VR::IS, number);
    set.text(tags::SERIES_DESCRIPTION, VR::LO, &format!("Wrist {view}"));
    set.text(tags::PROTOCOL_NAME, VR::LO, &format!("Wrist {view}"));
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
fn put_equipment(set: &mut Writer, identity: &Identity) {
    set.text(tags::MANUFACTURER, VR::LO, "Mogi X-ray Works (simulated)");
    set.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "first-light");
    set.text(tags::INSTITUTION_NAME, VR::LO, &identity.institution);
    set.text(tags::INSTITUTION_ADDRESS, VR::ST, &identity.address);
    set.text(tags::STATION_NAME, VR::SH, &identity.station);
    set.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, &identity.serial);
    set.text(tags::DEVICE_UID, VR::UI, &identity.uid("device"));
    set.text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
}

/// General image, DX anatomy and DX image.
fn put_image(set: &mut Writer, image: &DxImage<'_>, identity: &Identity) {
    set.text(tags::INSTANCE_NUMBER, VR::IS, "1");
    set.text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY");
    set.text(
        tags::DERIVATION_DESCRIPTION,
        VR::ST,
        "Simulated X-ray of invented bones. No person was exposed.",
    );
    set.text(tags::IMAGE_COMMENTS, VR::LT, &identity.comment);
    set.text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
    set.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    // Rows run from the fingers to the elbow. Columns of a right wrist run
    // from thumb to little finger in the PA view, from palm to back in the
    // lateral one; of a left wrist the other way.
    let across = match (image.projection, image.side) {
        (Projection::PosteroAnterior, Side::Right) => "L",
        (Projection::PosteroAnterior, Side::Left) => "R",
        (Projection::Lateral, Side::Right) => "P",
        (Projection::Lateral, Side::Left) => "A",
    };
    set.text(tags::PATIENT_ORIENTATION, VR::CS, &format!("{across}\\H"));
    set.text(
        tags::IMAGE_LATERALITY,
        VR::CS,
        &image.side.letter().to_string(),
    );
    set.code(
        tags::ANATOMIC_REGION_SEQUENCE,
        "74670003",
        "SCT",
        "Wrist joint",
    );
    set.text(tags::BODY_PART_EXAMINED, VR::CS, "WRIST");
    set.text(tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG");
    let (sign, shape): (i16, _) = match image.photometric {
        Photometric::Monochrome1 => (1, "INVERSE"),
        Photometric::Monochrome2 => (-1, "IDENTITY"),
    };
    set.0.put(DataElement::new(
        tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN,
        VR::SS,
        PrimitiveValue::from(sign),
    ));
    set.text(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
    set.text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    set.text(tags::RESCALE_SLOPE, VR::DS, "1");
    set.text(tags::RESCALE_TYPE, VR::LO, "US");
    set.text(tags::WINDOW_CENTER, VR::DS, "2048");
    set.text(tags::WINDOW_WIDTH, VR::DS, "4096");
    set.items(tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
}

/// DX detector.
fn put_detector(set: &mut Writer, image: &DxImage<'_>) {
    set.decimal(tags::IMAGER_PIXEL_SPACING, &image.spacing_mm);
    set.text(tags::DETECTOR_TYPE, VR::CS, "SCINTILLATOR");
    set.text(tags::DETECTOR_CONFIGURATION, VR::CS, "AREA");
    set.text(tags::DETECTOR_ID, VR::SH, "1");
}

/// DX positioning: view and distances.
fn put_position(set: &mut Writer, image: &DxImage<'_>) {
    let (position, code, meaning) = match image.projection {
        Projection::PosteroAnterior => ("PA", "272479007", "postero-anterior"),
        // The little finger's side lies on the detector: the beam goes from the
        // lateral to the medial side.
        Projection::Lateral => ("LL", "399352003", "latero-medial"),
    };
    set.text(tags::VIEW_POSITION, VR::CS, position);
    set.code(tags::VIEW_CODE_SEQUENCE, code, "SCT", meaning);
    let sid = image.source_detector_mm;
    let source_object = sid - image.object_detector_mm;
    set.decimal(tags::DISTANCE_SOURCE_TO_DETECTOR, &[sid]);
    set.decimal(tags::DISTANCE_SOURCE_TO_PATIENT, &[source_object]);
    set.decimal(
        tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR,
        &[sid / source_object],
    );
    set.text(tags::POSITIONER_TYPE, VR::CS, "NONE");
}

/// Image pixel.
fn put_pixels(set: &mut Writer, image: &DxImage<'_>) {
    set.number(tags::SAMPLES_PER_PIXEL, 1);
    let photometric = match image.photometric {
        Photometric::Monochrome1 => "MONOCHROME1",
        Photometric::Monochrome2 => "MONOCHROME2",
    };
    set.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
    set.number(tags::ROWS, image.rows);
    set.number(tags::COLUMNS, image.columns);
    set.number(tags::BITS_ALLOCATED, 16);
    set.number(tags::BITS_STORED, 12);
    set.number(tags::HIGH_BIT, 11);
    set.number(tags::PIXEL_REPRESENTATION, 0);
    set.0.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(image.pixels.into()),
    ));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A small image whose pixels tell their place.
    fn image(pixels: &[u16]) -> DxImage<'_> {
        DxImage {
            pixels,
            rows: 2,
            columns: 3,
            spacing_mm: [0.15, 0.15],
            source_detector_mm: 1000.0,
            object_detector_mm: 40.0,
            projection: Projection::PosteroAnterior,
            side: Side::Left,
            photometric: Photometric::Monochrome2,
        }
    }

    #[test]
    fn pixels_and_distances_come_back() {
        let pixels = [1, 2, 3, 4, 5, 4095];
        let bytes = write(&image(&pixels), &Identity::invented(1)).unwrap();
        let read = dicom_object::from_reader(bytes.as_slice()).unwrap();
        let data = read.element(tags::PIXEL_DATA).unwrap();
        assert_eq!(data.to_multi_int::<u16>().unwrap(), pixels);
        let number = |tag| read.element(tag).unwrap().to_float64().unwrap();
        assert!((number(tags::DISTANCE_SOURCE_TO_PATIENT) - 960.0).abs() < 1e-9);
        assert!((number(tags::IMAGER_PIXEL_SPACING) - 0.15).abs() < 1e-9);
        assert_eq!(
            write(&image(&pixels), &Identity::invented(1)).unwrap(),
            bytes
        );
        assert!(write(&image(&pixels[1..]), &Identity::invented(1)).is_err());
    }

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
