//! Data sets built byte by byte, then broken in every way that a sender could.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const JPEG2000: &str = "1.2.840.10008.1.2.4.90";

const STUDY: Wanted = Wanted::top(0x0020, 0x000d);
const MODALITY: Wanted = Wanted::top(0x0008, 0x0060);
const VIEW: Wanted = Wanted::within(Tag(0x0054, 0x0220), Tag(0x0008, 0x0100));
const WANTED: &[Wanted] = &[STUDY, MODALITY, VIEW];

fn tag(group: u16, element: u16) -> Vec<u8> {
    let mut bytes = group.to_le_bytes().to_vec();
    bytes.extend_from_slice(&element.to_le_bytes());
    bytes
}

/// Explicit little endian with a 16-bit length.
fn short(group: u16, element: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag(group, element);
    bytes.extend_from_slice(vr.as_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// Explicit little endian with a 32-bit length, as given.
fn long(group: u16, element: u16, vr: &str, length: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag(group, element);
    bytes.extend_from_slice(vr.as_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// Implicit little endian, or an item or delimiter.
fn bare(group: u16, element: u16, length: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag(group, element);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

const UNDEFINED: u32 = 0xffff_ffff;

/// A small image with a view code sequence of undefined length.
fn image() -> Vec<u8> {
    let code = short(0x0008, 0x0100, "SH", b"272479007 ");
    [
        short(0x0008, 0x0000, "UL", &[9, 9, 9, 9]),
        short(0x0008, 0x0060, "CS", b"DX"),
        short(0x0010, 0x0010, "PN", b"Yamada^Tarou"),
        short(0x0020, 0x000d, "UI", b"1.2.3.4\0"),
        long(0x0029, 0x1001, "UN", 4, &[1, 2, 3, 4]),
        long(0x0054, 0x0220, "SQ", UNDEFINED, &[]),
        bare(0xfffe, 0xe000, UNDEFINED, &code),
        bare(0xfffe, 0xe00d, 0, &[]),
        bare(0xfffe, 0xe000, code.len() as u32, &code),
        bare(0xfffe, 0xe0dd, 0, &[]),
        long(0x7fe0, 0x0010, "OW", 512, &[7; 512]),
    ]
    .concat()
}

fn scan(bytes: &[u8], syntax: &str) -> Result<Scan, ScanError> {
    let length = bytes.len() as u64;
    data_set(
        Cursor::new(bytes),
        length,
        syntax,
        WANTED,
        &Limits::default(),
    )
}

fn check(bytes: &[u8], syntax: &str, expected: &str) {
    let found = match scan(bytes, syntax) {
        Ok(scan) => format!("{} elements, depth {}", scan.elements, scan.depth),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected);
}

#[test]
fn an_image_is_walked_and_its_values_found() {
    let scan = scan(&image(), EXPLICIT).unwrap();
    assert_eq!(scan.text(STUDY), Some("1.2.3.4"));
    assert_eq!(scan.text(MODALITY), Some("DX"));
    assert_eq!(scan.text(VIEW), Some("272479007"));
    assert_eq!((scan.elements, scan.depth), (13, 1));
}

#[test]
fn implicit_sequences_are_known_from_the_dictionary() {
    let code = bare(0x0008, 0x0100, 4, b"1234");
    let item = bare(0xfffe, 0xe000, code.len() as u32, &code);
    let bytes = [
        bare(0x0020, 0x000d, 4, b"1.2\0"),
        bare(0x0054, 0x0220, item.len() as u32, &item),
        bare(0x7fe0, 0x0010, 2, &[0; 2]),
    ]
    .concat();
    let scan = scan(&bytes, IMPLICIT).unwrap();
    assert_eq!(scan.text(STUDY), Some("1.2"));
    assert_eq!(scan.text(VIEW), Some("1234"));
}

#[test]
fn big_endian_is_read() {
    let mut bytes = vec![0x00, 0x20, 0x00, 0x0d, b'U', b'I', 0, 4];
    bytes.extend_from_slice(b"1.2\0");
    assert_eq!(scan(&bytes, BIG).unwrap().text(STUDY), Some("1.2"));
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn deflated_is_inflated_within_a_limit() {
    let scan = scan(&deflate(&image()), DEFLATED).unwrap();
    assert_eq!(scan.text(STUDY), Some("1.2.3.4"));
    // A bomb: 64 MiB of zeros in 64 kB, beyond a limit of 1 MB.
    let zeros = 64 * 1024 * 1024;
    let bomb = deflate(&long(0x7fe0, 0x0010, "OB", zeros, &vec![0; zeros as usize]));
    let limits = Limits {
        inflated: 1_000_000,
        ..Limits::default()
    };
    let length = bomb.len() as u64;
    assert!(length < 100_000);
    let result = data_set(Cursor::new(bomb), length, DEFLATED, WANTED, &limits);
    assert!(matches!(result, Err(ScanError::LengthBeyondEnd { .. })));
    let broken = data_set(Cursor::new(vec![0xff; 99]), 99, DEFLATED, WANTED, &limits);
    assert!(matches!(broken, Err(ScanError::Deflated { .. })));
}

#[test]
fn fragments_are_walked() {
    let pixels = [
        long(0x7fe0, 0x0010, "OB", UNDEFINED, &[]),
        bare(0xfffe, 0xe000, 0, &[]),
        bare(0xfffe, 0xe000, 8, &[0xff; 8]),
        bare(0xfffe, 0xe0dd, 0, &[]),
    ]
    .concat();
    check(&pixels, JPEG2000, "4 elements, depth 0");
    check(
        &pixels[..pixels.len() - 8],
        JPEG2000,
        "at byte 36: a length reaches beyond the end",
    );
    let nested = [
        long(0x7fe0, 0x0010, "OB", UNDEFINED, &[]),
        bare(0xfffe, 0xe000, UNDEFINED, &[]),
    ]
    .concat();
    check(
        &nested,
        JPEG2000,
        "at byte 12: a fragment of undefined length",
    );
}

/// Hostile probe 4: sequences in sequences, by undefined lengths.
fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        bytes.extend(long(0x0040, 0xa730, "SQ", UNDEFINED, &[]));
        bytes.extend(bare(0xfffe, 0xe000, UNDEFINED, &[]));
    }
    for _ in 0..levels {
        bytes.extend(bare(0xfffe, 0xe00d, 0, &[]));
        bytes.extend(bare(0xfffe, 0xe0dd, 0, &[]));
    }
    bytes
}

#[test]
fn nesting_ends_at_the_limit() {
    check(&nested(16), EXPLICIT, "64 elements, depth 16");
    let refusal = "at byte 320: nested deeper than 16 sequences";
    check(&nested(17), EXPLICIT, refusal);
    check(&nested(20_000), EXPLICIT, refusal);
    // The same hidden in `UN` of undefined length, which holds implicit VR.
    let mut hidden = long(0x0029, 0x1001, "UN", UNDEFINED, &[]);
    for _ in 0..20 {
        hidden.extend(bare(0xfffe, 0xe000, UNDEFINED, &[]));
        hidden.extend(bare(0x0040, 0xa730, UNDEFINED, &[]));
    }
    check(
        &hidden,
        EXPLICIT,
        "at byte 260: nested deeper than 16 sequences",
    );
    let implicit: Vec<u8> = (0..20)
        .flat_map(|_| {
            let mut level = bare(0x0040, 0xa730, UNDEFINED, &[]);
            level.extend(bare(0xfffe, 0xe000, UNDEFINED, &[]));
            level
        })
        .collect();
    check(
        &implicit,
        IMPLICIT,
        "at byte 256: nested deeper than 16 sequences",
    );
}

/// Hostile probe 5: a length of almost 4 GiB with 4 bytes behind it.
#[test]
fn lengths_that_lie_are_refused() {
    let lying = long(0x7fe0, 0x0010, "OW", 0xffff_fff0, &[0; 4]);
    check(
        &lying,
        EXPLICIT,
        "at byte 0: a length reaches beyond the end",
    );
    let value = bare(0x0020, 0x000d, 200, b"1.2");
    check(
        &value,
        IMPLICIT,
        "at byte 8: a length reaches beyond the end",
    );
    // An element that is longer than the item it stands in.
    let element = short(0x0008, 0x0100, "SH", b"12");
    let item = bare(0xfffe, 0xe000, element.len() as u32 - 1, &element);
    let sequence = long(0x0054, 0x0220, "SQ", item.len() as u32, &item);
    check(
        &sequence,
        EXPLICIT,
        "at byte 28: a length reaches beyond the end",
    );
}

#[test]
fn what_is_no_data_set_is_refused() {
    check(
        b"GET / HTTP/1.1\r\n",
        EXPLICIT,
        "at byte 0: a value representation that is none",
    );
    let stray = bare(0xfffe, 0xe00d, 0, &[]);
    check(
        &stray,
        EXPLICIT,
        "at byte 0: an item or delimiter outside a sequence",
    );
    let twice = short(0x0020, 0x000d, "UI", b"1.2\0").repeat(2);
    check(
        &twice,
        EXPLICIT,
        "at byte 12: an identifying element stands there twice",
    );
    let text = long(0x0008, 0x0060, "UT", UNDEFINED, &[]);
    check(
        &text,
        EXPLICIT,
        "at byte 0: an undefined length where none may be",
    );
    check(b"", EXPLICIT, "0 elements, depth 0");
}

#[test]
fn elements_are_counted() {
    let limits = Limits {
        elements: 100,
        ..Limits::default()
    };
    let bytes = short(0x0029, 0x0010, "LO", b"").repeat(101);
    let length = bytes.len() as u64;
    let result = data_set(Cursor::new(bytes), length, EXPLICIT, WANTED, &limits);
    assert!(matches!(result, Err(ScanError::TooMany { limit: 100 })));
}

#[test]
fn errors_repeat_nothing_of_the_data_set() {
    let bytes = image();
    for cut in 1..bytes.len() {
        if let Err(error) = scan(&bytes[..cut], EXPLICIT) {
            assert!(!format!("{error} {error:?}").contains("Yamada"));
        }
    }
}

/// Whatever comes, the scanner returns, keeps little, and what it lets pass
/// is as shallow as promised.
fn survives(bytes: &[u8], syntax: &str) {
    if let Ok(scan) = scan(bytes, syntax) {
        assert!(scan.depth <= Limits::default().depth);
        assert!(scan.values.iter().all(|(_, value)| value.len() <= 256));
        assert!(scan.values.len() <= WANTED.len());
    }
}

fn syntaxes() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG2000])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25_000))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), syntax in syntaxes()) {
        survives(&bytes, syntax);
    }

    #[test]
    fn mutated_images(
        edits in prop::collection::vec((0usize..800, any::<u8>()), 1..6),
        cut in 0usize..900,
        syntax in syntaxes(),
    ) {
        let mut bytes = image();
        for (at, value) in edits {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut);
        survives(&bytes, syntax);
        survives(&deflate(&bytes), DEFLATED);
    }

    /// Bytes made of true pieces in a wrong order get far into the walker.
    #[test]
    fn shuffled_pieces(order in prop::collection::vec(0usize..9, 0..60), syntax in syntaxes()) {
        let pieces = [
            long(0x0040, 0xa730, "SQ", UNDEFINED, &[]),
            long(0x0040, 0xa730, "SQ", 20, &[]),
            bare(0xfffe, 0xe000, UNDEFINED, &[]),
            bare(0xfffe, 0xe000, 12, &[]),
            bare(0xfffe, 0xe00d, 0, &[]),
            bare(0xfffe, 0xe0dd, 0, &[]),
            short(0x0008, 0x0060, "CS", b"DX"),
            long(0x7fe0, 0x0010, "OB", UNDEFINED, &[]),
            long(0x0029, 0x1001, "UN", UNDEFINED, &[]),
        ];
        let bytes: Vec<u8> = order.into_iter().flat_map(|piece| pieces[piece].clone()).collect();
        survives(&bytes, syntax);
    }
}
