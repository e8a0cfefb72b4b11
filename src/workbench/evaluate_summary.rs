//! What all cases of `evaluate` say together, for programs and for people.

use serde_json::Value;
use serde_json::json;

use super::evaluate::Case;
use super::judge::Apart;
use super::judge::BoneScore;
use super::judge::MeasureScore;
use super::statistics::drawn;
use super::statistics::mean;
use super::statistics::median;
use super::statistics::number;
use super::statistics::percent;
use super::statistics::rms;
use crate::anatomy::Bone;
use crate::anatomy::Measure;
use crate::wire::NOTICE_EN;

/// Shares of the cases that are kept for the risk against coverage, those with
/// the narrowest stated intervals first.
const KEPT: [f64; 5] = [1.0, 0.95, 0.9, 0.8, 0.5];

/// Mean with its bootstrap interval (people drawn with replacement), SD, RMS,
/// worst.
fn spread(values: &[f64]) -> Value {
    if values.is_empty() {
        return json!({"n": 0});
    }
    let middle = mean(values);
    let square = |v: &f64| (v - middle).powi(2);
    #[allow(clippy::cast_precision_loss, reason = "hundreds of cases")]
    let freedom = (values.len().max(2) - 1) as f64;
    let sd = (values.iter().map(square).sum::<f64>() / freedom).sqrt();
    let [_, low, high] = drawn(values);
    json!({
        "n": values.len(),
        "mean": middle,
        "mean_low": low,
        "mean_high": high,
        "sd": sd,
        "rms": rms(values),
        "worst": values.iter().map(|v| v.abs()).fold(0.0, f64::max),
    })
}

/// How often intervals held.
fn coverage(shares: &[f64]) -> Value {
    if shares.is_empty() {
        return json!({"n": 0});
    }
    let [mean, low, high] = drawn(shares);
    json!({"n": shares.len(), "share": mean, "low": low, "high": high})
}

/// All figures. The nearest one was looked up among `people`.
#[must_use]
pub fn summary(cases: &[Case], people: u64) -> Value {
    let refused = cases.iter().filter(|c| c.score.refused.is_some()).count();
    let sides: Vec<bool> = cases.iter().filter_map(|c| c.score.side_right).collect();
    let mut answer = json!({
        "cases": cases.len(),
        "refused": refused,
        "side_wrong": sides.iter().filter(|right| !**right).count(),
        "nearest_of": people,
    });
    for (number, bone) in Bone::ALL.into_iter().enumerate() {
        let own: Vec<&BoneScore> = cases.iter().map(|c| &c.score.bones[number]).collect();
        answer[bone.name()] = of_bone(&own);
    }
    let mut measures = json!({});
    for measure in Measure::ALL {
        let all = cases.iter().flat_map(|c| &c.score.measures);
        let own: Vec<&MeasureScore> = all.filter(|m| m.measure == measure).collect();
        if !own.is_empty() {
            measures[measure.key()] = of_measure(&own);
        }
    }
    answer["measures"] = measures;
    answer
}

fn of_bone(all: &[&BoneScore]) -> Value {
    let each = |part: fn(&BoneScore) -> Option<Apart>, pick: fn(&Apart) -> Option<f64>| {
        let values = all.iter().filter_map(|b| pick(&part(b)?));
        values.collect::<Vec<f64>>()
    };
    let [given, aligned, null, nearest]: [fn(&BoneScore) -> Option<Apart>; 4] =
        [|b| b.given, |b| b.aligned, |b| b.null, |b| b.nearest];
    let rms: fn(&Apart) -> Option<f64> = |a| Some(a.rms_mm);
    let joint: fn(&Apart) -> Option<f64> = |a| a.joint_rms_mm;
    let (mine, nulls, looked_up) = (each(aligned, rms), each(null, rms), each(nearest, rms));
    // Of the same cases: those that were not refused.
    let beside: Vec<f64> = all
        .iter()
        .filter(|b| b.aligned.is_some())
        .filter_map(|b| Some(b.null?.rms_mm))
        .collect();
    // Of those whose bound is known.
    let (bounded, bounds): (Vec<f64>, Vec<f64>) = all
        .iter()
        .filter_map(|b| Some((b.aligned?.rms_mm, b.bound_mm?)))
        .unzip();
    // A refused case counts with the null model's error.
    let with_refused: Vec<f64> = all
        .iter()
        .filter_map(|b| Some(b.aligned.or(b.null)?.rms_mm))
        .collect();
    json!({
        "rms_mm": spread(&each(given, rms)),
        "rms_aligned_mm": spread(&mine),
        "rms_aligned_with_refused_as_null_mm": spread(&with_refused),
        "mean_aligned_mm": spread(&each(aligned, |a| Some(a.mean_mm))),
        "p95_aligned_mm": spread(&each(aligned, |a| Some(a.p95_mm))),
        "joint_rms_aligned_mm": spread(&each(aligned, joint)),
        "null_rms_aligned_mm": spread(&nulls),
        "null_joint_rms_aligned_mm": spread(&each(null, joint)),
        "nearest_rms_aligned_mm": spread(&looked_up),
        "nearest_joint_rms_aligned_mm": spread(&each(nearest, joint)),
        "over_null": mean(&mine) / mean(&beside),
        "over_nearest": mean(&mine) / mean(&looked_up),
        "bound_mm": spread(&bounds),
        "over_bound": mean(&bounded) / mean(&bounds),
        "risk": risk(all.iter().filter_map(|b| Some((b.stated_mm?, b.aligned?.rms_mm))).collect(), all.len()),
        "interval_hit": coverage(&each(aligned, |a| Some(a.inside))),
        "interval_hit_given": coverage(&each(given, |a| Some(a.inside))),
    })
}

fn of_measure(all: &[&MeasureScore]) -> Value {
    let errors: Vec<f64> = all.iter().filter_map(|m| m.error).collect();
    let nulls: Vec<f64> = all.iter().filter_map(|m| m.null_error).collect();
    let beside: Vec<f64> = all
        .iter()
        .filter(|m| m.error.is_some())
        .filter_map(|m| m.null_error)
        .collect();
    let half = |m: &&&MeasureScore| Some(0.5 * (m.high? - m.low?));
    let inside = all.iter().filter_map(|m| m.inside);
    let inside: Vec<f64> = inside.map(|held| f64::from(u8::from(held))).collect();
    json!({
        "error": spread(&errors),
        "null_error": spread(&nulls),
        "over_null": rms(&errors) / rms(&beside),
        "inside": coverage(&inside),
        "median_half_width": median(all.iter().filter_map(|m| half(&m)).collect()),
        "risk": risk(all.iter().filter_map(|m| Some((m.high? - m.low?, m.error?))).collect(), all.len()),
    })
}

/// RMS error of the cases that state the least uncertainty, for some shares of
/// all cases, those without an answer among them. `pairs` are what was stated
/// and the error.
fn risk(mut pairs: Vec<(f64, f64)>, all: usize) -> Value {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows = KEPT.map(|share| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a share of hundreds of cases"
        )]
        let count = ((share * all as f64).round() as usize).min(pairs.len());
        let errors: Vec<f64> = pairs.iter().take(count).map(|p| p.1).collect();
        json!({"kept": share, "n": count, "rms_error": rms(&errors)})
    });
    json!(rows)
}

/// Risk against coverage in one line.
fn risk_line(rows: &Value, digits: usize) -> String {
    let cell = |row: &Value| {
        let share = 100.0 * row["kept"].as_f64().unwrap_or(f64::NAN);
        format!("{share:.0} %: {}", number(&row["rms_error"], digits))
    };
    let cells = rows.as_array().into_iter().flatten().map(cell);
    cells.collect::<Vec<_>>().join(", ")
}

/// The table's rows of a bone: what stands in the summary, and its words.
const ROWS: [(&str, &str); 10] = [
    ("rms_mm", "RMS in the frame given, mm"),
    ("rms_aligned_mm", "RMS aligned, mm"),
    (
        "rms_aligned_with_refused_as_null_mm",
        "the same, refused as null, mm",
    ),
    ("p95_aligned_mm", "95 % of the surface within, mm"),
    ("joint_rms_aligned_mm", "joint surface RMS aligned, mm"),
    ("null_rms_aligned_mm", "null model RMS aligned, mm"),
    (
        "null_joint_rms_aligned_mm",
        "null model's joint surface, mm",
    ),
    ("nearest_rms_aligned_mm", "nearest training shape, mm"),
    (
        "nearest_joint_rms_aligned_mm",
        "nearest training shape's joint, mm",
    ),
    ("bound_mm", "optimistic bound of the images, mm"),
];

/// The table for people.
#[must_use]
pub fn table(summary: &Value) -> String {
    let mut lines = vec![format!(
        "{} cases, {} refused, side told wrong of {}",
        summary["cases"], summary["refused"], summary["side_wrong"]
    )];
    for bone in Bone::ALL {
        let of = &summary[bone.name()];
        lines.push(format!(
            "{:<40}{:>7}{:>7}{:>7}{:>7}   mean's 95 % interval",
            bone.name(),
            "mean",
            "SD",
            "RMS",
            "worst"
        ));
        for (key, label) in ROWS {
            let cell = |part: &str| number(&of[key][part], 3);
            lines.push(format!(
                "  {label:<38}{:>7}{:>7}{:>7}{:>7}   {} to {}",
                cell("mean"),
                cell("sd"),
                cell("rms"),
                cell("worst"),
                cell("mean_low"),
                cell("mean_high"),
            ));
        }
        lines.push(format!(
            "  {} x the null model, {} x the nearest of {} training shapes, {} x the bound",
            number(&of["over_null"], 2),
            number(&of["over_nearest"], 2),
            summary["nearest_of"],
            number(&of["over_bound"], 2),
        ));
        lines.push(format!(
            "  surface within its interval: {}",
            percent(&of["interval_hit"])
        ));
        let risk = risk_line(&of["risk"], 3);
        lines.push(format!("  RMS of those that state the least SD: {risk}"));
    }
    for measure in Measure::ALL {
        let of = &summary["measures"][measure.key()];
        if of.is_null() {
            continue;
        }
        lines.push(format!(
            "{:<20} off {} RMS, {} on average, worst {}; null {} RMS; ± {} stated, {} inside",
            measure.name(),
            number(&of["error"]["rms"], 2),
            number(&of["error"]["mean"], 2),
            number(&of["error"]["worst"], 2),
            number(&of["null_error"]["rms"], 2),
            number(&of["median_half_width"], 2),
            percent(&of["inside"])
        ));
        let risk = risk_line(&of["risk"], 2);
        lines.push(format!("  RMS of the narrowest intervals: {risk}"));
    }
    lines.push(format!("Distances both ways, nothing trimmed. {NOTICE_EN}"));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_falls_as_the_unsure_are_left_out_and_counts_the_refused() {
        // Of ten cases two gave no answer; the unsure are wrong.
        let pairs: Vec<(f64, f64)> = (1..=8_u32)
            .rev()
            .map(|k| (f64::from(k), if k > 5 { -4.0 } else { 1.0 }))
            .collect();
        let rows = risk(pairs, 10);
        let of = |row: usize| (rows[row]["n"].as_u64(), rows[row]["rms_error"].as_f64());
        let all = f64::sqrt((5.0 + 3.0 * 16.0) / 8.0);
        // All and 90 % want more than answered.
        assert_eq!(of(0), (Some(8), Some(all)));
        assert_eq!(of(2), (Some(8), Some(all)));
        assert_eq!(of(4), (Some(5), Some(1.0)));
        let line = risk_line(&rows, 1);
        assert!(
            line.starts_with("100 %: 2.6, ") && line.ends_with("50 %: 1.0"),
            "{line}"
        );
        assert!(risk_line(&risk(Vec::new(), 3), 1).ends_with("50 %: -"));
    }
}
