//! The life of a study, on paper: its states, what proves each, and what may
//! follow. No clock, no disk: `store` makes these values from rows, the steps
//! consume them, the pipeline decides when.
//!
//! ```text
//! Received -> Spooled -> Deidentified -> Analyzed -> Forwarded -> Acknowledged
//! ```
//!
//! There is no failed state. A study that cannot step keeps its state and
//! gains a [`Trouble`]. A refusal ("no wrist PA found") is a result.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::names::StudyKey;

mod evidence;
mod trouble;

pub use evidence::{
    AcknowledgedEvidence, AnalyzedEvidence, Artefact, ArtefactRole, DeidentifiedEvidence,
    FileEntry, ForwardedEvidence, ImageFacts, ImageSet, Outcome, PseudonymousImage, Quarantined,
    ReceivedEvidence, Refusal, SpooledEvidence, ViewCode,
};
pub use trouble::{Request, RequestKind, Trouble, TroubleCode};

/// The state of a study, as its row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Instances arrive.
    Received,
    /// The list of instances is closed.
    Spooled,
    /// The person is gone.
    Deidentified,
    /// Numbers, or a refusal with its reason, are there.
    Analyzed,
    /// The bundle is in the outbox.
    Forwarded,
    /// The central's receipt is held.
    Acknowledged,
}

impl State {
    /// All states in the order of a study's life.
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Spooled,
        Self::Deidentified,
        Self::Analyzed,
        Self::Forwarded,
        Self::Acknowledged,
    ];

    /// The state's name in rows and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Spooled => "spooled",
            Self::Deidentified => "deidentified",
            Self::Analyzed => "analyzed",
            Self::Forwarded => "forwarded",
            Self::Acknowledged => "acknowledged",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state as a type: what [`Study`] is marked with.
pub trait Step: 'static {
    /// The state's row value.
    const STATE: State;
    /// What proves that a study is in this state.
    type Evidence: Serialize + DeserializeOwned + Send + 'static;
}

/// States that `Self` may follow: skipping one does not compile.
pub trait After<Before: Step>: Step {}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident: $evidence:ident $(after $before:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl Step for $name {
            const STATE: State = State::$name;
            type Evidence = $evidence;
        }
        $(impl After<$before> for $name {})?
    )*};
}

states! {
    /// Instances arrive.
    Received: ReceivedEvidence;
    /// The list of instances is closed.
    Spooled: SpooledEvidence after Received;
    /// The person is gone.
    Deidentified: DeidentifiedEvidence after Spooled;
    /// Numbers, or a refusal, are there.
    Analyzed: AnalyzedEvidence after Deidentified;
    /// The bundle is in the outbox.
    Forwarded: ForwardedEvidence after Analyzed;
    /// The receipt is held.
    Acknowledged: AcknowledgedEvidence after Forwarded;
}

/// One generation of one study in a known state. Can be made only by `store`,
/// from a row in that state; a step consumes it.
#[derive(Debug)]
pub struct Study<S: Step> {
    id: StudyId,
    state: PhantomData<fn() -> S>,
}

/// Which study, which generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StudyId {
    /// The box's key of the study.
    pub key: StudyKey,
    /// 1 for the first list of instances; what comes late opens the next.
    pub generation: u32,
}

impl fmt::Display for StudyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.generation)
    }
}

impl<S: Step> Study<S> {
    /// Makes a study from its row; `None` if the row is in another state.
    /// Written only in `store` (`tests/house.rs`).
    #[must_use]
    pub fn from_row(id: StudyId, state: State) -> Option<Self> {
        (state == S::STATE).then_some(Self {
            id,
            state: PhantomData,
        })
    }

    /// Which study it is.
    #[must_use]
    pub fn id(&self) -> &StudyId {
        &self.id
    }
}
