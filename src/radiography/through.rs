//! Line integrals through a volume: what a ray from the source meets on its way
//! to each pixel, box by box, each box with the exact length of the ray in it
//! (Siddon, "Fast calculation of the exact radiological path for a
//! three-dimensional CT array", Med. Phys. 12 (1985) 252).
//!
//! Where Siddon walks along one ray from wall to wall, this goes through the
//! volume layer by layer, across the axis along which a ray runs fastest: within
//! a layer a ray crosses at most one wall of each other axis, mostly none, and
//! the rays of an image's row read their layer side by side.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "box numbers, bounded by the volume's size before they are used"
)]

use rayon::prelude::*;

use super::Camera;
use super::RadiographyError;
use crate::geometry::Detector;
use crate::geometry::Patient;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::vector;
use crate::raster::Volume;

/// The integral of a volume's values along the ray to every pixel, row by row,
/// in the unit of the values times millimeters. `place` leads the patient's
/// frame to the detector's. The same numbers for any number of threads.
///
/// # Errors
/// [`RadiographyError::Setting`] for a camera that is none;
/// [`RadiographyError::OutOfBeam`] when the volume reaches behind the source or
/// the detector.
pub fn through(
    volume: &Volume,
    place: &Rigid<Patient, Detector>,
    camera: &Camera,
) -> Result<Vec<f32>, RadiographyError> {
    let camera = camera.checked()?;
    let beam = Beam::new(volume, place, &camera)?;
    let columns = camera.columns as usize;
    let mut image = vec![0.0; columns * camera.rows as usize];
    image
        .par_chunks_mut(columns)
        .enumerate()
        .for_each(|(row, line)| {
            let ends = (0..columns).map(|column| camera.place_of([column as f64, row as f64]));
            beam.line(ends, line);
        });
    Ok(image)
}

/// A volume in a beam, in units of its boxes: box `k` of an axis reaches from
/// `k` to `k + 1`.
struct Beam<'a> {
    values: &'a [f32],
    size: [usize; 3],
    spacing_mm: [f64; 3],
    /// From the detector's frame to millimeters along the grid's axes.
    back: Rigid<Detector, Patient>,
    source: [f64; 3],
}

/// A ray across layers: where it meets the lower wall of layer 0 in the two
/// other axes, how far it moves there a layer, how many millimeters of it lie in
/// a layer, and its pixel.
struct Across {
    start: [f64; 2],
    slope: [f64; 2],
    length_mm: f64,
    column: usize,
}

impl<'a> Beam<'a> {
    fn new(
        volume: &'a Volume,
        place: &Rigid<Patient, Detector>,
        camera: &Camera,
    ) -> Result<Self, RadiographyError> {
        let grid = volume.place().then(place);
        let size = volume.size();
        for corner in 0..8_usize {
            let middle = [0, 1, 2].map(|axis| {
                let side = corner >> axis & 1;
                ((side * size[axis]) as f64 - 0.5) * volume.spacing_mm()[axis]
            });
            let [_, _, z] = grid.apply(Point::new(middle)).xyz();
            if z > 0.0 || z <= -camera.sid_mm {
                return Err(RadiographyError::OutOfBeam);
            }
        }
        let mut beam = Self {
            values: volume.values(),
            size,
            spacing_mm: volume.spacing_mm(),
            back: grid.inverse(),
            source: [0.0; 3],
        };
        beam.source = beam.boxes(camera.source().xyz());
        Ok(beam)
    }

    fn boxes(&self, place: [f64; 3]) -> [f64; 3] {
        let along = self.back.move_xyz(place);
        [0, 1, 2].map(|axis| along[axis] / self.spacing_mm[axis] + 0.5)
    }

    /// The integrals along the rays that end at the places of one row. All of
    /// the volume lies between source and detector, so whole lines may be taken.
    fn line(&self, ends: impl Iterator<Item = [f64; 2]>, line: &mut [f32]) {
        let mut rays: [Vec<Across>; 3] = [const { Vec::new() }; 3];
        for (column, [x, y]) in ends.enumerate() {
            let toward = vector::sub(self.boxes([x, y, 0.0]), self.source);
            let mut fastest = 0;
            for axis in 1..3 {
                if toward[axis].abs() > toward[fastest].abs() {
                    fastest = axis;
                }
            }
            let others = [(fastest + 1) % 3, (fastest + 2) % 3];
            let slope = others.map(|axis| toward[axis] / toward[fastest]);
            let start = [0, 1].map(|k| self.source[others[k]] - self.source[fastest] * slope[k]);
            let layers = self.size[fastest] as f64;
            let misses = (0..2).any(|k| {
                let (low, high) = (start[k], start[k] + layers * slope[k]);
                low.max(high) < 0.0 || low.min(high) > self.size[others[k]] as f64
            });
            if misses {
                continue;
            }
            let a_layer =
                [0, 1, 2].map(|axis| toward[axis] / toward[fastest] * self.spacing_mm[axis]);
            rays[fastest].push(Across {
                start,
                slope,
                length_mm: vector::length(a_layer),
                column,
            });
        }
        for (axis, rays) in rays.iter().enumerate() {
            if !rays.is_empty() {
                self.layers(axis, rays, line);
            }
        }
    }

    /// Adds all layers across one axis.
    fn layers(&self, axis: usize, rays: &[Across], line: &mut [f32]) {
        let strides = [1, self.size[0], self.size[0] * self.size[1]];
        let others = [(axis + 1) % 3, (axis + 2) % 3];
        let sides = others.map(|other| self.size[other]);
        let steps = others.map(|other| strides[other]);
        let mut sums = vec![0.0_f64; rays.len()];
        for number in 0..self.size[axis] {
            let layer = Layer {
                values: &self.values[number * strides[axis]..],
                sides,
                steps,
            };
            for (ray, sum) in rays.iter().zip(&mut sums) {
                let from = [0, 1].map(|k| ray.start[k] + number as f64 * ray.slope[k]);
                *sum += layer.mean(from, ray.slope);
            }
        }
        for (ray, sum) in rays.iter().zip(&sums) {
            line[ray.column] = (sum * ray.length_mm) as f32;
        }
    }
}

/// One layer of boxes.
struct Layer<'a> {
    values: &'a [f32],
    sides: [usize; 2],
    steps: [usize; 2],
}

impl Layer<'_> {
    /// A box's value; zero outside of the volume.
    fn at(&self, place: [i32; 2]) -> f64 {
        let [a, b] = place.map(|p| p as usize);
        if a < self.sides[0] && b < self.sides[1] {
            f64::from(self.values[a * self.steps[0] + b * self.steps[1]])
        } else {
            0.0
        }
    }

    /// The mean of what a ray meets in the layer, from its place on the lower
    /// wall on, each box by the ray's share in it.
    fn mean(&self, from: [f64; 2], slope: [f64; 2]) -> f64 {
        let first = [below(from[0]), below(from[1])];
        let last = [below(from[0] + slope[0]), below(from[1] + slope[1])];
        if first == last {
            return self.at(first);
        }
        // Where it crosses a wall of either axis: a share of the layer, 1 if not.
        let cross = |k: usize| {
            if first[k] == last[k] {
                return 1.0;
            }
            let wall = f64::from(first[k].max(last[k]));
            ((wall - from[k]) / slope[k]).clamp(0.0, 1.0)
        };
        let (a, b) = (cross(0), cross(1));
        let between = if a < b {
            [last[0], first[1]]
        } else {
            [first[0], last[1]]
        };
        let (near, far) = (a.min(b), a.max(b));
        near * self.at(first) + (far - near) * self.at(between) + (1.0 - far) * self.at(last)
    }
}

/// The whole number at or below; far outside of any volume it stays outside.
fn below(value: f64) -> i32 {
    // Truncation rounds down only above zero.
    const UP: f64 = 1_048_576.0;
    (value + UP) as i32 - UP as i32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn camera(pixels: u32, spacing: f64) -> Camera {
        Camera {
            sid_mm: 1000.0,
            oid_mm: 100.0,
            principal_point_mm: [0.0; 2],
            pixel_spacing_mm: [spacing; 2],
            rows: pixels,
            columns: pixels,
        }
    }

    /// A cube of ones, 20 mm wide, its middle 100 mm before the detector.
    fn cube(voxels: usize, turn: [f64; 3]) -> (Volume, Rigid<Patient, Detector>) {
        let side = 20.0 / voxels as f64;
        let low = -10.0 + 0.5 * side;
        let place = Rigid::from_rotation_vector([0.0; 3], [low; 3]);
        let values = vec![1.0; voxels * voxels * voxels];
        let volume = Volume::new([voxels; 3], [side; 3], place, values).unwrap();
        (
            volume,
            Rigid::from_rotation_vector(turn, [0.0, 0.0, -100.0]),
        )
    }

    #[test]
    fn the_ray_through_the_middle_of_a_cube_is_as_long_as_the_cube() {
        for voxels in [1, 7, 40] {
            let (volume, place) = cube(voxels, [0.0; 3]);
            let image = through(&volume, &place, &camera(3, 0.5)).unwrap();
            assert!((image[4] - 20.0).abs() < 1e-4, "{}", image[4]);
        }
    }

    #[test]
    fn the_integrals_of_a_turned_cube_do_not_depend_on_its_boxes() {
        let turn = [0.3, -0.5, 0.8];
        let (one, place) = cube(1, turn);
        let (many, _) = cube(31, turn);
        let camera = camera(81, 0.5);
        let (a, b) = (
            through(&one, &place, &camera).unwrap(),
            through(&many, &place, &camera).unwrap(),
        );
        let most = a.iter().copied().fold(0.0, f32::max);
        assert!(most > 20.0 && a[0] == 0.0);
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 2e-3, "{a} {b}");
        }
    }

    /// The integral as Siddon takes it: all crossings of all walls, sorted.
    fn siddon(volume: &Volume, from: [f64; 3], to: [f64; 3]) -> f64 {
        let back = volume.place().inverse();
        let boxes = |p: [f64; 3]| {
            let along = back.move_xyz(p);
            [0, 1, 2].map(|a| along[a] / volume.spacing_mm()[a] + 0.5)
        };
        let (start, end) = (boxes(from), boxes(to));
        let mut parts = vec![0.0, 1.0];
        for axis in 0..3 {
            for wall in 0..=volume.size()[axis] {
                parts.push((wall as f64 - start[axis]) / (end[axis] - start[axis]));
            }
        }
        parts.retain(|t| (0.0..=1.0).contains(t));
        parts.sort_by(f64::total_cmp);
        let length = vector::length(vector::sub(to, from));
        let size = volume.size();
        let mut sum = 0.0;
        for pair in parts.windows(2) {
            let middle = 0.5 * (pair[0] + pair[1]);
            let at = [0, 1, 2].map(|a| (start[a] + middle * (end[a] - start[a])).floor());
            if (0..3).all(|a| at[a] >= 0.0 && at[a] < size[a] as f64) {
                let [x, y, z] = at.map(|v| v as usize);
                let value = volume.values()[x + size[0] * (y + size[1] * z)];
                sum += (pair[1] - pair[0]) * f64::from(value);
            }
        }
        sum * length
    }

    #[test]
    fn rays_of_every_slant_are_integrated_as_siddon_does() {
        let mut random = crate::radiography::Random::new(3, 1);
        let camera = camera(41, 1.5);
        for turn in [
            [0.0; 3],
            [0.2, 0.1, 0.0],
            [1.0, 0.6, -0.4],
            [1.5, 0.0, 0.8],
            [0.0, 1.6, 0.0],
        ] {
            let size = [9, 14, 11];
            let values = (0..9 * 14 * 11).map(|_| random.unit() as f32).collect();
            let place = Rigid::from_rotation_vector([0.0; 3], [-8.0, -9.0, -10.0]);
            let volume = Volume::new(size, [2.0, 1.5, 1.8], place, values).unwrap();
            let to = Rigid::<Patient, Detector>::from_rotation_vector(turn, [3.0, -2.0, -100.0]);
            let image = through(&volume, &to, &camera).unwrap();
            let back = to.inverse();
            let source = back.move_xyz(camera.source().xyz());
            let mut most = 0.0_f64;
            for (pixel, found) in image.iter().enumerate() {
                let [x, y] = camera.place_of([(pixel % 41) as f64, (pixel / 41) as f64]);
                let exact = siddon(&volume, source, back.move_xyz([x, y, 0.0]));
                assert!(
                    (exact - f64::from(*found)).abs() < 1e-4,
                    "{turn:?}: {exact} {found}"
                );
                most = most.max(exact);
            }
            assert!(most > 5.0);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (volume, place) = cube(20, [0.4, 0.2, 0.1]);
        let camera = camera(64, 0.5);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| through(&volume, &place, &camera).unwrap())
        };
        assert!(with(1) == with(2) && with(1) == with(5));
    }

    #[test]
    fn a_box_throws_its_value_where_it_lies() {
        let (volume, place) = cube(3, [0.0; 3]);
        let mut values = vec![0.0; 27];
        // The last box along x, the first along y, in the middle along z.
        values[2 + 9] = 2.0;
        let volume = volume.with_values(values).unwrap();
        let camera = camera(61, 0.5);
        let image = through(&volume, &place, &camera).unwrap();
        let [column, row] = camera
            .project(place.apply(volume.middle_of([2, 0, 1])))
            .unwrap();
        let at = |column: f64, row: f64| image[row.round() as usize * 61 + column.round() as usize];
        // Box of 6.67 mm, crossed at a slant of half a degree.
        assert!(
            (at(column, row) - 13.333).abs() < 0.01,
            "{}",
            at(column, row)
        );
        assert!(at(60.0 - column, row) == 0.0 && at(column, 60.0 - row) == 0.0);
    }

    #[test]
    fn a_volume_out_of_the_beam_is_refused() {
        let (volume, _) = cube(2, [0.0; 3]);
        let camera = camera(3, 1.0);
        for z in [-5.0, -995.0, 50.0] {
            let place = Rigid::from_rotation_vector([0.0; 3], [0.0, 0.0, z]);
            let refused = through(&volume, &place, &camera);
            assert_eq!(refused.unwrap_err(), RadiographyError::OutOfBeam);
        }
    }
}
