//! Mends where the bones are said to lie until their simulated edges fit the
//! image best.
//!
//! A network is off by millimeters; an edge is a millimeter wide. Without this
//! step a good shape would be judged by the network's small mistakes of pose.
//! Shape and depth stay as they are: one view shows neither well.

use super::fit::{Cast, Fit, Part, fit};
use super::shot::Shot;
use crate::analyze::AnalyzeError;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::radiography::FIELD_PIXEL_MM;
use crate::radiography::FIELD_PIXELS;

/// Where the bones lie in one view, radius and ulna.
type Poses = [Rigid<Model, Detector>; 2];

/// Poses that were mended, and how well the view fits them.
pub(super) type Mended = (Poses, Fit);

/// One round of the search: how far the edges reach that are compared, the
/// first and the last step in millimeters (an angle steps as many degrees times
/// [`DEGREES_PER_MM`]), and whether the bones move one by one.
struct Round {
    reach: usize,
    first_mm: f64,
    last_mm: f64,
    apart: bool,
}

/// From coarse to fine.
const ROUNDS: [Round; 3] = [
    Round {
        reach: 4,
        first_mm: 3.0,
        last_mm: 0.7,
        apart: false,
    },
    Round {
        reach: 2,
        first_mm: 1.5,
        last_mm: 0.7,
        apart: true,
    },
    Round {
        reach: 1,
        first_mm: 0.6,
        last_mm: 0.25,
        apart: true,
    },
];

/// What a step of the search moves.
enum Who {
    /// The forearm as one.
    Both,
    /// One bone, 0 the radius, 1 the ulna.
    One(usize),
}

impl Round {
    fn movers(&self) -> &'static [Who] {
        if self.apart {
            &[Who::One(0), Who::One(1)]
        } else {
            &[Who::Both]
        }
    }
}

/// Turning by this many degrees moves the ends of a bone as far as a step does.
const DEGREES_PER_MM: f64 = 2.0;

/// How far a bone may be moved from where it was said to lie: beyond that the
/// image was not understood. Millimeters in the detector's plane, degrees.
const FARTHEST_MM: f64 = 8.0;
const FARTHEST_DEGREES: f64 = 12.0;

/// The coarse fit below which no finer search is worth its time.
const HOPELESS: f64 = 0.1;

/// By how much a fit must gain for the poses to be moved at all: less is the
/// image's noise.
const LEAST_GAIN: f64 = 0.03;

/// Three turns about the detector's axes (degrees), two shifts in its plane (mm).
type Change = [f64; 5];

/// Finds the poses near the given ones that fit the view best, and how well they
/// do. Coordinate steps with halving, in a fixed order: the same each time.
///
/// # Errors
/// [`AnalyzeError::Geometry`].
pub(super) fn refine(cast: &Cast, shot: &Shot, said: Poses) -> Result<Mended, AnalyzeError> {
    search(cast, shot, said, &ROUNDS, 1)
}

/// The first round alone, and the fit of edges as wide as it looks at: enough
/// to tell which of two sides is more likely.
///
/// # Errors
/// [`AnalyzeError::Geometry`].
pub(super) fn glance(cast: &Cast, shot: &Shot, said: Poses) -> Result<Fit, AnalyzeError> {
    let [first, ..] = &ROUNDS;
    let rounds = std::slice::from_ref(first);
    Ok(search(cast, shot, said, rounds, first.reach)?.1)
}

fn search(
    cast: &Cast,
    shot: &Shot,
    said: Poses,
    rounds: &[Round],
    reach: usize,
) -> Result<Mended, AnalyzeError> {
    let middles = [0, 1].map(|bone| middle(cast, bone, &said[bone]));
    let joint = {
        let [a, b] = middles;
        [0, 1, 2].map(|axis| 0.5 * (a[axis] + b[axis]))
    };
    let mut together: Change = [0.0; 5];
    let mut alone: [Change; 2] = [[0.0; 5]; 2];
    let lying = |together: &Change, alone: &[Change; 2]| -> Poses {
        [0, 1].map(|bone| {
            said[bone]
                .then(&motion(together, joint))
                .then(&motion(&alone[bone], middles[bone]))
        })
    };
    let mut now = project(cast, shot, &said)?;
    let before = fit(shot, [&now[0], &now[1]], reach);
    for round in rounds {
        let mut best = fit(shot, [&now[0], &now[1]], round.reach);
        // What does not fit roughly by now never will: the images are refused.
        if round.apart && best.get() < HOPELESS {
            break;
        }
        let mut step = round.first_mm;
        while step >= round.last_mm {
            let mut better = false;
            for who in round.movers() {
                for axis in [3, 4, 2, 0, 1] {
                    for way in [1.0, -1.0] {
                        let turning = if axis < 3 { DEGREES_PER_MM } else { 1.0 };
                        let (mut all, mut each) = (together, alone);
                        let change = match who {
                            Who::Both => &mut all,
                            Who::One(bone) => &mut each[*bone],
                        };
                        change[axis] += way * step * turning;
                        if too_far(change) {
                            continue;
                        }
                        let poses = lying(&all, &each);
                        // Only what moved is projected again.
                        let then = match who {
                            Who::Both => project(cast, shot, &poses)?,
                            Who::One(bone) => {
                                let mut then = now.clone();
                                then[*bone] = cast.project(shot, *bone, &poses[*bone])?;
                                then
                            }
                        };
                        let fit = fit(shot, [&then[0], &then[1]], round.reach);
                        if fit > best {
                            (best, together, alone, better) = (fit, all, each, true);
                            now = then;
                            break;
                        }
                    }
                }
            }
            if !better {
                step *= 0.5;
            }
        }
    }
    let found = fit(shot, [&now[0], &now[1]], reach);
    if found.get() < before.get() + LEAST_GAIN {
        return Ok((said, before));
    }
    Ok((lying(&together, &alone), found))
}

fn project(cast: &Cast, shot: &Shot, poses: &Poses) -> Result<[Option<Part>; 2], AnalyzeError> {
    Ok([
        cast.project(shot, 0, &poses[0])?,
        cast.project(shot, 1, &poses[1])?,
    ])
}

fn too_far(change: &Change) -> bool {
    let [a, b, c, x, y] = *change;
    [a, b, c].iter().any(|turn| turn.abs() > FARTHEST_DEGREES) || x.hypot(y) > FARTHEST_MM
}

/// A turn about a place, then a shift.
fn motion(change: &Change, about: [f64; 3]) -> Rigid<Detector, Detector> {
    let [a, b, c, x, y] = *change;
    let turn = [a, b, c].map(f64::to_radians);
    let turned = Rigid::<Detector, Detector>::from_rotation_vector(turn, [0.0; 3]).rotate(about);
    let shift = [
        about[0] - turned[0] + x,
        about[1] - turned[1] + y,
        about[2] - turned[2],
    ];
    Rigid::from_rotation_vector(turn, shift)
}

/// The middle of the part of a bone that lies in the field, or of all of it.
fn middle(cast: &Cast, bone: usize, pose: &Rigid<Model, Detector>) -> [f64; 3] {
    let reach = 0.5 * f64::from(u32::try_from(FIELD_PIXELS).unwrap_or(128)) * FIELD_PIXEL_MM;
    let places: Vec<[f64; 3]> = cast
        .outer(bone)
        .vertices()
        .iter()
        .map(|vertex| pose.move_xyz(*vertex))
        .collect();
    let inside = |place: &&[f64; 3]| place[0].abs() < reach && place[1].abs() < reach;
    let mean = |list: &mut dyn Iterator<Item = &[f64; 3]>| {
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for place in list {
            for axis in 0..3 {
                sum[axis] += place[axis];
            }
            count += 1.0;
        }
        (count > 0.0).then(|| sum.map(|value| value / count))
    };
    mean(&mut places.iter().filter(inside))
        .or_else(|| mean(&mut places.iter()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_motion_turns_about_its_place() {
        let about = [3.0, -40.0, -30.0];
        let turned = motion(&[0.0, 0.0, 90.0, 2.0, 0.0], about);
        let there = turned.move_xyz(about);
        assert!((there[0] - 5.0).abs() < 1e-9 && (there[1] + 40.0).abs() < 1e-9);
        let beside = turned.move_xyz([4.0, -40.0, -30.0]);
        assert!((beside[0] - 5.0).abs() < 1e-9 && (beside[1] + 39.0).abs() < 1e-9);
    }

    #[test]
    fn there_is_an_end_to_it() {
        assert!(!too_far(&[0.0, 0.0, 11.0, 5.0, 5.0]));
        assert!(too_far(&[0.0, 0.0, 12.5, 0.0, 0.0]));
        assert!(too_far(&[0.0, 0.0, 0.0, 7.0, 7.0]));
    }
}
