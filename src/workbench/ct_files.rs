//! Writes a simulated CT series as CT Images (PS3.3 A.3), a file a slice, with
//! the identity of an invented person.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::WorkbenchError;
use super::header::{Series, Writer};
use super::invented::Identity;
use crate::phantom::SpecimenCt;

/// What a stored value of zero is.
const INTERCEPT_HU: f32 = -1024.0;

/// The slices as Part 10 files, from the forearm to the hand.
///
/// # Errors
/// [`WorkbenchError::Step`] if a slice is too large for DICOM or the writer fails.
pub fn write(
    ct: &SpecimenCt,
    identity: &Identity,
    model: &str,
) -> Result<Vec<Vec<u8>>, WorkbenchError> {
    let [across, deep, _] = ct.hu.size();
    let slices = ct.hu.values().chunks_exact(across * deep);
    slices
        .enumerate()
        .map(|(number, slice)| one(ct, number, slice, identity, model))
        .collect()
}

fn one(
    ct: &SpecimenCt,
    number: usize,
    slice: &[f32],
    identity: &Identity,
    model: &str,
) -> Result<Vec<u8>, WorkbenchError> {
    let series = Series {
        modality: "CT",
        intent: None,
        key: "ct",
        number: "21",
        model,
    };
    let mut set = Writer::begin(identity, &series);
    put_place(&mut set, ct, number, identity);
    set.text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\AXIAL");
    set.text(
        tags::DERIVATION_DESCRIPTION,
        VR::ST,
        "Simulated CT of invented bones. No person was exposed.",
    );
    set.text(tags::LATERALITY, VR::CS, &ct.side.letter().to_string());
    set.text(tags::BODY_PART_EXAMINED, VR::CS, "WRIST");
    set.text(tags::ACQUISITION_NUMBER, VR::IS, "1");
    set.text(tags::KVP, VR::DS, "120");
    set.text(tags::RESCALE_INTERCEPT, VR::DS, &INTERCEPT_HU.to_string());
    set.text(tags::RESCALE_SLOPE, VR::DS, "1");
    set.text(tags::RESCALE_TYPE, VR::LO, "HU");
    set.text(tags::WINDOW_CENTER, VR::DS, "400");
    set.text(tags::WINDOW_WIDTH, VR::DS, "2000");
    put_pixels(&mut set, ct, slice)?;
    let instance = identity.uid(&format!("image-ct-{number}"));
    set.finish(uids::CT_IMAGE_STORAGE, &instance, identity)
}

/// Frame of reference and image plane.
fn put_place(set: &mut Writer, ct: &SpecimenCt, number: usize, identity: &Identity) {
    let frame = identity.uid("frame-ct");
    set.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &frame);
    set.text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
    set.text(tags::PATIENT_POSITION, VR::CS, "HFP");
    let [column_mm, row_mm, slice_mm] = ct.hu.spacing_mm();
    set.decimal(tags::PIXEL_SPACING, &[row_mm, column_mm]);
    set.decimal(tags::SLICE_THICKNESS, &[slice_mm]);
    set.decimal(tags::SPACING_BETWEEN_SLICES, &[slice_mm]);
    set.decimal(
        tags::IMAGE_ORIENTATION_PATIENT,
        &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    );
    let corner = ct.hu.middle_of([0, 0, number]).xyz();
    set.decimal(tags::IMAGE_POSITION_PATIENT, &corner);
    set.decimal(tags::SLICE_LOCATION, &[corner[2]]);
    set.text(tags::INSTANCE_NUMBER, VR::IS, &(number + 1).to_string());
}

/// Image pixel.
fn put_pixels(set: &mut Writer, ct: &SpecimenCt, slice: &[f32]) -> Result<(), WorkbenchError> {
    let [across, deep, _] = ct.hu.size();
    let size = |count: usize| {
        u16::try_from(count)
            .map_err(|_| WorkbenchError::Step("the slice is too large for DICOM".into()))
    };
    set.number(tags::SAMPLES_PER_PIXEL, 1);
    set.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    set.number(tags::ROWS, size(deep)?);
    set.number(tags::COLUMNS, size(across)?);
    set.number(tags::BITS_ALLOCATED, 16);
    set.number(tags::BITS_STORED, 12);
    set.number(tags::HIGH_BIT, 11);
    set.number(tags::PIXEL_REPRESENTATION, 0);
    let stored = |hu: &f32| {
        let value = (hu - INTERCEPT_HU).round().clamp(0.0, 4095.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 12 bits in the line above"
        )]
        let pixel = value as u16;
        pixel
    };
    let pixels: Vec<u16> = slice.iter().map(stored).collect();
    set.pixels(&pixels);
    Ok(())
}
