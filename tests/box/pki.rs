//! Certificates for tests: an authority, servers and boxes under it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A folder of PEM files: `NAME.pem` and `NAME.key`.
#[derive(Clone)]
pub(crate) struct Pki {
    folder: PathBuf,
}

impl Pki {
    /// Two authorities (`ca`, `other-ca`); `central` and `box-1` under the
    /// first, `stranger` under the second.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let pki = Self {
            folder: folder.to_owned(),
        };
        let (good, other) = (pki.authority("ca"), pki.authority("other-ca"));
        pki.leaf("central", &good);
        pki.leaf("box-1", &good);
        pki.leaf("box-2", &good);
        pki.leaf("stranger", &other);
        pki
    }

    pub(crate) fn pem(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        self.write(name, &certificate.pem(), &key);
        Issuer::new(params, key)
    }

    fn leaf(&self, name: &str, issuer: &Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = named(name);
        let certificate = params.signed_by(&key, issuer).unwrap();
        self.write(name, &certificate.pem(), &key);
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) {
        std::fs::write(self.pem(name), certificate).unwrap();
        std::fs::write(self.key(name), key.serialize_pem()).unwrap();
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
