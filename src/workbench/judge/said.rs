//! What a reconstruction says of a case, in the truth's frame: the PA detector's,
//! hand toward negative y.

use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::geometry::Given;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;

/// A bone as it was reconstructed (or as the null model has it).
#[derive(Debug, Clone)]
pub struct Found {
    /// Its surface.
    pub surface: SurfaceMesh<Given>,
    /// Vertices of the lid over its cut.
    pub lid: Vec<bool>,
    /// Vertices of its joint surface.
    pub joint: Vec<bool>,
    /// One stated SD at each vertex, along its normal, in millimeters.
    pub sigma_mm: Vec<f64>,
}

impl Found {
    /// The RMS of the stated SDs, the lid left out; none of nothing.
    pub(super) fn stated_mm(&self) -> Option<f64> {
        let all = self.sigma_mm.iter().zip(&self.lid);
        let (mut sum, mut count) = (0.0, 0.0);
        for (sigma, _) in all.filter(|(_, lid)| !**lid) {
            sum += sigma * sigma;
            count += 1.0;
        }
        (count > 0.0).then(|| f64::sqrt(sum / count))
    }

    pub(super) fn moved(&self, motion: &Rigid<Given, Given>) -> Self {
        Self {
            surface: self.surface.moved(motion),
            ..self.clone()
        }
    }
}

/// A measure as it was stated, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Which one.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// The interval's ends.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

/// Closed lines of (column, row) in pixels of an image as it was taken; whole
/// numbers are pixel centers.
pub type Lines = Vec<Vec<[f64; 2]>>;

/// What a reconstruction says of a case.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It has bones.
    Bones(Box<Reconstructed>),
    /// It refuses, with this code.
    Refused(String),
}

/// Reconstructed bones.
#[derive(Debug, Clone)]
pub struct Reconstructed {
    /// The arm that it took it for.
    pub side: Side,
    /// In the order of [`crate::anatomy::Bone::ALL`].
    pub bones: [Found; 2],
    /// What it states.
    pub measures: Vec<Interval>,
    /// The least RMS error of each bone's surface, in millimeters, that the
    /// images leave if each edge is independent and nothing else is wrong: an
    /// optimistic bound. None where it is not known.
    pub bound_mm: Option<[f64; 2]>,
    /// Around each bone's shadow in the PA image, then in the lateral one: what
    /// pictures show, nothing that is judged.
    pub outlines: [[Lines; 2]; 2],
}
