//! Writes a radiograph as a Digital X-Ray Image, For Presentation or For
//! Processing (PS3.3 A.26), with the identity of an invented person: what an
//! X-ray unit would send.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::WorkbenchError;
use super::header::{Series, Writer};
use super::invented::Identity;
use crate::anatomy::Side;
use crate::phantom::SimulatedXray;
use crate::phantom::SpecimenXray;
use crate::phantom::Take;
use crate::radiography::Photometric;

/// Whom an image is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// A person.
    Presentation,
    /// A program: before the tone curve.
    Processing,
}

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
    /// The view.
    pub take: Take,
    /// Whom it is for.
    pub intent: Intent,
    /// What the apparatus calls itself.
    pub model: &'a str,
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
        Ok(Self {
            pixels: &xray.pixels,
            rows: size(xray.camera.rows)?,
            columns: size(xray.camera.columns)?,
            spacing_mm: xray.camera.pixel_spacing_mm,
            source_detector_mm: xray.camera.sid_mm,
            object_detector_mm: xray.camera.oid_mm,
            take: Take::from(xray.projection),
            intent: Intent::Presentation,
            model: "first-light",
            side: xray.side,
            photometric: xray.photometric,
        })
    }

    /// A simulated X-ray of a specimen, as its apparatus knows it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_specimen(
        xray: &'a SpecimenXray,
        intent: Intent,
        model: &'a str,
    ) -> Result<Self, WorkbenchError> {
        Ok(Self {
            pixels: match intent {
                Intent::Presentation => &xray.pixels,
                Intent::Processing => &xray.processing,
            },
            rows: size(xray.camera.rows)?,
            columns: size(xray.camera.columns)?,
            spacing_mm: xray.camera.pixel_spacing_mm,
            source_detector_mm: xray.camera.sid_mm,
            object_detector_mm: xray.camera.oid_mm,
            take: xray.take,
            intent,
            model,
            side: xray.side,
            photometric: xray.photometric,
        })
    }
}

fn size(number: u32) -> Result<u16, WorkbenchError> {
    u16::try_from(number)
        .map_err(|_| WorkbenchError::Step("the image is too large for DICOM".into()))
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
    let view = image.take.name();
    let (intent, class, key, number) = match image.intent {
        Intent::Presentation => (
            "FOR PRESENTATION",
            uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
            view.to_owned(),
            ["1", "2", "3"],
        ),
        Intent::Processing => (
            "FOR PROCESSING",
            uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
            format!("{view}-processing"),
            ["11", "12", "13"],
        ),
    };
    let series = Series {
        modality: "DX",
        intent: Some(intent),
        key: &key,
        number: match image.take {
            Take::PosteroAnterior => number[0],
            Take::Lateral => number[1],
            Take::Oblique => number[2],
        },
        model: image.model,
    };
    let mut set = Writer::begin(identity, &series);
    put_image(&mut set, image, identity);
    put_detector(&mut set, image);
    put_position(&mut set, image);
    put_pixels(&mut set, image);
    set.finish(class, &identity.uid(&format!("image-{key}")), identity)
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
    let across = match (image.take, image.side) {
        (Take::PosteroAnterior | Take::Oblique, Side::Right) => "L",
        (Take::PosteroAnterior | Take::Oblique, Side::Left) => "R",
        (Take::Lateral, Side::Right) => "P",
        (Take::Lateral, Side::Left) => "A",
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
    set.signed(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, sign);
    set.text(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
    set.text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    set.text(tags::RESCALE_SLOPE, VR::DS, "1");
    set.text(tags::RESCALE_TYPE, VR::LO, "US");
    if image.intent == Intent::Presentation {
        set.text(tags::WINDOW_CENTER, VR::DS, "2048");
        set.text(tags::WINDOW_WIDTH, VR::DS, "4096");
    }
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
    let (position, code, meaning) = match image.take {
        Take::PosteroAnterior => ("PA", "272479007", "postero-anterior"),
        // The little finger's side lies on the detector: the beam goes from the
        // lateral to the medial side.
        Take::Lateral => ("LL", "399352003", "latero-medial"),
        Take::Oblique => ("RLO", "399182000", "oblique"),
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
    set.pixels(image.pixels);
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
            take: Take::PosteroAnterior,
            intent: Intent::Presentation,
            model: "first-light",
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
}
