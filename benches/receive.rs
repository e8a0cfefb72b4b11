//! The node over the network beside dcmtk's `storescp` (default and `+B`) and
//! Debian's Orthanc: the same files, the same sender (dcmtk's `storescu`, with
//! and without TCP_NODELAY), each peer fresh on an empty store, in turn. Prints
//! files a second, processor time a file and peak memory of the receiver, and
//! what the disk itself can do, measured in the same run. Synthetic bytes.
//!
//! Promises that fail the bench: memory; processor time a CT; time against
//! Orthanc. The ratio to the disk is printed: where the disk syncs faster than
//! `storescu` can send, it says more about `storescu`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench"
)]
#![allow(clippy::disallowed_methods, reason = "clears its own folder")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use bonebox::spool::Meta;

#[path = "receive/floor.rs"]
mod floor;
#[path = "receive/peers.rs"]
mod peers;

use peers::{Peer, Running};

/// What the node may take above its idle size, whatever arrives: 32 MB.
const MOST_GROWTH_KB: u64 = 32_000;
/// What the node alone may take when idle: 25 MB.
const MOST_IDLE_KB: u64 = 25_000;
/// Processor time for a CT of 526 kB.
const MOST_CPU_MS: f64 = 1.5;
/// Times that Orthanc is outdone with a sender in its default state.
const LEAST_GAIN: f64 = 5.0;

/// What is sent.
struct Load {
    what: &'static str,
    folder: &'static str,
    associations: u32,
    each: u32,
    /// With a sender in its default state, 40 ms a message: fewer.
    default_each: u32,
    rounds: u32,
}

const LOADS: [Load; 4] = [
    Load {
        what: "CT 526 kB",
        folder: "ct",
        associations: 1,
        each: 500,
        default_each: 100,
        rounds: 3,
    },
    Load {
        what: "CT 526 kB",
        folder: "ct",
        associations: 8,
        each: 60,
        default_each: 0,
        rounds: 3,
    },
    Load {
        what: "DX 15 MB",
        folder: "dx",
        associations: 1,
        each: 20,
        default_each: 20,
        rounds: 1,
    },
    Load {
        what: "one of 500 MB",
        folder: "large",
        associations: 1,
        each: 1,
        default_each: 0,
        rounds: 1,
    },
];

/// One run.
#[derive(Clone, Copy)]
struct Figures {
    files_s: f64,
    cpu_ms: f64,
    idle_kb: u64,
    peak_kb: u64,
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-receive");
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    for (folder, count, bytes) in [
        ("ct", 500, 526_000),
        ("dx", 20, 15_000_000),
        ("large", 1, 500_000_000),
    ] {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        (0..count).for_each(|number| write(&folder, number, bytes));
    }
    let peers = peers::installed();
    let mut kept = true;
    for load in &LOADS {
        let floor = floor::measure(&root, load.associations, load.folder);
        for no_delay in [true, false] {
            let each = if no_delay {
                load.each
            } else {
                load.default_each
            };
            if each > 0 {
                kept &= compare(&root, load, each, no_delay, &peers, &floor);
            }
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
    assert!(kept, "a promise does not hold: see above");
}

/// All peers in turn, as often as the load asks; whether the promises hold.
fn compare(
    root: &Path,
    load: &Load,
    each: u32,
    no_delay: bool,
    peers: &[Peer],
    floor: &floor::Floor,
) -> bool {
    let sender = if no_delay { "no-delay" } else { "default" };
    println!(
        "\n{} x {each}, {} association(s), {sender} sender",
        load.what, load.associations
    );
    let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); peers.len()];
    // A default sender waits by the clock: one run says enough.
    for _ in 0..if no_delay { load.rounds } else { 1 } {
        for (peer, runs) in peers.iter().zip(&mut runs) {
            runs.push(measure(root, load, each, no_delay, *peer));
        }
    }
    let medians: Vec<Figures> = runs.iter_mut().map(|runs| median(runs)).collect();
    for (peer, figures) in peers.iter().zip(&medians) {
        println!(
            "  {:<14} {:>7.1} files/s  CPU {:>6.2} ms/file  peak {:>5.1} MB (idle {:.1})",
            peer.name(),
            figures.files_s,
            figures.cpu_ms,
            figures.peak_kb as f64 / 1000.0,
            figures.idle_kb as f64 / 1000.0,
        );
    }
    let of = |wanted: Peer| {
        let at = peers.iter().position(|peer| *peer == wanted)?;
        medians.get(at).copied()
    };
    let ours = of(Peer::Ours).unwrap();
    if no_delay {
        println!(
            "  ours / write + sync file: {:.2}; / + name and row: {:.2}",
            ours.files_s / floor.synced,
            ours.files_s / floor.with_row
        );
    }
    let mut kept = Vec::new();
    kept.push((
        "growth",
        ours.peak_kb.saturating_sub(ours.idle_kb) <= MOST_GROWTH_KB,
    ));
    kept.push(("idle size", ours.idle_kb <= MOST_IDLE_KB));
    if load.folder == "ct" {
        kept.push(("processor time", ours.cpu_ms <= MOST_CPU_MS));
    }
    if let Some(orthanc) = of(Peer::Orthanc) {
        let gain = if no_delay || load.folder != "ct" {
            1.0
        } else {
            LEAST_GAIN
        };
        kept.push(("against Orthanc", ours.files_s >= gain * orthanc.files_s));
    }
    for (what, kept) in &kept {
        if !kept {
            println!("  NOT KEPT: {what}");
        }
    }
    kept.iter().all(|(_, kept)| *kept)
}

fn median(runs: &mut [Figures]) -> Figures {
    runs.sort_by(|a, b| a.files_s.total_cmp(&b.files_s));
    runs[runs.len() / 2]
}

/// One peer, fresh on an empty store.
fn measure(root: &Path, load: &Load, each: u32, no_delay: bool, peer: Peer) -> Figures {
    let store = root.join("store");
    std::fs::create_dir_all(&store).unwrap();
    Command::new("sync").status().unwrap();
    let mut running = Running::start(peer, &store, no_delay);
    let idle_kb = running.resident_kb();
    let before = running.cpu_ms();
    let begun = Instant::now();
    let senders: Vec<_> = (0..load.associations)
        .map(|sender| {
            let files = (0..each).map(|n| root.join(load.folder).join(name(sender * each + n)));
            send(running.port, no_delay, files.collect())
        })
        .collect();
    for mut sender in senders {
        assert!(sender.wait().unwrap().success(), "{} refused", peer.name());
    }
    let took = begun.elapsed().as_secs_f64();
    // What is left to do after the last answer is counted too.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let count = f64::from(each * load.associations);
    let figures = Figures {
        files_s: count / took,
        cpu_ms: (running.cpu_ms() - before) / count,
        idle_kb,
        peak_kb: running.peak_kb(),
    };
    drop(running);
    std::fs::remove_dir_all(&store).unwrap();
    figures
}

fn send(port: u16, no_delay: bool, files: Vec<PathBuf>) -> std::process::Child {
    let mut send = Command::new("storescu");
    send.args(["-pdu", "131072", "-aet", "XRAY", "-aec", "BONEBOX"]);
    send.args(["127.0.0.1", &port.to_string()]).args(files);
    if no_delay {
        send.env("TCP_NODELAY", "1");
    }
    send.spawn().unwrap()
}

fn name(number: u32) -> String {
    format!("{number:04}.dcm")
}

/// An instance with noise for pixels.
fn write(folder: &Path, number: u32, bytes: u32) {
    let class = if bytes == 526_000 {
        "1.2.840.10008.5.1.4.1.1.2"
    } else {
        "1.2.840.10008.5.1.4.1.1.1.1"
    };
    let study = format!("1.2.392.200036.9.2.{bytes}");
    let instance = format!("{study}.1.{}", number + 1);
    let meta = Meta {
        class: class.parse().unwrap(),
        instance: instance.parse().unwrap(),
        syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    };
    let mut file = meta.head();
    for (tag, vr, text) in [
        ([8, 0, 0x16, 0], b"UI", class),
        ([8, 0, 0x18, 0], b"UI", instance.as_str()),
        ([0x10, 0, 0x20, 0], b"LO", "INVENTED"),
        ([0x20, 0, 0x0d, 0], b"UI", study.as_str()),
        ([0x20, 0, 0x0e, 0], b"UI", "1.2.392.200036.9.2.0"),
    ] {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        file.extend_from_slice(&tag);
        file.extend_from_slice(vr);
        file.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        file.extend(value);
    }
    file.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0]);
    file.extend_from_slice(&bytes.to_le_bytes());
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    file.extend((0..bytes / 4).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    }));
    std::fs::write(folder.join(name(number)), file).unwrap();
}
