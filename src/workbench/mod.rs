//! Runs one step on files from the shell, and makes test cases.
//!
//! Every subcommand: `--json FILE` writes the machine's answer (`-`: standard
//! output), tables for people go to standard output; exit 0 done, 2 wrong use,
//! 3 refused with a reason, 1 failed.

pub mod build_shape;
pub mod ct_files;
pub mod deck;
pub mod deidentify;
pub mod drr;
pub mod dx;
pub mod evaluate;
pub(crate) mod evaluate_picture;
pub mod evaluate_shape;
pub mod evaluate_summary;
pub mod evaluate_views;
pub mod fit_shape;
pub(crate) mod header;
pub mod invented;
pub mod judge;
pub mod mesh;
pub mod model_error;
pub(crate) mod nearest;
pub(crate) mod opening;
pub mod packed;
pub mod send;
pub mod shape_build;
pub mod shape_cases;
pub mod shape_pictures;
pub mod shape_summary;
pub mod solve;
pub mod specimen_case;
pub mod spread;
pub mod statistics;
pub mod synth;
pub mod training_set;
pub mod vtu;

use std::io::Write;
use std::path::Path;

use clap::Subcommand;

/// How a subcommand ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Done,
    /// Failed: a fault of the machine or the program.
    Failed,
    /// Wrong use.
    WrongUse,
    /// Refused with a reason: the input is not what the step can take.
    Refused,
}

impl Verdict {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::WrongUse => 2,
            Self::Refused => 3,
        }
    }
}

/// What a subcommand could not do.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The answer could not be written.
    #[error("writing the answer to {path}")]
    Answer {
        /// Where to.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A step failed.
    #[error("{0}")]
    Step(String),
}

/// The subcommands that run one step.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send files over DICOM, as an X-ray unit does.
    Send(send::SendArgs),
    /// Ask whether a DICOM peer is there.
    Echo(send::EchoArgs),
    /// Take the person out of files and folders.
    Deidentify(deidentify::DeidentifyArgs),
    /// Make simulated studies of invented people, with their truth.
    Synth(synth::Options),
    /// Make the radiograph that a volume would throw.
    Drr(drr::DrrArgs),
    /// Fill a closed surface with tetrahedra.
    Mesh(mesh::MeshArgs),
    /// Solve a CalculiX deck of tetrahedra.
    Solve(solve::SolveArgs),
    /// Print how much the people of a generator differ.
    Spread(spread::SpreadArgs),
    /// Build the forearm's shape model from invented training subjects.
    BuildShape(build_shape::BuildShapeArgs),
    /// Fit the forearm's shape model to an STL of a distal radius or ulna.
    FitShape(fit_shape::FitShapeArgs),
    /// Reconstruct case folders from their X-rays and judge the result.
    Evaluate(evaluate::EvaluateArgs),
    /// Judge the shape model on invented bones that it was not made from.
    EvaluateShape(evaluate_shape::EvaluateShapeArgs),
}

/// Runs a subcommand.
///
/// # Errors
/// [`WorkbenchError`] where the step itself failed.
pub fn run(command: &Command) -> Result<Verdict, WorkbenchError> {
    match command {
        Command::Send(args) => send::run(args),
        Command::Echo(args) => send::run_echo(args),
        Command::Deidentify(args) => deidentify::run(args),
        Command::Synth(options) => synth::run(options),
        Command::Drr(args) => drr::run(args),
        Command::Mesh(args) => mesh::run(args),
        Command::Solve(args) => solve::run(args),
        Command::Spread(args) => spread::run(args),
        Command::BuildShape(args) => build_shape::run(args),
        Command::FitShape(args) => fit_shape::run(args),
        Command::Evaluate(args) => evaluate_views::run(args),
        Command::EvaluateShape(args) => evaluate_shape::run(args),
    }
}

/// Reads a file that the shell named.
fn read_file(path: &Path) -> Result<Vec<u8>, WorkbenchError> {
    std::fs::read(path)
        .map_err(|error| WorkbenchError::Step(format!("reading {}: {error}", path.display())))
}

/// Writes a file that the shell named.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WorkbenchError> {
    std::fs::write(path, bytes)
        .map_err(|error| WorkbenchError::Step(format!("writing {}: {error}", path.display())))
}

/// Writes a machine's answer as JSON to a file, or to standard output for `-`.
///
/// # Errors
/// [`WorkbenchError::Answer`] if it cannot be written.
pub fn write_json(path: &Path, answer: &serde_json::Value) -> Result<(), WorkbenchError> {
    let fault = |source| WorkbenchError::Answer {
        path: path.to_string_lossy().into_owned(),
        source,
    };
    let text = format!("{answer:#}\n");
    if path == Path::new("-") {
        std::io::stdout().write_all(text.as_bytes()).map_err(fault)
    } else {
        std::fs::write(path, text).map_err(fault)
    }
}
