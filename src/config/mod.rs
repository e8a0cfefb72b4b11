//! Owns the settings file. [`Raw`] is what the file says, [`Settings`] what we
//! trust: made once, at start, with every fault reported together.
//!
//! The shipped `firmware-config/default.toml` is compiled in and explains each
//! key; a site's file says only what differs. Unknown keys are refused by name.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, File, FileFormat};

use crate::names::AeTitle;
use crate::names::Digest;
use crate::names::LegalBasis;
use crate::names::Project;
use crate::profile::Options;
use crate::profile::RegionRule;

mod central;
mod raw;

pub use central::CentralSettings;
pub use raw::{Raw, RawCentral};

/// The shipped settings, every key explained.
pub const DEFAULT_TOML: &str = include_str!("../../firmware-config/default.toml");

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read, is not TOML, has an unknown key or a value of
    /// the wrong type. The box does not start.
    #[error("the settings file {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reader's reason, with key or line.
        why: String,
    },
    /// Values are out of range or do not fit together. The box does not start.
    #[error("the settings file {path} has {} fault(s):\n{}", .faults.len(), .faults.join("\n"))]
    Faults {
        /// The file.
        path: PathBuf,
        /// One line a fault: key, what is wrong, what would be right.
        faults: Vec<String>,
    },
}

/// Who may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The site's name for it; stands in rows and on pages.
    pub name: String,
    /// Its calling AE title.
    pub calling_ae: AeTitle,
    /// Its address; `None`: any.
    pub address: Option<std::net::IpAddr>,
    /// It may also send without TLS.
    pub plain: bool,
    /// Where it wants to hear of storage commitments; `None`: on the
    /// association that asked.
    pub commitment_to: Option<DicomPeer>,
    /// The PACS of the hospital that gets what it sends, untouched.
    pub pass_on: Option<PassOn>,
}

/// Where images are passed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassOn {
    /// Whom.
    pub to: DicomPeer,
    /// By TLS, with the files of `dicom.tls`; else plain.
    pub by_tls: bool,
}

/// A DICOM node that the box calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DicomPeer {
    /// The AE title that is called.
    pub ae: AeTitle,
    /// Host and port.
    pub address: String,
}

/// The listener for senders that use TLS (PS3.15 B.12). All files are PEM.
#[derive(Debug, Clone)]
pub struct DicomTls {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The box's certificate and what signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that a sender's certificate must come from.
    pub client_ca: PathBuf,
    /// That authority's revocation list.
    pub revoked: Option<PathBuf>,
}

/// The DICOM listener.
#[derive(Debug, Clone)]
pub struct DicomSettings {
    /// Where it listens, without TLS.
    pub listen: SocketAddr,
    /// The listener for TLS.
    pub tls: Option<DicomTls>,
    /// Our AE title: the called AE title must be this.
    pub ae_title: AeTitle,
    /// Any sender is let in, with a loud warning.
    pub accept_any: bool,
    /// The senders that are let in.
    pub sources: Vec<Source>,
    /// A study that is not complete closes after this time without an image.
    pub quiet_period: Duration,
    /// Longest time from connection to association request, and for each read.
    pub idle_timeout: Duration,
    /// Most associations at a time.
    pub max_associations: usize,
    /// Most associations of one source at a time.
    pub max_associations_per_source: usize,
    /// Largest instance in bytes.
    pub max_instance_bytes: u64,
}

/// The central, as the forwarder sees it.
#[derive(Debug, Clone)]
pub struct CentralLink {
    /// STOW-RS base: `https://host:port/dicom-web`.
    pub url: String,
    /// CA that the central's certificate must come from (PEM).
    pub ca: PathBuf,
    /// The box's certificate (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
    /// First wait after a failure; doubles up to `retry_max`, with jitter.
    pub retry_first: Duration,
    /// Longest wait between tries.
    pub retry_max: Duration,
}

/// Which accelerators are tried, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// The processor: always works.
    Cpu,
}

/// Inference.
#[derive(Debug, Clone)]
pub struct InferenceSettings {
    /// The ONNX Runtime library.
    pub onnxruntime_lib: PathBuf,
    /// Digests of libraries that may be loaded; empty: any, with a warning.
    pub allowed_libraries: Vec<Digest>,
    /// The folder of models.
    pub models: PathBuf,
    /// Providers in the order they are tried.
    pub providers: Vec<Provider>,
    /// The slowest provider that is still accepted; `None`: any.
    pub require: Option<Provider>,
    /// Threads of one inference; fixed, for equal results.
    pub threads: usize,
}

/// The processes.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// The box starts worker and forwarder itself; false: they are units.
    pub spawn: bool,
    /// Where a worker that is a unit listens (Unix socket).
    pub worker_socket: PathBuf,
    /// The worker's memory cap in bytes.
    pub worker_memory_bytes: u64,
    /// Longest time for one study in the worker.
    pub worker_timeout: Duration,
}

/// The project that studies belong to.
#[derive(Debug, Clone)]
pub struct ProjectSettings {
    /// Its name.
    pub name: Project,
    /// The ground on which its results may leave.
    pub basis: LegalBasis,
    /// Options of the de-identification profile.
    pub options: Options,
    /// Which of the project's keys makes its pseudonyms: a new number, and
    /// nobody can link what was before with what comes.
    pub key_version: u32,
    /// Rectangles of pixels to blank by rule.
    pub regions: Vec<RegionRule>,
}

/// When a study belongs to a project: all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// The sender's name in `dicom.sources`.
    pub source: Option<String>,
    /// Station Name.
    pub station: Option<String>,
    /// How the Accession Number begins.
    pub accession_prefix: Option<String>,
}

impl When {
    fn holds(&self, source: &str, station: &str, accession: &str) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let prefix = self.accession_prefix.as_deref();
        same(&self.source, source)
            && same(&self.station, station)
            && prefix.is_none_or(|prefix| accession.starts_with(prefix))
    }
}

/// A project besides the default, and what belongs to it.
#[derive(Debug, Clone)]
pub struct ProjectRule {
    /// What belongs to it.
    pub when: When,
    /// The project.
    pub project: ProjectSettings,
}

/// Storage.
#[derive(Debug, Clone)]
pub struct StorageSettings {
    /// The folder of everything the box holds.
    pub data: PathBuf,
    /// Free space kept in reserve: below it C-STORE answers A700.
    pub reserve_bytes: u64,
    /// How long what is held apart waits for a person.
    pub quarantine: Duration,
}

/// The box's settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Storage.
    pub storage: StorageSettings,
    /// The DICOM listener.
    pub dicom: DicomSettings,
    /// Where the dashboard listens: loopback only, until there are accounts.
    pub dashboard: SocketAddr,
    /// The central; `None`: results wait in the outbox.
    pub central: Option<CentralLink>,
    /// Inference.
    pub inference: InferenceSettings,
    /// Processes.
    pub processes: ProcessSettings,
    /// The project of what no rule names.
    pub project: ProjectSettings,
    /// Projects by rule; the first that fits is the study's.
    pub projects: Vec<ProjectRule>,
    /// The node alone: receive, keep, export; no de-identification.
    pub receive_only: bool,
    /// The file they came from, for the child processes; `None`: shipped ones.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// Which key a project's pseudonyms have; the first for a project that is
    /// no longer in the settings.
    #[must_use]
    pub fn key_version(&self, name: &Project) -> u32 {
        let rules = self.projects.iter().map(|rule| &rule.project);
        let mut all = std::iter::once(&self.project).chain(rules);
        all.find(|project| project.name == *name)
            .map_or(1, |project| project.key_version)
    }

    /// The one project of an image, by who sent it and what it says.
    #[must_use]
    pub fn project_of(&self, source: &str, station: &str, accession: &str) -> &ProjectSettings {
        let mut rules = self.projects.iter();
        rules
            .find(|rule| rule.when.holds(source, station, accession))
            .map_or(&self.project, |rule| &rule.project)
    }
}

/// Reads the box's settings: the shipped ones, then a file over them, then
/// single `key = value` overrides (from the command line).
///
/// # Errors
/// [`ConfigError`] with every fault found.
pub fn load(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Settings, ConfigError> {
    let raw: Raw = read(DEFAULT_TOML, file, overrides)?;
    raw.check(file)
}

/// Reads the settings of the reference central.
///
/// # Errors
/// [`ConfigError`] with every fault found.
pub fn load_central(file: &Path) -> Result<CentralSettings, ConfigError> {
    let raw: RawCentral = read("", Some(file), &[])?;
    raw.check(file)
}

fn read<T: serde::de::DeserializeOwned>(
    shipped: &str,
    file: Option<&Path>,
    overrides: &[(&str, String)],
) -> Result<T, ConfigError> {
    let path = file.unwrap_or(Path::new("(shipped)"));
    let fault = |error: config::ConfigError| ConfigError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let mut builder = Config::builder().add_source(File::from_str(shipped, FileFormat::Toml));
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Unreadable {
            path: file.to_owned(),
            why: error.to_string(),
        })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    for (key, value) in overrides {
        builder = builder.set_override(*key, value.as_str()).map_err(fault)?;
    }
    builder
        .build()
        .and_then(Config::try_deserialize)
        .map_err(fault)
}

#[cfg(test)]
mod tests;
