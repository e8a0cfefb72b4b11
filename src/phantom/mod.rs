//! Invents people for tests and training: forearms drawn from published
//! statistics, and the X-rays that would be taken of them.
//!
//! No bone here is a person's. A subject is a seed; the same seed is always the
//! same subject, and the seeds of training, validation and test are disjoint,
//! so a split by seed is a split by subject.

mod a;
mod abnormal;
mod b;
mod body;
mod clutter;
mod ct;
mod density;
mod latent;
mod other_side;
mod parameters;
mod positioning;
mod radius;
mod specimen;
mod specimen_xray;
mod subject;
mod texture;
mod tube;
mod ulna;
mod voxels;
mod wrist;
mod xray;

pub use a::Template;
pub use abnormal::Abnormal;
pub use abnormal::AbnormalSpecimen;
pub use abnormal::Change;
pub use abnormal::ExtraBody;
pub use abnormal::Material;
pub use clutter::Clutter;
pub use clutter::HandBone;
pub use ct::HU_PER_MG_CM3;
pub use ct::HU_WITHOUT_MINERAL;
pub use ct::SpecimenCt;
pub use density::Density;
pub use latent::LatentPair;
pub use latent::LatentView;
pub use latent::LatentWrists;
pub use latent::PAIR_PIXEL_MM;
pub use latent::PAIR_PIXELS;
pub use parameters::Parameters;
pub use positioning::Take;
pub use specimen::Generator;
pub use specimen::SPECIMEN_LENGTH_MM;
pub use specimen::Specimen;
pub use specimen_xray::SpecimenXray;
pub use specimen_xray::XRAY_LENGTH_MM;
pub use subject::Subject;
pub use xray::Detail;
pub use xray::SimulatedXray;

use std::ops::Range;

use crate::anatomy::AnatomyError;
use crate::anatomy::Bone;
use crate::geometry::GeometryError;
use crate::radiography::RadiographyError;

/// Subjects that models are made from: mean, modes and network weights.
pub const TRAINING_SEEDS: Range<u64> = 0..1_000_000;
/// Subjects that choices are made on: when to stop, the stated errors.
pub const VALIDATION_SEEDS: Range<u64> = 1_000_000..1_100_000;
/// Subjects that figures are reported on, and nothing else.
pub const TEST_SEEDS: Range<u64> = 2_000_000..2_100_000;
/// Subjects of demonstrations and of the appliance's own tests.
pub const DEMO_SEEDS: Range<u64> = 3_000_000..3_100_000;

/// Why a subject could not be invented.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhantomError {
    /// A generated solid lacks what every such bone has.
    #[error("the {0:?} that was generated has not all its landmarks")]
    Shapeless(Bone),
    /// Generator A is asked for another length than its template's.
    #[error("generator A makes the distal 80 mm of a forearm, not {0} mm")]
    Length(f64),
    /// A generated surface is not one.
    #[error("generating a surface")]
    Geometry(#[from] GeometryError),
    /// A generated bone has no readable landmarks.
    #[error("reading the landmarks of a generated bone")]
    Anatomy(#[from] AnatomyError),
    /// A volume of a generated wrist is none.
    #[error("filling a generated wrist with voxels: {0}")]
    Volume(String),
    /// A generated scene cannot be exposed.
    #[error("exposing a generated wrist")]
    Radiography(#[from] RadiographyError),
}
