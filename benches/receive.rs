//! The node over the network beside dcmtk's `storescp`, same files, same
//! sender (dcmtk's `storescu`), with and without TCP_NODELAY in the sender.
//! Prints files a second, the receiver's processor time a file and its peak
//! memory. Ours is durable when it says success; `storescp` syncs nothing.
//! Synthetic bytes; promises: peak memory, and time with a default sender.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench"
)]
#![allow(clippy::disallowed_methods, reason = "clears its own folder")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bonebox::audit::Rejections;
use bonebox::clock::Clock;
use bonebox::config::DicomSettings;
use bonebox::identity::BoxIdentity;
use bonebox::receive::{Parts, serve};
use bonebox::spool::{Meta, Spool};
use bonebox::store::Store;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
/// What the node may take above its idle size, whatever arrives: 32 MB.
const MOST_GROWTH_KB: u64 = 32_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, data] = arguments.as_slice()
        && flag == "--node"
    {
        return node(Path::new(data));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-receive");
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    std::fs::create_dir_all(&root).unwrap();
    for (what, count, bytes) in [
        ("CT", 100_u32, 526_000),
        ("DX", 10, 15_000_000),
        ("large", 1, 200_000_000),
    ] {
        let folder = root.join(what);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            write(&folder, number, bytes);
        }
        for sender in ["default", "no-delay"] {
            for peer in ["ours", "storescp +B"] {
                let store = root.join(format!("{what}-{sender}-{peer}").replace(' ', ""));
                std::fs::create_dir_all(&store).unwrap();
                measure(what, sender, peer, &store, &folder, count);
                std::fs::remove_dir_all(&store).unwrap();
            }
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
}

/// An instance with noise for pixels.
fn write(folder: &Path, number: u32, bytes: u32) {
    let instance = format!("1.2.392.200036.9.2.{}", number + 1);
    let meta = Meta {
        class: CT.parse().unwrap(),
        instance: instance.parse().unwrap(),
        syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    };
    let mut file = meta.head();
    for (tag, text) in [
        ([8, 0, 0x16, 0], CT),
        ([8, 0, 0x18, 0], instance.as_str()),
        ([0x20, 0, 0x0d, 0], "1.2.392.200036.9.2"),
        ([0x20, 0, 0x0e, 0], "1.2.392.200036.9.2.0"),
    ] {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        file.extend_from_slice(&tag);
        file.extend_from_slice(b"UI");
        file.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        file.extend(value);
    }
    file.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0]);
    file.extend_from_slice(&bytes.to_le_bytes());
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    file.extend((0..bytes).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    }));
    std::fs::write(folder.join(format!("{number}.dcm")), file).unwrap();
}

fn measure(what: &str, sender: &str, peer: &str, store: &Path, files: &Path, count: u32) {
    let (mut child, port) = if peer == "ours" {
        ours(store)
    } else {
        let Some(started) = storescp(store) else {
            println!("{what}: dcmtk's storescp is not installed");
            return;
        };
        started
    };
    let idle = status_kb(child.id(), "VmHWM:");
    let begun = Instant::now();
    let mut send = Command::new("storescu");
    send.args(["-pdu", "131072", "+sd", "-aet", "XRAY", "-aec", "BONEBOX"]);
    send.args(["127.0.0.1", &port.to_string()]).arg(files);
    if sender == "no-delay" {
        send.env("TCP_NODELAY", "1");
    }
    assert!(send.status().unwrap().success(), "{peer} refused");
    let took = begun.elapsed().as_secs_f64();
    let peak = status_kb(child.id(), "VmHWM:");
    println!(
        "{what:>5} x {count:<3} {sender:>8} sender, {peer:<11} {:>7.1} files/s  CPU {:>6.1} ms/file  peak {:>4} MB (idle {} MB)",
        f64::from(count) / took,
        cpu_ms(child.id()) / f64::from(count),
        peak / 1000,
        idle / 1000,
    );
    child.kill().unwrap();
    child.wait().unwrap();
    if peer == "ours" {
        assert!(
            peak - idle <= MOST_GROWTH_KB,
            "memory grows with what arrives"
        );
    }
}

fn ours(store: &Path) -> (Child, u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--node")
        .arg(store)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim().parse().unwrap())
}

fn storescp(store: &Path) -> Option<(Child, u16)> {
    // The port is free again at once: nothing was connected to it.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new("storescp")
        .env("TCP_NODELAY", "1")
        .args(["+B", "-pdu", "131072", "-od"])
        .arg(store)
        .arg(port.to_string())
        .spawn()
        .ok()?;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    Some((child, port))
}

/// The node alone, in a process of its own, until it is killed.
fn node(data: &Path) {
    let settings = DicomSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        ae_title: "BONEBOX".parse().unwrap(),
        accept_any: true,
        sources: Vec::new(),
        quiet_period: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(30),
        max_associations: 32,
        max_instance_bytes: 2_000_000_000,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let spool = Spool::open(data, 0).unwrap();
        let store = Store::open(data, Clock::System).unwrap();
        let identity = Arc::new(BoxIdentity::open(&data.join("identity")).unwrap());
        let listener = tokio::net::TcpListener::bind(settings.listen)
            .await
            .unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let (tell, mut told) = tokio::sync::mpsc::channel(64);
        tokio::spawn(async move { while told.recv().await.is_some() {} });
        let parts = Parts {
            settings,
            spool,
            store,
            identity,
            notices: tell,
            rejections: Rejections::new(Clock::System),
        };
        serve(listener, parts, std::future::pending())
            .await
            .unwrap();
    });
}

fn status_kb(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/status"))).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// User and system time so far, in ticks of 10 ms.
fn cpu_ms(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 * 10.0
}
