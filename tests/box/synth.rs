//! Invented studies as other programs judge them.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "tests")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use bonebox::geometry::{Detector, SurfaceMesh};
use bonebox::raster::{View, read_radiograph, read_tags};
use bonebox::workbench::synth::{case, write_case};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use serde_json::Value;

use crate::results::dciodvfy_errors;
use crate::rig::bonebox;

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

fn synth(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let out = ["synth", "--out"].map(OsStr::new);
    let mut all: Vec<&OsStr> = out.to_vec();
    all.push(folder.as_os_str());
    all.extend(arguments.iter().map(OsStr::new));
    bonebox(&all)
}

#[test]
fn studies_of_specimens_pass_dciodvfy_and_are_read_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = synth(
        folder.path(),
        &[
            "--generator",
            "B-dev",
            "--oblique",
            "--ct",
            "--subjects",
            "1",
            "--seed",
            "7",
        ],
    );
    assert_eq!(code, Some(0), "{said}");
    let at = folder.path().join("B-dev-2000007");
    let truth: Value = serde_json::from_slice(&fs::read(at.join("truth.json")).unwrap()).unwrap();
    for (name, view) in [
        ("pa", View::Pa),
        ("lateral", View::Lateral),
        ("oblique", View::Oblique),
    ] {
        for suffix in ["", "-processing"] {
            let file = at.join(format!("{name}{suffix}.dcm"));
            assert_eq!(
                dciodvfy_errors(&file),
                Vec::<String>::new(),
                "{name}{suffix}"
            );
            let tags = read_tags(&file).unwrap();
            assert_eq!(tags.view, view);
            let side = tags.side.map(|side| format!("{side:?}")[..1].to_owned());
            assert_eq!(side.as_deref(), truth["side"].as_str());
            assert!(tags.calibration.spacing.is_some());
            assert!(read_radiograph(&file).is_ok());
        }
        assert!(truth["views"][name]["poses"]["ulna"]["translation_mm"].is_array());
    }
    let slices = fs::read_dir(at.join("ct")).unwrap().count();
    assert_eq!(truth["ct"]["slices"], slices);
    assert!(slices > 80, "{slices}");
    for number in [1, slices] {
        let file = at.join(format!("ct/{number:04}.dcm"));
        assert_eq!(dciodvfy_errors(&file), Vec::<String>::new());
    }
    for measure in [
        "radial_inclination_deg",
        "volar_tilt_deg",
        "radial_height_mm",
        "ulnar_variance_mm",
    ] {
        assert!(truth["measures"][measure].is_f64(), "{measure}");
    }
    for bone in ["radius", "ulna"] {
        let bytes = fs::read(at.join(format!("{bone}.stl"))).unwrap();
        let mesh = SurfaceMesh::<Detector>::from_stl(&bytes).unwrap();
        let [low, high] = mesh.bounds();
        assert!(mesh.is_closed() && low[2] > -120.0 && high[2] < -5.0);
        // The hand points up.
        assert!(
            (70.0..95.0).contains(&(high[1] - low[1])),
            "{low:?} {high:?}"
        );
    }
}

#[test]
fn abnormal_ones_are_made_and_wrong_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--generator",
        "A",
        "--validation",
        "--abnormal",
        "plate-and-screws",
    ];
    assert_eq!(synth(folder.path(), &arguments).0, Some(0));
    let at = folder.path().join("A-1000000-plate-and-screws");
    assert_eq!(dciodvfy_errors(&at.join("pa.dcm")), Vec::<String>::new());
    let truth: Value = serde_json::from_slice(&fs::read(at.join("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["abnormal"]["kind"], "plate-and-screws");
    for wrong in [
        &["--generator", "B-test"] as &[&str],
        &["--generator", "B-dev", "--validation"],
        &["--generator", "B-dev", "--log", "x"],
        &["--generator", "A", "--abnormal", "six-fingers"],
        &["--generator", "A", "--seed", "100000"],
        &["--ct"],
    ] {
        assert_eq!(synth(folder.path(), wrong).0, Some(2), "{wrong:?}");
    }
}
