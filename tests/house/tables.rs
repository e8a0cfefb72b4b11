//! The tables of `docs/ARCHITECTURE.md`, and the absences that hold whatever
//! they say.

use std::collections::{BTreeMap, BTreeSet};

use crate::Fault;

type Names = BTreeSet<String>;

/// Rooms without a clock and without a disk.
pub(crate) const PURE: &[&str] = &["geometry", "anatomy", "radiography", "mechanics", "phantom"];
/// No identified byte may reach these, nor a DICOM crate live in them.
const NO_IMAGE: &[&str] = &["forward", "dashboard", "store"];
const NO_VAULT: &[&str] = &["forward", "results", "central"];
const SYNCHRONOUS_STEPS: &[&str] = &["deidentify", "analyze", "results"];
const CENTRAL_MEETS: &[&str] = &[
    "names", "units", "clock", "wire", "config", "identity", "audit", "profile", "page",
];

/// What `docs/ARCHITECTURE.md` says.
#[derive(Clone)]
pub(crate) struct House {
    /// The rooms in the order of the table: floor, name.
    pub(crate) rooms: Vec<(u8, String)>,
    /// Which rooms a room may name.
    pub(crate) may_name: BTreeMap<String, Names>,
    /// The rooms that an outside crate is kept to.
    pub(crate) crates: BTreeMap<String, Names>,
}

impl House {
    /// Reads the page.
    pub(crate) fn read(text: &str) -> Self {
        let mut rooms = Vec::new();
        let mut cells = BTreeMap::new();
        for row in table(text, "<!-- house: rooms -->") {
            let floor = row[0]
                .chars()
                .next()
                .and_then(|c| c.to_digit(10))
                .expect("a floor's number");
            let room = ticked(&row[1]).pop().expect("a room's name");
            rooms.push((u8::try_from(floor).unwrap(), room.clone()));
            cells.insert(room, row[3].clone());
        }
        let may_name = cells
            .into_iter()
            .map(|(room, cell)| (room, allowed(&cell, &rooms)))
            .collect();
        let mut crates = BTreeMap::new();
        for row in table(text, "<!-- house: crates -->") {
            let homes: Names = ticked(&row[1]).into_iter().collect();
            for name in ticked(&row[0]) {
                crates.insert(name, homes.clone());
            }
        }
        Self {
            rooms,
            may_name,
            crates,
        }
    }

    /// The floor of a room.
    pub(crate) fn floor(&self, room: &str) -> Option<u8> {
        self.rooms
            .iter()
            .find(|(_, name)| name == room)
            .map(|(floor, _)| *floor)
    }

    /// Whether a room does without an asynchronous runtime.
    pub(crate) fn is_synchronous(&self, room: &str) -> bool {
        self.floor(room).is_some_and(|floor| floor <= 2) || SYNCHRONOUS_STEPS.contains(&room)
    }
}

/// The rows of the table that follows a mark, split into cells.
fn table(text: &str, mark: &str) -> Vec<Vec<String>> {
    let (_, after) = text
        .split_once(mark)
        .unwrap_or_else(|| panic!("{mark} is missing"));
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

fn ticked(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The rooms that a cell of the last column means: names in backticks, or
/// `floors A to B`, less the names after `not`.
fn allowed(cell: &str, rooms: &[(u8, String)]) -> Names {
    let Some(rest) = cell.strip_prefix("floors ") else {
        return ticked(cell).into_iter().collect();
    };
    let (range, except) = rest.split_once(", not ").unwrap_or((rest, ""));
    let (low, high) = range.split_once(" to ").expect("floors A to B");
    let (low, high): (u8, u8) = (low.parse().unwrap(), high.trim().parse().unwrap());
    let except = ticked(except);
    let meant = rooms
        .iter()
        .filter(|(floor, room)| (low..=high).contains(floor) && !except.contains(room));
    meant.map(|(_, room)| room.clone()).collect()
}

/// The absences that hold whatever the tables say.
pub(crate) fn check_tables(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |rule, what: String| {
        faults.push(Fault {
            place: "docs/ARCHITECTURE.md".into(),
            rule,
            what,
        });
    };
    for (floor, room) in &house.rooms {
        for other in &house.may_name[room] {
            let Some(other_floor) = house.floor(other) else {
                fault(
                    "table",
                    format!("{room} may name {other}, which is no room"),
                );
                continue;
            };
            if other_floor > *floor {
                fault(
                    "downward",
                    format!("{room} may not name {other}: it is on a higher floor"),
                );
            }
            if *floor == 3 && other_floor == 3 && room != other {
                fault("1 no step names a step", format!("{room} names {other}"));
            }
            if other == "phantom" && !["workbench", "demo"].contains(&room.as_str()) {
                fault("1 phantom", format!("{room} names phantom"));
            }
            if other == "spool" && NO_IMAGE.contains(&room.as_str()) {
                fault("2 no identified byte", format!("{room} names spool"));
            }
            if other == "vault" && NO_VAULT.contains(&room.as_str()) {
                fault("2 vault", format!("{room} names vault"));
            }
            if other == "clock" && PURE.contains(&room.as_str()) {
                fault("3 paper", format!("{room} names clock"));
            }
            if *floor == 4 && room != "demo" && other_floor == 4 {
                fault("4 demo alone starts both", format!("{room} names {other}"));
            }
            if room == "central" && !CENTRAL_MEETS.contains(&other.as_str()) {
                fault("4 box and central", format!("central names {other}"));
            }
        }
        if names_in_circle(house, room) {
            fault("no circle", format!("{room} can reach itself"));
        }
    }
    for (name, homes) in &house.crates {
        for room in homes {
            if house.floor(room).is_none() && room != "main" {
                fault("table", format!("{name} lives in {room}, which is no room"));
            }
            if name.starts_with("dicom_") && NO_IMAGE.contains(&room.as_str()) {
                fault("2 no identified byte", format!("{name} lives in {room}"));
            }
            if name.starts_with("tokio") && name != "tokio_rustls" && house.is_synchronous(room) {
                fault("3 synchronous", format!("{name} lives in {room}"));
            }
        }
    }
    faults
}

fn names_in_circle(house: &House, start: &str) -> bool {
    let mut seen = Names::new();
    let mut next: Vec<&String> = house.may_name[start]
        .iter()
        .filter(|name| *name != start)
        .collect();
    while let Some(room) = next.pop() {
        if room == start && start != "demo" {
            return true;
        }
        if seen.insert(room.clone()) {
            next.extend(
                house
                    .may_name
                    .get(room)
                    .into_iter()
                    .flatten()
                    .filter(|name| *name != room),
            );
        }
    }
    false
}
