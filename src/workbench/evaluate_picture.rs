//! A picture a case for `evaluate`: both X-rays with the outlines of the
//! reconstructed bones, in the PA those of the true bones too, and beside them
//! the reconstructed bones colored by how far they lie from the truth. It is
//! drawn after the case was judged.

use std::path::Path;

use serde_json::Value;

use super::judge::Answer;
use super::judge::Apart;
use super::judge::BoneScore;
use super::judge::Found;
use super::judge::Known;
use super::judge::Laid;
use super::judge::Lines;
use super::judge::Score;
use super::judge::laid;
use super::solve::chain;
use super::{WorkbenchError, read_file};
use crate::analyze::Shot;
use crate::analyze::silhouette;
use crate::anatomy::Bone;
use crate::anatomy::Side;
use crate::geometry::Detector;
use crate::geometry::Given;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Camera;
use crate::radiography::Projection;
use crate::raster::Look;
use crate::raster::Radiograph;
use crate::raster::Shaded;
use crate::raster::Side as Turned;
use crate::raster::read_radiograph;
use crate::wire::NOTICE_EN;

const SIZE: [usize; 2] = [1640, 900];
/// Left edges of the X-rays, their upper edge, width and height.
const XRAYS: [usize; 2] = [16, 500];
const XRAY: [usize; 3] = [64, 470, 740];
/// Left edges of a bone's three sides, upper edges of the bones, and the width
/// and height of one.
const SIDES: [usize; 3] = [984, 1162, 1340];
const BONES: [usize; 2] = [108, 488];
const BONE: [usize; 2] = [166, 332];
/// Left and upper edge, width and height of the color bar.
const BAR: [usize; 4] = [1536, 108, 26, 680];
const PIXELS_MM: f64 = 3.4;

const INK: [f64; 3] = [0.1, 0.12, 0.15];
const RECONSTRUCTED: [f64; 3] = [0.2, 0.85, 1.0];
const TRUE: [f64; 3] = [1.0, 0.62, 0.1];
/// Of what is not compared.
const GRAY: [f64; 3] = [0.62, 0.62, 0.66];
/// The distance that has the last color, in millimeters, and the colors from
/// nothing to there.
const FARTHEST_MM: f64 = 2.0;
const COLORS: [[f64; 3]; 5] = [
    [0.72, 0.85, 0.93],
    [0.99, 0.87, 0.48],
    [0.99, 0.58, 0.25],
    [0.87, 0.16, 0.15],
    [0.42, 0.02, 0.33],
];
/// From the back of the hand (as the PA image shows it), from the palm, from the
/// hand along the bone: what is right and what is up in the truth's frame.
const LOOKS: [([f64; 3], [f64; 3], &str); 3] = [
    ([1.0, 0.0, 0.0], [0.0, -1.0, 0.0], "from the back"),
    ([-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], "from the palm"),
    ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], "from the hand"),
];
/// How much of a bone is put in the middle when it is seen from the hand.
const END_MM: f64 = 20.0;

/// What a picture is drawn of.
pub(super) struct Judged<'a> {
    /// The case's folder.
    pub folder: &'a Path,
    /// Its name.
    pub name: &'a str,
    /// What was reconstructed.
    pub answer: &'a Answer,
    /// The truth.
    pub known: &'a Known,
    /// How it came out.
    pub score: &'a Score,
}

/// Draws a case, as PNG.
///
/// # Errors
/// [`WorkbenchError::Step`] where an X-ray cannot be read or the picture not be
/// written.
pub(super) fn draw(judged: &Judged<'_>) -> Result<Vec<u8>, WorkbenchError> {
    let mut picture = Shaded::new(SIZE[0], SIZE[1]);
    picture.words(&title(judged), [16, 14], 2, INK);
    let bones = match judged.answer {
        Answer::Bones(bones) => Some(bones),
        Answer::Refused(_) => None,
    };
    for (view, (file, words)) in [("pa.dcm", "posteroanterior"), ("lateral.dcm", "lateral")]
        .into_iter()
        .enumerate()
    {
        let path = judged.folder.join(file);
        if !path.is_file() {
            continue;
        }
        let fault = |error: &dyn std::error::Error| {
            WorkbenchError::Step(format!("{}: {}", path.display(), chain(error)))
        };
        let radiograph = read_radiograph(&path).map_err(|e| fault(&e))?;
        let [top, width, height] = XRAY;
        let left = XRAYS[view];
        picture.words(words, [left, top - 22], 2, INK);
        let placed = picture.radiograph(&radiograph, [left, top, width, height]);
        let mut lines = |lines: &Lines, color| {
            for line in lines {
                picture.line(&placed, line, color);
            }
        };
        if view == 0
            && let Some(camera) = camera(judged.folder, &radiograph)?
        {
            for bone in &judged.known.bones {
                let lying: SurfaceMesh<Detector> = bone.moved(&Rigid::<Given, _>::identity());
                lines(&silhouette(&lying, camera), TRUE);
            }
        }
        for bone in bones.iter().flat_map(|b| &b.outlines[view]) {
            lines(bone, RECONSTRUCTED);
        }
    }
    for (number, bone) in Bone::ALL.into_iter().enumerate() {
        let score = &judged.score.bones[number];
        let top = BONES[number] - 44;
        picture.words(&figures(bone, score), [SIDES[0], top], 2, INK);
        if let Some(bones) = bones {
            colored(
                &mut picture,
                number,
                &judged.known.bones[number],
                &bones.bones[number],
            );
        }
    }
    if bones.is_some() {
        bar(&mut picture);
    }
    legend(&mut picture);
    picture
        .png()
        .map_err(|error| WorkbenchError::Step(chain(&error)))
}

fn title(judged: &Judged<'_>) -> String {
    let arm = match judged.known.side {
        Side::Right => "right arm",
        Side::Left => "left arm",
    };
    match &judged.score.refused {
        Some(code) => format!("{}, {arm}, refused: {code}", judged.name),
        None => format!("{}, {arm}", judged.name),
    }
}

/// What is known of how the PA image was taken: where the truth tells it, by
/// that; by the image's own tags where not.
fn camera(folder: &Path, pa: &Radiograph) -> Result<Option<Camera>, WorkbenchError> {
    let fault = |why: &dyn std::error::Error| WorkbenchError::Step(chain(why));
    let text = read_file(&folder.join("truth.json"))?;
    let truth: Value = serde_json::from_slice(&text).map_err(|e| fault(&e))?;
    let told = &truth["views"]["pa"]["camera"];
    if !told.is_null() {
        let camera = serde_json::from_value(told.clone()).map_err(|e| fault(&e))?;
        return Ok(Some(camera));
    }
    let shot = Shot::look(pa, Projection::PosteroAnterior, Turned::Right).map_err(|e| fault(&e))?;
    Ok(shot.map(|shot| shot.camera))
}

fn figures(bone: Bone, score: &BoneScore) -> String {
    let name = bone.name();
    let rms = |apart: Option<Apart>| {
        apart.map_or_else(|| "-".to_owned(), |apart| format!("{:.2}", apart.rms_mm))
    };
    format!(
        "{name}: {} mm RMS aligned, {} as given",
        rms(score.aligned),
        rms(score.given)
    )
}

/// A bone from three sides, laid on the truth.
fn colored(picture: &mut Shaded, number: usize, truth: &SurfaceMesh<Given>, found: &Found) {
    let Laid { surface, gaps_mm } = laid(truth, found);
    let color = |v: usize| gaps_mm[v].map_or(GRAY, color);
    let [low, high] = surface.bounds();
    let whole: [f64; 3] = std::array::from_fn(|axis| f64::midpoint(low[axis], high[axis]));
    let end = {
        let near = surface.vertices().iter().filter(|v| v[1] < low[1] + END_MM);
        let bounds = near.fold([[f64::MAX; 3], [f64::MIN; 3]], |[low, high], v| {
            [
                std::array::from_fn(|k| low[k].min(v[k])),
                std::array::from_fn(|k| high[k].max(v[k])),
            ]
        });
        std::array::from_fn(|axis| f64::midpoint(bounds[0][axis], bounds[1][axis]))
    };
    for (side, (right, up, words)) in LOOKS.into_iter().enumerate() {
        let look = Look {
            right,
            up,
            middle: if side == 2 { end } else { whole },
            pixels_mm: PIXELS_MM,
        };
        let [left, top] = [SIDES[side], BONES[number]];
        picture.draw(&surface, color, &look, [left, top, BONE[0], BONE[1]]);
        picture.words(words, [left, top - 20], 2, INK);
    }
}

/// The color of a distance in millimeters.
fn color(far_mm: f64) -> [f64; 3] {
    #[allow(clippy::cast_precision_loss, reason = "five colors")]
    let last = (COLORS.len() - 1) as f64;
    let place = (far_mm / FARTHEST_MM).clamp(0.0, 1.0) * last;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from nothing to the number of colors"
    )]
    let below = (place.floor() as usize).min(COLORS.len() - 2);
    #[allow(clippy::cast_precision_loss, reason = "five colors")]
    let share = place - below as f64;
    std::array::from_fn(|k| COLORS[below][k] * (1.0 - share) + COLORS[below + 1][k] * share)
}

/// The color bar with its numbers.
fn bar(picture: &mut Shaded) {
    let [left, top, width, height] = BAR;
    #[allow(clippy::cast_precision_loss, reason = "hundreds of pixels")]
    let of = |row: usize| FARTHEST_MM * (1.0 - row as f64 / (height - 1) as f64);
    for row in 0..height {
        picture.fill([left, top + row, width, 1], color(of(row)));
    }
    let steps = 4;
    for step in 0..=steps {
        let row = (height - 1) * step / steps;
        picture.fill([left + width, top + row, 6, 1], INK);
        let more = if step == 0 { "+" } else { "" };
        let words = format!("{:.1}{more}", of(row));
        picture.words(&words, [left + width + 12, top + row - 7], 2, INK);
    }
    picture.words("mm off", [left, top - 34], 2, INK);
}

fn legend(picture: &mut Shaded) {
    let top = XRAY[0] + XRAY[2] + 14;
    let mut left = XRAYS[0];
    for (color, words) in [
        (RECONSTRUCTED, "reconstructed"),
        (TRUE, "true (posteroanterior only)"),
        (GRAY, "not compared"),
    ] {
        picture.fill([left, top + 5, 28, 4], color);
        picture.words(words, [left + 36, top], 2, INK);
        left += 36 + 12 * words.len() + 40;
    }
    let bones = "colors: distance to the truth, laid on it by a rigid motion";
    picture.words(bones, [SIDES[0] - 90, top], 2, INK);
    picture.words(NOTICE_EN, [XRAYS[0], top + 30], 2, INK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_go_from_the_first_to_the_last_and_stay_there() {
        for (far_mm, expected) in [
            (0.0, COLORS[0]),
            (0.5, COLORS[1]),
            (2.0, COLORS[4]),
            (9.0, COLORS[4]),
        ] {
            let off = color(far_mm).into_iter().zip(expected);
            assert!(
                off.into_iter().all(|(a, b)| (a - b).abs() < 1e-9),
                "{far_mm}"
            );
        }
        let between = color(0.75);
        for k in 0..3 {
            assert!((between[k] - f64::midpoint(COLORS[1][k], COLORS[2][k])).abs() < 1e-9);
        }
    }
}
