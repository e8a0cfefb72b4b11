//! Bone-like rods that the judge's tests compare.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::Found;
use crate::geometry::Given;
use crate::geometry::SurfaceMesh;

/// A bone-like rod: thicker at its distal end (negative y), which leans.
pub(super) fn rod(length: f64, wide: f64) -> SurfaceMesh<Given> {
    const AROUND: u32 = 24;
    let levels = 40;
    let mut vertices = Vec::new();
    for level in 0..=levels {
        let part = f64::from(level) / f64::from(levels);
        let y = length * part;
        let girth = 7.0 + wide * (-y / 12.0).exp();
        for step in 0..AROUND {
            let turn = std::f64::consts::TAU * f64::from(step) / f64::from(AROUND);
            let lean = if level == 0 { 3.0 * turn.cos() } else { 0.0 };
            vertices.push([
                1.3 * girth * turn.cos(),
                y + lean,
                girth * turn.sin() - 40.0,
            ]);
        }
    }
    let top = u32::try_from(vertices.len()).unwrap();
    vertices.push([0.0, 0.0, -40.0]);
    vertices.push([0.0, length, -40.0]);
    let mut triangles = Vec::new();
    for step in 0..AROUND {
        let next = (step + 1) % AROUND;
        for level in 0..levels {
            let (a, b) = (level * AROUND + step, level * AROUND + next);
            triangles.extend([[a, b, b + AROUND], [a, b + AROUND, a + AROUND]]);
        }
        let last = levels * AROUND;
        triangles.push([top, next, step]);
        triangles.push([top + 1, last + step, last + next]);
    }
    let mesh = SurfaceMesh::new(vertices, triangles).unwrap();
    if mesh.signed_volume() < 0.0 {
        let turned = mesh
            .triangles()
            .iter()
            .map(|[a, b, c]| [*a, *c, *b])
            .collect();
        return SurfaceMesh::new(mesh.vertices().to_vec(), turned).unwrap();
    }
    mesh
}

pub(super) fn found(surface: SurfaceMesh<Given>) -> Found {
    let bottom = surface.bounds()[1][1];
    let each = |pick: &dyn Fn(&[f64; 3]) -> bool| surface.vertices().iter().map(pick).collect();
    let (lid, joint) = (each(&|v| v[1] > bottom - 0.1), each(&|v| v[1] < 3.5));
    let sigma_mm = vec![0.5; surface.vertices().len()];
    Found {
        lid,
        joint,
        sigma_mm,
        surface,
    }
}

/// Its vertices as a library holds them.
#[allow(clippy::cast_possible_truncation, reason = "tests")]
pub(super) fn single(mesh: &SurfaceMesh<Given>) -> Vec<[f32; 3]> {
    let places = mesh.vertices().iter();
    places.map(|place| place.map(|v| v as f32)).collect()
}
