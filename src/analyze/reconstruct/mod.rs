//! The bones of a wrist from its two X-rays: which images, are they fit for it,
//! what does the model say, and do the bones it says fit the images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::AnalyzeError;
use super::previews::stem;
use crate::anatomy::Forearm;
use crate::anatomy::Landmarks;
use crate::anatomy::Measure;
use crate::anatomy::Measures;
use crate::anatomy::Side as Arm;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::radiography::Projection;
use crate::raster::Grade;
use crate::raster::ImageTags;
use crate::raster::Radiograph;
use crate::raster::RasterError;
use crate::raster::Remedy as RasterRemedy;
use crate::raster::Side;
use crate::raster::read_radiograph;
use crate::raster::read_tags;
use crate::study::AnalyzedEvidence;
use crate::study::Outcome;
use crate::study::Refusal;
use crate::wire::Figure;
use crate::wire::MeasuredOn;
use crate::wire::ModelStamp;

mod by_views;
mod files;
mod fit;
mod from_views;
mod outline;
mod pairing;
mod refine;
mod refinement;
mod refusal;
mod scene;
mod shot;
mod wrist;

pub use fit::Fit;
pub use from_views::{FromViews, from_views};
pub use outline::{Lines, silhouette};
pub use refinement::Refined;
pub use refusal::Code;
pub use shot::Shot;
pub use wrist::WristModel;

/// The least fit of both images at which bones are shown. Preliminary: a
/// simulated wrist never seen in training fits by 0.66, the same one with its
/// views swapped, upside down or of the other side by 0.26 to 0.29
/// (`tests/box/gate.rs` prints more on request).
const LEAST_FIT: f64 = 0.42;
/// A fit at which the side that the tags say is not doubted.
const SURE_FIT: f64 = 0.55;
/// The correlation of the two views' pixels from which they are one view given
/// twice.
const SAME_VIEW: f64 = 0.95;
/// How far apart the two views must look, in degrees: 90 by rights.
const VIEWS_APART: std::ops::RangeInclusive<f64> = 55.0..=125.0;
/// How much better the image must fit the other side's wrist before the side
/// that its tags say is doubted.
const SIDE_MARGIN: f64 = 0.15;

/// A reconstructed wrist.
#[derive(Debug, Clone, PartialEq)]
pub struct BoneModel {
    /// Which arm.
    pub side: Arm,
    /// The bones in the model's frame, of that arm: a left one is mirrored.
    pub forearm: Forearm<Model>,
    /// Named places on them.
    pub landmarks: Landmarks<Model>,
    /// The measures.
    pub measures: Measures,
    /// The shape, in standard deviations of the training subjects.
    pub latent: Vec<f64>,
    /// How sure the predictor is of each, as the logarithm of a variance.
    pub log_variance: Vec<f64>,
    /// The bones as a right wrist, as the views below see them.
    pub folded: Forearm<Model>,
    /// Each view: the image's place in the list, how it was taken, where radius
    /// and ulna lie in it, and how well it fits.
    pub views: [View; 2],
    /// What made them.
    pub origin: Origin,
}

impl BoneModel {
    /// How well the view fits that fits worse.
    #[must_use]
    pub fn fit(&self) -> Fit {
        let [pa, lateral] = &self.views;
        pa.fit.worse(lateral.fit)
    }
}

/// What made the bones, and how far its figures may be off.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The model: name and digest.
    pub model: ModelStamp,
    /// What computed: `cpu`, `cuda`, `tensorrt`.
    pub provider: &'static str,
    /// What its error was measured on.
    pub measured_on: MeasuredOn,
    /// On how many subjects, none of them seen in training.
    pub measured_n: u32,
    /// Half-width of the interval that holds 95 % of the errors, a measure.
    pub half_width_95: BTreeMap<String, f64>,
}

/// One view of a reconstructed wrist.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The image's place in the list.
    pub place: usize,
    /// The stem of the image's files.
    pub stem: String,
    /// How it was taken.
    pub shot: Shot,
    /// How well its scale is known.
    pub grade: Grade,
    /// Where the radius and the ulna lie.
    pub poses: [Rigid<Model, Detector>; 2],
    /// How well the image fits them.
    pub fit: Fit,
}

/// Durations of the parts of a run.
struct Parts {
    started: Instant,
    times: Vec<(String, f64)>,
}

impl Parts {
    fn end(&mut self, part: &str) {
        let passed = self.started.elapsed().as_secs_f64() * 1000.0;
        self.times.push((part.to_owned(), passed));
        self.started = Instant::now();
    }
}

/// Reconstructs the wrist that a study's pseudonymous images show, and writes
/// the results' files into an existing folder: `radius.stl`, `ulna.stl`,
/// `bones.glb`, an overlay a view, `reconstruction.json`. Same images, model
/// and machine, same bytes.
///
/// What the images lack is a refusal in the evidence, not an error.
///
/// # Errors
/// [`AnalyzeError`], by its remedy: held until the model is put right, or tried
/// again.
pub fn reconstruct(
    images: &[PathBuf],
    model: &WristModel,
    folder: &Path,
) -> Result<AnalyzedEvidence, AnalyzeError> {
    let mut parts = Parts {
        started: Instant::now(),
        times: Vec::new(),
    };
    let found = run(images, model, &mut parts)?;
    let (outcome, artefacts) = match found {
        Err(reasons) => (Outcome::Refused { reasons }, Vec::new()),
        Ok(bones) => {
            let figures = figures(&bones);
            let artefacts = files::write_all(&bones, &figures, folder)?;
            parts.end("files");
            (outcome(&bones, figures), artefacts)
        }
    };
    Ok(AnalyzedEvidence {
        outcome,
        artefacts,
        parts_ms: parts.times,
    })
}

type Found = Result<BoneModel, Vec<Refusal>>;

fn refused(code: Code, detail: &str) -> Result<Found, AnalyzeError> {
    Ok(Err(vec![code.refusal(detail)]))
}

/// The two images that are looked at.
struct Looked {
    side: Side,
    /// The PA, then the lateral: its place in the list, its picture, as a wrist
    /// of that side.
    places: [usize; 2],
    radiographs: [Radiograph; 2],
    shots: [Shot; 2],
}

/// Which images show the wrist, read and fit to be looked at, or why not.
fn looked(
    images: &[PathBuf],
    parts: &mut Parts,
) -> Result<Result<Looked, Vec<Refusal>>, AnalyzeError> {
    let refused = |code: Code, detail: &str| Ok(Err(vec![code.refusal(detail)]));
    let tags = images
        .iter()
        .map(|path| or_refused(read_tags(path)))
        .collect::<Result<Vec<_>, _>>()?;
    let tags: Vec<Option<&ImageTags>> = tags.iter().map(|read| read.as_ref().ok()).collect();
    let pair = pairing::pair(&tags);
    parts.end("pairing");
    let pair = match pair {
        Ok(pair) => pair,
        Err(reasons) => {
            let refusals = reasons.iter().map(|(code, detail)| code.refusal(detail));
            return Ok(Err(refusals.collect()));
        }
    };
    let mut radiographs = Vec::new();
    for (projection, place) in Projection::ALL.into_iter().zip([pair.pa, pair.lateral]) {
        match or_refused(read_radiograph(&images[place]))? {
            Ok(radiograph) => radiographs.push(radiograph),
            Err(error) => {
                let detail = format!("{}: {error}", projection.name());
                return refused(unread(&error), &detail);
            }
        }
    }
    parts.end("decoding");
    let Ok(radiographs) = <[Radiograph; 2]>::try_from(radiographs) else {
        return refused(Code::NoWristPa, "");
    };
    let [pa, lateral] = &radiographs;
    let Some(shots) = look(pa, lateral, pair.side)? else {
        return refused(Code::NoCalibration, "");
    };
    let alike = fit::likeness(&shots[0].field, &shots[1].field);
    if alike > SAME_VIEW {
        let detail = format!("PA and lateral are {:.0} % the same picture", alike * 100.0);
        return refused(Code::SameView, &detail);
    }
    Ok(Ok(Looked {
        side: pair.side,
        places: [pair.pa, pair.lateral],
        radiographs,
        shots,
    }))
}

fn run(images: &[PathBuf], model: &WristModel, parts: &mut Parts) -> Result<Found, AnalyzeError> {
    let Looked {
        side,
        places,
        radiographs: [pa, lateral],
        shots,
    } = match looked(images, parts)? {
        Ok(looked) => looked,
        Err(reasons) => return Ok(Err(reasons)),
    };
    let said = model.predict([&shots[0], &shots[1]])?;
    parts.end("model");
    let mended = mended(&shots, &said)?;
    let worst = mended[0].1.worse(mended[1].1);
    let apart = mended[0].0[0]
        .inverse()
        .then(&mended[1].0[0])
        .angle()
        .to_degrees();
    if !VIEWS_APART.contains(&apart) {
        parts.end("fit");
        let detail = format!("PA and lateral look {apart:.0} degrees apart");
        return refused(Code::NotAWrist, &detail);
    }
    if let Some(code) = doubt(worst, (&shots, &said), [&pa, &lateral], side, model)? {
        let said = code.refusal(&format!("fit {:.2}, {LEAST_FIT} needed", worst.get()));
        let shown = if code == Code::NotAWrist {
            from_views::otherwise(&shots, [&pa, &lateral], &model.forearm)?
        } else {
            None
        };
        parts.end("fit");
        return Ok(Err(vec![shown.unwrap_or(said)]));
    }
    parts.end("fit");
    let [pa_shot, lateral_shot] = shots;
    let view = |place: usize, radiograph: &Radiograph, shot: Shot, which: usize| View {
        place,
        stem: stem(place, radiograph.tags.view),
        grade: radiograph.tags.calibration.grade,
        shot,
        poses: mended[which].0,
        fit: mended[which].1,
    };
    let views = [
        view(places[0], &pa, pa_shot, 0),
        view(places[1], &lateral, lateral_shot, 1),
    ];
    let said = bone_model(said, views, side, model)?;
    let refined = by_views::refined(&said, [&pa, &lateral], model)?;
    parts.end("refinement");
    // What the views ask for is kept where they fit it better.
    Ok(Ok(refined
        .filter(|refined| refined.fit() > said.fit())
        .unwrap_or(said)))
}

/// The bones of that arm, with their landmarks and measures.
fn bone_model(
    said: wrist::Prediction,
    views: [View; 2],
    side: Side,
    model: &WristModel,
) -> Result<BoneModel, AnalyzeError> {
    let arm = match side {
        Side::Right => Arm::Right,
        Side::Left => Arm::Left,
    };
    let folded = said.forearm;
    let forearm = match arm {
        Arm::Right => folded.clone(),
        Arm::Left => folded.mirrored_x(),
    };
    Ok(BoneModel {
        side: arm,
        landmarks: model.shape.landmarks().on(&forearm)?,
        measures: model.shape.measures(&forearm, arm)?,
        forearm,
        latent: said.latent,
        log_variance: said.log_variance,
        folded,
        views,
        origin: model.origin(),
    })
}

/// An image's own fault stays with the image; the machine's fault is ours.
fn or_refused<T>(read: Result<T, RasterError>) -> Result<Result<T, RasterError>, AnalyzeError> {
    match read {
        Err(error) if error.remedy() == RasterRemedy::Retry => Err(error.into()),
        other => Ok(other),
    }
}

/// What is told of an image that was not read.
const fn unread(error: &RasterError) -> Code {
    match error {
        RasterError::Unsuitable { .. } => Code::UnsuitableImage,
        RasterError::TooLarge { .. } => Code::ImageTooLarge,
        RasterError::Read { .. }
        | RasterError::Parse { .. }
        | RasterError::CannotDecode { .. }
        | RasterError::Encode { .. } => Code::CannotDecode,
    }
}

/// Both views as of one side; `None` where one has no scale.
fn look(
    pa: &Radiograph,
    lateral: &Radiograph,
    side: Side,
) -> Result<Option<[Shot; 2]>, AnalyzeError> {
    let pa = Shot::look(pa, Projection::PosteroAnterior, side)?;
    let lateral = Shot::look(lateral, Projection::Lateral, side)?;
    Ok(pa.zip(lateral).map(|(pa, lateral)| [pa, lateral]))
}

/// The poses, mended to fit the views, and how well they do.
fn mended(
    shots: &[Shot; 2],
    said: &wrist::Prediction,
) -> Result<[refine::Mended; 2], AnalyzeError> {
    let cast = fit::Cast::new(&said.forearm)?;
    both_views(|view| refine::refine(&cast, &shots[view], said.poses[view]))
}

/// How likely the views are this side's, at a glance: the worse of both.
fn glance(shots: &[Shot; 2], said: &wrist::Prediction) -> Result<Fit, AnalyzeError> {
    let cast = fit::Cast::new(&said.forearm)?;
    let [first, second] = both_views(|view| refine::glance(&cast, &shots[view], said.poses[view]))?;
    Ok(first.worse(second))
}

/// Does the PA view on a thread of its own while the lateral is done: each
/// alone is the same with any number of threads.
fn both_views<T: Send>(
    work: impl Fn(usize) -> Result<T, AnalyzeError> + Sync,
) -> Result<[T; 2], AnalyzeError> {
    std::thread::scope(|scope| {
        let pa = scope.spawn(|| work(0));
        let lateral = work(1);
        let pa = pa
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok([pa?, lateral?])
    })
}

/// Whether the images contradict what was made of them: they show no wrist, or
/// the other side's.
fn doubt(
    worst: Fit,
    (shots, said): (&[Shot; 2], &wrist::Prediction),
    [pa, lateral]: [&Radiograph; 2],
    side: Side,
    model: &WristModel,
) -> Result<Option<Code>, AnalyzeError> {
    if worst.get() >= SURE_FIT {
        return Ok(None);
    }
    let other = match side {
        Side::Right => Side::Left,
        Side::Left => Side::Right,
    };
    let Some(turned) = look(pa, lateral, other)? else {
        return Ok(None);
    };
    let other_said = model.predict([&turned[0], &turned[1]])?;
    // A glance is enough where it speaks for the side that the tags say.
    if glance(&turned, &other_said)?.get() > glance(shots, said)?.get() {
        let [(_, first), (_, second)] = mended(&turned, &other_said)?;
        let as_other = first.worse(second).get();
        if as_other >= LEAST_FIT && as_other > worst.get() + SIDE_MARGIN {
            return Ok(Some(Code::LateralityConflict));
        }
    }
    Ok((worst.get() < LEAST_FIT).then_some(Code::NotAWrist))
}

fn figures(bones: &BoneModel) -> Vec<Figure> {
    let origin = &bones.origin;
    let of = |(measure, value): (Measure, f64)| Figure {
        name: measure.key().to_owned(),
        value: Some(value),
        unit: measure.unit().to_owned(),
        half_width_95: origin.half_width_95.get(measure.key()).copied(),
        method: measure.definition().to_owned(),
        measured_on: origin.measured_on,
        measured_n: origin.measured_n,
        model: origin.model.clone(),
    };
    bones.measures.iter().map(of).collect()
}

fn outcome(bones: &BoneModel, figures: Vec<Figure>) -> Outcome {
    let [pa, lateral] = &bones.views;
    Outcome::Reconstructed {
        side: bones.side.letter(),
        figures,
        model: bones.origin.model.clone(),
        provider: bones.origin.provider.to_owned(),
        image_fit: bones.fit().get(),
        calibration_grade: match pa.grade.max(lateral.grade) {
            Grade::A => 'A',
            Grade::B => 'B',
            Grade::C => 'C',
            Grade::D => 'D',
            Grade::E => 'E',
            Grade::F => 'F',
        },
    }
}
