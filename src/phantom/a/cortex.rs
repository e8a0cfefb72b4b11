//! How thick the cortex of a bone is, and the endosteal surface below it.
//!
//! 0.85 mm at the distal radius by HR-pQCT (0.76 to 0.94; PMC6910691), 2 to 3
//! mm in the shaft (recalled). The endosteal surface is the outer one moved
//! inward along normals that are smoothed over some millimeters, so that it
//! does not fold where the bone is thin or sharp.
#![allow(clippy::cast_precision_loss, reason = "a vertex has few neighbors")]

use super::field::Field;
use super::sculpt::rise;
use super::sculpt_radius::CUT_MM;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector::add;
use crate::geometry::vector::scale;
use crate::phantom::PhantomError;

/// Near the joint, and in the shaft, in millimeters.
const THICK_MM: [f64; 2] = [0.75, 2.4];
/// Rounds of smoothing of the normals.
const ROUNDS: usize = 10;

/// The thickness at each vertex of a template bone in millimeters.
pub(super) fn thickness(template: &[[f64; 3]], relative: f64, field: &Field) -> Vec<f64> {
    template
        .iter()
        .map(|v| {
            let level = -v[2];
            let part = rise(level, 10.0, 48.0);
            let mean = THICK_MM[0] + (THICK_MM[1] - THICK_MM[0]) * part;
            let palm = 1.0 + 0.15 * rise(-v[1], 0.0, 6.0) * (1.0 - part);
            (mean * palm * relative * (1.0 + field.at(*v)[0])).clamp(0.4, 3.2)
        })
        .collect()
}

/// The endosteal surface below an outer one with the template's vertices.
pub(super) fn inner(
    outer: &SurfaceMesh<Model>,
    thickness: &[f64],
    template: &[[f64; 3]],
) -> Result<SurfaceMesh<Model>, PhantomError> {
    let mut inward: Vec<[f64; 3]> = outer
        .vertex_normals()
        .into_iter()
        .map(|n| scale(n, -1.0))
        .collect();
    for _ in 0..ROUNDS {
        inward = averaged(outer, &inward);
    }
    let vertices = outer
        .vertices()
        .iter()
        .zip(&inward)
        .zip(thickness.iter().zip(template));
    let moved = vertices.map(|((v, way), (thick, place))| {
        let mut way = *way;
        // The lid is no wall: the canal goes on to it.
        way[2] *= 1.0 - 0.85 * rise(-place[2], CUT_MM - 4.0, CUT_MM - 0.5);
        add(*v, scale(way, *thick))
    });
    Ok(outer.with_vertices(moved.collect())?)
}

/// Each vector averaged with those of the vertices around it.
fn averaged(mesh: &SurfaceMesh<Model>, vectors: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut sum = vectors.to_vec();
    let mut count = vec![1.0_f64; vectors.len()];
    for t in mesh.triangles() {
        for (from, to) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
            let (from, to) = (from as usize, to as usize);
            sum[from] = add(sum[from], vectors[to]);
            count[from] += 1.0;
        }
    }
    sum.iter()
        .zip(count)
        .map(|(s, n)| scale(*s, 1.0 / n))
        .collect()
}
