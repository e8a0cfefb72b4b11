//! DIMSE status codes (PS3.7 C, PS3.4 B.2.3), and which fault gets which.

use super::ReceiveError;
use crate::spool::ScanError;
use crate::spool::SpoolError;

/// A status that we answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum DimseStatus {
    /// Stored, durably.
    Success = 0x0000,
    /// Processing failure: a fault of ours.
    ProcessingFailure = 0x0110,
    /// An argument of the operation is not valid.
    InvalidArgument = 0x0115,
    /// The SOP Instance UID breaks the rules for UIDs.
    InvalidInstance = 0x0117,
    /// The SOP class is not supported on this presentation context.
    ClassNotSupported = 0x0122,
    /// The operation is none of ours.
    UnrecognizedOperation = 0x0211,
    /// Refused: out of resources. The sender should try again.
    OutOfResources = 0xa700,
    /// Error: the data set does not match the SOP class or the command.
    Mismatch = 0xa900,
    /// Error: cannot understand.
    CannotUnderstand = 0xc000,
}

impl DimseStatus {
    /// The code as sent.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// The status of a fault and its Error Comment (0000,0902): at most 64
/// characters, no value of the data set.
pub(super) fn of(error: &ReceiveError) -> (DimseStatus, &'static str) {
    match error {
        ReceiveError::Spool(SpoolError::NoSpace { .. }) => (
            DimseStatus::OutOfResources,
            "disk full: the reserve is reached",
        ),
        ReceiveError::Spool(SpoolError::Io { .. } | SpoolError::Foreign { .. }) => (
            DimseStatus::ProcessingFailure,
            "the instance could not be written",
        ),
        ReceiveError::TooManyWait => (
            DimseStatus::OutOfResources,
            "too many instances wait: try again later",
        ),
        ReceiveError::Store(error) if error.is_disk_full() => (
            DimseStatus::OutOfResources,
            "disk full: no room for the row",
        ),
        ReceiveError::Store(_) => (
            DimseStatus::ProcessingFailure,
            "the instance could not be registered",
        ),
        ReceiveError::Scan(ScanError::Read(_)) => (
            DimseStatus::ProcessingFailure,
            "the instance could not be read back",
        ),
        ReceiveError::Scan(ScanError::LengthBeyondEnd { .. }) => (
            DimseStatus::CannotUnderstand,
            "a length reaches beyond the data set",
        ),
        ReceiveError::Scan(ScanError::TooDeep { .. }) => (
            DimseStatus::CannotUnderstand,
            "sequences are nested too deep",
        ),
        ReceiveError::Scan(ScanError::TooMany { .. }) => {
            (DimseStatus::CannotUnderstand, "too many elements")
        }
        ReceiveError::Scan(ScanError::NotDicom { .. }) => (
            DimseStatus::CannotUnderstand,
            "not a data set in this transfer syntax",
        ),
        ReceiveError::Scan(ScanError::Twice { .. }) => (
            DimseStatus::CannotUnderstand,
            "an identifying element stands there twice",
        ),
        ReceiveError::Scan(ScanError::Deflated { .. }) => (
            DimseStatus::CannotUnderstand,
            "the deflated data set is broken",
        ),
        ReceiveError::Mismatch(what) => (DimseStatus::Mismatch, what),
        ReceiveError::Missing(what) => (DimseStatus::CannotUnderstand, what),
        ReceiveError::TooLarge { .. } => {
            (DimseStatus::OutOfResources, "larger than this box accepts")
        }
        ReceiveError::Class => (
            DimseStatus::ClassNotSupported,
            "not the class of the presentation context",
        ),
        ReceiveError::Commitment(what) => (DimseStatus::InvalidArgument, what),
        ReceiveError::Instance => (
            DimseStatus::InvalidInstance,
            "the SOP Instance UID is not valid",
        ),
        ReceiveError::Program | ReceiveError::Listen(_) => (
            DimseStatus::ProcessingFailure,
            "the program failed on this instance",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn statuses_and_comments() {
        let full = SpoolError::NoSpace {
            free: 1,
            reserve: 2,
        };
        assert_eq!(of(&full.into()).0.code(), 0xa700);
        assert_eq!(of(&ReceiveError::Mismatch("SOP class")).0.code(), 0xa900);
        let deep = ScanError::TooDeep { at: 1, limit: 16 };
        assert_eq!(of(&deep.into()).0.code(), 0xc000);
        let read = ScanError::Read(io::ErrorKind::Other.into());
        assert_eq!(of(&read.into()).0.code(), 0x0110);
        assert_eq!(of(&ReceiveError::Class).0.code(), 0x0122);
        assert_eq!(of(&ReceiveError::Instance).0.code(), 0x0117);
        assert!(of(&ReceiveError::Program).1.len() <= 64);
    }
}
