//! `bonebox synth`: complete invented studies as case folders: both X-rays as
//! DICOM files with an invented identity, and the truth. Those of generators A
//! and B have more: [`super::specimen_case`].
//!
//! ```text
//! OUT/first-light-3000000/pa.dcm         Digital X-Ray Image For Presentation
//!                         lateral.dcm    the same, second view
//!                         radius.stl     the true bones in the frame of the
//!                         ulna.stl       PA image's detector, in millimeters
//!                         truth.json     side and true measures
//! ```

use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::dx::{self, DxImage};
use super::invented::Identity;
use super::opening::Opening;
use super::packed;
use super::solve::chain;
use super::specimen_case::Asked;
use super::specimen_case::Scan;
use super::specimen_case::study;
use super::specimen_case::write_study;
use super::spread::digest;
use super::{Verdict, WorkbenchError, write_json};
use crate::anatomy::Bone;
use crate::phantom::Abnormal;
use crate::phantom::DEMO_SEEDS;
use crate::phantom::Generator;
use crate::phantom::Subject;
use crate::phantom::TEST_SEEDS;
use crate::phantom::TRAINING_SEEDS;
use crate::phantom::Take;
use crate::phantom::VALIDATION_SEEDS;
use crate::wire::NOTICE_EN;

/// How many ways there are for the hand to lie in training pairs.
const HANDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// Which invented people there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Named {
    /// The parametric forearm of the first-light model.
    FirstLight,
    /// Generator A.
    #[value(name = "A")]
    A,
    /// Generator B, the family for development.
    #[value(name = "B-dev")]
    BDev,
    /// Generator B, the family for reported figures: needs `--log`.
    #[value(name = "B-test")]
    BTest,
}

/// What `synth` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Which invented people.
    #[arg(long, value_enum, default_value = "first-light")]
    pub generator: Named,
    /// How many.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subjects: u32,
    /// The first one's number: among the people kept for demonstrations
    /// (first-light) or for tests (A, B).
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder that the case folders go into.
    #[arg(long)]
    pub out: PathBuf,
    /// Takes a third X-ray, half way between the two (not first-light).
    #[arg(long)]
    pub oblique: bool,
    /// Adds a CT series of the same wrist (not first-light).
    #[arg(long)]
    pub ct: bool,
    /// What is not as usual: dorsal-malunion, intra-articular-step,
    /// open-growth-plate, plate-and-screws, cast (not first-light).
    #[arg(long, value_parser = kind)]
    pub abnormal: Option<Abnormal>,
    /// Writes training pairs of A's shape model into one file instead
    /// (256 x 256, 8 bits): `subjects` of them from the training seeds.
    #[arg(long)]
    pub packed: bool,
    /// Takes validation subjects of A (to choose and calibrate on), not test
    /// subjects.
    #[arg(long)]
    pub validation: bool,
    /// Where an opening of B-test is written (docs/METHODS.md).
    #[arg(long)]
    pub log: Option<PathBuf>,
    /// Writes the list of cases as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

fn kind(name: &str) -> Result<Abnormal, String> {
    let found = Abnormal::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = Abnormal::ALL.map(Abnormal::name).join(", ");
        format!("one of {names}")
    })
}

/// One study, in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Whose images these say they are.
    pub identity: Identity,
    /// The PA image, then the lateral one, as Part 10 files.
    pub images: [Vec<u8>; 2],
    /// The bones in the order of [`Bone::ALL`], in the PA detector's frame.
    pub bones: [Vec<u8>; 2],
    /// Side and measures.
    pub truth: Value,
}

/// Makes the study of a demonstration's person. The same number is always the
/// same study, byte for byte.
///
/// # Errors
/// [`WorkbenchError::Step`] if the number is not one of them, or a part cannot
/// be made.
pub fn case(number: u64) -> Result<Case, WorkbenchError> {
    let fault = |error: &dyn std::fmt::Display| WorkbenchError::Step(error.to_string());
    let seed = DEMO_SEEDS.start.saturating_add(number);
    if !DEMO_SEEDS.contains(&seed) {
        return Err(WorkbenchError::Step(format!(
            "there are {} people for demonstrations, numbered from 0",
            DEMO_SEEDS.end - DEMO_SEEDS.start
        )));
    }
    let subject = Subject::draw(seed).map_err(|error| fault(&error))?;
    let [pa, lateral] = subject.radiographs(0).map_err(|error| fault(&error))?;
    let identity = Identity::invented(seed);
    let bones = pa.bones(&subject);
    let stl = |bone: Bone| {
        let header = format!("simulated {}. {NOTICE_EN}", bone.name());
        bones.bone(bone).to_stl(&header)
    };
    Ok(Case {
        name: format!("first-light-{seed}"),
        images: [
            dx::write(&DxImage::of(&pa)?, &identity)?,
            dx::write(&DxImage::of(&lateral)?, &identity)?,
        ],
        bones: Bone::ALL.map(stl),
        truth: serde_json::to_value(subject.truth()).map_err(|error| fault(&error))?,
        identity,
    })
}

/// Writes a case's folder below `out`.
///
/// # Errors
/// [`WorkbenchError::Step`] if a file cannot be written.
pub fn write_case(case: &Case, out: &Path) -> Result<PathBuf, WorkbenchError> {
    let folder = out.join(&case.name);
    let fault = |error| WorkbenchError::Step(format!("writing {}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(fault)?;
    let [pa, lateral] = &case.images;
    let [radius, ulna] = &case.bones;
    let truth = format!("{:#}\n", case.truth).into_bytes();
    for (name, bytes) in [
        ("pa.dcm", pa),
        ("lateral.dcm", lateral),
        ("radius.stl", radius),
        ("ulna.stl", ulna),
        ("truth.json", &truth),
    ] {
        fs::write(folder.join(name), bytes).map_err(fault)?;
    }
    Ok(folder)
}

/// Makes and writes the cases that are asked for.
///
/// # Errors
/// [`WorkbenchError`] where a case cannot be made or written.
pub fn run(options: &Options) -> Result<Verdict, WorkbenchError> {
    let cases = match Wanted::of(options) {
        Ok(Wanted::FirstLight) => first_light(options)?,
        Ok(Wanted::Specimens(first)) => specimens(options, &first)?,
        Ok(Wanted::Packed(seeds)) => {
            packed::write(&options.out, seeds, HANDS)?;
            Vec::new()
        }
        Err(why) => {
            said(why);
            return Ok(Verdict::WrongUse);
        }
    };
    if let Some(path) = &options.json {
        write_json(path, &json!({"cases": cases, "notice": NOTICE_EN}))?;
    }
    Ok(Verdict::Done)
}

#[allow(clippy::print_stderr, reason = "wrong use is said where it is typed")]
fn said(why: &str) {
    eprintln!("{why}");
}

/// What was asked for, if it goes together.
enum Wanted {
    FirstLight,
    /// Studies from this one on.
    Specimens(Asked),
    /// Training pairs of these seeds.
    Packed(Range<u64>),
}

impl Wanted {
    fn of(options: &Options) -> Result<Self, &'static str> {
        let generator = match options.generator {
            Named::FirstLight => {
                let more = options.oblique || options.ct || options.validation || options.packed;
                if more || options.abnormal.is_some() || options.log.is_some() {
                    return Err("first-light has two X-rays of healthy wrists, and no more");
                }
                return Ok(Self::FirstLight);
            }
            Named::A => Generator::A,
            Named::BDev => Generator::BDev,
            Named::BTest => Generator::BTest,
        };
        match (&options.log, generator) {
            (None, Generator::BTest) => {
                return Err("B-test is opened only with --log FILE, where the opening is written");
            }
            (Some(_), Generator::A | Generator::BDev) => {
                return Err("--log is for B-test: the others may be opened freely");
            }
            (Some(_), Generator::BTest) | (None, Generator::A | Generator::BDev) => {}
        }
        if options.validation && generator != Generator::A {
            return Err("--validation is for generator A: B is never chosen or calibrated on");
        }
        if options.packed && (generator != Generator::A || options.oblique || options.ct) {
            return Err("--packed is for pairs of generator A");
        }
        let split = match (options.packed, options.validation) {
            (_, true) => VALIDATION_SEEDS,
            (true, false) => TRAINING_SEEDS,
            (false, false) => TEST_SEEDS,
        };
        let first = split.start.saturating_add(options.seed);
        let end = first.saturating_add(u64::from(options.subjects));
        if end > split.end {
            return Err("there are not as many people in this split");
        }
        if options.packed {
            return Ok(Self::Packed(first..end));
        }
        Ok(Self::Specimens(Asked {
            generator,
            seed: first,
            visit: 0,
            abnormal: options.abnormal,
            takes: if options.oblique {
                &Take::ALL
            } else {
                &[Take::PosteroAnterior, Take::Lateral]
            },
            scan: if options.ct { Scan::Ct } else { Scan::No },
        }))
    }
}

fn first_light(options: &Options) -> Result<Vec<Value>, WorkbenchError> {
    let mut cases = Vec::new();
    for number in 0..u64::from(options.subjects) {
        let case = case(options.seed.saturating_add(number))?;
        let folder = write_case(&case, &options.out)?;
        cases.push(json!({"name": case.name, "folder": folder, "truth": case.truth}));
    }
    Ok(cases)
}

fn specimens(options: &Options, first: &Asked) -> Result<Vec<Value>, WorkbenchError> {
    let opening = match &options.log {
        None => None,
        Some(log) => {
            let generator = digest(first.generator, 1)
                .map_err(|error| WorkbenchError::Step(chain(&error)))?
                .hex();
            let what = format!(
                "{} studies, from {} | `{}` | -",
                options.subjects,
                options.seed,
                generator.get(..12).unwrap_or(&generator)
            );
            Some(Opening::write(log, &what)?)
        }
    };
    let cases: Result<Vec<Value>, WorkbenchError> = (0..u64::from(options.subjects))
        .into_par_iter()
        .map(|number| {
            let study = study(&Asked {
                seed: first.seed + number,
                ..*first
            })?;
            let folder = write_study(&study, &options.out)?;
            Ok(json!({"name": study.name, "folder": folder, "truth": study.truth}))
        })
        .collect();
    let cases = cases?;
    if let Some(opening) = opening {
        opening.close("studies were made; figures stand where they were evaluated")?;
    }
    Ok(cases)
}
