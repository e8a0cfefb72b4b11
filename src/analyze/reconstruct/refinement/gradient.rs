//! The last part of the way: the slopes of the simulated pictures against those
//! of the taken ones, all over the bones, by Levenberg-Marquardt.
//!
//! What a millimeter of bone is worth in gray values differs from place to place
//! (tone curve, soft tissue, scatter): a local gain is taken out, so what is
//! maximized is a local correlation of gradients.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixel numbers, and slopes in single precision"
)]

use nalgebra::DMatrix;
use nalgebra::DVector;

use super::picture::Picture;
use super::shading::Shading;
use super::solve::Drawn;
use super::solve::Normal;
use super::solve::Problem;
use super::solve::Stage;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::analyze::reconstruct::fit::dilated;
use crate::anatomy::Bone;
use crate::geometry::Point;
use crate::radiography::Camera;

/// Half of the window over which the gain is taken to be one number.
const GAIN_MM: f64 = 5.0;
/// How often the gain is taken anew with what is trusted.
const GAIN_ROUNDS: usize = 3;
/// Slopes so far apart tell as much as independent ones.
const APART_MM: f64 = 1.6;
/// How far around the bones slopes are compared.
const AROUND_MM: f64 = 1.6;
/// Nothing is compared so near to the model's proximal end.
const END_MM: f64 = 6.0;

/// What a view's simulated slopes are compared with, as long as the state is
/// near the one at which it was made.
struct Wanted {
    /// The pixels that count.
    pixels: Vec<usize>,
    /// The taken slopes in millimeters a pixel.
    slopes: Vec<[f32; 2]>,
    /// The variance of what is lacking there.
    variance: Vec<f32>,
    /// What a pixel tells, as a share of an independent one.
    share: f32,
}

/// Patterns of slopes that say nothing of the bones: a gain that differs (whole,
/// across, along), and an image that is less sharp than the simulated one.
const PATTERNS: usize = 4;

/// How far a simulated picture is from what is wanted, patterns taken out.
struct Compared {
    lack: Vec<[f32; 2]>,
    /// One over the variance of each, less where it lacks much.
    weight: Vec<f32>,
    patterns: Vec<[[f32; 2]; PATTERNS]>,
    /// Half of the weighted sum of squares, robust.
    cost: f64,
}

/// What the model cannot follow, a view: an SD in millimeters a pixel.
type Misfits = Vec<f32>;

/// Runs stages. The cost falls with every step that is taken.
pub(super) fn tune(
    problem: &Problem<'_>,
    mut unknowns: Unknowns,
    stages: &[Stage],
) -> Result<Unknowns, AnalyzeError> {
    for stage in stages {
        let active = problem.active(&unknowns, *stage);
        let mut damping = 1e-3;
        let mut drawn = problem.drawn(&unknowns, stage.level)?;
        let misfits = misfits(problem, &unknowns, stage.level, &drawn)?;
        for _ in 0..stage.steps {
            let wanted = wanted(problem, &unknowns, stage.level, &misfits, &drawn)?;
            let found = all_compared(problem, &wanted, &drawn)?;
            let mut normal = normal(
                problem,
                &unknowns,
                stage.modes.unwrap_or(0),
                (&drawn, &wanted, &found),
            )?;
            normal.trusted(stage.trust);
            problem.with_prior(&unknowns, &mut normal);
            let before = cost(problem, &unknowns, stage.trust, &found);
            let mut gain = 0.0;
            let mut moved = 0.0;
            for _ in 0..4 {
                let matrix = DMatrix::from_fn(active.len(), active.len(), |i, j| {
                    let value = normal.matrix[(active[i], active[j])];
                    if i == j {
                        value * (1.0 + damping)
                    } else {
                        value
                    }
                });
                let right = DVector::from_fn(active.len(), |i, _| normal.right[active[i]]);
                let Some(factor) = matrix.cholesky() else {
                    break;
                };
                let mut tried = unknowns.clone();
                moved = tried.step(&active, &factor.solve(&right));
                let then = problem.drawn(&tried, stage.level)?;
                let found = all_compared(problem, &wanted, &then)?;
                let after = cost(problem, &tried, stage.trust, &found);
                if after < before {
                    gain = before - after;
                    (unknowns, drawn) = (tried, then);
                    damping = (damping * 0.2).max(1e-6);
                    break;
                }
                damping *= 8.0;
            }
            if gain < 1e-4 * before || moved < 2e-3 {
                break;
            }
        }
    }
    Ok(unknowns)
}

/// The whole cost of a state: prior and slopes.
fn cost(problem: &Problem<'_>, unknowns: &Unknowns, trust: f64, found: &[Compared]) -> f64 {
    let prior = problem.cost_of(unknowns);
    found
        .iter()
        .fold(prior, |sum, view| sum + trust * view.cost)
}

/// Each view's picture against what is wanted there.
fn all_compared(
    problem: &Problem<'_>,
    wanted: &[Wanted],
    drawn: &Drawn,
) -> Result<Vec<Compared>, AnalyzeError> {
    problem.each_view(|view| Ok(compared(&wanted[view], &drawn.pictures[view])))
}

/// What each view's slopes are compared with, at this state.
fn wanted(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    level: usize,
    misfits: &Misfits,
    drawn: &Drawn,
) -> Result<Vec<Wanted>, AnalyzeError> {
    problem.each_view(|view| {
        let simulated = &drawn.pictures[view];
        let misfit = misfits[view];
        Ok(wanted_of(problem, unknowns, view, level, simulated, misfit))
    })
}

/// How far slopes are apart in each view at this state, in the usual place.
fn misfits(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    level: usize,
    drawn: &Drawn,
) -> Result<Misfits, AnalyzeError> {
    problem.each_view(|view| {
        let simulated = &drawn.pictures[view];
        let wanted = wanted_of(problem, unknowns, view, level, simulated, 1.0);
        let found = compared(&wanted, simulated);
        let mut sizes: Vec<f32> = found.lack.iter().map(|l| l[0].hypot(l[1])).collect();
        if sizes.is_empty() {
            return Ok(1.0);
        }
        let middle = sizes.len() / 2;
        let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
        // The median length of two normal numbers is 1.18 of their SD.
        Ok((*median / 1.18).max(1e-3))
    })
}

/// The normal equations of all numbers at the end, without the prior, and what
/// the worst view's slopes lack in the usual place.
pub(super) fn at_end(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    level: usize,
) -> Result<(Normal, f32), AnalyzeError> {
    let drawn = problem.drawn(unknowns, level)?;
    let misfits = misfits(problem, unknowns, level, &drawn)?;
    let wanted = wanted(problem, unknowns, level, &misfits, &drawn)?;
    let found = all_compared(problem, &wanted, &drawn)?;
    let all = (&drawn, &wanted[..], &found[..]);
    let normal = normal(problem, unknowns, usize::MAX, all)?;
    Ok((normal, misfits.into_iter().fold(0.0, f32::max)))
}

/// The normal equations of all numbers, without the prior.
fn normal(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    modes: usize,
    (drawn, wanted, found): (&Drawn, &[Wanted], &[Compared]),
) -> Result<Normal, AnalyzeError> {
    let parts = problem.each_view(|view| {
        let simulated = &drawn.pictures[view];
        let shading = Shading::of(problem, &drawn.shape, unknowns, view, simulated, modes)?;
        Ok(of_view(
            unknowns,
            shading,
            simulated,
            &wanted[view],
            &found[view],
        ))
    })?;
    let mut normal = Normal::zeros(unknowns.count());
    for (numbers, matrix, right) in parts {
        for (i, a) in numbers.iter().enumerate() {
            normal.right[*a] += f64::from(right[i]);
            for (j, b) in numbers.iter().enumerate() {
                normal.matrix[(*a, *b)] += f64::from(matrix[(i, j)]);
            }
        }
    }
    Ok(normal)
}

type Part = (Vec<usize>, DMatrix<f32>, DVector<f32>);

fn of_view(
    unknowns: &Unknowns,
    shading: Shading,
    simulated: &Picture,
    wanted: &Wanted,
    found: &Compared,
) -> Part {
    let camera = simulated.camera;
    let (columns, stride) = (camera.columns as usize, shading.numbers.len());
    // One more number: the scale, by which every place moves from the middle.
    let known = stride + 1;
    let count = known + PATTERNS;
    let mut rows = DMatrix::<f32>::zeros(count, 2 * wanted.pixels.len());
    let mut lack = DVector::<f32>::zeros(2 * wanted.pixels.len());
    let none = vec![0.0; stride];
    let at = |pixel: usize| shading.at(pixel).unwrap_or(&none);
    let scaled = |pixel: usize| scale_slope(simulated, pixel, columns);
    for (k, pixel) in wanted.pixels.iter().enumerate() {
        let root = found.weight[k].sqrt();
        for (way, step) in [1, columns].into_iter().enumerate() {
            let (before, after) = (pixel - step, pixel + step);
            let mut row = rows.column_mut(2 * k + way);
            let pairs = at(after).iter().zip(at(before));
            for (value, (after, before)) in row.iter_mut().zip(pairs) {
                *value = 0.5 * root * (after - before);
            }
            row[stride] = 0.5 * root * (scaled(after) - scaled(before));
            for (pattern, slopes) in found.patterns[k].iter().enumerate() {
                row[known + pattern] = root * slopes[way];
            }
            lack[2 * k + way] = root * found.lack[k][way];
        }
    }
    let right = &rows * &lack;
    let matrix = &rows * rows.transpose();
    let (matrix, right) = without_patterns(&matrix, &right, known);
    let mut numbers = shading.numbers;
    numbers.push(unknowns.count() - 1);
    (numbers, matrix, right)
}

/// The equations of the first numbers when the rest takes its best values
/// (Schur complement).
fn without_patterns(
    matrix: &DMatrix<f32>,
    right: &DVector<f32>,
    known: usize,
) -> (DMatrix<f32>, DVector<f32>) {
    let count = matrix.nrows();
    let rest = count - known;
    let own = matrix.view((0, 0), (known, known)).into_owned();
    let own_right = right.rows(0, known).into_owned();
    let mut corner = matrix.view((known, known), (rest, rest)).into_owned();
    for k in 0..rest {
        corner[(k, k)] = corner[(k, k)] * 1.0001 + 1e-9;
    }
    let cross = matrix.view((known, 0), (rest, known)).into_owned();
    let Some(factor) = corner.cholesky() else {
        return (own, own_right);
    };
    let solved = factor.solve(&cross);
    let right = own_right - solved.transpose() * right.rows(known, rest);
    (own - cross.transpose() * solved, right)
}

/// How a pixel changes when the picture grows about its middle.
fn scale_slope(picture: &Picture, pixel: usize, columns: usize) -> f32 {
    let values = &picture.values;
    let rows = values.len() / columns;
    let (row, column) = (pixel / columns, pixel % columns);
    if row == 0 || column == 0 || row + 1 >= rows || column + 1 >= columns {
        return 0.0;
    }
    let x = column as f32 - 0.5 * (columns as f32 - 1.0);
    let y = row as f32 - 0.5 * (rows as f32 - 1.0);
    let across = 0.5 * (values[pixel + 1] - values[pixel - 1]);
    let down = 0.5 * (values[pixel + columns] - values[pixel - columns]);
    -(x * across + y * down)
}

/// The slopes of a picture at a pixel within it.
fn slope(values: &[f32], at: usize, columns: usize) -> [f32; 2] {
    [
        0.5 * (values[at + 1] - values[at - 1]),
        0.5 * (values[at + columns] - values[at - columns]),
    ]
}

/// What a view's slopes are compared with: where the bones are, in millimeters.
fn wanted_of(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    view: usize,
    level: usize,
    simulated: &Picture,
    misfit: f32,
) -> Wanted {
    let seen = &problem.views[view];
    let taken = &seen.levels[level];
    let camera = &taken.camera;
    let (columns, rows) = (camera.columns as usize, camera.rows as usize);
    let last = last_row(problem, unknowns, view, camera);
    let near = around(simulated, columns, last);
    let mut given = vec![[0.0_f32; 2]; near.len()];
    let mut made = vec![[0.0_f32; 2]; near.len()];
    let mut pixels = Vec::new();
    for row in 2..rows.saturating_sub(2) {
        for column in 2..columns.saturating_sub(2) {
            let at = row * columns + column;
            if !near[at] {
                continue;
            }
            let of_taken = slope(&taken.values, at, columns);
            if of_taken.iter().all(|s| s.is_finite()) {
                given[at] = of_taken;
                made[at] = slope(&simulated.values, at, columns);
                pixels.push(at);
            }
        }
    }
    let noise = 2.0 * seen.noise[level] * seen.noise[level];
    let reach = GAIN_MM / camera.pixel_spacing_mm[0];
    let mut trust = vec![1.0_f32; near.len()];
    let mut gain = gains(&given, &made, &trust, columns, reach);
    let variance = |gain: &[f32], at: usize| misfit * misfit + noise / (gain[at] * gain[at]);
    // The gain of what is trusted: else what stands out would draw it up, and
    // everything else would seem too bright and be made thinner, without end.
    for _ in 0..GAIN_ROUNDS {
        for at in &pixels {
            let lack = [0, 1].map(|k| given[*at][k] / gain[*at] - made[*at][k]);
            let variance = variance(&gain, *at);
            let calm = calm((lack[0] * lack[0] + lack[1] * lack[1]) / variance);
            trust[*at] = calm * calm / variance;
        }
        gain = gains(&given, &made, &trust, columns, reach);
    }
    let variance = |at: &usize| variance(&gain, *at);
    let of = |at: &usize| [0, 1].map(|k| given[*at][k] / gain[*at]);
    Wanted {
        slopes: pixels.iter().map(of).collect(),
        variance: pixels.iter().map(variance).collect(),
        pixels,
        share: (camera.pixel_spacing_mm[0] / APART_MM).powi(2).min(1.0) as f32,
    }
}

/// Geman and McClure: a lack of two SDs counts a quarter.
fn calm(part: f32) -> f32 {
    1.0 / (1.0 + 0.25 * part)
}

/// Compares a simulated picture with what is wanted.
fn compared(wanted: &Wanted, simulated: &Picture) -> Compared {
    let columns = simulated.camera.columns as usize;
    let soft = softer(simulated, columns);
    let rows = simulated.values.len() / columns;
    let patterns = |at: usize, made: [f32; 2]| {
        let x = (at % columns) as f32 / columns as f32 - 0.5;
        let y = (at / columns) as f32 / rows as f32 - 0.5;
        let times = |by: f32| made.map(|m| m * by);
        [made, times(x), times(y), slope(&soft, at, columns)]
    };
    let made = wanted
        .pixels
        .iter()
        .map(|at| slope(&simulated.values, *at, columns));
    let patterns: Vec<_> = wanted
        .pixels
        .iter()
        .zip(made)
        .map(|(at, made)| patterns(*at, made))
        .collect();
    let raw: Vec<[f32; 2]> = wanted
        .slopes
        .iter()
        .zip(&patterns)
        .map(|(given, p)| [given[0] - p[0][0], given[1] - p[0][1]])
        .collect();
    let mut compared = Compared {
        lack: raw.clone(),
        weight: Vec::new(),
        patterns,
        cost: 0.0,
    };
    weigh(wanted, &mut compared);
    for _ in 0..2 {
        let mut matrix = nalgebra::Matrix4::<f64>::identity() * 1e-9;
        let mut right = nalgebra::Vector4::<f64>::zeros();
        let all = compared.patterns.iter().zip(&raw).zip(&compared.weight);
        for ((patterns, lack), weight) in all {
            let dot = |a: &[f32; 2], b: &[f32; 2]| f64::from(weight * (a[0] * b[0] + a[1] * b[1]));
            for i in 0..PATTERNS {
                right[i] += dot(&patterns[i], lack);
                for j in 0..=i {
                    matrix[(i, j)] += dot(&patterns[i], &patterns[j]);
                }
            }
        }
        matrix.fill_upper_triangle_with_lower_triangle();
        let parts = matrix
            .cholesky()
            .map_or_else(Default::default, |c| c.solve(&right));
        for (k, (lack, patterns)) in compared.lack.iter_mut().zip(&compared.patterns).enumerate() {
            *lack = raw[k];
            for (pattern, part) in patterns.iter().zip(parts.iter()) {
                lack[0] -= *part as f32 * pattern[0];
                lack[1] -= *part as f32 * pattern[1];
            }
        }
        weigh(wanted, &mut compared);
    }
    compared
}

/// The weights and the cost of what is lacking.
fn weigh(wanted: &Wanted, compared: &mut Compared) {
    let share = wanted.share;
    compared.weight.clear();
    compared.cost = 0.0;
    for (lack, variance) in compared.lack.iter().zip(&wanted.variance) {
        let part = (lack[0] * lack[0] + lack[1] * lack[1]) / variance;
        let calm = calm(part);
        compared.cost += f64::from(0.5 * share * part * calm);
        compared.weight.push(share * calm * calm / variance);
    }
}

/// What a little more blur would add to a picture: its Laplacian.
fn softer(picture: &Picture, columns: usize) -> Vec<f32> {
    let values = &picture.values;
    let mut soft = vec![0.0; values.len()];
    let rows = values.len() / columns;
    for row in 1..rows.saturating_sub(1) {
        for column in 1..columns.saturating_sub(1) {
            let at = row * columns + column;
            soft[at] =
                values[at - 1] + values[at + 1] + values[at - columns] + values[at + columns]
                    - 4.0 * values[at];
        }
    }
    soft
}

/// The row below which the model ends.
pub(super) fn last_row(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    view: usize,
    camera: &Camera,
) -> usize {
    let ends = Bone::ALL.map(|bone| {
        let low = problem.model.bone(bone).mean().bounds()[0][2] + END_MM;
        let pose = unknowns.pose(problem.model, view, bone);
        let end = Point::new(pose.move_xyz([0.0, 0.0, low]));
        camera.project(end).map_or(f64::MAX, |[_, row]| row)
    });
    ends[0].min(ends[1]).max(0.0) as usize
}

/// The pixels at and around a simulated bone, above a row.
fn around(simulated: &Picture, columns: usize, last: usize) -> Vec<bool> {
    let reach = (AROUND_MM / simulated.camera.pixel_spacing_mm[0]).round() as usize;
    let lit: Vec<bool> = simulated.values.iter().map(|v| *v > 0.05).collect();
    let mut near = dilated(&lit, columns, reach);
    near.iter_mut()
        .skip(last * columns)
        .for_each(|n| *n = false);
    near
}

/// What a millimeter of simulated slope is worth around each pixel.
fn gains(
    given: &[[f32; 2]],
    made: &[[f32; 2]],
    trust: &[f32],
    columns: usize,
    reach: f64,
) -> Vec<f32> {
    let dot = |a: &[f32; 2], b: &[f32; 2]| a[0] * b[0] + a[1] * b[1];
    let pairs = given.iter().zip(made).zip(trust);
    let both: Vec<f32> = pairs.clone().map(|((a, b), t)| t * dot(a, b)).collect();
    let own: Vec<f32> = pairs.map(|((_, b), t)| t * dot(b, b)).collect();
    let (all, sum): (f32, f32) = (both.iter().sum(), own.iter().sum());
    let whole = (all / sum.max(1e-12)).max(1e-9);
    let reach = reach.round().max(1.0) as usize;
    let (both, own) = (
        windowed(&both, columns, reach),
        windowed(&own, columns, reach),
    );
    // A window with little in it takes the whole's gain.
    let usual = sum / own.len().max(1) as f32;
    both.iter()
        .zip(&own)
        .map(|(b, o)| ((b + usual * whole) / (o + usual)).max(0.2 * whole))
        .collect()
}

/// Sums over a square window, so far to each side.
pub(super) fn windowed(values: &[f32], columns: usize, reach: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    running(&running(values, columns, reach), rows, reach)
}

/// Sums over a window along lines, turned over on the way: the next run goes along the
/// other axis.
fn running(values: &[f32], length: usize, reach: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    let lines = values.len() / length.max(1);
    let mut sums = vec![0.0_f64; length + 1];
    for (number, line) in values.chunks_exact(length.max(1)).enumerate() {
        // Most lines are empty.
        if line.iter().all(|value| *value == 0.0) {
            continue;
        }
        for (k, value) in line.iter().enumerate() {
            sums[k + 1] = sums[k] + f64::from(*value);
        }
        for k in 0..length {
            let (low, high) = (k.saturating_sub(reach), (k + reach + 1).min(length));
            out[k * lines + number] = (sums[high] - sums[low]) as f32;
        }
    }
    out
}
