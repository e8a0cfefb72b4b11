//! MetaImage files (`.mha`), as ITK, plastimatch, 3D Slicer and others read and
//! write them: a text header of `Key = Value` lines that ends with
//! `ElementDataFile = LOCAL`, then the values.
//!
//! Read: two or three dimensions, one channel, any of the common number types,
//! either byte order, plain or deflated. Written: `MET_FLOAT`, little endian,
//! plain. A place in a file is in millimeters, LPS (the frame of DICOM).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;

use super::RasterError;
use super::Volume;
use super::volume::MAXIMUM_VOXELS;
use crate::geometry::Patient;
use crate::geometry::Rigid;

/// No header is longer.
const HEADER_BYTES: usize = 64 * 1024;

/// Splits the header's lines from the values.
fn header(bytes: &[u8]) -> Result<(HashMap<String, String>, &[u8]), RasterError> {
    let mut keys = HashMap::new();
    let mut rest = bytes;
    loop {
        let line = rest
            .iter()
            .take(HEADER_BYTES)
            .position(|b| *b == b'\n')
            .and_then(|end| rest.split_at_checked(end + 1));
        let Some((line, after)) = line else {
            return Err(unsuitable(
                "no line ElementDataFile in a MetaImage's header",
            ));
        };
        rest = after;
        let text = std::str::from_utf8(line)
            .map_err(|_| unsuitable("a MetaImage's header that is no text"))?;
        let Some((key, value)) = text.split_once('=') else {
            return Err(unsuitable("a line without '=' in a MetaImage's header"));
        };
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        let last = key == "ElementDataFile";
        if last && value != "LOCAL" {
            return Err(unsuitable(
                "a MetaImage whose values lie in another file: save it as one .mha file",
            ));
        }
        keys.insert(key, value);
        if keys.len() > 200 {
            return Err(unsuitable("a MetaImage's header of more than 200 lines"));
        }
        if last {
            return Ok((keys, rest));
        }
    }
}

const fn unsuitable(why: &'static str) -> RasterError {
    RasterError::Unsuitable { why }
}

/// The numbers of a line, `expected` of them.
fn numbers(text: &str, expected: usize, why: &'static str) -> Result<Vec<f64>, RasterError> {
    let found: Option<Vec<f64>> = text
        .split_whitespace()
        .map(|word| word.parse().ok().filter(|v: &f64| v.is_finite()))
        .collect();
    found
        .filter(|found| found.len() == expected)
        .ok_or_else(|| unsuitable(why))
}

/// How many bytes a value has, and how it is read.
type Kind = (usize, fn(&[u8], bool) -> f32);

macro_rules! reader {
    ($type:ty) => {
        |bytes, big| {
            let mut own = [0; size_of::<$type>()];
            own.copy_from_slice(bytes);
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_lossless,
                reason = "a volume keeps single precision"
            )]
            let value = if big {
                <$type>::from_be_bytes(own)
            } else {
                <$type>::from_le_bytes(own)
            } as f32;
            value
        }
    };
}

fn kind(name: &str) -> Result<Kind, RasterError> {
    Ok(match name {
        "MET_UCHAR" => (1, reader!(u8)),
        "MET_CHAR" => (1, reader!(i8)),
        "MET_USHORT" => (2, reader!(u16)),
        "MET_SHORT" => (2, reader!(i16)),
        "MET_UINT" => (4, reader!(u32)),
        "MET_INT" => (4, reader!(i32)),
        "MET_FLOAT" => (4, reader!(f32)),
        "MET_DOUBLE" => (8, reader!(f64)),
        _ => return Err(unsuitable("a MetaImage of a number type that is not read")),
    })
}

impl Volume {
    /// Reads a MetaImage.
    ///
    /// # Errors
    /// [`RasterError::Unsuitable`] with what is wrong with the file.
    pub fn from_mha(bytes: &[u8]) -> Result<Self, RasterError> {
        let (keys, rest) = header(bytes)?;
        let text = |key: &str| keys.get(key).map(String::as_str);
        let dimensions = match text("NDims") {
            Some("2") => 2,
            Some("3") => 3,
            _ => {
                return Err(unsuitable(
                    "a MetaImage that has not two or three dimensions",
                ));
            }
        };
        if text("ElementNumberOfChannels").is_some_and(|n| n != "1") {
            return Err(unsuitable("a MetaImage of several channels"));
        }
        let sizes = numbers(
            text("DimSize").unwrap_or_default(),
            dimensions,
            "a MetaImage without a readable DimSize",
        )?;
        let mut size = [1_usize; 3];
        for (side, given) in size.iter_mut().zip(&sizes) {
            *side = whole(*given)?;
        }
        let spacing = match text("ElementSpacing").or_else(|| text("ElementSize")) {
            Some(text) => numbers(text, dimensions, "a MetaImage's unreadable ElementSpacing")?,
            None => vec![1.0; dimensions],
        };
        let mut spacing_mm = [1.0; 3];
        spacing_mm[..dimensions].copy_from_slice(&spacing);
        let count = size
            .iter()
            .try_fold(1_usize, |product, side| product.checked_mul(*side))
            .filter(|count| *count <= MAXIMUM_VOXELS)
            .ok_or_else(|| unsuitable("a volume of more than 512 million voxels"))?;
        let (width, read) = kind(text("ElementType").unwrap_or_default())?;
        let yes = |key| text(key).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let big = yes("BinaryDataByteOrderMSB") || yes("ElementByteOrderMSB");
        if text("BinaryData").is_some_and(|v| !v.eq_ignore_ascii_case("true")) {
            return Err(unsuitable("a MetaImage whose values are written as text"));
        }
        let inflated;
        let data = if yes("CompressedData") {
            inflated = inflate(rest, count * width)?;
            &inflated
        } else {
            rest
        };
        let data = data
            .get(..count * width)
            .ok_or_else(|| unsuitable("a MetaImage that is cut short"))?;
        let values = data.chunks_exact(width).map(|b| read(b, big)).collect();
        let place = placed(&keys, dimensions)?;
        Self::new(size, spacing_mm, place, values)
    }

    /// Writes a MetaImage.
    #[must_use]
    pub fn to_mha(&self) -> Vec<u8> {
        let words = |numbers: &[f64]| {
            let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            words.join(" ")
        };
        let rows = self.place().rows();
        // A row of the file is the direction of an axis: a column of ours.
        let axes: Vec<f64> = (0..9).map(|k| rows[k % 3][k / 3]).collect();
        let [a, b, c] = self.size();
        let mut text = String::from(
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n\
             CompressedData = False\n",
        );
        let written = write!(
            text,
            "TransformMatrix = {}\nOffset = {}\nCenterOfRotation = 0 0 0\nElementSpacing = {}\n\
             DimSize = {a} {b} {c}\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n",
            words(&axes),
            words(&self.place().translation()),
            words(&self.spacing_mm()),
        );
        debug_assert!(written.is_ok(), "a string takes any text");
        let mut bytes = text.into_bytes();
        bytes.extend(self.values().iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number below 2^32 was asked for"
)]
fn whole(value: f64) -> Result<usize, RasterError> {
    if value >= 1.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
        Ok(value as usize)
    } else {
        Err(unsuitable("a MetaImage whose DimSize is no whole number"))
    }
}

/// Takes deflated values apart, no further than they should be long.
fn inflate(bytes: &[u8], expected: usize) -> Result<Vec<u8>, RasterError> {
    let mut out = Vec::new();
    let limit = u64::try_from(expected).unwrap_or(u64::MAX);
    flate2::read::ZlibDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_| unsuitable("a MetaImage whose deflated values are broken"))?;
    Ok(out)
}

fn placed(
    keys: &HashMap<String, String>,
    dimensions: usize,
) -> Result<Rigid<Patient, Patient>, RasterError> {
    let first = |names: &[&str]| names.iter().find_map(|name| keys.get(*name));
    let mut offset = [0.0; 3];
    if let Some(text) = first(&["Offset", "Position", "Origin"]) {
        let given = numbers(text, dimensions, "a MetaImage's unreadable Offset")?;
        offset[..dimensions].copy_from_slice(&given);
    }
    let mut rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    if let Some(text) = first(&["TransformMatrix", "Orientation", "Rotation"]) {
        let why = "a MetaImage's unreadable TransformMatrix";
        let given = numbers(text, dimensions * dimensions, why)?;
        for (axis, direction) in given.chunks_exact(dimensions).enumerate() {
            for (row, value) in direction.iter().enumerate() {
                rows[row][axis] = *value;
            }
        }
    }
    Rigid::new(rows, offset)
        .map_err(|_| unsuitable("a MetaImage whose axes are not perpendicular or are mirrored"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Write as _;

    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [header.as_bytes(), data].concat()
    }

    const SHORT: &str = "ObjectType = Image\nNDims = 3\nDimSize = 2 1 2\nElementSpacing = 0.5 1 2\n\
                         Offset = 1 2 3\nTransformMatrix = 0 1 0 -1 0 0 0 0 1\nElementType = MET_SHORT\n";

    #[test]
    fn number_types_orders_and_deflated_values_are_read() {
        let expected = [-1000.0, 0.0, 1.0, 3000.0];
        let local = "ElementDataFile = LOCAL\n";
        let bytes = |big: bool| -> Vec<u8> {
            let each = |v: &i16| {
                if big {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                }
            };
            [-1000_i16, 0, 1, 3000].iter().flat_map(each).collect()
        };
        let check = |more: &str, data: &[u8]| {
            let volume = Volume::from_mha(&file(&format!("{SHORT}{more}{local}"), data)).unwrap();
            assert_eq!(volume.values(), expected);
            assert_eq!(
                (volume.size(), volume.spacing_mm()),
                ([2, 1, 2], [0.5, 1.0, 2.0])
            );
            // The first axis of the grid points along y.
            let there = volume.middle_of([1, 0, 1]).xyz();
            for (a, b) in there.iter().zip([1.0, 2.5, 5.0]) {
                assert!((a - b).abs() < 1e-12, "{there:?}");
            }
        };
        check("", &bytes(false));
        check("ElementByteOrderMSB = True\n", &bytes(true));
        let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(&bytes(false)).unwrap();
        check("CompressedData = True\n", &zip.finish().unwrap());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let place = Rigid::from_rotation_vector([0.2, -0.4, 0.1], [4.0, 5.0, -6.0]);
        let values: Vec<f32> = (0..24_u8).map(f32::from).collect();
        let volume = Volume::new([4, 3, 2], [0.5, 0.6, 0.7], place, values).unwrap();
        let again = Volume::from_mha(&volume.to_mha()).unwrap();
        assert_eq!(again.values(), volume.values());
        let (a, b) = (
            again.middle_of([3, 2, 1]).xyz(),
            volume.middle_of([3, 2, 1]).xyz(),
        );
        assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-9));
    }

    #[test]
    fn broken_files_are_refused_with_a_reason() {
        let local = "ElementDataFile = LOCAL\n";
        let check = |text: String, data: &[u8], word: &str| {
            let said = Volume::from_mha(&file(&text, data))
                .unwrap_err()
                .to_string();
            assert!(said.contains(word), "{said}");
        };
        check(format!("{SHORT}{local}"), &[0; 7], "cut short");
        check(SHORT.into(), &[0; 8], "ElementDataFile");
        check(
            format!("{SHORT}ElementDataFile = a.raw\n"),
            &[],
            "another file",
        );
        check(
            format!("{SHORT}CompressedData = True\n{local}"),
            &[7; 9],
            "broken",
        );
        check(
            SHORT.replace("2 1 2", "2 -1 2") + local,
            &[0; 8],
            "whole number",
        );
        check(
            SHORT.replace("2 1 2", "4000000 4000000 9") + local,
            &[],
            "512 million",
        );
        check(
            SHORT.replace("MET_SHORT", "MET_COW") + local,
            &[0; 8],
            "number type",
        );
        check(
            SHORT.replace("0 1 0 -1", "0 1 0 1") + local,
            &[0; 8],
            "axes",
        );
        check(
            SHORT.replace("NDims = 3", "NDims = 4") + local,
            &[0; 8],
            "dimensions",
        );
        check("a MetaImage\n".into(), &[], "'='");
        assert!(Volume::from_mha(&[]).is_err());
    }
}
