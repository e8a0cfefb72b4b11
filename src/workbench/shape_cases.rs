//! The cases on which the shape model is judged: an invented person's bone,
//! laid somewhere, as either arm; and a malunited radius of which the part
//! proximal of the fracture is kept.

use serde::Serialize;

use super::judge::Apart;
use super::judge::Fitted;
use super::judge::Truth;
use super::judge::apart;
use crate::anatomy::Asked;
use crate::anatomy::Bone;
use crate::anatomy::BoneFit;
use crate::anatomy::Figures;
use crate::anatomy::ForearmModel;
use crate::anatomy::Landmark;
use crate::anatomy::Measure;
use crate::anatomy::Measures;
use crate::anatomy::Side;
use crate::anatomy::fit_bone;
use crate::geometry::Given;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::phantom::Abnormal;
use crate::phantom::Generator;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::radiography::Random;

/// What is read on the radius alone and judged.
pub const READ: [Measure; 3] = [
    Measure::RadialInclination,
    Measure::VolarTilt,
    Measure::RadialHeight,
];
/// The lid over the truth's cut and its rounded edge are not compared.
const ABOVE_CUT_MM: f64 = 0.5;
/// How far proximal of the fracture the kept part begins.
const MARGIN_MM: f64 = 1.0;

/// One stated measure beside its truth.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Stated {
    /// Which one.
    pub key: &'static str,
    /// Its true value.
    pub truth: f64,
    /// The stated value.
    pub value: f64,
    /// Half the width of the stated 95 % interval.
    pub half_width: f64,
    /// Whether the interval holds the truth.
    pub inside: bool,
}

/// What a fit left of one bone.
#[derive(Debug, Clone, Serialize)]
pub struct BoneCase {
    /// The person.
    pub seed: u64,
    /// The bone.
    pub bone: Bone,
    /// Whether bone and side were found without being told.
    pub recognized: bool,
    /// The fit, judged apart from what it says of itself.
    pub apart: Apart,
    /// RMS, joint RMS: of the mean, five modes, all modes, all with the residual
    /// field, as the fit states them.
    pub null: [Option<f64>; 2],
    /// Five modes.
    pub five_modes: [Option<f64>; 2],
    /// All modes.
    pub all_modes: [Option<f64>; 2],
    /// All, with the residual field.
    pub full: [Option<f64>; 2],
    /// What is read on it, of a radius.
    pub measures: Vec<Stated>,
}

/// What a malunited radius' kept part told about the bone as it was.
#[derive(Debug, Clone, Serialize)]
pub struct MalunionCase {
    /// The person.
    pub seed: u64,
    /// How far from the distal end the kept part begins, in millimeters.
    pub kept_from_mm: f64,
    /// The predicted measures beside those of the bone before it broke.
    pub predicted: Vec<Stated>,
    /// The measures of the same person's other arm, mirrored.
    pub other_side: Vec<f64>,
    /// The predicted bone against the bone before it broke, distal of the fracture.
    pub apart: Apart,
    /// How far distal of its true place the styloid's tip is predicted, along the
    /// bone's axis, in millimeters.
    pub too_long_mm: f64,
    /// The stated SD of that place.
    pub tip_sigma_mm: f64,
    /// By how much the bone was shortened, in millimeters.
    pub shortened_mm: f64,
}

/// A case that gave no fit.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    /// The person.
    pub seed: u64,
    /// The bone.
    pub bone: Bone,
    /// The fit's code.
    pub code: &'static str,
    /// The fit's reason.
    pub why: String,
}

/// One person's place: which arm, and how it lies.
struct Laid {
    side: Side,
    pose: Rigid<Model, Given>,
}

impl Laid {
    fn new(random: &mut Random) -> Self {
        let side = if random.chance(0.5) {
            Side::Right
        } else {
            Side::Left
        };
        let turn = [(); 3].map(|()| random.around(0.0, 1.5, 2.0));
        let shift = [(); 3].map(|()| random.between(-200.0, 200.0));
        Self {
            side,
            pose: Rigid::from_rotation_vector(turn, shift),
        }
    }

    fn given(&self, mesh: &SurfaceMesh<Model>) -> SurfaceMesh<Given> {
        match self.side {
            Side::Right => mesh.moved(&self.pose),
            Side::Left => mesh.mirrored_x().moved(&self.pose),
        }
    }

    /// How high a place lies along the specimen's axis.
    fn height(&self, place: [f64; 3]) -> f64 {
        self.pose.inverse().move_xyz(place)[2]
    }
}

/// The number that a case's arm and place are drawn from.
fn placing(generator: Generator, seed: u64) -> Random {
    Random::new(seed, 0x5AFE + generator as u64)
}

fn two(figures: &Figures) -> [Option<f64>; 2] {
    [Some(figures.rms_mm), figures.joint_rms_mm]
}

fn stated(fit: &BoneFit, truth: &Measures) -> Vec<Stated> {
    let known = fit.measures.iter().filter(|m| READ.contains(&m.measure));
    known
        .map(|found| {
            let truth = truth.get(found.measure);
            let half_width = 1.96 * found.sigma;
            Stated {
                key: found.measure.key(),
                truth,
                value: found.value,
                half_width,
                inside: (found.value - truth).abs() <= half_width,
            }
        })
        .collect()
}

fn lowest(mesh: &SurfaceMesh<Model>) -> f64 {
    mesh.bounds()[0][2]
}

/// Fits both bones of one person, told nothing.
///
/// # Errors
/// [`PhantomError`] where the person cannot be drawn.
pub fn person(
    model: &ForearmModel,
    generator: Generator,
    seed: u64,
) -> Result<Vec<Result<BoneCase, Refused>>, PhantomError> {
    let specimen = Specimen::draw(generator, seed)?;
    let mut random = placing(generator, seed);
    let models = Bone::ALL.map(|bone| model.bone(bone));
    let mut cases = Vec::new();
    for bone in Bone::ALL {
        let laid = Laid::new(&mut random);
        let mesh = specimen.outer.bone(bone);
        let given = laid.given(mesh);
        let refused = |code, why| Refused {
            seed,
            bone,
            code,
            why,
        };
        let fit = match fit_bone(&models, &given, &Asked::default(), &mut |_, _| {}) {
            Ok(fit) => fit,
            Err(error) => {
                cases.push(Err(refused(error.code(), error.to_string())));
                continue;
            }
        };
        let recognized = fit.bone == bone && fit.side == laid.side;
        let low = lowest(mesh) + ABOVE_CUT_MM;
        let truth = Truth {
            surface: &given,
            joint: specimen.joint(bone),
            compared: &|place| laid.height(place) > low,
        };
        let fitted = Fitted {
            surface: &fit.surface,
            lid: model.bone(fit.bone).cut(),
            sigma_mm: &fit.sigma_mm,
        };
        let Some(apart) = apart(&fitted, &truth) else {
            cases.push(Err(refused(
                "nothing_compared",
                "nothing to compare".into(),
            )));
            continue;
        };
        cases.push(Ok(BoneCase {
            seed,
            bone,
            recognized,
            apart,
            null: two(&fit.null),
            five_modes: two(&fit.five_modes),
            all_modes: two(&fit.all_modes),
            full: two(&fit.figures),
            measures: stated(&fit, &specimen.measures),
        }));
    }
    Ok(cases)
}

/// Predicts one person's radius as it was before it broke and healed crooked.
///
/// # Errors
/// [`PhantomError`] where the person cannot be drawn.
pub fn malunion(
    model: &ForearmModel,
    generator: Generator,
    seed: u64,
) -> Result<Result<MalunionCase, Refused>, PhantomError> {
    let healthy = Specimen::draw(generator, seed)?;
    let case = Abnormal::DorsalMalunion.on(&healthy, seed)?;
    let other = healthy.other_side(seed)?;
    let mut random = placing(generator, seed.rotate_left(17));
    let laid = Laid::new(&mut random);
    let crooked = &case.specimen.outer.radius;
    let kept_from_mm = crooked.bounds()[1][2] + case.change.from_joint_mm + MARGIN_MM;
    let asked = Asked {
        bone: Some(Bone::Radius),
        side: Some(laid.side),
        keep_proximal_mm: Some(kept_from_mm),
    };
    let refused = |code, why| Refused {
        seed,
        bone: Bone::Radius,
        code,
        why,
    };
    let radius = model.bone(Bone::Radius);
    let fit = match fit_bone(&[radius], &laid.given(crooked), &asked, &mut |_, _| {}) {
        Ok(fit) => fit,
        Err(error) => return Ok(Err(refused(error.code(), error.to_string()))),
    };
    let before = laid.given(&healthy.outer.radius);
    let from = -case.change.from_joint_mm;
    let truth = Truth {
        surface: &before,
        joint: healthy.joint(Bone::Radius),
        compared: &|place| laid.height(place) > from,
    };
    let fitted = Fitted {
        surface: &fit.surface,
        lid: radius.cut(),
        sigma_mm: &fit.sigma_mm,
    };
    let Some(apart) = apart(&fitted, &truth) else {
        return Ok(Err(refused(
            "nothing_compared",
            "nothing to compare".into(),
        )));
    };
    let tip = Landmark::RadialStyloidTip;
    let found = fit.landmarks.iter().find(|l| l.landmark == tip);
    let true_height = healthy.landmarks.at(tip)?.xyz()[2];
    Ok(Ok(MalunionCase {
        seed,
        too_long_mm: found.map_or(f64::NAN, |l| laid.height(l.place) - true_height),
        tip_sigma_mm: found.map_or(f64::NAN, |l| l.sigma_mm),
        shortened_mm: case.change.shortening_mm,
        kept_from_mm,
        predicted: stated(&fit, &healthy.measures),
        other_side: READ.map(|m| other.measures.get(m)).to_vec(),
        apart,
    }))
}
