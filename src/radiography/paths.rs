//! How far each ray runs through a closed surface (the L-buffer).
//!
//! Every triangle adds, at each pixel that it covers, the distance at which the
//! ray leaves (facing away from the source) or takes the distance at which it
//! enters. What remains is the exact length inside. After Vidal et al.,
//! "Simulation of X-ray attenuation on the GPU", TPCG 2009.
//!
//! A pixel whose ray meets a shared edge or corner belongs to exactly one of
//! the triangles around it (a top-left fill rule on fixed-point corners);
//! otherwise such a path would be counted up to six times.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "fixed-point pixel coordinates, bounded by the image before each cast"
)]

use super::Camera;
use super::RadiographyError;
use super::fill::Filled;
use super::fill::STEPS;
use crate::geometry::Detector;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;

/// Sums of weighted path lengths, `N` numbers a pixel, in millimeters: one for
/// each material that surfaces are weighed by.
#[derive(Debug, Clone, PartialEq)]
pub struct PathImage<const N: usize> {
    camera: Camera,
    /// Path lengths as multiples of the length of the pixel's whole ray.
    parts: Vec<[f64; N]>,
}

impl<const N: usize> PathImage<N> {
    /// An empty beam.
    #[must_use]
    pub fn new(camera: Camera) -> Self {
        let pixels = camera.rows as usize * camera.columns as usize;
        Self {
            camera,
            parts: vec![[0.0; N]; pixels],
        }
    }

    /// Adds the paths through a closed surface, times a weight for each material.
    ///
    /// # Errors
    /// [`RadiographyError::OutOfBeam`] when a vertex is not between source and
    /// detector.
    pub fn add(
        &mut self,
        mesh: &SurfaceMesh<Detector>,
        weights: [f64; N],
    ) -> Result<(), RadiographyError> {
        let camera = self.camera;
        let corners = corners(mesh, &camera)?;
        for triangle in mesh.triangles() {
            cover(
                &camera,
                triangle.map(|v| corners[v as usize]),
                |pixel, sign, _, whole| {
                    let part = sign / whole;
                    for (sum, weight) in self.parts[pixel].iter_mut().zip(weights) {
                        *sum += weight * part;
                    }
                },
            );
        }
        Ok(())
    }

    /// The sums of one material in millimeters, row after row. What rounding
    /// made a little smaller than zero is kept as it is.
    #[must_use]
    pub fn millimeters(&self, material: usize) -> Vec<f64> {
        let columns = self.camera.columns as usize;
        let [px, py] = self.camera.principal_point_mm;
        self.parts
            .iter()
            .enumerate()
            .map(|(index, parts)| {
                let part = parts.get(material).copied().unwrap_or(0.0);
                if part == 0.0 {
                    return 0.0;
                }
                let pixel = [(index % columns) as f64, (index / columns) as f64];
                let [x, y] = self.camera.place_of(pixel);
                let sid = self.camera.sid_mm;
                part * ((x - px).powi(2) + (y - py).powi(2) + sid * sid).sqrt()
            })
            .collect()
    }
}

/// Where a ray goes through a triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// The pixel that the ray ends at, row after row.
    pub pixel: usize,
    /// The triangle.
    pub triangle: usize,
    /// The share of each of its corners in the place; they sum to one.
    pub shares: [f64; 3],
    /// 1 where the ray leaves what the surface encloses, -1 where it enters.
    pub sign: f64,
}

/// Every place where a ray to a pixel's center goes through a surface, by the
/// same rule as [`PathImage::add`].
///
/// # Errors
/// As [`PathImage::add`].
pub fn crossings(
    mesh: &SurfaceMesh<Detector>,
    camera: &Camera,
    mut each: impl FnMut(Crossing),
) -> Result<(), RadiographyError> {
    let corners = corners(mesh, camera)?;
    for (number, triangle) in mesh.triangles().iter().enumerate() {
        cover(
            camera,
            triangle.map(|v| corners[v as usize]),
            |pixel, sign, shares, whole| {
                each(Crossing {
                    pixel,
                    triangle: number,
                    shares: shares.map(|share| share / whole),
                    sign,
                });
            },
        );
    }
    Ok(())
}

/// The vertices on the detector.
fn corners(mesh: &SurfaceMesh<Detector>, camera: &Camera) -> Result<Vec<Corner>, RadiographyError> {
    mesh.vertices()
        .iter()
        .map(|vertex| {
            let ahead = vertex[2] + camera.sid_mm;
            let [column, row] = camera
                .project(Point::new(*vertex))
                .filter(|_| vertex[2] <= 0.0)
                .ok_or(RadiographyError::OutOfBeam)?;
            let fixed = [column, row].map(|v| (v * STEPS).round());
            if fixed.iter().any(|v| v.abs() > 1e9) {
                return Err(RadiographyError::OutOfBeam);
            }
            Ok(Corner {
                at: fixed.map(|v| v as i64),
                inverse: camera.sid_mm / ahead,
            })
        })
        .collect()
}

/// Calls `each` for the pixels of one triangle: with the pixel, the sign of
/// [`Crossing`], and each corner's weight times how many times nearer than the
/// detector it is, and the sum of these.
fn cover(camera: &Camera, corners: [Corner; 3], mut each: impl FnMut(usize, f64, [f64; 3], f64)) {
    let Some(filled) = Filled::new(corners.map(|corner| corner.at)) else {
        return;
    };
    let mut inverse = corners.map(|corner| corner.inverse / filled.area as f64);
    // A triangle that is turned faces the source: the ray enters there.
    let sign = if filled.turned { -1.0 } else { 1.0 };
    if filled.turned {
        inverse.swap(1, 2);
    }
    let columns = i64::from(camera.columns);
    filled.each(columns, i64::from(camera.rows), |column, row, share| {
        let mut shares = [0, 1, 2].map(|k| share[k] as f64 * inverse[k]);
        let whole = shares[0] + shares[1] + shares[2];
        if filled.turned {
            shares.swap(1, 2);
        }
        each((row * columns + column) as usize, sign, shares, whole);
    });
}

/// A vertex on the detector.
#[derive(Clone, Copy)]
struct Corner {
    /// Column and row in fixed point.
    at: [i64; 2],
    /// How many times nearer than the detector it is (affine over a flat
    /// triangle's shadow, unlike the distance itself).
    inverse: f64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
    use super::*;
    use crate::geometry::block::block;

    fn camera(rows: u32) -> Camera {
        Camera {
            sid_mm: 1000.0,
            oid_mm: 50.0,
            principal_point_mm: [0.0, 0.0],
            pixel_spacing_mm: [0.5, 0.5],
            rows,
            columns: rows,
        }
    }

    #[test]
    fn a_block_is_as_thick_as_it_is_even_on_its_diagonal() {
        // An odd number of pixels: the middle ray meets the diagonals of both
        // faces, on which a careless test counts the path twice or not at all.
        let mut image = PathImage::new(camera(41));
        image
            .add(&block([-5.0, -5.0, -60.0], [5.0, 5.0, -40.0]), [1.0])
            .unwrap();
        let paths = image.millimeters(0);
        let at = |row: usize, column: usize| paths[row * 41 + column];
        for i in 15..=25 {
            for j in 15..=25 {
                let (x, y) = ((f64::from(i) - 20.0) * 0.5, (f64::from(j) - 20.0) * 0.5);
                let slant = (1.0 + (x * x + y * y) / 1e6).sqrt();
                let found = at(usize::try_from(j).unwrap(), usize::try_from(i).unwrap());
                assert!((found - 20.0 * slant).abs() < 1e-6, "{found} at {i},{j}");
            }
        }
        assert_eq!(at(0, 0), 0.0);
    }

    #[test]
    fn a_ball_has_its_chords() {
        let center = [1.3, -2.1, -50.0];
        let ball = ball(center, 12.0, 96);
        let mut image = PathImage::new(camera(101));
        image.add(&ball, [1.0]).unwrap();
        let camera = camera(101);
        let source = camera.source().xyz();
        let mut worst: f64 = 0.0;
        for (index, found) in image.millimeters(0).iter().enumerate() {
            let [x, y] = camera.place_of([(index % 101) as f64, (index / 101) as f64]);
            let ray = unit([x - source[0], y - source[1], -source[2]]);
            let to: [f64; 3] = std::array::from_fn(|i| center[i] - source[i]);
            let along: f64 = (0..3).map(|i| ray[i] * to[i]).sum();
            let off2 = to.iter().map(|v| v * v).sum::<f64>() - along * along;
            let chord = 2.0 * (144.0 - off2).max(0.0).sqrt();
            // At the rim a facet's sagitta shows as a long chord: judge inside.
            if off2 < 130.0 {
                worst = worst.max((found - chord).abs());
            }
        }
        assert!(worst < 0.06, "{worst}");
        assert!(
            image
                .millimeters(0)
                .iter()
                .all(|p| *p > -1e-3 && *p < 24.01)
        );
    }

    fn unit(v: [f64; 3]) -> [f64; 3] {
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.map(|x| x / length)
    }

    fn ball(center: [f64; 3], radius: f64, rings: u32) -> SurfaceMesh<Detector> {
        let around = 2 * rings;
        let mut vertices = vec![[center[0], center[1], center[2] - radius]];
        for ring in 1..=rings {
            let polar = std::f64::consts::PI * f64::from(ring) / f64::from(rings + 1);
            for j in 0..around {
                let turn = std::f64::consts::TAU * f64::from(j) / f64::from(around);
                vertices.push([
                    center[0] + radius * polar.sin() * turn.cos(),
                    center[1] + radius * polar.sin() * turn.sin(),
                    center[2] - radius * polar.cos(),
                ]);
            }
        }
        vertices.push([center[0], center[1], center[2] + radius]);
        let top = u32::try_from(vertices.len()).unwrap() - 1;
        let id = |ring: u32, j: u32| 1 + ring * around + j % around;
        let mut triangles = Vec::new();
        for j in 0..around {
            triangles.push([0, id(0, j + 1), id(0, j)]);
            for ring in 0..rings - 1 {
                triangles.push([id(ring, j), id(ring, j + 1), id(ring + 1, j)]);
                triangles.push([id(ring, j + 1), id(ring + 1, j + 1), id(ring + 1, j)]);
            }
            triangles.push([top, id(rings - 1, j), id(rings - 1, j + 1)]);
        }
        SurfaceMesh::new(vertices, triangles).unwrap()
    }

    #[test]
    fn what_reaches_out_of_the_image_is_cut_and_what_leaves_the_beam_refused() {
        let mut image = PathImage::new(camera(21));
        image
            .add(&block([-50.0, -50.0, -60.0], [50.0, 50.0, -40.0]), [1.0])
            .unwrap();
        assert!(image.millimeters(0).iter().all(|p| (p - 20.0).abs() < 0.01));
        let behind = block([-5.0, -5.0, -10.0], [5.0, 5.0, 5.0]);
        assert_eq!(image.add(&behind, [1.0]), Err(RadiographyError::OutOfBeam));
        let beyond = block([-5.0, -5.0, -1001.0], [5.0, 5.0, -900.0]);
        assert_eq!(image.add(&beyond, [1.0]), Err(RadiographyError::OutOfBeam));
    }

    #[test]
    fn a_hollow_ball_is_outer_less_inner() {
        let mut image = PathImage::new(camera(41));
        image.add(&ball([0.0, 0.0, -50.0], 8.0, 64), [1.0]).unwrap();
        image
            .add(&ball([0.0, 0.0, -50.0], 6.0, 64), [-1.0])
            .unwrap();
        let middle = image.millimeters(0)[20 * 41 + 20];
        assert!((middle - 4.0).abs() < 0.02, "{middle}");
    }
}
