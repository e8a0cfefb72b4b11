//! Cuts the lattice's tetrahedra at the surface.
//!
//! Points that lie too near to the surface are first moved onto it (warped);
//! then each tetrahedron keeps its part inside, filled from a short list of
//! stencils. The list, the order and the two thresholds are those of Labelle and
//! Shewchuk, Isosurface Stuffing (SIGGRAPH 2007), section 3: all dihedral angles
//! then lie between 10.7 and 164.8 degrees whatever the surface.
//! We depart from the paper in one place: a point moves to the nearest
//! of the cuts that are too near, the paper lets it be any of them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a lattice has fewer than 2^31 points (checked when it is made)"
)]

use std::collections::HashMap;

use crate::geometry::vector;

use super::super::Threads;
use super::super::mesh::at;
use super::super::mesh::volume;
use super::lattice::Half;
use super::lattice::Lattice;
use super::lattice::NEIGHBORS;

/// A cut nearer than these parts of its edge moves the point.
const TOO_NEAR_LONG: f64 = 0.249_99;
const TOO_NEAR_SHORT: f64 = 0.411_89;

/// The lattice is worked on in so many slabs, whatever the threads.
const SLABS: usize = 16;

/// A node of the mesh: a lattice point (both numbers the same) or the cut
/// between two.
type Key = [u32; 2];

/// A corner of a lattice tetrahedron.
#[derive(Debug, Clone, Copy)]
struct Corner {
    number: u32,
    half: Half,
    value: f64,
}

/// A lattice with the field on it.
pub(super) struct Stuffed {
    lattice: Lattice,
    /// Positive inside; zero on the surface.
    field: Vec<f64>,
    /// Where warped points lie.
    moved: HashMap<u32, [f64; 3]>,
}

fn is_long(a: Half, b: Half) -> bool {
    // The ends of a long edge are both corners or both centers.
    (a[0] ^ b[0]) & 1 == 0
}

impl Stuffed {
    /// Moves the points that lie too near to the surface onto it.
    pub(super) fn new(lattice: Lattice, field: Vec<f64>) -> Self {
        let mut stuffed = Self {
            lattice,
            field,
            moved: HashMap::new(),
        };
        for number in 0..stuffed.field.len() {
            if let Some(place) = stuffed.nearest_cut(number) {
                stuffed.field[number] = 0.0;
                stuffed.moved.insert(number as u32, place);
            }
        }
        stuffed
    }

    /// The nearest of the cuts that are too near to a point.
    fn nearest_cut(&self, number: usize) -> Option<[f64; 3]> {
        let value = self.field[number];
        // No edge is longer than a step, so neither is a cut one's distance.
        if value == 0.0 || value.abs() >= TOO_NEAR_SHORT * self.lattice.step() {
            return None;
        }
        let half = self.lattice.half(number);
        let mut nearest: Option<(f64, [f64; 3])> = None;
        for way in NEIGHBORS {
            let other: Half = std::array::from_fn(|axis| half[axis] + way[axis]);
            let Some(neighbor) = self.lattice.number(other) else {
                continue;
            };
            if value * self.field[neighbor] >= 0.0 {
                continue;
            }
            let along = value / (value - self.field[neighbor]);
            let (limit, length) = if is_long(half, other) {
                (TOO_NEAR_LONG, 1.0)
            } else {
                (TOO_NEAR_SHORT, 0.75_f64.sqrt())
            };
            if along < limit && nearest.is_none_or(|(least, _)| along * length < least) {
                let [from, to] = [half, other].map(|point| self.lattice.place(point));
                let place = vector::add(from, vector::scale(vector::sub(to, from), along));
                nearest = Some((along * length, place));
            }
        }
        nearest.map(|(_, place)| place)
    }

    /// The tetrahedra inside, right way round, nodes numbered as they come.
    pub(super) fn carve(&self, threads: Threads) -> (Vec<[f64; 3]>, Vec<[u32; 4]>) {
        let layers = self.lattice.cubes()[2];
        let slabs = threads.map(layers, SLABS, |range| {
            let mut kept = Vec::new();
            for layer in range {
                self.carve_layer(layer, &mut kept);
            }
            kept
        });
        self.number_nodes(&slabs)
    }

    /// Cuts the tetrahedra that begin at the centers of one layer of cubes.
    fn carve_layer(&self, layer: usize, kept: &mut Vec<[Key; 4]>) {
        let cubes = self.lattice.cubes();
        for y in 0..cubes[1] {
            for x in 0..cubes[0] {
                let center = [x, y, layer].map(|i| 2 * i as i32 + 1);
                for axis in 0..3 {
                    self.carve_around(center, axis, kept);
                }
            }
        }
    }

    /// Cuts the four tetrahedra around the edge from a center to the next.
    fn carve_around(&self, center: Half, axis: usize, kept: &mut Vec<[Key; 4]>) {
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        let corner = |along: i32, across: i32, up: i32| {
            let mut half = center;
            half[axis] += along;
            half[u] += across;
            half[v] += up;
            self.corner(half)
        };
        let Some(next) = corner(2, 0, 0) else {
            return;
        };
        let Some(first) = corner(0, 0, 0) else {
            return;
        };
        let ring = [(-1, -1), (1, -1), (1, 1), (-1, 1)].map(|(s, t)| corner(1, s, t));
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            if let (Some(a), Some(b)) = (ring[from], ring[to]) {
                keep_inside([first, next, a, b], kept);
            }
        }
    }

    fn corner(&self, half: Half) -> Option<Corner> {
        let number = self.lattice.number(half)?;
        Some(Corner {
            number: number as u32,
            half,
            value: self.field[number],
        })
    }

    /// Where a node lies.
    fn place(&self, [low, high]: Key) -> [f64; 3] {
        let from = self.lattice.place(self.lattice.half(at(low)));
        if low == high {
            return self.moved.get(&low).copied().unwrap_or(from);
        }
        let to = self.lattice.place(self.lattice.half(at(high)));
        let along = self.field[at(low)] / (self.field[at(low)] - self.field[at(high)]);
        vector::add(from, vector::scale(vector::sub(to, from), along))
    }

    fn number_nodes(&self, slabs: &[Vec<[Key; 4]>]) -> (Vec<[f64; 3]>, Vec<[u32; 4]>) {
        const NONE: u32 = u32::MAX;
        let mut points = vec![NONE; self.field.len()];
        let mut cuts: HashMap<Key, u32> = HashMap::new();
        let mut nodes: Vec<[f64; 3]> = Vec::new();
        let mut elements = Vec::with_capacity(slabs.iter().map(Vec::len).sum());
        for keys in slabs.iter().flatten() {
            let mut element = keys.map(|key| {
                let number = if key[0] == key[1] {
                    &mut points[at(key[0])]
                } else {
                    cuts.entry(key).or_insert(NONE)
                };
                if *number == NONE {
                    *number = nodes.len() as u32;
                    nodes.push(self.place(key));
                }
                *number
            });
            if volume(element.map(|n| nodes[at(n)])) < 0.0 {
                element.swap(2, 3);
            }
            elements.push(element);
        }
        (nodes, elements)
    }
}

/// The node of a lattice point.
const fn point(a: Corner) -> Key {
    [a.number, a.number]
}

/// The node where the surface cuts the edge between two points.
fn cut(a: Corner, b: Corner) -> Key {
    [a.number.min(b.number), a.number.max(b.number)]
}

/// Whether the face (p, q, outside), of which p and q are inside, is divided
/// from p to the cut of q's edge, not from q to the cut of p's edge. Both
/// tetrahedra at the face come to the same answer.
fn divided_from(p: Corner, q: Corner, outside: Corner) -> bool {
    if is_long(p.half, outside.half) {
        LONG_FIRST
    } else if is_long(q.half, outside.half) {
        !LONG_FIRST
    } else {
        // p and q are the ends of a long edge: they differ by one step along
        // one axis, so exactly one of the two sums is even.
        let steps: i32 = p.half.iter().map(|v| v.div_euclid(2)).sum();
        steps.rem_euclid(2) == 0
    }
}

/// Whether a face is divided from the point whose cut edge is long.
const LONG_FIRST: bool = false;

/// Adds the part of one lattice tetrahedron that lies inside.
fn keep_inside(corners: [Corner; 4], kept: &mut Vec<[Key; 4]>) {
    let mut sorted = corners;
    // Inside, then on the surface, then outside; otherwise in their order.
    sorted.sort_by_key(|c| {
        if c.value > 0.0 {
            0
        } else if c.value < 0.0 {
            2
        } else {
            1
        }
    });
    let inside = corners.iter().filter(|c| c.value > 0.0).count();
    let outside = corners.iter().filter(|c| c.value < 0.0).count();
    let [p, q, r, s] = sorted;
    match (inside, outside) {
        (0, _) => {}
        (_, 0) => kept.push(corners.map(point)),
        (1, 1) => kept.push([point(p), point(q), point(r), cut(p, s)]),
        (1, 2) => kept.push([point(p), point(q), cut(p, r), cut(p, s)]),
        (1, _) => kept.push([point(p), cut(p, q), cut(p, r), cut(p, s)]),
        (2, 1) => {
            let (near, far) = if divided_from(p, q, s) {
                (p, q)
            } else {
                (q, p)
            };
            kept.push([point(near), point(far), cut(far, s), point(r)]);
            kept.push([point(near), cut(near, s), cut(far, s), point(r)]);
        }
        (2, _) => keep_wedge([p, q], [r, s], kept),
        _ => {
            let ends = [p, q, r].map(point);
            let cuts = [p, q, r].map(|inner| cut(inner, s));
            let from = |i: usize, j: usize| divided_from(sorted[i], sorted[j], s);
            keep_prism(ends, cuts, from, kept);
        }
    }
}

/// Two points inside, two outside: a wedge with the edge inside as its ridge.
fn keep_wedge([p, q]: [Corner; 2], [r, s]: [Corner; 2], kept: &mut Vec<[Key; 4]>) {
    let first = [point(p), cut(p, r), cut(p, s)];
    let second = [point(q), cut(q, r), cut(q, s)];
    let toward_r = divided_from(p, q, r);
    let toward_s = divided_from(p, q, s);
    let from = |i: usize, j: usize| match (i, j) {
        (0, 1) => toward_r,
        (1, 0) => !toward_r,
        (0, 2) => toward_s,
        (2, 0) => !toward_s,
        // The surface's own quadrangle: free, but never in a circle with the others.
        (1, 2) => toward_s || !toward_r,
        _ => toward_r && !toward_s,
    };
    keep_prism(first, second, from, kept);
}

/// A prism between two triangles as three tetrahedra. `from(i, j)` says that
/// the side between i and j is divided from `first[i]` to `second[j]`; it must
/// be an order (never a circle).
fn keep_prism(
    first: [Key; 3],
    second: [Key; 3],
    from: impl Fn(usize, usize) -> bool,
    kept: &mut Vec<[Key; 4]>,
) {
    let before = |i: usize| (0..3).filter(|j| *j != i && from(*j, i)).count();
    let mut order = [0, 1, 2];
    order.sort_by_key(|i| before(*i));
    let [a, b, c] = order;
    kept.push([first[a], first[b], first[c], second[c]]);
    kept.push([first[a], first[b], second[b], second[c]]);
    kept.push([first[a], second[a], second[b], second[c]]);
}
