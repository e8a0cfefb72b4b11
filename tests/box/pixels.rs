//! Every transfer syntax that is decoded, against known pixels.
//!
//! The files in `fixtures/pixels` were written by other programs than ours
//! (dcmtk, OpenJPEG) from a formula, so both sides of a codec are checked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use bonebox::raster::{
    BodyPart, Grade, MAXIMUM_FILE_BYTES, RasterError, Remedy, Side, View, preview, read_radiograph,
    read_tags,
};

const ROWS: u32 = 40;
const COLUMNS: u32 = 56;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/box/fixtures/pixels")
        .join(format!("{name}.dcm"))
}

/// The 12-bit picture: steep, with a texture that no lossy codec can keep.
fn steep(row: u32, column: u32) -> u32 {
    (row * 97 + column * 31 + (row * column) % 17 * 5) & 0xfff
}

/// The 8-bit picture: a ramp.
fn ramp(row: u32, column: u32) -> u32 {
    row * 3 + column * 2
}

/// The largest difference between a decoded fixture and its formula.
fn largest_error(name: &str, expected: fn(u32, u32) -> u32) -> f32 {
    let radiograph = read_radiograph(&fixture(name)).unwrap();
    assert_eq!(
        (radiograph.rows(), radiograph.columns()),
        (ROWS, COLUMNS),
        "{name}"
    );
    let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
    cells
        .zip(&radiograph.pixels)
        .map(|((row, column), pixel)| {
            let expected = f32::from(u16::try_from(expected(row, column)).unwrap());
            (pixel - expected).abs()
        })
        .fold(0.0, f32::max)
}

#[test]
fn lossless_syntaxes_give_the_very_pixels() {
    for name in [
        "implicit",
        "explicit",
        "big-endian",
        "deflated",
        "rle",
        "jpeg-lossless",
        "jpeg-lossless-sv1",
        "jpeg2000-lossless",
    ] {
        let error = largest_error(name, steep);
        assert!(error.abs() < f32::EPSILON, "{name}: {error}");
    }
    assert!(largest_error("smooth-8bit", ramp) < f32::EPSILON);
}

#[test]
fn lossy_syntaxes_stay_near() {
    // Largest differences of pydicom's decoder on the same files: 0 and 2.
    let baseline = largest_error("jpeg-baseline", ramp);
    assert!(baseline <= 2.0, "{baseline}");
    let wavelet = largest_error("jpeg2000", steep);
    assert!(wavelet > 0.0 && wavelet <= 3.0, "{wavelet}");
}

#[test]
fn a_syntax_without_a_decoder_is_said_so() {
    let error = read_radiograph(&fixture("jpeg-extended-12bit")).unwrap_err();
    assert!(
        matches!(error, RasterError::CannotDecode { .. }),
        "{error:?}"
    );
    assert_eq!(error.remedy(), Remedy::Refuse);
    assert!(
        error.to_string().contains("1.2.840.10008.1.2.4.51"),
        "{error}"
    );
    // Its tags can be read all the same.
    assert_eq!(
        read_tags(&fixture("jpeg-extended-12bit")).unwrap().view,
        View::Pa
    );
}

#[test]
fn tags_say_view_side_part_and_scale() {
    let tags = read_tags(&fixture("explicit")).unwrap();
    assert_eq!(tags.view, View::Pa);
    assert_eq!(tags.side, Some(Side::Right));
    assert_eq!(tags.body_part, BodyPart::Wrist);
    assert_eq!(tags.calibration.grade, Grade::C);
    assert!(tags.projection);
    let radiograph = read_radiograph(&fixture("jpeg2000")).unwrap();
    assert_eq!(radiograph.tags, tags);
}

/// A copy of a fixture with some bytes replaced, all of them, wherever found.
fn altered(name: &str, from: &[u8], to: &[u8]) -> Result<bonebox::raster::Radiograph, RasterError> {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.unwrap_or_else(|| panic!("{name} has no {from:?}"));
    bytes[at..at + to.len()].copy_from_slice(to);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("altered.dcm");
    std::fs::write(&path, bytes).unwrap();
    read_radiograph(&path)
}

#[test]
fn monochrome1_is_turned_round() {
    let straight = read_radiograph(&fixture("explicit")).unwrap();
    let turned = altered("explicit", b"MONOCHROME2", b"MONOCHROME1").unwrap();
    for (a, b) in straight.pixels.iter().zip(&turned.pixels) {
        assert!((a + b - 4095.0).abs() < f32::EPSILON);
    }
}

#[test]
fn sizes_and_depths_that_cannot_be_are_refused() {
    // Explicit little endian: tag, VR, length 2, value.
    let rows = b"\x28\x00\x10\x00US\x02\x00\x28\x00";
    let many = b"\x28\x00\x10\x00US\x02\x00\xff\xff";
    let error = altered("explicit", rows, many).unwrap_err();
    assert!(
        matches!(error, RasterError::CannotDecode { .. }),
        "{error:?}"
    );
    let bits = b"\x28\x00\x01\x01US\x02\x00\x0c\x00";
    let four = b"\x28\x00\x01\x01US\x02\x00\x04\x00";
    let error = altered("explicit", bits, four).unwrap_err();
    assert!(matches!(error, RasterError::Unsuitable { .. }), "{error:?}");
    let color = altered(
        "explicit",
        b"\x28\x00\x02\x00US\x02\x00\x01",
        b"\x28\x00\x02\x00US\x02\x00\x03",
    );
    assert!(matches!(color, Err(RasterError::Unsuitable { .. })));
}

#[test]
fn a_codestream_larger_than_its_header_never_reaches_the_codec() {
    // SOF3, length 11, precision 16, 40 rows, 56 columns: made 65535 square.
    let frame = b"\xff\xc3\x00\x0b\x10\x00\x28\x00\x38";
    let bomb = b"\xff\xc3\x00\x0b\x10\xff\xff\xff\xff";
    let error = altered("jpeg-lossless-sv1", frame, bomb).unwrap_err();
    assert!(error.to_string().contains("codestream's size"), "{error}");
}

#[test]
fn a_huge_picture_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.dcm");
    let mut bytes = std::fs::read(fixture("explicit")).unwrap();
    for (tag, old) in [(b"\x28\x00\x10\x00", 0x28), (b"\x28\x00\x11\x00", 0x38)] {
        let element = [tag.as_slice(), b"US\x02\x00", &[old, 0]].concat();
        let at = bytes
            .windows(10)
            .position(|window| window == element)
            .unwrap();
        bytes[at + 8..at + 10].copy_from_slice(&10_000_u16.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let error = read_radiograph(&path).unwrap_err();
    assert!(
        matches!(error, RasterError::TooLarge { unit: "pixels", .. }),
        "{error:?}"
    );
}

#[test]
fn a_damaged_file_is_an_answer_and_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.dcm");
    for name in [
        "explicit",
        "rle",
        "jpeg-lossless",
        "jpeg2000-lossless",
        "deflated",
        "jpeg-baseline",
    ] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for part in [
            0,
            100,
            140,
            bytes.len() / 3,
            bytes.len() / 2,
            bytes.len() - 200,
        ] {
            std::fs::write(&path, &bytes[..part]).unwrap();
            match read_radiograph(&path) {
                // Some codecs fill in what is missing at the very end.
                Ok(radiograph) => assert_eq!(radiograph.pixels.len(), 40 * 56),
                Err(error) => assert_eq!(error.remedy(), Remedy::Refuse, "{name} {part} {error:?}"),
            }
        }
    }
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(MAXIMUM_FILE_BYTES + 1).unwrap();
    let error = read_radiograph(&path).unwrap_err();
    assert!(
        matches!(error, RasterError::TooLarge { unit: "bytes", .. }),
        "{error:?}"
    );
    let error = read_radiograph(&folder.path().join("none.dcm")).unwrap_err();
    assert_eq!(error.remedy(), Remedy::Retry);
}

#[test]
fn real_radiographs_decode_the_same_in_every_syntax() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/setup/pydicom-data");
    for (name, rows, columns, part, view) in [
        ("RG1", 1955, 1841, BodyPart::Other, View::Pa),
        ("RG3", 1760, 1760, BodyPart::Other, View::Ap),
    ] {
        let read = |kind| read_radiograph(&folder.join(format!("{name}_{kind}.dcm"))).unwrap();
        let plain = read("UNCR");
        assert_eq!((plain.rows(), plain.columns()), (rows, columns));
        assert_eq!((plain.tags.body_part, plain.tags.view), (part, view));
        assert_eq!(plain.tags.calibration.grade, Grade::F);
        assert_eq!(plain.pixels, read("J2KR").pixels);
        let lossy = read("J2KI");
        let cells = plain.pixels.iter().zip(&lossy.pixels);
        let sum: f64 = cells.map(|(a, b)| f64::from((a - b).abs())).sum();
        let mean = sum / f64::from(rows * columns);
        assert!(mean > 0.0 && mean < 100.0, "{name}: {mean}");
        assert!(preview(&plain, 320).unwrap().len() > 5_000);
    }
}
