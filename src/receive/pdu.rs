//! Frames: protocol data units (PS3.8 9.3) off and onto a stream, bounded.
//!
//! ```text
//! type 1 | reserved 1 | length 4, big endian | body
//! P-DATA body: (item length 4 | context 1 | control 1 | fragment)*
//! ```
//!
//! A length is believed only up to what its type may have, so that no header
//! makes us allocate.

use std::io;

use dicom_ul::pdu::{Pdu, read_pdu, write_pdu};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest P-DATA that we announce and take.
pub(super) const MAX_PDU: u32 = 131_072;
/// Largest association request or answer: 128 contexts with 30 transfer
/// syntaxes each have some 100 kB.
const MAX_ASSOCIATE: u32 = 262_144;
/// Release and abort have 4 bytes; some senders pad.
const MAX_SHORT: u32 = 64;
/// Bytes before a PDU's body, and before a fragment in it.
pub(super) const HEADER: usize = 6;

/// What kind of PDU it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    AssociateRequest,
    AssociateAccept,
    AssociateReject,
    Data,
    ReleaseRequest,
    ReleaseResponse,
    Abort,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::AssociateRequest,
            2 => Self::AssociateAccept,
            3 => Self::AssociateReject,
            4 => Self::Data,
            5 => Self::ReleaseRequest,
            6 => Self::ReleaseResponse,
            7 => Self::Abort,
            _ => return None,
        })
    }

    fn limit(self) -> u32 {
        match self {
            Self::AssociateRequest | Self::AssociateAccept => MAX_ASSOCIATE,
            Self::Data => MAX_PDU,
            Self::AssociateReject | Self::ReleaseRequest | Self::ReleaseResponse | Self::Abort => {
                MAX_SHORT
            }
        }
    }
}

/// Why no PDU could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The connection failed or ended inside a PDU.
    #[error("the connection broke off")]
    Broken(#[from] io::Error),
    /// The first byte names no PDU type: not DICOM, or out of step.
    #[error("not a DICOM PDU")]
    Unrecognized,
    /// Longer than a PDU of its type may be.
    #[error("a PDU is longer than its type may be")]
    TooLong,
    /// The fields of a PDU do not fit.
    #[error("the fields of a PDU do not fit its length")]
    Malformed,
}

/// Reads one PDU; its body is in `body`. `None`: the peer closed in between.
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    body: &mut Vec<u8>,
) -> Result<Option<Kind>, FrameError> {
    let mut header = [0; HEADER];
    if stream.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    let kind = Kind::of(header[0]).ok_or(FrameError::Unrecognized)?;
    stream.read_exact(&mut header[1..]).await?;
    let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    if length > kind.limit() {
        return Err(FrameError::TooLong);
    }
    let length = usize::try_from(length).map_err(|_| FrameError::TooLong)?;
    // Reserved is not touched: memory follows what has arrived, not what a
    // header says.
    body.clear();
    body.reserve(length);
    while body.len() < length {
        let left = u64::try_from(length - body.len()).unwrap_or(0);
        if stream.take(left).read_buf(body).await? == 0 {
            return Err(FrameError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(Some(kind))
}

/// Reads the fields of an association PDU's body.
pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Pdu, FrameError> {
    let length = u32::try_from(body.len()).map_err(|_| FrameError::TooLong)?;
    let mut bytes = vec![kind, 0];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body);
    match read_pdu(bytes.as_slice(), MAX_ASSOCIATE, true) {
        Ok(Some(pdu)) => Ok(pdu),
        Ok(None) | Err(_) => Err(FrameError::Malformed),
    }
}

/// The bytes of an association, release or abort PDU.
pub(super) fn encode(pdu: &Pdu) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).map_err(|_| FrameError::Malformed)?;
    Ok(bytes)
}

/// A-RELEASE-RQ.
pub(super) const RELEASE_REQUEST: [u8; 10] = [5, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// A-RELEASE-RP.
pub(super) const RELEASE_RESPONSE: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// A-ABORT by the service provider, with a reason of PS3.8 table 9-26.
pub(super) const fn abort(reason: u8) -> [u8; 10] {
    [7, 0, 0, 0, 0, 4, 0, 0, 2, reason]
}

/// A fragment of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    /// Its presentation context.
    pub(super) context: u8,
    /// Of a command; else of a data set.
    pub(super) command: bool,
    /// The last one.
    pub(super) last: bool,
    /// The bytes.
    pub(super) bytes: &'a [u8],
}

/// The fragments in the body of a P-DATA.
pub(super) struct Fragments<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fragments<'a> {
    type Item = Result<Fragment<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let fragment = split(&mut self.0);
        if fragment.is_none() {
            self.0 = &[];
        }
        Some(fragment.ok_or(FrameError::Malformed))
    }
}

fn split<'a>(body: &mut &'a [u8]) -> Option<Fragment<'a>> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (item, rest) = rest.split_at_checked(length)?;
    let (&[context, control], bytes) = item.split_first_chunk::<2>()?;
    *body = rest;
    Some(Fragment {
        context,
        command: control & 1 != 0,
        last: control & 2 != 0,
        bytes,
    })
}

/// Room in a P-DATA of a peer's maximum length; 0 means no limit.
pub(super) fn room(peer_max: u32) -> usize {
    let most = if peer_max == 0 {
        MAX_PDU
    } else {
        peer_max.clamp(128, MAX_PDU)
    };
    usize::try_from(most).unwrap_or(HEADER) - HEADER
}

/// Appends a P-DATA with one fragment.
pub(super) fn push_fragment(into: &mut Vec<u8>, fragment: Fragment<'_>) {
    let item = u32::try_from(fragment.bytes.len() + 2).unwrap_or(u32::MAX);
    into.extend_from_slice(&[4, 0]);
    into.extend_from_slice(&(item + 4).to_be_bytes());
    into.extend_from_slice(&item.to_be_bytes());
    let control = u8::from(fragment.command) | u8::from(fragment.last) << 1;
    into.extend_from_slice(&[fragment.context, control]);
    into.extend_from_slice(fragment.bytes);
}

/// A command as P-DATA, in as many as the peer's maximum asks for, to be
/// written at once.
pub(super) fn command(context: u8, set: &[u8], peer_max: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(set.len() + 2 * HEADER);
    let mut chunks = set.chunks(room(peer_max)).peekable();
    while let Some(chunk) = chunks.next() {
        push_fragment(
            &mut bytes,
            Fragment {
                context,
                command: true,
                last: chunks.peek().is_none(),
                bytes: chunk,
            },
        );
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::receive::negotiate::user_variables;
    use proptest::prelude::*;

    #[test]
    fn fragments_are_split_and_joined() {
        let set: Vec<u8> = (0..=255).collect();
        let bytes = command(5, &set, 128);
        let mut joined = Vec::new();
        let mut rest = bytes.as_slice();
        let mut last = false;
        while !rest.is_empty() {
            assert!(!last);
            let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize;
            assert!(length <= 128);
            for fragment in Fragments(&rest[6..6 + length]) {
                let fragment = fragment.unwrap();
                assert!(fragment.command && fragment.context == 5);
                joined.extend_from_slice(fragment.bytes);
                last = fragment.last;
            }
            rest = &rest[6 + length..];
        }
        assert!(last);
        assert_eq!(joined, set);
    }

    fn check(body: &[u8], expected: usize, broken: bool) {
        let fragments: Vec<_> = Fragments(body).collect();
        assert_eq!(fragments.iter().filter(|f| f.is_ok()).count(), expected);
        assert_eq!(fragments.iter().any(Result::is_err), broken);
    }

    #[test]
    fn lying_items_are_refused() {
        check(&[0, 0, 0, 2, 1, 3], 1, false);
        check(&[0, 0, 0, 3, 1, 2, 9, 0, 0, 0, 2, 1, 3], 2, false);
        check(&[0, 0, 0, 0], 0, true);
        check(&[0, 0, 0, 1, 1], 0, true);
        check(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6], 0, true);
        check(&[0, 0, 0, 2, 1, 3, 0], 1, true);
    }

    #[tokio::test]
    async fn a_header_alone_allocates_nothing() {
        let cases: [(&[u8], &str); 5] = [
            (b"GET / HTTP/1.1\r\n", "not a DICOM PDU"),
            (&[1, 0, 0xff, 0xff, 0xff, 0xf0], "longer"),
            (&[4, 0, 0, 2, 0, 1], "longer"),
            (&[5, 0, 0, 1, 0, 0], "longer"),
            (&[4, 0, 0, 0, 0, 9, 1], "broke off"),
        ];
        for (mut bytes, expected) in cases {
            let mut body = Vec::new();
            let error = read(&mut bytes, &mut body).await.err().unwrap();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(body.capacity() <= 64);
        }
    }

    /// A request with contexts and user items, as bytes.
    fn request() -> Vec<u8> {
        use dicom_ul::pdu::{AssociationRQ, PresentationContextProposed};
        let context = |id| PresentationContextProposed {
            id,
            abstract_syntax: "1.2.840.10008.5.1.4.1.1.2".into(),
            transfer_syntaxes: vec!["1.2.840.10008.1.2".into(), "1.2.840.10008.1.2.1".into()],
        };
        encode(&Pdu::AssociationRQ(AssociationRQ {
            protocol_version: 1,
            calling_ae_title: "XRAY".into(),
            called_ae_title: "BONEBOX".into(),
            application_context_name: "1.2.840.10008.3.1.1.1".into(),
            presentation_contexts: vec![context(1), context(3)],
            user_variables: user_variables(),
        }))
        .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30_000))]

        /// The reader of another crate, on what anybody may send: it returns.
        #[test]
        fn broken_requests_return(
            edits in prop::collection::vec((0usize..400, any::<u8>()), 0..8),
            cut in 0usize..500,
            kind in 1u8..8,
        ) {
            let mut bytes = request();
            for (at, value) in edits {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let body = bytes.get(HEADER..).unwrap_or_default();
            if let Ok(pdu) = decode(kind, body) {
                prop_assert!(pdu.short_description().to_string().len() < 1000);
            }
            for fragment in Fragments(body) {
                prop_assert!(fragment.is_err() || fragment.is_ok_and(|f| f.bytes.len() < 500));
            }
        }
    }
}
