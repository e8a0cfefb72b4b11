//! What stands beside shaded surfaces in a picture for documents: radiographs,
//! lines over them, areas of one color, and words.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels lie inside the picture, values are clamped to 0..255"
)]

use std::collections::BTreeMap;

use super::Radiograph;
use super::letters;
use super::preview::shrunk;
use super::shaded::Pane;
use super::shaded::Shaded;

/// Half the width of a line, in pixels.
const HALF_LINE: f64 = 0.75;

/// Where the pixels of a radiograph lie in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    pane: Pane,
    scale: [f64; 2],
}

impl Placed {
    /// Where a place of the radiograph lies (column, row; whole numbers are
    /// pixel centers), in pixels from the picture's upper left corner.
    #[must_use]
    pub fn of(&self, place: [f64; 2]) -> [f64; 2] {
        std::array::from_fn(|axis| self.pane[axis] as f64 + (place[axis] + 0.5) * self.scale[axis])
    }
}

impl Shaded {
    /// Draws a radiograph, bone bright, as large as it fits at the top of a part of
    /// the picture (never enlarged), and says where it lies.
    pub fn radiograph(&mut self, radiograph: &Radiograph, pane: Pane) -> Placed {
        let [left, top, width, height] = pane;
        let (rows, columns) = (radiograph.rows() as usize, radiograph.columns() as usize);
        let fits = f64::min(
            width as f64 / columns.max(1) as f64,
            height as f64 / rows.max(1) as f64,
        );
        let longer = (rows.max(columns) as f64 * fits).floor().max(1.0);
        let (shown, [wide, high]) = shrunk(radiograph, longer as u32);
        let left = left + width.saturating_sub(wide) / 2;
        for (at, gray) in shown.into_iter().enumerate() {
            let gray = [f64::from(gray) / 255.0; 3];
            self.paint([left + at % wide, top + at / wide], gray, 1.0);
        }
        Placed {
            pane: [left, top, wide, high],
            scale: [
                wide as f64 / columns.max(1) as f64,
                high as f64 / rows.max(1) as f64,
            ],
        }
    }

    /// Draws a closed line through places of a radiograph (column, row) over it,
    /// with smooth edges, and not beyond it.
    pub fn line(&mut self, on: &Placed, places: &[[f64; 2]], color: [f64; 3]) {
        let places: Vec<_> = places.iter().map(|place| on.of(*place)).collect();
        let ends = places.iter().zip(places.iter().cycle().skip(1));
        let mut covered = BTreeMap::new();
        for (from, to) in ends {
            let span = |axis: usize| {
                let reach = HALF_LINE + 1.0;
                let low = from[axis].min(to[axis]) - reach;
                let high = from[axis].max(to[axis]) + reach;
                let (first, count) = (on.pane[axis], on.pane[axis + 2]);
                (low.max(0.0) as usize).max(first)..(high.max(0.0) as usize + 1).min(first + count)
            };
            for y in span(1) {
                for x in span(0) {
                    let far = from_line([x as f64 + 0.5, y as f64 + 0.5], *from, *to);
                    let share = (HALF_LINE + 0.5 - far).clamp(0.0, 1.0);
                    let most: &mut f64 = covered.entry((y, x)).or_insert(0.0);
                    *most = most.max(share);
                }
            }
        }
        for ((y, x), share) in covered {
            self.paint([x, y], color, share);
        }
    }

    /// Fills a part of the picture with one color, red, green and blue from 0
    /// to 1.
    pub fn fill(&mut self, pane: Pane, color: [f64; 3]) {
        let [left, top, width, height] = pane;
        for y in top..top + height {
            for x in left..left + width {
                self.paint([x, y], color, 1.0);
            }
        }
    }

    /// Writes words from a left upper corner on, each pixel of a letter `size`
    /// pixels large.
    pub fn words(&mut self, words: &str, [left, top]: [usize; 2], size: usize, color: [f64; 3]) {
        for (number, letter) in words.chars().enumerate() {
            let left = left + number * letters::ADVANCE * size;
            for (row, ink) in letters::letter(letter).into_iter().enumerate() {
                for (column, _) in ink.into_iter().enumerate().filter(|(_, ink)| *ink) {
                    let corner = [left + column * size, top + row * size];
                    self.fill([corner[0], corner[1], size, size], color);
                }
            }
        }
    }

    /// Mixes a color into a pixel; outside the picture it does nothing.
    fn paint(&mut self, [x, y]: [usize; 2], color: [f64; 3], share: f64) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        for (value, wanted) in self.pixels[at..at + 3].iter_mut().zip(color) {
            let mixed = f64::from(*value) * (1.0 - share) + 255.0 * wanted * share;
            *value = mixed.round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// How far a place lies from the line between two others.
fn from_line(place: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let off = [place[0] - from[0], place[1] - from[1]];
    let length = along[0].powi(2) + along[1].powi(2);
    let share = if length > 0.0 {
        ((off[0] * along[0] + off[1] * along[1]) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (off[0] - share * along[0]).hypot(off[1] - share * along[1])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::calibration::{Calibration, ScaleTags};
    use super::super::tags::{BodyPart, ImageTags, View};
    use super::*;

    const RED: [f64; 3] = [1.0, 0.0, 0.0];

    fn at(picture: &Shaded, x: usize, y: usize) -> [u8; 3] {
        let at = (y * picture.width + x) * 3;
        picture.pixels[at..at + 3].try_into().unwrap()
    }

    /// A line around a bright square of the radiograph lies around it in the
    /// picture, wherever the radiograph was put.
    #[test]
    fn lines_lie_where_the_radiograph_has_what_they_are_around() {
        let (rows, columns) = (120_u32, 60_u32);
        let bright =
            |i: u32| (80..100).contains(&(i / columns)) && (20..40).contains(&(i % columns));
        let radiograph = Radiograph {
            tags: ImageTags {
                rows,
                columns,
                projection: true,
                view: View::Pa,
                side: None,
                body_part: BodyPart::Wrist,
                calibration: Calibration::judge(ScaleTags::default()),
            },
            pixels: (0..rows * columns)
                .map(|i| f32::from(u8::from(bright(i))))
                .collect(),
        };
        let mut picture = Shaded::new(100, 80);
        let placed = picture.radiograph(&radiograph, [10, 5, 80, 60]);
        // Half as large, in the middle of the part.
        let corner = placed.of([-0.5, -0.5]);
        assert!((corner[0] - 35.0).abs() < 1e-9 && (corner[1] - 5.0).abs() < 1e-9);
        let [x, y] = placed.of([29.5, 89.5]).map(|v| v as usize);
        assert_eq!(
            (at(&picture, x, y), at(&picture, x, y - 9)),
            ([255; 3], [0; 3])
        );
        let edges = [[19.5, 79.5], [39.5, 79.5], [39.5, 99.5], [19.5, 99.5]];
        picture.line(&placed, &edges, RED);
        let [left, middle] = placed.of([19.5, 89.5]).map(|v| v as usize);
        // The line's middle lies between two pixels.
        let [red, green, blue] = at(&picture, left, middle);
        assert!(red == 255 && green < 80 && blue < 80);
        assert_eq!(at(&picture, left + 5, middle), [255; 3]);
        assert_eq!(at(&picture, left - 4, middle), [0; 3]);
        let before = picture.clone();
        picture.line(&placed, &[[70.0, 5.0], [90.0, 50.0]], RED);
        assert!(picture == before, "drawn beside the radiograph");
    }

    #[test]
    fn what_lies_outside_is_not_drawn_and_words_have_ink() {
        let mut picture = Shaded::new(30, 20);
        let empty = picture.clone();
        picture.fill([30, 0, 5, 5], RED);
        picture.words("mm", [31, 2], 1, RED);
        assert!(picture == empty);
        picture.words("I", [3, 2], 2, RED);
        let inked = picture
            .pixels
            .chunks(3)
            .filter(|p| **p == [255, 0, 0])
            .count();
        // Seven rows: two of three, five of one; each pixel is four.
        assert_eq!(inked, 4 * (2 * 3 + 5));
    }
}
