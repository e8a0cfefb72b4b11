//! One wrist judged: what a reconstruction says, beside the truth that lay in
//! the case's folder and beside a null model that knows only how wide the
//! radius is, and beside the nearest shape that the model was learned from.

use serde::Serialize;

use super::Answer;
use super::Apart;
use super::Found;
use super::Known;
use super::Library;
use super::Null;
use super::covered::Covered;
use crate::anatomy::Measure;

/// What is judged beside a reconstruction, on the same cases.
#[derive(Debug, Clone)]
pub struct Baselines {
    /// Says the same of everybody.
    pub null: Null,
    /// Looks the nearest person up; of nobody, it is not judged.
    pub library: Library,
}

/// How one bone came out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BoneScore {
    /// In the frame given; none if it was refused.
    pub given: Option<Apart>,
    /// After a rigid motion onto the truth, without scale.
    pub aligned: Option<Apart>,
    /// The null model, laid on the truth.
    pub null: Option<Apart>,
    /// The training shape that is nearest to the reconstructed one, laid on the
    /// truth.
    pub nearest: Option<Apart>,
    /// What it states of its own surface: the RMS of the SDs at its vertices, in
    /// millimeters.
    pub stated_mm: Option<f64>,
    /// The optimistic bound, see [`super::Reconstructed::bound_mm`].
    pub bound_mm: Option<f64>,
}

/// How one measure came out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MeasureScore {
    /// Which one.
    #[serde(skip)]
    pub measure: Measure,
    /// As stated; none where it is not, or the case was refused.
    pub value: Option<f64>,
    /// The stated interval.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// As it is.
    pub truth: f64,
    /// Stated less true.
    pub error: Option<f64>,
    /// The training's mean less true.
    pub null_error: Option<f64>,
    /// Whether the interval holds the truth.
    pub inside: Option<bool>,
}

/// How a case came out.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// The code of a refusal.
    pub refused: Option<String>,
    /// Whether the arm was told right.
    pub side_right: Option<bool>,
    /// In the order of [`crate::anatomy::Bone::ALL`].
    pub bones: [BoneScore; 2],
    /// Of the measures whose truth is told.
    pub measures: Vec<MeasureScore>,
}

/// Judges one case.
#[must_use]
pub fn score(answer: &Answer, known: &Known, beside: &Baselines) -> Score {
    let (bones, refused) = match answer {
        Answer::Bones(bones) => (Some(bones), None),
        Answer::Refused(code) => (None, Some(code.clone())),
    };
    let sized = beside.null.sized(known);
    let one = |number: usize| {
        let truth = Covered::of(&known.bones[number]);
        let found = bones.map(|b| &b.bones[number]);
        let null = &sized[number];
        let nearest = bones.and_then(|b| {
            let library = &beside.library;
            library.nearest(number, b.side, &b.bones[number])
        });
        BoneScore {
            given: found.and_then(|f| truth.compare(f)),
            aligned: found.and_then(|f| truth.compare(&truth.aligned(f))),
            null: truth.compare(&truth.aligned(&truth.brought(null))),
            nearest: nearest.and_then(|n| truth.compare(&truth.aligned(&n))),
            stated_mm: found.and_then(Found::stated_mm),
            bound_mm: bones.and_then(|b| Some(b.bound_mm?[number])),
        }
    };
    let measures = known.measures.iter().map(|(measure, truth)| {
        let stated = bones.and_then(|b| b.measures.iter().find(|m| m.measure == *measure));
        let middle = beside.null.measures.iter().find(|(m, _)| m == measure);
        MeasureScore {
            measure: *measure,
            value: stated.map(|s| s.value),
            low: stated.map(|s| s.low),
            high: stated.map(|s| s.high),
            truth: *truth,
            error: stated.map(|s| s.value - truth),
            null_error: middle.map(|(_, value)| value - truth),
            inside: stated.map(|s| (s.low..=s.high).contains(truth)),
        }
    });
    Score {
        refused,
        side_right: bones.map(|b| b.side == known.side),
        bones: [one(0), one(1)],
        measures: measures.collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::Interval;
    use super::super::Reconstructed;
    use super::super::rods::found;
    use super::super::rods::rod;
    use super::super::rods::single;
    use super::*;
    use crate::anatomy::Side;
    use crate::geometry::Given;
    use crate::geometry::Rigid;
    use crate::geometry::SurfaceMesh;

    fn known(radius: SurfaceMesh<Given>, ulna: SurfaceMesh<Given>) -> Known {
        Known {
            side: Side::Right,
            bones: [radius, ulna],
            measures: vec![(Measure::VolarTilt, 10.0), (Measure::UlnarVariance, 0.5)],
        }
    }

    /// The mean, and two people of whom the second is the one looked for.
    fn beside() -> Baselines {
        let person = |more: f64| [6.0, 3.0].map(|w| single(&rod(80.0, w + more)));
        Baselines {
            null: Null {
                bones: [found(rod(80.0, 6.0)), found(rod(80.0, 3.0))],
                measures: vec![(Measure::VolarTilt, 11.0)],
            },
            library: Library {
                people: vec![person(2.0), person(0.3)],
            },
        }
    }

    #[test]
    fn a_moved_bone_is_off_as_given_and_right_when_aligned() {
        let away = Rigid::<Given, Given>::from_rotation_vector([0.0, 0.04, 0.02], [1.0, 0.5, -2.0]);
        // The truth is longer than what was found, and the other way around.
        for (true_length, found_length) in [(100.0, 80.0), (60.0, 80.0), (80.0, 80.0)] {
            let bones = [6.0, 3.0].map(|w| found(rod(found_length, w)).moved(&away));
            let answer = Answer::Bones(Box::new(Reconstructed {
                side: Side::Left,
                bones,
                measures: vec![Interval {
                    measure: Measure::VolarTilt,
                    value: 12.5,
                    low: 9.0,
                    high: 16.0,
                }],
                bound_mm: Some([0.1, 0.2]),
                outlines: Default::default(),
            }));
            let known = known(rod(true_length, 6.0), rod(true_length, 3.0));
            let judged = score(&answer, &known, &beside());
            assert_eq!(judged.side_right, Some(false));
            assert_eq!(judged.bones.map(|b| b.bound_mm), [Some(0.1), Some(0.2)]);
            let stated = judged.bones.map(|b| b.stated_mm.unwrap());
            assert!(stated.iter().all(|sd| (sd - 0.5).abs() < 1e-9));
            for bone in judged.bones {
                let (given, aligned) = (bone.given.unwrap(), bone.aligned.unwrap());
                assert!(given.rms_mm > 1.0, "{given:?}");
                assert!(aligned.rms_mm < 0.12, "{true_length} {aligned:?}");
                assert!(aligned.joint_rms_mm.unwrap() < 0.12);
                assert!(aligned.inside > 0.99);
                assert!(bone.null.unwrap().rms_mm < 0.15, "{:?}", bone.null);
                let nearest = bone.nearest.unwrap().rms_mm;
                assert!((0.02..0.3).contains(&nearest), "{nearest}");
            }
            let [tilt, variance] = judged.measures.as_slice() else {
                unreachable!("two are told");
            };
            assert_eq!((tilt.error, tilt.inside), (Some(2.5), Some(true)));
            assert_eq!(tilt.null_error, Some(1.0));
            assert_eq!((variance.error, variance.null_error), (None, None));
        }
    }

    #[test]
    fn a_refusal_keeps_the_null_models_error_and_its_size_is_read_off_the_width() {
        let larger = |mesh: SurfaceMesh<Given>| {
            let places = mesh.vertices().iter().map(|v| v.map(|x| 1.1 * x)).collect();
            mesh.with_vertices(places).unwrap()
        };
        let known = known(larger(rod(80.0, 6.0)), larger(rod(80.0, 3.0)));
        let judged = score(&Answer::Refused("no_wrist".into()), &known, &beside());
        assert_eq!(judged.refused.as_deref(), Some("no_wrist"));
        for bone in judged.bones {
            assert!(bone.given.is_none() && bone.aligned.is_none() && bone.nearest.is_none());
            let rms = bone.null.unwrap().rms_mm;
            assert!(rms < 0.25, "{rms}");
        }
    }
}
