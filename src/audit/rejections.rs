//! What the node turned away, in words: an association it did not grant, a
//! connection that does not speak DICOM, an image it did not take. `store` keeps
//! a bounded list of them, which the health page shows.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::names::AeTitle;

/// Why something was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Rejection {
    /// Another protocol version or application context was asked for.
    Protocol,
    /// The called AE title is not the box's.
    CalledAe,
    /// The calling AE title is not on the list of senders.
    CallingAe,
    /// The sender is on the list, but calls from another address.
    Address,
    /// The sender is on the list, but may send by TLS only.
    Plain,
    /// A TLS connection did not come about: no certificate, one of another
    /// authority, revoked or expired, an old version, or no TLS at all.
    Tls,
    /// As many associations as the settings allow were open, in all or of this
    /// source.
    Busy,
    /// What came on the port is not DICOM, or not what is expected there.
    NotDicom,
    /// An association broke the protocol and was ended.
    Violation {
        /// What was broken.
        why: Cow<'static, str>,
    },
    /// The connection ended in the middle of an image; the sender has no
    /// success and sends it again.
    Interrupted,
    /// An image was not taken; the sender was told this status.
    Instance {
        /// The DIMSE status (PS3.7 C).
        status: u16,
        /// What was wrong, without a value of the data set.
        why: Cow<'static, str>,
    },
}

impl Rejection {
    /// Whether a person at the box can let such a caller in.
    #[must_use]
    pub const fn can_be_allowed(&self) -> bool {
        matches!(self, Self::CallingAe | Self::Address | Self::Plain)
    }

    /// The code of an association that was not granted, for the journal.
    #[must_use]
    pub const fn refused(&self) -> Option<&'static str> {
        match self {
            Self::Protocol => Some("protocol"),
            Self::CalledAe => Some("called-ae-unknown"),
            Self::CallingAe => Some("calling-ae-unknown"),
            Self::Address => Some("address-unknown"),
            Self::Plain => Some("tls-required"),
            Self::Busy => Some("too-many-associations"),
            Self::Tls
            | Self::NotDicom
            | Self::Violation { .. }
            | Self::Interrupted
            | Self::Instance { .. } => None,
        }
    }
}

/// Who was turned away, as far as it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Where the connection came from.
    pub address: IpAddr,
    /// What it calls itself, where that is a valid title.
    pub calling: Option<AeTitle>,
    /// Whom it called, where that is a valid title.
    pub called: Option<AeTitle>,
    /// It spoke TLS, with a certificate that is accepted.
    pub encrypted: bool,
}

impl Caller {
    /// A connection that has not said who it is.
    #[must_use]
    pub const fn silent(address: IpAddr) -> Self {
        Self {
            address,
            calling: None,
            called: None,
            encrypted: false,
        }
    }
}

/// A rejection and how often it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its row's number.
    pub number: i64,
    /// Why.
    pub rejection: Rejection,
    /// Who.
    pub caller: Caller,
    /// How often.
    pub count: u64,
    /// When it happened first.
    pub since: Moment,
    /// When it happened last.
    pub last: Moment,
}
