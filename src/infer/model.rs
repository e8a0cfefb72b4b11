//! A model: its card and its networks, checked against their golden answers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use ort::session::Session;
use ort::value::TensorRef;

use super::card::{CardFile, ModelCard};
use super::engine::Engine;
use super::provider::{Provider, one_line};
use super::{InferError, Network, Tensor, Tensors};

/// Inputs, the outputs that belong to them, and how far off is still the same:
/// one entry a network in the card's file `golden`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Golden {
    /// What goes in.
    pub inputs: Tensors,
    /// What came out where the model was made.
    pub outputs: Tensors,
    /// The largest difference allowed, in the outputs' unit.
    pub tolerance: f32,
}

/// A loaded model.
pub struct Model {
    /// What its card says.
    pub card: ModelCard,
    /// What computes it: the slowest provider of its networks.
    pub provider: Provider,
    networks: BTreeMap<String, Box<dyn Network>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({})", self.card.model)
    }
}

impl Model {
    /// Loads a model's networks (the card's files with outputs), each only when
    /// its digest is the card's, and checks each against its golden answer
    /// where the card has a file `golden`.
    ///
    /// # Errors
    /// [`InferError::ModelFile`], [`InferError::Card`],
    /// [`InferError::DigestDiffers`], [`InferError::Load`],
    /// [`InferError::Shape`], [`InferError::GoldenDiffers`].
    pub fn load(engine: &Engine, folder: &Path) -> Result<Self, InferError> {
        let card = ModelCard::read(folder)?;
        let mut networks: BTreeMap<String, Box<dyn Network>> = BTreeMap::new();
        let mut provider = engine.active();
        for file in card.files.iter().filter(|file| !file.outputs.is_empty()) {
            let bytes = card.read_file(folder, &file.name)?;
            let (session, on) = engine.session(&file.name, &bytes, file.sha256)?;
            if on != engine.active() {
                provider = on;
            }
            check_ports(file, &session)?;
            let network = Running {
                file: file.clone(),
                session: Mutex::new(session),
            };
            networks.insert(file.name.clone(), Box::new(network));
        }
        let model = Self {
            card,
            provider,
            networks,
        };
        if model.card.file("golden").is_some() {
            model.check_golden(&model.card.read_file(folder, "golden")?, folder)?;
        }
        tracing::info!(
            target: "bonebox::infer",
            model = %model.card.model, card = %model.card.digest, provider = model.provider.name(),
            "model loaded"
        );
        Ok(model)
    }

    /// A model of networks that are at hand: doubles in tests.
    #[must_use]
    pub fn of(card: ModelCard, networks: BTreeMap<String, Box<dyn Network>>) -> Self {
        Self {
            card,
            provider: Provider::Cpu,
            networks,
        }
    }

    /// Runs one of the networks.
    ///
    /// # Errors
    /// [`InferError::Load`] when the model has none of that name,
    /// [`InferError::Run`], [`InferError::Shape`].
    pub fn run(&self, network: &str, inputs: &Tensors) -> Result<Tensors, InferError> {
        let Some(found) = self.networks.get(network) else {
            return Err(InferError::Load {
                name: network.to_owned(),
                why: "the model has no such network".to_owned(),
            });
        };
        found.run(inputs)
    }

    fn check_golden(&self, bytes: &[u8], folder: &Path) -> Result<(), InferError> {
        let pairs: BTreeMap<String, Golden> =
            serde_json::from_slice(bytes).map_err(|error| InferError::Card {
                path: folder.join("card.json"),
                why: format!("its golden answers: {error}"),
            })?;
        for (name, golden) in &pairs {
            let outputs = self.run(name, &golden.inputs)?;
            for (output, expected) in &golden.outputs {
                let difference = outputs
                    .get(output)
                    .filter(|found| found.shape == expected.shape)
                    .map_or(f32::INFINITY, |found| farthest(&found.data, &expected.data));
                if difference.is_nan() || difference > golden.tolerance {
                    return Err(InferError::GoldenDiffers {
                        name: name.clone(),
                        output: output.clone(),
                        difference,
                        tolerance: golden.tolerance,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The largest difference between two equally long lists; NaN where either has one.
fn farthest(found: &[f32], expected: &[f32]) -> f32 {
    let pairs = found.iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |most, next| {
        if next.is_nan() || next > most {
            next
        } else {
            most
        }
    })
}

/// The network's ports must be those of the card.
fn check_ports(file: &CardFile, session: &Session) -> Result<(), InferError> {
    let sides = [
        (&file.inputs, session.inputs()),
        (&file.outputs, session.outputs()),
    ];
    for (ports, outlets) in sides {
        for port in ports {
            let shape = outlets
                .iter()
                .find(|outlet| outlet.name() == port.name)
                .and_then(|outlet| outlet.dtype().tensor_shape());
            let found: Vec<usize> = shape
                .map(|shape| {
                    shape
                        .iter()
                        .map(|side| usize::try_from(*side).unwrap_or(0))
                        .collect()
                })
                .unwrap_or_default();
            if found != port.shape {
                return Err(InferError::Shape {
                    port: format!("{} of {}", port.name, file.name),
                    expected: port.shape.clone(),
                    found,
                });
            }
        }
    }
    Ok(())
}

/// A network in the runtime.
struct Running {
    file: CardFile,
    session: Mutex<Session>,
}

impl Network for Running {
    fn run(&self, inputs: &Tensors) -> Result<Tensors, InferError> {
        let fault = |error: ort::Error| InferError::Run {
            name: self.file.name.clone(),
            why: one_line(&error.to_string()),
        };
        let mut values = Vec::new();
        for port in &self.file.inputs {
            let given = inputs.get(&port.name);
            let found = given.map(|tensor| tensor.shape.clone()).unwrap_or_default();
            let Some(tensor) = given.filter(|_| found == port.shape) else {
                return Err(InferError::Shape {
                    port: format!("{} of {}", port.name, self.file.name),
                    expected: port.shape.clone(),
                    found,
                });
            };
            let pair = (tensor.shape.as_slice(), tensor.data.as_slice());
            let value = TensorRef::from_array_view(pair).map_err(fault)?;
            values.push((port.name.as_str(), value));
        }
        let mut session = match self.session.lock() {
            Ok(session) => session,
            Err(poisoned) => poisoned.into_inner(),
        };
        let results = session.run(values).map_err(fault)?;
        let mut outputs = Tensors::new();
        for port in &self.file.outputs {
            let Some(value) = results.get(&port.name) else {
                continue;
            };
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(fault)?;
            let shape = shape
                .iter()
                .map(|side| usize::try_from(*side).unwrap_or(0))
                .collect();
            outputs.insert(port.name.clone(), Tensor::new(shape, data.to_vec())?);
        }
        Ok(outputs)
    }
}
