//! The node alone, as a process of its own: `bonebox serve --receive-only`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bonebox::names::Digest;
use bonebox::receive::send::{Target, echo};
use bonebox::spool::Meta;

/// Ten times what a start may take.
const START: Duration = Duration::from_secs(50);

/// A node that runs until it is dropped or killed.
pub(crate) struct Alone {
    child: Child,
    pub(crate) address: SocketAddr,
    /// How long it took until it was ready.
    pub(crate) took: Duration,
}

impl Alone {
    pub(crate) fn start(data: &Path) -> Self {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bonebox"))
            .args(["serve", "--receive-only", "--accept-any", "--data"])
            .arg(data)
            // Ports that nobody else can have taken: the ready line says which.
            .args(["--dicom", "127.0.0.1:0", "--dashboard", "127.0.0.1:0"])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else {
                panic!("the node ended:\n{said}");
            };
            let line = line.unwrap();
            assert!(begun.elapsed() < START, "not ready: {said}{line}");
            if let Some(rest) = line.strip_prefix("bonebox ready: DICOM BONEBOX@") {
                let address = rest.split(',').next().unwrap();
                break address.parse::<SocketAddr>().unwrap();
            }
            said.push_str(&line);
            said.push('\n');
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            took: begun.elapsed(),
        }
    }

    pub(crate) fn target(&self) -> Target {
        format!("BONEBOX@{}", self.address).parse().unwrap()
    }

    pub(crate) async fn echo(&self) {
        let answer = echo(&self.target(), &"XRAY".parse().unwrap()).await;
        answer.expect("an echo is answered");
    }

    /// Resident memory, now and at its highest, in kB.
    pub(crate) fn resident_kb(&self) -> (u64, u64) {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let of = |field: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It may be dead already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Part files of a data folder that something was written to.
pub(crate) fn parts(data: &Path) -> usize {
    let written = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let files = crate::rig::files_below(&data.join("arriving"));
    files.iter().filter(|path| written(path)).count()
}

/// Waits until everything that was acknowledged has its row.
pub(crate) fn settled(data: &Path) {
    let start = Instant::now();
    while parts(data) > 0 {
        assert!(start.elapsed() < START, "rows never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The data set of a Part 10 file.
pub(crate) fn data_set_of(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let (_, at) = Meta::read(&mut std::io::Cursor::new(&bytes)).ok()?;
    Some(bytes[usize::try_from(at).unwrap()..].to_vec())
}

/// Every visible instance is whole: its data set has the digest of its name.
/// Says how many files have each digest.
pub(crate) fn visible(data: &Path) -> HashMap<Digest, usize> {
    let mut found = HashMap::new();
    for path in crate::rig::files_below(&data.join("identified")) {
        let digest = Digest::of(&data_set_of(&path).expect("a whole file"));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name.ends_with(&digest.hex()), "a half file is visible");
        *found.entry(digest).or_default() += 1;
    }
    found
}

/// Rows of instances, by digest.
pub(crate) fn rows(data: &Path) -> HashMap<Digest, usize> {
    let db = rusqlite::Connection::open(data.join("box.sqlite")).unwrap();
    let mut statement = db.prepare("SELECT digest FROM instance").unwrap();
    let mut found = HashMap::new();
    let digests = statement.query_map([], |row| row.get::<_, String>(0));
    for digest in digests.unwrap() {
        *found.entry(digest.unwrap().parse().unwrap()).or_default() += 1;
    }
    found
}
