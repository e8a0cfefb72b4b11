//! The accounts of the people who use the dashboard: rows, and the one-time
//! codes by which they are made.
//!
//! A code is shown once and kept as a digest. The first one, of an
//! administrator, is made at the start of a box without accounts and lies in a
//! file that only the box's user can read; it goes when the code is used.
#![allow(clippy::disallowed_methods, reason = "this room owns the code's file")]

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::files::at;
use super::{Attempt, Store, StoreError, rows};
use crate::audit::Event;
use crate::clock::Moment;
use crate::names::AccountName;
use crate::names::Digest;
use crate::names::Role;

/// The name of the file with the first account's code.
const CODE_FILE: &str = "setup-code";

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// What its owner may do.
    pub role: Role,
    /// The hash of its password, in PHC form.
    pub password: String,
    /// When it was made.
    pub made: Moment,
    /// Nobody can sign in with it.
    pub closed: bool,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// What came of a one-time code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The account has its password now.
    Done(AccountName, Role),
    /// No such code, or it is used or too old.
    NoCode,
    /// The code is for the first account, and there is one of that name.
    Taken,
}

impl Store {
    /// All accounts, by name.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.read(|db| list(db, "ORDER BY name", &[]))
    }

    /// An account by its name.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.read(|db| Ok(list(db, "WHERE name = ?1", &[&name.as_str()])?.pop()))
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn has_accounts(&self) -> Result<bool, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT 1 FROM account")
                .and_then(|mut statement| statement.exists([]))
                .attempt("looking for accounts")
        })
    }

    /// Keeps a code for an account, made by somebody; an earlier one of the same
    /// account is void.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn make_code(
        &self,
        code: &str,
        name: &AccountName,
        role: Role,
        valid: Duration,
        who: &AccountName,
    ) -> Result<(), StoreError> {
        let (code, at) = (digest(code), self.now());
        let (name, who) = (Some(name.clone()), Some(who.to_string()));
        self.write(move |job| {
            keep_code(job.db, code, name.as_ref(), role, at.after(valid))?;
            let name = name.map(String::from);
            job.seal(at, None, &Event::CodeMade { name, role, who })
        })
    }

    /// Keeps the code of the first account, an administrator's, and writes it
    /// into a file of the box's own. Where it lies.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed or written.
    pub fn make_first_code(&self, code: &str, valid: Duration) -> Result<PathBuf, StoreError> {
        let (kept, at_moment) = (digest(code), self.now());
        let role = Role::Administrator;
        self.write(move |job| {
            keep_code(job.db, kept, None, role, at_moment.after(valid))?;
            let (name, who) = (None, None);
            job.seal(at_moment, None, &Event::CodeMade { name, role, who })
        })?;
        let path = self.root().join(CODE_FILE);
        let write = || {
            let mut options = std::fs::OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            options
                .open(&path)?
                .write_all(format!("{code}\n").as_bytes())
        };
        write().map_err(at("writing", &path))?;
        Ok(path)
    }

    /// Uses a code: the account gets its password, and is made if it is new. The
    /// owner of the first account chooses its name; of the others it must be the
    /// one that the code is for.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn use_code(
        &self,
        code: &str,
        name: &AccountName,
        password: &str,
    ) -> Result<Opened, StoreError> {
        let (code, at_moment) = (digest(code), self.now());
        let (name, password) = (name.clone(), password.to_owned());
        let opened = self.write(move |job| {
            let Some((bound, role)) = code_of(job.db, &code, at_moment)? else {
                return Ok(Opened::NoCode);
            };
            let is_first = bound.is_none();
            if bound.is_some_and(|bound| bound != name) {
                return Ok(Opened::NoCode);
            }
            if is_first && !list(job.db, "WHERE name = ?1", &[&name.as_str()])?.is_empty() {
                return Ok(Opened::Taken);
            }
            job.db
                .execute("DELETE FROM code WHERE digest = ?1", [code.hex()])
                .attempt("using a code")?;
            job.db
                .execute(
                    "INSERT INTO account (name, role, password, made) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE
                     SET role = excluded.role, password = excluded.password, closed = 0",
                    params![name.as_str(), role.as_str(), password, at_moment.micros()],
                )
                .attempt("making an account")?;
            let event = Event::AccountOpened {
                name: name.to_string(),
                role,
            };
            job.seal(at_moment, None, &event)?;
            Ok(Opened::Done(name, role))
        })?;
        if matches!(opened, Opened::Done(..)) {
            let path = self.root().join(CODE_FILE);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(at("deleting", &path)(error));
                }
                _ => {}
            }
        }
        Ok(opened)
    }

    /// Closes an account or opens it again. The last administrator's stays open:
    /// `false`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn close_account(
        &self,
        name: &AccountName,
        closed: bool,
        who: &AccountName,
    ) -> Result<bool, StoreError> {
        let (name, who, at) = (name.clone(), who.to_string(), self.now());
        self.write(move |job| {
            let others: i64 = job
                .db
                .query_row(
                    "SELECT count(*) FROM account
                     WHERE role = 'administrator' AND closed = 0 AND name <> ?1",
                    [name.as_str()],
                    |row| row.get(0),
                )
                .attempt("counting administrators")?;
            if closed && others == 0 {
                return Ok(false);
            }
            job.db
                .execute(
                    "UPDATE account SET closed = ?2 WHERE name = ?1",
                    params![name.as_str(), i64::from(closed)],
                )
                .attempt("changing an account")?;
            let name = name.to_string();
            job.seal(at, None, &Event::AccountChanged { name, closed, who })?;
            Ok(true)
        })
    }
}

/// A code as it is kept: as people type it, without its dashes.
fn digest(code: &str) -> Digest {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    Digest::of(format!("bonebox code {plain}").as_bytes())
}

fn keep_code(
    db: &Connection,
    code: Digest,
    name: Option<&AccountName>,
    role: Role,
    expires: Moment,
) -> Result<(), StoreError> {
    let name = name.map(AccountName::as_str);
    db.execute("DELETE FROM code WHERE name IS ?1", [name])
        .and_then(|_| {
            db.execute(
                "INSERT INTO code (digest, name, role, expires) VALUES (?1, ?2, ?3, ?4)",
                params![code.hex(), name, role.as_str(), expires.micros()],
            )
        })
        .attempt("keeping a code")?;
    Ok(())
}

/// For whom a code is, if it is one and not too old.
fn code_of(
    db: &Connection,
    code: &Digest,
    now: Moment,
) -> Result<Option<(Option<AccountName>, Role)>, StoreError> {
    let found: Option<(Option<String>, String)> = db
        .query_row(
            "SELECT name, role FROM code WHERE digest = ?1 AND expires > ?2",
            params![code.hex(), now.micros()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .attempt("finding a code")?;
    let Some((name, role)) = found else {
        return Ok(None);
    };
    let name = name.map(|name| name.parse()).transpose()?;
    Ok(Some((name, role_of(&role)?)))
}

fn role_of(name: &str) -> Result<Role, StoreError> {
    Role::from_name(name).ok_or_else(|| StoreError::Row {
        table: "account",
        why: "unknown role".into(),
    })
}

fn list(
    db: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Account>, StoreError> {
    type Columns = (String, String, String, i64, bool);
    let question = format!("SELECT name, role, password, made, closed FROM account {filter}");
    let found: Vec<Columns> = rows(db, &question, values, "listing accounts")?;
    let whole = |(name, role, password, made, closed): Columns| {
        Ok(Account {
            name: name.parse()?,
            role: role_of(&role)?,
            password,
            made: Moment::from_micros(made),
            closed,
        })
    };
    found.into_iter().map(whole).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const DAY: Duration = Duration::from_secs(86_400);

    fn name(text: &str) -> AccountName {
        text.parse().unwrap()
    }

    #[test]
    fn a_code_makes_one_account_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Moment::from_micros(1_000_000));
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        assert!(!store.has_accounts().unwrap());
        let path = store.make_first_code("ABCD-EFGH", DAY).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ABCD-EFGH\n");
        let open = |code: &str, who: &str| store.use_code(code, &name(who), "hash").unwrap();
        assert_eq!(open("ABCD-EFGX", "ito"), Opened::NoCode);
        let done = Opened::Done(name("ito"), Role::Administrator);
        assert_eq!(open("abcdefgh", "ito"), done);
        assert!(!path.exists());
        assert_eq!(open("ABCD-EFGH", "mori"), Opened::NoCode);
        assert_eq!(store.accounts().unwrap().len(), 1);
        // The next ones come from an administrator, under the name given there.
        let role = Role::Radiographer;
        store
            .make_code("KLMN-PQRS", &name("abe"), role, DAY, &name("ito"))
            .unwrap();
        clock.advance(DAY);
        assert_eq!(open("KLMN-PQRS", "abe"), Opened::NoCode);
        store
            .make_code("KLMN-PQRS", &name("abe"), role, DAY, &name("ito"))
            .unwrap();
        assert_eq!(open("KLMN-PQRS", "somebody-else"), Opened::NoCode);
        assert_eq!(open("KLMN-PQRS", "abe"), Opened::Done(name("abe"), role));
    }

    #[test]
    fn the_last_administrator_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Clock::System).unwrap();
        let (ito, mori) = (name("ito"), name("mori"));
        store.make_first_code("ABCD", DAY).unwrap();
        store.use_code("ABCD", &ito, "hash").unwrap();
        assert!(!store.close_account(&ito, true, &ito).unwrap());
        store
            .make_code("EFGH", &mori, Role::Administrator, DAY, &ito)
            .unwrap();
        store.use_code("EFGH", &mori, "hash").unwrap();
        assert!(store.close_account(&ito, true, &mori).unwrap());
        assert!(store.account(&ito).unwrap().unwrap().closed);
        assert!(!store.close_account(&mori, true, &mori).unwrap());
        assert!(store.close_account(&ito, false, &mori).unwrap());
    }
}
