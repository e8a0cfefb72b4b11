//! The options of the profile, and objects that need more than copying: what
//! each keeps and cleans, and that nothing else stays.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use bonebox::profile::{Action, Choice, Edition};
use dicom_core::{Tag, VR};

use crate::deidentify::{Bench, string};
use crate::objects::{Image, Node, Syntax, Tree, code, file, image, put};
use crate::planted::{Needle, Search, plant, seed};

/// Needles that an option may leave: values of the rows that it keeps, UIDs
/// where UIDs stay, dates where they are moved onto other dates.
fn may_stay(needle: &Needle, choice: Choice) -> bool {
    let Some((tag, vr)) = needle.tag else {
        return false;
    };
    let row = Edition::newest().row(tag);
    let said = row.and_then(|row| row.choice(choice));
    let is_time = matches!(vr, VR::DA | VR::DT | VR::TM);
    if choice == Choice::Uids {
        vr == VR::UI
    } else if choice == Choice::DatesModified {
        is_time
    } else {
        said == Some(Action::Keep)
    }
}

#[test]
fn an_option_keeps_what_it_says_and_nothing_else() {
    let seed = seed();
    for choice in Choice::ALL {
        let bench = Bench::with(&[choice.name()]);
        let planted = plant(Image::Dx, Syntax::Explicit, seed);
        let (gone, kept): (Vec<_>, Vec<_>) = planted
            .needles
            .iter()
            .cloned()
            .partition(|needle| !may_stay(needle, choice));
        let (_, output) = bench.run(&planted.file).unwrap();
        let head = &output[..output.len() - planted.pixels.len()];
        // A value may be a part of one that is kept: then it is not looked for.
        let kept_values: Vec<&[u8]> = kept.iter().map(|needle| needle.bytes.as_slice()).collect();
        let inside = |bytes: &[u8]| {
            let all = kept_values.iter();
            all.filter(|value| value.len() >= bytes.len())
                .any(|value| value.windows(bytes.len()).any(|window| window == bytes))
        };
        let gone: Vec<_> = gone
            .into_iter()
            .filter(|needle| !inside(&needle.bytes))
            .collect();
        let left = Search::new(&gone).left_in(head);
        assert!(left.is_empty(), "seed {seed} {}: {left:#?}", choice.name());
        let there = Search::new(&kept).left_in(head).len();
        let keeps = matches!(
            choice,
            Choice::Uids | Choice::Device | Choice::Institution | Choice::DatesFull
        );
        assert!(!keeps || there > 0, "{} kept nothing", choice.name());
        let object = bench.open();
        let codes = object.element(Tag(0x0012, 0x0064)).unwrap();
        let codes: BTreeSet<String> = codes
            .items()
            .unwrap()
            .iter()
            .map(|item| {
                item.element(Tag(0x0008, 0x0100))
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .into()
            })
            .collect();
        let stated = codes.iter().any(|code| code.trim() == choice.code().0);
        // Graphics go whole, with the option as without it; an image as small as
        // this is not searched for text.
        let is_done = !matches!(choice, Choice::Graphics | Choice::Pixels);
        assert_eq!(stated, is_done, "{codes:?}");
        let method = string(&object, 0x0012, 0x0063).unwrap();
        assert_eq!(method.contains(choice.name()), stated, "{method}");
    }
}

/// A patient's dates move together: intervals stay, and so does the age.
#[test]
fn dates_move_by_one_offset_a_patient() {
    let bench = Bench::with(&["retain-modified-dates", "retain-age-band-and-sex"]);
    let run = |patient: &str, day: &str| {
        let mut tree = image(Image::Dx, 4);
        put(
            &mut tree,
            &[
                (0x0008, 0x0020, VR::DA, day),
                (0x0008, 0x0021, VR::DA, "20260412"),
                (0x0010, 0x0020, VR::LO, patient),
            ],
        );
        bench.run_tree(&tree).unwrap();
        let object = bench.open();
        let day = |element| string(&object, 0x0008, element).unwrap();
        let (study, series) = (day(0x0020), day(0x0021));
        assert_eq!(string(&object, 0x0008, 0x0030).unwrap(), "101500");
        assert_eq!(string(&object, 0x0010, 0x1010).unwrap(), "070Y");
        assert_eq!(string(&object, 0x0010, 0x0040).unwrap(), "F");
        assert_eq!(string(&object, 0x0010, 0x0030).unwrap(), "");
        assert_eq!(string(&object, 0x0028, 0x0303).unwrap(), "MODIFIED");
        (number(&study), number(&series))
    };
    let (first, series) = run("PID1", "20260410");
    assert_eq!(series - first, 2);
    let moved = number("20260410") - first;
    assert!((1..=3650).contains(&moved), "{moved}");
    let (later, _) = run("PID1", "20260510");
    assert_eq!(later - first, 30);
    let others: BTreeSet<_> = (2..6)
        .map(|n| run(&format!("PID{n}"), "20260410").0)
        .collect();
    assert!(others.len() > 1, "every patient moves alike");
}

/// Days of a date since some day long ago.
fn number(date: &str) -> i64 {
    let part = |from: usize, to: usize| date.get(from..to).unwrap().parse::<i64>().unwrap();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    // Rata die (Richards 2013, civil calendar).
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day
}

#[test]
fn descriptors_keep_words_of_the_trade_only() {
    let bench = Bench::with(&["clean-descriptors"]);
    let mut tree = image(Image::Dx, 5);
    put(
        &mut tree,
        &[
            (0x0008, 0x1030, VR::LO, "Left wrist PA, Yamada 0815"),
            (0x0008, 0x103e, VR::LO, "Yamada^Hanako"),
        ],
    );
    bench.run_tree(&tree).unwrap();
    let object = bench.open();
    let said = string(&object, 0x0008, 0x1030).unwrap();
    assert_eq!(said, "Left wrist PA");
    assert_eq!(string(&object, 0x0008, 0x103e), None);
}

/// Text that an option keeps stays readable: its character set comes with it.
#[test]
fn kept_text_keeps_its_character_set() {
    let bench = Bench::with(&["retain-institution-identity"]);
    let mut tree = image(Image::Dx, 6);
    let hospital = b"\x1b$B;3ED\x1b(B Clinic".to_vec();
    tree.insert(Tag(0x0008, 0x0080), Node::Bytes(VR::LO, hospital.clone()));
    put(&mut tree, &[(0x0008, 0x0005, VR::CS, "\\ISO 2022 IR 87")]);
    bench.run_tree(&tree).unwrap();
    let object = bench.open();
    let set = string(&object, 0x0008, 0x0005);
    assert_eq!(set.as_deref(), Some("\\ISO 2022 IR 87"));
    let kept = object.element(Tag(0x0008, 0x0080)).unwrap();
    let kept = kept.to_bytes().unwrap();
    assert!(kept.starts_with(&hospital), "{kept:?}");
    // Without a set that says what the bytes are they do not stay.
    put(&mut tree, &[(0x0008, 0x0005, VR::CS, "YAMADA")]);
    bench.run_tree(&tree).unwrap();
    assert_eq!(string(&bench.open(), 0x0008, 0x0080), None);
}

#[test]
fn safe_private_attributes_stay_with_their_creator() {
    let private = |creator: &str, value: &str| {
        let bench = Bench::with(&["retain-safe-private"]);
        let mut tree = image(Image::Ct, 7);
        put(
            &mut tree,
            &[
                (0x0019, 0x0010, VR::LO, creator),
                (0x0019, 0x1023, VR::DS, value),
                (0x0019, 0x1025, VR::LO, "Yamada"),
                (0x0029, 0x0010, VR::LO, "Yamada"),
            ],
        );
        bench.run_tree(&tree).unwrap();
        let object = bench.open();
        let odd: Vec<_> = object
            .iter()
            .map(|e| e.header().tag)
            .filter(|tag| tag.0 % 2 == 1)
            .collect();
        odd
    };
    let speed = [Tag(0x0019, 0x0010), Tag(0x0019, 0x1023)];
    assert_eq!(private("GEMS_ACQU_01", "12.5"), speed);
    assert_eq!(private("GEMS_ACQU_01", "Yamada"), speed[..1]);
    assert_eq!(private("YAMADA", "12.5"), []);
}

#[test]
fn a_report_keeps_measures_and_codes() {
    let bench = Bench::with(&["clean-structured-content"]);
    bench.run_tree(&image(Image::Sr, 8)).unwrap();
    let object = bench.open();
    let content = object.element(Tag(0x0040, 0xa730)).unwrap();
    let kinds: Vec<_> = content
        .items()
        .unwrap()
        .iter()
        .map(|item| {
            let kind = item.element(Tag(0x0040, 0xa040)).unwrap();
            kind.to_str().unwrap().trim().to_owned()
        })
        .collect();
    assert_eq!(kinds, ["NUM", "CODE"]);
    let value = content.items().unwrap()[0]
        .element(Tag(0x0040, 0xa300))
        .unwrap();
    let value = &value.items().unwrap()[0];
    let number = value
        .element(Tag(0x0040, 0xa30a))
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(number.trim(), "23.5");
    // Without the option reports do not pass.
    assert!(Bench::new().run_tree(&image(Image::Sr, 8)).is_err());
}

/// Big endian and deflated objects come out as explicit little endian, the
/// same as if they had been that before.
#[test]
fn every_native_syntax_gives_the_same_object() {
    let tree = image(Image::Ct, 9);
    let bench = Bench::new();
    let run = |syntax| bench.run(&file(&tree, syntax, b"", &Tree::new())).unwrap();
    let (_, explicit) = run(Syntax::Explicit);
    for syntax in [Syntax::BigEndian, Syntax::Deflated] {
        let (report, output) = run(syntax);
        assert_eq!(report.transfer_syntax, Syntax::Explicit.uid());
        assert!(output == explicit, "{syntax:?} differs");
    }
    // A deflated stream that is cut, or grows without end.
    let whole = file(&tree, Syntax::Deflated, b"", &Tree::new());
    assert!(bench.run(&whole[..whole.len() - 40]).is_err());
}

/// Numbers and names that only look like the definition's attributes.
#[test]
fn what_no_definition_has_does_not_stay() {
    let bench = Bench::new();
    let mut tree = image(Image::Dx, 10);
    // A region of interest's number: of radiotherapy, of no radiograph.
    put(&mut tree, &[(0x3006, 0x0084, VR::IS, "815")]);
    // A distance where the dictionary has it and an item of a code has not.
    let mut region = code("SCT", "74670003", "Wrist joint");
    put(&mut region, &[(0x0018, 0x1110, VR::DS, "815")]);
    tree.insert(Tag(0x0008, 0x2218), Node::Items(vec![region]));
    // A float that is eight letters.
    tree.insert(
        Tag(0x0018, 0x9461),
        Node::Bytes(VR::FL, b"YAMADA^T".to_vec()),
    );
    let (_, output) = bench.run_tree(&tree).unwrap();
    let object = bench.open();
    assert!(object.element_opt(Tag(0x3006, 0x0084)).unwrap().is_none());
    let region = object.element(Tag(0x0008, 0x2218)).unwrap();
    let item = &region.items().unwrap()[0];
    assert!(item.element_opt(Tag(0x0018, 0x1110)).unwrap().is_none());
    assert!(!output.windows(6).any(|window| window == b"YAMADA"));
    // Where it belongs it stays.
    assert_eq!(string(&object, 0x0018, 0x1110).as_deref(), Some("1000"));
}
