//! One invented person's study as a case folder: X-rays For Presentation and For
//! Processing, a CT series on request, the true bones and what is known of them.
//!
//! ```text
//! OUT/B-dev-2000000/pa.dcm lateral.dcm [oblique.dcm]      For Presentation
//!                   pa-processing.dcm lateral-processing.dcm [oblique-…]
//!                   ct/0001.dcm …                         on request
//!                   radius.stl ulna.stl                   PA detector's frame
//!                   truth.json
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ct_files;
use super::dx::{self, DxImage, Intent};
use super::invented::Identity;
use super::solve::chain;
use super::{WorkbenchError, write_file};
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Side;
use crate::geometry::Model;
use crate::phantom::Abnormal;
use crate::phantom::Change;
use crate::phantom::Generator;
use crate::phantom::HU_PER_MG_CM3;
use crate::phantom::HU_WITHOUT_MINERAL;
use crate::phantom::PhantomError;
use crate::phantom::SPECIMEN_LENGTH_MM;
use crate::phantom::Specimen;
use crate::phantom::SpecimenCt;
use crate::phantom::SpecimenXray;
use crate::phantom::Take;
use crate::radiography::PROCESSING_PER_UNIT;
use crate::radiography::PROCESSING_ZERO;
use crate::wire::NOTICE_EN;

/// Which study is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Who invents.
    pub generator: Generator,
    /// The person.
    pub seed: u64,
    /// Which visit.
    pub visit: u64,
    /// What is not as usual.
    pub abnormal: Option<Abnormal>,
    /// The X-rays.
    pub takes: &'static [Take],
    /// Whether a CT series is made.
    pub scan: Scan,
}

/// Whether a CT series is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// X-rays alone.
    No,
    /// And a CT series.
    Ct,
}

/// A study, in memory.
pub struct Study {
    /// Its name.
    pub name: String,
    /// Its files below its folder.
    pub files: Vec<(String, Vec<u8>)>,
    /// What is known.
    pub truth: Value,
}

/// A person and what was done to them.
struct Person {
    specimen: Specimen,
    /// Kind, amount and the arm as it would be without it.
    abnormal: Option<(Abnormal, Change, Specimen)>,
    xrays: Vec<SpecimenXray>,
    ct: Option<SpecimenCt>,
}

/// Makes a study. The same numbers are always the same study, byte for byte.
///
/// # Errors
/// [`WorkbenchError::Step`] if a part cannot be made.
pub fn study(asked: &Asked) -> Result<Study, WorkbenchError> {
    let fault = |error: PhantomError| WorkbenchError::Step(chain(&error));
    let person = Person::draw(asked).map_err(fault)?;
    let generator = asked.generator;
    let model = format!("generator {}", generator.name());
    let number = asked.seed + 10_000_000 * (1 + generator as u64) + 1_000_000_000 * asked.visit;
    let identity = Identity::invented(number);
    let mut files = Vec::new();
    for xray in &person.xrays {
        for (suffix, intent) in [
            ("", Intent::Presentation),
            ("-processing", Intent::Processing),
        ] {
            let image = DxImage::of_specimen(xray, intent, &model)?;
            let name = format!("{}{suffix}.dcm", xray.take.name());
            files.push((name, dx::write(&image, &identity)?));
        }
    }
    if let Some(ct) = &person.ct {
        let slices = ct_files::write(ct, &identity, &model)?;
        let named = slices.into_iter().enumerate();
        files.extend(named.map(|(k, slice)| (format!("ct/{:04}.dcm", k + 1), slice)));
    }
    if let Some(pa) = person.xrays.first() {
        let bones = pa.bones(&judged(&person.specimen).map_err(fault)?);
        for bone in Bone::ALL {
            let header = format!("simulated {}. {NOTICE_EN}", bone.name());
            let stl = bones.bone(bone).to_stl(&header);
            files.push((format!("{}.stl", bone.name()), stl));
        }
    }
    let truth = person.truth(asked);
    files.push(("truth.json".into(), format!("{truth:#}\n").into_bytes()));
    let kind = asked.abnormal.map(|kind| format!("-{}", kind.name()));
    Ok(Study {
        name: format!(
            "{}-{}{}",
            generator.name(),
            asked.seed,
            kind.unwrap_or_default()
        ),
        files,
        truth,
    })
}

/// The bones as they are judged: the distal 80 mm, less than the X-rays show.
fn judged(specimen: &Specimen) -> Result<Forearm<Model>, PhantomError> {
    let outer = &specimen.outer;
    Ok(Forearm {
        radius: outer.radius.above(-SPECIMEN_LENGTH_MM)?,
        ulna: outer.ulna.above(-SPECIMEN_LENGTH_MM)?,
    })
}

/// Writes a study's folder below `out`.
///
/// # Errors
/// [`WorkbenchError::Step`] if a file cannot be written.
pub fn write_study(study: &Study, out: &Path) -> Result<PathBuf, WorkbenchError> {
    let folder = out.join(&study.name);
    for (name, bytes) in &study.files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| {
                WorkbenchError::Step(format!("making {}: {error}", parent.display()))
            })?;
        }
        write_file(&path, bytes)?;
    }
    Ok(folder)
}

impl Person {
    fn draw(asked: &Asked) -> Result<Self, PhantomError> {
        let healthy = Specimen::for_xray(asked.generator, asked.seed)?;
        let Some(kind) = asked.abnormal else {
            return Ok(Self {
                xrays: healthy.radiographs(asked.visit, asked.takes)?,
                ct: match asked.scan {
                    Scan::No => None,
                    Scan::Ct => Some(healthy.ct(asked.visit)?),
                },
                specimen: healthy,
                abnormal: None,
            });
        };
        let case = kind.on(&healthy, asked.seed)?;
        Ok(Self {
            xrays: case.radiographs(asked.visit, asked.takes)?,
            ct: match asked.scan {
                Scan::No => None,
                Scan::Ct => Some(case.ct(asked.visit)?),
            },
            specimen: case.specimen,
            abnormal: Some((case.kind, case.change, case.healthy)),
        })
    }

    fn truth(&self, asked: &Asked) -> Value {
        let specimen = &self.specimen;
        let views: serde_json::Map<String, Value> = self
            .xrays
            .iter()
            .map(|xray| (xray.take.name().to_owned(), view(xray)))
            .collect();
        let abnormal = self.abnormal.as_ref().map(|(kind, change, healthy)| {
            json!({"kind": kind, "change": change, "measures_before": healthy.measures})
        });
        json!({
            "side": specimen.side,
            "measures": specimen.measures,
            "generator": asked.generator,
            "seed": asked.seed,
            "visit": asked.visit,
            "abnormal": abnormal,
            "density": specimen.density,
            "views": views,
            "processing": {
                "open_beam": PROCESSING_ZERO,
                "per_unit_of_natural_logarithm": PROCESSING_PER_UNIT,
            },
            "ct": self.ct.as_ref().map(series),
            "notice": NOTICE_EN,
        })
    }
}

/// What is known of an X-ray. Poses lead the right model's bones to the detector
/// of the image after a left one has been turned left to right; so does
/// `folded_camera`.
fn view(xray: &SpecimenXray) -> Value {
    let [radius, ulna] = &xray.truth;
    json!({
        "camera": xray.camera,
        "folded_camera": xray.folded_camera(),
        "true_oid_mm": -radius.translation()[2],
        "poses": {"radius": radius, "ulna": ulna},
        "photometric": xray.photometric,
        "collimation": xray.collimation,
    })
}

fn series(ct: &SpecimenCt) -> Value {
    json!({
        "pose": ct.pose,
        "mirrored_before": ct.side == Side::Left,
        "hu_without_mineral": HU_WITHOUT_MINERAL,
        "hu_per_mg_ha_cm3": HU_PER_MG_CM3,
        "spacing_mm": ct.hu.spacing_mm(),
        "slices": ct.hu.size()[2],
    })
}
