//! How studies are born, move on and are held up.

use rusqlite::{Connection, OptionalExtension, params};

use super::troubles::{may_try, set_trouble, standing};
use super::writer::Job;
use super::{Attempt, Store, StoreError, pass_on, quarantine};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::Digest;
use crate::names::Hasher;
use crate::names::InstanceKey;
use crate::names::StudyKey;
use crate::study::After;
use crate::study::Analyzed;
use crate::study::AnalyzedEvidence;
use crate::study::Artefact;
use crate::study::DeidentifiedEvidence;
use crate::study::ImageFacts;
use crate::study::Received;
use crate::study::Spooled;
use crate::study::SpooledEvidence;
use crate::study::State;
use crate::study::Step;
use crate::study::Study;
use crate::study::StudyId;
use crate::study::Trouble;
use crate::study::TroubleCode;

/// An instance that lies in `identified/`, synced, and asks for its row.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Of which study.
    pub study: StudyKey,
    /// Which instance.
    pub instance: InstanceKey,
    /// The site's name of the sender.
    pub source: String,
    /// What its tags say.
    pub facts: ImageFacts,
    /// Its file, relative to the data folder.
    pub file: String,
    /// Bytes of the data set.
    pub size: u64,
    /// SHA-256 of the data set as received.
    pub digest: Digest,
    /// It is to be passed on to a PACS of the hospital.
    pub pass_on: bool,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has a row now, in this generation.
    New {
        /// The generation it belongs to.
        generation: u32,
    },
    /// The same bytes have a row already; the new file is not needed.
    Repeated,
    /// The same instance with other bytes: both are kept, the study is in trouble.
    Conflict {
        /// The generation it belongs to.
        generation: u32,
    },
}

/// How long a step took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When this attempt began.
    pub started: Moment,
    /// 1 for the first.
    pub attempt: u32,
}

impl Store {
    /// Gives an instance its row; durable when it returns. An instance that
    /// comes after its study was closed opens the next generation.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed: answer no success.
    pub fn admit(&self, arrival: Arrival) -> Result<Admission, StoreError> {
        let at = self.now();
        self.write(move |job| admit(job, at, &arrival))
    }

    /// Gives many instances their rows in one transaction, in order: all of
    /// them or none.
    ///
    /// # Errors
    /// [`StoreError`] if one of them cannot be committed.
    pub fn admit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Admission>, StoreError> {
        let at = self.now();
        self.write(move |job| {
            arrivals
                .iter()
                .map(|arrival| admit(job, at, arrival))
                .collect()
        })
    }

    /// All studies in a state that no trouble holds up at a moment.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn ready<S: Step>(&self, now: Moment) -> Result<Vec<Study<S>>, StoreError> {
        self.read(|db| {
            let rows = in_state(db, S::STATE)?;
            let ready = rows.into_iter().filter(|(_, trouble)| {
                trouble
                    .as_ref()
                    .is_none_or(|held| may_try(held, S::STATE, now))
            });
            Ok(ready
                .filter_map(|(id, _)| Study::from_row(id, S::STATE))
                .collect())
        })
    }

    /// All unsettled studies in a state, held up or not.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn all_in<S: Step>(&self) -> Result<Vec<Study<S>>, StoreError> {
        self.read(|db| {
            let rows = in_state(db, S::STATE)?;
            Ok(rows
                .into_iter()
                .filter_map(|(id, _)| Study::from_row(id, S::STATE))
                .collect())
        })
    }

    /// Gives a study artefacts that are there before its analysis: previews.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn attach(&self, id: &StudyId, artefacts: Vec<Artefact>) -> Result<(), StoreError> {
        let (id, at) = (id.clone(), self.now());
        self.write(move |job| {
            attach(job.db, &id, &artefacts)?;
            let count = u32::try_from(artefacts.len()).unwrap_or(u32::MAX);
            job.seal(
                at,
                Some(&id.to_string()),
                &Event::ArtefactsAttached { count },
            )
        })
    }

    /// Settles a study that has nothing to send: its refusal is its result.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn settle(&self, study: Study<Analyzed>) -> Result<(), StoreError> {
        let (id, at) = (study.id().clone(), self.now());
        self.write(move |job| {
            job.db
                .execute(
                    "UPDATE study SET settled = 1
                     WHERE key = ?1 AND generation = ?2 AND state = 'analyzed'",
                    params![id.key.as_str(), id.generation],
                )
                .attempt("settling a study")?;
            job.seal(at, Some(&id.to_string()), &Event::StudySettled)
        })
    }

    /// Moves a study on: evidence, state and events in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if the study is no longer in the state the step
    /// began from; otherwise what kept it from being committed.
    pub fn advance<S: Step, N: After<S>>(
        &self,
        study: Study<S>,
        evidence: &N::Evidence,
        timing: Timing,
        events: Vec<Event>,
    ) -> Result<Study<N>, StoreError> {
        let id = study.id().clone();
        let body = serde_json::to_string(evidence)?;
        let finished = self.now();
        let next = id.clone();
        self.write(move |job| {
            advance::<S, N>(job, &id, &body, timing, finished)?;
            let name = id.to_string();
            events
                .iter()
                .try_for_each(|event| job.seal(finished, Some(&name), event))
        })?;
        next_study(next, S::STATE)
    }

    /// Closes the list of instances. The list is read in the same transaction
    /// that closes it: what comes after opens the next generation.
    ///
    /// # Errors
    /// As [`Store::advance`].
    pub fn close(
        &self,
        study: Study<Received>,
        because: &'static str,
        timing: Timing,
    ) -> Result<Study<Spooled>, StoreError> {
        let id = study.id().clone();
        let finished = self.now();
        let next = id.clone();
        self.write(move |job| {
            let list = instance_list(job.db, &id)?;
            let mut hasher = Hasher::new();
            for (instance, digest) in &list {
                hasher.update(instance.as_bytes());
                hasher.update(digest.as_bytes());
            }
            let evidence = SpooledEvidence {
                instances: list
                    .iter()
                    .map(|(instance, _)| instance.parse())
                    .collect::<Result<_, _>>()?,
                digest: hasher.finish(),
                closed_because: because.to_owned(),
            };
            let body = serde_json::to_string(&evidence)?;
            advance::<Received, Spooled>(job, &id, &body, timing, finished)?;
            let instances = u32::try_from(list.len()).unwrap_or(u32::MAX);
            job.seal(
                finished,
                Some(&id.to_string()),
                &Event::StudyClosed { instances },
            )
        })?;
        next_study(next, State::Received)
    }
}

/// The unsettled studies in a state, oldest first, with what holds them up.
fn in_state(db: &Connection, state: State) -> Result<Vec<(StudyId, Option<Trouble>)>, StoreError> {
    let mut statement = db
        .prepare_cached(
            "SELECT key, generation, trouble FROM study
             WHERE state = ?1 AND settled = 0 ORDER BY opened",
        )
        .attempt("listing studies")?;
    let rows = statement
        .query_map([state.as_str()], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        })
        .attempt("listing studies")?;
    rows.map(|row| {
        let (key, generation, trouble) = row.attempt("listing studies")?;
        let trouble = trouble
            .map(|body| serde_json::from_str(&body))
            .transpose()?;
        Ok((
            StudyId {
                key: key.parse()?,
                generation,
            },
            trouble,
        ))
    })
    .collect()
}

fn next_study<N: Step>(id: StudyId, expected: State) -> Result<Study<N>, StoreError> {
    Study::from_row(id.clone(), N::STATE).ok_or(StoreError::Moved {
        study: id,
        expected,
    })
}

/// The compare-and-set on (key, generation, state), with its evidence.
fn advance<S: Step, N: After<S>>(
    job: &Job<'_>,
    id: &StudyId,
    body: &str,
    timing: Timing,
    finished: Moment,
) -> Result<(), StoreError> {
    let changed = job
        .db
        .prepare_cached(
            "UPDATE study SET state = ?3
             WHERE key = ?1 AND generation = ?2 AND state = ?4",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                id.key.as_str(),
                id.generation,
                N::STATE.as_str(),
                S::STATE.as_str()
            ])
        })
        .attempt("moving a study on")?;
    if changed != 1 {
        return Err(StoreError::Moved {
            study: id.clone(),
            expected: S::STATE,
        });
    }
    job.db
        .execute(
            "INSERT INTO evidence (key, generation, state, body, started, finished, attempt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.key.as_str(),
                id.generation,
                N::STATE.as_str(),
                body,
                timing.started.micros(),
                finished.micros(),
                timing.attempt
            ],
        )
        .attempt("writing evidence")?;
    if N::STATE == State::Deidentified {
        let evidence: DeidentifiedEvidence = serde_json::from_str(body)?;
        quarantine::mark(job.db, id, &evidence.quarantined)?;
    }
    // What held it up is over; what is told of it stays.
    let told = standing(job.db, id, finished)?;
    set_trouble(job.db, id, told.as_ref())?;
    attach(job.db, id, &artefacts_of::<N>(body)?)
}

fn attach(db: &Connection, id: &StudyId, artefacts: &[Artefact]) -> Result<(), StoreError> {
    for artefact in artefacts {
        db.execute(
            "INSERT OR IGNORE INTO artefact (digest, key, generation, body)
             VALUES (?1, ?2, ?3, ?4)",
            params![
                artefact.digest.hex(),
                id.key.as_str(),
                id.generation,
                serde_json::to_string(artefact)?
            ],
        )
        .attempt("writing an artefact's row")?;
    }
    Ok(())
}

fn instance_list(db: &Connection, id: &StudyId) -> Result<Vec<(String, String)>, StoreError> {
    db.prepare_cached(
        "SELECT instance, digest FROM instance WHERE key = ?1 AND generation = ?2
         ORDER BY instance, digest",
    )
    .and_then(|mut statement| {
        statement
            .query_map(params![id.key.as_str(), id.generation], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect()
    })
    .attempt("listing instances")
}

fn artefacts_of<N: Step>(body: &str) -> Result<Vec<Artefact>, StoreError> {
    if N::STATE == State::Analyzed {
        Ok(serde_json::from_str::<AnalyzedEvidence>(body)?.artefacts)
    } else {
        Ok(Vec::new())
    }
}

fn admit(job: &mut Job<'_>, at: Moment, arrival: &Arrival) -> Result<Admission, StoreError> {
    let (key, instance) = (arrival.study.as_str(), arrival.instance.as_str());
    let digests = digests_of(job.db, key, instance)?;
    let latest: Option<(u32, String)> = job
        .db
        .prepare_cached(
            "SELECT generation, state FROM study WHERE key = ?1 ORDER BY generation DESC LIMIT 1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .attempt("finding a study")?;
    let name = |generation: u32| format!("{key}.{generation}");
    if digests.contains(&arrival.digest.hex()) {
        let study = name(latest.map_or(1, |(generation, _)| generation));
        job.seal(
            at,
            Some(&study),
            &Event::InstanceRepeated {
                instance: instance.to_owned(),
            },
        )?;
        return Ok(Admission::Repeated);
    }
    let open = latest
        .as_ref()
        .is_some_and(|(_, state)| state == State::Received.as_str());
    let generation = match latest {
        Some((generation, _)) if open => generation,
        Some((generation, _)) => generation + 1,
        None => 1,
    };
    open_generation(job.db, at, arrival, generation)?;
    insert_instance(job.db, at, arrival, generation)?;
    if arrival.pass_on {
        pass_on::queue(job.db, at, arrival, generation)?;
    }
    let study = name(generation);
    let received = Event::InstanceReceived {
        instance: instance.to_owned(),
        size: arrival.size,
    };
    job.seal(at, Some(&study), &received)?;
    if digests.is_empty() {
        return Ok(Admission::New { generation });
    }
    let trouble = Trouble {
        code: TroubleCode::ConflictingInstance,
        detail: format!("instance {instance} came again with other bytes; both are kept"),
        since: at,
        tries: 1,
        next_try: None,
        acknowledged_by: None,
    };
    let id = StudyId {
        key: arrival.study.clone(),
        generation,
    };
    set_trouble(job.db, &id, Some(&trouble))?;
    job.seal(
        at,
        Some(&study),
        &Event::InstanceConflict {
            instance: instance.to_owned(),
        },
    )?;
    Ok(Admission::Conflict { generation })
}

fn insert_instance(
    db: &Connection,
    at: Moment,
    arrival: &Arrival,
    generation: u32,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO instance (key, generation, instance, digest, size, file, facts, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            arrival.study.as_str(),
            generation,
            arrival.instance.as_str(),
            arrival.digest.hex(),
            i64::try_from(arrival.size).unwrap_or(i64::MAX),
            arrival.file,
            serde_json::to_string(&arrival.facts).unwrap_or_default(),
            at.micros()
        ])
    })
    .attempt("writing an instance's row")?;
    Ok(())
}

fn digests_of(db: &Connection, key: &str, instance: &str) -> Result<Vec<String>, StoreError> {
    db.prepare_cached("SELECT digest FROM instance WHERE key = ?1 AND instance = ?2")
        .and_then(|mut statement| {
            statement
                .query_map([key, instance], |row| row.get(0))?
                .collect()
        })
        .attempt("finding an instance")
}

fn open_generation(
    db: &Connection,
    at: Moment,
    arrival: &Arrival,
    generation: u32,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO study (key, generation, state, source, opened, last_image)
         VALUES (?1, ?2, 'received', ?3, ?4, ?4)
         ON CONFLICT (key, generation) DO UPDATE SET last_image = excluded.last_image",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            arrival.study.as_str(),
            generation,
            arrival.source,
            at.micros()
        ])
    })
    .attempt("opening a study")?;
    Ok(())
}
