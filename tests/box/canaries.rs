//! Canaries through the whole box: hundreds of values of every text
//! representation, at the top and nested, standard and private, Patient ID and
//! issuer, file meta, preamble, padding, text in the pixels, the sender's AE title,
//! the files' names, in two radiographs that come by C-STORE and become results at
//! the central, and that go through the shell. None may be found in what left, in
//! what the box keeps (databases with their logs, outbox, results, temporary
//! files, the vault sealed), in its log, on its pages, or in a core dump.
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
use std::process::Command;

use dicom_core::value::{DataSetSequence, Value};
use dicom_core::{DataElement, Length, PrimitiveValue, Tag, VR};
use dicom_object::{InMemDicomObject, open_file};

use crate::burned::{Strip, strips};
use crate::http;
use crate::people;
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

/// One more canary.
fn canary(seed: u64, place: &str, needles: &mut Vec<Needle>) -> String {
    let token = format!("K{:05X}C{:06}", seed & 0xf_ffff, needles.len());
    needles.push(Needle {
        place: place.to_owned(),
        tag: None,
        bytes: token.clone().into_bytes(),
    });
    token
}

/// Plants what is no attribute of text: file meta, preamble, padding behind the
/// pixels and behind the data set, a text in the pixels.
fn plant_around(path: &Path, seed: u64, text: &Strip, needles: &mut Vec<Needle>) {
    let mut object = open_file(path).unwrap();
    let mut pixels = object
        .element(Tag(0x7fe0, 0x0010))
        .unwrap()
        .to_bytes()
        .unwrap()
        .to_vec();
    let number = |element| object.element(Tag(0x0028, element)).unwrap().to_int();
    let columns: usize = number(0x0011).unwrap();
    burn(&mut pixels, columns, text, needles);
    pixels.extend(canary(seed, "behind the pixels", needles).bytes());
    pixels.push(0);
    let words = pixels.as_chunks::<2>().0.iter();
    let words: Vec<u16> = words.map(|word| u16::from_le_bytes(*word)).collect();
    let words = PrimitiveValue::U16(words.into());
    object.put(DataElement::new(Tag(0x7fe0, 0x0010), VR::OW, words));
    let padding = canary(seed, "data set trailing padding", needles).into_bytes();
    let padding = PrimitiveValue::from(padding);
    object.put(DataElement::new(Tag(0xfffc, 0xfffc), VR::OB, padding));
    let title = canary(seed, "Source AE Title of the file", needles);
    let private = canary(seed, "private file meta", needles).into_bytes();
    object.update_meta(|meta| {
        meta.source_application_entity_title = Some(title);
        meta.private_information_creator_uid = Some("1.2.3.4.5".to_owned());
        meta.private_information = Some(private);
    });
    object.write_to_file(path).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let preamble = canary(seed, "preamble", needles);
    bytes[..preamble.len()].copy_from_slice(preamble.as_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// Burns a text into the upper left corner; rows of it as they then stand in the
/// pixels are the canaries.
fn burn(pixels: &mut [u8], columns: usize, text: &Strip, needles: &mut Vec<Needle>) {
    let place = |x: usize, y: usize| 2 * ((12 + y) * columns + 12 + x);
    let at = |pixels: &[u8], place: usize| u16::from_le_bytes([pixels[place], pixels[place + 1]]);
    let is_dark = at(pixels, place(0, 0)) < 2048;
    let ink: u16 = if is_dark { 4095 } else { 0 };
    for (index, &alpha) in text.ink.iter().enumerate() {
        let place = place(index % text.width, index / text.width);
        let (under, alpha) = (u32::from(at(pixels, place)), u32::from(alpha));
        let over = (under * (255 - alpha) + u32::from(ink) * alpha) / 255;
        let over = u16::try_from(over).unwrap().to_le_bytes();
        pixels[place..place + 2].copy_from_slice(&over);
    }
    for y in (2..text.height - 2).step_by(3) {
        let row = &pixels[place(0, y)..place(text.width, y)];
        needles.push(Needle {
            place: format!("row {y} of the text in the pixels"),
            tag: None,
            bytes: row.to_vec(),
        });
    }
}

/// Sets attributes that both files share.
fn share(paths: &[PathBuf], tag: Tag, value: &str) {
    for path in paths {
        let mut object = open_file(path).unwrap();
        object.put(DataElement::new(tag, VR::LO, PrimitiveValue::from(value)));
        object.write_to_file(path).unwrap();
    }
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
        // A database's log goes when the last process closes it.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let mut found = search.left_in(&bytes);
        found.extend(search.left_in(path.as_os_str().as_encoded_bytes()));
        (path, found)
    });
    each.filter(|(_, found)| !found.is_empty()).collect()
}

/// Two files full of canaries; their names are some, and so is the AE title.
struct Carriers {
    files: Vec<PathBuf>,
    title: String,
    needles: Vec<Needle>,
}

fn carriers(folder: &Path, count: usize, seed: u64) -> Carriers {
    let study = study_files::pair(folder, 5);
    let mut needles = Vec::new();
    // What both share, what each has besides its attributes, and the rest.
    let id = canary(seed, "Patient ID", &mut needles);
    let issuer = canary(seed, "Issuer of Patient ID", &mut needles);
    let title = canary(seed, "calling AE title", &mut needles);
    share(&study.files, Tag(0x0010, 0x0020), &id);
    share(&study.files, Tag(0x0010, 0x0021), &issuer);
    let strips = strips();
    let mut texts = strips.iter().filter(|strip| strip.is("36", "YAMADA"));
    let mut files = Vec::new();
    for (number, path) in (0_u64..).zip(&study.files) {
        let own = seed.wrapping_add(number);
        plant(path, count / 2, own, &mut needles);
        plant_around(path, own, texts.next().unwrap(), &mut needles);
        let name = canary(own, "the file's name", &mut needles);
        let named = path.with_file_name(format!("{name}.dcm"));
        std::fs::copy(path, &named).unwrap();
        files.push(named);
    }
    Carriers {
        files,
        title,
        needles,
    }
}

#[test]
fn no_canary_leaves_the_box() {
    let long = std::env::var_os("BONEBOX_TEST_LONG").is_some();
    let count = if long { 2000 } else { 500 };
    let seed = seed();
    let hospital = tempfile::tempdir().unwrap();
    let carriers = carriers(hospital.path(), count, seed);
    let needles = &carriers.needles;
    assert!(needles.len() * 10 >= count * 9, "{} planted", needles.len());
    let search = Search::new(needles);
    let inputs = carriers.files.iter();
    let mut there: Vec<&str> = inputs
        .flat_map(|path| {
            let mut found = search.left_in(&std::fs::read(path).unwrap());
            found.extend(search.left_in(path.as_os_str().as_encoded_bytes()));
            found
        })
        .collect();
    there.sort_unstable();
    // The calling title is in no file.
    assert!(
        (there.len() + 1) * 100 >= needles.len() * 99,
        "the search finds {} of {} in the input",
        there.len(),
        needles.len()
    );
    let mut rig = Rig::new(&Difference {
        extra: format!(
            "[[dicom.sources]]\nname = \"other-room\"\ncalling_ae = \"{}\"\nplain = true\n",
            carriers.title
        ),
        ..Difference::default()
    });
    let temporary = rig.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    rig.start_central();
    rig.start_box_with(&[("TMPDIR", temporary.to_str().unwrap().to_owned())]);
    let sent = crate::rig::send(&carriers.files, rig.dicom, "BONEBOX", &carriers.title);
    assert_eq!(sent.unwrap(), [0, 0]);
    rig.settled();
    rig.wait_acknowledged(1);
    for page in pages(&rig) {
        let found = search.left_in(page.as_bytes());
        assert!(found.is_empty(), "seed {seed}, on a page: {found:?}");
    }
    for page in without_the_right(&rig) {
        let found = search.left_in(page.as_bytes());
        assert!(
            found.is_empty(),
            "seed {seed}, to a role without the right: {found:?}"
        );
    }
    let shell = through_the_shell(&rig, &carriers.files);
    // A crash leaves no core: neither may one be made, nor is there one.
    let may_dump = rig.processes().into_iter().filter(|id| may_dump_core(*id));
    assert_eq!(may_dump.count(), 0, "processes that may write a core dump");
    rig.abort_box();
    rig.kill_central();
    // Everything but what is meant to know: the sender's own files.
    let mut paths = vec![
        rig.path("central"),
        rig.path("central.log"),
        rig.path("serve.log"),
        rig.path("box"),
        temporary,
        shell,
    ];
    paths.extend(cores());
    let found = left(&search, &paths);
    println!(
        "seed {seed}: {} of {} canaries in {} files",
        found.len(),
        needles.len(),
        files(&paths).len()
    );
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
}

/// Every page, as it is without accounts.
fn pages(rig: &Rig) -> Vec<String> {
    let pages = ["/", "/health", "/health.json", "/about"];
    let mut paths: Vec<String> = pages.map(str::to_owned).into();
    paths.extend(rig.studies().iter().map(|study| {
        let id = &study.id;
        format!("/studies/{}/{}", id.key, id.generation)
    }));
    let pages = paths.iter().map(|page| http::get(rig.dashboard, page));
    pages.collect()
}

/// What those see who may not see people: with accounts, every page and every
/// way to a person, asked by service, by an auditor and by a stranger.
fn without_the_right(rig: &Rig) -> Vec<String> {
    let mut administrator = people::administrator(rig);
    let mut pages = vec![
        "/".to_owned(),
        "/health".to_owned(),
        "/health.json".to_owned(),
        "/journal".to_owned(),
        "/quarantine".to_owned(),
        "/accounts".to_owned(),
    ];
    let mut ways = Vec::new();
    for row in rig.studies() {
        let study = format!("/studies/{}/{}", row.id.key, row.id.generation);
        ways.push(format!("{study}/reveal"));
        pages.push(study);
    }
    let stranger = http::Browser::new(rig.dashboard);
    let mut browsers = vec![stranger];
    for role in ["service", "auditor"] {
        browsers.push(people::colleague(rig, &mut administrator, role));
    }
    let mut answers = Vec::new();
    for browser in &mut browsers {
        answers.extend(pages.iter().map(|page| browser.get(page)));
        for way in &ways {
            let answer = browser.post(way, &[("why", "inspection"), ("token", "0")]);
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            answers.push(answer);
        }
    }
    answers
}

/// The same files by `bonebox deidentify`: what it wrote and said.
fn through_the_shell(rig: &Rig, files: &[PathBuf]) -> PathBuf {
    let folder = rig.path("shell");
    std::fs::create_dir(&folder).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_bonebox"))
        .arg("deidentify")
        .args(files)
        .arg("--out")
        .arg(folder.join("out"))
        .arg("--report")
        .arg(folder.join("report.json"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let outputs = std::fs::read_dir(folder.join("out")).unwrap().count();
    assert_eq!(outputs, files.len());
    std::fs::write(folder.join("stdout"), ran.stdout).unwrap();
    std::fs::write(folder.join("stderr"), ran.stderr).unwrap();
    folder
}

/// Whether the kernel would write a core dump of a process.
fn may_dump_core(process: u32) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core"));
    let mut words = core.unwrap().split_whitespace().skip(4);
    (words.next(), words.next()) != (Some("0"), Some("0"))
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
