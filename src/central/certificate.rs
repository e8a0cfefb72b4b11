//! The name in a certificate whose chain was verified already: the subject's
//! common name, by which the central knows a box. Reads just enough DER
//! (X.690) to reach it.

use crate::names::Digest;

/// OID 2.5.4.3, common name, as DER.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
/// Longest name that is kept.
const LONGEST: usize = 64;

/// The name of the certificate's subject; a digest of the certificate if it
/// has none that can be printed.
pub(super) fn name(certificate: &[u8]) -> String {
    common_name(certificate).unwrap_or_else(|| {
        let digest = Digest::of(certificate).hex();
        format!(
            "certificate-{}",
            digest.chars().take(16).collect::<String>()
        )
    })
}

fn common_name(certificate: &[u8]) -> Option<String> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version,
    // serialNumber, signature, issuer, validity, subject, … (RFC 5280 4.1)
    let (_, outer, _) = element(certificate)?;
    let (_, mut rest, _) = element(outer)?;
    let (tag, _, after_version) = element(rest)?;
    if tag == 0xa0 {
        rest = after_version;
    }
    for _ in 0..4 {
        let (_, _, after) = element(rest)?;
        rest = after;
    }
    let (_, subject, _) = element(rest)?;
    // Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }
    let mut rest = subject;
    while let Some((_, set, after)) = element(rest) {
        rest = after;
        let (_, pair, _) = element(set)?;
        let Some(value) = pair.strip_prefix(COMMON_NAME) else {
            continue;
        };
        let (_, value, _) = element(value)?;
        let text = std::str::from_utf8(value).ok()?;
        let good = |c: char| c.is_ascii_graphic() || c == ' ';
        return (!text.is_empty() && text.len() <= LONGEST && text.chars().all(good))
            .then(|| text.to_owned());
    }
    None
}

/// The first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
        (length, rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SEQUENCE { SEQUENCE { [0] {}, INTEGER 1, {}, issuer {}, {}, subject } }
    fn with_subject(subject: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap_or(0x7f);
            [&[tag, length], content].concat()
        };
        let empty = wrap(0x30, &[]);
        let inner = [
            wrap(0xa0, &[]),
            wrap(0x02, &[1]),
            empty.clone(),
            empty.clone(),
            empty,
            wrap(0x30, subject),
        ]
        .concat();
        wrap(0x30, &wrap(0x30, &inner))
    }

    #[test]
    fn reads_the_subject() {
        // SET { SEQUENCE { 2.5.4.10, "o" } }, SET { SEQUENCE { 2.5.4.3, "box-1" } }
        let subject = b"\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01o\
            \x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05box-1";
        assert_eq!(name(&with_subject(subject)), "box-1");
        assert!(name(&with_subject(b"")).starts_with("certificate-"));
        assert!(name(b"garbage").starts_with("certificate-"));
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_name(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let name = name(&bytes);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST);
        }
    }
}
