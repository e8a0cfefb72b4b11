//! An answer set in the vocabulary of the MIDI-B challenge (MICCAI 2024,
//! arXiv 2507.23608) over generated objects: what must be retained, removed,
//! moved, changed, hidden. It compares with the challenge in form only; its
//! images are others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use dicom_core::{Tag, VR};
use dicom_object::DefaultDicomObject;

use crate::deidentify::{Bench, string};
use crate::objects::{Image, Node, Tree, image, put};

const PATIENTS: u64 = 50;
const KINDS: [Image; 4] = [Image::Cr, Image::Dx, Image::Ct, Image::EnhancedCt];

/// What a run saw, and how often each question was answered right.
#[derive(Default)]
struct Answers {
    right: BTreeMap<&'static str, u64>,
    asked: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
    patients: BTreeMap<u64, String>,
    uids: BTreeMap<String, String>,
    days: BTreeMap<u64, i64>,
}

impl Answers {
    fn ask(&mut self, question: &'static str, right: bool, what: &str) {
        *self.asked.entry(question).or_default() += 1;
        if right {
            *self.right.entry(question).or_default() += 1;
        } else {
            self.wrong.push(format!("{question}: {what}"));
        }
    }
}

/// The object of a patient's study.
fn object(patient: u64, number: u64) -> (Image, Tree) {
    let kind = KINDS[usize::try_from((patient + number) % 4).unwrap()];
    let mut tree = image(kind, patient * 10);
    let own = |last: u64| format!("1.2.826.0.1.3680043.10.1.{patient}.9.{number}.{last}");
    let day = format!("202{}{:02}{:02}", patient % 6, 1 + patient % 12, 1 + number);
    put(
        &mut tree,
        &[
            (0x0008, 0x0018, VR::UI, &own(1)),
            (0x0008, 0x0020, VR::DA, &day),
            (0x0008, 0x0080, VR::LO, "Yamada Clinic"),
            (0x0008, 0x1030, VR::LO, "Wrist of Yamada"),
            (0x0008, 0x1070, VR::PN, "Operator^Ono"),
            (0x0010, 0x0010, VR::PN, &format!("Yamada^No{patient}")),
            (0x0010, 0x0020, VR::LO, &format!("PID{patient:05}")),
            (0x0010, 0x1040, VR::LO, "1-1 Yamada-cho"),
            (0x0010, 0x4000, VR::LT, "call 03-1234-5678"),
        ],
    );
    let pixels: Vec<u8> = (0..48 * 40_u64)
        .flat_map(|n| {
            u16::try_from((n * 7 + patient * 13 + number) % 4096)
                .unwrap()
                .to_le_bytes()
        })
        .collect();
    tree.insert(Tag(0x7fe0, 0x0010), Node::Bytes(VR::OW, pixels));
    (kind, tree)
}

fn text(tree: &Tree, group: u16, element: u16) -> String {
    match tree.get(&Tag(group, element)) {
        Some(Node::Bytes(_, bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// Days since a day long ago (Richards 2013).
fn number(date: &str) -> Option<i64> {
    let part = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    Some(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day)
}

fn judge(answers: &mut Answers, patient: u64, tree: &Tree, out: &DefaultDicomObject, bytes: &[u8]) {
    let found = |group, element| string(out, group, element);
    for (group, element) in [
        (0x0008, 0x0060),
        (0x0010, 0x0040),
        (0x0028, 0x0010),
        (0x0028, 0x0011),
    ] {
        let there = out.element_opt(Tag(group, element)).unwrap().is_some();
        answers.ask(
            "tag_retained",
            there,
            &format!("({group:04x},{element:04x})"),
        );
    }
    for (group, element) in [(0x0010, 0x0010), (0x0010, 0x0020), (0x0012, 0x0063)] {
        let there = found(group, element).is_some_and(|text| !text.is_empty());
        answers.ask(
            "text_notnull",
            there,
            &format!("({group:04x},{element:04x})"),
        );
    }
    for (group, element) in [
        (0x0018, 0x0015),
        (0x0018, 0x1164),
        (0x0018, 0x5101),
        (0x0020, 0x0037),
        (0x0028, 0x0030),
        (0x0008, 0x0008),
    ] {
        let before = text(tree, group, element);
        if !before.is_empty() {
            let same = found(group, element).as_deref() == Some(before.as_str());
            answers.ask(
                "text_retained",
                same,
                &format!("({group:04x},{element:04x})"),
            );
        }
    }
    for value in [
        "Yamada", "Operator", "Suzuki", "1-1 ", "03-1234", "ACC4711", "STUDY9", "PID0",
    ] {
        let gone = !bytes.windows(value.len()).any(|w| w == value.as_bytes());
        answers.ask("text_removed", gone, value);
    }
    judge_links(answers, patient, tree, out);
    let pixels = out
        .element(Tag(0x7fe0, 0x0010))
        .unwrap()
        .to_bytes()
        .unwrap();
    let same = matches!(tree.get(&Tag(0x7fe0, 0x0010)), Some(Node::Bytes(_, before)) if **before == *pixels);
    answers.ask("pixels_retained", same, "Pixel Data");
}

/// What links the objects of a patient: dates, UIDs, the ID.
fn judge_links(answers: &mut Answers, patient: u64, tree: &Tree, out: &DefaultDicomObject) {
    let found = |group, element| string(out, group, element);
    for element in [0x0020, 0x0023] {
        if let Some(before) = number(&text(tree, 0x0008, element)) {
            let after = found(0x0008, element).and_then(|date| number(&date));
            let moved = after.map(|after| after - before);
            let same = moved.is_some_and(|moved| {
                moved != 0 && *answers.days.entry(patient).or_insert(moved) == moved
            });
            answers.ask("date_shifted", same, &format!("(0008,{element:04x})"));
        }
    }
    for (group, element) in [
        (0x0008, 0x0018),
        (0x0020, 0x000d),
        (0x0020, 0x000e),
        (0x0020, 0x0052),
    ] {
        let before = text(tree, group, element);
        if before.is_empty() {
            continue;
        }
        let after = found(group, element).unwrap_or_default();
        let what = format!("({group:04x},{element:04x})");
        answers.ask("uid_changed", !after.is_empty() && after != before, &what);
        let known = answers
            .uids
            .entry(before)
            .or_insert_with(|| after.clone())
            .clone();
        answers.ask("uid_consistent", known == after, &what);
    }
    let id = found(0x0010, 0x0020).unwrap_or_default();
    let known = answers
        .patients
        .entry(patient)
        .or_insert_with(|| id.clone())
        .clone();
    answers.ask("patid_consistent", known == id, "Patient ID");
}

#[test]
fn every_action_of_the_answer_set_is_right() {
    let bench = Bench::with(&[
        "retain-modified-dates",
        "retain-age-band-and-sex",
        "clean-pixel-data",
    ]);
    let mut answers = Answers::default();
    for patient in 0..PATIENTS {
        for number in 0..6 {
            let (kind, tree) = object(patient, number);
            let (_, bytes) = bench
                .run_tree(&tree)
                .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            judge(&mut answers, patient, &tree, &bench.open(), &bytes);
        }
    }
    let distinct: BTreeSet<_> = answers.patients.values().collect();
    assert_eq!(
        distinct.len(),
        answers.patients.len(),
        "two patients, one pseudonym"
    );
    let right: u64 = answers.right.values().sum();
    let asked: u64 = answers.asked.values().sum();
    println!("{right} of {asked} actions right: {:?}", answers.asked);
    let wrong: Vec<_> = answers.wrong.iter().take(20).collect();
    assert!(
        wrong.is_empty(),
        "{} wrong: {wrong:#?}",
        answers.wrong.len()
    );
    assert_eq!(answers.asked.len(), 9);
}
