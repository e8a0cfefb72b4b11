//! Invented studies for the dashboard's tests and screens: rows made through
//! the store's own doors, bones and X-rays of an invented subject.

use std::sync::Arc;
use std::time::Duration;

use bonebox::anatomy::{Bone, Forearm, Side};
use bonebox::audit::Event;
use bonebox::clock::{Clock, Moment};
use bonebox::geometry::Model;
use bonebox::identity::BoxIdentity;
use bonebox::names::{Digest, LegalBasis};
use bonebox::phantom::{DEMO_SEEDS, Detail, SimulatedXray, Subject};
use bonebox::radiography::Photometric;
use bonebox::store::{Arrival, Store, Timing};
use bonebox::study::{
    Acknowledged, AcknowledgedEvidence, After, Analyzed, AnalyzedEvidence, Artefact, ArtefactRole,
    Deidentified, DeidentifiedEvidence, Forwarded, ForwardedEvidence, ImageFacts, Outcome,
    Quarantined, Received, Refusal, Spooled, Step, Study, StudyId, TroubleCode, ViewCode,
};
use bonebox::vault::Vault;
use bonebox::wire::{Figure, MeasuredOn, ModelStamp, Receipt};

/// A store with a clock that only a test moves.
pub(crate) struct Invented {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

pub(crate) fn key(number: u8) -> String {
    Digest::of(&[number]).hex()[..32].to_owned()
}

pub(crate) fn id(number: u8) -> StudyId {
    StudyId {
        key: key(number).parse().unwrap(),
        generation: 1,
    }
}

pub(crate) fn model() -> ModelStamp {
    ModelStamp {
        id: "wrist-tl@0.1".parse().unwrap(),
        digest: Digest::of(b"card"),
    }
}

impl Invented {
    pub(crate) fn at(start: Moment) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(start);
        let store = Store::open(dir.path(), clock.clone()).unwrap();
        let identity = BoxIdentity::open(&dir.path().join("identity")).unwrap();
        let vault = Arc::new(Vault::open(dir.path(), &identity, clock.clone()).unwrap());
        Self {
            dir,
            store,
            vault,
            clock,
        }
    }

    fn pass(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn timed(&self, millis: u64) -> Timing {
        let started = self.clock.now();
        self.pass(millis);
        Timing {
            started,
            attempt: 1,
        }
    }

    /// An image of a study arrives from a source.
    pub(crate) fn image(&self, study: u8, image: u8, source: &str, view: ViewCode) {
        let digest = Digest::of(&[study, image]);
        let arrival = Arrival {
            pass_on: false,
            study: key(study).parse().unwrap(),
            instance: Digest::of(&[9, study, image]).hex()[..32].parse().unwrap(),
            source: source.into(),
            facts: ImageFacts {
                set: None,
                sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
                transfer_syntax: "1.2.840.10008.1.2.1".into(),
                modality: "DX".into(),
                view,
                laterality: Some('R'),
                body_part: Some("WRIST".into()),
            },
            file: format!("identified/{}/{digest}.dcm", key(study)),
            size: 1_600_512,
            digest,
        };
        self.store.admit(arrival).unwrap();
    }

    fn study<S: Step>(&self, study: u8) -> Study<S> {
        let all = self.store.all_in::<S>().unwrap();
        all.into_iter()
            .find(|one| *one.id() == id(study))
            .expect("a study in that state")
    }

    pub(crate) fn close(&self, study: u8) -> Study<Spooled> {
        let timing = self.timed(3);
        let open = self.study::<Received>(study);
        self.store.close(open, "complete", timing).unwrap()
    }

    fn step<S: Step, N: After<S>>(
        &self,
        study: Study<S>,
        evidence: &N::Evidence,
        millis: u64,
        event: Event,
    ) -> Study<N> {
        let timing = self.timed(millis);
        self.store
            .advance::<S, N>(study, evidence, timing, vec![event])
            .unwrap()
    }

    pub(crate) fn deidentify(
        &self,
        study: Study<Spooled>,
        quarantined: Vec<Quarantined>,
        flags: &[&str],
    ) -> Study<Deidentified> {
        let letters = Digest::of(study.id().to_string().as_bytes()).hex();
        let letters: String = letters
            .bytes()
            .take(20)
            .map(|b| char::from(b'A' + b % 26))
            .collect();
        let event = Event::StudyDeidentified {
            edition: "2026c".into(),
            quarantined: u32::try_from(quarantined.len()).unwrap(),
        };
        let evidence = DeidentifiedEvidence {
            pseudonym: format!("BB-{letters}").parse().unwrap(),
            project: "demo".parse().unwrap(),
            basis: LegalBasis::Synthetic,
            study_uid: "2.25.1234567890".parse().unwrap(),
            edition: "2026c".into(),
            removed: 86,
            replaced: 24,
            kept: 71,
            by_rule: [("X", 64), ("U", 14), ("private", 22), ("Z/D", 10)]
                .map(|(rule, count)| (rule.to_owned(), count))
                .into(),
            images: Vec::new(),
            files: vec![],
            quarantined,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        };
        self.step(study, &evidence, 41, event)
    }

    fn artefact(&self, role: ArtefactRole, name: &str, bytes: &[u8]) -> Artefact {
        let digest = Digest::of(bytes);
        let file = self.dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        self.store.keep(&file, digest).unwrap();
        Artefact {
            role,
            name: name.into(),
            digest,
            size: u64::try_from(bytes.len()).unwrap(),
            media_type: "application/octet-stream".into(),
            sop: None,
        }
    }

    /// Bones and measures of an invented subject, with pictures.
    pub(crate) fn reconstruct(
        &self,
        study: Study<Deidentified>,
        detail: Detail,
    ) -> Study<Analyzed> {
        let subject = Subject::draw(DEMO_SEEDS.start).unwrap();
        let mut artefacts = Vec::new();
        let xrays = subject.radiographs_at(1, detail).unwrap();
        for (name, xray) in ["01-pa", "02-lateral"].into_iter().zip(&xrays) {
            let overlay = overlay(xray, &subject).to_string();
            let files = [
                (ArtefactRole::Preview, "preview.png", preview(xray)),
                (ArtefactRole::Overlay, "overlay.json", overlay.into_bytes()),
            ];
            for (role, end, bytes) in files {
                artefacts.push(self.artefact(role, &format!("{name}-{end}"), &bytes));
            }
        }
        let forearm = match subject.side {
            Side::Right => subject.forearm.clone(),
            Side::Left => subject.forearm.mirrored_x(),
        };
        for bone in Bone::ALL {
            let bytes = forearm.bone(bone).to_stl("invented");
            let name = format!("{}.stl", bone.name());
            artefacts.push(self.artefact(ArtefactRole::Surface, &name, &bytes));
        }
        artefacts.push(self.artefact(ArtefactRole::Scene, "bones.glb", &glb(&forearm)));
        let evidence = AnalyzedEvidence {
            outcome: Outcome::Reconstructed {
                side: subject.side.letter(),
                figures: figures(),
                model: model(),
                provider: "cpu".into(),
                image_fit: 0.914,
                calibration_grade: 'C',
            },
            artefacts,
            parts_ms: vec![("decode".into(), 62.0), ("network".into(), 118.0)],
        };
        self.step(
            study,
            &evidence,
            1240,
            Event::StudyAnalyzed { refused: vec![] },
        )
    }

    pub(crate) fn refuse(&self, study: Study<Deidentified>, text_en: &str) -> Study<Analyzed> {
        let evidence = AnalyzedEvidence {
            outcome: Outcome::Refused {
                reasons: vec![Refusal {
                    code: "no-wrist-pa".into(),
                    text_en: text_en.into(),
                    text_ja: "手関節正面（PA）画像がありません。部位「手関節」・撮影方向「PA」の画像が検査に含まれていません。".into(),
                }],
            },
            artefacts: vec![],
            parts_ms: vec![],
        };
        let refused = vec!["no-wrist-pa".to_owned()];
        self.step(study, &evidence, 35, Event::StudyAnalyzed { refused })
    }

    pub(crate) fn forward(&self, study: Study<Analyzed>) -> Study<Forwarded> {
        let bundle = Digest::of(b"bundle");
        let evidence = ForwardedEvidence { bundle, objects: 3 };
        let event = Event::StudyForwarded {
            bundle: bundle.hex(),
        };
        self.step(study, &evidence, 58, event)
    }

    pub(crate) fn acknowledge(&self, study: Study<Forwarded>) -> Study<Acknowledged> {
        let receipt = Receipt {
            bundle: Digest::of(b"bundle"),
            instances: vec![],
            at: self.clock.now(),
            central: "central.demo".into(),
        };
        let event = Event::StudyAcknowledged {
            bundle: receipt.bundle.hex(),
        };
        self.step(study, &AcknowledgedEvidence { receipt }, 210, event)
    }

    /// One study of every kind that a person meets.
    pub(crate) fn everything(start: Moment, detail: Detail) -> Self {
        let invented = Self::at(start);
        let pair = |study, source| {
            invented.image(study, 1, source, ViewCode::Pa);
            invented.pass(2300);
            invented.image(study, 2, source, ViewCode::Lateral);
            invented.pass(120);
            invented.close(study)
        };
        // 1: whole way. 2: refused. 3: the central is down.
        let whole = invented.deidentify(
            pair(1, "第1撮影室"),
            vec![],
            &["burned-in-annotation-unknown"],
        );
        let whole = invented.forward(invented.reconstruct(whole, detail));
        invented.acknowledge(whole);
        invented.pass(600_000);
        invented.image(2, 1, "ER DR-2", ViewCode::Unknown);
        invented.pass(20_000);
        let refused = invented.deidentify(invented.close(2), vec![], &[]);
        let refused = invented.refuse(
            refused,
            "No wrist PA found: no image of the study is tagged as body part wrist and view PA.",
        );
        invented.store.settle(refused).unwrap();
        invented.pass(420_000);
        let waits = invented.deidentify(pair(3, "第1撮影室"), vec![], &[]);
        let waits = invented.forward(invented.reconstruct(waits, detail));
        let next = invented.clock.now().after(Duration::from_secs(32));
        let detail_text = "connection refused (os error 111)";
        let code = TroubleCode::CentralUnreachable;
        invented
            .store
            .hold_up(waits.id(), code, detail_text, Some(next))
            .unwrap();
        invented.pass(300_000);
        // 4: the model is missing, one image in quarantine. 5: arriving.
        let one = Quarantined {
            instance: Digest::of(b"q").hex()[..32].parse().unwrap(),
            code: "burned-in".into(),
            text: "The object says that text is burned into its pixels.".into(),
        };
        let held = invented.deidentify(pair(4, "ER DR-2"), vec![one], &[]);
        let missing = "models/wrist/wrist.onnx: digest differs from the card";
        invented
            .store
            .hold_up(held.id(), TroubleCode::ModelUnavailable, missing, None)
            .unwrap();
        invented.pass(95_000);
        invented.image(5, 1, "ポータブル", ViewCode::Pa);
        invented.pass(4000);
        invented
    }
}

fn figures() -> Vec<Figure> {
    let figure = |name: &str, value, unit: &str, half| Figure {
        name: name.into(),
        value,
        unit: unit.into(),
        half_width_95: half,
        method: "landmarks of the reconstructed bones (Medoff 2005)".into(),
        measured_on: MeasuredOn::SimulatedXray,
        measured_n: 2000,
        model: model(),
    };
    vec![
        figure("radial_inclination_deg", Some(24.31), "deg", Some(3.9)),
        figure("volar_tilt_deg", Some(11.62), "deg", Some(5.2)),
        figure("radial_height_mm", Some(12.48), "mm", Some(2.1)),
        figure("ulnar_variance_mm", Some(-0.83), "mm", Some(1.4)),
    ]
}

/// The pixels as an 8-bit PNG, bone bright.
fn preview(xray: &SimulatedXray) -> Vec<u8> {
    let bright = |pixel: &u16| match xray.photometric {
        Photometric::Monochrome2 => *pixel,
        Photometric::Monochrome1 => 4095 - *pixel,
    };
    let gray: Vec<u8> = xray
        .pixels
        .iter()
        .map(|pixel| u8::try_from(bright(pixel).min(4095) / 16).unwrap())
        .collect();
    let picture = image::GrayImage::from_raw(xray.camera.columns, xray.camera.rows, gray).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// The overlay's form, with each bone's shadow row by row as its outline.
fn overlay(xray: &SimulatedXray, subject: &Subject) -> serde_json::Value {
    let bones = xray.bones(subject);
    let outlines: Vec<_> = Bone::ALL
        .into_iter()
        .map(|bone| {
            let mut rows = std::collections::BTreeMap::<i64, (f64, f64)>::new();
            let mesh = bones.bone(bone);
            for number in 0..mesh.vertices().len() {
                let vertex = mesh.vertex(u32::try_from(number).unwrap()).unwrap();
                let Some([x, y]) = xray.camera.project(vertex) else {
                    continue;
                };
                #[allow(clippy::cast_possible_truncation, reason = "a row of a picture")]
                let span = rows.entry((y / 12.0) as i64).or_insert((x, x));
                *span = (span.0.min(x), span.1.max(x));
            }
            #[allow(clippy::cast_precision_loss, reason = "a row of a picture")]
            let place = |row: &i64| *row as f64 * 12.0 + 6.0;
            let left = rows.iter().map(|(row, span)| [span.0, place(row)]);
            let right = rows.iter().rev().map(|(row, span)| [span.1, place(row)]);
            let points: Vec<[f64; 2]> = left.chain(right).collect();
            serde_json::json!({ "bone": bone.name(), "points": points })
        })
        .collect();
    serde_json::json!({
        "notice": "invented", "image": "x", "rows": xray.camera.rows,
        "columns": xray.camera.columns, "outlines": outlines,
    })
}

/// Both bones as the smallest GLB that a viewer reads: positions and triangles.
fn glb(forearm: &Forearm<Model>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut views, mut accessors, mut meshes, mut nodes) = (vec![], vec![], vec![], vec![]);
    for (index, bone) in Bone::ALL.into_iter().enumerate() {
        let mesh = forearm.bone(bone);
        let start = bytes.len();
        for value in mesh.vertices().iter().flatten() {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "glTF holds single precision"
            )]
            bytes.extend((*value as f32).to_le_bytes());
        }
        let middle = bytes.len();
        for corner in mesh.triangles().iter().flatten() {
            bytes.extend(corner.to_le_bytes());
        }
        let [low, high] = mesh.bounds();
        views.push(serde_json::json!({"buffer":0,"byteOffset":start,"byteLength":middle-start}));
        views.push(
            serde_json::json!({"buffer":0,"byteOffset":middle,"byteLength":bytes.len()-middle}),
        );
        accessors.push(
            serde_json::json!({"bufferView":2*index,"componentType":5126,
            "count":mesh.vertices().len(),"type":"VEC3","min":low,"max":high}),
        );
        accessors.push(
            serde_json::json!({"bufferView":2*index+1,"componentType":5125,
            "count":mesh.triangles().len()*3,"type":"SCALAR"}),
        );
        meshes.push(
            serde_json::json!({"primitives":[{"attributes":{"POSITION":2*index},
            "indices":2*index+1}]}),
        );
        nodes
            .push(serde_json::json!({"name":bone.name(),"mesh":index,"scale":[0.001,0.001,0.001]}));
    }
    let text = serde_json::json!({"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0,1]}],
        "nodes":nodes,"meshes":meshes,"accessors":accessors,"bufferViews":views,
        "buffers":[{"byteLength":bytes.len()}]});
    let mut text = text.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut file = b"glTF\x02\0\0\0".to_vec();
    file.extend(word(28 + text.len() + bytes.len()));
    for (kind, part) in [(b"JSON", &text), (b"BIN\0", &bytes)] {
        file.extend(word(part.len()));
        file.extend(kind);
        file.extend(part);
    }
    file
}
