//! Builds the forearm's shape model from training subjects of generator A, and
//! measures on its validation subjects what the model leaves. No subject of
//! another generator, and none of A's test seeds, is drawn here.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the model keeps f32; counts are thousands"
)]

use std::ops::Range;

use nalgebra::DMatrix;
use nalgebra::DVector;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::anatomy::AnatomyError;
use crate::anatomy::Bone;
use crate::anatomy::BoneModel;
use crate::anatomy::BoneParts;
use crate::anatomy::Cortex;
use crate::anatomy::Forearm;
use crate::anatomy::ForearmModel;
use crate::anatomy::ForearmParts;
use crate::anatomy::Landmark;
use crate::anatomy::Learned;
use crate::anatomy::learn;
use crate::geometry::Model;
use crate::geometry::best_rigid;
use crate::phantom::Generator;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::phantom::TRAINING_SEEDS;
use crate::phantom::Template;
use crate::phantom::VALIDATION_SEEDS;

/// Own modes of radius and ulna, besides the common size.
pub const OWN_MODES: [usize; 2] = [42, 34];
/// Modes of the cortex, a bone.
const CORTEX_MODES: usize = 5;
/// Training subjects whose cortex is learned.
const CORTEX_SUBJECTS: usize = 300;
/// How what the modes leave hangs together: length and SD in millimeters.
/// First guesses, calibrated on nothing yet.
const RESIDUAL_SCALES_MM: [(f64, f64); 3] = [(20.0, 0.5), (8.0, 0.35), (3.5, 0.25)];
/// Rounds of pose and modes when a subject is laid on the model.
const ROUNDS: usize = 4;

/// Why no model was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A subject could not be invented.
    #[error("inventing subject {seed} of generator A")]
    Subject {
        /// The subject.
        seed: u64,
        /// Why.
        source: PhantomError,
    },
    /// The template could not be read.
    #[error("reading the template")]
    Template(#[source] PhantomError),
    /// The model could not be made.
    #[error("learning the model")]
    Learn(#[from] AnatomyError),
}

/// How many subjects a model is built from and measured on.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Training subjects.
    pub training: u64,
    /// Validation subjects.
    pub validation: u64,
}

/// What one bone's model leaves on held-out subjects of A, millimeters,
/// root mean square over vertices in correspondence and over subjects.
#[derive(Debug, Clone, Serialize)]
pub struct BoneErrors {
    /// Vertices and triangles.
    pub vertices: usize,
    /// Triangles.
    pub triangles: usize,
    /// Modes, size among them.
    pub modes: usize,
    /// The mean alone, rigidly laid on.
    pub null_rms_mm: f64,
    /// Size and four own modes.
    pub five_modes_rms_mm: f64,
    /// All modes.
    pub rms_mm: f64,
    /// All modes, on the joint surface.
    pub joint_rms_mm: f64,
    /// The same along the surface's normal, which is what surfaces can tell.
    pub normal_rms_mm: f64,
}

/// The model and what is known about it.
pub struct Built {
    /// The model.
    pub model: ForearmModel,
    /// In the order of [`Bone::ALL`].
    pub errors: [BoneErrors; 2],
    /// Seeds it was learned from.
    pub training: Range<u64>,
    /// Seeds it was measured on.
    pub validation: Range<u64>,
}

/// Builds and measures.
///
/// # Errors
/// [`BuildError`].
pub fn build(sizes: Sizes) -> Result<Built, BuildError> {
    let template = Template::shared().map_err(BuildError::Template)?;
    let first = |seeds: Range<u64>, count: u64| seeds.start..seeds.end.min(seeds.start + count);
    let training = first(TRAINING_SEEDS, sizes.training);
    let validation = first(VALIDATION_SEEDS, sizes.validation);
    let people = drawn(training.clone(), |s| s.outer)?;
    let cortex_seeds = training.start..training.end.min(training.start + CORTEX_SUBJECTS as u64);
    let walls = drawn(cortex_seeds, |s| walls_of(&s))?;
    let cortex = Bone::ALL.map(|bone| cortex_of(&walls, bone, template));
    let head = |mean: &Forearm<Model>| {
        let marks = template.landmarks.on(mean)?;
        Ok(marks.at(Landmark::UlnarHeadCenter)?.xyz())
    };
    let learned = learn(&template.outer, &people, OWN_MODES, &head)?;
    drop(people);
    let held_out = drawn(validation.clone(), |s| s.outer)?;
    let rough = assembled(&learned, template, &cortex, None)?;
    let left = [Bone::Radius, Bone::Ulna].map(|bone| leavings(rough.bone(bone), &held_out));
    let [radius, ulna] = left;
    let (radius, ulna) = (radius?, ulna?);
    let variances = [radius.1, ulna.1];
    Ok(Built {
        model: assembled(&learned, template, &cortex, Some(&variances))?,
        errors: [radius.0, ulna.0],
        training,
        validation,
    })
}

/// Draws subjects on all cores; the order is that of the seeds.
fn drawn<T: Send>(
    seeds: Range<u64>,
    keep: impl Fn(Specimen) -> T + Sync,
) -> Result<Vec<T>, BuildError> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let one = |seed| {
        let specimen = Specimen::draw(Generator::A, seed);
        specimen
            .map(&keep)
            .map_err(|source| BuildError::Subject { seed, source })
    };
    let share = (seeds.end - seeds.start).div_ceil(threads).max(1);
    let parts: Vec<Result<Vec<T>, BuildError>> = std::thread::scope(|scope| {
        let starts = (seeds.start..seeds.end).step_by(share as usize);
        let workers: Vec<_> = starts
            .map(|start| {
                let part = start..seeds.end.min(start + share);
                scope.spawn(move || part.map(one).collect())
            })
            .collect();
        #[allow(
            clippy::expect_used,
            reason = "nothing in a worker panics; if it does, so do we"
        )]
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| worker.join().expect("a worker");
        workers.into_iter().map(join).collect()
    });
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

/// Thickness of the cortex at each vertex of both bones.
fn walls_of(specimen: &Specimen) -> [Vec<f32>; 2] {
    Bone::ALL.map(|bone| {
        let outer = specimen.outer.bone(bone).vertices().iter();
        outer
            .zip(specimen.inner.bone(bone).vertices())
            .map(|(o, i)| {
                let gap: f64 = (0..3).map(|k| (o[k] - i[k]).powi(2)).sum();
                gap.sqrt() as f32
            })
            .collect()
    })
}

/// Mean and leading components of the thickness.
fn cortex_of(walls: &[[Vec<f32>; 2]], bone: Bone, template: &Template) -> Cortex {
    let length = template.outer.bone(bone).vertices().len();
    let rows = walls.iter().map(|w| &w[usize::from(bone == Bone::Ulna)]);
    let data = DMatrix::from_fn(walls.len(), length, |_, _| 0.0_f64);
    let mut data = data;
    for (number, row) in rows.enumerate() {
        for (column, value) in row.iter().enumerate() {
            data[(number, column)] = f64::from(*value);
        }
    }
    let mean = data.row_mean();
    for mut row in data.row_iter_mut() {
        row -= &mean;
    }
    let eigen = (&data * data.transpose()).symmetric_eigen();
    let mut order: Vec<usize> = (0..walls.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let mut modes = Vec::new();
    for column in order.into_iter().take(CORTEX_MODES) {
        let way = data.transpose() * eigen.eigenvectors.column(column);
        let sign = if way.sum() < 0.0 { -1.0 } else { 1.0 };
        let scale = sign / (walls.len() as f64).sqrt();
        modes.extend(way.iter().map(|v| (v * scale) as f32));
    }
    Cortex {
        mean: mean.iter().map(|v| *v as f32).collect(),
        modes,
    }
}

fn assembled(
    learned: &Learned,
    template: &Template,
    cortex: &[Cortex; 2],
    variances: Option<&[Vec<f32>; 2]>,
) -> Result<ForearmModel, AnatomyError> {
    let part = |number: usize| {
        let bone = Bone::ALL[number];
        let mesh = template.outer.bone(bone);
        let own = &learned.bones[number];
        let count = mesh.vertices().len();
        BoneModel::from_parts(BoneParts {
            bone,
            mean: mesh.with_vertices(own.mean.clone())?,
            modes: own.modes.concat(),
            residual_variance: variances.map_or_else(|| vec![0.0; count], |v| v[number].clone()),
            residual_scales: RESIDUAL_SCALES_MM.to_vec(),
            joint_patch: template.joint[number].clone(),
            cut: template.cut[number].clone(),
            landmarks: template.landmarks.of_bone(bone),
            digest: String::new(),
        })
    };
    ForearmModel::from_parts(ForearmParts {
        bones: [part(0)?, part(1)?],
        cortex: cortex.clone(),
        pivot: learned.pivot,
        seat_sd: learned.seat_sd,
        correlation: learned.correlation.clone(),
    })
}

/// What a bone's model leaves on held-out subjects, in correspondence: errors,
/// and the variance at each vertex and coordinate.
fn leavings(
    model: &BoneModel,
    held_out: &[Forearm<Model>],
) -> Result<(BoneErrors, Vec<f32>), AnatomyError> {
    let mean = model.mean().vertices();
    let normals = model.mean().vertex_normals();
    let (count, people) = (mean.len() as f64, held_out.len() as f64);
    let mut variance = vec![0.0_f64; mean.len()];
    let mut square = [0.0_f64; 5];
    let joint = model.joint_patch();
    let joint_count = joint.iter().filter(|j| **j).count().max(1) as f64;
    for subject in held_out {
        let vertices = subject.bone(model.bone()).vertices();
        for (slot, modes) in [(0, 0), (1, 5), (2, model.modes())] {
            let gaps = laid(model, vertices, modes)?;
            for (number, gap) in gaps.iter().enumerate() {
                let far: f64 = gap.iter().map(|g| g * g).sum();
                square[slot] += far / count / people;
                if slot < 2 {
                    continue;
                }
                let along: f64 = (0..3).map(|k| gap[k] * normals[number][k]).sum();
                variance[number] += far / 3.0 / people;
                square[4] += along * along / count / people;
                if joint[number] {
                    square[3] += far / joint_count / people;
                }
            }
        }
    }
    let [null, five, all, on_joint, normal] = square.map(f64::sqrt);
    let errors = BoneErrors {
        vertices: mean.len(),
        triangles: model.mean().triangles().len(),
        modes: model.modes(),
        null_rms_mm: null,
        five_modes_rms_mm: five,
        rms_mm: all,
        joint_rms_mm: on_joint,
        normal_rms_mm: normal,
    };
    Ok((errors, variance.iter().map(|v| *v as f32).collect()))
}

/// A subject's gaps to the model's best shape with its first few modes, pose
/// and modes in turn.
fn laid(
    model: &BoneModel,
    vertices: &[[f64; 3]],
    modes: usize,
) -> Result<Vec<[f64; 3]>, AnatomyError> {
    let length = 3 * vertices.len();
    let basis = DMatrix::from_fn(length, modes, |row, column| {
        f64::from(model.mode(column)[row])
    });
    // A weak prior keeps the amplitudes determined; it is far below the data.
    let normal = basis.tr_mul(&basis) + DMatrix::identity(modes, modes) * 0.01;
    let factor = normal.cholesky();
    let mut z = DVector::zeros(modes);
    let mut gaps = Vec::new();
    for _ in 0..if modes == 0 { 1 } else { ROUNDS } {
        let shape = model.vertices(z.as_slice());
        let motion = best_rigid::<Model, Model>(vertices, &shape)?;
        let placed: Vec<[f64; 3]> = vertices.iter().map(|v| motion.move_xyz(*v)).collect();
        if let Some(factor) = &factor {
            let mean = model.mean().vertices().iter().flatten();
            let off = placed.iter().flatten().zip(mean).map(|(p, m)| p - m);
            let off = DVector::from_iterator(length, off);
            z = factor.solve(&basis.tr_mul(&off));
        }
        let shape = model.vertices(z.as_slice());
        gaps = placed
            .iter()
            .zip(shape)
            .map(|(p, s)| std::array::from_fn(|k| p[k] - s[k]))
            .collect();
    }
    Ok(gaps)
}

/// What all modes leave of one subject, millimeters RMS over its vertices.
///
/// # Errors
/// [`AnatomyError::Mesh`] when the vertices do not correspond to the model's.
pub fn distance(model: &BoneModel, vertices: &[[f64; 3]]) -> Result<f64, AnatomyError> {
    let gaps = laid(model, vertices, model.modes())?;
    let sum: f64 = gaps.iter().flatten().map(|g| g * g).sum();
    Ok((sum / gaps.len() as f64).sqrt())
}

/// What is known about a model, for `card.json`.
#[must_use]
pub fn card(built: &Built, sha256: &str) -> Value {
    let errors = |bone: Bone| &built.errors[usize::from(bone == Bone::Ulna)];
    json!({
        "model": "forearm-shape@1",
        "about": "Shape model of the distal 80 mm of an adult's radius and ulna. Learned from \
                  invented bones of generator A only; no person's bone is in it. Research use.",
        "file": "model.bin",
        "sha256": sha256,
        "format": "bonebox-forearm-1 (src/anatomy/forearm_model.rs)",
        "frame": "Model: right forearm, millimeters, x to the thumb, y to the back, z to the hand",
        "generator": "A",
        "training_seeds": [built.training.start, built.training.end],
        "validation_seeds": [built.validation.start, built.validation.end],
        "latent": built.model.latent(),
        "measured_on": "validation subjects of generator A, vertex to vertex, modes alone (no \
                        residual field), after rigid alignment without scale",
        "radius": errors(Bone::Radius),
        "ulna": errors(Bone::Ulna),
        "rebuilt_by": "make shapes",
    })
}
