//! `bonebox evaluate CASES`: reconstructs each case from its X-rays alone, by the
//! shape model and no network, and hands what it found to the judge.

use std::fs;
use std::path::Path;

use super::evaluate::EvaluateArgs;
use super::evaluate::run_with;
use super::judge::Answer;
use super::judge::Found;
use super::judge::Interval;
use super::judge::Reconstructed;
use super::solve::chain;
use super::{Verdict, WorkbenchError};
use crate::analyze::FromViews;
use crate::analyze::from_views;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::geometry::Rigid;

/// Reconstructs all cases and judges them.
///
/// # Errors
/// [`WorkbenchError`] where a case cannot be read or a file not written.
pub fn run(args: &EvaluateArgs) -> Result<Verdict, WorkbenchError> {
    let model = ForearmModel::shipped().map_err(|e| WorkbenchError::Step(chain(&e)))?;
    run_with(args, &model, &|folder| reconstructed(folder, &model))
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
        Ok(found) => Answer::Bones(Box::new(stated(&found, model)?)),
        Err(reasons) => {
            let codes: Vec<String> = reasons.into_iter().map(|reason| reason.code).collect();
            Answer::Refused(codes.join(" "))
        }
    })
}

/// What was found, as the judge reads it.
fn stated(found: &FromViews, model: &ForearmModel) -> Result<Reconstructed, WorkbenchError> {
    let outlines = |view: usize| {
        let lines = found.outlines(view);
        lines.map_err(|error| WorkbenchError::Step(chain(&error)))
    };
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
    Ok(Reconstructed {
        bound_mm: Some(found.refined.bound_mm),
        outlines: [outlines(0)?, outlines(1)?],
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
    })
}
