//! The store from outside: admission, moving on, troubles, the outbox.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::audit;
use crate::audit::Seal;
use crate::names::Digest;
use crate::names::LegalBasis;
use crate::study::ImageFacts;
use crate::study::Received;
use crate::study::RequestKind;
use crate::study::Spooled;
use crate::study::SpooledEvidence;
use crate::study::Study;
use crate::study::TroubleCode;
use crate::study::ViewCode;
use crate::wire::ApiVersion;
use crate::wire::Bundle;
use crate::wire::Receipt;
use crate::wire::ResultFile;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn arrival(instance: u8, bytes: &[u8]) -> Arrival {
    Arrival {
        pass_on: false,
        study: KEY.parse().unwrap(),
        instance: format!("{instance:032x}").parse().unwrap(),
        source: "room 1".into(),
        facts: ImageFacts {
            set: None,
            sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            modality: "DX".into(),
            view: ViewCode::Pa,
            laterality: Some('R'),
            body_part: Some("WRIST".into()),
        },
        file: format!("identified/{KEY}/{instance:032x}-{}.dcm", Digest::of(bytes)),
        size: 1,
        digest: Digest::of(bytes),
    }
}

fn store() -> (tempfile::TempDir, Store, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Moment::from_micros(1_000_000));
    let store = Store::open(dir.path(), clock.clone()).unwrap();
    (dir, store, clock)
}

fn close(store: &Store) -> Study<Spooled> {
    let study = store
        .ready::<Received>(store.now())
        .unwrap()
        .pop()
        .expect("an open study");
    let timing = Timing {
        started: store.now(),
        attempt: 1,
    };
    store.close(study, "quiet", timing).unwrap()
}

#[test]
fn same_bytes_again_are_no_work_and_other_bytes_are_kept() {
    let (_dir, store, _) = store();
    let first = arrival(1, b"a");
    assert_eq!(
        store.admit(first.clone()).unwrap(),
        Admission::New { generation: 1 }
    );
    assert_eq!(store.admit(first).unwrap(), Admission::Repeated);
    assert_eq!(
        store.admit(arrival(1, b"b")).unwrap(),
        Admission::Conflict { generation: 1 }
    );
    let row = store.studies(10).unwrap().remove(0);
    assert_eq!(
        (row.images, row.trouble.unwrap().code),
        (2, TroubleCode::ConflictingInstance)
    );
    assert_eq!(
        store.ready::<Received>(store.now()).unwrap().len(),
        1,
        "told, not held up"
    );
    assert_eq!(store.conflicts(&row.id).unwrap().len(), 1);
    // It is told of after later steps too, and in the generation of a late one.
    let closed = close(&store);
    let told = |at: usize| store.studies(10).unwrap()[at].trouble.clone().unwrap();
    assert_eq!(told(0).code, TroubleCode::ConflictingInstance);
    assert!(store.ready::<Spooled>(store.now()).unwrap().len() == 1);
    store
        .hold_up(closed.id(), TroubleCode::WorkerCrashed, "x", None)
        .unwrap();
    store.admit(arrival(1, b"c")).unwrap();
    let late = close(&store);
    assert_eq!(store.conflicts(late.id()).unwrap().len(), 1);
    let code = store.study(late.id()).unwrap().unwrap().row.trouble;
    assert_eq!(code.unwrap().code, TroubleCode::ConflictingInstance);
}

#[test]
fn what_comes_late_opens_a_new_generation() {
    let (_dir, store, _) = store();
    store.admit(arrival(1, b"a")).unwrap();
    let closed = close(&store);
    assert_eq!(
        store.admit(arrival(2, b"b")).unwrap(),
        Admission::New { generation: 2 }
    );
    assert_eq!(store.admit(arrival(1, b"a")).unwrap(), Admission::Repeated);
    assert_eq!(closed.id().generation, 1);
    assert_eq!(store.instances(closed.id()).unwrap().len(), 1);
}

#[test]
fn a_step_that_was_overtaken_changes_nothing() {
    let (_dir, store, _) = store();
    store.admit(arrival(1, b"a")).unwrap();
    let slow = store.ready::<Received>(store.now()).unwrap().pop().unwrap();
    close(&store);
    let evidence = SpooledEvidence {
        instances: vec![],
        digest: Digest::of(b"other"),
        closed_because: "quiet".into(),
    };
    let timing = Timing {
        started: store.now(),
        attempt: 1,
    };
    let moved = store.advance::<Received, Spooled>(slow, &evidence, timing, vec![]);
    assert!(matches!(moved, Err(StoreError::Moved { .. })));
}

#[test]
fn a_trouble_holds_up_until_it_is_due_or_a_person_asks() {
    let (_dir, store, clock) = store();
    store.admit(arrival(1, b"a")).unwrap();
    let study = close(&store);
    let later = clock.now().after(Duration::from_secs(60));
    let id = study.id();
    store
        .hold_up(id, TroubleCode::WorkerCrashed, "signal 9", Some(later))
        .unwrap();
    let trouble = store
        .hold_up(id, TroubleCode::WorkerCrashed, "again", Some(later))
        .unwrap();
    assert_eq!(trouble.tries, 2);
    assert!(store.ready::<Spooled>(clock.now()).unwrap().is_empty());
    store.ask(id, RequestKind::Retry, None).unwrap();
    let request = store.open_requests().unwrap().remove(0);
    store.answer(&request).unwrap();
    assert_eq!(store.ready::<Spooled>(clock.now()).unwrap().len(), 1);
    assert!(store.open_requests().unwrap().is_empty());
}

#[test]
fn what_was_given_up_gets_one_more_try_at_start() {
    let (_dir, store, clock) = store();
    store.admit(arrival(1, b"a")).unwrap();
    let study = close(&store);
    store
        .hold_up(study.id(), TroubleCode::WorkerCrashed, "signal 9", None)
        .unwrap();
    assert!(store.ready::<Spooled>(clock.now()).unwrap().is_empty());
    assert_eq!(store.revive().unwrap(), 1);
    assert_eq!(store.ready::<Spooled>(clock.now()).unwrap().len(), 1);
    store
        .hold_up(study.id(), TroubleCode::Quarantined, "a dose screen", None)
        .unwrap();
    assert_eq!(store.revive().unwrap(), 0, "that needs a person");
}

#[test]
fn rows_and_the_chain_survive_a_restart() {
    let (dir, store, clock) = store();
    store.admit(arrival(1, b"a")).unwrap();
    close(&store);
    drop(store);
    let store = Store::open(dir.path(), clock).unwrap();
    store.admit(arrival(2, b"b")).unwrap();
    let journal = store.journal_since(0, 100).unwrap();
    assert_eq!(journal.len(), 3);
    audit::verify(Seal::first(), &journal).unwrap();
}

#[test]
fn an_artefact_without_a_row_goes_at_start_and_a_wrong_digest_is_refused() {
    let (dir, store, clock) = store();
    let file = dir.path().join("radius.stl");
    std::fs::write(&file, b"surface").unwrap();
    let wrong = store.keep(&file, Digest::of(b"other"));
    assert!(matches!(wrong, Err(StoreError::Digest { .. })));
    store.keep(&file, Digest::of(b"surface")).unwrap();
    let path = store.artefact_path(&Digest::of(b"surface"));
    assert!(path.exists() && store.artefact(&Digest::of(b"surface")).unwrap().is_none());
    drop(store);
    Store::open(dir.path(), clock).unwrap();
    assert!(!path.exists());
}

#[test]
fn many_writers_are_committed_together_and_all_are_answered() {
    let (_dir, store, _) = store();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let store = store.clone();
            scope.spawn(move || {
                for index in 0..20_u8 {
                    store
                        .admit(arrival(thread * 20 + index, &[thread, index]))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(store.studies(10).unwrap()[0].images, 160);
    let journal = store.journal_since(0, 1000).unwrap();
    assert_eq!(journal.len(), 160);
    audit::verify(Seal::first(), &journal).unwrap();
}

#[test]
fn a_bundle_is_put_once_and_its_receipt_comes_back() {
    let (dir, _store, clock) = store();
    let outbox = Outbox::open(dir.path()).unwrap();
    let file = dir.path().join("o.dcm");
    std::fs::write(&file, b"object").unwrap();
    let bundle = Bundle {
        version: ApiVersion::CURRENT,
        pseudonym: "BB-ABCDEFGHIJ2345672345".parse().unwrap(),
        study: "2.25.1".parse().unwrap(),
        project: "demo".parse().unwrap(),
        basis: LegalBasis::Synthetic,
        objects: vec![ResultFile {
            name: "o.dcm".into(),
            digest: Digest::of(b"object"),
            size: 6,
            sop_class: "1.2.3".parse().unwrap(),
            sop_instance: "2.25.2".parse().unwrap(),
        }],
    };
    let digest = outbox
        .put(&bundle, std::slice::from_ref(&file), clock.now())
        .unwrap();
    assert_eq!(outbox.put(&bundle, &[file], clock.now()).unwrap(), digest);
    let due = outbox.due(clock.now(), 10).unwrap();
    assert_eq!((due.len(), due[0].bundle == bundle), (1, true));
    let failure = Failure {
        code: TroubleCode::CentralUnreachable,
        detail: "refused".into(),
    };
    let later = clock.now().after(Duration::from_secs(1));
    outbox.failed(&digest, &failure, later).unwrap();
    assert!(outbox.due(clock.now(), 10).unwrap().is_empty());
    assert_eq!(outbox.failure(&digest).unwrap().unwrap().failure, failure);
    let receipt = Receipt {
        bundle: digest,
        instances: vec!["2.25.2".parse().unwrap()],
        at: clock.now(),
        central: "central".into(),
    };
    outbox.delivered(&receipt).unwrap();
    assert_eq!(outbox.receipt(&digest).unwrap(), Some(receipt));
    assert_eq!(outbox.waiting().unwrap(), 0);
}
