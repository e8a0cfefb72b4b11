//! How sure a fit is: the posterior of pose and shape, carried to vertices,
//! landmarks and measures.

use nalgebra::Cholesky;
use nalgebra::DMatrix;
use nalgebra::DVector;
use nalgebra::Dyn;

use super::template::Template;
use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::anatomy::Landmarks;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::vector;

/// What neither modes nor field describe, at any place: SD in millimeters.
const REST_MM: f64 = 0.1;

/// A landmark of the fitted bone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundLandmark {
    /// Which one.
    pub landmark: Landmark,
    /// Where it is in the given axes, in millimeters.
    pub place: [f64; 3],
    /// The SD of its place, the largest of any direction, in millimeters.
    pub sigma_mm: f64,
}

/// A measure of the fitted bone in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundMeasure {
    /// Which one.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// Its SD.
    pub sigma: f64,
}

/// The SD of the surface at every vertex, along its normal, in millimeters: how
/// far the true surface may lie from the fitted one there. A slide of the vertex
/// within the surface, which no surface shows, is not in it.
pub(super) fn vertex_sigma(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    normals: &[[f64; 3]],
    posterior: &Cholesky<f64, Dyn>,
) -> Vec<f64> {
    let representatives = &template.representatives;
    let mut rows = DMatrix::zeros(6 + template.numbers(), representatives.len());
    let mut row = vec![0.0; template.numbers()];
    for (r, &v) in representatives.iter().enumerate() {
        let turn = vector::cross(vertices[v], normals[v]);
        template.moves_along(v, normals[v], &mut row);
        let all = turn.iter().chain(&normals[v]).chain(&row);
        rows.set_column(r, &DVector::from_iterator(6 + row.len(), all.copied()));
    }
    let Some(solved) = posterior.l().solve_lower_triangular(&rows) else {
        return vec![f64::INFINITY; vertices.len()];
    };
    let sigma: Vec<f64> = solved
        .column_iter()
        .map(|column| (column.norm_squared() + REST_MM * REST_MM).sqrt())
        .collect();
    template.home.iter().map(|home| sigma[*home]).collect()
}

/// How the mean of some vertices moves along an axis of the model's frame with
/// each number of pose and shape.
pub(super) fn place_row(
    template: &Template<'_>,
    of: &[usize],
    vertices: &[[f64; 3]],
    axis: usize,
) -> DVector<f64> {
    let mut direction = [0.0; 3];
    direction[axis] = 1.0;
    let mut whole = DVector::zeros(6 + template.numbers());
    let mut row = vec![0.0; template.numbers()];
    #[allow(clippy::cast_precision_loss, reason = "a ring of vertices")]
    let share = 1.0 / of.len().max(1) as f64;
    for &v in of {
        let turn = vector::cross(vertices[v], direction);
        template.moves_along(v, direction, &mut row);
        for k in 0..3 {
            whole[k] += share * turn[k];
            whole[3 + k] += share * direction[k];
        }
        for (number, value) in row.iter().enumerate() {
            whole[6 + number] += share * value;
        }
    }
    whole
}

/// The bone's landmarks in the model's frame.
pub(super) fn landmarks(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    posterior: &Cholesky<f64, Dyn>,
) -> Vec<(Landmark, [f64; 3], f64)> {
    let ids = template.model.landmarks();
    let mut found = Vec::new();
    for landmark in Landmark::ALL {
        let of: Vec<usize> = ids.vertices(landmark).iter().map(|v| *v as usize).collect();
        if of.is_empty() || landmark.bone() != template.model.bone() {
            continue;
        }
        let place = middle(vertices, &of);
        let sigma = (0..3)
            .filter_map(|axis| {
                let row = place_row(template, &of, vertices, axis);
                posterior.l().solve_lower_triangular(&row)
            })
            .map(|solved| (solved.norm_squared() + REST_MM * REST_MM).sqrt())
            .fold(0.0, f64::max);
        found.push((landmark, place, sigma));
    }
    found
}

/// The middle of some vertices.
pub(super) fn middle(vertices: &[[f64; 3]], of: &[usize]) -> [f64; 3] {
    #[allow(clippy::cast_precision_loss, reason = "a ring of vertices")]
    let share = 1.0 / of.len().max(1) as f64;
    let sum = of
        .iter()
        .fold([0.0; 3], |s, v| vector::add(s, vertices[*v]));
    vector::scale(sum, share)
}

/// The measures that the radius alone shows, of a right bone in its model's
/// frame. None for the ulna: ulnar variance needs both.
pub(super) fn radius_measures(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    posterior: &Cholesky<f64, Dyn>,
) -> Vec<FoundMeasure> {
    if template.model.bone() != Bone::Radius {
        return Vec::new();
    }
    let ids = template.model.landmarks();
    let marks: Vec<(Landmark, Vec<usize>)> = Landmark::ALL
        .into_iter()
        .filter(|l| l.bone() == Bone::Radius)
        .map(|l| (l, ids.vertices(l).iter().map(|v| *v as usize).collect()))
        .collect();
    let places: Vec<[f64; 3]> = marks.iter().map(|(_, of)| middle(vertices, of)).collect();
    let Some(values) = read(&marks, &places) else {
        return Vec::new();
    };
    let mut slopes = vec![DVector::zeros(6 + template.numbers()); 3];
    for (mark, (_, of)) in marks.iter().enumerate() {
        for axis in 0..3 {
            let mut moved = places.clone();
            moved[mark][axis] += 1e-4;
            let Some(after) = read(&marks, &moved) else {
                return Vec::new();
            };
            let row = place_row(template, of, vertices, axis);
            for (slope, (a, b)) in slopes.iter_mut().zip(after.iter().zip(values)) {
                *slope += &row * ((a - b) / 1e-4);
            }
        }
    }
    let kinds = [
        Measure::RadialInclination,
        Measure::VolarTilt,
        Measure::RadialHeight,
    ];
    kinds
        .into_iter()
        .zip(values)
        .zip(&slopes)
        .map(|((measure, value), slope)| FoundMeasure {
            measure,
            value,
            sigma: posterior
                .l()
                .solve_lower_triangular(slope)
                .map_or(f64::INFINITY, |s| s.norm()),
        })
        .collect()
}

fn read(marks: &[(Landmark, Vec<usize>)], places: &[[f64; 3]]) -> Option<[f64; 3]> {
    let known = marks.iter().map(|m| m.0).zip(places);
    // The dome only serves ulnar variance, which is not read here.
    let dome = (Landmark::UlnarDome, Point::<Model>::new([0.0; 3]));
    let all = known.map(|(l, p)| (l, Point::new(*p))).chain([dome]);
    let found = measures(&Landmarks::of(all), Side::Right).ok()?;
    Some([
        found.get(Measure::RadialInclination),
        found.get(Measure::VolarTilt),
        found.get(Measure::RadialHeight),
    ])
}
