//! Shapes: points that know their frame, rigid motions between frames, and
//! closed triangle surfaces with the distances between them.
//!
//! Lengths are millimeters. A frame is a type, so that a point of the patient
//! and a point of a detector cannot be mixed up; only [`Rigid`] leads from one
//! to another. Everything here is pure: same input, same result.

mod align;
#[cfg(test)]
pub(crate) mod block;
mod check;
mod cut;
mod distance;
mod glb;
mod icp;
mod mesh;
mod ply;
mod rigid;
#[cfg(test)]
mod sphere;
mod stl;

pub use align::best_rigid;
pub use check::MeshCheck;
pub use check::Piece;
pub use distance::Deviation;
pub use distance::Hit;
pub use distance::Locator;
pub(crate) use distance::closest_on_triangle;
pub use distance::deviation;
pub use icp::Laid;
pub use icp::laid_from_many;
pub use icp::trimmed_icp;
pub use mesh::SurfaceMesh;
pub use rigid::Rigid;

use std::fmt;
use std::marker::PhantomData;

/// A coordinate system: right-handed, in millimeters.
pub trait Frame: Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// What the frame is called in a file or a report.
    const NAME: &'static str;
}

/// DICOM's patient coordinates of a CT: x to the left, y to the back, z to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patient {}

/// The detector of one exposure: origin at the center of its pixels, x toward
/// increasing columns, y toward increasing rows, z from the source to the
/// detector. The detector is the plane z = 0; what is exposed lies at negative z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detector {}

/// The shape model of a right forearm: x to the thumb's side (radial), y to the
/// back of the hand (dorsal), z along the radius toward the hand (distal);
/// origin where the radius' shaft axis meets its joint surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {}

/// A surface as somebody gave it, in the axes of a file that does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {}

impl Frame for Given {
    const NAME: &'static str = "given";
}
impl Frame for Patient {
    const NAME: &'static str = "patient";
}
impl Frame for Detector {
    const NAME: &'static str = "detector";
}
impl Frame for Model {
    const NAME: &'static str = "model";
}

/// Why a shape was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// A coordinate is not a finite number.
    #[error("a coordinate of {what} is not a finite number")]
    NotFinite {
        /// What was read.
        what: &'static str,
    },
    /// A triangle names a vertex that is not there.
    #[error("triangle {triangle} names vertex {vertex} of {vertices}")]
    NoSuchVertex {
        /// The triangle's number.
        triangle: usize,
        /// The vertex it names.
        vertex: u32,
        /// How many there are.
        vertices: usize,
    },
    /// There is nothing to work on.
    #[error("{what} is empty")]
    Empty {
        /// What was given.
        what: &'static str,
    },
    /// A matrix does not rotate: not orthonormal, or it mirrors.
    #[error("the matrix is not a rotation (off by {off:.2e})")]
    NotARotation {
        /// The largest departure from a rotation's properties.
        off: f64,
    },
    /// Two lists that belong together differ in length.
    #[error("{left} points cannot be laid on {right}")]
    Unpaired {
        /// Points given.
        left: usize,
        /// Points to lay them on.
        right: usize,
    },
    /// Bytes do not follow the STL format, binary or text.
    #[error("not an STL: {why}")]
    Stl {
        /// What is wrong.
        why: &'static str,
    },
    /// Bytes do not follow the PLY format.
    #[error("not a PLY: {why}")]
    Ply {
        /// What is wrong.
        why: &'static str,
    },
    /// Bytes do not follow the GLB format.
    #[error("not a GLB: {why}")]
    Glb {
        /// What is wrong.
        why: &'static str,
    },
}

/// A place in one frame, in millimeters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<F: Frame> {
    xyz: [f64; 3],
    frame: PhantomData<F>,
}

impl<F: Frame> Point<F> {
    /// The place with these coordinates.
    #[must_use]
    pub const fn new(xyz: [f64; 3]) -> Self {
        Self {
            xyz,
            frame: PhantomData,
        }
    }

    /// Its coordinates.
    #[must_use]
    pub const fn xyz(self) -> [f64; 3] {
        self.xyz
    }

    /// How far another place of the same frame is, in millimeters.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        vector::length(vector::sub(self.xyz, other.xyz))
    }
}

/// Arithmetic of plain triples, for kernels.
pub mod vector {
    /// `a + b`.
    #[must_use]
    #[inline]
    pub fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
    }

    /// `a - b`.
    #[must_use]
    #[inline]
    pub fn sub(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
        [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
    }

    /// `a` times a number.
    #[must_use]
    #[inline]
    pub fn scale(a: [f64; 3], by: f64) -> [f64; 3] {
        [a[0] * by, a[1] * by, a[2] * by]
    }

    /// The scalar product.
    #[must_use]
    #[inline]
    pub fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    }

    /// The vector product.
    #[must_use]
    #[inline]
    pub fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    }

    /// The length.
    #[must_use]
    #[inline]
    pub fn length(a: [f64; 3]) -> f64 {
        dot(a, a).sqrt()
    }

    /// The same direction with length one; zero stays zero.
    #[must_use]
    #[inline]
    pub fn unit(a: [f64; 3]) -> [f64; 3] {
        let length = length(a);
        if length > 0.0 {
            scale(a, 1.0 / length)
        } else {
            a
        }
    }
}
