//! The time, or a test's time. The only place that asks the system for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time: microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment and a time after it.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment and a time before it.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The time from an earlier moment to this one; zero if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC, to the millisecond: `2026-11-23T08:15:30.250Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.to_string()
    }

    /// Date and time as DICOM's DA and TM: `("20261123", "081530.250000")`.
    #[must_use]
    pub fn dicom(self) -> (String, String) {
        let t = self.parts();
        (
            format!("{:04}{:02}{:02}", t.year(), u8::from(t.month()), t.day()),
            format!(
                "{:02}{:02}{:02}.{:06}",
                t.hour(),
                t.minute(),
                t.second(),
                t.microsecond()
            ),
        )
    }

    fn parts(self) -> time::OffsetDateTime {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.parts();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }
}

/// Tells the time. Cloned into every room that needs it.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A test's clock: it stands still until it is moved.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock for tests that starts at a moment.
    #[must_use]
    pub fn manual(start: Moment) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    /// The time now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn now(&self) -> Moment {
        match self {
            Self::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Self::Manual(micros) => Moment(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a test's clock on. The machine's clock is not moved.
    pub fn advance(&self, time: Duration) {
        if let Self::Manual(micros) = self {
            micros.fetch_add(
                i64::try_from(time.as_micros()).unwrap_or(0),
                Ordering::SeqCst,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_counts() {
        let start = Moment::from_micros(1_795_421_730_250_000);
        assert_eq!(start.to_string(), "2026-11-23T08:15:30.250Z");
        assert_eq!(start.dicom(), ("20261123".into(), "081530.250000".into()));
        let clock = Clock::manual(start);
        clock.advance(Duration::from_secs(20));
        assert_eq!(clock.now().since(start), Duration::from_secs(20));
        assert_eq!(start.since(clock.now()), Duration::ZERO);
    }
}
