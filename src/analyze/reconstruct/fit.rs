//! Does the image show the bones that were reconstructed from it? A judge that
//! trusts no tag and no network: the bones are projected as they are said to
//! lie, and the edges of that image are compared with the edges of the given
//! one.
//!
//! A tone curve changes how strong an edge is, hardly where it lies or which
//! way it faces, so gradients are compared and not intensities.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a field of 128 x 128 pixels"
)]

use super::shot::Shot;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Camera;
use crate::radiography::FIELD_PIXEL_MM;
use crate::radiography::FIELD_PIXELS;
use crate::radiography::PathImage;

/// How far around the projected bones edges are compared, in field pixels.
const BAND: usize = 4;
/// Thickness of the cortex in the simulated image, and what share of the
/// outer surface's weight lies inside it (cancellous against cortical bone).
const CORTEX_MM: f64 = 1.5;
const CANCELLOUS: f64 = 0.2;

/// How well an image fits.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize)]
pub struct Fit(f64);

impl Fit {
    /// The worst that can be: the bones do not even lie in the beam.
    pub const NONE: Self = Self(-1.0);

    /// The correlation of gradients, -1 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

/// The camera of the field: the given one's source, its detector cut to the
/// field.
fn field_camera(camera: Camera, pixel_mm: f64, pixels: u32) -> Camera {
    Camera {
        pixel_spacing_mm: [pixel_mm; 2],
        rows: pixels,
        columns: pixels,
        ..camera
    }
}

/// A bone before the detector. A depth that would put part of it behind the
/// detector is mended along the central ray, which leaves its shadow in place:
/// a single view hardly shows depth, so a small fault there is no reason to
/// refuse.
pub(super) fn before_detector(
    bone: &SurfaceMesh<Model>,
    pose: &Rigid<Model, Detector>,
    camera: Camera,
) -> Result<SurfaceMesh<Detector>, AnalyzeError> {
    let lying = bone.moved(pose);
    let deepest = lying
        .vertices()
        .iter()
        .map(|v| v[2])
        .fold(f64::MIN, f64::max);
    if deepest <= -0.5 {
        return Ok(lying);
    }
    let [[x0, y0, _], [x1, y1, _]] = lying.bounds();
    let middle = [0.5 * (x0 + x1), 0.5 * (y0 + y1)];
    let forward = deepest + 0.5;
    let step = |axis: usize| {
        (camera.principal_point_mm[axis] - middle[axis]) * forward / camera.sid_mm.max(1.0)
    };
    let moved = lying
        .vertices()
        .iter()
        .map(|v| [v[0] + step(0), v[1] + step(1), v[2] - forward])
        .collect();
    Ok(lying.with_vertices(moved)?)
}

/// The path lengths through one bone on a square grid around the image's
/// middle, in millimeters. `None` when it is not in the beam.
pub(super) fn shadow(
    bone: &SurfaceMesh<Detector>,
    camera: Camera,
    pixel_mm: f64,
    pixels: u32,
) -> Option<Vec<f64>> {
    let mut paths = PathImage::new(field_camera(camera, pixel_mm, pixels));
    paths.add(bone, [1.0]).ok()?;
    Some(paths.millimeters(0))
}

/// How well a view fits the bones as they are said to lie in it.
///
/// # Errors
/// [`AnalyzeError::Geometry`].
pub(super) fn fit(
    shot: &Shot,
    forearm: &Forearm<Model>,
    poses: &[Rigid<Model, Detector>; 2],
) -> Result<Fit, AnalyzeError> {
    let side = u32::try_from(FIELD_PIXELS).unwrap_or(128);
    // Two numbers a pixel: the whole bone, and the bone with its spongy inside.
    let mut image = PathImage::new(field_camera(shot.camera, FIELD_PIXEL_MM, side));
    for (bone, pose) in Bone::ALL.into_iter().zip(poses) {
        let outer = before_detector(forearm.bone(bone), pose, shot.camera)?;
        let inside = hollow(&outer)?;
        let added = image
            .add(&outer, [1.0, 1.0])
            .and_then(|()| image.add(&inside, [0.0, CANCELLOUS - 1.0]));
        if added.is_err() {
            return Ok(Fit::NONE);
        }
    }
    let band = band(&image.millimeters(0));
    let simulated = image.millimeters(1);
    let given: Vec<f64> = shot.field.iter().map(|value| f64::from(*value)).collect();
    Ok(correlation(&given, &simulated, &band))
}

/// The surface of the space inside the cortex.
fn hollow(outer: &SurfaceMesh<Detector>) -> Result<SurfaceMesh<Detector>, AnalyzeError> {
    let normals = outer.vertex_normals();
    let inner = outer
        .vertices()
        .iter()
        .zip(normals)
        .map(|(v, n)| [0, 1, 2].map(|axis| v[axis] - CORTEX_MM * n[axis]))
        .collect();
    Ok(outer.with_vertices(inner)?)
}

/// The pixels within [`BAND`] of a bone's shadow.
fn band(paths: &[f64]) -> Vec<bool> {
    let side = FIELD_PIXELS;
    let lit: Vec<bool> = paths.iter().map(|path| *path > 0.1).collect();
    let spread = |from: &[bool], step: usize, place: fn(usize) -> usize| -> Vec<bool> {
        (0..from.len())
            .map(|index| {
                let at = place(index);
                let (low, high) = (at.saturating_sub(BAND), (at + BAND).min(side - 1));
                (low..=high).any(|other| from[index - at * step + other * step])
            })
            .collect()
    };
    let across = spread(&lit, 1, |index| index % FIELD_PIXELS);
    spread(&across, side, |index| index / FIELD_PIXELS)
}

/// Correlation of two images' gradients (central differences) over some pixels:
/// the sum of their dot products over the root of both sums of squares.
fn correlation(given: &[f64], simulated: &[f64], band: &[bool]) -> Fit {
    let side = FIELD_PIXELS;
    let gradient = |image: &[f64], at: usize| {
        [
            image[at + 1] - image[at - 1],
            image[at + side] - image[at - side],
        ]
    };
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    let inner =
        |at: &usize| (1..side - 1).contains(&(at % side)) && (1..side - 1).contains(&(at / side));
    let places = band.iter().enumerate().filter(|(_, inside)| **inside);
    for at in places.map(|(at, _)| at).filter(inner) {
        let (a, b) = (gradient(given, at), gradient(simulated, at));
        both += a[0] * b[0] + a[1] * b[1];
        first += a[0] * a[0] + a[1] * a[1];
        second += b[0] * b[0] + b[1] * b[1];
    }
    let scale = (first * second).sqrt();
    if scale > 0.0 {
        Fit(both / scale)
    } else {
        Fit::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(middle: f64) -> Vec<f64> {
        let side = FIELD_PIXELS;
        let at = |index: usize| {
            let (x, y) = ((index % side) as f64 - middle, (index / side) as f64 - 64.0);
            (30.0 - x.hypot(y)).clamp(0.0, 4.0)
        };
        (0..side * side).map(at).collect()
    }

    #[test]
    fn the_same_edges_fit_whatever_the_tone() {
        let (image, everywhere) = (disk(64.0), vec![true; FIELD_PIXELS * FIELD_PIXELS]);
        let toned: Vec<f64> = image.iter().map(|v| (0.2 + v).sqrt()).collect();
        assert!((correlation(&image, &image, &everywhere).get() - 1.0).abs() < 1e-12);
        assert!(correlation(&toned, &image, &everywhere).get() > 0.8);
        let inverted: Vec<f64> = image.iter().map(|v| -v).collect();
        assert!((correlation(&inverted, &image, &everywhere).get() + 1.0).abs() < 1e-12);
        assert!(correlation(&disk(80.0), &image, &everywhere).get() < 0.3);
        let flat = vec![1.0; image.len()];
        assert_eq!(correlation(&flat, &image, &everywhere), Fit::NONE);
    }

    #[test]
    fn the_band_reaches_around_the_shadow() {
        let mut paths = vec![0.0; FIELD_PIXELS * FIELD_PIXELS];
        paths[10 * FIELD_PIXELS + 20] = 5.0;
        let band = band(&paths);
        assert_eq!(
            band.iter().filter(|inside| **inside).count(),
            (2 * BAND + 1).pow(2)
        );
        assert!(band[(10 + BAND) * FIELD_PIXELS + 20 - BAND]);
    }
}
