//! The way from a surface to a fitted bone.

use super::Asked;
use super::BoneFit;
use super::Candidate;
use super::CutKind;
use super::FitError;
use super::cover::Cover;
use super::cover::Plane;
use super::cut;
use super::figures::figures;
use super::figures::outer_only;
use super::finish::Finish;
use super::given::Prepared;
use super::pose::guesses;
use super::solve::Fitted;
use super::solve::NOISE;
use super::solve::Stage;
use super::solve::solve;
use super::targets::Sample;
use super::targets::Scene;
use super::template::Template;
use crate::anatomy::BoneModel;
use crate::anatomy::Side;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// The modes alone leave more than this on nothing that is the bone.
const STRANGE_RMS_MM: f64 = 1.3;
/// The modes' numbers of a bone have a mean square of about 1.
const STRANGE_SQUARE: f64 = 9.0;
/// How much likelier the other side or bone must be to contradict its name:
/// in units of the cost, and as a ratio of what both leave.
const CLEARLY: (f64, f64) = (30.0, 1.25);
const LEAST_KEPT_MM: f64 = 15.0;
/// Places of the fitted surface that are asked while choosing.
const FEW: usize = 1500;

/// The given surface as one side: as it is, or mirrored.
pub(super) struct Faced {
    pub side: Side,
    pub prepared: Prepared,
}

/// A candidate with what the next steps need of it.
pub(super) struct Tried<'a> {
    pub candidate: Candidate,
    pub template: &'a Template<'a>,
    pub fitted: Fitted,
    pub cover: Cover,
    pub cut: CutKind,
    mode_square: f64,
}

/// Fits the likeliest of the models' bones, of either side, to a surface.
/// `progress` hears what is being done and how much of it is done, 0 to 1.
///
/// The result does not depend on the number of threads, and not on the frame in
/// which the surface is given beyond rounding.
///
/// # Errors
/// [`FitError`], a variant a reason.
pub fn fit_bone(
    models: &[&BoneModel],
    given: &SurfaceMesh<Given>,
    asked: &Asked,
    progress: &mut dyn FnMut(&'static str, f64),
) -> Result<BoneFit, FitError> {
    progress("looking at the surface", 0.0);
    let right = Prepared::new(given)?;
    let left = right.mirrored();
    let faced = [(Side::Right, right), (Side::Left, left)];
    let faced = faced.map(|(side, prepared)| Faced { side, prepared });
    let locators = [0, 1].map(|k| Locator::new(&faced[k].prepared.mesh));
    let templates: Vec<Template<'_>> = models.iter().map(|m| Template::new(m)).collect();
    progress("searching pose, side and bone", 0.15);
    let mut tried = try_all(&templates, &faced, &locators, asked)?;
    tried.sort_by(|a, b| a.candidate.cost.total_cmp(&b.candidate.cost));
    let candidates: Vec<Candidate> = tried.iter().map(|t| t.candidate).collect();
    let chosen = choose(tried, asked)?;
    let k = usize::from(chosen.candidate.side == Side::Left);
    progress("fitting shape and residual", 0.45);
    Finish::new(chosen, &faced[k], &locators[k], asked).run(candidates, progress)
}

/// Tries every bone on every side, side by side in threads.
fn try_all<'a>(
    templates: &'a [Template<'a>],
    faced: &'a [Faced; 2],
    locators: &'a [Locator<'a, Given>; 2],
    asked: &'a Asked,
) -> Result<Vec<Tried<'a>>, FitError> {
    let tried: Vec<Result<Tried<'a>, FitError>> = std::thread::scope(|threads| {
        let mut running = Vec::new();
        for template in templates {
            for (faced, locator) in faced.iter().zip(locators) {
                running.push(threads.spawn(move || try_one(template, faced, locator, asked)));
            }
        }
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Err(FitError::Flat)))
            .collect()
    });
    let (good, bad): (Vec<_>, Vec<_>) = tried.into_iter().partition(Result::is_ok);
    let good: Vec<Tried<'a>> = good.into_iter().flatten().collect();
    match bad.into_iter().find_map(Result::err) {
        Some(error) if good.is_empty() => Err(error),
        _ => Ok(good),
    }
}

/// One bone of one side: poses, then modes from the best of them.
fn try_one<'a>(
    template: &'a Template<'a>,
    faced: &'a Faced,
    locator: &'a Locator<'a, Given>,
    asked: &Asked,
) -> Result<Tried<'a>, FitError> {
    let mean = Locator::new(template.model.mean());
    let points = faced.prepared.points();
    let samples = faced.prepared.samples(locator);
    let few = samples.iter().step_by(4);
    let few: Vec<Sample> = few
        .map(|s| Sample {
            area: 4.0 * s.area,
            ..*s
        })
        .collect();
    let modes = template.model.modes();
    let stage = |steps, numbers, gap_mm| Stage {
        steps,
        numbers,
        gap_mm,
    };
    let mut best: Option<Tried<'a>> = None;
    for guess in guesses(template, &mean, locator, &points, &faced.prepared.border) {
        let start = Fitted::start(template, guess.pose);
        let stages = [stage(4, 0, 5.0), stage(4, modes.min(6), 4.0)];
        let tried = follow(template, faced, locator, asked, &few, start, &stages)?;
        if tried.candidate.cost < best.as_ref().map_or(f64::INFINITY, |b| b.candidate.cost) {
            best = Some(tried);
        }
    }
    let start = best.ok_or(FitError::Flat)?.fitted;
    let stages = [stage(7, modes, 3.0)];
    follow(template, faced, locator, asked, &few, start, &stages)
}

/// Follows one pose through some stages, and says how likely it is then.
fn follow<'a>(
    template: &'a Template<'a>,
    faced: &Faced,
    locator: &Locator<'_, Given>,
    asked: &Asked,
    few: &[Sample],
    start: Fitted,
    stages: &[Stage],
) -> Result<Tried<'a>, FitError> {
    let scene = Scene {
        locator,
        samples: few,
        cover: covered(template, faced, locator, &start.pose, asked)?.0,
        sparse: true,
    };
    let fitted = solve(template, &scene, start, stages).ok_or(FitError::Flat)?;
    let (cover, cut) = covered(template, faced, locator, &fitted.pose, asked)?;
    let vertices = template.decode(&fitted.shape);
    let outer = outer_only(template, &vertices, &fitted.pose, few.to_vec()).0;
    let found = figures(
        template,
        &vertices,
        &fitted.pose,
        locator,
        &outer,
        &cover,
        FEW,
    );
    let found = found.ok_or(FitError::Flat)?;
    let area = 0.5 * (found.given_area_mm2 + found.fitted_area_mm2);
    #[allow(clippy::cast_precision_loss, reason = "tens of modes")]
    let modes = template.model.modes() as f64;
    Ok(Tried {
        candidate: Candidate {
            bone: template.model.bone(),
            side: faced.side,
            rms_mm: found.rms_mm,
            cost: 0.5 * (area * found.rms_mm * found.rms_mm / NOISE + fitted.prior),
        },
        template,
        mode_square: fitted.prior / modes,
        fitted,
        cover,
        cut,
    })
}

/// Which part of space both surfaces are compared in, for a pose.
fn covered(
    template: &Template<'_>,
    faced: &Faced,
    locator: &Locator<'_, Given>,
    pose: &Rigid<Model, Given>,
    asked: &Asked,
) -> Result<(Cover, CutKind), FitError> {
    let low = template.model.mean().bounds()[0][2];
    let (plane, kind) = cut::find(locator, &faced.prepared.border, pose, low);
    let mut cover = Cover {
        planes: vec![plane],
    };
    if let Some(keep_mm) = asked.keep_proximal_mm {
        let up = pose.rotate([0.0, 0.0, 1.0]);
        let heights = faced.prepared.mesh.vertices().iter();
        let top = heights
            .map(|v| vector::dot(*v, up))
            .fold(f64::NEG_INFINITY, f64::max);
        let border = vector::scale(up, top - keep_mm);
        let down = vector::scale(up, -1.0);
        let left_mm = top - keep_mm - lowest(faced, up, plane);
        if left_mm < LEAST_KEPT_MM {
            return Err(FitError::TooLittleKept {
                left_mm: left_mm.max(0.0),
            });
        }
        cover.planes.push(Plane::through(border, down));
    }
    Ok((cover, kind))
}

/// The lowest height along an axis of what lies above a plane.
pub(super) fn lowest(faced: &Faced, up: [f64; 3], plane: Plane) -> f64 {
    let above = faced
        .prepared
        .mesh
        .vertices()
        .iter()
        .filter(|v| plane.height(**v) > 0.0);
    above
        .map(|v| vector::dot(*v, up))
        .fold(f64::INFINITY, f64::min)
}

/// The likeliest of those that were asked for; refused where another bone or
/// side is clearly likelier, or none is likely.
fn choose<'a>(tried: Vec<Tried<'a>>, asked: &Asked) -> Result<Tried<'a>, FitError> {
    let fits = |c: &Candidate| {
        asked.bone.is_none_or(|b| b == c.bone) && asked.side.is_none_or(|s| s == c.side)
    };
    let best = tried.first().map(|t| t.candidate).ok_or(FitError::Flat)?;
    let mut tried = tried.into_iter();
    let chosen = tried.find(|t| fits(&t.candidate)).ok_or(FitError::Flat)?;
    let named = chosen.candidate;
    let strange = |rms: f64, square: f64| rms > STRANGE_RMS_MM || square > STRANGE_SQUARE;
    let clearly = named.cost - best.cost > CLEARLY.0 && named.rms_mm > CLEARLY.1 * best.rms_mm;
    if clearly && best.rms_mm <= STRANGE_RMS_MM {
        return Err(if named.bone == best.bone {
            FitError::OtherSide {
                named: named.side,
                named_rms_mm: named.rms_mm,
                found_rms_mm: best.rms_mm,
            }
        } else {
            FitError::OtherBone {
                named: named.bone,
                found: best.bone,
                named_rms_mm: named.rms_mm,
                found_rms_mm: best.rms_mm,
            }
        });
    }
    if strange(named.rms_mm, chosen.mode_square) {
        return Err(FitError::NotThisAnatomy {
            bone: named.bone,
            side: named.side,
            rms_mm: named.rms_mm,
            mode_square: chosen.mode_square,
        });
    }
    Ok(chosen)
}
