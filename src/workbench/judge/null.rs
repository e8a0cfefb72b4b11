//! The null model: what is said without an X-ray but for how wide the radius is.

use super::Found;
use super::Known;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::geometry::Given;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// The part of the radius whose width is read, from its distal end.
const WIDTH_OVER_MM: f64 = 20.0;

/// What is known without an X-ray: the training's mean.
#[derive(Debug, Clone)]
pub struct Null {
    /// Of a right arm in the nominal position before the detector: back of the
    /// hand to the source, fingers toward negative y.
    pub bones: [Found; 2],
    /// The training's mean of each measure.
    pub measures: Vec<(Measure, f64)>,
}

impl Null {
    /// The mean bones as the arm that it is, as large as the true radius is
    /// wide in the PA image.
    pub(super) fn sized(&self, known: &Known) -> [Found; 2] {
        let grow = width(&known.bones[0]) / width(&self.bones[0].surface);
        let grow = if grow.is_finite() {
            grow.clamp(0.5, 2.0)
        } else {
            1.0
        };
        self.bones.clone().map(|found| {
            let places = found.surface.vertices().iter();
            let larger = places.map(|v| vector::scale(*v, grow)).collect();
            let surface = found.surface.with_vertices(larger).unwrap_or(found.surface);
            let surface = match known.side {
                Side::Right => surface,
                Side::Left => surface.mirrored_x(),
            };
            Found { surface, ..found }
        })
    }
}

/// How wide a radius is across, near its distal end.
fn width(mesh: &SurfaceMesh<Given>) -> f64 {
    let top = mesh.bounds()[0][1];
    let near = mesh
        .vertices()
        .iter()
        .filter(|v| v[1] < top + WIDTH_OVER_MM);
    let (low, high) = near.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v[0]), high.max(v[0]))
    });
    high - low
}
