//! Reconstruction from files to files, with networks that say the truth: what
//! is tested is everything around them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bonebox::analyze::{Code, WristModel, previews, reconstruct};
use bonebox::anatomy::{Bone, Forearm, Measure};
use bonebox::geometry::{Model as ModelFrame, SurfaceMesh};
use bonebox::infer::{InferError, Model, ModelCard, Network, Tensor, Tensors};
use bonebox::phantom::{SimulatedXray, Subject};
use bonebox::study::{AnalyzedEvidence, ArtefactRole, Outcome};

use crate::xray::{Header, write_xray};

/// A network that always says the same.
struct Saying(Tensors);

impl Network for Saying {
    fn run(&self, _inputs: &Tensors) -> Result<Tensors, InferError> {
        Ok(self.0.clone())
    }
}

/// The bytes of a template that has a forearm as its mean and one empty mode.
fn template(forearm: &Forearm<ModelFrame>) -> Vec<u8> {
    let counts = |mesh: &SurfaceMesh<ModelFrame>| {
        serde_json::json!({
            "vertices": mesh.vertices().len(), "triangles": mesh.triangles().len(),
        })
    };
    let header = serde_json::json!({
        "format": "bonebox-shape-1", "frame": "model", "modes": 1,
        "radius": counts(&forearm.radius), "ulna": counts(&forearm.ulna),
        "landmarks": Subject::landmark_ids(),
    })
    .to_string();
    let mut bytes = b"BBSM".to_vec();
    bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for bone in Bone::ALL {
        let mesh = forearm.bone(bone);
        for value in mesh.vertices().iter().flatten() {
            bytes.extend((*value as f32).to_le_bytes());
        }
        bytes.resize(bytes.len() + mesh.vertices().len() * 12, 0);
        for corner in mesh.triangles().iter().flatten() {
            bytes.extend(corner.to_le_bytes());
        }
    }
    bytes
}

/// A model that says a subject's true bones, where they truly lie.
fn truthful(subject: &Subject, shots: &[SimulatedXray; 2]) -> WristModel {
    let card: ModelCard = serde_json::from_value(serde_json::json!({
        "model": "truth@1", "files": [],
        "measured": { "on": "synthetic", "subjects": 1, "half_width_95": {
            "radial_inclination_deg": 0.5 } },
    }))
    .unwrap();
    let tensor = |shape: &[usize], data: Vec<f32>| Tensor::new(shape.to_vec(), data).unwrap();
    let pose = shots.iter().flat_map(|shot| shot.pose).flatten();
    let pose = pose.map(|value| value as f32).collect();
    let predictor = Tensors::from([
        ("latent".to_owned(), tensor(&[1, 1], vec![0.0])),
        ("log_variance".to_owned(), tensor(&[1, 1], vec![0.0])),
        ("pose".to_owned(), tensor(&[1, 2, 2, 6], pose)),
    ]);
    let vertices = |bone: Bone| {
        let list = subject.forearm.bone(bone).vertices();
        let numbers = list.iter().flatten().map(|value| *value as f32).collect();
        (bone.name().to_owned(), tensor(&[1, list.len(), 3], numbers))
    };
    let decoder = Tensors::from(Bone::ALL.map(vertices));
    let networks: BTreeMap<String, Box<dyn Network>> = BTreeMap::from([
        (
            "predictor".to_owned(),
            Box::new(Saying(predictor)) as Box<dyn Network>,
        ),
        (
            "decoder".to_owned(),
            Box::new(Saying(decoder)) as Box<dyn Network>,
        ),
    ]);
    WristModel::of(Model::of(card, networks), &template(&subject.forearm)).unwrap()
}

/// A subject with its images in a folder.
struct Case {
    subject: Subject,
    shots: [SimulatedXray; 2],
    folder: tempfile::TempDir,
}

impl Case {
    fn new(seed: u64) -> Self {
        let subject = Subject::draw(seed).unwrap();
        let shots = subject.radiographs(1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            subject,
            shots,
            folder,
        }
    }

    fn image(&self, view: usize, name: &str, header: impl FnOnce(&mut Header)) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut said = Header::of(&self.shots[view]);
        header(&mut said);
        write_xray(&path, &self.shots[view], &said);
        path
    }

    fn pair(&self) -> [PathBuf; 2] {
        [
            self.image(0, "pa.dcm", |_| ()),
            self.image(1, "lateral.dcm", |_| ()),
        ]
    }

    fn run(&self, images: &[PathBuf]) -> AnalyzedEvidence {
        let out = self.folder.path().join("out");
        std::fs::create_dir_all(&out).unwrap();
        reconstruct(images, &truthful(&self.subject, &self.shots), &out).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join("out").join(name)).unwrap()
    }
}

fn codes(evidence: &AnalyzedEvidence) -> Vec<String> {
    match &evidence.outcome {
        Outcome::Refused { reasons } => reasons.iter().map(|one| one.code.clone()).collect(),
        Outcome::Reconstructed { .. } => Vec::new(),
    }
}

fn check_refused(evidence: &AnalyzedEvidence, code: Code) {
    assert_eq!(codes(evidence), [code.name()], "{:?}", evidence.outcome);
    assert!(evidence.artefacts.is_empty());
}

/// A left and a right arm of the phantom.
fn both_sides() -> [Case; 2] {
    let of = |letter| {
        (3_000_000..)
            .find(|seed| Subject::draw(*seed).unwrap().side.letter() == letter)
            .unwrap()
    };
    ['R', 'L'].map(|letter| Case::new(of(letter)))
}

#[test]
fn both_arms_come_out_as_they_went_in() {
    for case in both_sides() {
        let evidence = case.run(&case.pair());
        let Outcome::Reconstructed {
            side,
            figures,
            image_fit,
            calibration_grade,
            provider,
            ..
        } = &evidence.outcome
        else {
            panic!("{:?}", evidence.outcome);
        };
        assert_eq!(*side, case.subject.side.letter());
        assert_eq!((*calibration_grade, provider.as_str()), ('C', "cpu"));
        assert!(*image_fit > 0.5, "{side}: {image_fit}");
        for (measure, figure) in Measure::ALL.into_iter().zip(figures) {
            let truth = case.subject.measures.get(measure);
            let error = figure.value.unwrap() - truth;
            assert!(error.abs() < 0.01, "{}: {error}", figure.name);
            assert_eq!(figure.name, measure.key());
        }
        assert_eq!(figures[0].half_width_95, Some(0.5));
        let radius = SurfaceMesh::<ModelFrame>::from_stl(&case.read("radius.stl")).unwrap();
        assert!(radius.signed_volume() > 1000.0, "facing outward");
        // The styloid is on the thumb's side: +x on a right arm, -x on a left one.
        let json: serde_json::Value =
            serde_json::from_slice(&case.read("reconstruction.json")).unwrap();
        let styloid = json["landmarks"]["radial_styloid_tip"][0].as_f64().unwrap();
        let dome = json["landmarks"]["ulnar_dome"][0].as_f64().unwrap();
        assert_eq!(styloid > dome, *side == 'R', "{styloid} {dome}");
    }
}

#[test]
fn the_overlay_follows_the_bones_in_the_image_as_taken() {
    for case in both_sides() {
        let evidence = case.run(&case.pair());
        for (view, stem) in ["01-pa", "02-lateral"].iter().enumerate() {
            let name = format!("{stem}-overlay.json");
            let overlay: serde_json::Value = serde_json::from_slice(&case.read(&name)).unwrap();
            let shot = &case.shots[view];
            assert_eq!(overlay["rows"], shot.camera.rows);
            let bones = shot.bones(&case.subject);
            for bone in Bone::ALL {
                let wanted = bone.name();
                let outlines = overlay["outlines"].as_array().unwrap().iter();
                let points: Vec<[f64; 2]> = outlines
                    .filter(|outline| outline["bone"] == wanted)
                    .flat_map(|outline| {
                        serde_json::from_value::<Vec<[f64; 2]>>(outline["points"].clone()).unwrap()
                    })
                    .collect();
                // The rightmost and leftmost vertex's shadow, by the true camera
                // (which has its principal point elsewhere: up to 20 mm).
                let shadow = bones.bone(bone).vertices().iter().filter_map(|vertex| {
                    shot.camera.project(bonebox::geometry::Point::new(*vertex))
                });
                let ends = |list: &mut dyn Iterator<Item = [f64; 2]>| {
                    list.filter(|[_, row]| (0.0..f64::from(shot.camera.rows)).contains(row))
                        .fold([f64::MAX, f64::MIN], |ends, [column, _]| {
                            [ends[0].min(column), ends[1].max(column)]
                        })
                };
                let found = ends(&mut points.into_iter());
                let true_ends = ends(&mut shadow.into_iter());
                // The box takes the principal point to be the image's middle; it
                // lies up to 20 mm elsewhere, which moves the shadow of a place
                // 80 mm before the detector by 20 x 80 / 1000 = 1.6 mm.
                for (found, truth) in found.iter().zip(true_ends) {
                    let off_mm = (found - truth).abs() * shot.camera.pixel_spacing_mm[1];
                    assert!(off_mm < 1.6, "{stem} {wanted}: {off_mm} mm");
                }
            }
        }
        let roles: Vec<_> = evidence
            .artefacts
            .iter()
            .map(|artefact| artefact.role)
            .collect();
        let count = |role| roles.iter().filter(|other| **other == role).count();
        assert_eq!(count(ArtefactRole::Surface), 2);
        assert_eq!(count(ArtefactRole::Scene), 1);
        assert_eq!(count(ArtefactRole::Overlay), 2);
        assert_eq!(count(ArtefactRole::Reconstruction), 1);
    }
}

#[test]
fn a_second_run_writes_the_same_bytes() {
    let [case, _] = both_sides();
    let pair = case.pair();
    let (first, second) = (case.run(&pair), case.run(&pair));
    assert_eq!(first.outcome, second.outcome);
    assert_eq!(first.artefacts, second.artefacts);
    for artefact in &first.artefacts {
        let bytes = case.read(&artefact.name);
        assert_eq!(bonebox::names::Digest::of(&bytes), artefact.digest);
    }
}

#[test]
fn what_stands_against_it_has_its_own_code() {
    let [case, _] = both_sides();
    let [pa, lateral] = case.pair();
    let model = |images: &[PathBuf]| case.run(images);
    check_refused(&model(&[]), Code::NoWristPa);
    check_refused(&model(std::slice::from_ref(&pa)), Code::NoWristLateral);
    check_refused(&model(std::slice::from_ref(&lateral)), Code::NoWristPa);
    let unscaled = case.image(0, "unscaled.dcm", |header| header.spacing_mm = None);
    check_refused(&model(&[unscaled, lateral.clone()]), Code::NoCalibration);
    let left = case.image(1, "left.dcm", |header| header.laterality = "L");
    check_refused(&model(&[pa.clone(), left]), Code::LateralityConflict);
    let ap = case.image(0, "ap.dcm", |header| header.view = "AP");
    check_refused(&model(&[ap, lateral.clone()]), Code::NoWristPa);
    let hand = case.image(0, "hand.dcm", |header| header.body_part = "HAND");
    check_refused(&model(&[hand, lateral.clone()]), Code::NoWristPa);
    let broken = case.folder.path().join("broken.dcm");
    std::fs::write(&broken, b"garbage").unwrap();
    check_refused(&model(&[broken.clone(), lateral.clone()]), Code::NoWristPa);
    // The pair is found beside what is no image.
    assert!(codes(&model(&[broken, pa, lateral])).is_empty());
}

#[test]
fn an_image_that_cannot_be_decoded_is_said_so() {
    let [case, _] = both_sides();
    let [_, lateral] = case.pair();
    let extended = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/box/fixtures/pixels/jpeg-extended-12bit.dcm");
    let evidence = case.run(&[extended, lateral]);
    check_refused(&evidence, Code::CannotDecode);
}

#[test]
fn swapped_views_and_another_subjects_image_do_not_fit() {
    let [case, other] = both_sides();
    let swapped = [
        case.image(0, "pa.dcm", |header| header.view = "LL"),
        case.image(1, "lateral.dcm", |header| header.view = "PA"),
    ];
    check_refused(&case.run(&swapped), Code::ViewsSwapped);
    let twice = [
        case.image(0, "first.dcm", |_| ()),
        case.image(0, "second.dcm", |header| header.view = "LL"),
    ];
    check_refused(&case.run(&twice), Code::SameView);
    let letter = case.subject.side.letter().to_string();
    let foreign = [0, 1].map(|view| {
        other.image(view, &format!("{view}.dcm"), |header| {
            header.laterality = if letter == "R" { "R" } else { "L" };
        })
    });
    // The other case is the other arm, which its PA shows.
    check_refused(&case.run(&foreign), Code::LateralityConflict);
}

#[test]
fn real_radiographs_are_no_wrist_by_their_tags() {
    let [case, _] = both_sides();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/setup/pydicom-data");
    let images = ["RG1_UNCR.dcm", "RG3_J2KR.dcm"].map(|name| folder.join(name));
    let evidence = case.run(&images);
    check_refused(&evidence, Code::NoWristPa);
    let Outcome::Refused { reasons } = &evidence.outcome else {
        panic!()
    };
    assert!(
        reasons[0].text_en.starts_with("No wrist PA found"),
        "{}",
        reasons[0].text_en
    );
    let out = case.folder.path().join("previews");
    std::fs::create_dir_all(&out).unwrap();
    let drawn = previews(&images, &out).unwrap();
    let names: Vec<_> = drawn
        .iter()
        .map(|artefact| artefact.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "01-pa-thumbnail.png",
            "01-pa-preview.png",
            "02-ap-thumbnail.png",
            "02-ap-preview.png"
        ]
    );
}
