//! Owns the studies' image files. All writing is behind one door.
//!
//! ```text
//! DATA/arriving/<number>.part                        arriving; sealed: acknowledged
//! DATA/identified/<study key>/<instance>-<digest>.dcm  as received, byte for byte
//! DATA/pseudonymous/<study key>/<generation>/        the person is gone
//! DATA/export/<instance>-<digest>.dcm                second names, for --receive-only
//! ```
//!
//! A file's name holds the box's keyed name of the instance and the SHA-256
//! of the received data set: the same name means the same bytes, nothing is
//! ever overwritten, and no name comes from a peer's text.
//!
//! How an instance is made durable with one sync, and what a power cut leaves,
//! stands in [`sealed`]. Removing: the row first, then the file.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::names::StudyKey;
use crate::study::StudyId;

mod arriving;
mod disk;
mod manifest;
#[cfg(test)]
pub(crate) mod model;
mod part10;
mod scan;
mod seal;
pub mod sealed;

pub use arriving::Arriving;
pub use disk::{Disk, DiskFile, Listed, MachineDisk, ReadSeek};
pub use manifest::{Manifest, Member};
pub use part10::{HeadError, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION, Meta};
pub use scan::{Limits, Scan, ScanError, Tag, Wanted, data_set as scan_data_set};
pub use seal::MAX_SOURCE;
pub use sealed::Sealed;

const ARRIVING: &str = "arriving";
const IDENTIFIED: &str = "identified";
const PSEUDONYMOUS: &str = "pseudonymous";
const EXPORT: &str = "export";
/// Part files that are made together, with one sync of their names.
const TOGETHER: usize = 32;

/// What the spool could not do. Paths are relative to the data folder and
/// made of the box's own keys.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Less than the reserve is free, or the disk is full. Nothing was kept of
    /// this instance; the sender is told so and tries again.
    #[error("{free} bytes are free, the reserve is {reserve}")]
    NoSpace {
        /// Bytes free now.
        free: u64,
        /// Bytes that stay free.
        reserve: u64,
    },
    /// The system refused. Nothing of the file counts as kept.
    #[error("{attempt} {path}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On what, relative to the data folder.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file was named that does not lie where it should; nothing was done.
    #[error("{path} is no file of the {folder} folder")]
    Foreign {
        /// The name as given.
        path: String,
        /// Where it should lie.
        folder: &'static str,
    },
}

/// What recovery found in `identified/` after a start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files without a row.
    pub without_row: usize,
    /// Files with a row.
    pub kept: usize,
}

/// The studies' image files. Clones share the same spool; a data folder has
/// one spool in one process.
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

/// An empty part file.
struct Blank(String, Box<dyn DiskFile>);

impl std::fmt::Debug for Blank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    reserve: u64,
    disk: Arc<dyn Disk>,
    next_part: AtomicU64,
    /// Part files whose names are durable and that nothing was written to.
    blank: Mutex<Vec<Blank>>,
    /// Study folders whose own name is durable. Held while a file is renamed
    /// into one or a folder is removed, so that neither pulls the ground from
    /// under the other.
    folders: Mutex<HashSet<StudyKey>>,
}

impl Spool {
    /// Opens the spool of a data folder and makes what is missing.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if a folder cannot be made.
    pub fn open(data: &Path, reserve_bytes: u64) -> Result<Self, SpoolError> {
        Self::open_on(Arc::new(MachineDisk), data, reserve_bytes)
    }

    /// The same on a disk of the caller's: how tests fail and fill disks.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if a folder cannot be made.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data: &Path,
        reserve_bytes: u64,
    ) -> Result<Self, SpoolError> {
        let inner = Inner {
            root: data.to_owned(),
            reserve: reserve_bytes,
            disk,
            next_part: AtomicU64::new(0),
            blank: Mutex::default(),
            folders: Mutex::default(),
        };
        for folder in [ARRIVING, IDENTIFIED, PSEUDONYMOUS, EXPORT] {
            inner.at("making the folder", folder, |disk, path| {
                disk.make_folder(path)
            })?;
        }
        inner.at("syncing the folder", "", |disk, path| {
            disk.sync_folder(path)
        })?;
        // What a crash left keeps its name until it is settled.
        let number = |listed: &Listed| listed.name.strip_suffix(".part")?.parse::<u64>().ok();
        let last = inner.list(ARRIVING)?.iter().filter_map(number).max();
        let next = last.map_or(0, |last| last.saturating_add(1));
        inner.next_part.store(next, Ordering::Relaxed);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Deletes identified files whose row is not known. Call after what
    /// [`Spool::left`] said has its rows, and before anything arrives.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if a folder cannot be read or a file not be deleted.
    pub fn recover(&self, known_files: impl Fn(&str) -> bool) -> Result<Recovered, SpoolError> {
        let inner = &self.inner;
        let mut recovered = Recovered::default();
        for study in inner.list(IDENTIFIED)?.into_iter().filter(|l| l.folder) {
            let folder = format!("{IDENTIFIED}/{}", study.name);
            let mut left = 0;
            for listed in inner.list(&folder)? {
                let file = format!("{folder}/{}", listed.name);
                if known_files(&file) {
                    recovered.kept += 1;
                    left += 1;
                } else {
                    inner.remove(&file)?;
                    recovered.without_row += 1;
                }
            }
            if left == 0 {
                inner.at("removing the folder", &folder, |disk, path| {
                    disk.remove_folder(path)
                })?;
            }
        }
        Ok(recovered)
    }

    /// A new file for an instance that begins to arrive.
    ///
    /// # Errors
    /// [`SpoolError::NoSpace`] below the reserve; [`SpoolError::Io`].
    pub fn arrive(&self, meta: &Meta) -> Result<Arriving, SpoolError> {
        Arriving::begin(Arc::clone(&self.inner), meta)
    }

    /// Makes part files ahead, if few are left: for a quiet moment, so that no
    /// sender waits for it.
    ///
    /// # Errors
    /// [`SpoolError::Io`]; they are made when they are needed, then.
    pub fn prepare(&self) -> Result<(), SpoolError> {
        if self.inner.lock_blank().len() < TOGETHER / 2 {
            self.inner.make_parts()?;
        }
        Ok(())
    }

    /// Where a file of the spool lies.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.inner.path(file)
    }

    /// Deletes a study's identified files, then its folder if nothing newer
    /// came. Files that are gone already are no error.
    ///
    /// # Errors
    /// [`SpoolError::Foreign`] if a file is not one of this study's;
    /// [`SpoolError::Io`].
    pub fn remove_identified<'a>(
        &self,
        study: &StudyId,
        files: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), SpoolError> {
        let folder = format!("{IDENTIFIED}/{}", study.key);
        let mut folders = self.inner.lock_folders();
        for file in files {
            inside(file, &folder, IDENTIFIED)?;
            self.inner.remove(file)?;
        }
        let path = self.inner.path(&folder);
        match self.inner.disk.list(&path) {
            Ok(left) if left.is_empty() => {
                folders.remove(&study.key);
                self.inner
                    .at("removing the folder", &folder, |disk, path| {
                        disk.remove_folder(path)
                    })?;
                self.inner.sync(IDENTIFIED)?;
            }
            Ok(_) => self.inner.sync(&folder)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(SpoolError::Io {
                    attempt: "reading the folder",
                    path: folder,
                    source,
                });
            }
        }
        // Their first names are gone; a power cut must not bring one back.
        self.inner.sync(ARRIVING)
    }

    /// An empty folder for a generation's pseudonymous files. What an
    /// unfinished attempt left there is deleted.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn begin_pseudonymous(&self, study: &StudyId) -> Result<PathBuf, SpoolError> {
        let folder = pseudonymous(study);
        self.inner.at("making the folder", &folder, |disk, path| {
            disk.make_folder(path)
        })?;
        for listed in self.inner.list(&folder)? {
            self.inner.remove(&format!("{folder}/{}", listed.name))?;
        }
        Ok(self.inner.path(&folder))
    }

    /// Syncs a generation's pseudonymous files and their folders. The files
    /// named are synced here, so that their writer need not.
    ///
    /// # Errors
    /// [`SpoolError::Io`]; then the step is done over.
    pub fn finish_pseudonymous(&self, study: &StudyId) -> Result<(), SpoolError> {
        let folder = pseudonymous(study);
        for listed in self.inner.list(&folder)? {
            let file = format!("{folder}/{}", listed.name);
            // An fsync of any handle syncs the file.
            self.inner.sync(&file)?;
        }
        self.inner.sync(&folder)?;
        self.inner.sync(&format!("{PSEUDONYMOUS}/{}", study.key))?;
        self.inner.sync(PSEUDONYMOUS)
    }

    /// Deletes a generation's pseudonymous files, after retention.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn remove_pseudonymous(&self, study: &StudyId) -> Result<(), SpoolError> {
        let folder = pseudonymous(study);
        match self.inner.disk.list(&self.inner.path(&folder)) {
            Ok(files) => {
                for listed in files {
                    self.inner.remove(&format!("{folder}/{}", listed.name))?;
                }
                self.inner.at("removing the folder", &folder, |disk, path| {
                    disk.remove_folder(path)
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(SpoolError::Io {
                attempt: "reading the folder",
                path: folder,
                source,
            }),
        }
    }

    /// Gives a received file its second name under `export/`: an ordinary
    /// Part 10 file that ends in exactly the bytes received. Returns the name;
    /// [`Spool::sync_exports`] makes it durable.
    ///
    /// # Errors
    /// [`SpoolError::Foreign`] if it is not an identified file;
    /// [`SpoolError::Io`].
    pub fn link_export(&self, file: &str) -> Result<String, SpoolError> {
        inside(file, IDENTIFIED, IDENTIFIED)?;
        let name = file.rsplit('/').next().unwrap_or_default();
        let export = format!("{EXPORT}/{name}");
        let from = self.inner.path(file);
        let linked = self.inner.disk.link(&from, &self.inner.path(&export));
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(SpoolError::Io {
                attempt: "linking",
                path: export,
                source: error,
            }),
            _ => Ok(export),
        }
    }

    /// Makes the names of [`Spool::link_export`] durable.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn sync_exports(&self) -> Result<(), SpoolError> {
        self.inner.sync(EXPORT)
    }
}

fn pseudonymous(study: &StudyId) -> String {
    format!("{PSEUDONYMOUS}/{}/{}", study.key, study.generation)
}

/// That a relative path lies inside a folder and climbs nowhere.
fn inside(file: &str, within: &str, folder: &'static str) -> Result<(), SpoolError> {
    let path = Path::new(file);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain && path.starts_with(within) && path != Path::new(within) {
        return Ok(());
    }
    Err(SpoolError::Foreign {
        path: file.to_owned(),
        folder,
    })
}

impl Inner {
    fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    fn lock_folders(&self) -> std::sync::MutexGuard<'_, HashSet<StudyKey>> {
        // The set only saves syncs: what a panicking thread left is usable.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_blank(&self) -> std::sync::MutexGuard<'_, Vec<Blank>> {
        // A panicking thread leaves the list whole: it is only pushed and popped.
        self.blank.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part file that nothing was written to, whose name is durable.
    fn next_part(&self) -> Result<(String, Box<dyn DiskFile>), SpoolError> {
        loop {
            let blank = self.lock_blank().pop();
            if let Some(Blank(part, file)) = blank {
                return Ok((part, file));
            }
            self.make_parts()?;
        }
    }

    /// Makes part files, and their names durable with one sync.
    fn make_parts(&self) -> Result<(), SpoolError> {
        let mut made = Vec::with_capacity(TOGETHER);
        let result = (0..TOGETHER)
            .try_for_each(|_| {
                let number = self.next_part.fetch_add(1, Ordering::Relaxed);
                let part = format!("{ARRIVING}/{number:08}.part");
                let file = self.at("making", &part, |disk, path| disk.create(path))?;
                made.push(Blank(part, file));
                Ok(())
            })
            .and_then(|()| self.sync(ARRIVING));
        match result {
            Ok(()) => {
                self.lock_blank().append(&mut made);
                Ok(())
            }
            Err(error) => {
                for Blank(part, _) in made {
                    // Empty: deleted at the next start if not now.
                    self.remove(&part).ok();
                }
                Err(error)
            }
        }
    }

    /// Does something to a path, and says what, should it fail.
    fn at<T>(
        &self,
        attempt: &'static str,
        file: &str,
        act: impl FnOnce(&dyn Disk, &Path) -> io::Result<T>,
    ) -> Result<T, SpoolError> {
        act(self.disk.as_ref(), &self.path(file))
            .map_err(|source| self.fault(attempt, file, source))
    }

    fn fault(&self, attempt: &'static str, file: &str, source: io::Error) -> SpoolError {
        if source.kind() == io::ErrorKind::StorageFull {
            let free = self.disk.free_bytes(&self.root).unwrap_or(0);
            return SpoolError::NoSpace {
                free,
                reserve: self.reserve,
            };
        }
        SpoolError::Io {
            attempt,
            path: file.to_owned(),
            source,
        }
    }

    /// That the reserve stays free.
    fn check_space(&self) -> Result<(), SpoolError> {
        let free = self.at("asking for free space of", "", |disk, path| {
            disk.free_bytes(path)
        })?;
        if free < self.reserve {
            return Err(SpoolError::NoSpace {
                free,
                reserve: self.reserve,
            });
        }
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, SpoolError> {
        self.at("reading the folder", folder, |disk, path| disk.list(path))
    }

    fn sync(&self, path: &str) -> Result<(), SpoolError> {
        self.at("syncing", path, |disk, path| disk.sync_folder(path))
    }

    /// Deletes a file; that it is gone already is no error.
    fn remove(&self, file: &str) -> Result<(), SpoolError> {
        match self.disk.remove_file(&self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.map_err(|source| self.fault("deleting", file, source)),
        }
    }
}

#[cfg(test)]
mod tests;
