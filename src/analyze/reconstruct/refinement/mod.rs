//! Refinement: the shape model is fitted to the views themselves, by the edges
//! that it would throw there (analysis by synthesis), with what remains unsure.
//!
//! Unknown are the shape (a Gaussian prior over people), the pose of each bone
//! in each view, and the scale of the pixels with the prior of its calibration
//! grade. Nothing here is a network: a start may come from one.
//!
//! The order of work: the mean forearm, in three sizes, is slid over the first view
//! in a few turns, then what was found there over the others ([`start`]); from the
//! likeliest places the poses are mended, then a few modes, then all of them, at
//! ever finer pixels ([`solve`], [`gradient`]). Each step draws the bones
//! as they stand ([`synthesis`]), finds where their surfaces are seen edge-on
//! ([`edges`]), and looks for these edges in the image ([`matching`]). At the end
//! the normal equations say what was not seen ([`posterior`]).
//!
//! The result does not depend on the number of threads.

mod edges;
mod gradient;
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
use rayon::prelude::*;

/// The pixels of the steps, coarse to fine, in millimeters on the detector.
const LEVELS_MM: [f64; 2] = [0.8, 0.4];

const fn stage(
    steps: usize,
    level: usize,
    reach_mm: f64,
    modes: Option<usize>,
    seat: bool,
) -> Stage {
    Stage {
        steps,
        level,
        reach_mm,
        modes,
        seat,
    }
}

/// One view alone, by edges: where the forearm lies.
const ALONE: [Stage; 2] = [
    stage(6, 0, 7.0, None, false),
    stage(6, 0, 5.0, Some(2), true),
];
/// One view again, with the shape that all views gave.
const AGAIN: [Stage; 2] = [stage(6, 0, 6.0, None, false), stage(4, 0, 4.0, None, true)];
/// All views together, by edges.
const TOGETHER: [Stage; 1] = [stage(8, 0, 5.0, Some(4), true)];
/// The same by slopes, roughly.
const ROUGH: [Stage; 1] = [stage(8, 0, 0.0, Some(6), true)];
/// And all that there is.
const TUNE: [Stage; 2] = [
    stage(10, 0, 0.0, Some(99), true),
    stage(5, 1, 0.0, Some(99), true),
];
/// How many of all starts are followed to the end.
const LIKELY: usize = 8;
/// And by how many steps they are told from the others.
const GLANCE: usize = 4;
/// A view that fits less well than this is looked at again.
const POOR: f64 = 0.8;
/// What the prior's cost takes from a place's fit.
const PRIOR_WEIGHT: f64 = 0.01;

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
    /// How well each view's slopes correlate with the simulated ones, window by
    /// window, -1 to 1.
    pub fit: Vec<f64>,
    /// What the slopes of the worst view lack in the usual place, in millimeters of
    /// bone a pixel.
    pub misfit: f64,
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
    let basis = Basis::new(model);
    let problem = Problem::new(&basis, views, scale_sd);
    // The first view says how large the bones are; the others are searched with that.
    let start = |view: usize| starts.get(view).copied().flatten();
    let Some(mut unknowns) = one_view(&problem.of(0), start(0))? else {
        return Ok(None);
    };
    for view in 1..views.len() {
        let one = problem.of(view);
        let placed = match start(view) {
            Some(radius) => Some(unknowns::Placed {
                radius,
                seat: [0.0; 6],
            }),
            None => place(&one, &unknowns, std::slice::from_ref(&unknowns.shape))?
                .map(|(_, placed)| placed),
        };
        let Some(placed) = placed else {
            return Ok(None);
        };
        unknowns.views.push(placed);
    }
    let unknowns = problem.run(unknowns, &TOGETHER)?;
    let mut unknowns = gradient::tune(&problem, unknowns, &ROUGH)?;
    for view in 0..views.len() {
        let before = fit(&problem, &unknowns, view)?;
        if before < POOR {
            let shapes = [unknowns.shape.clone(), vec![0.0; unknowns.shape.len()]];
            if let Some((fit, placed)) = place(&problem.of(view), &unknowns, &shapes)?
                && fit > before
            {
                unknowns.views[view] = placed;
                unknowns = gradient::tune(&problem, unknowns, &ROUGH)?;
            }
        }
    }
    let unknowns = gradient::tune(&problem, unknowns, &TUNE)?;
    report(&problem, &unknowns)
}

/// Finds the forearm in one view by itself, with its size.
fn one_view(
    problem: &Problem<'_>,
    start: Option<Rigid<Model, Detector>>,
) -> Result<Option<Unknowns>, AnalyzeError> {
    let starts = match start {
        Some(radius) => vec![Unknowns::mean(problem.model, &[radius])],
        None => start::search(problem, 0, &start::sizes(problem))?
            .into_iter()
            .map(|start| {
                let mut unknowns = Unknowns::mean(problem.model, &[start.radius]);
                unknowns.shape = start.shape;
                unknowns
            })
            .collect(),
    };
    Ok(best_of(problem, starts, &ALONE)?.map(|(_, unknowns)| unknowns))
}

/// Tries starts by a few steps, the likeliest of them by all, and takes the best,
/// with what it is worth.
fn best_of(
    problem: &Problem<'_>,
    starts: Vec<Unknowns>,
    stages: &[Stage; 2],
) -> Result<Option<(f64, Unknowns)>, AnalyzeError> {
    let tried = |starts: Vec<Unknowns>, stages: &[Stage]| {
        let run = |start: Unknowns| {
            let unknowns = problem.run(start, stages)?;
            Ok((worth(problem, &unknowns, 0)?, unknowns))
        };
        let done: Vec<Result<_, AnalyzeError>> = starts.into_par_iter().map(run).collect();
        let mut done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
        done.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok::<_, AnalyzeError>(done)
    };
    let glance = Stage {
        steps: GLANCE,
        ..stages[0]
    };
    let mut likely = tried(starts, &[glance])?;
    likely.truncate(LIKELY);
    let likely = likely.into_iter().map(|(_, unknowns)| unknowns).collect();
    Ok(tried(likely, stages)?.into_iter().next())
}

/// The best place of a known shape in a view and how well it fits there; places
/// are looked for with some shapes. None when there is none.
fn place(
    alone: &Problem<'_>,
    unknowns: &Unknowns,
    shapes: &[Vec<f64>],
) -> Result<Option<(f64, unknowns::Placed)>, AnalyzeError> {
    let starts = start::search(alone, 0, shapes)?.into_iter().map(|start| {
        let mut one = unknowns.clone();
        one.views = vec![unknowns::Placed {
            radius: start.radius,
            seat: [0.0; 6],
        }];
        one
    });
    let Some((_, one)) = best_of(alone, starts.collect(), &AGAIN)? else {
        return Ok(None);
    };
    Ok(Some((fit(alone, &one, 0)?, one.views[0])))
}

/// How well a view fits, less what the prior holds against it.
fn worth(problem: &Problem<'_>, unknowns: &Unknowns, view: usize) -> Result<f64, AnalyzeError> {
    Ok(fit(problem, unknowns, view)? - PRIOR_WEIGHT * problem.cost_of(unknowns))
}

/// How well a view fits.
fn fit(problem: &Problem<'_>, unknowns: &Unknowns, view: usize) -> Result<f64, AnalyzeError> {
    let shape = problem.shape(unknowns)?;
    let simulated = problem.picture(&shape, unknowns, view, 0)?;
    let taken = &problem.views[view].levels[0];
    let below = gradient::last_row(problem, unknowns, view, &taken.camera);
    Ok(start::alike(taken, &simulated, below))
}

fn report(problem: &Problem<'_>, unknowns: &Unknowns) -> Result<Option<Refined>, AnalyzeError> {
    let [.., last] = TUNE;
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
        sigma_mm: Bone::ALL.map(|bone| posterior.surface(&shape, bone)),
        bound_mm: Bone::ALL.map(|bone| posterior.bound(&shape, bone)),
        measures: posterior::read(problem, unknowns, 0)?,
        measure_sigma: slopes.map(|slope| posterior.sigma(&slope)),
        fit,
        misfit,
    }))
}
