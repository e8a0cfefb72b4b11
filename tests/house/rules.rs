//! The rules that a source file keeps.

use crate::Fault;
use crate::source::Source;
use crate::tables::{House, PURE};

/// No file is longer.
pub(crate) const MAX_LINES: usize = 600;
/// What a room without a clock and without a disk does not touch.
const OUTSIDE_WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "thread::sleep",
    "SystemTime",
    "Instant::",
];
/// Ways to rename or delete a file, and the rooms that may.
const FILE_MOVES: &[&str] = &[
    "fs::rename",
    "fs::remove_file",
    "fs::remove_dir",
    "renameat",
    "unlinkat",
    "fs::unlink",
];
const FILE_MOVERS: &[&str] = &["spool", "store", "central", "demo"];
/// Files that delete what has no row: a work folder, an ended worker's socket.
const CLEARERS: &[&str] = &["src/pipeline/analysis.rs", "src/pipeline/worker.rs"];
const PHI_OPENERS: &[&str] = &["receive", "deidentify", "vault"];
/// Files held tighter than their room.
const WORKER_ABSENT: &[&str] = &["vault", "identity", "receive", "forward"];
const JUDGE_ONLY: &[&str] = &["units", "geometry", "anatomy"];

/// Every departure of one file.
pub(crate) fn check_source(house: &House, source: &Source<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, rule, what: String| {
        faults.push(Fault {
            place: format!("{}:{line}", source.path),
            rule,
            what,
        });
    };
    if !source.raw.starts_with("//!") {
        fault(
            1,
            "7 purpose",
            "the file does not open with //! saying what it is for".into(),
        );
    }
    let length = source.raw.lines().count();
    if length > MAX_LINES {
        fault(
            length,
            "7 length",
            format!("{length} lines, more than {MAX_LINES}"),
        );
    }
    if !source.path.starts_with("src/") {
        return faults;
    }
    for (line, what) in room_faults(house, source) {
        fault(line, "who may call whom", what);
    }
    for (line, what) in import_faults(house, source) {
        fault(line, "5 imports", what);
    }
    for (line, what) in crate_faults(house, source) {
        fault(line, "outside crates", what);
    }
    for (line, rule, what) in guarded_faults(house, source) {
        fault(line, rule, what);
    }
    faults
}

/// The other rooms that a file names, with the line.
fn named_rooms(house: &House, source: &Source<'_>) -> Vec<(usize, String)> {
    let mut named = source.paths("crate");
    let at_top = source.path.ends_with("/mod.rs") || source.path.matches('/').count() == 1;
    if at_top {
        named.extend(source.paths("super"));
    }
    if source.room() == "main" {
        named.extend(source.paths("bonebox"));
    }
    let first = |rest: &str| {
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or("")
            .to_owned()
    };
    let named = named.into_iter().map(|(line, rest)| (line, first(&rest)));
    named
        .filter(|(_, room)| room != source.room() && house.floor(room).is_some())
        .collect()
}

fn room_faults(house: &House, source: &Source<'_>) -> Vec<(usize, String)> {
    let room = source.room();
    if ["main", "lib"].contains(&room) {
        return Vec::new();
    }
    let Some(may) = house.may_name.get(room) else {
        return vec![(1, format!("{room} is no room of docs/ARCHITECTURE.md"))];
    };
    let part = |stem: &str| {
        source.path == format!("src/{stem}.rs") || source.path.starts_with(&format!("src/{stem}/"))
    };
    let mut faults = Vec::new();
    for (line, other) in named_rooms(house, source) {
        if !may.contains(&other) {
            faults.push((line, format!("{room} may not name {other}")));
        }
        if part("pipeline/worker") && WORKER_ABSENT.contains(&other.as_str()) {
            faults.push((line, format!("pipeline/worker may not name {other}")));
        }
        if part("workbench/judge") && !JUDGE_ONLY.contains(&other.as_str()) {
            faults.push((line, format!("workbench/judge may not name {other}")));
        }
    }
    if part("pipeline/worker") {
        faults.extend(
            source
                .paths("tokio")
                .into_iter()
                .map(|(line, _)| (line, "pipeline/worker names tokio".into())),
        );
    }
    faults
}

fn import_faults(house: &House, source: &Source<'_>) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let room = source.room();
    let own_line = |line: usize| {
        let text = source.lines[line - 1].trim_start();
        let text = text
            .split_once("use ")
            .filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
        text.is_some_and(|(_, path)| path.starts_with("crate::"))
    };
    if !["main", "lib"].contains(&room) {
        for (line, other) in named_rooms(house, source) {
            if !own_line(line) {
                faults.push((
                    line,
                    format!("{other} is named inside the code: write `use crate::{other}::…;`"),
                ));
            }
        }
    }
    for (line, rest) in source.paths("crate") {
        if rest.starts_with('{') || rest.starts_with('*') {
            faults.push((line, "one `use crate::room::…;` a room and line".into()));
        }
    }
    for (line, rest) in source.paths("super") {
        let supers = 1 + rest.matches("super::").count();
        if supers > 1 && supers >= source.depth(line) {
            faults.push((line, "super::super leaves the room".into()));
        }
    }
    for line in source
        .lines_with("use crate as")
        .into_iter()
        .chain(source.lines_with("use crate;"))
    {
        faults.push((line, "the whole house is imported at once".into()));
    }
    faults
}

fn crate_faults(house: &House, source: &Source<'_>) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let room = source.room();
    for (name, _) in house
        .crates
        .iter()
        .filter(|(_, homes)| !homes.contains(room))
    {
        // A room or module of the same name, brought in under that name.
        let local = [
            format!("use crate::{name};"),
            format!("mod {name};"),
            format!("mod {name} {{"),
            format!("use bonebox::{name}"),
        ];
        if source
            .lines
            .iter()
            .any(|line| local.iter().any(|text| line.contains(text)))
        {
            continue;
        }
        for (line, _) in source.paths(name) {
            faults.push((line, format!("{name} does not live in {room}")));
        }
        for line in source.lines_with(&format!("use {name};")) {
            faults.push((line, format!("{name} does not live in {room}")));
        }
    }
    faults
}

fn guarded_faults(house: &House, source: &Source<'_>) -> Vec<(usize, &'static str, String)> {
    let mut faults = Vec::new();
    let room = source.room();
    let mut absent = |texts: &[&str], rule, why: &str| {
        for text in texts {
            faults.extend(
                source
                    .lines_with(text)
                    .into_iter()
                    .map(|line| (line, rule, format!("{text}: {why}"))),
            );
        }
    };
    if PURE.contains(&room) {
        absent(
            OUTSIDE_WORLD,
            "3 paper",
            "this room has no clock and no disk",
        );
    }
    if house.is_synchronous(room) {
        absent(
            &["async fn", "async move", ".await"],
            "3 synchronous",
            "this room is synchronous",
        );
    }
    if room != "clock" {
        absent(
            &["SystemTime::now", "OffsetDateTime::now"],
            "3 clock",
            "only clock asks the system for the time",
        );
    }
    if !FILE_MOVERS.contains(&room) && !CLEARERS.contains(&source.path) {
        absent(
            FILE_MOVES,
            "3 files",
            "files are renamed and deleted in spool, store, central and demo",
        );
    }
    if !["store", "study"].contains(&room) {
        let in_type = |line: &String| line.contains("Study::") && line.contains("::from_row");
        let lines = source
            .lines
            .iter()
            .take(source.tests_from)
            .enumerate()
            .filter(|(_, line)| in_type(line));
        faults.extend(lines.map(|(at, _)| {
            (
                at + 1,
                "6 from_row",
                "Study::from_row is written only in store".into(),
            )
        }));
    }
    if !PHI_OPENERS.contains(&room) {
        for text in ["Phi::open", ".open()"] {
            let opened = source
                .lines
                .iter()
                .take(source.tests_from)
                .enumerate()
                .filter(|(_, line)| line.contains(text));
            faults.extend(opened.map(|(at, _)| {
                (
                    at + 1,
                    "6 Phi",
                    format!("{text}: a person is read only in {PHI_OPENERS:?}"),
                )
            }));
        }
    }
    faults
}
