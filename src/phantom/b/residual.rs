//! What no parameter names: smooth random fields that make every bone its own.
//!
//! B-dev: uniform cubic B-splines on lattices of random numbers. B-test: sums of
//! random plane waves. Both at several lengths.

use crate::radiography::Random;

/// A smooth random field on a lattice.
pub(in crate::phantom) struct Lattice {
    spacing: f64,
    count: [usize; 3],
    low: [f64; 3],
    values: Vec<f64>,
}

impl Lattice {
    /// A field of this lattice spacing and SD, over the place of a bone.
    pub(in crate::phantom) fn new(random: &mut Random, spacing: f64, sd: f64) -> Self {
        let low = [-34.0, -30.0, -165.0];
        let span = [68.0, 60.0, 190.0];
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some dozens"
        )]
        let count = span.map(|s: f64| (s / spacing).ceil() as usize + 4);
        let number = count.iter().product();
        // A cubic B-spline of independent numbers has 0.479^(3/2) of their SD.
        let amplitude = sd / 0.331;
        let values = (0..number)
            .map(|_| amplitude * random.around(0.0, 1.0, 3.0))
            .collect();
        Self {
            spacing,
            count,
            low,
            values,
        }
    }

    /// The field at a place.
    pub(in crate::phantom) fn at(&self, p: [f64; 3]) -> f64 {
        let mut first = [0_usize; 3];
        let mut weights = [[0.0; 4]; 3];
        for axis in 0..3 {
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some dozens"
            )]
            {
                let most = (self.count[axis] - 4) as f64;
                let u = ((p[axis] - self.low[axis]) / self.spacing).clamp(0.0, most - 1e-9);
                first[axis] = u as usize;
                let t = u - u.floor();
                let s = 1.0 - t;
                weights[axis] = [
                    s * s * s / 6.0,
                    (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
                    (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
                    t * t * t / 6.0,
                ];
            }
        }
        let [width, depth, _] = self.count;
        let mut sum = 0.0;
        for k in 0..4 {
            for j in 0..4 {
                let row = first[0] + width * (first[1] + j + depth * (first[2] + k));
                let across: f64 = (0..4).map(|i| weights[0][i] * self.values[row + i]).sum();
                sum += weights[1][j] * weights[2][k] * across;
            }
        }
        sum
    }
}

/// Smooth random fields of plane waves: `N` of them over the same waves, each
/// with amplitudes of its own.
pub(super) struct Waves<const N: usize> {
    waves: Vec<Wave<N>>,
}

struct Wave<const N: usize> {
    number: [f64; 3],
    phase: f64,
    heights: [f64; N],
}

impl<const N: usize> Waves<N> {
    /// Fields of about this wavelength and these SDs.
    pub(super) fn new(random: &mut Random, count: u32, length: f64, sds: [f64; N]) -> Self {
        let waves = (0..count).map(|_| {
            let number = std::f64::consts::TAU / (length * random.between(0.75, 1.4));
            let up = random.between(-1.0, 1.0);
            let around = random.between(0.0, std::f64::consts::TAU);
            let flat = (1.0 - up * up).sqrt();
            let number = [
                number * flat * around.cos(),
                number * flat * around.sin(),
                number * up,
            ];
            let phase = random.between(0.0, std::f64::consts::TAU);
            let share = (2.0 / f64::from(count)).sqrt();
            let heights = sds.map(|sd| sd * share * random.around(0.0, 1.0, 3.0));
            Wave {
                number,
                phase,
                heights,
            }
        });
        Self {
            waves: waves.collect(),
        }
    }

    /// The fields at a place.
    pub(super) fn at(&self, p: [f64; 3]) -> [f64; N] {
        let mut sum = [0.0; N];
        for wave in &self.waves {
            let w = wave.number;
            let swing = (w[0] * p[0] + w[1] * p[1] + w[2] * p[2] + wave.phase).sin();
            for (sum, height) in sum.iter_mut().zip(wave.heights) {
                *sum += height * swing;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_stated_spread_and_are_smooth() {
        let mut random = Random::new(5, 3);
        let (mut square, mut waves) = (0.0, 0.0);
        for _ in 0..60 {
            let lattice = Lattice::new(&mut random, 12.0, 0.3);
            let field = Waves::new(&mut random, 24, 25.0, [0.3]);
            for i in 0..20 {
                let p = [
                    f64::from(i) * 1.7 - 17.0,
                    f64::from(i % 7) * 2.0,
                    -5.3 * f64::from(i),
                ];
                square += lattice.at(p).powi(2);
                waves += field.at(p)[0].powi(2);
                let near = [p[0] + 1e-3, p[1], p[2]];
                assert!((lattice.at(near) - lattice.at(p)).abs() < 1e-3);
                assert!((field.at(near)[0] - field.at(p)[0]).abs() < 1e-3);
            }
        }
        let sd = |sum: f64| (sum / 1200.0).sqrt();
        assert!((sd(square) / 0.3 - 1.0).abs() < 0.15, "{}", sd(square));
        assert!((sd(waves) / 0.3 - 1.0).abs() < 0.15, "{}", sd(waves));
    }
}
