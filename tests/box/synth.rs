//! Invented studies as other programs judge them.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "tests")]

use bonebox::raster::{View, read_radiograph, read_tags};
use bonebox::workbench::synth::{case, write_case};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use crate::results::dciodvfy_errors;

#[test]
fn dciodvfy_finds_no_error_and_the_box_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    // One that is dark and one that is bright, a right and a left wrist.
    for number in 0..4 {
        let case = case(number).unwrap();
        let at = write_case(&case, folder.path()).unwrap();
        for (name, view) in [("pa", View::Pa), ("lateral", View::Lateral)] {
            let file = at.join(format!("{name}.dcm"));
            assert_eq!(dciodvfy_errors(&file), Vec::<String>::new(), "{name}");
            let tags = read_tags(&file).unwrap();
            assert_eq!(tags.view, view);
            let side = tags.side.map(|side| format!("{side:?}")[..1].to_owned());
            assert_eq!(side.as_deref(), case.truth["side"].as_str());
            assert!(tags.calibration.spacing.is_some());
            assert!(read_radiograph(&file).is_ok());
        }
        assert!(case.truth["measures"]["volar_tilt_deg"].is_f64());
    }
}

#[test]
fn what_is_planted_is_there() {
    let case = case(0).unwrap();
    let bytes = case.images.concat();
    let codec = SpecificCharacterSet::from_code("ISO 2022 IR 87").unwrap();
    for planted in case.identity.planted() {
        let needle = codec.encode(&planted).unwrap();
        let found = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(found, "{planted}");
    }
}

#[test]
fn the_same_number_is_the_same_study() {
    assert_eq!(case(2).unwrap(), case(2).unwrap());
    assert!(case(u64::MAX).is_err());
}
