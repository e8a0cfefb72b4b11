//! The results' files: immutable, named by their digest, under `artefacts/`.
//!
//! Making: the bytes are synced, renamed into place, the folder is synced, then
//! the row is committed by [`Store::advance`]. A file without a row is what a
//! power cut left between the two and is deleted at start.
//!
//! [`Store::advance`]: super::Store::advance
#![allow(
    clippy::disallowed_methods,
    reason = "this room owns the results' files"
)]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Attempt, Store, StoreError};
use crate::names::Digest;
use crate::names::Hasher;

/// Names the attempt and the path of a file error.
pub(super) fn at<'a>(
    attempt: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
    move |source| StoreError::File {
        attempt,
        path: path.to_owned(),
        source,
    }
}

/// Makes a folder's entries durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at("syncing the folder", folder))
}

/// The digest and size of a file's bytes, read in pieces.
pub(super) fn digest_of(path: &Path) -> Result<(Digest, u64), StoreError> {
    let mut file = File::open(path).map_err(at("opening", path))?;
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece).map_err(at("reading", path))?;
        if read == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(piece.get(..read).unwrap_or_default());
        size += u64::try_from(read).unwrap_or(0);
    }
}

impl Store {
    /// Takes a file that a step wrote into the artefacts, after checking that
    /// its bytes are the promised ones. The file is moved. Durable when it
    /// returns; its row comes with the study's evidence.
    ///
    /// # Errors
    /// [`StoreError::Digest`] if the bytes are others; [`StoreError::File`].
    pub fn keep(&self, file: &Path, expected: Digest) -> Result<(), StoreError> {
        let (digest, _) = digest_of(file)?;
        if digest != expected {
            return Err(StoreError::Digest {
                name: file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                expected: expected.hex(),
            });
        }
        let folder = self.root().join("artefacts");
        let target = folder.join(expected.hex());
        File::open(file)
            .and_then(|file| file.sync_all())
            .map_err(at("syncing", file))?;
        std::fs::rename(file, &target).map_err(at("moving into the artefacts", file))?;
        sync_folder(&folder)
    }

    /// The bytes of an artefact that belongs to a study; `None` if none does.
    ///
    /// # Errors
    /// [`StoreError::File`] if the row is there and the file is not.
    pub fn artefact(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let known = self.read(|db| {
            db.prepare_cached("SELECT 1 FROM artefact WHERE digest = ?1")
                .and_then(|mut statement| statement.exists([digest.hex()]))
                .attempt("finding an artefact's row")
        })?;
        if !known {
            return Ok(None);
        }
        let path = self.artefact_path(digest);
        std::fs::read(&path).map(Some).map_err(at("reading", &path))
    }

    /// Where an artefact's bytes lie.
    #[must_use]
    pub fn artefact_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("artefacts").join(digest.hex())
    }
}

/// Deletes artefacts without a row.
pub(super) fn recover(store: &Store) -> Result<(), StoreError> {
    let folder = store.root().join("artefacts");
    let entries = std::fs::read_dir(&folder).map_err(at("listing", &folder))?;
    for entry in entries {
        let path = entry.map_err(at("listing", &folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let known = store.read(|db| {
            db.prepare_cached("SELECT 1 FROM artefact WHERE digest = ?1")
                .and_then(|mut statement| statement.exists([&name]))
                .attempt("finding an artefact's row")
        })?;
        if !known {
            std::fs::remove_file(&path).map_err(at("deleting", &path))?;
        }
    }
    Ok(())
}
