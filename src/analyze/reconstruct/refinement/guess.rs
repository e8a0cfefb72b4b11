//! Where the forearm may lie: guesses that are followed side by side until all views
//! together say which is right.
//!
//! One view by itself does not tell: in a lateral the carpals' edges are as good a
//! joint as the radius' own, some millimeters farther on. So a few places of each view
//! are kept, and what lies a little up and down from them, and only what both bones
//! look like in every view decides.

use rayon::prelude::*;

use super::AGAIN;
use super::ALONE;
use super::POSE;
use super::Stage;
use super::fit;
use super::gradient::tune;
use super::solve::Problem;
use super::start::Start;
use super::start::search;
use super::start::sizes;
use super::unknowns::Placed;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;

/// How many of all places of a view are followed to the end of its own steps.
const LIKELY: usize = 8;
/// And by how many steps they are told from the others.
const GLANCE: usize = 4;
/// How many of a view's places are tried with the views before.
const PLACES: usize = 2;
/// How far up and down from each of these others are tried: as far as from the
/// radius' joint surface to the carpals' next edges.
const ALONG_MM: [f64; 3] = [0.0, 5.0, -5.0];
/// Guesses nearer to each other than this are one: millimeters in the detector's plane,
/// radians.
const SAME: (f64, f64) = (1.5, 0.12);
/// What an SD squared of the prior takes from a guess' fit.
const PRIOR_WEIGHT: f64 = 0.004;

/// A guess with what it is worth.
type Weighed = (f64, Unknowns);

/// The likeliest places of the forearm in one view by itself, with its size; the best
/// first. It may be known where the radius lies.
pub(super) fn firsts(
    alone: &Problem<'_>,
    start: Option<Rigid<Model, Detector>>,
) -> Result<Vec<Unknowns>, AnalyzeError> {
    match start {
        Some(radius) => {
            let start = Unknowns::mean(alone.model, &[radius]);
            Ok(distinct(likeliest(alone, vec![start], &ALONE)?))
        }
        None => firsts_of(alone, &sizes(alone)),
    }
}

/// The likeliest places of forearms of some shapes in one view by itself.
pub(super) fn firsts_of(
    alone: &Problem<'_>,
    shapes: &[Vec<f64>],
) -> Result<Vec<Unknowns>, AnalyzeError> {
    let starts = search(alone, 0, shapes)?
        .into_iter()
        .map(|Start { radius, shape, .. }| Unknowns {
            shape,
            ..Unknowns::mean(alone.model, &[radius])
        })
        .collect();
    Ok(distinct(likeliest(alone, starts, &ALONE)?))
}

/// Guesses with one more view, each where its shape may lie there.
pub(super) fn with_view(
    alone: &Problem<'_>,
    guesses: &[Unknowns],
    start: Option<Rigid<Model, Detector>>,
) -> Result<Vec<Unknowns>, AnalyzeError> {
    let seat = [0.0; 6];
    let mut more = Vec::new();
    for guess in guesses {
        let placed = match start {
            Some(radius) => vec![Placed { radius, seat }],
            None => places(alone, guess)?,
        };
        more.extend(placed.into_iter().map(|placed| {
            let mut guess = guess.clone();
            guess.views.push(placed);
            guess
        }));
    }
    Ok(more)
}

/// Where a known shape may lie in a view.
fn places(alone: &Problem<'_>, known: &Unknowns) -> Result<Vec<Placed>, AnalyzeError> {
    let starts = search(alone, 0, std::slice::from_ref(&known.shape))?;
    let at = |radius: Rigid<Model, Detector>| Unknowns {
        views: vec![Placed {
            radius,
            seat: [0.0; 6],
        }],
        ..known.clone()
    };
    let starts = starts.into_iter().map(|start| at(start.radius)).collect();
    let likely = likeliest(alone, starts, &AGAIN)?;
    let likely = likely.into_iter().map(|(_, one)| one).collect();
    let found = followed(alone, likely, &POSE)?;
    let along = |placed: &Placed, mm: f64| {
        let by = placed.radius.rotate([0.0, 0.0, mm]);
        let by = Rigid::<Detector, Detector>::from_rotation_vector([0.0; 3], by);
        Placed {
            radius: placed.radius.then(&by),
            seat: placed.seat,
        }
    };
    let each = found.iter().take(PLACES).map(|one| &one.views[0]);
    Ok(each
        .flat_map(|placed| ALONG_MM.map(|mm| along(placed, mm)))
        .collect())
}

/// Follows guesses by some stages of slopes; those that come to lie apart, the best
/// first.
pub(super) fn followed(
    problem: &Problem<'_>,
    guesses: Vec<Unknowns>,
    stages: &[Stage],
) -> Result<Vec<Unknowns>, AnalyzeError> {
    weighed(problem, guesses, |guess| tune(problem, guess, stages)).map(distinct)
}

/// Tries guesses of one view by a few steps of edges, the likeliest of them by all.
fn likeliest(
    alone: &Problem<'_>,
    guesses: Vec<Unknowns>,
    stages: &[Stage; 2],
) -> Result<Vec<Weighed>, AnalyzeError> {
    let glance = Stage {
        steps: GLANCE,
        ..stages[0]
    };
    let mut likely = weighed(alone, guesses, |guess| alone.run(guess, &[glance]))?;
    likely.truncate(LIKELY);
    let likely = likely.into_iter().map(|(_, guess)| guess).collect();
    weighed(alone, likely, |guess| alone.run(guess, stages))
}

/// Does something with each guess, side by side; the best first.
fn weighed(
    problem: &Problem<'_>,
    guesses: Vec<Unknowns>,
    act: impl Fn(Unknowns) -> Result<Unknowns, AnalyzeError> + Send + Sync,
) -> Result<Vec<Weighed>, AnalyzeError> {
    let run = |guess: Unknowns| {
        let guess = act(guess)?;
        Ok((worth(problem, &guess)?, guess))
    };
    let done: Vec<Result<_, AnalyzeError>> = guesses.into_par_iter().map(run).collect();
    let mut done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    done.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(done)
}

/// How well all views fit, less what the prior holds against it.
fn worth(problem: &Problem<'_>, guess: &Unknowns) -> Result<f64, AnalyzeError> {
    let mut worth = -PRIOR_WEIGHT * problem.cost_of(guess);
    for view in 0..guess.views.len() {
        worth += fit(problem, guess, view)?;
    }
    Ok(worth)
}

/// Those that lie otherwise in the last view than any better one.
fn distinct(best_first: Vec<Weighed>) -> Vec<Unknowns> {
    let mut kept: Vec<Unknowns> = Vec::new();
    for (_, guess) in best_first {
        let near = |other: &Unknowns| {
            let last = guess.views.len() - 1;
            let (a, b) = (guess.views[last].radius, other.views[last].radius);
            let [x, y, _] = vector::sub(a.translation(), b.translation());
            x.hypot(y) < SAME.0 && a.inverse().then(&b).angle() < SAME.1
        };
        if !kept.iter().any(near) {
            kept.push(guess);
        }
    }
    kept
}
