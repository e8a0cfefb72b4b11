//! The seal: what makes a part file an instance that is kept, in the 128 bytes
//! of its preamble, which PS3.10 7.1 leaves to the implementation.
//!
//! ```text
//!   0   8  "BONEBOX1"
//!   8   8  bytes of the data set, little endian
//!  16   4  byte at which it starts, little endian
//!  20  32  the site's name of the sender, UTF-8, filled with zeros
//!  52  16  the box's key of the study
//!  68  16  the box's key of the instance
//!  84  32  SHA-256 of the data set
//! 116  12  first bytes of the SHA-256 of bytes 0 to 115
//! ```
//!
//! A file without a seal has zeros there. A seal holds no value of the
//! hospital: the keys are keyed digests.

use std::io::{self, Read};

use crate::names::Digest;
use crate::names::Hasher;
use crate::names::InstanceKey;
use crate::names::StudyKey;

/// Bytes of a seal: the whole preamble.
pub(super) const LENGTH: usize = 128;
/// Longest name of a sender, in bytes.
pub const MAX_SOURCE: usize = 32;
const MAGIC: &[u8; 8] = b"BONEBOX1";
const CHECKED: usize = 116;

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) size: u64,
    pub(super) head: u32,
    pub(super) source: String,
    pub(super) study: StudyKey,
    pub(super) instance: InstanceKey,
    pub(super) digest: Digest,
}

impl Seal {
    /// The seal as bytes. A longer name of the sender is cut.
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(&self.head.to_le_bytes());
        let mut name = Vec::with_capacity(MAX_SOURCE);
        for letter in self.source.chars() {
            if name.len() + letter.len_utf8() > MAX_SOURCE {
                break;
            }
            name.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        name.resize(MAX_SOURCE, 0);
        bytes.extend_from_slice(&name);
        bytes.extend(unhex(self.study.as_str()));
        bytes.extend(unhex(self.instance.as_str()));
        bytes.extend_from_slice(self.digest.as_bytes());
        let check = Digest::of(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        let mut seal = [0; LENGTH];
        for (to, from) in seal.iter_mut().zip(bytes) {
            *to = from;
        }
        seal
    }

    /// Reads a seal; `None`: there is none, or a torn one.
    pub(super) fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (checked, check) = bytes.split_at(CHECKED);
        if !Digest::of(checked).as_bytes().starts_with(check) {
            return None;
        }
        let mut rest = checked.strip_prefix(MAGIC)?;
        let mut take = |count: usize| {
            let (part, tail) = rest.split_at_checked(count)?;
            rest = tail;
            Some(part)
        };
        let size = u64::from_le_bytes(take(8)?.try_into().ok()?);
        let head = u32::from_le_bytes(take(4)?.try_into().ok()?);
        let name = std::str::from_utf8(take(MAX_SOURCE)?).ok()?;
        Some(Self {
            size,
            head,
            source: name.trim_end_matches('\0').to_owned(),
            study: hex(take(16)?).parse().ok()?,
            instance: hex(take(16)?).parse().ok()?,
            digest: hex(take(32)?).parse().ok()?,
        })
    }

    /// Whether what follows the head is the data set that was sealed, no more
    /// and no less.
    pub(super) fn holds(&self, data_set: &mut dyn Read) -> io::Result<bool> {
        let mut hasher = Hasher::new();
        let mut size = 0_u64;
        let mut block = vec![0; 64 * 1024];
        loop {
            let read = match data_set.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            size += u64::try_from(read).unwrap_or(0);
            if size > self.size {
                return Ok(false);
            }
            hasher.update(block.get(..read).unwrap_or_default());
        }
        Ok(size == self.size && hasher.finish() == self.digest)
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The bytes of a key's digits.
fn unhex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            u8::from_str_radix(pair, 16).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn seal(source: &str) -> Seal {
        Seal {
            size: 4,
            head: 368,
            source: source.into(),
            study: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            instance: "00112233445566778899aabbccddeeff".parse().unwrap(),
            digest: Digest::of(b"1234"),
        }
    }

    #[test]
    fn what_is_written_is_read_and_any_changed_byte_shows() {
        let bytes = seal("room 1").encode();
        assert_eq!(Seal::decode(&bytes).unwrap(), seal("room 1"));
        for at in 0..LENGTH {
            let mut torn = bytes;
            torn[at] ^= 0x40;
            assert_eq!(Seal::decode(&torn), None, "byte {at}");
        }
        assert_eq!(Seal::decode(&[0; LENGTH]), None);
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let found = Seal::decode(&seal("撮影室撮影室撮影室撮影室").encode()).unwrap();
        assert_eq!(found.source, "撮影室撮影室撮影室撮");
    }

    #[test]
    fn only_the_sealed_data_set_is_held() {
        let check = |data: &[u8]| seal("a").holds(&mut &data[..]).unwrap();
        assert!(check(b"1234"));
        assert!(!check(b"1235") && !check(b"123") && !check(b"12345") && !check(b""));
    }
}
