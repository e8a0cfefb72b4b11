//! The steps as the pipeline runs them: what is ready, what is committed, what
//! is held up.

use std::sync::Arc;

use super::close::{Closing, closing};
use super::troubles::next_try;
use super::{Pipeline, PipelineError, TICK, apart, chain};
use crate::audit::Event;
use crate::config::ProjectSettings;
use crate::deidentify::DeidentifyError;
use crate::deidentify::Input;
use crate::deidentify::Judged;
use crate::deidentify::Profile;
use crate::deidentify::Report;
use crate::deidentify::choose_project;
use crate::deidentify::deidentify_study;
use crate::names::LegalBasis;
use crate::receive::settle_left;
use crate::store::Timing;
use crate::study::Deidentified;
use crate::study::DeidentifiedEvidence;
use crate::study::Quarantined;
use crate::study::Received;
use crate::study::Spooled;
use crate::study::Step;
use crate::study::Study;
use crate::study::StudyId;
use crate::study::TroubleCode;

/// What recovery at start found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Files that had arrived in part: deleted.
    pub unfinished: usize,
    /// Acknowledged instances that had no row yet.
    pub settled: usize,
    /// Identified files that no row needs.
    pub not_needed: usize,
    /// Identified files that are kept.
    pub kept: usize,
}

impl Pipeline {
    /// Settles what a crash or a power cut left.
    ///
    /// # Errors
    /// [`PipelineError`] if files or rows cannot be read.
    pub async fn recover(&self) -> Result<RecoveryReport, PipelineError> {
        let (spool, store) = (self.parts.spool.clone(), self.parts.store.clone());
        let identity = Arc::clone(&self.parts.identity);
        let dicom = self.parts.settings.dicom.clone();
        self.empty_work_folder()?;
        let recovered = tokio::task::spawn_blocking(move || {
            store.revive()?;
            let (settled, unfinished) = settle_left(&spool, &store, &identity, &dicom)?;
            // A file is deleted only where the rows say for sure that nothing
            // needs it.
            let recovered = spool.recover(|file| store.needs_file(file).unwrap_or(true))?;
            Ok::<_, PipelineError>(RecoveryReport {
                unfinished,
                settled,
                not_needed: recovered.without_row,
                kept: recovered.kept,
            })
        })
        .await??;
        Ok(recovered)
    }

    /// Closes the lists that are complete or quiet.
    pub(super) async fn close_ready(&self) -> Result<(), PipelineError> {
        if self.parts.settings.receive_only {
            return Ok(());
        }
        // While an association sends, every instance rings the bell; then its
        // study is looked at by the clock only: a CT has some hundred rows.
        let all = self.looked.lock().is_ok_and(|mut looked| {
            let due = looked.is_none_or(|at| at.elapsed() >= TICK);
            if due {
                *looked = Some(std::time::Instant::now());
            }
            due
        });
        let store = self.parts.store.clone();
        for study in self
            .blocking(move || Ok(store.all_in::<Received>()?))
            .await?
        {
            let sending = self
                .sending
                .lock()
                .is_ok_and(|sending| sending.contains_key(&study.id().key));
            if sending && !all {
                continue;
            }
            let (store, id) = (self.parts.store.clone(), study.id().clone());
            let Some(detail) = self.blocking(move || Ok(store.study(&id)?)).await? else {
                continue;
            };
            let images: Vec<_> = detail
                .instances
                .into_iter()
                .map(|row| (row.instance, row.facts))
                .collect();
            let quiet = self.parts.settings.dicom.quiet_period;
            let now = self.parts.clock.now();
            match closing(&images, detail.row.last_image, sending, quiet, now) {
                Closing::Now(because) => {
                    let timing = Timing {
                        started: detail.row.opened,
                        attempt: 1,
                    };
                    let store = self.parts.store.clone();
                    self.blocking(move || Ok(store.close(study, because, timing)?))
                        .await?;
                }
                // The tick is finer than any quiet period.
                Closing::At(_) => {}
            }
        }
        Ok(())
    }

    /// Takes the person out of every closed study.
    pub(super) async fn deidentify_ready(&self) -> Result<(), PipelineError> {
        for study in self.ready::<Spooled>().await? {
            let id = study.id().clone();
            let timing = self.timing(&id).await?;
            let done = self.take_person_out(&id).await?;
            match done {
                Ok((report, basis)) => match report.evidence(basis) {
                    Some(evidence) => self.commit_deidentified(study, evidence, timing).await?,
                    None => {
                        self.hold_apart(&id, report.quarantined.clone()).await?;
                        let detail = reasons(&report.quarantined);
                        let all =
                            |code: &str| report.quarantined.iter().all(|one| one.code == code);
                        let code = if all(apart::CANNOT_DECODE) {
                            TroubleCode::CannotDecode
                        } else {
                            TroubleCode::Quarantined
                        };
                        self.hold_up(&id, code, &detail).await?;
                    }
                },
                Err(DeidentifyError::Quarantine(reason)) => {
                    self.hold_all_apart(&id, reason).await?;
                    self.hold_up(&id, TroubleCode::Quarantined, reason.code())
                        .await?;
                }
                Err(error) => {
                    self.hold_up(&id, TroubleCode::DeidentifyFailed, &chain(&error))
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn take_person_out(
        &self,
        id: &StudyId,
    ) -> Result<Result<(Report, LegalBasis), DeidentifyError>, PipelineError> {
        let (spool, store, id) = (
            self.parts.spool.clone(),
            self.parts.store.clone(),
            id.clone(),
        );
        let (settings, identity) = (self.parts.settings.clone(), self.parts.identity.clone());
        let vault = self.parts.vault.clone();
        self.blocking(move || {
            let mut rows = store.instances(&id)?;
            rows.retain(|row| !row.dropped);
            let (rows, mut kept) = apart::apart(rows, &store.conflicts(&id)?);
            let inputs: Vec<Input> = rows
                .iter()
                .map(|row| Input {
                    instance: row.instance.clone(),
                    path: spool.path(&row.file),
                    judged: if row.released {
                        Judged::ByPerson
                    } else {
                        Judged::ByRule
                    },
                })
                .collect();
            let detail = store.study(&id)?;
            let source = detail.map(|detail| detail.row.source).unwrap_or_default();
            let project = match choose_project(&inputs, &source, &settings) {
                Ok(project) => project,
                Err(error) => return Ok(Err(error)),
            };
            let key = identity.pseudonym_key(&project.name, project.key_version);
            let out = spool.begin_pseudonymous(&id)?;
            let report = deidentify_study(&inputs, &out, &profile(project), &key, &vault);
            if report.is_ok() {
                spool.finish_pseudonymous(&id)?;
            }
            Ok(report.map(|mut report| {
                report.quarantined.append(&mut kept);
                (report, project.basis)
            }))
        })
        .await
    }

    async fn commit_deidentified(
        &self,
        study: Study<Spooled>,
        evidence: DeidentifiedEvidence,
        timing: Timing,
    ) -> Result<(), PipelineError> {
        let (spool, store) = (self.parts.spool.clone(), self.parts.store.clone());
        let id = study.id().clone();
        let (of, quarantined) = (id.clone(), evidence.quarantined.clone());
        self.blocking(move || {
            let event = Event::StudyDeidentified {
                edition: evidence.edition.clone(),
                quarantined: u32::try_from(evidence.quarantined.len()).unwrap_or(u32::MAX),
            };
            store.advance::<Spooled, Deidentified>(study, &evidence, timing, vec![event])?;
            // The row first, then the identified files: what a power cut
            // leaves between the two is deleted at start.
            let mut gone = Vec::new();
            for row in store.instances(&id)? {
                if !store.needs_file(&row.file)? {
                    gone.push(row.file);
                }
            }
            spool.remove_identified(&id, gone.iter().map(String::as_str))?;
            Ok(())
        })
        .await?;
        self.keep_previews(&of, quarantined).await
    }

    pub(super) async fn ready<S: Step>(&self) -> Result<Vec<Study<S>>, PipelineError> {
        if self.parts.settings.receive_only {
            return Ok(Vec::new());
        }
        let (store, now) = (self.parts.store.clone(), self.parts.clock.now());
        self.blocking(move || Ok(store.ready::<S>(now)?)).await
    }

    /// When an attempt begins, and the how-manyth it is.
    pub(super) async fn timing(&self, id: &StudyId) -> Result<Timing, PipelineError> {
        let (store, of) = (self.parts.store.clone(), id.clone());
        let detail = self.blocking(move || Ok(store.study(&of)?)).await?;
        let tries = detail
            .and_then(|detail| detail.row.trouble)
            .map_or(0, |held| held.tries);
        Ok(Timing {
            started: self.parts.clock.now(),
            attempt: tries + 1,
        })
    }

    pub(super) async fn hold_up(
        &self,
        id: &StudyId,
        code: TroubleCode,
        detail: &str,
    ) -> Result<(), PipelineError> {
        let (store, of, text) = (self.parts.store.clone(), id.clone(), detail.to_owned());
        let now = self.parts.clock.now();
        let trouble = self
            .blocking(move || {
                let before = store.study(&of)?.and_then(|detail| detail.row.trouble);
                let tries = before
                    .filter(|before| before.code == code)
                    .map_or(1, |held| held.tries + 1);
                Ok(store.hold_up(&of, code, &text, next_try(code, tries, now))?)
            })
            .await?;
        tracing::warn!(
            study = %id,
            code = code.as_str(),
            tries = trouble.tries,
            detail,
            "a study is held up"
        );
        Ok(())
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PipelineError> + Send + 'static,
    ) -> Result<T, PipelineError> {
        tokio::task::spawn_blocking(work).await?
    }
}

fn reasons(quarantined: &[Quarantined]) -> String {
    let mut codes: Vec<_> = quarantined.iter().map(|one| one.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(", ")
}

/// The project's profile. A build for tests can switch the step off, so that
/// the leak tests' scanner proves that it finds what it looks for.
fn profile(project: &ProjectSettings) -> Profile {
    Profile {
        options: project.options.clone(),
        regions: project.regions.clone(),
        #[cfg(feature = "test-hooks")]
        unchanged: std::env::var_os("BONEBOX_TEST_KEEP_PERSON").is_some(),
        ..Profile::basic(project.name.clone())
    }
}
