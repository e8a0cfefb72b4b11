//! What keeps a study from stepping, and what a person asks for.

use serde::{Deserialize, Serialize};

use super::StudyId;
use crate::clock::Moment;
use crate::names::AccountName;
use crate::names::InstanceKey;

/// Why a study does not step on. Each code has its sentence and its remedy in
/// both languages in `page`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleCode {
    /// The same instance came again with other bytes; both are kept.
    ConflictingInstance,
    /// Nothing of the study could be de-identified with certainty.
    Quarantined,
    /// De-identification failed.
    DeidentifyFailed,
    /// The model or its runtime is missing, or differs from its card.
    ModelUnavailable,
    /// The worker crashed or ran out of time or memory on this study.
    WorkerCrashed,
    /// The worker cannot be reached.
    WorkerUnavailable,
    /// A transfer syntax that the box cannot decode.
    CannotDecode,
    /// Analysis failed.
    AnalyzeFailed,
    /// The central cannot be reached.
    CentralUnreachable,
    /// The central refuses the box's certificate, or the box the central's.
    CentralRefusesUs,
    /// The central refused the results.
    CentralRefusedResults,
    /// The project states no ground on which its results may leave.
    NoLegalBasis,
    /// The disk is full.
    DiskFull,
    /// A database or file error.
    StorageFailed,
}

impl TroubleCode {
    /// The code's name in rows, logs and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConflictingInstance => "conflicting-instance",
            Self::Quarantined => "quarantined",
            Self::DeidentifyFailed => "deidentify-failed",
            Self::ModelUnavailable => "model-unavailable",
            Self::WorkerCrashed => "worker-crashed",
            Self::WorkerUnavailable => "worker-unavailable",
            Self::CannotDecode => "cannot-decode",
            Self::AnalyzeFailed => "analyze-failed",
            Self::CentralUnreachable => "central-unreachable",
            Self::CentralRefusesUs => "central-refuses-us",
            Self::CentralRefusedResults => "central-refused-results",
            Self::NoLegalBasis => "no-legal-basis",
            Self::DiskFull => "disk-full",
            Self::StorageFailed => "storage-failed",
        }
    }
}

/// What keeps a study where it is: the only kind of alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What.
    pub code: TroubleCode,
    /// More about it, without an identified value.
    pub detail: String,
    /// Since when.
    pub since: Moment,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None`: only when a person asks.
    pub next_try: Option<Moment>,
    /// Who has seen it.
    pub acknowledged_by: Option<String>,
}

/// What a person may ask for. The dashboard writes the row, the pipeline acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// Try the step again now.
    Retry,
    /// I have seen the trouble.
    AcknowledgeTrouble,
    /// The patient withdraws: erase what is held, here and at the central.
    Withdraw,
    /// This image may pass after all.
    Release {
        /// Which.
        instance: InstanceKey,
    },
    /// This image is not wanted: delete it.
    Drop {
        /// Which.
        instance: InstanceKey,
    },
}

impl RequestKind {
    /// The kind's name in the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::AcknowledgeTrouble => "acknowledge-trouble",
            Self::Withdraw => "withdraw",
            Self::Release { .. } => "release",
            Self::Drop { .. } => "drop",
        }
    }
}

/// A request row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The row's number.
    pub number: i64,
    /// Of which study.
    pub study: StudyId,
    /// What is asked.
    pub kind: RequestKind,
    /// When.
    pub at: Moment,
    /// Who asked; none before there are accounts.
    pub who: Option<AccountName>,
}
