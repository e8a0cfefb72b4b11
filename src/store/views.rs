//! What may be read: rows for pages, lists for steps.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Attempt, Store, StoreError, rows};
use crate::audit::Entry;
use crate::audit::Seal;
use crate::clock::Moment;
use crate::names::Digest;
use crate::names::InstanceKey;
use crate::names::Pseudonym;
use crate::names::StudyKey;
use crate::study::Acknowledged;
use crate::study::AcknowledgedEvidence;
use crate::study::Analyzed;
use crate::study::AnalyzedEvidence;
use crate::study::Artefact;
use crate::study::Deidentified;
use crate::study::DeidentifiedEvidence;
use crate::study::Forwarded;
use crate::study::ForwardedEvidence;
use crate::study::ImageFacts;
use crate::study::Outcome;
use crate::study::State;
use crate::study::Step;
use crate::study::StudyId;
use crate::study::Trouble;
use crate::study::ViewCode;

/// A step that a study has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTime {
    /// The state the step led to.
    pub state: State,
    /// When its successful attempt began.
    pub started: Moment,
    /// When it was committed.
    pub finished: Moment,
    /// Which attempt succeeded, 1 for the first.
    pub attempt: u32,
}

/// A study as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyRow {
    /// Which.
    pub id: StudyId,
    /// Its state.
    pub state: State,
    /// The site's name of the sender.
    pub source: String,
    /// When its first image came.
    pub opened: Moment,
    /// When its last image came.
    pub last_image: Moment,
    /// Number of images.
    pub images: u32,
    /// Their views, as the tags say.
    pub views: Vec<ViewCode>,
    /// The person's stand-in, once de-identified.
    pub pseudonym: Option<Pseudonym>,
    /// What analysis found.
    pub outcome: Option<Outcome>,
    /// What holds it up.
    pub trouble: Option<Trouble>,
    /// The steps it has made, in order.
    pub steps: Vec<StepTime>,
}

/// An instance's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    /// Which.
    pub instance: InstanceKey,
    /// What its tags say.
    pub facts: ImageFacts,
    /// Its file, relative to the data folder.
    pub file: String,
    /// Bytes of the data set.
    pub size: u64,
    /// SHA-256 of the data set as received.
    pub digest: Digest,
    /// When it came.
    pub at: Moment,
    /// A person released it from quarantine.
    pub released: bool,
    /// It was dropped from quarantine: its file is gone.
    pub dropped: bool,
}

/// Everything the store knows of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyDetail {
    /// The row.
    pub row: StudyRow,
    /// Its instances.
    pub instances: Vec<InstanceRow>,
    /// What de-identification did.
    pub deidentified: Option<DeidentifiedEvidence>,
    /// What analysis found, with its files.
    pub analyzed: Option<AnalyzedEvidence>,
    /// The bundle.
    pub forwarded: Option<ForwardedEvidence>,
    /// The receipt.
    pub acknowledged: Option<AcknowledgedEvidence>,
    /// Its files: previews as soon as they are drawn, results after analysis.
    pub artefacts: Vec<Artefact>,
    /// What happened to it, oldest first.
    pub journal: Vec<Entry>,
}

const COLUMNS: &str =
    "SELECT key, generation, state, source, opened, last_image, trouble FROM study";

impl Store {
    /// The newest studies, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn studies(&self, limit: usize) -> Result<Vec<StudyRow>, StoreError> {
        self.read(|db| {
            let mut statement = db
                .prepare_cached(&format!("{COLUMNS} ORDER BY opened DESC, key LIMIT ?1"))
                .attempt("listing studies")?;
            let heads = statement
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], head)
                .and_then(Iterator::collect::<Result<Vec<Head>, _>>)
                .attempt("listing studies")?;
            heads.into_iter().map(|head| study_row(db, head)).collect()
        })
    }

    /// Everything about a study.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn study(&self, id: &StudyId) -> Result<Option<StudyDetail>, StoreError> {
        self.read(|db| {
            let found = db
                .query_row(
                    &format!("{COLUMNS} WHERE key = ?1 AND generation = ?2"),
                    params![id.key.as_str(), id.generation],
                    head,
                )
                .optional()
                .attempt("finding a study")?;
            let Some(found) = found else { return Ok(None) };
            Ok(Some(StudyDetail {
                row: study_row(db, found)?,
                instances: instances(db, id)?,
                deidentified: evidence::<Deidentified>(db, id)?,
                analyzed: evidence::<Analyzed>(db, id)?,
                forwarded: evidence::<Forwarded>(db, id)?,
                acknowledged: evidence::<Acknowledged>(db, id)?,
                artefacts: artefacts(db, id)?,
                journal: journal(db, "WHERE study = ?1 ORDER BY number", &[&id.to_string()])?,
            }))
        })
    }

    /// The instances of one generation, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn instances(&self, id: &StudyId) -> Result<Vec<InstanceRow>, StoreError> {
        self.read(|db| instances(db, id))
    }

    /// The rows of one instance: more than one where it came with other bytes.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn instance_rows(
        &self,
        key: &StudyKey,
        instance: &InstanceKey,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        let filter = "WHERE key = ?1 AND instance = ?2 ORDER BY digest";
        self.read(|db| instance_rows(db, filter, params![key.as_str(), instance.as_str()]))
    }

    /// The SOP classes that an instance came with, in whatever study; none: it
    /// never came.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn classes_of(&self, instance: &InstanceKey) -> Result<Vec<String>, StoreError> {
        self.read(|db| {
            let rows = instance_rows(db, "WHERE instance = ?1", params![instance.as_str()])?;
            Ok(rows.into_iter().map(|row| row.facts.sop_class).collect())
        })
    }

    /// What proved that a study reached a state.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn evidence<S: Step>(&self, id: &StudyId) -> Result<Option<S::Evidence>, StoreError> {
        self.read(|db| evidence::<S>(db, id))
    }

    /// Journal entries after a number, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn journal_since(&self, number: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|db| {
            journal(
                db,
                "WHERE number > ?1 ORDER BY number LIMIT ?2",
                &[&number, &limit],
            )
        })
    }

    /// The newest journal entries, newest first: all, or only those about people
    /// (who looked, who signed in, who asked).
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn journal_newest(&self, limit: usize, people: bool) -> Result<Vec<Entry>, StoreError> {
        const PEOPLE: &str = "WHERE json_extract(event, '$.event') IN ('person-revealed',
            'quarantine-opened', 'patient-withdrawn', 'signed-in', 'sign-in-failed',
            'account-opened', 'account-changed', 'code-made', 'requested')";
        let filter = if people { PEOPLE } else { "" };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|db| {
            journal(
                db,
                &format!("{filter} ORDER BY number DESC LIMIT ?1"),
                &[&limit],
            )
        })
    }

    /// Whether an identified file is still needed: its study is not yet
    /// de-identified, the instance is in quarantine, or it waits to be passed on.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn needs_file(&self, file: &str) -> Result<bool, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT 1 FROM instance JOIN study USING (key, generation)
                 WHERE file = ?1 AND dropped = 0
                 AND (state IN ('received', 'spooled') OR quarantined = 1)
                 UNION ALL SELECT 1 FROM pass_on WHERE file = ?1 AND done IS NULL",
            )
            .and_then(|mut statement| statement.exists([file]))
            .attempt("finding a file's row")
        })
    }

    /// How many studies are in each state, in the order of a study's life.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn counts(&self) -> Result<Vec<(State, u64)>, StoreError> {
        self.read(|db| {
            State::ALL
                .into_iter()
                .map(|state| {
                    let count: i64 = db
                        .query_row(
                            "SELECT count(*) FROM study WHERE state = ?1",
                            [state.as_str()],
                            |row| row.get(0),
                        )
                        .attempt("counting studies")?;
                    Ok((state, u64::try_from(count).unwrap_or(0)))
                })
                .collect()
        })
    }
}

type Head = (String, u32, String, String, i64, i64, Option<String>);

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn study_row(db: &Connection, head: Head) -> Result<StudyRow, StoreError> {
    let (key, generation, state, source, opened, last_image, trouble) = head;
    let id = StudyId {
        key: key.parse()?,
        generation,
    };
    let state = State::from_name(&state).ok_or_else(|| StoreError::Row {
        table: "study",
        why: "unknown state".into(),
    })?;
    let instances = instances(db, &id)?;
    Ok(StudyRow {
        pseudonym: evidence::<Deidentified>(db, &id)?.map(|evidence| evidence.pseudonym),
        outcome: evidence::<Analyzed>(db, &id)?.map(|evidence| evidence.outcome),
        steps: steps(db, &id)?,
        images: u32::try_from(instances.len()).unwrap_or(u32::MAX),
        views: instances
            .iter()
            .map(|instance| instance.facts.view)
            .collect(),
        trouble: trouble
            .map(|body| serde_json::from_str(&body))
            .transpose()?,
        id,
        state,
        source,
        opened: Moment::from_micros(opened),
        last_image: Moment::from_micros(last_image),
    })
}

fn instances(db: &Connection, id: &StudyId) -> Result<Vec<InstanceRow>, StoreError> {
    let filter = "WHERE key = ?1 AND generation = ?2 ORDER BY instance, digest";
    instance_rows(db, filter, params![id.key.as_str(), id.generation])
}

fn instance_rows(
    db: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<InstanceRow>, StoreError> {
    type Columns = (String, String, String, i64, String, i64, bool, bool);
    let question = format!(
        "SELECT instance, facts, file, size, digest, at, released, dropped
         FROM instance {filter}"
    );
    let found: Vec<Columns> = rows(db, &question, values, "listing instances")?;
    let whole = |(instance, facts, file, size, digest, at, released, dropped): Columns| {
        Ok(InstanceRow {
            instance: instance.parse()?,
            facts: serde_json::from_str(&facts)?,
            file,
            size: u64::try_from(size).unwrap_or(0),
            digest: digest.parse()?,
            at: Moment::from_micros(at),
            released,
            dropped,
        })
    };
    found.into_iter().map(whole).collect()
}

fn evidence<S: Step>(db: &Connection, id: &StudyId) -> Result<Option<S::Evidence>, StoreError> {
    let body: Option<String> = db
        .prepare_cached(
            "SELECT body FROM evidence WHERE key = ?1 AND generation = ?2 AND state = ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_row(
                    params![id.key.as_str(), id.generation, S::STATE.as_str()],
                    |row| row.get(0),
                )
                .optional()
        })
        .attempt("reading evidence")?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

fn artefacts(db: &Connection, id: &StudyId) -> Result<Vec<Artefact>, StoreError> {
    let mut statement = db
        .prepare_cached("SELECT body FROM artefact WHERE key = ?1 AND generation = ?2")
        .attempt("listing artefacts")?;
    let bodies = statement
        .query_map(params![id.key.as_str(), id.generation], |row| {
            row.get::<_, String>(0)
        })
        .attempt("listing artefacts")?;
    let mut artefacts: Vec<Artefact> = bodies
        .map(|body| Ok(serde_json::from_str(&body.attempt("listing artefacts")?)?))
        .collect::<Result<_, StoreError>>()?;
    artefacts.sort_by(|a, b| (a.name.as_str(), a.digest).cmp(&(b.name.as_str(), b.digest)));
    Ok(artefacts)
}

fn steps(db: &Connection, id: &StudyId) -> Result<Vec<StepTime>, StoreError> {
    let found: Vec<(String, i64, i64, u32)> = rows(
        db,
        "SELECT state, started, finished, attempt FROM evidence
         WHERE key = ?1 AND generation = ?2 ORDER BY finished, started",
        params![id.key.as_str(), id.generation],
        "reading steps",
    )?;
    let mut steps = Vec::new();
    for (state, started, finished, attempt) in found {
        let state = State::from_name(&state).ok_or_else(|| StoreError::Row {
            table: "evidence",
            why: "unknown state".into(),
        })?;
        steps.push(StepTime {
            state,
            started: Moment::from_micros(started),
            finished: Moment::from_micros(finished),
            attempt,
        });
    }
    steps.sort_by_key(|step| step.state);
    Ok(steps)
}

fn journal(
    db: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Entry>, StoreError> {
    type Columns = (i64, i64, Option<String>, String, String);
    let question = format!("SELECT number, at, study, event, seal FROM journal {filter}");
    let found: Vec<Columns> = rows(db, &question, values, "reading the journal")?;
    let whole = |(number, at, study, event, seal): Columns| {
        Ok(Entry {
            number: u64::try_from(number).unwrap_or(0),
            at: Moment::from_micros(at),
            study,
            event: serde_json::from_str(&event)?,
            seal: Seal::from_digest(seal.parse()?),
        })
    };
    found.into_iter().map(whole).collect()
}
