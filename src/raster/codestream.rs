//! How large a compressed picture says it is, read before a codec sees it.
//!
//! A codestream carries its own width and height. A codec that trusts them
//! allocates what a hostile file asks for, so they must agree with the header's
//! Rows and Columns first.

/// Rows and columns in a JPEG (ITU-T T.81, B.2.2: SOF) or JPEG 2000 (ITU-T
/// T.800, A.5.1: SIZ, raw codestream or inside JP2 boxes) stream; `None` when
/// neither marker is found.
#[must_use]
pub(super) fn codestream_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes {
        [0xff, 0xd8, rest @ ..] => jpeg_size(rest),
        [0xff, 0x4f, rest @ ..] => siz(rest),
        _ => {
            let start = bytes
                .windows(4)
                .position(|four| four == [0xff, 0x4f, 0xff, 0x51])?;
            siz(bytes.get(start + 2..)?)
        }
    }
}

/// Walks the segments after SOI to the first frame header.
fn jpeg_size(mut bytes: &[u8]) -> Option<(u32, u32)> {
    loop {
        let (&[lead, marker], rest) = bytes.split_first_chunk::<2>()?;
        if lead != 0xff {
            return None;
        }
        if marker == 0xff {
            bytes = bytes.get(1..)?;
            continue;
        }
        let is_frame = (0xc0..=0xcf).contains(&marker) && ![0xc4, 0xc8, 0xcc].contains(&marker);
        if is_frame {
            let (&[_, _, _, r0, r1, c0, c1], _) = rest.split_first_chunk::<7>()?;
            let rows = u16::from_be_bytes([r0, r1]);
            let columns = u16::from_be_bytes([c0, c1]);
            return Some((rows.into(), columns.into()));
        }
        let (&[high, low], _) = rest.split_first_chunk::<2>()?;
        bytes = rest.get(usize::from(u16::from_be_bytes([high, low]))..)?;
    }
}

/// The image area of a SIZ segment: Xsiz - XOsiz, Ysiz - YOsiz.
fn siz(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(..2)? != [0xff, 0x51] {
        return None;
    }
    let word = |at: usize| -> Option<u32> {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four))
    };
    let columns = word(6)?.checked_sub(word(14)?)?;
    let rows = word(10)?.checked_sub(word(18)?)?;
    Some((rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_frame_header() {
        // SOI; APP0 of 4 bytes; SOF3 (lossless), precision 12, 1024 rows x 256 columns.
        let bytes = [
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc3, 0, 11, 12, 4, 0, 1, 0, 1,
        ];
        assert_eq!(codestream_size(&bytes), Some((1024, 256)));
        assert_eq!(codestream_size(&bytes[..14]), None);
    }

    #[test]
    fn a_jpeg_2000_size() {
        // SOC; SIZ, length 41, capability 0, 300 wide, 200 high, offset 0.
        let mut bytes = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
        for word in [300_u32, 200, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        assert_eq!(codestream_size(&bytes), Some((200, 300)));
        let boxed = [vec![0, 0, 0, 12, b'j', b'P'], bytes].concat();
        assert_eq!(codestream_size(&boxed), Some((200, 300)));
        assert_eq!(codestream_size(b"not a codestream"), None);
        assert_eq!(codestream_size(&[]), None);
    }
}
