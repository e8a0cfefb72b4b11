//! The whole way: a wrist pair goes in by C-STORE, results come out at the
//! central; nobody's name is anywhere on the way.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::path::PathBuf;

use bonebox::demo::scan::{self, Planted};
use bonebox::study::Outcome;
#[cfg(feature = "test-hooks")]
use bonebox::study::State;

use crate::rig::{Difference, Rig, files_below};
use crate::study_files;

#[test]
fn a_wrist_pair_reaches_the_central() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 1);
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    let rows = rig.wait_acknowledged(1);
    let Some(Outcome::Reconstructed { figures, .. }) = &rows[0].outcome else {
        panic!("not reconstructed: {:?}", rows[0].outcome)
    };
    assert_eq!(figures.len(), 4);
    assert_eq!(rig.central_instances(), (3, 3));
    assert!(
        files_below(&rig.path("box/identified")).is_empty(),
        "identified files are gone"
    );
    // The same study again is no work.
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    assert_eq!(rig.studies().len(), 1);
}

/// How many of the planted values stand in a file below one of the paths.
fn found(paths: &[PathBuf], planted: &[Planted]) -> usize {
    planted
        .iter()
        .filter(|value| {
            paths
                .iter()
                .any(|path| scan::found_below(path, std::slice::from_ref(*value)).unwrap() > 0)
        })
        .count()
}

/// Everything that could carry a person out: the central's folder, every log,
/// the databases, bundles, artefacts, pseudonymous images.
fn ways_out(rig: &Rig) -> Vec<PathBuf> {
    let mut paths = vec![
        rig.path("central"),
        rig.path("central.log"),
        rig.path("serve.log"),
        rig.path("box/outbox.sqlite"),
        rig.path("box/outbox.sqlite-wal"),
        rig.path("box/box.sqlite"),
        rig.path("box/box.sqlite-wal"),
    ];
    for folder in ["bundles", "artefacts", "pseudonymous", "work", "run"] {
        paths.push(rig.path("box").join(folder));
    }
    paths
}

#[test]
fn no_planted_identifier_leaves() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 2);
    rig.send(&study.files).unwrap();
    rig.wait_acknowledged(1);
    assert!(
        study.planted.len() >= 20,
        "{} values are planted",
        study.planted.len()
    );
    let sent: Vec<PathBuf> = study.files.clone();
    let there = found(&sent, &study.planted);
    assert_eq!(
        there,
        study.planted.len(),
        "the scanner finds what was planted"
    );
    assert_eq!(found(&ways_out(&rig), &study.planted), 0);
}

/// The positive control: with the step switched off by the test hook, the same
/// scan finds what was planted.
#[cfg(feature = "test-hooks")]
#[test]
fn with_deidentification_switched_off_the_scan_finds_them() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box_with(&[("BONEBOX_TEST_KEEP_PERSON", "1".to_owned())]);
    let study = study_files::pair(&rig.path("hospital"), 3);
    rig.send(&study.files).unwrap();
    rig.wait("analysis", |rows| {
        rows.iter().any(|row| row.state >= State::Deidentified)
    });
    let there = found(&ways_out(&rig), &study.planted);
    let (there, planted) = (there * 100, study.planted.len() * 99);
    assert!(
        there >= planted,
        "found {} of {}",
        there / 100,
        planted / 99
    );
}
