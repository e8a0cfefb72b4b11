//! Small 8-bit pictures for a browser.

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};

use super::{Radiograph, RasterError};

/// The values below which `low` and `high` parts of a picture's pixels lie
/// (both 0 to 1), by a histogram of every pixel over 4096 steps between the
/// least and the greatest finite value. Never equal: a flat picture gets a
/// window one wide.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "bins are bounded by the histogram's length"
)]
pub fn percentiles(pixels: &[f32], low: f64, high: f64) -> (f32, f32) {
    const STEPS: usize = 4096;
    let finite = || pixels.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = finite().fold((f32::MAX, f32::MIN), |(least, greatest), value| {
        (least.min(value), greatest.max(value))
    });
    if least >= greatest {
        let value = if least > greatest { 0.0 } else { least };
        return (value, value + 1.0);
    }
    let scale = (STEPS as f32 - 1.0) / (greatest - least);
    let mut histogram = [0_u64; STEPS];
    for value in finite() {
        histogram[(((value - least) * scale) as usize).min(STEPS - 1)] += 1;
    }
    let total = histogram.iter().sum::<u64>() as f64;
    let value_at = |part: f64| {
        let mut seen = 0;
        let step = histogram.iter().position(|count| {
            seen += count;
            seen as f64 >= part * total
        });
        least + step.unwrap_or(STEPS - 1) as f32 / scale
    };
    let (bottom, top) = (value_at(low), value_at(high));
    if top > bottom {
        (bottom, top)
    } else {
        (bottom, bottom + 1.0 / scale)
    }
}

/// Draws a radiograph as PNG, 8-bit gray, bone bright, the longer side at most
/// `longer_side` pixels (never enlarged), the window from the 1st to the 99.5th
/// percentile. Pixels are averaged over the area that one preview pixel covers.
///
/// # Errors
/// [`RasterError::Encode`].
#[allow(
    clippy::cast_possible_truncation,
    reason = "a side is at most what was asked for"
)]
pub fn preview(radiograph: &Radiograph, longer_side: u32) -> Result<Vec<u8>, RasterError> {
    let (gray, [width, height]) = shrunk(radiograph, longer_side);
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&gray, width as u32, height as u32, ExtendedColorType::L8)
        .map_err(|source| RasterError::Encode { source })?;
    Ok(png.into_inner())
}

/// The gray values of [`preview`], with width and height.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "positions lie inside the picture, values are clamped to 0..255"
)]
pub(super) fn shrunk(radiograph: &Radiograph, longer_side: u32) -> (Vec<u8>, [usize; 2]) {
    let (rows, columns) = (radiograph.rows() as usize, radiograph.columns() as usize);
    let longer = rows.max(columns);
    let limit = (longer_side.max(1) as usize).min(longer);
    let scaled = |side: usize| (side * limit).div_ceil(longer).max(1);
    let (height, width) = (scaled(rows), scaled(columns));
    let (bottom, top) = percentiles(&radiograph.pixels, 0.01, 0.995);
    let mut gray = Vec::with_capacity(width * height);
    for y in 0..height {
        let (first, last) = (y * rows / height, ((y + 1) * rows).div_ceil(height));
        let mut sums = vec![0.0_f64; width];
        let mut counts = vec![0_u32; width];
        for row in first..last.min(rows) {
            let line = &radiograph.pixels[row * columns..(row + 1) * columns];
            for x in 0..width {
                let (left, right) = (x * columns / width, ((x + 1) * columns).div_ceil(width));
                for value in &line[left..right.min(columns)] {
                    sums[x] += f64::from(*value);
                    counts[x] += 1;
                }
            }
        }
        gray.extend(sums.iter().zip(&counts).map(|(sum, count)| {
            let value = (*sum / f64::from((*count).max(1))) as f32;
            ((value - bottom) / (top - bottom) * 255.0)
                .round()
                .clamp(0.0, 255.0) as u8
        }));
    }
    (gray, [width, height])
}

/// Draws values row by row as PNG, 16-bit gray, zero and less black, the
/// largest white.
///
/// # Errors
/// [`RasterError::Encode`], [`RasterError::Unsuitable`] where the values are not
/// as many as the pixels.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..65535"
)]
pub fn gray_png(values: &[f32], columns: u32, rows: u32) -> Result<Vec<u8>, RasterError> {
    if values.len() as u64 != u64::from(columns) * u64::from(rows) {
        return Err(RasterError::Unsuitable {
            why: "another number of values than pixels",
        });
    }
    let most = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let level = |v: &f32| (v / most * 65535.0).round().clamp(0.0, 65535.0) as u16;
    let gray: Vec<u8> = values.iter().flat_map(|v| level(v).to_ne_bytes()).collect();
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&gray, columns, rows, ExtendedColorType::L16)
        .map_err(|source| RasterError::Encode { source })?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::raster::calibration::{Calibration, ScaleTags};
    use crate::raster::tags::{BodyPart, ImageTags, View};

    fn picture(rows: u32, columns: u32, value: impl Fn(u32, u32) -> f32) -> Radiograph {
        let at = |index: u32| value(index / columns, index % columns);
        Radiograph {
            tags: ImageTags {
                rows,
                columns,
                projection: true,
                view: View::Pa,
                side: None,
                body_part: BodyPart::Wrist,
                calibration: Calibration::judge(ScaleTags::default()),
            },
            pixels: (0..rows * columns).map(at).collect(),
        }
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let ramp: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        let (low, high) = percentiles(&ramp, 0.1, 0.9);
        assert!(
            (low - 100.0).abs() < 1.5 && (high - 900.0).abs() < 1.5,
            "{low} {high}"
        );
        let (low, high) = percentiles(&[5.0; 10], 0.01, 0.99);
        assert!(high > low);
    }

    #[test]
    fn a_preview_keeps_shape_and_contrast() {
        let half = picture(
            100,
            400,
            |_, column| if column < 200 { 10.0 } else { 4000.0 },
        );
        let png = preview(&half, 40).unwrap();
        let back = image::load_from_memory(&png).unwrap().to_luma8();
        assert_eq!(back.dimensions(), (40, 10));
        assert_eq!(back.get_pixel(0, 5).0, [0]);
        assert_eq!(back.get_pixel(39, 5).0, [255]);
        assert_eq!(png, preview(&half, 40).unwrap());
    }

    #[test]
    fn values_are_drawn_from_black_to_white() {
        let png = gray_png(&[-1.0, 0.0, 2.0, 4.0], 2, 2).unwrap();
        let back = image::load_from_memory(&png).unwrap().to_luma16();
        assert_eq!(back.as_raw()[..], [0, 0, 32768, 65535]);
        assert!(gray_png(&[1.0], 2, 2).is_err());
    }

    #[test]
    fn a_preview_never_enlarges() {
        let small = picture(9, 9, |row, _| f32::from(u16::try_from(row).unwrap()));
        let back = image::load_from_memory(&preview(&small, 1280).unwrap()).unwrap();
        assert_eq!((back.width(), back.height()), (9, 9));
    }
}
