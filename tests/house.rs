//! The rules of the house, checked by plain text search over the sources. The
//! tables are read from `docs/ARCHITECTURE.md`; the absences listed there hold
//! whatever the tables say. No dependency: `rustc --test` alone builds this.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test"
)]

use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

#[path = "house/rules.rs"]
mod rules;
#[path = "house/source.rs"]
mod source;
#[path = "house/tables.rs"]
mod tables;

use rules::check_source;
use source::Source;
use tables::{House, check_tables};

/// One departure from one rule.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The file and the line.
    pub(crate) place: String,
    /// Which rule.
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [{}] {}", self.place, self.rule, self.what)
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            rust_files(&entry, into);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            into.push(entry);
        }
    }
    into.sort();
}

/// The repository: where cargo runs tests, or where the check was started.
fn root() -> PathBuf {
    option_env!("CARGO_MANIFEST_DIR").map_or_else(|| env::current_dir().unwrap(), PathBuf::from)
}

fn the_house() -> House {
    House::read(&fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap())
}

fn assert_none(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} departures from the house:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn the_tables_keep_the_absences() {
    let house = the_house();
    assert_eq!(house.rooms.len(), 30);
    assert!(
        house.may_name["pipeline"].contains("vault")
            && !house.may_name["pipeline"].contains("phantom")
    );
    assert_none(&check_tables(&house));
}

#[test]
fn every_source_keeps_the_rules() {
    let house = the_house();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 10, "too few sources found: {}", files.len());
    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let path = file
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        faults.extend(check_source(&house, &Source::new(&path, &text)));
    }
    assert_none(&faults);
}

#[test]
fn the_map_lists_the_rooms_in_the_order_of_the_table() {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let listed = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let listed: Vec<&str> = listed.collect();
    let house = the_house();
    let expected = house
        .rooms
        .iter()
        .map(|(_, room)| room.as_str())
        .filter(|room| listed.contains(room));
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[test]
fn planted_departures_in_the_tables_are_found() {
    let plant = |room: &str, other: &str, rule: &str| {
        let mut house = the_house();
        house.may_name.get_mut(room).unwrap().insert(other.into());
        let found = check_tables(&house);
        assert!(
            found.iter().any(|fault| fault.rule.starts_with(rule)),
            "{room} -> {other}: {found:?}"
        );
    };
    plant("receive", "deidentify", "1 no step");
    plant("analyze", "pipeline", "downward");
    plant("pipeline", "phantom", "1 phantom");
    plant("dashboard", "spool", "2 no identified");
    plant("forward", "vault", "2 vault");
    plant("geometry", "clock", "3 paper");
    plant("dashboard", "central", "4 demo");
    plant("central", "store", "4 box");
    plant("units", "study", "no circle");
    plant("units", "cellar", "table");
    let mut house = the_house();
    house
        .crates
        .get_mut("dicom_object")
        .unwrap()
        .insert("forward".into());
    house
        .crates
        .get_mut("tokio")
        .unwrap()
        .insert("analyze".into());
    assert_eq!(check_tables(&house).len(), 2);
}

/// Plants lines in a file and tells the rules that they break.
fn check(path: &str, code: &str, expected: &str) {
    let text = format!("//! A purpose.\n{code}\n");
    let faults = check_source(&the_house(), &Source::new(path, &text));
    let rules: Vec<&str> = faults.iter().map(|fault| fault.rule).collect();
    assert_eq!(rules.join(", "), expected, "{path}: {code}: {faults:?}");
}

#[test]
fn planted_imports_are_found() {
    let who = "who may call whom";
    let both = "who may call whom, 5 imports";
    let geometry = |code: &str, expected: &str| check("src/geometry/mod.rs", code, expected);
    geometry("use crate::units::{Degrees, Millimeters};", "");
    geometry("use crate::clock::Clock;", who);
    geometry("pub(crate) use crate::clock::Clock;", who);
    geometry("use super::clock::Clock;", both);
    geometry("mod tests { use super::*; }", "");
    geometry("use crate::{units::Degrees};", "5 imports");
    geometry("fn f() { crate::units::x() }", "5 imports");
    geometry("use super::super::units;", "5 imports");
    let sibling = "#[cfg(test)]\nmod tests { use super::super::mesh; }";
    geometry(sibling, "5 imports");
    check("src/geometry/align.rs", sibling, "");
    let out = "use super::super::units;";
    check("src/geometry/align.rs", out, "5 imports");
    geometry("// crate::clock\nconst A: &str = \"crate::clock\";", "");
    geometry(
        "const A: &str = r#\"\"crate::clock\"#; /* crate::clock */",
        "",
    );
    geometry("const A: char = '\"'; use crate::clock::Clock;", both);
    check("src/cellar.rs", "", who);
    let worker = "src/pipeline/worker/loop.rs";
    check(worker, "use crate::vault::Vault;", who);
    check(worker, "use tokio::spawn;", who);
    let both_fine = "use crate::vault::Vault;\nuse tokio::spawn;";
    check("src/pipeline/run.rs", both_fine, "");
    check("src/workbench/judge.rs", "use crate::raster::View;", who);
}

#[test]
fn planted_crates_are_found() {
    let outside = "outside crates";
    check("src/forward.rs", "use dicom_object::Tag;", outside);
    check("src/store.rs", "fn f() { rusqlite::open() }", "");
    check("src/store.rs", "fn g(a: b::ring::C) {}", "");
    check("src/spool.rs", "fn f() { rusqlite::open() }", outside);
    check("src/spool.rs", "fn f() -> ::ort::A {}", outside);
    check("src/receive.rs", "use config::Settings;", outside);
    let room = "use crate::config;\nfn f() { config::x() }";
    check("src/receive.rs", room, "");
}

#[test]
fn planted_deeds_are_found() {
    check("src/audit.rs", "async fn f() {}", "3 synchronous");
    let disk = "fn f() { std::fs::read(a) }";
    check("src/anatomy.rs", disk, "3 paper");
    let in_a_test = format!("#[cfg(test)]\nmod tests {{ {disk} }}");
    check("src/anatomy.rs", &in_a_test, "");
    check("src/receive.rs", "fn f() { SystemTime::now() }", "3 clock");
    let rename = "fn f() { std::fs::rename(a, b) }";
    check("src/receive.rs", rename, "3 files");
    check("src/spool.rs", rename, "");
    let claim = "fn f() { Study::<Spooled>::from_row(row) }";
    check("src/pipeline.rs", claim, "6 from_row");
    check("src/store.rs", claim, "");
    check("src/results.rs", "fn f() { name.open() }", "6 Phi");
    check("src/deidentify.rs", "fn f() { name.open() }", "");
    check("src/units.rs", &"\n".repeat(rules::MAX_LINES), "7 length");
    let bare = check_source(&the_house(), &Source::new("tests/box/a.rs", "use a::b;\n"));
    assert_eq!(bare.len(), 1, "{bare:?}");
}
