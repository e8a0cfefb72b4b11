//! How an X-ray is made: cone-beam cameras, exact path lengths through closed
//! surfaces, and a simulated radiograph with scatter, noise, blur and tone curve.
//!
//! Everything is deterministic: the same scene, camera and seed give the same
//! pixels.

mod camera;
mod detected;
mod expose;
mod field;
mod fill;
mod marker;
mod paths;
mod random;
mod through;

pub use camera::Camera;
pub use camera::PoseVector;
pub use camera::Projection;
pub use detected::Collimation;
pub use detected::Detected;
pub use detected::PROCESSING_PER_UNIT;
pub use detected::PROCESSING_ZERO;
pub use detected::Paths;
pub use expose::Exposure;
pub use expose::Photometric;
pub use expose::Scene;
pub use expose::Tissue;
pub use expose::expose;
pub use field::CONTEXT;
pub use field::FIELD_PIXEL_MM;
pub use field::FIELD_PIXELS;
pub use field::coarser;
pub use field::context;
pub use field::field;
pub(crate) use fill::Filled;
pub(crate) use fill::STEPS;
pub use paths::Crossing;
pub use paths::PathImage;
pub use paths::crossings;
pub use random::Random;
pub use through::through;

/// Why no X-ray could be made or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RadiographyError {
    /// A camera or exposure has a setting that no apparatus has.
    #[error("{what} of {value} makes no exposure")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// An image has another number of pixels than its rows and columns say.
    #[error("{given} pixels in an image of {rows} rows and {columns} columns")]
    PixelCount {
        /// Pixels given.
        given: usize,
        /// Rows said.
        rows: u32,
        /// Columns said.
        columns: u32,
    },
    /// The object reaches to the source or behind the detector.
    #[error("the object does not lie between source and detector")]
    OutOfBeam,
}
