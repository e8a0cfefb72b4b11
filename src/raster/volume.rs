//! A regular grid of values in space: a CT series, or any volume from a file.

use super::RasterError;
use crate::geometry::Patient;
use crate::geometry::Point;
use crate::geometry::Rigid;

/// The most voxels that a volume may have.
pub(super) const MAXIMUM_VOXELS: usize = 512 * 1024 * 1024;

/// Values at the middles of equal boxes ("voxels"). The first axis varies
/// fastest. What a value means (HU, attenuation a millimeter) its maker knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    size: [usize; 3],
    spacing_mm: [f64; 3],
    place: Rigid<Patient, Patient>,
    values: Vec<f32>,
}

impl Volume {
    /// A volume: voxels along its three axes, their spacing in millimeters, and
    /// where it lies: the motion that leads a place given in millimeters along
    /// the axes, from the middle of the first voxel, to the patient's frame.
    ///
    /// # Errors
    /// [`RasterError::Unsuitable`] where the numbers do not describe a grid.
    pub fn new(
        size: [usize; 3],
        spacing_mm: [f64; 3],
        place: Rigid<Patient, Patient>,
        values: Vec<f32>,
    ) -> Result<Self, RasterError> {
        let unsuitable = |why| Err(RasterError::Unsuitable { why });
        let count = size
            .iter()
            .try_fold(1_usize, |product, side| product.checked_mul(*side));
        match count {
            Some(0) => return unsuitable("a volume without voxels"),
            Some(count) if count <= MAXIMUM_VOXELS => {
                if count != values.len() {
                    return unsuitable("a volume with another number of values than voxels");
                }
            }
            _ => return unsuitable("a volume of more than 512 million voxels"),
        }
        if !spacing_mm.iter().all(|s| s.is_finite() && *s > 0.0) {
            return unsuitable("a volume whose voxels have no size");
        }
        Ok(Self {
            size,
            spacing_mm,
            place,
            values,
        })
    }

    /// Voxels along each axis.
    #[must_use]
    pub const fn size(&self) -> [usize; 3] {
        self.size
    }

    /// From one voxel's middle to the next along each axis, in millimeters.
    #[must_use]
    pub const fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// Where it lies: from millimeters along its axes, counted from the middle
    /// of the first voxel, to the patient's frame.
    #[must_use]
    pub const fn place(&self) -> &Rigid<Patient, Patient> {
        &self.place
    }

    /// All values, the first axis fastest.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same grid with other values.
    ///
    /// # Errors
    /// [`RasterError::Unsuitable`] for another number of values.
    pub fn with_values(&self, values: Vec<f32>) -> Result<Self, RasterError> {
        Self::new(self.size, self.spacing_mm, self.place, values)
    }

    /// Where the middle of a voxel lies.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "voxel counts")]
    pub fn middle_of(&self, voxel: [usize; 3]) -> Point<Patient> {
        let along = [0, 1, 2].map(|axis| voxel[axis] as f64 * self.spacing_mm[axis]);
        self.place.apply(Point::new(along))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn voxels_lie_where_the_grid_says() {
        let place =
            Rigid::from_rotation_vector([0.0, 0.0, std::f64::consts::FRAC_PI_2], [5.0, 0.0, 1.0]);
        let volume = Volume::new([2, 3, 4], [1.0, 2.0, 3.0], place, vec![0.0; 24]).unwrap();
        let [x, y, z] = volume.middle_of([1, 2, 3]).xyz();
        assert!((x - 1.0).abs() < 1e-9 && (y - 1.0).abs() < 1e-9 && (z - 10.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_grid_is_refused() {
        let make = |size, spacing, values: usize| {
            Volume::new(size, spacing, Rigid::identity(), vec![0.0; values]).is_err()
        };
        assert!(make([2, 2, 2], [1.0; 3], 7));
        assert!(make([0, 2, 2], [1.0; 3], 0));
        assert!(make([2, 2, 2], [1.0, 0.0, 1.0], 8));
        assert!(make([2, 2, 2], [1.0, f64::NAN, 1.0], 8));
        assert!(make([usize::MAX, 2, 2], [1.0; 3], 0));
    }
}
