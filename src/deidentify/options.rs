//! What the options of the profile keep or clean, value by value.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other value representations are one case"
)]

use dicom_core::{Tag, VR};

use super::element::{Element, find};
use super::rules::{Around, CHARACTER_SET, Cleaner, Verdict};
use super::values::{
    age_band, date, is_free_text, is_number, is_uid, moved, number_text, words, years,
    years_between,
};
use crate::profile::Choice;
use crate::profile::safe_private;

const SEX: Tag = Tag(0x0010, 0x0040);
const AGE: Tag = Tag(0x0010, 0x1010);

/// A block of private attributes (PS3.5 7.8.1) and its creator.
#[derive(Debug)]
pub(super) struct Safe {
    group: u16,
    block: u8,
    creator: String,
}

/// The blocks in which a data set has attributes that are known to be safe.
pub(super) fn safe_blocks(elements: &[Element]) -> Vec<Safe> {
    let creators = elements
        .iter()
        .filter(|e| e.tag.0 % 2 == 1 && (0x0010..=0x00ff).contains(&e.tag.1));
    let blocks = creators.filter_map(|element| {
        Some(Safe {
            group: element.tag.0,
            block: u8::try_from(element.tag.1).ok()?,
            creator: element.ascii()?.to_owned(),
        })
    });
    let is_used = |safe: &Safe| {
        elements.iter().any(|element| {
            let [block, _] = element.tag.1.to_be_bytes();
            element.tag.0 == safe.group
                && block == safe.block
                && safe_private(element.tag, &safe.creator).is_some()
        })
    };
    blocks.filter(is_used).collect()
}

/// The character set of an object, if all its values are of the standard
/// (PS3.3 C.12.1.1.2).
pub(super) fn character_set(elements: &[Element]) -> Option<Element> {
    let own = find(elements, CHARACTER_SET)?;
    let known = |value: &str| {
        let number = value
            .strip_prefix("ISO_IR ")
            .or_else(|| value.strip_prefix("ISO 2022 IR "));
        let listed = [
            "6", "13", "58", "87", "100", "101", "109", "110", "126", "127", "138", "144", "148",
            "149", "159", "166", "192", "203",
        ];
        value.is_empty()
            || matches!(value, "GB18030" | "GBK")
            || number.is_some_and(|number| listed.contains(&number))
    };
    let all = own.ascii()?.split('\\').map(str::trim).all(known);
    all.then(|| Element::text(CHARACTER_SET, VR::CS, own.ascii().unwrap_or_default()))
}

impl Cleaner<'_> {
    /// A private attribute stays only by Table E.3.10-1, as a number.
    pub(super) fn private(&self, element: Element, around: &Around) -> Verdict {
        let tag = element.tag;
        let gone = Verdict::Remove("private");
        let [block, low] = tag.1.to_be_bytes();
        let own = |block| {
            let mut all = around.safe.iter();
            all.find(|safe| safe.group == tag.0 && safe.block == block)
        };
        if block == 0 {
            let is_creator = own(low).is_some();
            return match own(low) {
                Some(safe) if is_creator => {
                    Verdict::Keep(Element::text(tag, VR::LO, &safe.creator))
                }
                _ => gone,
            };
        }
        let Some(vr) = own(block).and_then(|safe| safe_private(tag, &safe.creator)) else {
            return gone;
        };
        if element.vr != vr && element.vr != VR::UN {
            return gone;
        }
        let element = Element { vr, ..element };
        match vr {
            VR::DS | VR::IS => number_text(&element, 1).map_or(gone, Verdict::Keep),
            _ if is_number(&element, 1) => Verdict::Keep(element),
            _ => gone,
        }
    }

    /// Sex, and the age as a band of ten years; `None` for other attributes
    /// and for values that are neither.
    pub(super) fn characteristic(&self, element: &Element) -> Option<Verdict> {
        let text = element.ascii()?;
        match element.tag {
            SEX if matches!(text, "M" | "F" | "O") => {
                Some(Verdict::Keep(Element::text(SEX, VR::CS, text)))
            }
            AGE => {
                let band = age_band(years(text)?);
                Some(Verdict::Replace(
                    Element::text(AGE, VR::AS, &band),
                    "age-band",
                ))
            }
            _ => None,
        }
    }

    /// Keeps a value that an option retains, if it is what its representation
    /// says; `None` leaves it to the Basic Profile.
    pub(super) fn keep(&mut self, element: Element, around: &Around) -> Option<Verdict> {
        match element.vr {
            VR::SQ => Some(self.sequence(element, around)),
            VR::UI => {
                let text = element.ascii()?;
                is_uid(text).then(|| Verdict::Keep(Element::text(element.tag, VR::UI, text)))
            }
            VR::DA | VR::TM | VR::DT => moved(&element, 0).map(Verdict::Keep),
            VR::AS => {
                let text = element.ascii()?;
                years(text).map(|_| Verdict::Keep(Element::text(element.tag, VR::AS, text)))
            }
            VR::DS | VR::IS => number_text(&element, u32::MAX).map(Verdict::Keep),
            VR::AT | VR::FD | VR::FL | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV => {
                is_number(&element, u32::MAX).then_some(Verdict::Keep(element))
            }
            VR::AE
            | VR::CS
            | VR::LO
            | VR::LT
            | VR::PN
            | VR::SH
            | VR::ST
            | VR::UC
            | VR::UR
            | VR::UT => self.free_text(element, around),
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN => None,
        }
    }

    /// Text as it is; in other letters than ASCII only under a character set
    /// that the object names.
    fn free_text(&mut self, element: Element, around: &Around) -> Option<Verdict> {
        let is_plain = element.plain().is_ascii() && !element.plain().contains(&0x1b);
        let has_set = self.character_set.is_some() && !around.own_character_set;
        if !is_free_text(&element, has_set) || !(is_plain || has_set) {
            return None;
        }
        self.needs_character_set |= !is_plain;
        Some(Verdict::Keep(element))
    }

    /// Cleans a value as an option demands it; `None` leaves it to the Basic
    /// Profile.
    pub(super) fn cleaned(
        &mut self,
        element: &Element,
        by: Option<Choice>,
        around: &Around,
    ) -> Option<Verdict> {
        match element.vr {
            VR::SQ => Some(self.sequence(element.clone(), around)),
            VR::DA | VR::TM | VR::DT if by == Some(Choice::DatesModified) => {
                let shifted = moved(element, self.days)?;
                Some(Verdict::Replace(shifted, "moved-date"))
            }
            VR::AE | VR::CS | VR::LO | VR::LT | VR::SH | VR::ST | VR::UC | VR::UT => {
                words(element).map(|kept| Verdict::Replace(kept, "words"))
            }
            _ => None,
        }
    }
}

/// The age band of a patient from birth and study date, for an object that
/// does not state the age.
pub(super) fn age_band_of(birth: &str, study: &str) -> Option<Element> {
    let years = years_between(date(birth)?, date(study)?)?;
    Some(Element::text(AGE, VR::AS, &age_band(years)))
}
