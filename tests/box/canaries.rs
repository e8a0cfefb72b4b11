//! Canaries through the whole box: hundreds of values of every text
//! representation, at the top and nested, standard and private, in two
//! radiographs that come by C-STORE and become results at the central. None may
//! be found in what left or in what the box keeps besides the identified images
//! and the vault.
//!
//! `make test` plants 500, `make test-long` 2,000.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use dicom_core::value::{DataSetSequence, Value};
use dicom_core::{DataElement, Length, PrimitiveValue, Tag, VR};
use dicom_object::{InMemDicomObject, open_file};

use crate::http;
use crate::planted::{Needle, Search, attributes, seed};
use crate::rig::{Difference, Rig};
use crate::study_files;

/// Puts tokens into a file: half at the top level, half in an item of Anatomic
/// Region Sequence, with private attributes in both.
fn plant(path: &Path, count: usize, seed: u64, needles: &mut Vec<Needle>) {
    let mut object = open_file(path).unwrap();
    let mut item = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (Tag(0x0008, 0x0100), VR::SH, "74670003"),
        (Tag(0x0008, 0x0102), VR::SH, "SCT"),
        (Tag(0x0008, 0x0104), VR::LO, "Wrist joint"),
    ] {
        item.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }
    let text = |vr: &VR| {
        let all = [
            VR::LO,
            VR::SH,
            VR::ST,
            VR::LT,
            VR::UT,
            VR::UC,
            VR::UR,
            VR::PN,
            VR::OB,
            VR::AE,
        ];
        all.contains(vr)
    };
    let private = (0..20_u16).map(|n| (Tag(0x0029, 0x1000 + n), VR::LO));
    let mut places: Vec<(Tag, VR)> = attributes()
        .iter()
        .copied()
        .filter(|(tag, vr)| text(vr) && *tag != Tag(0x0008, 0x0104) && tag.0 < 0x5000)
        .chain(private)
        .collect();
    // Every run another choice.
    let turn = usize::try_from(seed % 97).unwrap() % places.len();
    places.rotate_left(turn);
    let codes = [
        Tag(0x0008, 0x0100),
        Tag(0x0008, 0x0102),
        Tag(0x0008, 0x0104),
    ];
    for (tag, vr) in places.into_iter().take(count / 2) {
        for depth in 0..2 {
            let kept = object.element_opt(tag).ok().flatten().is_some() && depth == 0;
            // Both files stay the same patient's.
            let is_id = matches!(tag, Tag(0x0010, 0x0020 | 0x0021));
            if codes.contains(&tag) || is_id || (kept && tag.0 != 0x0010) {
                continue;
            }
            let token = format!("K{:05X}C{:06}", seed & 0xf_ffff, needles.len());
            let value = match vr {
                VR::OB => PrimitiveValue::from(token.as_bytes().to_vec()),
                _ => PrimitiveValue::from(token.as_str()),
            };
            let element = DataElement::new(tag, vr, value);
            if depth == 0 {
                object.put(element);
            } else {
                item.put(element);
            }
            needles.push(Needle {
                place: format!("{tag} at depth {depth}"),
                tag: Some((tag, vr)),
                bytes: token.into_bytes(),
            });
        }
    }
    let region = DataSetSequence::new(vec![item], Length::UNDEFINED);
    object.put(DataElement::new(
        Tag(0x0008, 0x2218),
        VR::SQ,
        Value::Sequence(region),
    ));
    object.write_to_file(path).unwrap();
}

/// Every file below some paths, as one list.
fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut rest = paths.to_vec();
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            rest.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            all.push(path);
        }
    }
    all
}

fn left<'a>(search: &Search<'a>, paths: &[PathBuf]) -> Vec<(PathBuf, Vec<&'a str>)> {
    let files = files(paths).into_iter();
    let each = files.map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        let mut found = search.left_in(&bytes);
        found.extend(search.left_in(path.as_os_str().as_encoded_bytes()));
        (path, found)
    });
    each.filter(|(_, found)| !found.is_empty()).collect()
}

#[test]
fn no_canary_leaves_the_box() {
    let long = std::env::var_os("BONEBOX_TEST_LONG").is_some();
    let count = if long { 2000 } else { 500 };
    let seed = seed();
    let mut rig = Rig::new(&Difference::default());
    rig.start_central();
    rig.start_box();
    let study = study_files::pair(&rig.path("hospital"), 5);
    let mut needles = Vec::new();
    for (number, path) in (0_u64..).zip(&study.files) {
        plant(path, count / 2, seed.wrapping_add(number), &mut needles);
    }
    assert!(needles.len() * 10 >= count * 9, "{} planted", needles.len());
    let search = Search::new(&needles);
    let there: usize = study
        .files
        .iter()
        .map(|path| search.left_in(&std::fs::read(path).unwrap()).len())
        .sum();
    assert!(
        there * 100 >= needles.len() * 99,
        "the search finds {there} in the input"
    );
    assert_eq!(rig.send(&study.files).unwrap(), [0, 0]);
    rig.wait_acknowledged(1);
    let pages: Vec<String> = ["/", "/health", "/health.json", "/about"]
        .iter()
        .map(|page| http::get(rig.dashboard, page))
        .chain(rig.studies().iter().map(|study| {
            let id = &study.id;
            http::get(
                rig.dashboard,
                &format!("/studies/{}/{}", id.key, id.generation),
            )
        }))
        .collect();
    for page in pages {
        let found = search.left_in(page.as_bytes());
        assert!(found.is_empty(), "seed {seed}, on a page: {found:?}");
    }
    // Everything but what is meant to know: the sender's own files.
    let mut paths = vec![
        rig.path("central"),
        rig.path("central.log"),
        rig.path("serve.log"),
        rig.path("box"),
    ];
    paths.extend(cores());
    let found = left(&search, &paths);
    println!(
        "seed {seed}: 0 of {} canaries in {} files",
        needles.len(),
        files(&paths).len()
    );
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
}

/// Core dumps where the tests run.
fn cores() -> Vec<PathBuf> {
    let here = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let names = here.map(|entry| entry.unwrap().path());
    let is_core = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name == "core" || name.starts_with("core."))
    };
    names.filter(is_core).collect()
}
