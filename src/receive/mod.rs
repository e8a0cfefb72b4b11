//! Speaks DICOM over the network: receives from the modality (C-STORE and
//! C-ECHO as a provider), and sends ([`send`]).
//!
//! ```text
//! socket -> pdu (frames) -> association (whose turn is it) -> dimse (commands)
//!                                  |
//!                                keep: spool, scan, check, seal, sync -> status
//!                                  |
//!                               settle: name, row, notice; nobody waits for it
//! ```
//!
//! An instance's bytes go to the disk as they come and are never held or
//! re-encoded. The sender hears success (0000) only when a power cut could not
//! take the instance away ([`crate::spool::sealed`]). What is refused gets its
//! status; the association goes on. Only what breaks the protocol ends it.
//!
//! Association PDUs are read and written by `dicom_ul::pdu`; P-DATA is framed
//! here, because it must be bounded, and streamed under the presentation
//! context it came in.

use std::io;

use crate::names::StudyKey;
use crate::spool::ScanError;
use crate::spool::SpoolError;
use crate::store::StoreError;

mod association;
mod callers;
mod commitment;
mod dimse;
mod facts;
mod keep;
mod line;
mod lobby;
#[cfg(test)]
mod malformed;
mod negotiate;
mod pdu;
#[cfg(any(test, feature = "test-hooks"))]
pub mod probe;
pub mod send;
mod server;
mod settle;
mod status;

pub use facts::facts_of;
pub use negotiate::DECODED;
pub use server::{Parts, serve};
pub use settle::settle_left;
pub use status::DimseStatus;

/// What the pipeline is told, so that it need not ask. A notice says that
/// something is so in `store`; a lost one is found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An instance of this study is durable.
    Stored(StudyKey),
    /// An association has ended; these studies had instances in it.
    Released(Vec<StudyKey>),
}

/// Why an instance, an association or the listener ended badly. Texts hold no
/// value of a data set and no UID of the hospital.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The listener's socket failed. The box stops.
    #[error("listening for DICOM associations")]
    Listen(#[source] io::Error),
    /// The instance could not be written: no space (A700), or a disk's fault.
    #[error("writing a received instance")]
    Spool(#[from] SpoolError),
    /// The row could not be written. The instance is held and its row tried
    /// again.
    #[error("writing a received instance's row")]
    Store(#[from] StoreError),
    /// The data set breaks the scanner's bounds. Refused (C000).
    #[error("a received data set is not readable")]
    Scan(#[from] ScanError),
    /// More instances wait for their rows than may. Refused (A700).
    #[error("too many instances wait for their rows")]
    TooManyWait,
    /// The data set is not what the command says. Refused (A900).
    #[error("the data set differs from the command: {0}")]
    Mismatch(&'static str),
    /// The data set lacks what every composite instance has. Refused (C000).
    #[error("the data set lacks {0}")]
    Missing(&'static str),
    /// The instance is larger than the settings allow. Refused (A700).
    #[error("an instance is larger than {limit} bytes")]
    TooLarge {
        /// `dicom.max_instance_mb` in bytes.
        limit: u64,
    },
    /// The command's class is not the one negotiated. Refused (0122).
    #[error("the SOP class is not that of the presentation context")]
    Class,
    /// A request for storage commitment cannot be read. Refused (0115).
    #[error("a request for storage commitment is not readable: {0}")]
    Commitment(&'static str),
    /// The command names no valid instance. Refused (0117).
    #[error("the Affected SOP Instance UID is not valid")]
    Instance,
    /// The program failed on this instance. Refused (0110).
    #[error("the program failed on an instance")]
    Program,
}
