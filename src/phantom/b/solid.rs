//! Solids as fields: negative inside, zero on the surface, near it about the
//! distance in millimeters; and what can be asked of one.

use crate::geometry::vector;

/// A solid body.
pub(in crate::phantom) trait Solid {
    /// The field at a place.
    fn value(&self, p: [f64; 3]) -> f64;
}

impl<F: Fn([f64; 3]) -> f64> Solid for F {
    fn value(&self, p: [f64; 3]) -> f64 {
        self(p)
    }
}

/// A bone, endless toward the elbow, that knows its own regions.
pub(super) trait BoneSolid: Solid {
    /// Whether a place of the surface belongs to a joint surface.
    fn is_joint(&self, p: [f64; 3]) -> bool;
    /// The field of what the cortex encloses: spongy bone and marrow.
    fn hollow(&self, p: [f64; 3]) -> f64;
}

/// The larger of two, rounded over a width of `k` (Quilez' polynomial form):
/// the intersection of two solids with a rounded edge.
pub(in crate::phantom) fn smooth_max(a: f64, b: f64, k: f64) -> f64 {
    let near = (k - (a - b).abs()).max(0.0) / k;
    a.max(b) + near * near * k * 0.25
}

/// The smaller of two, rounded: the union of two solids with a fillet.
pub(in crate::phantom) fn smooth_min(a: f64, b: f64, k: f64) -> f64 {
    -smooth_max(-a, -b, k)
}

/// A bell of height one and this SD.
pub(in crate::phantom) fn bell(x: f64, sd: f64) -> f64 {
    (-0.5 * (x / sd) * (x / sd)).exp()
}

/// From 0 at `from` smoothly to 1 at `to`.
pub(in crate::phantom) fn ramp(x: f64, from: f64, to: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * t * (t * (6.0 * t - 15.0) + 10.0)
}

/// Linear between given (place, value) pairs, constant beyond.
pub(in crate::phantom) fn between(pairs: &[(f64, f64)], x: f64) -> f64 {
    let Some(first) = pairs.first() else {
        return 0.0;
    };
    let mut last = *first;
    if x <= first.0 {
        return first.1;
    }
    for &(place, value) in pairs {
        if x <= place {
            let part = (x - last.0) / (place - last.0).max(1e-12);
            return last.1 + (value - last.1) * part;
        }
        last = (place, value);
    }
    last.1
}

/// The gradient, by differences forward.
pub(in crate::phantom) fn gradient(solid: &dyn Solid, p: [f64; 3]) -> [f64; 3] {
    const STEP: f64 = 0.005;
    let here = solid.value(p);
    std::array::from_fn(|axis| {
        let mut next = p;
        next[axis] += STEP;
        (solid.value(next) - here) / STEP
    })
}

/// Where the straight way from a place inside to a place outside leaves the
/// solid, the last time; `None` when it is outside all along.
pub(super) fn leaves(solid: &dyn Solid, inside: [f64; 3], outside: [f64; 3]) -> Option<[f64; 3]> {
    // Steps inward in millimeters, long where the field says that the surface
    // is far; fields are at most about twice as steep as a distance.
    const SHORTEST: f64 = 0.12;
    let way = vector::sub(inside, outside);
    let length = vector::length(way);
    let toward = vector::unit(way);
    let at = |gone: f64| vector::add(outside, vector::scale(toward, gone));
    let (mut gone, mut before) = (0.0, 0.0);
    let mut value = solid.value(outside);
    while value >= 0.0 {
        if gone >= length {
            return None;
        }
        before = gone;
        gone = (gone + (0.45 * value).max(SHORTEST)).min(length);
        value = solid.value(at(gone));
    }
    // Between the last place outside and the first inside.
    let (mut out, mut within) = (before, gone);
    for _ in 0..24 {
        let middle = 0.5 * (out + within);
        if solid.value(at(middle)) < 0.0 {
            within = middle;
        } else {
            out = middle;
        }
    }
    Some(at(0.5 * (out + within)))
}

/// The most distal place of the solid above a point of the plane, between two
/// heights.
pub(super) fn top(solid: &dyn Solid, [x, y]: [f64; 2], low: f64, high: f64) -> Option<[f64; 3]> {
    leaves(solid, [x, y, low], [x, y, high])
}

/// The border of the section at a height, `count` rays from a middle,
/// counterclockwise from the thumb's side.
pub(super) fn outline(solid: &dyn Solid, [x, y]: [f64; 2], z: f64, count: u32) -> Vec<[f64; 3]> {
    const FAR: f64 = 30.0;
    (0..count)
        .filter_map(|i| {
            let angle = std::f64::consts::TAU * f64::from(i) / f64::from(count);
            let end = [x + FAR * angle.cos(), y + FAR * angle.sin(), z];
            leaves(solid, [x, y, z], end)
        })
        .collect()
}

/// The center of area of a closed outline.
pub(super) fn centroid(outline: &[[f64; 3]]) -> [f64; 3] {
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for (a, b) in outline.iter().zip(outline.iter().cycle().skip(1)) {
        let cross = a[0] * b[1] - b[0] * a[1];
        area += cross;
        x += (a[0] + b[0]) * cross;
        y += (a[1] + b[1]) * cross;
    }
    let z = outline.first().map_or(0.0, |p| p[2]);
    [x / (3.0 * area), y / (3.0 * area), z]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn ball(p: [f64; 3]) -> f64 {
        vector::length(p) - 5.0
    }

    #[test]
    fn a_balls_surface_is_found_from_every_side() {
        let up = top(&ball, [3.0, 0.0], 0.0, 20.0).unwrap();
        assert!((up[2] - 4.0).abs() < 1e-6, "{up:?}");
        assert!(top(&ball, [6.0, 0.0], 0.0, 20.0).is_none());
        let ring = outline(&ball, [0.5, 0.2], 3.0, 90);
        assert_eq!(ring.len(), 90);
        let center = centroid(&ring);
        assert!(center[0].abs() < 1e-2 && center[1].abs() < 1e-2);
    }

    #[test]
    fn rounding_takes_from_an_edge_and_adds_to_a_corner() {
        assert!((smooth_max(1.0, 1.0, 2.0) - 1.5).abs() < 1e-12);
        assert!((smooth_max(4.0, 1.0, 2.0) - 4.0).abs() < 1e-12);
        assert!((smooth_min(1.0, 1.0, 2.0) - 0.5).abs() < 1e-12);
        assert!((between(&[(0.0, 1.0), (2.0, 3.0)], 1.0) - 2.0).abs() < 1e-12);
        assert!((between(&[(0.0, 1.0), (2.0, 3.0)], 9.0) - 3.0).abs() < 1e-12);
    }
}
