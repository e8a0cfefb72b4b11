//! The outbox: what the box hands to the forwarder, and the receipts back.
//!
//! `outbox.sqlite` and `bundles/` are all that the forwarder's process may
//! open. A bundle is a folder named by the bundle's digest that holds
//! `bundle.json` and its objects. The box puts bundles in and takes receipts
//! out; the forwarder reads bundles and writes tries and receipts.
#![allow(
    clippy::disallowed_methods,
    reason = "this room owns the bundles' files"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::files::{at, digest_of, sync_folder};
use super::{Attempt, StoreError, open_database};
use crate::clock::Moment;
use crate::names::Digest;
use crate::study::TroubleCode;
use crate::wire::Bundle;
use crate::wire::Receipt;

/// Why a bundle was not delivered, as a trouble will say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The trouble's code.
    pub code: TroubleCode,
    /// More, without an identified value.
    pub detail: String,
}

/// A failed delivery, as the box reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxFailure {
    /// Of which bundle.
    pub bundle: Digest,
    /// Why.
    pub failure: Failure,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next.
    pub next_try: Moment,
}

/// A bundle that is due.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its digest.
    pub digest: Digest,
    /// What it holds.
    pub bundle: Bundle,
    /// Its folder; the objects lie in it under their names.
    pub folder: PathBuf,
    /// Tries so far.
    pub tries: u32,
}

/// Both ends of the outbox. Cheap to clone; blocking.
#[derive(Clone)]
pub struct Outbox {
    db: Arc<Mutex<Connection>>,
    pub(super) bundles: PathBuf,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("bundles", &self.bundles)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// Opens or makes the outbox in the data folder.
    ///
    /// # Errors
    /// [`StoreError`] as for the store.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let bundles = data.join("bundles");
        std::fs::create_dir_all(&bundles).map_err(at("making the folder", &bundles))?;
        let db = open_database(
            &data.join("outbox.sqlite"),
            &[
                include_str!("schema/outbox-1.sql"),
                include_str!("schema/outbox-2.sql"),
            ],
        )?;
        Ok(Self {
            db: Arc::new(Mutex::new(db)),
            bundles,
        })
    }

    /// Box: puts a bundle in, with a file for each object, in the bundle's
    /// order. Putting the same bundle again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if it is not durable.
    pub fn put(
        &self,
        bundle: &Bundle,
        files: &[PathBuf],
        now: Moment,
    ) -> Result<Digest, StoreError> {
        let digest = bundle.digest()?;
        let folder = self.bundles.join(digest.hex());
        if !folder.exists() {
            self.write_folder(bundle, files, &folder)?;
        }
        self.db()?
            .execute(
                "INSERT OR IGNORE INTO bundle (digest, body, put, next_try) VALUES (?1, ?2, ?3, ?3)",
                params![digest.hex(), serde_json::to_string(bundle)?, now.micros()],
            )
            .attempt("putting a bundle into the outbox")?;
        Ok(digest)
    }

    fn write_folder(
        &self,
        bundle: &Bundle,
        files: &[PathBuf],
        folder: &Path,
    ) -> Result<(), StoreError> {
        let part = folder.with_extension("part");
        if part.exists() {
            std::fs::remove_dir_all(&part).map_err(at("deleting", &part))?;
        }
        std::fs::create_dir(&part).map_err(at("making the folder", &part))?;
        for (object, file) in bundle.objects.iter().zip(files) {
            let target = part.join(&object.name);
            std::fs::copy(file, &target).map_err(at("copying into a bundle", file))?;
            let (digest, _) = digest_of(&target)?;
            if digest != object.digest {
                return Err(StoreError::Digest {
                    name: object.name.clone(),
                    expected: object.digest.hex(),
                });
            }
            std::fs::File::open(&target)
                .and_then(|file| file.sync_all())
                .map_err(at("syncing", &target))?;
        }
        let list = part.join("bundle.json");
        let write = |path: &Path| -> std::io::Result<()> {
            let mut file = std::fs::File::create(path)?;
            file.write_all(&serde_json::to_vec(bundle)?)?;
            file.sync_all()
        };
        write(&list).map_err(at("writing", &list))?;
        sync_folder(&part)?;
        std::fs::rename(&part, folder).map_err(at("naming a bundle", &part))?;
        sync_folder(&self.bundles)
    }

    /// Forwarder: the bundles that are due, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn due(&self, now: Moment, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let db = self.db()?;
        let mut statement = db
            .prepare_cached(
                "SELECT digest, body, tries FROM bundle
                 WHERE receipt IS NULL AND next_try <= ?1 ORDER BY put, digest LIMIT ?2",
            )
            .attempt("listing due bundles")?;
        let rows = statement
            .query_map(
                params![now.micros(), i64::try_from(limit).unwrap_or(i64::MAX)],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get(2)?,
                    ))
                },
            )
            .attempt("listing due bundles")?;
        rows.map(|row| {
            let (digest, body, tries) = row.attempt("listing due bundles")?;
            Ok(Pending {
                folder: self.bundles.join(&digest),
                digest: digest.parse()?,
                bundle: serde_json::from_str(&body)?,
                tries,
            })
        })
        .collect()
    }

    /// Forwarder: a delivery failed; it is tried again at a moment.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn failed(
        &self,
        digest: &Digest,
        failure: &Failure,
        next_try: Moment,
    ) -> Result<(), StoreError> {
        self.db()?
            .execute(
                "UPDATE bundle SET tries = tries + 1, failure = ?2, next_try = ?3
                 WHERE digest = ?1 AND receipt IS NULL",
                params![
                    digest.hex(),
                    serde_json::to_string(failure)?,
                    next_try.micros()
                ],
            )
            .attempt("noting a failed delivery")?;
        Ok(())
    }

    /// Forwarder: the central holds every object. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn delivered(&self, receipt: &Receipt) -> Result<(), StoreError> {
        self.db()?
            .execute(
                "UPDATE bundle SET tries = tries + 1, failure = NULL, receipt = ?2
                 WHERE digest = ?1 AND receipt IS NULL",
                params![receipt.bundle.hex(), serde_json::to_string(receipt)?],
            )
            .attempt("noting a receipt")?;
        Ok(())
    }

    /// Box: the receipt of a bundle, if it came.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn receipt(&self, digest: &Digest) -> Result<Option<Receipt>, StoreError> {
        let body: Option<Option<String>> = self
            .db()?
            .query_row(
                "SELECT receipt FROM bundle WHERE digest = ?1",
                [digest.hex()],
                |row| row.get(0),
            )
            .optional()
            .attempt("reading a receipt")?;
        Ok(body
            .flatten()
            .map(|body| serde_json::from_str(&body))
            .transpose()?)
    }

    /// Box: why a bundle is still here, if a delivery failed.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn failure(&self, digest: &Digest) -> Result<Option<OutboxFailure>, StoreError> {
        let row: Option<(Option<String>, u32, i64)> = self
            .db()?
            .query_row(
                "SELECT failure, tries, next_try FROM bundle
                 WHERE digest = ?1 AND receipt IS NULL",
                [digest.hex()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()
            .attempt("reading a failure")?;
        let Some((Some(body), tries, next_try)) = row else {
            return Ok(None);
        };
        Ok(Some(OutboxFailure {
            bundle: *digest,
            failure: serde_json::from_str(&body)?,
            tries,
            next_try: Moment::from_micros(next_try),
        }))
    }

    /// Box: a bundle is to be tried again at once.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be committed.
    pub fn hurry(&self, digest: &Digest, now: Moment) -> Result<(), StoreError> {
        self.db()?
            .execute(
                "UPDATE bundle SET next_try = ?2 WHERE digest = ?1 AND receipt IS NULL",
                params![digest.hex(), now.micros()],
            )
            .attempt("hurrying a bundle")?;
        Ok(())
    }

    /// When the last receipt came, and why the newest failing delivery failed.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn contact(&self) -> Result<(Option<Moment>, Option<Failure>), StoreError> {
        let db = self.db()?;
        let body = |filter: &str| -> Result<Option<String>, StoreError> {
            db.query_row(filter, [], |row| row.get(0))
                .optional()
                .attempt("reading the last contact")
        };
        let receipt = body(
            "SELECT receipt FROM bundle WHERE receipt IS NOT NULL
             ORDER BY json_extract(receipt, '$.at') DESC LIMIT 1",
        )?;
        let failure = body(
            "SELECT failure FROM (
                 SELECT failure, next_try FROM bundle WHERE receipt IS NULL
                 UNION ALL SELECT failure, next_try FROM withdrawal WHERE confirmed IS NULL)
             WHERE failure IS NOT NULL ORDER BY next_try DESC LIMIT 1",
        )?;
        let receipt: Option<Receipt> = receipt
            .map(|body| serde_json::from_str(&body))
            .transpose()?;
        let failure = failure
            .map(|body| serde_json::from_str(&body))
            .transpose()?;
        Ok((receipt.map(|receipt| receipt.at), failure))
    }

    /// How many bundles wait for a receipt.
    ///
    /// # Errors
    /// [`StoreError`] if rows cannot be read.
    pub fn waiting(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .db()?
            .query_row(
                "SELECT count(*) FROM bundle WHERE receipt IS NULL",
                [],
                |row| row.get(0),
            )
            .attempt("counting bundles")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) fn db(&self) -> Result<std::sync::MutexGuard<'_, Connection>, StoreError> {
        self.db.lock().map_err(|_| StoreError::Closed)
    }
}
