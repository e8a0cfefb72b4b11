//! What the spool does on the machine's disk. What cuts and faults leave is
//! tested in `receive/settle/tests.rs`, together with the rows.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use super::model::ModelDisk;
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

fn receive(spool: &Spool, bytes: &[u8]) -> Result<Sealed, SpoolError> {
    let mut arriving = spool.arrive(&meta())?;
    for part in bytes.chunks(33) {
        arriving.write(part)?;
    }
    arriving.seal(&study(), &instance(), "room 1")
}

/// The whole way; whether the bytes were there already.
fn keep(spool: &Spool, bytes: &[u8]) -> (Sealed, bool) {
    let sealed = receive(spool, bytes).unwrap();
    let there = spool.publish(&[&sealed]).pop().unwrap().unwrap();
    spool.clear(&sealed).unwrap();
    (sealed, there)
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

/// Part files that something was written to.
fn parts(root: &Path) -> usize {
    let written = |file: &String| std::fs::metadata(root.join(file)).unwrap().len() > 0;
    files(root, "arriving")
        .iter()
        .filter(|file| written(file))
        .count()
}

#[test]
fn a_file_ends_in_exactly_the_bytes_received() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let bytes = data_set(1);
    let (kept, there) = keep(&spool, &bytes);
    assert_eq!(kept.digest(), Digest::of(&bytes));
    assert_eq!(kept.size(), bytes.len() as u64);
    assert!(!there);
    let file = std::fs::read(spool.path(&kept.file())).unwrap();
    assert_eq!(file[128..], [&meta().head()[128..], &bytes].concat());
    assert_eq!(parts(data.path()), 0);
    // Names hold keys and digests only.
    assert_eq!(
        kept.file(),
        format!(
            "identified/{}/{}-{}.dcm",
            study(),
            instance(),
            kept.digest()
        )
    );
    assert!(!kept.file().contains("1.2.392"));
}

#[test]
fn the_same_bytes_are_one_file_and_other_bytes_another() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let (first, _) = keep(&spool, &data_set(1));
    let (again, there) = keep(&spool, &data_set(1));
    assert!(there && again.file() == first.file());
    let (other, there) = keep(&spool, &data_set(2));
    assert!(!there && other.file() != first.file());
    assert_eq!(files(data.path(), "identified").len(), 2);
    assert_eq!(parts(data.path()), 0);
}

#[test]
fn what_is_dropped_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let mut arriving = spool.arrive(&meta()).unwrap();
    arriving.write(&data_set(1)).unwrap();
    assert_eq!(parts(data.path()), 1);
    drop(arriving);
    assert_eq!(parts(data.path()), 0);
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
fn a_start_keeps_what_was_sealed_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let (known, _) = keep(&spool, &data_set(1));
    let (unknown, _) = keep(&spool, &data_set(2));
    let sealed = receive(&spool, &data_set(3)).unwrap();
    let torn = receive(&spool, &data_set(4)).unwrap();
    let path = spool.path(&torn.part);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(data.path().join("arriving/00009999.part"), b"half").unwrap();

    let spool = Spool::open(data.path(), 0).unwrap();
    let (left, unfinished) = spool.left().unwrap();
    assert_eq!(unfinished, 2);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].digest(), Digest::of(&data_set(3)));
    assert_eq!(left[0].source(), "room 1");
    assert_eq!(
        files(data.path(), "arriving"),
        std::slice::from_ref(&sealed.part)
    );
    // Numbers are not used twice.
    let next = receive(&spool, &data_set(5)).unwrap();
    assert!(next.part.as_str() > "arriving/00009999.part");

    let recovered = spool.recover(|file| file == known.file()).unwrap();
    let expected = Recovered {
        without_row: 1,
        kept: 1,
    };
    assert_eq!(recovered, expected);
    assert_eq!(files(data.path(), "identified"), [known.file()]);
    assert!(!spool.path(&unknown.file()).exists());
    // With no row at all the study's folder goes too, and can come again.
    spool.recover(|_| false).unwrap();
    assert!(!data.path().join(format!("identified/{}", study())).exists());
}

#[test]
fn identified_files_are_removed_and_the_folder_with_the_last() {
    let data = tempfile::tempdir().unwrap();
    let spool = Spool::open(data.path(), 0).unwrap();
    let id = StudyId {
        key: study(),
        generation: 1,
    };
    let (first, _) = keep(&spool, &data_set(1));
    let (late, _) = keep(&spool, &data_set(2));
    let (first, late) = (first.file(), late.file());
    let foreign = ["identified/../box.sqlite", "/etc/passwd", "arriving/1.part"];
    for file in foreign {
        let refused = spool.remove_identified(&id, [file]);
        assert!(matches!(refused, Err(SpoolError::Foreign { .. })));
    }
    spool.remove_identified(&id, [first.as_str()]).unwrap();
    assert_eq!(
        files(data.path(), "identified"),
        std::slice::from_ref(&late)
    );
    spool.remove_identified(&id, [late.as_str()]).unwrap();
    assert!(!data.path().join(format!("identified/{}", study())).exists());
    // Deleting again does no harm; the study may come again.
    spool.remove_identified(&id, [late.as_str()]).unwrap();
    assert!(!keep(&spool, &data_set(1)).1);
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
    let (kept, _) = keep(&spool, &data_set(1));
    let export = spool.link_export(&kept.file()).unwrap();
    assert_eq!(spool.link_export(&kept.file()).unwrap(), export);
    assert!(
        std::fs::read(spool.path(&export))
            .unwrap()
            .ends_with(&data_set(1))
    );
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let data = Path::new("/data");
    let disk = ModelDisk::new(data);
    let spool = Spool::open_on(disk.clone(), data, 500).unwrap();
    let mut arriving = spool.arrive(&meta()).unwrap();
    disk.set_free(499);
    let refused = |result| matches!(result, Err(SpoolError::NoSpace { .. }));
    assert!(refused(arriving.write(&data_set(1))));
    drop(arriving);
    assert!(refused(spool.arrive(&meta()).map(|_| ())));
    disk.set_free(500);
    receive(&spool, &data_set(1)).unwrap();
}
