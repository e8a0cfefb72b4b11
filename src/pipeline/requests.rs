//! What people asked for on the dashboard is done here, row by row. A request's
//! row stays open until all of it is done: a power cut between two parts lets it
//! be done over.

use super::quarantine::{drop_held, release};
use super::{Parts, Pipeline, PipelineError};
use crate::audit::Event;
use crate::names::AccountName;
use crate::study::Deidentified;
use crate::study::Forwarded;
use crate::study::Request;
use crate::study::RequestKind;
use crate::study::StudyId;
use crate::wire::ApiVersion;
use crate::wire::Withdrawal;

impl Pipeline {
    /// Acts on what people asked for.
    pub(super) async fn answer_requests(&self) -> Result<(), PipelineError> {
        let parts = self.parts.clone();
        self.blocking(move || {
            for request in parts.store.open_requests()? {
                match &request.kind {
                    RequestKind::Withdraw => withdraw(&parts, &request)?,
                    RequestKind::Release { instance } => release(&parts, &request, instance)?,
                    RequestKind::Drop { instance } => {
                        let who = request.who.as_ref();
                        drop_held(&parts, &request.study, instance, who)?;
                        parts.store.answer(&request)?;
                    }
                    RequestKind::Retry | RequestKind::AcknowledgeTrouble => {
                        again(&parts, &request)?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Acts on what people asked for about senders.
    pub(super) async fn answer_senders(&self) -> Result<(), PipelineError> {
        let store = self.parts.store.clone();
        self.blocking(move || {
            for request in store.open_sender_requests()? {
                store.answer_sender(&request)?;
            }
            Ok(())
        })
        .await
    }
}

/// A bundle that waits is tried at once; the trouble's row says the rest.
fn again(parts: &Parts, request: &Request) -> Result<(), PipelineError> {
    if let Some(forwarded) = parts.store.evidence::<Forwarded>(&request.study)? {
        let now = parts.clock.now();
        parts.outbox.hurry(&forwarded.bundle, now)?;
    }
    Ok(parts.store.answer(request)?)
}

/// A patient withdraws: (1) the central is told, under each of their pseudonyms;
/// (2) their other studies are erased; (3) the vault forgets them and keeps a
/// keyed tombstone; (4) the study of the request is erased, and with it the
/// request.
fn withdraw(parts: &Parts, request: &Request) -> Result<(), PipelineError> {
    let own = &request.study;
    let Some(evidence) = parts.store.evidence::<Deidentified>(own)? else {
        return Ok(parts.store.answer(request)?);
    };
    let (project, pseudonym) = (&evidence.project, &evidence.pseudonym);
    let all = parts.vault.all_of(project, pseudonym)?;
    for (project, pseudonym) in &all {
        let withdrawal = Withdrawal {
            version: ApiVersion::CURRENT,
            pseudonym: pseudonym.clone(),
            project: project.clone(),
        };
        parts.outbox.withdraw(&withdrawal, parts.clock.now())?;
    }
    for (project, pseudonym) in &all {
        for study in parts.store.studies_of(project, pseudonym)? {
            if study != *own {
                erase(parts, &study, request.who.as_ref())?;
            }
        }
    }
    parts.vault.withdraw_pseudonym(project, pseudonym)?;
    erase(parts, own, request.who.as_ref())?;
    tracing::info!(pseudonyms = all.len(), "a patient withdrew");
    Ok(())
}

/// Erases what is held of a generation of a study. Its pseudonymous images go
/// first: no start-up would find them without a row; identified ones without a
/// row are deleted at start.
fn erase(parts: &Parts, id: &StudyId, who: Option<&AccountName>) -> Result<(), PipelineError> {
    let rows = parts.store.instances(id)?;
    parts.spool.remove_pseudonymous(id)?;
    let who = who.map(AccountName::to_string);
    parts.store.erase(id, Event::PatientWithdrawn { who })?;
    for row in &rows {
        parts.vault.drop_preview(&row.instance)?;
    }
    let files = rows.iter().map(|row| row.file.as_str());
    Ok(parts.spool.remove_identified(id, files)?)
}
