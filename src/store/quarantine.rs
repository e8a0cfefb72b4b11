//! What could not be de-identified with certainty: held apart until a person
//! releases or drops it, or its time is over.

use rusqlite::{Connection, OptionalExtension, params};

use super::troubles::set_trouble;
use super::writer::Job;
use super::{Attempt, Store, StoreError, rows};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::AccountName;
use crate::names::InstanceKey;
use crate::study::ImageFacts;
use crate::study::Quarantined;
use crate::study::StudyId;

/// An instance that is held apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldApart {
    /// Of which study.
    pub study: StudyId,
    /// Which.
    pub instance: InstanceKey,
    /// Why, as a code.
    pub reason: String,
    /// What its tags say, as far as it identifies nobody.
    pub facts: ImageFacts,
    /// The site's name of the sender.
    pub source: String,
    /// Bytes.
    pub size: u64,
    /// When it came.
    pub at: Moment,
    /// Its file, relative to the data folder.
    pub file: String,
}

const COLUMNS: &str = "SELECT instance.key, instance.generation, instance, reason, facts, source,
    size, at, file FROM instance JOIN study USING (key, generation) WHERE quarantined = 1";

impl Store {
    /// Everything that is held apart, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn quarantine(&self) -> Result<Vec<HeldApart>, StoreError> {
        self.read(|db| held(db, "ORDER BY at DESC, instance", &[]))
    }

    /// One instance that is held apart; nothing if it is not.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn held_apart(
        &self,
        id: &StudyId,
        instance: &InstanceKey,
    ) -> Result<Option<HeldApart>, StoreError> {
        self.read(|db| one(db, id, instance))
    }

    /// What came before a moment and is still held apart.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn held_longer_than(&self, before: Moment) -> Result<Vec<HeldApart>, StoreError> {
        self.read(|db| held(db, "AND at < ?1", &[&before.micros()]))
    }

    /// Holds instances of a study apart that as a whole could not step on.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn hold_apart(&self, id: &StudyId, all: &[Quarantined]) -> Result<(), StoreError> {
        let (id, all) = (id.clone(), all.to_vec());
        self.write(move |job| mark(job.db, &id, &all))
    }

    /// A person released an instance: it is de-identified after all. Of a study
    /// that waits in whole it goes with the others; else it opens the next
    /// generation, as what comes late does. `false` if it is no longer held.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn release(
        &self,
        id: &StudyId,
        instance: &InstanceKey,
        who: Option<&AccountName>,
    ) -> Result<bool, StoreError> {
        let (id, instance, at) = (id.clone(), instance.clone(), self.now());
        let who = who.map(AccountName::to_string);
        self.write(move |job| {
            if one(job.db, &id, &instance)?.is_none() {
                return Ok(false);
            }
            let waits = is_spooled(job.db, &id)?;
            let generation = if waits {
                id.generation
            } else {
                next_generation(job, &id, at)?
            };
            job.db
                .execute(
                    "UPDATE instance SET quarantined = 0, released = 1, reason = NULL,
                         generation = ?4
                     WHERE key = ?1 AND generation = ?2 AND instance = ?3",
                    params![
                        id.key.as_str(),
                        id.generation,
                        instance.as_str(),
                        generation
                    ],
                )
                .attempt("releasing an instance")?;
            if waits {
                set_trouble(job.db, &id, None)?;
            }
            let instance = instance.to_string();
            let event = Event::QuarantineReleased { instance, who };
            job.seal(at, Some(&id.to_string()), &event)?;
            Ok(true)
        })
    }

    /// Drops an instance that is held apart, for a person or because its time is
    /// over (`who` is none): its file, which the caller deletes then. Nothing if
    /// it is no longer held.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn drop_held(
        &self,
        id: &StudyId,
        instance: &InstanceKey,
        who: Option<&AccountName>,
    ) -> Result<Option<String>, StoreError> {
        let (id, instance, at) = (id.clone(), instance.clone(), self.now());
        let who = who.map(AccountName::to_string);
        self.write(move |job| {
            let Some(held) = one(job.db, &id, &instance)? else {
                return Ok(None);
            };
            let values = params![id.key.as_str(), id.generation, instance.as_str()];
            job.db
                .execute(
                    "UPDATE instance SET quarantined = 0, dropped = 1
                     WHERE key = ?1 AND generation = ?2 AND instance = ?3",
                    values,
                )
                .attempt("dropping an instance")?;
            // A study that waited for it and has nothing else is done.
            job.db
                .execute(
                    "UPDATE study SET settled = 1, trouble = NULL
                     WHERE key = ?1 AND generation = ?2 AND state = 'spooled' AND NOT EXISTS
                         (SELECT 1 FROM instance WHERE key = ?1 AND generation = ?2
                          AND dropped = 0)",
                    params![id.key.as_str(), id.generation],
                )
                .attempt("settling a study")?;
            let instance = instance.to_string();
            let event = Event::QuarantineDropped { instance, who };
            job.seal(at, Some(&id.to_string()), &event)?;
            Ok(Some(held.file))
        })
    }
}

/// Marks instances as held apart, with the reason.
pub(super) fn mark(db: &Connection, id: &StudyId, all: &[Quarantined]) -> Result<(), StoreError> {
    for quarantined in all {
        db.execute(
            "UPDATE instance SET quarantined = 1, reason = ?4
             WHERE key = ?1 AND generation = ?2 AND instance = ?3 AND dropped = 0",
            params![
                id.key.as_str(),
                id.generation,
                quarantined.instance.as_str(),
                quarantined.code
            ],
        )
        .attempt("marking a quarantined instance")?;
    }
    Ok(())
}

fn is_spooled(db: &Connection, id: &StudyId) -> Result<bool, StoreError> {
    db.prepare_cached(
        "SELECT 1 FROM study WHERE key = ?1 AND generation = ?2 AND state = 'spooled'",
    )
    .and_then(|mut statement| statement.exists(params![id.key.as_str(), id.generation]))
    .attempt("finding a study")
}

/// The generation of a study that takes instances: the open one, or a new one.
fn next_generation(job: &Job<'_>, id: &StudyId, at: Moment) -> Result<u32, StoreError> {
    let latest: Option<(u32, String)> = job
        .db
        .query_row(
            "SELECT generation, state FROM study WHERE key = ?1
             ORDER BY generation DESC LIMIT 1",
            [id.key.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .attempt("finding a study")?;
    let Some((latest, state)) = latest else {
        return Err(StoreError::Unknown { study: id.clone() });
    };
    let generation = if state == "received" {
        latest
    } else {
        latest + 1
    };
    job.db
        .execute(
            "INSERT INTO study (key, generation, state, source, opened, last_image)
             SELECT key, ?3, 'received', source, ?4, ?4 FROM study
             WHERE key = ?1 AND generation = ?2
             ON CONFLICT (key, generation) DO UPDATE SET last_image = excluded.last_image",
            params![id.key.as_str(), id.generation, generation, at.micros()],
        )
        .attempt("opening a generation")?;
    Ok(generation)
}

fn one(
    db: &Connection,
    id: &StudyId,
    instance: &InstanceKey,
) -> Result<Option<HeldApart>, StoreError> {
    let filter = "AND instance.key = ?1 AND instance.generation = ?2 AND instance = ?3";
    let values: [&dyn rusqlite::ToSql; 3] = [&id.key.as_str(), &id.generation, &instance.as_str()];
    Ok(held(db, filter, &values)?.pop())
}

fn held(
    db: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<HeldApart>, StoreError> {
    type Parts = (
        String,
        u32,
        String,
        Option<String>,
        String,
        String,
        i64,
        i64,
        String,
    );
    let question = format!("{COLUMNS} {filter}");
    let found: Vec<Parts> = rows(db, &question, values, "listing the quarantine")?;
    let whole = |(key, generation, instance, reason, facts, source, size, at, file): Parts| {
        Ok(HeldApart {
            study: StudyId {
                key: key.parse()?,
                generation,
            },
            instance: instance.parse()?,
            reason: reason.unwrap_or_default(),
            facts: serde_json::from_str(&facts)?,
            source,
            size: u64::try_from(size).unwrap_or(0),
            at: Moment::from_micros(at),
            file,
        })
    };
    found.into_iter().map(whole).collect()
}
