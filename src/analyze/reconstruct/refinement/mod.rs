//! Refinement: the shape model is fitted to the views themselves, by the edges
//! that it would throw there (analysis by synthesis), with what remains unsure.
//!
//! Unknown are the shape (a Gaussian prior over people), the pose of each bone
//! in each view, and the scale of the pixels with the prior of its calibration
//! grade. Nothing here is a network: a start may come from one.
//!
//! The order of work: the mean forearm, in three sizes, is slid over the first view
//! in a few turns, then what was found there over the others ([`start`]); the likeliest
//! places are mended by edges, and followed side by side until all views together tell
//! which of them is right ([`guess`]); then all modes take part, at ever finer pixels
//! ([`solve`], [`gradient`]). Each step draws the bones as they stand ([`synthesis`]),
//! finds where their surfaces are seen edge-on ([`edges`]), and looks for these edges in
//! the image ([`matching`]). At the end the normal equations say what was not seen
//! ([`posterior`]). All but the last stage use the model with fewer vertices.
//!
//! The result does not depend on the number of threads.

mod edges;
mod gradient;
mod guess;
mod matching;
mod picture;
mod posterior;
mod shading;
mod solve;
mod start;
mod synthesis;
#[cfg(test)]
mod tests;
mod unknowns;

use picture::Picture;
use posterior::Posterior;
use solve::Basis;
use solve::Problem;
use solve::Stage;
use unknowns::Unknowns;

use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measures;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::radiography::Camera;
use crate::radiography::Projection;

/// The pixels of the steps, coarse to fine, in millimeters on the detector.
const LEVELS_MM: [f64; 2] = [0.8, 0.4];

const fn edges(steps: usize, reach_mm: f64, modes: Option<usize>, seat: bool) -> Stage {
    Stage {
        steps,
        level: 0,
        reach_mm,
        modes,
        seat,
        trust: 0.1,
    }
}

const fn slopes(steps: usize, level: usize, modes: Option<usize>, trust: f64) -> Stage {
    Stage {
        steps,
        level,
        reach_mm: 0.0,
        modes,
        seat: true,
        trust,
    }
}

/// One view alone, by edges: where the forearm lies.
const ALONE: [Stage; 2] = [edges(6, 7.0, None, false), edges(6, 5.0, Some(2), true)];
/// One view with the shape that those before gave.
const AGAIN: [Stage; 2] = [edges(6, 6.0, None, false), edges(4, 4.0, None, true)];
/// The same by slopes.
const POSE: [Stage; 1] = [slopes(8, 0, None, 0.06)];
/// All views together, roughly.
const ROUGH: [Stage; 1] = [slopes(8, 0, Some(6), 0.25)];
/// And all that there is. While places are not final the views are trusted little:
/// else what the simulated pictures lack is made up for by turning the bones.
const WHOLE: [Stage; 1] = [slopes(10, 0, Some(99), 0.25)];
const FINE: [Stage; 1] = [slopes(5, 1, Some(99), 1.0)];
/// The coarse model's vertices are so far apart: as good as the fine one at the first
/// level's pixels, and several times faster.
const COARSE_MM: f64 = 1.6;
/// So many guesses are followed once all views are there.
const GUESSES: usize = 4;

/// One view as it is refined against: of a right wrist, bone bright.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    projection: Projection,
    camera: Camera,
    oid_mm: f64,
    coarse: Picture,
    levels: [Picture; 2],
    noise: [f32; 2],
}

impl Seen {
    /// Looks at pixels, row after row, bone bright, of a right wrist.
    pub(super) fn new(projection: Projection, camera: Camera, pixels: &[f32]) -> Self {
        let levels = LEVELS_MM.map(|mm| Picture::coarser(pixels, camera, mm));
        let noise = [levels[0].noise(), levels[1].noise()];
        Self {
            projection,
            camera,
            oid_mm: camera.oid_mm,
            coarse: Picture::coarser(pixels, camera, start::PIXEL_MM),
            levels,
            noise,
        }
    }
}

/// What a refinement found.
#[derive(Debug, Clone)]
pub struct Refined {
    /// Each bone in its own frame, as `poses` lead it.
    pub own: Forearm<Model>,
    /// Where each bone lies, a view each: of `own`'s meshes.
    pub poses: Vec<[Rigid<Model, Detector>; 2]>,
    /// Size, the radius' own modes, the ulna's: SDs over people.
    pub shape: Vec<f64>,
    /// How sure each of these is: an SD, of SDs over people.
    pub shape_sd: Vec<f64>,
    /// The SD of the surface at each vertex along its normal, once laid on the
    /// true bone, in millimeters; in the order of [`Bone::ALL`].
    pub sigma_mm: [Vec<f64>; 2],
    /// What a fit to these views can hardly be better than: the RMS over each bone's surface
    /// of what they leave open were every place of them independent and nothing else
    /// wrong, in millimeters; in the order of [`Bone::ALL`].
    pub bound_mm: [f64; 2],
    /// The measures, ulnar variance as the first view shows it.
    pub measures: Measures,
    /// The SD of each, in the order of [`crate::anatomy::Measure::ALL`].
    pub measure_sigma: [f64; 4],
    /// How well the first view by itself showed the forearm, before the others were
    /// looked at: as `fit`.
    pub first_alone: f64,
    /// How well each view's slopes correlate with the simulated ones, window by
    /// window, -1 to 1.
    pub fit: Vec<f64>,
    /// What the slopes of the worst view lack in the usual place, in millimeters of
    /// bone a pixel.
    pub misfit: f64,
}

/// How well a view by itself shows the forearm as its projection has it, -1 to 1;
/// of known shapes, or of any.
///
/// # Errors
/// [`AnalyzeError`] for a mesh or an exposure that cannot be.
pub(super) fn alone(
    model: &ForearmModel,
    view: &Seen,
    shapes: Option<&[Vec<f64>]>,
) -> Result<f64, AnalyzeError> {
    let coarse = model.thinned(COARSE_MM)?;
    let basis = Basis::new(&coarse);
    let problem = Problem::new(&basis, std::slice::from_ref(view), 0.0);
    let likely = match shapes {
        Some(shapes) => guess::firsts_of(&problem, shapes)?,
        None => guess::firsts(&problem, None)?,
    };
    let best = likely.first();
    best.map_or(Ok(-1.0), |best| fit(&problem, best, 0))
}

/// Fits the model to views. `starts` may say where the radius lies in each view;
/// without it the image is searched. None where nothing can be solved.
///
/// # Errors
/// [`AnalyzeError`] for a mesh or an exposure that cannot be.
pub(super) fn refine_shape(
    model: &ForearmModel,
    views: &[Seen],
    scale_sd: f64,
    starts: &[Option<Rigid<Model, Detector>>],
) -> Result<Option<Refined>, AnalyzeError> {
    let coarse = model.thinned(COARSE_MM)?;
    let basis = Basis::new(&coarse);
    let problem = Problem::new(&basis, views, scale_sd);
    let start = |view: usize| starts.get(view).copied().flatten();
    // The first view says how large the bones are; the others are searched with that.
    let mut guesses = guess::firsts(&problem.of(0), start(0))?;
    guesses.truncate(1);
    let first = guesses.first();
    let first_alone = first.map_or(Ok(-1.0), |guess| fit(&problem, guess, 0))?;
    for view in 1..views.len() {
        let more = guess::with_view(&problem.of(view), &guesses, start(view))?;
        guesses = guess::followed(&problem.first(view + 1), more, &ROUGH)?;
        guesses.truncate(GUESSES);
    }
    let guesses = guess::followed(&problem, guesses, &WHOLE)?;
    let Some(unknowns) = guesses.into_iter().next() else {
        return Ok(None);
    };
    let basis = Basis::new(model);
    let problem = Problem::new(&basis, views, scale_sd);
    let unknowns = gradient::tune(&problem, unknowns, &FINE)?;
    report(&problem, &unknowns, first_alone)
}

/// How well a view fits.
fn fit(problem: &Problem<'_>, unknowns: &Unknowns, view: usize) -> Result<f64, AnalyzeError> {
    let shape = problem.shape(unknowns)?;
    let simulated = problem.picture(&shape, unknowns, view, 0)?;
    let taken = &problem.views[view].levels[0];
    let below = gradient::last_row(problem, unknowns, view, &taken.camera);
    Ok(start::alike(taken, &simulated, below))
}

fn report(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    first_alone: f64,
) -> Result<Option<Refined>, AnalyzeError> {
    let [last] = FINE;
    let Some((posterior, misfit)) = Posterior::at(problem, unknowns, last)? else {
        return Ok(None);
    };
    let shape = problem.shape(unknowns)?;
    let slopes = posterior::slopes(problem, unknowns, 0)?;
    let every = 0..problem.views.len();
    let fit = every
        .clone()
        .map(|view| fit(problem, unknowns, view))
        .collect::<Result<_, _>>()?;
    let own = |bone: Bone| {
        let vertices = unknowns.vertices(problem.model, bone);
        problem.model.bone(bone).mean().with_vertices(vertices)
    };
    Ok(Some(Refined {
        own: Forearm {
            radius: own(Bone::Radius)?,
            ulna: own(Bone::Ulna)?,
        },
        poses: every
            .map(|view| Bone::ALL.map(|bone| unknowns.pose(problem.model, view, bone)))
            .collect(),
        shape: unknowns.shape.clone(),
        shape_sd: posterior.numbers(unknowns.shape.len()),
        sigma_mm: Bone::ALL.map(|bone| posterior.surface(&shape, bone)),
        bound_mm: Bone::ALL.map(|bone| posterior.bound(&shape, bone)),
        measures: posterior::read(problem, unknowns, 0)?,
        measure_sigma: slopes.map(|slope| posterior.sigma(&slope)),
        first_alone,
        fit,
        misfit,
    }))
}
