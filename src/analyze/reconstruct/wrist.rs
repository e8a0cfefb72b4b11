//! The wrist model: two networks and a template. The predictor looks at both
//! views and says shape and pose, the decoder turns the shape into vertices.

use std::collections::BTreeMap;
use std::path::Path;

use super::Origin;
use super::shot::Shot;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::ForearmModel;
use crate::anatomy::ShapeModel;
use crate::geometry::Detector;
use crate::geometry::Model as ModelFrame;
use crate::geometry::Rigid;
use crate::infer::Engine;
use crate::infer::Model;
use crate::infer::Tensor;
use crate::infer::Tensors;
use crate::radiography::FIELD_PIXELS;
use crate::radiography::PoseVector;
use crate::radiography::Projection;
use crate::radiography::context;
use crate::wire::MeasuredOn;
use crate::wire::ModelStamp;

/// What the card says of the model's error.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
struct Measured {
    /// What it was measured on.
    on: MeasuredOn,
    /// On how many subjects, none of them seen in training.
    subjects: u32,
    /// Half-width of the interval that holds 95 % of the errors, a measure.
    half_width_95: BTreeMap<String, f64>,
}

/// The model of the wrist, ready to run.
#[derive(Debug)]
pub struct WristModel {
    model: Model,
    pub(super) shape: ShapeModel,
    measured: Measured,
    /// What its answers are refined by.
    pub(super) forearm: ForearmModel,
}

/// What the networks say of a pair of views, of a right wrist.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prediction {
    pub(super) latent: Vec<f64>,
    pub(super) log_variance: Vec<f64>,
    /// Where each bone lies, by view and bone.
    pub(super) poses: [[Rigid<ModelFrame, Detector>; 2]; 2],
    pub(super) forearm: Forearm<ModelFrame>,
}

impl WristModel {
    /// Loads the model from its folder.
    ///
    /// # Errors
    /// [`AnalyzeError::Infer`], [`AnalyzeError::Anatomy`],
    /// [`AnalyzeError::Model`].
    pub fn load(engine: &Engine, folder: &Path) -> Result<Self, AnalyzeError> {
        let model = Model::load(engine, folder)?;
        let template = model.card.read_file(folder, "template")?;
        Self::of(model, &template)
    }

    /// A wrist model of networks that are at hand, with the template's bytes.
    ///
    /// # Errors
    /// [`AnalyzeError::Anatomy`], [`AnalyzeError::Model`].
    pub fn of(model: Model, template: &[u8]) -> Result<Self, AnalyzeError> {
        let shape = ShapeModel::from_bytes(template)?;
        let said = model.card.rest.get("measured").cloned().unwrap_or_default();
        let measured = serde_json::from_value(said).map_err(|error| AnalyzeError::Model {
            why: format!("its card's `measured`: {error}"),
        })?;
        Ok(Self {
            model,
            shape,
            measured,
            forearm: ForearmModel::shipped()?,
        })
    }

    /// Name and digest, as every figure carries them.
    #[must_use]
    pub fn stamp(&self) -> ModelStamp {
        ModelStamp {
            id: self.model.card.model.clone(),
            digest: self.model.card.digest,
        }
    }

    /// What computes: `cpu`, `cuda`, `tensorrt`.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.model.provider.name()
    }

    /// Name and digest, what computes, and how far its figures may be off.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            model: self.stamp(),
            provider: self.provider(),
            measured_on: self.measured.on,
            measured_n: self.measured.subjects,
            half_width_95: self.measured.half_width_95.clone(),
        }
    }

    /// Runs both networks on a PA and a lateral.
    pub(super) fn predict(&self, shots: [&Shot; 2]) -> Result<Prediction, AnalyzeError> {
        let [pa, lateral] = shots;
        let image =
            |shot: &Shot| Tensor::new(vec![1, 1, FIELD_PIXELS, FIELD_PIXELS], shot.field.clone());
        let told = context([Some(pa.camera), Some(lateral.camera)]);
        let inputs = Tensors::from([
            ("pa".to_owned(), image(pa)?),
            ("lateral".to_owned(), image(lateral)?),
            (
                "context".to_owned(),
                Tensor::new(vec![1, told.len()], told.to_vec())?,
            ),
        ]);
        let said = self.model.run("predictor", &inputs)?;
        let latent = take(&said, "latent", self.shape.modes())?;
        let log_variance = take(&said, "log_variance", self.shape.modes())?;
        let numbers = take(&said, "pose", 24)?;
        let pose =
            |view: usize, bone: usize| -> Result<Rigid<ModelFrame, Detector>, AnalyzeError> {
                let from = (view * 2 + bone) * 6;
                let six = numbers.get(from..from + 6).unwrap_or_default();
                let vector: PoseVector = six.try_into().map_err(|_| AnalyzeError::Model {
                    why: "a pose is not six numbers".to_owned(),
                })?;
                Ok(Projection::ALL[view].pose(vector))
            };
        let poses = [[pose(0, 0)?, pose(0, 1)?], [pose(1, 0)?, pose(1, 1)?]];
        let forearm = self.decode(&said)?;
        Ok(Prediction {
            latent,
            log_variance,
            poses,
            forearm,
        })
    }

    fn decode(&self, said: &Tensors) -> Result<Forearm<ModelFrame>, AnalyzeError> {
        let latent = said
            .get("latent")
            .cloned()
            .ok_or_else(|| missing("latent"))?;
        let vertices = self
            .model
            .run("decoder", &Tensors::from([("latent".to_owned(), latent)]))?;
        let surface = |bone: Bone| {
            let mean = self.shape.mean();
            let numbers = take(&vertices, bone.name(), mean.bone(bone).vertices().len() * 3)?;
            let places = numbers
                .chunks_exact(3)
                .map(|v| [v[0], v[1], v[2]])
                .collect();
            Ok::<_, AnalyzeError>(self.shape.surface(bone, places)?)
        };
        Ok(Forearm {
            radius: surface(Bone::Radius)?,
            ulna: surface(Bone::Ulna)?,
        })
    }
}

fn missing(name: &str) -> AnalyzeError {
    AnalyzeError::Model {
        why: format!("its networks give no {name}"),
    }
}

/// An output of this many finite numbers.
fn take(said: &Tensors, name: &str, count: usize) -> Result<Vec<f64>, AnalyzeError> {
    let tensor = said.get(name).ok_or_else(|| missing(name))?;
    let numbers: Vec<f64> = tensor.data.iter().map(|value| f64::from(*value)).collect();
    if numbers.len() != count || numbers.iter().any(|value| !value.is_finite()) {
        return Err(AnalyzeError::Model {
            why: format!("{name} is not {count} finite numbers"),
        });
    }
    Ok(numbers)
}
