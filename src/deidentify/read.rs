//! Reads a Part 10 file as far as its pixels, within bounds.
//!
//! Nothing is believed: a length is checked against the bytes that are there
//! before anything is allocated, nesting and the number of attributes are
//! capped, and bulk is left in the file. What does not fit is a [`Reason`] for
//! quarantine. The pixels, native or encapsulated, are found and measured, not
//! loaded. Big endian values are turned round where they are read, a deflated
//! data set is inflated as it is read: both are written as explicit VR little
//! endian.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other value representations are one case"
)]

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use dicom_core::{Tag, VR};

use super::element::{Element, Value, dictionary_vrs, find, has_long_header, text};
use super::inflate::Inflated;
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

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

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
    /// Words stand with their high byte first.
    pub(super) is_swapped: bool,
}

/// Where the bytes of an object come from. A study's files are not kept open.
pub(super) enum Source {
    /// The file as it is.
    Plain(File),
    /// What a file's data set inflates to; places count from its start.
    Inflated(Inflated),
}

impl Source {
    /// Opens what an object was read from again.
    pub(super) fn open(path: &Path, deflated_at: Option<u64>) -> Result<Self, DeidentifyError> {
        let plain = Self::Plain(File::open(path).map_err(reading)?);
        match deflated_at {
            Some(start) => Ok(plain.inflated(start)?.0),
            None => Ok(plain),
        }
    }

    /// What a file inflates to from a place on, and how long that is.
    fn inflated(self, start: u64) -> Result<(Self, u64), DeidentifyError> {
        match self {
            Self::Plain(file) => {
                let inflated = Inflated::open(file, start)?;
                let length = inflated.length();
                Ok((Self::Inflated(inflated), length))
            }
            Self::Inflated(_) => Err(Reason::Malformed.into()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Inflated(inflated) => inflated.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.seek(to),
            Self::Inflated(inflated) => inflated.seek(to),
        }
    }
}

/// What was read.
pub(super) struct Object {
    pub(super) sop_class: String,
    /// The transfer syntax to write.
    pub(super) transfer_syntax: String,
    /// How to write.
    pub(super) encoding: Encoding,
    pub(super) elements: Vec<Element>,
    /// None for an object that has no pixels.
    pub(super) pixels: Option<Pixels>,
    /// Bytes behind the pixels, never read: the table removes all that may stand there.
    pub(super) behind: u64,
    /// Where in the file the deflated data set starts, if it is deflated.
    pub(super) deflated_at: Option<u64>,
}

/// Reads an object.
pub(super) fn read(file: File) -> Result<Object, DeidentifyError> {
    let length = file.metadata().map_err(reading)?.len();
    let mut reader = Reader::new(Source::Plain(file), length);
    let (sop_class, read_syntax) = reader.meta()?;
    let encoding = match read_syntax.as_str() {
        IMPLICIT => Encoding::Implicit,
        DEFLATED | BIG_ENDIAN => Encoding::Explicit,
        known if is_explicit(known) => Encoding::Explicit,
        _ => return Err(Reason::TransferSyntax.into()),
    };
    reader.is_big = read_syntax == BIG_ENDIAN;
    let deflated_at = (read_syntax == DEFLATED).then_some(reader.position);
    if let Some(start) = deflated_at {
        let (source, length) = reader.source.into_inner().inflated(start)?;
        reader = Reader::new(source, length);
    }
    let end = reader.length;
    let elements = reader.data_set(end, encoding, 0, Until::Pixels)?;
    let is_encapsulated = reader
        .pixels
        .is_some_and(|pixels| pixels.fragments.is_some());
    let may_be = !matches!(
        read_syntax.as_str(),
        IMPLICIT | EXPLICIT | DEFLATED | BIG_ENDIAN
    );
    if reader.pixels.is_some() && is_encapsulated != may_be {
        return Err(Reason::Malformed.into());
    }
    let transfer_syntax = match read_syntax.as_str() {
        DEFLATED | BIG_ENDIAN => EXPLICIT.to_owned(),
        _ => read_syntax,
    };
    Ok(Object {
        sop_class,
        transfer_syntax,
        encoding,
        elements,
        behind: reader.length - reader.position,
        pixels: reader.pixels,
        deflated_at,
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

struct Reader {
    source: BufReader<Source>,
    position: u64,
    length: u64,
    held: u64,
    count: usize,
    pixels: Option<Pixels>,
    is_big: bool,
}

impl Reader {
    /// A reader over a source that stands at its start.
    fn new(source: Source, length: u64) -> Self {
        Self {
            source: BufReader::with_capacity(32 << 10, source),
            position: 0,
            length,
            held: 0,
            count: 0,
            pixels: None,
            is_big: false,
        }
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

    fn value(&mut self, vr: VR, length: u32, end: u64) -> Result<Value, DeidentifyError> {
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
        if self.is_big {
            for value in bytes.chunks_exact_mut(swapped_bytes(vr)) {
                value.reverse();
            }
        }
        Ok(Value::Bytes(bytes))
    }

    fn tag(&mut self, end: u64) -> Result<Tag, DeidentifyError> {
        Ok(Tag(self.short(end)?, self.short(end)?))
    }

    fn short(&mut self, end: u64) -> Result<u16, DeidentifyError> {
        let bytes = self.take::<2>(end)?;
        Ok(if self.is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&mut self, end: u64) -> Result<u32, DeidentifyError> {
        let bytes = self.take::<4>(end)?;
        Ok(if self.is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
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
            u32::from(self.short(end)?)
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
            (VR::UN, UNDEFINED) if self.is_big => Err(Reason::Malformed.into()),
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
            (vr, length) => self.value(vr, length, end),
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
            is_swapped: self.is_big && head.vr == VR::OW,
        })
    }
}

/// Bytes of one value that big endian turns round (PS3.5 7.3).
const fn swapped_bytes(vr: VR) -> usize {
    match vr {
        VR::AT | VR::OW | VR::SS | VR::US => 2,
        VR::FL | VR::OF | VR::OL | VR::SL | VR::UL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
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
