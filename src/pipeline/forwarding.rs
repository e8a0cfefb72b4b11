//! The forward step: results go into the outbox, receipts come out of it.

use std::path::PathBuf;

use super::{Pipeline, PipelineError, bundle};
use crate::audit::Event;
use crate::store::Outbox;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Timing;
use crate::study::Acknowledged;
use crate::study::AcknowledgedEvidence;
use crate::study::Analyzed;
use crate::study::ArtefactRole;
use crate::study::Deidentified;
use crate::study::Forwarded;
use crate::study::ForwardedEvidence;
use crate::study::Study;

impl Pipeline {
    /// Puts results into the outbox, and takes receipts out of it.
    pub(super) async fn forward_ready(&self) -> Result<(), PipelineError> {
        self.answer_requests().await?;
        self.expire_quarantine().await?;
        for study in self.ready::<Analyzed>().await? {
            let timing = self.timing(study.id()).await?;
            let (store, outbox) = (self.parts.store.clone(), self.parts.outbox.clone());
            self.blocking(move || put(&store, &outbox, study, timing))
                .await?;
        }
        let (store, outbox) = (self.parts.store.clone(), self.parts.outbox.clone());
        self.blocking(move || {
            for study in store.all_in::<Forwarded>()? {
                take(&store, &outbox, study)?;
            }
            Ok(())
        })
        .await
    }
}

fn put(
    store: &Store,
    outbox: &Outbox,
    study: Study<Analyzed>,
    timing: Timing,
) -> Result<(), PipelineError> {
    let id = study.id().clone();
    let unknown = || StoreError::Unknown { study: id.clone() };
    let person = store.evidence::<Deidentified>(&id)?.ok_or_else(unknown)?;
    let analysis = store.evidence::<Analyzed>(&id)?.ok_or_else(unknown)?;
    let bundle = bundle::bundle(&person, &analysis).map_err(StoreError::from)?;
    if bundle.objects.is_empty() {
        return Ok(store.settle(study)?);
    }
    let files: Vec<PathBuf> = analysis
        .artefacts
        .iter()
        .filter(|artefact| artefact.role == ArtefactRole::ResultObject && artefact.sop.is_some())
        .map(|artefact| store.artefact_path(&artefact.digest))
        .collect();
    let digest = outbox.put(&bundle, &files, timing.started)?;
    let objects = u32::try_from(bundle.objects.len()).unwrap_or(u32::MAX);
    let evidence = ForwardedEvidence {
        bundle: digest,
        objects,
    };
    let event = Event::StudyForwarded {
        bundle: digest.hex(),
    };
    store.advance::<Analyzed, Forwarded>(study, &evidence, timing, vec![event])?;
    Ok(())
}

/// Takes a receipt out of the outbox, or the reason why there is none.
fn take(store: &Store, outbox: &Outbox, study: Study<Forwarded>) -> Result<(), PipelineError> {
    let id = study.id().clone();
    let Some(forwarded) = store.evidence::<Forwarded>(&id)? else {
        return Ok(());
    };
    if let Some(receipt) = outbox.receipt(&forwarded.bundle)? {
        let steps = store
            .study(&id)?
            .map(|detail| detail.row.steps)
            .unwrap_or_default();
        let started = steps.last().map_or(receipt.at, |step| step.finished);
        let event = Event::StudyAcknowledged {
            bundle: forwarded.bundle.hex(),
        };
        let evidence = AcknowledgedEvidence { receipt };
        let timing = Timing {
            started,
            attempt: 1,
        };
        store.advance::<Forwarded, Acknowledged>(study, &evidence, timing, vec![event])?;
        return Ok(());
    }
    let Some(failed) = outbox.failure(&forwarded.bundle)? else {
        return Ok(());
    };
    let known = store.study(&id)?.and_then(|detail| detail.row.trouble);
    let news = known.as_ref().is_none_or(|known| {
        known.code != failed.failure.code || known.next_try != Some(failed.next_try)
    });
    if news {
        let next = Some(failed.next_try);
        store.hold_up(&id, failed.failure.code, &failed.failure.detail, next)?;
    }
    Ok(())
}
