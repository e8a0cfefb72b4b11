//! `bonebox evaluate CASES`: judges reconstructions of case folders (`pa.dcm`,
//! perhaps `lateral.dcm` and `oblique.dcm`; `radius.stl`, `ulna.stl` and
//! `truth.json`). What reconstructs is handed a folder that holds only the
//! X-rays; the truth is opened afterwards, by [`super::judge`], which
//! cannot name what reconstructs.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use rayon::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::evaluate_picture::Judged;
use super::evaluate_picture::draw;
use super::evaluate_summary::summary;
use super::evaluate_summary::table;
use super::judge::Answer;
use super::judge::Apart;
use super::judge::Baselines;
use super::judge::Found;
use super::judge::Known;
use super::judge::MeasureScore;
use super::judge::Null;
use super::judge::Score;
use super::judge::score;
use super::nearest;
use super::solve::chain;
use super::solve::say;
use super::{Verdict, WorkbenchError, write_file, write_json};
use crate::anatomy::AnatomyError;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Given;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::names::Digest;
use crate::radiography::Projection;
use crate::wire::NOTICE_EN;

/// The X-rays of a case that are handed over.
const XRAYS: [&str; 3] = ["pa.dcm", "lateral.dcm", "oblique.dcm"];

/// What `evaluate` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct EvaluateArgs {
    /// A folder of case folders, or one case folder.
    pub cases: PathBuf,
    /// Writes every case as JSON (`-`: standard output).
    #[arg(long)]
    pub json: PathBuf,
    /// Keeps the reconstructed bones as `DIR/NAME/radius.stl` and `ulna.stl`,
    /// with a picture of each case beside them, `case.png`.
    #[arg(long)]
    pub write: Option<PathBuf>,
    /// Draws each case into this folder, as `NAME.png`.
    #[arg(long)]
    pub pictures: Option<PathBuf>,
    /// Among how many of the people that the shape model was learned from the
    /// nearest one is looked up; all of them take minutes to draw.
    #[arg(long, default_value_t = nearest::FEW, value_parser = clap::value_parser!(u64).range(0..=nearest::LEARNED))]
    pub nearest: u64,
}

/// Judges what `reconstruct` makes of all cases, and prints what it found.
///
/// # Errors
/// As [`judged`].
pub(super) fn run_with(
    args: &EvaluateArgs,
    model: &ForearmModel,
    reconstruct: &(dyn Fn(&Path) -> Result<Answer, WorkbenchError> + Sync),
) -> Result<Verdict, WorkbenchError> {
    let beside = Baselines {
        null: null(model).map_err(|error| WorkbenchError::Step(chain(&error)))?,
        library: nearest::library(args.nearest)?,
    };
    let cases = folders(&args.cases)?;
    let work = tempfile::tempdir()
        .map_err(|error| WorkbenchError::Step(format!("making a folder for X-rays: {error}")))?;
    let judged = judged(
        &cases,
        &beside,
        &Places {
            work: work.path(),
            write: args.write.as_deref(),
            pictures: args.pictures.as_deref(),
        },
        reconstruct,
    )?;
    let summary = summary(&judged, args.nearest);
    if args.json != Path::new("-") {
        say(&table(&summary))?;
    }
    write_json(&args.json, &answer(&judged, &summary))?;
    Ok(Verdict::Done)
}

/// A case that was judged.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its folder's name.
    pub name: String,
    /// How it came out.
    pub score: Score,
}

/// The case folders in a folder, by name; the folder itself if it is one.
///
/// # Errors
/// [`WorkbenchError::Step`] where it cannot be read or holds none.
fn folders(cases: &Path) -> Result<Vec<PathBuf>, WorkbenchError> {
    let is_case = |path: &Path| path.join("pa.dcm").is_file();
    if is_case(cases) {
        return Ok(vec![cases.to_owned()]);
    }
    let fault = |error: std::io::Error| {
        WorkbenchError::Step(format!("reading {}: {error}", cases.display()))
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(cases).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if is_case(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        let why = format!("{} holds no folder with pa.dcm", cases.display());
        return Err(WorkbenchError::Step(why));
    }
    Ok(found)
}

/// Folders that are written to.
struct Places<'a> {
    /// An empty one for copies of the X-rays.
    work: &'a Path,
    /// Bones are kept below it, with a picture of the case.
    write: Option<&'a Path>,
    /// Pictures of cases are put here.
    pictures: Option<&'a Path>,
}

/// Judges what `reconstruct` makes of each case's X-rays.
///
/// # Errors
/// [`WorkbenchError`] where a file cannot be read or written, or `reconstruct`
/// fails (a refusal is an answer, no failure).
fn judged(
    cases: &[PathBuf],
    beside: &Baselines,
    places: &Places<'_>,
    reconstruct: &(dyn Fn(&Path) -> Result<Answer, WorkbenchError> + Sync),
) -> Result<Vec<Case>, WorkbenchError> {
    cases
        .par_iter()
        .map(|case| {
            let name = case.file_name().unwrap_or_default().to_string_lossy();
            // Another name: a case's own may tell who was invented.
            let alone = places.work.join(Digest::of(name.as_bytes()).hex());
            alone_with_xrays(case, &alone)?;
            let answer = reconstruct(&alone)?;
            if let (Some(out), Answer::Bones(bones)) = (places.write, &answer) {
                keep(&out.join(name.as_ref()), &bones.bones)?;
            }
            let known = Known::open(case).map_err(|error| WorkbenchError::Step(chain(&error)))?;
            let score = score(&answer, &known, beside);
            let judged = Judged {
                folder: case,
                name: &name,
                answer: &answer,
                known: &known,
                score: &score,
            };
            places.picture(&judged)?;
            Ok(Case {
                name: name.into_owned(),
                score,
            })
        })
        .collect()
}

impl Places<'_> {
    /// Draws a case where pictures are wanted.
    fn picture(&self, judged: &Judged<'_>) -> Result<(), WorkbenchError> {
        let beside_bones = self.write.map(|out| out.join(judged.name).join("case.png"));
        let together = self
            .pictures
            .map(|out| out.join(format!("{}.png", judged.name)));
        let wanted: Vec<PathBuf> = beside_bones.into_iter().chain(together).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let png = draw(judged)?;
        for path in wanted {
            make(path.parent().unwrap_or(Path::new(".")))?;
            write_file(&path, &png)?;
        }
        Ok(())
    }
}

fn make(folder: &Path) -> Result<(), WorkbenchError> {
    fs::create_dir_all(folder)
        .map_err(|error| WorkbenchError::Step(format!("making {}: {error}", folder.display())))
}

fn alone_with_xrays(case: &Path, alone: &Path) -> Result<(), WorkbenchError> {
    let fault = |error: std::io::Error| {
        WorkbenchError::Step(format!("copying X-rays of {}: {error}", case.display()))
    };
    fs::create_dir_all(alone).map_err(fault)?;
    for name in XRAYS {
        let from = case.join(name);
        if from.is_file() {
            fs::copy(&from, alone.join(name)).map_err(fault)?;
        }
    }
    Ok(())
}

fn keep(folder: &Path, bones: &[Found; 2]) -> Result<(), WorkbenchError> {
    make(folder)?;
    for (bone, found) in Bone::ALL.into_iter().zip(bones) {
        let header = format!("reconstructed {}. {NOTICE_EN}", bone.name());
        let path = folder.join(format!("{}.stl", bone.name()));
        write_file(&path, &found.surface.to_stl(&header))?;
    }
    Ok(())
}

/// The null model: the shape model's mean, as it lies in a PA X-ray.
///
/// # Errors
/// [`AnatomyError`] if the model's mean has no landmarks, which a test excludes.
fn null(model: &ForearmModel) -> Result<Null, AnatomyError> {
    let mean = model.decode(&vec![0.0; model.latent()])?;
    let marks = model.landmarks().on(&mean)?;
    let read = measures(&marks, Side::Right)?;
    let lying = Projection::PosteroAnterior.pose([0.0, 0.0, 0.0, 0.0, 0.0, -40.0]);
    let place: Rigid<Model, Given> = lying.then(&Rigid::identity());
    let bones = Bone::ALL.map(|bone| {
        let own = model.bone(bone);
        let variance = own.residual_variance();
        Found {
            surface: mean.bone(bone).moved(&place),
            lid: own.cut().to_vec(),
            joint: own.joint_patch().to_vec(),
            sigma_mm: variance.iter().map(|v| f64::from(*v).sqrt()).collect(),
        }
    });
    Ok(Null {
        bones,
        measures: Measure::ALL.map(|m| (m, read.get(m))).to_vec(),
    })
}

/// All cases, as programs read them.
#[must_use]
fn answer(cases: &[Case], summary: &Value) -> Value {
    json!({
        "cases": cases.iter().map(row).collect::<Vec<_>>(),
        "summary": summary,
        "notice": NOTICE_EN,
    })
}

fn row(case: &Case) -> Value {
    let score = &case.score;
    let mut row = json!({
        "name": case.name,
        "refused": score.refused,
        "side_right": score.side_right,
    });
    for (bone, own) in Bone::ALL.into_iter().zip(&score.bones) {
        let of = |apart: &Option<Apart>, pick: fn(&Apart) -> f64| apart.as_ref().map(pick);
        let joint = |apart: &Option<Apart>| apart.as_ref().and_then(|a| a.joint_rms_mm);
        row[bone.name()] = json!({
            "rms_mm": of(&own.given, |a| a.rms_mm),
            "mean_mm": of(&own.given, |a| a.mean_mm),
            "p95_mm": of(&own.given, |a| a.p95_mm),
            "max_mm": of(&own.given, |a| a.max_mm),
            "joint_rms_mm": joint(&own.given),
            "rms_aligned_mm": of(&own.aligned, |a| a.rms_mm),
            "mean_aligned_mm": of(&own.aligned, |a| a.mean_mm),
            "p95_aligned_mm": of(&own.aligned, |a| a.p95_mm),
            "max_aligned_mm": of(&own.aligned, |a| a.max_mm),
            "joint_rms_aligned_mm": joint(&own.aligned),
            "null_rms_aligned_mm": of(&own.null, |a| a.rms_mm),
            "null_joint_rms_aligned_mm": joint(&own.null),
            "nearest_rms_aligned_mm": of(&own.nearest, |a| a.rms_mm),
            "nearest_joint_rms_aligned_mm": joint(&own.nearest),
            "stated_mm": own.stated_mm,
            "bound_mm": own.bound_mm,
            // The share of the surface that lies within its stated interval.
            "interval_hit": of(&own.aligned, |a| a.inside),
            "interval_hit_given": of(&own.given, |a| a.inside),
        });
    }
    let measures = score.measures.iter();
    let measures: serde_json::Map<String, Value> = measures
        .map(|m: &MeasureScore| (m.measure.key().to_owned(), json!(m)))
        .collect();
    row["measures"] = Value::Object(measures);
    row
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::phantom::Take;
    use crate::radiography::Photometric;
    use crate::workbench::dx;
    use crate::workbench::dx::DxImage;
    use crate::workbench::dx::Intent;
    use crate::workbench::invented::Identity;
    use crate::workbench::judge::Interval;
    use crate::workbench::judge::Reconstructed;

    /// An X-ray of nothing, as bright as this.
    fn xray(value: u16) -> Vec<u8> {
        let image = DxImage {
            pixels: &[value; 64 * 48],
            rows: 64,
            columns: 48,
            spacing_mm: [2.0; 2],
            source_detector_mm: 1100.0,
            object_detector_mm: 40.0,
            take: Take::PosteroAnterior,
            intent: Intent::Presentation,
            model: "test",
            side: Side::Right,
            photometric: Photometric::Monochrome2,
        };
        dx::write(&image, &Identity::invented(1)).unwrap()
    }

    /// Writes a case of each name, whose truth is the mean, with an X-ray of its
    /// own brightness.
    fn written<const N: usize>(cases: &Path, null: &Null, names: [&str; N]) -> [Vec<u8>; N] {
        let mut value = 0;
        names.map(|name| {
            let folder = cases.join(name);
            fs::create_dir_all(&folder).unwrap();
            value += 100;
            let image = xray(value);
            fs::write(folder.join("pa.dcm"), &image).unwrap();
            for (bone, found) in Bone::ALL.into_iter().zip(&null.bones) {
                let file = folder.join(format!("{}.stl", bone.name()));
                fs::write(file, found.surface.to_stl("truth")).unwrap();
            }
            let tilt = null.measures[1].1;
            let truth = json!({"side": "R", "measures": {"volar_tilt_deg": tilt}});
            fs::write(folder.join("truth.json"), truth.to_string()).unwrap();
            image
        })
    }

    /// Three cases whose truth is the model's mean: one reconstructed as it is,
    /// one shifted, one refused. What reconstructs sees X-rays alone.
    #[test]
    fn cases_are_judged_and_the_truth_is_kept_away() {
        let model = ForearmModel::shipped().unwrap();
        let null = null(&model).unwrap();
        let beside = Baselines {
            null: null.clone(),
            library: nearest::library(1).unwrap(),
        };
        let tilt = null.measures[1].1;
        let place = tempfile::tempdir().unwrap();
        let [cases, work, out] = ["cases", "work", "out"].map(|name| place.path().join(name));
        let [_, refused, shifted] = written(&cases, &null, ["exact", "refused", "shifted"]);
        let reconstruct = |folder: &Path| {
            let held: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|e| e.unwrap().file_name())
                .collect();
            assert_eq!(held, ["pa.dcm"]);
            let given = fs::read(folder.join("pa.dcm")).unwrap();
            if given == refused {
                return Ok(Answer::Refused("no_wrist".into()));
            }
            let away = if given == shifted { 2.0 } else { 0.0 };
            let by = Rigid::<Given, Given>::from_rotation_vector([0.0; 3], [0.0, 0.0, away]);
            let bones = null.bones.clone().map(|found| Found {
                surface: found.surface.moved(&by),
                ..found
            });
            Ok(Answer::Bones(Box::new(Reconstructed {
                side: Side::Right,
                bones,
                measures: vec![Interval {
                    measure: Measure::VolarTilt,
                    value: tilt + away,
                    low: tilt + away - 1.0,
                    high: tilt + away + 1.0,
                }],
                bound_mm: (away > 0.0).then_some([0.25, 0.5]),
                outlines: Default::default(),
            })))
        };
        let found = folders(&cases).unwrap();
        let places = Places {
            work: &work,
            write: Some(&out),
            pictures: None,
        };
        let judged = judged(&found, &beside, &places, &reconstruct).unwrap();
        let summary = summary(&judged, 1);
        let all = answer(&judged, &summary);
        let of = |case: usize, key: &str| all["cases"][case]["radius"][key].as_f64();
        assert!(of(0, "rms_mm").unwrap() < 1e-3 && of(2, "rms_aligned_mm").unwrap() < 0.02);
        assert!(of(2, "rms_mm").unwrap() > 0.5 && of(1, "rms_mm").is_none());
        assert!(of(1, "null_rms_aligned_mm").unwrap() < 0.05);
        // Nobody is the mean; a refused case has nobody nearest.
        assert!(of(0, "nearest_rms_aligned_mm").unwrap() > 0.1);
        assert_eq!(of(1, "nearest_rms_aligned_mm"), None);
        assert_eq!(all["cases"][1]["refused"], "no_wrist");
        assert_eq!(all["cases"][0]["refused"], Value::Null);
        let measures = |case: usize| &all["cases"][case]["measures"]["volar_tilt_deg"];
        assert_eq!(
            measures(2)["error"].as_f64().map(|e| (e * 1e6).round()),
            Some(2e6)
        );
        assert_eq!(measures(1)["value"], Value::Null);
        assert_eq!(summary["refused"], 1);
        assert_eq!(
            summary["measures"]["volar_tilt_deg"]["inside"]["share"],
            0.5
        );
        // One case has a bound: its own error stands over it.
        let over = of(2, "rms_aligned_mm").unwrap() / 0.25;
        let found = summary["radius"]["over_bound"].as_f64().unwrap();
        assert!((found - over).abs() < 1e-9 && of(0, "bound_mm").is_none());
        assert!(table(&summary).contains("3 cases, 1 refused"));
        assert!(out.join("shifted/ulna.stl").is_file());
        assert!(!out.join("refused/ulna.stl").exists());
        for name in ["exact", "refused", "shifted"] {
            assert!(out.join(name).join("case.png").is_file(), "{name}");
        }
        assert!(folders(&work.join("nowhere")).is_err() && folders(place.path()).is_err());
    }
}
