//! Storage commitment (PS3.4 J), as its provider: which instances the box has
//! durably. Asked by N-ACTION, answered by N-EVENT-REPORT, on the association
//! that asked or on one of its own.
//!
//! The box is no archive: it says that an instance has come and is not lost to
//! it. An original is deleted after its person is taken out.

use std::time::Duration;

use super::ReceiveError;
use super::dimse::{self, COMMITMENT};
use super::pdu::{self, Fragment};
use super::send;
use crate::config::DicomPeer;
use crate::names::AeTitle;

/// Largest request that is held: some 14,000 instances.
pub(super) const MAX_REQUEST: usize = 2_000_000;
/// Waits between tries to report on an association of its own, in seconds.
const WAITS_S: [u64; 6] = [0, 1, 5, 30, 120, 600];
const IMPLICIT: &str = "1.2.840.10008.1.2";
/// Values of undefined length inside each other: a sequence, its item, one more.
const MAX_DEPTH: u8 = 4;

/// An instance that is asked for. UIDs of the hospital: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) class: String,
    pub(super) instance: String,
}

/// What the box has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// It is safe for good.
    Held,
    /// It came, and the box will delete it, or has.
    NotKept,
    /// It never came.
    Unknown,
    /// It came as something else.
    OtherClass,
}

/// What is reported.
#[derive(Clone)]
pub(super) struct Report {
    transaction: String,
    held: Vec<Reference>,
    failed: Vec<(Reference, u16)>,
}

/// Reads a request and finds out.
pub(super) fn report(
    set: &[u8],
    syntax: &str,
    held: impl FnOnce(&[Reference]) -> Result<Vec<Holding>, ReceiveError>,
) -> Result<Report, ReceiveError> {
    let (transaction, asked) = read(set, syntax == IMPLICIT).map_err(ReceiveError::Commitment)?;
    let holdings = held(&asked)?;
    let mut report = Report {
        transaction,
        held: Vec::new(),
        failed: Vec::new(),
    };
    for (one, holding) in asked.into_iter().zip(holdings) {
        match holding {
            Holding::Held => report.held.push(one),
            // PS3.3 C.14.1.1: processing failure; no such object instance;
            // class / instance conflict.
            Holding::NotKept => report.failed.push((one, 0x0110)),
            Holding::Unknown => report.failed.push((one, 0x0112)),
            Holding::OtherClass => report.failed.push((one, 0x0119)),
        }
    }
    Ok(report)
}

/// The transaction and the instances of a request.
fn read(set: &[u8], implicit: bool) -> Result<(String, Vec<Reference>), &'static str> {
    let (mut transaction, mut asked) = (None, Vec::new());
    let mut rest = set;
    while let Some((tag, value)) = element(&mut rest, implicit, 0)? {
        match tag {
            (0x0008, 0x1195) => transaction = Some(uid(value)?),
            (0x0008, 0x1199) => asked = items(value, implicit)?,
            _ => {}
        }
    }
    let transaction = transaction.ok_or("there is no Transaction UID")?;
    if asked.is_empty() {
        return Err("no instance is referenced");
    }
    Ok((transaction, asked))
}

fn items(mut rest: &[u8], implicit: bool) -> Result<Vec<Reference>, &'static str> {
    let mut found = Vec::new();
    while let Some((tag, mut item)) = element(&mut rest, true, 0)? {
        if tag != (0xfffe, 0xe000) {
            return Err("something other than an item in a sequence");
        }
        let (mut class, mut instance) = (None, None);
        while let Some((tag, value)) = element(&mut item, implicit, 0)? {
            match tag {
                (0x0008, 0x1150) => class = Some(uid(value)?),
                (0x0008, 0x1155) => instance = Some(uid(value)?),
                _ => {}
            }
        }
        found.push(Reference {
            class: class.ok_or("a reference has no class")?,
            instance: instance.ok_or("a reference has no instance")?,
        });
    }
    Ok(found)
}

fn uid(value: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "a UID is not valid")?;
    let text = text.trim_end_matches(['\0', ' ']);
    let good = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(good) {
        return Err("a UID is not valid");
    }
    Ok(text.to_owned())
}

type Element<'a> = ((u16, u16), &'a [u8]);

/// The next element or item. A value of undefined length is what stands before
/// its delimiter; the delimiters of what is inside are counted.
fn element<'a>(
    rest: &mut &'a [u8],
    implicit: bool,
    depth: u8,
) -> Result<Option<Element<'a>>, &'static str> {
    const SHORT: &str = "a length reaches beyond the end";
    if rest.is_empty() {
        return Ok(None);
    }
    let (&[g0, g1, e0, e1], after) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let tag = (u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    let (length, after) = if implicit || tag.0 == 0xfffe {
        let (bytes, after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
        (u32::from_le_bytes(*bytes), after)
    } else {
        let (&[v0, v1, l0, l1], after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
        if matches!(
            &[v0, v1],
            b"SQ" | b"UN" | b"OB" | b"OW" | b"UT" | b"UC" | b"UR"
        ) {
            let (bytes, after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
            (u32::from_le_bytes(*bytes), after)
        } else {
            (u32::from(u16::from_le_bytes([l0, l1])), after)
        }
    };
    if length == u32::MAX {
        let (value, after) = delimited(after, tag.0 == 0xfffe, implicit, depth)?;
        *rest = after;
        return Ok(Some((tag, value)));
    }
    let length = usize::try_from(length).map_err(|_| SHORT)?;
    let (value, after) = after.split_at_checked(length).ok_or(SHORT)?;
    *rest = after;
    Ok(Some((tag, value)))
}

/// What stands before the delimiter of an item or a sequence, and what after
/// it. Sequences in sequences have no place in a request.
fn delimited(
    bytes: &[u8],
    item: bool,
    implicit: bool,
    depth: u8,
) -> Result<(&[u8], &[u8]), &'static str> {
    if depth > MAX_DEPTH {
        return Err("sequences are nested too deep");
    }
    let end = if item { 0xe00d } else { 0xe0dd };
    let mut rest = bytes;
    loop {
        let before = bytes.len() - rest.len();
        match element_flat(&mut rest, implicit, depth + 1)? {
            (0xfffe, number) if number == end => {
                return Ok((bytes.get(..before).unwrap_or_default(), rest));
            }
            _ => {}
        }
    }
}

/// Passes over one element, an item's head only if its length is undefined.
fn element_flat(rest: &mut &[u8], implicit: bool, depth: u8) -> Result<(u16, u16), &'static str> {
    let undefined_item = rest.starts_with(&[0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    if undefined_item {
        let (_, after) = rest.split_at(8);
        let (_, after) = delimited(after, true, implicit, depth)?;
        *rest = after;
        return Ok((0xfffe, 0xe000));
    }
    let found = element(rest, implicit, depth)?.ok_or("a sequence does not end")?;
    Ok(found.0)
}

impl Report {
    /// Command and data set of the N-EVENT-REPORT, to be written at once.
    pub(super) fn message(&self, context: u8, syntax: &str, peer_max: u32) -> Vec<u8> {
        let event = if self.failed.is_empty() { 1 } else { 2 };
        let mut bytes = pdu::command(context, &dimse::report_request(1, event), peer_max);
        let set = self.data_set(syntax == IMPLICIT);
        let mut chunks = set.chunks(pdu::room(peer_max)).peekable();
        while let Some(chunk) = chunks.next() {
            let fragment = Fragment {
                context,
                command: false,
                last: chunks.peek().is_none(),
                bytes: chunk,
            };
            pdu::push_fragment(&mut bytes, fragment);
        }
        bytes
    }

    fn data_set(&self, implicit: bool) -> Vec<u8> {
        let put = |set: &mut Vec<u8>, element: u16, vr: &[u8; 2], value: &[u8]| {
            let mut value = value.to_vec();
            value.resize(value.len().next_multiple_of(2), 0);
            set.extend_from_slice(&[8, 0]);
            set.extend_from_slice(&element.to_le_bytes());
            let length = u32::try_from(value.len()).unwrap_or(0);
            if implicit {
                set.extend_from_slice(&length.to_le_bytes());
            } else if vr == b"SQ" {
                set.extend_from_slice(b"SQ\0\0");
                set.extend_from_slice(&length.to_le_bytes());
            } else {
                set.extend_from_slice(vr);
                set.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
            }
            set.append(&mut value);
        };
        let item = |one: &Reference, reason: Option<u16>| {
            let mut item = Vec::new();
            put(&mut item, 0x1150, b"UI", one.class.as_bytes());
            put(&mut item, 0x1155, b"UI", one.instance.as_bytes());
            if let Some(reason) = reason {
                put(&mut item, 0x1197, b"US", &reason.to_le_bytes());
            }
            let mut bytes = vec![0xfe, 0xff, 0x00, 0xe0];
            bytes.extend_from_slice(&u32::try_from(item.len()).unwrap_or(0).to_le_bytes());
            bytes.append(&mut item);
            bytes
        };
        let mut set = Vec::new();
        put(&mut set, 0x1195, b"UI", self.transaction.as_bytes());
        let failed = self
            .failed
            .iter()
            .flat_map(|(one, why)| item(one, Some(*why)));
        let failed: Vec<u8> = failed.collect();
        if !failed.is_empty() {
            put(&mut set, 0x1198, b"SQ", &failed);
        }
        let held: Vec<u8> = self.held.iter().flat_map(|one| item(one, None)).collect();
        if !held.is_empty() {
            put(&mut set, 0x1199, b"SQ", &held);
        }
        set
    }
}

/// Reports on an association of its own; tries again for some minutes. A
/// sender that hears nothing asks again.
pub(super) async fn deliver(report: Report, to: DicomPeer, from: AeTitle) {
    let target = send::Target {
        ae: to.ae,
        address: to.address,
    };
    for wait in WAITS_S {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        match send::report(&report, &target, &from).await {
            Ok(()) => return,
            Err(error) => {
                let why = super::association::Chain(&error);
                tracing::warn!(error = %why, "a storage commitment could not be reported");
            }
        }
    }
}

/// What is proposed for a report: class and transfer syntax.
pub(super) fn kind() -> (String, String) {
    (COMMITMENT.to_owned(), IMPLICIT.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sample() -> Report {
        let one = |number: u32| Reference {
            class: "1.2.840.10008.5.1.4.1.1.2".into(),
            instance: format!("1.2.3.{number}"),
        };
        Report {
            transaction: "1.2.3".into(),
            held: vec![one(1), one(2)],
            failed: Vec::new(),
        }
    }

    fn check(set: &[u8], syntax: &str) {
        let asked = |asked: &[Reference]| {
            assert_eq!(asked.len(), 2);
            Ok(vec![Holding::Held, Holding::Unknown])
        };
        let report = report(set, syntax, asked).unwrap_or_else(|_| unreachable!());
        assert_eq!(report.transaction, "1.2.3");
        assert_eq!((report.held.len(), report.failed.len()), (1, 1));
        assert_eq!(report.failed[0].0.instance, "1.2.3.2");
        assert_eq!(report.failed[0].1, 0x0112);
    }

    #[test]
    fn requests_are_read_in_both_syntaxes_and_with_undefined_lengths() {
        check(&sample().data_set(true), IMPLICIT);
        check(&sample().data_set(false), "1.2.840.10008.1.2.1");
        let mut set = Vec::new();
        let implicit = |element: u16, value: &[u8]| {
            let mut bytes = vec![8, 0];
            bytes.extend_from_slice(&element.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(value);
            bytes
        };
        set.extend(implicit(0x1195, b"1.2.3\0"));
        set.extend_from_slice(&[8, 0, 0x99, 0x11, 0xff, 0xff, 0xff, 0xff]);
        for instance in [b"1.2.3.1\0", b"1.2.3.2\0"] {
            set.extend_from_slice(&[0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff]);
            set.extend(implicit(0x1150, b"1.2.840.10008.5.1.4.1.1.2\0"));
            set.extend(implicit(0x1155, instance));
            set.extend_from_slice(&[0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
        }
        set.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        check(&set, IMPLICIT);
    }

    #[test]
    fn broken_requests_are_refused_at_any_cut_and_edit() {
        let good = sample().data_set(true);
        for cut in 0..good.len() {
            assert!(read(&good[..cut], true).is_err(), "{cut}");
        }
        let deep = [8, 0, 0x99, 0x11, 0xff, 0xff, 0xff, 0xff].repeat(200_000);
        assert!(read(&deep, true).is_err());
        let deep = [0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff].repeat(200_000);
        assert!(
            read(
                &[
                    &deep[..0],
                    &[8, 0, 0x99, 0x11, 0xff, 0xff, 0xff, 0xff],
                    &deep
                ]
                .concat(),
                true
            )
            .is_err()
        );
        for at in 0..good.len() {
            for value in [0, 0xff, 0x80] {
                let mut bytes = good.clone();
                bytes[at] = value;
                // Returns, whatever it says.
                read(&bytes, true).ok();
                read(&bytes, false).ok();
            }
        }
    }
}
