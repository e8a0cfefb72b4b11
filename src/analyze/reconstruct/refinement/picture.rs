//! A view at a working resolution: what was taken and what is simulated, side
//! by side on the same pixels.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel numbers, clamped to the picture before each cast"
)]

use crate::radiography::Camera;
use crate::radiography::coarser;

/// A picture is no larger than this on the detector: rows, columns.
const LARGEST_MM: [f64; 2] = [180.0, 150.0];
/// SD of the blur that both pictures get, in working pixels: it takes away noise
/// and makes slopes smooth.
const BLUR_PIXELS: f64 = 0.8;

/// Numbers on a working grid, bone bright.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// The given camera with the working grid for a detector.
    pub camera: Camera,
    /// Row after row; NaN where nothing was taken.
    pub values: Vec<f32>,
    /// What one more millimeter of bone adds at each pixel, before the blur; empty for
    /// what was taken.
    pub gains: Vec<f32>,
}

impl Picture {
    /// A radiograph at a coarser pixel, each the mean of what it covers.
    pub(super) fn coarser(pixels: &[f32], from: Camera, pixel_mm: f64) -> Self {
        let camera = working(from, pixel_mm);
        let given = (from.rows, from.columns, from.pixel_spacing_mm);
        let means = coarser(pixels, given, (camera.rows, camera.columns, pixel_mm));
        let values: Vec<f32> = means
            .into_iter()
            .map(|mean| mean.map_or(f32::NAN, |v| v as f32))
            .collect();
        Self {
            camera,
            values: blurred(&values, camera.columns as usize),
            gains: Vec::new(),
        }
    }

    /// Numbers on the grid of a working camera, blurred like the taken ones.
    pub(super) fn simulated(camera: Camera, values: &[f64], gains: Vec<f32>) -> Self {
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        Self {
            camera,
            values: blurred(&values, camera.columns as usize),
            gains,
        }
    }

    /// The value at a place of the detector (x, y in mm), between pixels; NaN
    /// outside of what was taken.
    pub(super) fn at(&self, place: [f64; 2]) -> f32 {
        let [x, y] = self.camera.pixel_of(place);
        let (columns, rows) = (self.camera.columns as usize, self.camera.rows as usize);
        if !(x >= 0.0 && y >= 0.0) {
            return f32::NAN;
        }
        let (left, top) = (x as usize, y as usize);
        if left + 1 >= columns || top + 1 >= rows {
            return f32::NAN;
        }
        let (across, down) = ((x - left as f64) as f32, (y - top as f64) as f32);
        let at = top * columns + left;
        let line = |at: usize| self.values[at] * (1.0 - across) + self.values[at + 1] * across;
        line(at) * (1.0 - down) + line(at + columns) * down
    }

    /// Half of the median size of the differences between neighbors: what a
    /// slope must exceed to be more than noise.
    pub(super) fn noise(&self) -> f32 {
        let columns = self.camera.columns as usize;
        let mut steps: Vec<f32> = self
            .values
            .chunks_exact(columns)
            .flat_map(|row| row.windows(3).step_by(2))
            .map(|w| (w[2] - w[0]).abs())
            .filter(|step| step.is_finite())
            .collect();
        if steps.is_empty() {
            return 0.0;
        }
        let middle = steps.len() / 2;
        let (_, median, _) = steps.select_nth_unstable_by(middle, f32::total_cmp);
        0.5 * *median
    }
}

/// The camera with a coarser grid around the image's middle.
pub(super) fn working(from: Camera, pixel_mm: f64) -> Camera {
    let count = |pixels: u32, spacing: f64, largest: f64| {
        let side = (f64::from(pixels) * spacing).min(largest);
        (side / pixel_mm).floor().max(8.0) as u32
    };
    Camera {
        pixel_spacing_mm: [pixel_mm; 2],
        rows: count(from.rows, from.pixel_spacing_mm[0], LARGEST_MM[0]),
        columns: count(from.columns, from.pixel_spacing_mm[1], LARGEST_MM[1]),
        ..from
    }
}

/// The blur's weights, which sum to one.
pub(super) fn kernel() -> [f32; 7] {
    let mut kernel = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0_f64]
        .map(|k| (-0.5 * (k / BLUR_PIXELS).powi(2)).exp() as f32);
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|share| *share /= sum);
    kernel
}

/// A small Gaussian blur along rows, then columns; what was not taken stays so.
fn blurred(values: &[f32], columns: usize) -> Vec<f32> {
    let kernel = kernel();
    let pass = |from: &[f32], width: usize| -> Vec<f32> {
        // Turned over on the way, so that the next pass runs along the other axis.
        let height = from.len() / width.max(1);
        let mut out = vec![f32::NAN; from.len()];
        for (row, line) in from.chunks_exact(width).enumerate() {
            // Most lines of a simulated picture are empty, and few lack anything.
            if line.iter().all(|value| *value == 0.0) {
                (0..width).for_each(|column| out[column * height + row] = 0.0);
                continue;
            }
            let whole = !line.iter().any(|value| value.is_nan());
            for column in 0..width {
                let within = (3..width.saturating_sub(3)).contains(&column);
                let mixed = if whole && within {
                    let near = &line[column - 3..=column + 3];
                    kernel.iter().zip(near).map(|(k, v)| k * v).sum()
                } else {
                    mean_near(line, column, &kernel)
                };
                out[column * height + row] = mixed;
            }
        }
        out
    };
    let turned = pass(values, columns);
    pass(&turned, values.len() / columns.max(1))
}

/// The mean of what was taken around a place of a line, by the kernel's weights; NaN
/// where nothing was taken at the place itself.
fn mean_near(line: &[f32], column: usize, kernel: &[f32; 7]) -> f32 {
    if line[column].is_nan() {
        return f32::NAN;
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (k, share) in kernel.iter().enumerate() {
        let Some(value) = (column + k).checked_sub(3).and_then(|c| line.get(c)) else {
            continue;
        };
        if !value.is_nan() {
            sum += share * value;
            weight += share;
        }
    }
    sum / weight
}
