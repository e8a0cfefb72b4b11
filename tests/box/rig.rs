//! A rig of real processes: central and box on loopback, each the program as a
//! user runs it, over a folder of their own that goes when the test ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use bonebox::clock::Clock;
use bonebox::demo::pki::{self, Pki};
use bonebox::identity::hash_password;
use bonebox::names::AeTitle;
use bonebox::receive::{self, send::Target};
use bonebox::store::{Store, StudyRow};
use bonebox::study::State;

/// Ten-fold ceiling of what takes a second or two.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where set-up put the ONNX Runtime library.
pub(crate) fn onnxruntime() -> PathBuf {
    root().join("target/setup/onnxruntime/libonnxruntime.so.1.32.0")
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct Rig {
    dir: tempfile::TempDir,
    pub(crate) pki: Pki,
    pub(crate) dicom: u16,
    pub(crate) dashboard: u16,
    pub(crate) dicom_web: u16,
    pub(crate) people: u16,
    central: Option<Child>,
    the_box: Option<Child>,
}

/// Settings that differ from the rig's own.
#[derive(Default)]
pub(crate) struct Difference {
    pub(crate) models: Option<PathBuf>,
    pub(crate) onnxruntime: Option<PathBuf>,
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) extra: String,
    pub(crate) storage_extra: String,
    pub(crate) dicom_extra: String,
}

/// Runs the program as it is typed: its exit code and all that it said.
pub(crate) fn bonebox(arguments: &[impl AsRef<OsStr>]) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_bonebox"))
        .args(arguments)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (
        done.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Rig {
    /// Keys and settings; nothing runs yet.
    pub(crate) fn new(difference: &Difference) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pki = pki::make(&dir.path().join("pki")).unwrap();
        let rig = Self {
            dicom: free_port(),
            dashboard: free_port(),
            dicom_web: free_port(),
            people: free_port(),
            pki,
            dir,
            central: None,
            the_box: None,
        };
        rig.write_settings(difference);
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write_settings(&self, difference: &Difference) {
        let hash = hash_password("rig").unwrap();
        let central = format!(
            "data = {:?}\nlisten = \"127.0.0.1:{}\"\ncertificate = {:?}\nkey = {:?}\n\
             client_ca = {:?}\n[people]\nlisten = \"127.0.0.1:{}\"\nuser = \"rig\"\n\
             password_hash = \"{}\"\n",
            self.path("central"),
            self.dicom_web,
            self.pki.central.0,
            self.pki.central.1,
            self.pki.ca,
            self.people,
            hash.as_str()
        );
        std::fs::write(self.path("central.toml"), central).unwrap();
        let client = difference
            .client
            .clone()
            .unwrap_or_else(|| self.pki.client.clone());
        let the_box = format!(
            "[storage]\ndata = {:?}\n{}\n[dicom]\nlisten = \"127.0.0.1:{}\"\nquiet_period_s = 1.0\n\
             [[dicom.sources]]\nname = \"room\"\ncalling_ae = \"XRAY\"\nplain = true\n{}\
             [dashboard]\nlisten = \"127.0.0.1:{}\"\n\
             [central]\nurl = \"https://127.0.0.1:{}/dicom-web\"\nca = {:?}\ncertificate = {:?}\n\
             key = {:?}\nretry_first_s = 0.1\nretry_max_s = 1.0\n\
             [inference]\nonnxruntime_lib = {:?}\nmodels = {:?}\n\
             [project]\nname = \"rig\"\nlegal_basis = \"synthetic\"\n{}\n",
            self.path("box"),
            difference.storage_extra,
            self.dicom,
            difference.dicom_extra,
            self.dashboard,
            self.dicom_web,
            self.pki.ca,
            client.0,
            client.1,
            difference.onnxruntime.clone().unwrap_or_else(onnxruntime),
            difference
                .models
                .clone()
                .unwrap_or_else(|| root().join("models")),
            difference.extra,
        );
        std::fs::write(self.path("box.toml"), the_box).unwrap();
    }

    pub(crate) fn start_central(&mut self) {
        self.central = Some(self.start("central", "central.toml", "central ready", &[]));
    }

    pub(crate) fn start_box(&mut self) {
        self.start_box_with(&[]);
    }

    pub(crate) fn start_box_with(&mut self, environment: &[(&'static str, String)]) {
        self.the_box = Some(self.start("serve", "box.toml", "bonebox ready", environment));
    }

    fn start(
        &self,
        command: &str,
        settings: &str,
        ready: &'static str,
        environment: &[(&'static str, String)],
    ) -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bonebox"))
            .args([command, "--config"])
            .arg(self.path(settings))
            .envs(
                environment
                    .iter()
                    .map(|(key, value)| (*key, value.as_str())),
            )
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = self.path(&format!("{command}.log"));
        let mut log = File::options().create(true).append(true).open(log).unwrap();
        let errors = child.stderr.take().unwrap();
        let (tell, told) = sync_channel(1);
        std::thread::spawn(move || {
            use std::io::Write as _;
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if line.starts_with(ready) {
                    let _ = tell.try_send(());
                }
                let _ = writeln!(log, "{line}");
            }
        });
        if told.recv_timeout(PATIENCE).is_err() {
            let _ = child.kill();
            panic!("{command} is not ready:\n{}", self.log(command));
        }
        child
    }

    pub(crate) fn log(&self, command: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{command}.log"))).unwrap_or_default()
    }

    /// `kill -9` of the box itself.
    pub(crate) fn kill_box(&mut self) {
        kill(&mut self.the_box);
    }

    /// The box's process and those that it started.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let Some(parent) = &self.the_box else {
            return Vec::new();
        };
        let mut all = vec![parent.id()];
        for name in ["worker", "forwarder"] {
            all.extend(children_of(parent.id(), name));
        }
        all
    }

    /// Ends the box as a crash does, by SIGABRT.
    pub(crate) fn abort_box(&mut self) {
        if let Some(mut child) = self.the_box.take() {
            let process = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(process, rustix::process::Signal::ABORT).unwrap();
            child.wait().unwrap();
        }
    }

    /// `kill -9` of the central.
    pub(crate) fn kill_central(&mut self) {
        kill(&mut self.central);
    }

    /// `kill -9` of a child of the box by its subcommand; false if none runs.
    pub(crate) fn kill_child(&self, subcommand: &str) -> bool {
        let Some(parent) = &self.the_box else {
            return false;
        };
        let children = children_of(parent.id(), subcommand);
        for child in &children {
            let child = i32::try_from(*child).unwrap();
            let child = rustix::process::Pid::from_raw(child).unwrap();
            // It may have ended by itself since it was listed.
            let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
        }
        !children.is_empty()
    }

    /// Sends files as `bonebox send` does; the DIMSE statuses, or none if the
    /// association failed.
    pub(crate) fn send(&self, files: &[PathBuf]) -> Result<Vec<u16>, String> {
        let sent = send(files, self.dicom, "BONEBOX", "XRAY");
        if sent.is_ok() {
            self.settled();
        }
        sent
    }

    /// Waits until everything that was acknowledged has its row.
    pub(crate) fn settled(&self) {
        let start = Instant::now();
        let written = |path: PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        while files_below(&self.path("box/arriving"))
            .into_iter()
            .any(written)
        {
            assert!(
                start.elapsed() < PATIENCE,
                "rows never came:\n{}",
                self.log("serve")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::look_into(&self.path("box"), Clock::System).unwrap()
    }

    pub(crate) fn studies(&self) -> Vec<StudyRow> {
        self.store().studies(1000).unwrap()
    }

    /// SOP instances that the central holds, as (rows, different UIDs).
    pub(crate) fn central_instances(&self) -> (usize, usize) {
        let db = rusqlite::Connection::open(self.path("central/central.sqlite")).unwrap();
        let mut statement = db.prepare("SELECT sop_instance FROM instance").unwrap();
        let rows: Vec<String> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        (rows.len(), rows.iter().collect::<HashSet<_>>().len())
    }

    /// Waits until a condition holds for the studies.
    pub(crate) fn wait(
        &self,
        what: &str,
        condition: impl Fn(&[StudyRow]) -> bool,
    ) -> Vec<StudyRow> {
        let mut start = Instant::now();
        let mut before = Vec::new();
        loop {
            let studies = self.studies();
            if condition(&studies) {
                return studies;
            }
            // Many studies take long on a busy machine: one that moves is waited for.
            let now: Vec<_> = studies.iter().map(|row| row.state).collect();
            if now != before {
                (before, start) = (now, Instant::now());
            }
            if start.elapsed() > PATIENCE {
                let states: Vec<_> = studies
                    .iter()
                    .map(|row| (row.state, row.trouble.clone()))
                    .collect();
                panic!("{what} did not come: {states:?}\n{}", self.log("serve"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until all of `count` studies are acknowledged.
    pub(crate) fn wait_acknowledged(&self, count: usize) -> Vec<StudyRow> {
        self.wait("the receipt", |rows| {
            rows.len() == count && rows.iter().all(|row| row.state == State::Acknowledged)
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        kill(&mut self.the_box);
        kill(&mut self.central);
    }
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn children_of(parent: u32, subcommand: &str) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let after = stat.rsplit(')').next().unwrap_or_default();
        let is_child = after.split_whitespace().nth(1) == Some(parent.to_string().as_str());
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if is_child && command.split(|&byte| byte == 0).nth(1) == Some(subcommand.as_bytes()) {
            children.push(process);
        }
    }
    children
}

/// Sends files over one association; the DIMSE statuses.
pub(crate) fn send(
    files: &[PathBuf],
    port: u16,
    called: &str,
    calling: &str,
) -> Result<Vec<u16>, String> {
    let to = Target {
        ae: called.parse().unwrap(),
        address: format!("127.0.0.1:{port}"),
    };
    let calling: AeTitle = calling.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(receive::send::send(files, &to, &calling, |_| {}))
        .map(|sent| {
            sent.iter()
                .map(|one| one.status.unwrap_or(0xffff))
                .collect()
        })
        .map_err(|error| error.to_string())
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return files;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path))
        } else {
            files.push(path)
        }
    }
    files
}
