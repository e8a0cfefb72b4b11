//! A simulated radiograph: what a detector shows of a scene.
//!
//! Two materials (water and cortical bone) at three photon energies stand for
//! the spectrum, so that bone hardens the beam; mass attenuation coefficients
//! are those of NIST's XCOM tables (water, cortical bone of ICRU-44 at
//! 1.92 g/cm3). Scatter is a wide blur of the primary beam, noise that of
//! counted photons, blur a Gaussian, and the tone curve a sigmoid of the
//! attenuation between percentiles of the body, as "for presentation" images
//! have it. It looks like a radiograph and is none: no apparatus was measured.

use serde::Deserialize;
use serde::Serialize;

use super::Camera;
use super::PathImage;
use super::RadiographyError;
use super::Random;
use super::marker;
use crate::geometry::Detector;
use crate::geometry::SurfaceMesh;

/// Photon energies of 30, 40 and 50 keV: share of the detected beam, then
/// attenuation per millimeter of water and of cortical bone.
const SPECTRUM: [(f64, f64, f64); 3] = [
    (0.35, 0.037_56, 0.2556),
    (0.40, 0.026_83, 0.1278),
    (0.25, 0.022_69, 0.0814),
];
/// How far scattered photons spread.
const SCATTER_SIGMA_MM: f64 = 14.0;
/// The largest value of a pixel: 12 bits.
pub(super) const WHITE: f64 = 4095.0;

/// What something is made of, as parts by volume of water and cortical bone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tissue {
    /// Millimeters of water that one millimeter weakens the beam like.
    pub water: f64,
    /// Millimeters of cortical bone that one millimeter weakens the beam like, besides.
    pub bone: f64,
}

impl Tissue {
    /// Nothing.
    pub const AIR: Self = Self {
        water: 0.0,
        bone: 0.0,
    };
    /// Muscle, skin and tendon.
    pub const SOFT: Self = Self {
        water: 1.03,
        bone: 0.0,
    };
    /// Compact bone.
    pub const CORTEX: Self = Self {
        water: 0.0,
        bone: 1.0,
    };
    /// Spongy bone and marrow of the distal radius.
    pub const CANCELLOUS: Self = Self {
        water: 0.88,
        bone: 0.13,
    };
}

/// Closed surfaces and what is inside them.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    parts: Vec<(SurfaceMesh<Detector>, Tissue)>,
}

impl Scene {
    /// An empty room.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The inside of a surface, until now of one tissue, is of another.
    pub fn fill(&mut self, mesh: SurfaceMesh<Detector>, before: Tissue, after: Tissue) {
        let change = Tissue {
            water: after.water - before.water,
            bone: after.bone - before.bone,
        };
        self.parts.push((mesh, change));
    }
}

/// Whether larger values are brighter or darker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Photometric {
    /// Bone has small values (MONOCHROME1).
    #[serde(rename = "MONOCHROME1")]
    Monochrome1,
    /// Bone has large values (MONOCHROME2).
    #[serde(rename = "MONOCHROME2")]
    Monochrome2,
}

/// How an exposure is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Where its noise comes from.
    pub seed: u64,
    /// Photons that reach a square millimeter of the detector where nothing stands.
    pub photons_per_mm2: f64,
    /// Scattered photons for each primary one, on average.
    pub scatter: f64,
    /// SD of the detector's blur.
    pub blur_mm: f64,
    /// Steepness of the tone curve.
    pub contrast: f64,
    /// Shift of the tone curve; positive is brighter bone.
    pub brightness: f64,
    /// Which way the values run.
    pub photometric: Photometric,
    /// A lead letter and where its middle lies on the detector (x, y).
    pub marker: Option<(char, [f64; 2])>,
}

impl Exposure {
    /// An ordinary exposure.
    #[must_use]
    pub const fn ordinary(seed: u64) -> Self {
        Self {
            seed,
            photons_per_mm2: 60_000.0,
            scatter: 0.25,
            blur_mm: 0.12,
            contrast: 2.2,
            brightness: 0.0,
            photometric: Photometric::Monochrome2,
            marker: None,
        }
    }
}

/// The 12-bit pixels of a scene before a camera, row after row.
///
/// # Errors
/// [`RadiographyError::Setting`] for an impossible camera,
/// [`RadiographyError::OutOfBeam`] for an object outside the beam.
pub fn expose(
    scene: &Scene,
    camera: Camera,
    exposure: &Exposure,
) -> Result<Vec<u16>, RadiographyError> {
    let camera = camera.checked()?;
    let mut paths = PathImage::new(camera);
    for (mesh, change) in &scene.parts {
        paths.add(mesh, [change.water, change.bone])?;
    }
    let beam = caught(
        &paths.millimeters(0),
        paths.millimeters(1),
        None,
        &camera,
        exposure,
    );
    Ok(tone(&beam, None, exposure))
}

/// The photons that a detector counts behind millimeters of water and bone, as
/// shares of the open beam. `open` is how much of the beam a collimator lets by.
pub(super) fn caught(
    water_mm: &[f64],
    mut bone_mm: Vec<f64>,
    open: Option<&[f64]>,
    camera: &Camera,
    exposure: &Exposure,
) -> Vec<f64> {
    if let Some((letter, middle)) = exposure.marker {
        marker::lay(camera, letter, middle, &mut bone_mm);
    }
    let mut beam: Vec<f64> = water_mm
        .iter()
        .zip(&bone_mm)
        .map(|(water, bone)| transmitted(water.max(0.0), bone.max(0.0)))
        .collect();
    if let Some(open) = open {
        beam.iter_mut().zip(open).for_each(|(v, open)| *v *= open);
    }
    scatter(&mut beam, camera, exposure.scatter);
    blur(&mut beam, camera, exposure.blur_mm);
    count(&mut beam, camera, exposure);
    beam
}

/// The part of the beam that gets through.
fn transmitted(water_mm: f64, bone_mm: f64) -> f64 {
    SPECTRUM
        .iter()
        .map(|(share, water, bone)| share * (-(water * water_mm + bone * bone_mm)).exp())
        .sum()
}

/// Adds scattered photons: the primary beam, blurred widely on a coarse grid.
fn scatter(beam: &mut [f64], camera: &Camera, amount: f64) {
    let (rows, columns) = (camera.rows as usize, camera.columns as usize);
    let step = usize::max(1, count_of(2.5 / camera.pixel_spacing_mm[0]));
    let (coarse_rows, coarse_columns) = (rows.div_ceil(step), columns.div_ceil(step));
    let mut coarse = vec![0.0; coarse_rows * coarse_columns];
    let mut seen = vec![0.0; coarse.len()];
    for (row, line) in beam.chunks_exact(columns).enumerate() {
        for (column, value) in line.iter().enumerate() {
            let cell = row / step * coarse_columns + column / step;
            coarse[cell] += value;
            seen[cell] += 1.0;
        }
    }
    for (cell, n) in coarse.iter_mut().zip(&seen) {
        *cell /= n;
    }
    let sigma = SCATTER_SIGMA_MM / (camera.pixel_spacing_mm[0] * float(step));
    let wide = gaussian(&coarse, coarse_columns, sigma);
    for (row, line) in beam.chunks_exact_mut(columns).enumerate() {
        let y = (float(row) + 0.5) / float(step) - 0.5;
        for (column, value) in line.iter_mut().enumerate() {
            let x = (float(column) + 0.5) / float(step) - 0.5;
            *value += amount * between(&wide, coarse_columns, coarse_rows, x, y);
        }
    }
}

/// The value between four cells of a grid.
fn between(grid: &[f64], columns: usize, rows: usize, x: f64, y: f64) -> f64 {
    let clamp = |v: f64, n: usize| v.clamp(0.0, float(n - 1));
    let (x, y) = (clamp(x, columns), clamp(y, rows));
    let (left, top) = (count_of(x.floor()), count_of(y.floor()));
    let (right, below) = ((left + 1).min(columns - 1), (top + 1).min(rows - 1));
    let (across, down) = (x - x.floor(), y - y.floor());
    let line = |row: usize| {
        grid[row * columns + left] * (1.0 - across) + grid[row * columns + right] * across
    };
    line(top) * (1.0 - down) + line(below) * down
}

fn blur(beam: &mut Vec<f64>, camera: &Camera, sigma_mm: f64) {
    let sigma = sigma_mm / camera.pixel_spacing_mm[0];
    if sigma > 0.15 {
        *beam = gaussian(beam, camera.columns as usize, sigma);
    }
}

/// A Gaussian blur along rows, then along columns; the border repeats.
fn gaussian(image: &[f64], columns: usize, sigma: f64) -> Vec<f64> {
    let reach = count_of((3.0 * sigma).ceil()).max(1);
    let mut kernel: Vec<f64> = (0..=2 * reach)
        .map(|i| (-0.5 * ((float(i) - float(reach)) / sigma).powi(2)).exp())
        .collect();
    let total: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= total);
    let rows = image.len() / columns;
    let mut turned = vec![0.0; image.len()];
    let mut padded = Vec::new();
    smear(
        image,
        columns,
        &kernel,
        &mut padded,
        |row, column, value| {
            turned[column * rows + row] = value;
        },
    );
    let mut out = vec![0.0; image.len()];
    smear(&turned, rows, &kernel, &mut padded, |column, row, value| {
        out[row * columns + column] = value;
    });
    out
}

/// Folds every line of an image with a kernel.
fn smear(
    image: &[f64],
    columns: usize,
    kernel: &[f64],
    padded: &mut Vec<f64>,
    mut put: impl FnMut(usize, usize, f64),
) {
    let reach = kernel.len() / 2;
    for (row, line) in image.chunks_exact(columns).enumerate() {
        let (Some(first), Some(last)) = (line.first(), line.last()) else {
            continue;
        };
        padded.clear();
        padded.extend(std::iter::repeat_n(*first, reach));
        padded.extend_from_slice(line);
        padded.extend(std::iter::repeat_n(*last, reach));
        for (column, window) in padded.windows(kernel.len()).enumerate() {
            put(
                row,
                column,
                window.iter().zip(kernel).map(|(v, k)| v * k).sum(),
            );
        }
    }
}

/// Counts photons: the noise of a Poisson process, near enough at these numbers.
fn count(beam: &mut [f64], camera: &Camera, exposure: &Exposure) {
    let area = camera.pixel_spacing_mm[0] * camera.pixel_spacing_mm[1];
    let full = exposure.photons_per_mm2 * area;
    let mut random = Random::new(exposure.seed, 0x0051_7E00);
    for value in beam {
        let photons = *value * full;
        *value = (photons + photons.sqrt() * random.normal()).max(1.0) / full;
    }
}

/// Turns what was detected into values, as a workstation shows it: what the
/// collimator covers is black.
pub(super) fn tone(beam: &[f64], open: Option<&[f64]>, exposure: &Exposure) -> Vec<u16> {
    let share = |index: usize| open.map_or(1.0, |open| open[index]);
    // A collimator's edge is not seen as something dense.
    let dense: Vec<f64> = match open {
        None => beam.iter().map(|v| -v.ln()).collect(),
        Some(open) => beam
            .iter()
            .zip(open)
            .map(|(v, open)| -(v / open.max(0.02)).ln())
            .collect(),
    };
    // The body is what weakens the beam at all; where there is none, everything is.
    let mut body: Vec<f64> = dense
        .iter()
        .copied()
        .enumerate()
        .step_by(7)
        .filter(|(index, d)| *d > 0.1 && share(*index) > 0.9)
        .map(|(_, d)| d)
        .collect();
    if body.len() < 16 {
        body = dense.iter().copied().step_by(7).collect();
    }
    body.sort_by(f64::total_cmp);
    let rank = |part: f64| body[count_of(part * float(body.len() - 1))];
    let (low, high) = (rank(0.05), rank(0.99));
    let (middle, half) = (0.5 * (low + high), (0.5 * (high - low)).max(0.05));
    dense
        .iter()
        .enumerate()
        .map(|(index, d)| {
            let x = (d - middle) / half + exposure.brightness;
            let bright = share(index) / (1.0 + (-exposure.contrast * x).exp());
            let value = match exposure.photometric {
                Photometric::Monochrome2 => bright,
                Photometric::Monochrome1 => 1.0 - bright,
            };
            pixel(value * WHITE)
        })
        .collect()
}

/// The nearest 12-bit value.
pub(super) fn pixel(value: f64) -> u16 {
    let value = value.round().clamp(0.0, WHITE);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 12 bits in the line above"
    )]
    let pixel = value as u16;
    pixel
}

#[allow(clippy::cast_precision_loss, reason = "image sizes are far below 2^52")]
const fn float(count: usize) -> f64 {
    count as f64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nonnegative and bounded by an image's size; `as` saturates"
)]
const fn count_of(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::block::block;

    fn camera() -> Camera {
        Camera {
            sid_mm: 1000.0,
            oid_mm: 30.0,
            principal_point_mm: [0.0, 0.0],
            pixel_spacing_mm: [0.5, 0.5],
            rows: 96,
            columns: 80,
        }
    }

    /// A closed prism of these half sizes, its middle 30 mm before the detector.
    fn prism(half: [f64; 3], tissue: (Tissue, Tissue), scene: &mut Scene) {
        let [x, y, z] = half;
        let mesh = block([-x, -y, -z - 30.0], [x, y, z - 30.0]);
        scene.fill(mesh, tissue.0, tissue.1);
    }

    fn wrist() -> Scene {
        let mut scene = Scene::new();
        prism([15.0, 30.0, 20.0], (Tissue::AIR, Tissue::SOFT), &mut scene);
        prism([5.0, 30.0, 6.0], (Tissue::SOFT, Tissue::CORTEX), &mut scene);
        scene
    }

    #[test]
    fn beer_and_lambert_agree() {
        assert!((transmitted(0.0, 0.0) - 1.0).abs() < 1e-12);
        let one = transmitted(10.0, 0.0);
        assert!(
            one < 1.0 && transmitted(20.0, 0.0) > one * one,
            "the beam hardens"
        );
        assert!(transmitted(0.0, 5.0) < transmitted(5.0, 0.0));
    }

    #[test]
    fn bone_is_brighter_than_flesh_and_flesh_than_air() {
        let pixels = expose(&wrist(), camera(), &Exposure::ordinary(1)).unwrap();
        let mean = |from: usize, to: usize| {
            let values: Vec<f64> = (40..56)
                .flat_map(|row| (from..to).map(move |column| row * 80 + column))
                .map(|i| f64::from(pixels[i]))
                .collect();
            values.iter().sum::<f64>() / 256.0 * 256.0 / float(values.len())
        };
        let (air, flesh, bone) = (mean(0, 6), mean(15, 25), mean(36, 44));
        assert!(
            bone > flesh + 500.0 && flesh > air + 100.0,
            "{air} {flesh} {bone}"
        );
        assert!(pixels.iter().all(|p| *p <= 4095));
    }

    #[test]
    fn monochrome1_is_the_same_image_turned_over() {
        let plain = Exposure::ordinary(5);
        let turned = Exposure {
            photometric: Photometric::Monochrome1,
            ..plain
        };
        let a = expose(&wrist(), camera(), &plain).unwrap();
        let b = expose(&wrist(), camera(), &turned).unwrap();
        assert!(
            a.iter()
                .zip(&b)
                .all(|(a, b)| (i32::from(*a) + i32::from(*b) - 4095).abs() <= 1)
        );
    }

    #[test]
    fn a_seed_decides_the_noise_and_nothing_else() {
        let image = |seed| expose(&wrist(), camera(), &Exposure::ordinary(seed)).unwrap();
        assert_eq!(image(1), image(1));
        assert_ne!(image(1), image(2));
    }

    #[test]
    fn fewer_photons_are_noisier() {
        let noise = |photons| {
            let exposure = Exposure {
                photons_per_mm2: photons,
                blur_mm: 0.0,
                ..Exposure::ordinary(3)
            };
            let pixels = expose(&wrist(), camera(), &exposure).unwrap();
            let steps: Vec<f64> = (0..8)
                .map(|i| f64::from(pixels[40 * 80 + 36 + i]) - f64::from(pixels[41 * 80 + 36 + i]))
                .collect();
            steps.iter().map(|s| s * s).sum::<f64>()
        };
        assert!(noise(1000.0) > 4.0 * noise(100_000.0));
    }

    #[test]
    fn an_empty_scene_and_an_impossible_camera_do_not_panic() {
        assert!(expose(&Scene::new(), camera(), &Exposure::ordinary(1)).is_ok());
        let broken = Camera {
            sid_mm: -1.0,
            ..camera()
        };
        assert!(expose(&wrist(), broken, &Exposure::ordinary(1)).is_err());
    }
}
