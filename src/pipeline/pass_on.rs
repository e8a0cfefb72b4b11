//! Store-and-pass-on: the untouched original also goes to a PACS inside the
//! hospital, by C-STORE, where a source's settings say so. Never to the central:
//! that way leads through `forward`, which cannot name an image's file.
//!
//! The queue is rows (`store::pass_on`). What the PACS did not take is tried
//! again without end, after waits that double from a second to a quarter of an
//! hour; the health page says what waits and why.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::{Pipeline, PipelineError, chain};
use crate::clock::Moment;
use crate::config::PassOn;
use crate::config::Settings;
use crate::identity::ClientTls;
use crate::identity::TlsVersions;
use crate::receive::send::SendError;
use crate::receive::send::Sent;
use crate::receive::send::Target;
use crate::receive::send::Way;
use crate::receive::send::send_by;
use crate::store::ToPassOn;

/// Files looked at together.
const TOGETHER: u32 = 256;
/// Files on one association.
const ON_ONE: usize = 64;
/// Longest wait between two tries.
const LONGEST_S: u64 = 900;

impl Pipeline {
    /// Passes on what is due.
    pub(super) async fn pass_on_ready(&self) -> Result<(), PipelineError> {
        let (store, now) = (self.parts.store.clone(), self.parts.clock.now());
        let due = self
            .blocking(move || Ok(store.to_pass_on(now, TOGETHER)?))
            .await?;
        let mut sources: BTreeMap<String, Vec<ToPassOn>> = BTreeMap::new();
        for one in due {
            sources.entry(one.source.clone()).or_default().push(one);
        }
        // One that does not answer holds up no other.
        let all = sources.into_iter().map(|(source, files)| async move {
            for batch in files.chunks(ON_ONE) {
                if !self.pass_on(&source, batch.to_vec()).await? {
                    break;
                }
            }
            Ok(())
        });
        join_all(all).await.into_iter().collect()
    }

    /// Passes one association's files on; false: it makes no sense to go on now.
    async fn pass_on(&self, source: &str, files: Vec<ToPassOn>) -> Result<bool, PipelineError> {
        let way = match self.way(source).await? {
            Ok(way) => way,
            Err(why) => {
                self.put_off(files, &why).await?;
                return Ok(false);
            }
        };
        let paths: Vec<_> = files
            .iter()
            .map(|one| self.parts.spool.path(&one.file))
            .collect();
        // What was answered counts, also where the association ends early.
        let answers: Mutex<Vec<Sent>> = Mutex::default();
        let ended = send_by(&paths, &way, |sent| {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push(sent.clone());
        })
        .await;
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut rest = files.into_iter();
        let (mut held, mut refused) = (Vec::new(), Vec::new());
        for (one, sent) in rest.by_ref().take(answers.len()).zip(&answers) {
            if sent.is_stored() {
                held.push(one);
            } else {
                refused.push((one, refusal(sent)));
            }
        }
        self.done(held).await?;
        for (one, why) in refused {
            self.put_off(vec![one], &why).await?;
        }
        let Err(error) = ended else { return Ok(true) };
        let mut rest: Vec<ToPassOn> = rest.collect();
        // A file that cannot be read holds up no other: they are due still.
        let is_whole = if let SendError::File { path, .. } = &error {
            rest.retain(|one| self.parts.spool.path(&one.file) == *path);
            true
        } else {
            false
        };
        self.put_off(rest, &chain(&error)).await?;
        Ok(is_whole)
    }

    /// Where a source's files go; the reason where that is not known.
    async fn way(&self, source: &str) -> Result<Result<Way, String>, PipelineError> {
        let (settings, source) = (self.parts.settings.clone(), source.to_owned());
        self.blocking(move || Ok(way(&settings, &source))).await
    }

    /// Notes what the PACS holds, then lets go of what nothing else needs.
    async fn done(&self, held: Vec<ToPassOn>) -> Result<(), PipelineError> {
        if held.is_empty() {
            return Ok(());
        }
        let (store, spool) = (self.parts.store.clone(), self.parts.spool.clone());
        let keep = self.parts.settings.receive_only;
        self.blocking(move || {
            tracing::info!(instances = held.len(), "passed on");
            store.passed_on(held.clone())?;
            for one in held.iter().filter(|_| !keep) {
                if !store.needs_file(&one.file)? {
                    spool.remove_identified(&one.study, [one.file.as_str()])?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn put_off(&self, files: Vec<ToPassOn>, why: &str) -> Result<(), PipelineError> {
        if files.is_empty() {
            return Ok(());
        }
        tracing::warn!(instances = files.len(), why, "not passed on");
        let (store, now, why) = (
            self.parts.store.clone(),
            self.parts.clock.now(),
            why.to_owned(),
        );
        let files = files
            .into_iter()
            .map(|one| {
                let next = next_try(one.tries + 1, now);
                (one, next)
            })
            .collect();
        self.blocking(move || Ok(store.not_passed_on(files, &why)?))
            .await
    }
}

/// After the n-th failure (1 for the first).
fn next_try(tries: u32, now: Moment) -> Moment {
    let seconds = 1_u64 << (tries.saturating_sub(1)).min(10);
    now.after(Duration::from_secs(seconds.min(LONGEST_S)))
}

/// What the PACS answered: its status, never its comment, which may say whose
/// image it was.
fn refusal(sent: &Sent) -> String {
    match sent.status {
        Some(status) => format!("the PACS answered {status:04X}"),
        None => "the PACS takes no such class or transfer syntax".to_owned(),
    }
}

fn way(settings: &Settings, source: &str) -> Result<Way, String> {
    let mut sources = settings.dicom.sources.iter();
    let target = sources
        .find(|one| one.name == source)
        .and_then(|one| one.pass_on.as_ref());
    let Some(PassOn { to, by_tls }) = target else {
        return Err("the settings no longer say where to (pass_on_to)".to_owned());
    };
    let tls = match &settings.dicom.tls {
        Some(tls) if *by_tls => {
            let versions = TlsVersions::From12;
            let link =
                ClientTls::load_versions(&tls.client_ca, &tls.certificate, &tls.key, versions);
            Some(link.map_err(|error| chain(&error))?)
        }
        _ => None,
    };
    Ok(Way {
        to: Target {
            ae: to.ae.clone(),
            address: to.address.clone(),
        },
        calling: settings.dicom.ae_title.clone(),
        tls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let now = Moment::from_micros(0);
        let wait = |tries| next_try(tries, now).since(now).as_secs();
        let waits: Vec<_> = (1..=12).map(wait).collect();
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900];
        assert_eq!(waits, expected);
    }
}
