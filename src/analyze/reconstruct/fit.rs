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

/// How far a bone must be moved so that none of it lies behind the detector:
/// along the central ray, which leaves its shadow in place. A single view hardly
/// shows depth, so a small fault there is no reason to refuse.
fn mending(bone: &SurfaceMesh<Model>, pose: &Rigid<Model, Detector>, camera: Camera) -> [f64; 3] {
    let lying = bone.vertices().iter().map(|v| pose.move_xyz(*v));
    let (mut low, mut high) = ([f64::MAX; 3], [f64::MIN; 3]);
    for place in lying {
        for axis in 0..3 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis]);
        }
    }
    let forward = (high[2] + 0.5).max(0.0);
    let step = |axis: usize| {
        let middle = 0.5 * (low[axis] + high[axis]);
        (camera.principal_point_mm[axis] - middle) * forward / camera.sid_mm.max(1.0)
    };
    [step(0), step(1), -forward]
}

/// A bone led to its place and moved on by a step.
fn placed(
    bone: &SurfaceMesh<Model>,
    pose: &Rigid<Model, Detector>,
    step: [f64; 3],
) -> Result<SurfaceMesh<Detector>, AnalyzeError> {
    let lying = bone.vertices().iter().map(|v| pose.move_xyz(*v));
    let places = lying.map(|v| [v[0] + step[0], v[1] + step[1], v[2] + step[2]]);
    Ok(SurfaceMesh::new(
        places.collect(),
        bone.triangles().to_vec(),
    )?)
}

/// A bone before the detector, none of it behind.
///
/// # Errors
/// [`AnalyzeError::Geometry`].
pub(super) fn before_detector(
    bone: &SurfaceMesh<Model>,
    pose: &Rigid<Model, Detector>,
    camera: Camera,
) -> Result<SurfaceMesh<Detector>, AnalyzeError> {
    placed(bone, pose, mending(bone, pose, camera))
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

/// The bones with the space inside their cortex, ready to be projected.
pub(super) struct Cast {
    outer: [SurfaceMesh<Model>; 2],
    inside: [SurfaceMesh<Model>; 2],
}

impl Cast {
    /// The bones of a forearm.
    ///
    /// # Errors
    /// [`AnalyzeError::Geometry`].
    pub(super) fn new(forearm: &Forearm<Model>) -> Result<Self, AnalyzeError> {
        let [radius, ulna] = Bone::ALL.map(|bone| forearm.bone(bone));
        Ok(Self {
            outer: [radius.clone(), ulna.clone()],
            inside: [hollow(radius)?, hollow(ulna)?],
        })
    }

    /// The outer surface of one of them.
    pub(super) fn outer(&self, bone: usize) -> &SurfaceMesh<Model> {
        &self.outer[bone]
    }

    /// One bone's part of a view's image, as it is said to lie; `None` when it
    /// is not in the beam.
    ///
    /// # Errors
    /// [`AnalyzeError::Geometry`].
    pub(super) fn project(
        &self,
        shot: &Shot,
        bone: usize,
        pose: &Rigid<Model, Detector>,
    ) -> Result<Option<Part>, AnalyzeError> {
        let side = u32::try_from(FIELD_PIXELS).unwrap_or(128);
        // Two numbers a pixel: the whole bone, and the bone with its spongy inside.
        let mut image = PathImage::<2>::new(field_camera(shot.camera, FIELD_PIXEL_MM, side));
        let step = mending(&self.outer[bone], pose, shot.camera);
        let outer = placed(&self.outer[bone], pose, step)?;
        let inside = placed(&self.inside[bone], pose, step)?;
        let added = image
            .add(&outer, [1.0, 1.0])
            .and_then(|()| image.add(&inside, [0.0, CANCELLOUS - 1.0]));
        Ok(added.is_ok().then(|| Part {
            whole: image.millimeters(0),
            shown: image.millimeters(1),
        }))
    }
}

/// What one bone adds to a simulated image, a number a field pixel: the path
/// through all of it, and the path weighed by what it is made of.
#[derive(Clone)]
pub(super) struct Part {
    whole: Vec<f64>,
    shown: Vec<f64>,
}

/// How well a view fits two bones' parts of its simulated image, by edges over
/// `reach` field pixels to each side.
pub(super) fn fit(shot: &Shot, parts: [&Option<Part>; 2], reach: usize) -> Fit {
    let [Some(radius), Some(ulna)] = parts else {
        return Fit::NONE;
    };
    let sum = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    let band = band(&sum(&radius.whole, &ulna.whole));
    correlation(&shot.field, &sum(&radius.shown, &ulna.shown), &band, reach)
}

/// The surface of the space inside the cortex.
fn hollow(outer: &SurfaceMesh<Model>) -> Result<SurfaceMesh<Model>, AnalyzeError> {
    let normals = outer.vertex_normals();
    let inner = outer
        .vertices()
        .iter()
        .zip(normals)
        .map(|(v, n)| [0, 1, 2].map(|axis| v[axis] - CORTEX_MM * n[axis]))
        .collect();
    Ok(outer.with_vertices(inner)?)
}

/// How alike two fields are: the correlation of their pixels, -1 to 1.
pub(super) fn likeness(first: &[f32], second: &[f32]) -> f64 {
    let mean = |field: &[f32]| {
        field.iter().map(|value| f64::from(*value)).sum::<f64>() / field.len().max(1) as f64
    };
    let (of_first, of_second) = (mean(first), mean(second));
    let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (f64::from(*a) - of_first, f64::from(*b) - of_second);
        both += a * b;
        one += a * a;
        other += b * b;
    }
    let scale = (one * other).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

/// The pixels within [`BAND`] of a bone's shadow.
fn band(paths: &[f64]) -> Vec<bool> {
    let lit: Vec<bool> = paths.iter().map(|path| *path > 0.1).collect();
    dilated(&lit, FIELD_PIXELS, BAND)
}

/// The pixels of an image within so many rows and columns of lit ones.
pub(super) fn dilated(lit: &[bool], columns: usize, reach: usize) -> Vec<bool> {
    let spread = |from: &[bool], step: usize, length: usize| -> Vec<bool> {
        (0..from.len())
            .map(|pixel| {
                let at = pixel / step % length;
                let (low, high) = (at.saturating_sub(reach), (at + reach).min(length - 1));
                (low..=high).any(|other| from[pixel - at * step + other * step])
            })
            .collect()
    };
    spread(
        &spread(lit, 1, columns),
        columns,
        lit.len() / columns.max(1),
    )
}

/// Correlation of two images' gradients (differences over `reach` pixels to each
/// side) over some pixels: the sum of their dot products over the root of both
/// sums of squares.
fn correlation(given: &[f32], simulated: &[f64], band: &[bool], reach: usize) -> Fit {
    let side = FIELD_PIXELS;
    let slope = |at: usize, step: usize| {
        let (before, after) = (at - reach * step, at + reach * step);
        let first = f64::from(given[after]) - f64::from(given[before]);
        (first, simulated[after] - simulated[before])
    };
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    let inner = reach..side - reach;
    for row in inner.clone() {
        for column in inner.clone() {
            let at = row * side + column;
            if !band.get(at).copied().unwrap_or(false) {
                continue;
            }
            for step in [1, side] {
                let (a, b) = slope(at, step);
                both += a * b;
                first += a * a;
                second += b * b;
            }
        }
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
        let correlation = |given: &[f64], simulated: &[f64], band: &[bool]| {
            let given: Vec<f32> = given.iter().map(|value| *value as f32).collect();
            correlation(&given, simulated, band, 1)
        };
        let toned: Vec<f64> = image.iter().map(|v| (0.2 + v).sqrt()).collect();
        assert!((correlation(&image, &image, &everywhere).get() - 1.0).abs() < 1e-6);
        assert!(correlation(&toned, &image, &everywhere).get() > 0.8);
        let inverted: Vec<f64> = image.iter().map(|v| -v).collect();
        assert!((correlation(&inverted, &image, &everywhere).get() + 1.0).abs() < 1e-6);
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
