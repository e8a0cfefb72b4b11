//! A node in this process on a free port, data sets built byte by byte, and a
//! disk whose free space a test decides.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bonebox::audit::Rejected;
use bonebox::clock::Clock;
use bonebox::config::{DicomSettings, Source};
use bonebox::identity::{BoxIdentity, ServerFiles};
use bonebox::receive::send::{SendError, Sent, Target, echo, send};
use bonebox::receive::{Notice, Parts, ReceiveError, serve};
use bonebox::spool::{Disk, DiskFile, Listed, MachineDisk, Meta, ReadSeek, Spool};
use bonebox::store::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(crate) const DX: &str = "1.2.840.10008.5.1.4.1.1.1.1";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub(crate) const STUDY: &str = "1.2.392.200036.9.1";

/// The machine's disk with free space as a test says.
#[derive(Debug, Default)]
pub(crate) struct SmallDisk(pub(crate) AtomicU64);

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        MachineDisk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        MachineDisk.open(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        MachineDisk.make_folder(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        MachineDisk.rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        MachineDisk.link(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        MachineDisk.remove_file(path)
    }
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        MachineDisk.remove_folder(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        MachineDisk.sync_folder(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        MachineDisk.exists(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        MachineDisk.list(path)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// A running node with a data folder of its own.
pub(crate) struct Node {
    pub(crate) data: TempDir,
    pub(crate) store: Store,
    pub(crate) disk: Arc<SmallDisk>,
    pub(crate) address: SocketAddr,
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    /// Where it listens for TLS.
    pub(crate) tls: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ReceiveError>>,
}

/// The settings of most tests: one known sender, short patience.
pub(crate) fn settings() -> DicomSettings {
    DicomSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        ae_title: "BONEBOX".parse().unwrap(),
        accept_any: false,
        sources: vec![Source {
            name: "room 1".into(),
            calling_ae: "XRAY".parse().unwrap(),
            address: Some([127, 0, 0, 1].into()),
            plain: true,
            commitment_to: None,
            pass_on: None,
        }],
        quiet_period: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(10),
        max_associations: 8,
        max_associations_per_source: 8,
        max_instance_bytes: 64_000_000,
    }
}

impl Node {
    pub(crate) async fn start(settings: DicomSettings) -> Self {
        Self::start_all(settings, None, false).await
    }

    pub(crate) async fn start_with(settings: DicomSettings, files: Option<ServerFiles>) -> Self {
        Self::start_all(settings, files, false).await
    }

    /// A node that deletes nothing, ever.
    pub(crate) async fn start_keeping(settings: DicomSettings) -> Self {
        Self::start_all(settings, None, true).await
    }

    async fn start_all(settings: DicomSettings, files: Option<ServerFiles>, keeps: bool) -> Self {
        let tls = match files {
            None => None,
            Some(files) => Some((TcpListener::bind(settings.listen).await.unwrap(), files)),
        };
        let secure = tls
            .as_ref()
            .map(|(listener, _)| listener.local_addr().unwrap());
        let data = tempfile::tempdir().unwrap();
        let disk = Arc::new(SmallDisk(AtomicU64::new(1_000_000)));
        let spool = Spool::open_on(disk.clone(), data.path(), 1000).unwrap();
        let store = Store::open(data.path(), Clock::System).unwrap();
        let identity = Arc::new(BoxIdentity::open(&data.path().join("identity")).unwrap());
        let listener = TcpListener::bind(settings.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tell, mut told) = mpsc::channel(4);
        // Nobody has to read notices for the node to go on.
        let (forward, notices) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(notice) = told.recv().await {
                forward.send(notice).ok();
            }
        });
        let shutdown = async move {
            stopped.await.ok();
        };
        let rows = store.clone();
        let parts = Parts {
            settings,
            spool,
            store: rows,
            identity,
            notices: tell,
            keeps,
            tls,
        };
        let task = tokio::spawn(async move { serve(listener, parts, shutdown).await });
        Self {
            data,
            store,
            disk,
            address,
            notices,
            tls: secure,
            stop,
            task,
        }
    }

    pub(crate) fn target(&self) -> Target {
        format!("BONEBOX@{}", self.address).parse().unwrap()
    }

    pub(crate) async fn send(&self, files: &[PathBuf]) -> Result<Vec<Sent>, SendError> {
        send(files, &self.target(), &"XRAY".parse().unwrap(), |_| {}).await
    }

    /// That the node still answers.
    pub(crate) async fn echo(&self) -> Result<Duration, SendError> {
        echo(&self.target(), &"XRAY".parse().unwrap()).await
    }

    /// All files below a folder of the data folder.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        files(&self.data.path().join(folder))
    }

    /// Part files that something was written to: what arrives, or waits for
    /// its row.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let written = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        self.files("arriving").into_iter().filter(written).collect()
    }

    /// Waits until everything that was acknowledged has its row.
    pub(crate) async fn settled(&self) {
        until("the rows", || self.parts().is_empty()).await;
    }

    /// Waits until what was turned away is written down as a test expects.
    pub(crate) async fn turned_away(&self, holds: impl Fn(&[Rejected]) -> bool) {
        until("what was turned away", || {
            holds(&self.store.callers().unwrap())
        })
        .await;
    }

    /// The statuses that files get, in order; they have their rows then.
    pub(crate) async fn statuses(&self, files: &[PathBuf]) -> Vec<u16> {
        let sent = self.send(files).await.unwrap();
        self.settled().await;
        sent.into_iter().map(|one| one.status.unwrap()).collect()
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Waits until something is so, for at most ten seconds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a test on a runtime like the box's.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// An element of explicit little endian.
pub(crate) fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag(group, number);
    bytes.extend_from_slice(vr.as_bytes());
    if ["OB", "OW", "SQ", "UN", "UT"].contains(&vr) {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    bytes.extend_from_slice(value);
    bytes
}

pub(crate) fn tag(group: u16, number: u16) -> Vec<u8> {
    [group.to_le_bytes(), number.to_le_bytes()].concat()
}

/// What every case has: charset, class, instance, modality, name, ID, study
/// and series, `extra` in front of these, and a 16 x 16 image.
pub(crate) fn data_set(class: &str, instance: &str, charset: &[u8], extra: &[u8]) -> Vec<u8> {
    let uid = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    let modality: &[u8] = if class == DX { b"DX" } else { b"CT" };
    [
        element(0x0008, 0x0005, "CS", charset),
        element(0x0008, 0x0016, "UI", &uid(class)),
        element(0x0008, 0x0018, "UI", &uid(instance)),
        element(0x0008, 0x0060, "CS", modality),
        extra.to_vec(),
        element(0x0020, 0x000d, "UI", &uid(STUDY)),
        element(0x0020, 0x000e, "UI", &uid("1.2.392.200036.9.1.1")),
        element(0x0028, 0x0010, "US", &[16, 0]),
        element(0x0028, 0x0011, "US", &[16, 0]),
        element(0x7fe0, 0x0010, "OW", &[0x5a; 512]),
    ]
    .concat()
}

/// Writes a Part 10 file.
pub(crate) fn file(
    folder: &Path,
    name: &str,
    (class, instance, syntax): (&str, &str, &str),
    data_set: &[u8],
) -> PathBuf {
    let meta = Meta {
        class: class.parse().unwrap(),
        instance: instance.parse().unwrap(),
        syntax: syntax.parse().unwrap(),
    };
    let path = folder.join(name);
    std::fs::write(&path, [meta.head().as_slice(), data_set].concat()).unwrap();
    path
}

/// A plain CT of an instance number.
pub(crate) fn ct(folder: &Path, number: u32, extra: &[u8]) -> PathBuf {
    let instance = format!("1.2.392.200036.9.1.1.{number}");
    let bytes = data_set(CT, &instance, b"ISO_IR 100", extra);
    let name = format!("ct{number}-{}.dcm", extra.len());
    file(folder, &name, (CT, &instance, EXPLICIT), &bytes)
}
