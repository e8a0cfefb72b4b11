//! Plays hospital, box and central on loopback: makes keys, starts both,
//! sends a simulated wrist pair that carries a full identity and two real
//! radiographs that are no wrists, waits, and says what became of them.
//!
//! Everything lies under one folder and stays there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::identity::IdentityError;
use crate::names::NameError;
use crate::store::StoreError;
use crate::workbench::Verdict;
use crate::workbench::WorkbenchError;
use crate::workbench::write_json;

mod actors;
mod hospital;
pub mod pki;
mod play;
mod report;
pub mod scan;

pub use pki::Pki;

/// The ONNX Runtime library where set-up puts it, seen from the checkout.
pub const RUNTIME: &str = "target/setup/onnxruntime/libonnxruntime.so.1.32.0";
/// The models of the checkout.
pub const MODELS: &str = "models";

/// Options of the demo.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// End when the table is printed; the exit code tells.
    #[arg(long)]
    pub once: bool,
    /// Write the table as JSON (`-`: standard output).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Folder of everything that the demo makes; emptied at its start.
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    pub folder: PathBuf,
    /// Folder of the real radiographs (PyPI package pydicom-data), which
    /// `make demo` brings.
    #[arg(long, value_name = "DIR", default_value = "target/setup/pydicom-data")]
    pub radiographs: PathBuf,
    /// The ONNX Runtime library, which `make demo` brings.
    #[arg(long, value_name = "FILE", default_value = RUNTIME)]
    pub onnxruntime: PathBuf,
    /// Folder of the models.
    #[arg(long, value_name = "DIR", default_value = MODELS)]
    pub models: PathBuf,
    /// Which of the invented people is sent.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What kept the demo from playing.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or folder.
    #[error("{attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something that set-up brings is missing.
    #[error("{what} is missing at {path}: run `make setup`")]
    Missing {
        /// What.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A key or certificate could not be made.
    #[error("making a certificate: {0}")]
    Certificate(String),
    /// A password could not be hashed, or another key matter.
    #[error("making the demo's keys")]
    Identity(#[from] IdentityError),
    /// A process could not be started.
    #[error("starting the {name}")]
    Start {
        /// Which.
        name: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A process ended or said nothing before it was ready.
    #[error("the {name} did not become ready: its log is {log}")]
    NotReady {
        /// Which.
        name: &'static str,
        /// Where its log lies.
        log: PathBuf,
    },
    /// A name of the demo's own is not valid: a fault of this program.
    #[error("a name of the demo")]
    Name(#[from] NameError),
    /// Sending failed.
    #[error("sending over DICOM: {0}")]
    Send(String),
    /// The box's rows could not be read.
    #[error("looking into the box")]
    Store(#[from] StoreError),
    /// The simulated study could not be made, or the answer not written.
    #[error("making a study, or writing the answer")]
    Workbench(#[from] WorkbenchError),
    /// A task was lost.
    #[error("a task was lost")]
    Lost(#[from] tokio::task::JoinError),
}

impl DemoError {
    fn file<'a>(
        attempt: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'a> {
        move |source| Self::File {
            attempt,
            path: path.to_owned(),
            source,
        }
    }

    fn certificate(error: rcgen::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

/// Where the demo's listeners are.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    dicom: SocketAddr,
    dashboard: SocketAddr,
    dicom_web: SocketAddr,
    people: SocketAddr,
}

/// Plays the demo.
///
/// # Errors
/// [`DemoError`] where it could not be played to its end.
pub async fn run(args: &DemoArgs) -> Result<Verdict, DemoError> {
    let stage = play::Stage::set(args)?;
    let report = stage.play().await?;
    report.print(&stage)?;
    if let Some(path) = &args.json {
        write_json(path, &report.json(&stage))?;
    }
    if args.once {
        return Ok(if report.good() {
            Verdict::Done
        } else {
            Verdict::Failed
        });
    }
    stage.stay().await;
    Ok(Verdict::Done)
}
