//! The finest scale of the residual: a smooth field along the normals with a
//! value at each vertex, for what neither modes nor basis follow (an edge of a
//! rim, a groove).
//!
//! Its prior is the Matern field of Lindgren, Rue and Lindstrom (J. R. Stat.
//! Soc. B 73 (2011) 423, order 2): precision `t2 (k2 M + L) M^-1 (k2 M + L)`
//! with the mesh's masses `M` and cotangent stiffness `L`, whose variance is
//! `1 / (4 pi k2 t2)`. Solved by conjugate gradients.

use super::targets::Robust;
use super::targets::Scene;
use super::targets::targets;
use super::template::Template;
use crate::geometry::Given;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// SD and range of the field.
const SD_MM: f64 = 0.35;
const RANGE_MM: f64 = 4.0;
/// What is no shape at all (voxels' steps, noise), as a spectral density in mm4.
const NOISE: f64 = 0.01;
const STEPS: usize = 6;

/// The prior's matrices on one mesh.
struct Field {
    mass: Vec<f64>,
    /// The partners of each vertex with their cotangent weights.
    beside: Vec<Vec<(usize, f64)>>,
    kappa2: f64,
    tau2: f64,
}

impl Field {
    fn new(surface: &SurfaceMesh<Model>) -> Self {
        let count = surface.vertices().len();
        let mut mass = vec![0.0; count];
        let mut beside: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        for (triangle, corners) in surface.triangles().iter().zip(surface.corners()) {
            for k in 0..3 {
                let [a, b, c] = [corners[k], corners[(k + 1) % 3], corners[(k + 2) % 3]];
                let (p, q) = (vector::sub(b, a), vector::sub(c, a));
                let twice = vector::length(vector::cross(p, q));
                mass[triangle[k] as usize] += twice / 6.0;
                let cotangent = (vector::dot(p, q) / twice.max(1e-12)).clamp(0.02, 5.0);
                let pair = [
                    triangle[(k + 1) % 3] as usize,
                    triangle[(k + 2) % 3] as usize,
                ];
                for (from, to) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                    let list = &mut beside[from];
                    match list.iter_mut().find(|(other, _)| *other == to) {
                        Some(known) => known.1 += 0.5 * cotangent,
                        None => list.push((to, 0.5 * cotangent)),
                    }
                }
            }
        }
        for m in &mut mass {
            *m = m.max(1e-6);
        }
        let kappa2 = 8.0 / (RANGE_MM * RANGE_MM);
        Self {
            mass,
            beside,
            kappa2,
            tau2: 1.0 / (4.0 * std::f64::consts::PI * kappa2 * SD_MM * SD_MM),
        }
    }

    /// `(k2 M + L) u`.
    fn half(&self, u: &[f64]) -> Vec<f64> {
        let of = |v: usize| {
            let list = &self.beside[v];
            let stiff: f64 = list.iter().map(|(other, w)| w * (u[v] - u[*other])).sum();
            self.kappa2 * self.mass[v] * u[v] + stiff
        };
        (0..u.len()).map(of).collect()
    }

    /// The precision times a field.
    fn precision(&self, u: &[f64]) -> Vec<f64> {
        let mut half = self.half(u);
        for (value, mass) in half.iter_mut().zip(&self.mass) {
            *value *= self.tau2 / mass;
        }
        self.half(&half)
    }

    /// The most likely field for weighted targets.
    fn solve(&self, told: &[f64], weight: &[f64], start: Vec<f64>) -> Vec<f64> {
        let apply = |u: &[f64]| -> Vec<f64> {
            let mut out = self.precision(u);
            for ((value, w), u) in out.iter_mut().zip(weight).zip(u) {
                *value += w * u;
            }
            out
        };
        let scaling: Vec<f64> = (0..weight.len())
            .map(|v| {
                let whole: f64 = self.beside[v].iter().map(|(_, w)| w).sum();
                let diagonal = self.kappa2 * self.mass[v] + whole;
                let around: f64 = self.beside[v]
                    .iter()
                    .map(|(o, w)| w * w / self.mass[*o])
                    .sum();
                1.0 / (self.tau2 * (diagonal * diagonal / self.mass[v] + around) + weight[v])
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut u = start;
        let mut rest: Vec<f64> = apply(&u)
            .iter()
            .zip(told)
            .zip(weight)
            .map(|((a, t), w)| w * t - a)
            .collect();
        let precondition =
            |r: &[f64]| -> Vec<f64> { r.iter().zip(&scaling).map(|(r, s)| r * s).collect() };
        let mut conditioned = precondition(&rest);
        let mut direction = conditioned.clone();
        let mut size = dot(&rest, &conditioned);
        let stop = 1e-10 * size;
        for _ in 0..300 {
            if size <= stop.max(1e-30) {
                break;
            }
            let image = apply(&direction);
            let step = size / dot(&direction, &image).max(1e-300);
            for v in 0..u.len() {
                u[v] += step * direction[v];
                rest[v] -= step * image[v];
            }
            conditioned = precondition(&rest);
            let now = dot(&rest, &conditioned);
            let keep = now / size;
            size = now;
            for (d, c) in direction.iter_mut().zip(&conditioned) {
                *d = c + keep * *d;
            }
        }
        u
    }
}

/// The vertices with the finest residual on them.
pub(super) fn refine(
    template: &Template<'_>,
    scene: &Scene<'_>,
    pose: &Rigid<Model, Given>,
    vertices: Vec<[f64; 3]>,
) -> Vec<[f64; 3]> {
    let Ok(surface) = template.model.mean().with_vertices(vertices.clone()) else {
        return vertices;
    };
    let field = Field::new(&surface);
    let along = surface.vertex_normals();
    let mut heights = vec![0.0; vertices.len()];
    let place = |heights: &[f64]| -> Vec<[f64; 3]> {
        let moved = vertices.iter().zip(&along).zip(heights);
        moved
            .map(|((v, n), h)| vector::add(*v, vector::scale(*n, *h)))
            .collect()
    };
    for _ in 0..STEPS {
        let now = place(&heights);
        let Some(found) = targets(template, &now, pose, scene, Robust { gap_mm: 4.0 }) else {
            break;
        };
        let mut told = vec![0.0; now.len()];
        let mut weight = vec![0.0; now.len()];
        for v in 0..now.len() {
            // The gap is along the normal as it stands, the field along that of the start.
            let slope = vector::dot(found.normals[v], along[v]);
            if found.weight[v] > 0.0 && slope > 0.3 {
                told[v] = heights[v] + found.along[v] / slope;
                weight[v] = found.weight[v] * slope * slope / NOISE;
            }
        }
        heights = field.solve(&told, &weight, heights);
    }
    place(&heights)
}
