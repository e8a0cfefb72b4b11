//! What happens after the sender has heard success: names, rows, notices, for
//! all instances that wait, on one thread.
//!
//! An instance that is here is durable already ([`crate::spool::sealed`]), so
//! nobody waits for this thread but who asks it to: whoever needs the rows of
//! all that was acknowledged so far calls [`Settler::settled`]. What cannot be
//! settled (a full disk, a broken database) stays and is tried again, each
//! second; at the next start it is found by its seal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::association::Chain;
use super::{Notice, ReceiveError};
use crate::config::DicomSettings;
use crate::identity::BoxIdentity;
use crate::names::StudyKey;
use crate::spool::Sealed;
use crate::spool::Spool;
use crate::spool::SpoolError;
use crate::store::Admission;
use crate::store::Arrival;
use crate::store::Store;
use crate::store::StoreError;
use crate::study::ImageFacts;

/// Instances that may wait for their rows; beyond, senders are told to wait.
const MOST_WAITING: usize = 1000;
/// Instances that get their rows in one transaction.
const TOGETHER: usize = 64;
/// Longest time in which others may join the first that waits.
const GATHER: Duration = Duration::from_millis(50);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries at the end of the process; what is left then waits for its next start.
const LAST_TRIES: u32 = 2;

/// The rows, as this file needs them: a store, or a test's.
pub(super) trait Rows: Send + 'static {
    /// As [`Store::admit_all`].
    fn admit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Admission>, StoreError>;
    /// As [`Store::needs_file`].
    fn needs_file(&self, file: &str) -> Result<bool, StoreError>;
}

impl Rows for Store {
    fn admit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Admission>, StoreError> {
        self.admit_all(arrivals)
    }
    fn needs_file(&self, file: &str) -> Result<bool, StoreError> {
        self.needs_file(file)
    }
}

/// An instance that waits for its row.
pub(super) struct Waiting {
    pub(super) sealed: Sealed,
    pub(super) facts: ImageFacts,
}

/// The sources whose instances are passed on.
#[derive(Debug, Clone, Default)]
pub(super) struct PassedOn(BTreeSet<String>);

impl PassedOn {
    pub(super) fn by(settings: &DicomSettings) -> Self {
        let passed_on = settings.sources.iter().filter(|one| one.pass_on.is_some());
        Self(passed_on.map(|source| source.name.clone()).collect())
    }
}

enum Message {
    Instance(Box<Waiting>),
    /// An association ended that sent these studies.
    Released(Vec<StudyKey>),
    /// Answer when all before has its rows; false: not now.
    Asked(Sender<bool>),
}

/// The way to the thread. When the last one is dropped, the thread settles
/// what it has and ends.
#[derive(Clone)]
pub(super) struct Settler {
    queue: Sender<Message>,
    waiting: Arc<AtomicUsize>,
}

impl Settler {
    /// Starts the thread.
    pub(super) fn start(
        spool: Spool,
        rows: impl Rows,
        passed_on: PassedOn,
        notices: tokio::sync::mpsc::Sender<Notice>,
    ) -> Result<(Self, JoinHandle<()>), ReceiveError> {
        let (queue, messages) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut desk = Desk {
            spool,
            rows,
            passed_on,
            waiting: Arc::clone(&waiting),
            open: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("settler".into())
            .spawn(move || desk.serve(&messages, &notices))
            .map_err(ReceiveError::Listen)?;
        Ok((Self { queue, waiting }, thread))
    }

    /// Whether so many wait that no more should be taken in.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= MOST_WAITING
    }

    /// Hands a durable instance over.
    pub(super) fn hand_over(&self, sealed: Sealed, facts: ImageFacts) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let message = Message::Instance(Box::new(Waiting { sealed, facts }));
        // The thread ends only after us. If it failed, the next start settles.
        self.queue.send(message).ok();
    }

    /// An association ended; told after its instances' rows.
    pub(super) fn released(&self, studies: Vec<StudyKey>) {
        self.queue.send(Message::Released(studies)).ok();
    }

    /// Waits until all that was handed over has its rows. False: it has not,
    /// and will not soon. Blocks.
    pub(super) fn settled(&self) -> bool {
        let (answer, answered) = channel();
        self.queue.send(Message::Asked(answer)).is_ok() && answered.recv().unwrap_or(false)
    }
}

/// The thread's own.
struct Desk<R> {
    spool: Spool,
    rows: R,
    passed_on: PassedOn,
    waiting: Arc<AtomicUsize>,
    /// Instances in the order they came.
    open: Vec<Waiting>,
}

impl<R: Rows> Desk<R> {
    fn serve(&mut self, messages: &Receiver<Message>, notices: &tokio::sync::mpsc::Sender<Notice>) {
        let mut released = Vec::new();
        let mut failing = 0;
        loop {
            let (asked, ended) = self.gather(messages, &mut released, failing > 0);
            let stored = self.settle();
            for study in stored {
                // Without a pipeline there is nobody to tell.
                notices.blocking_send(Notice::Stored(study)).ok();
            }
            let all = self.open.is_empty();
            for answer in asked {
                // Whoever asked may have given up.
                answer.send(all).ok();
            }
            if all {
                for studies in released.drain(..) {
                    notices.blocking_send(Notice::Released(studies)).ok();
                }
                if let Err(error) = self.spool.prepare() {
                    tracing::warn!(error = %Chain(&error), "part files could not be made ahead");
                }
            }
            failing = if all { 0 } else { failing + 1 };
            if ended && (all || failing > LAST_TRIES) {
                return;
            }
            if ended {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Waits for something to do; says who asks, and whether this is the end.
    fn gather(
        &mut self,
        messages: &Receiver<Message>,
        released: &mut Vec<Vec<StudyKey>>,
        failing: bool,
    ) -> (Vec<Sender<bool>>, bool) {
        let mut asked = Vec::new();
        let mut until: Option<Instant> = failing.then(|| Instant::now() + PAUSE);
        loop {
            let message = match until {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => {
                    messages.recv_timeout(until.saturating_duration_since(Instant::now()))
                }
            };
            match message {
                Ok(Message::Instance(one)) => {
                    self.open.push(*one);
                    until = until.or_else(|| Some(Instant::now() + GATHER));
                    if self.open.len() >= TOGETHER && !failing {
                        return (asked, false);
                    }
                }
                Ok(Message::Released(studies)) => {
                    released.push(studies);
                    if !failing {
                        return (asked, false);
                    }
                }
                Ok(Message::Asked(answer)) => {
                    asked.push(answer);
                    return (asked, false);
                }
                Err(RecvTimeoutError::Timeout) => return (asked, false),
                Err(RecvTimeoutError::Disconnected) => return (asked, true),
            }
        }
    }

    /// Settles what waits, as far as it goes; says which studies have more now.
    fn settle(&mut self) -> Vec<StudyKey> {
        let mut stored = Vec::new();
        let mut failed = Vec::new();
        let mut open = std::mem::take(&mut self.open);
        while !open.is_empty() {
            let rest = open.split_off(open.len().min(TOGETHER));
            let batch = std::mem::replace(&mut open, rest);
            for (one, result) in settle(&self.spool, &self.rows, &self.passed_on, batch) {
                match result {
                    Ok(admission) => {
                        self.waiting.fetch_sub(1, Ordering::Relaxed);
                        tracing::info!(
                            study = %one.sealed.study(),
                            instance = %one.sealed.instance(),
                            bytes = one.sealed.size(),
                            admission = ?admission,
                            "instance stored"
                        );
                        if admission != Admission::Repeated {
                            stored.push(one.sealed.study().clone());
                        }
                    }
                    Err(error) => {
                        tracing::error!(error = %Chain(&error), "an instance waits for its row");
                        failed.push(one);
                    }
                }
            }
        }
        self.open = failed;
        stored
    }
}

/// Gives what a crash left its names and rows, before anything else arrives.
/// Says how many instances that were, and how many half files were deleted.
///
/// # Errors
/// [`ReceiveError`]: the box must not go on without them.
pub fn settle_left(
    spool: &Spool,
    store: &Store,
    identity: &BoxIdentity,
    settings: &DicomSettings,
) -> Result<(usize, usize), ReceiveError> {
    settle_left_in(spool, store, identity, &PassedOn::by(settings))
}

/// The same with a test's rows.
pub(super) fn settle_left_in(
    spool: &Spool,
    rows: &impl Rows,
    identity: &BoxIdentity,
    passed_on: &PassedOn,
) -> Result<(usize, usize), ReceiveError> {
    let (left, unfinished) = spool.left()?;
    let count = left.len();
    let mut waiting = Vec::with_capacity(count);
    for sealed in left {
        let scan = spool.scan(&sealed, super::facts::WANTED)?;
        let (class, syntax) = (&sealed.meta().class, &sealed.meta().syntax);
        let facts = super::facts::facts_of(&scan, class.as_str(), syntax.as_str(), identity);
        waiting.push(Waiting { sealed, facts });
    }
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().min(TOGETHER));
        let batch = std::mem::replace(&mut waiting, rest);
        for (_, result) in settle(spool, rows, passed_on, batch) {
            result?;
        }
    }
    Ok((count, unfinished))
}

type Settled = (Waiting, Result<Admission, ReceiveError>);

/// Steps 3 to 5 of [`crate::spool::sealed`] for some instances.
pub(super) fn settle(
    spool: &Spool,
    rows: &impl Rows,
    passed_on: &PassedOn,
    batch: Vec<Waiting>,
) -> Vec<Settled> {
    let sealed: Vec<&Sealed> = batch.iter().map(|one| &one.sealed).collect();
    let named = spool.publish(&sealed);
    let arrivals = batch
        .iter()
        .zip(&named)
        .filter(|(_, named)| named.is_ok())
        .map(|(one, _)| arrival(one, passed_on));
    let mut admitted = admit(rows, arrivals.collect()).into_iter();
    batch
        .into_iter()
        .zip(named)
        .map(|(one, named)| {
            let result = named.map_err(ReceiveError::from).and_then(|there_already| {
                let admission = admitted.next().unwrap_or(Err(StoreError::Closed))?;
                tidy(spool, rows, &one.sealed, admission, there_already)?;
                Ok(admission)
            });
            (one, result)
        })
        .collect()
}

/// All together; if that fails, each for itself, so that one that cannot be
/// admitted holds up no other.
fn admit(rows: &impl Rows, arrivals: Vec<Arrival>) -> Vec<Result<Admission, StoreError>> {
    match rows.admit_all(arrivals.clone()) {
        Ok(admissions) => admissions.into_iter().map(Ok).collect(),
        Err(error) if arrivals.len() == 1 => vec![Err(error)],
        Err(_) => arrivals
            .into_iter()
            .map(|one| {
                let mut admissions = rows.admit_all(vec![one])?;
                admissions.pop().ok_or(StoreError::Closed)
            })
            .collect(),
    }
}

/// After the row: the first name goes; so does the second one of bytes whose
/// row is older and whose first file was dropped since. (Where the row still
/// needs a file that was lost, this one replaces it.)
fn tidy(
    spool: &Spool,
    rows: &impl Rows,
    sealed: &Sealed,
    admission: Admission,
    there_already: bool,
) -> Result<(), ReceiveError> {
    if admission == Admission::Repeated && !there_already && !rows.needs_file(&sealed.file())? {
        spool.discard(sealed)?;
    }
    if let Err(error) = spool.clear(sealed) {
        // It has its row: the next start finds that and deletes the name.
        log_clear(&error);
    }
    Ok(())
}

fn log_clear(error: &SpoolError) {
    tracing::warn!(error = %Chain(error), "a part file stays");
}

fn arrival(one: &Waiting, passed_on: &PassedOn) -> Arrival {
    Arrival {
        pass_on: passed_on.0.contains(one.sealed.source()),
        study: one.sealed.study().clone(),
        instance: one.sealed.instance().clone(),
        source: one.sealed.source().to_owned(),
        facts: one.facts.clone(),
        file: one.sealed.file(),
        size: one.sealed.size(),
        digest: one.sealed.digest(),
    }
}

#[cfg(test)]
mod tests;
