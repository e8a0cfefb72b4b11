//! The field that a network looks at: a square of fixed physical size around
//! the middle of the image, bone bright, scaled between two percentiles.
//!
//! Training and the appliance both make it here, so that they cannot differ.

use super::Camera;
use super::RadiographyError;

/// Pixels along each side of the field.
pub const FIELD_PIXELS: usize = 128;
/// Size of one of them on the detector, in millimeters.
pub const FIELD_PIXEL_MM: f64 = 0.8;

/// How many numbers tell a network about the apparatus.
pub const CONTEXT: usize = 12;

/// The percentiles that become 0 and 1.
const BLACK: f64 = 0.01;
const WHITE: f64 = 0.99;

/// Cuts the field out of an image in which bone has large values (turn
/// MONOCHROME1 over before): [`FIELD_PIXELS`] squared numbers from 0 to 1, row
/// after row. Each is the mean over its area; what lies outside the image is 0.
/// The 1st percentile of what lies inside becomes 0, the 99th becomes 1.
///
/// `spacing_mm` is that on the detector, between rows and between columns.
///
/// # Errors
/// [`RadiographyError::PixelCount`], or [`RadiographyError::Setting`] for a
/// spacing that is not a positive number.
pub fn field(
    pixels: &[f32],
    rows: u32,
    columns: u32,
    spacing_mm: [f64; 2],
) -> Result<Vec<f32>, RadiographyError> {
    let (height, width) = (rows as usize, columns as usize);
    if pixels.is_empty() || height.checked_mul(width) != Some(pixels.len()) {
        return Err(RadiographyError::PixelCount {
            given: pixels.len(),
            rows,
            columns,
        });
    }
    for value in spacing_mm {
        if !(value.is_finite() && value > 0.0) {
            return Err(RadiographyError::Setting {
                what: "a pixel spacing",
                value,
            });
        }
    }
    #[allow(clippy::cast_possible_truncation, reason = "128")]
    let side = FIELD_PIXELS as u32;
    let given = (rows, columns, spacing_mm);
    let means = coarser(pixels, given, (side, side, FIELD_PIXEL_MM));
    Ok(scaled(&means))
}

/// The means of an image over larger pixels of a square grid around its middle:
/// rows and columns of both, the spacing of the given one between rows and
/// between columns, that of the other. Nothing where less than half of a pixel
/// lies in the image.
#[must_use]
pub fn coarser(
    pixels: &[f32],
    (rows, columns, spacing_mm): (u32, u32, [f64; 2]),
    (to_rows, to_columns, pixel_mm): (u32, u32, f64),
) -> Vec<Option<f64>> {
    let down = overlaps(rows, spacing_mm[0], to_rows, pixel_mm);
    let across = overlaps(columns, spacing_mm[1], to_columns, pixel_mm);
    // Rows first: a line of means for each row of the grid.
    let width = columns as usize;
    let mut means = Vec::with_capacity(down.len() * across.len());
    let mut line = vec![0.0; width];
    for from in &down {
        line.fill(0.0);
        for (offset, weight) in from.weights.iter().enumerate() {
            let start = (from.first + offset) * width;
            for (sum, pixel) in line.iter_mut().zip(&pixels[start..start + width]) {
                *sum += weight * f64::from(*pixel);
            }
        }
        means.extend(across.iter().map(|to| {
            let inside = from.covered() && to.covered();
            inside.then(|| {
                to.weights
                    .iter()
                    .zip(&line[to.first..])
                    .map(|(w, v)| w * v)
                    .sum::<f64>()
            })
        }));
    }
    means
}

/// The numbers that tell a network about the apparatus of both views, each a
/// posteroanterior and a lateral one: log of the source-detector distance over
/// 1100 mm, principal point x and y in decimeters, 1 where the view is there.
/// The rest is 0, for what is to come.
#[must_use]
pub fn context(cameras: [Option<Camera>; 2]) -> [f32; CONTEXT] {
    let mut numbers = [0.0; CONTEXT];
    for (view, camera) in cameras.into_iter().enumerate() {
        let Some(camera) = camera else {
            continue;
        };
        let [x, y] = camera.principal_point_mm;
        let told = [(camera.sid_mm / 1100.0).ln(), x / 100.0, y / 100.0, 1.0];
        for (number, value) in told.into_iter().enumerate() {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "a network reads single precision"
            )]
            let value = value as f32;
            numbers[view * 4 + number] = value;
        }
    }
    numbers
}

/// The part of one axis of the image that one larger pixel covers.
struct Overlap {
    first: usize,
    /// Shares that sum to one; none where less than half lies in the image.
    weights: Vec<f64>,
}

impl Overlap {
    const fn covered(&self) -> bool {
        !self.weights.is_empty()
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel numbers, clamped to the image before each cast"
)]
fn overlaps(count: u32, spacing: f64, larger: u32, pixel_mm: f64) -> Vec<Overlap> {
    let end = f64::from(count);
    (0..larger)
        .map(|i| {
            let from_middle = f64::from(i) - 0.5 * f64::from(larger);
            let low = from_middle * pixel_mm / spacing + 0.5 * end;
            let high = low + pixel_mm / spacing;
            let (from, to) = (low.clamp(0.0, end), high.clamp(0.0, end));
            if to - from < 0.5 * (high - low) {
                return Overlap {
                    first: 0,
                    weights: Vec::new(),
                };
            }
            let first = from.floor() as usize;
            let last = (to.ceil() as usize).min(count as usize);
            let weights = (first..last)
                .map(|j| (to.min(j as f64 + 1.0) - from.max(j as f64)).max(0.0) / (to - from))
                .collect();
            Overlap { first, weights }
        })
        .collect()
}

/// Percentile scaling.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank within the list, and numbers from 0 to 1"
)]
fn scaled(means: &[Option<f64>]) -> Vec<f32> {
    let mut inside: Vec<f64> = means.iter().flatten().copied().collect();
    if inside.is_empty() {
        return vec![0.0; means.len()];
    }
    inside.sort_by(f64::total_cmp);
    let rank = |part: f64| inside[(part * (inside.len() - 1) as f64).round() as usize];
    let (black, white) = (rank(BLACK), rank(WHITE));
    let range = white - black;
    // A flat image differs only by rounding: it shows nothing.
    if range <= 1e-6 * white.abs().max(black.abs()) {
        return vec![0.0; means.len()];
    }
    means
        .iter()
        .map(|mean| mean.map_or(0.0, |v| ((v - black) / range).clamp(0.0, 1.0) as f32))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::float_cmp,
        clippy::cast_possible_truncation,
        reason = "tests"
    )]
    use super::*;

    /// A ramp from left to right, in detector millimeters, of this grid.
    fn ramp(rows: u32, columns: u32, spacing: f64) -> Vec<f32> {
        (0..rows * columns)
            .map(|i| {
                let x = (f64::from(i % columns) - 0.5 * (f64::from(columns) - 1.0)) * spacing;
                x as f32
            })
            .collect()
    }

    #[test]
    fn the_same_scene_on_another_grid_gives_the_same_field() {
        let fine = field(&ramp(1000, 800, 0.15), 1000, 800, [0.15; 2]).unwrap();
        let coarse = field(&ramp(256, 256, 0.4), 256, 256, [0.4; 2]).unwrap();
        for (a, b) in fine.iter().zip(&coarse) {
            assert!((a - b).abs() < 2e-3, "{a} {b}");
        }
        assert!(fine[0] < 0.01 && fine[127] > 0.99);
    }

    #[test]
    fn what_lies_outside_a_small_image_is_black() {
        let image = [1.0, 2.0, 3.0, 4.0].repeat(16);
        let small = field(&image, 8, 8, [0.8; 2]).unwrap();
        let lit: Vec<usize> = (0..128 * 128).filter(|i| small[*i] > 0.0).collect();
        assert!(
            lit.iter()
                .all(|i| (60..68).contains(&(i / 128)) && (60..68).contains(&(i % 128)))
        );
        assert_eq!(lit.len(), 48);
    }

    #[test]
    fn bad_images_are_refused_and_flat_ones_are_black() {
        assert!(field(&[0.0; 5], 2, 3, [0.1; 2]).is_err());
        assert!(field(&[], 0, 0, [0.1; 2]).is_err());
        assert!(field(&[0.0; 6], 2, 3, [0.1, 0.0]).is_err());
        let flat = field(&[7.0; 10_000], 100, 100, [1.0; 2]).unwrap();
        assert!(flat.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn the_context_says_what_is_there() {
        let camera = Camera {
            sid_mm: 1100.0,
            oid_mm: 30.0,
            principal_point_mm: [10.0, -20.0],
            pixel_spacing_mm: [0.15; 2],
            rows: 1000,
            columns: 800,
        };
        let told = context([Some(camera), None]);
        assert_eq!(
            told,
            [0.0, 0.1, -0.2, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_huge_spacing_does_not_reach_outside() {
        assert_eq!(
            field(&[1.0, 2.0], 1, 2, [500.0, 500.0]).unwrap().len(),
            128 * 128
        );
        assert_eq!(
            field(&[1.0, 2.0], 2, 1, [1e-6, 1e-6]).unwrap().len(),
            128 * 128
        );
    }
}
