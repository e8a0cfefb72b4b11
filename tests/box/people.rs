//! People at a running box: the first account by its code, who a pseudonym is,
//! what is held apart, and a patient who withdraws: gone from box, outbox and central, and stopped
//! when the images come again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bonebox::audit::Event;
use bonebox::store::StudyRow;
use bonebox::study::State;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};

use crate::http::Browser;
use crate::rig::{Difference, PATIENCE, Rig, files_below};
use crate::study_files;

pub(crate) const PASSWORD: &str = "correct horse 4 battery";

/// The administrator's browser, signed in.
pub(crate) fn administrator(rig: &Rig) -> Browser {
    let code = std::fs::read_to_string(rig.path("box/setup-code")).unwrap();
    let mut browser = Browser::new(rig.dashboard);
    let made = browser.post(
        "/set-up",
        &[
            ("code", code.trim()),
            ("name", "ito"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ],
    );
    assert!(made.contains("location: /sign-in"), "{made}");
    assert!(!rig.path("box/setup-code").exists());
    let signed_in = browser.post("/sign-in", &[("name", "ito"), ("password", PASSWORD)]);
    assert!(signed_in.contains("location: /\r\n"), "{signed_in}");
    browser
}

/// The browser of a new account, signed in.
pub(crate) fn colleague(rig: &Rig, administrator: &mut Browser, role: &str) -> Browser {
    let page = administrator.get("/accounts");
    let fields = [("kind", "new"), ("name", role), ("role", role)];
    let made = administrator.submit_one(&page, "/accounts", "value=\"new\"", &fields);
    let code = made.split("<code>").nth(1).unwrap();
    let code = code.split('<').next().unwrap();
    let mut browser = Browser::new(rig.dashboard);
    let fields = [
        ("code", code),
        ("name", role),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let done = browser.post("/set-up", &fields);
    assert!(done.contains("location: /sign-in"), "{done}");
    browser.post("/sign-in", &[("name", role), ("password", PASSWORD)]);
    browser
}

/// A study of one image, which says that text is burned in, or is of a class that
/// cannot pass.
pub(crate) fn uncertain(folder: &Path, number: u64, class: Option<&str>) -> PathBuf {
    let study = study_files::pair(folder, number);
    let path = study.files.into_iter().next().unwrap();
    let mut object = dicom_object::open_file(&path).unwrap();
    let mut put = |tag, vr, value: &str| {
        let value = PrimitiveValue::from(value);
        object.put(DataElement::new(tag, vr, value));
    };
    put(Tag(0x0028, 0x0301), VR::CS, "YES");
    if let Some(class) = class {
        put(Tag(0x0008, 0x0016), VR::UI, class);
        object.update_meta(|meta| meta.media_storage_sop_class_uid = class.to_owned());
    }
    object.write_to_file(&path).unwrap();
    path
}

#[test]
fn what_is_held_apart_is_looked_at_released_or_dropped() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let burned = uncertain(&rig.path("hospital"), 7, None);
    let saved = uncertain(&rig.path("hospital"), 8, Some("1.2.840.10008.5.1.4.1.1.7"));
    rig.send(&[burned]).unwrap();
    rig.send(&[saved]).unwrap();
    rig.wait("both to be held apart", |rows| {
        rows.len() == 2 && rows.iter().all(|row| row.trouble.is_some())
    });
    let mut browser = administrator(&rig);
    let store = rig.store();
    let held = store.quarantine().unwrap();
    let find = |reason: &str| {
        let one = held.iter().find(|one| one.reason == reason).unwrap();
        let (key, generation) = (&one.study.key, one.study.generation);
        format!("/quarantine/{key}/{generation}/{}", one.instance)
    };
    let (burned, saved) = (find("burned-in"), find("sop-class"));
    let page = browser.get("/quarantine");
    // To look is a reveal; the picture is given once.
    let why = [("why", "clinical-question")];
    let shown = browser.submit(&page, &format!("{burned}/open"), &why);
    let picture = shown.split("/quarantine/opened/").nth(1).unwrap();
    let picture = picture.split('"').next().unwrap();
    let picture = format!("/quarantine/opened/{picture}");
    assert!(browser.get(&picture).contains("PNG"));
    assert!(browser.get(&picture).starts_with("HTTP/1.1 404"));
    let journal = store.journal_newest(50, true).unwrap();
    let looks = journal
        .iter()
        .filter(|entry| matches!(entry.event, Event::QuarantineOpened { .. }));
    assert_eq!(looks.count(), 1);
    // What is no image of a known kind cannot pass, only go.
    assert!(!page.contains(&format!("{saved}/release")));
    let sure = [("sure", "yes")];
    browser.submit(&page, &format!("{burned}/release"), &sure);
    browser.submit(&page, &format!("{saved}/drop"), &sure);
    let rows = rig.wait("the released one to be measured or refused", |rows| {
        let analyzed = |row: &StudyRow| row.state == State::Analyzed;
        rows.iter().any(analyzed) && rows.iter().all(|row| row.trouble.is_none())
    });
    assert_eq!(rows.len(), 2);
    assert!(store.quarantine().unwrap().is_empty());
    let start = Instant::now();
    while !files_below(&rig.path("box/identified")).is_empty() {
        assert!(start.elapsed() < PATIENCE, "identified files are left");
        std::thread::sleep(Duration::from_millis(50));
    }
    let released = rows
        .iter()
        .find(|row| row.state == State::Analyzed)
        .unwrap();
    let evidence = store.study(&released.id).unwrap().unwrap();
    let flags = evidence.deidentified.unwrap().flags;
    assert!(
        flags.contains(&"released-by-a-person".to_owned()),
        "{flags:?}"
    );
}

#[test]
fn a_patient_who_withdraws_is_gone_everywhere_and_does_not_come_back() {
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 5);
    let other = study_files::pair(&rig.path("hospital"), 6);
    rig.send(&study.files).unwrap();
    rig.wait_acknowledged(1);
    rig.send(&other.files).unwrap();
    let rows = rig.wait_acknowledged(2);
    let held = rig.central_instances().0;
    let mut browser = administrator(&rig);
    // Whose is which: the reveal says it.
    let name = |browser: &mut Browser, page: &str| {
        let form = browser.get(page);
        let body = [("why", "patient-request")];
        browser.submit(&form, &format!("{page}/reveal"), &body)
    };
    let pages: Vec<String> = rows
        .iter()
        .map(|row| format!("/studies/{}/{}", row.id.key, row.id.generation))
        .collect();
    let shown: Vec<String> = pages.iter().map(|page| name(&mut browser, page)).collect();
    let has = |text: &str, value: &str| text.contains(value);
    let object = dicom_object::open_file(&study.files[0]).unwrap();
    let id = object.element(Tag(0x0010, 0x0020)).unwrap();
    let id = id.to_str().unwrap();
    let id = id.trim();
    let gone = shown.iter().position(|text| has(text, id)).unwrap();
    assert_eq!(shown.iter().filter(|text| has(text, id)).count(), 1);
    let page = browser.get(&pages[gone]);
    let target = format!("{}/withdraw", pages[gone]);
    browser.submit(&page, &target, &[("sure", "yes")]);
    let left = rig.wait("the withdrawal", |rows| rows.len() == 1);
    assert_eq!(left[0].id, rows[1 - gone].id);
    let start = Instant::now();
    // Its rows go first, then its files.
    let objects = || files_below(&rig.path("central/objects")).len();
    while rig.central_instances().0 * 2 != held || objects() * 2 != held {
        assert!(start.elapsed() < PATIENCE, "the central still holds them");
        std::thread::sleep(Duration::from_millis(50));
    }
    let key = rows[gone].id.key.to_string();
    for folder in ["box/identified", "box/pseudonymous"] {
        let files = files_below(&rig.path(folder));
        let mut of_theirs = files
            .iter()
            .filter(|path| path.to_string_lossy().contains(&key));
        assert_eq!(of_theirs.next(), None, "{folder}");
    }
    // They come again: held apart, nothing of them is processed.
    rig.send(&study.files).unwrap();
    let rows = rig.wait("the images to be held apart", |rows| {
        rows.iter().any(|row| row.trouble.is_some())
    });
    let again = rows.iter().find(|row| row.trouble.is_some()).unwrap();
    assert_eq!(again.state, State::Spooled);
    let trouble = again.trouble.as_ref().unwrap();
    assert_eq!(trouble.detail, "withdrawn");
    assert_eq!(rig.central_instances().0 * 2, held);
}
