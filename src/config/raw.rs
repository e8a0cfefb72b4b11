//! What the settings file says, before anything is believed.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{
    CentralLink, ConfigError, DicomPeer, DicomSettings, DicomTls, InferenceSettings, PassOn,
    ProcessSettings, ProjectRule, ProjectSettings, Provider, Settings, Source, StorageSettings,
    When,
};
use crate::names::LegalBasis;
use crate::profile::Options;
use crate::profile::parse_regions;

/// The box's settings file. Every key is explained in
/// `firmware-config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct Raw {
    pub storage: RawStorage,
    pub dicom: RawDicom,
    pub dashboard: RawDashboard,
    pub central: Option<RawLink>,
    pub inference: RawInference,
    pub processes: RawProcesses,
    pub project: RawProject,
    #[serde(default)]
    pub projects: Vec<RawRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawStorage {
    pub data: PathBuf,
    pub reserve_mb: u64,
    pub quarantine_days: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawDicom {
    pub listen: String,
    pub ae_title: String,
    pub accept_any: bool,
    #[serde(default)]
    pub sources: Vec<RawSource>,
    pub quiet_period_s: f64,
    pub idle_timeout_s: f64,
    pub max_associations: usize,
    pub max_associations_per_source: usize,
    pub max_instance_mb: u64,
    pub tls: Option<RawDicomTls>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawDicomTls {
    pub listen: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: PathBuf,
    pub revoked: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawSource {
    pub name: String,
    pub calling_ae: String,
    pub address: Option<String>,
    #[serde(default)]
    pub plain: bool,
    pub commitment_to: Option<String>,
    pub pass_on_to: Option<String>,
    #[serde(default)]
    pub pass_on_by_tls: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawDashboard {
    pub listen: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawLink {
    pub url: String,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    #[serde(default = "one_second")]
    pub retry_first_s: f64,
    #[serde(default = "quarter_hour")]
    pub retry_max_s: f64,
}

fn one_second() -> f64 {
    1.0
}

fn quarter_hour() -> f64 {
    900.0
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawInference {
    pub onnxruntime_lib: PathBuf,
    pub allowed_libraries: Vec<String>,
    pub models: PathBuf,
    pub providers: Vec<Provider>,
    pub require: String,
    pub threads: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawProcesses {
    pub spawn: bool,
    pub worker_socket: PathBuf,
    pub worker_memory_mb: u64,
    pub worker_timeout_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawProject {
    pub name: String,
    pub legal_basis: LegalBasis,
    pub options: Vec<String>,
    pub key_version: u32,
    pub regions: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml explains each key")]
pub struct RawRule {
    pub name: String,
    pub legal_basis: LegalBasis,
    pub options: Option<Vec<String>>,
    #[serde(default = "first_key")]
    pub key_version: u32,
    #[serde(default)]
    pub regions: String,
    pub source: Option<String>,
    pub station: Option<String>,
    pub accession_prefix: Option<String>,
}

fn first_key() -> u32 {
    1
}

/// The reference central's settings file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "firmware-config/central.toml explains each key"
)]
pub struct RawCentral {
    pub data: PathBuf,
    pub listen: String,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: PathBuf,
    pub people: RawPeople,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "firmware-config/central.toml explains each key"
)]
pub struct RawPeople {
    pub listen: String,
    pub user: String,
    pub password_hash: String,
}

/// Collects faults, so that all are reported together.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    pub(super) fn take<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value
            .map_err(|error| self.0.push(format!("  {key}: {error}")))
            .ok()
    }

    pub(super) fn require(&mut self, key: &str, holds: bool, rule: &str) {
        if !holds {
            self.0.push(format!("  {key}: {rule}"));
        }
    }

    pub(super) fn seconds(
        &mut self,
        key: &str,
        value: f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Duration {
        if range.contains(&value) {
            Duration::from_secs_f64(value)
        } else {
            self.0.push(format!(
                "  {key}: {value} is outside {} to {} seconds",
                range.start(),
                range.end()
            ));
            Duration::ZERO
        }
    }
}

/// Megabytes to bytes, as settings count them.
const MB: u64 = 1_000_000;

impl Raw {
    /// Checks every value and makes [`Settings`].
    pub(super) fn check(self, file: Option<&Path>) -> Result<Settings, ConfigError> {
        let mut faults = Faults::default();
        let dicom = self.dicom.check(&mut faults);
        let dashboard = faults.take(
            "dashboard.listen",
            self.dashboard.listen.parse::<SocketAddr>(),
        );
        faults.require(
            "dashboard.listen",
            dashboard.is_none_or(|address| address.ip().is_loopback()),
            "must be a loopback address (127.0.0.1): there are no accounts yet",
        );
        let central = self.central.map(|link| link.check(&mut faults));
        let inference = self.inference.check(&mut faults);
        faults.require(
            "processes.worker_memory_mb",
            self.processes.worker_memory_mb >= 512,
            "must be at least 512",
        );
        let processes = ProcessSettings {
            spawn: self.processes.spawn,
            worker_socket: self.processes.worker_socket,
            worker_memory_bytes: self.processes.worker_memory_mb.saturating_mul(MB),
            worker_timeout: faults.seconds(
                "processes.worker_timeout_s",
                self.processes.worker_timeout_s,
                1.0..=3600.0,
            ),
        };
        let shipped = self.project.options.clone();
        let project = self.project.check(&mut faults, "project");
        let mut projects = Vec::new();
        for (index, rule) in self.projects.into_iter().enumerate() {
            projects.extend(rule.check(&mut faults, &format!("projects[{index}]"), &shipped));
        }
        let names = projects.iter().map(|rule| &rule.project.name);
        let names: std::collections::BTreeSet<_> =
            names.chain(project.iter().map(|p| &p.name)).collect();
        faults.require(
            "projects",
            project.is_none() || names.len() == projects.len() + 1,
            "every project needs a name of its own",
        );
        let days = self.storage.quarantine_days;
        faults.require(
            "storage.quarantine_days",
            (1..=365).contains(&days),
            "between 1 and 365 days",
        );
        let storage = StorageSettings {
            data: self.storage.data,
            quarantine: Duration::from_secs(u64::from(days) * 86_400),
            reserve_bytes: self.storage.reserve_mb.saturating_mul(MB),
        };
        match (dicom, dashboard, project) {
            (Some(dicom), Some(dashboard), Some(project)) if faults.0.is_empty() => Ok(Settings {
                storage,
                dicom,
                dashboard,
                central,
                inference,
                processes,
                project,
                projects,
                receive_only: false,
                file: file.map(Path::to_owned),
            }),
            _ => Err(ConfigError::Faults {
                path: file.unwrap_or(Path::new("(shipped)")).to_owned(),
                faults: faults.0,
            }),
        }
    }
}

impl RawProject {
    fn check(self, faults: &mut Faults, key: &str) -> Option<ProjectSettings> {
        let name = faults.take(&format!("{key}.name"), self.name.parse());
        let options = faults.take(&format!("{key}.options"), Options::parse(&self.options));
        let regions = faults.take(&format!("{key}.regions"), parse_regions(&self.regions));
        faults.require(
            &format!("{key}.key_version"),
            (1..=1_000_000).contains(&self.key_version),
            "must be 1 to 1000000",
        );
        Some(ProjectSettings {
            name: name?,
            basis: self.legal_basis,
            options: options?,
            key_version: self.key_version,
            regions: regions?,
        })
    }
}

impl RawRule {
    fn check(self, faults: &mut Faults, key: &str, shipped: &[String]) -> Option<ProjectRule> {
        let when = When {
            source: self.source,
            station: self.station,
            accession_prefix: self.accession_prefix,
        };
        faults.require(
            key,
            when != When::default(),
            "needs source, station or accession_prefix: without them it would take every study",
        );
        let project = RawProject {
            name: self.name,
            legal_basis: self.legal_basis,
            options: self.options.unwrap_or_else(|| shipped.to_vec()),
            key_version: self.key_version,
            regions: self.regions,
        };
        let project = project.check(faults, key)?;
        Some(ProjectRule { when, project })
    }
}

impl RawSource {
    fn check(self, faults: &mut Faults, key: &str, has_tls: bool) -> Option<Source> {
        let calling_ae = faults.take(&format!("{key}.calling_ae"), self.calling_ae.parse());
        let address = self
            .address
            .map(|text| faults.take(&format!("{key}.address"), text.parse::<IpAddr>()));
        faults.require(
            &format!("{key}.name"),
            (1..=MAX_SOURCE_NAME).contains(&self.name.len()),
            "must have 1 to 32 bytes",
        );
        faults.require(
            &format!("{key}.plain"),
            self.plain || has_tls,
            "this source can send by TLS only, and dicom.tls is not set: set it, or plain = true",
        );
        let commitment_to = self
            .commitment_to
            .map(|text| faults.take(&format!("{key}.commitment_to"), peer(&text)));
        let pass_on_to = self
            .pass_on_to
            .map(|text| faults.take(&format!("{key}.pass_on_to"), peer(&text)));
        faults.require(
            &format!("{key}.pass_on_by_tls"),
            !self.pass_on_by_tls || (has_tls && pass_on_to.is_some()),
            "needs pass_on_to and dicom.tls, whose certificate it shows",
        );
        if address == Some(None) {
            return None;
        }
        Some(Source {
            name: self.name,
            calling_ae: calling_ae?,
            address: address.flatten(),
            plain: self.plain,
            commitment_to: commitment_to.flatten(),
            pass_on: pass_on_to.flatten().map(|to| PassOn {
                to,
                by_tls: self.pass_on_by_tls,
            }),
        })
    }
}

impl RawDicom {
    fn check(self, faults: &mut Faults) -> Option<DicomSettings> {
        let listen = faults.take("dicom.listen", self.listen.parse::<SocketAddr>());
        let ae_title = faults.take("dicom.ae_title", self.ae_title.parse());
        let quiet_period =
            faults.seconds("dicom.quiet_period_s", self.quiet_period_s, 0.1..=3600.0);
        let idle_timeout =
            faults.seconds("dicom.idle_timeout_s", self.idle_timeout_s, 1.0..=3600.0);
        faults.require(
            "dicom.max_associations",
            (1..=1000).contains(&self.max_associations),
            "must be 1 to 1000",
        );
        faults.require(
            "dicom.max_associations_per_source",
            (1..=self.max_associations).contains(&self.max_associations_per_source),
            "must be 1 to dicom.max_associations",
        );
        faults.require(
            "dicom.max_instance_mb",
            (1..=100_000).contains(&self.max_instance_mb),
            "must be 1 to 100000",
        );
        let has_tls = self.tls.is_some();
        let mut sources = Vec::new();
        for (index, source) in self.sources.into_iter().enumerate() {
            let key = format!("dicom.sources[{index}]");
            sources.extend(source.check(faults, &key, has_tls));
        }
        let tls = match self.tls {
            None => None,
            Some(tls) => Some(DicomTls {
                listen: faults.take("dicom.tls.listen", tls.listen.parse())?,
                certificate: tls.certificate,
                key: tls.key,
                client_ca: tls.client_ca,
                revoked: tls.revoked,
            }),
        };
        Some(DicomSettings {
            listen: listen?,
            tls,
            ae_title: ae_title?,
            accept_any: self.accept_any,
            sources,
            quiet_period,
            idle_timeout,
            max_associations: self.max_associations,
            max_associations_per_source: self.max_associations_per_source,
            max_instance_bytes: self.max_instance_mb.saturating_mul(MB),
        })
    }
}

/// Most bytes of a source's name: the spool keeps it with each instance.
const MAX_SOURCE_NAME: usize = 32;

/// `AE@HOST:PORT`.
fn peer(text: &str) -> Result<DicomPeer, String> {
    let (ae, address) = text.split_once('@').ok_or("AE@HOST:PORT is needed")?;
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(1..))) {
        return Err("AE@HOST:PORT with a port from 1 to 65535 is needed".to_owned());
    }
    Ok(DicomPeer {
        ae: ae.parse().map_err(|error| format!("{error}"))?,
        address: address.to_owned(),
    })
}

impl RawLink {
    fn check(self, faults: &mut Faults) -> CentralLink {
        faults.require(
            "central.url",
            self.url.starts_with("https://"),
            "must start with https:// (results leave by mutual TLS only)",
        );
        CentralLink {
            retry_first: faults.seconds("central.retry_first_s", self.retry_first_s, 0.05..=3600.0),
            retry_max: faults.seconds("central.retry_max_s", self.retry_max_s, 0.05..=86_400.0),
            url: self.url,
            ca: self.ca,
            certificate: self.certificate,
            key: self.key,
        }
    }
}

impl RawInference {
    fn check(self, faults: &mut Faults) -> InferenceSettings {
        let require = match self.require.as_str() {
            "any" => None,
            "tensorrt" => Some(Provider::TensorRt),
            "cuda" => Some(Provider::Cuda),
            "cpu" => Some(Provider::Cpu),
            _ => {
                faults.require(
                    "inference.require",
                    false,
                    "must be any, tensorrt, cuda or cpu",
                );
                None
            }
        };
        faults.require(
            "inference.providers",
            !self.providers.is_empty(),
            "must name at least one of tensorrt, cuda, cpu",
        );
        faults.require(
            "inference.threads",
            (1..=64).contains(&self.threads),
            "must be 1 to 64",
        );
        let allowed_libraries = self
            .allowed_libraries
            .iter()
            .filter_map(|text| faults.take("inference.allowed_libraries", text.parse()))
            .collect();
        InferenceSettings {
            onnxruntime_lib: self.onnxruntime_lib,
            allowed_libraries,
            models: self.models,
            providers: self.providers,
            require,
            threads: self.threads,
        }
    }
}
