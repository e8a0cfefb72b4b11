//! The rectangle that covers a line's ink, and little besides.
//!
//! A line was made of pieces, and a piece may hold more than letters: an edge of
//! bone that touches one, at a limit that both exceed. Ink of one value says
//! better where the letters are. (1) The rectangle is that of the pixels of just
//! this value inside the line. (2) It grows along the line over letters of the
//! same value that were lost as pieces, up to an R or L that stands apart. (3)
//! In small letters strokes are thinner than a pixel and none of it has the whole
//! value: there three fifths of it count, for a letter or two at either end.

use super::lines::{Along, Line};
use super::{Cut, Ground, Rectangle, Rows, marker};

/// The largest height of a line whose strokes may be thinner than a pixel.
const SMALL: usize = 20;
/// How far letters of a line may stand apart, in its heights: a space.
const SPACE: f64 = 1.4;
/// From which gap on a letter may be a marker and not of the line.
const APART: f64 = 0.4;
/// The widest letter or run of letters that is taken in at once, in heights.
const WIDEST: f64 = 4.0;
/// How far thin strokes are followed at either end, in heights, and how far a
/// letter of such strokes may stand apart.
const THIN: f64 = 2.6;
/// The farthest that they are followed, in pixels.
const FARTHEST: usize = 28;
const THIN_SPACE: f64 = 1.2;
/// So many rows of soft edges are taken in above and below, in pixels.
const SOFT_ROWS: usize = 8;
/// How far around a line is looked, in heights.
const AROUND: usize = 6;

/// What is ink in the pixels around a line. Places are counted along the line
/// and across it.
struct Window {
    along: Along,
    length: usize,
    breadth: usize,
    /// 2: ink; 1: three fifths of the way from the background to it; 0: neither.
    marks: Vec<u8>,
}

impl Window {
    fn has(&self, at: usize, from: usize, to: usize, least: u8) -> bool {
        let to = to.min(self.breadth);
        (from.min(to)..to).any(|across| self.marks[across * self.length + at] >= least)
    }
}

/// The rectangle of a line, by its ink where it is of one value.
pub(super) fn around_ink<R: Rows>(
    line: Line,
    ground: &Ground,
    picture: &mut R,
) -> Result<Rectangle, R::Error> {
    let Some(ink) = line.ink else {
        return Ok(line.bounds);
    };
    let [_, _, near, far] = line.along.of(&line.bounds);
    let wide = line.bounds.grown((far - near) * AROUND, ground.size);
    let window = look(&wide, line.along, ink, ground, picture)?;
    let [start, _, top, _] = line.along.of(&wide);
    let [a, b, c, d] = line.along.of(&line.bounds);
    let inside = [a - start, b - start, c - top, d - top];
    let Some(tight) = exact(&window, inside, 2) else {
        return Ok(line.bounds);
    };
    let mut tight = with_soft_rows(&window, tight);
    let back = |[a, b, c, d]: [usize; 4]| {
        window
            .along
            .rectangle([a + start, b + start, c + top, d + top])
    };
    let mut is_side =
        |place: [usize; 4]| marker::is_side(&back(place), ground, Cut::Ink(ink), picture);
    let is_row = line.along == Along::Rows;
    while let Some((letter, gap)) = next_letter(&window, tight, 2, SPACE) {
        if is_row && gap >= heights(tight, APART) && is_side(letter)? {
            break;
        }
        tight = joined(tight, letter);
    }
    if tight[3] - tight[2] <= SMALL {
        let whole = tight;
        let most = heights(tight, THIN).min(FARTHEST);
        while let Some((letter, _)) = next_letter(&window, tight, 1, THIN_SPACE) {
            let wider = joined(tight, letter);
            if wider[0] + most < whole[0] || wider[1] > whole[1] + most {
                break;
            }
            tight = [wider[0], wider[1], tight[2], tight[3]];
        }
    }
    Ok(back(tight))
}

/// Marks the ink in a rectangle.
fn look<R: Rows>(
    wide: &Rectangle,
    along: Along,
    ink: u16,
    ground: &Ground,
    picture: &mut R,
) -> Result<Window, R::Error> {
    let [start, end, near, far] = along.of(wide);
    let (length, breadth) = (end - start, far - near);
    let mut marks = vec![0; length * breadth];
    let mut row = vec![0; ground.size[1]];
    for y in wide.top..wide.bottom {
        picture.read(y, &mut row)?;
        for (x, &value) in (wide.left..).zip(&row[wide.left..wide.right]) {
            let away = ink.abs_diff(ground.block(y, x));
            let mark = match value.abs_diff(ink) {
                0 => 2,
                off if off <= away * 2 / 5 => 1,
                _ => continue,
            };
            let (at, across) = match along {
                Along::Rows => (x - start, y - near),
                Along::Columns => (y - start, x - near),
            };
            marks[across * length + at] = mark;
        }
    }
    Ok(Window {
        along,
        length,
        breadth,
        marks,
    })
}

/// The rectangle of the pixels that are marked so in a part of the window.
fn exact(window: &Window, [start, end, near, far]: [usize; 4], least: u8) -> Option<[usize; 4]> {
    let inked = |at: &usize| window.has(*at, near, far, least);
    let (first, last) = ((start..end).find(inked)?, (start..end).rfind(inked)?);
    let row_inked = |across: &usize| {
        let from = across * window.length;
        window.marks[from + first..=from + last]
            .iter()
            .any(|&mark| mark >= least)
    };
    let (top, bottom) = ((near..far).find(row_inked)?, (near..far).rfind(row_inked)?);
    Some([first, last + 1, top, bottom + 1])
}

/// A line with the rows of soft edges that adjoin it.
fn with_soft_rows(window: &Window, [start, end, near, far]: [usize; 4]) -> [usize; 4] {
    let most = SOFT_ROWS.min(far - near);
    let soft = |across: &usize| (start..end).any(|at| window.has(at, *across, across + 1, 1));
    let above = (near.saturating_sub(most)..near).rev().take_while(soft);
    let below = (far..(far + most).min(window.breadth)).take_while(soft);
    [start, end, near - above.count(), far + below.count()]
}

fn heights([_, _, near, far]: [usize; 4], times: f64) -> usize {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pixels of an image"
    )]
    let pixels = (times * (far - near) as f64) as usize;
    pixels
}

fn joined(a: [usize; 4], b: [usize; 4]) -> [usize; 4] {
    [
        a[0].min(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].max(b[3]),
    ]
}

/// The nearest ink beyond either end of a line, within a space, and its
/// distance: what is no wider than some letters and ends within the line's
/// height. What goes on above or below is a field of that value.
fn next_letter(
    window: &Window,
    line: [usize; 4],
    least: u8,
    space: f64,
) -> Option<([usize; 4], usize)> {
    let [start, end, near, far] = line;
    let (space, widest) = (heights(line, space), heights(line, WIDEST));
    let third = (far - near) / 3;
    let (near, far) = (
        near.saturating_sub(third),
        (far + third).min(window.breadth),
    );
    let inked = |at: usize| window.has(at, near, far, least);
    let found = |at: usize, step: isize, gap: usize| {
        let mut last = at;
        while let Some(next) = last.checked_add_signed(step) {
            if next >= window.length || !inked(next) {
                break;
            }
            last = next;
        }
        let (from, to) = (at.min(last), at.max(last) + 1);
        let letter = exact(window, [from, to, near, far], least)?;
        let beyond = |across: usize| (from..to).any(|at| window.has(at, across, across + 1, least));
        let field = near.checked_sub(1).is_some_and(beyond) || far < window.breadth && beyond(far);
        (to - from <= widest && !field).then_some((letter, gap))
    };
    let before = (start.saturating_sub(space)..start).rfind(|&at| inked(at));
    let behind = (end..(end + space).min(window.length)).find(|&at| inked(at));
    before
        .and_then(|at| found(at, -1, start - at - 1))
        .or_else(|| behind.and_then(|at| found(at, 1, at - end)))
}
