//! Which attributes the object definitions have, where and of which type
//! (PS3.3), as data: `objects.tsv`, written by `objects.py`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use dicom_core::Tag;

/// The object definitions that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Definition {
    /// Computed Radiography Image.
    Cr = 0,
    /// Digital X-Ray Image, for presentation or for processing.
    Dx = 1,
    /// CT Image.
    Ct = 2,
    /// Enhanced CT Image.
    EnhancedCt = 3,
    /// Structured reports of five kinds.
    Sr = 4,
}

const DEFINITIONS: usize = 5;

/// How a definition wants an attribute (PS3.5 7.4), as far as
/// de-identification must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Type 1 or 1C: with a value, if it is there.
    Value,
    /// Type 2 or 2C: there, if with no value.
    Presence,
    /// Type 3, or not of this definition.
    Nothing,
}

/// An attribute at a place, in all definitions.
#[derive(Debug, Clone, Copy)]
struct Entry {
    most: u32,
    demands: [Option<Demand>; DEFINITIONS],
}

type Place = (Option<Tag>, Tag);

fn table() -> &'static BTreeMap<Place, Entry> {
    static TABLE: LazyLock<BTreeMap<Place, Entry>> = LazyLock::new(|| {
        let lines = include_str!("objects.tsv").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines.filter_map(entry).collect()
    });
    &TABLE
}

fn entry(line: &str) -> Option<(Place, Entry)> {
    let mut cells = line.split('\t');
    let around = match cells.next()? {
        "top" => None,
        digits => Some(tag(digits)?),
    };
    let tag = tag(cells.next()?)?;
    let most = cells.next()?.rsplit('-').next()?;
    let mut demands = [None; DEFINITIONS];
    for demand in &mut demands {
        *demand = match cells.next()? {
            "1" | "1C" => Some(Demand::Value),
            "2" | "2C" => Some(Demand::Presence),
            "3" => Some(Demand::Nothing),
            _ => None,
        };
    }
    let most = most.parse().unwrap_or(u32::MAX);
    Some(((around, tag), Entry { most, demands }))
}

fn tag(digits: &str) -> Option<Tag> {
    let number = u32::from_str_radix(digits, 16).ok()?;
    let half = |n: u32| u16::try_from(n & 0xffff).ok();
    Some(Tag(half(number >> 16)?, half(number)?))
}

impl Definition {
    /// The definition of a SOP class, if it is one that may pass.
    #[must_use]
    pub fn of(sop_class: &str) -> Option<Self> {
        match sop_class.strip_prefix("1.2.840.10008.5.1.4.1.1.")? {
            "1" => Some(Self::Cr),
            "1.1" | "1.1.1" => Some(Self::Dx),
            "2" => Some(Self::Ct),
            "2.1" => Some(Self::EnhancedCt),
            "88.11" | "88.22" | "88.33" | "88.34" | "88.67" => Some(Self::Sr),
            _ => None,
        }
    }

    /// What the definition demands of an attribute; `around` is the sequence
    /// that it stands in. `None`: the definition does not have it there.
    #[must_use]
    pub fn demand(self, around: Option<Tag>, tag: Tag) -> Option<Demand> {
        table().get(&(around, tag))?.demands[self as usize]
    }
}

/// How many values an attribute may have at a place in any of the
/// definitions; `None`: none of them has it there. A list without end counts
/// as `u32::MAX`.
#[must_use]
pub fn multiplicity(around: Option<Tag>, tag: Tag) -> Option<u32> {
    table().get(&(around, tag)).map(|entry| entry.most)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let lines = include_str!("objects.tsv").lines();
        let rows = lines.filter(|line| !line.starts_with('#')).count();
        assert_eq!(table().len(), rows);
        assert!(rows > 2500, "{rows}");
    }

    #[test]
    fn types_are_those_of_the_definitions() {
        let check = |definition: Definition, group, element, expected| {
            let found = definition.demand(None, Tag(group, element));
            assert_eq!(found, expected, "({group:04x},{element:04x})");
        };
        // PS3.3 A.26, C.8.11.2 and C.8.11.5: presentation intent, view.
        check(Definition::Dx, 0x0008, 0x0068, Some(Demand::Value));
        check(Definition::Cr, 0x0018, 0x5101, Some(Demand::Presence));
        check(Definition::Ct, 0x0028, 0x0030, Some(Demand::Value));
        check(Definition::Ct, 0x0018, 0x0060, Some(Demand::Presence));
        check(Definition::EnhancedCt, 0x0018, 0x1000, Some(Demand::Value));
        check(Definition::Cr, 0x0020, 0x0010, Some(Demand::Presence));
        check(Definition::Cr, 0x0040, 0xa730, None);
        let measures = Some(Tag(0x0028, 0x9110));
        let spacing = Tag(0x0028, 0x0030);
        assert_eq!(multiplicity(measures, spacing), Some(2));
        assert_eq!(multiplicity(Some(Tag(0x0008, 0x2218)), spacing), None);
        assert_eq!(multiplicity(None, Tag(0x0008, 0x0008)), Some(u32::MAX));
    }

    #[test]
    fn classes_have_definitions() {
        let of = |end: &str| Definition::of(&format!("1.2.840.10008.5.1.4.1.1.{end}"));
        assert_eq!(of("1.1"), Some(Definition::Dx));
        assert_eq!(of("88.67"), Some(Definition::Sr));
        assert_eq!(of("7"), None);
    }
}
