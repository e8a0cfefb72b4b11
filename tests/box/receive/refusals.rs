//! What is not kept, and that the node goes on.

use std::sync::atomic::Ordering;

use bonebox::audit::Rejection;
use bonebox::clock::Clock;
use bonebox::names::LegalBasis;
use bonebox::receive::Notice;
use bonebox::receive::send::{SendError, echo, send};
use bonebox::spool::{Disk, MachineDisk};
use bonebox::store::{Store, Timing};
use bonebox::study::{Deidentified, DeidentifiedEvidence, Received, Spooled};

use super::node::{CT, EXPLICIT, Node, STUDY, ct, data_set, element, file, run, settings, until};

#[test]
fn the_same_instance_again_and_with_other_bytes() {
    run(async {
        let mut node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let first = ct(outside.path(), 1, &[]);
        let other = ct(
            outside.path(),
            1,
            &element(0x10, 0x10, "PN", b"Other^Bytes "),
        );
        assert_eq!(node.statuses(std::slice::from_ref(&first)).await, [0]);
        assert_eq!(node.statuses(&[first.clone(), first]).await, [0, 0]);
        assert_eq!(node.files("identified").len(), 1);
        assert_eq!(node.statuses(&[other]).await, [0]);
        assert_eq!(node.files("identified").len(), 2);
        assert!(node.parts().is_empty());
        for file in node.files("identified") {
            let relative = file.strip_prefix(node.data.path()).unwrap();
            assert!(node.store.needs_file(relative.to_str().unwrap()).unwrap());
        }
        // One notice an instance, none for a repetition, one an association.
        let mut told = Vec::new();
        while let Ok(notice) = node.notices.try_recv() {
            told.push(match notice {
                Notice::Stored(_) => "stored",
                Notice::Released(studies) => {
                    assert_eq!(studies.len(), 1);
                    "released"
                }
            });
            if told.len() < 5 {
                until("the next notice", || !node.notices.is_empty()).await;
            }
        }
        assert_eq!(
            told,
            ["stored", "released", "released", "stored", "released"]
        );
        node.stop().await;
    });
}

/// A repetition of what was de-identified since leaves no identified file; a
/// repetition of what still waits puts a lost file back.
#[test]
fn a_repetition_whose_file_is_gone() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let file = ct(outside.path(), 1, &[]);
        assert_eq!(node.statuses(std::slice::from_ref(&file)).await, [0]);
        let kept = node.files("identified");
        MachineDisk.remove_file(&kept[0]).unwrap();
        assert_eq!(node.statuses(std::slice::from_ref(&file)).await, [0]);
        assert_eq!(node.files("identified"), kept);

        deidentified(&node.store);
        MachineDisk.remove_file(&kept[0]).unwrap();
        assert_eq!(node.statuses(&[file]).await, [0]);
        assert!(node.files("identified").is_empty());
        node.stop().await;
    });
}

/// Moves the one study on as if its person were gone.
fn deidentified(store: &Store) {
    let now = Clock::System.now();
    let timing = Timing {
        started: now,
        attempt: 1,
    };
    let received = store.ready::<Received>(now).unwrap().pop().unwrap();
    let spooled = store.close(received, "quiet", timing).unwrap();
    let evidence = DeidentifiedEvidence {
        pseudonym: "BB-ABCDEFGHIJ2345672345".parse().unwrap(),
        project: "test".parse().unwrap(),
        basis: LegalBasis::Synthetic,
        study_uid: "2.25.1".parse().unwrap(),
        edition: "test".into(),
        removed: 1,
        replaced: 0,
        kept: 0,
        by_rule: std::collections::BTreeMap::new(),
        images: vec![],
        files: Vec::new(),
        quarantined: Vec::new(),
        flags: Vec::new(),
    };
    store
        .advance::<Spooled, Deidentified>(spooled, &evidence, timing, Vec::new())
        .unwrap();
}

#[test]
fn bad_instances_get_their_status_and_the_association_goes_on() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path();
        let good = data_set(CT, "1.2.3", b"ISO_IR 100", &[]);
        let kind = |instance| (CT, instance, EXPLICIT);
        let no_study: Vec<u8> = {
            let study = element(0x20, 0xd, "UI", STUDY.as_bytes());
            let at = good.windows(8).position(|w| w == &study[..8]).unwrap();
            [&good[..at], &good[at + study.len()..]].concat()
        };
        let files = [
            ct(folder, 1, &[]),
            file(folder, "cut", kind("1.2.3"), &good[..good.len() - 100]),
            file(folder, "garbage", kind("1.2.3"), b"GET / HTTP/1.1\r\n"),
            file(folder, "other instance", kind("1.2.4"), &good),
            file(folder, "empty", kind("1.2.3"), b""),
            file(folder, "no study", kind("1.2.3"), &no_study),
            ct(folder, 2, &[]),
        ];
        let statuses = node.statuses(&files).await;
        let expected = [0, 0xc000, 0xc000, 0xa900, 0xa900, 0xc000, 0];
        assert_eq!(statuses, expected);
        assert_eq!(node.files("identified").len(), 2);
        assert!(node.parts().is_empty());
        // The people at the box read each status that the sender was told.
        node.turned_away(|all| {
            let told = all
                .iter()
                .filter(|one| matches!(one.rejection, Rejection::Instance { .. }));
            told.map(|one| one.count).sum::<u64>() == 5
        })
        .await;
        node.stop().await;
    });
}

#[test]
fn a_full_disk_is_said_and_recovers() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let files = [ct(outside.path(), 1, &[]), ct(outside.path(), 2, &[])];
        node.disk.0.store(999, Ordering::SeqCst);
        let sent = node.send(&files).await.unwrap();
        for one in &sent {
            assert_eq!(one.status, Some(0xa700));
            assert_eq!(one.comment, "disk full: the reserve is reached");
        }
        assert!(node.files("identified").is_empty());
        assert!(node.parts().is_empty());
        node.disk.0.store(1_000_000, Ordering::SeqCst);
        assert_eq!(node.statuses(&files).await, [0, 0]);
        node.stop().await;
    });
}

#[test]
fn an_instance_larger_than_the_limit_is_refused() {
    run(async {
        let node = Node::start(bonebox::config::DicomSettings {
            max_instance_bytes: 400_000,
            ..settings()
        })
        .await;
        let outside = tempfile::tempdir().unwrap();
        let large = ct(
            outside.path(),
            1,
            &element(0x29, 0x1001, "UN", &[0; 600_000]),
        );
        let small = ct(outside.path(), 2, &[]);
        assert_eq!(node.statuses(&[large, small]).await, [0xa700, 0]);
        assert_eq!(node.files("identified").len(), 1);
        until("the part file is gone", || node.parts().is_empty()).await;
        node.stop().await;
    });
}

#[test]
fn strangers_and_wrong_addresses_are_refused() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let files = [ct(outside.path(), 1, &[])];
        let refusal = |result: Result<_, SendError>| match result {
            Err(SendError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        let stranger = "STRANGER".parse().unwrap();
        let why = refusal(send(&files, &node.target(), &stranger, |_| {}).await);
        assert_eq!(why, "calling AE title not recognized");
        let wrong = format!("SOMEBODY@{}", node.address).parse().unwrap();
        let why = refusal(send(&files, &wrong, &"XRAY".parse().unwrap(), |_| {}).await);
        assert_eq!(why, "called AE title not recognized");
        assert!(node.files("identified").is_empty());
        node.echo().await.unwrap();
        node.turned_away(|all| all.len() == 2).await;
        let mut turned: Vec<_> = node
            .store
            .callers()
            .unwrap()
            .into_iter()
            .map(|one| (one.rejection, one.caller.calling, one.caller.called))
            .collect();
        turned.sort_by_key(|one| format!("{one:?}"));
        let ae = |title: &str| title.parse().ok();
        let expected = [
            (Rejection::CalledAe, ae("XRAY"), ae("SOMEBODY")),
            (Rejection::CallingAe, ae("STRANGER"), ae("BONEBOX")),
        ];
        assert_eq!(turned, expected);
        node.stop().await;
    });
}

#[test]
fn one_source_cannot_take_all_places() {
    run(async {
        let mut settings = settings();
        settings.max_associations_per_source = 2;
        let mut second = settings.sources[0].clone();
        second.name = "room 2".into();
        second.calling_ae = "SECOND".parse().unwrap();
        settings.sources.push(second);
        let node = Node::start(settings).await;
        let held = [0, 1].map(|_| super::hostile::associate(node.address));
        let busy = node.echo().await;
        assert!(matches!(busy, Err(SendError::Refused(_))), "{busy:?}");
        echo(&node.target(), &"SECOND".parse().unwrap())
            .await
            .unwrap();
        drop(held);
        node.turned_away(|all| all.iter().any(|one| one.rejection == Rejection::Busy))
            .await;
        node.stop().await;
    });
}

#[test]
fn who_is_let_in_may_send_until_it_is_withdrawn() {
    run(async {
        let node = Node::start(settings()).await;
        let stranger = "STRANGER".parse().unwrap();
        let target = node.target();
        let ask = || echo(&target, &stranger);
        let act = || {
            for request in node.store.open_sender_requests().unwrap() {
                node.store.answer_sender(&request).unwrap();
            }
        };
        assert!(ask().await.is_err());
        node.turned_away(|all| all.len() == 1).await;
        let number = node.store.callers().unwrap()[0].number;
        assert!(node.store.ask_to_allow(number).unwrap());
        act();
        ask().await.unwrap();
        let number = node.store.senders().unwrap()[0].number;
        node.store.ask_to_withdraw(number).unwrap();
        act();
        assert!(ask().await.is_err());
        node.stop().await;
    });
}

#[test]
fn more_associations_than_allowed_are_told_to_come_back() {
    run(async {
        let node = Node::start(bonebox::config::DicomSettings {
            max_associations: 1,
            ..settings()
        })
        .await;
        let held = super::hostile::associate(node.address);
        let busy = node.echo().await;
        let why = match busy {
            Err(SendError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why, "local limit exceeded");
        drop(held);
        let mut answered = false;
        for _ in 0..1000 {
            answered = node.echo().await.is_ok();
            if answered {
                break;
            }
        }
        assert!(answered);
        node.stop().await;
    });
}
