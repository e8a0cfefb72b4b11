//! The solver against what is known exactly: closed forms of elasticity, the known
//! stiffness of the elements, and itself on other threads and by another method.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "tests"
)]

use crate::geometry::vector;
use crate::units::Millimeters;

use super::Case;
use super::Elastic;
use super::Load;
use super::MechanicsError;
use super::Method;
use super::Solution;
use super::Solver;
use super::Support;
use super::TetMesh;
use super::Threads;
use super::element_stress;
use super::mesh::at;
use super::mesh::tests::block;
use super::stuff_field;

fn solver(residual: f64) -> Solver {
    Solver {
        residual,
        threads: Threads::new(2),
        ..Solver::default()
    }
}

fn bone(young: f64, poisson: f64) -> Elastic {
    Elastic::new(young, poisson).unwrap()
}

fn run(mesh: &TetMesh, elastic: &[Elastic], case: &Case, residual: f64) -> Solution {
    let quiet = &mut |_, _| {};
    solver(residual).solve(mesh, elastic, case, quiet).unwrap()
}

/// The nodes for which something holds.
fn nodes(mesh: &TetMesh, which: impl Fn([f64; 3]) -> bool) -> Vec<u32> {
    let all = mesh.nodes().iter().enumerate();
    all.filter(|(_, p)| which(**p))
        .map(|(n, _)| n as u32)
        .collect()
}

fn hold(case: &mut Case, nodes: &[u32], axes: &[usize], displacement_mm: f64) {
    for node in nodes {
        for axis in axes {
            case.supports.push(Support {
                node: *node,
                axis: *axis,
                displacement_mm,
            });
        }
    }
}

/// A traction (N/mm2) on the boundary triangles whose middle is chosen.
fn press(
    case: &mut Case,
    mesh: &TetMesh,
    which: impl Fn([f64; 3]) -> bool,
    traction: impl Fn([f64; 3]) -> [f64; 3],
) {
    for face in mesh.boundary() {
        let [a, b, c] = face.map(|n| mesh.nodes()[at(n)]);
        let middle = vector::scale(vector::add(vector::add(a, b), c), 1.0 / 3.0);
        if which(middle) {
            let twice = vector::length(vector::cross(vector::sub(b, a), vector::sub(c, a)));
            let force_n = vector::scale(traction(middle), twice / 6.0);
            case.loads.extend(face.map(|node| Load { node, force_n }));
        }
    }
}

fn patch_test(mesh: &TetMesh, surface: &[u32]) {
    let slope = [[1e-3, 2e-3, -3e-3], [4e-3, -5e-3, 6e-3], [7e-3, 8e-3, 9e-3]];
    let moved = |p: [f64; 3]| -> [f64; 3] {
        std::array::from_fn(|i| (0..3).map(|j| slope[i][j] * p[j]).sum())
    };
    let mut case = Case::default();
    for node in surface {
        for (axis, way) in moved(mesh.nodes()[at(*node)]).into_iter().enumerate() {
            hold(&mut case, &[*node], &[axis], way);
        }
    }
    let elastic = vec![bone(1200.0, 0.3); mesh.elements()];
    let solution = run(mesh, &elastic, &case, 1e-13);
    for (place, got) in mesh.nodes().iter().zip(&solution.displacement_mm) {
        let gap = vector::length(vector::sub(moved(*place), *got));
        assert!(gap < 1e-10, "{place:?}: {gap:.1e}");
    }
    let strain = [1e-3, -5e-3, 9e-3, 3e-3, 7e-3, 2e-3];
    let expected = bone(1200.0, 0.3).stress(strain);
    for stress in element_stress(mesh, &elastic, &solution.displacement_mm, Threads::new(1)) {
        for (got, expected) in stress.0.iter().zip(expected) {
            assert!((got / expected - 1.0).abs() < 1e-10, "{got} {expected}");
        }
    }
}

#[test]
fn patch_test_on_an_irregular_mesh() {
    let within = [[-6.0; 3], [6.0; 3]];
    let dented = |p: [f64; 3]| 5.0 - vector::length(p) + 0.6 * (2.0 * p[0]).sin() * p[1].cos();
    let mesh = stuff_field(within, Millimeters::new(1.0), Threads::new(2), dented).unwrap();
    let mut surface: Vec<u32> = mesh.boundary().into_iter().flatten().collect();
    surface.sort_unstable();
    surface.dedup();
    assert!(mesh.nodes().len() - surface.len() > 300);
    patch_test(&mesh, &surface);
}

#[test]
fn patch_test_with_ten_nodes() {
    let mesh = block([3, 3, 3], 1.0).with_middles();
    let outside = |v: f64| !(0.01..2.99).contains(&v);
    patch_test(&mesh, &nodes(&mesh, |p| p.into_iter().any(outside)));
}

#[test]
fn a_column_of_layers_adds_their_compliances() {
    let mesh = block([2, 2, 12], 1.0);
    let moduli = |z: f64| 100.0 * f64::from(1 + (z as u32) % 4);
    let elastic: Vec<_> = (0..mesh.elements())
        .map(|e| {
            bone(
                moduli(mesh.corners(e).iter().map(|c| c[2]).sum::<f64>() / 4.0),
                0.0,
            )
        })
        .collect();
    let mut case = Case::default();
    hold(&mut case, &nodes(&mesh, |p| p[2] < 0.1), &[0, 1, 2], 0.0);
    press(&mut case, &mesh, |p| p[2] > 11.9, |_| [0.0, 0.0, 2.5]);
    let solution = run(&mesh, &elastic, &case, 1e-12);
    let tip: f64 = (0..12).map(|z| 2.5 / moduli(f64::from(z) + 0.5)).sum();
    for node in nodes(&mesh, |p| p[2] > 11.9) {
        let got = solution.displacement_mm[at(node)][2];
        assert!((got / tip - 1.0).abs() < 1e-10, "{got} {tip}");
    }
    let energy = 0.5 * 10.0 * tip;
    assert!((solution.strain_energy_n_mm / energy - 1.0).abs() < 1e-10);
}

#[test]
fn coaxial_columns_add_their_stiffnesses() {
    let mesh = block([4, 4, 8], 1.0);
    let core = |p: [f64; 3]| (1.0..3.0).contains(&p[0]) && (1.0..3.0).contains(&p[1]);
    let elastic: Vec<_> = (0..mesh.elements())
        .map(|e| {
            let corners = mesh.corners(e);
            let middle: [f64; 3] =
                std::array::from_fn(|i| corners.iter().map(|c| c[i]).sum::<f64>() / 4.0);
            bone(if core(middle) { 300.0 } else { 15_000.0 }, 0.3)
        })
        .collect();
    let mut case = Case::default();
    hold(&mut case, &nodes(&mesh, |p| p[2] < 0.1), &[2], 0.0);
    let top = nodes(&mesh, |p| p[2] > 7.9);
    hold(&mut case, &top, &[2], -0.08);
    hold(&mut case, &nodes(&mesh, |p| p == [0.0; 3]), &[0, 1], 0.0);
    hold(
        &mut case,
        &nodes(&mesh, |p| p == [4.0, 0.0, 0.0]),
        &[1],
        0.0,
    );
    let solution = run(&mesh, &elastic, &case, 1e-12);
    let force: f64 = top.iter().map(|n| solution.reaction_n[at(*n)][2]).sum();
    let expected = -0.01 * (4.0 * 300.0 + 12.0 * 15_000.0);
    assert!((force / expected - 1.0).abs() < 1e-9, "{force} {expected}");
}

/// How far the inner wall of a thick sphere under pressure moves, against Lamé.
fn lame_sphere(edge: f64) -> [f64; 2] {
    let shell = |p: [f64; 3]| (vector::length(p) - 10.0).min(20.0 - vector::length(p));
    let within = [[-20.0; 3], [20.0; 3]];
    let mesh = stuff_field(within, Millimeters::new(edge), Threads::new(2), shell).unwrap();
    let elastic = vec![bone(1000.0, 0.3); mesh.elements()];
    let mut case = Case::default();
    // Pressure pushes outward from the hole; three nodes take the rigid motions.
    press(&mut case, &mesh, |p| vector::length(p) < 12.0, vector::unit);
    let near = |target: [f64; 3]| {
        let gap = |n: &u32| vector::length(vector::sub(mesh.nodes()[at(*n)], target));
        let all = 0..mesh.nodes().len() as u32;
        all.min_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap()
    };
    hold(&mut case, &[near([20.0, 0.0, 0.0])], &[1, 2], 0.0);
    hold(&mut case, &[near([0.0, 20.0, 0.0])], &[0, 2], 0.0);
    hold(&mut case, &[near([0.0, 0.0, 20.0])], &[0, 1], 0.0);
    let solution = run(&mesh, &elastic, &case, 1e-9);
    // What three held nodes do to the mean of all directions cancels.
    [(10.0, 0.008), (20.0, 0.003)].map(|(radius, expected)| {
        let wall = nodes(&mesh, |p| (vector::length(p) - radius).abs() < 0.05);
        let outward = |n: &u32| {
            let place = vector::unit(mesh.nodes()[at(*n)]);
            vector::dot(solution.displacement_mm[at(*n)], place)
        };
        let mean = wall.iter().map(outward).sum::<f64>() / f64::from(wall.len() as u32);
        mean / expected - 1.0
    })
}

#[test]
fn a_thick_sphere_swells_as_lame_says_and_finer_meshes_come_nearer() {
    let coarse = lame_sphere(4.0);
    let fine = lame_sphere(2.0);
    for wall in 0..2 {
        assert!(coarse[wall].abs() < 0.12, "{coarse:?}");
        assert!(fine[wall].abs() < 0.045, "{fine:?}");
        // Linear displacements: the error falls at least as fast as the edge.
        assert!(
            fine[wall].abs() < 0.5 * coarse[wall].abs(),
            "{coarse:?} {fine:?}"
        );
    }
}

/// The tip of a cantilever 10 x 10 x 100 under 10 N, over Timoshenko's 4.0306 mm.
fn cantilever(mesh: &TetMesh) -> f64 {
    let elastic = vec![bone(1000.0, 0.3); mesh.elements()];
    let mut case = Case::default();
    hold(&mut case, &nodes(mesh, |p| p[2] < 1e-6), &[0, 1, 2], 0.0);
    let tip = nodes(mesh, |p| p[2] > 100.0 - 1e-6);
    let share = 10.0 / f64::from(tip.len() as u32);
    case.loads.extend(tip.iter().map(|node| Load {
        node: *node,
        force_n: [share, 0.0, 0.0],
    }));
    let solution = run(mesh, &elastic, &case, 1e-9);
    let mean: f64 = tip
        .iter()
        .map(|n| solution.displacement_mm[at(*n)][0])
        .sum();
    mean / f64::from(tip.len() as u32) / 4.0306
}

#[test]
fn a_cantilever_is_as_stiff_as_four_nodes_make_it_and_right_with_ten() {
    // Four-node elements are too stiff in bending, by this much; it is why a
    // thin cortex needs a band or ten nodes.
    let two = cantilever(&block([2, 2, 20], 5.0));
    let four = cantilever(&block([4, 4, 40], 2.5));
    assert!((0.45..0.65).contains(&two), "{two}");
    assert!((0.75..0.87).contains(&four), "{four}");
    let ten = cantilever(&block([2, 2, 20], 5.0).with_middles());
    assert!((0.985..1.005).contains(&ten), "{ten}");
}

/// A block with a stiff shell, clamped below and loaded at a corner.
fn corner_case() -> (TetMesh, Vec<Elastic>, Case) {
    let mesh = block([8, 6, 16], 1.0);
    let elastic = (0..mesh.elements())
        .map(|e| bone(if e % 7 == 0 { 15_000.0 } else { 400.0 }, 0.3))
        .collect();
    let mut case = Case::default();
    hold(&mut case, &nodes(&mesh, |p| p[2] < 0.1), &[0, 1, 2], 0.0);
    for node in nodes(&mesh, |p| p[2] > 15.9 && p[0] < 2.1) {
        case.loads.push(Load {
            node,
            force_n: [1.0, 0.5, -3.0],
        });
    }
    (mesh, elastic, case)
}

#[test]
fn threads_change_nothing_and_another_method_little() {
    let (mesh, elastic, case) = corner_case();
    let with = |threads, method, residual| {
        let solver = Solver {
            threads: Threads::new(threads),
            method,
            residual,
            ..Solver::default()
        };
        solver
            .solve(&mesh, &elastic, &case, &mut |_, _| {})
            .unwrap()
    };
    let alone = with(1, Method::Multigrid, 1e-9);
    assert!(
        alone.levels >= 2 && alone.iterations <= 40,
        "{}",
        alone.iterations
    );
    for threads in [2, 3, 8] {
        assert!(with(threads, Method::Multigrid, 1e-9) == alone);
    }
    let exact = with(2, Method::Multigrid, 1e-12);
    let jacobi = with(2, Method::BlockJacobi, 1e-12);
    assert_eq!(jacobi.levels, 0);
    assert!(jacobi.iterations > 3 * exact.iterations);
    let energy = exact.strain_energy_n_mm;
    assert!((alone.strain_energy_n_mm / energy - 1.0).abs() < 1e-9);
    assert!((jacobi.strain_energy_n_mm / energy - 1.0).abs() < 1e-9);
}

#[test]
fn what_cannot_be_solved_is_an_error() {
    let (mesh, elastic, case) = corner_case();
    let check = |case: &Case| solver(1e-9).solve(&mesh, &elastic, case, &mut |_, _| {});
    let mut sliding = case.clone();
    sliding.supports.retain(|s| s.axis == 2);
    let error = check(&sliding).unwrap_err();
    assert_eq!(error, MechanicsError::Floating { node: 0, free: 3 });
    let mut twice = case.clone();
    hold(&mut twice, &[0], &[1], 0.5);
    assert!(matches!(
        check(&twice),
        Err(MechanicsError::BadSupport { .. })
    ));
    let mut beyond = case.clone();
    beyond.loads[0].node = 1_000_000;
    assert!(matches!(
        check(&beyond),
        Err(MechanicsError::BadLoad { .. })
    ));
    let few = Solver {
        iterations: 2,
        ..solver(1e-9)
    };
    let error = few
        .solve(&mesh, &elastic, &case, &mut |_, _| {})
        .unwrap_err();
    assert!(
        matches!(error, MechanicsError::NotConverged { .. }),
        "{error}"
    );
    let short = few.solve(&mesh, &elastic[1..], &case, &mut |_, _| {});
    assert!(matches!(short, Err(MechanicsError::Unpaired { .. })));
}

#[test]
fn a_model_without_load_stays_at_rest() {
    let (mesh, elastic, mut case) = corner_case();
    case.loads.clear();
    let solution = run(&mesh, &elastic, &case, 1e-9);
    assert_eq!(solution.iterations, 0);
    assert_eq!(solution.strain_energy_n_mm, 0.0);
}
