//! The program as it is typed: settings, the node alone, exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::rig::{bonebox, files_below, free_port, root, send};

#[test]
fn the_shipped_settings_are_accepted_and_faults_are_named() {
    assert_eq!(bonebox(&["check-config"]).0, Some(0));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.toml");
    std::fs::write(&file, "[dicom]\nport = 104\n").unwrap();
    let (code, said) = bonebox(&["check-config", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("port") && said.contains("box.toml"), "{said}");
}

#[test]
fn wrong_use_is_exit_code_2() {
    assert_eq!(bonebox(&["serve", "--no-such-option"]).0, Some(2));
    assert_eq!(bonebox(&[""; 0]).0, Some(2));
}

#[test]
fn a_second_box_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_first, _) = node_alone(dir.path());
    let port = free_port().to_string();
    let dicom = format!("127.0.0.1:{port}");
    let data = dir.path().to_str().unwrap();
    let (code, said) = bonebox(&["serve", "--data", data, "--dicom", &dicom]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another bonebox"), "{said}");
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node_alone(data: &std::path::Path) -> (Running, u16) {
    let (port, pages) = (free_port(), free_port());
    let mut child = Command::new(env!("CARGO_BIN_EXE_bonebox"))
        .args([
            "serve",
            "--receive-only",
            "--accept-any",
            "--ae-title",
            "NODE",
            "--data",
        ])
        .arg(data)
        .args(["--dicom", &format!("127.0.0.1:{port}")])
        .args(["--dashboard", &format!("127.0.0.1:{pages}")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.starts_with("bonebox ready"));
    std::thread::spawn(move || lines.for_each(drop));
    assert!(ready, "no ready line");
    (Running(child), port)
}

#[test]
fn the_node_alone_exports_what_it_received() {
    let dir = tempfile::tempdir().unwrap();
    let (_node, port) = node_alone(dir.path());
    let sent = root().join("target/setup/pydicom-data/RG3_UNCR.dcm");
    assert_eq!(
        send(std::slice::from_ref(&sent), port, "NODE", "ANY").unwrap(),
        [0]
    );
    let start = Instant::now();
    let exported: Vec<PathBuf> = loop {
        let files = files_below(&dir.path().join("export"));
        // One second is promised; tests carry a ten-fold ceiling.
        if !files.is_empty() || start.elapsed() > Duration::from_secs(10) {
            break files;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(exported.len(), 1);
    let (sent, exported) = (
        std::fs::read(sent).unwrap(),
        std::fs::read(&exported[0]).unwrap(),
    );
    // The data set follows the file meta group, whose length stands at 140.
    let start =
        144 + usize::try_from(u32::from_le_bytes(sent[140..144].try_into().unwrap())).unwrap();
    assert!(
        exported.ends_with(&sent[start..]),
        "the bytes received are the file's end"
    );
    assert_eq!(&exported[128..132], b"DICM");
}
