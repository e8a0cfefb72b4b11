//! From a solid to its triangles: surface nets (Gibson, MICCAI 1998) on a grid
//! that is fine at the joint and coarser along the shaft, every vertex led onto
//! the surface afterwards.

use std::collections::BTreeMap;

use super::solid::Solid;
use super::solid::gradient;
use crate::geometry::GeometryError;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// Nodes of a block that is looked at as a whole first.
const BLOCK: usize = 4;
/// How steep a field may be at most for a block to be passed over.
const STEEPEST: f64 = 2.2;

/// Where the field is asked: layers across the bone, each with its own spacing.
pub(in crate::phantom) struct Grid {
    /// Half the nodes of a layer along x and y.
    half: [usize; 2],
    /// Height, middle and spacing of each layer, from proximal to distal.
    layers: Vec<([f64; 2], f64, f64)>,
}

impl Grid {
    /// A grid from `low` to `high`, its layers centered by `middle`, reaching
    /// `reach` to both sides where it is fine. `spacing` is asked at a height.
    pub(in crate::phantom) fn new(
        [low, high]: [f64; 2],
        reach: [f64; 2],
        middle: impl Fn(f64) -> [f64; 2],
        spacing: impl Fn(f64) -> f64,
    ) -> Self {
        let mut layers = Vec::new();
        let mut z = high;
        while z > low {
            layers.push((middle(z), z, spacing(z)));
            z -= spacing(z);
        }
        layers.push((middle(z), z, spacing(z)));
        layers.reverse();
        let fine = layers.iter().map(|l| l.2).fold(f64::INFINITY, f64::min);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some dozens"
        )]
        let half = reach.map(|r| (r / fine).ceil() as usize);
        Self { half, layers }
    }

    const fn size(&self) -> [usize; 3] {
        [
            2 * self.half[0] + 1,
            2 * self.half[1] + 1,
            self.layers.len(),
        ]
    }

    #[allow(clippy::cast_precision_loss, reason = "some dozens")]
    fn node(&self, [i, j, k]: [usize; 3]) -> [f64; 3] {
        let (middle, z, spacing) = self.layers[k];
        [
            middle[0] + (i as f64 - self.half[0] as f64) * spacing,
            middle[1] + (j as f64 - self.half[1] as f64) * spacing,
            z,
        ]
    }

    const fn place(&self, [i, j, k]: [usize; 3]) -> usize {
        let [width, depth, _] = self.size();
        i + width * (j + depth * k)
    }

    /// The field at every node; far from the surface only its sign is right.
    fn values(&self, solid: &dyn Solid) -> Vec<f64> {
        let size = self.size();
        let mut values = vec![1.0; size[0] * size[1] * size[2]];
        for k in (0..size[2]).step_by(BLOCK) {
            for j in (0..size[1]).step_by(BLOCK) {
                for i in (0..size[0]).step_by(BLOCK) {
                    self.block(solid, [i, j, k], &mut values);
                }
            }
        }
        values
    }

    fn block(&self, solid: &dyn Solid, from: [usize; 3], values: &mut [f64]) {
        let size = self.size();
        let to: [usize; 3] = std::array::from_fn(|a| (from[a] + BLOCK).min(size[a]));
        let (low, high) = (self.node(from), self.node(to.map(|v| v - 1)));
        let middle = vector::scale(vector::add(low, high), 0.5);
        let radius = 0.5 * vector::length(vector::sub(high, low)) + 0.5;
        let whole = solid.value(middle);
        let far = whole.abs() > STEEPEST * radius;
        for k in from[2]..to[2] {
            for j in from[1]..to[1] {
                for i in from[0]..to[0] {
                    let node = [i, j, k];
                    values[self.place(node)] = if far {
                        whole
                    } else {
                        solid.value(self.node(node))
                    };
                }
            }
        }
    }
}

/// The surface of a solid.
///
/// # Errors
/// [`GeometryError::Empty`] when the grid does not meet it.
pub(in crate::phantom) fn surface(
    solid: &dyn Solid,
    grid: &Grid,
) -> Result<SurfaceMesh<Model>, GeometryError> {
    let values = grid.values(solid);
    let (mut vertices, numbers) = corners(grid, &values);
    let quads = quads(grid, &values, &numbers);
    for vertex in &mut vertices {
        *vertex = onto(solid, *vertex);
    }
    let mut triangles = Vec::with_capacity(quads.len() * 2);
    for [a, b, c, d] in quads {
        let at = |v: u32| vertices[v as usize];
        let long = |p, q| vector::length(vector::sub(at(p), at(q)));
        // The shorter diagonal.
        if long(a, c) <= long(b, d) {
            triangles.extend([[a, b, c], [a, c, d]]);
        } else {
            triangles.extend([[a, b, d], [b, c, d]]);
        }
    }
    let (vertices, triangles) = largest(vertices, triangles);
    SurfaceMesh::new(vertices, triangles)
}

/// The nearest place of the surface, by a few damped Newton steps along the
/// gradient, which is taken twice.
fn onto(solid: &dyn Solid, start: [f64; 3]) -> [f64; 3] {
    let mut place = start;
    for _ in 0..2 {
        let slope = gradient(solid, place);
        let square = vector::dot(slope, slope).max(0.05);
        for _ in 0..2 {
            let step = vector::scale(slope, -solid.value(place) / square);
            let capped = (0.3 / vector::length(step).max(1e-12)).min(1.0);
            place = vector::add(place, vector::scale(step, capped));
        }
    }
    place
}

/// The corners of a cell's faces, in turn. Corner `c` lies at its bits (x, y, z).
const FACES: [[usize; 4]; 6] = [
    [0, 1, 3, 2],
    [4, 5, 7, 6],
    [0, 1, 5, 4],
    [2, 3, 7, 6],
    [0, 2, 6, 4],
    [1, 3, 7, 5],
];

/// The vertices of one cell: the first one's number, and for each of its edges
/// (lower corner times three plus axis) which of them it belongs to.
type Cell = (u32, [u8; 24]);

/// Vertices in every cell that the surface crosses, each the mean of the
/// crossings of its edges: one where one sheet passes through, more where
/// several do (Nielson, Dual Marching Cubes, IEEE Vis 2004).
fn corners(grid: &Grid, values: &[f64]) -> (Vec<[f64; 3]>, BTreeMap<usize, Cell>) {
    let size = grid.size();
    let mut vertices = Vec::new();
    let mut cells = BTreeMap::new();
    for k in 0..size[2] - 1 {
        for j in 0..size[1] - 1 {
            for i in 0..size[0] - 1 {
                let first = u32::try_from(vertices.len()).unwrap_or(u32::MAX);
                if let Some(owners) = sheets(grid, values, [i, j, k], &mut vertices) {
                    cells.insert(grid.place([i, j, k]), (first, owners));
                }
            }
        }
    }
    (vertices, cells)
}

/// The edge between two corners of a cell that are neighbors.
const fn edge(a: usize, b: usize) -> usize {
    let axis = match a ^ b {
        1 => 0,
        2 => 1,
        _ => 2,
    };
    (a & b) * 3 + axis
}

/// Adds a cell's vertices and tells which edge belongs to which.
fn sheets(
    grid: &Grid,
    values: &[f64],
    [i, j, k]: [usize; 3],
    vertices: &mut Vec<[f64; 3]>,
) -> Option<[u8; 24]> {
    let node = |c: usize| [i + (c & 1), j + ((c >> 1) & 1), k + (c >> 2)];
    let corner: [f64; 8] = std::array::from_fn(|c| values[grid.place(node(c))]);
    let inside = corner.iter().filter(|v| **v < 0.0).count();
    if inside == 0 || inside == 8 {
        return None;
    }
    let crossed = |a: usize, b: usize| (corner[a] < 0.0) != (corner[b] < 0.0);
    // Crossings that follow one another around the cell make one sheet; where
    // a face is crossed twice, its inner corners are kept apart.
    let mut sheet: [u8; 24] = std::array::from_fn(|e| u8::try_from(e).unwrap_or(0));
    let mut join = |a: usize, b: usize| {
        let (from, to) = (sheet[a].max(sheet[b]), sheet[a].min(sheet[b]));
        for s in &mut sheet {
            if *s == from {
                *s = to;
            }
        }
    };
    for face in FACES {
        let next = |c: usize| face[(c + 1) % 4];
        let cut: Vec<usize> = (0..4).filter(|&c| crossed(face[c], next(c))).collect();
        let along = |c: usize| edge(face[c % 4], next(c % 4));
        match cut.as_slice() {
            [a, b] => join(along(*a), along(*b)),
            [_, _, _, _] => {
                for c in (0..4).filter(|&c| corner[face[c]] < 0.0) {
                    join(along(c), along(c + 3));
                }
            }
            _ => {}
        }
    }
    let mut sums: BTreeMap<u8, ([f64; 3], f64)> = BTreeMap::new();
    for from in 0..8_usize {
        for axis in 0..3 {
            let to = from | (1 << axis);
            if to == from || !crossed(from, to) {
                continue;
            }
            let part = corner[from] / (corner[from] - corner[to]);
            let (p, q) = (grid.node(node(from)), grid.node(node(to)));
            let cut = vector::add(vector::scale(p, 1.0 - part), vector::scale(q, part));
            let sum = sums.entry(sheet[edge(from, to)]).or_default();
            *sum = (vector::add(sum.0, cut), sum.1 + 1.0);
        }
    }
    let mut owners = [0; 24];
    for ((name, (sum, count)), number) in sums.into_iter().zip(0_u8..) {
        vertices.push(vector::scale(sum, 1.0 / count));
        for (owner, s) in owners.iter_mut().zip(sheet) {
            if s == name {
                *owner = number;
            }
        }
    }
    Some(owners)
}

/// A quad across every edge of the grid that the surface crosses.
fn quads(grid: &Grid, values: &[f64], cells: &BTreeMap<usize, Cell>) -> Vec<[u32; 4]> {
    let size = grid.size();
    let mut quads = Vec::new();
    for k in 1..size[2] - 1 {
        for j in 1..size[1] - 1 {
            for i in 1..size[0] - 1 {
                let here = [i, j, k];
                let inside = values[grid.place(here)] < 0.0;
                for axis in 0..3 {
                    let mut next = here;
                    next[axis] += 1;
                    if inside == (values[grid.place(next)] < 0.0) {
                        continue;
                    }
                    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                    let cell = |du: usize, dv: usize| {
                        let mut c = here;
                        c[u] -= du;
                        c[v] -= dv;
                        let (first, owners) = cells.get(&grid.place(c))?;
                        let corner = (du << u) | (dv << v);
                        Some(first + u32::from(owners[corner * 3 + axis]))
                    };
                    let around = [cell(0, 0), cell(1, 0), cell(1, 1), cell(0, 1)];
                    if let [Some(a), Some(b), Some(c), Some(d)] = around {
                        quads.push(if inside { [a, b, c, d] } else { [d, c, b, a] });
                    }
                }
            }
        }
    }
    quads
}

/// Only the largest connected part: where a cortex closes a hollow, a crumb of
/// marrow may be left over.
fn largest(vertices: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> (Vec<[f64; 3]>, Vec<[u32; 3]>) {
    let mut parent: Vec<u32> = (0..u32::try_from(vertices.len()).unwrap_or(u32::MAX)).collect();
    fn root(parent: &mut [u32], mut v: u32) -> u32 {
        while parent[v as usize] != v {
            parent[v as usize] = parent[parent[v as usize] as usize];
            v = parent[v as usize];
        }
        v
    }
    for [a, b, c] in &triangles {
        for other in [b, c] {
            let (x, y) = (root(&mut parent, *a), root(&mut parent, *other));
            parent[x.max(y) as usize] = x.min(y);
        }
    }
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    for t in &triangles {
        *sizes.entry(root(&mut parent, t[0])).or_default() += 1;
    }
    let best = sizes.iter().max_by_key(|(_, n)| **n).map_or(0, |(r, _)| *r);
    let mut numbers = BTreeMap::new();
    let mut kept = Vec::new();
    for (number, vertex) in (0_u32..).zip(&vertices) {
        if root(&mut parent, number) == best {
            numbers.insert(number, u32::try_from(kept.len()).unwrap_or(u32::MAX));
            kept.push(*vertex);
        }
    }
    let triangles = triangles
        .iter()
        .filter_map(|t| {
            let [a, b, c] = t.map(|v| numbers.get(&v).copied());
            Some([a?, b?, c?])
        })
        .collect();
    (kept, triangles)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_ball_becomes_a_closed_ball() {
        let ball = |p: [f64; 3]| vector::length(p) - 9.0;
        let grid = Grid::new(
            [-11.0, 11.0],
            [11.0; 2],
            |_| [0.0; 2],
            |z| {
                if z > 0.0 { 0.5 } else { 0.8 }
            },
        );
        let mesh = surface(&ball, &grid).unwrap();
        assert!(mesh.is_closed());
        for vertex in mesh.vertices() {
            assert!((vector::length(*vertex) - 9.0).abs() < 1e-5);
        }
        let volume = 4.0 / 3.0 * std::f64::consts::PI * 729.0;
        assert!((mesh.signed_volume() / volume - 1.0).abs() < 5e-3);
    }

    #[test]
    fn crumbs_are_left_out() {
        let two = |p: [f64; 3]| {
            let far = vector::sub(p, [8.0, 0.0, 0.0]);
            (vector::length(p) - 5.0).min(vector::length(far) - 1.5)
        };
        let grid = Grid::new([-11.0, 11.0], [11.0; 2], |_| [0.0; 2], |_| 0.5);
        let mesh = surface(&two, &grid).unwrap();
        assert!(mesh.is_closed());
        assert!(mesh.bounds()[1][0] < 5.5);
    }
}
