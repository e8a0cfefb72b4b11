//! From one synced file to a name that rooms can use: how an instance is kept.
//!
//! *Constraints.* The sender hears success only when a power cut could not
//! take the instance away, and each sync costs it milliseconds. A failed sync
//! may have dropped what it could not write, so it is never tried again. The
//! order of two folder entries that are not synced is the disk's to choose.
//!
//! *Format.* One file an instance, an ordinary Part 10 file that ends in
//! exactly the bytes received; a seal in its preamble says that it is whole
//! (`seal.rs`). Part files get their names ahead, some at a time, and
//! those are synced together: that cost is shared.
//!
//! *Operation.*
//!
//! 1. make part files `arriving/<number>.part`, empty; sync `arriving/`;
//! 2. write head and data set into one, then the seal; sync the file.
//!    **The sender hears success.** What follows is one thread's, for all
//!    instances that wait, and nobody waits for it:
//! 3. give it its second name `identified/<study>/<instance>-<digest>.dcm`;
//!    sync that folder (and `identified/`, if the folder is new);
//! 4. commit the rows, one transaction;
//! 5. remove the first names. They need no sync.
//!
//! *Recovery.* A part file whose seal is whole and whose data set has the
//! sealed digest goes through 3 to 5 again, as often as needed: each does no
//! harm twice. Any other part file is deleted. A file in `identified/` without
//! a row is deleted, after that.
//!
//! | cut after | found at start | becomes |
//! |---|---|---|
//! | 1 | an empty part file, or none | nothing |
//! | 2, before the sync ended | any mixture of its blocks | nothing, or kept if by chance whole |
//! | 2 | a sealed part file | a row |
//! | 3 | two names of one file, or one | a row |
//! | 4, 5 | a row; the part file may come back | the row; the part file goes |

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use super::part10::Meta;
use super::scan::{self, Scan, ScanError};
use super::seal::{self, Seal};
use super::{ARRIVING, IDENTIFIED, Inner, Spool, SpoolError};
use crate::names::Digest;
use crate::names::InstanceKey;
use crate::names::StudyKey;

/// An instance that would survive a power cut, and waits for its name and
/// row. It holds the hospital's UIDs, so it has no `Debug`.
#[derive(Clone)]
pub struct Sealed {
    pub(super) part: String,
    pub(super) meta: Meta,
    pub(super) seal: Seal,
}

impl Sealed {
    /// Its study.
    #[must_use]
    pub fn study(&self) -> &StudyKey {
        &self.seal.study
    }

    /// Which instance.
    #[must_use]
    pub fn instance(&self) -> &InstanceKey {
        &self.seal.instance
    }

    /// The site's name of the sender.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.seal.source
    }

    /// SHA-256 of the data set as received.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.seal.digest
    }

    /// Bytes of the data set as received.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.seal.size
    }

    /// The head of its file.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its file once it is published, relative to the data folder.
    #[must_use]
    pub fn file(&self) -> String {
        let Seal {
            study,
            instance,
            digest,
            ..
        } = &self.seal;
        format!("{IDENTIFIED}/{study}/{instance}-{digest}.dcm")
    }
}

impl Spool {
    /// Gives sealed instances their names in `identified/`, durably (3). The
    /// answers are in the same order: whether the name was there already, so
    /// whether these bytes were.
    ///
    /// What fails keeps its part file and can be published again: its second
    /// name is taken back first, so that no sync is tried twice.
    pub fn publish(&self, sealed: &[&Sealed]) -> Vec<Result<bool, SpoolError>> {
        let inner = &self.inner;
        let mut folders = inner.lock_folders();
        let mut named: Vec<Result<bool, SpoolError>> = sealed
            .iter()
            .map(|one| inner.name(one, &mut folders))
            .collect();
        let studies: BTreeSet<&StudyKey> = sealed.iter().map(|one| one.study()).collect();
        for study in studies {
            // Also where the name was there: a killed process may have given
            // it without the sync.
            if inner.sync(&format!("{IDENTIFIED}/{study}")).is_ok() {
                continue;
            }
            for (one, named) in sealed.iter().zip(&mut named) {
                let Ok(there_already) = *named else { continue };
                if one.study() == study {
                    *named = inner.take_back(one, there_already);
                }
            }
        }
        named
    }

    /// Removes an instance's first name, after its row is committed (5).
    ///
    /// # Errors
    /// [`SpoolError::Io`]; the name is removed at the next start.
    pub fn clear(&self, sealed: &Sealed) -> Result<(), SpoolError> {
        self.inner.remove(&sealed.part)
    }

    /// Removes an instance's second name: the box has these bytes already and
    /// needs them no more.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn discard(&self, sealed: &Sealed) -> Result<(), SpoolError> {
        let _folders = self.inner.lock_folders();
        self.inner.remove(&sealed.file())
    }

    /// Scans a sealed instance again, as it was when it arrived.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn scan(&self, sealed: &Sealed, wanted: &[scan::Wanted]) -> Result<Scan, ScanError> {
        let mut file = self.inner.disk.open(&self.inner.path(&sealed.part))?;
        file.seek(SeekFrom::Start(u64::from(sealed.seal.head)))?;
        let (size, syntax) = (sealed.size(), sealed.meta.syntax.as_str());
        scan::data_set(file, size, syntax, wanted, &scan::Limits::default())
    }

    /// What a crash left in `arriving/`: the sealed instances, which wait for
    /// their rows; all else is deleted. Says how many half files there were.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if a file cannot be read: it may be one that was
    /// acknowledged, so nothing is decided about it.
    pub fn left(&self) -> Result<(Vec<Sealed>, usize), SpoolError> {
        let inner = &self.inner;
        let (mut left, mut unfinished) = (Vec::new(), 0);
        for listed in inner.list(ARRIVING)? {
            let part = format!("{ARRIVING}/{}", listed.name);
            match inner.at("reading", &part, |disk, path| read(disk.open(path)?, &part))? {
                Content::Sealed(sealed) => left.push(*sealed),
                Content::Nothing => inner.remove(&part)?,
                Content::Half => {
                    inner.remove(&part)?;
                    unfinished += 1;
                }
            }
        }
        Ok((left, unfinished))
    }
}

impl Inner {
    /// The second name of an instance; whether it was there.
    fn name(
        &self,
        sealed: &Sealed,
        folders: &mut std::collections::HashSet<StudyKey>,
    ) -> Result<bool, SpoolError> {
        let study = sealed.study();
        if !folders.contains(study) {
            let folder = format!("{IDENTIFIED}/{study}");
            self.at("making the folder", &folder, |disk, path| {
                disk.make_folder(path)
            })?;
            if let Err(error) = self.sync(IDENTIFIED) {
                // Another try makes it anew; one that is in use stays.
                self.disk.remove_folder(&self.path(&folder)).ok();
                return Err(error);
            }
            folders.insert(study.clone());
        }
        let file = sealed.file();
        let linked = self.disk.link(&self.path(&sealed.part), &self.path(&file));
        match linked {
            Ok(()) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            Err(source) => Err(self.fault("naming", &file, source)),
        }
    }
}

impl Inner {
    /// After a sync of the folder failed: our new name goes, so that another
    /// try makes it anew.
    fn take_back(&self, sealed: &Sealed, there_already: bool) -> Result<bool, SpoolError> {
        let path = sealed.file();
        if !there_already {
            self.remove(&path)?;
        }
        Err(SpoolError::Io {
            attempt: "syncing the folder of",
            path,
            source: io::ErrorKind::Other.into(),
        })
    }
}

/// What a part file holds.
enum Content {
    Sealed(Box<Sealed>),
    Nothing,
    Half,
}

fn read(mut file: Box<dyn super::ReadSeek>, part: &str) -> io::Result<Content> {
    let mut preamble = Vec::new();
    let length = u64::try_from(seal::LENGTH).unwrap_or(0);
    file.by_ref().take(length).read_to_end(&mut preamble)?;
    if preamble.is_empty() {
        return Ok(Content::Nothing);
    }
    let seal = preamble.as_slice().try_into().ok().and_then(Seal::decode);
    let Some(seal) = seal else {
        return Ok(Content::Half);
    };
    file.seek(SeekFrom::Start(u64::from(seal.head)))?;
    if !seal.holds(&mut file)? {
        return Ok(Content::Half);
    }
    file.seek(SeekFrom::Start(0))?;
    let Ok((meta, head)) = Meta::read(&mut file) else {
        return Ok(Content::Half);
    };
    if head != u64::from(seal.head) {
        return Ok(Content::Half);
    }
    Ok(Content::Sealed(Box::new(Sealed {
        part: part.to_owned(),
        meta,
        seal,
    })))
}
