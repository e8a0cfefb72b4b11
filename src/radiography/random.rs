//! Numbers that look random and are always the same for the same seed.
//!
//! SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014. For simulation only, never for a secret.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
    spare: Option<f64>,
}

impl Random {
    /// The stream of a seed; different purposes of one seed take different streams.
    #[must_use]
    pub const fn new(seed: u64, stream: u64) -> Self {
        let state = mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15))
            ^ mix(stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Self { state, spare: None }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        #[allow(
            clippy::cast_precision_loss,
            reason = "53 bits are exactly what an f64 holds"
        )]
        let number = (self.bits() >> 11) as f64;
        number / 9_007_199_254_740_992.0
    }

    /// A number between two others.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number of the standard normal distribution (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.unit()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// A normal number of this mean and SD, never more than `limit` SDs away.
    pub fn around(&mut self, mean: f64, sd: f64, limit: f64) -> f64 {
        loop {
            let number = self.normal();
            if number.abs() <= limit {
                return mean + sd * number;
            }
        }
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// SplitMix64's finalizer.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_moments_of_a_normal_distribution() {
        let mut random = Random::new(7, 0);
        let n = 40_000;
        let (mut sum, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let v = random.normal();
            sum += v;
            square += v * v;
        }
        let mean = sum / f64::from(n);
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((square / f64::from(n) - 1.0).abs() < 0.03);
    }

    #[test]
    fn seeds_and_streams_differ_and_repeat() {
        let first = |seed, stream| Random::new(seed, stream).bits();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(1, 2), first(1, 3));
    }

    #[test]
    fn stays_within_its_limits() {
        let mut random = Random::new(3, 1);
        for _ in 0..2000 {
            assert!((random.around(10.0, 2.0, 1.5) - 10.0).abs() <= 3.0);
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
