//! What a single value must look like to stay, and what stands in for one that
//! goes.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other value representations are one case"
)]

use dicom_core::{Tag, VR};
use time::{Date, Duration, Month};

use super::element::{Element, find, text};
use super::keep::{code_meaning, is_kernel, is_maker, is_term, is_word};

/// Lists without end are kept up to this many values: an orientation has six,
/// the corners of a shutter eight pairs.
const MAX_VALUES: usize = 16;
/// Free text that an option keeps, at most.
const MAX_TEXT: usize = 1024;

/// Bytes of one value of a binary number.
const fn width(vr: VR) -> Option<usize> {
    match vr {
        VR::SS | VR::US => Some(2),
        VR::AT | VR::FL | VR::SL | VR::UL => Some(4),
        VR::FD | VR::SV | VR::UV => Some(8),
        _ => None,
    }
}

/// A binary number of no more values than the definition allows, that cannot
/// be read as text: eight printable bytes in a row are a name sooner than a
/// measure.
pub(super) fn is_number(element: &Element, most: u32) -> bool {
    let bytes = element.plain();
    let Some(width) = width(element.vr) else {
        return false;
    };
    let most = usize::try_from(most).unwrap_or(MAX_VALUES).min(MAX_VALUES);
    let printable = |run: &[u8]| run.iter().all(|byte| (0x20..0x7f).contains(byte));
    bytes.len().is_multiple_of(width)
        && bytes.len() / width <= most
        && !bytes.windows(8).any(printable)
}

/// Text of numbers (PS3.5 6.2, DS and IS), written again without padding.
pub(super) fn number_text(element: &Element, most: u32) -> Option<Element> {
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
    let most = usize::try_from(most).unwrap_or(MAX_VALUES).min(MAX_VALUES);
    let fits = values.len() <= most && values.iter().all(|value| good(value));
    fits.then(|| Element::text(element.tag, element.vr, &values.join("\\")))
}

/// A code string of which every value is a term. Image Type and Frame Type end
/// before the first value that is none.
pub(super) fn terms(element: &Element) -> Option<Element> {
    let text = element.ascii()?;
    if element.plain().is_empty() {
        return Some(element.clone());
    }
    let values: Vec<&str> = text.split('\\').map(str::trim).collect();
    let good = |value: &&str| match element.tag {
        Tag(0x0020, 0x0020) => is_orientation(value),
        Tag(0x0040, 0xdb00) => value.len() <= 5 && value.bytes().all(|b| b.is_ascii_digit()),
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

/// The few texts that may stay: code, maker, kernel, rescale type, stack.
pub(super) fn listed_text(element: &Element, meaning: Option<&str>) -> Option<Element> {
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

/// The meaning of the concept that a data set is, if it is one we know.
pub(super) fn coded_meaning(elements: &[Element]) -> Option<&'static str> {
    let value = text(elements, Tag(0x0008, 0x0100));
    code_meaning(text(elements, Tag(0x0008, 0x0102)), value)
}

/// Whether a data set is a coded concept (PS3.3 8.8), by any of its three forms.
pub(super) fn is_code(elements: &[Element]) -> bool {
    let forms = [
        Tag(0x0008, 0x0100),
        Tag(0x0008, 0x0119),
        Tag(0x0008, 0x0120),
    ];
    forms.iter().any(|form| find(elements, *form).is_some())
}

/// The bytes of a lookup table as its descriptor states them (PS3.3 C.11.1.1):
/// the number of entries, 0 for 65536, of two bytes each.
pub(super) fn table_bytes(elements: &[Element]) -> Option<usize> {
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

/// A date, time or both, every value moved by some days and valid for its
/// representation; whole values only (PS3.5 6.2 allows a year alone: not here).
pub(super) fn moved(element: &Element, days: i32) -> Option<Element> {
    let text = element.ascii()?;
    let each = text.split('\\').map(str::trim).map(|value| {
        if value.is_empty() {
            return Some(String::new());
        }
        match element.vr {
            VR::DA => moved_date(value, days),
            VR::TM => is_time(value).then(|| value.to_owned()),
            VR::DT => {
                let (date, rest) = value.split_at_checked(8)?;
                let (time, zone) = match rest.find(['+', '-']) {
                    Some(at) => rest.split_at_checked(at)?,
                    None => (rest, ""),
                };
                let zone_fits = zone.is_empty()
                    || zone.len() == 5 && zone.bytes().skip(1).all(|b| b.is_ascii_digit());
                let fits = zone_fits && (time.is_empty() || is_time(time));
                fits.then(|| moved_date(date, days).map(|date| format!("{date}{rest}")))?
            }
            _ => None,
        }
    });
    let values: Vec<String> = each.collect::<Option<_>>()?;
    Some(Element::text(element.tag, element.vr, &values.join("\\")))
}

fn moved_date(text: &str, days: i32) -> Option<String> {
    let date = date(text)?.checked_add(Duration::days(i64::from(days)))?;
    Some(format!(
        "{:04}{:02}{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    ))
}

/// A date as DICOM writes it, also in the form before 1993 (`1992.04.30`).
pub(super) fn date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let form = text.len() == 8 || text.len() == 10 && text.split('.').count() == 3;
    if !form || digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from, to| digits.get(from..to)?.parse::<u16>().ok();
    let month = Month::try_from(u8::try_from(part(4, 6)?).ok()?).ok()?;
    let day = u8::try_from(part(6, 8)?).ok()?;
    Date::from_calendar_date(i32::from(part(0, 4)?), month, day).ok()
}

fn is_time(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    matches!(whole.len(), 2 | 4 | 6) && digits(whole) && digits(part) && part.len() <= 6
}

/// An age in bands of ten years: `064Y` and `067Y` are `060Y`; less than ten
/// years is `000Y`, ninety and more `090Y`.
pub(super) fn age_band(years: u16) -> String {
    format!("{:03}Y", (years / 10 * 10).min(90))
}

/// The years of an age (PS3.5 6.2, AS).
pub(super) fn years(text: &str) -> Option<u16> {
    let (number, unit) = text.split_at_checked(3)?;
    let number: u16 = number
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| number.parse().ok())??;
    match unit {
        "Y" => Some(number),
        "M" => Some(number / 12),
        "W" | "D" => Some(0),
        _ => None,
    }
}

/// Whole years from a birth to a day.
pub(super) fn years_between(birth: Date, day: Date) -> Option<u16> {
    let before = (day.month() as u8, day.day()) < (birth.month() as u8, birth.day());
    u16::try_from(day.year() - birth.year() - i32::from(before)).ok()
}

/// Text of which only words of the trade are left; `None` when there is none.
pub(super) fn words(element: &Element) -> Option<Element> {
    let text = String::from_utf8_lossy(element.plain()).into_owned();
    let each = text.split(|c: char| !c.is_ascii_alphanumeric());
    // A single letter is an initial, unless it is a side.
    let long = |word: &&str| word.len() > 1 || matches!(*word, "L" | "R");
    let known: Vec<&str> = each.filter(long).filter(|word| is_word(word)).collect();
    let most = match element.vr {
        VR::SH | VR::AE | VR::CS => 16,
        _ => 64,
    };
    let mut kept = String::new();
    for word in known {
        if kept.len() + 1 + word.len() > most {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    let kept = Element::text(element.tag, element.vr, &kept);
    (!kept.plain().is_empty()).then_some(kept)
}

/// Free text that an option keeps as it is: short, and without control
/// characters but those of text.
pub(super) fn is_free_text(element: &Element, escapes: bool) -> bool {
    let bytes = element.plain();
    let good =
        |byte: &u8| *byte >= 0x20 || b"\r\n\x0c\t".contains(byte) || escapes && *byte == 0x1b;
    bytes.len() <= MAX_TEXT && bytes.iter().all(good)
}

/// A UID or several (PS3.5 9.1): digits and dots.
pub(super) fn is_uid(text: &str) -> bool {
    let good = |uid: &str| {
        uid.len() <= 64
            && uid
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    text.split('\\').all(|uid| uid.is_empty() || good(uid))
}

/// A value without meaning, valid for its representation.
pub(super) fn dummy(tag: Tag, vr: VR) -> Element {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PLACE: Tag = Tag(0x0018, 0x0050);

    #[test]
    fn dates_move_by_whole_days() {
        let check = |vr, text: &str, expected: Option<&str>| {
            let moved = moved(&Element::text(PLACE, vr, text), -400);
            let moved = moved.as_ref().and_then(|e| e.ascii());
            assert_eq!(moved, expected, "{text}");
        };
        check(VR::DA, "20240301", Some("20230126"));
        check(VR::DA, "20240301\\20240302", Some("20230126\\20230127"));
        check(VR::DA, "1992.04.30", Some("19910327"));
        check(VR::DA, "202403", None);
        check(VR::DA, "20240230", None);
        check(
            VR::DT,
            "20240301101530.25+0900",
            Some("20230126101530.25+0900"),
        );
        check(VR::DT, "2024", None);
        check(VR::DT, "20240301YAMADA", None);
        check(VR::TM, "101530.123456", Some("101530.123456"));
        check(VR::TM, "YAMADA", None);
    }

    #[test]
    fn ages_become_bands() {
        let check = |age: &str, band: Option<&str>| {
            assert_eq!(years(age).map(age_band).as_deref(), band, "{age}");
        };
        check("064Y", Some("060Y"));
        check("009Y", Some("000Y"));
        check("101Y", Some("090Y"));
        check("018M", Some("000Y"));
        check("64", None);
        check("YAMA", None);
        let day = |text| date(text).unwrap();
        assert_eq!(years_between(day("19551231"), day("20260410")), Some(70));
        assert_eq!(years_between(day("20270101"), day("20260410")), None);
    }

    #[test]
    fn numbers_are_no_names() {
        let check = |vr, bytes: &[u8], most, good| {
            let element = Element::bytes(PLACE, vr, bytes.to_vec());
            assert_eq!(is_number(&element, most), good, "{bytes:?}");
        };
        check(VR::US, &[1, 0], 1, true);
        check(VR::US, &[1, 0, 2, 0], 1, false);
        check(VR::FD, &1000.25_f64.to_le_bytes(), 1, true);
        check(VR::FD, b"YAMADA^T", 1, false);
        check(VR::FL, b"YAMADA^TARO ", 3, false);
        check(VR::UL, b"abc", 3, false);
        let text = |text: &str, most| number_text(&Element::text(PLACE, VR::DS, text), most);
        assert!(text("0.15\\0.15", 2).is_some() && text("0.15\\0.15", 1).is_none());
        assert!(text("12 Yamada", 1).is_none());
    }

    #[test]
    fn only_words_of_the_trade_stay() {
        let check = |text: &str, expected: Option<&str>| {
            let kept = words(&Element::text(PLACE, VR::LO, text));
            assert_eq!(kept.as_ref().and_then(|e| e.ascii()), expected, "{text}");
        };
        check("WRIST PA Yamada 0815", Some("WRIST PA"));
        check("Left wrist joint, Tanaka", Some("Left wrist joint"));
        check("Yamada^Hanako", None);
        check("20260410", None);
    }
}
