//! What the central holds: a file an instance, named by its digest, and a row.
//!
//! ```text
//! DATA/incoming/N.part        being written; deleted at the start
//! DATA/objects/DIGEST.dcm     durable; without a row deleted at the start
//! DATA/central.sqlite         the rows
//! ```
//!
//! Making: write the part, sync it, rename it, sync the folder, then commit
//! the row. So a row always has its file.
#![allow(
    clippy::disallowed_methods,
    reason = "this file owns the central's files"
)]

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::CentralError;
use super::admit::Admitted;
use crate::clock::Moment;
use crate::names::Digest;
use crate::names::Pseudonym;

/// The steps of the schema: step n makes version n out of n - 1.
const SCHEMA: [&str; 2] = [
    include_str!("schema/central-1.sql"),
    include_str!("schema/central-2.sql"),
];

/// What became of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is new, and durable.
    New,
    /// The same bytes were held already.
    Again,
    /// Other bytes are held under its UID, or its study is another person's.
    Conflict,
    /// Its patient withdrew.
    Withdrawn,
}

/// An instance that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    /// SOP Instance UID.
    pub(super) sop_instance: String,
    /// SOP class UID.
    pub(super) sop_class: String,
    /// Study Instance UID.
    pub(super) study: String,
    /// Series Instance UID.
    pub(super) series: String,
    /// Whose.
    pub(super) pseudonym: String,
    /// SHA-256 of its bytes.
    pub(super) digest: Digest,
    /// Size in bytes.
    pub(super) size: u64,
    /// Which box sent it.
    pub(super) sender: String,
    /// When it was kept.
    pub(super) at: Moment,
}

/// A study, for the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StudyRow {
    /// Study Instance UID.
    pub(super) study: String,
    /// Whose.
    pub(super) pseudonym: String,
    /// Number of instances.
    pub(super) instances: u32,
    /// Their bytes.
    pub(super) size: u64,
    /// Which box sent them (one of them, if several).
    pub(super) sender: String,
    /// When the last came.
    pub(super) at: Moment,
}

/// The central's database and files. Blocking; one writer at a time.
#[derive(Debug)]
pub(super) struct Inbox {
    db: Mutex<Connection>,
    folder: PathBuf,
    incoming: PathBuf,
}

/// Names what was attempted in the database.
trait Attempt<T> {
    fn attempt(self, doing: &'static str) -> Result<T, CentralError>;
}

impl<T> Attempt<T> for Result<T, rusqlite::Error> {
    fn attempt(self, doing: &'static str) -> Result<T, CentralError> {
        self.map_err(|source| CentralError::Database { doing, source })
    }
}

/// Names what was attempted on a file.
fn at(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CentralError {
    let path = path.to_owned();
    move |source| CentralError::File {
        doing,
        path,
        source,
    }
}

impl Inbox {
    /// Opens or makes the central's data, and clears what a power cut left.
    pub(super) fn open(data: &Path) -> Result<Self, CentralError> {
        let (folder, incoming) = (data.join("objects"), data.join("incoming"));
        for path in [&folder, &incoming] {
            fs::create_dir_all(path).map_err(at("making the folder", path))?;
        }
        let inbox = Self {
            db: Mutex::new(open_database(&data.join("central.sqlite"))?),
            folder,
            incoming,
        };
        inbox.recover()?;
        Ok(inbox)
    }

    /// Deletes parts, and files without a row: nobody was told that they are
    /// held. A row without its file is said aloud; it cannot come of a crash.
    fn recover(&self) -> Result<(), CentralError> {
        for path in listing(&self.incoming)? {
            fs::remove_file(&path).map_err(at("deleting", &path))?;
        }
        let db = self.db();
        let mut statement = db
            .prepare("SELECT digest FROM instance")
            .attempt("listing instances")?;
        let rows = statement
            .query_map([], |row| row.get::<_, String>(0))
            .attempt("listing instances")?;
        let mut known = HashSet::new();
        for digest in rows {
            let digest: Digest = digest.attempt("listing instances")?.parse()?;
            known.insert(self.path(&digest));
        }
        let mut there = HashSet::new();
        for path in listing(&self.folder)? {
            if known.contains(&path) {
                there.insert(path);
            } else {
                tracing::info!("a file without a row is deleted");
                fs::remove_file(&path).map_err(at("deleting", &path))?;
            }
        }
        for path in known.difference(&there) {
            tracing::error!(path = %path.display(), "the file of a row is gone");
        }
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.dcm", digest.hex()))
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic in another thread leaves no half transaction: SQLite rolls back.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an instance. When this returns, it is durable.
    pub(super) fn keep(
        &self,
        admitted: &Admitted,
        bytes: &[u8],
        sender: &str,
        now: Moment,
    ) -> Result<Kept, CentralError> {
        let digest = Digest::of(bytes);
        let db = self.db();
        let withdrawn: bool = db
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM withdrawn WHERE pseudonym = ?1 AND sender = ?2)",
                [admitted.pseudonym.as_str(), sender],
                |row| row.get(0),
            )
            .attempt("looking for a withdrawal")?;
        if withdrawn {
            return Ok(Kept::Withdrawn);
        }
        let held: Option<String> = db
            .query_row(
                "SELECT digest FROM instance WHERE sop_instance = ?1",
                [admitted.sop_instance.as_str()],
                |row| row.get(0),
            )
            .optional()
            .attempt("looking for an instance")?;
        if let Some(held) = held {
            let same = held == digest.hex() && self.path(&digest).exists();
            return Ok(if same { Kept::Again } else { Kept::Conflict });
        }
        let other: bool = db
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM instance WHERE study = ?1 AND pseudonym <> ?2)",
                [admitted.study.as_str(), admitted.pseudonym.as_str()],
                |row| row.get(0),
            )
            .attempt("looking for a study")?;
        if other {
            return Ok(Kept::Conflict);
        }
        self.write(&digest, bytes)?;
        db.execute(
            "INSERT INTO instance (sop_instance, sop_class, study, series, pseudonym, digest,
             size, sender, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                admitted.sop_instance.as_str(),
                admitted.sop_class.as_str(),
                admitted.study.as_str(),
                admitted.series.as_str(),
                admitted.pseudonym.as_str(),
                digest.hex(),
                i64::try_from(bytes.len()).unwrap_or(i64::MAX),
                sender,
                now.micros(),
            ],
        )
        .attempt("keeping an instance")?;
        Ok(Kept::New)
    }

    /// A patient of a box withdraws: what it sent of them is erased, and nothing of
    /// theirs is kept again. How many instances went.
    pub(super) fn withdraw(
        &self,
        pseudonym: &Pseudonym,
        sender: &str,
        now: Moment,
    ) -> Result<usize, CentralError> {
        let mut db = self.db();
        let change = db.transaction().attempt("beginning a withdrawal")?;
        let of = [pseudonym.as_str(), sender];
        let digests: Vec<String> = change
            .prepare("SELECT digest FROM instance WHERE pseudonym = ?1 AND sender = ?2")
            .and_then(|mut statement| statement.query_map(of, |row| row.get(0))?.collect())
            .attempt("listing a patient's instances")?;
        change
            .execute(
                "DELETE FROM instance WHERE pseudonym = ?1 AND sender = ?2",
                of,
            )
            .and_then(|_| {
                change.execute(
                    "INSERT OR IGNORE INTO withdrawn (pseudonym, sender, at) VALUES (?1, ?2, ?3)",
                    params![pseudonym.as_str(), sender, now.micros()],
                )
            })
            .attempt("erasing a patient's instances")?;
        change.commit().attempt("committing a withdrawal")?;
        // The rows first: a file that a power cut leaves is deleted at the start.
        for digest in &digests {
            let path = self.path(&digest.parse()?);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(at("deleting", &path)(error));
                }
                _ => {}
            }
        }
        Ok(digests.len())
    }

    /// Writes a file durably under its digest. The database's lock is held, so
    /// one part's name is enough.
    fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<(), CentralError> {
        let part = self.incoming.join(format!("{}.part", digest.hex()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(at("writing", &part))?;
        let path = self.path(digest);
        fs::rename(&part, &path).map_err(at("naming", &path))?;
        fs::File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(at("syncing the folder", &self.folder))
    }

    /// An instance by its UID.
    pub(super) fn instance(&self, sop_instance: &str) -> Result<Option<Instance>, CentralError> {
        let db = self.db();
        let mut statement = db
            .prepare_cached("SELECT * FROM instance WHERE sop_instance = ?1")
            .attempt("reading an instance")?;
        let found = statement
            .query_row([sop_instance], |row| Ok(read(row)))
            .optional()
            .attempt("reading an instance")?;
        found.transpose()
    }

    /// The instances of a study, in the order they came.
    pub(super) fn study(&self, study: &str) -> Result<Vec<Instance>, CentralError> {
        let db = self.db();
        let mut statement = db
            .prepare_cached("SELECT * FROM instance WHERE study = ?1 ORDER BY at, sop_instance")
            .attempt("reading a study")?;
        let rows = statement
            .query_map([study], |row| Ok(read(row)))
            .attempt("reading a study")?;
        rows.map(|row| row.attempt("reading a study")?).collect()
    }

    /// The studies, the newest first.
    pub(super) fn studies(&self, limit: u32) -> Result<Vec<StudyRow>, CentralError> {
        let db = self.db();
        let mut statement = db
            .prepare_cached(
                "SELECT study, pseudonym, count(*), sum(size), max(sender), max(at)
                 FROM instance GROUP BY study ORDER BY max(at) DESC, study LIMIT ?1",
            )
            .attempt("listing studies")?;
        let rows = statement
            .query_map([limit], |row| {
                Ok(StudyRow {
                    study: row.get(0)?,
                    pseudonym: row.get(1)?,
                    instances: row.get(2)?,
                    size: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                    sender: row.get(4)?,
                    at: Moment::from_micros(row.get(5)?),
                })
            })
            .attempt("listing studies")?;
        rows.collect::<Result<_, _>>().attempt("listing studies")
    }

    /// The bytes of an instance, checked against its digest.
    pub(super) fn bytes(&self, instance: &Instance) -> Result<Vec<u8>, CentralError> {
        let path = self.path(&instance.digest);
        let bytes = fs::read(&path).map_err(at("reading", &path))?;
        if Digest::of(&bytes) != instance.digest {
            return Err(CentralError::Damaged {
                digest: instance.digest,
            });
        }
        Ok(bytes)
    }
}

/// A row of `instance`.
fn read(row: &Row<'_>) -> Result<Instance, CentralError> {
    let text = |name: &str| row.get::<_, String>(name).attempt("reading an instance");
    let number = |name: &str| row.get::<_, i64>(name).attempt("reading an instance");
    Ok(Instance {
        sop_instance: text("sop_instance")?,
        sop_class: text("sop_class")?,
        study: text("study")?,
        series: text("series")?,
        pseudonym: text("pseudonym")?,
        digest: text("digest")?.parse()?,
        size: u64::try_from(number("size")?).unwrap_or(0),
        sender: text("sender")?,
        at: Moment::from_micros(number("at")?),
    })
}

fn listing(folder: &Path) -> Result<Vec<PathBuf>, CentralError> {
    let entries = fs::read_dir(folder).map_err(at("listing", folder))?;
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(at("listing", folder))
}

fn open_database(path: &Path) -> Result<Connection, CentralError> {
    let db = Connection::open(path).attempt("opening")?;
    db.busy_timeout(std::time::Duration::from_secs(5))
        .attempt("setting the time-out")?;
    // WAL with FULL: what was committed outlives a power cut.
    db.pragma_update(None, "journal_mode", "WAL")
        .attempt("setting WAL")?;
    db.pragma_update(None, "synchronous", "FULL")
        .attempt("setting FULL sync")?;
    let verdict: String = db
        .query_row("PRAGMA quick_check", [], |row| row.get(0))
        .attempt("checking integrity")?;
    if verdict != "ok" {
        return Err(CentralError::Schema { why: verdict });
    }
    let version: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .attempt("reading the version")?;
    let known = usize::try_from(version).ok();
    let Some(missing) = known.and_then(|version| SCHEMA.get(version..)) else {
        return Err(CentralError::Schema {
            why: format!("version {version} is newer than this program"),
        });
    };
    if !missing.is_empty() {
        let (steps, newest) = (missing.join("\n"), SCHEMA.len());
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; {steps} PRAGMA user_version = {newest}; COMMIT;"
        ))
        .attempt("making the schema")?;
    }
    Ok(db)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn admitted(instance: &str, study: &str, pseudonym: char) -> Admitted {
        Admitted {
            sop_class: "1.2.3".parse().unwrap(),
            sop_instance: instance.parse().unwrap(),
            study: study.parse().unwrap(),
            series: "2.25.3".parse().unwrap(),
            pseudonym: format!("BB-{}", pseudonym.to_string().repeat(20))
                .parse()
                .unwrap(),
        }
    }

    #[test]
    fn the_same_bytes_are_held_once_and_others_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        let one = admitted("2.25.1", "2.25.9", 'A');
        let now = Moment::from_micros(7);
        let keep =
            |admitted: &Admitted, bytes: &[u8]| inbox.keep(admitted, bytes, "box-1", now).unwrap();
        assert_eq!(keep(&one, b"bytes"), Kept::New);
        assert_eq!(keep(&one, b"bytes"), Kept::Again);
        assert_eq!(keep(&one, b"other"), Kept::Conflict);
        assert_eq!(
            keep(&admitted("2.25.2", "2.25.9", 'B'), b"x"),
            Kept::Conflict
        );
        assert_eq!(keep(&admitted("2.25.2", "2.25.9", 'A'), b"x"), Kept::New);
        let studies = inbox.studies(10).unwrap();
        assert_eq!((studies.len(), studies[0].instances), (1, 2));
        let held = inbox.instance("2.25.1").unwrap().unwrap();
        assert_eq!(inbox.bytes(&held).unwrap(), b"bytes");
        assert_eq!(held.sender, "box-1");
        assert_eq!(inbox.instance("2.25.77").unwrap(), None);
    }

    #[test]
    fn a_withdrawal_erases_and_stops_a_return() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        let now = Moment::from_micros(7);
        let keep = |admitted: &Admitted, bytes: &[u8], sender: &str| {
            inbox.keep(admitted, bytes, sender, now).unwrap()
        };
        let one = admitted("2.25.1", "2.25.9", 'A');
        let other = admitted("2.25.2", "2.25.8", 'B');
        keep(&one, b"one", "box-1");
        keep(&other, b"other", "box-1");
        let path = inbox.path(&Digest::of(b"one"));
        assert!(path.exists());
        // Another box cannot erase what it did not send.
        assert_eq!(inbox.withdraw(&one.pseudonym, "box-2", now).unwrap(), 0);
        assert!(path.exists());
        assert_eq!(inbox.withdraw(&one.pseudonym, "box-1", now).unwrap(), 1);
        assert!(!path.exists() && inbox.instance("2.25.1").unwrap().is_none());
        assert_eq!(keep(&one, b"one", "box-1"), Kept::Withdrawn);
        assert_eq!(inbox.withdraw(&one.pseudonym, "box-1", now).unwrap(), 0);
        assert_eq!(inbox.studies(10).unwrap().len(), 1);
    }

    #[test]
    fn a_start_clears_what_nobody_was_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let one = admitted("2.25.1", "2.25.9", 'A');
        let inbox = Inbox::open(folder.path()).unwrap();
        inbox
            .keep(&one, b"bytes", "box-1", Moment::from_micros(7))
            .unwrap();
        drop(inbox);
        let part = folder.path().join("incoming/x.part");
        let stray = folder
            .path()
            .join(format!("objects/{}.dcm", Digest::of(b"stray")));
        fs::write(&part, b"half").unwrap();
        fs::write(&stray, b"stray").unwrap();
        let inbox = Inbox::open(folder.path()).unwrap();
        assert!(!part.exists() && !stray.exists());
        let held = inbox.instance("2.25.1").unwrap().unwrap();
        assert_eq!(inbox.bytes(&held).unwrap(), b"bytes");
        fs::write(inbox.path(&held.digest), b"bitten").unwrap();
        assert!(matches!(
            inbox.bytes(&held),
            Err(CentralError::Damaged { .. })
        ));
    }
}
