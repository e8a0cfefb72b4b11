//! What may go wrong in a room: each has its clear error, in the log and on
//! the page, and the box goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use bonebox::demo::pki;
use bonebox::page::{Language, Text};
use bonebox::study::{State, TroubleCode};

use crate::rig::{Difference, Rig, onnxruntime, root, send};
use crate::study_files;

/// Sends a pair and waits until the study is held up with a code; says the
/// trouble's detail.
fn held(rig: &Rig, seed: u64, code: TroubleCode) -> String {
    let study = study_files::pair(&rig.path("hospital"), seed);
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    let rows = rig.wait("the trouble", |rows| {
        rows.iter()
            .any(|row| row.trouble.as_ref().is_some_and(|held| held.code == code))
    });
    rows.into_iter().find_map(|row| row.trouble).unwrap().detail
}

/// The page of the first study says the trouble.
fn page_says(rig: &Rig, code: TroubleCode) {
    let row = &rig.studies()[0];
    let path = format!("/studies/{}/{}?lang=en", row.id.key, row.id.generation);
    let page = crate::http::get(rig.dashboard, &path);
    assert!(
        page.contains(code.as_str()),
        "the page does not say {}",
        code.as_str()
    );
}

fn copy_models(rig: &Rig) -> PathBuf {
    let target = rig.path("models");
    for file in crate::rig::files_below(&root().join("models")) {
        let place = target.join(file.strip_prefix(root().join("models")).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(&file, &place).unwrap();
    }
    target
}

#[test]
fn a_missing_model_holds_the_study_until_it_is_there() {
    let difference = Difference {
        models: Some("/nonexistent".into()),
        ..Difference::default()
    };
    let mut rig = Rig::new(&difference);
    rig.start_central();
    rig.start_box();
    let detail = held(&rig, 1, TroubleCode::ModelUnavailable);
    assert!(detail.contains("/nonexistent"), "{detail}");
    page_says(&rig, TroubleCode::ModelUnavailable);
    assert!(rig.log("serve").contains("model-unavailable"));
    // Previews do not need the model.
    let id = rig.studies()[0].id.clone();
    assert!(
        !rig.store()
            .study(&id)
            .unwrap()
            .unwrap()
            .artefacts
            .is_empty()
    );
    // Put right, the study goes on after a restart.
    rig.kill_box();
    rig.write_settings(&Difference::default());
    rig.start_box();
    rig.wait_acknowledged(1);
}

#[test]
fn a_model_that_differs_from_its_card_is_not_loaded() {
    let mut rig = Rig::new(&Difference::default());
    let models = copy_models(&rig);
    let file = models.join("wrist-tl/predictor.onnx");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    rig.write_settings(&Difference {
        models: Some(models),
        ..Difference::default()
    });
    rig.start_central();
    rig.start_box();
    let detail = held(&rig, 1, TroubleCode::ModelUnavailable);
    assert!(detail.contains("predictor.onnx"), "{detail}");
}

#[test]
fn a_runtime_that_is_not_on_the_list_is_not_loaded() {
    let mut rig = Rig::new(&Difference::default());
    let library = rig.path("libonnxruntime.so");
    let mut bytes = std::fs::read(onnxruntime()).unwrap();
    bytes.push(0);
    std::fs::write(&library, bytes).unwrap();
    rig.write_settings(&Difference {
        onnxruntime: Some(library),
        ..Difference::default()
    });
    rig.start_central();
    rig.start_box();
    let detail = held(&rig, 1, TroubleCode::ModelUnavailable);
    assert!(detail.contains("SHA-256"), "{detail}");
}

#[test]
fn a_wrong_client_certificate_is_said_and_results_wait() {
    let mut rig = Rig::new(&Difference::default());
    let stranger = pki::make(&rig.path("stranger")).unwrap();
    rig.write_settings(&Difference {
        client: Some(stranger.client),
        ..Difference::default()
    });
    rig.start_central();
    rig.start_box();
    held(&rig, 1, TroubleCode::CentralRefusesUs);
    page_says(&rig, TroubleCode::CentralRefusesUs);
    assert_eq!(rig.central_instances().0, 0);
    rig.kill_box();
    rig.write_settings(&Difference::default());
    rig.start_box();
    rig.wait_acknowledged(1);
}

#[test]
fn a_central_that_is_down_is_said_and_gets_the_results_later() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_box();
    held(&rig, 1, TroubleCode::CentralUnreachable);
    page_says(&rig, TroubleCode::CentralUnreachable);
    rig.start_central();
    rig.wait_acknowledged(1);
    assert_eq!(rig.central_instances(), (3, 3));
}

#[test]
fn a_worker_that_crashes_costs_no_study() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 1);
    rig.send(&study.files).unwrap();
    rig.wait("de-identification", |rows| {
        rows.iter().any(|row| row.state >= State::Deidentified)
    });
    rig.kill_child("worker");
    rig.wait_acknowledged(1);
}

/// The health page, as soon as it says a text.
fn page_with(rig: &Rig, text: Text) -> String {
    let begun = std::time::Instant::now();
    loop {
        let page = crate::http::get(rig.dashboard, "/health?lang=en");
        if page.contains(text.say(Language::English)) {
            return page;
        }
        assert!(
            begun.elapsed() < crate::rig::PATIENCE,
            "{text:?} never came"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn what_is_turned_away_is_on_the_page_and_in_the_log() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 1);
    let refused = |called, calling| {
        let sent = send(&study.files, rig.dicom, called, calling);
        assert!(sent.is_err(), "{sent:?}");
    };
    refused("SOMEBODY", "XRAY");
    refused("BONEBOX", "STRANGER");
    let mut stream = TcpStream::connect(("127.0.0.1", rig.dicom)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The box closes the connection; a reset may overtake its last word.
    let _ = stream.read_to_end(&mut answer);
    let whole = std::fs::read(&study.files[0]).unwrap();
    let cut = rig.path("cut.dcm");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(rig.send(&[cut]).unwrap(), [0xC000]);

    let page = page_with(&rig, Text::RejectedInstance);
    let log = rig.log("serve");
    let pairs = [
        (Text::RejectedCalledAe, "called-ae-unknown"),
        (Text::RejectedCallingAe, "calling-ae-unknown"),
        (Text::RejectedNotDicom, "no association request"),
        (Text::RejectedInstance, "instance refused"),
    ];
    for (text, logged) in pairs {
        let says = text.say(Language::English);
        assert!(
            page.contains(&says.replace('\'', "&#39;")) || page.contains(says),
            "{says}"
        );
        assert!(log.contains(logged), "{logged}");
    }
    assert!(page.contains("STRANGER") && page.contains("SOMEBODY"));
    assert!(!log.contains("STRANGER") && !log.contains("SOMEBODY"));
    // A person lets the stranger in; the pipeline does it, and journals it.
    let pressed = crate::http::press(rig.dashboard, "/health", ("kind", "allow"));
    assert!(pressed.starts_with("HTTP/1.1 303"), "{pressed}");
    page_with(&rig, Text::Senders);
    let sent = send(&study.files[..1], rig.dicom, "BONEBOX", "STRANGER");
    assert_eq!(sent.unwrap(), [0]);
    let journal = rig.store().journal_since(0, 1000).unwrap();
    let text = serde_json::to_string(&journal).unwrap();
    assert!(text.contains("sender-allowed") && !text.contains("STRANGER"));
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    rig.wait_acknowledged(1);
}

#[test]
fn a_full_disk_is_answered_and_the_box_goes_on() {
    // A reserve larger than any disk: full for the node, not for the machine.
    let full = Difference {
        storage_extra: "reserve_mb = 100000000".into(),
        ..Difference::default()
    };
    let mut rig = Rig::new(&full);
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 1);
    assert_eq!(rig.send(&study.files).unwrap(), [0xA700, 0xA700]);
    assert!(rig.studies().is_empty());
    rig.kill_box();
    rig.write_settings(&Difference::default());
    rig.start_box();
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    rig.wait_acknowledged(1);
}

#[test]
fn a_small_file_system_that_fills_loses_nothing() {
    // Written by the rig's own folder on a small tmpfs, where one can be made.
    let mut rig = Rig::new(&Difference::default());
    let data = rig.path("box");
    std::fs::create_dir_all(&data).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(&data)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        // Without the right to mount, the reserve's test above stands alone.
        return;
    }
    let _unmount = Unmount(data);
    rig.write_settings(&Difference {
        storage_extra: "reserve_mb = 4".into(),
        ..Difference::default()
    });
    rig.start_box();
    let mut accepted = 0;
    let mut refused = false;
    for seed in 0..12 {
        let study = study_files::pair(&rig.path("hospital"), seed);
        let statuses = rig.send(&study.files).unwrap();
        accepted += statuses.iter().filter(|status| **status == 0).count();
        refused |= statuses.contains(&0xA700);
    }
    assert!(refused, "the file system of 24 MB never filled");
    let rows: u32 = rig.studies().iter().map(|row| row.images).sum();
    assert_eq!(
        usize::try_from(rows).unwrap(),
        accepted,
        "every success has its row"
    );
    let page = crate::http::get(rig.dashboard, "/?lang=en");
    assert!(
        page.contains("BB-") || page.contains("studies"),
        "the pages still answer"
    );
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}
