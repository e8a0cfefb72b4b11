//! How long to wait after a failure.

use std::time::Duration;

/// Waits that grow: the bound doubles with each failure from `first` up to
/// `max`, and the wait is drawn evenly between `first` and the bound (full
/// jitter), so that many boxes do not come back to a central all at once.
/// There is no last try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Waits between two bounds; a `max` below `first` counts as `first`.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max: max.max(first),
        }
    }

    /// The wait after this many failures before the present one, drawn by 64
    /// random bits.
    #[must_use]
    pub fn wait(self, failures_before: u32, random: u64) -> Duration {
        let factor = 1_u32.checked_shl(failures_before.min(31)).unwrap_or(1);
        let bound = self.first.saturating_mul(factor).min(self.max);
        let spread = bound.saturating_sub(self.first);
        // The upper 32 bits as a fraction in 0..1.
        let fraction = f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX))
            / (f64::from(u32::MAX) + 1.0);
        self.first.saturating_add(spread.mul_f64(fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_doubles_up_to_the_limit() {
        let backoff = Backoff::new(SECOND, 900 * SECOND);
        let longest = |failures| backoff.wait(failures, u64::MAX).as_secs_f64().round();
        let waits: Vec<f64> = [0, 1, 2, 3, 9, 10, 40, u32::MAX]
            .into_iter()
            .map(longest)
            .collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 512.0, 900.0, 900.0, 900.0]);
        assert_eq!(backoff.wait(20, 0), SECOND);
    }

    proptest! {
        #[test]
        fn a_wait_lies_between_first_and_max(first in 1u64..10_000, max in 1u64..10_000_000, failures: u32, random: u64) {
            let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
            let wait = Backoff::new(first, max).wait(failures, random);
            prop_assert!(wait >= first && wait <= max.max(first));
        }
    }
}
