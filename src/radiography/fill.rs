//! Which points of a grid a flat triangle covers: pixels for the L-buffer of
//! [`super::paths`], lines for voxels.
//!
//! Corners are in fixed point. A point that lies on a shared edge or corner
//! belongs to exactly one of the triangles around it (a top-left rule).
#![allow(
    clippy::cast_possible_truncation,
    reason = "a small whole number given as a float"
)]

/// Fixed-point steps from one grid point to the next.
pub(crate) const STEPS: f64 = 4096.0;

/// A triangle over a grid.
pub(crate) struct Filled {
    at: [[i64; 2]; 3],
    sides: [Side; 3],
    /// Twice its area in fixed point, positive.
    pub(crate) area: i64,
    /// Its second and third corner were exchanged, so that its corners run the
    /// other way: shares are those of the first, the third and the second.
    pub(crate) turned: bool,
}

impl Filled {
    /// A triangle with these corners (column, row); nothing if it has no area.
    pub(crate) fn new([a, mut b, mut c]: [[i64; 2]; 3]) -> Option<Self> {
        let mut area = edge(a, b, c);
        if area == 0 {
            return None;
        }
        let turned = area < 0;
        if turned {
            std::mem::swap(&mut b, &mut c);
            area = -area;
        }
        // The weights of the corners opposite each side, and whether a point
        // exactly on the side belongs to this triangle.
        let sides = [(b, c), (c, a), (a, b)].map(|(from, to)| Side::new(from, to));
        Some(Self {
            at: [a, b, c],
            sides,
            area,
            turned,
        })
    }

    /// Goes over the points that it covers of a grid: column, row and what each
    /// corner weighs there, in parts of [`Self::area`].
    pub(crate) fn each(&self, columns: i64, rows: i64, mut put: impl FnMut(i64, i64, [i64; 3])) {
        let span = |axis: usize, end: i64| {
            let values = self.at.map(|corner| corner[axis]);
            let low = values.iter().min().copied().unwrap_or(0);
            let high = values.iter().max().copied().unwrap_or(0);
            let steps = STEPS as i64;
            let from = low.div_euclid(steps) + i64::from(low.rem_euclid(steps) != 0);
            from.max(0)..=high.div_euclid(steps).min(end - 1)
        };
        let across = span(0, columns);
        if across.is_empty() {
            return;
        }
        for row in span(1, rows) {
            for column in across.clone() {
                let share = self.sides.map(|side| side.at(column, row));
                if self.sides.iter().zip(share).all(|(side, s)| s > side.least) {
                    put(column, row, share);
                }
            }
        }
    }
}

/// Twice the signed area of three corners.
const fn edge(a: [i64; 2], b: [i64; 2], p: [i64; 2]) -> i64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

/// One side of a triangle.
#[derive(Clone, Copy)]
struct Side {
    from: [i64; 2],
    to: [i64; 2],
    /// A point is inside above this: -1 where the side itself belongs to the
    /// triangle, 0 where it belongs to the neighbor.
    least: i64,
}

impl Side {
    const fn new(from: [i64; 2], to: [i64; 2]) -> Self {
        let down = to[1] - from[1];
        let right = to[0] - from[0];
        let own = down < 0 || (down == 0 && right > 0);
        Self {
            from,
            to,
            least: if own { -1 } else { 0 },
        }
    }

    const fn at(&self, column: i64, row: i64) -> i64 {
        edge(
            self.from,
            self.to,
            [column * STEPS as i64, row * STEPS as i64],
        )
    }
}
