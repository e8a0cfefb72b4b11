//! What is held apart: its rows, its sealed previews, and what becomes of it when
//! a person decides or its time is over.

use super::{Parts, Pipeline, PipelineError};
use crate::deidentify::Reason;
use crate::deidentify::preview_of;
use crate::names::AccountName;
use crate::names::InstanceKey;
use crate::study::Quarantined;
use crate::study::Request;
use crate::study::StudyId;

impl Pipeline {
    /// A study of which nothing passed: each of its images is held apart.
    pub(super) async fn hold_apart(
        &self,
        id: &StudyId,
        quarantined: Vec<Quarantined>,
    ) -> Result<(), PipelineError> {
        let (store, of, all) = (self.parts.store.clone(), id.clone(), quarantined.clone());
        self.blocking(move || Ok(store.hold_apart(&of, &all)?))
            .await?;
        self.keep_previews(id, quarantined).await
    }

    /// A study that is held apart as a whole, for one reason.
    pub(super) async fn hold_all_apart(
        &self,
        id: &StudyId,
        reason: Reason,
    ) -> Result<(), PipelineError> {
        let (store, of) = (self.parts.store.clone(), id.clone());
        let rows = self.blocking(move || Ok(store.instances(&of)?)).await?;
        let rows = rows.into_iter().filter(|row| !row.dropped);
        let each = rows.map(|row| Quarantined {
            instance: row.instance,
            code: reason.code().to_owned(),
            text: reason.text().to_owned(),
        });
        self.hold_apart(id, each.collect()).await
    }

    /// Seals a preview of each. Its row stands already: an image whose preview
    /// breaks the program is not drawn a second time.
    pub(super) async fn keep_previews(
        &self,
        id: &StudyId,
        quarantined: Vec<Quarantined>,
    ) -> Result<(), PipelineError> {
        for one in quarantined {
            let (parts, id) = (self.parts.clone(), id.clone());
            let instance = one.instance.clone();
            let drawn = tokio::task::spawn_blocking(move || keep_preview(&parts, &id, &instance));
            match drawn.await {
                Ok(kept) => kept?,
                Err(error) => tracing::warn!(%error, "no preview of an image that is held apart"),
            }
        }
        Ok(())
    }

    /// Drops what was held apart for longer than the settings allow.
    pub(super) async fn expire_quarantine(&self) -> Result<(), PipelineError> {
        let parts = self.parts.clone();
        self.blocking(move || {
            let before = parts.clock.now().before(parts.settings.storage.quarantine);
            for held in parts.store.held_longer_than(before)? {
                drop_held(&parts, &held.study, &held.instance, None)?;
            }
            Ok(())
        })
        .await
    }
}

fn keep_preview(parts: &Parts, id: &StudyId, instance: &InstanceKey) -> Result<(), PipelineError> {
    let Some(held) = parts.store.held_apart(id, instance)? else {
        return Ok(());
    };
    let path = parts.spool.path(&held.file);
    if let Some(png) = preview_of(&path, &held.facts.transfer_syntax) {
        parts.vault.keep_preview(instance, &png)?;
    }
    Ok(())
}

/// A person lets an image pass, for a reason for which a person can.
pub(super) fn release(
    parts: &Parts,
    request: &Request,
    instance: &InstanceKey,
) -> Result<(), PipelineError> {
    let id = &request.study;
    let held = parts.store.held_apart(id, instance)?;
    if held.is_some_and(|held| Quarantined::can_be_released(&held.reason))
        && parts.store.release(id, instance, request.who.as_ref())?
    {
        parts.vault.drop_preview(instance)?;
    }
    Ok(parts.store.answer(request)?)
}

/// An image is deleted: its row says so first.
pub(super) fn drop_held(
    parts: &Parts,
    id: &StudyId,
    instance: &InstanceKey,
    who: Option<&AccountName>,
) -> Result<(), PipelineError> {
    let file = parts.store.drop_held(id, instance, who)?;
    parts.vault.drop_preview(instance)?;
    if let Some(file) = file
        && !parts.store.needs_file(&file)?
    {
        parts.spool.remove_identified(id, [file.as_str()])?;
    }
    Ok(())
}
