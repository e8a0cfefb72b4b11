//! The body-centered cubic lattice: the corners of cubes and their centers.
//!
//! A point is named by its coordinates in halves of the cube's edge: all even
//! for a corner, all odd for a center. Points next to each other are a whole
//! edge apart (long, along an axis) or half a space diagonal (short).
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "extents are checked when the lattice is made: fewer than 2^31 points, none negative"
)]

use super::super::MechanicsError;

/// Coordinates in halves of a cube's edge.
pub(super) type Half = [i32; 3];

/// More points than this are refused.
const MOST_POINTS: f64 = 4e8;

/// The way from a point to its fourteen neighbors: six long, eight short.
pub(super) const NEIGHBORS: [Half; 14] = [
    [2, 0, 0],
    [-2, 0, 0],
    [0, 2, 0],
    [0, -2, 0],
    [0, 0, 2],
    [0, 0, -2],
    [1, 1, 1],
    [-1, 1, 1],
    [1, -1, 1],
    [-1, -1, 1],
    [1, 1, -1],
    [-1, 1, -1],
    [1, -1, -1],
    [-1, -1, -1],
];

/// One of the two cubic grids: where it begins and how many points it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) origin: [f64; 3],
    pub(super) step: f64,
    pub(super) size: [usize; 3],
}

impl Grid {
    pub(super) fn points(&self) -> usize {
        self.size.iter().product()
    }

    pub(super) fn place(&self, index: [usize; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| self.origin[axis] + self.step * f64::from(index[axis] as u32))
    }
}

/// Corners first, then centers; in each grid x runs fastest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lattice {
    origin: [f64; 3],
    step: f64,
    cubes: [usize; 3],
}

impl Lattice {
    /// Covers a box with cubes of one edge, at least one cube beyond each side.
    pub(super) fn around([low, high]: [[f64; 3]; 2], step: f64) -> Result<Self, MechanicsError> {
        let mut points = 2.0;
        for axis in 0..3 {
            points *= (high[axis] - low[axis]) / step + 4.0;
        }
        // Also refuses what is not a number.
        if !(step > 0.0 && points < MOST_POINTS) {
            return Err(MechanicsError::TooLarge);
        }
        let cubes =
            std::array::from_fn(|axis| ((high[axis] - low[axis]) / step).ceil() as usize + 2);
        let origin = std::array::from_fn(|axis| {
            let spare = f64::from(cubes[axis] as u32) * step - (high[axis] - low[axis]);
            low[axis] - 0.5 * spare
        });
        Ok(Self {
            origin,
            step,
            cubes,
        })
    }

    pub(super) fn step(&self) -> f64 {
        self.step
    }

    /// How many cubes along each axis.
    pub(super) fn cubes(&self) -> [usize; 3] {
        self.cubes
    }

    /// The grids of the corners and of the centers.
    pub(super) fn grids(&self) -> [Grid; 2] {
        [
            Grid {
                origin: self.origin,
                step: self.step,
                size: self.cubes.map(|n| n + 1),
            },
            Grid {
                origin: self.origin.map(|v| v + 0.5 * self.step),
                step: self.step,
                size: self.cubes,
            },
        ]
    }

    /// The number of a point, if it is one of the lattice.
    pub(super) fn number(&self, half: Half) -> Option<usize> {
        let odd = (half[0] & 1) as usize;
        let [corners, centers] = self.grids();
        let size = [corners.size, centers.size][odd];
        let mut index = [0; 3];
        for axis in 0..3 {
            if half[axis] < 0 || (half[axis] as usize) / 2 >= size[axis] {
                return None;
            }
            index[axis] = half[axis] as usize / 2;
        }
        let within = (index[2] * size[1] + index[1]) * size[0] + index[0];
        Some(within + odd * corners.points())
    }

    /// The point of a number.
    pub(super) fn half(&self, number: usize) -> Half {
        let [corners, centers] = self.grids();
        let (grid, odd) = if number < corners.points() {
            (corners, 0)
        } else {
            (centers, 1)
        };
        let within = number - odd * corners.points();
        let row = within / grid.size[0];
        let index = [
            within % grid.size[0],
            row % grid.size[1],
            row / grid.size[1],
        ];
        index.map(|i| (2 * i + odd) as i32)
    }

    /// Where a point lies.
    pub(super) fn place(&self, half: Half) -> [f64; 3] {
        std::array::from_fn(|axis| self.origin[axis] + 0.5 * self.step * f64::from(half[axis]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn numbers_and_points_agree() {
        let lattice = Lattice::around([[0.0; 3], [3.0, 2.0, 5.5]], 1.0).unwrap();
        let total: usize = lattice.grids().iter().map(Grid::points).sum();
        for number in 0..total {
            assert_eq!(lattice.number(lattice.half(number)), Some(number));
        }
        assert_eq!(lattice.number([-2, 0, 0]), None);
        let [low, high] = [lattice.place([0; 3]), lattice.place([10, 8, 16])];
        assert!(low.iter().all(|v| *v <= -0.99));
        assert!(high[0] >= 3.99 && high[1] >= 2.99 && high[2] >= 6.49);
    }

    #[test]
    fn too_fine_a_lattice_is_refused() {
        for step in [1e-6, 0.0, -1.0, f64::NAN] {
            assert!(Lattice::around([[0.0; 3], [50.0; 3]], step).is_err());
        }
    }
}
