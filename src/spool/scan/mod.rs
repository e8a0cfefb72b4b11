//! Walks a stored data set (PS3.5 7) within bounds, before anything parses it
//! into memory: nesting, every length against what is there, the number of
//! elements. It keeps a handful of small values and no other byte.
//!
//! Parsers recurse and allocate by lengths that a sender wrote; a message of
//! some kilobytes ends them. What passes here is nested at most
//! [`Limits::depth`] deep and no length in it reaches beyond its enclosure.
//! Memory: one frame an open sequence, the wanted values, two buffers.
//!
//! Explicit and implicit little endian, explicit big endian, deflated,
//! encapsulated. In implicit VR and in `UN` of undefined length what is a
//! sequence is known from the standard's dictionary, as parsers know it.

use std::io::{self, Read, Seek};

use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

mod source;

use source::{Inflated, Source, Stored};

/// A data element's tag: group, element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16, pub u16);

/// A value that is asked for: at the top level, or in the first item of a
/// sequence of the top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The sequence it stands in; `None`: at the top level.
    pub within: Option<Tag>,
    /// Its tag.
    pub tag: Tag,
}

impl Wanted {
    /// A value of the top level.
    #[must_use]
    pub const fn top(group: u16, element: u16) -> Self {
        Self {
            within: None,
            tag: Tag(group, element),
        }
    }

    /// A value in the first item of a sequence.
    #[must_use]
    pub const fn within(sequence: Tag, tag: Tag) -> Self {
        Self {
            within: Some(sequence),
            tag,
        }
    }
}

/// What a data set may be like.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sequences inside sequences. Structured reports go to about 10.
    pub depth: usize,
    /// Elements and items at all levels. A multi-frame CT of 2000 frames has
    /// about 200,000.
    pub elements: u64,
    /// Bytes of a wanted value; a longer one is not kept.
    pub value: usize,
    /// Bytes after inflating.
    pub inflated: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 16,
            elements: 1_000_000,
            value: 256,
            inflated: 4_000_000_000,
        }
    }
}

/// What the scanner saw.
#[derive(Clone, PartialEq, Eq)]
pub struct Scan {
    /// Elements and items at all levels.
    pub elements: u64,
    /// The deepest nesting of sequences.
    pub depth: usize,
    values: Vec<(Wanted, Vec<u8>)>,
}

impl Scan {
    /// A wanted value as it stands there, if it does and is short enough.
    #[must_use]
    pub fn value(&self, wanted: Wanted) -> Option<&[u8]> {
        self.values
            .iter()
            .find(|(found, _)| *found == wanted)
            .map(|(_, value)| value.as_slice())
    }

    /// A wanted value as text without its padding, if it is ASCII.
    #[must_use]
    pub fn text(&self, wanted: Wanted) -> Option<&str> {
        let text = std::str::from_utf8(self.value(wanted)?).ok()?;
        let text = text.trim_matches([' ', '\0']);
        (text.is_ascii() && !text.is_empty()).then_some(text)
    }
}

/// Why a data set is not parsed. Nothing of the data set is repeated but
/// where it breaks.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file cannot be read. Held: the disk may answer later.
    #[error("reading the stored data set")]
    Read(#[from] io::Error),
    /// A length reaches beyond what is there, or the data set ends early.
    #[error("at byte {at}: a length reaches beyond the end")]
    LengthBeyondEnd {
        /// Where, from the start of the data set.
        at: u64,
    },
    /// Sequences are nested too deep.
    #[error("at byte {at}: nested deeper than {limit} sequences")]
    TooDeep {
        /// Where.
        at: u64,
        /// The limit.
        limit: usize,
    },
    /// There are too many elements.
    #[error("more than {limit} elements")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// What stands there is no element or item.
    #[error("at byte {at}: {what}")]
    NotDicom {
        /// Where.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// An element whose value decides what an instance is stands there twice.
    #[error("at byte {at}: an identifying element stands there twice")]
    Twice {
        /// Where.
        at: u64,
    },
    /// The deflated stream is broken, or too long when inflated.
    #[error("the deflated data set is broken or inflates beyond {limit} bytes")]
    Deflated {
        /// The limit.
        limit: u64,
    },
}

/// Scans a data set that starts where `file` stands and has `length` bytes.
///
/// # Errors
/// [`ScanError`]: why it must not be parsed.
pub fn data_set<R: Read + Seek>(
    file: R,
    length: u64,
    syntax: &str,
    wanted: &[Wanted],
    limits: &Limits,
) -> Result<Scan, ScanError> {
    let (implicit, big) = match syntax {
        "1.2.840.10008.1.2" => (true, false),
        "1.2.840.10008.1.2.2" => (false, true),
        "1.2.840.10008.1.2.1.99" => {
            let inflated = Walker::new(Inflated::new(file), limits.inflated, false, wanted, limits);
            return inflated.run().map_err(|error| deflated(error, limits));
        }
        // All encapsulated syntaxes are explicit little endian (PS3.5 A.4).
        _ => (false, false),
    };
    let mut walker = Walker::new(Stored::new(file), length, implicit, wanted, limits);
    walker.big = big;
    walker.run()
}

/// In a deflated data set a reader's error is the sender's, not the disk's.
fn deflated(error: ScanError, limits: &Limits) -> ScanError {
    if matches!(error, ScanError::Read(_)) {
        return ScanError::Deflated {
            limit: limits.inflated,
        };
    }
    error
}

/// What is open around the current byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Elements: the data set itself or an item.
    Elements,
    /// Items of a sequence.
    Items,
    /// Fragments of encapsulated pixels.
    Fragments,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    /// Where it ends, if its length says so; else a delimiter ends it.
    end: Option<u64>,
    /// What no byte in it may pass: its end, or its enclosure's.
    bound: u64,
    /// Elements in it have no VR.
    implicit: bool,
}

struct Walker<'a, S> {
    source: S,
    wanted: &'a [Wanted],
    limits: &'a Limits,
    big: bool,
    at: u64,
    frames: Vec<Frame>,
    /// The sequence of the top level that is open, and which item of it.
    outer: Option<(Tag, u64)>,
    scan: Scan,
}

impl<'a, S: Source> Walker<'a, S> {
    fn new(
        source: S,
        bound: u64,
        implicit: bool,
        wanted: &'a [Wanted],
        limits: &'a Limits,
    ) -> Self {
        Self {
            source,
            wanted,
            limits,
            big: false,
            at: 0,
            frames: vec![Frame {
                kind: Kind::Elements,
                end: None,
                bound,
                implicit,
            }],
            outer: None,
            scan: Scan {
                elements: 0,
                depth: 0,
                values: Vec::new(),
            },
        }
    }

    fn run(mut self) -> Result<Scan, ScanError> {
        while let Some(frame) = self.frames.last().copied() {
            if frame.end == Some(self.at) {
                self.close();
                continue;
            }
            if self.frames.len() == 1 && self.source.at_end()? {
                return Ok(self.scan);
            }
            self.scan.elements += 1;
            if self.scan.elements > self.limits.elements {
                let limit = self.limits.elements;
                return Err(ScanError::TooMany { limit });
            }
            let start = self.at;
            let tag = Tag(self.u16(frame.bound)?, self.u16(frame.bound)?);
            match frame.kind {
                Kind::Elements if tag.0 != 0xfffe => self.element(frame, tag, start)?,
                Kind::Elements | Kind::Items | Kind::Fragments => self.item(frame, tag, start)?,
            }
        }
        Ok(self.scan)
    }

    /// Ends the innermost frame.
    fn close(&mut self) {
        self.frames.pop();
        if self.frames.len() == 1 {
            self.outer = None;
        }
    }

    /// An item, or what ends items or a sequence. `FFFE` has no VR.
    fn item(&mut self, frame: Frame, tag: Tag, start: u64) -> Result<(), ScanError> {
        let length = self.u32(frame.bound)?;
        let wrong = |what| Err(ScanError::NotDicom { at: start, what });
        match (frame.kind, tag.1, length) {
            (Kind::Elements, 0xe00d, _) if self.frames.len() > 1 && frame.end.is_none() => {
                self.close();
                Ok(())
            }
            (Kind::Items | Kind::Fragments, 0xe0dd, _)
                if tag.0 == 0xfffe && frame.end.is_none() =>
            {
                self.close();
                Ok(())
            }
            (Kind::Items, 0xe000, _) if tag.0 == 0xfffe => {
                if self.frames.len() == 2
                    && let Some((_, item)) = &mut self.outer
                {
                    *item += 1;
                }
                let end = self.end(frame, length, start)?;
                self.open(frame, Kind::Elements, end, frame.implicit);
                Ok(())
            }
            (Kind::Fragments, 0xe000, 0xffff_ffff) => wrong("a fragment of undefined length"),
            (Kind::Fragments, 0xe000, _) if tag.0 == 0xfffe => {
                self.skip(frame, u64::from(length), start)
            }
            (Kind::Elements, ..) => wrong("an item or delimiter outside a sequence"),
            (Kind::Items, ..) => wrong("something other than an item in a sequence"),
            (Kind::Fragments, ..) => wrong("something other than a fragment in pixel data"),
        }
    }

    /// A data element: a sequence is entered, a wanted value kept, all else
    /// skipped.
    fn element(&mut self, frame: Frame, tag: Tag, start: u64) -> Result<(), ScanError> {
        let (vr, length) = if frame.implicit {
            (*b"  ", self.u32(frame.bound)?)
        } else {
            self.explicit(frame, start)?
        };
        let known = || frame.implicit && is_sequence(tag);
        let kind = match (&vr, length) {
            (b"SQ", _) => Some(Kind::Items),
            (b"OB" | b"OW", 0xffff_ffff) if tag == Tag(0x7fe0, 0x0010) => Some(Kind::Fragments),
            (b"UN" | b"  ", 0xffff_ffff) => Some(Kind::Items),
            (_, 0xffff_ffff) => {
                let what = "an undefined length where none may be";
                return Err(ScanError::NotDicom { at: start, what });
            }
            (b"  ", _) if known() => Some(Kind::Items),
            _ => None,
        };
        let Some(kind) = kind else {
            return self.value(frame, tag, length, start);
        };
        let depth = self.frames.iter().filter(|f| f.kind == Kind::Items).count();
        if kind == Kind::Items {
            if depth >= self.limits.depth {
                let limit = self.limits.depth;
                return Err(ScanError::TooDeep { at: start, limit });
            }
            self.scan.depth = self.scan.depth.max(depth + 1);
        }
        if self.frames.len() == 1 {
            let twice = |wanted: &Wanted| wanted.within == Some(tag);
            if self.wanted.iter().any(twice)
                && self.scan.values.iter().any(|(wanted, _)| twice(wanted))
            {
                return Err(ScanError::Twice { at: start });
            }
            self.outer = Some((tag, 0));
        }
        let end = self.end(frame, length, start)?;
        // CP-246: `UN` of undefined length holds implicit VR.
        self.open(frame, kind, end, frame.implicit || &vr == b"UN");
        Ok(())
    }

    /// VR and length of an explicit element (PS3.5 7.1.2).
    fn explicit(&mut self, frame: Frame, start: u64) -> Result<([u8; 2], u32), ScanError> {
        let mut vr = [0; 2];
        self.fill(frame.bound, &mut vr)?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            let what = "a value representation that is none";
            return Err(ScanError::NotDicom { at: start, what });
        }
        let short = matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FD"
                | b"FL"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        );
        let length = if short {
            u32::from(self.u16(frame.bound)?)
        } else {
            self.u16(frame.bound)?;
            self.u32(frame.bound)?
        };
        Ok((vr, length))
    }

    fn value(&mut self, frame: Frame, tag: Tag, length: u32, start: u64) -> Result<(), ScanError> {
        let Some(wanted) = self.asked_for(tag) else {
            return self.skip(frame, u64::from(length), start);
        };
        if self.scan.value(wanted).is_some() {
            return Err(ScanError::Twice { at: start });
        }
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > self.limits.value {
            return self.skip(frame, u64::from(length), start);
        }
        let mut value = vec![0; size];
        self.fill(frame.bound, &mut value)?;
        self.scan.values.push((wanted, value));
        Ok(())
    }

    fn asked_for(&self, tag: Tag) -> Option<Wanted> {
        let within = match (self.frames.len(), self.outer) {
            (1, _) => None,
            (3, Some((sequence, 1))) => Some(sequence),
            _ => return None,
        };
        let here = |wanted: &&Wanted| wanted.tag == tag && wanted.within == within;
        self.wanted.iter().find(here).copied()
    }

    /// Where something of a length ends; `None` for an undefined one.
    fn end(&self, frame: Frame, length: u32, start: u64) -> Result<Option<u64>, ScanError> {
        if length == 0xffff_ffff {
            return Ok(None);
        }
        let end = self.at + u64::from(length);
        if end > frame.bound {
            return Err(ScanError::LengthBeyondEnd { at: start });
        }
        Ok(Some(end))
    }

    fn open(&mut self, within: Frame, kind: Kind, end: Option<u64>, implicit: bool) {
        self.frames.push(Frame {
            kind,
            end,
            bound: end.unwrap_or(within.bound),
            implicit,
        });
    }

    fn skip(&mut self, frame: Frame, count: u64, start: u64) -> Result<(), ScanError> {
        if count > frame.bound - self.at {
            return Err(ScanError::LengthBeyondEnd { at: start });
        }
        self.source
            .skip(count)
            .map_err(|error| early(error, start))?;
        self.at += count;
        Ok(())
    }

    fn fill(&mut self, bound: u64, bytes: &mut [u8]) -> Result<(), ScanError> {
        let (at, count) = (self.at, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if count > bound - at {
            return Err(ScanError::LengthBeyondEnd { at });
        }
        self.source.fill(bytes).map_err(|error| early(error, at))?;
        self.at += count;
        Ok(())
    }

    fn u16(&mut self, bound: u64) -> Result<u16, ScanError> {
        let mut bytes = [0; 2];
        self.fill(bound, &mut bytes)?;
        Ok(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&mut self, bound: u64) -> Result<u32, ScanError> {
        let mut bytes = [0; 4];
        self.fill(bound, &mut bytes)?;
        Ok(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

/// Bytes that end early are the data set's fault, not the disk's.
fn early(error: io::Error, at: u64) -> ScanError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ScanError::LengthBeyondEnd { at }
    } else {
        ScanError::Read(error)
    }
}

/// Whether the standard's dictionary calls a tag a sequence.
fn is_sequence(tag: Tag) -> bool {
    StandardDataDictionary
        .by_tag(dicom_core::Tag(tag.0, tag.1))
        .is_some_and(|entry| entry.vr().exact() == Some(VR::SQ))
}

#[cfg(test)]
mod tests;
