//! `bonebox fit-shape MESH.stl --json FILE`: fits the forearm's shape model to
//! any STL of a distal radius or ulna, in whatever pose, of either side, open or
//! closed at its cut, and says how far the surfaces lie apart. With
//! `--keep proximal:MM` it fits what lies more than that far from the distal end
//! and predicts the rest: the healthy shape of a malunited bone.
//!
//! What is no such bone is refused (exit 3) with a code for programs, what is
//! wrong, and what to do about it.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use serde_json::Value;
use serde_json::json;

use super::solve::chain;
use super::solve::refuse;
use super::solve::say;
use super::{Verdict, WorkbenchError, read_file, write_file, write_json};
use crate::anatomy::Asked;
use crate::anatomy::Bone;
use crate::anatomy::BoneFit;
use crate::anatomy::CutKind;
use crate::anatomy::Figures;
use crate::anatomy::FitError;
use crate::anatomy::ForearmModel;
use crate::anatomy::Note;
use crate::anatomy::Side;
use crate::anatomy::fit_bone;
use crate::anatomy::references;
use crate::geometry::GeometryError;
use crate::geometry::Given;
use crate::geometry::SurfaceMesh;
use crate::names::Digest;
use crate::wire::NOTICE_EN;

/// What the answer's distances are distances of.
const MEASURED_ON: &str = "this surface alone: distances between it and the fitted surface, both \
     ways, over what it covers, nothing trimmed; the model was learned from invented bones of \
     generator A and has seen no person's bone";
/// A bar is shown to whoever waits longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which bone a surface is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum NamedBone {
    /// The bone on the thumb's side.
    Radius,
    /// The bone on the little finger's side.
    Ulna,
}

/// Which side a surface is said to be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum NamedSide {
    /// The right arm.
    #[value(name = "R")]
    Right,
    /// The left arm.
    #[value(name = "L")]
    Left,
}

/// What `fit-shape` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct FitShapeArgs {
    /// The surface: an STL, binary or text, in millimeters, in any axes.
    pub mesh: PathBuf,
    /// Which bone it is; without it the likelier one is taken.
    #[arg(long, value_enum)]
    pub bone: Option<NamedBone>,
    /// Which side it is; without it the likelier one is taken.
    #[arg(long, value_enum)]
    pub side: Option<NamedSide>,
    /// `proximal:MM`: fit only what lies more than MM from the distal end, and
    /// predict the rest.
    #[arg(long, value_parser = kept)]
    pub keep: Option<f64>,
    /// Writes the fitted surface as an STL, in the axes of the given one.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Writes the answer as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Reads `proximal:MM`.
fn kept(text: &str) -> Result<f64, String> {
    let millimeters = text
        .strip_prefix("proximal:")
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|mm| mm.is_finite() && *mm > 0.0 && *mm < 200.0);
    millimeters.ok_or_else(|| "write proximal:MM, MM millimeters from the distal end".to_owned())
}

/// Why a file was not fitted.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the file is empty (0 bytes)")]
    EmptyFile,
    #[error("the file is text, but no STL: it does not begin with \"solid\"")]
    OtherText,
    #[error(transparent)]
    File(GeometryError),
    #[error(transparent)]
    Fit(FitError),
}

impl Refusal {
    /// A short name for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::EmptyFile => "empty_file",
            Self::OtherText => "not_an_stl",
            Self::File(GeometryError::NotFinite { .. }) => "not_finite",
            Self::File(GeometryError::Empty { .. }) => "no_triangles",
            Self::File(GeometryError::Stl { why }) if why.contains("cut short") => "truncated",
            Self::File(_) => "not_an_stl",
            Self::Fit(error) => error.code(),
        }
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::EmptyFile => "export the surface again",
            Self::File(_) if self.code() == "truncated" => {
                "copy or export the file again: its end is missing"
            }
            Self::File(_) if self.code() == "not_finite" => {
                "export the surface again: a coordinate is infinite or not a number"
            }
            Self::File(_) if self.code() == "no_triangles" => {
                "export the surface again: it holds no triangle with an area"
            }
            Self::OtherText | Self::File(_) => "give one bone as an STL, binary or text",
            Self::Fit(error) => advice(error),
        }
    }
}

/// What to do about a surface that was not fitted.
const fn advice(error: &FitError) -> &'static str {
    match error {
        FitError::Unit { .. } => "scale it to millimeters and give it again",
        FitError::Flat => "give the bone's closed outer surface",
        FitError::TooLarge { .. } => "give the distal part of one radius or one ulna",
        FitError::TooSmall { .. } => {
            "give at least the distal 15 mm of an adult's radius or ulna, in millimeters"
        }
        FitError::SeveralBones { .. } => "save each bone in a file of its own",
        FitError::NotThisAnatomy { .. } => {
            "look whether it is the distal end of an adult's radius or ulna, in millimeters, and \
             not mended, cut lengthwise or joined with another bone"
        }
        FitError::OtherSide { .. } => {
            "correct --side or leave it out; if the side is right, the surface was mirrored on its \
             way"
        }
        FitError::OtherBone { .. } => "correct --bone or leave it out",
        FitError::TooLittleKept { .. } => "keep more: a smaller MM, or a longer piece of the bone",
        FitError::Geometry(_) => "export the surface again as one bone without loose triangles",
    }
}

/// Fits a surface. One that cannot be fitted is refused with a reason.
///
/// # Errors
/// [`WorkbenchError`] where a file cannot be read or written.
pub fn run(args: &FitShapeArgs) -> Result<Verdict, WorkbenchError> {
    let begun = Instant::now();
    let bytes = read_file(&args.mesh)?;
    let model = ForearmModel::shipped().map_err(|e| WorkbenchError::Step(chain(&e)))?;
    let (given, fit) = match fitted(&bytes, &model, args) {
        Ok(both) => both,
        Err(refusal) => return refused(args, &refusal),
    };
    if let Some(path) = &args.out {
        let header = format!("bonebox fit, {} {}, mm", fit.bone.name(), fit.side.letter());
        write_file(path, &fit.surface.to_stl(&header))?;
    }
    if args.json.as_deref() != Some(Path::new("-")) {
        say(&table(&fit, args.keep))?;
    }
    if let Some(path) = &args.json {
        let mut answer = report(&fit, args.keep);
        answer["input"] = json!({
            "sha256": Digest::of(&bytes).hex(),
            "triangles": given.triangles().len(),
            "bounds_mm": given.bounds(),
        });
        answer["seconds"] = json!(begun.elapsed().as_secs_f64());
        write_json(path, &answer)?;
    }
    Ok(Verdict::Done)
}

/// Reads and fits, with a bar for whoever waits.
fn fitted(
    bytes: &[u8],
    model: &ForearmModel,
    args: &FitShapeArgs,
) -> Result<(SurfaceMesh<Given>, BoneFit), Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::EmptyFile);
    }
    let start = bytes.trim_ascii_start().get(..5).unwrap_or_default();
    if bytes.is_ascii() && !bytes.contains(&0) && !start.eq_ignore_ascii_case(b"solid") {
        return Err(Refusal::OtherText);
    }
    let given = SurfaceMesh::<Given>::from_stl(bytes).map_err(Refusal::File)?;
    let asked = Asked {
        bone: args.bone.map(|bone| match bone {
            NamedBone::Radius => Bone::Radius,
            NamedBone::Ulna => Bone::Ulna,
        }),
        side: args.side.map(|side| match side {
            NamedSide::Right => Side::Right,
            NamedSide::Left => Side::Left,
        }),
        keep_proximal_mm: args.keep,
    };
    let bar = ProgressBar::hidden();
    bar.set_length(100);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} {msg}") {
        bar.set_style(style);
    }
    let begun = Instant::now();
    let mut progress = |what: &'static str, done: f64| {
        if begun.elapsed() > PATIENCE && bar.is_hidden() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        bar.set_message(what);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 100"
        )]
        bar.set_position((100.0 * done.clamp(0.0, 1.0)) as u64);
    };
    let models = Bone::ALL.map(|bone| model.bone(bone));
    let fit = fit_bone(&models, &given, &asked, &mut progress);
    bar.finish_and_clear();
    Ok((given, fit.map_err(Refusal::Fit)?))
}

fn refused(args: &FitShapeArgs, refusal: &Refusal) -> Result<Verdict, WorkbenchError> {
    let (code, why, advice) = (refusal.code(), chain(refusal), refusal.advice());
    let verdict = refuse(&args.mesh, &format!("{why} [{code}]. {advice}"), None)?;
    if let Some(path) = &args.json {
        let answer = json!({"refused": {"code": code, "text": why, "advice": advice}});
        write_json(path, &answer)?;
    }
    Ok(verdict)
}

/// The answer for programs.
fn report(fit: &BoneFit, keep: Option<f64>) -> Value {
    let mut answer = json!({
        "bone": fit.bone,
        "side": fit.side,
        "rms_mm": fit.figures.rms_mm,
        "p95_mm": fit.figures.p95_mm,
        "max_mm": fit.figures.max_mm,
        "joint_rms_mm": fit.figures.joint_rms_mm,
        "null_rms_mm": fit.null.rms_mm,
        "null_joint_rms_mm": fit.null.joint_rms_mm,
        "all_modes_rms_mm": fit.all_modes.rms_mm,
        "all_modes_joint_rms_mm": fit.all_modes.joint_rms_mm,
        "five_modes_rms_mm": fit.five_modes.rms_mm,
        "five_modes_joint_rms_mm": fit.five_modes.joint_rms_mm,
        "compared_mm2": [fit.figures.given_area_mm2, fit.figures.fitted_area_mm2],
        "covered_mm": fit.covered_mm,
        "cut": fit.cut,
        "mode_square": fit.mode_square,
        "model": {
            "name": "forearm-shape@1",
            "sha256": Digest::of(ForearmModel::shipped_bytes()).hex(),
        },
        "measured_on": MEASURED_ON,
        "notice": NOTICE_EN,
    });
    answer["candidates"] = fit
        .candidates
        .iter()
        .map(|c| json!({"bone": c.bone, "side": c.side, "rms_mm": c.rms_mm, "cost": c.cost}))
        .collect();
    answer["notes"] = fit
        .notes
        .iter()
        .map(|note| json!({"note": note, "text": told(note, fit.cut)}))
        .collect();
    answer["landmarks"] = fit
        .landmarks
        .iter()
        .map(|l| json!({"landmark": l.landmark, "xyz_mm": l.place, "sigma_mm": l.sigma_mm}))
        .collect();
    answer["measures"] = fit
        .measures
        .iter()
        .map(|m| {
            json!({
                "key": m.measure.key(), "value": m.value, "sigma": m.sigma,
                "unit": m.measure.unit(), "definition": m.measure.definition(),
                "references": references(m.measure).unwrap_or_default(),
            })
        })
        .collect();
    if let Some(keep_mm) = keep {
        answer["kept"] = json!({"proximal_of_mm": keep_mm});
        answer["sigma_mm"] = json!(rounded(&fit.sigma_mm));
        answer["sigma_of"] = json!(
            "one SD of the surface at each vertex of the model, along its normal; the kept part \
             was fitted, the rest predicted"
        );
    }
    answer
}

/// To 1/1000, which is what a list of thousands needs.
fn rounded(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .map(|v| (v * 1000.0).round() / 1000.0)
        .collect()
}

/// A note in words.
fn told(note: &Note, cut: CutKind) -> String {
    match note {
        Note::OpenEdges { edges } if cut == CutKind::Open => {
            format!("{edges} open edges: it is open at its cut, and may have holes beside")
        }
        Note::OpenEdges { edges } => {
            format!("it has holes ({edges} open edges): what lies there is the model's guess")
        }
        Note::Welded { open_edges_before } => format!(
            "neighboring triangles did not share corners ({open_edges_before} open edges); they \
             were joined"
        ),
        Note::PiecesLeftOut { pieces, area_mm2 } => {
            format!("{pieces} loose pieces of {area_mm2:.0} mm2 were left out")
        }
        Note::Turned => "triangles that faced inward were turned".to_owned(),
        Note::InnerSurface { area_mm2 } => {
            format!("it is hollow: {area_mm2:.0} mm2 of inner surface were left out")
        }
        Note::BeyondModel { given_mm } => {
            format!("it is {given_mm:.0} mm long; only what the model shows was compared")
        }
    }
}

/// The answer for people.
fn table(fit: &BoneFit, keep: Option<f64>) -> String {
    let mut text = format!(
        "{} {}, {:.0} mm of it covered\n\n{:<28}{:>8}{:>8}{:>8}\n",
        fit.bone.name(),
        fit.side.letter(),
        fit.covered_mm,
        "millimeters",
        "RMS",
        "joint",
        "95 %"
    );
    let mut row = |what: &str, figures: &Figures| {
        let joint = figures
            .joint_rms_mm
            .map_or_else(|| "-".to_owned(), |mm| format!("{mm:.3}"));
        text += &format!(
            "{what:<28}{:>8.3}{joint:>8}{:>8.3}\n",
            figures.rms_mm, figures.p95_mm
        );
    };
    row("fitted", &fit.figures);
    row("all modes, no residual field", &fit.all_modes);
    row("five modes alone", &fit.five_modes);
    row("mean shape, rigidly laid on", &fit.null);
    if let Some(keep_mm) = keep {
        text += &format!(
            "\nFitted to what lies more than {keep_mm} mm from the distal end; the rest is \
             predicted.\n"
        );
    }
    for found in &fit.measures {
        text += &format!(
            "{:<28}{:>8.1} ± {:.1} {}\n",
            found.measure.name(),
            found.value,
            found.sigma,
            found.measure.unit()
        );
    }
    for note in &fit.notes {
        text += &format!("note: {}\n", told(note, fit.cut));
    }
    text += &format!("Measured on {MEASURED_ON}.\n{NOTICE_EN}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_or_refused() {
        assert_eq!(kept("proximal:40"), Ok(40.0));
        for wrong in [
            "40",
            "proximal:",
            "proximal:-3",
            "proximal:nan",
            "distal:40",
        ] {
            assert!(kept(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_broken_file_has_a_code_of_its_own() {
        let codes = [
            Refusal::EmptyFile,
            Refusal::File(GeometryError::NotFinite { what: "a vertex" }),
            Refusal::File(GeometryError::Empty { what: "a surface" }),
            Refusal::File(GeometryError::Stl {
                why: "it is cut short within a vertex",
            }),
            Refusal::File(GeometryError::Stl {
                why: "a coordinate is not a number",
            }),
        ]
        .map(|refusal| refusal.code());
        for (place, code) in codes.iter().enumerate() {
            assert!(!codes[..place].contains(code), "{code}");
        }
    }
}
