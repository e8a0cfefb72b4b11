//! Where a bone's surface is seen edge-on: the places that make the edges of its
//! shadow, outlines and the folds within.

use crate::anatomy::BoneModel;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;
use crate::radiography::Camera;

/// Of the places whose shadows lie within such a square, one is kept.
const APART_MM: f64 = 1.2;
/// Nothing is compared so near to the model's proximal end.
const END_MM: f64 = 6.0;

/// A place of a surface that is seen edge-on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// The two vertices it lies between, and how far from the first to the second.
    pub between: [usize; 2],
    pub share: f64,
    /// Its place in the detector's frame.
    pub place: [f64; 3],
    /// Its shadow on the detector, in millimeters.
    pub shadow: [f64; 2],
    /// The direction across the edge in the image, out of the bone.
    pub across: [f64; 2],
    /// How the shadow moves along `across` for each millimeter of the place.
    pub slope: [f64; 3],
}

/// What of a bone's surface edges are looked for on.
#[derive(Debug)]
pub(super) struct Rim {
    /// Each side of a triangle once.
    sides: Vec<[u32; 2]>,
    /// The height below which the model ends.
    low: f64,
}

impl Rim {
    pub(super) fn of(model: &BoneModel) -> Self {
        let mut sides: Vec<[u32; 2]> = Vec::new();
        for triangle in model.mean().triangles() {
            if triangle.iter().any(|v| model.cut()[*v as usize]) {
                continue;
            }
            for k in 0..3 {
                let (a, b) = (triangle[k], triangle[(k + 1) % 3]);
                if a < b {
                    sides.push([a, b]);
                }
            }
        }
        sides.sort_unstable();
        sides.dedup();
        Self {
            sides,
            low: model.mean().bounds()[0][2] + END_MM,
        }
    }

    /// The edges of a shape in a pose, before a camera. `vertices` and `normals`
    /// are the model's.
    pub(super) fn seen(
        &self,
        vertices: &[[f64; 3]],
        normals: &[[f64; 3]],
        pose: &Rigid<Model, Detector>,
        camera: &Camera,
    ) -> Vec<Edge> {
        let source = pose.inverse().move_xyz(camera.source().xyz());
        let facing: Vec<f64> = vertices
            .iter()
            .zip(normals)
            .map(|(v, n)| vector::dot(vector::sub(*v, source), *n))
            .collect();
        let mut taken = std::collections::HashSet::new();
        let mut edges = Vec::new();
        for [a, b] in &self.sides {
            let [a, b] = [*a as usize, *b as usize];
            if (facing[a] > 0.0) == (facing[b] > 0.0) || vertices[a][2] < self.low {
                continue;
            }
            let share = facing[a] / (facing[a] - facing[b]);
            let mix = |from: [f64; 3], to: [f64; 3]| {
                vector::add(from, vector::scale(vector::sub(to, from), share))
            };
            let place = pose.move_xyz(mix(vertices[a], vertices[b]));
            let normal = pose.rotate(vector::unit(mix(normals[a], normals[b])));
            let Some(edge) = edge([a, b], share, place, normal, camera) else {
                continue;
            };
            #[allow(
                clippy::cast_possible_truncation,
                reason = "cells of a detector, tens of centimeters at most"
            )]
            let cell = |v: f64| (v / APART_MM).floor() as i32;
            let octant = (edge.across[0] > 0.0, edge.across[1] > 0.0);
            if taken.insert((cell(edge.shadow[0]), cell(edge.shadow[1]), octant)) {
                edges.push(edge);
            }
        }
        edges
    }
}

fn edge(
    between: [usize; 2],
    share: f64,
    place: [f64; 3],
    normal: [f64; 3],
    camera: &Camera,
) -> Option<Edge> {
    let [px, py] = camera.principal_point_mm;
    let ahead = place[2] + camera.sid_mm;
    if ahead <= 1.0 {
        return None;
    }
    let grow = camera.sid_mm / ahead;
    let (dx, dy) = (place[0] - px, place[1] - py);
    // How the shadow moves with the place.
    let rows = [
        [grow, 0.0, -dx * grow / ahead],
        [0.0, grow, -dy * grow / ahead],
    ];
    let moved = |by: [f64; 3]| rows.map(|row| vector::dot(row, by));
    let ray = vector::unit([dx, dy, ahead]);
    let [tx, ty] = moved(vector::cross(ray, normal));
    let long = tx.hypot(ty);
    if long < 1e-6 {
        return None;
    }
    let mut across = [ty / long, -tx / long];
    let [nx, ny] = moved(normal);
    if across[0] * nx + across[1] * ny < 0.0 {
        across = across.map(|v| -v);
    }
    let slope = [0, 1, 2].map(|k| across[0] * rows[0][k] + across[1] * rows[1][k]);
    Some(Edge {
        between,
        share,
        place,
        shadow: [px + dx * grow, py + dy * grow],
        across,
        slope,
    })
}
