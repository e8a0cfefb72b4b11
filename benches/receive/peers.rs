//! The receivers that are compared, each in processes of its own.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Ours,
    Storescp,
    StorescpBits,
    Orthanc,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "bonebox",
            Self::Storescp => "storescp",
            Self::StorescpBits => "storescp +B",
            Self::Orthanc => "Orthanc",
        }
    }
}

/// Those that this machine has; ours is one.
pub(crate) fn installed() -> Vec<Peer> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    assert!(has("storescu"), "dcmtk is needed: apt-get install dcmtk");
    let mut peers = vec![Peer::Ours, Peer::Storescp, Peer::StorescpBits];
    if has("Orthanc") {
        peers.push(Peer::Orthanc);
    } else {
        println!("Orthanc is not installed and left out (setup/bench-peers.sh brings it)");
    }
    peers
}

/// A receiver that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Running {
    /// Starts it on an empty store. Peers get TCP_NODELAY where the sender
    /// does; ours always sets it.
    pub(crate) fn start(peer: Peer, store: &Path, no_delay: bool) -> Self {
        let port = free_port();
        let mut command = match peer {
            Peer::Ours => ours(store, port),
            Peer::Storescp => storescp(store, port, &[]),
            Peer::StorescpBits => storescp(store, port, &["+B"]),
            Peer::Orthanc => orthanc(store, port),
        };
        if no_delay {
            command.env("TCP_NODELAY", "1");
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().for_each(drop));
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "{peer:?} ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(500));
        let (peak, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (seen, ended, process) = (Arc::clone(&peak), Arc::clone(&stop), child.id());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                seen.fetch_max(sum_kb(process, "VmRSS:"), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self {
            child,
            port,
            peak,
            stop,
        }
    }

    pub(crate) fn resident_kb(&self) -> u64 {
        sum_kb(self.child.id(), "VmRSS:")
    }

    /// The most that the processes had together, sampled; of the first one,
    /// as the system kept it.
    pub(crate) fn peak_kb(&mut self) -> u64 {
        let highest = status_kb(self.child.id(), "VmHWM:");
        self.peak.load(Ordering::Relaxed).max(highest)
    }

    /// User and system time so far, of children that ended too; in ticks of 10 ms.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let own = ticks(self.child.id(), &[11, 12, 13, 14]);
        let children = children(self.child.id());
        let theirs: u64 = children.iter().map(|child| ticks(*child, &[11, 12])).sum();
        (own + theirs) as f64 * 10.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn free_port() -> u16 {
    // Free again at once: nothing was connected to it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn ours(store: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonebox"));
    command.args(["serve", "--receive-only", "--accept-any", "--data"]);
    command
        .arg(store)
        .args(["--dicom", &format!("127.0.0.1:{port}")]);
    command.args(["--dashboard", &format!("127.0.0.1:{}", free_port())]);
    command.stdout(Stdio::null());
    command
}

fn storescp(store: &Path, port: u16, options: &[&str]) -> Command {
    let mut command = Command::new("storescp");
    command.args(["--fork", "-pdu", "131072"]).args(options);
    command.arg("-od").arg(store).arg(port.to_string());
    command
}

/// As Debian ships it, without its pages and plugins.
fn orthanc(store: &Path, port: u16) -> Command {
    let settings = store.join("orthanc.json");
    let folder = store.join("orthanc");
    let text = format!(
        "{{ \"StorageDirectory\": {folder:?}, \"IndexDirectory\": {folder:?}, \"DicomPort\": {port},
            \"HttpServerEnabled\": false, \"Plugins\": [], \"MaximumPduLength\": 131072,
            \"DicomAet\": \"BONEBOX\" }}"
    );
    std::fs::write(&settings, text).unwrap();
    let mut command = Command::new("Orthanc");
    command.arg(settings).stdout(Stdio::null());
    command
}

fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

fn sum_kb(process: u32, field: &str) -> u64 {
    let all = std::iter::once(process).chain(children(process));
    all.map(|process| status_kb(process, field)).sum()
}

fn status_kb(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn ticks(process: u32, fields: &[usize]) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let all: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let value = |field: &usize| all.get(*field)?.parse::<u64>().ok();
    fields.iter().filter_map(value).sum()
}
