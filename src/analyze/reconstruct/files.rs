//! The files of a reconstruction, the same bytes each time.

use std::collections::BTreeMap;
use std::path::Path;

use super::outline::outline;
use super::scene::glb;
use super::{BoneModel, View};
use crate::analyze::{AnalyzeError, write};
use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::radiography::Camera;
use crate::radiography::PoseVector;
use crate::raster::Grade;
use crate::study::Artefact;
use crate::study::ArtefactRole;
use crate::wire::Figure;
use crate::wire::ModelStamp;
use crate::wire::NOTICE_EN;

/// `…-overlay.json`: the bones' outlines over one image.
#[derive(serde::Serialize)]
struct Overlay<'a> {
    notice: &'static str,
    image: &'a str,
    rows: u32,
    columns: u32,
    outlines: Vec<Outline>,
}

/// One closed line, (column, row) in pixels of the image as it was taken; whole
/// numbers are pixel centers.
#[derive(serde::Serialize)]
struct Outline {
    bone: Bone,
    points: Vec<[f64; 2]>,
}

/// `reconstruction.json`.
#[derive(serde::Serialize)]
struct Written<'a> {
    notice: &'static str,
    side: char,
    model: ModelStamp,
    provider: &'static str,
    /// In units of the training subjects' standard deviations.
    latent: &'a [f64],
    log_variance: &'a [f64],
    /// In the model's frame, millimeters, of the arm above.
    landmarks: BTreeMap<Landmark, [f64; 3]>,
    figures: &'a [Figure],
    views: Vec<WrittenView<'a>>,
}

/// One view. Camera and poses are those of the image as it was looked at:
/// turned left to right for a left arm, with the bones of a right one.
#[derive(serde::Serialize)]
struct WrittenView<'a> {
    image: &'a str,
    view: &'static str,
    turned_left_to_right: bool,
    calibration_grade: Grade,
    camera: Camera,
    /// Rotation vector in radians and translation in millimeters, a bone.
    poses: BTreeMap<&'static str, PoseVector>,
    fit: f64,
}

/// Writes all files of a reconstruction.
pub(super) fn write_all(
    bones: &BoneModel,
    figures: &[Figure],
    folder: &Path,
) -> Result<Vec<Artefact>, AnalyzeError> {
    let mut artefacts = Vec::new();
    for bone in Bone::ALL {
        let header = format!("{} {} mm. {NOTICE_EN}", bones.side.letter(), bone.name());
        artefacts.push(write(
            folder,
            format!("{}.stl", bone.name()),
            ArtefactRole::Surface,
            "model/stl",
            &bones.forearm.bone(bone).to_stl(&header),
        )?);
    }
    artefacts.push(write(
        folder,
        "bones.glb".to_owned(),
        ArtefactRole::Scene,
        "model/gltf-binary",
        &glb(&bones.forearm, NOTICE_EN),
    )?);
    for view in &bones.views {
        let overlay = overlay(bones, view)?;
        let name = format!("{}-overlay.json", view.stem);
        artefacts.push(write_json(folder, name, ArtefactRole::Overlay, &overlay)?);
    }
    artefacts.push(write_json(
        folder,
        "reconstruction.json".to_owned(),
        ArtefactRole::Reconstruction,
        &written(bones, figures),
    )?);
    Ok(artefacts)
}

fn write_json(
    folder: &Path,
    name: String,
    role: ArtefactRole,
    value: &impl serde::Serialize,
) -> Result<Artefact, AnalyzeError> {
    match serde_json::to_vec(value) {
        Ok(bytes) => write(folder, name, role, "application/json", &bytes),
        Err(source) => Err(AnalyzeError::Json { name, source }),
    }
}

fn overlay<'a>(bones: &BoneModel, view: &'a View) -> Result<Overlay<'a>, AnalyzeError> {
    let mut outlines = Vec::new();
    for (bone, pose) in Bone::ALL.into_iter().zip(&view.poses) {
        let lines = outline(&view.shot, bones.folded.bone(bone), pose)?;
        outlines.extend(lines.into_iter().map(|points| Outline { bone, points }));
    }
    Ok(Overlay {
        notice: NOTICE_EN,
        image: &view.stem,
        rows: view.shot.camera.rows,
        columns: view.shot.camera.columns,
        outlines,
    })
}

fn written<'a>(bones: &'a BoneModel, figures: &'a [Figure]) -> Written<'a> {
    let views = bones.views.iter().map(|view| WrittenView {
        image: &view.stem,
        view: view.shot.projection.name(),
        turned_left_to_right: view.shot.turned,
        calibration_grade: view.grade,
        camera: view.shot.camera,
        poses: Bone::ALL
            .into_iter()
            .zip(&view.poses)
            .map(|(bone, pose)| (bone.name(), view.shot.projection.vector_of(pose)))
            .collect(),
        fit: view.fit.get(),
    });
    Written {
        notice: NOTICE_EN,
        side: bones.side.letter(),
        model: bones.origin.model.clone(),
        provider: bones.origin.provider,
        latent: &bones.latent,
        log_variance: &bones.log_variance,
        landmarks: bones
            .landmarks
            .iter()
            .map(|(landmark, place)| (landmark, place.xyz()))
            .collect(),
        figures,
        views: views.collect(),
    }
}
