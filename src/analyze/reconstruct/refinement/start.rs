//! Where the forearm lies, roughly, with nothing known: the mean forearm in a
//! few turns is slid over the image, edges against edges.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "pixel numbers of a coarse grid"
)]

use super::picture::Picture;
use super::solve::Problem;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::radiography::Projection;

/// The pixel of the search.
pub(super) const PIXEL_MM: f64 = 1.6;
/// How far the wrist is looked for from the image's middle: across, along.
const FAR_MM: [f64; 2] = [40.0, 48.0];
/// Turns that are tried, in degrees: about the forearm's own length, in the image.
const ROLLS: [[f64; 3]; 2] = [[0.0, -10.0, 10.0], [0.0, -15.0, 15.0]];
const SPINS: [f64; 4] = [-3.0, 4.0, -10.0, 11.0];
/// How many places are handed on, each of another turn about the forearm or
/// another shape.
const KEPT: usize = 4;
/// Sizes that are tried when nothing is known, in SDs.
const SIZES: [f64; 3] = [0.0, -1.6, 1.6];
/// Edges this near to the model's end are not the bone's.
const END_MM: f64 = 10.0;

/// A place to start from, with a shape, and how well it fits, -1 to 1.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub radius: Rigid<Model, Detector>,
    pub shape: Vec<f64>,
    pub fit: f64,
}

/// The mean forearm in several sizes.
pub(super) fn sizes(problem: &Problem<'_>) -> Vec<Vec<f64>> {
    let mean = vec![0.0; problem.model.seat_range().start];
    SIZES
        .map(|size| {
            let mut shape = mean.clone();
            shape[0] = size;
            shape
        })
        .to_vec()
}

/// The likeliest places of some shapes in a view, the best first.
pub(super) fn search(
    problem: &Problem<'_>,
    view: usize,
    shapes: &[Vec<f64>],
) -> Result<Vec<Start>, AnalyzeError> {
    let seen = &problem.views[view];
    let given = Slopes::of(&seen.coarse).calmed(2.0 * seen.coarse.noise());
    let rolls = match seen.projection {
        Projection::PosteroAnterior => ROLLS[0],
        Projection::Lateral => ROLLS[1],
    };
    let mut starts = Vec::new();
    for shape in shapes {
        for roll in rolls {
            let mut best: Option<Start> = None;
            for spin in SPINS {
                let turn = [0.0, f64::to_radians(roll), f64::to_radians(spin)];
                let nominal = [turn[0], turn[1], turn[2], 0.0, 0.0, -seen.oid_mm];
                let pose = seen.projection.pose(nominal);
                let (simulated, below) = drawn(problem, view, &pose, shape)?;
                let Some((shift, fit)) = slid(&given, &simulated, below) else {
                    continue;
                };
                if best.as_ref().is_none_or(|b| fit > b.fit) {
                    let magnified = seen.camera.magnification();
                    let by = Rigid::<Detector, Detector>::from_rotation_vector(
                        [0.0; 3],
                        [shift[0] / magnified, shift[1] / magnified, 0.0],
                    );
                    best = Some(Start {
                        radius: pose.then(&by),
                        shape: shape.clone(),
                        fit,
                    });
                }
            }
            starts.extend(best);
        }
    }
    starts.sort_by(|a, b| b.fit.total_cmp(&a.fit));
    starts.truncate(KEPT);
    Ok(starts)
}

/// The slopes of the mean forearm's picture, and the row below which the model
/// ends.
fn drawn(
    problem: &Problem<'_>,
    view: usize,
    pose: &Rigid<Model, Detector>,
    shape: &[f64],
) -> Result<(Slopes, usize), AnalyzeError> {
    let radii = vec![*pose; problem.views.len()];
    let mut unknowns = Unknowns::mean(problem.model, &radii);
    unknowns.shape = shape.to_vec();
    let camera = problem.views[view].coarse.camera;
    let shape = problem.shape(&unknowns)?;
    let picture = shape.picture(problem.model, &unknowns, view, camera)?;
    let low = problem.model.bone(Bone::Radius).mean().bounds()[0][2] + END_MM;
    let end = Point::new(pose.move_xyz([0.0, 0.0, low]));
    let row = camera.project(end).map_or(f64::MAX, |[_, row]| row);
    Ok((Slopes::of(&picture), row.max(0.0) as usize))
}

/// Slopes of a picture along both axes.
struct Slopes {
    columns: usize,
    rows: usize,
    values: Vec<[f32; 2]>,
}

impl Slopes {
    fn of(picture: &Picture) -> Self {
        let (columns, rows) = (
            picture.camera.columns as usize,
            picture.camera.rows as usize,
        );
        let mut values = vec![[0.0; 2]; columns * rows];
        for row in 1..rows.saturating_sub(1) {
            for column in 1..columns.saturating_sub(1) {
                let at = row * columns + column;
                let v = &picture.values;
                let slope = [
                    0.5 * (v[at + 1] - v[at - 1]),
                    0.5 * (v[at + columns] - v[at - columns]),
                ];
                if slope[0].is_finite() && slope[1].is_finite() {
                    values[at] = slope;
                }
            }
        }
        Self {
            columns,
            rows,
            values,
        }
    }

    /// Strong slopes count little more than usual ones: lead and metal are
    /// brighter than bone.
    fn calmed(mut self, usual: f32) -> Self {
        for [x, y] in &mut self.values {
            let size = x.hypot(*y) + usual.max(1e-12);
            *x /= size;
            *y /= size;
        }
        self
    }
}

/// The best shift (in millimeters on the detector) of simulated slopes over the
/// given ones, and the correlation there.
fn slid(given: &Slopes, simulated: &Slopes, below: usize) -> Option<([f64; 2], f64)> {
    let size = |s: &[f32; 2]| s[0].hypot(s[1]);
    let most = simulated.values.iter().map(size).fold(0.0, f32::max);
    if most <= 0.0 {
        return None;
    }
    let points: Vec<(i64, i64, [f32; 2])> = simulated
        .values
        .iter()
        .enumerate()
        .filter(|(at, s)| size(s) > 0.15 * most && at / simulated.columns < below)
        .map(|(at, s)| {
            let (row, column) = (at / simulated.columns, at % simulated.columns);
            (row as i64, column as i64, *s)
        })
        .collect();
    let own: f32 = points
        .iter()
        .map(|(_, _, s)| s[0] * s[0] + s[1] * s[1])
        .sum();
    let reach = FAR_MM.map(|far| (far / PIXEL_MM) as i64);
    let fit_at = |down: i64, across: i64| {
        let (mut both, mut theirs, mut inside) = (0.0_f32, 0.0_f32, 0_usize);
        for (row, column, slope) in &points {
            let (row, column) = (row + down, column + across);
            if row < 0 || column < 0 || row >= given.rows as i64 || column >= given.columns as i64 {
                continue;
            }
            let at = &given.values[row as usize * given.columns + column as usize];
            both += slope[0] * at[0] + slope[1] * at[1];
            theirs += at[0] * at[0] + at[1] * at[1];
            inside += 1;
        }
        (inside * 2 >= points.len()).then(|| f64::from(both / (own * theirs).sqrt().max(1e-12)))
    };
    // Every other place first, then those around the best.
    let mut best: Option<(i64, i64, f64)> = None;
    let mut try_at = |down: i64, across: i64| {
        if let Some(fit) = fit_at(down, across)
            && best.is_none_or(|(_, _, least)| fit > least)
        {
            best = Some((down, across, fit));
        }
        best
    };
    let mut found = None;
    for down in (-reach[1]..=reach[1]).step_by(2) {
        for across in (-reach[0]..=reach[0]).step_by(2) {
            found = try_at(down, across);
        }
    }
    let (down, across, _) = found?;
    for near in 0..9 {
        found = try_at(down + near / 3 - 1, across + near % 3 - 1);
    }
    found.map(|(down, across, fit)| ([across as f64 * PIXEL_MM, down as f64 * PIXEL_MM], fit))
}

/// The correlation of two pictures' slopes on the same grid, where the simulated
/// one shows anything.
pub(super) fn alike(given: &Picture, simulated: &Picture) -> f64 {
    let (given, simulated) = (Slopes::of(given), Slopes::of(simulated));
    let (mut both, mut first, mut second) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (a, b) in given.values.iter().zip(&simulated.values) {
        if b[0] == 0.0 && b[1] == 0.0 {
            continue;
        }
        both += f64::from(a[0] * b[0] + a[1] * b[1]);
        first += f64::from(a[0] * a[0] + a[1] * a[1]);
        second += f64::from(b[0] * b[0] + b[1] * b[1]);
    }
    both / (first * second).sqrt().max(1e-12)
}
