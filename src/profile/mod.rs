//! The de-identification table of the standard (DICOM PS3.15, Table E.1-1) as
//! data, an edition a file.
//!
//! A file `ps3.15_EDITION.tsv` is written by `generate.py` beside it and never
//! by hand. It has a line a row: the tag as eight hexadecimal digits (`x` where
//! a repeating group is open, `odd` for private attributes), the action of the
//! Basic Application Level Confidentiality Profile, the ten option columns
//! (`K` keep, `C` clean, `-` the option does not speak of it, `?` not known for
//! this row, which counts as `-`), and the name. What the actions do to an
//! object is the business of `deidentify`.

mod objects;
mod options;
mod private;
mod regions;

use std::sync::LazyLock;

use dicom_core::Tag;

pub use objects::{Definition, Demand, multiplicity};
pub use options::{Choice, Options, OptionsError};
pub use private::safe_private;
pub use regions::{Region, RegionError, RegionRule, parse_regions, regions_of};

/// Why a table was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A line does not have the form above. The box does not start: the table
    /// is part of the program, so the program is damaged.
    #[error("line {line} of the de-identification table: {why}")]
    Line {
        /// Which line, counted from 1.
        line: usize,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The head lacks the edition, or rows are missing or doubled.
    #[error("the de-identification table is not whole: {0}")]
    Incomplete(&'static str),
}

/// What the table demands of an attribute (PS3.15 E.1.1). A compound leaves the
/// choice to the type that the object definition gives the attribute: the first
/// alternative that keeps the object valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// D: a value without meaning.
    Dummy,
    /// Z: no value, or one without meaning.
    Empty,
    /// X: the attribute goes.
    Remove,
    /// K: the value stays (items of a sequence are cleaned).
    Keep,
    /// C: a value without identifying content takes its place.
    Clean,
    /// U: another UID, the same for the same original within a set.
    Uid,
    /// Z/D.
    EmptyOrDummy,
    /// X/Z.
    RemoveOrEmpty,
    /// X/D.
    RemoveOrDummy,
    /// X/Z/D.
    RemoveEmptyOrDummy,
    /// X/Z/U*: removed, emptied, or kept with the UIDs in its items replaced.
    RemoveEmptyOrUids,
}

impl Action {
    /// The letters of the standard.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::Dummy => "D",
            Self::Empty => "Z",
            Self::Remove => "X",
            Self::Keep => "K",
            Self::Clean => "C",
            Self::Uid => "U",
            Self::EmptyOrDummy => "Z/D",
            Self::RemoveOrEmpty => "X/Z",
            Self::RemoveOrDummy => "X/D",
            Self::RemoveEmptyOrDummy => "X/Z/D",
            Self::RemoveEmptyOrUids => "X/Z/U*",
        }
    }

    const ALL: [Self; 11] = [
        Self::Dummy,
        Self::Empty,
        Self::Remove,
        Self::Keep,
        Self::Clean,
        Self::Uid,
        Self::EmptyOrDummy,
        Self::RemoveOrEmpty,
        Self::RemoveOrDummy,
        Self::RemoveEmptyOrDummy,
        Self::RemoveEmptyOrUids,
    ];

    fn parse(letters: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.letters() == letters)
    }
}

const CHOICES: usize = 10;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The attribute's name.
    pub name: String,
    /// What the Basic Profile demands.
    pub basic: Action,
    choices: [Option<Action>; CHOICES],
}

impl Row {
    /// What an option demands instead, when it speaks of this attribute.
    #[must_use]
    pub fn choice(&self, choice: Choice) -> Option<Action> {
        self.choices.get(choice as usize).copied().flatten()
    }
}

/// A tag of which some digits are open: the 50xx and 60xx groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mask {
    digits: u32,
    fixed: u32,
}

impl Mask {
    fn holds(self, tag: Tag) -> bool {
        number(tag) & self.fixed == self.digits
    }
}

fn number(tag: Tag) -> u32 {
    (u32::from(tag.0) << 16) | u32::from(tag.1)
}

/// The table of one edition of the standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    name: String,
    rows: Vec<(Tag, Row)>,
    masks: Vec<(Mask, Row)>,
    private: Row,
}

impl Edition {
    /// The newest edition that the box knows.
    #[must_use]
    pub fn newest() -> &'static Self {
        #[allow(
            clippy::expect_used,
            reason = "the file is part of the binary and the test below parses it"
        )]
        static NEWEST: LazyLock<Edition> = LazyLock::new(|| {
            Edition::parse(include_str!("ps3.15_2026c.tsv")).expect("the shipped table parses")
        });
        &NEWEST
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When a line does not have the form of this file's head, or a row comes twice.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let (mut name, mut private) = (None, None);
        let (mut rows, mut masks) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let fault = |why| ProfileError::Line {
                line: index + 1,
                why,
            };
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(edition) = comment.trim().strip_prefix("edition\t") {
                    name = Some(edition.to_owned());
                }
                continue;
            }
            let (tag, row) = parse_line(line).map_err(fault)?;
            match tag {
                "odd" => private = Some(row),
                open if open.contains('x') => {
                    masks.push((parse_mask(open).map_err(fault)?, row));
                }
                digits => rows.push((parse_tag(digits).map_err(fault)?, row)),
            }
        }
        rows.sort_by_key(|(tag, _)| *tag);
        if rows.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ProfileError::Incomplete("a row comes twice"));
        }
        Ok(Self {
            name: name.ok_or(ProfileError::Incomplete("no edition"))?,
            rows,
            masks,
            private: private.ok_or(ProfileError::Incomplete("no row for private attributes"))?,
        })
    }

    /// The edition's name, as in `2026c`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the Basic Profile demands of an attribute; `None` when the table
    /// does not speak of it.
    #[must_use]
    pub fn action(&self, tag: Tag) -> Option<Action> {
        self.row(tag).map(|row| row.basic)
    }

    /// The row that speaks of an attribute.
    #[must_use]
    pub fn row(&self, tag: Tag) -> Option<&Row> {
        if tag.0 % 2 == 1 {
            return Some(&self.private);
        }
        let exact = self.rows.binary_search_by_key(&tag, |(tag, _)| *tag);
        if let Ok(index) = exact {
            return Some(&self.rows[index].1);
        }
        let masked = self.masks.iter().find(|(mask, _)| mask.holds(tag));
        masked.map(|(_, row)| row)
    }

    /// All rows that name one attribute, in the order of the tags: for those
    /// who test a de-identifier row by row.
    pub fn rows(&self) -> impl Iterator<Item = (Tag, &Row)> {
        self.rows.iter().map(|(tag, row)| (*tag, row))
    }
}

fn parse_line(line: &str) -> Result<(&str, Row), &'static str> {
    let mut cells = line.split('\t');
    let tag = cells.next().ok_or("no tag")?;
    let basic = cells.next().ok_or("no action")?;
    let basic = Action::parse(basic).ok_or("an action that is not known")?;
    let mut choices = [None; CHOICES];
    for choice in &mut choices {
        *choice = match cells.next().ok_or("an option column is missing")? {
            "-" | "?" => None,
            "K" => Some(Action::Keep),
            "C" => Some(Action::Clean),
            _ => return Err("an option that is not known"),
        };
    }
    let name = cells.next().ok_or("no name")?.to_owned();
    Ok((
        tag,
        Row {
            name,
            basic,
            choices,
        },
    ))
}

fn parse_tag(digits: &str) -> Result<Tag, &'static str> {
    let mask = parse_mask(digits)?;
    let half = |n: u32| u16::try_from(n & 0xffff).map_err(|_| "not a tag");
    Ok(Tag(half(mask.digits >> 16)?, half(mask.digits)?))
}

fn parse_mask(digits: &str) -> Result<Mask, &'static str> {
    let fault = |_| "a tag has eight hexadecimal digits or x";
    if digits.len() != 8 {
        return Err("a tag has eight hexadecimal digits or x");
    }
    let fixed: String = digits
        .chars()
        .map(|c| if c == 'x' { '0' } else { 'f' })
        .collect();
    Ok(Mask {
        digits: u32::from_str_radix(&digits.replace('x', "0"), 16).map_err(fault)?,
        fixed: u32::from_str_radix(&fixed, 16).map_err(fault)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn check(group: u16, element: u16, expected: Option<Action>) {
        let action = Edition::newest().action(Tag(group, element));
        assert_eq!(action, expected, "({group:04x},{element:04x})");
    }

    #[test]
    fn the_shipped_table_is_whole() {
        // Counted on the source: 652 rows with one tag, three masks, one row
        // for private attributes; D 93, Z 42, X 415 + odd, U 55 and so on.
        let edition = Edition::newest();
        assert_eq!(edition.name(), "2026c");
        assert_eq!((edition.rows.len(), edition.masks.len()), (652, 3));
        let count = |action| edition.rows().filter(|(_, r)| r.basic == action).count();
        assert_eq!(count(Action::Dummy), 93);
        assert_eq!(count(Action::Empty), 42);
        assert_eq!(count(Action::Remove), 415 - 3);
        assert_eq!(count(Action::Uid), 55);
        assert_eq!(count(Action::RemoveOrDummy), 23);
        assert!(edition.rows().all(|(_, row)| !row.name.is_empty()));
    }

    #[test]
    fn looks_up() {
        check(0x0010, 0x0010, Some(Action::Empty)); // Patient's Name
        check(0x0008, 0x0018, Some(Action::Uid)); // SOP Instance UID
        check(0x0008, 0x0023, Some(Action::EmptyOrDummy)); // Content Date
        check(0x0010, 0x0011, Some(Action::Remove)); // new in 2026c
        check(0x0018, 0x5101, None); // View Position
        check(0x6002, 0x3000, Some(Action::Remove)); // Overlay Data
        check(0x50fe, 0x0010, Some(Action::Remove)); // Curve Data
        check(0x6002, 0x0010, None); // Overlay Rows
        check(0x0029, 0x1010, Some(Action::Remove)); // private
    }

    #[test]
    fn options_have_their_columns() {
        let edition = Edition::newest();
        let row = edition.row(Tag(0x0008, 0x0020)).unwrap();
        assert_eq!(row.choice(Choice::DatesFull), Some(Action::Keep));
        assert_eq!(row.choice(Choice::DatesModified), Some(Action::Clean));
        assert_eq!(row.choice(Choice::Graphics), None);
        let private = edition.row(Tag(0x0009, 0x0010)).unwrap();
        assert_eq!(private.choice(Choice::SafePrivate), Some(Action::Clean));
    }

    #[test]
    fn refuses_what_is_damaged() {
        let cut = Edition::parse("# edition\tx\n00080050\tZ\t-\n");
        assert!(matches!(cut, Err(ProfileError::Line { line: 2, .. })));
        let none = Edition::parse("# edition\tx\n");
        assert!(matches!(none, Err(ProfileError::Incomplete(_))));
    }
}
