//! Owns the model runtime: ONNX Runtime, loaded from a file whose digest is
//! known, and models, loaded from folders whose files have the digests that
//! their card states. Knows no anatomy.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::names::Digest;

mod card;
mod engine;
mod model;
mod provider;

pub use card::{CardFile, ModelCard, Port};
pub use engine::{Engine, EngineSettings};
pub use model::{Golden, Model};
pub use provider::{Attempt, Provider, Require};

/// Numbers of a shape, row-major, the last index fastest.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tensor {
    /// Length along each axis.
    pub shape: Vec<usize>,
    /// As many numbers as the shape's product.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Numbers with their shape.
    ///
    /// # Errors
    /// [`InferError::Shape`] when their count is not the shape's product.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, InferError> {
        if shape.iter().product::<usize>() == data.len() {
            return Ok(Self { shape, data });
        }
        Err(InferError::Shape {
            port: "tensor".to_owned(),
            expected: vec![data.len()],
            found: shape,
        })
    }
}

/// Named tensors: what goes into a network and what comes out.
pub type Tensors = BTreeMap<String, Tensor>;

/// Something that maps named tensors to named tensors, the same each time: a
/// session of the runtime, or a double in a test.
pub trait Network: Send + Sync {
    /// Runs it.
    ///
    /// # Errors
    /// [`InferError::Run`], [`InferError::Shape`].
    fn run(&self, inputs: &Tensors) -> Result<Tensors, InferError>;
}

/// What stands between an image and a model's answer. Paths named here are the
/// box's own: library and model folder.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The runtime's library is not there or cannot be read. Studies are held;
    /// set-up or the administrator brings it.
    #[error("reading the ONNX Runtime library {path}")]
    Library {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The library's digest is not on the list in the settings: it is never
    /// opened. Studies are held.
    #[error(
        "the ONNX Runtime library {path} has SHA-256 {found}, which the settings do not allow \
         (inference.allowed_digests)"
    )]
    LibraryUnlisted {
        /// Which file.
        path: PathBuf,
        /// Its digest.
        found: Digest,
    },
    /// The library does not load on this machine, or is no ONNX Runtime of a
    /// version that this box can use.
    #[error("loading the ONNX Runtime library {path}: {why}")]
    LibraryLoad {
        /// Which file.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// Another library is loaded in this process already.
    #[error("another ONNX Runtime library (SHA-256 {loaded}) is loaded in this process")]
    LibraryChanged {
        /// The digest of the one that is loaded.
        loaded: Digest,
    },
    /// No provider works, or none that the settings require. Studies are held.
    #[error("no inference provider that the settings accept works: {why}")]
    Provider {
        /// Each one tried and its reason.
        why: String,
    },
    /// A file of the model is not there or cannot be read. Studies are held.
    #[error("reading the model's file {path}")]
    ModelFile {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A model's card cannot be understood. Studies are held.
    #[error("the model card {path} is not valid: {why}")]
    Card {
        /// Which card.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the model is not the one that its card names. It is never
    /// used. Studies are held.
    #[error("the model's file {path} has SHA-256 {found}, its card says {expected}")]
    DigestDiffers {
        /// Which file.
        path: PathBuf,
        /// What the card says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
    /// The runtime does not take a model's file.
    #[error("loading the network {name}: {why}")]
    Load {
        /// Which network of the model.
        name: String,
        /// What the runtime said.
        why: String,
    },
    /// The model does not give the answer stored with it. Studies are held.
    #[error(
        "the network {name} gives {output} off its golden answer by {difference} ({tolerance} allowed)"
    )]
    GoldenDiffers {
        /// Which network.
        name: String,
        /// Which output.
        output: String,
        /// By how much at most.
        difference: f32,
        /// How much is allowed.
        tolerance: f32,
    },
    /// A tensor has another shape than was agreed.
    #[error("{port} has shape {found:?}, {expected:?} was expected")]
    Shape {
        /// Which tensor.
        port: String,
        /// What was agreed.
        expected: Vec<usize>,
        /// What it is.
        found: Vec<usize>,
    },
    /// A run failed. The step is tried again.
    #[error("running the network {name}: {why}")]
    Run {
        /// Which network.
        name: String,
        /// What the runtime said.
        why: String,
    },
}

/// What the box does after an error of this room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again later.
    Retry,
    /// Keep the study until someone has put the installation right.
    Hold,
}

impl InferError {
    /// What the box does next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Run { .. } => Remedy::Retry,
            Self::Library { .. }
            | Self::LibraryUnlisted { .. }
            | Self::LibraryLoad { .. }
            | Self::LibraryChanged { .. }
            | Self::Provider { .. }
            | Self::ModelFile { .. }
            | Self::Card { .. }
            | Self::DigestDiffers { .. }
            | Self::Load { .. }
            | Self::GoldenDiffers { .. }
            | Self::Shape { .. } => Remedy::Hold,
        }
    }
}
