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
use super::pose::STUMP_MM;
use super::pose::guesses;
use super::pose::reach;
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
/// With a cost of so many times the least and so much more after the first few
/// modes, a bone and side is not followed further.
const HOPELESS: (f64, f64) = (4.0, 300.0);
const LEAST_KEPT_MM: f64 = 15.0;
/// The sizes (first mode, in SDs) that are laid on a stump.
const STUMP_SIZES: [f64; 3] = [0.0, -1.8, 1.8];
/// Places of the fitted surface that are asked while choosing.
const FEW: usize = 1500;

pub(super) const fn stage(steps: usize, numbers: usize, gap_mm: f64) -> Stage {
    Stage {
        steps,
        numbers,
        gap_mm,
    }
}

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

/// A bone of a side that is tried on the surface.
struct Trial<'a> {
    template: &'a Template<'a>,
    faced: &'a Faced,
    locator: &'a Locator<'a, Given>,
    few: Vec<Sample>,
}

/// Tries every bone on every side, side by side in threads: first its pose with a
/// few modes, then, of those that may be likely, all modes.
fn try_all<'a>(
    templates: &'a [Template<'a>],
    faced: &'a [Faced; 2],
    locators: &'a [Locator<'a, Given>; 2],
    asked: &Asked,
) -> Result<Vec<Tried<'a>>, FitError> {
    let mut trials = Vec::new();
    for template in templates {
        for (faced, locator) in faced.iter().zip(locators) {
            trials.push(Trial::new(template, faced, locator));
        }
    }
    let rough = side_by_side(&trials, |trial| trial.rough(asked));
    let least = rough
        .iter()
        .flatten()
        .map(|t| t.candidate.cost)
        .fold(f64::INFINITY, f64::min);
    let (mut open, mut left) = (Vec::new(), Vec::new());
    let mut bad = None;
    for (trial, tried) in trials.into_iter().zip(rough) {
        match tried {
            Ok(tried) if tried.candidate.cost > HOPELESS.0 * least + HOPELESS.1 => left.push(tried),
            Ok(tried) => open.push((trial, tried.fitted)),
            Err(error) => bad = Some(error),
        }
    }
    for tried in side_by_side(&open, |(trial, start)| trial.whole(asked, start.clone())) {
        match tried {
            Ok(tried) => left.push(tried),
            Err(error) => bad = Some(error),
        }
    }
    match bad {
        Some(error) if left.is_empty() => Err(error),
        _ => Ok(left),
    }
}

/// Does something with each of a few things, a thread each, results in order.
fn side_by_side<'t, T: Sync, R: Send>(
    things: &'t [T],
    act: impl Fn(&'t T) -> Result<R, FitError> + Sync,
) -> Vec<Result<R, FitError>> {
    std::thread::scope(|threads| {
        let act = &act;
        let running: Vec<_> = things
            .iter()
            .map(|thing| threads.spawn(move || act(thing)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Err(FitError::Flat)))
            .collect()
    })
}

impl<'a> Trial<'a> {
    fn new(template: &'a Template<'a>, faced: &'a Faced, locator: &'a Locator<'a, Given>) -> Self {
        let few = faced.prepared.samples(locator).into_iter().step_by(4);
        let few = few.map(|s| Sample {
            area: 4.0 * s.area,
            ..s
        });
        Self {
            template,
            faced,
            locator,
            few: few.collect(),
        }
    }

    /// The best pose, with the first six modes. Of a stump, a small and a large
    /// bone are laid on as well: nothing but its size tells its end from its side.
    fn rough(&self, asked: &Asked) -> Result<Tried<'a>, FitError> {
        let template = self.template;
        let points = self.faced.prepared.points();
        let border = &self.faced.prepared.border;
        let few_modes = template.model.modes().min(6);
        let stages = [stage(4, 0, 5.0), stage(4, few_modes, 4.0)];
        let stump = self.faced.prepared.length_mm < STUMP_MM;
        let sizes: &[f64] = if stump { &STUMP_SIZES } else { &[0.0] };
        let mut best: Option<Tried<'a>> = None;
        for size in sizes {
            let vertices = template.model.vertices(&[*size]);
            let shape = template.model.mean().with_vertices(vertices)?;
            let laid_on = Locator::new(&shape);
            for guess in guesses(template, &laid_on, self.locator, &points, border) {
                let start = Fitted::sized(template, guess.pose, *size);
                let tried = self.follow(asked, start, &stages)?;
                let least = best.as_ref().map_or(f64::INFINITY, |b| b.candidate.cost);
                if tried.candidate.cost < least {
                    best = Some(tried);
                }
            }
        }
        best.ok_or(FitError::Flat)
    }

    /// All modes from there.
    fn whole(&self, asked: &Asked, start: Fitted) -> Result<Tried<'a>, FitError> {
        self.follow(asked, start, &[stage(7, self.template.model.modes(), 3.0)])
    }

    /// Follows one pose through some stages, and says how likely it is then.
    fn follow(
        &self,
        asked: &Asked,
        start: Fitted,
        stages: &[Stage],
    ) -> Result<Tried<'a>, FitError> {
        let (template, faced, locator) = (self.template, self.faced, self.locator);
        let scene = Scene {
            locator,
            samples: &self.few,
            cover: covered(template, faced, locator, &start.pose, asked)?.0,
            sparse: true,
            kept: asked.keep_proximal_mm.is_some(),
        };
        let fitted = solve(template, &scene, start, stages).ok_or(FitError::Flat)?;
        let (cover, cut) = covered(template, faced, locator, &fitted.pose, asked)?;
        let vertices = template.decode(&fitted.shape);
        let outer = outer_only(template, &vertices, &fitted.pose, self.few.clone()).0;
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
        let top = reach(faced.prepared.mesh.vertices(), up);
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
