//! A first, coarse mesh of a solid: naive surface nets (Gibson, MICCAI 1998),
//! one vertex for every cell of a grid that the surface passes through.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "cells of a grid, far below 2^31"
)]

use std::collections::BTreeMap;

use super::sculpt::Solid;

/// Vertices and triangles, facing outward.
pub(super) type Soup = (Vec<[f64; 3]>, Vec<[u32; 3]>);

/// A grid of values of a solid's function.
struct Grid {
    low: [f64; 3],
    count: [usize; 3],
    cell_mm: f64,
    values: Vec<f64>,
}

impl Grid {
    fn over(solid: &impl Solid, cell_mm: f64) -> Self {
        let [low, high] = solid.bounds();
        let count: [usize; 3] =
            std::array::from_fn(|k| ((high[k] - low[k]) / cell_mm).ceil() as usize + 1);
        let mut values = Vec::with_capacity(count.iter().product());
        for z in 0..count[2] {
            for y in 0..count[1] {
                for x in 0..count[0] {
                    values.push(solid.depth(corner(low, cell_mm, [x, y, z])));
                }
            }
        }
        Self {
            low,
            count,
            cell_mm,
            values,
        }
    }

    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.count[1] + y) * self.count[0] + x
    }

    fn value(&self, at: [usize; 3]) -> f64 {
        self.values[self.index(at)]
    }

    /// The mean of the places where the surface crosses the edges of a cell.
    fn middle(&self, cell: [usize; 3]) -> Option<[f64; 3]> {
        let mut sum = [0.0; 3];
        let mut crossings = 0.0;
        for axis in 0..3 {
            for side in 0..4_usize {
                let mut from = cell;
                from[(axis + 1) % 3] += side & 1;
                from[(axis + 2) % 3] += side >> 1;
                let mut to = from;
                to[axis] += 1;
                let (a, b) = (self.value(from), self.value(to));
                if (a < 0.0) == (b < 0.0) {
                    continue;
                }
                let place = corner(self.low, self.cell_mm, from);
                for k in 0..3 {
                    sum[k] += place[k];
                }
                sum[axis] += self.cell_mm * a / (a - b);
                crossings += 1.0;
            }
        }
        (crossings > 0.0).then(|| sum.map(|v| v / crossings))
    }
}

fn corner(low: [f64; 3], cell_mm: f64, at: [usize; 3]) -> [f64; 3] {
    std::array::from_fn(|k| low[k] + cell_mm * at[k] as f64)
}

/// Meshes a solid with a grid of this cell size.
pub(super) fn mesh(solid: &impl Solid, cell_mm: f64) -> Soup {
    let grid = Grid::over(solid, cell_mm);
    let mut vertices = Vec::new();
    let mut numbers = BTreeMap::new();
    let [nx, ny, nz] = grid.count;
    for z in 0..nz - 1 {
        for y in 0..ny - 1 {
            for x in 0..nx - 1 {
                if let Some(middle) = grid.middle([x, y, z]) {
                    numbers.insert(grid.index([x, y, z]), vertices.len() as u32);
                    vertices.push(middle);
                }
            }
        }
    }
    let mut triangles = Vec::new();
    for z in 1..nz - 1 {
        for y in 1..ny - 1 {
            for x in 1..nx - 1 {
                for axis in 0..3 {
                    quad(&grid, &numbers, [x, y, z], axis, &mut triangles);
                }
            }
        }
    }
    (vertices, triangles)
}

/// The two triangles across one crossed edge of the grid.
fn quad(
    grid: &Grid,
    numbers: &BTreeMap<usize, u32>,
    from: [usize; 3],
    axis: usize,
    triangles: &mut Vec<[u32; 3]>,
) {
    let mut to = from;
    to[axis] += 1;
    let (a, b) = (grid.value(from) < 0.0, grid.value(to) < 0.0);
    if a == b {
        return;
    }
    let cell = |u: usize, v: usize| {
        let mut cell = from;
        cell[(axis + 1) % 3] -= u;
        cell[(axis + 2) % 3] -= v;
        numbers.get(&grid.index(cell)).copied()
    };
    let (Some(p), Some(q), Some(r), Some(s)) = (cell(1, 1), cell(0, 1), cell(0, 0), cell(1, 0))
    else {
        return;
    };
    if a {
        triangles.extend([[p, q, r], [p, r, s]]);
    } else {
        triangles.extend([[p, r, q], [p, s, r]]);
    }
}
