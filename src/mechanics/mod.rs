//! From a shape to tetrahedra, and from loads to displacements and stresses.
//!
//! Lengths are millimeters, forces newtons, moduli and stresses megapascals.
//! Everything here is pure: the same input gives the same result, bit for bit,
//! for any number of threads.

mod mesh;
mod parallel;
mod quality;
mod stuffing;

pub use mesh::TetMesh;
pub use parallel::Threads;
pub use quality::QualityReport;
pub use stuffing::stuff;
pub use stuffing::stuff_field;

/// Why a shape cannot be meshed or a model not solved. All are refusals: the
/// same input would fail again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MechanicsError {
    /// More nodes or elements than numbers for them, or a lattice that no
    /// memory holds.
    #[error("the mesh would be too large")]
    TooLarge,
    /// The surface has holes or is inside out.
    #[error("the surface is not closed and facing outward ({open_edges} open edges)")]
    NotClosed {
        /// Edges without their one partner.
        open_edges: usize,
    },
    /// The edge is too long for the shape: more than a tenth of it is lost.
    #[error(
        "the mesh holds {meshed:.1} mm3 of the {enclosed:.1} mm3 enclosed: the edge is too long for this shape"
    )]
    TooCoarse {
        /// Volume of the mesh in cubic millimeters.
        meshed: f64,
        /// Volume of the surface.
        enclosed: f64,
    },
    /// A node's coordinate is not a number.
    #[error("node {node} has a coordinate that is not a finite number")]
    NotFinite {
        /// The node's index.
        node: usize,
    },
    /// An element names a node that is not there.
    #[error("element {element} names node {node}, which is not there")]
    NoSuchNode {
        /// The element's index.
        element: usize,
        /// The index it names.
        node: u32,
    },
    /// An element is inside out or flat.
    #[error("element {element} is inside out or flat (volume {volume:.3e} mm3)")]
    Inverted {
        /// The element's index.
        element: usize,
        /// Its signed volume.
        volume: f64,
    },
}
