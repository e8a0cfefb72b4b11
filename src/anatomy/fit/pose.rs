//! Where the bone lies in the given surface's axes, with nothing known: many
//! starts, each with the mean's distal end laid on an end of what was given.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "point counts in the hundreds"
)]

use nalgebra::Matrix3;
use nalgebra::SymmetricEigen;
use nalgebra::Vector3;

use super::template::Template;
use crate::geometry::Given;
use crate::geometry::Laid;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::laid_from_many;
use crate::geometry::trimmed_icp;
use crate::geometry::vector;

/// A given surface longer than this is taken one end at a time.
const ONE_END_MM: f64 = 95.0;
/// How much of an end is laid on the model, which shows 80 mm.
const END_MM: f64 = 80.0;
/// A surface shorter than this has no long axis to go by.
pub(super) const STUMP_MM: f64 = 48.0;

/// A pose with a misfit so many times the best one's is not followed.
const MUCH_WORSE: f64 = 1.6;
/// Poses that differ by less than this turn are one.
const SAME_RAD: f64 = 0.3;
/// How many poses are followed; of a stump, whose end says little about its
/// roll, more.
const FOLLOWED: [usize; 2] = [3, 4];

/// A pose with how badly the mean fits there, both ways, in millimeters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    pub pose: Rigid<Model, Given>,
    pub misfit_mm: f64,
}

/// The middle of some points, and their principal directions, the longest first.
pub(super) fn principal(points: &[[f64; 3]]) -> ([f64; 3], [[f64; 3]; 3], [f64; 3]) {
    let count = points.len().max(1) as f64;
    let sum: Vector3<f64> = points.iter().map(|p| Vector3::from(*p)).sum();
    let middle = sum / count;
    let mut spread = Matrix3::zeros();
    for p in points {
        let off = Vector3::from(*p) - middle;
        spread += off * off.transpose();
    }
    let eigen = SymmetricEigen::new(spread / count);
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let axes = order.map(|k| eigen.eigenvectors.column(k).into_owned().into());
    let extents = axes.map(|axis: [f64; 3]| {
        let along = points.iter().map(|p| vector::dot(*p, axis));
        let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        (high - low).max(0.0)
    });
    (middle.into(), axes, extents)
}

/// The best few poses of a shape of the model (its mean, or a larger or smaller
/// one) in the given surface. `points` are spread evenly over it, `border` its
/// open edges.
pub(super) fn guesses(
    template: &Template<'_>,
    mean: &Locator<'_, Model>,
    given: &Locator<'_, Given>,
    points: &[[f64; 3]],
    border: &[[u32; 2]],
) -> Vec<Guess> {
    let (_, axes, extents) = principal(points);
    let mut found = Vec::new();
    if extents[0] > ONE_END_MM {
        for sign in [1.0, -1.0] {
            let axis = vector::scale(axes[0], sign);
            let end = reach(points, axis);
            let near = |p: &&[f64; 3]| vector::dot(**p, axis) > end - END_MM;
            let near: Vec<[f64; 3]> = points.iter().filter(near).copied().collect();
            let starts = rolled(mean.mesh(), &near, axis, 24);
            found.extend(laid_from_many(&thinned(&near, 160), mean, &starts, 0.9, 4));
        }
    } else {
        let mut directions = Vec::new();
        for axis in axes {
            directions.extend([axis, vector::scale(axis, -1.0)]);
        }
        if extents[0] < STUMP_MM {
            for [x, y, z] in cube() {
                let mix = |k: usize| x * axes[0][k] + y * axes[1][k] + z * axes[2][k];
                directions.push(vector::unit([mix(0), mix(1), mix(2)]));
            }
        }
        if border.len() > 7 {
            // The ring of an open cut lies across the bone.
            let vertices = given.mesh().vertices();
            let ring: Vec<_> = border.iter().map(|e| vertices[e[0] as usize]).collect();
            let (_, across, _) = principal(&ring);
            directions.extend([across[2], vector::scale(across[2], -1.0)]);
        }
        let mut starts = Vec::new();
        for axis in directions {
            starts.extend(rolled(mean.mesh(), points, axis, 12));
        }
        let share = if extents[0] < STUMP_MM { 0.75 } else { 0.85 };
        found = from_thinning(template, points, mean, given, starts, share);
    }
    let mut guesses: Vec<Guess> = found
        .into_iter()
        .map(|laid| {
            let pose = laid.motion.inverse();
            Guess {
                pose,
                misfit_mm: both_ways(template, mean, given, points, &pose, 5),
            }
        })
        .collect();
    guesses.sort_by(|a, b| a.misfit_mm.total_cmp(&b.misfit_mm));
    let most = FOLLOWED[usize::from(extents[0] < STUMP_MM)];
    let mut apart: Vec<Guess> = Vec::new();
    for guess in guesses {
        let same = |other: &Guess| other.pose.inverse().then(&guess.pose).angle() < SAME_RAD;
        let poor = |first: &Guess| guess.misfit_mm > MUCH_WORSE * first.misfit_mm;
        if apart.len() < most && !apart.iter().any(same) && !apart.first().is_some_and(poor) {
            apart.push(guess);
        }
    }
    apart
}

/// Many starts with few points first, ever fewer with ever more. What remains
/// is chosen by the distance both ways: a short piece lies snugly in many places
/// of a whole bone.
fn from_thinning(
    template: &Template<'_>,
    points: &[[f64; 3]],
    mean: &Locator<'_, Model>,
    given: &Locator<'_, Given>,
    mut starts: Vec<Rigid<Given, Model>>,
    share: f64,
) -> Vec<Laid<Given, Model>> {
    for (count, steps, left) in [(60, 3, 48), (100, 8, 12)] {
        let few = thinned(points, count);
        let mut laid: Vec<(f64, Rigid<Given, Model>)> = starts
            .iter()
            .map(|start| {
                let laid = trimmed_icp(&few, mean, *start, share, steps);
                let pose = laid.motion.inverse();
                let misfit = both_ways(template, mean, given, &few, &pose, 16);
                (misfit, laid.motion)
            })
            .collect();
        laid.sort_by(|a, b| a.0.total_cmp(&b.0));
        starts = laid.into_iter().take(left).map(|l| l.1).collect();
    }
    laid_from_many(&thinned(points, 250), mean, &starts, share, 12)
}

/// The 8 corners and 12 edges of a cube, as directions.
fn cube() -> impl Iterator<Item = [f64; 3]> {
    (0..27)
        .map(|k: i32| [k % 3 - 1, k / 3 % 3 - 1, k / 9 - 1].map(f64::from))
        .filter(|d| d.iter().filter(|v| v.abs() > 0.5).count() > 1)
}

/// Every so-manieth point.
fn thinned(points: &[[f64; 3]], count: usize) -> Vec<[f64; 3]> {
    points
        .iter()
        .step_by((points.len() / count.max(1)).max(1))
        .copied()
        .collect()
}

/// How far points reach along an axis.
pub(super) fn reach(points: &[[f64; 3]], axis: [f64; 3]) -> f64 {
    let along = points.iter().map(|p| vector::dot(*p, axis));
    along.fold(f64::NEG_INFINITY, f64::max)
}

/// The middle of what lies within 15 mm of the far end along an axis.
fn end_middle(points: &[[f64; 3]], axis: [f64; 3]) -> [f64; 3] {
    let end = reach(points, axis);
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for point in points {
        if vector::dot(*point, axis) > end - 15.0 {
            sum = vector::add(sum, *point);
            count += 1.0;
        }
    }
    vector::scale(sum, 1.0 / f64::max(count, 1.0))
}

/// Starts that lay the end of the points along `axis` on the distal end of the
/// mean, rolled about it.
fn rolled(
    mean: &SurfaceMesh<Model>,
    points: &[[f64; 3]],
    axis: [f64; 3],
    rolls: u32,
) -> Vec<Rigid<Given, Model>> {
    let up = [0.0, 0.0, 1.0];
    let (mean_top, mean_middle) = (reach(mean.vertices(), up), end_middle(mean.vertices(), up));
    let (top, middle) = (reach(points, axis), end_middle(points, axis));
    let turn = vector::cross(axis, up);
    let sine = vector::length(turn);
    let angle = sine.atan2(vector::dot(axis, up));
    let turn = if sine > 1e-9 { turn } else { [1.0, 0.0, 0.0] };
    let upright = Rigid::<Given, Model>::from_rotation_vector(
        vector::scale(vector::unit(turn), angle),
        [0.0; 3],
    );
    (0..rolls)
        .map(|k| {
            let roll = std::f64::consts::TAU * f64::from(k) / f64::from(rolls);
            let about = Rigid::<Model, Model>::from_rotation_vector([0.0, 0.0, roll], [0.0; 3]);
            let turned = upright.then(&about);
            let now = turned.move_xyz(middle);
            let shift = Rigid::<Model, Model>::from_rotation_vector(
                [0.0; 3],
                [
                    mean_middle[0] - now[0],
                    mean_middle[1] - now[1],
                    mean_top - top,
                ],
            );
            turned.then(&shift)
        })
        .collect()
}

/// The RMS distance between the mean in a pose and the given surface, both
/// ways: the points nearest to the mean without its lid, and the mean above the
/// lowest of them, `every` so-manieth place. Gaps count up to 5 mm.
fn both_ways(
    template: &Template<'_>,
    mean: &Locator<'_, Model>,
    given: &Locator<'_, Given>,
    points: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    every: usize,
) -> f64 {
    let back = pose.inverse();
    let moved: Vec<[f64; 3]> = points.iter().map(|p| back.move_xyz(*p)).collect();
    let mut heights: Vec<f64> = moved.iter().map(|p| p[2]).collect();
    heights.sort_by(f64::total_cmp);
    let low = heights.get(heights.len() / 50).copied().unwrap_or(0.0) + 2.0;
    let (mut sum, mut count) = (0.0, 0.0);
    let mut add = |gap: f64| {
        sum += gap.min(5.0).powi(2);
        count += 1.0;
    };
    for place in moved.iter().filter(|p| p[2] > low) {
        let hit = mean.closest(Point::new(*place));
        if !template.lid[hit.triangle] {
            add(hit.distance);
        }
    }
    for &v in template.representatives.iter().step_by(every) {
        let vertex = mean.mesh().vertices()[v];
        if vertex[2] > low {
            add(given.closest(Point::new(pose.move_xyz(vertex))).distance);
        }
    }
    (sum / f64::max(count, 1.0)).sqrt()
}
