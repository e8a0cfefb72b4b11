//! The walk: every attribute at every depth is removed, emptied, replaced or
//! kept, by a rule that has a name.
//!
//! First the table of the standard. A compound action is resolved by what the
//! object definition demands at the top level (D for type 1, Z for type 2, else
//! the first alternative); inside items, where the type hangs on the sequence,
//! the last alternative is taken, which is valid for every type. What the table
//! does not name stays only if it cannot hold a person: numbers, UIDs (all
//! replaced but public ones), terms and codes from lists. Here we are stricter
//! than the Basic Profile (docs/CONFORMANCE.md).

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};

use super::element::{Element, Value, dictionary_vrs, find, text};
use super::keep::{code_meaning, is_kernel, is_maker, is_public_uid, is_term};
use super::object::{Demand, Kind};
use crate::identity::PseudonymKey;
use crate::profile::Action;
use crate::profile::Edition;

/// Numbers that the table does not name are kept up to six of eight bytes:
/// an orientation has six values. Longer ones are lists nobody asked for.
const MAX_NUMBERS: usize = 48;
/// Text of numbers, likewise.
const MAX_NUMBER_TEXT: usize = 16 * 16;

/// How many attributes were treated how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Attributes that went, with all they held.
    pub removed: u64,
    /// Attributes whose value was emptied or replaced.
    pub replaced: u64,
    /// Attributes that stayed as they were.
    pub kept: u64,
    /// How often each rule removed or replaced: `X`, `Z/D`, `private`, `text`, …
    pub by_rule: BTreeMap<String, u64>,
}

impl Counts {
    /// Takes in the counts of another object.
    pub fn add(&mut self, other: &Self) {
        self.removed += other.removed;
        self.replaced += other.replaced;
        self.kept += other.kept;
        for (rule, count) in &other.by_rule {
            *self.by_rule.entry(rule.clone()).or_default() += count;
        }
    }

    pub(super) fn note(&mut self, rule: &str) {
        *self.by_rule.entry(rule.to_owned()).or_default() += 1;
    }
}

/// LUT Data of a modality or VOI lookup table.
const LUT_DATA: Tag = Tag(0x0028, 0x3006);

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Item,
}

/// What the data set around an attribute says that bears on it.
struct Around {
    place: Place,
    /// The meaning of the item's coded concept, if it is one we know.
    meaning: Option<&'static str>,
    /// How long the item's lookup table must be.
    table_bytes: Option<usize>,
}

enum Verdict {
    Keep(Element),
    Replace(Element, &'static str),
    Remove(&'static str),
}

/// Walks one object.
pub(super) struct Cleaner<'a> {
    pub(super) edition: &'a Edition,
    pub(super) key: &'a PseudonymKey,
    pub(super) kind: Kind,
    pub(super) counts: Counts,
}

impl Cleaner<'_> {
    /// The top level and everything below it.
    pub(super) fn clean(&mut self, elements: Vec<Element>) -> Vec<Element> {
        self.walk(elements, Place::Top)
    }

    fn walk(&mut self, elements: Vec<Element>, place: Place) -> Vec<Element> {
        let around = Around {
            place,
            meaning: coded_meaning(&elements),
            table_bytes: table_bytes(&elements),
        };
        let mut kept = Vec::with_capacity(elements.len());
        for element in elements {
            match self.judge(element, &around) {
                Verdict::Keep(element) => {
                    self.counts.kept += 1;
                    kept.push(element);
                }
                Verdict::Replace(element, rule) => {
                    self.counts.replaced += 1;
                    self.counts.note(rule);
                    kept.push(element);
                }
                Verdict::Remove(rule) => {
                    self.counts.removed += 1;
                    self.counts.note(rule);
                }
            }
        }
        kept
    }

    fn judge(&mut self, element: Element, around: &Around) -> Verdict {
        let place = around.place;
        let tag = element.tag;
        if tag.0 % 2 == 1 {
            return Verdict::Remove("private");
        }
        if matches!(tag.0 & 0xff00, 0x5000 | 0x6000) {
            return Verdict::Remove("graphics");
        }
        if tag.1 == 0 || tag.0 < 0x0008 || tag.0 >= 0x7fe0 {
            return Verdict::Remove("structure");
        }
        if tag == Tag(0x0008, 0x0005) {
            // All text that stays or is written is ASCII.
            return Verdict::Remove("character-set");
        }
        let known = dictionary_vrs(tag);
        let Some(first) = known.first().copied() else {
            return Verdict::Remove("unknown");
        };
        let is_wrapped = element.vr == VR::UN && first != VR::SQ;
        let vr = match element.value {
            Value::Bytes(_) | Value::Withheld if known.contains(&element.vr) => element.vr,
            Value::Items(_) if first == VR::SQ => VR::SQ,
            Value::Bytes(_) if is_wrapped => first,
            Value::Bytes(_) | Value::Items(_) | Value::Withheld => {
                return self.withdraw(tag, first, place, "representation");
            }
        };
        let element = Element { vr, ..element };
        match self.edition.action(tag) {
            Some(action) => self.resolve(action, element, place),
            None if element.value == Value::Withheld => {
                self.withdraw(tag, element.vr, place, "too-long")
            }
            None => self.unlisted(element, around),
        }
    }

    /// Removes an attribute, or what the object definition leaves of that.
    fn withdraw(&self, tag: Tag, vr: VR, place: Place, rule: &'static str) -> Verdict {
        let demand = match place {
            Place::Top => self.kind.demand(tag),
            Place::Item => Demand::Nothing,
        };
        match demand {
            Demand::Value => Verdict::Replace(dummy(tag, vr), rule),
            Demand::Presence => Verdict::Replace(Element::empty(tag, vr), rule),
            Demand::Nothing => Verdict::Remove(rule),
        }
    }

    /// Does what the table says.
    fn resolve(&self, action: Action, element: Element, place: Place) -> Verdict {
        let (tag, vr) = (element.tag, element.vr);
        let rule = action.letters();
        let remove = Verdict::Remove(rule);
        let empty = Verdict::Replace(Element::empty(tag, vr), rule);
        let filled = Verdict::Replace(dummy(tag, vr), rule);
        let demand = match place {
            Place::Top => Some(self.kind.demand(tag)),
            Place::Item => None,
        };
        match (action, demand) {
            (Action::Uid, _) => self.uids(&element, rule),
            // The Basic Profile has neither; without its option each removes.
            (Action::Keep | Action::Clean | Action::Remove, _) => {
                self.withdraw(tag, vr, place, rule)
            }
            (Action::Dummy, _) => filled,
            (_, Some(Demand::Value)) => filled,
            (Action::Empty, _) | (_, Some(Demand::Presence)) => empty,
            (Action::EmptyOrDummy, Some(Demand::Nothing)) => empty,
            (_, Some(Demand::Nothing)) => remove,
            (Action::RemoveOrEmpty | Action::RemoveEmptyOrUids, None) => empty,
            (Action::EmptyOrDummy | Action::RemoveOrDummy | Action::RemoveEmptyOrDummy, None) => {
                filled
            }
        }
    }

    /// Judges what the table does not name.
    fn unlisted(&mut self, element: Element, around: &Around) -> Verdict {
        let (tag, vr, place) = (element.tag, element.vr, around.place);
        match vr {
            _ if tag == LUT_DATA => match around.table_bytes {
                Some(length) if element.plain().len() == length => Verdict::Keep(element),
                _ => self.withdraw(tag, vr, place, "lookup-table"),
            },
            VR::SQ => self.sequence(element, place),
            VR::UI => self.uids(&element, "uid"),
            VR::CS => match terms(&element) {
                Some(kept) => Verdict::Keep(kept),
                None => self.withdraw(tag, vr, place, "term"),
            },
            VR::DS | VR::IS => match number_text(&element) {
                Some(kept) => Verdict::Keep(kept),
                None => self.withdraw(tag, vr, place, "number"),
            },
            VR::US | VR::SS | VR::UL | VR::SL | VR::UV | VR::SV | VR::FL | VR::FD | VR::AT => {
                if element.plain().len() <= MAX_NUMBERS {
                    Verdict::Keep(element)
                } else {
                    self.withdraw(tag, vr, place, "number")
                }
            }
            VR::LO | VR::SH => match listed_text(&element, around.meaning) {
                Some(kept) if kept.plain() == element.plain() => Verdict::Keep(kept),
                Some(kept) => Verdict::Replace(kept, "code"),
                None => self.withdraw(tag, vr, place, "text"),
            },
            VR::DA | VR::TM | VR::DT | VR::AS => self.withdraw(tag, vr, place, "date"),
            VR::AE | VR::LT | VR::PN | VR::ST | VR::UC | VR::UR | VR::UT => {
                self.withdraw(tag, vr, place, "text")
            }
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN => {
                self.withdraw(tag, vr, place, "bulk")
            }
        }
    }

    fn sequence(&mut self, element: Element, place: Place) -> Verdict {
        let tag = element.tag;
        let Value::Items(items) = element.value else {
            return self.withdraw(tag, VR::SQ, place, "representation");
        };
        let had_items = !items.is_empty();
        let items: Vec<_> = items
            .into_iter()
            .map(|item| self.walk(item, Place::Item))
            .filter(|item| !item.is_empty())
            .collect();
        if had_items && items.is_empty() {
            return self.withdraw(tag, VR::SQ, place, "emptied");
        }
        Verdict::Keep(Element::sequence(tag, items))
    }

    /// Replaces each UID of a value that does not name something public.
    fn uids(&self, element: &Element, rule: &'static str) -> Verdict {
        let (tag, old) = (element.tag, element.ascii().unwrap_or_default());
        if element.value == Value::Withheld || (old.is_empty() && !element.plain().is_empty()) {
            return Verdict::Replace(Element::empty(tag, VR::UI), rule);
        }
        let replace = |uid: &str| match uid.trim() {
            "" => String::new(),
            public if is_public_uid(public) && rule == "uid" => public.to_owned(),
            original => self.key.remap_uid(original),
        };
        let new = old.split('\\').map(replace).collect::<Vec<_>>().join("\\");
        let kept = Element::text(tag, VR::UI, &new);
        if new == old {
            Verdict::Keep(kept)
        } else {
            Verdict::Replace(kept, rule)
        }
    }
}

/// The bytes of a lookup table as its descriptor states them (PS3.3 C.11.1.1):
/// the number of entries, 0 for 65536, of two bytes each.
fn table_bytes(elements: &[Element]) -> Option<usize> {
    let entries = find(elements, Tag(0x0028, 0x3002))?.plain();
    let entries = u16::from_le_bytes(*entries.first_chunk()?);
    Some(
        2 * if entries == 0 {
            65536
        } else {
            usize::from(entries)
        },
    )
}

fn coded_meaning(elements: &[Element]) -> Option<&'static str> {
    let value = text(elements, Tag(0x0008, 0x0100));
    code_meaning(text(elements, Tag(0x0008, 0x0102)), value)
}

/// A code string of which every value is a term. Image Type and Frame Type end
/// before the first value that is none.
fn terms(element: &Element) -> Option<Element> {
    let text = element.ascii()?;
    if element.plain().is_empty() {
        return Some(element.clone());
    }
    let values: Vec<&str> = text.split('\\').map(str::trim).collect();
    let good = |value: &&str| match element.tag {
        Tag(0x0020, 0x0020) => is_orientation(value),
        _ => value.is_empty() || is_term(value),
    };
    let known = values.iter().take_while(|value| good(value)).count();
    let is_type = matches!(element.tag, Tag(0x0008, 0x0008 | 0x9007));
    let enough = if is_type {
        known >= 2
    } else {
        known == values.len()
    };
    let kept = values.get(..known)?.join("\\");
    enough.then(|| Element::text(element.tag, VR::CS, &kept))
}

/// Directions of rows and columns (PS3.3 C.7.6.1.1.1): `A`, `FL`, `PLF`.
fn is_orientation(value: &str) -> bool {
    value.len() <= 3 && value.bytes().all(|b| b"LRAPHF".contains(&b))
}

/// Text of numbers (PS3.5 6.2, DS and IS), written again without padding.
fn number_text(element: &Element) -> Option<Element> {
    let text = element.ascii()?;
    let good = |value: &str| {
        if value.is_empty() {
            return true;
        }
        if element.vr == VR::IS {
            return value.len() <= 12 && value.parse::<i32>().is_ok();
        }
        let letters = value.bytes().all(|b| b"0123456789+-.eE".contains(&b));
        value.len() <= 16 && letters && value.parse::<f64>().is_ok_and(f64::is_finite)
    };
    let values: Vec<&str> = text.split('\\').map(str::trim).collect();
    let fits = text.len() <= MAX_NUMBER_TEXT && values.iter().all(|value| good(value));
    fits.then(|| Element::text(element.tag, element.vr, &values.join("\\")))
}

/// The few texts that may stay: code, maker, kernel, rescale type, stack.
fn listed_text(element: &Element, meaning: Option<&str>) -> Option<Element> {
    let (tag, text) = (element.tag, element.ascii()?);
    if text.is_empty() {
        return Some(Element::empty(tag, element.vr));
    }
    let kept = match tag {
        Tag(0x0008, 0x0100 | 0x0102) => meaning.map(|_| text),
        Tag(0x0008, 0x0104) => meaning,
        Tag(0x0008, 0x0070) => is_maker(text).then_some(text),
        Tag(0x0018, 0x1210) => is_kernel(text).then_some(text),
        Tag(0x0018, 0x1160) | Tag(0x0028, 0x1054) => is_term(text).then_some(text),
        Tag(0x0020, 0x9056) => {
            let short = text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
            short.then_some(text)
        }
        _ => None,
    };
    kept.map(|text| Element::text(tag, element.vr, text))
}

/// A value without meaning, valid for its representation.
fn dummy(tag: Tag, vr: VR) -> Element {
    let text = |text| Element::text(tag, vr, text);
    match vr {
        VR::DA => text("19000101"),
        VR::TM => text("000000"),
        VR::DT => text("19000101000000"),
        VR::AS => text("000Y"),
        VR::DS | VR::IS => text("0"),
        VR::UI => text("2.25.0"),
        VR::UR => text("urn:anonymized"),
        VR::PN => text("ANONYMIZED"),
        VR::US | VR::SS | VR::OB | VR::OW | VR::UN => Element::bytes(tag, vr, vec![0; 2]),
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL | VR::AT => Element::bytes(tag, vr, vec![0; 4]),
        VR::UV | VR::SV | VR::FD | VR::OD | VR::OV => Element::bytes(tag, vr, vec![0; 8]),
        VR::SQ => Element::empty(tag, vr),
        VR::AE | VR::CS | VR::LO | VR::LT | VR::SH | VR::ST | VR::UC | VR::UT => text("ANONYMIZED"),
    }
}
