//! What a failed attempt means for its study: which trouble, tried again when.

use std::time::Duration;

use crate::clock::Moment;
use crate::study::TroubleCode;

/// Tries of a crash before a person must ask: a study that kills the worker
/// each time must not do so for ever.
const CRASHES: u32 = 3;

/// When a study is tried again after its n-th failure (1 for the first);
/// `None`: only when a person asks.
pub(super) fn next_try(code: TroubleCode, tries: u32, now: Moment) -> Option<Moment> {
    let seconds = match code {
        TroubleCode::Quarantined | TroubleCode::ConflictingInstance | TroubleCode::CannotDecode => {
            return None;
        }
        TroubleCode::AnalyzeFailed | TroubleCode::WorkerCrashed | TroubleCode::DeidentifyFailed
            if tries >= CRASHES =>
        {
            return None;
        }
        TroubleCode::AnalyzeFailed
        | TroubleCode::WorkerCrashed
        | TroubleCode::DeidentifyFailed
        | TroubleCode::ModelUnavailable
        | TroubleCode::WorkerUnavailable
        | TroubleCode::CentralUnreachable
        | TroubleCode::CentralRefusesUs
        | TroubleCode::CentralRefusedResults
        | TroubleCode::NoLegalBasis
        | TroubleCode::DiskFull
        | TroubleCode::StorageFailed => 1_u64 << tries.min(8),
    };
    Some(now.after(Duration::from_secs(seconds.min(120))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(code: TroubleCode, tries: u32) -> Option<u64> {
        let now = Moment::from_micros(0);
        next_try(code, tries, now).map(|next| next.since(now).as_secs())
    }

    #[test]
    fn waits_double_up_to_two_minutes() {
        let waits: Vec<_> = (1..9)
            .map(|n| wait(TroubleCode::ModelUnavailable, n))
            .collect();
        let expected = [2, 4, 8, 16, 32, 64, 120, 120].map(Some);
        assert_eq!(waits, expected);
    }

    #[test]
    fn a_study_that_kills_the_worker_stops_after_three_tries() {
        assert_eq!(wait(TroubleCode::WorkerCrashed, 2), Some(4));
        assert_eq!(wait(TroubleCode::WorkerCrashed, 3), None);
        assert_eq!(wait(TroubleCode::Quarantined, 1), None);
        assert_eq!(wait(TroubleCode::CannotDecode, 1), None);
    }
}
