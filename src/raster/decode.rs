//! Pixels out of a DICOM file, in every transfer syntax that has a decode test.
//!
//! Other syntaxes are received, kept and forwarded like any; only decoding says
//! no, with a typed error. Sizes and depths are checked before a codec runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::adapters::PixelDataObject;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::{DefaultDicomObject, OpenFileOptions};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::codestream::codestream_size;
use super::tags::{number, refuse_file, tags_of, text, whole};
use super::{MAXIMUM_PIXELS, Radiograph, RasterError, check_size};

/// The transfer syntaxes that are decoded: UID and name.
pub const DECODABLE: [(&str, &str); 10] = [
    (uids::IMPLICIT_VR_LITTLE_ENDIAN, "implicit little endian"),
    (uids::EXPLICIT_VR_LITTLE_ENDIAN, "explicit little endian"),
    (
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "deflated explicit little endian",
    ),
    // Retired in the standard, still met in archives.
    ("1.2.840.10008.1.2.2", "explicit big endian"),
    (uids::RLE_LOSSLESS, "RLE lossless"),
    (uids::JPEG_BASELINE8_BIT, "JPEG baseline"),
    (uids::JPEG_LOSSLESS, "JPEG lossless"),
    (uids::JPEG_LOSSLESS_SV1, "JPEG lossless, first-order"),
    (uids::JPEG2000_LOSSLESS, "JPEG 2000 lossless"),
    (uids::JPEG2000, "JPEG 2000"),
];

/// How stored values are laid out.
#[derive(Debug, Clone, Copy)]
struct Layout {
    pixels: usize,
    bytes_allocated: usize,
    bits_stored: u32,
    signed: bool,
}

/// Reads and decodes one projection image.
///
/// The outcome has bone bright: MONOCHROME1 For Presentation images are
/// inverted; For Processing images go by their Pixel Intensity Relationship
/// (0028,1040) and Sign (0028,1041), and a linear one is turned into
/// attenuation by a logarithm. No VOI transformation is applied.
///
/// # Errors
/// [`RasterError::Read`], [`RasterError::Parse`], [`RasterError::Unsuitable`],
/// [`RasterError::TooLarge`], [`RasterError::CannotDecode`].
pub fn read_radiograph(path: &Path) -> Result<Radiograph, RasterError> {
    check_size(path)?;
    let object = OpenFileOptions::new()
        .open_file(path)
        .map_err(refuse_file)?;
    let tags = tags_of(&object);
    let layout = layout_of(&object)?;
    let stored = stored_values(&object, layout)?;
    let pixels = bone_bright(&object, stored, layout);
    Ok(Radiograph { tags, pixels })
}

/// Checks that the header describes one gray image of a size and depth we take.
fn layout_of(object: &DefaultDicomObject) -> Result<Layout, RasterError> {
    let refuse = |why| Err(RasterError::Unsuitable { why });
    let (rows, columns) = (whole(object, tags::ROWS), whole(object, tags::COLUMNS));
    if rows < 8 || columns < 8 {
        return refuse("Rows or Columns is missing or below 8");
    }
    let size = u64::from(rows) * u64::from(columns);
    if size > MAXIMUM_PIXELS {
        return Err(RasterError::TooLarge {
            size,
            limit: MAXIMUM_PIXELS,
            unit: "pixels",
        });
    }
    if whole(object, tags::SAMPLES_PER_PIXEL) > 1 {
        return refuse("Samples per Pixel: a color image");
    }
    if whole(object, tags::NUMBER_OF_FRAMES) > 1 {
        return refuse("Number of Frames: more than one");
    }
    match text(object, tags::PHOTOMETRIC_INTERPRETATION).as_deref() {
        Some("MONOCHROME1" | "MONOCHROME2") => {}
        Some(_) | None => return refuse("Photometric Interpretation is not MONOCHROME1 or 2"),
    }
    let bytes_allocated = match whole(object, tags::BITS_ALLOCATED) {
        8 => 1,
        16 => 2,
        _ => return refuse("Bits Allocated is not 8 or 16"),
    };
    let bits_stored = whole(object, tags::BITS_STORED);
    if !(8..=16).contains(&bits_stored) || bits_stored > bytes_allocated * 8 {
        return refuse("Bits Stored is not between 8 and 16, or more than allocated");
    }
    if whole(object, tags::HIGH_BIT) != bits_stored - 1 {
        return refuse("High Bit is not Bits Stored - 1");
    }
    let too_large = |_| RasterError::Unsuitable {
        why: "Rows and Columns",
    };
    Ok(Layout {
        pixels: usize::try_from(size).map_err(too_large)?,
        bytes_allocated: if bytes_allocated == 1 { 1 } else { 2 },
        bits_stored,
        signed: whole(object, tags::PIXEL_REPRESENTATION) == 1,
    })
}

/// The stored values as the standard defines them: masked to Bits Stored, with
/// their sign.
fn stored_values(object: &DefaultDicomObject, layout: Layout) -> Result<Vec<i32>, RasterError> {
    let words = raw_words(object, layout)?;
    let unused = 32 - layout.bits_stored;
    Ok(words
        .into_iter()
        .map(|word| {
            let shifted = u32::from(word) << unused;
            if layout.signed {
                shifted.cast_signed() >> unused
            } else {
                (shifted >> unused).cast_signed()
            }
        })
        .collect())
}

/// The pixel cells, decompressed where need be, one word each.
fn raw_words(object: &DefaultDicomObject, layout: Layout) -> Result<Vec<u16>, RasterError> {
    let uid = object.meta().transfer_syntax().trim_end_matches('\0');
    let name = DECODABLE.iter().find(|(known, _)| *known == uid);
    let fault = |why, source| RasterError::CannotDecode {
        encoding: name.map_or_else(|| uid.to_owned(), |(_, name)| (*name).to_owned()),
        why,
        source,
    };
    if name.is_none() {
        return Err(fault("no decoder for this transfer syntax", None));
    }
    let element = object
        .element_opt(tags::PIXEL_DATA)
        .ok()
        .flatten()
        .ok_or_else(|| fault("there is no Pixel Data", None))?;
    let words = match element.value() {
        Value::Primitive(PrimitiveValue::U16(words)) if layout.bytes_allocated == 2 => {
            words.to_vec()
        }
        // Bytes, or two of them in a word, the first in its low half (PS3.5 8.1.1).
        Value::Primitive(value) => words_of(&value.to_bytes(), layout),
        Value::PixelSequence(_) => {
            check_codestream(object).map_err(|why| fault(why, None))?;
            let syntax = TransferSyntaxRegistry
                .get(uid)
                .ok_or_else(|| fault("no decoder for this transfer syntax", None))?;
            let Codec::EncapsulatedPixelData(Some(decoder), _) = syntax.codec() else {
                return Err(fault("compressed pixels in an uncompressed syntax", None));
            };
            // Codecs of others panic on some damaged streams (RLE segments that
            // end early): that, too, is an answer about the image.
            let decoded = catch_unwind(AssertUnwindSafe(|| {
                let mut bytes = Vec::new();
                decoder.decode_frame(object, 0, &mut bytes).map(|()| bytes)
            }));
            let bytes = decoded
                .map_err(|_| fault("the codec broke down on the compressed pixels", None))?
                .map_err(|source| fault("the compressed pixels are damaged", Some(source)))?;
            words_of(&bytes, layout)
        }
        Value::Sequence(_) => return Err(fault("Pixel Data is a sequence", None)),
    };
    if words.len() < layout.pixels {
        return Err(fault(
            "there are fewer pixels than Rows times Columns",
            None,
        ));
    }
    let mut words = words;
    words.truncate(layout.pixels);
    Ok(words)
}

/// Little-endian bytes as words, one a pixel.
fn words_of(bytes: &[u8], layout: Layout) -> Vec<u16> {
    if layout.bytes_allocated == 1 {
        bytes.iter().map(|byte| u16::from(*byte)).collect()
    } else {
        let pairs = bytes.chunks_exact(2);
        pairs
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }
}

/// A codestream must have the size that the header says, before it is decoded.
fn check_codestream(object: &DefaultDicomObject) -> Result<(), &'static str> {
    let Some(first) = object.fragment(0) else {
        return Err("there is no compressed frame");
    };
    let header = (whole(object, tags::ROWS), whole(object, tags::COLUMNS));
    match codestream_size(&first) {
        Some(size) if size != header => Err("the codestream's size differs from Rows and Columns"),
        None if object.meta().transfer_syntax().trim_end_matches('\0') != uids::RLE_LOSSLESS => {
            Err("the codestream has no size")
        }
        Some(_) | None => Ok(()),
    }
}

/// Rescales and turns the values so that more stopped radiation is larger.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "stored values have at most 16 bits"
)]
fn bone_bright(object: &DefaultDicomObject, stored: Vec<i32>, layout: Layout) -> Vec<f32> {
    let slope = number(object, tags::RESCALE_SLOPE)
        .filter(|slope| slope.abs() > 0.0)
        .unwrap_or(1.0);
    let intercept = number(object, tags::RESCALE_INTERCEPT).unwrap_or(0.0);
    let processing =
        text(object, tags::PRESENTATION_INTENT_TYPE).as_deref() == Some("FOR PROCESSING");
    let sign = number(object, tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN);
    let linear = text(object, tags::PIXEL_INTENSITY_RELATIONSHIP).as_deref() == Some("LIN");
    let dark_bone = match sign {
        // +1: larger values are more radiation at the detector.
        Some(sign) if processing => sign > 0.0,
        Some(_) | None => {
            let photometric = text(object, tags::PHOTOMETRIC_INTERPRETATION);
            photometric.as_deref() == Some("MONOCHROME1")
        }
    };
    if processing && linear && dark_bone {
        return stored
            .into_iter()
            .map(|value| -(value.max(1) as f32).ln())
            .collect();
    }
    // Lowest plus highest value that the bits can hold.
    let ends = if layout.signed {
        -1
    } else {
        (1 << layout.bits_stored) - 1
    };
    stored
        .into_iter()
        .map(|value| if dark_bone { ends - value } else { value })
        .map(|value| (f64::from(value) * slope + intercept) as f32)
        .collect()
}
