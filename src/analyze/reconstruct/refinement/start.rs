//! Where the forearm lies, roughly, with nothing known: the mean forearm in a
//! few turns is slid over the image, edges against edges.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "pixel numbers of a coarse grid"
)]

use super::gradient::windowed;
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
const FAR_MM: [f64; 2] = [40.0, 32.0];
/// Turns that are tried, in degrees: about the forearm's own length (a lateral is taken
/// 60 to 120 degrees from the first view), in the image.
const ROLLS: [f64; 3] = [0.0, -10.0, 10.0];
const LATERAL_ROLLS: [f64; 5] = [0.0, -15.0, 15.0, -30.0, 30.0];
const SPINS: [f64; 4] = [-3.0, 4.0, -10.0, 11.0];
/// How many places are handed on, each of another turn about the forearm or
/// another shape.
const KEPT: usize = 20;
/// A forearm looks alike a little farther up and down, so of each such stretch some
/// places are looked at more closely and few are handed on.
const STRETCH_MM: f64 = 8.0;
const NEAR: usize = 8;
const OF_STRETCH: usize = 2;
/// Shafts look alike wherever they are laid: so far from the distal end slopes say
/// more, by this factor.
const JOINT_MM: f64 = 28.0;
const JOINT_WEIGHT: f32 = 3.0;
/// Turns that are nearly the same, in radians.
const SAME: f64 = 0.1;
/// Where the wrist lies along the image: about its middle, SD.
const ALONG_MM: f64 = 20.0;
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
    let rolls: &[f64] = match seen.projection {
        Projection::PosteroAnterior => &ROLLS,
        Projection::Lateral => &LATERAL_ROLLS,
    };
    let mut starts = Vec::new();
    for shape in shapes {
        for &roll in rolls {
            for spin in SPINS {
                let turn = [0.0, f64::to_radians(roll), f64::to_radians(spin)];
                let nominal = [turn[0], turn[1], turn[2], 0.0, 0.0, -seen.oid_mm];
                let pose = seen.projection.pose(nominal);
                let (simulated, below) = drawn(problem, view, &pose, shape)?;
                for (shift, fit) in slid(&given, &simulated, below) {
                    let magnified = seen.camera.magnification();
                    let shift = shift.map(|s| s / magnified);
                    let by = Rigid::<Detector, Detector>::from_rotation_vector(
                        [0.0; 3],
                        [shift[0], shift[1], 0.0],
                    );
                    starts.push(Start {
                        radius: pose.then(&by),
                        shape: shape.clone(),
                        fit: fit - prior(shift[1]),
                    });
                }
            }
        }
    }
    let mut starts = of_stretches(starts, NEAR, |_, _| false);
    for start in &mut starts {
        let (simulated, below) = pictured(problem, view, &start.radius, &start.shape)?;
        start.fit = alike(&seen.coarse, &simulated, below) - prior(start.radius.translation()[1]);
    }
    let same = |one: &Start, other: &Start| {
        let turned = one.radius.inverse().then(&other.radius).angle();
        turned < SAME && one.shape == other.shape
    };
    let mut kept = of_stretches(starts, OF_STRETCH, same);
    kept.truncate(KEPT);
    Ok(kept)
}

/// The best few of each stretch along the image, those left away that are the same
/// as a better one; the best first.
fn of_stretches(
    mut starts: Vec<Start>,
    few: usize,
    same: impl Fn(&Start, &Start) -> bool,
) -> Vec<Start> {
    starts.sort_by(|a, b| b.fit.total_cmp(&a.fit));
    let stretch = |start: &Start| (start.radius.translation()[1] / STRETCH_MM).round() as i64;
    let mut kept: Vec<Start> = Vec::new();
    for start in starts {
        let beside = kept
            .iter()
            .filter(|other| stretch(other) == stretch(&start));
        let of_it: Vec<&Start> = beside.collect();
        if of_it.len() < few && !of_it.iter().any(|other| same(&start, other)) {
            kept.push(start);
        }
    }
    kept
}

/// What a place far from the image's middle loses.
fn prior(along_mm: f64) -> f64 {
    0.05 * (along_mm / ALONG_MM).powi(2)
}

/// The slopes of the mean forearm's picture, and the row below which the model
/// ends.
fn drawn(
    problem: &Problem<'_>,
    view: usize,
    pose: &Rigid<Model, Detector>,
    shape: &[f64],
) -> Result<(Slopes, usize), AnalyzeError> {
    let (picture, below) = pictured(problem, view, pose, shape)?;
    Ok((Slopes::of(&picture), below))
}

fn pictured(
    problem: &Problem<'_>,
    view: usize,
    pose: &Rigid<Model, Detector>,
    shape: &[f64],
) -> Result<(Picture, usize), AnalyzeError> {
    let radii = vec![*pose; problem.views.len()];
    let mut unknowns = Unknowns::mean(problem.model, &radii);
    unknowns.shape = shape.to_vec();
    let camera = problem.views[view].coarse.camera;
    let shape = problem.shape(&unknowns)?;
    let picture = shape.picture(problem.model, &unknowns, view, camera)?;
    let low = problem.model.bone(Bone::Radius).mean().bounds()[0][2] + END_MM;
    let end = Point::new(pose.move_xyz([0.0, 0.0, low]));
    let row = camera.project(end).map_or(f64::MAX, |[_, row]| row);
    Ok((picture, row.max(0.0) as usize))
}

/// Slopes of a picture along both axes.
struct Slopes {
    pixel_mm: f64,
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
            pixel_mm: picture.camera.pixel_spacing_mm[0],
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

/// The row above which the joint lies in a picture of a forearm.
fn joint(simulated: &Slopes) -> usize {
    let lit = |s: &[f32; 2]| s[0] != 0.0 || s[1] != 0.0;
    let first = simulated.values.iter().position(lit).unwrap_or(0);
    first / simulated.columns + (JOINT_MM / simulated.pixel_mm) as usize
}

/// The best shift (in millimeters on the detector) of simulated slopes over the
/// given ones in each stretch along the image, and the correlations there.
fn slid(given: &Slopes, simulated: &Slopes, below: usize) -> Vec<([f64; 2], f64)> {
    let size = |s: &[f32; 2]| s[0].hypot(s[1]);
    let most = simulated.values.iter().map(size).fold(0.0, f32::max);
    if most <= 0.0 {
        return Vec::new();
    }
    let joint = joint(simulated);
    let points: Vec<(i64, i64, [f32; 2], f32)> = simulated
        .values
        .iter()
        .enumerate()
        .filter(|(at, s)| size(s) > 0.15 * most && at / simulated.columns < below)
        .map(|(at, s)| {
            let (row, column) = (at / simulated.columns, at % simulated.columns);
            let weight = if row < joint { JOINT_WEIGHT } else { 1.0 };
            (row as i64, column as i64, *s, weight)
        })
        .collect();
    let own: f32 = points
        .iter()
        .map(|(_, _, s, weight)| weight * (s[0] * s[0] + s[1] * s[1]))
        .sum();
    let reach = FAR_MM.map(|far| (far / PIXEL_MM) as i64);
    let fit_at = |down: i64, across: i64| {
        let (mut both, mut theirs, mut inside) = (0.0_f32, 0.0_f32, 0_usize);
        for (row, column, slope, weight) in &points {
            let (row, column) = (row + down, column + across);
            if row < 0 || column < 0 || row >= given.rows as i64 || column >= given.columns as i64 {
                continue;
            }
            let at = &given.values[row as usize * given.columns + column as usize];
            both += weight * (slope[0] * at[0] + slope[1] * at[1]);
            theirs += weight * (at[0] * at[0] + at[1] * at[1]);
            inside += 1;
        }
        (inside * 2 >= points.len()).then(|| f64::from(both / (own * theirs).sqrt().max(1e-12)))
    };
    let mut found: Vec<([f64; 2], f64)> = Vec::new();
    for down in (-reach[1]..=reach[1]).step_by(2) {
        for across in (-reach[0]..=reach[0]).step_by(2) {
            if let Some(fit) = fit_at(down, across) {
                found.push(([across as f64 * PIXEL_MM, down as f64 * PIXEL_MM], fit));
            }
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut best: Vec<([f64; 2], f64)> = Vec::new();
    for place in found {
        let stretch = |shift: [f64; 2]| (shift[1] / STRETCH_MM).round() as i64;
        if !best
            .iter()
            .any(|other| stretch(other.0) == stretch(place.0))
        {
            best.push(place);
        }
    }
    best
}

/// Half of the window over which slopes are correlated.
const WINDOW_MM: f64 = 3.0;

/// How alike two pictures' slopes are on the same grid, -1 to 1: their correlation
/// in a small window around each place where the simulated one shows anything,
/// the mean over these places, those with stronger slopes more. What a millimeter
/// of bone is worth in gray values may differ from window to window.
pub(super) fn alike(given: &Picture, simulated: &Picture, below: usize) -> f64 {
    let columns = given.camera.columns as usize;
    let (given, mut made) = (Slopes::of(given), Slopes::of(simulated));
    made.values
        .iter_mut()
        .skip(below * columns)
        .for_each(|s| *s = [0.0; 2]);
    let reach = (WINDOW_MM / simulated.camera.pixel_spacing_mm[0])
        .round()
        .max(1.0) as usize;
    let sums = |of: &dyn Fn([f32; 2], [f32; 2]) -> f32| {
        let each: Vec<f32> = given
            .values
            .iter()
            .zip(&made.values)
            .map(|(a, b)| of(*a, *b))
            .collect();
        windowed(&each, columns, reach)
    };
    let joint = joint(&made);
    let lit = |b: [f32; 2]| b[0] != 0.0 || b[1] != 0.0;
    let both = sums(&|a, b| a[0] * b[0] + a[1] * b[1]);
    let own = sums(&|_, b| b[0] * b[0] + b[1] * b[1]);
    let theirs = sums(&|a, b| {
        if lit(b) {
            a[0] * a[0] + a[1] * a[1]
        } else {
            0.0
        }
    });
    let (mut sum, mut total) = (0.0_f64, 0.0_f64);
    for (at, b) in made.values.iter().enumerate() {
        if lit(*b) {
            let near = if at / columns < joint {
                JOINT_WEIGHT
            } else {
                1.0
            };
            let weight = f64::from(near * b[0].hypot(b[1]));
            sum += weight * f64::from(both[at] / (own[at] * theirs[at]).sqrt().max(1e-12));
            total += weight;
        }
    }
    sum / total.max(1e-12)
}
