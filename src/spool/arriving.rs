//! An instance on its way to the disk.

use std::io::SeekFrom;
use std::sync::Arc;

use super::disk::DiskFile;
use super::part10::Meta;
use super::scan::{self, Scan, ScanError};
use super::{ARRIVING, IDENTIFIED, Inner, SpoolError};
use crate::names::Digest;
use crate::names::Hasher;
use crate::names::InstanceKey;
use crate::names::StudyKey;

/// An instance that lies in `identified/`, synced, and waits for its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its file, relative to the data folder.
    pub file: String,
    /// SHA-256 of the data set as received.
    pub digest: Digest,
    /// Bytes of the data set as received.
    pub size: u64,
    /// A file of this name, so of these bytes, lay there already.
    pub there_already: bool,
}

/// A file that is being received. Dropped before [`Arriving::finish`], it is
/// deleted.
pub struct Arriving {
    inner: Arc<Inner>,
    /// The part file, relative to the data folder.
    part: String,
    file: Box<dyn DiskFile>,
    hasher: Hasher,
    syntax: String,
    head: u64,
    size: u64,
    /// Renamed away or deleted: nothing is left to clean up.
    settled: bool,
}

impl Arriving {
    pub(super) fn begin(inner: Arc<Inner>, meta: &Meta) -> Result<Self, SpoolError> {
        inner.check_space()?;
        let part = inner.next_part();
        let file = inner.at("making", &part, |disk, path| disk.create(path))?;
        let head = meta.head();
        let mut arriving = Self {
            inner,
            part,
            file,
            hasher: Hasher::new(),
            syntax: meta.syntax.as_str().to_owned(),
            head: u64::try_from(head.len()).unwrap_or(0),
            size: 0,
            settled: false,
        };
        arriving.append(&head)?;
        Ok(arriving)
    }

    /// Takes in the next bytes of the data set, exactly as they came.
    ///
    /// # Errors
    /// [`SpoolError::NoSpace`] below the reserve; [`SpoolError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.inner.check_space()?;
        self.append(bytes)?;
        self.hasher.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.file
            .append(bytes)
            .map_err(|source| self.inner.fault("writing", &self.part, source))
    }

    /// Bytes of the data set so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Walks what has arrived within bounds, before anything parses it.
    ///
    /// # Errors
    /// [`ScanError`]: why it is no data set that anything should parse.
    pub fn scan(&self, wanted: &[scan::Wanted]) -> Result<Scan, ScanError> {
        let mut file = self.inner.disk.open(&self.inner.path(&self.part))?;
        file.seek(SeekFrom::Start(self.head))?;
        let limits = scan::Limits::default();
        scan::data_set(file, self.size, &self.syntax, wanted, &limits)
    }

    /// Makes the instance durable under its final name.
    ///
    /// 1. sync the part file: all bytes would survive a power cut;
    /// 2. make the study's folder and sync its parent, if it is new;
    /// 3. rename the part file into it: the file is visible, whole, or not at all;
    /// 4. sync the study's folder: the name would survive too.
    ///
    /// A crash before 3 leaves a part file, deleted at start. A crash between
    /// 3 and the caller's row leaves a file without a row, deleted at start.
    /// In neither case has the sender heard success. A sync that fails is
    /// final: the file is deleted and the sender told.
    ///
    /// # Errors
    /// [`SpoolError::Io`], [`SpoolError::NoSpace`]; nothing is kept then.
    pub fn finish(
        mut self,
        study: &StudyKey,
        instance: &InstanceKey,
    ) -> Result<Instance, SpoolError> {
        let (inner, part) = (Arc::clone(&self.inner), self.part.clone());
        self.file
            .sync()
            .map_err(|source| inner.fault("syncing", &part, source))?;
        let digest = std::mem::take(&mut self.hasher).finish();
        let folder = format!("{IDENTIFIED}/{study}");
        let file = format!("{folder}/{instance}-{digest}.dcm");
        let there_already = {
            let mut folders = inner.lock_folders();
            if !folders.contains(study) {
                inner.at("making the folder", &folder, |disk, path| {
                    disk.make_folder(path)
                })?;
                inner.sync(IDENTIFIED)?;
                folders.insert(study.clone());
            }
            let there = inner.at("looking for", &file, |disk, path| disk.exists(path))?;
            if !there {
                inner.at("renaming", &part, |disk, from| {
                    disk.rename(from, &inner.path(&file))
                })?;
                self.settled = true;
            }
            there
        };
        inner.sync(&folder)?;
        Ok(Instance {
            file,
            digest,
            size: self.size,
            there_already,
        })
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.settled
            && let Err(error) = self.inner.remove(&self.part)
        {
            // Deleted at the next start.
            tracing::warn!(error = %error, folder = ARRIVING, "a part file stays");
        }
    }
}
