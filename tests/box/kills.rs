//! Kills: `kill -9` of any of the processes at random points while studies
//! come in. Nothing acknowledged is lost, nothing is doubled at the central.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::time::Duration;

use bonebox::names::Hasher;
use bonebox::study::State;

use crate::rig::{Difference, Rig};
use crate::study_files;

/// Kills in `make test`; `make test-long` sets more.
fn kills() -> usize {
    std::env::var("BONEBOX_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if std::env::var_os("BONEBOX_TEST_LONG").is_some() {
            250
        } else {
            25
        })
}

/// A number from a seed, without a generator's state: SplitMix64.
fn random(seed: u64) -> u64 {
    let mut hasher = Hasher::new();
    hasher.update(&seed.to_le_bytes());
    u64::from_le_bytes(hasher.finish().as_bytes()[..8].try_into().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let (mut acknowledged, mut done) = (0_usize, 0);
    let mut pending: Vec<_> = Vec::new();
    for round in 0..kills() {
        let seed = u64::try_from(round).unwrap();
        pending.push(study_files::pair(&rig.path("hospital"), seed).files);
        // A sender that heard no success sends again, as modalities do.
        pending.retain(|files| match rig.send(files) {
            Ok(statuses) if statuses.iter().all(|status| *status == 0) => {
                acknowledged += 1;
                false
            }
            _ => true,
        });
        std::thread::sleep(Duration::from_millis(random(seed) % 1500));
        let what = match random(seed + 1000) % 4 {
            0 => rig.kill_child("worker"),
            1 => rig.kill_child("forwarder"),
            2 => {
                rig.kill_central();
                rig.start_central();
                true
            }
            _ => {
                rig.kill_box();
                rig.start_box();
                true
            }
        };
        done += usize::from(what);
    }
    for files in pending {
        let statuses = rig.send(&files).unwrap();
        assert!(statuses.iter().all(|status| *status == 0), "{statuses:?}");
        acknowledged += 1;
    }
    // A study whose worker was killed three times waits for a person, or for a
    // new start.
    rig.kill_box();
    rig.start_box();
    let rows = rig.wait("every study's end", |rows| {
        rows.len() == acknowledged && rows.iter().all(|row| row.state == State::Acknowledged)
    });
    assert!(
        rows.iter().all(|row| row.images == 2),
        "every acknowledged instance has one row"
    );
    let (held, different) = rig.central_instances();
    assert_eq!(held, different, "nothing doubled");
    assert_eq!(held, 3 * acknowledged, "two surfaces and a report each");
    assert!(
        done * 2 >= kills(),
        "only {done} of {} kills found a process",
        kills()
    );
}
