//! The forwarder against a central that is there, is not there, or refuses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bonebox::anatomy::Side;
use bonebox::clock::Clock;
use bonebox::config::CentralLink;
use bonebox::forward::{self, ForwardError};
use bonebox::names::{Digest, LegalBasis};
use bonebox::store::{Outbox, OutboxFailure};
use bonebox::study::TroubleCode;
use bonebox::wire::{ApiVersion, Bundle, Receipt, ResultFile};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::central::{settings, start};
use crate::pki::Pki;
use crate::results::objects;

/// Puts the results of an invented study into the outbox.
fn put(outbox: &Outbox, folder: &Path, letter: char, basis: LegalBasis) -> Digest {
    let pseudonym = format!("BB-{}", letter.to_string().repeat(20))
        .parse()
        .unwrap();
    let study = format!("2.25.{}", u32::from(letter));
    let mut files = Vec::new();
    let mut list = Vec::new();
    for object in objects(&pseudonym, &study, Side::Left) {
        let file = folder.join(format!("{letter}-{}", object.name));
        std::fs::write(&file, &object.bytes).unwrap();
        files.push(file);
        list.push(ResultFile {
            name: object.name,
            digest: Digest::of(&object.bytes),
            size: object.bytes.len() as u64,
            sop_class: object.sop_class,
            sop_instance: object.sop_instance,
        });
    }
    let bundle = Bundle {
        version: ApiVersion::CURRENT,
        pseudonym,
        study: study.parse().unwrap(),
        project: "demo".parse().unwrap(),
        basis,
        objects: list,
    };
    outbox.put(&bundle, &files, Clock::System.now()).unwrap()
}

fn link(pki: &Pki, address: SocketAddr, certificate: &str) -> CentralLink {
    CentralLink {
        url: format!("https://{address}/dicom-web"),
        ca: pki.pem("ca"),
        certificate: pki.pem(certificate),
        key: pki.key(certificate),
        retry_first: Duration::from_millis(50),
        retry_max: Duration::from_millis(200),
    }
}

/// A forwarder that runs.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ForwardError>>,
}

impl Running {
    fn start(link: CentralLink, outbox: &Outbox) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            stopped.await.ok();
        };
        let outbox = outbox.clone();
        Self {
            stop,
            task: tokio::spawn(forward::run(link, outbox, Clock::System, shutdown)),
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Waits up to ten seconds until there is something.
async fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "no {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn receipt(outbox: &Outbox, bundle: &Digest) -> Receipt {
    wait("receipt", || outbox.receipt(bundle).unwrap()).await
}

async fn failure(outbox: &Outbox, bundle: &Digest, tries: u32) -> OutboxFailure {
    let enough = |failure: &OutboxFailure| failure.tries >= tries;
    wait("failure", || outbox.failure(bundle).unwrap().filter(enough)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_that_comes_back_gets_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let outbox = Outbox::open(&folder.path().join("box")).unwrap();
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let address = central.addresses.boxes;
    central.stop().await;

    let bundles = ['A', 'B'].map(|l| put(&outbox, folder.path(), l, LegalBasis::Synthetic));
    let forwarder = Running::start(link(&pki, address, "box-1"), &outbox);
    for bundle in &bundles {
        let failure = failure(&outbox, bundle, 2).await;
        assert_eq!(failure.failure.code, TroubleCode::CentralUnreachable);
    }
    let central = start(settings(folder.path(), &pki, &address.to_string())).await;
    for bundle in &bundles {
        let receipt = receipt(&outbox, bundle).await;
        assert_eq!(receipt.instances.len(), 3);
        assert_eq!(receipt.bundle, *bundle);
        assert_eq!(outbox.failure(bundle).unwrap(), None);
    }
    assert_eq!(outbox.waiting().unwrap(), 0);
    forwarder.stop().await;

    // The receipts are lost with the box's disk: everything is sent again and
    // the central still holds each instance once.
    let again = Outbox::open(&folder.path().join("again")).unwrap();
    let bundle = put(&again, folder.path(), 'A', LegalBasis::Synthetic);
    assert_eq!(bundle, bundles[0]);
    let forwarder = Running::start(link(&pki, address, "box-1"), &again);
    assert_eq!(receipt(&again, &bundle).await.instances.len(), 3);
    forwarder.stop().await;
    central.stop().await;
    let files = std::fs::read_dir(folder.path().join("objects")).unwrap();
    assert_eq!(files.count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_certificate_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let address = central.addresses.boxes;
    let check = async |name: &str, link: CentralLink| {
        let outbox = Outbox::open(&folder.path().join(name)).unwrap();
        let bundle = put(&outbox, folder.path(), 'A', LegalBasis::Synthetic);
        let forwarder = Running::start(link, &outbox);
        let failure = failure(&outbox, &bundle, 3).await;
        assert_eq!(
            failure.failure.code,
            TroubleCode::CentralRefusesUs,
            "{name}: {failure:?}"
        );
        forwarder.stop().await;
        failure.failure.detail
    };
    let text = check("stranger", link(&pki, address, "stranger")).await;
    assert!(text.contains("the central refuses"), "{text}");
    let mut other = link(&pki, address, "box-1");
    other.ca = pki.pem("other-ca");
    let text = check("we-refuse", other).await;
    assert!(text.contains("the central's certificate"), "{text}");
    let mut missing = link(&pki, address, "box-1");
    missing.key = folder.path().join("missing.key");
    let text = check("missing", missing).await;
    assert!(text.contains("missing.key"), "{text}");
    central.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_without_a_legal_basis() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let outbox = Outbox::open(&folder.path().join("box")).unwrap();
    let without = put(&outbox, folder.path(), 'A', LegalBasis::None);
    let with = put(&outbox, folder.path(), 'B', LegalBasis::ResearchConsent);
    let forwarder = Running::start(link(&pki, central.addresses.boxes, "box-1"), &outbox);
    receipt(&outbox, &with).await;
    let failure = failure(&outbox, &without, 2).await;
    assert!(failure.failure.detail.contains("legal basis"));
    forwarder.stop().await;
    central.stop().await;
    let files = std::fs::read_dir(folder.path().join("objects")).unwrap();
    assert_eq!(files.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_object_is_named_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let outbox = Outbox::open(&folder.path().join("box")).unwrap();
    let pseudonym = "BB-AAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    let object = objects(&pseudonym, "2.25.65", Side::Left).remove(0);
    let file = folder.path().join("bad.dcm");
    // Cut in the middle, but with its own digest: the central must refuse it.
    let bytes = &object.bytes[..object.bytes.len() - 50];
    std::fs::write(&file, bytes).unwrap();
    let bundle = Bundle {
        version: ApiVersion::CURRENT,
        pseudonym,
        study: "2.25.65".parse().unwrap(),
        project: "demo".parse().unwrap(),
        basis: LegalBasis::Synthetic,
        objects: vec![ResultFile {
            name: "bad.dcm".into(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            sop_class: object.sop_class,
            sop_instance: object.sop_instance,
        }],
    };
    let bundle = outbox.put(&bundle, &[file], Clock::System.now()).unwrap();
    let forwarder = Running::start(link(&pki, central.addresses.boxes, "box-1"), &outbox);
    let failure = failure(&outbox, &bundle, 2).await;
    assert_eq!(failure.failure.code, TroubleCode::CentralRefusedResults);
    assert!(failure.failure.detail.contains("bad.dcm"), "{failure:?}");
    forwarder.stop().await;
    central.stop().await;
}
