//! The runtime, started once a process, and what computes in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::InferError;
use super::provider::{Attempt, Provider, Require, one_line, register, tensorrt_options};
use crate::names::Digest;

/// A network of one addition, for warming up a provider: x + (1, 2, 3, 4).
const PROBE: &[u8] = include_bytes!("probe.onnx");

/// How the runtime is started.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The ONNX Runtime library.
    pub library: PathBuf,
    /// The digests that it may have. Empty: any, with a warning.
    pub allowed_digests: Vec<Digest>,
    /// What shall compute, most wanted first.
    pub providers: Vec<Provider>,
    /// What must compute.
    pub require: Require,
    /// Threads within one operation. Fixed, so that sums keep their order.
    pub threads: usize,
    /// Where TensorRT keeps the engines that it builds.
    pub engine_cache: Option<PathBuf>,
}

impl EngineSettings {
    /// The shipped settings for a library: every provider tried, any accepted,
    /// two threads.
    #[must_use]
    pub fn with_library(library: PathBuf, allowed_digests: Vec<Digest>) -> Self {
        Self {
            library,
            allowed_digests,
            providers: vec![Provider::TensorRt, Provider::Cuda, Provider::Cpu],
            require: Require::Any,
            threads: 2,
            engine_cache: None,
        }
    }
}

/// The library that this process has loaded. The runtime allows one environment
/// a process, for good.
static LOADED: Mutex<Option<(Digest, Environment)>> = Mutex::new(None);

/// The started runtime.
pub struct Engine {
    environment: Environment,
    settings: EngineSettings,
    library: Digest,
    attempts: Vec<Attempt>,
    active: Provider,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({})", self.active.name())
    }
}

impl Engine {
    /// Checks the library, loads it, and finds the first provider that
    /// registers and warms up. One log line a provider: wanted, got, reason.
    ///
    /// # Errors
    /// [`InferError::Library`], [`InferError::LibraryUnlisted`],
    /// [`InferError::LibraryLoad`], [`InferError::LibraryChanged`],
    /// [`InferError::Provider`].
    pub fn start(settings: EngineSettings) -> Result<Self, InferError> {
        let library = check_library(&settings)?;
        let environment = load(&settings.library, library)?;
        let mut engine = Self {
            environment,
            settings,
            library,
            attempts: Vec::new(),
            active: Provider::Cpu,
        };
        engine.find_provider()?;
        Ok(engine)
    }

    /// What computes: it was registered, and a warm-up ran on it.
    #[must_use]
    pub fn active(&self) -> Provider {
        self.active
    }

    /// What became of each provider that was tried.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The digest of the loaded library.
    #[must_use]
    pub fn library(&self) -> Digest {
        self.library
    }

    /// The runtime's own description of its build: version, commit.
    #[must_use]
    pub fn build(&self) -> String {
        one_line(ort::info())
    }

    fn find_provider(&mut self) -> Result<(), InferError> {
        let providers = self.settings.providers.clone();
        for wanted in providers {
            let accepted = self.settings.require.accepts(wanted);
            let refused = if accepted {
                self.probe(wanted).err()
            } else {
                Some("the settings require a faster one".to_owned())
            };
            tracing::info!(
                target: "bonebox::infer",
                wanted = wanted.name(),
                got = refused.is_none(),
                reason = refused.as_deref().unwrap_or("registered and warmed up"),
                library = %self.library,
                "inference provider"
            );
            let found = refused.is_none();
            self.attempts.push(Attempt { wanted, refused });
            if found {
                self.active = wanted;
                return Ok(());
            }
        }
        let reasons = self.attempts.iter().map(|attempt| {
            let why = attempt.refused.as_deref().unwrap_or_default();
            format!("{}: {why}", attempt.wanted.name())
        });
        Err(InferError::Provider {
            why: reasons.collect::<Vec<_>>().join("; "),
        })
    }

    /// Registers a provider and runs the probe on it.
    fn probe(&self, provider: Provider) -> Result<(), String> {
        let mut session = self.session_on(provider, PROBE, Digest::of(PROBE))?;
        let shape = [1_i64, 4];
        let zeros = [0.0_f32; 4];
        let input = TensorRef::from_array_view((shape, zeros.as_slice()))
            .map_err(|error| one_line(&error.to_string()))?;
        let outputs = session
            .run(ort::inputs!["x" => input])
            .map_err(|error| one_line(&error.to_string()))?;
        let sum = outputs
            .get("y")
            .map(ort::value::DynValue::try_extract_tensor::<f32>);
        match sum {
            Some(Ok((_, values))) if values == [1.0, 2.0, 3.0, 4.0] => Ok(()),
            _ => Err("the warm-up gave a wrong answer".to_owned()),
        }
    }

    /// A session on the active provider; where a model does not load there, on
    /// the next one that the settings accept, with a log line.
    pub(super) fn session(
        &self,
        name: &str,
        model: &[u8],
        digest: Digest,
    ) -> Result<(Session, Provider), InferError> {
        let from_active = self.settings.providers.iter().copied();
        let mut reasons = Vec::new();
        for provider in from_active.skip_while(|provider| *provider != self.active) {
            if !self.settings.require.accepts(provider) {
                continue;
            }
            match self.session_on(provider, model, digest) {
                Ok(session) => return Ok((session, provider)),
                Err(reason) => {
                    tracing::warn!(
                        target: "bonebox::infer",
                        wanted = provider.name(), got = false, reason, network = name,
                        "inference provider"
                    );
                    reasons.push(format!("{}: {reason}", provider.name()));
                }
            }
        }
        Err(InferError::Load {
            name: name.to_owned(),
            why: reasons.join("; "),
        })
    }

    fn session_on(
        &self,
        provider: Provider,
        model: &[u8],
        digest: Digest,
    ) -> Result<Session, String> {
        let say = |error: ort::Error| one_line(&error.to_string());
        let give_up = |error: ort::Error<SessionBuilder>| one_line(&error.to_string());
        let mut builder = Session::builder(&self.environment)
            .map_err(say)?
            .with_intra_threads(self.settings.threads.max(1))
            .map_err(give_up)?
            .with_inter_threads(1)
            .map_err(give_up)?
            .with_parallel_execution(false)
            .map_err(give_up)?
            .with_intra_op_spinning(false)
            .map_err(give_up)?
            .with_deterministic_compute(true)
            .map_err(give_up)?
            .with_optimization_level(GraphOptimizationLevel::Level3)
            .map_err(give_up)?;
        if self.settings.require != Require::Any {
            // A node that quietly runs on the processor breaks the requirement.
            builder = builder.with_disable_cpu_fallback().map_err(give_up)?;
        }
        let cache = self.settings.engine_cache.as_deref();
        let options = tensorrt_options(cache, digest, self.library);
        register(provider, options, &mut builder)?;
        builder.commit_from_memory(model).map_err(say)
    }
}

/// The library's digest, when the settings allow it.
fn check_library(settings: &EngineSettings) -> Result<Digest, InferError> {
    let path = settings.library.clone();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(InferError::Library { path, source }),
    };
    let found = Digest::of(&bytes);
    if settings.allowed_digests.is_empty() {
        tracing::warn!(
            target: "bonebox::infer",
            library = %found,
            "any ONNX Runtime library is accepted: inference.allowed_digests is empty"
        );
    } else if !settings.allowed_digests.contains(&found) {
        return Err(InferError::LibraryUnlisted { path, found });
    }
    Ok(found)
}

/// Loads the library, once a process.
fn load(path: &Path, digest: Digest) -> Result<Environment, InferError> {
    let mut loaded = match LOADED.lock() {
        Ok(loaded) => loaded,
        Err(poisoned) => poisoned.into_inner(),
    };
    if let Some((before, environment)) = loaded.as_ref() {
        if *before == digest {
            return Ok(environment.clone());
        }
        return Err(InferError::LibraryChanged { loaded: *before });
    }
    let fault = |why: &str| InferError::LibraryLoad {
        path: path.to_owned(),
        why: one_line(why),
    };
    // Before any other call of the binding: without a library those panic.
    let environment = ort::init_from(path)
        .map_err(|error| fault(&error.to_string()))?
        .with_name("bonebox")
        .with_telemetry(false)
        .build()
        .map_err(|error| fault(&error.to_string()))?;
    *loaded = Some((digest, environment.clone()));
    Ok(environment)
}
