//! Smooth random fields: what differs between people and has no name.
//!
//! A Gaussian process with a squared-exponential kernel, drawn through its
//! spectrum (Rahimi and Recht, "Random features for large-scale kernel
//! machines", NIPS 2007): cosines whose wave vectors are normal with SD 1/length.

use crate::radiography::Random;

/// Cosines a scale: enough that a sum of them is normal.
const WAVES: u32 = 48;

/// One wave of a field.
struct Wave {
    pace: [f64; 3],
    phase: f64,
    push: [f64; 3],
}

/// A field of displacements over space.
pub(super) struct Field(Vec<Wave>);

impl Field {
    /// Draws a field: for each scale its length and the SD of each coordinate, in millimeters.
    pub(super) fn draw(random: &mut Random, scales: &[(f64, f64)]) -> Self {
        let mut waves = Vec::new();
        for (length_mm, sd_mm) in scales {
            let height = sd_mm * (2.0 / f64::from(WAVES)).sqrt();
            for _ in 0..WAVES {
                waves.push(Wave {
                    pace: std::array::from_fn(|_| random.normal() / length_mm),
                    phase: random.between(0.0, std::f64::consts::TAU),
                    push: std::array::from_fn(|_| height * random.normal()),
                });
            }
        }
        Self(waves)
    }

    /// The field that moves nothing.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// The displacement at a place.
    pub(super) fn at(&self, place: [f64; 3]) -> [f64; 3] {
        let mut sum = [0.0; 3];
        for wave in &self.0 {
            let phase = wave.pace[0] * place[0] + wave.pace[1] * place[1] + wave.pace[2] * place[2];
            let height = (phase + wave.phase).cos();
            for (total, push) in sum.iter_mut().zip(wave.push) {
                *total += height * push;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_the_stated_spread_and_forgets_over_its_length() {
        let mut random = Random::new(5, 97);
        let (mut square, mut near, mut far) = (0.0, 0.0, 0.0);
        for _ in 0..600 {
            let field = Field::draw(&mut random, &[(10.0, 0.5)]);
            let [a, b, c] = [0.0, 10.0, 40.0].map(|x| field.at([x, 1.0, -3.0])[1]);
            square += a * a / 600.0;
            near += a * b / 600.0;
            far += a * c / 600.0;
        }
        assert!((square.sqrt() - 0.5).abs() < 0.05, "{}", square.sqrt());
        let expected = 0.25 * (-0.5_f64).exp();
        assert!((near - expected).abs() < 0.04, "{near} for {expected}");
        assert!(far.abs() < 0.04, "{far}");
    }
}
