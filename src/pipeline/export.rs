//! `--receive-only`: the node alone. Every instance that is received gets a
//! second name under `export/`, as an ordinary Part 10 file that ends in
//! exactly the bytes received. Nothing is de-identified or deleted.

use std::sync::atomic::Ordering;

use super::{Pipeline, PipelineError};
use crate::audit::Event;
use crate::names::InstanceKey;
use crate::names::StudyKey;

/// Journal entries read at a time.
const PIECE: usize = 500;

impl Pipeline {
    /// Links what the journal says was received since the last look. Starts
    /// from the journal's beginning; a link that is there already is no work.
    pub(super) async fn export_ready(&self) -> Result<(), PipelineError> {
        if !self.parts.settings.receive_only {
            return Ok(());
        }
        loop {
            let from = self.exported.load(Ordering::SeqCst);
            let (store, spool) = (self.parts.store.clone(), self.parts.spool.clone());
            let last = self
                .blocking(move || {
                    let entries = store.journal_since(from, PIECE)?;
                    for entry in &entries {
                        let Event::InstanceReceived { instance, .. } = &entry.event else {
                            continue;
                        };
                        let Some((key, instance)) = names(entry.study.as_deref(), instance) else {
                            continue;
                        };
                        for row in store.instance_rows(&key, &instance)? {
                            spool.link_export(&row.file)?;
                        }
                    }
                    if !entries.is_empty() {
                        spool.sync_exports()?;
                    }
                    Ok(entries.last().map(|entry| entry.number))
                })
                .await?;
            match last {
                Some(last) => self.exported.store(last, Ordering::SeqCst),
                None => return Ok(()),
            }
        }
    }
}

/// The keys that a journal entry names.
fn names(study: Option<&str>, instance: &str) -> Option<(StudyKey, InstanceKey)> {
    let (key, _) = study?.split_once('.')?;
    Some((key.parse().ok()?, instance.parse().ok()?))
}
