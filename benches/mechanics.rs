//! The mesher and the solver beside their peers, in one run, on an oval bone (60 mm
//! long, 30 x 20 mm; a shell of 2 mm of 15 GPa, a core graded from 0.3 to 1 GPa;
//! synthetic): gmsh meshes it, then bonebox, CalculiX with SPOOLES and pyamg solve the
//! same mesh, clamped below and loaded on two patches, one thread each; bonebox again
//! with two. CPU seconds (user and system) count: they bear a busy machine. Peers that
//! are not installed are left out and said so; a promise that is broken ends the bench.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a bench"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bonebox::geometry::{Model, SurfaceMesh};
use bonebox::mechanics::{Case, Elastic, Load, Solver, Support, TetMesh, Threads, stuff};
use bonebox::units::Millimeters;
use bonebox::workbench::solve::{SolveArgs, run};
use bonebox::workbench::vtu::write_inp;

/// What a program took.
struct Took {
    cpu_s: f64,
    wall_s: f64,
    peak_mb: f64,
    said: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, case, out, threads] = &arguments[..]
        && word == "solve"
    {
        // The bench calls itself, so that a whole process is measured.
        let args = SolveArgs {
            case: case.into(),
            out: out.into(),
            json: Some(Path::new(out).join("answer.json")),
            residual: 1e-8,
            threads: threads.parse().ok(),
        };
        run(&args).unwrap();
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-mechanics");
    fs::create_dir_all(&folder).unwrap();
    let mut broken = mesher(&folder);
    for edge in ["1.0", "0.79"] {
        broken.extend(solvers(&folder, edge));
    }
    assert!(broken.is_empty(), "broken promises: {broken:#?}");
}

/// Our mesher at a true mean edge of 1 mm beside gmsh at 0.79, which is the same.
fn mesher(folder: &Path) -> Vec<String> {
    let surface = oval();
    let mut broken = Vec::new();
    let mut times = Vec::new();
    for threads in [1, 2] {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let begun = cpu_s("self", 13);
            let wall = Instant::now();
            let mesh = stuff(&surface, Millimeters::new(1.0), Threads::new(threads)).unwrap();
            let took = if threads == 1 {
                cpu_s("self", 13) - begun
            } else {
                wall.elapsed().as_secs_f64()
            };
            if threads == 1 && best.is_infinite() {
                let quality = mesh.quality();
                println!("bonebox mesh: {quality:?}");
                println!(
                    "bonebox mesh: volume over the surface's {:.5}",
                    quality.volume_mm3 / surface.signed_volume()
                );
            }
            best = best.min(took);
        }
        times.push(best);
    }
    println!(
        "bonebox mesh: {:.3} s CPU on one thread, {:.3} s wall on two (best of 5)",
        times[0], times[1]
    );
    let Some(gmsh) = gmsh(folder, "0.79") else {
        return broken;
    };
    println!(
        "gmsh 0.79: {:.2} s CPU, {:.2} s wall, {:.0} MB",
        gmsh.cpu_s, gmsh.wall_s, gmsh.peak_mb
    );
    promise(
        &mut broken,
        "meshing over gmsh's CPU time",
        times[0] / gmsh.cpu_s,
        0.2,
    );
    broken
}

/// The solvers on gmsh's mesh of one edge length.
fn solvers(folder: &Path, edge: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let path = folder.join(format!("oval-{edge}.msh"));
    if !path.exists() && gmsh(folder, edge).is_none() {
        return broken;
    }
    let (mesh, elastic, case) = model(&fs::read_to_string(path).unwrap());
    println!(
        "\n{} nodes, {} tetrahedra",
        mesh.nodes().len(),
        mesh.elements()
    );
    let name = format!("oval-{edge}");
    fs::write(
        folder.join(format!("{name}.inp")),
        deck(&mesh, &elastic, &case),
    )
    .unwrap();
    let ours = whole_process(folder, &name, &mut broken);
    let inner = solver_alone(&mesh, &elastic, &case);
    if let Some(peer) = pyamg(folder, &mesh, &elastic, &case) {
        println!("pyamg, levels and iteration only: {}", peer.said.trim());
        let answer: serde_json::Value = serde_json::from_str(&peer.said).unwrap();
        let theirs = answer["cpu_s"].as_f64().unwrap();
        promise(
            &mut broken,
            "solving over pyamg's CPU time",
            inner / theirs,
            1.0,
        );
    }
    let mut command = Command::new("ccx");
    command
        .args(["-i", &name])
        .current_dir(folder)
        .env("OMP_NUM_THREADS", "1");
    if let Some(ccx) = watch(command) {
        println!(
            "ccx SPOOLES, whole process: {:.2} s CPU, {:.2} s wall, {:.0} MB",
            ccx.cpu_s, ccx.wall_s, ccx.peak_mb
        );
        promise(
            &mut broken,
            "whole process over ccx's CPU time",
            ours.cpu_s / ccx.cpu_s,
            0.2,
        );
    }
    broken
}

/// `bonebox solve` as a process of its own, on one thread (returned) and on two.
fn whole_process(folder: &Path, name: &str, broken: &mut Vec<String>) -> Took {
    let mut ours = Vec::new();
    for threads in ["1", "2"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let out = folder.join("out");
        fs::create_dir_all(&out).unwrap();
        command
            .arg("solve")
            .arg(folder.join(format!("{name}.inp")))
            .arg(&out)
            .arg(threads);
        let took = watch(command).unwrap();
        let answer: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join("answer.json")).unwrap()).unwrap();
        println!(
            "bonebox solve, {threads} thread(s), whole process: {:.2} s CPU, {:.2} s wall, {:.0} MB, \
             {} iterations, residual {:.1e}, energy {}",
            took.cpu_s,
            took.wall_s,
            took.peak_mb,
            answer["iterations"],
            answer["residual"].as_f64().unwrap(),
            answer["strain_energy_n_mm"]
        );
        if threads == "1" {
            promise(
                broken,
                "iterations",
                answer["iterations"].as_f64().unwrap(),
                40.0,
            );
            promise(broken, "peak memory in MB", took.peak_mb, 250.0);
        }
        ours.push(took);
    }
    ours.swap_remove(0)
}

/// The solver's own CPU seconds on one thread (assembly, levels, iteration, checks), and
/// how much faster two threads are by the wall clock.
fn solver_alone(mesh: &TetMesh, elastic: &[Elastic], case: &Case) -> f64 {
    let (mut cpu, mut wall) = (f64::INFINITY, [f64::INFINITY; 2]);
    for _ in 0..3 {
        for threads in [1, 2] {
            let solver = Solver {
                residual: 1e-8,
                threads: Threads::new(threads),
                ..Solver::default()
            };
            let (begun, clock) = (cpu_s("self", 13), Instant::now());
            solver.solve(mesh, elastic, case, &mut |_, _| {}).unwrap();
            let took = clock.elapsed().as_secs_f64();
            wall[threads - 1] = wall[threads - 1].min(took);
            if threads == 1 {
                cpu = cpu.min(cpu_s("self", 13) - begun);
            }
        }
    }
    println!(
        "bonebox solver alone (best of 3): {cpu:.2} s CPU, {:.2} s wall on one thread; {:.2} s on two: {:.2} x",
        wall[0],
        wall[1],
        wall[0] / wall[1]
    );
    cpu
}

fn promise(broken: &mut Vec<String>, what: &str, found: f64, limit: f64) {
    let kept = found <= limit;
    println!(
        "  {what}: {found:.3}, at most {limit}: {}",
        if kept { "kept" } else { "BROKEN" }
    );
    if !kept {
        broken.push(format!("{what}: {found:.3} > {limit}"));
    }
}

/// User and system seconds of a process (`first` 13) or of its ended children (15).
fn cpu_s(process: &str, first: usize) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // Fields are counted from the third, behind the name; a tick is 10 ms.
    let ticks: f64 = fields[first - 2..first]
        .iter()
        .map(|f| f.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

/// Runs a program and watches its memory; `None` where it is not installed.
fn watch(mut command: Command) -> Option<Took> {
    let before = cpu_s("self", 15);
    let begun = Instant::now();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-mechanics/said");
    let said = fs::File::create(&file).unwrap();
    let Ok(mut child) = command
        .stdout(Stdio::from(said))
        .stderr(Stdio::null())
        .spawn()
    else {
        println!(
            "{} is not installed: left out",
            command.get_program().display()
        );
        return None;
    };
    let mut peak_mb: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        if let Some(kb) = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok()) {
            peak_mb = peak_mb.max(kb / 1024.0);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{}", command.get_program().display());
    Some(Took {
        cpu_s: cpu_s("self", 15) - before,
        wall_s: begun.elapsed().as_secs_f64(),
        peak_mb,
        said: fs::read_to_string(file).unwrap(),
    })
}

fn gmsh(folder: &Path, edge: &str) -> Option<Took> {
    let shape = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mechanics/oval.geo");
    let mut command = Command::new("gmsh");
    command
        .args(["-3", "-nt", "1", "-clmin", edge, "-clmax", edge])
        .arg(shape);
    command
        .arg("-o")
        .arg(folder.join(format!("oval-{edge}.msh")));
    watch(command)
}

fn pyamg(folder: &Path, mesh: &TetMesh, elastic: &[Elastic], case: &Case) -> Option<Took> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/setup/bench-venv/bin/python");
    let count = mesh.nodes().len();
    let (mut held, mut load) = (vec![0_u8; 3 * count], vec![0.0; 3 * count]);
    for support in &case.supports {
        held[3 * support.node as usize + support.axis] = 1;
    }
    for one in &case.loads {
        for axis in 0..3 {
            load[3 * one.node as usize + axis] += one.force_n[axis];
        }
    }
    let bytes = |values: &[f64]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let young: Vec<f64> = elastic.iter().map(|e| e.young_mpa()).collect();
    let tets = mesh
        .linear()
        .iter()
        .flatten()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    let nodes: Vec<f64> = mesh.nodes().iter().flatten().copied().collect();
    for (name, array) in [
        ("nodes.f64", bytes(&nodes)),
        ("tets.u32", tets),
        ("young.f64", bytes(&young)),
        ("held.u8", held),
        ("load.f64", bytes(&load)),
    ] {
        fs::write(folder.join(name), array).unwrap();
    }
    let mut command = Command::new(python);
    command
        .arg(root.join("benches/mechanics/pyamg_peer.py"))
        .arg(folder)
        .arg("1e-8");
    command
        .env("OMP_NUM_THREADS", "1")
        .env("OPENBLAS_NUM_THREADS", "1");
    watch(command)
}

/// gmsh's mesh, what it is made of, how it is held and loaded.
fn model(msh: &str) -> (TetMesh, Vec<Elastic>, Case) {
    let mut lines = msh.lines().skip_while(|l| *l != "$Nodes").skip(2);
    let mut places = Vec::new();
    for line in lines.by_ref().take_while(|l| *l != "$EndNodes") {
        let values: Vec<f64> = line
            .split(' ')
            .skip(1)
            .map(|v| v.parse().unwrap())
            .collect();
        places.push([values[0], values[1], values[2]]);
    }
    let tets = lines
        .skip(2)
        .take_while(|l| *l != "$EndElements")
        .filter_map(|line| {
            let values: Vec<u32> = line.split(' ').map(|v| v.parse().unwrap()).collect();
            // Type 4 is the tetrahedron; nodes count from 1 without gaps.
            (values[1] == 4).then(|| std::array::from_fn(|i| values[values.len() - 4 + i] - 1))
        });
    let mesh = TetMesh::new(places, tets.collect(), vec![]).unwrap();
    let young = |place: [f64; 3]| {
        let shell = (place[0] / 13.0).powi(2) + (place[1] / 8.0).powi(2) > 1.0;
        // Twenty slices, so that a deck has twenty-one materials.
        if shell {
            15_000.0
        } else {
            300.0 + 700.0 * ((place[2] / 3.0).floor() + 0.5) / 20.0
        }
    };
    let middle =
        |e: usize| std::array::from_fn(|i| mesh.corners(e).iter().map(|c| c[i] / 4.0).sum());
    let elastic = (0..mesh.elements())
        .map(|e| Elastic::new(young(middle(e)), 0.3).unwrap())
        .collect();
    let mut case = Case::default();
    for (node, place) in mesh.nodes().iter().enumerate() {
        let node = node as u32;
        if place[2] < 1e-6 {
            case.supports.extend((0..3).map(|axis| Support {
                node,
                axis,
                displacement_mm: 0.0,
            }));
        }
        for (center, force) in [(7.0, 1.2), (-7.0, 0.8)] {
            if place[2] > 60.0 - 1e-6 && (place[0] - center).powi(2) + place[1].powi(2) < 16.0 {
                case.loads.push(Load {
                    node,
                    force_n: [0.0, 0.0, -force],
                });
            }
        }
    }
    (mesh, elastic, case)
}

/// The model as a CalculiX deck.
fn deck(mesh: &TetMesh, elastic: &[Elastic], case: &Case) -> String {
    let mut text = String::from_utf8(write_inp(mesh)).unwrap();
    let mut young: Vec<f64> = elastic.iter().map(|e| e.young_mpa()).collect();
    young.sort_by(f64::total_cmp);
    young.dedup();
    for (number, value) in young.iter().enumerate() {
        writeln!(text, "*ELSET, ELSET=E{number}").unwrap();
        for (element, made_of) in elastic.iter().enumerate() {
            if made_of.young_mpa().total_cmp(value).is_eq() {
                writeln!(text, "{},", element + 1).unwrap();
            }
        }
        writeln!(text, "*MATERIAL, NAME=M{number}\n*ELASTIC\n{value}, 0.3").unwrap();
        writeln!(text, "*SOLID SECTION, ELSET=E{number}, MATERIAL=M{number}").unwrap();
    }
    text += "*BOUNDARY\n";
    for support in &case.supports {
        writeln!(text, "{}, {}", support.node + 1, support.axis + 1).unwrap();
    }
    text += "*STEP\n*STATIC, SOLVER=SPOOLES\n*CLOAD\n";
    for load in &case.loads {
        writeln!(text, "{}, 3, {}", load.node + 1, load.force_n[2]).unwrap();
    }
    text + "*NODE FILE\nU\n*EL FILE\nS\n*END STEP\n"
}

/// The same bone as a surface of about 12,600 triangles.
fn oval() -> SurfaceMesh<Model> {
    const AROUND: u32 = 80;
    const ALONG: u32 = 60;
    const RINGS: u32 = 10;
    let mut vertices = Vec::new();
    let mut ring = |size: f64, z: f64| -> u32 {
        let first = vertices.len() as u32;
        for i in 0..AROUND {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(i) / f64::from(AROUND)).sin_cos();
            vertices.push([15.0 * size * cos, 10.0 * size * sin, z]);
        }
        first
    };
    // Up the axis of the base, along the side, down to the axis of the top.
    let inner = |r: u32| f64::from(r) / f64::from(RINGS);
    let mut rings: Vec<u32> = (1..RINGS).map(|r| ring(inner(r), 0.0)).collect();
    rings.extend((0..=ALONG).map(|k| ring(1.0, 60.0 * f64::from(k) / f64::from(ALONG))));
    rings.extend((1..RINGS).rev().map(|r| ring(inner(r), 60.0)));
    let (base, top) = (vertices.len() as u32, vertices.len() as u32 + 1);
    vertices.extend([[0.0; 3], [0.0, 0.0, 60.0]]);
    let mut triangles = Vec::new();
    for i in 0..AROUND {
        let j = (i + 1) % AROUND;
        triangles.push([base, rings[0] + j, rings[0] + i]);
        triangles.push([top, rings[rings.len() - 1] + i, rings[rings.len() - 1] + j]);
        for pair in rings.windows(2) {
            triangles.push([pair[0] + i, pair[0] + j, pair[1] + j]);
            triangles.push([pair[0] + i, pair[1] + j, pair[1] + i]);
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}
