//! `bonebox spread`: how much the people of a generator differ, in numbers
//! alone: rigid fits of one on another and of the mean on each, measures, and
//! the digest by which a frozen generator is known. No shape leaves it, so it
//! opens no test set.

use std::path::PathBuf;

use serde_json::json;

use super::{Verdict, WorkbenchError, write_json};
use crate::anatomy::Bone;
use crate::anatomy::Measure;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::best_rigid;
use crate::geometry::vector;
use crate::names::Digest;
use crate::phantom::Generator;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::phantom::TEST_SEEDS;
use crate::wire::NOTICE_EN;

/// The lowest 4 mm are left out: they differ by where the shaft is cut.
const ABOVE_MM: f64 = -76.0;

/// A generator, as a command names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Named {
    /// Generator A.
    #[value(name = "A")]
    A,
    /// Generator B, the family for development.
    #[value(name = "B-dev")]
    BDev,
    /// Generator B, the family for reported figures.
    #[value(name = "B-test")]
    BTest,
}

impl From<Named> for Generator {
    fn from(named: Named) -> Self {
        match named {
            Named::A => Self::A,
            Named::BDev => Self::BDev,
            Named::BTest => Self::BTest,
        }
    }
}

/// What `spread` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct SpreadArgs {
    /// Whose people.
    #[arg(long, value_enum)]
    pub generator: Named,
    /// How many, from the generator's first training seed on.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(4..=10_000))]
    pub subjects: u64,
    /// Writes the numbers as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// The digest of a generator: over the vertices, to 1/16 mm, and the triangles
/// of some seeds' outer surfaces. It changes when the generator does.
///
/// # Errors
/// [`PhantomError`] as [`Specimen::draw`].
pub fn digest(generator: Generator, subjects: u64) -> Result<Digest, PhantomError> {
    let mut bytes = Vec::new();
    for seed in TEST_SEEDS.take(usize::try_from(subjects).unwrap_or(usize::MAX)) {
        let specimen = Specimen::draw(generator, seed)?;
        for bone in Bone::ALL {
            let mesh = specimen.outer.bone(bone);
            for v in mesh.vertices().iter().flatten() {
                #[allow(clippy::cast_possible_truncation, reason = "below 200 mm")]
                bytes.extend(((v * 16.0).round() as i32).to_le_bytes());
            }
            for v in mesh.triangles().iter().flatten() {
                bytes.extend(v.to_le_bytes());
            }
        }
    }
    Ok(Digest::of(&bytes))
}

/// Root mean squared distance, both ways, after the best rigid motion.
fn after_rigid_fit(a: &SurfaceMesh<Model>, b: &SurfaceMesh<Model>) -> Result<f64, WorkbenchError> {
    let points = |mesh: &SurfaceMesh<Model>| -> Vec<[f64; 3]> {
        let samples = mesh.sampled(2.0).into_iter().map(|s| s.0);
        samples.filter(|p| p[2] > ABOVE_MM).step_by(5).collect()
    };
    let (from_a, from_b) = (points(a), points(b));
    let (on_a, on_b) = (Locator::new(a), Locator::new(b));
    let mut motion = Rigid::<Model, Model>::identity();
    for _ in 0..60 {
        let back = motion.inverse();
        let near = |on: &Locator<'_, Model>, p| on.closest(Point::new(p)).point.xyz();
        let (mut from, mut to) = (from_a.clone(), from_b.clone());
        to.splice(
            0..0,
            from_a.iter().map(|p| near(&on_b, motion.move_xyz(*p))),
        );
        from.extend(from_b.iter().map(|p| near(&on_a, back.move_xyz(*p))));
        let next: Rigid<Model, Model> =
            best_rigid(&from, &to).map_err(|e| WorkbenchError::Step(e.to_string()))?;
        let moved = next.then(&back);
        motion = next;
        if moved.angle() < 1e-5 && vector::length(moved.translation()) < 1e-3 {
            break;
        }
    }
    let back = motion.inverse();
    let square = |on: &Locator<'_, Model>, p| on.closest(Point::new(p)).distance.powi(2);
    let there = from_a.iter().map(|p| square(&on_b, motion.move_xyz(*p)));
    let here = from_b.iter().map(|p| square(&on_a, back.move_xyz(*p)));
    let all: Vec<f64> = there.chain(here).collect();
    Ok(mean(&all).sqrt())
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Tenth, fiftieth and ninetieth percentile.
fn percentiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [10, 50, 90].map(|p| {
        let place = (values.len().saturating_sub(1) * p + 50) / 100;
        values.get(place).copied().unwrap_or(f64::NAN)
    })
}

/// Prints the spread.
///
/// # Errors
/// [`WorkbenchError`] where a person cannot be made or the answer written.
#[allow(clippy::print_stdout, reason = "the table for people")]
pub fn run(args: &SpreadArgs) -> Result<Verdict, WorkbenchError> {
    let generator = Generator::from(args.generator);
    let fault = |e: PhantomError| WorkbenchError::Step(format!("{}: {e}", generator.name()));
    let middle = Specimen::mean(generator).map_err(fault)?;
    let people: Vec<Specimen> = (0..args.subjects)
        .map(|seed| Specimen::draw(generator, seed).map_err(fault))
        .collect::<Result<_, _>>()?;
    let mut answer =
        json!({"generator": generator, "subjects": args.subjects, "notice": NOTICE_EN});
    for bone in Bone::ALL {
        let each = |p: &Specimen| p.outer.bone(bone).clone();
        let pair = |w: &[Specimen]| after_rigid_fit(&each(&w[0]), &each(&w[1]));
        let mut pairs: Vec<f64> = people.windows(2).map(pair).collect::<Result<_, _>>()?;
        let one = |p| after_rigid_fit(middle.outer.bone(bone), &each(p));
        let mut null: Vec<f64> = people.iter().map(one).collect::<Result<_, _>>()?;
        let mean_null = mean(&null);
        let [two, from_mean] = [percentiles(&mut pairs), percentiles(&mut null)];
        println!(
            "{:6} two people {two:.2?} mm (10, 50, 90 %), mean on each {mean_null:.2} mm {from_mean:.2?}",
            bone.name()
        );
        answer[bone.name()] = json!({
            "pairs_rms_mm": two, "null_rms_mm": from_mean, "mean_null_rms_mm": mean_null,
        });
    }
    for measure in Measure::ALL {
        let values: Vec<f64> = people.iter().map(|p| p.measures.get(measure)).collect();
        let m = mean(&values);
        let sd = mean(&values.iter().map(|v| (v - m).powi(2)).collect::<Vec<_>>()).sqrt();
        println!("{:18} {m:6.2} ± {sd:.2} {}", measure.name(), measure.unit());
        answer["measures"][measure.key()] = json!({"mean": m, "sd": sd});
    }
    let digest = digest(generator, 1).map_err(fault)?;
    println!("digest {}", digest.hex());
    answer["digest"] = json!(digest.hex());
    if let Some(path) = &args.json {
        write_json(path, &answer)?;
    }
    Ok(Verdict::Done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Generator B is frozen: docs/METHODS.md states these digests. Whoever
    /// changes the generator makes a new family, says why there, and voids the
    /// figures that were measured on the old one.
    #[test]
    fn generator_b_is_what_was_frozen() {
        for (generator, frozen) in [
            (
                Generator::BDev,
                "4036e6f7eeb4b36ccc631d778275fa0a2f6c3627ca26bea039c820180e9b3bb4",
            ),
            (
                Generator::BTest,
                "d8c4bec35465fe3aea712a185db7a3216d58e8e93e343e82fc43fc14764885fd",
            ),
        ] {
            let found = digest(generator, 1).unwrap().hex();
            assert_eq!(found, frozen, "{}", generator.name());
        }
    }

    #[test]
    fn a_bone_laid_on_itself_leaves_nothing_and_a_larger_one_something() {
        let bone = Specimen::mean(Generator::BDev).unwrap().outer.radius;
        let shift = Rigid::from_rotation_vector([0.02, -0.03, 0.05], [1.0, -2.0, 0.5]);
        let there = bone.moved::<Model>(&shift);
        assert!(after_rigid_fit(&there, &bone).unwrap() < 0.06);
        let larger = bone.vertices().iter().map(|v| v.map(|x| 1.08 * x));
        let larger = bone.with_vertices(larger.collect()).unwrap();
        assert!(after_rigid_fit(&larger, &bone).unwrap() > 0.3);
    }
}
