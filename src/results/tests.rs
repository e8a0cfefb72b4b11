//! Same input, same bytes; nothing but the pseudonym names anybody; numbers
//! come back as they went in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use proptest::prelude::*;

use super::content::decimal;
use super::*;
use crate::wire::MeasuredOn;
use crate::wire::NOTICE_EN;

struct Case {
    pseudonym: Pseudonym,
    study: Uid<StudyUid>,
    bones: Vec<(Bone, Vec<u8>)>,
    figures: Vec<Figure>,
    model: ModelStamp,
}

fn figure(name: &str, value: Option<f64>, model: &ModelStamp) -> Figure {
    Figure {
        name: name.into(),
        value,
        unit: if name.ends_with("mm") { "mm" } else { "deg" }.into(),
        half_width_95: Some(2.5),
        method: "landmarks of the fitted surface".into(),
        measured_on: MeasuredOn::SimulatedXray,
        measured_n: 200,
        model: model.clone(),
    }
}

fn case() -> Case {
    let model = ModelStamp {
        id: "first-light@1".parse().unwrap(),
        digest: Digest::of(b"card"),
    };
    Case {
        pseudonym: "BB-ABCDEFGHIJ2345672345".parse().unwrap(),
        study: "2.25.1234".parse().unwrap(),
        bones: vec![(Bone::Radius, vec![1; 85]), (Bone::Ulna, vec![2; 84])],
        figures: vec![
            figure("radial_inclination_deg", Some(23.456), &model),
            figure("volar_tilt_deg", None, &model),
            figure("ulnar_variance_mm", Some(-0.5), &model),
        ],
        model,
    }
}

impl Case {
    fn input(&self) -> ResultInput<'_> {
        ResultInput {
            pseudonym: &self.pseudonym,
            study_uid: &self.study,
            generation: 1,
            device: "box-1",
            side: Side::Left,
            bones: &self.bones,
            figures: &self.figures,
            landmarks: &[(Landmark::RadialStyloidTip, [1.0, 2.0, 3.0])],
            sources: &[],
            model: &self.model,
            at: Moment::from_micros(1_000_000),
        }
    }
}

fn read(object: &ResultObject) -> DefaultDicomObject {
    dicom_object::from_reader(object.bytes.as_slice()).unwrap()
}

fn string(set: &InMemDicomObject, tag: Tag) -> String {
    set.element(tag).unwrap().to_str().unwrap().into_owned()
}

/// The items below a data set that have a concept of this meaning.
fn find<'a>(set: &'a InMemDicomObject, meaning: &str) -> Vec<&'a InMemDicomObject> {
    let mut found = Vec::new();
    let Ok(content) = set.element(tags::CONTENT_SEQUENCE) else {
        return found;
    };
    for item in content.items().unwrap_or_default() {
        let concept = item.element(tags::CONCEPT_NAME_CODE_SEQUENCE).unwrap();
        if string(&concept.items().unwrap()[0], tags::CODE_MEANING) == meaning {
            found.push(item);
        }
        found.extend(find(item, meaning));
    }
    found
}

#[test]
fn same_input_same_bytes() {
    let case = case();
    let first = write(&case.input()).unwrap();
    assert_eq!(first, write(&case.input()).unwrap());
    let names: Vec<&str> = first.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["radius.dcm", "ulna.dcm", "measures.dcm"]);
    let later = ResultInput {
        generation: 2,
        ..case.input()
    };
    for (one, two) in first.iter().zip(write(&later).unwrap()) {
        assert_ne!(one.sop_instance, two.sop_instance);
    }
}

#[test]
fn surfaces_share_a_frame_and_keep_their_bytes() {
    let case = case();
    let objects = write(&case.input()).unwrap();
    let sets: Vec<_> = objects.iter().map(read).collect();
    let frame = string(&sets[0], tags::FRAME_OF_REFERENCE_UID);
    assert_eq!(frame, string(&sets[1], tags::FRAME_OF_REFERENCE_UID));
    let point = find(&sets[2], "Radial styloid tip");
    assert_eq!(
        frame,
        string(point[0], tags::REFERENCED_FRAME_OF_REFERENCE_UID)
    );
    for (set, (_, stl)) in sets.iter().zip(&case.bones) {
        let document = set.element(tags::ENCAPSULATED_DOCUMENT).unwrap();
        let document = document.to_bytes().unwrap();
        let length = set.element(tags::ENCAPSULATED_DOCUMENT_LENGTH).unwrap();
        let length = usize::try_from(length.to_int::<u32>().unwrap()).unwrap();
        assert_eq!(&document[..length], stl.as_slice());
    }
}

#[test]
fn figures_come_back() {
    let case = case();
    let report = read(write(&case.input()).unwrap().last().unwrap());
    let items = find(&report, "Radial inclination");
    let measured = items[0].element(tags::MEASURED_VALUE_SEQUENCE).unwrap();
    let measured = &measured.items().unwrap()[0];
    assert_eq!(string(measured, tags::NUMERIC_VALUE), "23.456");
    let half = find(items[0], "Half-width of the stated 95 % interval");
    assert_eq!(half.len(), 1);
    let on = find(items[0], "What the error was measured on");
    assert_eq!(
        string(on[0], tags::TEXT_VALUE),
        "simulated X-rays of invented bones, 200 cases"
    );
    let unseen = find(&report, "Volar tilt");
    let measured = unseen[0].element(tags::MEASURED_VALUE_SEQUENCE).unwrap();
    assert!(measured.items().unwrap().is_empty());
    assert_eq!(find(&report, "Measurement Group").len(), 2);
}

#[test]
fn every_object_carries_the_notice_and_only_the_pseudonym() {
    let case = case();
    for object in write(&case.input()).unwrap() {
        let text = String::from_utf8_lossy(&object.bytes).into_owned();
        assert!(text.contains(NOTICE_EN), "{}", object.name);
        let set = read(&object);
        assert_eq!(string(&set, tags::PATIENT_ID), case.pseudonym.as_str());
        assert_eq!(string(&set, tags::PATIENT_IDENTITY_REMOVED), "YES");
        assert_eq!(string(&set, tags::PATIENT_BIRTH_DATE), "");
        assert_eq!(string(&set, tags::STUDY_DATE), "");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut case = case();
    case.figures[0].value = Some(f64::NAN);
    assert!(matches!(
        write(&case.input()),
        Err(ResultsError::NotFinite { .. })
    ));
    case.figures.clear();
    case.bones[0].1.clear();
    assert!(matches!(
        write(&case.input()),
        Err(ResultsError::Surface { bone: "radius" })
    ));
    case.bones.clear();
    assert!(matches!(write(&case.input()), Err(ResultsError::Nothing)));
}

#[test]
fn the_code_of_each_landmark_is_its_own() {
    let case = case();
    let places: Vec<_> = Landmark::ALL.iter().map(|l| (*l, [0.0; 3])).collect();
    let input = ResultInput {
        landmarks: &places,
        ..case.input()
    };
    let report = read(write(&input).unwrap().last().unwrap());
    let mut values = std::collections::BTreeSet::new();
    for group in find(&report, "Measurement Group") {
        for item in group
            .element(tags::CONTENT_SEQUENCE)
            .unwrap()
            .items()
            .unwrap()
        {
            if string(item, tags::VALUE_TYPE) == "SCOORD3D" {
                let concept = item.element(tags::CONCEPT_NAME_CODE_SEQUENCE).unwrap();
                values.insert(string(&concept.items().unwrap()[0], tags::CODE_VALUE));
            }
        }
    }
    assert_eq!(values.len(), Landmark::ALL.len());
}

proptest! {
    #[test]
    fn decimals_fit_and_come_back(value in prop_oneof![-1e6f64..1e6, any::<f64>().prop_filter("finite", |v| v.is_finite())]) {
        let text = decimal(value);
        prop_assert!(text.len() <= 16, "{}", text);
        let read: f64 = text.parse().unwrap();
        prop_assert!((read - value).abs() <= 1e-6 + value.abs() * 1e-8, "{} {}", text, value);
    }
}
