//! `multipart/related` as DICOMweb uses it (PS3.18 8.6.1, RFC 2046 5.1):
//! several Part 10 files in one request body. Builds and reads; bounded in
//! parts and bytes, borrows instead of copying.
//!
//! Not a mail reader: no nesting, no transfer encodings, headers are ASCII.

use super::WireError;
use crate::names::Hasher;

/// The media type of one DICOM Part 10 file.
pub const DICOM: &str = "application/dicom";

/// Longest boundary that RFC 2046 allows.
const LONGEST_BOUNDARY: usize = 70;
/// Longest block of headers of one part that is read.
const LONGEST_HEADERS: usize = 4096;

/// How much a reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most parts in one body.
    pub parts: usize,
    /// Most bytes in one part.
    pub part_bytes: usize,
}

/// One part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its Content-Type in lower case; empty if it has none.
    pub content_type: String,
    /// Its bytes.
    pub body: &'a [u8],
}

fn malformed(why: &str) -> WireError {
    WireError::Malformed {
        what: "a multipart body",
        why: why.to_owned(),
    }
}

/// A boundary for these parts: a hash of them, so that the same parts give
/// the same request, and changed until it occurs in none of them.
#[must_use]
pub fn boundary_for(parts: &[&[u8]]) -> String {
    let mut round: u64 = 0;
    loop {
        let mut hasher = Hasher::new();
        hasher.update(&round.to_be_bytes());
        for part in parts {
            hasher.update(part);
        }
        let hash: String = hasher.finish().hex().chars().take(40).collect();
        let boundary = format!("bonebox-{hash}");
        if !parts.iter().any(|part| contains(part, boundary.as_bytes())) {
            return boundary;
        }
        round = round.wrapping_add(1);
    }
}

/// The request's Content-Type for a boundary.
#[must_use]
pub fn content_type(boundary: &str) -> String {
    format!("multipart/related; type=\"{DICOM}\"; boundary={boundary}")
}

/// The body of these Part 10 files.
#[must_use]
pub fn build(boundary: &str, parts: &[&[u8]]) -> Vec<u8> {
    let size: usize = parts
        .iter()
        .map(|part| part.len().saturating_add(160))
        .sum();
    let mut body = Vec::with_capacity(size.saturating_add(100));
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n").as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// The boundary named by a request's Content-Type, which must be
/// `multipart/related` with DICOM inside (the type may be left out).
///
/// # Errors
/// [`WireError::Malformed`] if it is another type, or names no valid boundary.
pub fn boundary_of(content_type: &str) -> Result<String, WireError> {
    let mut pieces = split_parameters(content_type).into_iter();
    let kind = pieces.next().unwrap_or_default();
    if !kind.eq_ignore_ascii_case("multipart/related") {
        return Err(malformed("the content type is not multipart/related"));
    }
    let mut boundary = None;
    for piece in pieces {
        let Some((name, value)) = piece.split_once('=') else {
            continue;
        };
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        if name.trim().eq_ignore_ascii_case("type") && !value.eq_ignore_ascii_case(DICOM) {
            return Err(malformed("the parts are not application/dicom"));
        }
        if name.trim().eq_ignore_ascii_case("boundary") {
            boundary = Some(value.to_owned());
        }
    }
    let boundary = boundary.ok_or_else(|| malformed("no boundary is named"))?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    if boundary.is_empty()
        || boundary.len() > LONGEST_BOUNDARY
        || boundary.ends_with(' ')
        || !boundary.bytes().all(good)
    {
        return Err(malformed("the boundary is not valid"));
    }
    Ok(boundary)
}

/// Splits at semicolons that stand outside quotes.
fn split_parameters(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        match pieces.last_mut() {
            Some(last) if c != ';' || quoted => last.push(c),
            _ => pieces.push(String::new()),
        }
    }
    pieces.iter().map(|piece| piece.trim().to_owned()).collect()
}

/// The parts of a body.
///
/// # Errors
/// [`WireError::Malformed`] if a boundary, a part's headers or the end is
/// missing, or a limit is passed.
pub fn parse<'a>(
    body: &'a [u8],
    boundary: &str,
    limits: Limits,
) -> Result<Vec<Part<'a>>, WireError> {
    let open = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = if body.starts_with(open.as_bytes()) {
        body.get(open.len()..).unwrap_or_default()
    } else {
        let at = find(body, between.as_bytes()).ok_or_else(|| malformed("no first boundary"))?;
        body.get(at.saturating_add(between.len())..)
            .unwrap_or_default()
    };
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        // RFC 2046 allows padding between boundary and line end.
        let padding = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        rest = rest
            .get(padding..)
            .and_then(|rest| rest.strip_prefix(b"\r\n"))
            .ok_or_else(|| malformed("no line end after a boundary"))?;
        if parts.len() == limits.parts {
            return Err(malformed("too many parts"));
        }
        let end = find(rest, between.as_bytes()).ok_or_else(|| malformed("a part has no end"))?;
        let part = rest.get(..end).unwrap_or_default();
        parts.push(read_part(part, limits)?);
        rest = rest
            .get(end.saturating_add(between.len())..)
            .unwrap_or_default();
    }
}

fn read_part<'a>(part: &'a [u8], limits: Limits) -> Result<Part<'a>, WireError> {
    let (headers, body) = if let Some(body) = part.strip_prefix(b"\r\n") {
        (&[][..], body)
    } else {
        let window = part.get(..LONGEST_HEADERS).unwrap_or(part);
        let at =
            find(window, b"\r\n\r\n").ok_or_else(|| malformed("a part's headers have no end"))?;
        (
            part.get(..at).unwrap_or_default(),
            part.get(at.saturating_add(4)..).unwrap_or_default(),
        )
    };
    if body.len() > limits.part_bytes {
        return Err(malformed("a part is too large"));
    }
    let headers =
        std::str::from_utf8(headers).map_err(|_| malformed("a part's headers are not text"))?;
    let mut content_type = String::new();
    for line in headers.split("\r\n") {
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-type")
        {
            content_type = value.trim().to_ascii_lowercase();
        }
    }
    Ok(Part { content_type, body })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    find(haystack, needle).is_some()
}

/// Where `needle` first begins. Looks for its first byte, then compares: the
/// needles here are short and rare.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let rest = haystack.get(from..)?;
        let at = from.saturating_add(rest.iter().position(|byte| *byte == first)?);
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.saturating_add(1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: Limits = Limits {
        parts: 100,
        part_bytes: 1_000_000,
    };

    fn bodies(body: &[u8], boundary: &str) -> Vec<Vec<u8>> {
        let parts = parse(body, boundary, WIDE).unwrap();
        parts.iter().map(|part| part.body.to_vec()).collect()
    }

    proptest! {
        #[test]
        fn what_is_built_is_read(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6)) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let boundary = boundary_for(&parts);
            let body = build(&boundary, &parts);
            let named = boundary_of(&content_type(&boundary)).unwrap();
            prop_assert_eq!(&named, &boundary);
            prop_assert_eq!(bodies(&body, &named), parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>());
        }

        #[test]
        fn bytes_of_any_kind_are_answered(body in prop::collection::vec(prop::sample::select(b"--b\r\n:\0aC ".to_vec()), 0..300)) {
            // No panic, no endless loop; a part is never larger than the body.
            if let Ok(parts) = parse(&body, "b", WIDE) {
                prop_assert!(parts.iter().all(|part| part.body.len() < body.len()));
            }
        }

        #[test]
        fn a_cut_body_is_refused_or_whole(cut in 0usize..400) {
            let body = build("b", &[&[1; 100], &[2; 100]]);
            // Behind the last two dashes only the line end is missing.
            let whole = body.len() - 2;
            let cut = cut.min(body.len());
            prop_assert_eq!(parse(&body[..cut], "b", WIDE).is_ok(), cut >= whole);
        }

        #[test]
        fn any_content_type_is_answered(text in "\\PC{0,120}") {
            prop_assert!(boundary_of(&text).is_err() || text.to_lowercase().contains("boundary"));
        }
    }

    #[test]
    fn others_spellings_are_read() {
        // dcm4che writes a preamble line and quotes; Orthanc's client neither.
        let body = b"preamble\r\n--a.b \r\ncontent-type:application/dicom; transfer-syntax=*\r\n\r\nX\r\n--a.b\r\n\r\nY\r\n--a.b--";
        let parts = parse(body, "a.b", WIDE).unwrap();
        assert_eq!(
            (parts[0].body, parts[1].body),
            (b"X".as_slice(), b"Y".as_slice())
        );
        assert!(parts[0].content_type.starts_with(DICOM));
        let text = "Multipart/Related;type=application/dicom;boundary=\"a;b\"";
        assert!(boundary_of(text).is_err(), "a semicolon is not allowed");
        let text = "multipart/related; boundary=\"a.b\"; type=\"application/dicom\"";
        assert_eq!(boundary_of(text).unwrap(), "a.b");
    }

    #[test]
    fn limits_hold() {
        let body = build("b", &[b"123", b"45"]);
        let refuse = |parts, part_bytes| parse(&body, "b", Limits { parts, part_bytes }).is_err();
        assert!(refuse(1, 10) && refuse(2, 2) && !refuse(2, 3));
    }

    #[test]
    fn wrong_types_are_refused() {
        for text in [
            "",
            "application/dicom",
            "multipart/related",
            "multipart/related; boundary=",
            "multipart/related; type=\"application/dicom+json\"; boundary=b",
            "multipart/form-data; boundary=b",
        ] {
            assert!(boundary_of(text).is_err(), "{text}");
        }
    }
}
