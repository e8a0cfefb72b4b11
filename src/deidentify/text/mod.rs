//! Finds text burned into the border of a radiograph.
//!
//! No reading of letters: burned-in text is small, of one brightness, sharp, and
//! stands in lines. (1) The background of each block of 32 pixels is the median
//! of the medians around it. (2) What stands out from it by 15, 30 or 50 % of the
//! image's range, and by four times the noise there, is cut into connected pieces,
//! bright and dark apart; so is what has one of the few values that fill runs of
//! pixels: ink has one value, noise has not (`pieces`). (3)
//! Sharp pieces that stand side by side, or one over the other, make lines
//! (`lines`); a line that stays outside the middle of the image is text. A single
//! letter is a side marker and stays, and so does an R or L that stands apart
//! from letters beside it (`marker`). (4) What is blanked is the rectangle of a
//! line's ink, not of all that its pieces touch (`ink`).
//!
//! The picture is read twice, strip by strip, so its size does not matter.
//! Figures, and on what they were measured, stand in docs/METHODS.md.

use std::cmp::Reverse;

mod ink;
mod lines;
mod marker;
mod pieces;

use self::ink::around_ink;
use self::lines::{Line, joined, text_lines};
use self::pieces::{Collector, Piece};

/// Side of a block of background, in pixels.
const BLOCK: usize = 32;
/// How far text stands out from its background, as parts of the image's range.
/// Each is tried: what touches bone at the first is free of it at the last.
const CONTRASTS: [f64; 3] = [0.15, 0.3, 0.5];
/// How far it stands out at least, in standard deviations of the noise, which
/// count up to a part of the image's range.
const NOISE: f64 = 4.0;
const NOISIEST: f64 = 0.4;
/// At most so many values are taken for ink.
const INKS: usize = 6;
/// So many runs of three pixels of one value make it one, at least, and so many
/// times as many as its neighbors have: a background has all values of a range.
const INK_RUNS: u32 = 24;
const INK_PEAK: u32 = 4;
/// Of more lines the ink is not looked at: that is no radiograph.
const MOST_LINES: usize = 400;
/// The middle of the image that is not searched: anatomy and metal.
const MIDDLE: f64 = 0.5;

/// A rectangle of pixels; the far edges are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Rectangle {
    pub(super) fn width(&self) -> usize {
        self.right - self.left
    }

    pub(super) fn height(&self) -> usize {
        self.bottom - self.top
    }

    fn join(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Whether they have pixels in common.
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, other: &Self) -> bool {
        self.join(other) == *self
    }

    fn grown(&self, by: usize, [rows, columns]: [usize; 2]) -> Self {
        Self {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: (self.right + by).min(columns),
            bottom: (self.bottom + by).min(rows),
        }
    }
}

/// A picture that is read by rows: fills a slice with the pixels of so many
/// whole rows from a row on. Values only need an order.
pub(super) trait Rows {
    type Error;
    fn read(&mut self, from: usize, pixels: &mut [u16]) -> Result<(), Self::Error>;
}

/// Whether a picture is large enough to be searched: in a smaller one there is
/// no background to tell text from.
pub(super) const fn is_searchable(rows: usize, columns: usize) -> bool {
    rows >= 2 * BLOCK && columns >= 2 * BLOCK
}

/// Rectangles of text, and what to fill each with: its background. Nothing is
/// found in a picture that is not [`is_searchable`].
pub(super) fn find_text<R: Rows>(
    rows: usize,
    columns: usize,
    picture: &mut R,
) -> Result<Vec<(Rectangle, u16)>, R::Error> {
    if !is_searchable(rows, columns) {
        return Ok(Vec::new());
    }
    let ground = Ground::measure(rows, columns, picture)?;
    let size = [rows, columns];
    let mut lines = Vec::new();
    for (cut, pieces) in ground.pieces(picture)? {
        lines.extend(text_lines(&pieces, size, |piece| {
            marker::is_side(&piece.bounds, &ground, cut, picture)
        })?);
    }
    let mut found = Vec::new();
    let mut tight = Vec::with_capacity(lines.len());
    // A picture with more lines is a pattern: it is covered as it was found.
    let is_pattern = lines.len() > MOST_LINES;
    let (mut inked, soft): (Vec<Line>, Vec<Line>) = lines
        .into_iter()
        .partition(|line| line.ink.is_some() && !is_pattern);
    // The longest first: what lies in one that is there is a part of it.
    inked.sort_by_key(|line| Reverse(line.bounds.width() * line.bounds.height()));
    for line in inked {
        let mut known = tight.iter().map(|all: &Rectangle| all.grown(2, size));
        if !known.any(|all| all.holds(&line.bounds)) {
            tight.push(around_ink(line, &ground, picture)?);
        }
    }
    // What is soft all over is a line of its own only where no ink is in it.
    let inked = tight.clone();
    let own = soft.iter().map(|line| line.bounds);
    tight.extend(own.filter(|soft| is_pattern || !inked.iter().any(|ink| ink.meets(soft))));
    for line in joined(tight) {
        let by = (line.height().min(line.width()) / 5).max(3);
        let rectangle = line.grown(by, size);
        found.push((rectangle, ground.around(&rectangle)));
    }
    Ok(found)
}

/// Which pixels belong to pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Brighter than the background by the limit of a level.
    Brighter(usize),
    /// Darker by it.
    Darker(usize),
    /// Of just this value.
    Ink(u16),
}

/// The background by blocks, and what stands out from it.
struct Ground {
    size: [usize; 2],
    across: usize,
    blocks: Vec<u16>,
    /// How far text stands out, by blocks, at each level.
    limits: [Vec<u16>; CONTRASTS.len()],
    inks: Vec<u16>,
    /// How far ink stands out at least, whatever the noise.
    least: Vec<u16>,
}

impl Ground {
    fn measure<R: Rows>(rows: usize, columns: usize, picture: &mut R) -> Result<Self, R::Error> {
        let (down, across) = (rows.div_ceil(BLOCK), columns.div_ceil(BLOCK));
        let mut medians = Vec::with_capacity(down * across);
        let mut spreads = Vec::with_capacity(down * across);
        let mut strip = vec![0; BLOCK * columns];
        let mut counts = vec![0_u32; 1 << 16];
        let mut flat = vec![0_u32; 1 << 16];
        for from in (0..rows).step_by(BLOCK) {
            let height = BLOCK.min(rows - from);
            let strip = &mut strip[..height * columns];
            picture.read(from, strip)?;
            for row in strip.chunks_exact(columns) {
                for run in row.windows(3) {
                    if run[0] == run[1] && run[1] == run[2] {
                        flat[usize::from(run[0])] += 1;
                    }
                }
            }
            for left in (0..columns).step_by(BLOCK) {
                let width = BLOCK.min(columns - left);
                // Every fourth pixel of every fourth row says enough.
                let mut sample = [0; (BLOCK / 4) * (BLOCK / 4)];
                let mut taken = 0;
                for row in (0..height).step_by(4) {
                    for column in (0..width).step_by(4) {
                        let value = strip[row * columns + left + column];
                        sample[taken] = value;
                        counts[usize::from(value)] += 1;
                        taken += 1;
                    }
                }
                let sample = &mut sample[..taken];
                let (_, &mut median, _) = sample.select_nth_unstable(taken / 2);
                medians.push(median);
                for value in &mut *sample {
                    *value = value.abs_diff(median);
                }
                let (_, &mut spread, _) = sample.select_nth_unstable(taken / 2);
                spreads.push(spread);
            }
        }
        let [low, high] = range(&counts);
        let range = f64::from(high.saturating_sub(low));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of 65535"
        )]
        let least = (CONTRASTS[0] * range).max(2.0) as u16;
        let spreads = smoothed(&spreads, down, across);
        let limits = CONTRASTS.map(|part| {
            let limits = spreads.iter().map(|&spread| {
                // The median of absolute differences is 0.6745 of a deviation.
                let noise = (NOISE / 0.6745 * f64::from(spread)).min(NOISIEST * range);
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "bounded on both sides"
                )]
                let limit = (part * range).max(noise).clamp(2.0, 65535.0) as u16;
                limit
            });
            limits.collect()
        });
        Ok(Self {
            size: [rows, columns],
            across,
            limits,
            inks: inks(&flat),
            least: vec![least; across],
            blocks: smoothed(&medians, down, across),
        })
    }

    /// Whether a pixel belongs to a piece.
    fn is_cut(&self, cut: Cut, [row, column]: [usize; 2], value: u16) -> bool {
        let block = row / BLOCK * self.across + column / BLOCK;
        let ground = self.blocks[block];
        match cut {
            Cut::Brighter(level) => value > ground.saturating_add(self.limits[level][block]),
            Cut::Darker(level) => value < ground.saturating_sub(self.limits[level][block]),
            Cut::Ink(ink) => value == ink,
        }
    }

    fn block(&self, row: usize, column: usize) -> u16 {
        self.blocks[row / BLOCK * self.across + column / BLOCK]
    }

    /// The background in the middle of a rectangle.
    fn around(&self, rectangle: &Rectangle) -> u16 {
        let row = (rectangle.top + rectangle.bottom) / 2;
        let column = (rectangle.left + rectangle.right) / 2;
        self.block(row.min(self.size[0] - 1), column.min(self.size[1] - 1))
    }

    /// The pieces of each cut.
    fn pieces<R: Rows>(&self, picture: &mut R) -> Result<Vec<(Cut, Vec<Piece>)>, R::Error> {
        let [rows, columns] = self.size;
        let levels = (0..CONTRASTS.len()).flat_map(|n| [Cut::Brighter(n), Cut::Darker(n)]);
        let inks = self.inks.iter().map(|&ink| Cut::Ink(ink));
        let mut collectors: Vec<Collector> = levels
            .chain(inks)
            .map(|cut| Collector::new(cut, columns))
            .collect();
        let mut strip = vec![0; BLOCK * columns];
        for from in (0..rows).step_by(BLOCK) {
            let height = BLOCK.min(rows - from);
            let strip = &mut strip[..height * columns];
            picture.read(from, strip)?;
            let line = from / BLOCK * self.across..(from / BLOCK + 1) * self.across;
            let blocks = &self.blocks[line.clone()];
            for (row, pixels) in (from..).zip(strip.chunks_exact(columns)) {
                for collector in &mut collectors {
                    let limits = match collector.cut() {
                        Cut::Brighter(level) | Cut::Darker(level) => {
                            &self.limits[level][line.clone()]
                        }
                        Cut::Ink(_) => &self.least,
                    };
                    collector.row(row, pixels, blocks, limits);
                }
            }
        }
        let each = collectors.into_iter();
        Ok(each.map(|own| (own.cut(), own.finish())).collect())
    }
}

/// The values that fill most runs of pixels.
fn inks(flat: &[u32]) -> Vec<u16> {
    let mut values: Vec<(u32, u16)> = flat
        .iter()
        .enumerate()
        .filter(|(value, runs)| {
            let near = value.saturating_sub(4)..(value + 5).min(flat.len());
            let others = flat[near].iter().sum::<u32>() - **runs;
            **runs >= INK_RUNS && 8 * **runs >= INK_PEAK * others
        })
        .filter_map(|(value, runs)| Some((*runs, u16::try_from(value).ok()?)))
        .collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.truncate(INKS);
    values.into_iter().map(|(_, value)| value).collect()
}

/// The values between which all but 0.5 % at either end lie.
fn range(counts: &[u32]) -> [u16; 2] {
    let total: u32 = counts.iter().sum();
    let margin = total / 200;
    let mut ends = [0, counts.len() - 1];
    for (end, step) in ends.iter_mut().zip([1, -1]) {
        let mut seen = counts[*end];
        while seen <= margin {
            let Some(next) = end.checked_add_signed(step) else {
                break;
            };
            let Some(count) = counts.get(next) else {
                break;
            };
            *end = next;
            seen += count;
        }
    }
    ends.map(|end| u16::try_from(end).unwrap_or(u16::MAX))
}

/// Each block's median with its two neighbors on every side.
fn smoothed(medians: &[u16], down: usize, across: usize) -> Vec<u16> {
    let mut out = Vec::with_capacity(medians.len());
    let mut near = Vec::with_capacity(25);
    for row in 0..down {
        for column in 0..across {
            near.clear();
            for y in row.saturating_sub(2)..(row + 3).min(down) {
                let from = y * across;
                let columns = column.saturating_sub(2)..(column + 3).min(across);
                near.extend(&medians[from + columns.start..from + columns.end]);
            }
            let middle = near.len() / 2;
            let (_, median, _) = near.select_nth_unstable(middle);
            out.push(*median);
        }
    }
    out
}

/// Whether a rectangle reaches into the middle of the image, which is not
/// searched.
fn is_in_the_middle(rectangle: &Rectangle, [rows, columns]: [usize; 2]) -> bool {
    let inside = |from: usize, to: usize, all: usize| {
        #[allow(clippy::cast_precision_loss, reason = "pixels of an image")]
        let (middle, all) = ((from + to) as f64 / 2.0, all as f64);
        (middle / all - 0.5).abs() < MIDDLE / 2.0
    };
    inside(rectangle.left, rectangle.right, columns)
        && inside(rectangle.top, rectangle.bottom, rows)
}

#[cfg(test)]
#[allow(clippy::panic, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use std::convert::Infallible;

    /// A picture in memory.
    pub(in crate::deidentify) struct Held<'a> {
        pub(in crate::deidentify) pixels: &'a [u16],
        pub(in crate::deidentify) columns: usize,
    }

    impl Rows for Held<'_> {
        type Error = Infallible;
        fn read(&mut self, from: usize, pixels: &mut [u16]) -> Result<(), Infallible> {
            let start = from * self.columns;
            pixels.copy_from_slice(&self.pixels[start..start + pixels.len()]);
            Ok(())
        }
    }

    /// Letters of five by seven, as consoles had them.
    const LETTERS: [(char, [u8; 7]); 6] = [
        ('R', [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11]),
        ('L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f]),
        ('Y', [0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04]),
        ('T', [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
        ('A', [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
        ('M', [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11]),
    ];

    fn write(pixels: &mut [u16], columns: usize, at: [usize; 2], scale: usize, text: &str) {
        for (index, letter) in text.chars().enumerate() {
            let found = LETTERS.iter().find(|(named, _)| *named == letter);
            for (row, bits) in found.map_or([0; 7], |(_, bits)| *bits).iter().enumerate() {
                for column in 0..5 {
                    if bits >> (4 - column) & 1 == 0 {
                        continue;
                    }
                    for y in 0..scale {
                        let top = (at[0] + row * scale + y) * columns;
                        let left = at[1] + (index * 6 + column) * scale;
                        pixels[top + left..top + left + scale].fill(4000);
                    }
                }
            }
        }
    }

    fn found(text: &[(&str, [usize; 2], usize)]) -> Vec<Rectangle> {
        let (rows, columns) = (400, 500);
        let mut pixels: Vec<u16> = (0..rows * columns)
            .map(|n: usize| u16::try_from(800 + n % columns * 2 + n * 7919 % 61).unwrap_or(0))
            .collect();
        for (text, at, scale) in text {
            write(&mut pixels, columns, *at, *scale, text);
        }
        let mut held = Held {
            pixels: &pixels,
            columns,
        };
        let found = match find_text(rows, columns, &mut held) {
            Ok(found) => found,
            Err(never) => match never {},
        };
        found.into_iter().map(|(rectangle, _)| rectangle).collect()
    }

    #[test]
    fn text_is_found_and_markers_stay() {
        assert!(found(&[]).is_empty());
        assert!(found(&[("R", [10, 20], 5)]).is_empty(), "a side marker");
        assert!(found(&[("L", [10, 20], 3)]).is_empty(), "a side marker");
        assert_eq!(found(&[("YAMATA", [10, 20], 2)]).len(), 1);
        assert_eq!(found(&[("YT", [370, 20], 3)]).len(), 1, "initials");
        assert!(found(&[("YAMA", [200, 230], 2)]).is_empty(), "the middle");
        let word = found(&[("RAY", [10, 20], 4)]);
        assert!(
            word.iter().any(|r| r.left <= 20),
            "a word that begins with R"
        );
    }

    /// A field of the ink's own value beside a text, as a console may draw one
    /// or a detector may clip: it stays.
    #[test]
    fn only_the_text_is_covered() {
        let (rows, columns) = (400, 500);
        let mut pixels: Vec<u16> = (0..rows * columns)
            .map(|n: usize| u16::try_from(800 + n * 7919 % 61).unwrap_or(0))
            .collect();
        write(&mut pixels, columns, [10, 20], 2, "YAMATA");
        for row in pixels.chunks_exact_mut(columns) {
            row[100..140].fill(4000);
        }
        let mut held = Held {
            pixels: &pixels,
            columns,
        };
        let found = match find_text(rows, columns, &mut held) {
            Ok(found) => found,
            Err(never) => match never {},
        };
        let [(only, _)] = found.as_slice() else {
            panic!("{found:?}")
        };
        // Six letters of ten by fourteen pixels, two apart.
        assert!(only.left <= 20 && only.right >= 90 && only.top <= 10 && only.bottom >= 24);
        assert!(
            only.left >= 14 && only.right <= 96 && only.bottom <= 30,
            "{only:?}"
        );
    }

    #[test]
    fn initials_beside_a_marker_go_and_it_stays() {
        let both = found(&[("R", [10, 20], 5), ("YT", [20, 70], 3)]);
        assert_eq!(both.len(), 1, "{both:?}");
        assert!(both[0].left > 45 && both[0].right > 100, "{both:?}");
        let one = found(&[("R", [10, 20], 5), ("Y", [20, 62], 3)]);
        assert_eq!(one.len(), 1, "{one:?}");
        assert!(one[0].left > 45, "{one:?}");
    }
}
