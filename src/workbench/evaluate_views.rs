//! `bonebox evaluate CASES`: reconstructs each case from its X-rays alone, by the
//! shape model and no network, and hands what it found to the judge.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::evaluate::answer;
use super::evaluate::folders;
use super::evaluate::judged;
use super::evaluate::null;
use super::evaluate_summary::summary;
use super::evaluate_summary::table;
use super::judge::wrist::Answer;
use super::judge::wrist::Found;
use super::judge::wrist::Interval;
use super::judge::wrist::Reconstructed;
use super::solve::chain;
use super::solve::say;
use super::{Verdict, WorkbenchError, write_json};
use crate::analyze::FromViews;
use crate::analyze::from_views;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::geometry::Rigid;

/// What `evaluate` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct EvaluateArgs {
    /// A case folder, or a folder of them (`bonebox synth` makes some).
    pub cases: PathBuf,
    /// Writes every case and the summary as JSON (`-`: standard output).
    #[arg(long)]
    pub json: PathBuf,
    /// Keeps each case's reconstructed bones below this folder, in the truth's
    /// frame.
    #[arg(long)]
    pub write: Option<PathBuf>,
}

/// Judges, and prints what it found.
///
/// # Errors
/// [`WorkbenchError`] where a case cannot be read or a file not written.
pub fn run(args: &EvaluateArgs) -> Result<Verdict, WorkbenchError> {
    let cases = folders(&args.cases)?;
    let model = ForearmModel::shipped().map_err(|e| WorkbenchError::Step(chain(&e)))?;
    let null = null(&model).map_err(|e| WorkbenchError::Step(chain(&e)))?;
    let work = tempfile::tempdir()
        .map_err(|error| WorkbenchError::Step(format!("making a folder for X-rays: {error}")))?;
    let reconstruct = |folder: &Path| reconstructed(folder, &model);
    let judged = judged(
        &cases,
        &null,
        work.path(),
        args.write.as_deref(),
        &reconstruct,
    )?;
    let summary = summary(&judged);
    if args.json != Path::new("-") {
        say(&table(&summary))?;
    }
    write_json(&args.json, &answer(&judged, &summary))?;
    Ok(Verdict::Done)
}

/// What is made of the X-rays in a folder.
fn reconstructed(folder: &Path, model: &ForearmModel) -> Result<Answer, WorkbenchError> {
    let fault = |error: std::io::Error| {
        WorkbenchError::Step(format!("reading {}: {error}", folder.display()))
    };
    let mut images = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        images.push(entry.map_err(fault)?.path());
    }
    images.sort();
    let found = from_views(&images, model).map_err(|e| WorkbenchError::Step(chain(&e)))?;
    Ok(match found {
        Ok(found) => Answer::Bones(Box::new(stated(&found, model))),
        Err(reasons) => {
            let codes: Vec<String> = reasons.into_iter().map(|reason| reason.code).collect();
            Answer::Refused(codes.join(" "))
        }
    })
}

/// What was found, as the judge reads it.
fn stated(found: &FromViews, model: &ForearmModel) -> Reconstructed {
    let bones = Bone::ALL.map(|bone| {
        let own = model.bone(bone);
        Found {
            surface: found.bones.bone(bone).moved(&Rigid::identity()),
            lid: own.cut().to_vec(),
            joint: own.joint_patch().to_vec(),
            sigma_mm: found.refined.sigma_mm[usize::from(bone == Bone::Ulna)].clone(),
        }
    });
    let sigmas = found.refined.measure_sigma;
    let measures = found.refined.measures.iter().zip(sigmas);
    Reconstructed {
        side: found.side,
        bones,
        measures: measures
            .map(|((measure, value), sigma)| Interval {
                measure,
                value,
                low: value - 1.96 * sigma,
                high: value + 1.96 * sigma,
            })
            .collect(),
    }
}
