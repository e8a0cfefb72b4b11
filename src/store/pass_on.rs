//! What is to be passed on, untouched, to a PACS of the hospital: a durable
//! queue of files in `identified/`. A row is written with the instance's own,
//! and keeps the file from being deleted until it is done.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::life::Arrival;
use super::{Attempt, Store, StoreError, rows};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::InstanceKey;
use crate::study::StudyId;

/// A file that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToPassOn {
    /// The file, relative to the data folder.
    pub file: String,
    /// Of which study.
    pub study: StudyId,
    /// Which instance.
    pub instance: InstanceKey,
    /// The site's name of its sender, which decides where to.
    pub source: String,
    /// Tries so far.
    pub tries: u32,
}

/// How passing on stands for one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassingOn {
    /// The site's name of the sender.
    pub source: String,
    /// Files that wait.
    pub waiting: u64,
    /// Since when the oldest waits.
    pub since: Moment,
    /// Why the last try failed, if one did.
    pub failure: Option<String>,
    /// When the next try is.
    pub next_try: Moment,
}

impl Store {
    /// The files that are due, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn to_pass_on(&self, now: Moment, limit: u32) -> Result<Vec<ToPassOn>, StoreError> {
        type Columns = (String, String, u32, String, String, u32);
        self.read(|db| {
            let found: Vec<Columns> = rows(
                db,
                "SELECT file, key, generation, instance, source, tries FROM pass_on
                 WHERE done IS NULL AND next_try <= ?1 ORDER BY at, file LIMIT ?2",
                params![now.micros(), limit],
                "listing what is to be passed on",
            )?;
            found
                .into_iter()
                .map(|(file, key, generation, instance, source, tries)| {
                    Ok(ToPassOn {
                        file,
                        study: StudyId {
                            key: key.parse()?,
                            generation,
                        },
                        instance: instance.parse()?,
                        source,
                        tries,
                    })
                })
                .collect()
        })
    }

    /// The PACS has said that it holds these.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed; they are sent again then.
    pub fn passed_on(&self, all: Vec<ToPassOn>) -> Result<(), StoreError> {
        let at = self.now();
        self.write(move |job| {
            for one in &all {
                job.db
                    .execute(
                        "UPDATE pass_on SET done = ?2, tries = tries + 1, failure = NULL
                         WHERE file = ?1 AND done IS NULL",
                        params![one.file, at.micros()],
                    )
                    .attempt("noting what was passed on")?;
                let instance = one.instance.as_str().to_owned();
                let event = Event::InstancePassedOn { instance };
                job.seal(at, Some(&one.study.to_string()), &event)?;
            }
            Ok(())
        })
    }

    /// These could not be passed on, and when each is tried again.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn not_passed_on(
        &self,
        all: Vec<(ToPassOn, Moment)>,
        failure: &str,
    ) -> Result<(), StoreError> {
        let failure = failure.to_owned();
        self.write(move |job| {
            for (one, next_try) in &all {
                job.db
                    .execute(
                        "UPDATE pass_on SET tries = tries + 1, failure = ?2, next_try = ?3
                         WHERE file = ?1 AND done IS NULL",
                        params![one.file, failure, next_try.micros()],
                    )
                    .attempt("noting what was not passed on")?;
            }
            Ok(())
        })
    }

    /// How passing on stands, for each source with files that wait.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn passing_on(&self) -> Result<Vec<PassingOn>, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT source, count(*), min(at), max(failure), min(next_try) FROM pass_on
                 WHERE done IS NULL GROUP BY source ORDER BY source",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| {
                        let waiting: i64 = row.get(1)?;
                        Ok(PassingOn {
                            source: row.get(0)?,
                            waiting: u64::try_from(waiting).unwrap_or(0),
                            since: Moment::from_micros(row.get(2)?),
                            failure: row.get(3)?,
                            next_try: Moment::from_micros(row.get(4)?),
                        })
                    })?
                    .collect()
            })
            .attempt("counting what is to be passed on")
        })
    }

    /// Whether the PACS has said that it holds an instance, in whatever study.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn is_passed_on(&self, instance: &InstanceKey) -> Result<bool, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT 1 FROM pass_on WHERE instance = ?1 AND done IS NOT NULL")
                .and_then(|mut statement| statement.exists([instance.as_str()]))
                .attempt("finding what was passed on")
        })
    }
}

/// Queues an instance, in the transaction of its own row.
pub(super) fn queue(
    db: &Connection,
    at: Moment,
    arrival: &Arrival,
    generation: u32,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO pass_on (file, key, generation, instance, source, at, next_try)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            arrival.file,
            arrival.study.as_str(),
            generation,
            arrival.instance.as_str(),
            arrival.source,
            at.micros()
        ])
    })
    .attempt("queueing what is to be passed on")?;
    Ok(())
}
