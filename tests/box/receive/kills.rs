//! `kill -9` of the node at random points while four senders send: every
//! instance that got Success is there afterwards, byte for byte, with one row,
//! and no half file is visible.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bonebox::names::{AeTitle, Digest};
use bonebox::receive::send::{Target, send};

use super::alone::{Alone, data_set_of, rows, settled, visible};
use super::node::{CT, EXPLICIT, data_set, element, file};

/// Kills in `make test`; `make test-long` makes more.
fn kills() -> u32 {
    let asked = std::env::var("BONEBOX_NODE_KILLS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(
        if std::env::var_os("BONEBOX_TEST_LONG").is_some() {
            500
        } else {
            25
        },
    )
}

/// A CT of some size, never sent before.
fn next(folder: &Path, counter: &AtomicU32) -> PathBuf {
    let number = counter.fetch_add(1, Ordering::Relaxed);
    let instance = format!("1.2.392.200036.9.7.{}.{number}", number % 5);
    let size = [2_000, 60_000, 300_000][number as usize % 3];
    let noise: Vec<u8> = (0..size)
        .map(|at: u32| {
            (at.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0] ^ number.to_le_bytes()[0]
        })
        .collect();
    let bytes = data_set(
        CT,
        &instance,
        b"ISO_IR 100",
        &element(0x0009, 0x1001, "UN", &noise),
    );
    file(
        folder,
        &format!("{number}.dcm"),
        (CT, &instance, EXPLICIT),
        &bytes,
    )
}

/// Sends until the node is gone; notes what was acknowledged.
fn sender(folder: &Path, counter: &AtomicU32, to: &Target, acknowledged: &Mutex<Vec<PathBuf>>) {
    let calling: AeTitle = "XRAY".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    loop {
        let files: Vec<_> = (0..6).map(|_| next(folder, counter)).collect();
        let sent = runtime.block_on(send(&files, to, &calling, |one| {
            if one.status == Some(0) {
                acknowledged.lock().unwrap().push(one.file.clone());
            }
        }));
        if sent.is_err() {
            return;
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_node_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, outside) = (folder.path().join("box"), folder.path().join("out"));
    std::fs::create_dir_all(&outside).unwrap();
    let (counter, acknowledged) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    let (mut slowest, mut checked) = (Duration::ZERO, 0);
    for round in 0..kills() {
        let mut node = Alone::start(&data);
        slowest = slowest.max(node.took);
        let to = node.target();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| sender(&outside, &counter, &to, &acknowledged));
            }
            let pause = u64::from(round.wrapping_mul(2_654_435_761) >> 16) % 400;
            std::thread::sleep(Duration::from_millis(20 + pause));
            node.kill();
        });
        // What was settled is never half, whenever the kill came.
        if round % 5 == 0 {
            visible(&data);
        }
    }
    let node = Alone::start(&data);
    slowest = slowest.max(node.took);
    settled(&data);
    let (visible, rows) = (visible(&data), rows(&data));
    for path in acknowledged.into_inner().unwrap() {
        let digest = Digest::of(&data_set_of(&path).unwrap());
        assert_eq!(visible.get(&digest), Some(&1), "{path:?} was acknowledged");
        assert_eq!(rows.get(&digest), Some(&1), "{path:?} has one row");
        checked += 1;
    }
    assert!(rows.keys().all(|digest| visible.contains_key(digest)));
    assert_eq!(rows.len(), visible.len(), "a file without a row");
    assert!(
        checked > kills(),
        "only {checked} instances were acknowledged"
    );
    // Ten times what is promised.
    assert!(slowest < Duration::from_secs(50), "{slowest:.1?}");
    drop(node);
}
