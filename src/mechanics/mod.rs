//! From a shape to tetrahedra, and from loads to displacements and stresses.
//!
//! Lengths are millimeters, forces newtons, moduli and stresses megapascals.
//! Everything here is pure: the same input gives the same result, bit for bit,
//! for any number of threads.

mod amg;
mod assembly;
#[cfg(test)]
mod closed_forms;
mod element;
mod iterate;
mod material;
mod matrix;
mod mesh;
mod order;
mod parallel;
mod quality;
mod solve;
mod stress;
mod stuffing;

pub use element::Elastic;
pub use material::Clamp;
pub use material::Density;
pub use material::LAWS;
pub use material::Law;
pub use mesh::TetMesh;
pub use parallel::Threads;
pub use quality::QualityReport;
pub use solve::Case;
pub use solve::Load;
pub use solve::Method;
pub use solve::Solution;
pub use solve::Solver;
pub use solve::Support;
pub use stress::Layer;
pub use stress::Patch;
pub use stress::Stress;
pub use stress::element_stress;
pub use stress::nodal_stress;
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
    /// A modulus that is not above zero, or a ratio outside -1 to 0.5.
    #[error("no elastic material has a modulus of {young_mpa} MPa and a ratio of {poisson}")]
    NotElastic {
        /// Young's modulus in megapascals.
        young_mpa: f64,
        /// Poisson's ratio.
        poisson: f64,
    },
    /// Materials and elements differ in number.
    #[error("{materials} materials for {elements} elements")]
    Unpaired {
        /// Materials given.
        materials: usize,
        /// Elements of the mesh.
        elements: usize,
    },
    /// A support names no node or direction, or contradicts another.
    #[error("the support of node {node} in direction {axis} names nothing or contradicts another")]
    BadSupport {
        /// The node's index.
        node: u32,
        /// The direction.
        axis: usize,
    },
    /// A load on a node of no element, or not a number.
    #[error("the load on node {node} touches no element or is not a number")]
    BadLoad {
        /// The node's index.
        node: u32,
    },
    /// A patch of the surface holds no triangle.
    #[error("the patch {patch} is empty")]
    NoPatch {
        /// Its name.
        patch: String,
    },
    /// A body could move without being strained.
    #[error("the body of node {node} is not held: {free} rigid motions are free")]
    Floating {
        /// The body's first node.
        node: u32,
        /// How many of its six rigid motions nothing resists.
        free: usize,
    },
    /// The iteration did not get there.
    #[error(
        "not converged: residual {residual:.2e} after {iterations} iterations, {wanted:.0e} wanted"
    )]
    NotConverged {
        /// Steps taken.
        iterations: usize,
        /// The true relative residual reached.
        residual: f64,
        /// The one asked for.
        wanted: f64,
    },
    /// The answer did not pass its checks.
    #[error("the solution does not balance: forces by {imbalance:.2e}, energy by {missing:.2e}")]
    Unbalanced {
        /// Loads and reactions together, over their sizes.
        imbalance: f64,
        /// Energy less the loads' work, over the energy.
        missing: f64,
    },
}
