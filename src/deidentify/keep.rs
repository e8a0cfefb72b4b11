//! What may stay although it is text: terms, codes and makers from fixed lists.
//!
//! The table of the standard says what must go; of what it does not name, an
//! attribute of text could still hold a person. So a text stays only when it is
//! one of a list, and a coded concept only when the concept is one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Whether a text is a term of `terms.txt`.
pub(super) fn is_term(text: &str) -> bool {
    static TERMS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let lines = include_str!("terms.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines
            .flat_map(|line| line.split('|'))
            .filter(|term| !term.is_empty())
            .collect()
    });
    TERMS.contains(text)
}

/// Whether a word is one of the trade: of a term, or of the name of a part of
/// the body or a projection. Words of other lists (DCM has thousands) are not:
/// some are names.
pub(super) fn is_word(text: &str) -> bool {
    static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let terms = include_str!("terms.txt").lines();
        let terms = terms.filter(|line| !line.starts_with('#'));
        let codes = include_str!("codes.tsv").lines();
        let codes = codes.filter(|line| line.starts_with("SCT\t") || line.starts_with("SRT\t"));
        let meanings = codes.filter_map(|line| line.rsplit('\t').next());
        terms
            .chain(meanings)
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()))
            .filter(|word| !word.is_empty() && !word.bytes().all(|b| b.is_ascii_digit()))
            .map(str::to_ascii_lowercase)
            .collect()
    });
    WORDS.contains(&text.to_ascii_lowercase())
}

/// The meaning of a coded concept of `codes.tsv`. The older scheme names
/// `SNM3` and `99SDM` stand for `SRT`.
pub(super) fn code_meaning(scheme: &str, value: &str) -> Option<&'static str> {
    static CODES: LazyLock<BTreeMap<(&'static str, &'static str), &'static str>> =
        LazyLock::new(|| {
            let lines = include_str!("codes.tsv").lines();
            let lines = lines.filter(|line| !line.starts_with('#'));
            lines
                .filter_map(|line| {
                    let (scheme, rest) = line.split_once('\t')?;
                    let (value, meaning) = rest.split_once('\t')?;
                    Some(((scheme, value), meaning))
                })
                .collect()
        });
    let scheme = match scheme {
        "SNM3" | "99SDM" => "SRT",
        other => other,
    };
    CODES.get(&(scheme, value)).copied()
}

/// Whether a text is the name of a maker of X-ray or CT equipment.
pub(super) fn is_maker(text: &str) -> bool {
    const MAKERS: [&str; 44] = [
        "AGFA",
        "AGFA HEALTHCARE",
        "AGFA-GEVAERT",
        "CANON",
        "CANON INC.",
        "CANON MEDICAL SYSTEMS",
        "CANON_MEC",
        "CARESTREAM",
        "CARESTREAM HEALTH",
        "CURVEBEAM",
        "DEL MEDICAL",
        "DRTECH",
        "EASTMAN KODAK",
        "EASTMAN KODAK COMPANY",
        "EIZO",
        "FUJI PHOTO FILM CO., LTD.",
        "FUJIFILM",
        "FUJIFILM CORPORATION",
        "FUJIFILM HEALTHCARE CORPORATION",
        "GE HEALTHCARE",
        "GE MEDICAL SYSTEMS",
        "GE MEDICAL SYSTEMS, LLC",
        "GEMS",
        "HITACHI",
        "HITACHI MEDICAL CORPORATION",
        "HITACHI, LTD.",
        "HOLOGIC, INC.",
        "KODAK",
        "KONICA MINOLTA",
        "KONICA MINOLTA, INC.",
        "LUMISYS",
        "NEUROLOGICA",
        "PHILIPS",
        "PHILIPS HEALTHCARE",
        "PHILIPS MEDICAL SYSTEMS",
        "PLANMED",
        "SAMSUNG ELECTRONICS",
        "SHIMADZU",
        "SHIMADZU CORPORATION",
        "SIEMENS",
        "SIEMENS HEALTHINEERS",
        "SWISSRAY",
        "TOSHIBA",
        "TOSHIBA_MEC",
    ];
    MAKERS
        .binary_search(&text.to_ascii_uppercase().as_str())
        .is_ok()
}

/// Whether a text is the name of a reconstruction kernel, as the large makers
/// write them: `B30f`, `Br40d\3`, `FC13`, `BONEPLUS`.
pub(super) fn is_kernel(text: &str) -> bool {
    const NAMES: [&str; 12] = [
        "BONE", "BONEPLUS", "CHEST", "DETAIL", "EDGE", "LUNG", "SHARP", "SMOOTH", "SOFT",
        "STANDARD", "ULTRA", "YE",
    ];
    let base = text.split('\\').next().unwrap_or(text);
    if NAMES.contains(&base) {
        return true;
    }
    let letters = base.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let (prefix, rest) = base.split_at(base.len() - letters.len());
    let digits = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let known = [
        "A", "B", "Bf", "Bl", "Br", "Bv", "C", "D", "FC", "H", "Hf", "Hp", "Hr", "Hv", "I", "J",
        "Q", "Qr", "T", "U", "Ub", "Uh", "Ur",
    ];
    known.contains(&prefix)
        && digits.len() == 2
        && digits.bytes().all(|b| b.is_ascii_digit())
        && rest.len() - digits.len() <= 1
}

/// Whether a UID names something of the standard that an image may refer to,
/// and so nobody: image classes, transfer syntaxes, coding schemes.
pub(super) fn is_public_uid(uid: &str) -> bool {
    const PUBLIC: [&str; 22] = [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.2.16.4",
        "1.2.840.10008.3.1.2.3.3",
        "1.2.840.10008.5.1.4.1.1.1",
        "1.2.840.10008.5.1.4.1.1.1.1",
        "1.2.840.10008.5.1.4.1.1.1.1.1",
        "1.2.840.10008.5.1.4.1.1.104.3",
        "1.2.840.10008.5.1.4.1.1.11.1",
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.4",
        "1.2.840.10008.5.1.4.1.1.7",
        "1.2.840.10008.5.1.4.1.1.88.34",
        "2.16.840.1.113883.6.96",
    ];
    PUBLIC.contains(&uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_terms_and_codes() {
        assert!(is_term("WRIST") && is_term("FOR PRESENTATION") && is_term("LL"));
        assert!(!is_term("YAMADA") && !is_term("LK00001X") && !is_term(""));
        assert_eq!(code_meaning("SCT", "74670003"), Some("Wrist joint"));
        assert_eq!(code_meaning("SNM3", "T-15460"), Some("Wrist joint"));
        assert_eq!(code_meaning("SCT", "12345678"), None);
        assert!(is_maker("FUJIFILM Corporation") && is_maker("SIEMENS"));
        assert!(is_maker("AGFA") && is_maker("TOSHIBA_MEC") && !is_maker("Yamada Clinic"));
    }

    #[test]
    fn knows_kernels() {
        let check = |text: &str, known| assert_eq!(is_kernel(text), known, "{text}");
        check("B30f", true);
        check("Br40d\\3", true);
        check("FC13", true);
        check("STANDARD", true);
        check("LK00001X", false);
        check("B12345", false);
        check("YAMADA", false);
        check("", false);
    }
}
