//! `bonebox evaluate-shape`: judges the shape model on invented bones that it
//! was not made from: how near it comes, whether its intervals hold, and what it
//! says of a malunited radius' shape before it broke. `make eval` runs it on
//! B-test; each such opening is written into the log that `--log` names, before
//! the first bone is made.

use std::path::Path;
use std::path::PathBuf;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use rayon::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::opening::Opening;
use super::shape_cases::BoneCase;
use super::shape_cases::MalunionCase;
use super::shape_cases::Refused;
use super::shape_cases::malunion;
use super::shape_cases::person;
use super::shape_summary::summary;
use super::shape_summary::table;
use super::solve::chain;
use super::solve::say;
use super::spread::Named;
use super::spread::digest;
use super::{Verdict, WorkbenchError, write_json};
use crate::anatomy::ForearmModel;
use crate::names::Digest;
use crate::phantom::Generator;
use crate::phantom::PhantomError;
use crate::phantom::TEST_SEEDS;
use crate::phantom::VALIDATION_SEEDS;
use crate::wire::NOTICE_EN;

/// What `evaluate-shape` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct EvaluateShapeArgs {
    /// Whose bones.
    #[arg(long, value_enum)]
    pub generator: Named,
    /// How many people.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=2000))]
    pub subjects: u64,
    /// How many malunited radii.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=2000))]
    pub malunions: u64,
    /// The first person's number within the split.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=90_000))]
    pub first: u64,
    /// Take validation subjects (to choose and calibrate on), not test subjects.
    #[arg(long)]
    pub validation: bool,
    /// Where an opening of B-test is written (docs/METHODS.md).
    #[arg(long)]
    pub log: Option<PathBuf>,
    /// Writes every case as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// All cases that were run.
#[derive(Debug, Default)]
pub(super) struct Cases {
    pub bones: Vec<BoneCase>,
    pub malunions: Vec<MalunionCase>,
    pub refused: Vec<Refused>,
}

/// Judges, and prints what it found.
///
/// # Errors
/// [`WorkbenchError`] where a person cannot be made or a file not written.
pub fn run(args: &EvaluateShapeArgs) -> Result<Verdict, WorkbenchError> {
    let generator = Generator::from(args.generator);
    let model = ForearmModel::shipped().map_err(|e| WorkbenchError::Step(chain(&e)))?;
    let model_digest = Digest::of(ForearmModel::shipped_bytes()).hex();
    let generator_digest = digest(generator, 1).map_err(fault)?.hex();
    let opening = match (&args.log, generator) {
        (Some(log), Generator::BTest) => {
            let what = format!(
                "{} people, {} malunions, from {} | `{}` | `{}`",
                args.subjects,
                args.malunions,
                args.first,
                short(&generator_digest),
                short(&model_digest)
            );
            Some(Opening::write(log, &what)?)
        }
        (None, Generator::BTest) => {
            return usage("B-test is opened only with --log FILE, where the opening is written");
        }
        (Some(_), _) => return usage("--log is for B-test: the others may be opened freely"),
        (None, _) => None,
    };
    if args.validation && generator != Generator::A {
        return usage("--validation is for generator A: B is never chosen or calibrated on");
    }
    let split = if args.validation {
        VALIDATION_SEEDS
    } else {
        TEST_SEEDS
    };
    let cases = judged(&model, generator, split.start + args.first, args)?;
    let mut answer = json!({
        "generator": generator,
        "generator_sha256": generator_digest,
        "model": {"name": "forearm-shape@1", "sha256": model_digest},
        "split": if args.validation { "validation" } else { "test" },
        "first_seed": split.start + args.first,
        "measured_on": format!("invented bones of generator {}", generator.name()),
        "notice": NOTICE_EN,
        "summary": summary(&cases, &model),
    });
    if let Some(opening) = opening {
        opening.close(&headline(&answer["summary"]))?;
    }
    if args.json.as_deref() != Some(Path::new("-")) {
        say(&table(&answer["summary"], generator))?;
    }
    if let Some(path) = &args.json {
        answer["bones"] = json!(cases.bones);
        answer["malunions"] = json!(cases.malunions);
        answer["refused"] = json!(cases.refused);
        write_json(path, &answer)?;
    }
    Ok(Verdict::Done)
}

/// The beginning of a digest, enough to tell one from another.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err gives"
)]
fn fault(error: PhantomError) -> WorkbenchError {
    WorkbenchError::Step(chain(&error))
}

#[allow(clippy::print_stderr, reason = "wrong use is said where it is typed")]
fn usage(why: &str) -> Result<Verdict, WorkbenchError> {
    eprintln!("{why}");
    Ok(Verdict::WrongUse)
}

/// Runs all cases on all cores; their order is that of the seeds.
fn judged(
    model: &ForearmModel,
    generator: Generator,
    first: u64,
    args: &EvaluateShapeArgs,
) -> Result<Cases, WorkbenchError> {
    let bar = ProgressBar::new(args.subjects + args.malunions);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let people: Vec<_> = (first..first + args.subjects)
        .into_par_iter()
        .map(|seed| person(model, generator, seed))
        .inspect(|_| bar.inc(1))
        .collect();
    let crooked: Vec<_> = (first..first + args.malunions)
        .into_par_iter()
        .map(|seed| malunion(model, generator, seed))
        .inspect(|_| bar.inc(1))
        .collect();
    bar.finish_and_clear();
    let mut cases = Cases::default();
    for bones in people {
        for bone in bones.map_err(fault)? {
            match bone {
                Ok(case) => cases.bones.push(case),
                Err(refused) => cases.refused.push(refused),
            }
        }
    }
    for radius in crooked {
        match radius.map_err(fault)? {
            Ok(case) => cases.malunions.push(case),
            Err(refused) => cases.refused.push(refused),
        }
    }
    Ok(cases)
}

/// The figures that stand in the log.
fn headline(summary: &Value) -> String {
    let number = |value: &Value| {
        value
            .as_f64()
            .map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))
    };
    let mut parts = Vec::new();
    for bone in ["radius", "ulna"] {
        let of = &summary[bone];
        if of["n"].as_u64().is_some_and(|n| n > 0) {
            parts.push(format!(
                "{bone} {} (worst {}), joint {} (worst {}) mm RMS",
                number(&of["full"]["rms_mm"]["rms"]),
                number(&of["full"]["rms_mm"]["max"]),
                number(&of["full"]["joint_rms_mm"]["rms"]),
                number(&of["full"]["joint_rms_mm"]["max"]),
            ));
        }
    }
    let malunion = &summary["malunion"];
    if malunion["n"].as_u64().is_some_and(|n| n > 0) {
        parts.push(format!(
            "malunion: inclination {}, tilt {} degrees RMS",
            number(&malunion["radial_inclination_deg"]["rms_error"]),
            number(&malunion["volar_tilt_deg"]["rms_error"])
        ));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::*;
    use crate::workbench::opening::MARK;

    fn args(generator: Named) -> EvaluateShapeArgs {
        EvaluateShapeArgs {
            generator,
            subjects: 0,
            malunions: 0,
            first: 0,
            validation: false,
            log: None,
            json: None,
        }
    }

    #[test]
    fn b_test_is_not_opened_without_a_log_and_each_opening_is_counted() {
        assert_eq!(run(&args(Named::BTest)).unwrap(), Verdict::WrongUse);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("METHODS.md");
        let named = EvaluateShapeArgs {
            log: Some(log.clone()),
            ..args(Named::BTest)
        };
        fs::write(&log, "no such line\n").unwrap();
        assert!(run(&named).is_err());
        fs::write(&log, format!("| n | day |\n|---|---|\n{MARK}\nmore\n")).unwrap();
        for _ in 0..2 {
            assert_eq!(run(&named).unwrap(), Verdict::Done);
        }
        let text = fs::read_to_string(&log).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert!(
            rows[2].starts_with("| 1 | 20") && rows[3].starts_with("| 2 | 20"),
            "{text}"
        );
        assert!(!text.contains("not ended") && text.ends_with("more\n"));
    }

    #[test]
    fn b_is_neither_calibrated_on_nor_logged_when_it_need_not_be() {
        let validation = EvaluateShapeArgs {
            validation: true,
            ..args(Named::BDev)
        };
        assert_eq!(run(&validation).unwrap(), Verdict::WrongUse);
        let logged = EvaluateShapeArgs {
            log: Some("x".into()),
            ..args(Named::BDev)
        };
        assert_eq!(run(&logged).unwrap(), Verdict::WrongUse);
    }
}
