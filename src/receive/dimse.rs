//! DIMSE messages (PS3.7): command sets as bytes, in and out. Always implicit
//! little endian, whatever the data set's transfer syntax is.
//!
//! Lengths are checked against what is there; the group length (0000,0000) is
//! written, and not needed for reading.

use super::status::DimseStatus;
use crate::names::InstanceUid;
use crate::names::SopClass;
use crate::names::Uid;

/// Verification SOP class.
pub(super) const VERIFICATION: &str = "1.2.840.10008.1.1";

/// Storage Commitment Push Model SOP class, and its one instance.
pub(super) const COMMITMENT: &str = "1.2.840.10008.1.20.1";
pub(super) const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";

/// Command Data Set Type that says that no data set follows.
const NO_DATA_SET: u16 = 0x0101;
/// Command fields.
const C_STORE: u16 = 0x0001;
const C_ECHO: u16 = 0x0030;
const C_CANCEL: u16 = 0x0fff;
const N_EVENT_REPORT: u16 = 0x0100;
const N_ACTION: u16 = 0x0130;
/// Set in a response's command field.
const RESPONSE: u16 = 0x8000;

/// What a peer asks for. UIDs of the hospital: no `Debug`.
pub(super) enum Request {
    /// C-ECHO-RQ.
    Echo {
        /// Message ID.
        message: u16,
    },
    /// C-STORE-RQ with a data set to follow.
    Store(StoreRequest),
    /// C-CANCEL-RQ: nothing of ours can be canceled; or the answer to a report
    /// of ours.
    Cancel,
    /// N-ACTION-RQ that asks for storage commitment, with a data set to follow.
    Commit {
        /// Message ID.
        message: u16,
    },
    /// Some other request.
    Other {
        /// Its command field.
        field: u16,
        /// Message ID.
        message: u16,
        /// A data set follows.
        data_set: bool,
    },
}

/// A C-STORE-RQ.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StoreRequest {
    /// Message ID.
    pub(super) message: u16,
    /// Affected SOP Class UID, if it is one.
    pub(super) class: Option<Uid<SopClass>>,
    /// Affected SOP Instance UID, if it is one.
    pub(super) instance: Option<Uid<InstanceUid>>,
}

/// The command set breaks PS3.7: the association cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// The elements of a command set.
pub(super) struct CommandSet<'a>(&'a [u8]);

impl<'a> CommandSet<'a> {
    /// Checks that every element lies in group 0000 and within the bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            split(&mut rest).ok_or(Broken("an element of the command does not fit"))?;
        }
        Ok(Self(bytes))
    }

    pub(super) fn value(&self, element: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let Some((found, value)) = split(&mut rest) {
            if found == element {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn number(&self, element: u16) -> Option<u16> {
        let bytes = self.value(element)?.try_into().ok()?;
        Some(u16::from_le_bytes(bytes))
    }

    fn uid(&self, element: u16) -> Option<&'a str> {
        Some(self.text(element)?.trim_end_matches(['\0', ' ']))
    }

    pub(super) fn text(&self, element: u16) -> Option<&'a str> {
        std::str::from_utf8(self.value(element)?).ok()
    }
}

/// The next element; `None` at the end or if it does not fit.
fn split<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let (&[0, 0, e0, e1, l0, l1, l2, l3], tail) = rest.split_first_chunk::<8>()? else {
        return None;
    };
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let (value, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some((u16::from_le_bytes([e0, e1]), value))
}

/// Reads a request.
pub(super) fn request(bytes: &[u8]) -> Result<Request, Broken> {
    let set = CommandSet::new(bytes)?;
    let field = set.number(0x0100).ok_or(Broken("no Command Field"))?;
    if field == C_CANCEL || field == N_EVENT_REPORT | RESPONSE {
        return Ok(Request::Cancel);
    }
    if field & RESPONSE != 0 {
        return Err(Broken("a response that nobody asked for"));
    }
    let message = set.number(0x0110).ok_or(Broken("no Message ID"))?;
    let data_set = set
        .number(0x0800)
        .ok_or(Broken("no Command Data Set Type"))?
        != NO_DATA_SET;
    Ok(match (field, data_set) {
        (C_ECHO, false) => Request::Echo { message },
        (C_STORE, true) => Request::Store(StoreRequest {
            message,
            class: set.text(0x0002).and_then(|text| text.parse().ok()),
            instance: set.text(0x1000).and_then(|text| text.parse().ok()),
        }),
        (N_ACTION, true)
            if set.uid(0x0003) == Some(COMMITMENT)
                && set.uid(0x1001) == Some(COMMITMENT_INSTANCE)
                && set.number(0x1008) == Some(1) =>
        {
            Request::Commit { message }
        }
        (C_STORE, false) => return Err(Broken("a C-STORE without a data set")),
        _ => Request::Other {
            field,
            message,
            data_set,
        },
    })
}

/// A command set being written, without its group length.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn element(mut self, element: u16, value: &[u8], pad: u8) -> Self {
        let odd = value.len() % 2;
        let length = u32::try_from(value.len() + odd).unwrap_or(0);
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len() + odd, pad);
        self
    }

    fn number(self, element: u16, value: u16) -> Self {
        self.element(element, &value.to_le_bytes(), 0)
    }

    /// The set with its group length in front.
    fn finish(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(0);
        let mut set = vec![0, 0, 0, 0, 4, 0, 0, 0];
        set.extend_from_slice(&length.to_le_bytes());
        set.extend_from_slice(&self.0);
        set
    }
}

/// C-ECHO-RSP.
pub(super) fn echo_response(message: u16) -> Vec<u8> {
    Writer::default()
        .element(0x0002, VERIFICATION.as_bytes(), 0)
        .number(0x0100, C_ECHO | RESPONSE)
        .number(0x0120, message)
        .number(0x0800, NO_DATA_SET)
        .number(0x0900, DimseStatus::Success.code())
        .finish()
}

/// C-STORE-RSP. The UIDs go back to the peer that sent them.
pub(super) fn store_response(
    request: &StoreRequest,
    status: DimseStatus,
    comment: &str,
) -> Vec<u8> {
    let mut writer = Writer::default();
    if let Some(class) = &request.class {
        writer = writer.element(0x0002, class.as_str().as_bytes(), 0);
    }
    writer = writer
        .number(0x0100, C_STORE | RESPONSE)
        .number(0x0120, request.message)
        .number(0x0800, NO_DATA_SET)
        .number(0x0900, status.code());
    if !comment.is_empty() {
        let comment: String = comment.chars().take(64).collect();
        writer = writer.element(0x0902, comment.as_bytes(), b' ');
    }
    if let Some(instance) = &request.instance {
        writer = writer.element(0x1000, instance.as_str().as_bytes(), 0);
    }
    writer.finish()
}

/// The response to a request that is none of ours.
pub(super) fn unrecognized(field: u16, message: u16) -> Vec<u8> {
    Writer::default()
        .number(0x0100, field | RESPONSE)
        .number(0x0120, message)
        .number(0x0800, NO_DATA_SET)
        .number(0x0900, DimseStatus::UnrecognizedOperation.code())
        .finish()
}

/// N-ACTION-RSP for storage commitment.
pub(super) fn commit_response(message: u16, status: DimseStatus) -> Vec<u8> {
    Writer::default()
        .element(0x0002, COMMITMENT.as_bytes(), 0)
        .number(0x0100, N_ACTION | RESPONSE)
        .number(0x0120, message)
        .number(0x0800, NO_DATA_SET)
        .number(0x0900, status.code())
        .element(0x1000, COMMITMENT_INSTANCE.as_bytes(), 0)
        .number(0x1008, 1)
        .finish()
}

/// N-EVENT-REPORT-RQ for storage commitment; event 1: all is held, 2: not all.
pub(super) fn report_request(message: u16, event: u16) -> Vec<u8> {
    Writer::default()
        .element(0x0002, COMMITMENT.as_bytes(), 0)
        .number(0x0100, N_EVENT_REPORT)
        .number(0x0110, message)
        .number(0x0800, 0x0001)
        .element(0x1000, COMMITMENT_INSTANCE.as_bytes(), 0)
        .number(0x1002, event)
        .finish()
}

/// C-ECHO-RQ.
pub(super) fn echo_request(message: u16) -> Vec<u8> {
    Writer::default()
        .element(0x0002, VERIFICATION.as_bytes(), 0)
        .number(0x0100, C_ECHO)
        .number(0x0110, message)
        .number(0x0800, NO_DATA_SET)
        .finish()
}

/// C-STORE-RQ of medium priority.
pub(super) fn store_request(message: u16, class: &str, instance: &str) -> Vec<u8> {
    Writer::default()
        .element(0x0002, class.as_bytes(), 0)
        .number(0x0100, C_STORE)
        .number(0x0110, message)
        .number(0x0700, 0)
        .number(0x0800, 0x0001)
        .element(0x1000, instance.as_bytes(), 0)
        .finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// C-ECHO-RQ as dcmtk 3.6.7 `echoscu` sends it: group length 56, class
    /// 1.2.840.10008.1.1 padded with NUL, field 0030, message 1, no data set.
    const ECHO: &[u8] = &[
        0, 0, 0, 0, 4, 0, 0, 0, 0x38, 0, 0, 0, //
        0, 0, 2, 0, 0x12, 0, 0, 0, b'1', b'.', b'2', b'.', b'8', b'4', b'0', b'.', b'1', b'0',
        b'0', b'0', b'8', b'.', b'1', b'.', b'1', 0, //
        0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0, //
        0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0, //
        0, 0, 0, 8, 2, 0, 0, 0, 1, 1,
    ];

    #[test]
    fn a_captured_echo() {
        assert!(matches!(request(ECHO), Ok(Request::Echo { message: 1 })));
        assert_eq!(echo_request(1), ECHO);
    }

    #[test]
    fn a_store_is_read_with_its_uids() {
        let bytes = store_request(7, "1.2.840.10008.5.1.4.1.1.2", "1.2.3");
        let Ok(Request::Store(store)) = request(&bytes) else {
            unreachable!("it is a C-STORE");
        };
        assert_eq!(store.message, 7);
        assert_eq!(store.class.unwrap().as_str(), "1.2.840.10008.5.1.4.1.1.2");
        assert_eq!(store.instance.unwrap().as_str(), "1.2.3");
        let bytes = store_request(7, "1.2.840.10008.5.1.4.1.1.2", "../../name");
        assert!(matches!(request(&bytes), Ok(Request::Store(s)) if s.instance.is_none()));
    }

    #[test]
    fn responses_say_whom_they_answer() {
        let store = StoreRequest {
            message: 9,
            class: None,
            instance: "1.2.3".parse().ok(),
        };
        let bytes = store_response(&store, DimseStatus::OutOfResources, &"x".repeat(99));
        let set = CommandSet::new(&bytes).unwrap();
        assert_eq!(set.number(0x0100), Some(0x8001));
        assert_eq!(set.number(0x0120), Some(9));
        assert_eq!(set.number(0x0900), Some(0xa700));
        assert_eq!(set.value(0x0902).unwrap().len(), 64);
        assert_eq!(set.value(0x1000), Some(b"1.2.3\0".as_slice()));
        let length = u32::try_from(bytes.len() - 12).unwrap();
        assert_eq!(set.value(0x0000).unwrap(), length.to_le_bytes());
        let bytes = echo_response(3);
        assert_eq!(CommandSet::new(&bytes).unwrap().number(0x0120), Some(3));
        let bytes = unrecognized(0x0020, 4);
        let set = CommandSet::new(&bytes).unwrap();
        assert_eq!(set.number(0x0100), Some(0x8020));
        assert_eq!(set.number(0x0900), Some(0x0211));
    }

    #[test]
    fn broken_commands_are_refused_at_any_cut_and_edit() {
        let good = store_request(7, "1.2.840.10008.5.1.4.1.1.2", "1.2.3");
        for cut in 0..good.len() {
            // A cut between elements lacks one; a cut within does not fit.
            let needed = request(&good[..cut]);
            assert!(needed.is_err() || cut >= good.len() - 14, "{cut}");
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            // Returns, whatever it says.
            let _: Option<Request> = request(&bytes).ok();
        }
        assert!(request(&[8, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
