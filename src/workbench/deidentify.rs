//! `bonebox deidentify`: files and folders in, pseudonymous files out.
//!
//! Outputs are numbered in the order of the inputs (`000001.dcm`), because a
//! file's name may be a person's. What is quarantined has no output and is
//! named on standard error only; the report holds numbers and reasons.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Verdict, WorkbenchError, write_json};
use crate::deidentify::Counts;
use crate::deidentify::DeidentifyError;
use crate::deidentify::InstanceReport;
use crate::deidentify::Profile;
use crate::deidentify::Reason;
use crate::deidentify::deidentify;
use crate::identity::PseudonymKey;

/// The arguments of `bonebox deidentify`.
#[derive(Debug, Clone, Args)]
pub struct DeidentifyArgs {
    /// DICOM files, or folders with them.
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The folder for the outputs; it is made, and must be empty.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which edition and options (default: the Basic Profile, newest edition).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The key of the pseudonyms, 64 hexadecimal digits or 32 bytes. Without
    /// one a key is made for this run: pseudonyms will not be found again.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// What was done, as JSON, without values.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// The machine's answer, the same as the report (`-`: standard output).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

type Outcome = Result<InstanceReport, DeidentifyError>;

/// De-identifies the inputs, on every core.
///
/// # Errors
/// [`WorkbenchError::Step`] when key, profile or folders cannot be used;
/// [`WorkbenchError::Answer`] when a report cannot be written.
pub fn run(args: &DeidentifyArgs) -> Result<Verdict, WorkbenchError> {
    let profile = match &args.profile {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|e| at("reading", path, &e))?;
            Profile::parse(&text).map_err(|error| WorkbenchError::Step(error.to_string()))?
        }
        None => Profile::parse("").map_err(|error| WorkbenchError::Step(error.to_string()))?,
    };
    let key = match &args.key {
        Some(path) => PseudonymKey::load(path),
        None => PseudonymKey::random(),
    };
    let key = key.map_err(|error| WorkbenchError::Step(error.to_string()))?;
    if args.key.is_none() {
        say("no --key: a key was made for this run; these pseudonyms will not be found again");
    }
    let inputs = list(&args.inputs)?;
    if !make_empty(&args.out)? {
        say(&format!("{} is not empty", args.out.display()));
        return Ok(Verdict::WrongUse);
    }
    let outcomes = run_all(&inputs, &args.out, &profile, &key);
    File::open(&args.out)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| at("syncing", &args.out, &error))?;
    let summary = Summary::of(&outcomes);
    for (input, outcome) in inputs.iter().zip(&outcomes) {
        if let Err(error) = outcome {
            say(&format!("{}: {error}", input.display()));
        }
    }
    let answer = summary.answer(&profile, &outcomes);
    for path in args.report.iter().chain(&args.json) {
        write_json(path, &answer)?;
    }
    if args.json.as_deref() != Some(Path::new("-")) {
        summary.print()?;
    }
    Ok(match (summary.failed, summary.quarantined.is_empty()) {
        (1.., _) => Verdict::Failed,
        (0, false) => Verdict::Refused,
        (0, true) => Verdict::Done,
    })
}

fn say(line: &str) {
    // Nobody is left to tell when standard error is closed.
    drop(writeln!(io::stderr(), "{line}"));
}

fn at(doing: &str, path: &Path, error: &io::Error) -> WorkbenchError {
    WorkbenchError::Step(format!("{doing} {}: {error}", path.display()))
}

/// The files of the arguments, folders walked in the order of their names.
/// Links inside a folder are not followed.
fn list(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, WorkbenchError> {
    let mut files = Vec::new();
    let mut rest: Vec<PathBuf> = arguments.iter().rev().cloned().collect();
    while let Some(path) = rest.pop() {
        let is_argument = arguments.contains(&path);
        let about = if is_argument {
            fs::metadata(&path)
        } else {
            fs::symlink_metadata(&path)
        };
        let about = about.map_err(|error| at("reading", &path, &error))?;
        if about.is_dir() {
            let entries = fs::read_dir(&path).map_err(|error| at("reading", &path, &error))?;
            let entries: Result<Vec<_>, _> = entries.map(|e| e.map(|e| e.path())).collect();
            let mut entries = entries.map_err(|error| at("reading", &path, &error))?;
            entries.sort_by(|a, b| b.cmp(a));
            rest.extend(entries);
        } else if about.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Makes a folder; whether it is empty.
fn make_empty(folder: &Path) -> Result<bool, WorkbenchError> {
    fs::create_dir_all(folder).map_err(|error| at("making", folder, &error))?;
    let mut entries = fs::read_dir(folder).map_err(|error| at("reading", folder, &error))?;
    Ok(entries.next().is_none())
}

fn run_all(inputs: &[PathBuf], out: &Path, profile: &Profile, key: &PseudonymKey) -> Vec<Outcome> {
    let bar = ProgressBar::new(u64::try_from(inputs.len()).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} left {eta}") {
        bar.set_style(style);
    }
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = inputs.get(index) else {
                return;
            };
            let output = out.join(format!("{:06}.dcm", index + 1));
            let outcome = deidentify(input, &output, profile, key);
            if let Ok(mut outcomes) = outcomes.lock() {
                outcomes.insert(index, outcome);
            }
            bar.inc(1);
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(inputs.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let outcomes = outcomes.into_inner().unwrap_or_default();
    outcomes.into_values().collect()
}

/// What came of a run.
struct Summary {
    passed: usize,
    failed: usize,
    quarantined: BTreeMap<Reason, usize>,
    counts: Counts,
}

impl Summary {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut summary = Self {
            passed: 0,
            failed: 0,
            quarantined: BTreeMap::new(),
            counts: Counts::default(),
        };
        for outcome in outcomes {
            match outcome {
                Ok(report) => {
                    summary.passed += 1;
                    summary.counts.add(&report.counts);
                }
                Err(DeidentifyError::Quarantine(reason)) => {
                    *summary.quarantined.entry(*reason).or_default() += 1;
                }
                Err(
                    DeidentifyError::Read { .. }
                    | DeidentifyError::Vault { .. }
                    | DeidentifyError::Write { .. },
                ) => {
                    summary.failed += 1;
                }
            }
        }
        summary
    }

    fn answer(&self, profile: &Profile, outcomes: &[Outcome]) -> serde_json::Value {
        let each = outcomes.iter().enumerate();
        let files: Vec<_> = each
            .map(|(index, outcome)| match outcome {
                Ok(report) => json!({
                    "input": index + 1,
                    "file": format!("{:06}.dcm", index + 1),
                    "report": report,
                }),
                Err(DeidentifyError::Quarantine(reason)) => json!({
                    "input": index + 1,
                    "quarantined": reason.code(),
                    "why": reason.text(),
                }),
                Err(error) => json!({ "input": index + 1, "failed": error.to_string() }),
            })
            .collect();
        json!({
            "edition": profile.edition.name(),
            "project": profile.project,
            "passed": self.passed,
            "quarantined": self.quarantined.values().sum::<usize>(),
            "failed": self.failed,
            "counts": self.counts,
            "files": files,
        })
    }

    fn print(&self) -> Result<(), WorkbenchError> {
        let mut lines = vec![format!("de-identified  {}", self.passed)];
        for (reason, count) in &self.quarantined {
            lines.push(format!("quarantined    {count}  {}", reason.text()));
        }
        lines.push(format!("failed         {}", self.failed));
        lines.push(format!(
            "attributes     {} removed, {} replaced, {} kept",
            self.counts.removed, self.counts.replaced, self.counts.kept
        ));
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", lines.join("\n"));
        written.map_err(|source| WorkbenchError::Answer {
            path: "standard output".to_owned(),
            source,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_no_output_and_a_code() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("in");
        fs::create_dir_all(inside.join("below")).unwrap();
        fs::write(inside.join("below/yamada.dcm"), b"no DICOM").unwrap();
        fs::write(inside.join("a.txt"), b"").unwrap();
        let args = DeidentifyArgs {
            inputs: vec![inside],
            out: folder.path().join("out"),
            profile: None,
            key: None,
            report: Some(folder.path().join("report.json")),
            json: None,
        };
        assert_eq!(run(&args).unwrap(), Verdict::Refused);
        assert!(fs::read_dir(&args.out).unwrap().next().is_none());
        let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
        assert!(report.contains("not-part10") && !report.contains("yamada"));
        fs::write(args.out.join("mine"), b"").unwrap();
        assert_eq!(run(&args).unwrap(), Verdict::WrongUse);
    }
}
