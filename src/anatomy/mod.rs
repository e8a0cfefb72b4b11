//! What a forearm looks like: its bones and sides, the landmarks on them, the
//! measures that clinicians read, and the statistical shape model.

mod bone_model;
mod fit;
mod forearm_file;
mod forearm_model;
mod landmarks;
mod learn;
mod measures;
mod references;
mod shape;
mod thinned;

pub use bone_model::BoneModel;
pub use bone_model::BoneParts;
pub use fit::Asked;
pub use fit::BoneFit;
pub use fit::Candidate;
pub use fit::CutKind;
pub use fit::Figures;
pub use fit::FitError;
pub use fit::FoundLandmark;
pub use fit::FoundMeasure;
pub use fit::Note;
pub use fit::fit_bone;
pub use forearm_model::Cortex;
pub use forearm_model::ForearmModel;
pub use forearm_model::ForearmParts;
pub use forearm_model::SEAT;
pub use landmarks::Landmark;
pub use landmarks::LandmarkIds;
pub use landmarks::Landmarks;
pub use learn::Learned;
pub use learn::LearnedBone;
pub use learn::PivotOf;
pub use learn::learn;
pub use measures::Measure;
pub use measures::Measures;
pub use measures::measures;
pub use references::Reference;
pub use references::references;
pub use shape::ShapeModel;

use serde::Deserialize;
use serde::Serialize;

use crate::geometry::Frame;
use crate::geometry::GeometryError;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;

/// Why anatomy could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnatomyError {
    /// A landmark is missing, or names a vertex that the mesh does not have.
    #[error("landmark {0:?} is not on the mesh")]
    NoLandmark(Landmark),
    /// Landmarks lie so that no direction can be told from them.
    #[error("the landmarks lie on one another: {0}")]
    Degenerate(&'static str),
    /// Bytes are not a shape model.
    #[error("not a shape model: {0}")]
    NotAModel(String),
    /// A latent vector has the wrong length or a number that is not finite.
    #[error("a latent vector of {given} finite numbers, where {expected} are needed")]
    Latent {
        /// Finite numbers given.
        given: usize,
        /// The model's modes.
        expected: usize,
    },
    /// The literature's ranges cannot be read.
    #[error("reading the reference ranges: {0}")]
    Reference(String),
    /// A mesh was refused.
    #[error("reading a mesh of the shape model")]
    Mesh(#[from] GeometryError),
}

/// A bone of the forearm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bone {
    /// The bone on the thumb's side.
    Radius,
    /// The bone on the little finger's side.
    Ulna,
}

impl Bone {
    /// Both, in the order that every array over bones has.
    pub const ALL: [Self; 2] = [Self::Radius, Self::Ulna];

    /// Its name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Radius => "radius",
            Self::Ulna => "ulna",
        }
    }
}

/// Which arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// The right arm: the side the model is made for.
    #[serde(rename = "R")]
    Right,
    /// The left arm: the model's mirror image.
    #[serde(rename = "L")]
    Left,
}

impl Side {
    /// `R` or `L`, as DICOM writes it and as the lead marker on an image shows.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Right => 'R',
            Self::Left => 'L',
        }
    }

    /// The side of a DICOM laterality, `R` or `L`.
    #[must_use]
    pub fn of_letter(text: &str) -> Option<Self> {
        match text.trim() {
            "R" => Some(Self::Right),
            "L" => Some(Self::Left),
            _ => None,
        }
    }
}

/// The two bones of one forearm in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Forearm<F: Frame> {
    /// The distal radius.
    pub radius: SurfaceMesh<F>,
    /// The distal ulna.
    pub ulna: SurfaceMesh<F>,
}

impl<F: Frame> Forearm<F> {
    /// One of them.
    #[must_use]
    pub fn bone(&self, bone: Bone) -> &SurfaceMesh<F> {
        match bone {
            Bone::Radius => &self.radius,
            Bone::Ulna => &self.ulna,
        }
    }

    /// Both led into another frame by one motion.
    #[must_use]
    pub fn moved<G: Frame>(&self, motion: &Rigid<F, G>) -> Forearm<G> {
        self.moved_apart([motion, motion])
    }

    /// Each led by its own motion, in the order of [`Bone::ALL`]: between two
    /// exposures the radius turns about the ulna.
    #[must_use]
    pub fn moved_apart<G: Frame>(&self, motions: [&Rigid<F, G>; 2]) -> Forearm<G> {
        Forearm {
            radius: self.radius.moved(motions[0]),
            ulna: self.ulna.moved(motions[1]),
        }
    }

    /// The mirror image at x = 0: the same forearm of the other side.
    #[must_use]
    pub fn mirrored_x(&self) -> Self {
        Self {
            radius: self.radius.mirrored_x(),
            ulna: self.ulna.mirrored_x(),
        }
    }
}
