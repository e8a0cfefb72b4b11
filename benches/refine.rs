//! Reconstruction of a study from its two X-rays by refinement, decoding included: how
//! long on two cores and on one, in turn, and whether the number of threads changes
//! anything. Two invented wrists: generator A's, and another family's (B-dev).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use bonebox::analyze::{FromViews, from_views};
use bonebox::anatomy::ForearmModel;

const ROUNDS: usize = 5;
const MOST_S: f64 = 2.0;

/// The PA and the lateral of an invented wrist.
fn study(folder: &Path, arguments: &[&str], name: &str) -> [PathBuf; 2] {
    let mut synth = Command::new(env!("CARGO_BIN_EXE_bonebox"));
    synth.arg("synth").args(arguments).arg("--out").arg(folder);
    assert!(synth.status().unwrap().success());
    ["pa.dcm", "lateral.dcm"].map(|file| folder.join(name).join(file))
}

fn run(images: &[PathBuf], model: &ForearmModel, threads: usize) -> (f64, FromViews) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().unwrap();
    let started = Instant::now();
    let found = pool.install(|| from_views(images, model)).unwrap().unwrap();
    (started.elapsed().as_secs_f64(), found)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let model = ForearmModel::shipped().unwrap();
    let a = ["--generator", "A", "--validation", "--seed", "102"];
    let b = ["--generator", "B-dev", "--seed", "104"];
    let mut slowest = 0.0_f64;
    for (arguments, name) in [(&a[..], "A-1000102"), (&b[..], "B-dev-2000104")] {
        let images = study(folder.path(), arguments, name);
        let (mut two, mut one) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (took, by_two) = run(&images, &model, 2);
            two.push(took);
            let (took, by_one) = run(&images, &model, 1);
            one.push(took);
            assert_eq!(by_two.refined.poses, by_one.refined.poses);
            assert_eq!(by_two.refined.shape, by_one.refined.shape);
            assert_eq!(by_two.refined.sigma_mm, by_one.refined.sigma_mm);
        }
        let (two, one) = (median(&mut two), median(&mut one));
        println!("{name}: {two:.2} s on two threads, {one:.2} s on one; the same result");
        slowest = slowest.max(two);
    }
    assert!(
        slowest <= MOST_S,
        "broken promise: {slowest:.2} s a study, at most {MOST_S}"
    );
}
