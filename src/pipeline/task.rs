//! The words between box and worker: one task in, one answer out, as lines of
//! JSON. Tasks name pseudonymous files only.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::names::Pseudonym;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::study::AnalyzedEvidence;
use crate::study::Artefact;
use crate::study::PseudonymousImage;
use crate::study::StudyId;
use crate::study::TroubleCode;
use crate::wire::ModelStamp;

/// What the worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// For which study.
    pub study: StudyId,
    /// What.
    pub kind: TaskKind,
    /// The study's pseudonymous images, all generations, oldest first.
    pub images: Vec<PathBuf>,
    /// An empty folder for the files that it writes.
    pub out: PathBuf,
}

/// The kinds of task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub(super) enum TaskKind {
    /// Draw previews; needs no model.
    Preview,
    /// Reconstruct, and write the result objects.
    Analyze(Subject),
    /// Say which provider runs, or why none does.
    Probe,
}

/// What result objects are labeled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// The person's stand-in.
    pub pseudonym: Pseudonym,
    /// The pseudonymous Study Instance UID.
    pub study_uid: Uid<StudyUid>,
    /// The moment that the results are dated with: the study's own, shifted
    /// like its dates, so that a second run writes the same bytes.
    pub at: Moment,
    /// Stands for the box in the objects.
    pub serial: String,
    /// What the task's images are, in the same order.
    pub images: Vec<PseudonymousImage>,
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub(super) enum Answer {
    /// The previews.
    Previewed {
        /// Their files, in the task's folder.
        artefacts: Vec<Artefact>,
    },
    /// The evidence of the analysis.
    Analyzed {
        /// Its files lie in the task's folder.
        evidence: AnalyzedEvidence,
    },
    /// The provider.
    Ready {
        /// `cpu`, `cuda`, `tensorrt`.
        provider: String,
        /// The model that it runs.
        model: ModelStamp,
    },
    /// It could not be done, and why.
    Held {
        /// The trouble's code.
        code: TroubleCode,
        /// More, without an identified value.
        detail: String,
    },
}
