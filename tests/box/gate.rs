//! The image gate, with the true model: wrists never seen in training pass,
//! pictures that are no wrist do not, whatever their tags say.
//!
//! `GATE_SUBJECTS=200 GATE_PRINT=1` prints the distribution that the threshold
//! in `analyze/reconstruct` was set on (validation subjects and real radiographs).
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use bonebox::analyze::{WristModel, reconstruct};
use bonebox::phantom::{Subject, VALIDATION_SEEDS};
use bonebox::raster::{Radiograph, percentiles, read_radiograph};
use bonebox::study::Outcome;

use crate::inference::engine;
use crate::xray::{Header, write_pixels, write_xray};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn model() -> WristModel {
    WristModel::load(&engine(), &root().join("models/wrist-tl")).unwrap()
}

/// What became of a pair: the code of a refusal, or none, and the fit where one
/// was computed.
fn judge(model: &WristModel, images: &[PathBuf]) -> (Option<String>, Option<f64>) {
    let out = tempfile::tempdir().unwrap();
    let evidence = reconstruct(images, model, out.path()).unwrap();
    match evidence.outcome {
        Outcome::Reconstructed { image_fit, .. } => (None, Some(image_fit)),
        Outcome::Refused { reasons } => {
            let said = reasons[0].text_en.split("(fit ").nth(1);
            let fit = said
                .and_then(|rest| rest.split(',').next())
                .and_then(|f| f.parse().ok());
            (Some(reasons[0].code.clone()), fit)
        }
    }
}

/// The fits of a set, sorted, and how many were shown.
#[derive(Default)]
struct Set {
    fits: Vec<f64>,
    shown: usize,
    codes: std::collections::BTreeMap<String, usize>,
}

impl Set {
    fn add(&mut self, (code, fit): (Option<String>, Option<f64>)) {
        self.shown += usize::from(code.is_none());
        self.fits.extend(fit);
        *self
            .codes
            .entry(code.unwrap_or_else(|| "shown".to_owned()))
            .or_default() += 1;
    }

    fn total(&self) -> usize {
        self.codes.values().sum()
    }

    fn print(&mut self, name: &str) {
        if std::env::var_os("GATE_PRINT").is_none() {
            return;
        }
        self.fits.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let last = self.fits.len().saturating_sub(1);
            self.fits
                .get((part * last as f64).round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        let parts = [0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0].map(|part| format!("{:.2}", at(part)));
        eprintln!(
            "{name}: {} pairs, {:?}, fit min/1/5/50/95/99/max {}",
            self.total(),
            self.codes,
            parts.join(" ")
        );
    }
}

fn count() -> u64 {
    let said = std::env::var("GATE_SUBJECTS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn unseen_wrists_pass_and_falsified_ones_do_not() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let (mut honest, mut swapped, mut twice) = (Set::default(), Set::default(), Set::default());
    let (mut other_side, mut upside_down) = (Set::default(), Set::default());
    for seed in VALIDATION_SEEDS
        .skip(50_000)
        .take(usize::try_from(count()).unwrap())
    {
        let shots = Subject::draw(seed).unwrap().radiographs(1).unwrap();
        let write = |name: &str, shot: usize, header: &dyn Fn(&mut Header), flipped: bool| {
            let path = folder.path().join(name);
            let mut said = Header::of(&shots[shot]);
            header(&mut said);
            let mut shot = shots[shot].clone();
            if flipped {
                shot.pixels.reverse();
            }
            write_xray(&path, &shot, &said);
            path
        };
        let pa = write("pa.dcm", 0, &|_| (), false);
        let lateral = write("lateral.dcm", 1, &|_| (), false);
        honest.add(judge(&model, &[pa.clone(), lateral.clone()]));
        let false_lateral = write("false-lateral.dcm", 0, &|header| header.view = "LL", false);
        let false_pa = write("false-pa.dcm", 1, &|header| header.view = "PA", false);
        swapped.add(judge(&model, &[false_pa, false_lateral.clone()]));
        twice.add(judge(&model, &[pa, false_lateral]));
        let opposite = |header: &mut Header| {
            header.laterality = if header.laterality == "R" { "L" } else { "R" };
        };
        let pa = write("pa.dcm", 0, &opposite, false);
        let lateral = write("lateral.dcm", 1, &opposite, false);
        other_side.add(judge(&model, &[pa, lateral]));
        let pa = write("pa.dcm", 0, &|_| (), true);
        let lateral = write("lateral.dcm", 1, &|_| (), true);
        upside_down.add(judge(&model, &[pa, lateral]));
    }
    honest.print("simulated wrists");
    swapped.print("PA and lateral swapped");
    twice.print("the PA given twice");
    other_side.print("the other side's marker");
    upside_down.print("upside down");
    assert!(
        honest.shown * 100 >= honest.total() * 90,
        "{:?}",
        honest.codes
    );
    for set in [swapped, twice, other_side, upside_down] {
        assert!(set.shown * 100 <= set.total() * 10, "{:?}", set.codes);
    }
}

/// A square piece of a radiograph, turned by quarters, as 12-bit pixels.
fn piece(from: &Radiograph, middle: [f64; 2], zoom: f64, quarters: u32) -> Vec<u16> {
    let (low, high) = percentiles(&from.pixels, 0.0, 1.0);
    let side = 256_u32;
    (0..side * side)
        .map(|index| {
            let (row, column) = (
                f64::from(index / side) - 127.5,
                f64::from(index % side) - 127.5,
            );
            let (row, column) = match quarters {
                0 => (row, column),
                1 => (column, -row),
                2 => (-row, -column),
                _ => (-column, row),
            };
            let value = from.sample(middle[0] + row * zoom, middle[1] + column * zoom);
            (f64::from((value - low) / (high - low)) * 4095.0).round() as u16
        })
        .collect()
}

#[test]
fn real_radiographs_with_a_wrists_tags_are_refused_by_the_image() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let mut all = Set::default();
    let header = |view| Header {
        body_part: "WRIST",
        view,
        laterality: "R",
        spacing_mm: Some([0.4, 0.4]),
        sid_mm: Some(1000.0),
    };
    for name in ["RG1_UNCR.dcm", "RG3_UNCR.dcm"] {
        let path = root().join("target/setup/pydicom-data").join(name);
        let whole = read_radiograph(&path).unwrap();
        let (rows, columns) = (f64::from(whole.rows()), f64::from(whole.columns()));
        let mut pieces = Vec::new();
        for zoom in [2.0, 4.0] {
            for (down, across) in [(0.3, 0.3), (0.3, 0.7), (0.5, 0.5), (0.7, 0.3), (0.7, 0.7)] {
                for quarters in 0..4 {
                    pieces.push(piece(
                        &whole,
                        [rows * down, columns * across],
                        zoom,
                        quarters,
                    ));
                }
            }
        }
        let step = if count() > 50 { 1 } else { 10 };
        for (index, pa) in pieces.iter().enumerate().step_by(step) {
            for offset in [0, 1, 21] {
                let lateral = &pieces[(index + offset) % pieces.len()];
                let paths = ["pa.dcm", "lateral.dcm"].map(|name| folder.path().join(name));
                write_pixels(&paths[0], pa, [256; 2], "MONOCHROME2", &header("PA"));
                write_pixels(&paths[1], lateral, [256; 2], "MONOCHROME2", &header("LL"));
                all.add(judge(&model, &paths));
            }
        }
    }
    all.print("pieces of real chest and tibia radiographs");
    assert_eq!(all.shown, 0, "{:?}", all.codes);
}
