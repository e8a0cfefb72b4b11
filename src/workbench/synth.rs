//! `bonebox synth`: complete invented studies as case folders: both X-rays as
//! DICOM files with an invented identity, and the truth.
//!
//! ```text
//! OUT/first-light-3000000/pa.dcm         Digital X-Ray Image For Presentation
//!                         lateral.dcm    the same, second view
//!                         radius.stl     the true bones in the frame of the
//!                         ulna.stl       PA image's detector, in millimeters
//!                         truth.json     side and true measures
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::dx::{self, DxImage};
use super::invented::Identity;
use super::{Verdict, WorkbenchError, write_json};
use crate::anatomy::Bone;
use crate::phantom::DEMO_SEEDS;
use crate::phantom::Subject;
use crate::wire::NOTICE_EN;

/// Which invented people there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Generator {
    /// The parametric forearm of the first-light model.
    FirstLight,
}

/// What `synth` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Which invented people.
    #[arg(long, value_enum, default_value = "first-light")]
    pub generator: Generator,
    /// How many.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subjects: u32,
    /// The first one's number among the people kept for demonstrations.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder that the case folders go into.
    #[arg(long)]
    pub out: PathBuf,
    /// Writes the list of cases as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
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
    let Generator::FirstLight = options.generator;
    let mut cases = Vec::new();
    for number in 0..u64::from(options.subjects) {
        let case = case(options.seed.saturating_add(number))?;
        let folder = write_case(&case, &options.out)?;
        cases.push(json!({"name": case.name, "folder": folder, "truth": case.truth}));
    }
    if let Some(path) = &options.json {
        write_json(path, &json!({"cases": cases, "notice": NOTICE_EN}))?;
    }
    Ok(Verdict::Done)
}
