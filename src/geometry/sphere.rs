//! A sphere for known-answer tests.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::Model;
use super::SurfaceMesh;

/// A sphere: `rings` of `2 * rings` vertices and two poles.
pub(super) fn sphere(radius: f64, rings: u32) -> SurfaceMesh<Model> {
    let around = 2 * rings;
    let mut vertices = vec![[0.0, 0.0, -radius]];
    for ring in 1..=rings {
        let polar = std::f64::consts::PI * f64::from(ring) / f64::from(rings + 1);
        for j in 0..around {
            let turn = std::f64::consts::TAU * f64::from(j) / f64::from(around);
            vertices.push([
                radius * polar.sin() * turn.cos(),
                radius * polar.sin() * turn.sin(),
                -radius * polar.cos(),
            ]);
        }
    }
    vertices.push([0.0, 0.0, radius]);
    let top = u32::try_from(vertices.len()).unwrap() - 1;
    let id = |ring: u32, j: u32| 1 + ring * around + j % around;
    let mut triangles = Vec::new();
    for j in 0..around {
        triangles.push([0, id(0, j + 1), id(0, j)]);
        for ring in 0..rings - 1 {
            triangles.push([id(ring, j), id(ring, j + 1), id(ring + 1, j)]);
            triangles.push([id(ring, j + 1), id(ring + 1, j + 1), id(ring + 1, j)]);
        }
        triangles.push([top, id(rings - 1, j), id(rings - 1, j + 1)]);
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}
