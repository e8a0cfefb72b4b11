//! What the given surface covers of the bone: the side of its cut, and of the
//! border of the part that is kept, on which the bone lies.

use crate::geometry::vector;

/// A plane; the bone lies on the side of its normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plane {
    pub normal: [f64; 3],
    pub offset: f64,
}

impl Plane {
    pub(super) fn through(point: [f64; 3], normal: [f64; 3]) -> Self {
        let normal = vector::unit(normal);
        Self {
            normal,
            offset: vector::dot(point, normal),
        }
    }

    /// How far a place lies on the bone's side.
    pub(super) fn height(&self, place: [f64; 3]) -> f64 {
        vector::dot(self.normal, place) - self.offset
    }
}

/// The half spaces in which both surfaces are compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cover {
    pub planes: Vec<Plane>,
}

impl Cover {
    /// Whether a place lies where the surfaces are compared.
    pub(super) fn holds(&self, place: [f64; 3]) -> bool {
        self.planes.iter().all(|plane| plane.height(place) > 0.0)
    }
}
