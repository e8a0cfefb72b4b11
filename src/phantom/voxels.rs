//! Closed surfaces as voxels: which share of each box lies inside.
//!
//! Lines run through the grid along its first axis, three by three of them
//! through each row of boxes. Where a line crosses the surface is exact, so the
//! shares are exact along that axis and means of nine across. A line through an
//! edge that triangles share meets exactly one of them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "box numbers, bounded by the grid before they are used"
)]

use super::PhantomError;
use crate::geometry::Frame;
use crate::geometry::Patient;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Filled;
use crate::radiography::STEPS;
use crate::raster::Volume;

/// Lines across a row of boxes, along each of the two other axes.
const LINES: usize = 3;
/// A smaller share is what rounding left.
const LEAST: f32 = 1e-4;

/// Boxes in space, along the axes of the frame that surfaces are given in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub size: [usize; 3],
    pub spacing_mm: [f64; 3],
    /// The lower corner of the first box.
    pub low: [f64; 3],
}

impl Grid {
    /// Boxes of this size around a place, one box wider on every side.
    pub(super) fn around([low, high]: [[f64; 3]; 2], spacing_mm: f64) -> Self {
        let low = low.map(|v| v - spacing_mm);
        let size = [0, 1, 2].map(|a| ((high[a] - low[a]) / spacing_mm).ceil() as usize + 1);
        Self {
            size,
            spacing_mm: [spacing_mm; 3],
            low,
        }
    }

    /// How many boxes.
    pub(super) const fn count(&self) -> usize {
        self.size[0] * self.size[1] * self.size[2]
    }

    /// The middle of a box, by its number.
    pub(super) fn middle(&self, number: usize) -> [f64; 3] {
        let [across, deep, _] = self.size;
        let at = [
            number % across,
            number / across % deep,
            number / (across * deep),
        ];
        [0, 1, 2].map(|a| self.low[a] + (at[a] as f64 + 0.5) * self.spacing_mm[a])
    }

    /// Which share of each box lies inside a closed surface, from 0 to 1.
    pub(super) fn cover<F: Frame>(&self, mesh: &SurfaceMesh<F>) -> Vec<f32> {
        let lines = LINES as f64;
        let corners: Vec<([i64; 2], f64)> = mesh
            .vertices()
            .iter()
            .map(|v| {
                let along = [0, 1, 2].map(|a| (v[a] - self.low[a]) / self.spacing_mm[a]);
                let fixed = [1, 2].map(|a| ((along[a] * lines - 0.5) * STEPS).round() as i64);
                (fixed, along[0])
            })
            .collect();
        let mut changes = vec![0.0_f32; self.count()];
        for triangle in mesh.triangles() {
            let at = triangle.map(|v| corners[v as usize]);
            self.cross(at, &mut changes);
        }
        for row in changes.chunks_exact_mut(self.size[0]) {
            let mut inside = 0.0;
            for share in row {
                inside += *share;
                *share = if inside < LEAST { 0.0 } else { inside.min(1.0) };
            }
        }
        changes
    }

    /// Notes where lines cross a triangle: from there on a row is inside, or
    /// outside, by the line's weight.
    fn cross(&self, [a, mut b, mut c]: [([i64; 2], f64); 3], changes: &mut [f32]) {
        let Some(filled) = Filled::new([a.0, b.0, c.0]) else {
            return;
        };
        // A surface that looks back along the first axis is where lines enter.
        let mut weight = -1.0 / (LINES * LINES) as f64;
        if filled.turned {
            weight = -weight;
            std::mem::swap(&mut b, &mut c);
        }
        let places = [a, b, c].map(|corner| corner.1 / filled.area as f64);
        let [across, deep, high] = self.size;
        filled.each(
            (deep * LINES) as i64,
            (high * LINES) as i64,
            |column, row, share| {
                let place: f64 = (0..3).map(|k| share[k] as f64 * places[k]).sum();
                let first = (row as usize / LINES * deep + column as usize / LINES) * across;
                let place = place.max(0.0);
                let number = place.floor();
                let index = number as usize;
                if index >= across {
                    return;
                }
                let own = weight * (number + 1.0 - place);
                changes[first + index] += own as f32;
                if index + 1 < across {
                    changes[first + index + 1] += (weight - own) as f32;
                }
            },
        );
    }

    /// The part of the grid that holds these bounds, with a box around.
    pub(super) fn part(&self, [low, high]: [[f64; 3]; 2]) -> Part {
        let box_at = |place: f64, axis: usize| {
            let number = ((place - self.low[axis]) / self.spacing_mm[axis]).floor();
            number.clamp(0.0, (self.size[axis] - 1) as f64) as usize
        };
        let first = [0, 1, 2].map(|a| box_at(low[a] - self.spacing_mm[a], a));
        let last = [0, 1, 2].map(|a| box_at(high[a] + self.spacing_mm[a], a));
        Part {
            grid: Self {
                size: [0, 1, 2].map(|a| last[a] - first[a] + 1),
                spacing_mm: self.spacing_mm,
                low: [0, 1, 2].map(|a| self.low[a] + first[a] as f64 * self.spacing_mm[a]),
            },
            first,
            whole: self.size,
        }
    }

    /// A volume of values on these boxes.
    pub(super) fn volume(&self, values: Vec<f32>) -> Result<Volume, PhantomError> {
        let middle = [0, 1, 2].map(|a| self.low[a] + 0.5 * self.spacing_mm[a]);
        let place = Rigid::<Patient, Patient>::from_rotation_vector([0.0; 3], middle);
        Volume::new(self.size, self.spacing_mm, place, values)
            .map_err(|error| PhantomError::Volume(error.to_string()))
    }
}

/// Some of a grid's boxes.
pub(super) struct Part {
    pub grid: Grid,
    first: [usize; 3],
    whole: [usize; 3],
}

impl Part {
    /// The number in the whole grid of a box of the part.
    pub(super) const fn in_whole(&self, number: usize) -> usize {
        let [across, deep, _] = self.grid.size;
        let x = self.first[0] + number % across;
        let y = self.first[1] + number / across % deep;
        let z = self.first[2] + number / (across * deep);
        x + self.whole[0] * (y + self.whole[1] * z)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::block::block;
    use crate::phantom::Generator;
    use crate::phantom::Specimen;

    #[test]
    fn a_block_covers_its_share_of_each_box() {
        let grid = Grid {
            size: [5, 4, 3],
            spacing_mm: [1.0, 2.0, 3.0],
            low: [0.0; 3],
        };
        // Half a box into the first axis, a third into the second: exact.
        let part = block::<Model>([0.75, 2.0 + 2.0 / 3.0, 3.0], [3.5, 6.0, 6.0]);
        let cover = grid.cover(&part);
        let at = |x: usize, y: usize, z: usize| f64::from(cover[x + 5 * (y + 4 * z)]);
        for (place, share) in [
            ([0, 2, 1], 0.25),
            ([1, 2, 1], 1.0),
            ([3, 2, 1], 0.5),
            ([4, 2, 1], 0.0),
            ([1, 1, 1], 2.0 / 3.0),
            ([1, 3, 1], 0.0),
            ([1, 2, 0], 0.0),
            ([1, 2, 2], 0.0),
        ] {
            let [x, y, z] = place;
            assert!((at(x, y, z) - share).abs() < 1e-5, "{place:?}");
        }
    }

    #[test]
    fn a_bone_keeps_its_volume_and_leaves_nothing_outside() {
        let specimen = Specimen::mean(Generator::BDev).unwrap();
        for mesh in [&specimen.outer.radius, &specimen.inner.ulna] {
            let grid = Grid::around(mesh.bounds(), 0.4);
            let cover = grid.cover(mesh);
            let sum: f64 = cover.iter().map(|v| f64::from(*v)).sum::<f64>() * 0.064;
            let exact = mesh.signed_volume();
            assert!((sum / exact - 1.0).abs() < 1e-3, "{sum} {exact}");
            // The last box of every row lies outside.
            let last = cover
                .chunks_exact(grid.size[0])
                .map(|row| row[grid.size[0] - 1]);
            assert!(last.fold(0.0, f32::max) < 1e-6);
            assert!(cover.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
