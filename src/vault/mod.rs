//! Owns the sealed link between a pseudonym and a person, in a database of its
//! own.
//!
//! A person is found by a keyed digest of issuer and ID, and opened only by
//! [`Vault::reveal`], for a role that may, with a reason, after the reveal stands
//! in the journal. A person who withdrew leaves a keyed tombstone: nothing of
//! theirs is processed again. Destroy the box's key and the vault knows nobody.

mod previews;
mod seal;

use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use self::seal::Sealer;
use crate::audit::Event;
use crate::audit::Why;
use crate::clock::Clock;
use crate::identity::BoxIdentity;
use crate::identity::Purpose;
use crate::identity::PurposeKey;
use crate::identity::normalize;
use crate::names::Phi;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::names::Role;

/// Why the vault could not do what it was asked. No text holds a value of a
/// person.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database could not be opened, read or written. The step is tried again.
    #[error("the vault's database, {doing}")]
    Database {
        /// What was attempted.
        doing: &'static str,
        /// The database's answer.
        source: rusqlite::Error,
    },
    /// A seal could not be made or opened: the key is another, or a row was
    /// changed. Restore key and database from one backup.
    #[error("the vault's seal, {0}")]
    Seal(&'static str),
    /// The role may not see people. Nothing was opened.
    #[error("this role may not reveal a person")]
    Forbidden,
    /// The reveal could not be written to the journal. Nothing was opened.
    #[error("the reveal could not be recorded")]
    NotRecorded,
    /// The database is of a newer program.
    #[error("the vault's schema {0} is newer than this program's: update bonebox")]
    Newer(i64),
}

/// Who a pseudonym is: what the hospital needs to find the patient again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Issuer of Patient ID.
    pub issuer: Phi<String>,
    /// Patient ID.
    pub id: Phi<String>,
    /// Patient's Name in letters: up to three groups (alphabetic, ideographic,
    /// phonetic) parted by `=`.
    pub name: Phi<String>,
    /// Patient's Birth Date.
    pub birth_date: Phi<String>,
}

/// A person as they are sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    issuer: String,
    id: String,
    name: String,
    birth_date: String,
}

/// Who a pseudonym is, opened: for one page, then gone. It prints as a mark.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed {
    /// Issuer of Patient ID.
    pub issuer: String,
    /// Patient ID.
    pub id: String,
    /// Patient's Name.
    pub name: String,
    /// Patient's Birth Date.
    pub birth_date: String,
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revealed([identified])")
    }
}

/// Who wants to see a person, in which role, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reveal {
    /// The account's name.
    pub who: String,
    /// The role they are signed in with.
    pub role: Role,
    /// The reason: one of a list, because it goes into the journal, where no
    /// patient's name may stand.
    pub why: Why,
}

impl Reveal {
    /// Whether the role may see people.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.role.may_see_people()
    }
}

/// The steps of the schema: step n makes version n out of n - 1.
const SCHEMA: [&str; 2] = [
    include_str!("schema/vault-1.sql"),
    include_str!("schema/vault-2.sql"),
];

/// The vault. One a box.
pub struct Vault {
    database: Mutex<Connection>,
    sealer: Sealer,
    search: PurposeKey,
    clock: Clock,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault([sealed])")
    }
}

fn at<T>(doing: &'static str, result: Result<T, rusqlite::Error>) -> Result<T, VaultError> {
    result.map_err(|source| VaultError::Database { doing, source })
}

impl Vault {
    /// Opens or makes the vault's database in a folder.
    ///
    /// # Errors
    /// [`VaultError`] when it cannot be opened, or is of a newer program.
    pub fn open(folder: &Path, identity: &BoxIdentity, clock: Clock) -> Result<Self, VaultError> {
        let opened = Connection::open(folder.join("vault.sqlite"));
        let database = at("opening", opened)?;
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("secure_delete", "ON"),
        ] {
            at("setting up", database.pragma_update(None, name, value))?;
        }
        let version = database.pragma_query_value(None, "user_version", |row| row.get(0));
        let version: i64 = at("reading the version", version)?;
        let known = usize::try_from(version).ok();
        let missing = known.and_then(|version| SCHEMA.get(version..));
        let missing = missing.ok_or(VaultError::Newer(version))?;
        if !missing.is_empty() {
            let (steps, newest) = (missing.join("\n"), SCHEMA.len());
            let whole = format!("BEGIN IMMEDIATE; {steps} PRAGMA user_version = {newest}; COMMIT;");
            at("making the schema", database.execute_batch(&whole))?;
        }
        Ok(Self {
            database: Mutex::new(database),
            sealer: Sealer::new(identity.key(Purpose::Vault).expose())?,
            search: identity.key(Purpose::VaultSearch),
            clock,
        })
    }

    fn with<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, VaultError> {
        // A thread that panicked here left no half of a statement behind.
        let guard = self.database.lock();
        let database = guard.unwrap_or_else(std::sync::PoisonError::into_inner);
        at(doing, job(&database))
    }

    /// The keyed digest by which a person is found.
    fn digest(&self, issuer: &Phi<String>, id: &Phi<String>) -> [u8; 32] {
        let (issuer, id) = (normalize(issuer.open()), normalize(id.open()));
        self.search.hmac(&[issuer.as_bytes(), id.as_bytes()])
    }

    /// Remembers who a pseudonym is. The newest name and birth date stand.
    ///
    /// # Errors
    /// [`VaultError`] when it cannot be sealed or written.
    pub fn remember(
        &self,
        project: &Project,
        pseudonym: &Pseudonym,
        person: &Person,
    ) -> Result<(), VaultError> {
        let plain = Sealed {
            issuer: person.issuer.open().clone(),
            id: person.id.open().clone(),
            name: person.name.open().clone(),
            birth_date: person.birth_date.open().clone(),
        };
        let plain = serde_json::to_vec(&plain).map_err(|_| VaultError::Seal("writing"))?;
        let row = [project.as_str(), pseudonym.as_str()];
        let sealed = self.sealer.seal(&row, &plain)?;
        let digest = self.digest(&person.issuer, &person.id);
        let now = self.clock.now().micros();
        self.with("remembering", |database| {
            database.execute(
                "INSERT OR REPLACE INTO link (project, pseudonym, person, sealed, at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![row[0], row[1], digest, sealed, now],
            )
        })?;
        Ok(())
    }

    /// The pseudonyms of a person, by project.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn find(
        &self,
        issuer: &Phi<String>,
        id: &Phi<String>,
    ) -> Result<Vec<(Project, Pseudonym)>, VaultError> {
        let digest = self.digest(issuer, id);
        let rows = self.with("searching", |database| {
            let mut statement = database.prepare(
                "SELECT project, pseudonym FROM link WHERE person = ?1 ORDER BY project",
            )?;
            let rows = statement.query_map([digest], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        let parsed = rows.into_iter().filter_map(|(project, pseudonym)| {
            Some((project.parse().ok()?, pseudonym.parse().ok()?))
        });
        Ok(parsed.collect())
    }

    /// Opens who a pseudonym is. `record` writes the event to the journal and
    /// comes first: what is not recorded is not opened.
    ///
    /// # Errors
    /// [`VaultError::Forbidden`], [`VaultError::NotRecorded`], or that the row
    /// cannot be read or opened.
    pub fn reveal(
        &self,
        project: &Project,
        pseudonym: &Pseudonym,
        reveal: &Reveal,
        record: impl FnOnce(Event) -> bool,
    ) -> Result<Option<Revealed>, VaultError> {
        if !reveal.is_allowed() {
            return Err(VaultError::Forbidden);
        }
        let event = Event::PersonRevealed {
            pseudonym: pseudonym.to_string(),
            who: reveal.who.clone(),
            role: reveal.role,
            why: reveal.why,
        };
        if !record(event) {
            return Err(VaultError::NotRecorded);
        }
        let row = [project.as_str(), pseudonym.as_str()];
        let sealed: Option<Vec<u8>> = self.with("reading", |database| {
            database
                .query_row(
                    "SELECT sealed FROM link WHERE project = ?1 AND pseudonym = ?2",
                    row,
                    |row| row.get(0),
                )
                .optional()
        })?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let plain = self.sealer.open(&row, &sealed)?;
        let sealed: Sealed =
            serde_json::from_slice(&plain).map_err(|_| VaultError::Seal("reading"))?;
        Ok(Some(Revealed {
            issuer: sealed.issuer,
            id: sealed.id,
            name: sealed.name,
            birth_date: sealed.birth_date,
        }))
    }

    /// Every pseudonym of the person who has one, in every project; only this one
    /// where nobody is known under it.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn all_of(
        &self,
        project: &Project,
        pseudonym: &Pseudonym,
    ) -> Result<Vec<(Project, Pseudonym)>, VaultError> {
        let rows = self.with("searching", |database| {
            let mut statement = database.prepare(
                "SELECT project, pseudonym FROM link WHERE person =
                     (SELECT person FROM link WHERE project = ?1 AND pseudonym = ?2)
                 ORDER BY project",
            )?;
            let rows = statement.query_map([project.as_str(), pseudonym.as_str()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        let parsed = rows.into_iter().filter_map(|(project, pseudonym)| {
            Some((project.parse().ok()?, pseudonym.parse().ok()?))
        });
        let mut all: Vec<(Project, Pseudonym)> = parsed.collect();
        if all.is_empty() {
            all.push((project.clone(), pseudonym.clone()));
        }
        Ok(all)
    }

    /// The person behind a pseudonym withdraws: every link of theirs goes, a
    /// keyed tombstone stays. Nothing to do where nobody is known under it.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn withdraw_pseudonym(
        &self,
        project: &Project,
        pseudonym: &Pseudonym,
    ) -> Result<(), VaultError> {
        let person: Option<Vec<u8>> = self.with("searching", |database| {
            database
                .query_row(
                    "SELECT person FROM link WHERE project = ?1 AND pseudonym = ?2",
                    [project.as_str(), pseudonym.as_str()],
                    |row| row.get(0),
                )
                .optional()
        })?;
        match person {
            Some(person) => self.bury(&person),
            None => Ok(()),
        }
    }

    /// A person withdraws: the links go, a keyed tombstone stays. The
    /// pseudonyms whose data must go elsewhere too.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn withdraw(
        &self,
        issuer: &Phi<String>,
        id: &Phi<String>,
    ) -> Result<Vec<(Project, Pseudonym)>, VaultError> {
        let known = self.find(issuer, id)?;
        self.bury(&self.digest(issuer, id))?;
        Ok(known)
    }

    fn bury(&self, person: &[u8]) -> Result<(), VaultError> {
        let now = self.clock.now().micros();
        self.with("withdrawing", |database| {
            let transaction = database.unchecked_transaction()?;
            transaction.execute("DELETE FROM link WHERE person = ?1", [person])?;
            transaction.execute(
                "INSERT OR IGNORE INTO withdrawn (person, at) VALUES (?1, ?2)",
                params![person, now],
            )?;
            transaction.commit()
        })?;
        // The write-ahead log still has the sealed rows: it is emptied.
        self.with("emptying the log", |database| {
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }

    /// Whether a person withdrew.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn has_withdrawn(
        &self,
        issuer: &Phi<String>,
        id: &Phi<String>,
    ) -> Result<bool, VaultError> {
        let digest = self.digest(issuer, id);
        self.with("looking for a withdrawal", |database| {
            database.query_row(
                "SELECT EXISTS (SELECT 1 FROM withdrawn WHERE person = ?1)",
                [digest],
                |row| row.get(0),
            )
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        vault: Vault,
        project: Project,
        pseudonym: Pseudonym,
    }

    fn phi(text: &str) -> Phi<String> {
        Phi::new(text.to_owned())
    }

    fn person() -> Person {
        Person {
            issuer: phi("Hospital"),
            id: phi("PID-0815"),
            name: phi("Yamada^Hanako"),
            birth_date: phi("19551231"),
        }
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let identity = BoxIdentity::open(&folder.path().join("identity")).unwrap();
        let vault = Vault::open(folder.path(), &identity, Clock::System).unwrap();
        let project: Project = "wrist".parse().unwrap();
        let pseudonym = identity
            .pseudonym_key(&project, 1)
            .pseudonym("Hospital", "PID-0815");
        vault.remember(&project, &pseudonym, &person()).unwrap();
        Bench {
            folder,
            vault,
            project,
            pseudonym,
        }
    }

    fn reveal(role: Role) -> Reveal {
        Reveal {
            who: "tanaka".to_owned(),
            role,
            why: Why::WrongPatientSuspected,
        }
    }

    #[test]
    fn a_person_is_revealed_by_role_and_reason_after_the_record() {
        let bench = bench();
        let ask = |reveal: &Reveal, recorded: bool| {
            let mut events = Vec::new();
            let answer = bench
                .vault
                .reveal(&bench.project, &bench.pseudonym, reveal, |event| {
                    events.push(event);
                    recorded
                });
            (answer, events)
        };
        let (answer, events) = ask(&reveal(Role::Radiographer), true);
        let shown = answer.unwrap().unwrap();
        assert_eq!(shown.name, "Yamada^Hanako");
        assert_eq!(
            (shown.id.as_str(), shown.issuer.as_str()),
            ("PID-0815", "Hospital")
        );
        assert_eq!(format!("{shown:?}"), "Revealed([identified])");
        assert!(matches!(&events[..], [Event::PersonRevealed { who, .. }] if who == "tanaka"));
        for role in [Role::Service, Role::Auditor] {
            let (answer, events) = ask(&reveal(role), true);
            assert!(matches!(answer, Err(VaultError::Forbidden)) && events.is_empty());
        }
        let (answer, _) = ask(&reveal(Role::Administrator), false);
        assert!(matches!(answer, Err(VaultError::NotRecorded)));
    }

    #[test]
    fn a_person_is_found_by_normalized_id() {
        let bench = bench();
        let found = bench
            .vault
            .find(&phi(" HOSPITAL"), &phi("pid-0815 "))
            .unwrap();
        assert_eq!(found, [(bench.project.clone(), bench.pseudonym.clone())]);
        assert!(
            bench
                .vault
                .find(&phi("Hospital"), &phi("PID-0816"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn who_withdraws_is_gone_and_does_not_come_back() {
        let bench = bench();
        let (issuer, id) = (phi("Hospital"), phi("PID-0815"));
        assert!(!bench.vault.has_withdrawn(&issuer, &id).unwrap());
        let gone = bench.vault.withdraw(&issuer, &id).unwrap();
        assert_eq!(gone, [(bench.project.clone(), bench.pseudonym.clone())]);
        assert!(
            bench
                .vault
                .has_withdrawn(&issuer, &phi("pid-0815"))
                .unwrap()
        );
        assert!(bench.vault.find(&issuer, &id).unwrap().is_empty());
        let why = reveal(Role::Administrator);
        let answer = bench
            .vault
            .reveal(&bench.project, &bench.pseudonym, &why, |_| true);
        assert_eq!(answer.unwrap(), None);
    }

    #[test]
    fn a_pseudonym_withdraws_its_person_from_every_project() {
        let bench = bench();
        let other: Project = "other".parse().unwrap();
        let second: Pseudonym = "BB-ABCDEFGHIJ2345672345".parse().unwrap();
        bench.vault.remember(&other, &second, &person()).unwrap();
        let own = (&bench.project, &bench.pseudonym);
        assert_eq!(bench.vault.all_of(own.0, own.1).unwrap().len(), 2);
        bench.vault.withdraw_pseudonym(own.0, own.1).unwrap();
        let (issuer, id) = (phi("Hospital"), phi("PID-0815"));
        assert!(bench.vault.has_withdrawn(&issuer, &id).unwrap());
        assert!(bench.vault.find(&issuer, &id).unwrap().is_empty());
        // Again, and of nobody: nothing to do.
        bench.vault.withdraw_pseudonym(own.0, own.1).unwrap();
        assert_eq!(bench.vault.all_of(own.0, own.1).unwrap().len(), 1);
    }

    #[test]
    fn the_files_hold_no_value() {
        let bench = bench();
        for name in ["vault.sqlite", "vault.sqlite-wal"] {
            let bytes = std::fs::read(bench.folder.path().join(name)).unwrap_or_default();
            for value in ["Yamada", "Hanako", "0815", "19551231", "Hospital"] {
                let found = bytes.windows(value.len()).any(|w| w == value.as_bytes());
                assert!(!found, "{value} in {name}");
            }
        }
    }

    #[test]
    fn another_key_opens_nothing() {
        let bench = bench();
        let other = BoxIdentity::open(&bench.folder.path().join("other")).unwrap();
        let vault = Vault::open(bench.folder.path(), &other, Clock::System).unwrap();
        assert!(
            vault
                .find(&phi("Hospital"), &phi("PID-0815"))
                .unwrap()
                .is_empty()
        );
        let why = reveal(Role::Administrator);
        let answer = vault.reveal(&bench.project, &bench.pseudonym, &why, |_| true);
        assert!(matches!(answer, Err(VaultError::Seal(_))));
    }
}
