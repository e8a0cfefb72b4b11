//! What is held apart goes by itself when its time is over: the identified file
//! and its sealed preview, with an entry in the journal, and what is younger stays.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use bonebox::audit::Event;

use crate::people::uncertain;
use crate::rig::{Difference, PATIENCE, Rig, files_below};

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// The instances whose previews the vault holds.
fn previews(rig: &Rig) -> Vec<String> {
    let vault = rusqlite::Connection::open(rig.path("box/vault.sqlite")).unwrap();
    let mut asked = vault.prepare("SELECT instance FROM preview").unwrap();
    let rows = asked.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_is_held_apart_goes_after_its_days() {
    let mut rig = Rig::new(&Difference {
        storage_extra: "quarantine_days = 12".to_owned(),
        ..Difference::default()
    });
    rig.start_box();
    for number in [21, 22] {
        rig.send(&[uncertain(&rig.path("hospital"), number, None)])
            .unwrap();
    }
    rig.wait("both to be held apart", |rows| {
        rows.len() == 2 && rows.iter().all(|row| row.trouble.is_some())
    });
    let start = Instant::now();
    while previews(&rig).len() < 2 {
        assert!(start.elapsed() < PATIENCE, "previews are missing");
        std::thread::sleep(Duration::from_millis(50));
    }
    let held = rig.store().quarantine().unwrap();
    let [old, young] = held.as_slice() else {
        unreachable!("two are held: {held:?}")
    };
    assert_eq!(files_below(&rig.path("box/identified")).len(), 2);

    // While the box stands still, one of them becomes 13 days old, one 11.
    rig.kill_box();
    let database = rusqlite::Connection::open(rig.path("box/box.sqlite")).unwrap();
    for (one, days) in [(old, 13), (young, 11)] {
        let changed = database.execute(
            "UPDATE instance SET at = at - ?2 WHERE instance = ?1",
            rusqlite::params![one.instance.as_str(), days * DAY_MICROS],
        );
        assert_eq!(changed.unwrap(), 1);
    }
    drop(database);
    rig.start_box();
    let rows = rig.wait("the old one to go", |rows| {
        rows.iter().filter(|row| row.trouble.is_none()).count() == 1
    });
    assert_eq!(rows.len(), 2, "the studies' rows stay");
    let left = rig.store().quarantine().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].instance, young.instance);
    let start = Instant::now();
    while files_below(&rig.path("box/identified")).len() > 1 {
        assert!(start.elapsed() < PATIENCE, "the identified file is left");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(previews(&rig), [young.instance.as_str()]);

    // The journal says that nobody dropped it but time.
    let dropped: Vec<Event> = rig
        .store()
        .journal_newest(50, false)
        .unwrap()
        .into_iter()
        .map(|entry| entry.event)
        .filter(|event| matches!(event, Event::QuarantineDropped { .. }))
        .collect();
    let expected = Event::QuarantineDropped {
        instance: old.instance.to_string(),
        who: None,
    };
    assert_eq!(dropped, [expected]);
}
