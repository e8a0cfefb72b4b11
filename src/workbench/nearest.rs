//! The people that `evaluate` looks the nearest one up among: training subjects
//! of generator A, of those that the forearm's shape model was learned from
//! (`models/forearm-shape/card.json`). No other is drawn here.

use rayon::prelude::*;

use super::WorkbenchError;
use super::judge::Library;
use super::solve::chain;
use crate::anatomy::Bone;
use crate::phantom::Generator;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::phantom::TRAINING_SEEDS;

/// How many people the shape model was learned from.
pub(super) const LEARNED: u64 = 2000;

/// As many as are drawn in some seconds: one takes 0.14 s of a processor's time.
pub(super) const FEW: u64 = 64;

#[allow(clippy::cast_possible_truncation, reason = "to 0.01 µm")]
fn single(vertices: &[[f64; 3]]) -> Vec<[f32; 3]> {
    let places = vertices.iter();
    places.map(|place| place.map(|v| v as f32)).collect()
}

/// Draws the first so many of them, on all cores.
///
/// # Errors
/// [`WorkbenchError::Step`] when one cannot be drawn.
pub(super) fn library(people: u64) -> Result<Library, WorkbenchError> {
    let first = TRAINING_SEEDS.start;
    let people: Result<_, _> = (first..first + people.min(LEARNED))
        .into_par_iter()
        .map(|seed| {
            let person = Specimen::draw(Generator::A, seed)?;
            Ok(Bone::ALL.map(|bone| single(person.outer.bone(bone).vertices())))
        })
        .collect();
    let people = people.map_err(|error: PhantomError| WorkbenchError::Step(chain(&error)))?;
    Ok(Library { people })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use serde_json::Value;

    use super::*;
    use crate::anatomy::ForearmModel;
    use crate::anatomy::Side;
    use crate::geometry::Given;
    use crate::geometry::Rigid;
    use crate::workbench::judge::Found;

    const CARD: &str = include_str!("../../models/forearm-shape/card.json");

    /// Their vertices are the shape model's: the bone of one of them, laid
    /// somewhere, is found again. And the model was learned from all of them.
    #[test]
    fn a_training_persons_bone_finds_that_person() {
        let card: Value = serde_json::from_str(CARD).unwrap();
        let seeds = [0, 1].map(|end| card["training_seeds"][end].as_u64());
        assert_eq!(seeds, [Some(TRAINING_SEEDS.start), Some(LEARNED)]);
        let model = ForearmModel::shipped().unwrap();
        let library = library(4).unwrap();
        assert_eq!(library.people.len(), 4);
        let away = Rigid::<Given, Given>::from_rotation_vector([0.3, 2.0, -0.4], [60.0, 9.0, 2.0]);
        for (number, bone) in Bone::ALL.into_iter().enumerate() {
            let own = model.bone(bone);
            let person = library.people[2][number].iter();
            let person = person.map(|place| place.map(f64::from)).collect();
            let surface = own.mean().with_vertices(person).unwrap();
            let found = Found {
                surface: surface.moved::<Given>(&Rigid::identity()).moved(&away),
                lid: own.cut().to_vec(),
                joint: own.joint_patch().to_vec(),
                sigma_mm: vec![1.0; own.cut().len()],
            };
            let nearest = library.nearest(number, Side::Right, &found).unwrap();
            let there = nearest.surface.vertices().iter();
            for (a, b) in there.zip(found.surface.vertices()) {
                assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-4));
            }
        }
    }
}
