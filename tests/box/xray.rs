//! Simulated X-rays as DICOM files, with a header that a test may falsify.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use bonebox::phantom::SimulatedXray;
use bonebox::radiography::{Photometric, Projection};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

/// What the header says.
pub(crate) struct Header {
    pub(crate) body_part: &'static str,
    pub(crate) view: &'static str,
    pub(crate) laterality: &'static str,
    pub(crate) spacing_mm: Option<[f64; 2]>,
    pub(crate) sid_mm: Option<f64>,
}

impl Header {
    /// The truth.
    pub(crate) fn of(xray: &SimulatedXray) -> Self {
        Self {
            body_part: "WRIST",
            view: match xray.projection {
                Projection::PosteroAnterior => "PA",
                Projection::Lateral => "LL",
            },
            laterality: if xray.side.letter() == 'R' { "R" } else { "L" },
            spacing_mm: Some(xray.camera.pixel_spacing_mm),
            sid_mm: Some(xray.camera.sid_mm),
        }
    }
}

/// Which way the values run, as an attribute says it.
pub(crate) const fn photometric(of: Photometric) -> &'static str {
    match of {
        Photometric::Monochrome1 => "MONOCHROME1",
        Photometric::Monochrome2 => "MONOCHROME2",
    }
}

/// Writes a DX For Presentation object with 12-bit pixels.
pub(crate) fn write_xray(path: &Path, xray: &SimulatedXray, header: &Header) {
    let photometric = photometric(xray.photometric);
    let size = |value: u32| u16::try_from(value).unwrap();
    let (rows, columns) = (size(xray.camera.rows), size(xray.camera.columns));
    write_pixels(path, &xray.pixels, [rows, columns], photometric, header);
}

/// Writes 12-bit pixels under a header.
pub(crate) fn write_pixels(
    path: &Path,
    pixels: &[u16],
    [rows, columns]: [u16; 2],
    photometric: &str,
    header: &Header,
) {
    let class = uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION;
    let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
    let word = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
    let mut object = InMemDicomObject::from_element_iter([
        text(tags::SOP_CLASS_UID, VR::UI, class),
        text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.7"),
        text(tags::MODALITY, VR::CS, "DX"),
        text(tags::BODY_PART_EXAMINED, VR::CS, header.body_part),
        text(tags::VIEW_POSITION, VR::CS, header.view),
        text(tags::IMAGE_LATERALITY, VR::CS, header.laterality),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric),
        word(tags::SAMPLES_PER_PIXEL, 1),
        word(tags::ROWS, rows),
        word(tags::COLUMNS, columns),
        word(tags::BITS_ALLOCATED, 16),
        word(tags::BITS_STORED, 12),
        word(tags::HIGH_BIT, 11),
        word(tags::PIXEL_REPRESENTATION, 0),
        DataElement::new(
            tags::PIXEL_DATA,
            VR::OW,
            PrimitiveValue::U16(pixels.iter().copied().collect()),
        ),
    ]);
    if let Some([row, column]) = header.spacing_mm {
        let both = format!("{row}\\{column}");
        object.put(text(tags::IMAGER_PIXEL_SPACING, VR::DS, &both));
    }
    if let Some(distance) = header.sid_mm {
        let distance = format!("{distance:.1}");
        object.put(text(tags::DISTANCE_SOURCE_TO_DETECTOR, VR::DS, &distance));
    }
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid("2.25.7");
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
}
