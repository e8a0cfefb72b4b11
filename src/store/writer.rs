//! The one writer of `box.sqlite`: a thread that takes jobs from a bounded
//! queue and commits those that wait together in one transaction.
//!
//! Each job runs in a savepoint: one that fails takes nothing of the others
//! with it. Answers go out only after the commit.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Attempt, StoreError, Watcher};
use crate::audit::Entry;
use crate::audit::Event;
use crate::audit::Seal;
use crate::clock::Moment;

/// Jobs that may wait; a caller blocks while the queue is full.
const QUEUE: usize = 256;
/// Jobs committed in one transaction at most.
const BATCH: usize = 64;

/// A job's work inside the transaction; on success what answers the caller
/// after the commit, told whether the commit held.
type Work = Box<dyn FnOnce(&mut Job<'_>) -> Option<Answer> + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Watchers = Arc<Mutex<Vec<Watcher>>>;

pub(super) struct Writer {
    queue: SyncSender<Work>,
    watchers: Watchers,
}

/// What a job may use: the transaction and the journal's end.
pub(super) struct Job<'a> {
    pub(super) db: &'a Connection,
    end: Seal,
    number: u64,
    entries: Vec<Entry>,
}

impl Job<'_> {
    /// Seals an event into the journal.
    pub(super) fn seal(
        &mut self,
        at: Moment,
        study: Option<&str>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let number = self.number + 1;
        let seal = self.end.next(number, at, study, event)?;
        self.db
            .prepare_cached(
                "INSERT INTO journal (number, at, study, event, seal) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    i64::try_from(number).unwrap_or(i64::MAX),
                    at.micros(),
                    study,
                    serde_json::to_string(event).unwrap_or_default(),
                    seal.digest().hex(),
                ])
            })
            .attempt("writing the journal")?;
        self.end = seal;
        self.number = number;
        self.entries.push(Entry {
            number,
            at,
            study: study.map(str::to_owned),
            event: event.clone(),
            seal,
        });
        Ok(())
    }
}

impl Writer {
    pub(super) fn start(db: Connection) -> Result<Self, StoreError> {
        let end = journal_end(&db)?;
        let (queue, jobs) = sync_channel(QUEUE);
        let watchers = Watchers::default();
        let seen = Arc::clone(&watchers);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serve(db, end, &jobs, &seen))
            .map_err(|source| StoreError::File {
                attempt: "starting the writer thread of",
                path: "box.sqlite".into(),
                source,
            })?;
        Ok(Self { queue, watchers })
    }

    /// No writer: every job is answered with [`StoreError::Closed`].
    pub(super) fn absent() -> Self {
        let (queue, _) = sync_channel(1);
        Self {
            queue,
            watchers: Watchers::default(),
        }
    }

    pub(super) fn watch(&self, watcher: Watcher) {
        if let Ok(mut watchers) = self.watchers.lock() {
            watchers.push(watcher);
        }
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Job<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = sync_channel(1);
        let work: Work = Box::new(move |context| match job(context) {
            Ok(value) => Some(Box::new(move |committed: Result<(), StoreError>| {
                // A caller that no longer waits has nothing to hear.
                drop(answer.send(committed.map(|()| value)));
            })),
            Err(error) => {
                drop(answer.send(Err(error)));
                None
            }
        });
        self.queue.send(work).map_err(|_| StoreError::Closed)?;
        result.recv().map_err(|_| StoreError::Closed)?
    }
}

/// The journal's last seal and number.
fn journal_end(db: &Connection) -> Result<(Seal, u64), StoreError> {
    let row: Option<(i64, String)> = db
        .query_row(
            "SELECT number, seal FROM journal ORDER BY number DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .attempt("reading the journal's end")?;
    Ok(match row {
        Some((number, seal)) => (
            Seal::from_digest(seal.parse()?),
            u64::try_from(number).unwrap_or(0),
        ),
        None => (Seal::first(), 0),
    })
}

fn serve(mut db: Connection, mut end: (Seal, u64), jobs: &Receiver<Work>, watchers: &Watchers) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        let mut answers = Vec::new();
        match commit(&mut db, end, batch, &mut answers) {
            Ok((new_end, entries)) => {
                end = new_end;
                for answer in answers {
                    answer(Ok(()));
                }
                if let Ok(watchers) = watchers.lock() {
                    for entry in &entries {
                        watchers.iter().for_each(|watcher| watcher(entry));
                    }
                }
            }
            Err(error) => {
                let full = error.is_disk_full();
                tracing::error!(room = "store", full, %error, "commit failed");
                for answer in answers {
                    answer(Err(StoreError::Database {
                        attempt: "committing",
                        source: rusqlite::Error::SqliteFailure(
                            rusqlite::ffi::Error::new(if full {
                                rusqlite::ffi::SQLITE_FULL
                            } else {
                                rusqlite::ffi::SQLITE_IOERR
                            }),
                            None,
                        ),
                    }));
                }
            }
        }
    }
}

type End = (Seal, u64);

fn commit(
    db: &mut Connection,
    end: End,
    batch: Vec<Work>,
    answers: &mut Vec<Answer>,
) -> Result<(End, Vec<Entry>), StoreError> {
    let mut transaction = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .attempt("beginning a transaction")?;
    let mut state = (end, Vec::new());
    for work in batch {
        run_one(&mut transaction, work, &mut state, answers)?;
    }
    transaction.commit().attempt("committing")?;
    Ok(state)
}

fn run_one(
    transaction: &mut Transaction<'_>,
    work: Work,
    (end, entries): &mut (End, Vec<Entry>),
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    let savepoint = transaction.savepoint().attempt("beginning a savepoint")?;
    let mut job = Job {
        db: &savepoint,
        end: end.0,
        number: end.1,
        entries: Vec::new(),
    };
    if let Some(answer) = work(&mut job) {
        let (new_end, new_entries) = ((job.end, job.number), job.entries);
        answers.push(answer);
        savepoint.commit().attempt("releasing a savepoint")?;
        *end = new_end;
        entries.extend(new_entries);
    } else {
        savepoint.finish().attempt("rolling a savepoint back")?;
    }
    Ok(())
}
