//! Fractures that have healed: the bone is bent, nothing is added.

use super::Abnormal;
use super::AbnormalSpecimen;
use super::Change;
use super::bent;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::phantom::b::solid::bell;
use crate::phantom::b::solid::ramp;
use crate::radiography::Random;

/// A distal radius healed with 10 to 25 degrees of dorsal angulation, 2 to 8 mm
/// of shortening, some turn toward the ulna's or the thumb's side and a shift
/// to the back; a callus around, smooth or with a step. The distal part moves
/// as a whole, the proximal part stays.
pub(super) fn malunion(
    healthy: &Specimen,
    random: &mut Random,
) -> Result<AbnormalSpecimen, PhantomError> {
    let turned = random.between(10.0, 25.0);
    let short = random.between(2.0, 8.0);
    let cut = random.between(20.0, 24.0);
    let aside = random.around(0.0, 3.0, 2.0).to_radians();
    let shift = [random.around(-1.0, 1.0, 2.0), random.between(0.0, 3.0)];
    let callus = random.between(0.3, 1.4);
    let stepped = random.chance(0.5);
    // Where the shaft gives way: long enough that nothing folds.
    let half = (0.85 * (short + 14.0 * turned.to_radians())).max(4.0);
    let across = if stepped { 2.0 } else { half };
    let hinge = [0.0, -4.0, -cut];
    let motion = move |p: [f64; 3]| {
        let share = ramp3(p[2], -cut - half, -cut + half);
        let sideways = ramp(p[2], -cut - across, -cut + across);
        let thick = callus * bell(p[2] + cut, 0.35 * half) * gate(p[2], cut, half);
        let far = p[0].hypot(p[1]).max(1.0);
        let swollen = [p[0] * (1.0 + thick / far), p[1] * (1.0 + thick / far), p[2]];
        let turn = Rigid::<Model, Model>::from_rotation_vector(
            [-turned.to_radians() * share, aside * share, 0.0],
            [0.0; 3],
        );
        let about = vector::add(turn.rotate(vector::sub(swollen, hinge)), hinge);
        [
            about[0] + shift[0] * sideways,
            about[1] + shift[1] * sideways,
            about[2] - short * share,
        ]
    };
    Ok(AbnormalSpecimen {
        kind: Abnormal::DorsalMalunion,
        change: Change {
            dorsal_angulation_deg: turned,
            shortening_mm: short,
            from_joint_mm: cut + half,
            ..Change::default()
        },
        healthy: healthy.clone(),
        specimen: bent(healthy, motion)?,
        extra: Vec::new(),
    })
}

/// From 0 to 1, as gently as a cubic can.
fn ramp3(x: f64, from: f64, to: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Nothing beyond the part that gives way.
fn gate(z: f64, cut: f64, half: f64) -> f64 {
    let away = ((z + cut) / half).abs().min(1.0);
    1.0 - ramp(away, 0.7, 1.0)
}

/// A joint surface broken along a sagittal plane near the ridge, the lunate
/// fossa healed 1 to 4 mm too far proximal.
pub(super) fn step(
    healthy: &Specimen,
    random: &mut Random,
) -> Result<AbnormalSpecimen, PhantomError> {
    let low = random.between(1.0, 4.0);
    let middle = random.around(-0.5, 1.0, 2.0);
    let lean = random.around(0.0, 0.15, 2.0);
    let motion = move |p: [f64; 3]| {
        let side = 1.0 - ramp(p[0] + lean * p[1], middle - 0.4, middle + 0.4);
        let high = ramp3(p[2], -11.0 - 2.5 * low, -8.0);
        [p[0], p[1], p[2] - low * side * high]
    };
    Ok(AbnormalSpecimen {
        kind: Abnormal::IntraArticularStep,
        change: Change {
            step_mm: low,
            from_joint_mm: 11.0 + 2.5 * low,
            ..Change::default()
        },
        healthy: healthy.clone(),
        specimen: bent(healthy, motion)?,
        extra: Vec::new(),
    })
}
