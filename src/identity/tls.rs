//! Certificates: both ends of the links that the box speaks over TLS.
//!
//! `ring` is the only crypto provider. The link to the central is TLS 1.3 only;
//! a DICOM listener may allow 1.2, which PS3.15 B.12 (BCP 195) still asks for.
//! A client without a certificate of the named authority is refused in the
//! handshake; so is a revoked one when a revocation list is given. An expired
//! list or a certificate that the list does not cover is refused too.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};

use super::IdentityError;

/// Which versions a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.3: the link to the central.
    Only13,
    /// TLS 1.3 and, for modalities, 1.2 (PS3.15 B.12).
    From12,
}

impl TlsVersions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static ONLY_13: [&SupportedProtocolVersion; 1] = [&TLS13];
        static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Only13 => &ONLY_13,
            Self::From12 => &FROM_12,
        }
    }
}

/// The listening end of a mutual TLS link.
#[derive(Debug)]
pub enum ServerTls {}

/// A file's time of change, length and number.
type Stamp = (SystemTime, u64, u64);

/// The files of a listening end, read anew when one of them changes. What is
/// open goes on with what it began with.
#[derive(Debug)]
pub struct ServerFiles {
    certificate: PathBuf,
    key: PathBuf,
    client_authority: PathBuf,
    revocation_list: Option<PathBuf>,
    versions: TlsVersions,
    current: Mutex<(Vec<Option<Stamp>>, Arc<ServerConfig>)>,
}

impl ServerFiles {
    /// Reads them once, with the arguments of [`ServerTls::load`].
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn load(
        certificate: PathBuf,
        key: PathBuf,
        client_authority: PathBuf,
        revocation_list: Option<PathBuf>,
        versions: TlsVersions,
    ) -> Result<Self, IdentityError> {
        let list = revocation_list.as_deref();
        let config = ServerTls::load(&certificate, &key, &client_authority, list, versions)?;
        let files = Self {
            certificate,
            key,
            client_authority,
            revocation_list,
            versions,
            current: Mutex::new((Vec::new(), config)),
        };
        files.lock().0 = files.changed();
        Ok(files)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<Option<Stamp>>, Arc<ServerConfig>)> {
        // It is replaced as a whole.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tells each file from what it was before: its time alone is too coarse
    /// where it is written twice within milliseconds.
    fn changed(&self) -> Vec<Option<Stamp>> {
        let files = [&self.certificate, &self.key, &self.client_authority];
        files
            .into_iter()
            .chain(self.revocation_list.as_ref())
            .map(|file| {
                let data = std::fs::metadata(file).ok()?;
                Some((data.modified().ok()?, data.len(), data.ino()))
            })
            .collect()
    }

    /// What a connection that comes now is to use. Files that have changed and
    /// do not fit leave what was there, and say so in the log once.
    pub fn now(&self) -> Arc<ServerConfig> {
        let changed = self.changed();
        let mut current = self.lock();
        if current.0 != changed {
            let list = self.revocation_list.as_deref();
            let (certificate, key) = (&self.certificate, &self.key);
            match ServerTls::load(
                certificate,
                key,
                &self.client_authority,
                list,
                self.versions,
            ) {
                Ok(config) => current.1 = config,
                Err(error) => {
                    let why = error.to_string();
                    tracing::error!(why, "changed TLS files cannot be used; the old ones stay");
                }
            }
            current.0 = changed;
        }
        Arc::clone(&current.1)
    }
}

impl ServerTls {
    /// Reads certificate chain, private key, the authority of the clients and
    /// its revocation list (all PEM).
    ///
    /// # Errors
    /// Names the file that cannot be read or does not fit, and why.
    pub fn load(
        certificate: &Path,
        key: &Path,
        client_authority: &Path,
        revocation_list: Option<&Path>,
        versions: TlsVersions,
    ) -> Result<Arc<ServerConfig>, IdentityError> {
        let roots = Arc::new(read_roots(client_authority)?);
        let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if let Some(path) = revocation_list {
            verifier = verifier
                .with_crls(read_revocations(path)?)
                .enforce_revocation_expiration();
        }
        let verifier = verifier.build().map_err(|error| IdentityError::Verifier {
            path: revocation_list.unwrap_or(client_authority).to_owned(),
            why: error.to_string(),
        })?;
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.supported())
            .map_err(unusable("versions", certificate))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(read_chain(certificate)?, read_key(key)?)
            .map(Arc::new)
            .map_err(unusable("certificate and key", certificate))
    }
}

/// The calling end of a mutual TLS link.
#[derive(Debug)]
pub enum ClientTls {}

impl ClientTls {
    /// Reads the authority of the server, and our certificate chain and key
    /// (all PEM). TLS 1.3 only.
    ///
    /// # Errors
    /// Names the file that cannot be read or does not fit, and why.
    pub fn load(
        server_authority: &Path,
        certificate: &Path,
        key: &Path,
    ) -> Result<Arc<ClientConfig>, IdentityError> {
        Self::load_versions(server_authority, certificate, key, TlsVersions::Only13)
    }

    /// The same for a DICOM peer, which may speak 1.2 only.
    ///
    /// # Errors
    /// Names the file that cannot be read or does not fit, and why.
    pub fn load_versions(
        server_authority: &Path,
        certificate: &Path,
        key: &Path,
        versions: TlsVersions,
    ) -> Result<Arc<ClientConfig>, IdentityError> {
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.supported())
            .map_err(unusable("versions", certificate))?
            .with_root_certificates(read_roots(server_authority)?)
            .with_client_auth_cert(read_chain(certificate)?, read_key(key)?)
            .map(Arc::new)
            .map_err(unusable("certificate and key", certificate))
    }
}

/// A host's name or address, as its certificate must say it.
///
/// # Errors
/// It is neither.
pub fn server_name(host: &str) -> Result<ServerName<'static>, IdentityError> {
    ServerName::try_from(host.to_owned()).map_err(|_| IdentityError::Host)
}

/// What a client of a TLS link uses.
pub type ClientLink = Arc<ClientConfig>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl Fn(rustls::Error) -> IdentityError + 'a {
    move |source| IdentityError::Tls {
        what,
        path: path.to_owned(),
        source,
    }
}

fn unreadable(what: &'static str, path: &Path, why: impl ToString) -> IdentityError {
    IdentityError::Certificate {
        what,
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let fault = |error| unreadable("certificate", path, error);
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(fault)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault)?;
    if chain.is_empty() {
        return Err(unreadable("certificate", path, "no certificate in it"));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable("private key", path, error))
}

fn read_roots(path: &Path) -> Result<RootCertStore, IdentityError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        roots
            .add(certificate)
            .map_err(unusable("authority", path))?;
    }
    Ok(roots)
}

fn read_revocations(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, IdentityError> {
    let fault = |error| unreadable("revocation list", path, error);
    let lists = CertificateRevocationListDer::pem_file_iter(path)
        .map_err(fault)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault)?;
    if lists.is_empty() {
        return Err(unreadable("revocation list", path, "no list in it"));
    }
    Ok(lists)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
        KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    };
    use rustls::{ClientConnection, ServerConnection};
    use std::fs;

    /// A folder with two authorities, a server's and three clients' files.
    struct Pki {
        folder: tempfile::TempDir,
    }

    impl Pki {
        fn new() -> Self {
            let pki = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            let (good, other) = (pki.authority("ca"), pki.authority("other-ca"));
            pki.leaf("server", 1, &good);
            pki.leaf("client", 2, &good);
            pki.leaf("revoked", 3, &good);
            pki.leaf("stranger", 4, &other);
            let list = CertificateRevocationListParams {
                this_update: rcgen::date_time_ymd(2026, 1, 1),
                next_update: rcgen::date_time_ymd(2999, 1, 1),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: vec![RevokedCertParams {
                    serial_number: SerialNumber::from(3),
                    revocation_time: rcgen::date_time_ymd(2026, 1, 1),
                    reason_code: Some(RevocationReason::KeyCompromise),
                    invalidity_date: None,
                }],
                key_identifier_method: KeyIdMethod::Sha256,
            };
            let list = list.signed_by(&good).unwrap().pem().unwrap();
            fs::write(pki.path("ca.crl"), list).unwrap();
            pki
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&self, name: &str, certificate: &str, key: &KeyPair) {
            fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
            fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }

        fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let certificate = params.self_signed(&key).unwrap();
            self.write(name, &certificate.pem(), &key);
            Issuer::new(params, key)
        }

        fn leaf(&self, name: &str, serial: u64, issuer: &Issuer<'static, KeyPair>) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.serial_number = Some(SerialNumber::from(serial));
            let certificate = params.signed_by(&key, issuer).unwrap();
            self.write(name, &certificate.pem(), &key);
        }

        fn server(&self, revocations: bool) -> Arc<ServerConfig> {
            let list = self.path("ca.crl");
            ServerTls::load(
                &self.path("server.pem"),
                &self.path("server.key"),
                &self.path("ca.pem"),
                revocations.then_some(list.as_path()),
                TlsVersions::Only13,
            )
            .unwrap()
        }

        fn client(&self, name: &str) -> Arc<ClientConfig> {
            ClientTls::load(
                &self.path("ca.pem"),
                &self.path(&format!("{name}.pem")),
                &self.path(&format!("{name}.key")),
            )
            .unwrap()
        }
    }

    /// Shakes hands in memory; the error of whichever end refuses.
    fn shake(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<(), rustls::Error> {
        let mut client = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(server).unwrap();
        for _ in 0..8 {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                server.read_tls(&mut bytes).unwrap();
                server.process_new_packets()?;
            }
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut bytes = wire.as_slice();
            while !bytes.is_empty() {
                client.read_tls(&mut bytes).unwrap();
                client.process_new_packets()?;
            }
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok(())
    }

    #[test]
    fn only_a_client_of_the_authority_comes_in() {
        let pki = Pki::new();
        let check = |name, revocations, good: bool| {
            let result = shake(pki.client(name), pki.server(revocations));
            assert_eq!(result.is_ok(), good, "{name}: {result:?}");
        };
        check("client", false, true);
        check("client", true, true);
        check("stranger", true, false);
        check("revoked", false, true);
        check("revoked", true, false);
    }

    #[test]
    fn no_certificate_and_old_versions_are_refused() {
        let pki = Pki::new();
        let roots = read_roots(&pki.path("ca.pem")).unwrap();
        let client = |versions: &[&'static SupportedProtocolVersion]| {
            Arc::new(
                ClientConfig::builder_with_provider(provider())
                    .with_protocol_versions(versions)
                    .unwrap()
                    .with_root_certificates(roots.clone())
                    .with_no_client_auth(),
            )
        };
        let none = shake(client(&[&TLS13]), pki.server(false));
        assert!(matches!(none, Err(rustls::Error::NoCertificatesPresented)));
        let old = shake(client(&[&TLS12]), pki.server(false));
        assert!(matches!(old, Err(rustls::Error::PeerIncompatible(_))));
    }

    #[test]
    fn an_error_names_its_file() {
        let pki = Pki::new();
        let missing = pki.path("missing.pem");
        let load = |certificate: &Path, key: &Path, authority: &Path| {
            ServerTls::load(certificate, key, authority, None, TlsVersions::From12)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let check = |certificate: &Path, key: &Path, authority: &Path, named: &str| {
            let error = load(certificate, key, authority).unwrap_err();
            assert!(error.contains(named), "{error}");
        };
        let (pem, key) = (pki.path("server.pem"), pki.path("server.key"));
        let ca = pki.path("ca.pem");
        check(&missing, &key, &ca, "missing.pem");
        check(&pem, &missing, &ca, "missing.pem");
        check(&pem, &key, &missing, "missing.pem");
        check(&pem, &pem, &ca, "private key");
        check(&pem, &pki.path("client.key"), &ca, "server.pem");
        check(&key, &key, &ca, "no certificate in it");
        assert_eq!(load(&pem, &key, &ca), Ok(()));
    }
}
