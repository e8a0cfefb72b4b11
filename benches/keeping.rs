//! How long keeping an instance takes, from its first byte to where the box may
//! say success: sealed and synced; and how many a second get name and row too.
//! And that the memory it takes does not grow with the instance. Synthetic bytes; the disk is the
//! one that `target/` lies on, and its own sync is measured beside.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]
#![allow(clippy::disallowed_methods, reason = "clears its own folder")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bonebox::clock::Clock;
use bonebox::spool::{Meta, Spool};
use bonebox::store::{Arrival, Store};
use bonebox::study::{ImageFacts, ViewCode};

/// Memory that the whole process may take, whatever arrives: 64 MB.
const PEAK_KB: u64 = 64_000;
/// As a P-DATA fragment comes.
const FRAGMENT: usize = 128 * 1024;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-keeping");
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    fs::create_dir_all(&root).unwrap();
    let sync = median(&mut (0..50).map(|_| plain_sync(&root)).collect::<Vec<_>>());
    println!("write and sync of 4 KiB on this disk: median {sync:.1?}");
    for (what, bytes, writers, each) in [
        ("0.5 MB, one sender", 512 * 1024, 1_u8, 100_u32),
        ("0.5 MB, four senders", 512 * 1024, 4, 50),
        ("15 MB (a wrist), one sender", 15_000_000, 1, 10),
        ("200 MB, one sender", 200_000_000, 1, 1),
    ] {
        measure(
            &root.join(what.replace(' ', "-")),
            what,
            bytes,
            writers,
            each,
        );
    }
    let peak = peak_kb();
    println!(
        "peak memory of this process: {} MB of at most {} MB",
        peak / 1000,
        PEAK_KB / 1000
    );
    assert!(peak <= PEAK_KB, "memory grows with what arrives");
    fs::remove_dir_all(&root).unwrap();
}

fn measure(folder: &Path, what: &str, bytes: usize, writers: u8, each: u32) {
    let spool = Spool::open(folder, 0).unwrap();
    let store = Store::open(folder, Clock::System).unwrap();
    let begun = Instant::now();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let keepers: Vec<_> = (0..writers)
            .map(|writer| {
                let (spool, store) = (&spool, &store);
                let numbers = (0..each).map(move |n| u32::from(writer) * each + n);
                scope.spawn(move || {
                    numbers
                        .map(|n| keep(spool, store, n, bytes))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        keepers
            .into_iter()
            .flat_map(|keeper| keeper.join().unwrap())
            .collect()
    });
    let wall = begun.elapsed().as_secs_f64();
    let count = u32::from(writers) * each;
    let slowest = times.iter().max().copied().unwrap_or_default();
    println!(
        "{what}: median {:.1?}, slowest {slowest:.1?}, {:.0} instances/s, {:.0} MB/s",
        median(&mut times),
        f64::from(count) / wall,
        f64::from(count) * f64::from(u32::try_from(bytes).unwrap()) / 1e6 / wall,
    );
}

/// Receives one instance as the box does, the network left out.
fn keep(spool: &Spool, store: &Store, number: u32, bytes: usize) -> Duration {
    let study = format!("{:032x}", number / 2).parse().unwrap();
    let instance = format!("{number:032x}").parse().unwrap();
    let meta = Meta {
        class: "1.2.840.10008.5.1.4.1.1.1.1".parse().unwrap(),
        instance: format!("2.25.{number}").parse().unwrap(),
        syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    };
    let fragment = vec![number.to_le_bytes()[0]; FRAGMENT.min(bytes)];
    let begun = Instant::now();
    let mut arriving = spool.arrive(&meta).unwrap();
    let mut left = bytes;
    while left > 0 {
        let part = left.min(fragment.len());
        arriving.write(fragment.get(..part).unwrap()).unwrap();
        left -= part;
    }
    let sealed = arriving.seal(&study, &instance, "bench").unwrap();
    let held = begun.elapsed();
    for named in spool.publish(&[&sealed]) {
        assert!(!named.unwrap(), "the bytes were there already");
    }
    let arrival = Arrival {
        pass_on: false,
        study,
        instance,
        source: "bench".into(),
        facts: ImageFacts {
            set: None,
            sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            modality: "DX".into(),
            view: ViewCode::Pa,
            laterality: Some('R'),
            body_part: Some("WRIST".into()),
        },
        file: sealed.file(),
        size: sealed.size(),
        digest: sealed.digest(),
    };
    store.admit(arrival).unwrap();
    spool.clear(&sealed).unwrap();
    held
}

fn plain_sync(root: &Path) -> Duration {
    let mut file = fs::File::create(root.join("plain")).unwrap();
    let begun = Instant::now();
    file.write_all(&[1; 4096]).unwrap();
    file.sync_all().unwrap();
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The most memory that the process has had, as Linux tells it.
fn peak_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}
