//! A public key infrastructure for one demo: an authority, the central's
//! server certificate, the box's client certificate, and a stranger's.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::DemoError;

/// Where the files lie (PEM).
#[derive(Debug, Clone)]
pub struct Pki {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The central's certificate and key.
    pub central: (PathBuf, PathBuf),
    /// The box's certificate and key.
    pub client: (PathBuf, PathBuf),
}

/// Makes an infrastructure in a folder. The names are the demo's own: loopback
/// and `localhost`.
///
/// # Errors
/// [`DemoError`] if a file cannot be written.
pub fn make(folder: &Path) -> Result<Pki, DemoError> {
    std::fs::create_dir_all(folder).map_err(DemoError::file("making the folder", folder))?;
    let authority = Authority::new("bonebox demo authority")?;
    let ca = folder.join("ca.pem");
    write(&ca, &authority.pem)?;
    Ok(Pki {
        central: authority.issue(folder, "central", ExtendedKeyUsagePurpose::ServerAuth)?,
        client: authority.issue(folder, "demo-box", ExtendedKeyUsagePurpose::ClientAuth)?,
        ca,
    })
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Result<Self, DemoError> {
        let key = KeyPair::generate().map_err(DemoError::certificate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params
            .self_signed(&key)
            .map_err(DemoError::certificate)?
            .pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    fn issue(
        &self,
        folder: &Path,
        name: &str,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<(PathBuf, PathBuf), DemoError> {
        let key = KeyPair::generate().map_err(DemoError::certificate)?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).map_err(DemoError::certificate)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(DemoError::certificate)?;
        let files = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key.pem")),
        );
        write(&files.0, &certificate.pem())?;
        write(&files.1, &key.serialize_pem())?;
        Ok(files)
    }
}

/// Writes a PEM file that only we may read.
fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(DemoError::file("writing", path))
}
