//! A look at the bones of a Part 10 file (PS3.5 7.1, PS3.10 7) before a parser
//! gets it: every length lies inside what surrounds it, nesting is shallow, and
//! the last element ends where the file ends. So a cut file shows, and a length
//! that lies costs no memory. Explicit VR little endian only: with an implicit
//! VR a parser may see a sequence where this look sees a value.

use dicom_dictionary_std::uids;

/// Deepest nesting of sequences.
const DEEPEST: u32 = 16;
/// The length that stands for "until the delimiter".
const UNDEFINED: u32 = u32::MAX;
/// Tags of sequence structure, as group and element.
const ITEM: (u16, u16) = (0xFFFE, 0xE000);
const ITEM_END: (u16, u16) = (0xFFFE, 0xE00D);
const SEQUENCE_END: (u16, u16) = (0xFFFE, 0xE0DD);
/// Value representations whose length takes four bytes after two of reserve.
const LONG: [&[u8; 2]; 13] = [
    b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV",
];

/// Value representations whose length takes two bytes. Others are refused:
/// parsers differ on them.
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Whether a file is whole: preamble, meta group, data set, and nothing else.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    whole(bytes).is_some()
}

fn whole(bytes: &[u8]) -> Option<()> {
    let (_, rest) = bytes.split_at_checked(128)?;
    let rest = rest.strip_prefix(b"DICM")?;
    // (0002,0000) UL: the length of the meta group that follows it.
    let rest = rest.strip_prefix(b"\x02\x00\x00\x00UL\x04\x00")?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (mut meta, set) = rest.split_at_checked(length)?;
    let mut explicit = false;
    while !meta.is_empty() {
        let (head, after) = header(meta)?;
        let (value, after) = after.split_at_checked(usize::try_from(head.length).ok()?)?;
        if head.tag.0 != 2 {
            return None;
        }
        if head.tag == (0x0002, 0x0010) {
            let syntax = std::str::from_utf8(value).ok()?;
            explicit = syntax.trim_end_matches(['\0', ' ']) == uids::EXPLICIT_VR_LITTLE_ENDIAN;
        }
        meta = after;
    }
    if !explicit {
        return None;
    }
    elements(set, None, 0)?.is_empty().then_some(())
}

/// The head of an element.
struct Header {
    tag: (u16, u16),
    sequence: bool,
    length: u32,
}

fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (tag, rest) = bytes.split_first_chunk::<4>()?;
    let tag = (
        u16::from_le_bytes([tag[0], tag[1]]),
        u16::from_le_bytes([tag[2], tag[3]]),
    );
    if tag.0 == 0xFFFE {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let sequence = length == UNDEFINED;
        return Some((
            Header {
                tag,
                sequence,
                length,
            },
            rest,
        ));
    }
    let (vr, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = if LONG.contains(&vr) {
        let (_, rest) = rest.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*length), rest)
    } else if SHORT.contains(&vr) {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        (u32::from(u16::from_le_bytes(*length)), rest)
    } else {
        return None;
    };
    let sequence = vr == b"SQ";
    Some((
        Header {
            tag,
            sequence,
            length,
        },
        rest,
    ))
}

/// Passes over elements until `end`, or until the bytes end if there is none;
/// returns what follows.
fn elements(mut bytes: &[u8], end: Option<(u16, u16)>, depth: u32) -> Option<&[u8]> {
    if depth > DEEPEST {
        return None;
    }
    loop {
        if bytes.is_empty() && end.is_none() {
            return Some(bytes);
        }
        let (head, rest) = header(bytes)?;
        if Some(head.tag) == end {
            return (head.length == 0).then_some(rest);
        }
        if head.tag.0 == 0xFFFE {
            return None;
        }
        bytes = match (head.sequence, head.length) {
            (true, UNDEFINED) => items(rest, true, depth + 1)?,
            (false, UNDEFINED) => return None,
            (sequence, length) => {
                let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                if sequence {
                    items(value, false, depth + 1)?;
                }
                after
            }
        };
    }
}

/// Passes over the items of a sequence, up to its delimiter or to the end.
fn items(mut bytes: &[u8], delimited: bool, depth: u32) -> Option<&[u8]> {
    loop {
        if bytes.is_empty() && !delimited {
            return Some(bytes);
        }
        let (head, rest) = header(bytes)?;
        bytes = match head.tag {
            SEQUENCE_END if delimited && head.length == 0 => return Some(rest),
            ITEM if head.length == UNDEFINED => elements(rest, Some(ITEM_END), depth)?,
            ITEM => {
                let length = usize::try_from(head.length).ok()?;
                let (item, after) = rest.split_at_checked(length)?;
                elements(item, None, depth)?;
                after
            }
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file of explicit little endian with this data set.
    fn file(set: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes.extend_from_slice(b"DICM\x02\x00\x00\x00UL\x04\x00\x1c\x00\x00\x00");
        bytes.extend_from_slice(b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\0");
        bytes.extend_from_slice(set);
        bytes
    }

    /// (0008,0060) CS "SR"; (0008,1199) SQ of two items, one of each kind.
    const SET: &[u8] = b"\x08\x00\x60\x00CS\x02\x00SR\
        \x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff\
        \xfe\xff\x00\xe0\x0a\0\0\0\x08\x00\x60\x00CS\x02\x00SR\
        \xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x60\x00CS\x02\x00SR\xfe\xff\x0d\xe0\0\0\0\0\
        \xfe\xff\xdd\xe0\0\0\0\0\
        \x42\x00\x11\x00OB\0\0\x02\0\0\0ab";

    #[test]
    fn whole_files() {
        assert!(is_whole(&file(SET)));
        assert!(is_whole(&file(b"")));
        assert!(!is_whole(b""));
        assert!(!is_whole(&file(b"\0")));
    }

    #[test]
    fn every_cut_inside_an_element_shows() {
        let bytes = file(SET);
        let head = bytes.len() - SET.len();
        // Between elements a cut cannot be seen.
        let seams = [head, head + 10, bytes.len() - 14, bytes.len()];
        for cut in head..=bytes.len() {
            assert_eq!(is_whole(&bytes[..cut]), seams.contains(&cut), "{cut}");
        }
    }

    #[test]
    fn a_length_that_lies_shows() {
        let lie = b"\x42\x00\x11\x00OB\0\0\xf0\xff\xff\xffab";
        assert!(!is_whole(&file(lie)));
        let mut deep = Vec::new();
        for _ in 0..40 {
            deep.extend_from_slice(b"\x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff");
            deep.extend_from_slice(b"\xfe\xff\x00\xe0\xff\xff\xff\xff");
        }
        assert!(!is_whole(&file(&deep)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(set in prop::collection::vec(any::<u8>(), 0..200)) {
            let _verdict = is_whole(&file(&set));
        }
    }
}
