//! What proves each state. Evidence is stored as JSON beside the row; nothing
//! in it identifies a person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::Digest;
use crate::names::InstanceKey;
use crate::names::InstanceUid;
use crate::names::LegalBasis;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::names::SeriesUid;
use crate::names::SopClass;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::wire::Figure;
use crate::wire::ModelStamp;
use crate::wire::Receipt;

/// Which way a radiograph looks, as far as its tags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewCode {
    /// Posteroanterior (PA).
    Pa,
    /// Anteroposterior (AP): not accepted in place of a PA.
    Ap,
    /// Lateral (LL, RL).
    Lateral,
    /// Oblique.
    Oblique,
    /// The tags do not say, or say something else.
    Unknown,
}

/// What the tags of a received instance say, as far as it identifies nobody
/// and the box needs it to close a study. Values outside the known lists are
/// not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// SOP class UID (a public constant).
    pub sop_class: String,
    /// Transfer syntax UID (a public constant).
    pub transfer_syntax: String,
    /// Modality code: `DX`, `CR`, `CT`, …
    pub modality: String,
    /// The view.
    pub view: ViewCode,
    /// `R`, `L` or nothing.
    pub laterality: Option<char>,
    /// Body Part Examined, if it is one of the standard's codes.
    pub body_part: Option<String>,
    /// The set of images that it says it is one of.
    #[serde(default)]
    pub set: Option<ImageSet>,
}

/// A set of images whose number is known before all are there: one acquisition
/// in one CT series that says its number of images, a concatenation, or one
/// multi-frame object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSet {
    /// The box's name for it.
    pub name: String,
    /// How many images it has; 0: it is a localizer's, which nobody waits for.
    pub count: u32,
}

/// Received: nothing beyond the rows of the instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedEvidence {}

/// Spooled: the closed list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpooledEvidence {
    /// The instances of this generation, in the order of their keys.
    pub instances: Vec<InstanceKey>,
    /// Digest over keys and digests of the list.
    pub digest: Digest,
    /// Why it was closed: `complete` or `quiet`.
    pub closed_because: String,
}

/// A file that a step wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name inside the step's folder.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A pseudonymous image: what result objects refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymousImage {
    /// Its SOP class.
    pub sop_class: Uid<SopClass>,
    /// Its pseudonymous UID.
    pub instance: Uid<InstanceUid>,
    /// Its series' pseudonymous UID.
    pub series: Uid<SeriesUid>,
}

/// An instance that could not be de-identified with certainty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Which.
    pub instance: InstanceKey,
    /// Why, as a code: `secondary-capture`.
    pub code: String,
    /// Why, for a person, without any value.
    pub text: String,
}

impl Quarantined {
    /// Reasons in spite of which a person who looked at the image may let it pass:
    /// what is uncertain is only what its pixels show.
    pub const RELEASABLE: [&'static str; 3] = [
        "burned-in",
        "not-from-detector",
        "text-in-compressed-pixels",
    ];

    /// Whether a person may release what is held apart for a reason.
    #[must_use]
    pub fn can_be_released(code: &str) -> bool {
        Self::RELEASABLE.contains(&code)
    }
}

/// Deidentified: the person is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeidentifiedEvidence {
    /// The person's stand-in in the project.
    pub pseudonym: Pseudonym,
    /// The project.
    pub project: Project,
    /// The ground on which its results may leave.
    pub basis: LegalBasis,
    /// The pseudonymous Study Instance UID.
    pub study_uid: Uid<StudyUid>,
    /// Edition of the profile: `2026c`.
    pub edition: String,
    /// How many attributes were removed, over all instances.
    pub removed: u64,
    /// How many were replaced.
    pub replaced: u64,
    /// How many were kept.
    pub kept: u64,
    /// How many attributes each rule removed or replaced, by the rule's name.
    #[serde(default)]
    pub by_rule: BTreeMap<String, u64>,
    /// The files written, `0001.dcm` …
    pub files: Vec<FileEntry>,
    /// What each file is, in the same order.
    pub images: Vec<PseudonymousImage>,
    /// What went to quarantine.
    pub quarantined: Vec<Quarantined>,
    /// Flags for a person: `burned-in-annotation-unknown`.
    pub flags: Vec<String>,
}

/// What an artefact is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtefactRole {
    /// A small preview of a radiograph (PNG).
    Thumbnail,
    /// A large preview of a radiograph (PNG).
    Preview,
    /// The projected outline over a preview (JSON).
    Overlay,
    /// Both bones for the browser (GLB).
    Scene,
    /// One bone's surface (STL).
    Surface,
    /// Cameras, poses, latent, landmarks (JSON).
    Reconstruction,
    /// A DICOM result object: these go into the bundle.
    ResultObject,
}

/// A result's file, named by its digest in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// What it is for.
    pub role: ArtefactRole,
    /// Its name for people and in bundles: `radius.stl`, `pa-preview.png`.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// Media type.
    pub media_type: String,
    /// For result objects: SOP class and instance UID.
    pub sop: Option<(String, String)>,
}

/// One reason why there are no measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code: `no-wrist-pa`.
    pub code: String,
    /// One sentence in English: what, and what to do.
    pub text_en: String,
    /// The same in Japanese.
    pub text_ja: String,
}

/// What analysis found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// Bones and measures.
    Reconstructed {
        /// `R` or `L`.
        side: char,
        /// The measures.
        figures: Vec<Figure>,
        /// The model.
        model: ModelStamp,
        /// Which provider ran it: `cpu`.
        provider: String,
        /// How well the simulated image of the bones fits the given images, -1 to 1.
        image_fit: f64,
        /// The grade of the images' scale, `A` to `F`.
        calibration_grade: char,
    },
    /// No measures, and why.
    Refused {
        /// The reasons.
        reasons: Vec<Refusal>,
    },
}

/// Analyzed: figures or a refusal, and the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyzedEvidence {
    /// What was found.
    pub outcome: Outcome,
    /// The results' files.
    pub artefacts: Vec<Artefact>,
    /// Named parts of the step with their duration in milliseconds.
    pub parts_ms: Vec<(String, f64)>,
}

/// Forwarded: the bundle is in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardedEvidence {
    /// The bundle's digest, its idempotency key.
    pub bundle: Digest,
    /// Number of objects in it.
    pub objects: u32,
}

/// Acknowledged: the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedEvidence {
    /// The central's receipt.
    pub receipt: Receipt,
}
