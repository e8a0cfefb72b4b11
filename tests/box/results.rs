//! Result objects as another program judges them: `dciodvfy` (dicom3tools)
//! finds no error in any.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use bonebox::anatomy::{Bone, Landmark, Side};
use bonebox::clock::Moment;
use bonebox::names::{Digest, Pseudonym};
use bonebox::results::{self, ResultInput, ResultObject, Source};
use bonebox::wire::{Figure, MeasuredOn, ModelStamp};

/// What `dciodvfy` says against a file: its lines that begin with "Error".
pub(crate) fn dciodvfy_errors(file: &Path) -> Vec<String> {
    let output = Command::new("dciodvfy")
        .arg(file)
        .output()
        .unwrap_or_else(|error| {
            panic!("dciodvfy (Debian package dicom3tools) does not start: {error}")
        });
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.starts_with("Error"))
        .map(str::to_owned)
        .collect()
}

/// A small binary STL: one tetrahedron, shifted so that no two are alike.
pub(crate) fn stl(shift: f32) -> Vec<u8> {
    let corner = [
        [shift, 0.0, 0.0],
        [10.0 + shift, 0.0, 0.0],
        [shift, 10.0, 0.0],
        [shift, 0.0, 10.0],
    ];
    let mut bytes = vec![0; 80];
    bytes.extend_from_slice(&4_u32.to_le_bytes());
    for face in [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
        bytes.extend_from_slice(&[0; 12]);
        for vertex in face {
            let place: [f32; 3] = corner[vertex];
            for value in place {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 2]);
    }
    bytes
}

/// The objects of an invented study.
pub(crate) fn objects(pseudonym: &Pseudonym, study: &str, side: Side) -> Vec<ResultObject> {
    let model = ModelStamp {
        id: "first-light@1".parse().unwrap(),
        digest: Digest::of(b"card"),
    };
    let figure = |name: &str, value, unit: &str| Figure {
        name: name.into(),
        value,
        unit: unit.into(),
        half_width_95: Some(2.4),
        method: "landmarks of the fitted surface".into(),
        measured_on: MeasuredOn::SimulatedXray,
        measured_n: 200,
        model: model.clone(),
    };
    let source = |n: u32| Source {
        sop_class: "1.2.840.10008.5.1.4.1.1.1.1".parse().unwrap(),
        sop_instance: format!("2.25.7{n}").parse().unwrap(),
        series: "2.25.70".parse().unwrap(),
    };
    let landmarks: Vec<_> = Landmark::ALL
        .iter()
        .map(|landmark| (*landmark, [1.5, -2.25, 3.125]))
        .collect();
    results::write(&ResultInput {
        pseudonym,
        study_uid: &study.parse().unwrap(),
        generation: 1,
        device: "box-1",
        side,
        bones: &[(Bone::Radius, stl(0.0)), (Bone::Ulna, stl(20.0))],
        figures: &[
            figure("radial_inclination_deg", Some(23.456), "deg"),
            figure("volar_tilt_deg", None, "deg"),
            figure("radial_height_mm", Some(11.0), "mm"),
            figure("ulnar_variance_mm", Some(-0.5), "mm"),
        ],
        landmarks: &landmarks,
        sources: &[source(1), source(2)],
        model: &model,
        at: Moment::from_micros(1_795_421_730_250_000),
    })
    .unwrap()
}

#[test]
fn dciodvfy_finds_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let pseudonym = "BB-ABCDEFGHIJ2345672345".parse().unwrap();
    for side in [Side::Right, Side::Left] {
        for object in objects(&pseudonym, "2.25.42", side) {
            let file = folder.path().join(&object.name);
            std::fs::write(&file, &object.bytes).unwrap();
            assert_eq!(
                dciodvfy_errors(&file),
                Vec::<String>::new(),
                "{}",
                object.name
            );
        }
    }
}

#[test]
fn the_judge_sees_a_fault() {
    // A judge that never complains would prove nothing.
    let folder = tempfile::tempdir().unwrap();
    let pseudonym = "BB-ABCDEFGHIJ2345672345".parse().unwrap();
    let object = objects(&pseudonym, "2.25.42", Side::Right).remove(0);
    let mut set = dicom_object::from_reader(object.bytes.as_slice()).unwrap();
    set.remove_element(dicom_dictionary_std::tags::MEASUREMENT_UNITS_CODE_SEQUENCE);
    let file = folder.path().join("bare.dcm");
    set.write_to_file(&file).unwrap();
    assert!(!dciodvfy_errors(&file).is_empty());
}
