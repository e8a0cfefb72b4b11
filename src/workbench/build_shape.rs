//! `bonebox build-shape --out DIR`: the forearm's shape model again from its
//! training subjects, to the same bytes, with its card; `--check` compares with
//! what is there, `--pictures DIR` draws mean and modes, `--template FILE` packs
//! the template of generator A again.

use std::fs;
use std::path::PathBuf;

use super::shape_build::Sizes;
use super::shape_build::build;
use super::shape_build::card;
use super::shape_pictures;
use super::solve::chain;
use super::{Verdict, WorkbenchError, write_file};
use crate::anatomy::ForearmModel;
use crate::names::Digest;
use crate::phantom::Template;

/// What `build-shape` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct BuildShapeArgs {
    /// The model's folder: `model.bin` and `card.json` go there.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// How many training subjects of generator A.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(200..=20_000))]
    pub subjects: u64,
    /// Compare with the model in the folder instead of writing it; another
    /// model is a failure.
    #[arg(long, requires = "out")]
    pub check: bool,
    /// Draw the shipped model's mean and modes into this folder.
    #[arg(long)]
    pub pictures: Option<PathBuf>,
    /// Sculpt and mesh the template of generator A again, into this file.
    #[arg(long)]
    pub template: Option<PathBuf>,
}

/// Subjects that the model's errors are measured on.
const VALIDATION: u64 = 60;

/// Builds, compares or draws.
///
/// # Errors
/// [`WorkbenchError`] where a subject cannot be drawn or a file not written.
pub fn run(args: &BuildShapeArgs) -> Result<Verdict, WorkbenchError> {
    let fault = |error: &dyn std::error::Error| WorkbenchError::Step(chain(error));
    if let Some(path) = &args.template {
        let template = Template::sculpted().map_err(|e| fault(&e))?;
        write_file(path, &template.packed())?;
    }
    if let Some(folder) = &args.pictures {
        let model = ForearmModel::shipped().map_err(|e| fault(&e))?;
        for (name, png) in shape_pictures::all(&model)? {
            write_file(&folder.join(name), &png)?;
        }
    }
    let Some(folder) = &args.out else {
        return Ok(Verdict::Done);
    };
    let built = build(Sizes {
        training: args.subjects,
        validation: VALIDATION,
    })
    .map_err(|e| fault(&e))?;
    let model = built.model.to_bytes();
    let card = format!("{:#}\n", card(&built, &Digest::of(&model).hex()));
    let files = [("model.bin", model), ("card.json", card.into_bytes())];
    if !args.check {
        for (name, bytes) in files {
            write_file(&folder.join(name), &bytes)?;
        }
        return Ok(Verdict::Done);
    }
    let same = files
        .iter()
        .all(|(name, bytes)| fs::read(folder.join(name)).is_ok_and(|there| there == *bytes));
    Ok(if same { Verdict::Done } else { Verdict::Failed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use serde_json::Value;

    use super::super::shape_build::distance;
    use super::*;
    use crate::anatomy::AnatomyError;
    use crate::anatomy::Bone;
    use crate::phantom::Generator;
    use crate::phantom::Specimen;
    use crate::phantom::TEST_SEEDS;
    use crate::phantom::TRAINING_SEEDS;
    use crate::phantom::VALIDATION_SEEDS;

    const CARD: &str = include_str!("../../models/forearm-shape/card.json");

    /// The leakage test: what the shipped model was made from, as its card
    /// says, is training subjects of A and nobody else; the card is that of
    /// the file that is there; and no generator of evaluation is named in the
    /// sources that make it.
    #[test]
    fn no_subject_of_an_evaluation_set_is_in_the_model() {
        let card: Value = serde_json::from_str(CARD).unwrap();
        let digest = Digest::of(ForearmModel::shipped_bytes()).hex();
        assert_eq!(card["sha256"], digest);
        assert_eq!(card["generator"], Generator::A.name());
        let seeds = |key: &str| {
            let ends = [0, 1].map(|n| card[key][n].as_u64().unwrap());
            ends[0]..ends[1]
        };
        let (training, validation) = (seeds("training_seeds"), seeds("validation_seeds"));
        assert!(training.clone().count() >= 2000);
        for range in [&training, &validation] {
            assert!(range.end <= TEST_SEEDS.start, "{range:?}");
        }
        assert!(training.end <= TRAINING_SEEDS.end && training.end <= validation.start);
        assert!(VALIDATION_SEEDS.contains(&validation.start));
        assert!(validation.end <= VALIDATION_SEEDS.end);
        let maker = include_str!("shape_build.rs");
        for other in ["BDev", "BTest", "TEST_SEEDS", "DEMO_SEEDS"] {
            assert!(!maker.contains(other), "shape_build.rs names {other}");
        }
        assert!(maker.contains("Specimen::draw(Generator::A"));
    }

    #[test]
    fn the_shipped_model_decodes_to_closed_bones_with_their_landmarks() {
        let model = ForearmModel::shipped().unwrap();
        assert!(model.to_bytes() == ForearmModel::shipped_bytes());
        let mut z = vec![0.0; model.latent()];
        for step in [0.0, 1.5, -1.5] {
            z.fill(step / 3.0);
            z[0] = step;
            let forearm = model.decode(&z).unwrap();
            let read = model.landmarks().on(&forearm).unwrap();
            assert_eq!(read.iter().count(), 14);
            assert!(forearm.radius.is_closed() && forearm.ulna.is_closed());
        }
        z[3] = f64::NAN;
        assert!(matches!(model.decode(&z), Err(AnatomyError::Latent { .. })));
        assert!(model.decode(&z[1..]).is_err());
    }

    #[test]
    fn a_broken_model_is_refused_wherever_it_is_cut() {
        let whole = ForearmModel::shipped_bytes();
        let mut cut = 0;
        while cut < whole.len() {
            assert!(
                ForearmModel::from_bytes(&whole[..cut]).is_err(),
                "cut at {cut}"
            );
            cut += 1 + cut / 3;
        }
        let mut long = whole.to_vec();
        long.push(0);
        assert!(ForearmModel::from_bytes(&long).is_err());
    }

    /// A subject that training never saw lies within the model: what its modes
    /// leave is near what the card says.
    #[test]
    fn a_new_subject_of_a_is_as_near_as_the_card_says() {
        let model = ForearmModel::shipped().unwrap();
        let card: Value = serde_json::from_str(CARD).unwrap();
        let specimen = Specimen::draw(Generator::A, TEST_SEEDS.start + 7).unwrap();
        for bone in Bone::ALL {
            let vertices = specimen.outer.bone(bone).vertices();
            let left = distance(model.bone(bone), vertices).unwrap();
            let said = card[bone.name()]["rms_mm"].as_f64().unwrap();
            assert!(left < 1.6 * said && left > 0.4 * said, "{left} for {said}");
        }
    }
}
