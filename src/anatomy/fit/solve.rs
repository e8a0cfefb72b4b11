//! The fit of a shape and its pose to the given surface: Gauss-Newton on the
//! gaps along the normals, closest points renewed in each step, with the
//! model's Gaussian prior; and what the result leaves uncertain.

use nalgebra::Cholesky;
use nalgebra::DMatrix;
use nalgebra::DVector;
use nalgebra::Dyn;

use super::pose::reach;
use super::predict::middle;
use super::predict::place_row;
use super::targets::Equations;
use super::targets::Robust;
use super::targets::Scene;
use super::targets::equations;
use super::targets::targets;
use super::template::Template;
use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::geometry::Given;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;

/// What the shape cannot follow (the fine field, staircases), as a spectral
/// density in mm4: a variance of 0.2^2 mm2 that hangs together over about 30 mm2.
pub(super) const NOISE: f64 = 1.2;

/// How far the bone as it was reaches beyond the given one's end, and the SD of
/// that: a distal radius that healed crooked has lost 2 to 8 mm.
const END_MM: (f64, f64) = (4.5, 2.5);

/// A step this small (radians, millimeters, SDs) is the last of its stage.
const STILL: f64 = 2e-3;

/// A shape in its pose.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub pose: Rigid<Model, Given>,
    /// The modes' and the field's numbers, each with the prior N(0, 1).
    pub shape: Vec<f64>,
    /// The sum of the squared numbers.
    pub prior: f64,
}

impl Fitted {
    pub(super) fn start(template: &Template<'_>, pose: Rigid<Model, Given>) -> Self {
        Self::sized(template, pose, 0.0)
    }

    /// The mean in a pose, larger by so many SDs of the first mode.
    pub(super) fn sized(template: &Template<'_>, pose: Rigid<Model, Given>, size: f64) -> Self {
        let mut shape = vec![0.0; template.numbers()];
        if let Some(first) = shape.first_mut() {
            *first = size;
        }
        Self {
            pose,
            shape,
            prior: size * size,
        }
    }
}

/// One stretch of steps with the same freedom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub steps: usize,
    /// How many numbers of the shape are free.
    pub numbers: usize,
    pub gap_mm: f64,
}

/// Runs stages. None when the equations cannot be solved (nothing is covered).
pub(super) fn solve(
    template: &Template<'_>,
    scene: &Scene<'_>,
    mut fitted: Fitted,
    stages: &[Stage],
) -> Option<Fitted> {
    for stage in stages {
        let robust = Robust {
            gap_mm: stage.gap_mm,
        };
        for _ in 0..stage.steps {
            let vertices = template.decode(&fitted.shape);
            let found = targets(template, &vertices, &fitted.pose, scene, robust)?;
            let mut equations =
                equations(template, &vertices, &found, stage.numbers, scene.noise());
            toward_end(template, scene, &vertices, &fitted.pose, &mut equations);
            for number in 0..stage.numbers {
                equations.matrix[(6 + number, 6 + number)] += 1.0;
                equations.right[6 + number] -= fitted.shape[number];
            }
            let step = factor(equations.matrix)?.solve(&equations.right);
            advance(&mut fitted, &step, stage.numbers);
            if step.amax() < STILL {
                break;
            }
        }
    }
    Some(fitted)
}

/// Where only a shaft was kept, hardly anything tells how far along it the joint
/// lies: the fit would slide by centimeters. What is known is that the rest of the
/// bone is there: a healed fracture shortens it by some millimeters.
fn toward_end(
    template: &Template<'_>,
    scene: &Scene<'_>,
    vertices: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    equations: &mut Equations,
) {
    if !scene.kept {
        return;
    }
    let tip = match template.model.bone() {
        Bone::Radius => Landmark::RadialStyloidTip,
        Bone::Ulna => Landmark::UlnarStyloidTip,
    };
    let of: Vec<usize> = template
        .model
        .landmarks()
        .vertices(tip)
        .iter()
        .map(|v| *v as usize)
        .collect();
    if of.is_empty() {
        return;
    }
    let up = pose.rotate([0.0, 0.0, 1.0]);
    let end = reach(scene.locator.mesh().vertices(), up);
    let now = vector::dot(pose.move_xyz(middle(vertices, &of)), up);
    let row = place_row(template, &of, vertices, 2);
    let row = row.rows(0, equations.right.len());
    let weight = 1.0 / (END_MM.1 * END_MM.1);
    equations.right += row * (weight * (end + END_MM.0 - now));
    equations.matrix += row * row.transpose() * weight;
}

/// The factor of normal equations; a breath on the pose keeps a surface that
/// leaves a motion free (a piece of a cylinder) solvable.
pub(super) fn factor(mut matrix: DMatrix<f64>) -> Option<Cholesky<f64, Dyn>> {
    for axis in 0..3 {
        matrix[(axis, axis)] += 1e-2;
        matrix[(3 + axis, 3 + axis)] += 1e-4;
    }
    matrix.cholesky()
}

/// Takes a step, a shorter one where it would turn by more than 0.3 or shift by
/// more than 5 mm.
fn advance(fitted: &mut Fitted, step: &DVector<f64>, numbers: usize) {
    let length = |from: usize| {
        (from..from + 3)
            .map(|i| step[i] * step[i])
            .sum::<f64>()
            .sqrt()
    };
    let calm = (0.3 / length(0).max(1e-12))
        .min(5.0 / length(3).max(1e-12))
        .min(1.0);
    let triple = |from: usize| [0, 1, 2].map(|axis| calm * step[from + axis]);
    let by = Rigid::<Model, Model>::from_rotation_vector(triple(0), triple(3));
    fitted.pose = by.then(&fitted.pose);
    for (number, z) in fitted.shape.iter_mut().take(numbers).enumerate() {
        *z = (*z + calm * step[6 + number]).clamp(-6.0, 6.0);
    }
    fitted.prior = fitted.shape.iter().map(|z| z * z).sum();
}

/// The posterior covariance of pose and shape as the factor of its inverse.
pub(super) fn posterior(
    template: &Template<'_>,
    scene: &Scene<'_>,
    fitted: &Fitted,
    gap_mm: f64,
) -> Option<Cholesky<f64, Dyn>> {
    let vertices = template.decode(&fitted.shape);
    let found = targets(template, &vertices, &fitted.pose, scene, Robust { gap_mm })?;
    let numbers = template.numbers();
    let mut equations = equations(template, &vertices, &found, numbers, scene.noise());
    toward_end(template, scene, &vertices, &fitted.pose, &mut equations);
    for number in 0..numbers {
        equations.matrix[(6 + number, 6 + number)] += 1.0;
    }
    factor(equations.matrix)
}
