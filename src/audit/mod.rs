//! What can happen, and its seal. Every change in the box is an ordered event;
//! each event's seal covers the one before, so an edit, a deletion or a new
//! order shows.
//!
//! Events name studies by the box's keys and hold no identified value.

use serde::{Deserialize, Serialize};

mod rejections;

pub use rejections::{Caller, Rejected, Rejection};

use crate::clock::Moment;
use crate::names::Digest;
use crate::names::Role;

/// What could not be sealed or verified.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// An event could not be written as JSON.
    #[error("writing an event as JSON")]
    Json(#[from] serde_json::Error),
    /// The chain is broken at an entry: it was edited, removed or moved.
    #[error("the journal's chain is broken at entry {number}")]
    Broken {
        /// The first entry that does not fit.
        number: u64,
    },
}

/// Why a person was revealed. A list, not words: no name can stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A question about the patient's care.
    ClinicalQuestion,
    /// The images may be another patient's.
    WrongPatientSuspected,
    /// The patient asks what is held, or withdraws.
    PatientRequest,
    /// The hospital checks the box.
    Inspection,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ClinicalQuestion,
        Self::WrongPatientSuspected,
        Self::PatientRequest,
        Self::Inspection,
    ];

    /// The reason's name in forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClinicalQuestion => "clinical-question",
            Self::WrongPatientSuspected => "wrong-patient-suspected",
            Self::PatientRequest => "patient-request",
            Self::Inspection => "inspection",
        }
    }

    /// The reason of a name, if it is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == name)
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The box started.
    Started {
        /// Program version.
        version: String,
    },
    /// An instance was received and is durable.
    InstanceReceived {
        /// The keyed digest of its UID.
        instance: String,
        /// Bytes.
        size: u64,
    },
    /// A known instance came again, the same bytes: no work.
    InstanceRepeated {
        /// The keyed digest of its UID.
        instance: String,
    },
    /// A known instance came with other bytes; both are kept.
    InstanceConflict {
        /// The keyed digest of its UID.
        instance: String,
    },
    /// An instance was passed on, untouched, to a PACS of the hospital, which
    /// said that it holds it.
    InstancePassedOn {
        /// The keyed digest of its UID.
        instance: String,
    },
    /// An association was refused.
    AssociationRefused {
        /// Why, as a code.
        reason: String,
    },
    /// The list of instances was closed.
    StudyClosed {
        /// Number of instances.
        instances: u32,
    },
    /// The person was taken out.
    StudyDeidentified {
        /// The profile's edition.
        edition: String,
        /// Instances that went to quarantine.
        quarantined: u32,
    },
    /// Numbers, or a refusal, are there.
    StudyAnalyzed {
        /// The reason codes of a refusal; empty if bones were reconstructed.
        refused: Vec<String>,
    },
    /// Previews were drawn.
    ArtefactsAttached {
        /// How many files.
        count: u32,
    },
    /// A refusal is a result that sends nothing: the study is done.
    StudySettled,
    /// The bundle was put into the outbox.
    StudyForwarded {
        /// The bundle's digest.
        bundle: String,
    },
    /// The central's receipt came.
    StudyAcknowledged {
        /// The bundle's digest.
        bundle: String,
    },
    /// A study cannot step on.
    TroubleRaised {
        /// The trouble's code.
        code: String,
        /// Tries so far.
        tries: u32,
    },
    /// A study's trouble is over.
    TroubleCleared {
        /// The trouble's code.
        code: String,
    },
    /// The vault opened who a pseudonym is.
    PersonRevealed {
        /// Whose.
        pseudonym: String,
        /// The account that asked.
        who: String,
        /// The role that it asked in.
        role: Role,
        /// Why.
        why: Why,
    },
    /// A person let a sender in, besides those of the settings file.
    SenderAllowed {
        /// The number of its row.
        sender: i64,
        /// SHA-256 over its AE title, address and whether it may send without
        /// TLS: the row cannot be changed unseen, and no stranger's title
        /// stands in the journal.
        digest: String,
    },
    /// A person took that back.
    SenderWithdrawn {
        /// The number of its row.
        sender: i64,
    },
    /// A person asked for something.
    Requested {
        /// What.
        kind: String,
        /// The account that asked; none before there are accounts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
    },
    /// A person opened the preview of an image that is held apart.
    QuarantineOpened {
        /// The keyed digest of the image's UID.
        instance: String,
        /// The account that asked.
        who: String,
        /// The role that it asked in.
        role: Role,
        /// Why.
        why: Why,
    },
    /// A person released an image that was held apart.
    QuarantineReleased {
        /// The keyed digest of the image's UID.
        instance: String,
        /// Who.
        who: Option<String>,
    },
    /// An image that was held apart was dropped.
    QuarantineDropped {
        /// The keyed digest of the image's UID.
        instance: String,
        /// Who; none: its time was over.
        who: Option<String>,
    },
    /// A patient withdrew: what was held under a pseudonym is erased.
    PatientWithdrawn {
        /// Who wrote the wish down.
        who: Option<String>,
    },
    /// An account was made, or got a new password, by a one-time code.
    AccountOpened {
        /// Whose.
        name: String,
        /// Its role.
        role: Role,
    },
    /// A one-time code was made.
    CodeMade {
        /// For whom; none for the first account.
        name: Option<String>,
        /// For which role.
        role: Role,
        /// Who made it; none for the box itself.
        who: Option<String>,
    },
    /// An account was closed or opened again.
    AccountChanged {
        /// Whose.
        name: String,
        /// Whether nobody can sign in with it now.
        closed: bool,
        /// Who changed it.
        who: String,
    },
    /// Somebody signed in.
    SignedIn {
        /// The account.
        who: String,
    },
    /// A sign-in failed. The name that was typed is not kept: it may be a
    /// password.
    SignInFailed,
}

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, 1 for the first.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// Of which study (`key.generation`), if of one.
    pub study: Option<String>,
    /// What.
    pub event: Event,
    /// The chain's digest up to here.
    pub seal: Seal,
}

/// The chain's digest after an event: SHA-256 over the seal before it, its
/// number, moment, study and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seal(Digest);

impl Seal {
    /// The seal before the first event.
    #[must_use]
    pub fn first() -> Self {
        Self(Digest::of(b"bonebox journal"))
    }

    /// A seal as its row holds it.
    #[must_use]
    pub fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub fn digest(self) -> Digest {
        self.0
    }

    /// The seal after the next event.
    ///
    /// # Errors
    /// [`AuditError::Json`] if the event cannot be written.
    pub fn next(
        self,
        number: u64,
        at: Moment,
        study: Option<&str>,
        event: &Event,
    ) -> Result<Self, AuditError> {
        let body = serde_json::to_string(&(self.0, number, at, study, event))?;
        Ok(Self(Digest::of(body.as_bytes())))
    }
}

/// Checks a run of entries against the seal before them.
///
/// # Errors
/// [`AuditError::Broken`] naming the first entry that does not fit.
pub fn verify(mut before: Seal, entries: &[Entry]) -> Result<Seal, AuditError> {
    for entry in entries {
        let seal = before.next(entry.number, entry.at, entry.study.as_deref(), &entry.event)?;
        if seal != entry.seal {
            return Err(AuditError::Broken {
                number: entry.number,
            });
        }
        before = seal;
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: u64) -> Vec<Entry> {
        let mut seal = Seal::first();
        (1..=length)
            .map(|number| {
                let event = Event::StudyClosed {
                    instances: u32::try_from(number).unwrap_or(0),
                };
                let at = Moment::from_micros(i64::try_from(number).unwrap_or(0));
                seal = seal.next(number, at, Some("k.1"), &event).unwrap_or(seal);
                Entry {
                    number,
                    at,
                    study: Some("k.1".into()),
                    event,
                    seal,
                }
            })
            .collect()
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert!(verify(Seal::first(), &chain(20)).is_ok());
    }

    #[test]
    fn edits_deletions_and_swaps_show() {
        let good = chain(20);
        let mut edited = good.clone();
        edited[7].event = Event::StudyClosed { instances: 99 };
        let mut deleted = good.clone();
        deleted.remove(7);
        let mut swapped = good;
        swapped.swap(7, 8);
        for bad in [edited, deleted, swapped] {
            assert!(matches!(
                verify(Seal::first(), &bad),
                Err(AuditError::Broken { .. })
            ));
        }
    }
}
