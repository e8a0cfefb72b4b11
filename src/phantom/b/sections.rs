//! A bone's sections as B-dev draws them: corner points at some heights, made
//! into a smooth reach around and along the bone.

/// Directions in which a section's reach is kept.
const AROUND: usize = 40;

/// One authored section: its height and corners, counterclockwise.
pub(super) type Section<'a> = (f64, &'a [[f64; 2]]);

/// Reach over angle and height.
pub(super) struct Sections {
    heights: Vec<f64>,
    reach: Vec<[f64; AROUND]>,
}

impl Sections {
    /// From sections in ascending height.
    pub(super) fn new(sections: &[Section<'_>]) -> Self {
        let reach = sections.iter().map(|(_, corners)| {
            let bare: [f64; AROUND] = std::array::from_fn(|i| ray(corners, angle(i)));
            let mixed = softened(bare);
            softened(mixed)
        });
        Self {
            heights: sections.iter().map(|s| s.0).collect(),
            reach: reach.collect(),
        }
    }

    /// The reach in a direction at a height.
    pub(super) fn at(&self, angle: f64, z: f64) -> f64 {
        let last = self.heights.len() - 1;
        let z = z.clamp(self.heights[0], self.heights[last]);
        let row = (1..last).find(|&r| z < self.heights[r]).unwrap_or(last) - 1;
        let (low, high) = (self.heights[row], self.heights[row + 1]);
        let span = high - low;
        let t = (z - low) / span;
        let value = |r: usize| around(&self.reach[r], angle);
        let (a, b) = (value(row), value(row + 1));
        // Tangents by finite differences, one-sided at the ends.
        let slope = |from: usize, to: usize, x: f64, y: f64| {
            (y - x) / (self.heights[to] - self.heights[from])
        };
        let here = (b - a) / span;
        let left = if row > 0 {
            0.5 * (slope(row - 1, row, value(row - 1), a) + here)
        } else {
            here
        };
        let right = if row + 1 < last {
            0.5 * (slope(row + 1, row + 2, b, value(row + 2)) + here)
        } else {
            here
        };
        let (t2, t3) = (t * t, t * t * t);
        a * (2.0 * t3 - 3.0 * t2 + 1.0)
            + b * (3.0 * t2 - 2.0 * t3)
            + span * (left * (t3 - 2.0 * t2 + t) + right * (t3 - t2))
    }
}

#[allow(clippy::cast_precision_loss, reason = "some dozens")]
fn angle(i: usize) -> f64 {
    std::f64::consts::TAU * i as f64 / AROUND as f64
}

/// How far a ray from the origin goes to a closed line of corners.
fn ray(corners: &[[f64; 2]], angle: f64) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let mut reach: f64 = 0.0;
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let under = cosine * dy - sine * dx;
        if under.abs() < 1e-12 {
            continue;
        }
        let far = (a[0] * dy - a[1] * dx) / under;
        let part = (a[0] * sine - a[1] * cosine) / under;
        if far > 0.0 && (-1e-9..=1.0 + 1e-9).contains(&part) {
            reach = reach.max(far);
        }
    }
    reach
}

fn softened(bare: [f64; AROUND]) -> [f64; AROUND] {
    std::array::from_fn(|i| {
        let side = bare[(i + 1) % AROUND] + bare[(i + AROUND - 1) % AROUND];
        0.5 * bare[i] + 0.25 * side
    })
}

/// Periodic Catmull-Rom.
fn around(reach: &[f64; AROUND], angle: f64) -> f64 {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an angle below one turn"
    )]
    let (i, t) = {
        let u = angle.rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU * AROUND as f64;
        (u as usize % AROUND, u - u.floor())
    };
    let p = |k: usize| reach[(i + k + AROUND - 1) % AROUND];
    let (a, b, c, d) = (p(0), p(1), p(2), p(3));
    b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_reaches_as_far_as_a_square() {
        let square = [[5.0, -5.0], [5.0, 5.0], [-5.0, 5.0], [-5.0, -5.0]];
        let sections = Sections::new(&[(-20.0, &square), (0.0, &square)]);
        for z in [-30.0, -11.0, 0.0, 4.0] {
            assert!((sections.at(0.0, z) - 5.0).abs() < 0.1);
            let corner = sections.at(std::f64::consts::FRAC_PI_4, z);
            assert!((6.3..7.1).contains(&corner), "{corner}");
        }
    }

    #[test]
    fn a_cone_widens_evenly() {
        let ring = |r: f64| -> Vec<[f64; 2]> {
            (0..72)
                .map(|i| (f64::from(i) * 5.0).to_radians())
                .map(|a| [r * a.cos(), r * a.sin()])
                .collect()
        };
        let (a, b, c) = (ring(4.0), ring(6.0), ring(8.0));
        let cone = Sections::new(&[(-20.0, &a), (-10.0, &b), (0.0, &c)]);
        for z in [-17.0, -10.0, -3.3] {
            assert!((cone.at(1.0, z) - (8.0 + 0.2 * z)).abs() < 0.02);
        }
    }
}
