//! The words that box and central share: what is sent, what is answered, and
//! the figure that never travels as a bare number.
//!
//! The transport is DICOMweb (PS3.18): result objects go out by STOW-RS, the
//! answer is read per instance. What the standard has no word for is here.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::names::Digest;
use crate::names::InstanceUid;
use crate::names::LegalBasis;
use crate::names::ModelId;
use crate::names::NameError;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::names::SopClass;
use crate::names::StudyUid;
use crate::names::Uid;

pub mod multipart;
pub mod stow;

/// Said on every page, print, object and export, in English.
pub const NOTICE_EN: &str = "Research use, not a diagnosis. Made by a program, not reviewed.";
/// Said on every page, print, object and export, in Japanese.
pub const NOTICE_JA: &str =
    "研究用であり、診断ではありません。プログラムが作成し、医師は確認していません。";

/// What could not be read or said in the shared words.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A bundle, receipt or answer is not in the shared form. Refuse it.
    #[error("reading {what}: {why}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A name inside is not valid. Refuse it.
    #[error("a name in a message")]
    Name(#[from] NameError),
    /// A message is not JSON of the expected form. Refuse it.
    #[error("a message's JSON")]
    Json(#[from] serde_json::Error),
}

/// The version of the words; a receiver refuses a major version it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Raised when an old receiver would misread a new message.
    pub major: u16,
    /// Raised when something was added that an old receiver may pass over.
    pub minor: u16,
}

impl ApiVersion {
    /// The version this program speaks.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };
}

/// What a figure's error was measured on. There is no variant for patients:
/// no such measurement exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasuredOn {
    /// Invented shapes, no image.
    Synthetic,
    /// Simulated X-rays of invented bones.
    SimulatedXray,
    /// A physical or digital phantom with known truth.
    Phantom,
    /// Real images with known truth.
    Real,
}

/// The model that made something: its name and the digest of its card, which
/// in turn names the digest of every file of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelStamp {
    /// Name and version.
    pub id: ModelId,
    /// SHA-256 of the model's card.
    pub digest: Digest,
}

/// A quantity as it leaves the box: never a bare number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is, as a machine-readable name: `radial_inclination_deg`.
    pub name: String,
    /// The value, in `unit`; `None` where it is unobservable.
    pub value: Option<f64>,
    /// The unit's UCUM code.
    pub unit: String,
    /// Half-width of the stated 95 % interval, in `unit`; `None` if unknown.
    pub half_width_95: Option<f64>,
    /// How the value was computed, in a few words.
    pub method: String,
    /// What the error was measured on.
    pub measured_on: MeasuredOn,
    /// Number of cases the error was measured on.
    pub measured_n: u32,
    /// The model behind it.
    pub model: ModelStamp,
}

/// One result object in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// File name inside the bundle's folder: `radius.dcm`.
    pub name: String,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// Its SOP class.
    pub sop_class: Uid<SopClass>,
    /// Its SOP Instance UID (made by the box from keyed hashes).
    pub sop_instance: Uid<InstanceUid>,
}

/// All results of one generation of one study: what the forwarder sends. Its
/// digest is the idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The words' version.
    pub version: ApiVersion,
    /// Whose results, under the project's key.
    pub pseudonym: Pseudonym,
    /// The pseudonymous Study Instance UID.
    pub study: Uid<StudyUid>,
    /// The project that sends.
    pub project: Project,
    /// The ground on which it may be sent.
    pub basis: LegalBasis,
    /// The objects, in a fixed order.
    pub objects: Vec<ResultFile>,
}

impl Bundle {
    /// The bundle as the bytes whose digest names it.
    ///
    /// # Errors
    /// [`WireError::Json`] if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The idempotency key: SHA-256 of [`Bundle::to_bytes`].
    ///
    /// # Errors
    /// As [`Bundle::to_bytes`].
    pub fn digest(&self) -> Result<Digest, WireError> {
        Ok(Digest::of(&self.to_bytes()?))
    }
}

/// What the central answered for one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "reason")]
pub enum Answer {
    /// Held by the central, byte for byte (newly, or from before).
    Stored,
    /// Refused with a DICOM failure reason (0008,1197).
    Refused(u16),
}

/// The central's receipt for a bundle. It exists only when every object of
/// the bundle is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The bundle's digest.
    pub bundle: Digest,
    /// The instances held.
    pub instances: Vec<Uid<InstanceUid>>,
    /// When the box read the answer.
    pub at: Moment,
    /// The central's name, from its certificate or answer.
    pub central: String,
}

/// A patient withdraws: the central erases what it holds of a pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// The words' version.
    pub version: ApiVersion,
    /// Who withdraws.
    pub pseudonym: Pseudonym,
    /// From which project.
    pub project: Project,
}
