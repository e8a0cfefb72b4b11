//! Owns the databases and the results' files.
//!
//! `box.sqlite` has one writer thread; jobs that wait together are committed
//! together (group commit). The database runs in WAL with `synchronous=FULL`:
//! when a call that writes returns, the write survives a power cut. All calls
//! block; async rooms use `spawn_blocking`.
//!
//! A state changes by compare-and-set on (key, generation, state), in one
//! transaction with its evidence and its sealed events. [`Study`] values are
//! made here and nowhere else.
//!
//! [`Study`]: crate::study::Study

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OpenFlags, Params, Row};

use crate::audit::AuditError;
use crate::audit::Entry;
use crate::audit::Event;
use crate::clock::Clock;
use crate::clock::Moment;
use crate::names::NameError;
use crate::study::State;
use crate::study::StudyId;
use crate::wire::WireError;

mod accounts;
mod callers;
mod files;
mod life;
mod outbox;
mod pass_on;
mod quarantine;
mod troubles;
mod views;
mod withdrawals;
mod writer;

#[cfg(test)]
mod tests;

pub use accounts::{Account, Opened};
pub use callers::{AllowedSender, Sender, SenderRequest, SenderWish, TurnedAway};
pub use life::{Admission, Arrival, Timing};
pub use outbox::{Failure, Outbox, OutboxFailure, Pending};
pub use pass_on::{PassingOn, ToPassOn};
pub use quarantine::HeldApart;
pub use views::{InstanceRow, StepTime, StudyDetail, StudyRow};

/// What a database or a result's file could not do. All are held: the study
/// keeps its state and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder or file of the store could not be made, read or synced.
    #[error("{attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The store's own path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused a statement: full disk, corruption, a broken rule.
    #[error("the database, {attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// A row holds what this program never wrote. Restore from a backup.
    #[error("a row of {table} is not readable: {why}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The study is not in the state the step began from: another step was faster.
    #[error("study {study} is no longer {expected}")]
    Moved {
        /// Which study.
        study: StudyId,
        /// The state the step began from.
        expected: State,
    },
    /// No such study.
    #[error("there is no study {study}")]
    Unknown {
        /// Which.
        study: StudyId,
    },
    /// An event could not be sealed.
    #[error("sealing an event")]
    Seal(#[from] AuditError),
    /// Evidence could not be written as JSON.
    #[error("writing evidence")]
    Json(#[from] serde_json::Error),
    /// A bundle could not be written or read.
    #[error("a bundle")]
    Bundle(#[from] WireError),
    /// An artefact's bytes do not match its digest.
    #[error("the file {name} does not have the digest {expected}")]
    Digest {
        /// The artefact.
        name: String,
        /// The digest that was promised.
        expected: String,
    },
    /// The writer has ended: the box is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the disk had no room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Row { .. }
            | Self::Moved { .. }
            | Self::Unknown { .. }
            | Self::Seal(_)
            | Self::Json(_)
            | Self::Bundle(_)
            | Self::Digest { .. }
            | Self::Closed => false,
        }
    }
}

impl From<NameError> for StoreError {
    fn from(error: NameError) -> Self {
        Self::Row {
            table: "names",
            why: error.to_string(),
        }
    }
}

/// Adds what was attempted to a database error.
pub(crate) trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, StoreError>;
}

impl<T> Attempt<T> for Result<T, rusqlite::Error> {
    fn attempt(self, attempt: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { attempt, source })
    }
}

/// The rows that answer a question, each as the tuple of its columns.
fn rows<Columns>(
    db: &Connection,
    question: &str,
    values: impl Params,
    attempt: &'static str,
) -> Result<Vec<Columns>, StoreError>
where
    Columns: for<'row> TryFrom<&'row Row<'row>, Error = rusqlite::Error>,
{
    db.prepare_cached(question)
        .and_then(|mut statement| {
            statement
                .query_map(values, |row| Columns::try_from(row))?
                .collect()
        })
        .attempt(attempt)
}

/// The schema of `box.sqlite`: a script a version, each on top of the one before.
const BOX_SCHEMA: &[&str] = &[
    include_str!("schema/box-1.sql"),
    include_str!("schema/box-2.sql"),
    include_str!("schema/box-3.sql"),
    include_str!("schema/box-4.sql"),
];

/// Called after a commit with each journal entry, in order.
pub type Watcher = Box<dyn Fn(&Entry) + Send + Sync>;

/// The box's database and results. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    clock: Clock,
    writer: writer::Writer,
    reader: Mutex<Connection>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.inner.root)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or makes `box.sqlite` and `artefacts/` in the data folder, and
    /// checks the database's integrity.
    ///
    /// # Errors
    /// [`StoreError`] if the folder cannot be made, the database is broken or
    /// of a newer program.
    pub fn open(data: &Path, clock: Clock) -> Result<Self, StoreError> {
        for folder in [data.to_owned(), data.join("artefacts")] {
            std::fs::create_dir_all(&folder).map_err(|source| StoreError::File {
                attempt: "making the folder",
                path: folder.clone(),
                source,
            })?;
        }
        let path = data.join("box.sqlite");
        let write = open_database(&path, BOX_SCHEMA)?;
        let read = open_to_read(&path)?;
        let store = Self {
            inner: Arc::new(Inner {
                root: data.to_owned(),
                clock,
                writer: writer::Writer::start(write)?,
                reader: Mutex::new(read),
            }),
        };
        files::recover(&store)?;
        Ok(store)
    }

    /// Looks into the store of a box that runs, from another process: reads,
    /// never writes, recovers nothing. What would write answers
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError`] if there is no database.
    pub fn look_into(data: &Path, clock: Clock) -> Result<Self, StoreError> {
        let read = open_to_read(&data.join("box.sqlite"))?;
        Ok(Self {
            inner: Arc::new(Inner {
                root: data.to_owned(),
                clock,
                writer: writer::Writer::absent(),
                reader: Mutex::new(read),
            }),
        })
    }

    /// Calls back after each commit with each journal entry, in order. The
    /// callback runs on the writer's thread and must return at once.
    pub fn watch(&self, watcher: Watcher) {
        self.inner.writer.watch(watcher);
    }

    /// Puts an event that is of no study into the journal.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn record(&self, event: Event) -> Result<(), StoreError> {
        let at = self.now();
        self.write(move |job| job.seal(at, None, &event))
    }

    /// Puts an event of a study into the journal.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn record_of(&self, study: &StudyId, event: Event) -> Result<(), StoreError> {
        let (at, study) = (self.now(), study.to_string());
        self.write(move |job| job.seal(at, Some(&study), &event))
    }

    /// The folder of everything the box holds.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    fn now(&self) -> Moment {
        self.inner.clock.now()
    }

    /// Runs a job in the writer's next transaction; returns after the commit.
    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut writer::Job<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.run(job)
    }

    /// Reads with the reading connection.
    fn read<T>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.inner.reader.lock().map_err(|_| StoreError::Closed)?;
        job(&reader)
    }
}

fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(path, flags).attempt("opening for reading")?;
    read.busy_timeout(std::time::Duration::from_secs(5))
        .attempt("setting the time-out")?;
    Ok(read)
}

/// Opens a database in WAL with FULL sync, brings its schema up to date, and
/// checks its integrity.
fn open_database(path: &Path, schema: &[&str]) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).attempt("opening")?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .attempt("setting the time-out")?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .attempt("setting WAL")?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .attempt("setting FULL sync")?;
    connection
        .pragma_update(None, "foreign_keys", "ON")
        .attempt("setting foreign keys")?;
    let verdict: String = connection
        .query_row("PRAGMA quick_check", [], |row| row.get(0))
        .attempt("checking integrity")?;
    if verdict != "ok" {
        return Err(StoreError::Row {
            table: "quick_check",
            why: verdict,
        });
    }
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .attempt("beginning the schema")?;
    let version: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .attempt("reading the schema's version")?;
    let known = usize::try_from(version)
        .ok()
        .and_then(|at| schema.get(at..));
    let Some(missing) = known else {
        let ours = schema.len();
        return Err(StoreError::Row {
            table: "user_version",
            why: format!("schema {version} is newer than this program's {ours}: update bonebox"),
        });
    };
    for script in missing {
        transaction
            .execute_batch(script)
            .attempt("making the schema")?;
    }
    transaction
        .pragma_update(
            None,
            "user_version",
            i64::try_from(schema.len()).unwrap_or(i64::MAX),
        )
        .attempt("stamping the schema")?;
    transaction.commit().attempt("committing the schema")?;
    Ok(connection)
}
