//! A disk on paper, for tests: it keeps what was synced apart from what was
//! not, fails any call of a number, and is cut off from its power.
//!
//! What a cut leaves of writes and folder entries that were not synced is
//! drawn by lot, each for itself, in no order: lost, whole or torn. A sync
//! that fails drops what it should have written, and the next one says
//! nothing of it, as Linux does.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::{Disk, DiskFile, Listed, ReadSeek};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// By an error, with no effect; a sync loses what it should have written.
    Error(io::ErrorKind),
    /// A write takes half of its bytes; any other call works.
    Short,
    /// The power is gone: this and every later call fails.
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Default)]
struct Folder {
    now: Names,
    synced: Names,
    /// `None` for the node: the name was removed.
    unsynced: Vec<(String, Option<Node>)>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    folders: BTreeMap<PathBuf, Folder>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    free: u64,
    /// A call has failed since the fault was set.
    failed: bool,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct ModelDisk(Arc<Mutex<State>>);

struct ModelFile(ModelDisk, usize);

/// Numbers from a seed: xorshift, good enough for lots.
#[derive(Debug, Clone)]
pub(crate) struct Lots(u64);

impl Lots {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }
}

impl State {
    /// Whether this call works; counts it.
    fn turn(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(io::ErrorKind::Other.into());
        }
        self.calls += 1;
        match self.fault {
            Some((at, fault)) if at == self.calls => {
                self.failed = true;
                match fault {
                    Fault::Cut => {
                        self.dead = true;
                        Err(io::ErrorKind::Other.into())
                    }
                    Fault::Error(kind) => Err(kind.into()),
                    Fault::Short => Ok(Some(fault)),
                }
            }
            _ => Ok(None),
        }
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let (parent, name) = split(path);
        let named = self
            .folders
            .get(&parent)
            .is_none_or(|parent| parent.now.get(&name) == Some(&Node::Folder));
        self.folders
            .get_mut(path)
            .filter(|_| named)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set(&mut self, path: &Path, node: Option<Node>) -> io::Result<()> {
        let (parent, name) = split(path);
        let folder = self.folder(&parent)?;
        match node {
            Some(node) => folder.now.insert(name.clone(), node),
            None => folder.now.remove(&name),
        };
        folder.unsynced.push((name, node));
        Ok(())
    }

    fn get(&mut self, path: &Path) -> io::Result<Node> {
        let (parent, name) = split(path);
        let node = self.folder(&parent)?.now.get(&name).copied();
        node.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, path: &Path) -> io::Result<usize> {
        match self.get(path)? {
            Node::File(number) => Ok(number),
            Node::Folder => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (
        path.parent().unwrap_or(Path::new("/")).to_owned(),
        name.into_owned(),
    )
}

fn overlay(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    if bytes.len() < offset + new.len() {
        bytes.resize(offset + new.len(), 0);
    }
    bytes[offset..offset + new.len()].copy_from_slice(new);
}

impl ModelDisk {
    /// An empty disk with a folder to put a spool into.
    pub(crate) fn new(data: &Path) -> Arc<Self> {
        let mut state = State {
            free: u64::MAX / 2,
            ..State::default()
        };
        state.folders.insert(data.to_owned(), Folder::default());
        Arc::new(Self(Arc::new(Mutex::new(state))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The call of this number, counted from now, fails.
    pub(crate) fn fail_after(&self, calls: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.calls + calls + 1, fault));
        state.failed = false;
    }

    /// No call fails. Says whether one has.
    pub(crate) fn heal(&self) -> bool {
        let mut state = self.state();
        state.fault = None;
        std::mem::take(&mut state.failed)
    }

    /// Whether the power is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    pub(crate) fn set_free(&self, bytes: u64) {
        self.state().free = bytes;
    }

    /// The power goes and comes back: by lot, what was not synced is there or
    /// not, in parts, in any order.
    pub(crate) fn cut(&self, lots: &mut Lots) {
        let mut state = self.state();
        let state = &mut *state;
        (state.dead, state.fault) = (false, None);
        for folder in state.folders.values_mut() {
            for (name, node) in std::mem::take(&mut folder.unsynced) {
                if lots.below(2) == 0 {
                    match node {
                        Some(node) => folder.synced.insert(name, node),
                        None => folder.synced.remove(&name),
                    };
                }
            }
            folder.now = folder.synced.clone();
        }
        for file in &mut state.files {
            for (offset, bytes) in std::mem::take(&mut file.unsynced) {
                match lots.below(3) {
                    0 => overlay(&mut file.synced, offset, &bytes),
                    1 => {
                        let from = usize::try_from(lots.below(bytes.len() as u64)).unwrap();
                        let to = from + (bytes.len() - from) / 2;
                        overlay(&mut file.synced, offset + from, &bytes[from..to]);
                    }
                    _ => {}
                }
            }
            file.now = file.synced.clone();
        }
        // A name that came back without its folder is an empty one.
        let named: Vec<PathBuf> = state
            .folders
            .iter()
            .flat_map(|(path, folder)| {
                let folders = folder.now.iter().filter(|(_, node)| **node == Node::Folder);
                folders.map(|(name, _)| path.join(name))
            })
            .collect();
        for path in named {
            state.folders.entry(path).or_default();
        }
    }
}

impl DiskFile for ModelFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.0.state();
        let short = state.turn()? == Some(Fault::Short);
        let count = if short {
            bytes.len().div_ceil(2)
        } else {
            bytes.len()
        };
        let offset = usize::try_from(offset).unwrap();
        let file = &mut state.files[self.1];
        overlay(&mut file.now, offset, &bytes[..count]);
        file.unsynced.push((offset, bytes[..count].to_vec()));
        Ok(count)
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.state();
        let result = state.turn();
        let file = &mut state.files[self.1];
        let unsynced = std::mem::take(&mut file.unsynced);
        result?;
        for (offset, bytes) in unsynced {
            overlay(&mut file.synced, offset, &bytes);
        }
        Ok(())
    }
}

impl Disk for ModelDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.turn()?;
        if state.get(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.push(Content::default());
        let number = state.files.len() - 1;
        state.set(path, Some(Node::File(number)))?;
        Ok(Box::new(ModelFile(self.clone(), number)))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        let mut state = self.state();
        state.turn()?;
        let number = state.file(path)?;
        Ok(Box::new(Cursor::new(state.files[number].now.clone())))
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.turn()?;
        if state.folder(path).is_ok() {
            return Ok(());
        }
        state.set(path, Some(Node::Folder))?;
        state.folders.insert(path.to_owned(), Folder::default());
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.link(from, to)?;
        self.remove_file(from)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.turn()?;
        let number = state.file(from)?;
        if state.get(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.set(to, Some(Node::File(number)))
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.turn()?;
        state.file(path)?;
        state.set(path, None)
    }
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.turn()?;
        if !state.folder(path)?.now.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        // Its names may come back with it.
        state.set(path, None)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let result = state.turn().map(|_| ());
        let folder = state.folder(path)?;
        let unsynced = std::mem::take(&mut folder.unsynced);
        result?;
        for (name, node) in unsynced {
            match node {
                Some(node) => folder.synced.insert(name, node),
                None => folder.synced.remove(&name),
            };
        }
        Ok(())
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.turn()?;
        Ok(state.get(path).is_ok())
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut state = self.state();
        state.turn()?;
        let names = &state.folder(path)?.now;
        let listed = names.iter().map(|(name, node)| Listed {
            name: name.clone(),
            folder: *node == Node::Folder,
        });
        Ok(listed.collect())
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.turn()?;
        Ok(state.free)
    }
}
