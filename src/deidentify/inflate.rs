//! A deflated data set (PS3.5 A.5) as a stream that can be read, skipped and
//! read again, without a copy on the disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use super::{DeidentifyError, Reason};

/// More inflated bytes are refused.
const MAX_INFLATED: u64 = 2 << 30;

/// The inflated bytes behind a place in a file.
pub(super) struct Inflated {
    decoder: DeflateDecoder<File>,
    start: u64,
    position: u64,
    length: u64,
}

impl Inflated {
    /// Inflates once to see that the stream is whole, and how long it is.
    pub(super) fn open(mut file: File, start: u64) -> Result<Self, DeidentifyError> {
        let reading = |source| DeidentifyError::Read { source };
        file.seek(SeekFrom::Start(start)).map_err(reading)?;
        let decoder = DeflateDecoder::new(file);
        let mut bounded = decoder.take(MAX_INFLATED + 1);
        let length = io::copy(&mut bounded, &mut io::sink()).map_err(|error| {
            let damaged = [
                io::ErrorKind::InvalidData,
                io::ErrorKind::InvalidInput,
                io::ErrorKind::UnexpectedEof,
            ];
            if damaged.contains(&error.kind()) {
                Reason::Malformed.into()
            } else {
                reading(error)
            }
        })?;
        if length > MAX_INFLATED {
            return Err(Reason::TooLarge.into());
        }
        let mut inflated = Self {
            decoder: bounded.into_inner(),
            start,
            position: length,
            length,
        };
        inflated.rewind().map_err(reading)?;
        Ok(inflated)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.decoder.read(buffer)?;
        self.position += u64::try_from(got).unwrap_or(0);
        Ok(got)
    }
}

impl Seek for Inflated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(step) => self.position.checked_add_signed(step),
            SeekFrom::End(step) => self.length.checked_add_signed(step),
        };
        let wanted = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        if wanted < self.position {
            let file = self.decoder.get_mut();
            file.seek(SeekFrom::Start(self.start))?;
            let file = file.try_clone()?;
            self.decoder.reset(file);
            self.position = 0;
        }
        let step = wanted - self.position;
        let skipped = io::copy(&mut self.by_ref().take(step), &mut io::sink())?;
        if skipped < step {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.position)
    }
}
