//! The walk: every attribute at every depth is removed, emptied, replaced or
//! kept, by a rule that has a name.
//!
//! First the table of the standard, under the project's options. A compound
//! action is resolved by the type that the object's definition gives the
//! attribute at its place (D for type 1, Z for type 2, else the first
//! alternative); where the definition does not have it, inside items, the last
//! alternative is taken, which is valid for every type. What the table does not
//! name stays only where a definition has it and only if it cannot hold a
//! person: numbers, UIDs (all replaced but public ones), terms and codes from
//! lists. Here we are stricter than the Basic Profile (docs/CONFORMANCE.md).

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};

use super::content::is_clean_content;
use super::element::{Element, Value, dictionary_vrs, find};
use super::keep::is_public_uid;
use super::options::{Safe, safe_blocks};
use super::values::{
    coded_meaning, dummy, is_code, is_number, is_uid, listed_text, number_text, table_bytes, terms,
};
use crate::identity::PseudonymKey;
use crate::profile::Action;
use crate::profile::Choice;
use crate::profile::Definition;
use crate::profile::Demand;
use crate::profile::Edition;
use crate::profile::Options;
use crate::profile::multiplicity;

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
pub(super) const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// What the data set around an attribute says that bears on it.
pub(super) struct Around {
    /// The sequence that holds the data set; none at the top level.
    pub(super) parent: Option<Tag>,
    /// The meaning of the item's coded concept, if it is one we know.
    meaning: Option<&'static str>,
    /// How long the item's lookup table must be.
    table_bytes: Option<usize>,
    /// Blocks of private attributes that may hold safe ones.
    pub(super) safe: Vec<Safe>,
    /// The item names a character set of its own.
    pub(super) own_character_set: bool,
}

pub(super) enum Verdict {
    Keep(Element),
    Replace(Element, &'static str),
    Remove(&'static str),
}

/// Walks one object.
pub(super) struct Cleaner<'a> {
    pub(super) edition: &'a Edition,
    pub(super) options: &'a Options,
    pub(super) key: &'a PseudonymKey,
    pub(super) definition: Definition,
    /// By how many days the patient's dates move.
    pub(super) days: i32,
    /// The object's character set, if its values are the standard's.
    pub(super) character_set: Option<Element>,
    /// Text was kept that needs it.
    pub(super) needs_character_set: bool,
    pub(super) counts: Counts,
}

impl Cleaner<'_> {
    /// The top level and everything below it.
    pub(super) fn clean(&mut self, elements: Vec<Element>) -> Vec<Element> {
        let mut cleaned = self.walk(elements, None);
        if self.needs_character_set
            && let Some(own) = self.character_set.take()
        {
            let place = cleaned.partition_point(|element| element.tag < CHARACTER_SET);
            cleaned.insert(place, own);
        }
        cleaned
    }

    fn walk(&mut self, elements: Vec<Element>, parent: Option<Tag>) -> Vec<Element> {
        let around = Around {
            parent,
            meaning: coded_meaning(&elements),
            table_bytes: table_bytes(&elements),
            safe: if self.options.has(Choice::SafePrivate) {
                safe_blocks(&elements)
            } else {
                Vec::new()
            },
            own_character_set: parent.is_some() && find(&elements, CHARACTER_SET).is_some(),
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
        let tag = element.tag;
        if tag.0 % 2 == 1 {
            return self.private(element, around);
        }
        if matches!(tag.0 & 0xff00, 0x5000 | 0x6000) {
            return Verdict::Remove("graphics");
        }
        if tag.1 == 0 || tag.0 < 0x0008 || tag.0 >= 0x7fe0 {
            return Verdict::Remove("structure");
        }
        if tag == CHARACTER_SET {
            // Written again when text stays that needs it.
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
                return self.withdraw(tag, first, around, "representation");
            }
        };
        let element = Element { vr, ..element };
        match self.edition.row(tag) {
            Some(row) => {
                let (action, by) = self.options.demand(row);
                self.resolve(action, row.basic, by, element, around)
            }
            None if element.value == Value::Withheld => {
                self.withdraw(tag, element.vr, around, "too-long")
            }
            None => self.unlisted(element, around),
        }
    }

    /// What the definition demands; nothing where it does not have the attribute.
    fn demand(&self, tag: Tag, around: &Around) -> Option<Demand> {
        match (around.parent, self.definition.demand(around.parent, tag)) {
            (None, None) => Some(Demand::Nothing),
            (_, demand) => demand,
        }
    }

    /// Removes an attribute, or what the object definition leaves of that.
    pub(super) fn withdraw(
        &self,
        tag: Tag,
        vr: VR,
        around: &Around,
        rule: &'static str,
    ) -> Verdict {
        match self.demand(tag, around) {
            Some(Demand::Value) => Verdict::Replace(dummy(tag, vr), rule),
            Some(Demand::Presence) => Verdict::Replace(Element::empty(tag, vr), rule),
            Some(Demand::Nothing) | None => Verdict::Remove(rule),
        }
    }

    /// Does what the table says, under the options.
    fn resolve(
        &mut self,
        action: Action,
        basic: Action,
        by: Option<Choice>,
        element: Element,
        around: &Around,
    ) -> Verdict {
        let (tag, vr) = (element.tag, element.vr);
        if self.options.has(Choice::AgeBandAndSex)
            && by.is_none()
            && let Some(verdict) = self.characteristic(&element)
        {
            return verdict;
        }
        let chosen = match action {
            Action::Keep => self.keep(element.clone(), around),
            Action::Clean => self.cleaned(&element, by, around),
            Action::Dummy
            | Action::Empty
            | Action::Remove
            | Action::Uid
            | Action::EmptyOrDummy
            | Action::RemoveOrEmpty
            | Action::RemoveOrDummy
            | Action::RemoveEmptyOrDummy
            | Action::RemoveEmptyOrUids => None,
        };
        chosen.unwrap_or_else(|| {
            if basic == Action::Uid {
                return self.uids(&element, basic.letters());
            }
            self.basic(basic, tag, vr, around)
        })
    }

    /// Does what the Basic Profile says.
    fn basic(&self, action: Action, tag: Tag, vr: VR, around: &Around) -> Verdict {
        let rule = action.letters();
        let empty = Verdict::Replace(Element::empty(tag, vr), rule);
        let filled = Verdict::Replace(dummy(tag, vr), rule);
        match (action, self.demand(tag, around)) {
            // The Basic Profile has neither keep nor clean.
            (Action::Keep | Action::Clean | Action::Remove | Action::Uid, _) => {
                self.withdraw(tag, vr, around, rule)
            }
            (Action::Dummy, _) | (_, Some(Demand::Value)) => filled,
            (Action::Empty, _) | (_, Some(Demand::Presence)) => empty,
            (Action::EmptyOrDummy, Some(Demand::Nothing)) => empty,
            (_, Some(Demand::Nothing)) => Verdict::Remove(rule),
            (Action::RemoveOrEmpty | Action::RemoveEmptyOrUids, None) => empty,
            (Action::EmptyOrDummy | Action::RemoveOrDummy | Action::RemoveEmptyOrDummy, None) => {
                filled
            }
        }
    }

    /// Judges what the table does not name.
    fn unlisted(&mut self, element: Element, around: &Around) -> Verdict {
        let (tag, vr) = (element.tag, element.vr);
        let Some(most) = multiplicity(around.parent, tag) else {
            return Verdict::Remove("not-of-the-object");
        };
        match vr {
            _ if tag == LUT_DATA => match around.table_bytes {
                Some(length) if element.plain().len() == length => Verdict::Keep(element),
                _ => self.withdraw(tag, vr, around, "lookup-table"),
            },
            VR::SQ => self.sequence(element, around),
            VR::UI => self.uids(&element, "uid"),
            VR::CS => match terms(&element) {
                Some(kept) if kept.plain() == element.plain() => Verdict::Keep(kept),
                Some(kept) => Verdict::Replace(kept, "term"),
                None => self.withdraw(tag, vr, around, "term"),
            },
            VR::DS | VR::IS => match number_text(&element, most) {
                Some(kept) => Verdict::Keep(kept),
                None => self.withdraw(tag, vr, around, "number"),
            },
            VR::AT | VR::FD | VR::FL | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV => {
                if is_number(&element, most) {
                    Verdict::Keep(element)
                } else {
                    self.withdraw(tag, vr, around, "number")
                }
            }
            VR::LO | VR::SH => match listed_text(&element, around.meaning) {
                Some(kept) if kept.plain() == element.plain() => Verdict::Keep(kept),
                Some(kept) => Verdict::Replace(kept, "code"),
                None => self.withdraw(tag, vr, around, "text"),
            },
            VR::DA | VR::TM | VR::DT | VR::AS => self.withdraw(tag, vr, around, "date"),
            VR::AE | VR::LT | VR::PN | VR::ST | VR::UC | VR::UR | VR::UT => {
                self.withdraw(tag, vr, around, "text")
            }
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN => {
                self.withdraw(tag, vr, around, "bulk")
            }
        }
    }

    /// Walks the items; coded concepts that are not known go whole, and so do
    /// items of content that cannot be cleaned.
    pub(super) fn sequence(&mut self, element: Element, around: &Around) -> Verdict {
        let tag = element.tag;
        let Value::Items(items) = element.value else {
            return self.withdraw(tag, VR::SQ, around, "representation");
        };
        let had_items = !items.is_empty();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let rule = if is_code(&item) && coded_meaning(&item).is_none() {
                Some("code")
            } else if !is_clean_content(tag, &item) {
                Some("content")
            } else {
                None
            };
            if let Some(rule) = rule {
                self.counts.removed += u64::try_from(item.len()).unwrap_or(0);
                self.counts.note(rule);
                continue;
            }
            let item = self.walk(item, Some(tag));
            if !item.is_empty() {
                kept.push(item);
            }
        }
        if had_items && kept.is_empty() {
            return self.withdraw(tag, VR::SQ, around, "emptied");
        }
        Verdict::Keep(Element::sequence(tag, kept))
    }

    /// Replaces each UID of a value that does not name something public.
    pub(super) fn uids(&self, element: &Element, rule: &'static str) -> Verdict {
        let (tag, old) = (element.tag, element.ascii().unwrap_or_default());
        if element.value == Value::Withheld || (old.is_empty() && !element.plain().is_empty()) {
            return Verdict::Replace(Element::empty(tag, VR::UI), rule);
        }
        let keeps = self.options.has(Choice::Uids);
        let replace = |uid: &str| match uid.trim() {
            "" => String::new(),
            public if is_public_uid(public) && rule == "uid" => public.to_owned(),
            // What the table does not name goes with what it names.
            kept if keeps && is_uid(kept) => kept.to_owned(),
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
