//! The analysis step: the worker draws previews and reconstructs; its files are
//! kept, its evidence committed.

use std::path::{Path, PathBuf};

use super::hand::Hand;
use super::task::{Answer, Subject, Task, TaskKind};
use super::{HandError, Pipeline, PipelineError, Running, chain};
use crate::audit::Event;
use crate::clock::Moment;
use crate::store::StoreError;
use crate::study::Analyzed;
use crate::study::AnalyzedEvidence;
use crate::study::Deidentified;
use crate::study::DeidentifiedEvidence;
use crate::study::Outcome;
use crate::study::PseudonymousImage;
use crate::study::StudyId;
use crate::study::TroubleCode;

impl Pipeline {
    /// Previews, then reconstruction, of every de-identified study.
    pub(super) async fn analyze_ready(&self) -> Result<(), PipelineError> {
        for study in self.ready::<Deidentified>().await? {
            let id = study.id().clone();
            let timing = self.timing(&id).await?;
            let images = self.images(&id).await?;
            if let Err(held) = self.draw_previews(&id, &images.0).await? {
                self.hold_up(&id, held.0, &held.1).await?;
                continue;
            }
            match self.analyze(&id, images).await? {
                Ok(evidence) => {
                    let store = self.parts.store.clone();
                    let event = Event::StudyAnalyzed {
                        refused: refusals(&evidence),
                    };
                    self.blocking(move || {
                        store.advance::<Deidentified, Analyzed>(
                            study,
                            &evidence,
                            timing,
                            vec![event],
                        )?;
                        Ok(())
                    })
                    .await?;
                }
                Err((code, detail)) => self.hold_up(&id, code, &detail).await?,
            }
        }
        Ok(())
    }

    async fn draw_previews(
        &self,
        id: &StudyId,
        images: &[PathBuf],
    ) -> Result<Result<(), Held>, PipelineError> {
        let (store, of) = (self.parts.store.clone(), id.clone());
        let detail = self.blocking(move || Ok(store.study(&of)?)).await?;
        if detail.is_some_and(|detail| !detail.artefacts.is_empty()) {
            return Ok(Ok(()));
        }
        let out = self.work_folder(id, "preview")?;
        let answer = self
            .ask(id, TaskKind::Preview, images.to_vec(), out.clone())
            .await;
        let done = match answer {
            Ok(Answer::Previewed { artefacts }) => {
                let (store, id) = (self.parts.store.clone(), id.clone());
                let out = out.clone();
                self.blocking(move || {
                    for artefact in &artefacts {
                        store.keep(&out.join(&artefact.name), artefact.digest)?;
                    }
                    Ok(store.attach(&id, artefacts)?)
                })
                .await?;
                Ok(())
            }
            other => Err(held(other)),
        };
        remove_folder(&out);
        Ok(done)
    }

    async fn analyze(
        &self,
        id: &StudyId,
        images: (Vec<PathBuf>, Vec<PseudonymousImage>),
    ) -> Result<Result<AnalyzedEvidence, Held>, PipelineError> {
        let (store, of) = (self.parts.store.clone(), id.clone());
        let (person, opened) = self
            .blocking(move || {
                let unknown = || StoreError::Unknown { study: of.clone() };
                let person = store.evidence::<Deidentified>(&of)?.ok_or_else(unknown)?;
                let opened = store.study(&of)?.ok_or_else(unknown)?.row.opened;
                Ok((person, opened))
            })
            .await?;
        let kind = TaskKind::Analyze(Subject {
            at: self.shifted(&person, opened),
            pseudonym: person.pseudonym,
            study_uid: person.study_uid,
            serial: self.parts.identity.serial(),
            images: images.1,
        });
        let out = self.work_folder(id, "analyze")?;
        let answer = self.ask(id, kind, images.0, out.clone()).await;
        let done = match answer {
            Ok(Answer::Analyzed { evidence }) => {
                let store = self.parts.store.clone();
                let files = out.clone();
                let evidence = self
                    .blocking(move || {
                        for artefact in &evidence.artefacts {
                            store.keep(&files.join(&artefact.name), artefact.digest)?;
                        }
                        Ok(evidence)
                    })
                    .await?;
                Ok(evidence)
            }
            other => Err(held(other)),
        };
        remove_folder(&out);
        Ok(done)
    }

    /// The study's own moment, shifted like its dates: no true date leaves, and
    /// a second run writes the same bytes.
    fn shifted(&self, person: &DeidentifiedEvidence, opened: Moment) -> Moment {
        let version = self.parts.settings.key_version(&person.project);
        let key = self.parts.identity.pseudonym_key(&person.project, version);
        let days = i64::from(key.date_shift_days(&person.pseudonym));
        Moment::from_micros(
            opened
                .micros()
                .saturating_add(days.saturating_mul(86_400_000_000)),
        )
    }

    async fn ask(
        &self,
        id: &StudyId,
        kind: TaskKind,
        images: Vec<PathBuf>,
        out: PathBuf,
    ) -> Result<Answer, HandError> {
        let task = Task {
            study: id.clone(),
            kind,
            images,
            out,
        };
        let mut hand = self.hand.lock().await;
        let answer = hand.ask(&task).await;
        self.note_worker(&hand, &answer);
        drop(hand);
        self.note_inference(&answer);
        answer
    }

    fn note_worker(&self, hand: &Hand, answer: &Result<Answer, HandError>) {
        let Ok(mut worker) = self.worker.lock() else {
            return;
        };
        *worker = match (answer, &*worker) {
            (Err(error), _) => Running::No { why: chain(error) },
            (Ok(_), Running::Yes { process, since }) if *process == hand.process() => {
                Running::Yes {
                    process: *process,
                    since: *since,
                }
            }
            (Ok(_), _) => Running::Yes {
                process: hand.process(),
                since: self.parts.clock.now(),
            },
        };
    }

    /// Learns from an answer whether the model runs.
    fn note_inference(&self, answer: &Result<Answer, HandError>) {
        let known = match answer {
            Ok(Answer::Ready { provider, model }) => Some(Ok((provider.clone(), model.clone()))),
            Ok(Answer::Analyzed { evidence }) => match &evidence.outcome {
                Outcome::Reconstructed {
                    provider, model, ..
                } => Some(Ok((provider.clone(), model.clone()))),
                Outcome::Refused { .. } => None,
            },
            Ok(Answer::Held {
                code: TroubleCode::ModelUnavailable,
                detail,
            }) => Some(Err(detail.clone())),
            Ok(Answer::Held { .. } | Answer::Previewed { .. }) => None,
            Err(error) => Some(Err(chain(error))),
        };
        if let (Some(known), Ok(mut inference)) = (known, self.inference.lock()) {
            *inference = Some(known);
        }
    }

    /// Asks the worker once at start which provider runs the model; the node
    /// alone has no use for it.
    pub(super) async fn probe_unless_alone(&self) {
        if !self.parts.settings.receive_only {
            self.probe().await;
        }
    }

    async fn probe(&self) {
        let id = StudyId {
            key: self.parts.identity.study_key("probe"),
            generation: 1,
        };
        match self
            .ask(&id, TaskKind::Probe, Vec::new(), PathBuf::new())
            .await
        {
            Ok(Answer::Ready { provider, .. }) => tracing::info!(%provider, "inference is ready"),
            other => {
                let (code, detail) = held(other);
                tracing::error!(code = code.as_str(), %detail, "inference is disabled");
            }
        }
    }

    /// The pseudonymous images of all generations up to this one.
    async fn images(
        &self,
        id: &StudyId,
    ) -> Result<(Vec<PathBuf>, Vec<PseudonymousImage>), PipelineError> {
        let (store, root, id) = (
            self.parts.store.clone(),
            self.parts.settings.storage.data.join("pseudonymous"),
            id.clone(),
        );
        self.blocking(move || {
            let (mut paths, mut images) = (Vec::new(), Vec::new());
            for generation in 1..=id.generation {
                let of = StudyId {
                    key: id.key.clone(),
                    generation,
                };
                let folder = root.join(id.key.as_str()).join(generation.to_string());
                if let Some(evidence) = store.evidence::<Deidentified>(&of)? {
                    paths.extend(evidence.files.iter().map(|file| folder.join(&file.name)));
                    images.extend(evidence.images);
                }
            }
            Ok((paths, images))
        })
        .await
    }
    /// An empty folder for a task's files.
    fn work_folder(&self, id: &StudyId, task: &str) -> Result<PathBuf, PipelineError> {
        let path = self
            .parts
            .settings
            .storage
            .data
            .join("work")
            .join(format!("{id}-{task}"));
        remove_folder(&path);
        std::fs::create_dir_all(&path).map_err(|source| PipelineError::Folder {
            attempt: "making the folder",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    pub(super) fn empty_work_folder(&self) -> Result<(), PipelineError> {
        let path = self.parts.settings.storage.data.join("work");
        remove_folder(&path);
        std::fs::create_dir_all(&path).map_err(|source| PipelineError::Folder {
            attempt: "making the folder",
            path,
            source,
        })
    }
}

/// Empties a work folder; what stays is overwritten or deleted at start.
#[allow(
    clippy::disallowed_methods,
    reason = "work folders hold nothing that has a row"
)]
fn remove_folder(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(room = "pipeline", %error, "a work folder could not be emptied");
    }
}

type Held = (TroubleCode, String);

/// What keeps a study where it is, from an answer that is not the hoped-for.
fn held(answer: Result<Answer, HandError>) -> Held {
    match answer {
        Ok(Answer::Held { code, detail }) => (code, detail),
        Ok(Answer::Previewed { .. } | Answer::Analyzed { .. } | Answer::Ready { .. }) => (
            TroubleCode::AnalyzeFailed,
            "the worker answered another question".into(),
        ),
        Err(error @ HandError::Unreachable(_)) => (TroubleCode::WorkerUnavailable, chain(&error)),
        Err(error) => (TroubleCode::WorkerCrashed, chain(&error)),
    }
}

fn refusals(evidence: &AnalyzedEvidence) -> Vec<String> {
    match &evidence.outcome {
        Outcome::Reconstructed { .. } => Vec::new(),
        Outcome::Refused { reasons } => reasons.iter().map(|reason| reason.code.clone()).collect(),
    }
}
