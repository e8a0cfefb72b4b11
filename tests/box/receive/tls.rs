//! TLS from a modality: who is let in, who is not, and before what.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use bonebox::audit::Rejection;
use bonebox::config::DicomSettings;
use bonebox::identity::{ClientTls, TlsVersions};
use bonebox::receive::send::{SendError, Sent, Way, send_by};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};

use super::node::{Node, ct, run, settings, until};

/// Authorities and leaves, in a folder.
struct Pki {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = authority(folder.path(), "ca");
        let other = authority(folder.path(), "other");
        let pki = Self { folder, issuer };
        pki.leaf("server", 1, &pki.issuer, |_| {});
        pki.leaf("client", 2, &pki.issuer, |_| {});
        pki.leaf("revoked", 3, &pki.issuer, |_| {});
        pki.leaf("stranger", 4, &other, |_| {});
        pki.leaf("expired", 5, &pki.issuer, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        });
        pki.leaf("wrong-use", 6, &pki.issuer, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        pki.revoke(&[3]);
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn leaf(
        &self,
        name: &str,
        serial: u64,
        issuer: &Issuer<'static, KeyPair>,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// Writes the revocation list anew.
    fn revoke(&self, serials: &[u64]) {
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2999, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: rcgen::date_time_ymd(2026, 1, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = list.signed_by(&self.issuer).unwrap().pem().unwrap();
        let new = self.path("new.crl");
        std::fs::write(&new, pem).unwrap();
        #[allow(
            clippy::disallowed_methods,
            reason = "a test's own file, put in place at once"
        )]
        std::fs::rename(new, self.path("ca.crl")).unwrap();
    }

    /// A node that listens for TLS; its only source may not send without.
    async fn node(&self) -> Node {
        let mut settings: DicomSettings = settings();
        settings.sources[0].plain = false;
        let files = bonebox::identity::ServerFiles::load(
            self.path("server.pem"),
            self.path("server.key"),
            self.path("ca.pem"),
            Some(self.path("ca.crl")),
            TlsVersions::From12,
        );
        Node::start_with(settings, Some(files.unwrap())).await
    }

    fn way(&self, node: &Node, name: &str) -> Way {
        let tls = ClientTls::load_versions(
            &self.path("ca.pem"),
            &self.path(&format!("{name}.pem")),
            &self.path(&format!("{name}.key")),
            TlsVersions::From12,
        );
        Way {
            to: format!("BONEBOX@{}", node.tls.unwrap()).parse().unwrap(),
            calling: "XRAY".parse().unwrap(),
            tls: Some(tls.unwrap()),
        }
    }
}

fn authority(folder: &Path, name: &str) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    Issuer::new(params, key)
}

async fn sent(files: &[PathBuf], way: &Way) -> Result<Vec<Sent>, SendError> {
    send_by(files, way, |_| {}).await
}

fn python(node: &Node, code: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = format!(
        "import socket, ssl\nport = {}\nraw = socket.create_connection(('127.0.0.1', port))\n\
         context = ssl.create_default_context()\ncontext.check_hostname = False\n\
         context.verify_mode = ssl.CERT_NONE\n{code}\n\
         line = context.wrap_socket(raw)\nline.send(bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]))\n\
         assert line.recv(10)[0] in (6, 7)\n",
        node.tls.unwrap().port()
    );
    let ran = Command::new(root.join("target/setup/venv/bin/python"))
        .args(["-c", &code])
        .output();
    ran.unwrap().status.success()
}

#[test]
fn wrong_clients_are_refused_before_a_pdu_is_read() {
    run(async {
        let pki = Pki::new();
        let node = pki.node().await;
        let files = [ct(pki.folder.path(), 1, &[])];
        for name in ["stranger", "revoked", "expired", "wrong-use"] {
            assert!(sent(&files, &pki.way(&node, name)).await.is_err(), "{name}");
        }
        let without = tokio::task::block_in_place(|| python(&node, ""));
        let old = "context.set_ciphers('DEFAULT:@SECLEVEL=0')\n\
                   context.maximum_version = ssl.TLSVersion.TLSv1_1\n\
                   context.minimum_version = ssl.TLSVersion.TLSv1";
        let old = tokio::task::block_in_place(|| python(&node, old));
        assert!(!without && !old);
        // DICOM without TLS on the port for TLS.
        let mut plain = TcpStream::connect(node.tls.unwrap()).unwrap();
        plain.write_all(&[1, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
        let refused = || -> u64 {
            let latest = node.store.callers().unwrap();
            let tls = latest.iter().filter(|one| {
                // Nobody got as far as to say who it is.
                one.rejection == Rejection::Tls && one.caller.calling.is_none()
            });
            tls.map(|one| one.count).sum()
        };
        until("seven refusals", || refused() == 7).await;
        assert!(node.files("identified").is_empty());
        // The known sender without TLS, on the other port.
        let why = node.send(&files).await.unwrap_err().to_string();
        assert!(why.contains("calling AE title not recognized"), "{why}");
        node.turned_away(|all| all.iter().any(|one| one.rejection == Rejection::Plain))
            .await;
        let good = sent(&files, &pki.way(&node, "client")).await.unwrap();
        assert_eq!(good[0].status, Some(0));
        node.stop().await;
    });
}

#[test]
fn dcmtk_sends_by_tls() {
    run(async {
        let pki = Pki::new();
        let node = pki.node().await;
        let file = ct(pki.folder.path(), 1, &[]);
        let output = tokio::task::block_in_place(|| {
            Command::new("storescu")
                .args(["-v", "-aet", "XRAY", "-aec", "BONEBOX", "+tls"])
                .arg(pki.path("client.key"))
                .arg(pki.path("client.pem"))
                .arg("+cf")
                .arg(pki.path("ca.pem"))
                .args(["127.0.0.1", &node.tls.unwrap().port().to_string()])
                .arg(&file)
                .output()
                .unwrap()
        });
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        node.settled().await;
        assert_eq!(node.files("identified").len(), 1);
        node.stop().await;
    });
}

#[test]
fn a_new_revocation_list_holds_from_the_next_connection_on() {
    run(async {
        let pki = Pki::new();
        let node = pki.node().await;
        let files: Vec<_> = (0..4).map(|n| ct(pki.folder.path(), n, &[])).collect();
        let way = pki.way(&node, "client");
        let mut count = 0;
        let all = send_by(&files, &way, |_| {
            if count == 0 {
                pki.revoke(&[2, 3]);
            }
            count += 1;
        });
        let all = all.await.unwrap();
        assert!(all.iter().all(|one| one.status == Some(0)));
        assert!(sent(&files[..1], &way).await.is_err(), "revoked since");
        // A list that cannot be read leaves the one before.
        std::fs::write(pki.path("ca.crl"), "nothing").unwrap();
        assert!(sent(&files[..1], &way).await.is_err(), "still revoked");
        pki.revoke(&[3]);
        assert!(sent(&files[..1], &way).await.is_ok());
        node.stop().await;
    });
}
