//! What a detector caught behind path lengths that were made elsewhere (through
//! volumes, say), and the two images that an apparatus makes of it: For
//! Processing, linear in the logarithm, and For Presentation, with a tone curve.
//! Both show the same noise. A collimator may cover the detector's border.

use super::Camera;
use super::Exposure;
use super::Photometric;
use super::RadiographyError;
use super::expose::WHITE;
use super::expose::caught;
use super::expose::pixel;
use super::expose::tone;

/// What the logarithm of the open beam is in an image For Processing.
pub const PROCESSING_ZERO: f64 = 300.0;
/// How many values one unit of the natural logarithm is there.
pub const PROCESSING_PER_UNIT: f64 = 600.0;
/// What lead lets by.
const LEAK: f64 = 0.002;

/// How many millimeters of water and of cortical bone each pixel's ray runs
/// through, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Millimeters of water.
    pub water_mm: Vec<f64>,
    /// Millimeters of cortical bone.
    pub bone_mm: Vec<f64>,
}

/// The rectangle that a collimator leaves open, on the detector.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Collimation {
    /// Its least x and y.
    pub low_mm: [f64; 2],
    /// Its largest x and y.
    pub high_mm: [f64; 2],
    /// Over how much its edge fades.
    pub edge_mm: f64,
}

impl Collimation {
    /// The share of the beam that comes by, pixel by pixel.
    fn open(&self, camera: &Camera) -> Vec<f64> {
        let along = |axis: usize, count: u32| -> Vec<f64> {
            (0..count)
                .map(|number| {
                    let pixel = [f64::from(number); 2];
                    let place = camera.place_of(pixel)[axis];
                    let inside = (place - self.low_mm[axis]).min(self.high_mm[axis] - place);
                    let part = (inside / self.edge_mm.max(1e-6) + 0.5).clamp(0.0, 1.0);
                    part * part * (3.0 - 2.0 * part)
                })
                .collect()
        };
        let (across, down) = (along(0, camera.columns), along(1, camera.rows));
        down.iter()
            .flat_map(|y| across.iter().map(move |x| LEAK + (1.0 - LEAK) * x * y))
            .collect()
    }
}

/// What a detector caught.
#[derive(Debug, Clone, PartialEq)]
pub struct Detected {
    /// Shares of the open beam.
    beam: Vec<f64>,
    /// How much of the beam the collimator let by.
    open: Option<Vec<f64>>,
    exposure: Exposure,
}

impl Detected {
    /// Exposes a detector.
    ///
    /// # Errors
    /// [`RadiographyError::Setting`] for an impossible camera,
    /// [`RadiographyError::PixelCount`] for paths of another image.
    pub fn new(
        paths: Paths,
        camera: Camera,
        exposure: Exposure,
        collimation: Option<&Collimation>,
    ) -> Result<Self, RadiographyError> {
        let camera = camera.checked()?;
        let pixels = camera.rows as usize * camera.columns as usize;
        for given in [paths.water_mm.len(), paths.bone_mm.len()] {
            if given != pixels {
                return Err(RadiographyError::PixelCount {
                    given,
                    rows: camera.rows,
                    columns: camera.columns,
                });
            }
        }
        let open = collimation.map(|collimation| collimation.open(&camera));
        Ok(Self {
            beam: caught(
                &paths.water_mm,
                paths.bone_mm,
                open.as_deref(),
                &camera,
                &exposure,
            ),
            open,
            exposure,
        })
    }

    /// The 12-bit pixels as a workstation shows them: a tone curve, and black
    /// where the collimator covers.
    #[must_use]
    pub fn for_presentation(&self) -> Vec<u16> {
        tone(&self.beam, self.open.as_deref(), &self.exposure)
    }

    /// The 12-bit pixels before that: [`PROCESSING_PER_UNIT`] times minus the
    /// natural logarithm of the beam's share, plus [`PROCESSING_ZERO`], the
    /// darker the more for MONOCHROME2. What the collimator covers is bright.
    #[must_use]
    pub fn for_processing(&self) -> Vec<u16> {
        let value = |share: &f64| {
            let value = PROCESSING_ZERO - PROCESSING_PER_UNIT * share.ln();
            match self.exposure.photometric {
                Photometric::Monochrome2 => pixel(value),
                Photometric::Monochrome1 => pixel(WHITE - value),
            }
        };
        self.beam.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::radiography::Scene;
    use crate::radiography::expose;

    fn camera() -> Camera {
        Camera {
            sid_mm: 1000.0,
            oid_mm: 0.0,
            principal_point_mm: [0.0; 2],
            pixel_spacing_mm: [0.5; 2],
            rows: 40,
            columns: 60,
        }
    }

    fn water(mm: f64) -> Paths {
        Paths {
            water_mm: vec![mm; 2400],
            bone_mm: vec![0.0; 2400],
        }
    }

    #[test]
    fn an_empty_beam_is_what_an_empty_scene_is() {
        let exposure = Exposure::ordinary(4);
        let caught = Detected::new(water(0.0), camera(), exposure, None).unwrap();
        let scene = expose(&Scene::new(), camera(), &exposure).unwrap();
        assert_eq!(caught.for_presentation(), scene);
    }

    #[test]
    fn for_processing_is_linear_in_the_logarithm() {
        let quiet = Exposure {
            photons_per_mm2: 1e9,
            scatter: 0.0,
            ..Exposure::ordinary(1)
        };
        let mean = |mm| {
            let caught = Detected::new(water(mm), camera(), quiet, None).unwrap();
            let pixels = caught.for_processing();
            pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / 2400.0
        };
        assert!((mean(0.0) - PROCESSING_ZERO).abs() < 0.5);
        // The three energies' mean attenuation of water, hardened over 10 mm.
        let unit = (mean(10.0) - mean(0.0)) / PROCESSING_PER_UNIT;
        assert!((0.28..0.31).contains(&unit), "{unit}");
    }

    #[test]
    fn a_collimator_leaves_a_bright_window_with_black_around() {
        let window = Collimation {
            low_mm: [-5.0, -6.0],
            high_mm: [8.0, 6.0],
            edge_mm: 1.0,
        };
        for photometric in [Photometric::Monochrome1, Photometric::Monochrome2] {
            let exposure = Exposure {
                photometric,
                ..Exposure::ordinary(2)
            };
            let mut paths = water(30.0);
            paths.water_mm[20 * 60 + 30] = 60.0;
            let caught = Detected::new(paths, camera(), exposure, Some(&window)).unwrap();
            let pixels = caught.for_presentation();
            let dark = |row: usize, column: usize| match photometric {
                Photometric::Monochrome1 => 4095 - pixels[row * 60 + column],
                Photometric::Monochrome2 => pixels[row * 60 + column],
            };
            assert!(dark(20, 5) < 80 && dark(20, 55) < 80 && dark(2, 30) < 80);
            assert!(dark(20, 24) > 400, "{}", dark(20, 24));
        }
    }

    #[test]
    fn paths_of_another_image_are_refused() {
        let mut paths = water(1.0);
        paths.bone_mm.pop();
        assert!(Detected::new(paths, camera(), Exposure::ordinary(1), None).is_err());
    }
}
