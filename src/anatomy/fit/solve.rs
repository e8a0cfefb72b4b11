//! The fit of a shape and its pose to the given surface: Gauss-Newton on the
//! gaps along the normals, closest points renewed in each step, with the
//! model's Gaussian prior; and what the result leaves uncertain.

use nalgebra::Cholesky;
use nalgebra::DMatrix;
use nalgebra::DVector;
use nalgebra::Dyn;

use super::targets::Robust;
use super::targets::Scene;
use super::targets::equations;
use super::targets::targets;
use super::template::Template;
use crate::geometry::Given;
use crate::geometry::Model;
use crate::geometry::Rigid;

/// What the shape cannot follow (the fine field, staircases), as a spectral
/// density in mm4: a variance of 0.2^2 mm2 that hangs together over about 30 mm2.
pub(super) const NOISE: f64 = 1.2;

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
            let mut equations = equations(template, &vertices, &found, stage.numbers, NOISE);
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
    let mut equations = equations(template, &vertices, &found, numbers, NOISE);
    for number in 0..numbers {
        equations.matrix[(6 + number, 6 + number)] += 1.0;
    }
    factor(equations.matrix)
}
