//! What holds studies up, and what people ask for.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Attempt, Store, StoreError, rows};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::AccountName;
use crate::names::InstanceKey;
use crate::study::Request;
use crate::study::RequestKind;
use crate::study::State;
use crate::study::StudyId;
use crate::study::Trouble;
use crate::study::TroubleCode;

impl Store {
    /// The instances of a generation that came before with other bytes, in it
    /// or in an earlier one.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn conflicts(&self, id: &StudyId) -> Result<BTreeSet<InstanceKey>, StoreError> {
        self.read(|db| conflicts(db, id))
    }

    /// Holds a study up: it keeps its state and gains a trouble. The first
    /// moment and the acknowledgment of an equal trouble are kept.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn hold_up(
        &self,
        id: &StudyId,
        code: TroubleCode,
        detail: &str,
        next_try: Option<Moment>,
    ) -> Result<Trouble, StoreError> {
        let (id, detail, at) = (id.clone(), detail.to_owned(), self.now());
        self.write(move |job| {
            let before = trouble_of(job.db, &id)?;
            let trouble = match before {
                Some(before) if before.code == code => Trouble {
                    detail,
                    tries: before.tries + 1,
                    next_try,
                    ..before
                },
                _ => Trouble {
                    code,
                    detail,
                    since: at,
                    tries: 1,
                    next_try,
                    acknowledged_by: None,
                },
            };
            set_trouble(job.db, &id, Some(&trouble))?;
            // One alert a trouble: a further try of the same is not news.
            if trouble.tries == 1 {
                let event = Event::TroubleRaised {
                    code: code.as_str().into(),
                    tries: 1,
                };
                job.seal(at, Some(&id.to_string()), &event)?;
            }
            Ok(trouble)
        })
    }

    /// At start: what was given up after some tries gets one more. A new start
    /// may be a new program or a mended machine.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn revive(&self) -> Result<usize, StoreError> {
        let at = self.now();
        self.write(move |job| {
            job.db
                .execute(
                    "UPDATE study SET trouble = json_set(trouble, '$.next_try', ?1)
                     WHERE trouble IS NOT NULL
                     AND json_extract(trouble, '$.next_try') IS NULL
                     AND json_extract(trouble, '$.code') IN ('worker-crashed',
                         'analyze-failed', 'deidentify-failed', 'cannot-decode')",
                    [at.micros()],
                )
                .attempt("reviving studies")
        })
    }

    /// Writes down what a person asks for. The pipeline acts on it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such study.
    pub fn ask(
        &self,
        id: &StudyId,
        kind: RequestKind,
        who: Option<&AccountName>,
    ) -> Result<i64, StoreError> {
        let (id, at) = (id.clone(), self.now());
        let who = who.map(AccountName::to_string);
        self.write(move |job| {
            if state_of(job.db, &id)?.is_none() {
                return Err(StoreError::Unknown { study: id });
            }
            job.db
                .execute(
                    "INSERT INTO request (key, generation, kind, at, who)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        id.key.as_str(),
                        id.generation,
                        serde_json::to_string(&kind)?,
                        at.micros(),
                        who
                    ],
                )
                .attempt("writing a request")?;
            let number = job.db.last_insert_rowid();
            job.seal(
                at,
                Some(&id.to_string()),
                &Event::Requested {
                    kind: kind.name().to_owned(),
                    who,
                },
            )?;
            Ok(number)
        })
    }

    /// Requests that nobody has acted on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn open_requests(&self) -> Result<Vec<Request>, StoreError> {
        self.read(|db| {
            type Columns = (i64, String, u32, String, i64, Option<String>);
            let found: Vec<Columns> = rows(
                db,
                "SELECT number, key, generation, kind, at, who FROM request
                 WHERE done IS NULL ORDER BY number",
                [],
                "listing requests",
            )?;
            let whole = |(number, key, generation, kind, at, who): Columns| {
                Ok(Request {
                    number,
                    study: StudyId {
                        key: key.parse()?,
                        generation,
                    },
                    kind: serde_json::from_str(&kind)?,
                    at: Moment::from_micros(at),
                    who: who.map(|who| who.parse()).transpose()?,
                })
            };
            found.into_iter().map(whole).collect()
        })
    }

    /// Acts on a request in the rows: a retry makes its study's trouble due at
    /// once, an acknowledgment marks it as seen. Both close the request.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn answer(&self, request: &Request) -> Result<(), StoreError> {
        let (request, at) = (request.clone(), self.now());
        self.write(move |job| {
            if let Some(mut trouble) = trouble_of(job.db, &request.study)? {
                match &request.kind {
                    RequestKind::Retry => trouble.next_try = Some(at),
                    RequestKind::AcknowledgeTrouble => {
                        let who = request.who.as_ref().map(AccountName::to_string);
                        trouble.acknowledged_by = Some(who.unwrap_or("dashboard".into()));
                    }
                    // What they ask for was done elsewhere.
                    RequestKind::Withdraw
                    | RequestKind::Release { .. }
                    | RequestKind::Drop { .. } => {}
                }
                set_trouble(job.db, &request.study, Some(&trouble))?;
            }
            job.db
                .execute(
                    "UPDATE request SET done = ?2 WHERE number = ?1",
                    params![request.number, at.micros()],
                )
                .attempt("closing a request")?;
            Ok(())
        })
    }
}

/// Whether a trouble lets its study be tried at a moment. What is told only
/// holds nothing up: a conflict; images that cannot be decoded, once the
/// others have gone on.
pub(super) fn may_try(trouble: &Trouble, state: State, now: Moment) -> bool {
    let told_only = trouble.code == TroubleCode::ConflictingInstance
        || (trouble.code == TroubleCode::CannotDecode && state > State::Spooled);
    told_only || trouble.next_try.is_some_and(|next| next <= now)
}

/// What a study in this state is told to be in trouble with, as long as the box
/// knows it, whatever step it has made since.
pub(super) fn standing(
    db: &Connection,
    id: &StudyId,
    at: Moment,
) -> Result<Option<Trouble>, StoreError> {
    let (code, detail) = if !conflicts(db, id)?.is_empty() {
        let detail = "an instance came again with other bytes; both are kept";
        (TroubleCode::ConflictingInstance, detail)
    } else if has_undecoded(db, id)? {
        let detail = "some images are kept and not measured";
        (TroubleCode::CannotDecode, detail)
    } else {
        return Ok(None);
    };
    let before = trouble_of(db, id)?.filter(|before| before.code == code);
    Ok(Some(before.unwrap_or(Trouble {
        code,
        detail: detail.to_owned(),
        since: at,
        tries: 1,
        next_try: None,
        acknowledged_by: None,
    })))
}

/// The instances of a generation that came before with other bytes, in it or in
/// an earlier one.
fn conflicts(db: &Connection, id: &StudyId) -> Result<BTreeSet<InstanceKey>, StoreError> {
    let names: Vec<String> = db
        .prepare_cached(
            "SELECT DISTINCT a.instance FROM instance a JOIN instance b
             ON a.key = b.key AND a.instance = b.instance AND a.digest <> b.digest
             WHERE a.key = ?1 AND a.generation = ?2 AND b.generation <= a.generation",
        )
        .and_then(|mut statement| {
            statement
                .query_map(params![id.key.as_str(), id.generation], |row| row.get(0))?
                .collect()
        })
        .attempt("finding conflicting instances")?;
    names.into_iter().map(|name| Ok(name.parse()?)).collect()
}

/// Whether images of a generation were kept back because nothing decodes them.
fn has_undecoded(db: &Connection, id: &StudyId) -> Result<bool, StoreError> {
    db.prepare_cached(
        "SELECT 1 FROM evidence, json_each(body, '$.quarantined')
         WHERE evidence.key = ?1 AND generation = ?2 AND state = 'deidentified'
         AND json_extract(value, '$.code') = 'cannot-decode'",
    )
    .and_then(|mut statement| statement.exists(params![id.key.as_str(), id.generation]))
    .attempt("finding images that were kept back")
}

fn state_of(db: &Connection, id: &StudyId) -> Result<Option<String>, StoreError> {
    db.query_row(
        "SELECT state FROM study WHERE key = ?1 AND generation = ?2",
        params![id.key.as_str(), id.generation],
        |row| row.get(0),
    )
    .optional()
    .attempt("finding a study")
}

fn trouble_of(db: &Connection, id: &StudyId) -> Result<Option<Trouble>, StoreError> {
    let body: Option<Option<String>> = db
        .query_row(
            "SELECT trouble FROM study WHERE key = ?1 AND generation = ?2",
            params![id.key.as_str(), id.generation],
            |row| row.get(0),
        )
        .optional()
        .attempt("reading a trouble")?;
    let body = body.ok_or_else(|| StoreError::Unknown { study: id.clone() })?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

pub(super) fn set_trouble(
    db: &Connection,
    id: &StudyId,
    trouble: Option<&Trouble>,
) -> Result<(), StoreError> {
    let body = trouble.map(serde_json::to_string).transpose()?;
    db.execute(
        "UPDATE study SET trouble = ?3 WHERE key = ?1 AND generation = ?2",
        params![id.key.as_str(), id.generation, body],
    )
    .attempt("writing a trouble")?;
    Ok(())
}
