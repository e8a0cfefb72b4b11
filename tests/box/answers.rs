//! An answer set in the vocabulary of the MIDI-B challenge (MICCAI 2024,
//! arXiv 2507.23608) over generated objects: what must be retained, removed,
//! moved, changed, hidden. It compares with the challenge in form only; its
//! images are others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use bonebox::deidentify::InstanceReport;
use dicom_core::{Tag, VR};
use dicom_object::DefaultDicomObject;

use crate::burned::{MARGIN, Strip, is_blanked, strips};
use crate::deidentify::{Bench, string};
use crate::objects::{Image, Node, Tree, image, put, us};

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

/// Columns and rows of an image with burned-in text, and where the text stands.
const WIDE: usize = 512;
const HIGH: usize = 256;
const LEFT: usize = 20;
const TOP: usize = 14;

/// Burns a text into the corner of a radiograph of its own noise.
fn burn(tree: &mut Tree, strip: &Strip, patient: u64) {
    let mut pixels: Vec<u16> = (0..WIDE * HIGH)
        .map(|place| {
            let noise = (place as u64 * 7919 + patient * 104_729) % 61;
            (800 + place % WIDE) as u16 + noise as u16
        })
        .collect();
    for (index, &ink) in strip.ink.iter().enumerate() {
        let place = (TOP + index / strip.width) * WIDE + LEFT + index % strip.width;
        let under = u32::from(pixels[place]);
        let over = under * (255 - u32::from(ink)) + 4095 * u32::from(ink);
        pixels[place] = (over / 255) as u16;
    }
    tree.insert(Tag(0x0028, 0x0010), us(HIGH as u16));
    tree.insert(Tag(0x0028, 0x0011), us(WIDE as u16));
    let bytes = pixels
        .iter()
        .flat_map(|pixel| pixel.to_le_bytes())
        .collect();
    tree.insert(Tag(0x7fe0, 0x0010), Node::Bytes(VR::OW, bytes));
}

/// Whether the ink of a text went, and whether nothing else did.
fn judge_pixels(
    answers: &mut Answers,
    report: &InstanceReport,
    text: Option<&Strip>,
    before: &[u8],
    after: &[u8],
) {
    let Some(text) = text else {
        let same = before == after && report.blanked.is_empty();
        answers.ask("pixels_retained", same, "Pixel Data");
        return;
    };
    let changed =
        |place: usize| before[2 * place..2 * place + 2] != after[2 * place..2 * place + 2];
    let mut hidden = true;
    for (index, &ink) in text.ink.iter().enumerate() {
        let place = (TOP + index / text.width) * WIDE + LEFT + index % text.width;
        hidden &= ink < 128 || is_blanked(report, place, WIDE) && changed(place);
    }
    answers.ask("pixels_hidden", hidden, "a burned-in text");
    let near = |rectangle: &[u32; 4]| {
        let [left, top, width, height] = rectangle.map(|side| side as usize);
        left + MARGIN >= LEFT
            && top + MARGIN >= TOP
            && left + width <= LEFT + text.width + MARGIN
            && top + height <= TOP + text.height + MARGIN
    };
    let kept = (0..WIDE * HIGH).all(|place| is_blanked(report, place, WIDE) || !changed(place));
    let near = report.blanked.iter().all(near);
    answers.ask("pixels_retained", kept && near, "beside a burned-in text");
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
    let strips = strips();
    let mut answers = Answers::default();
    for patient in 0..PATIENTS {
        for number in 0..6 {
            let (kind, mut tree) = object(patient, number);
            let is_radiograph = matches!(kind, Image::Cr | Image::Dx);
            let turn = (patient * 6 + number) as usize;
            let text =
                (is_radiograph && turn.is_multiple_of(3)).then(|| &strips[turn % strips.len()]);
            if let Some(text) = text {
                burn(&mut tree, text, patient);
            }
            let (report, bytes) = bench
                .run_tree(&tree)
                .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            let out = bench.open();
            judge(&mut answers, patient, &tree, &out, &bytes);
            let after = out
                .element(Tag(0x7fe0, 0x0010))
                .unwrap()
                .to_bytes()
                .unwrap();
            let Some(Node::Bytes(_, before)) = tree.get(&Tag(0x7fe0, 0x0010)) else {
                panic!("{kind:?} has no pixels")
            };
            judge_pixels(&mut answers, &report, text, before, &after);
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
    assert_eq!(answers.asked.len(), 10);
}
