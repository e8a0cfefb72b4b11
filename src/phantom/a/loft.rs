//! A shaft drawn through sections: feature points at some levels, joined along
//! the bone and around it by smooth curves. Used only to sculpt the template.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "steps of a table whose size is fixed below"
)]

use std::f64::consts::TAU;

/// Steps of the table around the section.
const AROUND: usize = 256;
/// Steps of the table along the bone, in millimeters.
const STEP_MM: f64 = 0.5;
/// Points of a curve between two feature points.
const FINE: usize = 24;

/// The distance of the surface from the bone's middle line, by level (distance
/// from the joint, millimeters) and angle (radians from the radial direction
/// toward the dorsal one).
pub(super) struct Loft {
    first_mm: f64,
    rows: Vec<Vec<f64>>,
}

/// Feature points of one level.
pub(super) type Section<const N: usize> = (f64, [[f64; 2]; N]);

impl Loft {
    /// Joins sections, given in the order of their levels. Every section must
    /// be visible as a whole from the middle line.
    pub(super) fn new<const N: usize>(sections: &[Section<N>]) -> Self {
        let first_mm = sections.first().map_or(0.0, |s| s.0);
        let last_mm = sections.last().map_or(0.0, |s| s.0);
        let count = ((last_mm - first_mm) / STEP_MM) as usize + 1;
        let rows = (0..count)
            .map(|row| row_of(&between(sections, first_mm + row as f64 * STEP_MM)))
            .collect();
        Self { first_mm, rows }
    }

    /// How far the surface stands from the middle line.
    pub(super) fn reach(&self, level_mm: f64, angle: f64) -> f64 {
        let last = self.rows.len() - 1;
        let at = ((level_mm - self.first_mm) / STEP_MM).clamp(0.0, last as f64);
        let (row, part) = (at.floor() as usize, at.fract());
        let turn = angle.rem_euclid(TAU) / TAU * AROUND as f64;
        let (column, along) = (turn.floor() as usize, turn.fract());
        let value = |row: usize| {
            let pick = |k: usize| self.rows[row][(column + AROUND + k - 1) % AROUND];
            cubic([pick(0), pick(1), pick(2), pick(3)], along)
        };
        let near = |k: usize| value((row + k).saturating_sub(1).min(last));
        cubic([near(0), near(1), near(2), near(3)], part)
    }
}

/// Catmull and Rom's curve between the second and the third of four values.
fn cubic([a, b, c, d]: [f64; 4], at: f64) -> f64 {
    let (slope_b, slope_c) = ((c - a) / 2.0, (d - b) / 2.0);
    hermite(b, c, slope_b, slope_c, at)
}

fn hermite(from: f64, to: f64, slope_from: f64, slope_to: f64, at: f64) -> f64 {
    let (square, cube) = (at * at, at * at * at);
    from * (2.0 * cube - 3.0 * square + 1.0)
        + to * (3.0 * square - 2.0 * cube)
        + slope_from * (cube - 2.0 * square + at)
        + slope_to * (cube - square)
}

/// The feature points at any level.
fn between<const N: usize>(sections: &[Section<N>], level: f64) -> [[f64; 2]; N] {
    let after = sections
        .iter()
        .position(|s| s.0 > level)
        .unwrap_or(sections.len() - 1)
        .max(1);
    let (low, high) = (after - 1, after);
    let span = sections[high].0 - sections[low].0;
    let at = ((level - sections[low].0) / span).clamp(0.0, 1.0);
    let slope = |row: usize, point: usize, axis: usize| {
        let (back, on) = (row.saturating_sub(1), (row + 1).min(sections.len() - 1));
        (sections[on].1[point][axis] - sections[back].1[point][axis])
            / (sections[on].0 - sections[back].0)
            * span
    };
    std::array::from_fn(|point| {
        std::array::from_fn(|axis| {
            hermite(
                sections[low].1[point][axis],
                sections[high].1[point][axis],
                slope(low, point, axis),
                slope(high, point, axis),
                at,
            )
        })
    })
}

/// A closed curve through the points, as distances by angle.
fn row_of<const N: usize>(points: &[[f64; 2]; N]) -> Vec<f64> {
    let mut curve: Vec<(f64, f64)> = Vec::with_capacity(N * FINE);
    for number in 0..N {
        for step in 0..FINE {
            let at = step as f64 / FINE as f64;
            let pick = |axis: usize| {
                cubic(
                    std::array::from_fn(|k| points[(number + N + k - 1) % N][axis]),
                    at,
                )
            };
            let (x, y) = (pick(0), pick(1));
            curve.push((y.atan2(x).rem_euclid(TAU), x.hypot(y)));
        }
    }
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    (0..AROUND)
        .map(|column| {
            let angle = TAU * column as f64 / AROUND as f64;
            let after = curve.partition_point(|p| p.0 <= angle) % curve.len();
            let before = (after + curve.len() - 1) % curve.len();
            let gap = (curve[after].0 - curve[before].0).rem_euclid(TAU);
            let part = (angle - curve[before].0).rem_euclid(TAU) / gap.max(1e-12);
            curve[before].1 + (curve[after].1 - curve[before].1) * part
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cone_of_round_sections_is_a_cone() {
        let ring = |radius: f64| -> [[f64; 2]; 16] {
            std::array::from_fn(|k| {
                let angle = TAU * k as f64 / 16.0;
                [radius * angle.cos(), radius * angle.sin()]
            })
        };
        let loft = Loft::new(&[(-5.0, ring(4.0)), (10.0, ring(7.0)), (40.0, ring(13.0))]);
        for level in [-5.0, 0.0, 7.3, 22.2, 40.0] {
            for angle in [-1.0, 0.0, 0.4, 3.0] {
                let gap = loft.reach(level, angle) - (5.0 + 0.2 * level);
                assert!(gap.abs() < 0.02, "{level} {angle}: {gap}");
            }
        }
    }
}
