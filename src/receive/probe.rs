//! What strangers' bytes reach before anything is kept, as functions without
//! socket, disk or settings: for the fuzzers in `fuzz/`, and for the tests that
//! replay what they found. Not in builds without `test-hooks`.

use std::io::Cursor;
use std::time::Duration;

use dicom_ul::pdu::Pdu;
use futures_util::FutureExt;

use super::association::{Action, Dialogue};
use super::commitment::{self, Holding};
use super::dimse;
use super::facts;
use super::negotiate::{Road, negotiate};
use super::pdu::{self, Fragments, Kind};
use crate::config::DicomSettings;
use crate::spool::Limits;
use crate::spool::Meta;
use crate::spool::ScanError;
use crate::spool::scan_data_set;

/// What came of some bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// The association was granted.
    pub accepted: bool,
    /// Commands that were answered or began a data set.
    pub commands: usize,
    /// Data sets that came to their end.
    pub data_sets: usize,
    /// Largest memory that a PDU's body took, in bytes.
    pub memory: usize,
}

fn settings() -> DicomSettings {
    DicomSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        #[allow(clippy::expect_used, reason = "it is a title")]
        ae_title: "BONEBOX".parse().expect("a title"),
        accept_any: true,
        sources: Vec::new(),
        quiet_period: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(30),
        max_associations: 1,
        max_associations_per_source: 1,
        max_instance_bytes: 1_000_000,
    }
}

/// A whole connection: the request, then what follows, as the node reads it,
/// until it would end the association.
#[must_use]
pub fn connection(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let (mut stream, mut body) = (bytes, Vec::new());
    let mut next = |body: &mut Vec<u8>| {
        // Bytes in memory are there at once.
        let read = pdu::read(&mut stream, body).now_or_never();
        read.and_then(Result::ok).flatten()
    };
    let kind = next(&mut body);
    heard.memory = body.capacity();
    if kind != Some(Kind::AssociateRequest) {
        return heard;
    }
    let Ok(Pdu::AssociationRQ(request)) = pdu::decode(1, &body) else {
        return heard;
    };
    let (settings, peer) = (settings(), [127, 0, 0, 1].into());
    let Ok((agreed, accept)) = negotiate(&request, &settings, &[], peer, Road::Plain) else {
        return heard;
    };
    heard.accepted = pdu::encode(&accept).is_ok();
    let mut dialogue = Dialogue::new(agreed.contexts);
    while next(&mut body) == Some(Kind::Data) {
        heard.memory = heard.memory.max(body.capacity());
        for fragment in Fragments(&body) {
            let action = fragment.ok().map(|fragment| dialogue.take(fragment));
            match action {
                None | Some(Err(_)) => return heard,
                Some(Ok(Action::Wait | Action::Data(_))) => {}
                Some(Ok(Action::Answer(..) | Action::Begin(..))) => heard.commands += 1,
                Some(Ok(Action::Last(..))) => heard.data_sets += 1,
                Some(Ok(Action::Commit(context, _, set))) => {
                    heard.data_sets += usize::from(asked(&set, &context.syntax));
                }
            }
        }
    }
    heard
}

/// Whether a request for storage commitment is readable.
fn asked(set: &[u8], syntax: &str) -> bool {
    let all = |asked: &[commitment::Reference]| Ok(vec![Holding::Held; asked.len()]);
    commitment::report(set, syntax, all).is_ok_and(|report| {
        // Its own answer must fit into PDUs of any size.
        !report.message(1, syntax, 128).is_empty()
    })
}

/// A command set.
#[must_use]
pub fn command(bytes: &[u8]) -> bool {
    dimse::request(bytes).is_ok()
}

/// A request for storage commitment, in both transfer syntaxes it may have.
#[must_use]
pub fn commitment_request(bytes: &[u8]) -> bool {
    let explicit = asked(bytes, "1.2.840.10008.1.2.1");
    asked(bytes, "1.2.840.10008.1.2") || explicit
}

/// The scanner over a data set in a transfer syntax, asked for all that the
/// node asks for. Elements and depth, within the bounds.
///
/// # Errors
/// [`ScanError`].
pub fn scanner(bytes: &[u8], syntax: &str) -> Result<(u64, usize), ScanError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let limits = Limits {
        inflated: 16_000_000,
        ..Limits::default()
    };
    let scan = scan_data_set(Cursor::new(bytes), length, syntax, facts::WANTED, &limits)?;
    for wanted in facts::WANTED {
        assert!(
            scan.value(*wanted)
                .is_none_or(|value| value.len() <= limits.value)
        );
    }
    assert!(scan.depth <= limits.depth && scan.elements <= limits.elements);
    Ok((scan.elements, scan.depth))
}

/// Transfer syntaxes that a first byte chooses from.
const SYNTAXES: [&str; 5] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.90",
];

fn chosen(bytes: &[u8]) -> Option<(&'static str, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let syntax = SYNTAXES.get(usize::from(*first) % SYNTAXES.len())?;
    Some((syntax, rest))
}

/// As [`scanner`]; the first byte chooses the transfer syntax.
pub fn scan_any(bytes: &[u8]) {
    if let Some((syntax, rest)) = chosen(bytes) {
        // Whatever it says, it says it within bounds.
        scanner(rest, syntax).ok();
    }
}

/// A file of a data set that the scanner lets pass; the first byte chooses the
/// transfer syntax.
#[must_use]
pub fn part10(bytes: &[u8]) -> Option<Vec<u8>> {
    let (syntax, rest) = chosen(bytes)?;
    scanner(rest, syntax).ok()?;
    let meta = Meta {
        class: "1.2.840.10008.5.1.4.1.1.2".parse().ok()?,
        instance: "1.2.3.4".parse().ok()?,
        syntax: syntax.parse().ok()?,
    };
    Some([meta.head().as_slice(), rest].concat())
}
