//! What a text says: bytes under a Specific Character Set (0008,0005) as
//! letters, for the one place that shows a person's name to a person: the vault.
//! The bytes themselves are never changed by this.
//!
//! PS3.5 6.1 and PS3.3 C.12.1.1.2: single-byte sets, the multi-byte ones
//! without code extensions, and ISO 2022 with its escapes, in G0 and G1. Every
//! value starts in the state that the attribute's first value sets, and so does
//! what follows a line's end and, in a name, `^` or `=` (PS3.5 6.1.2.5.3).
//!
//! We depart towards reading more: an escape is obeyed whether it was declared
//! or not; bytes that the declared set cannot hold are read as UTF-8, else as
//! Shift-JIS, where they are that without a fault, else as Latin-1. So nothing
//! is refused and nothing is lost in silence: each byte becomes a letter.

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5,
    ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1254,
};

/// What stands in G0, the bytes below 80H.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Low {
    /// ISO IR 6.
    Ascii,
    /// ISO IR 14, JIS X 0201: ASCII but for two letters.
    Romaji,
    /// ISO IR 87, JIS X 0208: two bytes a letter.
    Kanji,
    /// ISO IR 159, JIS X 0212: two bytes a letter.
    MoreKanji,
}

/// What stands in G1, the bytes from A0H on.
#[derive(Clone, Copy)]
enum High {
    /// Nothing was declared.
    Nothing,
    /// ISO IR 100.
    Latin1,
    /// ISO IR 13, half-width katakana.
    Katakana,
    /// One byte a letter.
    Single(&'static Encoding),
    /// Two bytes a letter: ISO IR 149, ISO IR 58.
    Double(&'static Encoding),
}

/// The sets at the beginning of a value.
#[derive(Clone, Copy)]
struct State {
    low: Low,
    high: High,
}

/// The escapes (PS3.3 tables C.12-3 and C.12-4), without ESC.
const ESCAPES: &[(&[u8], Escape)] = &[
    (b"(B", Escape::Low(Low::Ascii)),
    (b"(J", Escape::Low(Low::Romaji)),
    (b"$B", Escape::Low(Low::Kanji)),
    (b"$@", Escape::Low(Low::Kanji)),
    (b"$(D", Escape::Low(Low::MoreKanji)),
    (b")I", Escape::High(High::Katakana)),
    (b"$)C", Escape::High(High::Double(EUC_KR))),
    (b"$)A", Escape::High(High::Double(GBK))),
    (b"-A", Escape::High(High::Latin1)),
    (b"-B", Escape::High(High::Single(ISO_8859_2))),
    (b"-C", Escape::High(High::Single(ISO_8859_3))),
    (b"-D", Escape::High(High::Single(ISO_8859_4))),
    (b"-L", Escape::High(High::Single(ISO_8859_5))),
    (b"-G", Escape::High(High::Single(ISO_8859_6))),
    (b"-F", Escape::High(High::Single(ISO_8859_7))),
    (b"-H", Escape::High(High::Single(ISO_8859_8))),
    (b"-M", Escape::High(High::Single(WINDOWS_1254))),
    (b"-T", Escape::High(High::Single(WINDOWS_874))),
    (b"-b", Escape::High(High::Single(ISO_8859_15))),
];

#[derive(Clone, Copy)]
enum Escape {
    Low(Low),
    High(High),
}

/// A person's name, or another text of them, as letters: its groups (alphabetic, ideographic, phonetic)
/// stay parted by `=`, the parts of each by `^`. Without its padding.
pub(super) fn person_name(bytes: &[u8], declared: &str) -> String {
    let text = decode(bytes, declared);
    text.trim_matches([' ', '\0']).to_owned()
}

fn decode(bytes: &[u8], declared: &str) -> String {
    let first = declared.split('\\').next().unwrap_or_default().trim();
    let whole = match first {
        "ISO_IR 192" => Some(UTF_8),
        "GB18030" => Some(GB18030),
        "GBK" => Some(GBK),
        _ => None,
    };
    if let Some(encoding) = whole {
        return strictly(encoding, bytes).unwrap_or_else(|| guess(bytes));
    }
    let start = start(first);
    let has_high = bytes.iter().any(|byte| *byte >= 0x80);
    if has_high && matches!(start.high, High::Nothing) && !bytes.contains(&0x1b) {
        return guess(bytes);
    }
    extended(bytes, start)
}

/// The state at the beginning, by the attribute's first value. A value that is
/// none of the standard's is as good as none.
fn start(first: &str) -> State {
    let number = first
        .strip_prefix("ISO_IR ")
        .or_else(|| first.strip_prefix("ISO 2022 IR "));
    let (low, high) = match number.unwrap_or_default() {
        "13" => (Low::Romaji, High::Katakana),
        "58" => (Low::Ascii, High::Double(GBK)),
        "87" => (Low::Ascii, High::Nothing),
        "100" => (Low::Ascii, High::Latin1),
        "101" => (Low::Ascii, High::Single(ISO_8859_2)),
        "109" => (Low::Ascii, High::Single(ISO_8859_3)),
        "110" => (Low::Ascii, High::Single(ISO_8859_4)),
        "126" => (Low::Ascii, High::Single(ISO_8859_7)),
        "127" => (Low::Ascii, High::Single(ISO_8859_6)),
        "138" => (Low::Ascii, High::Single(ISO_8859_8)),
        "144" => (Low::Ascii, High::Single(ISO_8859_5)),
        "148" => (Low::Ascii, High::Single(WINDOWS_1254)),
        "149" => (Low::Ascii, High::Double(EUC_KR)),
        "166" => (Low::Ascii, High::Single(WINDOWS_874)),
        "203" => (Low::Ascii, High::Single(ISO_8859_15)),
        _ => (Low::Ascii, High::Nothing),
    };
    State { low, high }
}

/// Text with code extensions.
fn extended(bytes: &[u8], start: State) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut state = start;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        if let Some((length, escape)) = escape(rest) {
            match escape {
                Escape::Low(low) => state.low = low,
                Escape::High(high) => state.high = high,
            }
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let second = tail.first().copied();
        let (letters, used) = match (state.low, state.high, second) {
            (Low::Kanji, _, Some(second)) if is_low_pair(byte, second) => {
                (pair(EUC_JP, &[byte | 0x80, second | 0x80]), 2)
            }
            (Low::MoreKanji, _, Some(second)) if is_low_pair(byte, second) => {
                (pair(EUC_JP, &[0x8f, byte | 0x80, second | 0x80]), 2)
            }
            (_, High::Double(encoding), Some(second)) if byte >= 0xa1 && second >= 0xa1 => {
                (pair(encoding, &[byte, second]), 2)
            }
            _ => (single(byte, state), 1),
        };
        text.push_str(&letters);
        if matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r') || (used == 1 && b"^=".contains(&byte)) {
            state = start;
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    text
}

/// The escape that bytes begin with, and its length.
fn escape(bytes: &[u8]) -> Option<(usize, Escape)> {
    let after = bytes.strip_prefix(b"\x1b")?;
    let (sequence, escape) = ESCAPES
        .iter()
        .find(|(sequence, _)| after.starts_with(sequence))?;
    Some((1 + sequence.len(), *escape))
}

const fn is_low_pair(first: u8, second: u8) -> bool {
    matches!((first, second), (0x21..=0x7e, 0x21..=0x7e))
}

/// A letter of one byte.
fn single(byte: u8, state: State) -> String {
    let letter = match (byte, state.low, state.high) {
        (0x5c, Low::Romaji, _) => '¥',
        (0x7e, Low::Romaji, _) => '‾',
        (0xa1..=0xdf, _, High::Katakana) => {
            char::from_u32(0xff61 + u32::from(byte - 0xa1)).unwrap_or('\u{fffd}')
        }
        (0xa0.., _, High::Single(encoding)) => return pair(encoding, &[byte]),
        _ => char::from(byte),
    };
    letter.to_string()
}

/// The letter of these bytes; those that are none are read as Latin-1.
fn pair(encoding: &'static Encoding, bytes: &[u8]) -> String {
    strictly(encoding, bytes).unwrap_or_else(|| latin1(bytes))
}

fn strictly(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(decoded.into_owned())
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Bytes whose set is not declared, or is not the declared one.
fn guess(bytes: &[u8]) -> String {
    strictly(UTF_8, bytes)
        .or_else(|| strictly(SHIFT_JIS, bytes))
        .unwrap_or_else(|| latin1(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(declared: &str, bytes: &[u8], expected: &str) {
        assert_eq!(person_name(bytes, declared), expected, "{declared}");
    }

    /// The examples of PS3.5 annexes H, I, J and K.
    #[test]
    fn the_standards_examples() {
        check(
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\
              \x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        );
        check(
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\
              \x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        );
        check(
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\
              \x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        );
        check(
            "ISO_IR 192",
            "Wang^XiaoDong=王^小東=".as_bytes(),
            "Wang^XiaoDong=王^小東=",
        );
        check(
            "GB18030",
            b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
            "Wang^XiaoDong=王^小东=",
        );
        check(
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
        );
    }

    #[test]
    fn every_single_byte_set() {
        check("ISO_IR 100", b"\xc4neas^R\xfcdiger", "Äneas^Rüdiger");
        check("ISO_IR 101", b"Wa\xb3\xeasa", "Wałęsa");
        check("ISO_IR 109", b"\xc6\xaf", "Ĉ\u{17b}");
        check("ISO_IR 110", b"\xbc\xec", "ŧė");
        check("ISO_IR 144", b"\xbb\xeeyce\xdcyp\xd3", "Люyceмypг");
        check("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني");
        check("ISO_IR 126", b"\xc4\xe9\xef\xed", "Διον");
        check("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון");
        check("ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu");
        check("ISO_IR 166", b"\xca\xc1\xaa\xd2\xc2", "สมชาย");
        check("ISO_IR 203", b"\xa4\xbd", "€œ");
        check("ISO_IR 13", b"\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ");
        check("ISO_IR 6", b"Plain^Name ", "Plain^Name");
        check("", b"Plain^Name\0", "Plain^Name");
    }

    #[test]
    fn code_extensions_reset_where_the_standard_says() {
        // JIS X 0212, row 16: only under ISO 2022 IR 159.
        check(
            "\\ISO 2022 IR 87\\ISO 2022 IR 159",
            b"A=\x1b$(D0!\x1b(B^\x1b$B;3\x1b(B",
            "A=丂^山",
        );
        // Greek in G1 ends at the delimiter: then it is Latin-1 again.
        check(
            "ISO 2022 IR 100\\ISO 2022 IR 126",
            b"\x1b-F\xc4\xe9^\xc4\xe9",
            "Δι^Äé",
        );
        check("\\ISO 2022 IR 87", b"\x1b$B;3\r\nabcd", "山\r\nabcd");
        // A byte of a letter is no delimiter: 5EH and 3DH inside of pairs.
        check("\\ISO 2022 IR 87", b"\x1b$B=)^=\x1b(B", "秋渊");
    }

    #[test]
    fn wrong_and_missing_declarations_survive() {
        let shift_jis = b"\x8eR\x93c^\x91\xbe\x98Y";
        for declared in ["", "ISO_IR 6", "ISO_IR 192", "ISO 2022 IR 87", "NONSENSE"] {
            check(declared, shift_jis, "山田^太郎");
            check(declared, "山田^太郎".as_bytes(), "山田^太郎");
        }
        // Escapes that nobody declared.
        check("", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田");
        check("ISO_IR 100", b"\x1b$B;3ED\x1b(B", "山田");
        // Half a letter, an escape that is none, bytes of no set.
        check("\\ISO 2022 IR 87", b"\x1b$B;", ";");
        check("\\ISO 2022 IR 149", b"\x1b$)C\xfb", "\u{fb}");
        check("", b"\xff\xfe", "ÿþ");
        assert!(person_name(b"\x1b%G\x1b", "").contains("%G"));
    }

    proptest! {
        #[test]
        fn nothing_is_refused(bytes: Vec<u8>, declared in "(ISO_IR |ISO 2022 IR )?[0-9]{0,3}(\\\\ISO 2022 IR 87)?") {
            let text = decode(&bytes, &declared);
            prop_assert_eq!(text.is_empty(), bytes.is_empty());
        }
    }
}
