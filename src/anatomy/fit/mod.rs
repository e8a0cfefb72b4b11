//! Fits the shape model of a bone to a surface of which nothing is known but
//! that it is a distal radius or ulna: not its pose, not its side, not where it
//! was cut.
//!
//! 1. `given`: size, pieces, orientation: what cannot be a forearm bone is refused.
//! 2. `pose`: the mean laid on it from many starts, for each bone and side.
//! 3. `solve`: modes and pose, closest points both ways; the most likely bone
//!    and side is kept, an unlikely one refused.
//! 4. The smooth residual field, then `fine`, its finest scale.
//! 5. `figures`: how far the surfaces lie apart; `predict`: how sure it is.

mod cover;
mod cut;
mod figures;
mod fine;
mod finish;
mod given;
mod pose;
mod predict;
mod run;
mod solve;
mod targets;
mod template;
#[cfg(test)]
mod tests;

pub use cut::CutKind;
pub use figures::Figures;
pub use given::Note;
pub use predict::FoundLandmark;
pub use predict::FoundMeasure;
pub use run::fit_bone;

use super::Bone;
use super::Side;
use crate::geometry::GeometryError;
use crate::geometry::Given;
use crate::geometry::SurfaceMesh;

/// What is known about the given surface.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Asked {
    /// Which bone it is said to be.
    pub bone: Option<Bone>,
    /// Which side it is said to be.
    pub side: Option<Side>,
    /// Fit only what lies more than this from the distal end, in millimeters,
    /// and predict the rest.
    pub keep_proximal_mm: Option<f64>,
}

/// How well one bone of one side explains the given surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The bone.
    pub bone: Bone,
    /// The side.
    pub side: Side,
    /// RMS distance with the modes alone, in millimeters.
    pub rms_mm: f64,
    /// Half of minus twice the logarithm of its posterior: less is likelier.
    pub cost: f64,
}

/// A fitted bone.
#[derive(Debug, Clone, PartialEq)]
pub struct BoneFit {
    /// Which bone it is.
    pub bone: Bone,
    /// Which side it is.
    pub side: Side,
    /// All that were tried, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// The fitted surface in the axes of the given one, in correspondence with
    /// the model (a left one with its triangles turned).
    pub surface: SurfaceMesh<Given>,
    /// The SD of the surface at each of its vertices, along the normal, in millimeters.
    pub sigma_mm: Vec<f64>,
    /// How far the surfaces lie apart.
    pub figures: Figures,
    /// The same with all modes and no residual field.
    pub all_modes: Figures,
    /// The same with the first five modes alone.
    pub five_modes: Figures,
    /// The same with the mean shape, rigidly laid on: the null model.
    pub null: Figures,
    /// The bone's landmarks.
    pub landmarks: Vec<FoundLandmark>,
    /// The measures that this bone alone shows.
    pub measures: Vec<FoundMeasure>,
    /// The mean square of the modes' numbers: about 1 for a bone like those the
    /// model was made from.
    pub mode_square: f64,
    /// How the given surface ends toward the elbow.
    pub cut: CutKind,
    /// How much of the bone the given surface covers along it, in millimeters.
    pub covered_mm: f64,
    /// What the reader should know about the given surface.
    pub notes: Vec<Note>,
}

/// Why a surface was not fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The surface's size says that its unit is not the millimeter. Scale it and
    /// give it again: a guess here would be a wrong bone.
    #[error(
        "the surface is {extent:.4} units long: it looks like {unit}, and millimeters are needed"
    )]
    Unit {
        /// What the unit looks like.
        unit: &'static str,
        /// Its largest extent in the file's unit.
        extent: f64,
    },
    /// Everything lies in one plane or one place.
    #[error("the surface is flat: there is no bone in it")]
    Flat,
    /// Longer or wider than any radius or ulna: a femur, a tibia, a humerus.
    #[error(
        "the surface is {length_mm:.0} mm long and {width_mm:.0} mm wide, larger than any radius \
         or ulna: another bone (femur, tibia, humerus), or several bones in one file"
    )]
    TooLarge {
        /// Its length.
        length_mm: f64,
        /// Its width.
        width_mm: f64,
    },
    /// Shorter or narrower than the end of an adult's radius or ulna.
    #[error(
        "the surface is {length_mm:.0} mm long and {width_mm:.0} mm wide, smaller than the distal \
         15 mm of an adult's radius or ulna"
    )]
    TooSmall {
        /// Its length.
        length_mm: f64,
        /// Its width.
        width_mm: f64,
    },
    /// The file holds more than one large surface.
    #[error(
        "the file holds several bones ({:.0} and {:.0} mm2 of surface): give one bone a file",
        areas_mm2[0], areas_mm2[1]
    )]
    SeveralBones {
        /// The areas of the two largest.
        areas_mm2: [f64; 2],
    },
    /// Neither bone of either side explains the surface.
    #[error(
        "no distal radius or ulna lies in this surface: the likeliest, a {} of side {}, leaves \
         {rms_mm:.2} mm RMS", bone.name(), side.letter()
    )]
    NotThisAnatomy {
        /// The likeliest bone.
        bone: Bone,
        /// Its side.
        side: Side,
        /// What it leaves.
        rms_mm: f64,
        /// The mean square of its modes' numbers.
        mode_square: f64,
    },
    /// The other side explains the surface clearly better than the one named.
    #[error(
        "given as {}, but the surface is that of the other side: {named_rms_mm:.2} mm RMS as \
         named, {found_rms_mm:.2} mm as the other", named.letter()
    )]
    OtherSide {
        /// The side that was named.
        named: Side,
        /// What it leaves.
        named_rms_mm: f64,
        /// What the other side leaves.
        found_rms_mm: f64,
    },
    /// The other bone explains the surface clearly better than the one named.
    #[error(
        "given as {}, but the surface is a {}: {named_rms_mm:.2} mm RMS as named, \
         {found_rms_mm:.2} mm as the other", named.name(), found.name()
    )]
    OtherBone {
        /// The bone that was named.
        named: Bone,
        /// The bone that it is.
        found: Bone,
        /// What the named one leaves.
        named_rms_mm: f64,
        /// What the other leaves.
        found_rms_mm: f64,
    },
    /// Too little is left of the surface to fit.
    #[error("only {left_mm:.0} mm of the bone are kept: at least 15 mm are needed")]
    TooLittleKept {
        /// How much is left along the bone.
        left_mm: f64,
    },
    /// A surface could not be made.
    #[error("working on the surface")]
    Geometry(#[from] GeometryError),
}

impl FitError {
    /// A short name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unit { .. } => "unit",
            Self::Flat => "flat",
            Self::TooLarge { .. } => "too_large",
            Self::TooSmall { .. } => "too_small",
            Self::SeveralBones { .. } => "several_bones",
            Self::NotThisAnatomy { .. } => "not_this_anatomy",
            Self::OtherSide { .. } => "other_side",
            Self::OtherBone { .. } => "other_bone",
            Self::TooLittleKept { .. } => "too_little_kept",
            Self::Geometry(_) => "surface",
        }
    }
}
