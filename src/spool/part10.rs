//! The head of a DICOM file (PS3.10 7.1): written anew in front of received
//! bytes, and read, bounded, from any file that is to be sent.
//!
//! ```text
//! 128 zeros | "DICM" | group 0002, explicit VR little endian | data set
//! ```
//!
//! The preamble is ours and empty, and no AE title is written: nothing of the
//! sender's file meta reaches the disk.

use std::io::{self, Read, Seek, SeekFrom};

use crate::names::InstanceUid;
use crate::names::SopClass;
use crate::names::TransferSyntax;
use crate::names::Uid;

/// Our Implementation Class UID, also said in associations. Made once from a
/// random UUID (PS3.5 B.2).
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.206625482893750026769238912721825563925";
/// Our Implementation Version Name.
pub const IMPLEMENTATION_VERSION: &str = concat!("BONEBOX_", env!("CARGO_PKG_VERSION"));

/// Most bytes of file meta that are read: ordinary ones have 200 to 400.
const META_CAP: u64 = 64 * 1024;

/// What stands in the head of a file. It holds the hospital's instance UID,
/// so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    /// Media Storage SOP Class UID.
    pub class: Uid<SopClass>,
    /// Media Storage SOP Instance UID.
    pub instance: Uid<InstanceUid>,
    /// Transfer Syntax UID.
    pub syntax: Uid<TransferSyntax>,
}

/// A file's head cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The file cannot be read.
    #[error("reading the head of a DICOM file")]
    Read(#[from] io::Error),
    /// There is no `DICM` at byte 128.
    #[error("the file is no DICOM file: no DICM at byte 128")]
    NotPart10,
    /// Group 0002 is broken, too long, or lacks what it must have.
    #[error("the file meta information is broken: {0}")]
    Broken(&'static str),
}

impl Meta {
    /// The bytes of the head, up to the first byte of the data set.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut group = Vec::with_capacity(256);
        long(&mut group, 0x0001, *b"OB", &[0, 1]);
        short(&mut group, 0x0002, *b"UI", self.class.as_str(), 0);
        short(&mut group, 0x0003, *b"UI", self.instance.as_str(), 0);
        short(&mut group, 0x0010, *b"UI", self.syntax.as_str(), 0);
        short(&mut group, 0x0012, *b"UI", IMPLEMENTATION_CLASS_UID, 0);
        short(&mut group, 0x0013, *b"SH", IMPLEMENTATION_VERSION, b' ');
        let mut head = vec![0; 128];
        head.extend_from_slice(b"DICM");
        head.extend_from_slice(&[0x02, 0, 0, 0, b'U', b'L', 4, 0]);
        let length = u32::try_from(group.len()).unwrap_or(u32::MAX);
        head.extend_from_slice(&length.to_le_bytes());
        head.append(&mut group);
        head
    }

    /// Reads a head and says at which byte the data set starts. The group's
    /// own length is not believed: elements are walked while their group is
    /// 0002.
    ///
    /// # Errors
    /// [`HeadError`]; it repeats nothing of the file.
    pub fn read<R: Read + Seek>(file: &mut R) -> Result<(Self, u64), HeadError> {
        let mut start = [0; 132];
        file.read_exact(&mut start).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                HeadError::NotPart10
            } else {
                HeadError::Read(error)
            }
        })?;
        if !start.ends_with(b"DICM") {
            return Err(HeadError::NotPart10);
        }
        let mut group = Vec::new();
        file.by_ref().take(META_CAP).read_to_end(&mut group)?;
        let (values, length) = walk(&group)?;
        let [class, instance, syntax] = values;
        let meta = Self {
            class: uid(class, "no valid Media Storage SOP Class UID")?,
            instance: uid(instance, "no valid Media Storage SOP Instance UID")?,
            syntax: uid(syntax, "no valid Transfer Syntax UID")?,
        };
        let at = 132 + u64::try_from(length).unwrap_or(META_CAP);
        file.seek(SeekFrom::Start(at))?;
        Ok((meta, at))
    }
}

/// Class, instance and transfer syntax, as they stand there.
type Uids<'a> = [Option<&'a [u8]>; 3];

/// Class, instance and transfer syntax out of group 0002, and its length.
fn walk(bytes: &[u8]) -> Result<(Uids<'_>, usize), HeadError> {
    let short = HeadError::Broken("an element is longer than the group may be");
    let mut values = [None; 3];
    let mut at = 0;
    while let Some(head) = bytes
        .get(at..at + 8)
        .filter(|head| head.starts_with(&[2, 0]))
    {
        let element = u16::from_le_bytes([head[2], head[3]]);
        let is_long = matches!(&head[4..6], b"OB" | b"OW" | b"UN" | b"UT" | b"SQ");
        let (start, length) = if is_long {
            let Some(&[a, b, c, d]) = bytes.get(at + 8..at + 12) else {
                return Err(short);
            };
            (at + 12, u32::from_le_bytes([a, b, c, d]))
        } else {
            (at + 8, u32::from(u16::from_le_bytes([head[6], head[7]])))
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        let Some(value) = bytes.get(start..end) else {
            return Err(short);
        };
        match element {
            0x0002 => values[0] = Some(value),
            0x0003 => values[1] = Some(value),
            0x0010 => values[2] = Some(value),
            _ => {}
        }
        at = end;
    }
    Ok((values, at))
}

fn uid<Kind>(value: Option<&[u8]>, why: &'static str) -> Result<Uid<Kind>, HeadError> {
    value
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|text| text.parse().ok())
        .ok_or(HeadError::Broken(why))
}

/// An element with a 16-bit length; an odd value gets one byte of padding.
fn short(group: &mut Vec<u8>, element: u16, vr: [u8; 2], text: &str, pad: u8) {
    let mut value = text.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(pad);
    }
    group.extend_from_slice(&[2, 0]);
    group.extend_from_slice(&element.to_le_bytes());
    group.extend_from_slice(&vr);
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    group.extend_from_slice(&length.to_le_bytes());
    group.append(&mut value);
}

/// An element with two reserved bytes and a 32-bit length.
fn long(group: &mut Vec<u8>, element: u16, vr: [u8; 2], value: &[u8]) {
    group.extend_from_slice(&[2, 0]);
    group.extend_from_slice(&element.to_le_bytes());
    group.extend_from_slice(&vr);
    group.extend_from_slice(&[0, 0]);
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    group.extend_from_slice(&length.to_le_bytes());
    group.extend_from_slice(value);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn meta() -> Meta {
        Meta {
            class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            instance: "1.2.3.4.5".parse().unwrap(),
            syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = meta().head();
        let length = file.len();
        file.extend_from_slice(&[8, 0, 5, 0, b'C', b'S', 0, 0]);
        let (read, at) = Meta::read(&mut Cursor::new(file)).unwrap();
        assert!(read == meta());
        assert_eq!(at, length as u64);
        assert_eq!(length % 2, 0);
    }

    #[test]
    fn the_head_has_an_empty_preamble_and_no_sender() {
        let head = meta().head();
        assert_eq!(head[..128], [0; 128]);
        assert_eq!(&head[128..132], b"DICM");
        // (0002,0016) Source Application Entity Title is not written.
        assert!(!head.windows(4).any(|four| four == [2, 0, 0x16, 0]));
    }

    #[test]
    fn broken_heads_are_refused_at_any_cut() {
        let head = meta().head();
        for cut in 0..head.len() - 2 {
            let cut_file = head[..cut].to_vec();
            let result = Meta::read(&mut Cursor::new(cut_file));
            // What is behind the transfer syntax is not needed.
            if let Ok((read, at)) = result {
                assert!(read == meta() && at <= cut as u64);
            }
        }
        let mut lying = head;
        lying[152] = 0xff; // the length of (0002,0001)
        lying[153] = 0xff;
        lying[154] = 0xff;
        assert!(Meta::read(&mut Cursor::new(lying)).is_err());
    }
}
