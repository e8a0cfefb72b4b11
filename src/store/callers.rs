//! Who was turned away, and whom a person let in.
//!
//! Anybody on the network can make rows here, so there is a most of them: in
//! all, and of each address, so that one address cannot wash out what others
//! did. The ones that have not happened for the longest time go first.

use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::writer::Job;
use super::{Attempt, Store, StoreError, rows};
use crate::audit::Caller;
use crate::audit::Event;
use crate::audit::Rejected;
use crate::audit::Rejection;
use crate::clock::Moment;
use crate::names::AeTitle;
use crate::names::Digest;

/// Most rows of callers in all.
const MOST: i64 = 256;
/// Most rows of one address.
const MOST_OF_ONE: i64 = 16;

/// Something was turned away, some times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// Why.
    pub rejection: Rejection,
    /// Who.
    pub caller: Caller,
    /// How often.
    pub count: u64,
}

/// A sender as a person lets it in: this title from this address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Its calling AE title.
    pub calling: AeTitle,
    /// Its address.
    pub address: IpAddr,
    /// It may also send without TLS.
    pub plain: bool,
}

impl Sender {
    /// SHA-256 over what it may do.
    fn digest(&self) -> Digest {
        let road = if self.plain { "plain" } else { "tls" };
        let text = format!("{}\n{}\n{road}", self.calling, self.address);
        Digest::of(text.as_bytes())
    }
}

/// A sender that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSender {
    /// Its row's number.
    pub number: i64,
    /// Who.
    pub sender: Sender,
    /// Since when.
    pub allowed: Moment,
}

/// What a person asks for about a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SenderWish {
    /// Let it in.
    Allow(Sender),
    /// Let the one of this number in no longer.
    Withdraw(i64),
}

/// A request row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderRequest {
    /// The row's number.
    pub number: i64,
    /// What is asked.
    pub wish: SenderWish,
}

impl Store {
    /// Notes what was turned away. The first association among them that was
    /// refused goes into the journal.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn turned_away(&self, all: Vec<TurnedAway>) -> Result<(), StoreError> {
        let at = self.now();
        self.write(move |job| {
            for one in &all {
                note(job.db, at, one)?;
            }
            let refused = all.iter().find_map(|one| one.rejection.refused());
            refused.map_or(Ok(()), |reason| {
                let reason = reason.to_owned();
                job.seal(at, None, &Event::AssociationRefused { reason })
            })
        })
    }

    /// What was turned away, the latest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn callers(&self) -> Result<Vec<Rejected>, StoreError> {
        self.read(|db| {
            rows(
                db,
                "SELECT number, rejection, address, calling, called, encrypted, since, last, count
                 FROM caller ORDER BY last DESC, number DESC",
                [],
                "listing what was turned away",
            )?
            .into_iter()
            .map(rejected)
            .collect()
        })
    }

    /// The senders that people let in, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn senders(&self) -> Result<Vec<AllowedSender>, StoreError> {
        self.read(allowed)
    }

    /// The sender of this title and address, if a person let it in.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn sender(&self, calling: &AeTitle, address: IpAddr) -> Result<Option<Sender>, StoreError> {
        Ok(self
            .senders()?
            .into_iter()
            .map(|one| one.sender)
            .filter(|sender| sender.calling == *calling && sender.address == address)
            // Let in twice: what was allowed more widely holds.
            .max_by_key(|sender| sender.plain))
    }

    /// Writes down that a caller be let in, as it called. The pipeline acts.
    /// False: there is no such row, or it said no title.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn ask_to_allow(&self, caller: i64) -> Result<bool, StoreError> {
        let at = self.now();
        self.write(move |job| {
            let row = job
                .db
                .query_row(
                    "SELECT number, rejection, address, calling, called, encrypted, since, last,
                     count FROM caller WHERE number = ?1",
                    [caller],
                    |row| CallerRow::try_from(row),
                )
                .optional()
                .attempt("finding a caller")?;
            let Some(found) = row.map(rejected).transpose()? else {
                return Ok(false);
            };
            let Some(calling) = found
                .caller
                .calling
                .filter(|_| found.rejection.can_be_allowed())
            else {
                return Ok(false);
            };
            let sender = Sender {
                calling,
                address: found.caller.address,
                plain: !found.caller.encrypted,
            };
            ask(job, at, &SenderWish::Allow(sender))?;
            Ok(true)
        })
    }

    /// Writes down that a sender be let in no longer. The pipeline acts.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn ask_to_withdraw(&self, sender: i64) -> Result<(), StoreError> {
        let at = self.now();
        self.write(move |job| ask(job, at, &SenderWish::Withdraw(sender)))
    }

    /// Requests about senders that nobody has acted on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn open_sender_requests(&self) -> Result<Vec<SenderRequest>, StoreError> {
        self.read(|db| {
            let found: Vec<(i64, String)> = rows(
                db,
                "SELECT number, wish FROM sender_request WHERE done IS NULL ORDER BY number",
                [],
                "listing requests about senders",
            )?;
            found
                .into_iter()
                .map(|(number, wish)| {
                    Ok(SenderRequest {
                        number,
                        wish: serde_json::from_str(&wish)?,
                    })
                })
                .collect()
        })
    }

    /// Does what a request about a sender asks for, and closes it.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn answer_sender(&self, request: &SenderRequest) -> Result<(), StoreError> {
        let (request, at) = (request.clone(), self.now());
        self.write(move |job| {
            match &request.wish {
                SenderWish::Allow(sender) => allow(job, at, sender)?,
                SenderWish::Withdraw(number) => withdraw(job, at, *number)?,
            }
            job.db
                .execute(
                    "UPDATE sender_request SET done = ?2 WHERE number = ?1",
                    params![request.number, at.micros()],
                )
                .attempt("closing a request about a sender")?;
            Ok(())
        })
    }
}

fn ask(job: &mut Job<'_>, at: Moment, wish: &SenderWish) -> Result<(), StoreError> {
    job.db
        .execute(
            "INSERT INTO sender_request (wish, at) VALUES (?1, ?2)",
            params![serde_json::to_string(wish)?, at.micros()],
        )
        .attempt("writing a request about a sender")?;
    let kind = match wish {
        SenderWish::Allow(_) => "AllowSender",
        SenderWish::Withdraw(_) => "WithdrawSender",
    };
    let kind = kind.to_owned();
    job.seal(at, None, &Event::Requested { kind, who: None })
}

fn allow(job: &mut Job<'_>, at: Moment, sender: &Sender) -> Result<(), StoreError> {
    if allowed(job.db)?.iter().any(|one| one.sender == *sender) {
        return Ok(());
    }
    let (calling, address) = (sender.calling.as_str(), sender.address.to_string());
    job.db
        .execute(
            "INSERT INTO sender (calling, address, plain, allowed) VALUES (?1, ?2, ?3, ?4)",
            params![calling, address, sender.plain, at.micros()],
        )
        .attempt("letting a sender in")?;
    let number = job.db.last_insert_rowid();
    // It is no stranger any more.
    job.db
        .execute(
            "DELETE FROM caller WHERE calling = ?1 AND address = ?2
             AND json_extract(rejection, '$.is') IN ('calling-ae', 'address', 'plain')",
            params![calling, address],
        )
        .attempt("forgetting a stranger")?;
    let digest = sender.digest().hex();
    let event = Event::SenderAllowed {
        sender: number,
        digest,
    };
    job.seal(at, None, &event)
}

fn withdraw(job: &mut Job<'_>, at: Moment, number: i64) -> Result<(), StoreError> {
    let changed = job
        .db
        .execute(
            "UPDATE sender SET withdrawn = ?2 WHERE number = ?1 AND withdrawn IS NULL",
            params![number, at.micros()],
        )
        .attempt("withdrawing a sender")?;
    if changed == 0 {
        return Ok(());
    }
    job.seal(at, None, &Event::SenderWithdrawn { sender: number })
}

fn allowed(db: &Connection) -> Result<Vec<AllowedSender>, StoreError> {
    let found: Vec<(i64, String, String, bool, i64)> = rows(
        db,
        "SELECT number, calling, address, plain, allowed FROM sender
         WHERE withdrawn IS NULL ORDER BY number",
        [],
        "listing senders",
    )?;
    found
        .into_iter()
        .map(|(number, calling, address, plain, allowed)| {
            Ok(AllowedSender {
                number,
                sender: Sender {
                    calling: calling.parse()?,
                    address: read_address(&address, "sender")?,
                    plain,
                },
                allowed: Moment::from_micros(allowed),
            })
        })
        .collect()
}

fn note(db: &Connection, at: Moment, one: &TurnedAway) -> Result<(), StoreError> {
    let title = |ae: &Option<AeTitle>| ae.as_ref().map_or(String::new(), AeTitle::to_string);
    let address = one.caller.address.to_string();
    let count = i64::try_from(one.count).unwrap_or(i64::MAX);
    db.execute(
        "INSERT INTO caller (rejection, address, calling, called, encrypted, since, last, count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
         ON CONFLICT (rejection, address, calling, called, encrypted)
         DO UPDATE SET last = excluded.last, count = count + excluded.count",
        params![
            serde_json::to_string(&one.rejection)?,
            address,
            title(&one.caller.calling),
            title(&one.caller.called),
            one.caller.encrypted,
            at.micros(),
            count,
        ],
    )
    .attempt("noting what was turned away")?;
    db.execute(
        "DELETE FROM caller WHERE number IN (SELECT number FROM caller WHERE address = ?1
         ORDER BY last DESC, number DESC LIMIT -1 OFFSET ?2)",
        params![address, MOST_OF_ONE],
    )
    .and_then(|_| {
        db.execute(
            "DELETE FROM caller WHERE number IN (SELECT number FROM caller
             ORDER BY last DESC, number DESC LIMIT -1 OFFSET ?1)",
            [MOST],
        )
    })
    .attempt("forgetting what was turned away long ago")?;
    Ok(())
}

/// A row as the database holds it.
struct CallerRow {
    number: i64,
    rejection: String,
    address: String,
    calling: String,
    called: String,
    encrypted: bool,
    since: i64,
    last: i64,
    count: i64,
}

impl TryFrom<&Row<'_>> for CallerRow {
    type Error = rusqlite::Error;

    fn try_from(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            rejection: row.get(1)?,
            address: row.get(2)?,
            calling: row.get(3)?,
            called: row.get(4)?,
            encrypted: row.get(5)?,
            since: row.get(6)?,
            last: row.get(7)?,
            count: row.get(8)?,
        })
    }
}

fn rejected(row: CallerRow) -> Result<Rejected, StoreError> {
    Ok(Rejected {
        number: row.number,
        rejection: serde_json::from_str(&row.rejection)?,
        caller: Caller {
            address: read_address(&row.address, "caller")?,
            calling: row.calling.parse().ok(),
            called: row.called.parse().ok(),
            encrypted: row.encrypted,
        },
        count: u64::try_from(row.count).unwrap_or(0),
        since: Moment::from_micros(row.since),
        last: Moment::from_micros(row.last),
    })
}

fn read_address(text: &str, table: &'static str) -> Result<IpAddr, StoreError> {
    text.parse().map_err(|_| StoreError::Row {
        table,
        why: "an address that is none".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::time::Duration;

    fn store() -> (tempfile::TempDir, Store, Clock) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Moment::from_micros(1_000_000));
        let store = Store::open(dir.path(), clock.clone()).unwrap();
        (dir, store, clock)
    }

    fn caller(last: u8, calling: &str) -> Caller {
        Caller {
            calling: calling.parse().ok(),
            ..Caller::silent([192, 0, 2, last].into())
        }
    }

    fn once(rejection: Rejection, caller: Caller) -> Vec<TurnedAway> {
        vec![TurnedAway {
            rejection,
            caller,
            count: 1,
        }]
    }

    #[test]
    fn the_same_again_is_counted_and_strangers_are_bounded() {
        let (_dir, store, clock) = store();
        let first = once(Rejection::CallingAe, caller(1, "XRAY"));
        store.turned_away(first.clone()).unwrap();
        clock.advance(Duration::from_secs(1));
        store.turned_away(first).unwrap();
        let found = store.callers().unwrap();
        assert_eq!((found.len(), found[0].count), (1, 2));
        assert_eq!(found[0].last.since(found[0].since), Duration::from_secs(1));
        // One address cannot wash it out, however many titles it tries.
        for number in 0..300 {
            let stranger = caller(2, &format!("S{number}"));
            clock.advance(Duration::from_millis(1));
            store
                .turned_away(once(Rejection::CallingAe, stranger))
                .unwrap();
        }
        let found = store.callers().unwrap();
        assert_eq!(found.len(), 17);
        assert_eq!(found[0].caller.calling, "S299".parse().ok());
        assert_eq!(found[16].count, 2);
        for address in 3..=255 {
            let all = (0..2).flat_map(|n| once(Rejection::Busy, caller(address, &format!("T{n}"))));
            store.turned_away(all.collect()).unwrap();
        }
        assert_eq!(store.callers().unwrap().len(), 256);
    }

    #[test]
    fn a_sender_is_let_in_by_a_request_and_out_again() {
        let (_dir, store, _) = store();
        let (ae, from) = ("XRAY".parse().unwrap(), [192, 0, 2, 1].into());
        for rejection in [
            Rejection::CallingAe,
            Rejection::CalledAe,
            Rejection::NotDicom,
        ] {
            store
                .turned_away(once(rejection, caller(1, "XRAY")))
                .unwrap();
        }
        let number = |rejection| {
            let all = store.callers().unwrap();
            let found = all.iter().find(|one| one.rejection == rejection);
            found.unwrap().number
        };
        // Only what letting in would cure.
        assert!(!store.ask_to_allow(number(Rejection::CalledAe)).unwrap());
        assert!(!store.ask_to_allow(number(Rejection::NotDicom)).unwrap());
        assert!(!store.ask_to_allow(999).unwrap());
        assert!(store.ask_to_allow(number(Rejection::CallingAe)).unwrap());
        assert_eq!(store.sender(&ae, from).unwrap(), None, "nobody acted yet");
        for request in store.open_sender_requests().unwrap() {
            store.answer_sender(&request).unwrap();
        }
        assert!(store.open_sender_requests().unwrap().is_empty());
        let sender = store.sender(&ae, from).unwrap().unwrap();
        assert!(sender.plain, "it called without TLS");
        assert_eq!(store.sender(&ae, [192, 0, 2, 9].into()).unwrap(), None);
        let left = store.callers().unwrap();
        assert!(left.iter().all(|one| one.rejection != Rejection::CallingAe));
        let number = store.senders().unwrap()[0].number;
        store.ask_to_withdraw(number).unwrap();
        store
            .answer_sender(&store.open_sender_requests().unwrap()[0])
            .unwrap();
        assert_eq!(store.sender(&ae, from).unwrap(), None);
        let journal = store.journal_since(0, 1000).unwrap();
        let events: Vec<_> = journal.iter().map(|entry| &entry.event).collect();
        let digest = sender.digest().hex();
        assert!(events.contains(&&Event::SenderAllowed {
            sender: number,
            digest
        }));
        assert!(events.contains(&&Event::SenderWithdrawn { sender: number }));
        let text = serde_json::to_string(&events).unwrap();
        assert!(!text.contains("XRAY"), "{text}");
    }
}
