//! Against CalculiX (Debian's calculix-ccx) on the same decks: displacements,
//! reactions and energy, to the seven digits that it prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use super::read;
use crate::mechanics::Solver;
use crate::mechanics::TetMesh;
use crate::mechanics::Threads;
use crate::mechanics::stuff_field;
use crate::units::Millimeters;
use crate::workbench::vtu::write_inp;

const LENGTH: f64 = 24.0;

/// An oval bone, 24 mm long, with flat ends.
fn oval() -> TetMesh {
    let inside = |p: [f64; 3]| {
        let across = ((p[0] / 9.0).powi(2) + (p[1] / 6.0).powi(2)).sqrt();
        (6.0 * (1.0 - across)).min(p[2]).min(LENGTH - p[2])
    };
    let within = [[-9.0, -6.0, 0.0], [9.0, 6.0, LENGTH]];
    stuff_field(within, Millimeters::new(2.0), Threads::new(2), inside).unwrap()
}

/// The nodes at a height, as a deck's set.
fn end(mesh: &TetMesh, name: &str, height: f64) -> (String, Vec<usize>) {
    let all = mesh.nodes().iter().enumerate();
    let nodes: Vec<usize> = all
        .filter(|(_, p)| (p[2] - height).abs() < 1e-6)
        .map(|(n, _)| n + 1)
        .collect();
    assert!(nodes.len() > 10);
    let mut text = format!("*NSET, NSET={name}\n");
    for node in &nodes {
        writeln!(text, "{node},").unwrap();
    }
    (text, nodes)
}

/// The whole deck of a mesh: a stiff half and a soft one, and a step.
fn deck(mesh: &TetMesh, step: &str) -> String {
    let mut text = String::from_utf8(write_inp(mesh)).unwrap();
    text += &end(mesh, "BASE", 0.0).0;
    text += &end(mesh, "TOP", LENGTH).0;
    let half = mesh.elements() / 2;
    write!(
        text,
        "*ELSET, ELSET=SOFT, GENERATE\n1, {half}\n*ELSET, ELSET=STIFF, GENERATE\n{}, {}\n\
         *MATERIAL, NAME=A\n*ELASTIC\n700, 0.35\n*MATERIAL, NAME=B\n*ELASTIC\n15000, 0.3\n\
         *SOLID SECTION, ELSET=SOFT, MATERIAL=A\n*SOLID SECTION, ELSET=STIFF, MATERIAL=B\n\
         {step}*NODE PRINT, NSET=NALL\nU, RF\n*EL PRINT, ELSET=EALL, TOTALS=ONLY\nELSE\n*END STEP\n",
        half + 1,
        mesh.elements()
    )
    .unwrap();
    text
}

/// The rows of three values that follow a title in CalculiX's .dat file, by node.
fn table(dat: &str, title: &str) -> Vec<(usize, [f64; 3])> {
    let begin = dat
        .find(title)
        .unwrap_or_else(|| panic!("no {title} in the .dat"));
    let rows = dat.get(begin..).unwrap().lines().skip(2);
    rows.map_while(|line| {
        let mut fields = line.split_whitespace();
        let node: usize = fields.next()?.parse().ok()?;
        let values: Vec<f64> = fields.filter_map(|f| f.parse().ok()).collect();
        Some((node, values.try_into().ok()?))
    })
    .collect()
}

/// The size of the difference over the size.
fn apart(theirs: &[(usize, [f64; 3])], ours: &[[f64; 3]]) -> f64 {
    let (mut gap, mut size) = (0.0, 0.0);
    for (node, theirs) in theirs {
        for axis in 0..3 {
            gap += (theirs[axis] - ours[node - 1][axis]).powi(2);
            size += theirs[axis].powi(2);
        }
    }
    (gap / size).sqrt()
}

fn run_ccx(folder: &Path, text: &str) -> String {
    fs::write(folder.join("case.inp"), text).unwrap();
    let status = Command::new("ccx")
        .args(["-i", "case"])
        .current_dir(folder)
        .env("OMP_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .status()
        .expect("ccx is missing: setup/setup.sh test installs Debian's calculix-ccx");
    assert!(status.success());
    fs::read_to_string(folder.join("case.dat")).unwrap()
}

fn check(mesh: &TetMesh, step: &str) {
    let text = deck(mesh, step);
    let folder = tempfile::tempdir().unwrap();
    let dat = run_ccx(folder.path(), &text);
    let ours = read(text.as_bytes()).unwrap();
    let quiet = &mut |_, _| {};
    let solution = Solver::default()
        .solve(&ours.mesh, &ours.elastic, &ours.case, quiet)
        .unwrap();
    let moved = apart(&table(&dat, " displacements "), &solution.displacement_mm);
    assert!(moved < 1e-6, "displacements: {moved:.1e}");
    // RF holds the loads too where CalculiX prints them: only the base is compared.
    let base = end(mesh, "BASE", 0.0).1;
    let mut forces = table(&dat, " forces ");
    forces.retain(|(node, _)| base.contains(node));
    let held = apart(&forces, &solution.reaction_n);
    assert!(held < 1e-6, "reactions: {held:.1e}");
    let begin = dat.find("total internal energy").unwrap();
    let energy = dat.get(begin..).unwrap().lines().nth(2).unwrap();
    let energy: f64 = energy.trim().parse().unwrap();
    let off = (solution.strain_energy_n_mm / energy - 1.0).abs();
    assert!(off < 1e-6, "energy: {off:.1e}");
    assert!(solution.iterations <= 40, "{}", solution.iterations);
}

const PRESSED: &str = "*BOUNDARY\nBASE, 1, 3\n*STEP\n*STATIC, SOLVER=SPOOLES\n\
                       *BOUNDARY\nTOP, 3, 3, -0.1\n";
const LOADED: &str = "*BOUNDARY\nBASE, 1, 3\n*STEP\n*STATIC, SOLVER=SPOOLES\n*CLOAD\n\
                      TOP, 3, -2.5\nTOP, 1, 0.5\n*CLOAD\nTOP, 3, -1.25\n";

#[test]
fn four_node_elements_agree_with_calculix() {
    check(&oval(), PRESSED);
    check(&oval(), LOADED);
}

#[test]
fn ten_node_elements_agree_with_calculix() {
    check(&oval().with_middles(), LOADED);
}
