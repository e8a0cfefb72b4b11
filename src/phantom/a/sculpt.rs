//! Tools of the sculptor: a solid as a function that is negative inside, and
//! the smooth ways of joining, cutting and pressing such functions.

/// A solid: about the distance to its surface in millimeters, negative inside.
pub(super) trait Solid {
    /// The function's value at a place.
    fn depth(&self, at: [f64; 3]) -> f64;

    /// Whether a place of the surface belongs to a joint.
    fn is_joint(&self, at: [f64; 3]) -> bool;

    /// A box around it.
    fn bounds(&self) -> [[f64; 3]; 2];

    /// Its gradient, by differences over a tenth of a millimeter.
    fn gradient(&self, at: [f64; 3]) -> [f64; 3] {
        const H: f64 = 0.05;
        std::array::from_fn(|axis| {
            let (mut ahead, mut behind) = (at, at);
            ahead[axis] += H;
            behind[axis] -= H;
            (self.depth(ahead) - self.depth(behind)) / (2.0 * H)
        })
    }

    /// The place of the surface that Newton's steps along the gradient reach.
    fn onto(&self, from: [f64; 3]) -> [f64; 3] {
        let mut at = from;
        for _ in 0..6 {
            let depth = self.depth(at);
            let slope = self.gradient(at);
            let square: f64 = slope.iter().map(|s| s * s).sum();
            if depth.abs() < 1e-5 || square < 1e-6 {
                break;
            }
            let step = (depth / square).clamp(-1.0, 1.0);
            for axis in 0..3 {
                at[axis] -= step * slope[axis];
            }
        }
        at
    }
}

/// The greater of two values, rounded over about `round`: two solids' common part.
pub(super) fn both(a: f64, b: f64, round: f64) -> f64 {
    let h = (round - (a - b).abs()).max(0.0) / round;
    a.max(b) + h * h * round / 4.0
}

/// The lesser of two values, rounded over about `round`: two solids together.
pub(super) fn either(a: f64, b: f64, round: f64) -> f64 {
    -both(-a, -b, round)
}

/// A bell of height one.
pub(super) fn bell(x: f64, width: f64) -> f64 {
    (-(x / width).powi(2)).exp()
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(super) fn rise(x: f64, from: f64, to: f64) -> f64 {
    let part = ((x - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// Distance to a rod whose thickness changes from one end to the other.
pub(super) fn rod(at: [f64; 3], from: [f64; 3], to: [f64; 3], thick: [f64; 2]) -> f64 {
    let along: [f64; 3] = std::array::from_fn(|k| to[k] - from[k]);
    let square: f64 = along.iter().map(|v| v * v).sum();
    let part = ((0..3).map(|k| (at[k] - from[k]) * along[k]).sum::<f64>() / square).clamp(0.0, 1.0);
    let gap: f64 = (0..3)
        .map(|k| (at[k] - from[k] - part * along[k]).powi(2))
        .sum::<f64>()
        .sqrt();
    gap - (thick[0] + (thick[1] - thick[0]) * part)
}
