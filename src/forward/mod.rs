//! Brings results to the central: STOW-RS over mutual TLS 1.3, at least once,
//! without giving up.
//!
//! Runs in a process of its own that opens only the outbox (`outbox.sqlite`
//! and the bundles) and its certificate. What was delivered is a receipt row;
//! what was not is a failure with a code and the time of the next try. The
//! HTTP status is never believed alone: a bundle is delivered when the central
//! has confirmed the digest of each of its instances.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::CentralLink;
use crate::names::LegalBasis;
use crate::store::Failure;
use crate::store::Outbox;
use crate::store::Pending;
use crate::store::StoreError;
use crate::study::TroubleCode;
use crate::wire::Receipt;
use crate::wire::Withdrawal;

mod backoff;
mod delivery;
mod link;

pub use backoff::Backoff;
use delivery::Obstacle;
use link::Target;

/// How long an idle forwarder waits before it looks into the outbox again.
const IDLE: Duration = Duration::from_millis(200);
/// How many due bundles are taken at a time.
const AT_A_TIME: usize = 16;

/// What ends the forwarder. What happens to a single bundle does not.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The central's address is not a URL of the form `https://host:port/path`.
    /// The forwarder does not start.
    #[error("the central's url in the settings: {why}")]
    Url {
        /// What is wrong with it.
        why: String,
    },
    /// The outbox cannot be read or written. The process ends and is started
    /// again; nothing is lost.
    #[error("the outbox")]
    Outbox(#[from] StoreError),
    /// A task of the forwarder ended before its work was done.
    #[error("a task of the forwarder: {0}")]
    Task(String),
}

/// Delivers what the outbox holds until `shutdown` completes.
///
/// Certificates are read anew for each connection, so a renewed one needs no
/// restart and a missing one is a failure of the delivery, not of the process.
///
/// # Errors
/// [`ForwardError`] when it cannot go on.
pub async fn run(
    link: CentralLink,
    outbox: Outbox,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ForwardError> {
    let target = Target::parse(&link)?;
    let backoff = Backoff::new(link.retry_first, link.retry_max);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let sent = tokio::select! {
            () = &mut shutdown => return Ok(()),
            sent = round(&target, &outbox, &clock, backoff) => sent?,
        };
        if sent == 0 {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }
}

/// Tries every bundle that is due once; how many were tried.
async fn round(
    target: &Target,
    outbox: &Outbox,
    clock: &Clock,
    backoff: Backoff,
) -> Result<usize, ForwardError> {
    let now = clock.now();
    // A link that is down is down for all: the others need not find out alone.
    let (withdrawn, mut down) = withdrawals(target, outbox, clock, backoff).await?;
    let due = blocking(outbox, move |outbox| outbox.due(now, AT_A_TIME)).await?;
    let tried = withdrawn + due.len();
    for pending in due {
        let result = match &down {
            Some(obstacle) => Err(obstacle.clone()),
            None => deliver(target, &pending, clock).await,
        };
        match result {
            Ok(receipt) => {
                tracing::info!(bundle = %pending.digest, instances = receipt.instances.len(), "delivered");
                blocking(outbox, move |outbox| outbox.delivered(&receipt)).await?;
            }
            Err(obstacle) => {
                let wait = backoff.wait(pending.tries, random());
                let failure = Failure {
                    code: obstacle.code,
                    detail: obstacle.detail.clone(),
                };
                tracing::warn!(
                    bundle = %pending.digest,
                    code = failure.code.as_str(),
                    detail = failure.detail,
                    tries = pending.tries.saturating_add(1),
                    next_try_s = wait.as_secs_f64(),
                    "not delivered"
                );
                let next_try = clock.now().after(wait);
                let digest = pending.digest;
                blocking(outbox, move |outbox| {
                    outbox.failed(&digest, &failure, next_try)
                })
                .await?;
                down = obstacle.of_the_link.then_some(obstacle);
            }
        }
    }
    Ok(tried)
}

/// Tells the central of the patients who withdrew, before anything else; how many
/// were tried, and what is in the link's way.
async fn withdrawals(
    target: &Target,
    outbox: &Outbox,
    clock: &Clock,
    backoff: Backoff,
) -> Result<(usize, Option<Obstacle>), ForwardError> {
    let now = clock.now();
    let due = blocking(outbox, move |outbox| outbox.due_withdrawals(now)).await?;
    let tried = due.len();
    let mut down: Option<Obstacle> = None;
    for (withdrawal, tries) in due {
        let told = match &down {
            Some(obstacle) => Err(obstacle.clone()),
            None => tell(target, &withdrawal).await,
        };
        let at = clock.now();
        match told {
            Ok(()) => {
                tracing::info!("a withdrawal is confirmed");
                blocking(outbox, move |outbox| {
                    outbox.withdrawal_confirmed(&withdrawal, at)
                })
                .await?;
            }
            Err(obstacle) => {
                let failure = Failure {
                    code: obstacle.code,
                    detail: obstacle.detail.clone(),
                };
                let (code, detail) = (failure.code.as_str(), &failure.detail);
                tracing::warn!(code, detail, tries, "a withdrawal is not confirmed");
                let next = at.after(backoff.wait(tries, random()));
                blocking(outbox, move |outbox| {
                    outbox.withdrawal_failed(&withdrawal, &failure, next)
                })
                .await?;
                down = obstacle.of_the_link.then_some(obstacle);
            }
        }
    }
    Ok((tried, down))
}

async fn tell(target: &Target, withdrawal: &Withdrawal) -> Result<(), Obstacle> {
    let mut link = target.connect().await?;
    delivery::withdraw(&mut link, withdrawal).await
}

/// Delivers one bundle, or says what is in the way.
async fn deliver(target: &Target, pending: &Pending, clock: &Clock) -> Result<Receipt, Obstacle> {
    if pending.bundle.basis == LegalBasis::None {
        return Err(Obstacle::of_bundle(
            TroubleCode::NoLegalBasis,
            "no legal basis is stated for the project: nothing is sent",
        ));
    }
    let (folder, bundle) = (pending.folder.clone(), pending.bundle.clone());
    let files = tokio::task::spawn_blocking(move || delivery::read_objects(&folder, &bundle))
        .await
        .map_err(|error| {
            Obstacle::of_bundle(TroubleCode::StorageFailed, &format!("reading: {error}"))
        })??;
    let mut link = target.connect().await?;
    delivery::send(&mut link, &pending.bundle, &files).await?;
    Ok(delivery::receipt(pending, clock.now(), target.name()))
}

/// Runs a blocking call on the outbox off the runtime's threads.
async fn blocking<T: Send + 'static>(
    outbox: &Outbox,
    call: impl FnOnce(&Outbox) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ForwardError> {
    let outbox = outbox.clone();
    tokio::task::spawn_blocking(move || call(&outbox))
        .await
        .map_err(|error| ForwardError::Task(error.to_string()))?
        .map_err(ForwardError::from)
}

/// A number to spread the waits by; no secret hangs on it.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}
