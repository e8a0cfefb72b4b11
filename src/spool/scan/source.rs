//! Where the scanner's bytes come from: a stored file, which is skipped
//! through, or a deflated one, which is inflated as it goes. Neither is held.

use std::io::{self, BufRead, BufReader, Read, Seek};

use flate2::bufread::DeflateDecoder;

/// Buffer for headers; values are skipped, not read.
const BUFFER: usize = 16 * 1024;

/// A stream of bytes that can be skipped through.
pub(super) trait Source {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()>;
    fn skip(&mut self, count: u64) -> io::Result<()>;
    fn at_end(&mut self) -> io::Result<bool>;
}

/// A file, from where it stands.
pub(super) struct Stored<R>(BufReader<R>);

impl<R: Read + Seek> Stored<R> {
    pub(super) fn new(file: R) -> Self {
        Self(BufReader::with_capacity(BUFFER, file))
    }
}

impl<R: Read + Seek> Source for Stored<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(bytes)
    }
    fn skip(&mut self, count: u64) -> io::Result<()> {
        // The scanner has checked that `count` fits into what is there.
        self.0
            .seek_relative(i64::try_from(count).map_err(io::Error::other)?)
    }
    fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.0.fill_buf()?.is_empty())
    }
}

/// The inflated bytes of a deflated data set (RFC 1951, PS3.5 A.5).
pub(super) struct Inflated<R: Read>(BufReader<DeflateDecoder<BufReader<R>>>);

impl<R: Read> Inflated<R> {
    pub(super) fn new(file: R) -> Self {
        let decoder = DeflateDecoder::new(BufReader::with_capacity(BUFFER, file));
        Self(BufReader::with_capacity(BUFFER, decoder))
    }
}

impl<R: Read> Source for Inflated<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(bytes)
    }
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.0.by_ref().take(count), &mut io::sink())?;
        if skipped < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
    fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.0.fill_buf()?.is_empty())
    }
}
