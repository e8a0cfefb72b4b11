//! Reads a Part 10 file as far as its pixels, within bounds.
//!
//! Nothing is believed: a length is checked against the bytes that are there
//! before anything is allocated, nesting and the number of attributes are
//! capped, and bulk is left in the file. What does not fit is a [`Reason`] for
//! quarantine. Only little endian is read; the pixels, native or encapsulated,
//! are found and measured, not loaded.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use dicom_core::{Tag, VR};

use super::element::{Element, Value, dictionary_vrs, find, has_long_header, text};
use super::{DeidentifyError, Reason};

/// Deeper nesting is refused: real objects stay below eight.
pub(super) const MAX_DEPTH: usize = 16;
/// More attributes are refused: a thousand enhanced CT frames have 60,000.
const MAX_ELEMENTS: usize = 1_000_000;
/// More bytes of values before the pixels are refused.
const MAX_HELD: u64 = 64 << 20;
/// A longer value is left in the file and removed: a lookup table has 131072.
const MAX_VALUE: u32 = 256 << 10;

const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;

/// How attributes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Implicit,
    Explicit,
}

/// Where the pixels lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) vr: VR,
    pub(super) start: u64,
    pub(super) length: u64,
    /// Fragments without the offset table; `None` for native pixels.
    pub(super) fragments: Option<u32>,
    /// Bytes of the basic offset table.
    pub(super) offsets: u32,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) sop_class: String,
    pub(super) transfer_syntax: String,
    pub(super) encoding: Encoding,
    pub(super) elements: Vec<Element>,
    pub(super) pixels: Pixels,
    /// Bytes behind the pixels, never read: the table removes all that may stand there.
    pub(super) behind: u64,
}

/// Reads an object.
pub(super) fn read(source: impl Read + Seek) -> Result<Object, DeidentifyError> {
    let mut reader = Reader::new(source)?;
    let (sop_class, transfer_syntax) = reader.meta()?;
    let encoding = match transfer_syntax.as_str() {
        "1.2.840.10008.1.2" => Encoding::Implicit,
        // Deflated and big endian files are not read yet.
        "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2" => {
            return Err(Reason::TransferSyntax.into());
        }
        known if is_explicit(known) => Encoding::Explicit,
        _ => return Err(Reason::TransferSyntax.into()),
    };
    let end = reader.length;
    let elements = reader.data_set(end, encoding, 0, Until::Pixels)?;
    let pixels = reader.pixels.ok_or(Reason::NoPixels)?;
    let is_encapsulated = !matches!(
        transfer_syntax.as_str(),
        "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1"
    );
    if is_encapsulated != pixels.fragments.is_some() {
        return Err(Reason::Malformed.into());
    }
    Ok(Object {
        sop_class,
        transfer_syntax,
        encoding,
        elements,
        behind: reader.length - reader.position,
        pixels,
    })
}

/// The transfer syntaxes with explicit VR, little endian, whose pixels are
/// still images: native, JPEG, JPEG-LS, JPEG 2000, RLE.
fn is_explicit(uid: &str) -> bool {
    matches!(
        uid.strip_prefix("1.2.840.10008.1.2."),
        Some(
            "1" | "4.50"
                | "4.51"
                | "4.57"
                | "4.70"
                | "4.80"
                | "4.81"
                | "4.90"
                | "4.91"
                | "4.201"
                | "4.202"
                | "4.203"
                | "5"
        )
    )
}

/// Where a data set ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// At the pixels of the object.
    Pixels,
    /// At the end of a length.
    Length,
    /// At an item delimiter.
    Delimiter,
}

struct Head {
    tag: Tag,
    vr: VR,
    length: u32,
}

struct Reader<R> {
    source: BufReader<R>,
    position: u64,
    length: u64,
    held: u64,
    count: usize,
    pixels: Option<Pixels>,
}

impl<R: Read + Seek> Reader<R> {
    fn new(mut source: R) -> Result<Self, DeidentifyError> {
        let length = source.seek(SeekFrom::End(0)).map_err(reading)?;
        source.seek(SeekFrom::Start(0)).map_err(reading)?;
        Ok(Self {
            source: BufReader::with_capacity(32 << 10, source),
            position: 0,
            length,
            held: 0,
            count: 0,
            pixels: None,
        })
    }

    fn take<const N: usize>(&mut self, end: u64) -> Result<[u8; N], DeidentifyError> {
        let mut bytes = [0; N];
        self.need(u64::try_from(N).unwrap_or(u64::MAX), end)?;
        self.source.read_exact(&mut bytes).map_err(reading)?;
        self.position += u64::try_from(N).unwrap_or(0);
        Ok(bytes)
    }

    fn need(&self, bytes: u64, end: u64) -> Result<(), DeidentifyError> {
        if bytes > end.min(self.length).saturating_sub(self.position) {
            return Err(Reason::Malformed.into());
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64, end: u64) -> Result<(), DeidentifyError> {
        self.need(bytes, end)?;
        let step = i64::try_from(bytes).map_err(|_| Reason::Malformed)?;
        self.source.seek_relative(step).map_err(reading)?;
        self.position += bytes;
        Ok(())
    }

    fn value(&mut self, length: u32, end: u64) -> Result<Value, DeidentifyError> {
        if length > MAX_VALUE {
            self.skip(u64::from(length), end)?;
            return Ok(Value::Withheld);
        }
        self.need(u64::from(length), end)?;
        self.held += u64::from(length);
        if self.held > MAX_HELD {
            return Err(Reason::TooLarge.into());
        }
        let size = usize::try_from(length).map_err(|_| Reason::Malformed)?;
        let mut bytes = vec![0; size];
        self.source.read_exact(&mut bytes).map_err(reading)?;
        self.position += u64::from(length);
        Ok(Value::Bytes(bytes))
    }

    fn tag(&mut self, end: u64) -> Result<Tag, DeidentifyError> {
        let b = self.take::<4>(end)?;
        Ok(Tag(
            u16::from_le_bytes([b[0], b[1]]),
            u16::from_le_bytes([b[2], b[3]]),
        ))
    }

    fn long(&mut self, end: u64) -> Result<u32, DeidentifyError> {
        self.take::<4>(end).map(u32::from_le_bytes)
    }

    /// The SOP class and transfer syntax of the file meta group; the rest of
    /// it, and the preamble, end here.
    fn meta(&mut self) -> Result<(String, String), DeidentifyError> {
        if self.length < 144 {
            return Err(Reason::NotPart10.into());
        }
        self.skip(128, self.length)?;
        if &self.take::<4>(self.length)? != b"DICM" {
            return Err(Reason::NotPart10.into());
        }
        let first = self.head(Encoding::Explicit, self.length)?;
        if first.tag != Tag(0x0002, 0x0000) || first.length != 4 {
            return Err(Reason::NotPart10.into());
        }
        let length = u64::from(self.long(self.length)?);
        self.need(length, self.length)?;
        let end = self.position + length;
        let elements = self.data_set(end, Encoding::Explicit, 0, Until::Length)?;
        let class = text(&elements, Tag(0x0002, 0x0002)).to_owned();
        let syntax = text(&elements, Tag(0x0002, 0x0010)).to_owned();
        Ok((class, syntax))
    }

    fn head(&mut self, encoding: Encoding, end: u64) -> Result<Head, DeidentifyError> {
        self.count += 1;
        if self.count > MAX_ELEMENTS {
            return Err(Reason::TooLarge.into());
        }
        let tag = self.tag(end)?;
        if encoding == Encoding::Implicit || tag.0 == 0xfffe {
            let vr = dictionary_vrs(tag).first().copied().unwrap_or(VR::UN);
            let length = self.long(end)?;
            return Ok(Head { tag, vr, length });
        }
        let letters = self.take::<2>(end)?;
        if !letters.iter().all(u8::is_ascii_uppercase) {
            return Err(Reason::Malformed.into());
        }
        // Two capitals that are no VR we know have a long header (PS3.5 6.2.2).
        let vr = VR::from_binary(letters).unwrap_or(VR::UN);
        let length = if has_long_header(vr) {
            self.take::<2>(end)?;
            self.long(end)?
        } else {
            u32::from(u16::from_le_bytes(self.take::<2>(end)?))
        };
        Ok(Head { tag, vr, length })
    }

    fn data_set(
        &mut self,
        end: u64,
        encoding: Encoding,
        depth: usize,
        until: Until,
    ) -> Result<Vec<Element>, DeidentifyError> {
        if depth > MAX_DEPTH {
            return Err(Reason::TooDeep.into());
        }
        let mut elements: Vec<Element> = Vec::new();
        loop {
            if self.position >= end {
                if until == Until::Delimiter {
                    return Err(Reason::Malformed.into());
                }
                break;
            }
            let head = self.head(encoding, end)?;
            if head.tag == ITEM_END && until == Until::Delimiter && head.length == 0 {
                break;
            }
            if head.tag.0 == 0xfffe {
                return Err(Reason::Malformed.into());
            }
            if head.tag == PIXEL_DATA && until == Until::Pixels {
                self.pixels = Some(self.find_pixels(&head)?);
                break;
            }
            let value = self.element_value(&head, end, encoding, depth)?;
            let vr = match value {
                Value::Items(_) => VR::SQ,
                Value::Bytes(_) | Value::Withheld => head.vr,
            };
            if elements.last().is_some_and(|last| last.tag >= head.tag) {
                return Err(Reason::Malformed.into());
            }
            elements.push(Element {
                tag: head.tag,
                vr,
                value,
            });
        }
        Ok(elements)
    }

    fn element_value(
        &mut self,
        head: &Head,
        end: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Value, DeidentifyError> {
        match (head.vr, head.length) {
            (VR::SQ, length) => self.items(length, end, encoding, depth),
            // PS3.5 6.2.2: a UN of undefined length is a sequence, implicit.
            (VR::UN, UNDEFINED) => self.items(UNDEFINED, end, Encoding::Implicit, depth),
            (_, UNDEFINED) if encoding == Encoding::Implicit => {
                self.items(UNDEFINED, end, encoding, depth)
            }
            // Encapsulated bulk inside an item (an icon): passed over.
            (VR::OB | VR::OW, UNDEFINED) => {
                self.fragments(end)?;
                Ok(Value::Withheld)
            }
            (_, UNDEFINED) => Err(Reason::Malformed.into()),
            (_, length) => self.value(length, end),
        }
    }

    fn items(
        &mut self,
        length: u32,
        end: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Value, DeidentifyError> {
        let is_open = length == UNDEFINED;
        if !is_open {
            self.need(u64::from(length), end)?;
        }
        let end = if is_open {
            end
        } else {
            self.position + u64::from(length)
        };
        let mut items = Vec::new();
        while is_open || self.position < end {
            self.count += 1;
            if self.count > MAX_ELEMENTS {
                return Err(Reason::TooLarge.into());
            }
            let (tag, length) = (self.tag(end)?, self.long(end)?);
            if tag == SEQUENCE_END && is_open && length == 0 {
                break;
            }
            if tag != ITEM {
                return Err(Reason::Malformed.into());
            }
            items.push(if length == UNDEFINED {
                self.data_set(end, encoding, depth + 1, Until::Delimiter)?
            } else {
                self.need(u64::from(length), end)?;
                let end = self.position + u64::from(length);
                self.data_set(end, encoding, depth + 1, Until::Length)?
            });
        }
        Ok(Value::Items(items))
    }

    /// Passes over an offset table and fragments to behind the delimiter;
    /// returns the number of fragments and the length of the offset table.
    fn fragments(&mut self, end: u64) -> Result<(u32, u32), DeidentifyError> {
        let (mut count, mut table) = (0_u32, None);
        loop {
            let (tag, length) = (self.tag(end)?, self.long(end)?);
            if tag == SEQUENCE_END && length == 0 {
                break;
            }
            if tag != ITEM || length == UNDEFINED || length % 2 == 1 {
                return Err(Reason::Malformed.into());
            }
            self.skip(u64::from(length), end)?;
            if table.is_none() {
                table = Some(length);
            } else {
                count = count.checked_add(1).ok_or(Reason::TooLarge)?;
            }
        }
        Ok((count, table.ok_or(Reason::Malformed)?))
    }

    fn find_pixels(&mut self, head: &Head) -> Result<Pixels, DeidentifyError> {
        if !matches!(head.vr, VR::OB | VR::OW | VR::UN) {
            return Err(Reason::Malformed.into());
        }
        let start = self.position;
        let (fragments, offsets) = if head.length == UNDEFINED {
            let (fragments, offsets) = self.fragments(self.length)?;
            (Some(fragments), offsets)
        } else {
            self.skip(u64::from(head.length), self.length)?;
            (None, 0)
        };
        Ok(Pixels {
            vr: head.vr,
            start,
            length: self.position - start,
            fragments,
            offsets,
        })
    }
}

fn reading(source: io::Error) -> DeidentifyError {
    DeidentifyError::Read { source }
}

/// Bytes of native pixels that the attributes of an image demand; `None` when
/// one of them is absent or the number does not exist.
pub(super) fn native_length(elements: &[Element], frames: u64) -> Option<u64> {
    let number = |element| find(elements, Tag(0x0028, element))?.us().map(u64::from);
    let bits = number(0x0010)?
        .checked_mul(number(0x0011)?)?
        .checked_mul(number(0x0002)?)?
        .checked_mul(number(0x0100)?)?
        .checked_mul(frames)?;
    Some(bits.div_ceil(8))
}
