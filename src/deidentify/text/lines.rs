//! Pieces that stand side by side make lines of text.

use super::pieces::Piece;
use super::{Rectangle, is_in_the_middle};

/// The least height of a letter, in pixels.
const LEAST_HEIGHT: usize = 6;
/// What is smaller is no part of a letter but noise.
const LEAST_PART: usize = 2;
/// The largest height of a line, as a part of the image's.
const LARGEST: usize = 8;
/// The least sharpness of a line, and of a letter beside a marker.
const SHARP: f64 = 0.55;
/// The least sharpness of any part of a line.
const SHARP_PART: f64 = 0.5;
/// The least part of a line's pixels that have one and the same value.
const PLATEAU: f64 = 0.1;
/// The least number of them.
const PLATEAU_PIXELS: u32 = 8;
/// The least sharpness of thin letters that are soft all over, without such
/// pixels, and their largest height.
const VERY_SHARP: f64 = 0.75;
const THIN: usize = 24;
/// The least number of letters of a line that runs downward.
const DOWNWARD: usize = 2;
/// The farthest a letter beside a marker stands from it, in its heights.
const BESIDE: f64 = 2.5;

/// Along which axis a line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    Rows,
    Columns,
}

impl Along {
    /// A rectangle as it lies along the line: start, end, and across it.
    pub(super) fn of(self, r: &Rectangle) -> [usize; 4] {
        match self {
            Self::Rows => [r.left, r.right, r.top, r.bottom],
            Self::Columns => [r.top, r.bottom, r.left, r.right],
        }
    }

    /// The rectangle that lies so.
    pub(super) fn rectangle(self, [start, end, near, far]: [usize; 4]) -> Rectangle {
        let [left, right, top, bottom] = match self {
            Self::Rows => [start, end, near, far],
            Self::Columns => [near, far, start, end],
        };
        Rectangle {
            left,
            top,
            right,
            bottom,
        }
    }
}

/// A line of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) bounds: Rectangle,
    pub(super) along: Along,
    /// The one value of its ink, where it has one.
    pub(super) ink: Option<u16>,
}

/// Lines of text. `is_side` says whether a piece is an R or an L: one that
/// stands apart from the letters beside it is left out.
pub(super) fn text_lines<E>(
    pieces: &[Piece],
    size: [usize; 2],
    mut is_side: impl FnMut(&Piece) -> Result<bool, E>,
) -> Result<Vec<Line>, E> {
    let most = (size[0].max(size[1]) / LARGEST).max(LEAST_HEIGHT);
    let parts: Vec<&Piece> = pieces
        .iter()
        .filter(|piece| {
            let (width, height) = (piece.bounds.width(), piece.bounds.height());
            let large = width.max(height);
            large >= LEAST_PART
                && large <= most
                && piece.area >= 3
                && piece.sharpness() > SHARP_PART
        })
        .collect();
    let mut lines = Vec::new();
    for along in [Along::Rows, Along::Columns] {
        for group in groups(&parts, along) {
            if !is_text(&group, along) {
                continue;
            }
            let ink = ink(&group);
            let line = without_marker(group, along, &mut is_side)?;
            if let Some(line) = line.filter(|line| !is_in_the_middle(line, size)) {
                let bounds = grown(line, ink, &parts, along, &mut is_side)?;
                lines.push(Line { bounds, along, ink });
            }
        }
    }
    let alone = beside_markers(&parts, size, &lines, &mut is_side)?;
    let alone = alone.into_iter().map(|bounds| Line {
        bounds,
        along: Along::Rows,
        ink: None,
    });
    lines.extend(alone);
    Ok(lines)
}

/// Sets of pieces that follow each other along a line.
fn groups<'a>(parts: &[&'a Piece], along: Along) -> Vec<Vec<&'a Piece>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&index| along.of(&parts[index].bounds)[0]);
    let mut heads: Vec<usize> = (0..parts.len()).collect();
    fn head(heads: &mut [usize], mut index: usize) -> usize {
        while heads[index] != index {
            heads[index] = heads[heads[index]];
            index = heads[index];
        }
        index
    }
    let longest = parts
        .iter()
        .map(|piece| piece.bounds.width().max(piece.bounds.height()))
        .max()
        .unwrap_or(0);
    for (place, &first) in order.iter().enumerate() {
        let end = along.of(&parts[first].bounds)[1];
        for &second in &order[place + 1..] {
            // Nothing farther can follow: gaps are at most a height.
            if along.of(&parts[second].bounds)[0] > end + longest {
                break;
            }
            if follow(parts[first], parts[second], along) {
                let (a, b) = (head(&mut heads, first), head(&mut heads, second));
                heads[b] = a;
            }
        }
    }
    let mut groups: Vec<Vec<&Piece>> = vec![Vec::new(); parts.len()];
    for &index in &order {
        let head = head(&mut heads, index);
        groups[head].push(parts[index]);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Whether two pieces belong to one line: side by side, of one polarity and
/// about one brightness, a gap of at most 0.8 of the taller.
fn follow(a: &Piece, b: &Piece, along: Along) -> bool {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (along.of(&a.bounds), along.of(&b.bounds));
    let (tall, short) = ((a3 - a2).max(b3 - b2), (a3 - a2).min(b3 - b2));
    let gap = b0.max(a0).saturating_sub(a1.min(b1));
    let overlap = a3.min(b3).saturating_sub(a2.max(b2));
    let (bright, faint) = {
        let (x, y) = (a.mean_contrast(), b.mean_contrast());
        (x.max(y), x.min(y))
    };
    let same_ink = a.peak().0 == b.peak().0;
    (same_ink || a.bright == b.bright && bright <= 2.5 * faint)
        && 10 * gap <= 8 * tall
        && 2 * overlap >= short
        && tall <= 2 * short
}

/// Whether a group is written: high enough, longer than high, sharp, of thin
/// strokes.
fn is_text(group: &[&Piece], along: Along) -> bool {
    let Some(bounds) = bounds(group) else {
        return false;
    };
    let [start, end, near, far] = along.of(&bounds);
    let (length, height) = (end - start, far - near);
    let area: u32 = group.iter().map(|piece| piece.area).sum();
    let weighed = |of: fn(&Piece) -> f64| {
        let sum: f64 = group.iter().map(|p| of(p) * f64::from(p.area)).sum();
        sum / f64::from(area.max(1))
    };
    // Two of about the height of the line at least: two letters, or the parts
    // of a sign.
    let tall = group.iter().filter(|piece| {
        let [_, _, near, far] = along.of(&piece.bounds);
        2 * (far - near) >= height && far - near >= LEAST_HEIGHT
    });
    let tall = tall.count();
    let long = if group.len() == 1 {
        // Letters that touch.
        10 * length >= 12 * height
    } else if tall >= 2 {
        10 * length >= 8 * height
    } else {
        10 * length >= 15 * height && group.len() >= 4
    };
    #[allow(clippy::cast_precision_loss, reason = "pixels of an image")]
    let (height_f, box_f) = (height as f64, (length * height) as f64);
    let filled = f64::from(area) / box_f;
    height >= LEAST_HEIGHT
        && long
        && (0.06..0.85).contains(&filled)
        && weighed(Piece::sharpness) >= SHARP
        && (along == Along::Rows || tall >= DOWNWARD && (tall > 2 || is_plateau(group, area)))
        && (is_plateau(group, area) || weighed(Piece::sharpness) >= VERY_SHARP && height <= THIN)
        && weighed(Piece::stroke) <= 0.6 * height_f
}

/// Whether one value is common to many pixels of a group: ink is of one value.
fn is_plateau(group: &[&Piece], area: u32) -> bool {
    let (_, best) = commonest(group);
    best >= PLATEAU_PIXELS && f64::from(best) >= PLATEAU * f64::from(area)
}

/// The value of a group's ink, if it is of one value.
fn ink(group: &[&Piece]) -> Option<u16> {
    let area = group.iter().map(|piece| piece.area).sum();
    is_plateau(group, area).then(|| commonest(group).0)
}

/// The peak that most pixels of a group have, and how many.
fn commonest(group: &[&Piece]) -> (u16, u32) {
    let each = group.iter().map(|piece| {
        let (value, _) = piece.peak();
        let same = group.iter().filter(|other| other.peak().0 == value);
        (value, same.map(|other| other.peak().1).sum::<u32>())
    });
    each.max_by_key(|(_, count)| *count).unwrap_or((0, 0))
}

fn bounds(group: &[&Piece]) -> Option<Rectangle> {
    let mut all = group.iter().map(|piece| piece.bounds);
    let first = all.next()?;
    Some(all.fold(first, |sum, next| sum.join(&next)))
}

/// A group as one rectangle, or without an R or L at its end that is larger
/// than the rest or stands apart from it.
fn without_marker<E>(
    mut group: Vec<&Piece>,
    along: Along,
    is_side: &mut impl FnMut(&Piece) -> Result<bool, E>,
) -> Result<Option<Rectangle>, E> {
    if along == Along::Rows {
        for _ in 0..2 {
            group.reverse();
            let Some((end, rest)) = group.split_first() else {
                break;
            };
            let Some(others) = bounds(rest) else {
                break;
            };
            let own = end.bounds;
            let gap = own.left.max(others.left);
            let gap = gap.saturating_sub(own.right.min(others.right));
            let tallest = rest.iter().map(|p| p.bounds.height()).max().unwrap_or(0);
            let larger = 10 * own.height() >= 13 * tallest;
            let apart = 10 * gap >= 4 * own.height();
            if (larger || apart) && is_side(end)? {
                group.remove(0);
            }
        }
    }
    Ok(bounds(&group))
}

/// A line with what else stands on it near its ends: words of one letter, dots,
/// what a wide space had cut off; an R or L that stands apart stays out.
fn grown<E>(
    mut line: Rectangle,
    ink: Option<u16>,
    parts: &[&Piece],
    along: Along,
    is_side: &mut impl FnMut(&Piece) -> Result<bool, E>,
) -> Result<Rectangle, E> {
    let [_, _, near, far] = along.of(&line);
    let height = far - near;
    loop {
        let [start, end, _, _] = along.of(&line);
        let mut wider = line;
        for piece in parts {
            let [a, b, c, d] = along.of(&piece.bounds);
            let gap = a.max(start).saturating_sub(b.min(end));
            let overlap = far.min(d).saturating_sub(near.max(c));
            let is_inside = a >= start && b <= end;
            let fits = 2 * overlap >= d - c
                && 10 * (d - c) <= 14 * height
                && 10 * gap <= 22 * height
                && b - a <= 4 * height;
            let is_ink = ink == Some(piece.peak().0);
            let sharp = is_ink || piece.sharpness() > SHARP_PART;
            if is_inside && c >= near && d <= far || !fits || !sharp {
                continue;
            }
            if 10 * gap >= 4 * height && 10 * (d - c) >= 7 * height && is_side(piece)? {
                continue;
            }
            wider = wider.join(&piece.bounds);
        }
        if wider == line {
            return Ok(line);
        }
        line = wider;
    }
}

/// Single letters beside an R or L that stands alone: initials.
fn beside_markers<E>(
    parts: &[&Piece],
    size: [usize; 2],
    lines: &[Line],
    is_side: &mut impl FnMut(&Piece) -> Result<bool, E>,
) -> Result<Vec<Rectangle>, E> {
    let in_line = |piece: &Piece| {
        lines.iter().map(|line| line.bounds).any(|line| {
            piece.bounds.left >= line.left
                && piece.bounds.right <= line.right
                && piece.bounds.top >= line.top
                && piece.bounds.bottom <= line.bottom
        })
    };
    let letters: Vec<&&Piece> = parts
        .iter()
        .filter(|piece| {
            piece.bounds.height() >= LEAST_HEIGHT
                && piece.bounds.width() <= 2 * piece.bounds.height()
                && piece.sharpness() >= SHARP
                && !is_in_the_middle(&piece.bounds, size)
                && !in_line(piece)
        })
        .collect();
    let mut markers = Vec::new();
    // A border full of sharp pieces is a pattern, not initials.
    if letters.len() > 200 {
        return Ok(Vec::new());
    }
    for letter in &letters {
        if is_side(letter)? {
            markers.push(letter.bounds);
        }
    }
    let beside = |piece: &Piece| {
        markers.iter().any(|marker| {
            let own = &piece.bounds;
            if own == marker {
                return false;
            }
            let gap =
                |a0: usize, a1: usize, b0: usize, b1: usize| a0.max(b0).saturating_sub(a1.min(b1));
            let across = gap(own.left, own.right, marker.left, marker.right);
            let down = gap(own.top, own.bottom, marker.top, marker.bottom);
            #[allow(clippy::cast_precision_loss, reason = "pixels of an image")]
            let (apart, high, own_high) = (
                across.max(down) as f64,
                marker.height() as f64,
                own.height() as f64,
            );
            apart <= BESIDE * high
                && (0.3..=1.3).contains(&(own_high / high))
                && piece.peak().1 >= PLATEAU_PIXELS
        })
    };
    let mut alone = Vec::new();
    for letter in letters {
        if beside(letter) && !markers.contains(&letter.bounds) {
            alone.push(letter.bounds);
        }
    }
    Ok(alone)
}

/// Rectangles that overlap become one.
pub(super) fn joined(mut all: Vec<Rectangle>) -> Vec<Rectangle> {
    let mut done: Vec<Rectangle> = Vec::new();
    while let Some(mut own) = all.pop() {
        while let Some(index) = done.iter().position(|other| own.meets(other)) {
            own = own.join(&done.swap_remove(index));
        }
        done.push(own);
    }
    done.sort_by_key(|r| (r.top, r.left));
    done
}
