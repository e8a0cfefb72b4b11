//! The output while it is written: hashed as it passes, and past the page cache.
//!
//! A synced file goes to the disk anyway. Copying it into the page cache before
//! costs more than hashing it does, so whole blocks go there straight from one
//! buffer (`O_DIRECT`); the rest behind the last block takes the usual way. A
//! file system that does not do this says so, and all takes the usual way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};

use super::DeidentifyError;
use crate::names::Digest;
use crate::names::Hasher;

/// What goes straight to the disk lies and ends at multiples of this, in
/// memory and in the file: no disk has larger blocks.
const BLOCK: usize = 4096;
/// Bytes that are held at most.
const PIECE: usize = 1 << 20;

/// A file that is written from its start to its end.
pub(super) struct Out {
    file: File,
    hasher: Hasher,
    /// Bytes taken in.
    size: u64,
    /// What is held stands from `first` on, which lies at a block's edge, and is
    /// one piece at most. Never more than the room that it was made with: then
    /// it does not move.
    buffer: Vec<u8>,
    first: usize,
    piece: usize,
    is_direct: bool,
}

impl Out {
    /// Opens a file, which is emptied; `expected` bytes will come, more or less.
    pub(super) fn create(path: &Path, expected: u64) -> Result<Self, DeidentifyError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o640);
        let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let mut is_direct = direct != 0;
        let mut file = options.clone().custom_flags(direct).open(path);
        if is_refused(&file) {
            is_direct = false;
            file = options.open(path);
        }
        let piece = usize::try_from(expected).unwrap_or(PIECE);
        // Two blocks at least: a flush leaves less than one.
        let piece = piece.min(PIECE).next_multiple_of(BLOCK).max(2 * BLOCK);
        let mut buffer: Vec<u8> = Vec::with_capacity(piece + 2 * BLOCK);
        let first = buffer.as_ptr().align_offset(BLOCK) % BLOCK;
        buffer.resize(first, 0);
        Ok(Self {
            file: file.map_err(writing)?,
            hasher: Hasher::new(),
            size: 0,
            buffer,
            first,
            piece,
            is_direct,
        })
    }

    /// Bytes taken in so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes in bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), DeidentifyError> {
        self.copy(bytes, u64::MAX, |_, _| ())
    }

    /// Takes in at most so many bytes from a source, in pieces of whole words,
    /// each changed on its way by where it starts.
    pub(super) fn copy(
        &mut self,
        source: impl Read,
        length: u64,
        change: impl Fn(u64, &mut [u8]),
    ) -> Result<(), DeidentifyError> {
        let mut source = source.take(length);
        let start = self.size;
        loop {
            let held = self.buffer.len();
            let room = (self.first + self.piece - held) & !1;
            let room = u64::try_from(room).unwrap_or(0);
            // Into what was never written: half a megabyte of zeros takes as
            // long as a tenth of its digest.
            let taken = source.by_ref().take(room).read_to_end(&mut self.buffer);
            let taken = u64::try_from(taken.map_err(reading)?).unwrap_or(0);
            change(self.size - start, &mut self.buffer[held..]);
            self.size += taken;
            if taken < room {
                return Ok(());
            }
            self.flush()?;
        }
    }

    /// Hashes and writes the whole blocks that are held.
    fn flush(&mut self) -> Result<(), DeidentifyError> {
        let held = self.buffer.len() - self.first;
        let end = self.first + held - held % BLOCK;
        let mut bytes = &self.buffer[self.first..end];
        self.hasher.update(bytes);
        while !bytes.is_empty() {
            let written = self.file.write(bytes);
            if self.is_direct && is_refused(&written) {
                self.is_direct = false;
                fcntl_setfl(&self.file, OFlags::empty()).map_err(|error| writing(error.into()))?;
                continue;
            }
            match written {
                Ok(0) => return Err(writing(io::ErrorKind::WriteZero.into())),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(writing(error)),
            }
        }
        self.buffer.copy_within(end.., self.first);
        self.buffer.truncate(self.first + held % BLOCK);
        Ok(())
    }

    /// Writes what is held and syncs the file; its size and digest.
    pub(super) fn finish(&mut self) -> Result<(u64, Digest), DeidentifyError> {
        self.flush()?;
        let rest = &self.buffer[self.first..];
        if !rest.is_empty() {
            if self.is_direct {
                fcntl_setfl(&self.file, OFlags::empty()).map_err(|error| writing(error.into()))?;
            }
            self.hasher.update(rest);
            self.file.write_all(rest).map_err(writing)?;
        }
        self.file.sync_all().map_err(writing)?;
        Ok((self.size, std::mem::take(&mut self.hasher).finish()))
    }

    /// Leaves a file without bytes, if that much can be done.
    pub(super) fn discard(self) {
        drop(self.file.set_len(0));
    }
}

/// Whether the file system does not write past its cache, or not like this.
fn is_refused<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::InvalidInput)
}

fn reading(source: io::Error) -> DeidentifyError {
    DeidentifyError::Read { source }
}

fn writing(source: io::Error) -> DeidentifyError {
    DeidentifyError::Write { source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const SIZES: [usize; 14] = [
        0,
        1,
        2,
        4094,
        4095,
        4096,
        4097,
        8191,
        8192,
        8193,
        PIECE - 1,
        PIECE,
        PIECE + 2,
        3 * PIECE + 4097,
    ];

    /// A head and pixels of these sizes, each word turned round on its way.
    fn check(head: usize, pixels: usize, expected: u64, spoil: impl Fn(&mut Out)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let byte = |n: usize| u8::try_from(n % 251).unwrap();
        let head: Vec<u8> = (0..head).map(byte).collect();
        let pixels: Vec<u8> = (0..pixels).map(|n| byte(n / 3)).collect();
        let mut out = Out::create(&path, expected).unwrap();
        spoil(&mut out);
        out.put(&head).unwrap();
        let swap = |_: u64, bytes: &mut [u8]| {
            for word in bytes.chunks_exact_mut(2) {
                word.swap(0, 1);
            }
        };
        // Of a source that has more to give, only so much is taken.
        let source = pixels.as_slice().chain(io::repeat(0xee));
        let length = u64::try_from(pixels.len()).unwrap();
        out.copy(source, length, swap).unwrap();
        let mut whole = pixels;
        swap(0, &mut whole);
        whole.splice(0..0, head);
        let (size, digest) = out.finish().unwrap();
        assert_eq!(size, u64::try_from(whole.len()).unwrap());
        assert_eq!(digest, Digest::of(&whole));
        assert!(std::fs::read(&path).unwrap() == whole, "{size} bytes");
    }

    #[test]
    fn what_is_taken_in_is_written_at_every_size() {
        for size in SIZES {
            for head in [0, 1526, 4096] {
                for expected in [0, 1526 + size as u64, u64::MAX] {
                    check(head, size, expected, |_| ());
                }
            }
        }
    }

    /// Memory at no block's edge is refused by the disk; the usual way is left.
    #[test]
    fn a_refusal_changes_nothing() {
        for size in SIZES {
            check(1526, size, 0, |out| {
                out.first += 1;
                out.buffer.push(0);
            });
            check(1526, size, 0, |out| {
                out.is_direct = false;
                fcntl_setfl(&out.file, OFlags::empty()).unwrap();
            });
        }
    }

    #[test]
    fn what_is_discarded_has_no_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut out = Out::create(&path, 0).unwrap();
        out.put(&[1; 100_000]).unwrap();
        out.discard();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
