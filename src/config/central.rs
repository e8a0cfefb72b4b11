//! The settings of the reference central.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::raw::{Faults, RawCentral};

/// The central's settings, checked.
#[derive(Debug, Clone)]
pub struct CentralSettings {
    /// The folder of everything it holds.
    pub data: PathBuf,
    /// Where boxes send (mutual TLS).
    pub listen: SocketAddr,
    /// Its certificate (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
    /// The CA that boxes' certificates must come from (PEM).
    pub client_ca: PathBuf,
    /// Where people look: loopback, plain HTTP.
    pub people_listen: SocketAddr,
    /// The one user.
    pub user: String,
    /// The user's Argon2id password hash (PHC string).
    pub password_hash: String,
}

impl RawCentral {
    /// Checks every value.
    pub(super) fn check(self, file: &Path) -> Result<CentralSettings, ConfigError> {
        let mut faults = Faults::default();
        let listen = faults.take("listen", self.listen.parse::<SocketAddr>());
        let people = faults.take("people.listen", self.people.listen.parse::<SocketAddr>());
        faults.require(
            "people.listen",
            people.is_none_or(|address| address.ip().is_loopback()),
            "must be a loopback address (127.0.0.1): it is plain HTTP",
        );
        faults.require(
            "people.password_hash",
            self.people.password_hash.starts_with("$argon2id$"),
            "must be an Argon2id hash ($argon2id$…)",
        );
        faults.require(
            "people.user",
            !self.people.user.is_empty(),
            "must not be empty",
        );
        match (listen, people) {
            (Some(listen), Some(people_listen)) if faults.0.is_empty() => Ok(CentralSettings {
                data: self.data,
                listen,
                certificate: self.certificate,
                key: self.key,
                client_ca: self.client_ca,
                people_listen,
                user: self.people.user,
                password_hash: self.people.password_hash,
            }),
            _ => Err(ConfigError::Faults {
                path: file.to_owned(),
                faults: faults.0,
            }),
        }
    }
}
