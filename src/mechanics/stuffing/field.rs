//! The signed distance to a closed surface at the points of a grid: positive
//! inside, exact near the surface, cut off at a band.
//!
//! Inside is where the surface winds around a point. Each column of the grid
//! is a ray; which triangles it crosses is decided by the sides of their edges
//! alone, asked for each edge in the order of its vertices, so that two
//! triangles never both claim or both miss the ray between them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "grid indices: clamped into the grid before they are cast, which holds fewer than 2^31 points"
)]

use std::ops::Range;

use crate::geometry::closest_on_triangle;
use crate::geometry::vector;

use super::super::Threads;
use super::lattice::Grid;

/// A surface as plain numbers, in the lattice's axes.
pub(super) struct Surface {
    pub(super) vertices: Vec<[f64; 3]>,
    pub(super) triangles: Vec<[u32; 3]>,
}

/// The points are cut into so many slabs, whatever the threads.
const SLABS: usize = 16;

/// The signed distance at each point of a grid, at most `band` in size.
pub(super) fn signed_distance(
    surface: &Surface,
    grid: &Grid,
    band: f64,
    threads: Threads,
) -> Vec<f64> {
    let slabs = threads.map(grid.size[2], SLABS, |layers| {
        let mut slab = Slab::new(*grid, layers, band);
        for triangle in &surface.triangles {
            slab.add(surface, *triangle);
        }
        slab.finish()
    });
    slabs.concat()
}

/// Some layers of a grid while triangles are added.
struct Slab {
    grid: Grid,
    layers: Range<usize>,
    band: f64,
    /// Squared distances so far.
    nearest: Vec<f64>,
    /// What changes in the winding number below each point.
    winding: Vec<i32>,
}

impl Slab {
    fn new(grid: Grid, layers: Range<usize>, band: f64) -> Self {
        let points = grid.size[0] * grid.size[1] * layers.len();
        Self {
            grid,
            layers,
            band,
            nearest: vec![band * band; points],
            winding: vec![0; points],
        }
    }

    fn add(&mut self, surface: &Surface, triangle: [u32; 3]) {
        let corners = triangle.map(|v| surface.vertices[v as usize]);
        let (mut low, mut high) = (corners[0], corners[0]);
        for corner in &corners[1..] {
            for axis in 0..3 {
                low[axis] = low[axis].min(corner[axis]);
                high[axis] = high[axis].max(corner[axis]);
            }
        }
        if high[2] + self.band < self.grid.place([0, 0, self.layers.start])[2] {
            return;
        }
        self.cross_columns(triangle, corners, low, high);
        self.measure(corners, low, high);
    }

    /// The grid's indices along an axis between two coordinates.
    fn indices(&self, axis: usize, from: f64, to: f64) -> Range<usize> {
        let index = |v: f64| (v - self.grid.origin[axis]) / self.grid.step;
        let size = self.grid.size[axis];
        let first = index(from).ceil().max(0.0) as usize;
        let end = (index(to).floor() + 1.0).max(0.0) as usize;
        first.min(size)..end.min(size)
    }

    fn at(&self, x: usize, y: usize, z: usize) -> usize {
        ((z - self.layers.start) * self.grid.size[1] + y) * self.grid.size[0] + x
    }

    /// Notes which columns the triangle crosses, and which way it faces there.
    fn cross_columns(
        &mut self,
        t: [u32; 3],
        corners: [[f64; 3]; 3],
        low: [f64; 3],
        high: [f64; 3],
    ) {
        let slack = 1e-9 * self.grid.step;
        let [a, b, c] = corners;
        let normal = vector::cross(vector::sub(b, a), vector::sub(c, a));
        for y in self.indices(1, low[1] - slack, high[1] + slack) {
            for x in self.indices(0, low[0] - slack, high[0] + slack) {
                let place = self.grid.place([x, y, 0]);
                let left = [(0, 1), (1, 2), (2, 0)]
                    .map(|(i, j)| lies_left(place, (t[i], corners[i]), (t[j], corners[j])));
                if left[0] != left[1] || left[1] != left[2] {
                    continue;
                }
                let ahead = vector::sub(a, place);
                let height = if normal[2] == 0.0 {
                    ahead[2]
                } else {
                    vector::dot(normal, ahead) / normal[2]
                };
                let layer = (height / self.grid.step).ceil().max(0.0) as usize;
                let below = layer.min(self.layers.end);
                if below > self.layers.start {
                    let index = self.at(x, y, below - 1);
                    self.winding[index] += if left[0] { 1 } else { -1 };
                }
            }
        }
    }

    /// Measures the points within the band of the triangle.
    fn measure(&mut self, corners: [[f64; 3]; 3], low: [f64; 3], high: [f64; 3]) {
        let [a, b, c] = corners;
        let normal = vector::unit(vector::cross(vector::sub(b, a), vector::sub(c, a)));
        let band = self.band;
        let reach: [Range<usize>; 3] =
            std::array::from_fn(|axis| self.indices(axis, low[axis] - band, high[axis] + band));
        let layers = reach[2].start.max(self.layers.start)..reach[2].end.min(self.layers.end);
        for z in layers {
            for y in reach[1].clone() {
                for x in reach[0].clone() {
                    let place = self.grid.place([x, y, z]);
                    let index = self.at(x, y, z);
                    let above = vector::dot(normal, vector::sub(place, a));
                    if above * above < self.nearest[index] {
                        let gap = vector::sub(closest_on_triangle(place, corners), place);
                        self.nearest[index] = self.nearest[index].min(vector::dot(gap, gap));
                    }
                }
            }
        }
    }

    /// The signed distances, layer after layer.
    fn finish(mut self) -> Vec<f64> {
        let layer = self.grid.size[0] * self.grid.size[1];
        for index in (0..self.winding.len().saturating_sub(layer)).rev() {
            self.winding[index] += self.winding[index + layer];
        }
        self.nearest
            .iter()
            .zip(&self.winding)
            .map(|(square, winding)| square.sqrt() * if *winding > 0 { 1.0 } else { -1.0 })
            .collect()
    }
}

/// Whether a place lies to the left of the edge from one vertex to another,
/// looked at against z. Asked the other way round the answer is the opposite.
fn lies_left(place: [f64; 3], from: (u32, [f64; 3]), to: (u32, [f64; 3])) -> bool {
    let turned = from.0 > to.0;
    let (a, b) = if turned {
        (to.1, from.1)
    } else {
        (from.1, to.1)
    };
    let side = (b[0] - a[0]) * (place[1] - a[1]) - (b[1] - a[1]) * (place[0] - a[0]);
    (side >= 0.0) != turned
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cube from -1 to 1, its corners exactly on grid points.
    fn cube() -> Surface {
        let vertices = (0..8)
            .map(|i| [i & 1, i >> 1 & 1, i >> 2].map(|bit| f64::from(bit) * 2.0 - 1.0))
            .collect();
        let quads = [
            [0, 2, 3, 1],
            [4, 5, 7, 6],
            [0, 1, 5, 4],
            [2, 6, 7, 3],
            [0, 4, 6, 2],
            [1, 3, 7, 5],
        ];
        let triangles = quads
            .iter()
            .flat_map(|[a, b, c, d]| [[*a, *b, *c], [*a, *c, *d]]);
        Surface {
            vertices,
            triangles: triangles.collect(),
        }
    }

    #[test]
    fn the_distance_to_a_cube_is_exact_even_on_its_edges() {
        let grid = Grid {
            origin: [-2.0; 3],
            step: 0.25,
            size: [17; 3],
        };
        let field = signed_distance(&cube(), &grid, 0.6, Threads::new(2));
        for (number, value) in field.iter().enumerate() {
            let place = grid.place([number % 17, number / 17 % 17, number / 289]);
            let beyond = place.map(|v| v.abs() - 1.0);
            let outside = vector::length(beyond.map(|v| v.max(0.0)));
            let inside = beyond
                .iter()
                .fold(f64::NEG_INFINITY, |m, v| m.max(*v))
                .min(0.0);
            let expected = -(outside + inside);
            if expected.abs() < 0.59 {
                assert!((value.abs() - expected.abs()).abs() < 1e-12, "{place:?}");
            }
            if expected.abs() > 1e-9 {
                assert!(
                    value.signum() * expected.signum() > 0.0,
                    "{place:?} {value}"
                );
            }
        }
        assert_eq!(field, signed_distance(&cube(), &grid, 0.6, Threads::new(1)));
    }
}
