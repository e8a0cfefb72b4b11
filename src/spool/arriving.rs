//! An instance on its way to the disk.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use super::disk::DiskFile;
use super::part10::Meta;
use super::scan::{self, Scan, ScanError};
use super::seal::Seal;
use super::sealed::Sealed;
use super::{ARRIVING, Inner, SpoolError};
use crate::names::Hasher;
use crate::names::InstanceKey;
use crate::names::StudyKey;

/// A file that is being received. Dropped before [`Arriving::seal`], it is
/// deleted.
pub struct Arriving {
    inner: Arc<Inner>,
    /// The part file, relative to the data folder.
    part: String,
    file: Box<dyn DiskFile>,
    hasher: Hasher,
    meta: Meta,
    head: u32,
    size: u64,
    /// Sealed: it stays.
    settled: bool,
}

impl Arriving {
    pub(super) fn begin(inner: Arc<Inner>, meta: &Meta) -> Result<Self, SpoolError> {
        inner.check_space()?;
        let (part, file) = inner.next_part()?;
        let head = meta.head();
        let mut arriving = Self {
            inner,
            part,
            file,
            hasher: Hasher::new(),
            meta: meta.clone(),
            head: u32::try_from(head.len()).unwrap_or(u32::MAX),
            size: 0,
            settled: false,
        };
        arriving.write_at(&head, 0)?;
        Ok(arriving)
    }

    /// Takes in the next bytes of the data set, exactly as they came.
    ///
    /// # Errors
    /// [`SpoolError::NoSpace`] below the reserve; [`SpoolError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.inner.check_space()?;
        self.write_at(bytes, u64::from(self.head) + self.size)?;
        self.hasher.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    /// Writes all bytes: a short write goes on, an interrupted one again.
    fn write_at(&mut self, mut bytes: &[u8], mut offset: u64) -> Result<(), SpoolError> {
        let fault = |source| self.inner.fault("writing", &self.part, source);
        while !bytes.is_empty() {
            match self.file.write_at(bytes, offset) {
                Ok(0) => return Err(fault(io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset += u64::try_from(written).unwrap_or(0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(error)),
            }
        }
        Ok(())
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
        file.seek(SeekFrom::Start(u64::from(self.head)))?;
        let limits = scan::Limits::default();
        scan::data_set(file, self.size, self.meta.syntax.as_str(), wanted, &limits)
    }

    /// Writes the seal and syncs the file: the one sync of an instance. When
    /// this returns, the sender may hear success.
    ///
    /// A sync that fails is final: the file is deleted, the sender told, and
    /// nothing is tried again.
    ///
    /// # Errors
    /// [`SpoolError::Io`], [`SpoolError::NoSpace`]; nothing is kept then.
    pub fn seal(
        mut self,
        study: &StudyKey,
        instance: &InstanceKey,
        source: &str,
    ) -> Result<Sealed, SpoolError> {
        let seal = Seal {
            size: self.size,
            head: self.head,
            source: source.to_owned(),
            study: study.clone(),
            instance: instance.clone(),
            digest: std::mem::take(&mut self.hasher).finish(),
        };
        self.write_at(&seal.encode(), 0)?;
        self.file
            .sync()
            .map_err(|source| self.inner.fault("syncing", &self.part, source))?;
        self.settled = true;
        Ok(Sealed {
            part: self.part.clone(),
            meta: self.meta.clone(),
            seal,
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
