//! A patient withdraws: what the box holds under a pseudonym is erased, and the
//! central is told by way of the outbox.
#![allow(
    clippy::disallowed_methods,
    reason = "this room owns the bundles' and results' files"
)]

use rusqlite::params;

use super::files::at;
use super::{Attempt, Failure, Outbox, Store, StoreError};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::Digest;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::study::StudyId;
use crate::wire::Withdrawal;

/// Tables whose rows are of one generation of a study, in an order that their
/// references allow.
const OF_A_STUDY: [&str; 6] = [
    "request", "artefact", "evidence", "pass_on", "instance", "study",
];

impl Outbox {
    /// Box: tells the central, sooner or later, that a patient withdrew; bundles
    /// of theirs that still wait are gone. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if it is not durable.
    pub fn withdraw(&self, withdrawal: &Withdrawal, now: Moment) -> Result<(), StoreError> {
        let (pseudonym, project) = (&withdrawal.pseudonym, &withdrawal.project);
        let body = serde_json::to_string(withdrawal)?;
        let mut folders = Vec::new();
        {
            let mut db = self.db()?;
            let change = db.transaction().attempt("beginning a withdrawal")?;
            let values = params![pseudonym.as_str(), project.as_str()];
            let bundles: Vec<String> = change
                .prepare(
                    "SELECT digest FROM bundle WHERE json_extract(body, '$.pseudonym') = ?1
                     AND json_extract(body, '$.project') = ?2",
                )
                .and_then(|mut statement| statement.query_map(values, |row| row.get(0))?.collect())
                .attempt("listing a patient's bundles")?;
            for digest in bundles {
                change
                    .execute("DELETE FROM bundle WHERE digest = ?1", [&digest])
                    .attempt("erasing a bundle")?;
                folders.push(self.bundles.join(digest));
            }
            change
                .execute(
                    "INSERT OR IGNORE INTO withdrawal (pseudonym, project, body, put, next_try)
                     VALUES (?1, ?2, ?3, ?4, ?4)",
                    params![pseudonym.as_str(), project.as_str(), body, now.micros()],
                )
                .attempt("putting a withdrawal into the outbox")?;
            change.commit().attempt("committing a withdrawal")?;
        }
        for folder in folders {
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(at("deleting", &folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Forwarder: the withdrawals that are due, oldest first, with their tries.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn due_withdrawals(&self, now: Moment) -> Result<Vec<(Withdrawal, u32)>, StoreError> {
        let db = self.db()?;
        let mut statement = db
            .prepare_cached(
                "SELECT body, tries FROM withdrawal
                 WHERE confirmed IS NULL AND next_try <= ?1 ORDER BY put LIMIT 16",
            )
            .attempt("listing withdrawals")?;
        let rows = statement
            .query_map([now.micros()], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?))
            })
            .attempt("listing withdrawals")?;
        rows.map(|row| {
            let (body, tries) = row.attempt("listing withdrawals")?;
            Ok((serde_json::from_str(&body)?, tries))
        })
        .collect()
    }

    /// Forwarder: the central has erased what it held.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn withdrawal_confirmed(&self, of: &Withdrawal, now: Moment) -> Result<(), StoreError> {
        self.db()?
            .execute(
                "UPDATE withdrawal SET tries = tries + 1, failure = NULL, confirmed = ?3
                 WHERE pseudonym = ?1 AND project = ?2",
                params![of.pseudonym.as_str(), of.project.as_str(), now.micros()],
            )
            .attempt("noting a withdrawal's answer")?;
        Ok(())
    }

    /// Forwarder: the central was not told; it is tried again at a moment.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn withdrawal_failed(
        &self,
        of: &Withdrawal,
        failure: &Failure,
        next_try: Moment,
    ) -> Result<(), StoreError> {
        self.db()?
            .execute(
                "UPDATE withdrawal SET tries = tries + 1, failure = ?3, next_try = ?4
                 WHERE pseudonym = ?1 AND project = ?2",
                params![
                    of.pseudonym.as_str(),
                    of.project.as_str(),
                    serde_json::to_string(failure)?,
                    next_try.micros()
                ],
            )
            .attempt("noting a failed withdrawal")?;
        Ok(())
    }

    /// How many withdrawals the central has not confirmed.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn withdrawals_waiting(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .db()?
            .query_row(
                "SELECT count(*) FROM withdrawal WHERE confirmed IS NULL",
                [],
                |row| row.get(0),
            )
            .attempt("counting withdrawals")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

impl Store {
    /// Every generation of every study that is held under a pseudonym.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn studies_of(
        &self,
        project: &Project,
        pseudonym: &Pseudonym,
    ) -> Result<Vec<StudyId>, StoreError> {
        self.read(|db| {
            // A study is one patient's: a generation without evidence goes with it.
            let mut statement = db
                .prepare(
                    "SELECT key, generation FROM study WHERE key IN (
                         SELECT key FROM evidence WHERE state = 'deidentified'
                         AND json_extract(body, '$.pseudonym') = ?1
                         AND json_extract(body, '$.project') = ?2)
                     ORDER BY key, generation",
                )
                .attempt("listing a patient's studies")?;
            let rows = statement
                .query_map(params![pseudonym.as_str(), project.as_str()], |row| {
                    Ok((row.get::<_, String>(0)?, row.get(1)?))
                })
                .attempt("listing a patient's studies")?;
            rows.map(|row| {
                let (key, generation) = row.attempt("listing a patient's studies")?;
                Ok(StudyId {
                    key: key.parse()?,
                    generation,
                })
            })
            .collect()
        })
    }

    /// Erases a generation of a study: its rows, and the results' files that no
    /// other study has. What happened to it stays in the journal, which names
    /// nobody. The image files are the spool's.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed, or a file not be deleted: then it
    /// is a leftover without a row, deleted at the next start.
    pub fn erase(&self, id: &StudyId, event: Event) -> Result<(), StoreError> {
        let (of, at_moment) = (id.clone(), self.now());
        let gone = self.write(move |job| {
            let values = params![of.key.as_str(), of.generation];
            let gone: Vec<String> = job
                .db
                .prepare(
                    "SELECT digest FROM artefact WHERE key = ?1 AND generation = ?2
                     AND digest NOT IN (SELECT digest FROM artefact
                         WHERE key <> ?1 OR generation <> ?2)",
                )
                .and_then(|mut statement| statement.query_map(values, |row| row.get(0))?.collect())
                .attempt("listing a study's files")?;
            for table in OF_A_STUDY {
                let values = params![of.key.as_str(), of.generation];
                job.db
                    .execute(
                        &format!("DELETE FROM {table} WHERE key = ?1 AND generation = ?2"),
                        values,
                    )
                    .attempt("erasing a study")?;
            }
            job.seal(at_moment, Some(&of.to_string()), &event)?;
            Ok(gone)
        })?;
        for digest in gone {
            let digest: Digest = digest.parse()?;
            let path = self.artefact_path(&digest);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(at("deleting", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
