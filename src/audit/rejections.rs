//! What the node turned away, for the health page: an association it did not
//! grant, a connection that does not speak DICOM, an image it did not take. A
//! short memory, kept while the box runs; the log has every case and the
//! journal the refused associations.
//!
//! AE titles stand here as they were sent, because whoever allows a sender must
//! know them. They stay in memory: neither log, journal nor database has them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::clock::Moment;
use crate::names::AeTitle;

/// How many different rejections are remembered; the one that has not happened
/// for the longest time goes first.
const CAPACITY: usize = 64;

/// Why something was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// As many associations as the settings allow were open.
    Busy,
    /// What came on the port is not DICOM, or not what is expected there.
    NotDicom,
    /// An association broke the protocol and was ended.
    Violation {
        /// What was broken.
        why: &'static str,
    },
    /// The connection ended in the middle of an image; the sender has no
    /// success and sends it again.
    Interrupted,
    /// An image was not taken; the sender was told this status.
    Instance {
        /// The DIMSE status (PS3.7 C).
        status: u16,
        /// What was wrong, without a value of the data set.
        why: &'static str,
    },
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
}

impl Caller {
    /// A connection that has not said who it is.
    #[must_use]
    pub const fn silent(address: IpAddr) -> Self {
        Self {
            address,
            calling: None,
            called: None,
        }
    }
}

/// A rejection and how often it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// Who.
    pub caller: Caller,
    /// How often.
    pub count: u64,
    /// When it happened first.
    pub first: Moment,
    /// When it happened last.
    pub last: Moment,
}

/// The memory. Clones share it.
#[derive(Debug, Clone)]
pub struct Rejections {
    clock: Clock,
    known: Arc<Mutex<Vec<Rejected>>>,
}

impl Rejections {
    /// An empty memory.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            known: Arc::default(),
        }
    }

    /// Something was turned away.
    pub fn add(&self, rejection: Rejection, caller: Caller) {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &Rejected| one.rejection == rejection && one.caller == caller;
        if let Some(one) = known.iter_mut().find(|one| same(one)) {
            one.count += 1;
            one.last = now;
            return;
        }
        if known.len() >= CAPACITY {
            let oldest = (0..known.len()).min_by_key(|at| known[*at].last);
            oldest.map(|at| known.swap_remove(at));
        }
        known.push(Rejected {
            rejection,
            caller,
            count: 1,
            first: now,
            last: now,
        });
    }

    /// What was turned away since the box started, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Rejected> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = known.clone();
        all.sort_by_key(|one| std::cmp::Reverse(one.last));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn caller(last: u8) -> Caller {
        Caller::silent(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn the_same_again_is_counted_and_the_oldest_is_forgotten() {
        let clock = Clock::manual(Moment::from_micros(0));
        let rejections = Rejections::new(clock.clone());
        let again = Rejected {
            rejection: Rejection::NotDicom,
            caller: caller(1),
            count: 2,
            first: Moment::from_micros(0),
            last: Moment::from_micros(1_000_000),
        };
        rejections.add(Rejection::NotDicom, caller(1));
        clock.advance(Duration::from_secs(1));
        rejections.add(Rejection::NotDicom, caller(1));
        rejections.add(Rejection::Busy, caller(1));
        let latest = rejections.latest();
        assert_eq!(latest.len(), 2);
        assert!(latest.contains(&again));
        for last in 2..=64 {
            clock.advance(Duration::from_secs(1));
            rejections.add(Rejection::NotDicom, caller(last));
        }
        let latest = rejections.latest();
        assert_eq!(latest.len(), CAPACITY);
        assert_eq!(latest[0].caller, caller(64));
        assert!(!latest.contains(&again));
    }
}
