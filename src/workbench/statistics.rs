//! Figures over cases, and how tables print them.

use serde_json::Value;

use super::judge::bootstrap;
use crate::radiography::Random;

#[allow(clippy::cast_precision_loss, reason = "hundreds of cases")]
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn rms(values: &[f64]) -> f64 {
    mean(&values.iter().map(|v| v * v).collect::<Vec<_>>()).sqrt()
}

/// A mean with its 95 % bootstrap interval, people drawn with replacement.
pub(super) fn drawn(values: &[f64]) -> [f64; 3] {
    let mut random = Random::new(1, 0xB007);
    bootstrap(values, |below| {
        usize::try_from(random.bits() % below as u64).unwrap_or(0)
    })
}

/// The middle one; none of nothing.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A number to so many digits, or a dash.
pub(super) fn number(value: &Value, digits: usize) -> String {
    let plain = |v: f64| format!("{v:.digits$}");
    value.as_f64().map_or_else(|| "-".to_owned(), plain)
}

/// A share with its interval.
pub(super) fn percent(value: &Value) -> String {
    let part = |key: &str| {
        let share = value[key].as_f64();
        share.map_or_else(|| "-".to_owned(), |v| format!("{:.1}", 100.0 * v))
    };
    format!("{} % ({} to {})", part("share"), part("low"), part("high"))
}
