//! When a study is closed, and what of it goes no further: CT that says how
//! many it is, images that nothing decodes, one image with two contents.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::path::PathBuf;

use bonebox::study::{Spooled, State, StudyId, TroubleCode};

use crate::receive::node::{CT, EXPLICIT, ct, data_set, element, file};
use crate::rig::{Difference, Rig, files_below};
use crate::study_files;

/// Why a generation of the only study was closed.
fn closed(rig: &Rig, generation: u32) -> String {
    let rows = rig.wait("the list to be closed", |rows| {
        rows.iter()
            .any(|row| row.id.generation == generation && row.state >= State::Spooled)
    });
    let id = StudyId {
        generation,
        ..rows[0].id.clone()
    };
    let evidence = rig.store().evidence::<Spooled>(&id).unwrap().unwrap();
    evidence.closed_because
}

#[test]
fn a_ct_that_says_how_many_it_is_closes_at_once_and_late_ones_are_a_generation() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_box();
    let outside = rig.path("hospital");
    std::fs::create_dir_all(&outside).unwrap();
    // Images in Acquisition: in front of the series' other elements.
    let of = |count: &'static [u8]| element(0x0020, 0x1002, "IS", count);
    let image = |number: u32, extra: &[u8]| -> PathBuf {
        let instance = format!("1.2.392.200036.9.1.1.{number}");
        let mut bytes = data_set(CT, &instance, b"ISO_IR 100", &[]);
        // Before (0028,0010), where its tag belongs.
        let at = bytes.windows(4).position(|four| four == [0x28, 0, 0x10, 0]);
        bytes.splice(at.unwrap()..at.unwrap(), extra.iter().copied());
        let name = format!("{number}.dcm");
        file(&outside, &name, (CT, &instance, EXPLICIT), &bytes)
    };
    let three: Vec<PathBuf> = (1..=3).map(|number| image(number, &of(b"3 "))).collect();
    // Two of three: nothing is complete, however their numbers run.
    assert_eq!(rig.send(&three[..2]).unwrap(), [0, 0]);
    assert_eq!(rig.studies()[0].state, State::Received);
    assert_eq!(rig.send(&three[2..]).unwrap(), [0]);
    assert_eq!(closed(&rig, 1), "complete");
    assert_eq!(rig.send(&[image(4, &[])]).unwrap(), [0]);
    assert_eq!(closed(&rig, 2), "quiet");
    assert_eq!(
        rig.store()
            .study(&rig.studies()[0].id)
            .unwrap()
            .unwrap()
            .instances
            .len(),
        1
    );
}

#[test]
fn what_nothing_decodes_is_kept_told_and_goes_nowhere() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let outside = rig.path("hospital");
    let htj2k = "1.2.840.10008.1.2.4.201";
    std::fs::create_dir_all(&outside).unwrap();
    let bytes = data_set(CT, "1.2.392.200036.9.1.1.1", b"ISO_IR 100", &[]);
    let kind = (CT, "1.2.392.200036.9.1.1.1", htj2k);
    let alone = file(&outside, "htj2k.dcm", kind, &bytes);
    assert_eq!(rig.send(&[alone]).unwrap(), [0]);
    let rows = rig.wait("the trouble", |rows| rows[0].trouble.is_some());
    let held = rows[0].trouble.clone().unwrap();
    assert_eq!(
        (held.code, held.next_try),
        (TroubleCode::CannotDecode, None)
    );
    assert_eq!(rows[0].state, State::Spooled);
    let kept = files_below(&rig.path("box/identified"));
    assert_eq!(kept.len(), 1);
    assert!(std::fs::read(&kept[0]).unwrap().ends_with(&bytes));
    assert!(files_below(&rig.path("box/pseudonymous")).is_empty());
    let path = format!("/studies/{}/1?lang=en", rows[0].id.key);
    assert!(crate::http::get(rig.dashboard, &path).contains("cannot-decode"));

    // Beside a pair: the pair goes on, the third image is kept and told of.
    let pair = study_files::pair(&outside.join("pair"), 1);
    let third = dicom_object::open_file(&pair.files[0]).unwrap();
    let tag = |name| third.element(name).unwrap().to_str().unwrap().into_owned();
    let study = tag(dicom_dictionary_std::tags::STUDY_INSTANCE_UID);
    let series = format!(
        "{}.7",
        &tag(dicom_dictionary_std::tags::SERIES_INSTANCE_UID)[..40]
    );
    let mut bytes = data_set(CT, "1.2.392.200036.9.1.1.2", b"ISO_IR 100", &[]);
    let at = bytes.windows(4).position(|four| four == [0x20, 0, 0x0d, 0]);
    let until = bytes.windows(4).position(|four| four == [0x28, 0, 0x10, 0]);
    let uid = |number, text: &str| {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        element(0x20, number, "UI", &value)
    };
    let names = [uid(0x0d, &study), uid(0x0e, &series)].concat();
    bytes.splice(at.unwrap()..until.unwrap(), names);
    let kind = (CT, "1.2.392.200036.9.1.1.2", htj2k);
    let third = file(&outside, "third.dcm", kind, &bytes);
    let mut files = vec![third];
    files.extend(pair.files.clone());
    assert_eq!(rig.send(&files).unwrap(), [0, 0, 0]);
    let rows = rig.wait("the receipt", |rows| {
        rows.iter().any(|row| row.state == State::Acknowledged)
    });
    let sent = rows
        .iter()
        .find(|row| row.state == State::Acknowledged)
        .unwrap();
    let told = sent.trouble.clone().unwrap();
    assert_eq!(told.code, TroubleCode::CannotDecode);
    assert_eq!(files_below(&rig.path("box/identified")).len(), 2);
    assert_eq!(files_below(&rig.path("box/pseudonymous")).len(), 2);
    assert_eq!(rig.central_instances(), (3, 3));
}

#[test]
fn one_image_with_two_contents_is_kept_twice_told_and_not_measured() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_box();
    let outside = rig.path("hospital");
    std::fs::create_dir_all(&outside).unwrap();
    let first = ct(&outside, 1, &[]);
    let other = ct(&outside, 1, &element(0x10, 0x10, "PN", b"Other^Bytes "));
    assert_eq!(rig.send(&[first, other]).unwrap(), [0, 0]);
    let rows = rig.wait("the hold", |rows| {
        rows[0].state == State::Spooled && rows[0].trouble.is_some()
    });
    let detail = |row: &bonebox::store::StudyRow| row.trouble.clone().unwrap();
    assert!(matches!(
        detail(&rows[0]).code,
        TroubleCode::ConflictingInstance | TroubleCode::Quarantined
    ));
    rig.wait("quarantine", |rows| {
        detail(&rows[0]).code == TroubleCode::Quarantined
            && detail(&rows[0]).detail == "conflicting-instance"
    });
    assert_eq!(files_below(&rig.path("box/identified")).len(), 2);
    assert!(files_below(&rig.path("box/pseudonymous")).is_empty());
}
