//! Searches a radiograph's pixels for burned-in text, and blanks rectangles of
//! them on their way to the output; every other byte stays.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use dicom_core::Tag;

use super::element::{Element, find, text};
use super::object::{Admitted, is_compressed};
use super::read::{Object, Source};
use super::text::{Rectangle, Rows, find_text, is_searchable};
use super::{DeidentifyError, Judged, Profile, Reason};
use crate::profile::Choice;
use crate::profile::Definition;
use crate::profile::Region;
use crate::profile::regions_of;
use crate::raster::read_radiograph;

/// What is done to the pixels.
#[derive(Debug, Clone, Default)]
pub(super) struct Blanking {
    /// The pixels were searched for text.
    pub(super) searched: bool,
    /// They should have been and were not: they are too few, or not stored as
    /// pixels of one image.
    unsearched: bool,
    /// What is blanked, and with which stored value.
    pub(super) rectangles: Vec<(Rectangle, u16)>,
    columns: usize,
    bytes: usize,
}

/// How native pixels are stored.
#[derive(Debug, Clone, Copy)]
struct Layout {
    rows: usize,
    columns: usize,
    bytes: usize,
    /// The bits that count.
    mask: u16,
    /// Set where values are signed: it makes their order that of unsigned ones.
    sign: u16,
}

impl Layout {
    /// `None` for what is not searched: other depths, several frames.
    fn of(elements: &[Element]) -> Option<Self> {
        let number = |element| find(elements, Tag(0x0028, element)).and_then(Element::us);
        let frames = text(elements, Tag(0x0028, 0x0008));
        let (allocated, stored) = (number(0x0100)?, number(0x0101)?);
        let signed = number(0x0103) == Some(1);
        let whole = number(0x0102) == stored.checked_sub(1);
        let bytes = match allocated {
            8 => 1,
            16 => 2,
            _ => return None,
        };
        let mask = if signed || !whole || stored >= 16 {
            u16::MAX
        } else {
            (1 << stored) - 1
        };
        (frames.is_empty() || frames == "1").then_some(Self {
            rows: usize::from(number(0x0010)?),
            columns: usize::from(number(0x0011)?),
            bytes,
            mask,
            sign: match (signed, bytes) {
                (false, _) => 0,
                (true, 1) => 0x80,
                (true, _) => 0x8000,
            },
        })
    }
}

/// Native pixels in a file, row by row.
struct Native {
    source: Source,
    start: u64,
    layout: Layout,
    is_swapped: bool,
    bytes: Vec<u8>,
}

impl Rows for Native {
    type Error = DeidentifyError;

    fn read(&mut self, from: usize, pixels: &mut [u16]) -> Result<(), DeidentifyError> {
        let reading = |source| DeidentifyError::Read { source };
        let Layout {
            columns,
            bytes,
            mask,
            sign,
            ..
        } = self.layout;
        let offset = u64::try_from(from * columns * bytes).unwrap_or(u64::MAX);
        self.source
            .seek(SeekFrom::Start(self.start + offset))
            .map_err(reading)?;
        self.bytes.resize(pixels.len() * bytes, 0);
        self.source.read_exact(&mut self.bytes).map_err(reading)?;
        if bytes == 1 {
            for (pixel, byte) in pixels.iter_mut().zip(&self.bytes) {
                *pixel = (u16::from(*byte) & mask) ^ sign;
            }
            return Ok(());
        }
        for (pixel, word) in pixels.iter_mut().zip(self.bytes.as_chunks::<2>().0) {
            let value = if self.is_swapped {
                u16::from_be_bytes(*word)
            } else {
                u16::from_le_bytes(*word)
            };
            *pixel = (value & mask) ^ sign;
        }
        Ok(())
    }
}

/// A decoded picture, its values on the scale of words.
struct Decoded {
    pixels: Vec<u16>,
    columns: usize,
}

impl Rows for Decoded {
    type Error = DeidentifyError;

    fn read(&mut self, from: usize, pixels: &mut [u16]) -> Result<(), DeidentifyError> {
        let start = from * self.columns;
        let rows = self.pixels.get(start..start + pixels.len());
        pixels.copy_from_slice(rows.ok_or(Reason::PixelsIncomplete)?);
        Ok(())
    }
}

/// Decides what is blanked. Compressed pixels cannot be blanked in place: where
/// text or a region lies in them the object is for a person.
pub(super) fn search(
    path: &Path,
    object: &Object,
    admitted: &Admitted,
    profile: &Profile,
    judged: Judged,
) -> Result<Blanking, DeidentifyError> {
    let Some(pixels) = &object.pixels else {
        return Ok(Blanking::default());
    };
    let value = |tag| {
        let element = find(&object.elements, tag);
        let number = element
            .and_then(Element::us)
            .map(|number| number.to_string());
        let text = element.and_then(Element::ascii).unwrap_or_default();
        number.unwrap_or_else(|| text.to_owned())
    };
    let regions = regions_of(&profile.regions, &value);
    let is_radiograph = matches!(admitted.definition, Definition::Cr | Definition::Dx);
    let wanted = is_radiograph && profile.options.has(Choice::Pixels);
    if pixels.fragments.is_some() {
        if !regions.is_empty() {
            return Err(Reason::TextInCompressed.into());
        }
        let searched = wanted && judged == Judged::ByRule && search_compressed(path)?;
        // That it was not has a flag of its own.
        return Ok(Blanking {
            searched,
            ..Blanking::default()
        });
    }
    let Some(layout) = Layout::of(&object.elements) else {
        return if regions.is_empty() {
            Ok(Blanking {
                unsearched: wanted,
                ..Blanking::default()
            })
        } else {
            Err(Reason::TextInCompressed.into())
        };
    };
    let searched = wanted && is_searchable(layout.rows, layout.columns);
    let mut blanking = Blanking {
        searched,
        unsearched: wanted && !searched,
        rectangles: regions.iter().map(|r| (inside(r, layout), 0)).collect(),
        columns: layout.columns,
        bytes: layout.bytes,
    };
    if searched {
        let mut native = Native {
            source: Source::open(path, object.deflated_at)?,
            start: pixels.start,
            layout,
            is_swapped: pixels.is_swapped,
            bytes: Vec::new(),
        };
        let found = find_text(layout.rows, layout.columns, &mut native)?;
        let stored = found.into_iter().map(|(r, value)| (r, value ^ layout.sign));
        blanking.rectangles.extend(stored);
    }
    Ok(blanking)
}

fn inside(region: &Region, layout: Layout) -> Rectangle {
    let [left, top, width, height] = *region;
    Rectangle {
        left: left.min(layout.columns),
        top: top.min(layout.rows),
        right: left.saturating_add(width).min(layout.columns),
        bottom: top.saturating_add(height).min(layout.rows),
    }
}

/// Whether compressed pixels could be searched; text in them is a reason.
fn search_compressed(path: &Path) -> Result<bool, DeidentifyError> {
    let Ok(radiograph) = read_radiograph(path) else {
        return Ok(false);
    };
    let (rows, columns) = (radiograph.rows() as usize, radiograph.columns() as usize);
    if !is_searchable(rows, columns) {
        return Ok(false);
    }
    let (low, high) = radiograph
        .pixels
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    // Twelve bits: what a lossy codec left of one value falls together.
    let scale = 4095.0 / (high - low).max(1.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 4095"
    )]
    let pixels = radiograph
        .pixels
        .iter()
        .map(|value| ((value - low) * scale) as u16);
    let mut decoded = Decoded {
        pixels: pixels.collect(),
        columns,
    };
    if find_text(rows, columns, &mut decoded)?.is_empty() {
        Ok(true)
    } else {
        Err(Reason::TextInCompressed.into())
    }
}

impl Blanking {
    /// Left, top, width and height of each rectangle.
    pub(super) fn places(&self) -> Vec<[u32; 4]> {
        let number = |pixels| u32::try_from(pixels).unwrap_or(u32::MAX);
        let each = self.rectangles.iter();
        each.map(|(r, _)| [r.left, r.top, r.width(), r.height()].map(number))
            .collect()
    }

    /// Blanks what lies in a piece of the pixels that starts at an offset; both
    /// are of whole words, low byte first.
    pub(super) fn blank(&self, offset: u64, piece: &mut [u8]) {
        let Ok(offset) = usize::try_from(offset) else {
            return;
        };
        let end = offset + piece.len();
        for (rectangle, value) in &self.rectangles {
            let value = value.to_le_bytes();
            for row in rectangle.top..rectangle.bottom {
                let line = row * self.columns;
                let from = ((line + rectangle.left) * self.bytes).max(offset);
                let to = ((line + rectangle.right) * self.bytes).min(end);
                if from >= to {
                    continue;
                }
                let part = &mut piece[from - offset..to - offset];
                for pixel in part.chunks_mut(self.bytes) {
                    let length = pixel.len();
                    pixel.copy_from_slice(&value[..length]);
                }
            }
        }
    }
}

/// Flags of an object whose pixels were searched, or should have been.
pub(super) fn settle(admitted: &mut Admitted, blanking: &Blanking) {
    if blanking.searched {
        admitted
            .flags
            .retain(|flag| *flag != super::object::BURNED_IN_UNKNOWN && !is_compressed(flag));
    }
    if blanking.unsearched {
        admitted.flags.push(NOT_SEARCHED);
    }
    if !blanking.rectangles.is_empty() {
        admitted.flags.push(TEXT_BLANKED);
    }
}

/// Rectangles of the pixels were blanked.
const TEXT_BLANKED: &str = "text-blanked";
/// The project searches for text, but not in pixels such as these.
const NOT_SEARCHED: &str = "pixels-not-searched";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rectangle_is_blanked() {
        let blanking = Blanking {
            searched: true,
            unsearched: false,
            rectangles: vec![(
                Rectangle {
                    left: 2,
                    top: 1,
                    right: 4,
                    bottom: 3,
                },
                0x0102,
            )],
            columns: 5,
            bytes: 2,
        };
        let mut whole = [0xff; 5 * 4 * 2];
        // In pieces of six bytes, as a file may come.
        for (index, piece) in whole.chunks_mut(6).enumerate() {
            blanking.blank(index as u64 * 6, piece);
        }
        for (index, word) in whole.chunks(2).enumerate() {
            let (row, column) = (index / 5, index % 5);
            let is_inside = (1..3).contains(&row) && (2..4).contains(&column);
            let expected: [u8; 2] = if is_inside { [2, 1] } else { [0xff, 0xff] };
            assert_eq!(word, expected, "row {row} column {column}");
        }
    }
}
