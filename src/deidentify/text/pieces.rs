//! Connected pieces of what stands out from the background, row by row.

use super::{BLOCK, Cut, Rectangle};

/// Pieces beyond this number are let go: a picture of noise has no text.
const MOST_PIECES: usize = 300_000;

/// A connected piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) bounds: Rectangle,
    /// Pixels.
    pub(super) area: u32,
    /// Runs of pixels in rows.
    pub(super) runs: u32,
    /// Brighter than its background, or darker.
    pub(super) bright: bool,
    /// The sum of how far its pixels stand out.
    contrast: u64,
    /// The sum of the steps at the left and right ends of its runs.
    steps: u64,
    /// Its value farthest from the background, and how many pixels have it.
    peak: u16,
    at_peak: u32,
}

impl Piece {
    /// How far it stands out on average.
    pub(super) fn mean_contrast(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "below 2^48")]
        let sum = self.contrast as f64;
        sum / f64::from(self.area.max(1))
    }

    /// The mean step at the ends of its runs, over three pixels, as a part of
    /// how far it stands out: near 1 for what was drawn, near 0 for what a
    /// shadow fades into.
    pub(super) fn sharpness(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "below 2^48")]
        let sum = self.steps as f64;
        sum / f64::from(2 * self.runs.max(1)) / self.mean_contrast().max(1.0)
    }

    /// Its value farthest from the background, and how many of its pixels have
    /// just this value: many in what was drawn, few in what noise or anatomy
    /// made.
    pub(super) fn peak(&self) -> (u16, u32) {
        (self.peak, self.at_peak)
    }

    /// The mean length of a run: the width of a stroke.
    pub(super) fn stroke(&self) -> f64 {
        f64::from(self.area) / f64::from(self.runs.max(1))
    }

    fn take(&mut self, other: &Self) {
        self.bounds = self.bounds.join(&other.bounds);
        self.area += other.area;
        self.runs += other.runs;
        self.contrast += other.contrast;
        self.steps += other.steps;
        if other.peak == self.peak {
            self.at_peak += other.at_peak;
        } else if (other.peak > self.peak) == self.bright {
            self.peak = other.peak;
            self.at_peak = other.at_peak;
        }
    }
}

struct Run {
    start: usize,
    end: usize,
    piece: usize,
}

/// Collects the pieces of one polarity. Of a piece only its sums are kept, of
/// the picture only the runs of the row before.
pub(super) struct Collector {
    cut: Cut,
    columns: usize,
    pieces: Vec<Piece>,
    /// Which piece a piece became part of.
    heads: Vec<usize>,
    before: Vec<Run>,
    /// How many of them end before what is still to come of this row.
    passed: usize,
    now: Vec<Run>,
}

impl Collector {
    pub(super) fn new(cut: Cut, columns: usize) -> Self {
        Self {
            cut,
            columns,
            pieces: Vec::new(),
            heads: Vec::new(),
            before: Vec::new(),
            passed: 0,
            now: Vec::new(),
        }
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    /// Takes the next row.
    pub(super) fn row(&mut self, row: usize, pixels: &[u16], blocks: &[u16], limits: &[u16]) {
        self.now.clear();
        self.passed = 0;
        let mut open: Option<usize> = None;
        for (index, (ground, limit)) in blocks.iter().zip(limits).enumerate() {
            let from = index * BLOCK;
            let to = (from + BLOCK).min(self.columns);
            // One interval for each cut: what lies in it is of a piece.
            let [low, high] = match self.cut {
                Cut::Brighter(_) => [ground.saturating_add(*limit).saturating_add(1), u16::MAX],
                Cut::Darker(_) => [0, ground.saturating_sub(*limit).saturating_sub(1)],
                Cut::Ink(ink) if ink.abs_diff(*ground) > *limit => [ink, ink],
                // Ink of the color of its background is none.
                Cut::Ink(_) => [u16::MAX, u16::MAX],
            };
            let width = high.wrapping_sub(low);
            let out = |value: u16| value.wrapping_sub(low) <= width;
            let part = &pixels[from..to];
            // Most blocks hold nothing: one look without a branch a pixel.
            let any = part.iter().fold(false, |any, &value| any | out(value));
            if !any {
                if let Some(start) = open.take() {
                    self.close(row, start, from, pixels, blocks);
                }
                continue;
            }
            for (column, &value) in (from..).zip(part) {
                match (out(value), open) {
                    (true, None) => open = Some(column),
                    (false, Some(start)) => {
                        open = None;
                        self.close(row, start, column, pixels, blocks);
                    }
                    _ => {}
                }
            }
        }
        if let Some(start) = open {
            self.close(row, start, self.columns, pixels, blocks);
        }
        std::mem::swap(&mut self.before, &mut self.now);
    }

    /// Ends a run and joins it with the runs above that it touches.
    fn close(&mut self, row: usize, start: usize, end: usize, pixels: &[u16], blocks: &[u16]) {
        let ground = blocks[start / BLOCK];
        let off = |value: u16| u64::from(value.abs_diff(ground));
        let last = self.columns - 1;
        let at = |column: usize| pixels[column.min(last)];
        // Over one, two or three pixels, whichever is steepest: ink may be soft
        // at its edge, and the next stroke near.
        let step = |inner: [usize; 2], outer: [usize; 2]| {
            let near = at(inner[0]).abs_diff(at(outer[0]));
            let wide = at(inner[0]).abs_diff(at(outer[1]));
            near.max(wide).max(at(inner[1]).abs_diff(at(outer[1])))
        };
        let before = [start.saturating_sub(1), start.saturating_sub(2)];
        let left = step([start, start + 1], before);
        let right = step([end - 1, end.saturating_sub(2)], [end, end + 1]);
        let inside = &pixels[start..end];
        let bright = match self.cut {
            Cut::Brighter(_) => true,
            Cut::Darker(_) => false,
            Cut::Ink(ink) => ink > ground,
        };
        let peak = if bright {
            inside.iter().max()
        } else {
            inside.iter().min()
        };
        let peak = peak.copied().unwrap_or(ground);
        let at_peak = inside.iter().filter(|&&value| value == peak).count();
        let own = Piece {
            bounds: Rectangle {
                left: start,
                top: row,
                right: end,
                bottom: row + 1,
            },
            area: u32::try_from(end - start).unwrap_or(u32::MAX),
            runs: 1,
            bright,
            contrast: inside.iter().map(|&value| off(value)).sum(),
            steps: u64::from(left) + u64::from(right),
            peak,
            at_peak: u32::try_from(at_peak).unwrap_or(u32::MAX),
        };
        // Touching by a corner counts.
        while self
            .before
            .get(self.passed)
            .is_some_and(|run| run.end < start)
        {
            self.passed += 1;
        }
        let mut piece = None;
        for index in self.passed..self.before.len() {
            let run = &self.before[index];
            if run.start > end {
                break;
            }
            let other = run.piece;
            let other = self.head(other);
            match piece {
                None => {
                    self.pieces[other].take(&own);
                    piece = Some(other);
                }
                Some(head) if head != other => {
                    let joined = self.pieces[other];
                    self.pieces[head].take(&joined);
                    self.heads[other] = head;
                }
                Some(_) => {}
            }
        }
        let piece = match piece {
            Some(piece) => piece,
            None if self.pieces.len() < MOST_PIECES => {
                self.pieces.push(own);
                self.heads.push(self.heads.len());
                self.pieces.len() - 1
            }
            None => return,
        };
        self.now.push(Run { start, end, piece });
    }

    fn head(&mut self, mut piece: usize) -> usize {
        while self.heads[piece] != piece {
            self.heads[piece] = self.heads[self.heads[piece]];
            piece = self.heads[piece];
        }
        piece
    }

    /// The whole pieces.
    pub(super) fn finish(self) -> Vec<Piece> {
        let whole = self.heads.iter().enumerate();
        let whole = whole.filter(|(index, head)| index == *head);
        whole.map(|(index, _)| self.pieces[index]).collect()
    }
}
