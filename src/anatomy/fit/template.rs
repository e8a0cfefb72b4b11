//! A bone's shape model made ready for fitting: which vertices stand for their
//! neighborhood, and the smooth residual field as a basis.
//!
//! The field is a Gaussian process on the mean surface with the covariance
//! `sd^2 exp(-d^2 / 2 l^2)`, a scale each ([`BoneModel::residual_scales`]), after
//! Luthi et al., "Gaussian process morphable models", IEEE PAMI 40 (2018) 1860.
//! Scales of 7 mm and more move vertices in all directions, shorter ones along
//! the normal alone. Each is held by a Nystrom basis: `K_vu L^-T` over places
//! spread over the surface, so that its numbers have the prior N(0, 1).
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "vertex counts in the thousands"
)]

use nalgebra::DMatrix;

use crate::anatomy::BoneModel;
use crate::geometry::vector;

/// How many vertices stand for their neighborhoods in the normal equations.
const REPRESENTATIVES: usize = 1600;
/// A scale at least this long moves vertices in all directions.
const FREE_LENGTH_MM: f64 = 7.0;
/// A scale shorter than this is left to the fine field.
const FINE_LENGTH_MM: f64 = 3.0;

/// One scale of the residual field: rows are vertices.
struct Scale {
    /// Whether it moves vertices in all directions, or along the normal.
    free: bool,
    basis: DMatrix<f64>,
}

impl Scale {
    fn numbers(&self) -> usize {
        self.basis.ncols() * if self.free { 3 } else { 1 }
    }
}

/// A shape model ready to be fitted.
pub(super) struct Template<'a> {
    pub model: &'a BoneModel,
    /// Triangles of the lid over the cut, which is no surface of the bone.
    pub lid: Vec<bool>,
    /// The area of the mean that each vertex stands for; 0 on the lid.
    pub area: Vec<f64>,
    /// The mean's normals.
    pub normals: Vec<[f64; 3]>,
    /// The vertices that stand for their neighborhood, and which one each belongs to.
    pub representatives: Vec<usize>,
    pub home: Vec<usize>,
    /// The area of each representative's neighborhood.
    pub around: Vec<f64>,
    scales: Vec<Scale>,
}

impl<'a> Template<'a> {
    pub(super) fn new(model: &'a BoneModel) -> Self {
        let mean = model.mean();
        let flags = model.cut();
        let lid: Vec<bool> = mean
            .triangles()
            .iter()
            .map(|t| t.iter().any(|v| flags[*v as usize]))
            .collect();
        let mut area = vec![0.0; mean.vertices().len()];
        for ((triangle, [a, b, c]), lid) in mean.triangles().iter().zip(mean.corners()).zip(&lid) {
            if !lid {
                let normal = vector::cross(vector::sub(b, a), vector::sub(c, a));
                for vertex in triangle {
                    area[*vertex as usize] += vector::length(normal) / 6.0;
                }
            }
        }
        let live: Vec<usize> = (0..area.len()).filter(|v| area[*v] > 0.0).collect();
        let count = REPRESENTATIVES.min(live.len());
        let (representatives, home) = spread_out(mean.vertices(), &live, count, 0.0);
        let mut around = vec![0.0; representatives.len()];
        for (home, area) in home.iter().zip(&area) {
            around[*home] += area;
        }
        let scales = model
            .residual_scales()
            .iter()
            .filter(|(length, _)| *length >= FINE_LENGTH_MM)
            .map(|&(length, sd)| Scale {
                free: length >= FREE_LENGTH_MM,
                basis: nystrom(mean.vertices(), &live, length, sd),
            })
            .collect();
        Self {
            model,
            lid,
            area,
            normals: mean.vertex_normals(),
            representatives,
            home,
            around,
            scales,
        }
    }

    /// How many numbers a shape has: the modes, then the field.
    pub(super) fn numbers(&self) -> usize {
        self.model.modes() + self.scales.iter().map(Scale::numbers).sum::<usize>()
    }

    /// The vertices of a shape.
    pub(super) fn decode(&self, shape: &[f64]) -> Vec<[f64; 3]> {
        let modes = self.model.modes();
        let mut vertices = self.model.vertices(&shape[..modes.min(shape.len())]);
        let mut rest = shape.get(modes..).unwrap_or(&[]);
        for scale in &self.scales {
            let count = scale.basis.ncols();
            let Some((now, after)) = rest.split_at_checked(scale.numbers()) else {
                break;
            };
            rest = after;
            if now.iter().all(|w| *w == 0.0) {
                continue;
            }
            if scale.free {
                let weights = DMatrix::from_row_slice(count, 3, now);
                let moved = &scale.basis * weights;
                for (v, vertex) in vertices.iter_mut().enumerate() {
                    for axis in 0..3 {
                        vertex[axis] += moved[(v, axis)];
                    }
                }
            } else {
                let moved = &scale.basis * DMatrix::from_column_slice(count, 1, now);
                for (v, vertex) in vertices.iter_mut().enumerate() {
                    *vertex = vector::add(*vertex, vector::scale(self.normals[v], moved[v]));
                }
            }
        }
        vertices
    }

    /// How far vertex `vertex` moves along `direction` when each number of the
    /// shape grows by one, for the first `row.len()` numbers.
    pub(super) fn moves_along(&self, vertex: usize, direction: [f64; 3], row: &mut [f64]) {
        let modes = self.model.modes();
        for (number, cell) in row.iter_mut().take(modes).enumerate() {
            let step = &self.model.mode(number)[3 * vertex..3 * vertex + 3];
            *cell = (0..3).map(|a| f64::from(step[a]) * direction[a]).sum();
        }
        let Some(mut rest) = row.get_mut(modes..) else {
            return;
        };
        for scale in &self.scales {
            let Some((now, after)) = rest.split_at_mut_checked(scale.numbers()) else {
                return;
            };
            rest = after;
            if scale.free {
                for (k, cells) in now.chunks_exact_mut(3).enumerate() {
                    let weight = scale.basis[(vertex, k)];
                    for axis in 0..3 {
                        cells[axis] = weight * direction[axis];
                    }
                }
            } else {
                let along = vector::dot(self.normals[vertex], direction);
                for (k, cell) in now.iter_mut().enumerate() {
                    *cell = scale.basis[(vertex, k)] * along;
                }
            }
        }
    }
}

/// Farthest-point sampling of `live`, until `count` are chosen or all lie nearer
/// than `spacing`; and for every vertex the number of the nearest chosen one.
fn spread_out(
    vertices: &[[f64; 3]],
    live: &[usize],
    count: usize,
    spacing: f64,
) -> (Vec<usize>, Vec<usize>) {
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    let mut home = vec![0; vertices.len()];
    let mut gap = vec![f64::INFINITY; vertices.len()];
    let mut next = live.first().copied().unwrap_or(0);
    while chosen.len() < count {
        let number = chosen.len();
        chosen.push(next);
        for (v, vertex) in vertices.iter().enumerate() {
            let apart = vector::sub(*vertex, vertices[next]);
            let distance = vector::dot(apart, apart);
            if distance < gap[v] {
                gap[v] = distance;
                home[v] = number;
            }
        }
        let far = live
            .iter()
            .copied()
            .fold(next, |best, v| if gap[v] > gap[best] { v } else { best });
        if gap[far] <= spacing * spacing {
            break;
        }
        next = far;
    }
    (chosen, home)
}

/// The basis of one scale: `K_vu L^-T` with `K_uu = L L^T`.
fn nystrom(vertices: &[[f64; 3]], live: &[usize], length: f64, sd: f64) -> DMatrix<f64> {
    let (places, _) = spread_out(vertices, live, 400, 1.3 * length);
    let kernel = |a: [f64; 3], b: [f64; 3]| {
        let apart = vector::sub(a, b);
        sd * sd * (-0.5 * vector::dot(apart, apart) / (length * length)).exp()
    };
    let at = |u: usize| vertices[places[u]];
    let count = places.len();
    let ridge = 1e-6 * sd * sd;
    let among = DMatrix::from_fn(count, count, |a, b| {
        kernel(at(a), at(b)) + if a == b { ridge } else { 0.0 }
    });
    let across = DMatrix::from_fn(vertices.len(), count, |v, u| kernel(vertices[v], at(u)));
    match among.cholesky() {
        // Solve L X = K_uv, then transpose: K_vu L^-T.
        Some(factor) => factor
            .l()
            .solve_lower_triangular(&across.transpose())
            .map_or(across, |x| x.transpose()),
        None => DMatrix::zeros(vertices.len(), 0),
    }
}
