//! The worker's loop: one task in, one answer out. It decodes, draws,
//! reconstructs and writes results as files; it sees pseudonymous images only,
//! has no network and no key, and a cap on its memory. A crash here costs one
//! study.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

use super::chain;
use super::task::{Answer, Subject, Task, TaskKind};
use crate::analyze;
use crate::analyze::AnalyzeError;
use crate::analyze::Remedy;
use crate::analyze::WristModel;
use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::anatomy::Side;
use crate::config::InferenceSettings;
use crate::config::Provider as Wanted;
use crate::config::Settings;
use crate::infer::Engine;
use crate::infer::EngineSettings;
use crate::infer::InferError;
use crate::infer::Provider;
use crate::infer::Require;
use crate::names::Digest;
use crate::results;
use crate::results::ResultInput;
use crate::results::ResultsError;
use crate::results::Source;
use crate::study::AnalyzedEvidence;
use crate::study::Artefact;
use crate::study::ArtefactRole;
use crate::study::Outcome;
use crate::study::TroubleCode;

/// What ends the worker. A task that fails is answered, not this.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The line to the box broke.
    #[error("the line to the box")]
    Line(#[from] std::io::Error),
    /// A task is not in our words.
    #[error("reading a task")]
    Task(#[from] serde_json::Error),
    /// The cap on memory could not be set.
    #[error("setting the memory cap to {bytes} bytes")]
    Cap {
        /// The cap.
        bytes: u64,
        /// Why.
        source: rustix::io::Errno,
    },
}

/// Runs the worker until its line closes: over standard input and output as a
/// child, over the Unix socket of the settings as a unit.
///
/// # Errors
/// [`WorkerError`] where it cannot go on.
pub fn run(settings: &Settings, child: bool) -> Result<(), WorkerError> {
    cap_memory(settings.processes.worker_memory_bytes)?;
    let mut bench = Bench {
        settings: settings.inference.clone(),
        model: None,
    };
    if child {
        return serve(
            &mut bench,
            std::io::stdin().lock(),
            std::io::stdout().lock(),
        );
    }
    let listener = listen(&settings.processes.worker_socket)?;
    loop {
        let (stream, _) = listener.accept()?;
        let reader = BufReader::new(stream.try_clone()?);
        if let Err(error) = serve(&mut bench, reader, stream) {
            tracing::warn!(error = %chain(&error), "a line to the box broke");
        }
    }
}

/// Starts the model's runtime once and says which provider runs.
///
/// # Errors
/// Why none does, for a person.
pub fn probe(settings: &Settings) -> Result<String, String> {
    let mut bench = Bench {
        settings: settings.inference.clone(),
        model: None,
    };
    match bench.ready() {
        Ok(model) => Ok(model.provider().to_owned()),
        Err(error) => Err(chain(&error)),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a socket's name of an ended worker"
)]
fn listen(path: &Path) -> Result<UnixListener, std::io::Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

fn cap_memory(bytes: u64) -> Result<(), WorkerError> {
    let cap = rustix::process::Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    rustix::process::setrlimit(rustix::process::Resource::As, cap)
        .map_err(|source| WorkerError::Cap { bytes, source })
}

fn serve(
    bench: &mut Bench,
    reader: impl BufRead,
    mut writer: impl Write,
) -> Result<(), WorkerError> {
    for line in reader.lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let answer = bench.perform(&task);
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        writer.write_all(&line)?;
        writer.flush()?;
    }
    Ok(())
}

/// The worker's tools: the model is loaded once, at its first use.
struct Bench {
    settings: InferenceSettings,
    model: Option<WristModel>,
}

/// What a task could not do.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error("loading the model")]
    Load(#[source] InferError),
    #[error("analysis")]
    Analyze(#[from] AnalyzeError),
    #[error("writing the results")]
    Results(#[from] ResultsError),
    #[error("a result's file {name}")]
    File {
        name: String,
        source: std::io::Error,
    },
    #[error("reading reconstruction.json")]
    Places(#[from] serde_json::Error),
}

/// What of `reconstruction.json` the report repeats.
#[derive(serde::Deserialize)]
struct Places {
    landmarks: std::collections::BTreeMap<Landmark, [f64; 3]>,
}

impl Bench {
    fn perform(&mut self, task: &Task) -> Answer {
        let done = match &task.kind {
            TaskKind::Preview => analyze::previews(&task.images, &task.out)
                .map(|artefacts| Answer::Previewed { artefacts })
                .map_err(TaskError::from),
            TaskKind::Analyze(subject) => self
                .analyze(task, subject)
                .map(|evidence| Answer::Analyzed { evidence }),
            TaskKind::Probe => self.ready().map(|model| Answer::Ready {
                provider: model.provider().to_owned(),
                model: model.stamp(),
            }),
        };
        done.unwrap_or_else(|error| Answer::Held {
            code: code(&error),
            detail: chain(&error),
        })
    }

    /// The model, loaded at its first use; tried again at the next if it fails.
    fn ready(&mut self) -> Result<&WristModel, TaskError> {
        let model = match self.model.take() {
            Some(model) => model,
            None => {
                let engine =
                    Engine::start(engine_settings(&self.settings)).map_err(TaskError::Load)?;
                WristModel::load(&engine, &self.settings.models.join("wrist-tl"))?
            }
        };
        Ok(self.model.insert(model))
    }

    fn analyze(&mut self, task: &Task, subject: &Subject) -> Result<AnalyzedEvidence, TaskError> {
        let model = self.ready()?;
        let mut evidence = analyze::reconstruct(&task.images, model, &task.out)?;
        let started = Instant::now();
        evidence
            .artefacts
            .extend(result_objects(task, subject, &evidence)?);
        let passed = started.elapsed().as_secs_f64() * 1000.0;
        evidence.parts_ms.push(("results".into(), passed));
        Ok(evidence)
    }
}

/// Writes the DICOM result objects of a reconstruction; none for a refusal.
fn result_objects(
    task: &Task,
    subject: &Subject,
    evidence: &AnalyzedEvidence,
) -> Result<Vec<Artefact>, TaskError> {
    let Outcome::Reconstructed {
        side,
        figures,
        model,
        ..
    } = &evidence.outcome
    else {
        return Ok(Vec::new());
    };
    let read = |name: &str| {
        std::fs::read(task.out.join(name)).map_err(|source| TaskError::File {
            name: name.to_owned(),
            source,
        })
    };
    let bones = [
        (Bone::Radius, read("radius.stl")?),
        (Bone::Ulna, read("ulna.stl")?),
    ];
    let places: Places = serde_json::from_slice(&read("reconstruction.json")?)?;
    let landmarks: Vec<(Landmark, [f64; 3])> = places.landmarks.into_iter().collect();
    let side = if *side == 'L' {
        Side::Left
    } else {
        Side::Right
    };
    let sources: Vec<Source> = subject
        .images
        .iter()
        .map(|image| Source {
            sop_class: image.sop_class.clone(),
            sop_instance: image.instance.clone(),
            series: image.series.clone(),
        })
        .collect();
    let objects = results::write(&ResultInput {
        pseudonym: &subject.pseudonym,
        study_uid: &subject.study_uid,
        generation: task.study.generation,
        device: &subject.serial,
        side,
        bones: &bones,
        figures,
        landmarks: &landmarks,
        sources: &sources,
        model,
        at: subject.at,
    })?;
    objects
        .into_iter()
        .map(|object| {
            std::fs::write(task.out.join(&object.name), &object.bytes).map_err(|source| {
                TaskError::File {
                    name: object.name.clone(),
                    source,
                }
            })?;
            Ok(Artefact {
                role: ArtefactRole::ResultObject,
                digest: Digest::of(&object.bytes),
                size: u64::try_from(object.bytes.len()).unwrap_or(u64::MAX),
                media_type: "application/dicom".into(),
                sop: Some((object.sop_class.into(), object.sop_instance.into())),
                name: object.name,
            })
        })
        .collect()
}

fn engine_settings(settings: &InferenceSettings) -> EngineSettings {
    EngineSettings {
        library: settings.onnxruntime_lib.clone(),
        allowed_digests: settings.allowed_libraries.clone(),
        providers: settings
            .providers
            .iter()
            .map(|wanted| match wanted {
                Wanted::TensorRt => Provider::TensorRt,
                Wanted::Cuda => Provider::Cuda,
                Wanted::Cpu => Provider::Cpu,
            })
            .collect(),
        require: match settings.require {
            Some(Wanted::TensorRt) => Require::TensorRt,
            Some(Wanted::Cuda) => Require::Cuda,
            Some(Wanted::Cpu) | None => Require::Any,
        },
        threads: settings.threads,
        engine_cache: None,
    }
}

/// Which trouble an error of a task is.
fn code(error: &TaskError) -> TroubleCode {
    match error {
        TaskError::Load(_) => TroubleCode::ModelUnavailable,
        TaskError::Analyze(error) => match error.remedy() {
            Remedy::HoldForModel => TroubleCode::ModelUnavailable,
            Remedy::Retry => TroubleCode::AnalyzeFailed,
        },
        TaskError::Results(_) | TaskError::File { .. } | TaskError::Places(_) => {
            TroubleCode::AnalyzeFailed
        }
    }
}
