//! Every way an instance can end: kept whole, or not at all.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;
use crate::names::Digest;
use crate::names::InstanceKey;

fn study() -> StudyKey {
    "0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn instance() -> InstanceKey {
    "00112233445566778899aabbccddeeff".parse().unwrap()
}

fn meta() -> Meta {
    Meta {
        class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        instance: "1.2.392.1.2.3".parse().unwrap(),
        syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    }
}

/// A study UID element and pixels.
fn data_set(pixel: u8) -> Vec<u8> {
    let mut bytes = vec![0x20, 0, 0x0d, 0, b'U', b'I', 4, 0];
    bytes.extend_from_slice(b"1.2\0");
    bytes.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0, 64, 0, 0, 0]);
    bytes.extend_from_slice(&[pixel; 64]);
    bytes
}

fn receive(spool: &Spool, bytes: &[u8]) -> Result<Instance, SpoolError> {
    let mut arriving = spool.arrive(&meta())?;
    for part in bytes.chunks(33) {
        arriving.write(part)?;
    }
    arriving.finish(&study(), &instance())
}

fn files(root: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for listed in MachineDisk.list(&root.join(folder)).unwrap() {
        let name = format!("{folder}/{}", listed.name);
        if listed.folder {
            found.extend(files(root, &name));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn a_file_ends_in_exactly_the_bytes_received() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let bytes = data_set(1);
    let kept = receive(&spool, &bytes).unwrap();
    assert_eq!(kept.digest, Digest::of(&bytes));
    assert_eq!(kept.size, bytes.len() as u64);
    assert!(!kept.there_already);
    let file = std::fs::read(spool.path(&kept.file)).unwrap();
    assert_eq!(file, [meta().head(), bytes].concat());
    assert_eq!(files(data.path(), "arriving"), Vec::<String>::new());
    // Names hold keys and digests only.
    assert_eq!(
        kept.file,
        format!("identified/{}/{}-{}.dcm", study(), instance(), kept.digest)
    );
    assert!(!kept.file.contains("1.2.392"));
}

#[test]
fn the_same_bytes_are_one_file_and_other_bytes_another() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let first = receive(&spool, &data_set(1)).unwrap();
    let again = receive(&spool, &data_set(1)).unwrap();
    let other = receive(&spool, &data_set(2)).unwrap();
    assert!(again.there_already && again.file == first.file);
    assert!(!other.there_already && other.file != first.file);
    assert_eq!(files(data.path(), "identified").len(), 2);
    assert_eq!(files(data.path(), "arriving").len(), 0);
}

#[test]
fn what_is_dropped_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let mut arriving = spool.arrive(&meta()).unwrap();
    arriving.write(&data_set(1)).unwrap();
    assert_eq!(files(data.path(), "arriving").len(), 1);
    drop(arriving);
    assert_eq!(files(data.path(), "arriving").len(), 0);
}

#[test]
fn an_arriving_file_is_scanned_before_it_counts() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let mut arriving = spool.arrive(&meta()).unwrap();
    arriving.write(&data_set(1)).unwrap();
    let wanted = scan::Wanted::top(0x0020, 0x000d);
    let scan = arriving.scan(&[wanted]).unwrap();
    assert_eq!(scan.text(wanted), Some("1.2"));
    arriving.write(&[1, 2, 3]).unwrap();
    assert!(arriving.scan(&[wanted]).is_err());
}

#[test]
fn recovery_deletes_what_nobody_was_told_of() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let known = receive(&spool, &data_set(1)).unwrap();
    let unknown = receive(&spool, &data_set(2)).unwrap();
    std::fs::write(data.path().join("arriving/9.part"), b"half").unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let recovered = spool.recover(|file| file == known.file).unwrap();
    let expected = Recovered {
        unfinished: 1,
        without_row: 1,
        kept: 1,
    };
    assert_eq!(recovered, expected);
    assert_eq!(files(data.path(), "identified"), [known.file]);
    assert!(!spool.path(&unknown.file).exists());
    // With no row at all the study's folder goes too, and can come again.
    spool.recover(|_| false).unwrap();
    assert!(!data.path().join(format!("identified/{}", study())).exists());
    receive(&spool, &data_set(1)).unwrap();
}

#[test]
fn identified_files_are_removed_and_the_folder_with_the_last() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let id = StudyId {
        key: study(),
        generation: 1,
    };
    let first = receive(&spool, &data_set(1)).unwrap();
    let late = receive(&spool, &data_set(2)).unwrap();
    let foreign = ["identified/../box.sqlite", "/etc/passwd", "arriving/1.part"];
    for file in foreign {
        let refused = spool.remove_identified(&id, [file]);
        assert!(matches!(refused, Err(SpoolError::Foreign { .. })));
    }
    spool.remove_identified(&id, [first.file.as_str()]).unwrap();
    assert_eq!(
        files(data.path(), "identified"),
        std::slice::from_ref(&late.file)
    );
    spool.remove_identified(&id, [late.file.as_str()]).unwrap();
    assert!(!data.path().join(format!("identified/{}", study())).exists());
    // Deleting again does no harm; the study may come again.
    spool.remove_identified(&id, [late.file.as_str()]).unwrap();
    assert!(!receive(&spool, &data_set(1)).unwrap().there_already);
}

#[test]
fn pseudonymous_folders_begin_empty() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let id = StudyId {
        key: study(),
        generation: 2,
    };
    let folder = spool.begin_pseudonymous(&id).unwrap();
    std::fs::write(folder.join("0001.dcm"), b"half").unwrap();
    let folder = spool.begin_pseudonymous(&id).unwrap();
    std::fs::write(folder.join("0002.dcm"), b"whole").unwrap();
    spool.finish_pseudonymous(&id).unwrap();
    let expected = format!("pseudonymous/{}/2/0002.dcm", study());
    assert_eq!(files(data.path(), "pseudonymous"), [expected]);
    spool.remove_pseudonymous(&id).unwrap();
    spool.remove_pseudonymous(&id).unwrap();
    assert!(files(data.path(), "pseudonymous").is_empty());
}

#[test]
fn an_export_is_a_second_name() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let kept = receive(&spool, &data_set(1)).unwrap();
    let export = spool.link_export(&kept.file).unwrap();
    assert_eq!(spool.link_export(&kept.file).unwrap(), export);
    assert!(
        std::fs::read(spool.path(&export))
            .unwrap()
            .ends_with(&data_set(1))
    );
}

/// The machine's disk, but the call of a number fails, and the free space is
/// as a test says.
#[derive(Debug)]
struct BadDisk {
    /// Calls until one fails; below zero: none does.
    until: Arc<AtomicI64>,
    kind: io::ErrorKind,
    free: AtomicU64,
}

struct BadFile(Box<dyn DiskFile>, Arc<AtomicI64>, io::ErrorKind);

fn turn(until: &AtomicI64, kind: io::ErrorKind) -> io::Result<()> {
    if until.fetch_sub(1, Ordering::SeqCst) == 0 {
        return Err(kind.into());
    }
    Ok(())
}

impl BadDisk {
    fn new(until: i64, kind: io::ErrorKind) -> Arc<Self> {
        Arc::new(Self {
            until: Arc::new(AtomicI64::new(until)),
            kind,
            free: AtomicU64::new(1000),
        })
    }
    fn turn(&self) -> io::Result<()> {
        turn(&self.until, self.kind)
    }
}

impl DiskFile for BadFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = turn(&self.1, self.2) {
            // A torn write: half of it reached the disk.
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.0.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        turn(&self.1, self.2)?;
        self.0.sync()
    }
}

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.turn()?;
        let file = MachineDisk.create(path)?;
        Ok(Box::new(BadFile(file, Arc::clone(&self.until), self.kind)))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        self.turn()?;
        MachineDisk.open(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.make_folder(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.link(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.remove_file(path)
    }
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.remove_folder(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.turn()?;
        MachineDisk.sync_folder(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.turn()?;
        MachineDisk.exists(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        self.turn()?;
        MachineDisk.list(path)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        self.turn()?;
        Ok(self.free.load(Ordering::SeqCst))
    }
}

/// The Nth call fails, for every N until none does: an error is told, nothing
/// that was not promised stays visible after recovery, and the next try works.
#[test]
fn no_failing_call_makes_a_false_promise() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        let mut clean = false;
        for fail_at in 0.. {
            let data = tempfile::tempdir().unwrap();
            let disk = BadDisk::new(i64::MAX, kind);
            let spool = Spool::open_on(disk.clone(), data.path(), 0).unwrap();
            disk.until.store(fail_at, Ordering::SeqCst);
            let result = receive(&spool, &data_set(1));
            clean = disk.until.load(Ordering::SeqCst) >= 0;
            disk.until.store(-1, Ordering::SeqCst);
            assert_eq!(result.is_ok(), clean, "call {fail_at}");
            if let Err(error) = result {
                let full = matches!(error, SpoolError::NoSpace { .. });
                assert_eq!(full, kind == io::ErrorKind::StorageFull);
                // The same process goes on.
                receive(&spool, &data_set(1)).unwrap();
                Spool::open(data.path(), 0)
                    .unwrap()
                    .recover(|_| false)
                    .unwrap();
                assert!(files(data.path(), "identified").is_empty());
                assert!(files(data.path(), "arriving").is_empty());
            }
            if clean {
                assert!(fail_at > 8, "only {fail_at} calls were failed");
                break;
            }
        }
        assert!(clean);
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let data = tempfile::tempdir().unwrap();
    let disk = BadDisk::new(-1, io::ErrorKind::Other);
    let spool = Spool::open_on(disk.clone(), data.path(), 500).unwrap();
    let mut arriving = spool.arrive(&meta()).unwrap();
    disk.free.store(499, Ordering::SeqCst);
    let refused = |result| matches!(result, Err(SpoolError::NoSpace { .. }));
    assert!(refused(arriving.write(&data_set(1))));
    drop(arriving);
    assert!(refused(spool.arrive(&meta()).map(|_| ())));
    disk.free.store(500, Ordering::SeqCst);
    receive(&spool, &data_set(1)).unwrap();
    assert!(files(data.path(), "arriving").is_empty());
}
