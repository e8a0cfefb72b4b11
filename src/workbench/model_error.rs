//! How wrong a wrist model is on invented subjects: decodes its predictions,
//! invents the same subjects anew, and measures with the surfaces' exact
//! distances. Nothing here comes from training but the template and the
//! predicted numbers.

use serde::Deserialize;
use serde::Serialize;

use crate::anatomy::AnatomyError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Measure;
use crate::anatomy::Measures;
use crate::anatomy::ShapeModel;
use crate::anatomy::Side;
use crate::geometry::GeometryError;
use crate::geometry::Model;
use crate::geometry::best_rigid;
use crate::geometry::deviation;
use crate::phantom::Detail;
use crate::phantom::PhantomError;
use crate::phantom::Subject;
use crate::radiography::PoseVector;
use crate::radiography::Projection;

/// Why a model's error could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ModelErrorError {
    /// The template or a prediction does not fit.
    #[error("decoding a prediction")]
    Anatomy(#[from] AnatomyError),
    /// Surfaces cannot be compared.
    #[error("comparing surfaces")]
    Geometry(#[from] GeometryError),
    /// A subject could not be invented.
    #[error("inventing a subject")]
    Phantom(#[from] PhantomError),
    /// The predictions are not as many as their seeds.
    #[error("{predictions} predictions for {subjects} subjects")]
    Unpaired {
        /// Predictions given.
        predictions: usize,
        /// Subjects named.
        subjects: usize,
    },
    /// A thread ended without its part.
    #[error("a thread ended early")]
    Thread,
}

/// What a predictor said of a set's subjects, each on one visit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Predictions {
    /// First seed, and the one after the last.
    pub seeds: [u64; 2],
    /// Which visit was looked at.
    pub visit: u64,
    /// A latent vector a subject.
    pub latent: Vec<Vec<f64>>,
    /// View by bone by six numbers, a subject.
    pub pose: Vec<Vec<f64>>,
}

/// One bone of one subject.
#[derive(Debug, Clone, Copy)]
struct BoneError {
    /// After rigid alignment without scale: RMS and 95th percentile.
    aligned: [f64; 2],
    /// The model's mean shape, aligned the same way.
    null: [f64; 2],
    /// In the posteroanterior detector's frame, not aligned.
    placed: f64,
    /// Angle between said and true pose in degrees, a view.
    turned: [f64; 2],
    /// Distance between said and true place in the image plane, and in depth, a view.
    shifted: [[f64; 2]; 2],
}

/// One subject.
#[derive(Debug, Clone, Copy)]
struct SubjectError {
    bones: [BoneError; 2],
    said: Measures,
    truth: Measures,
}

/// Mean, SD, 95th percentile and largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// 95 % are smaller.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

/// The errors of one measure, signed: said minus true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeasureError {
    /// Mean: what is systematic.
    pub mean: f64,
    /// Standard deviation about that mean.
    pub sd: f64,
    /// Root of the mean square.
    pub rms: f64,
    /// 95 % of the errors are smaller than this.
    pub half_width_95: f64,
    /// RMS of saying the mean shape's value of everyone.
    pub null_rms: f64,
}

/// The errors of one bone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BoneReport {
    /// Two-sided surface RMS in millimeters after rigid alignment, no scale.
    pub rms_aligned_mm: Spread,
    /// 95th percentile of the surface distance, the same way.
    pub p95_aligned_mm: Spread,
    /// The mean shape's RMS on the same subjects, the same way.
    pub null_rms_aligned_mm: Spread,
    /// RMS in the frame of the posteroanterior detector, not aligned.
    pub rms_placed_mm: Spread,
    /// Angle of the pose's error in degrees: posteroanterior, lateral.
    pub pose_angle_deg: [Spread; 2],
    /// Error of the place parallel to the detector, in millimeters.
    pub pose_in_plane_mm: [Spread; 2],
    /// Error of the distance from the detector, in millimeters.
    pub pose_depth_mm: [Spread; 2],
}

/// The errors of a model on one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Always this: invented bones, simulated X-rays.
    pub label: &'static str,
    /// How many subjects.
    pub subjects: usize,
    /// First seed, and the one after the last.
    pub seeds: [u64; 2],
    /// The radius.
    pub radius: BoneReport,
    /// The ulna.
    pub ulna: BoneReport,
    /// By the measure's key.
    pub measures: std::collections::BTreeMap<&'static str, MeasureError>,
}

/// Measures a model's predictions against the subjects they are of.
///
/// # Errors
/// [`ModelErrorError`].
pub fn model_error(
    shape: &ShapeModel,
    said: &Predictions,
    threads: usize,
) -> Result<Report, ModelErrorError> {
    let cases: Vec<_> = (said.seeds[0]..said.seeds[1])
        .zip(said.latent.iter().zip(&said.pose))
        .collect();
    let subjects = usize::try_from(said.seeds[1] - said.seeds[0]).unwrap_or(0);
    if cases.len() != subjects || said.latent.len() != subjects || said.pose.len() != subjects {
        return Err(ModelErrorError::Unpaired {
            predictions: said.latent.len().min(said.pose.len()),
            subjects,
        });
    }
    let share = cases.len().div_ceil(threads.max(1)).max(1);
    let errors = std::thread::scope(|scope| {
        let workers: Vec<_> = cases
            .chunks(share)
            .map(|mine| {
                scope.spawn(move || -> Result<Vec<SubjectError>, ModelErrorError> {
                    mine.iter()
                        .map(|(seed, (latent, pose))| {
                            subject(shape, *seed, said.visit, latent, pose)
                        })
                        .collect()
                })
            })
            .collect();
        let mut errors = Vec::new();
        for worker in workers {
            errors.extend(worker.join().map_err(|_| ModelErrorError::Thread)??);
        }
        Ok::<_, ModelErrorError>(errors)
    })?;
    let mean = shape.measures(&shape.mean(), Side::Right)?;
    let measures = Measure::ALL.map(|m| (m.key(), measure(&errors, m, mean.get(m))));
    Ok(Report {
        label: "simulated X-rays of synthetic bones",
        subjects,
        seeds: said.seeds,
        radius: bone(&errors, 0),
        ulna: bone(&errors, 1),
        measures: measures.into_iter().collect(),
    })
}

fn subject(
    shape: &ShapeModel,
    seed: u64,
    visit: u64,
    latent: &[f64],
    pose: &[f64],
) -> Result<SubjectError, ModelErrorError> {
    let truth = Subject::draw(seed)?;
    let views = truth.radiographs_at(visit, Detail::Field)?;
    let found = shape.decode(latent)?;
    let mean = shape.mean();
    let one = |which: usize| -> Result<BoneError, ModelErrorError> {
        let bone = Bone::ALL[which];
        let true_bone = truth.forearm.bone(bone);
        let laid = |forearm: &Forearm<Model>| -> Result<[f64; 2], ModelErrorError> {
            let mesh = forearm.bone(bone);
            let fit = best_rigid::<Model, Model>(mesh.vertices(), true_bone.vertices())?;
            let apart = deviation(&mesh.moved::<Model>(&fit), true_bone);
            Ok([apart.rms_mm, apart.p95_mm])
        };
        let poses = [0, 1].map(|view| {
            let from = (view * 2 + which) * 6;
            let numbers: PoseVector =
                std::array::from_fn(|i| pose.get(from + i).copied().unwrap_or(f64::NAN));
            Projection::ALL[view].pose(numbers)
        });
        let gaps = [0, 1].map(|view| {
            let (a, b) = (
                poses[view].translation(),
                views[view].truth[which].translation(),
            );
            [(a[0] - b[0]).hypot(a[1] - b[1]), (a[2] - b[2]).abs()]
        });
        let placed = deviation(
            &found.bone(bone).moved(&poses[0]),
            &true_bone.moved(&views[0].truth[which]),
        );
        Ok(BoneError {
            aligned: laid(&found)?,
            null: laid(&mean)?,
            placed: placed.rms_mm,
            turned: [0, 1].map(|view| {
                let off = views[view].truth[which].inverse();
                poses[view].then(&off).angle().to_degrees()
            }),
            shifted: gaps,
        })
    };
    Ok(SubjectError {
        bones: [one(0)?, one(1)?],
        said: shape.measures(&found, Side::Right)?,
        truth: truth.measures,
    })
}

fn bone(errors: &[SubjectError], which: usize) -> BoneReport {
    let of = |value: &dyn Fn(&BoneError) -> f64| {
        spread(errors.iter().map(|e| value(&e.bones[which])).collect())
    };
    BoneReport {
        rms_aligned_mm: of(&|b| b.aligned[0]),
        p95_aligned_mm: of(&|b| b.aligned[1]),
        null_rms_aligned_mm: of(&|b| b.null[0]),
        rms_placed_mm: of(&|b| b.placed),
        pose_angle_deg: [0, 1].map(|view| of(&|b| b.turned[view])),
        pose_in_plane_mm: [0, 1].map(|view| of(&|b| b.shifted[view][0])),
        pose_depth_mm: [0, 1].map(|view| of(&|b| b.shifted[view][1])),
    }
}

fn measure(errors: &[SubjectError], measure: Measure, mean_shape: f64) -> MeasureError {
    let gaps = |said: &dyn Fn(&SubjectError) -> f64| -> Vec<f64> {
        errors
            .iter()
            .map(|e| said(e) - e.truth.get(measure))
            .collect()
    };
    let rms = |v: &[f64]| (v.iter().map(|x| x * x).sum::<f64>() / count(v)).sqrt();
    let own = gaps(&|e| e.said.get(measure));
    let null = gaps(&|_| mean_shape);
    let signed = spread(own.clone());
    MeasureError {
        mean: signed.mean,
        sd: signed.sd,
        rms: rms(&own),
        half_width_95: spread(own.iter().map(|v| v.abs()).collect()).p95,
        null_rms: rms(&null),
    }
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let n = count(&values);
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // The smallest value that at least 95 % do not exceed.
    let rank = (values.len() * 95).div_ceil(100).max(1) - 1;
    Spread {
        mean,
        sd: variance.sqrt(),
        p95: values.get(rank).copied().unwrap_or(f64::NAN),
        max: values.last().copied().unwrap_or(f64::NAN),
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of subjects")]
const fn count(values: &[f64]) -> f64 {
    values.len() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_spread_of_known_numbers() {
        let of = spread((1..=100).map(f64::from).collect());
        assert!((of.mean - 50.5).abs() < 1e-12);
        assert!((of.sd - 29.011_491_975_882_02).abs() < 1e-9);
        assert!((of.p95 - 95.0).abs() < 1e-12 && (of.max - 100.0).abs() < 1e-12);
    }

    /// Measures what training predicted:
    /// `BONEBOX_MODEL_ERROR="TEMPLATE PREDICTIONS REPORT THREADS"`.
    #[test]
    fn measures_the_model_that_training_asks_for() {
        let Ok(asked) = std::env::var("BONEBOX_MODEL_ERROR") else {
            return;
        };
        let words: Vec<&str> = asked.split_whitespace().collect();
        let shape = ShapeModel::from_bytes(&std::fs::read(words[0]).unwrap()).unwrap();
        let said: Predictions = serde_json::from_slice(&std::fs::read(words[1]).unwrap()).unwrap();
        let report = model_error(&shape, &said, words[3].parse().unwrap()).unwrap();
        std::fs::write(words[2], serde_json::to_vec_pretty(&report).unwrap()).unwrap();
    }
}
