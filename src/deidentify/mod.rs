//! Takes the person out of the study.
//!
//! An object is read as far as its pixels within bounds (`read`), admitted or
//! quarantined (`object`), walked attribute by attribute under the standard's
//! table and our stricter lists (`rules`, `keep`), and written with a head of
//! our own while its pixels are copied by range and hashed (`write`). So the
//! size of an object does not matter, and nothing of the old head is copied
//! that no rule has seen. What cannot be de-identified with certainty is
//! quarantined with a [`Reason`] and has no output. The same input under the
//! same key gives the same bytes.

mod charset;
mod content;
mod element;
mod inflate;
mod keep;
mod object;
mod options;
mod out;
mod pixels;
mod prepare;
mod project;
mod quarantine;
mod read;
mod rules;
mod settings;
mod study;
mod text;
mod values;
mod write;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::identity::PseudonymKey;
use crate::names::Digest;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::profile::Choice;
use crate::profile::Edition;
use crate::profile::Options;
use crate::profile::RegionRule;
use crate::study::PseudonymousImage;
use crate::vault::VaultError;

pub use project::choose_project;
pub use quarantine::preview_of;
pub use rules::Counts;
pub use settings::SettingsError;
pub use study::{Input, Report, deidentify_study};

/// Why an instance went to quarantine. Codes and texts hold no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No preamble, `DICM` and file meta group.
    NotPart10,
    /// Lengths, delimiters or the order of attributes do not fit.
    Malformed,
    /// Sequences are nested deeper than 16.
    TooDeep,
    /// More attributes or values than an image has.
    TooLarge,
    /// Video, a deflated image stream or unknown.
    TransferSyntax,
    /// The SOP class is none of those that pass.
    SopClass,
    /// File meta and data set name different SOP classes.
    SopClassUnclear,
    /// Study, series or instance has no UID.
    NoIdentifiers,
    /// Image Type says that it is no image of the detector.
    NotFromDetector,
    /// Burned In Annotation says YES.
    BurnedIn,
    /// There are no pixels.
    NoPixels,
    /// The pixels are shorter than rows and columns demand.
    PixelsIncomplete,
    /// Not one gray sample a pixel.
    NotGray,
    /// Graphics lie in unused bits of the pixels.
    EmbeddedOverlay,
    /// Text, or a region to blank, lies in compressed pixels.
    TextInCompressed,
    /// The instances of the study name different patients or studies.
    MixedPatients,
    /// The instances of the study belong to different projects.
    MixedProjects,
    /// The patient withdrew.
    Withdrawn,
}

impl Reason {
    /// The reason as a code: `burned-in`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotPart10 => "not-part10",
            Self::Malformed => "malformed",
            Self::TooDeep => "too-deep",
            Self::TooLarge => "too-large",
            Self::TransferSyntax => "transfer-syntax",
            Self::SopClass => "sop-class",
            Self::SopClassUnclear => "sop-class-unclear",
            Self::NoIdentifiers => "no-identifiers",
            Self::NotFromDetector => "not-from-detector",
            Self::BurnedIn => "burned-in",
            Self::NoPixels => "no-pixels",
            Self::PixelsIncomplete => "pixels-incomplete",
            Self::NotGray => "not-gray",
            Self::EmbeddedOverlay => "embedded-overlay",
            Self::TextInCompressed => "text-in-compressed-pixels",
            Self::MixedPatients => "mixed-patients",
            Self::MixedProjects => "mixed-projects",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The reason as a sentence for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotPart10 => "This is not a DICOM file.",
            Self::Malformed => {
                "The object is damaged: its lengths or the order of its attributes do not fit."
            }
            Self::TooDeep => "Sequences are nested deeper than in any real image.",
            Self::TooLarge => "The object has more attributes than any real image.",
            Self::TransferSyntax => {
                "The transfer syntax is not one that can be de-identified (video, private)."
            }
            Self::SopClass => {
                "Only radiographs (CR, DX) and CT images pass; this is another kind of object."
            }
            Self::SopClassUnclear => {
                "The object says in two places that it is of two different kinds."
            }
            Self::NoIdentifiers => "Study, series or instance has no UID.",
            Self::NotFromDetector => {
                "Image Type says that this is a saved screen, a reformatted or a secondary image."
            }
            Self::BurnedIn => "The object says that text is burned into its pixels.",
            Self::NoPixels => "The object has no pixels.",
            Self::PixelsIncomplete => "The pixels are shorter than rows and columns demand.",
            Self::NotGray => "Radiographs and CT images are gray; this one is not.",
            Self::EmbeddedOverlay => "Graphics are hidden in unused bits of the pixels.",
            Self::TextInCompressed => {
                "Text seems to be burned into compressed pixels, which are not changed here."
            }
            Self::MixedPatients => "The images of this study name different patients or studies.",
            Self::MixedProjects => "The images of this study belong to different projects.",
            Self::Withdrawn => "This patient withdrew: nothing of theirs is processed.",
        }
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again later: the disk or the system was at fault.
    Retry,
    /// Keep the object for a person to look at.
    Hold,
}

/// Why an object was not de-identified. Nothing was passed on. Paths are not
/// repeated: a file's name may be a person's.
#[derive(Debug, thiserror::Error)]
pub enum DeidentifyError {
    /// It cannot be done with certainty. The object is kept, sealed off, for a
    /// person to release or drop.
    #[error("quarantined: {}", .0.text())]
    Quarantine(Reason),
    /// The identified file could not be read. The study keeps its state.
    #[error("cannot read the identified object")]
    Read {
        /// The system's answer.
        source: io::Error,
    },
    /// The vault could not be asked or written. The study keeps its state.
    #[error("cannot keep who the patient is")]
    Vault {
        /// The vault's answer.
        #[from]
        source: VaultError,
    },
    /// The pseudonymous file could not be written and synced. What is left of
    /// it has no bytes and stands in no list.
    #[error("cannot write the pseudonymous object")]
    Write {
        /// The system's answer.
        source: io::Error,
    },
}

impl From<Reason> for DeidentifyError {
    fn from(reason: Reason) -> Self {
        Self::Quarantine(reason)
    }
}

impl DeidentifyError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Quarantine(_) => Remedy::Hold,
            Self::Read { .. } | Self::Vault { .. } | Self::Write { .. } => Remedy::Retry,
        }
    }
}

/// Who judged what an image's pixels may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The rules here.
    ByRule,
    /// A person who looked at it and released it from quarantine.
    ByPerson,
}

/// How a project's objects are de-identified.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The project.
    pub project: Project,
    /// The standard's table.
    pub edition: &'static Edition,
    /// The options of the profile that are on.
    pub options: Options,
    /// Rectangles of pixels to blank by rule.
    pub regions: Vec<RegionRule>,
    /// Copies files unchanged, for the positive control of the leak tests.
    #[cfg(feature = "test-hooks")]
    pub unchanged: bool,
}

impl Profile {
    /// The Basic Profile of the newest edition, without options.
    #[must_use]
    pub fn basic(project: Project) -> Self {
        Self {
            project,
            edition: Edition::newest(),
            options: Options::none(),
            regions: Vec::new(),
            #[cfg(feature = "test-hooks")]
            unchanged: false,
        }
    }

    /// The profile that settings have when they do not say.
    #[must_use]
    pub fn shipped(project: Project) -> Self {
        Self {
            options: Options::shipped(),
            ..Self::basic(project)
        }
    }

    /// The method as it stands in each object (0012,0063): a value for the
    /// profile and one for each option that was at work.
    fn method(&self, done: &[Choice]) -> String {
        let mut each = vec![format!(
            "PS3.15 {} Basic; bonebox {}",
            self.edition.name(),
            env!("CARGO_PKG_VERSION")
        )];
        each.extend(done.iter().map(|choice| choice.name().to_owned()));
        each.join("\\")
    }
}

/// What was done to one instance. Holds no identified value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The patient's stand-in.
    pub pseudonym: Pseudonym,
    /// Pseudonymous Study Instance UID.
    pub study_uid: String,
    /// Pseudonymous Series Instance UID.
    pub series_uid: String,
    /// Pseudonymous SOP Instance UID.
    pub instance_uid: String,
    /// SOP class (a public constant).
    pub sop_class: String,
    /// Transfer syntax (a public constant).
    pub transfer_syntax: String,
    /// Edition of the table.
    pub edition: String,
    /// What was done to how many attributes.
    pub counts: Counts,
    /// SHA-256 of the output.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What a person should know: `burned-in-annotation-unknown`.
    pub flags: Vec<String>,
    /// Rectangles of pixels that were blanked: left, top, width, height. They
    /// say where a text stood, not what it said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blanked: Vec<[u32; 4]>,
}

impl InstanceReport {
    /// What result objects refer to; none if a UID is not valid, which the
    /// writer of the object excludes.
    fn image(&self) -> Option<PseudonymousImage> {
        Some(PseudonymousImage {
            sop_class: self.sop_class.parse().ok()?,
            instance: self.instance_uid.parse().ok()?,
            series: self.series_uid.parse().ok()?,
        })
    }
}

/// De-identifies one file. The output is synced when this returns; its folder
/// is for the caller to sync.
///
/// # Errors
/// [`DeidentifyError::Quarantine`] before the output is made; the others as
/// they say.
pub fn deidentify(
    input: &Path,
    output: &Path,
    profile: &Profile,
    key: &PseudonymKey,
) -> Result<InstanceReport, DeidentifyError> {
    prepare::prepare(input, profile, key, Judged::ByRule)?.write(output)
}
