//! Where the surface should go: closest points both ways between the shape as
//! it stands and the surface that was given.

use nalgebra::DMatrix;
use nalgebra::DVector;

use super::cover::Cover;
use super::solve::NOISE;
use super::template::Template;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// How much less each place of a kept part says of what lies beyond. Chosen on
/// B-dev: with 1 the predicted inclination was worse than the mean shape's (3.9
/// against 3.5 degrees) and 86 % of the surface within its interval; with 4, 3.3
/// degrees and 95 %.
const BEYOND: f64 = 4.0;

/// A place of the given surface with its outward normal and the area it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub place: [f64; 3],
    pub normal: [f64; 3],
    pub area: f64,
}

/// The surface that was given, ready for questions.
pub(super) struct Scene<'a> {
    pub locator: &'a Locator<'a, Given>,
    pub samples: &'a [Sample],
    pub cover: Cover,
    /// Whether only the representatives ask for their closest points.
    pub sparse: bool,
    /// Whether only a proximal part was kept, and the rest is predicted.
    pub kept: bool,
}

impl Scene<'_> {
    /// What the shape cannot follow. Where only a part was kept, more: there the
    /// fit says what lies beyond it, and small things of a shaft that the model
    /// never saw must not lead the joint away.
    pub(super) fn noise(&self) -> f64 {
        NOISE * if self.kept { BEYOND } else { 1.0 }
    }
}

/// How far each vertex should move along its normal, and with which weight (mm2).
pub(super) struct Targets {
    pub normals: Vec<[f64; 3]>,
    pub along: Vec<f64>,
    pub weight: Vec<f64>,
}

/// How gaps are weighed: one of this size counts a quarter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Robust {
    pub gap_mm: f64,
}

impl Robust {
    /// Geman and McClure's weight.
    fn weight(self, gap: f64) -> f64 {
        let part = gap / self.gap_mm;
        1.0 / (1.0 + part * part).powi(2)
    }
}

/// The vertices with their gaps along the normals, from both directions.
pub(super) fn targets(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    scene: &Scene<'_>,
    robust: Robust,
) -> Option<Targets> {
    let surface = template
        .model
        .mean()
        .with_vertices(vertices.to_vec())
        .ok()?;
    let normals = surface.vertex_normals();
    let mut along = vec![0.0; vertices.len()];
    let mut weight = vec![0.0; vertices.len()];
    from_shape(
        template,
        vertices,
        &normals,
        pose,
        scene,
        robust,
        (&mut along, &mut weight),
    );
    from_given(
        template,
        &surface,
        &normals,
        pose,
        scene,
        robust,
        (&mut along, &mut weight),
    );
    for (along, weight) in along.iter_mut().zip(&weight) {
        if *weight > 0.0 {
            *along /= weight;
        }
    }
    Some(Targets {
        normals,
        along,
        weight,
    })
}

/// From each vertex to the given surface, where that covers it.
fn from_shape(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    normals: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    scene: &Scene<'_>,
    robust: Robust,
    (along, weight): (&mut [f64], &mut [f64]),
) {
    let back = pose.inverse();
    let all = template.area.iter().copied().enumerate();
    let some = template
        .representatives
        .iter()
        .copied()
        .zip(template.around.iter().copied());
    let asked: Vec<(usize, f64)> = if scene.sparse {
        some.collect()
    } else {
        all.collect()
    };
    for (v, area) in asked {
        let vertex = vertices[v];
        let place = pose.move_xyz(vertex);
        if area <= 0.0 || !scene.cover.holds(place) {
            continue;
        }
        let hit = scene.locator.closest(Point::new(place));
        let facing = vector::dot(scene.locator.normal(hit.triangle), pose.rotate(normals[v]));
        if facing < 0.3 || !scene.cover.holds(hit.point.xyz()) {
            continue;
        }
        let gap = vector::dot(
            vector::sub(back.move_xyz(hit.point.xyz()), vertex),
            normals[v],
        );
        let counted = 0.5 * area * robust.weight(hit.distance) * facing;
        along[v] += counted * gap;
        weight[v] += counted;
    }
}

/// From each sample of the given surface to the shape.
fn from_given(
    template: &Template<'_>,
    surface: &SurfaceMesh<Model>,
    normals: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    scene: &Scene<'_>,
    robust: Robust,
    (along, weight): (&mut [f64], &mut [f64]),
) {
    let locator = Locator::new(surface);
    let back = pose.inverse();
    for sample in scene.samples.iter().filter(|s| scene.cover.holds(s.place)) {
        let place = back.move_xyz(sample.place);
        let hit = locator.closest(Point::new(place));
        let facing = vector::dot(locator.normal(hit.triangle), back.rotate(sample.normal));
        if template.lid[hit.triangle] || facing < 0.2 {
            continue;
        }
        let counted = 0.5 * sample.area * robust.weight(hit.distance) * facing;
        let triangle = surface.triangles()[hit.triangle];
        let corners = triangle.map(|v| surface.vertices()[v as usize]);
        let parts = barycentric(hit.point.xyz(), corners);
        for (vertex, part) in triangle.into_iter().zip(parts) {
            let v = vertex as usize;
            let gap = vector::dot(vector::sub(place, hit.point.xyz()), normals[v]);
            along[v] += counted * part * gap;
            weight[v] += counted * part;
        }
    }
}

/// The share of each corner in a place of their triangle.
pub(super) fn barycentric(p: [f64; 3], [a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    let (ab, ac, ap) = (vector::sub(b, a), vector::sub(c, a), vector::sub(p, a));
    let (d00, d01, d11) = (
        vector::dot(ab, ab),
        vector::dot(ab, ac),
        vector::dot(ac, ac),
    );
    let (d20, d21) = (vector::dot(ap, ab), vector::dot(ap, ac));
    let whole = d00 * d11 - d01 * d01;
    if whole.abs() < 1e-18 {
        return [1.0, 0.0, 0.0];
    }
    let v = ((d11 * d20 - d01 * d21) / whole).clamp(0.0, 1.0);
    let w = ((d00 * d21 - d01 * d20) / whole).clamp(0.0, 1.0 - v);
    [1.0 - v - w, v, w]
}

/// The normal equations of a step: pose (a turn, a shift, both in the model's
/// frame), then the first `numbers` of the shape.
pub(super) struct Equations {
    pub matrix: DMatrix<f64>,
    pub right: DVector<f64>,
}

/// Gathers the gaps onto the representatives and makes the equations.
/// `noise` is the spectral density of what the shape cannot follow, in mm4: a
/// patch of that area in mm2, divided by its variance, tells as much as one number.
pub(super) fn equations(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    targets: &Targets,
    numbers: usize,
    noise: f64,
) -> Equations {
    let count = template.representatives.len();
    let mut sums = vec![[0.0; 2]; count];
    for (v, home) in template.home.iter().enumerate() {
        sums[*home][0] += targets.weight[v] * targets.along[v];
        sums[*home][1] += targets.weight[v];
    }
    let told: Vec<usize> = (0..count).filter(|r| sums[*r][1] > 0.0).collect();
    let mut rows = DMatrix::zeros(6 + numbers, told.len());
    let mut gaps = DVector::zeros(told.len());
    let mut row = vec![0.0; numbers];
    for (column, &r) in told.iter().enumerate() {
        let v = template.representatives[r];
        let normal = targets.normals[v];
        let turn = vector::cross(vertices[v], normal);
        template.moves_along(v, normal, &mut row);
        let gap = sums[r][0] / sums[r][1];
        let root = (sums[r][1] / noise).sqrt();
        for axis in 0..3 {
            rows[(axis, column)] = root * turn[axis];
            rows[(3 + axis, column)] = root * normal[axis];
        }
        for (number, value) in row.iter().enumerate() {
            rows[(6 + number, column)] = root * value;
        }
        gaps[column] = root * gap;
    }
    let right = &rows * &gaps;
    let matrix = &rows * rows.transpose();
    Equations { matrix, right }
}
