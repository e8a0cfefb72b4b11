//! Store-and-pass-on: the untouched original also reaches a PACS of the
//! hospital, from a queue that survives a killed box and a PACS that is down.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bonebox::audit::Event;
use bonebox::names::Digest;
use bonebox::study::State;

use crate::rig::{Difference, PATIENCE, Rig, files_below, free_port};
use crate::study_files;

/// dcmtk's receiver as the PACS, keeping bit for bit what it gets.
struct Pacs(Child);

impl Pacs {
    fn start(port: u16, folder: &Path) -> Self {
        Self::start_by(port, folder, &[])
    }

    fn start_by(port: u16, folder: &Path, tls: &[&OsStr]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let child = Command::new("storescp")
            .args(["+B", "-aet", "PACS", "-od"])
            .arg(folder)
            .args(tls)
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Pacs {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The settings of a source whose images are passed on; the rig's own source
/// stands before it and is not.
fn with_pacs(port: u16) -> Difference {
    Difference {
        dicom_extra: format!(
            "[[dicom.sources]]\nname = \"ct\"\ncalling_ae = \"CT\"\nplain = true\n\
             pass_on_to = \"PACS@127.0.0.1:{port}\"\n"
        ),
        ..Difference::default()
    }
}

/// The data set of a Part 10 file, without preamble and file meta.
fn data_set(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let length = u32::from_le_bytes(bytes[140..144].try_into().unwrap());
    bytes[144 + usize::try_from(length).unwrap()..].to_vec()
}

fn sets(files: &[PathBuf]) -> Vec<String> {
    let digest = |file: &PathBuf| Digest::of(&data_set(file)).hex();
    let mut sets: Vec<_> = files.iter().map(digest).collect();
    sets.sort();
    sets
}

fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_original_reaches_the_pacs_though_it_was_down_and_the_box_killed() {
    let port = free_port();
    let mut rig = Rig::new(&with_pacs(port));
    rig.start_central();
    rig.start_box();
    let (ours, theirs) = (rig.path("hospital"), rig.path("pacs"));
    let study = study_files::pair(&ours, 1);
    let send = |rig: &Rig, calling: &str, files: &[PathBuf]| {
        let sent = crate::rig::send(files, rig.dicom, "BONEBOX", calling).unwrap();
        rig.settled();
        sent
    };
    assert_eq!(send(&rig, "CT", &study.files), [0, 0]);
    // De-identified and sent on as ever, but the originals stay: nobody has
    // taken them.
    rig.wait_acknowledged(1);
    assert_eq!(files_below(&rig.path("box/identified")).len(), 2);
    wait("the page says so", || {
        let page = crate::http::get(rig.dashboard, "/health?lang=en");
        page.contains("ct: 2 images wait") && page.contains("connecting to 127.0.0.1")
    });
    rig.kill_box();
    rig.start_box();
    assert_eq!(files_below(&rig.path("box/identified")).len(), 2);
    let pacs = Pacs::start(port, &theirs);
    wait("the PACS has them", || files_below(&theirs).len() == 2);
    wait("the box lets go", || {
        files_below(&rig.path("box/identified")).is_empty()
    });
    assert_eq!(sets(&files_below(&theirs)), sets(&study.files));
    assert!(rig.store().passing_on().unwrap().is_empty());
    let journal = rig.store().journal_since(0, 1000).unwrap();
    let events = journal.iter().map(|entry| &entry.event);
    let passed = events.filter(|event| matches!(event, Event::InstancePassedOn { .. }));
    assert_eq!(passed.count(), 2);
    // A source that is not passed on is not.
    let other = study_files::pair(&ours.join("other"), 2);
    assert_eq!(send(&rig, "XRAY", &other.files), [0, 0]);
    rig.wait("the receipt", |rows| {
        rows.iter().all(|row| row.state == State::Acknowledged) && rows.len() == 2
    });
    assert_eq!(files_below(&theirs).len(), 2);
    drop(pacs);
}

#[test]
fn a_pacs_by_tls_gets_it_from_our_certificate_only() {
    let port = free_port();
    let mut rig = Rig::new(&Difference::default());
    let (certificate, key) = rig.pki.client.clone();
    let tls = |difference: &mut Difference, certificate: &Path, key: &Path, ca: &Path| {
        difference.dicom_extra.push_str(&format!(
            "pass_on_by_tls = true\n[dicom.tls]\nlisten = \"127.0.0.1:0\"\n\
             certificate = {certificate:?}\nkey = {key:?}\nclient_ca = {ca:?}\n"
        ));
    };
    // A certificate that the PACS does not know.
    let stranger = bonebox::demo::pki::make(&rig.path("stranger")).unwrap();
    let mut wrong = with_pacs(port);
    let (other_certificate, other_key) = &stranger.client;
    tls(&mut wrong, other_certificate, other_key, &rig.pki.ca);
    rig.write_settings(&wrong);
    let theirs = rig.path("pacs");
    let words = [
        OsStr::new("+tls"),
        rig.pki.central.1.as_os_str(),
        rig.pki.central.0.as_os_str(),
        OsStr::new("+cf"),
        rig.pki.ca.as_os_str(),
    ];
    let _pacs = Pacs::start_by(port, &theirs, &words);
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 1);
    let sent = crate::rig::send(&study.files, rig.dicom, "BONEBOX", "CT").unwrap();
    assert_eq!(sent, [0, 0]);
    wait("it is refused", || {
        let waiting = rig.store().passing_on().unwrap();
        waiting.iter().any(|one| one.failure.is_some())
    });
    assert!(files_below(&theirs).is_empty());
    rig.kill_box();
    let mut right = with_pacs(port);
    tls(&mut right, &certificate, &key, &rig.pki.ca);
    rig.write_settings(&right);
    rig.start_box();
    wait("the PACS has them", || {
        rig.store().passing_on().unwrap().is_empty()
    });
    assert_eq!(sets(&files_below(&theirs)), sets(&study.files));
}
