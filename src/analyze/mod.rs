//! Makes numbers: takes a study's pseudonymous images and returns the evidence
//! that it is analyzed. [`previews`] needs no model; [`reconstruct`] makes the
//! bones of a wrist, or says why not.

use std::path::Path;

use crate::anatomy::AnatomyError;
use crate::geometry::GeometryError;
use crate::infer::InferError;
use crate::infer::Remedy as InferRemedy;
use crate::names::Digest;
use crate::radiography::RadiographyError;
use crate::raster::RasterError;
use crate::study::Artefact;
use crate::study::ArtefactRole;

mod previews;
mod reconstruct;

pub use previews::previews;
pub use reconstruct::{BoneModel, Code, Fit, Shot, WristModel, reconstruct};
pub use reconstruct::{FromViews, Refined, from_views};
pub use reconstruct::{Lines, silhouette};

/// Why a study could not be analyzed. What an image itself lacks is no error
/// but a refusal, see [`Code`].
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The model or its runtime is missing, differs from its card, or failed.
    #[error("running the wrist model")]
    Infer(#[from] InferError),
    /// The model's card or shape does not say what reconstruction needs. The
    /// study is held.
    #[error("the wrist model: {why}")]
    Model {
        /// What is missing or wrong.
        why: String,
    },
    /// The model's template, or a mesh that it made, was refused.
    #[error("the wrist model's bones")]
    Anatomy(#[from] AnatomyError),
    /// A mesh was refused.
    #[error("a mesh of the wrist model")]
    Geometry(#[from] GeometryError),
    /// A simulated image could not be made.
    #[error("simulating the image of the bones")]
    Radiography(#[from] RadiographyError),
    /// An image could not be read or drawn for a reason of the machine.
    #[error("reading or drawing an image")]
    Raster(#[from] RasterError),
    /// A result's file could not be written. The step is tried again.
    #[error("writing {name}")]
    Write {
        /// The file's name in the step's folder.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A result could not be said as JSON.
    #[error("writing {name} as JSON")]
    Json {
        /// The file's name.
        name: String,
        /// What the writer said.
        #[source]
        source: serde_json::Error,
    },
}

/// What the box does after an error of this room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again later.
    Retry,
    /// Hold the study: the model or its runtime must be put right.
    HoldForModel,
}

impl AnalyzeError {
    /// What the box does next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Infer(error) => match error.remedy() {
                InferRemedy::Retry => Remedy::Retry,
                InferRemedy::Hold => Remedy::HoldForModel,
            },
            Self::Model { .. } | Self::Anatomy(_) | Self::Geometry(_) => Remedy::HoldForModel,
            Self::Radiography(_) | Self::Raster(_) | Self::Write { .. } | Self::Json { .. } => {
                Remedy::Retry
            }
        }
    }
}

/// Writes a result's file and says what it is.
fn write(
    folder: &Path,
    name: String,
    role: ArtefactRole,
    media_type: &str,
    bytes: &[u8],
) -> Result<Artefact, AnalyzeError> {
    if let Err(source) = std::fs::write(folder.join(&name), bytes) {
        return Err(AnalyzeError::Write { name, source });
    }
    Ok(Artefact {
        role,
        name,
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        media_type: media_type.to_owned(),
        sop: None,
    })
}
