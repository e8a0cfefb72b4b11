//! What all cases of `evaluate-shape` say together, for programs and for people.

use serde_json::Value;
use serde_json::json;

use super::evaluate_shape::Cases;
use super::shape_cases::BoneCase;
use super::shape_cases::READ;
use super::shape_cases::Stated;
use super::statistics::drawn;
use super::statistics::mean;
use super::statistics::median;
use super::statistics::number;
use super::statistics::percent;
use super::statistics::rms;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::phantom::Generator;
use crate::wire::NOTICE_EN;

/// RMS over cases, mean and worst.
fn spread(values: &[f64]) -> Value {
    let worst = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    json!({"n": values.len(), "mean": mean(values), "rms": rms(values), "max": worst})
}

/// How often intervals held, people drawn anew for the interval of that.
fn coverage(shares: &[f64]) -> Value {
    let [mean, low, high] = drawn(shares);
    json!({"share": mean, "low": low, "high": high})
}

/// The errors of one measure over cases.
fn errors(all: &[Stated]) -> Value {
    let off: Vec<f64> = all.iter().map(|s| s.value - s.truth).collect();
    let widths: Vec<f64> = all.iter().map(|s| s.half_width).collect();
    let hits: Vec<f64> = all.iter().map(|s| f64::from(u8::from(s.inside))).collect();
    json!({
        "n": all.len(),
        "rms_error": rms(&off),
        "bias": mean(&off),
        "median_half_width": median(widths).unwrap_or(f64::NAN),
        "inside": coverage(&hits),
    })
}

fn of<'a>(cases: impl Iterator<Item = &'a [Stated]>, key: &str) -> Vec<Stated> {
    cases
        .flat_map(|stated| stated.iter().filter(|s| s.key == key).copied())
        .collect()
}

/// All figures.
pub(super) fn summary(cases: &Cases, model: &ForearmModel) -> Value {
    let mut answer = json!({"refused": cases.refused.len()});
    for bone in Bone::ALL {
        let own: Vec<&BoneCase> = cases.bones.iter().filter(|c| c.bone == bone).collect();
        answer[bone.name()] = bones(&own);
    }
    let malunited: Vec<&[Stated]> = cases.malunions.iter().map(|c| &c.predicted[..]).collect();
    let mut of_malunions = json!({"n": malunited.len()});
    if !malunited.is_empty() {
        for (place, measure) in READ.into_iter().enumerate() {
            let all = of(malunited.iter().copied(), measure.key());
            let mut row = errors(&all);
            let mirrored: Vec<f64> = cases
                .malunions
                .iter()
                .zip(&all)
                .map(|(case, stated)| case.other_side[place] - stated.truth)
                .collect();
            row["other_side_rms_error"] = json!(rms(&mirrored));
            if let Some(middle) = mean_measure(model, measure) {
                let null: Vec<f64> = all.iter().map(|s| middle - s.truth).collect();
                row["null_rms_error"] = json!(rms(&null));
            }
            of_malunions[measure.key()] = row;
        }
        let each = |pick: fn(&super::judge::Apart) -> f64| -> Vec<f64> {
            cases.malunions.iter().map(|c| pick(&c.apart)).collect()
        };
        of_malunions["predicted_rms_mm"] = spread(&each(|a| a.rms_mm));
        of_malunions["surface_inside"] = coverage(&each(|a| a.inside));
        let long: Vec<f64> = cases.malunions.iter().map(|c| c.too_long_mm).collect();
        of_malunions["length_mm"] = json!({"rms_error": rms(&long), "bias": mean(&long)});
    }
    answer["malunion"] = of_malunions;
    answer
}

/// What is read on the model's mean.
fn mean_measure(model: &ForearmModel, measure: Measure) -> Option<f64> {
    let mean = model.decode(&vec![0.0; model.latent()]).ok()?;
    let marks = model.landmarks().on(&mean).ok()?;
    Some(measures(&marks, Side::Right).ok()?.get(measure))
}

/// RMS and joint RMS of a case, of one of the fits.
type Pick = fn(&BoneCase) -> [Option<f64>; 2];

fn bones(cases: &[&BoneCase]) -> Value {
    let mut answer = json!({"n": cases.len()});
    if cases.is_empty() {
        return answer;
    }
    let pick: [(&str, Pick); 5] = [
        ("null", |c| c.null),
        ("five_modes", |c| c.five_modes),
        ("all_modes", |c| c.all_modes),
        ("stated_full", |c| c.full),
        ("full", |c| [Some(c.apart.rms_mm), c.apart.joint_rms_mm]),
    ];
    for (name, figures) in pick {
        let part = |k: usize| -> Vec<f64> { cases.iter().filter_map(|c| figures(c)[k]).collect() };
        answer[name] = json!({"rms_mm": spread(&part(0)), "joint_rms_mm": spread(&part(1))});
    }
    let [five, all_modes, full] = ["five_modes", "all_modes", "full"]
        .map(|name| answer[name]["rms_mm"]["rms"].as_f64().unwrap_or(f64::NAN));
    answer["five_modes_over_full"] = json!(five / full);
    answer["five_modes_over_all_modes"] = json!(five / all_modes);
    answer["not_recognized"] = json!(cases.iter().filter(|c| !c.recognized).count());
    let inside: Vec<f64> = cases.iter().map(|c| c.apart.inside).collect();
    answer["surface_inside"] = coverage(&inside);
    for measure in READ {
        let all = of(cases.iter().map(|c| &c.measures[..]), measure.key());
        if !all.is_empty() {
            answer[measure.key()] = errors(&all);
        }
    }
    answer
}

/// The table for people.
pub(super) fn table(summary: &Value, generator: Generator) -> String {
    let mut text = String::new();
    for bone in Bone::ALL {
        let of = &summary[bone.name()];
        if of["n"].as_u64() == Some(0) {
            continue;
        }
        text += &format!(
            "{} of {} people, mm RMS      all  worst  joint  worst\n",
            bone.name(),
            of["n"]
        );
        for (name, label) in [
            ("null", "mean shape, rigidly laid on"),
            ("five_modes", "five modes"),
            ("all_modes", "all modes"),
            ("full", "all modes and residual field"),
        ] {
            let cell = |part: &str, key: &str| number(&of[name][part][key], 3);
            text += &format!(
                "  {label:<32}{:>7}{:>7}{:>7}{:>7}\n",
                cell("rms_mm", "rms"),
                cell("rms_mm", "max"),
                cell("joint_rms_mm", "rms"),
                cell("joint_rms_mm", "max")
            );
        }
        text += &format!(
            "  five modes leave {} x what all leave with the field, {} x what all modes leave\n",
            number(&of["five_modes_over_full"], 1),
            number(&of["five_modes_over_all_modes"], 2)
        );
        text += &format!(
            "  bone or side not recognized: {}; surface within its interval: {}\n",
            of["not_recognized"],
            percent(&of["surface_inside"])
        );
        text += &rows(of, false);
    }
    let malunion = &summary["malunion"];
    if malunion["n"].as_u64() != Some(0) {
        text += &format!(
            "malunited radius of {} people, proximal part kept\n",
            malunion["n"]
        );
        text += &rows(malunion, true);
        text += &format!(
            "  styloid's tip along the bone: off {} mm RMS, {} on average\n  predicted surface {} mm \
             RMS; within its interval: {}\n",
            number(&malunion["length_mm"]["rms_error"], 2),
            number(&malunion["length_mm"]["bias"], 2),
            number(&malunion["predicted_rms_mm"]["rms"], 2),
            percent(&malunion["surface_inside"])
        );
    }
    text += &format!(
        "Refused: {}. Measured on invented bones of generator {}; distances both ways, nothing \
         trimmed.\n{NOTICE_EN}\n",
        summary["refused"],
        generator.name()
    );
    text
}

/// A line a measure.
fn rows(of: &Value, predicted: bool) -> String {
    let mut text = String::new();
    for measure in READ {
        let row = &of[measure.key()];
        if row.is_null() {
            continue;
        }
        text += &format!(
            "  {:<18} off {} RMS, {} on average, ± {} stated, {} inside",
            measure.name(),
            number(&row["rms_error"], 2),
            number(&row["bias"], 2),
            number(&row["median_half_width"], 2),
            percent(&row["inside"])
        );
        if predicted {
            text += &format!(
                "; other arm {}, mean shape {}",
                number(&row["other_side_rms_error"], 2),
                number(&row["null_rms_error"], 2)
            );
        }
        text += "\n";
    }
    text
}
