//! Simulated X-rays beside a peer, in one run: the radiograph of a volume (128 boxes
//! a side of 0.6 mm, an invented forearm; 512 x 512 pixels) by `bonebox drr` and by
//! `plastimatch drr` (exact, no conversion of HU), whole processes in turn; and the
//! path lengths through a surface of 10,000 triangles at 512 x 512 on one core. CPU
//! seconds count: they bear a busy machine. A peer that is not installed is left out
//! and said so; a promise that is broken ends the bench.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bench"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use bonebox::geometry::Detector;
use bonebox::geometry::Rigid;
use bonebox::geometry::SurfaceMesh;
use bonebox::radiography::Camera;
use bonebox::radiography::PathImage;
use bonebox::raster::Volume;

const SIDE: usize = 128;
const SPACING: f64 = 0.6;
const ROUNDS: usize = 7;

/// A sleeve of soft tissue around two shells of bone, attenuation a millimeter.
fn forearm() -> Volume {
    let middle = 0.5 * (SIDE as f64 - 1.0);
    let at = |number: usize| (number as f64 - middle) * SPACING;
    let value = |k: usize| {
        let [x, y, z] = [at(k % SIDE), at(k / SIDE % SIDE), at(k / SIDE / SIDE)];
        let shell = |cx: f64, r: f64| {
            let far = (x - cx).hypot(y);
            (far < r && far > r - 2.0, far < r)
        };
        let (radius, ulna) = (shell(-11.0, 9.0 + 0.05 * z), shell(11.0, 6.5));
        match (radius, ulna) {
            ((true, _), _) | (_, (true, _)) => 0.09,
            ((_, true), _) | (_, (_, true)) => 0.03,
            _ if x.hypot(1.3 * y) < 30.0 => 0.022,
            _ => 0.0,
        }
    };
    let values = (0..SIDE * SIDE * SIDE).map(|k| value(k) as f32).collect();
    let place = Rigid::from_rotation_vector([0.0; 3], [-middle * SPACING; 3]);
    Volume::new([SIDE; 3], [SPACING; 3], place, values).unwrap()
}

/// CPU seconds (user and system) of a process that ends well.
fn cpu_s(command: &mut Command) -> f64 {
    let ticks = || {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        // Of children that have been waited for: fields 16 and 17 of proc(5).
        fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()
    };
    // A tick is 10 ms: ten runs of it make one measurement.
    let before = ticks();
    for _ in 0..10 {
        let done = command.output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    (ticks() - before) / 1000.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn volumes(folder: &Path, broken: &mut Vec<String>) {
    let volume = folder.join("volume.mha");
    fs::write(&volume, forearm().to_mha()).unwrap();
    let camera = folder.join("camera.json");
    let settings = serde_json::json!({
        "sid_mm": 1150.0, "pixel_spacing_mm": [0.3515625, 0.3515625], "rows": 512, "columns": 512,
        "volume_to_detector": {
            "rotation": [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]],
            "translation_mm": [0.0, 0.0, -150.0],
        },
    });
    fs::write(&camera, settings.to_string()).unwrap();
    let out = folder.join("ours.mha");
    let mut ours = Command::new(env!("CARGO_BIN_EXE_bonebox"));
    ours.arg("drr")
        .arg(&volume)
        .arg("--camera")
        .arg(&camera)
        .arg("--out")
        .arg(&out);
    ours.args(["--threads", "1"]);
    let mut theirs = Command::new("plastimatch");
    theirs.args([
        "drr", "-i", "exact", "-P", "none", "-t", "pfm", "-r", "512 512",
    ]);
    theirs.args([
        "-z", "180 180", "--sad", "1000", "--sid", "1150", "-n", "0 0 1",
    ]);
    theirs
        .args(["--vup", "0 1 0", "-o", "0 0 0", "-O"])
        .arg(folder.join("theirs"));
    theirs.arg(&volume).env("OMP_NUM_THREADS", "1");
    if theirs.output().is_err() {
        println!("plastimatch is not installed: left out");
        return;
    }
    let (mut us, mut them) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        us.push(cpu_s(&mut ours));
        them.push(cpu_s(&mut theirs));
    }
    let (us, them) = (median(&mut us), median(&mut them));
    println!(
        "drr 512 x 512 of {SIDE}^3, whole process, one thread: ours {us:.3} s CPU, plastimatch {them:.3} s"
    );
    promise(broken, "our CPU time over plastimatch's", us / them, 1.0);
    let mine = Volume::from_mha(&fs::read(&out).unwrap()).unwrap();
    let pfm = fs::read(folder.join("theirs0000.pfm")).unwrap();
    let pixels = &pfm[pfm.len() - 4 * 512 * 512..];
    // Plastimatch counts in centimeters.
    let peer: Vec<f32> = pixels
        .chunks_exact(4)
        .map(|b| 10.0 * f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let most = f64::from(mine.values().iter().copied().fold(0.0, f32::max));
    let pairs = mine.values().iter().zip(&peer);
    let off = pairs.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / peer.len() as f64;
    println!("largest integral {most:.4}, mean absolute difference {off:.2e}");
    promise(
        broken,
        "mean absolute difference over the largest",
        off / most,
        0.005,
    );
}

/// A ball of some 10,000 triangles, 40 mm wide, 60 mm before the detector.
fn ball() -> SurfaceMesh<Detector> {
    let (rings, around) = (70_u32, 72_u32);
    let mut vertices = vec![[0.0, 0.0, -80.0]];
    for ring in 1..rings {
        let (s, c) = (std::f64::consts::PI * f64::from(ring) / f64::from(rings)).sin_cos();
        for k in 0..around {
            let (y, x) = (std::f64::consts::TAU * f64::from(k) / f64::from(around)).sin_cos();
            vertices.push([20.0 * s * x, 20.0 * s * y, -60.0 - 20.0 * c]);
        }
    }
    vertices.push([0.0, 0.0, -40.0]);
    let at = |ring: u32, k: u32| 1 + (ring - 1) * around + k % around;
    let last = 1 + (rings - 1) * around;
    let mut triangles = Vec::new();
    for k in 0..around {
        triangles.push([0, at(1, k + 1), at(1, k)]);
        triangles.push([last, at(rings - 1, k), at(rings - 1, k + 1)]);
        for ring in 1..rings - 1 {
            triangles.push([at(ring, k), at(ring, k + 1), at(ring + 1, k)]);
            triangles.push([at(ring, k + 1), at(ring + 1, k + 1), at(ring + 1, k)]);
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

fn surfaces(broken: &mut Vec<String>) {
    let ball = ball();
    let camera = Camera {
        sid_mm: 1000.0,
        oid_mm: 60.0,
        principal_point_mm: [0.0; 2],
        pixel_spacing_mm: [0.1; 2],
        rows: 512,
        columns: 512,
    };
    let mut took: Vec<f64> = (0..31)
        .map(|_| {
            let begun = Instant::now();
            let mut paths = PathImage::<1>::new(camera);
            paths.add(&ball, [1.0]).unwrap();
            1000.0 * begun.elapsed().as_secs_f64()
        })
        .collect();
    let took = median(&mut took);
    println!(
        "paths through {} triangles at 512 x 512: {took:.2} ms",
        ball.triangles().len()
    );
    promise(broken, "milliseconds on one core", took, 8.0);
}

fn promise(broken: &mut Vec<String>, what: &str, found: f64, most: f64) {
    let kept = found <= most;
    println!(
        "  {what}: {found:.4}, at most {most}: {}",
        if kept { "kept" } else { "BROKEN" }
    );
    if !kept {
        broken.push(what.to_owned());
    }
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-xray");
    fs::create_dir_all(&folder).unwrap();
    let mut broken = Vec::new();
    volumes(&folder, &mut broken);
    surfaces(&mut broken);
    assert!(broken.is_empty(), "broken promises: {broken:?}");
}
