//! Whether a letter is an R or an L, as they are burned in for the side.
//!
//! Not a reader: a letter counts as a marker only when ink lies exactly where an
//! upright R or L of plain strokes has it. What is not sure is no marker, and
//! goes with the text beside it.

use super::{Cut, Ground, Rectangle, Rows};

/// The parts of a letter's box that are looked at, in twentieths: from row, to
/// row, from column, to column; the ink it must have at least and at most.
type Zone = ([usize; 4], f64, f64);

const L: [Zone; 4] = [
    ([0, 17, 0, 4], 0.7, 1.0),
    ([17, 20, 0, 18], 0.65, 1.0),
    ([0, 14, 9, 20], 0.0, 0.06),
    ([4, 14, 6, 20], 0.0, 0.25),
];
const R: [Zone; 7] = [
    ([1, 19, 0, 3], 0.7, 1.0),
    ([0, 3, 3, 11], 0.6, 1.0),
    ([4, 7, 6, 11], 0.0, 0.3),
    ([3, 8, 15, 20], 0.3, 1.0),
    ([17, 20, 6, 11], 0.0, 0.35),
    ([17, 20, 15, 20], 0.25, 1.0),
    ([9, 12, 4, 10], 0.35, 1.0),
];

pub(super) fn is_side<P: Rows>(
    bounds: &Rectangle,
    ground: &Ground,
    cut: Cut,
    picture: &mut P,
) -> Result<bool, P::Error> {
    let (width, height) = (bounds.width(), bounds.height());
    // Letters are higher than wide; below ten pixels nothing is sure.
    if height < 7 || 10 * width < 4 * height || 10 * width > 13 * height {
        return Ok(false);
    }
    let columns = ground.size[1];
    let mut row = vec![0; columns];
    let mut ink = vec![false; width * height];
    for (y, line) in ink.chunks_exact_mut(width).enumerate() {
        picture.read(bounds.top + y, &mut row)?;
        for (x, dot) in line.iter_mut().enumerate() {
            let at = bounds.left + x;
            *dot = ground.is_cut(cut, [bounds.top + y, at], row[at]);
        }
    }
    let fits = |zones: &[Zone]| {
        zones
            .iter()
            .all(|([top, bottom, left, right], least, most)| {
                let rows = top * height / 20..(bottom * height).div_ceil(20);
                let columns = left * width / 20..(right * width).div_ceil(20);
                let (mut dots, mut all) = (0_u32, 0_u32);
                for y in rows {
                    for x in columns.clone() {
                        dots += u32::from(ink[y * width + x]);
                        all += 1;
                    }
                }
                let part = f64::from(dots) / f64::from(all.max(1));
                (*least..=*most).contains(&part)
            })
    };
    Ok(fits(&L) || fits(&R))
}
