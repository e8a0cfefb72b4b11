//! The few things the spool asks of a disk, as a trait, so that a test can
//! fail or cut any one of them. What each promises about power cuts stands at
//! the call; the order of the calls stands in [`super::sealed`].

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::Path;

/// A file being written.
pub trait DiskFile: Send {
    /// Writes bytes at an offset, as many as the system takes; says how many.
    /// Until the next sync a power cut may lose any part of them.
    ///
    /// # Errors
    /// The system's, `Interrupted` among them.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Returns when bytes and length would survive a power cut. A failure is
    /// final for this file: the kernel may have dropped what it could not
    /// write, and a second call would lie.
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read.
pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name. One that is not Unicode is not ours and is not listed.
    pub name: String,
    /// It is a folder.
    pub folder: bool,
}

/// What a disk does.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a new file; fails if the name is taken.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>>;
    /// Makes a folder; that it is there already is no error.
    ///
    /// # Errors
    /// The system's.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, atomically.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// The system's.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// The system's.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Returns when the names in a folder would survive a power cut.
    ///
    /// # Errors
    /// The system's.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Whether a name is taken.
    ///
    /// # Errors
    /// The system's.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// What a folder holds, sorted by name.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>>;
    /// Bytes that an ordinary user may still write.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// The machine's own disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineDisk;

impl DiskFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, offset)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Disk for MachineDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Box::new(file))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(path)?))
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "the spool's door to renaming files"
    )]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "the spool's door to deleting files"
    )]
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "the spool's door to deleting files"
    )]
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                let folder = entry.file_type()?.is_dir();
                listed.push(Listed { name, folder });
            }
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(path)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}
