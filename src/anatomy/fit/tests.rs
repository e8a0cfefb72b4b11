//! The fit on two clubs: shapes that are no bones, but have an end, a side and
//! ways to differ that are known exactly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::anatomy::BoneModel;
use crate::anatomy::BoneParts;
use crate::anatomy::Landmark;
use crate::anatomy::LandmarkIds;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;

const AROUND: u32 = 28;
const RINGS: u32 = 45;

/// A place of a club: wide at its end, with a spur toward +x, a ridge toward
/// +y, and an oblique end; `z` makes it thicker, bends it, and lengthens the spur.
fn skin(bone: Bone, z: [f64; 3], level: f64, turn: f64) -> [f64; 3] {
    let (wide, deep) = match bone {
        Bone::Radius => (13.0, 9.0),
        Bone::Ulna => (8.5, 8.0),
    };
    let flare = 1.0 / (1.0 + ((level + 22.0) / -6.0).exp());
    let thick = 1.0 + 0.06 * z[0];
    let bump = |middle: f64, width: f64| (-((turn - middle) / width).powi(2)).exp();
    let ridge = 1.5 * flare * bump(std::f64::consts::FRAC_PI_2, 0.3);
    let (sine, cosine) = turn.sin_cos();
    let a = thick * (6.5 + (wide - 6.5) * flare);
    let b = thick * (6.0 + (deep - 6.0) * flare) + ridge;
    let near = (level / 8.0).exp();
    let spur = near * (0.35 + 0.08 * z[2]) * cosine.max(0.0) * a + 0.12 * near * b * sine;
    let bend = 1.2 * z[1] * (level / 40.0).powi(2);
    [a * cosine + bend, b * sine, level + spur]
}

fn club(bone: Bone, z: [f64; 3]) -> SurfaceMesh<Model> {
    let ring = |k: u32| -60.0 + 60.0 * f64::from(k) / f64::from(RINGS - 1);
    let mut vertices = vec![[0.0, 0.0, -60.0]];
    let turns = |j: u32| std::f64::consts::TAU * f64::from(j) / f64::from(AROUND);
    for k in 0..RINGS {
        for j in 0..AROUND {
            let turn = (turns(j) + 1.0).rem_euclid(std::f64::consts::TAU) - 1.0;
            vertices.push(skin(bone, z, ring(k), turn));
        }
    }
    // The end: the last ring drawn in, three times.
    for part in [0.75, 0.5, 0.25] {
        for j in 0..AROUND {
            let turn = (turns(j) + 1.0).rem_euclid(std::f64::consts::TAU) - 1.0;
            let rim = skin(bone, z, 0.0, turn);
            vertices.push([
                part * rim[0],
                part * rim[1],
                part * rim[2] - 1.5 * (1.0 - part),
            ]);
        }
    }
    vertices.push([0.0, 0.0, -1.5]);
    let top = u32::try_from(vertices.len()).unwrap() - 1;
    let id = |ring: u32, j: u32| 1 + ring * AROUND + j % AROUND;
    let mut triangles = Vec::new();
    for j in 0..AROUND {
        triangles.push([0, id(0, j + 1), id(0, j)]);
        for k in 0..RINGS + 2 {
            triangles.push([id(k, j), id(k, j + 1), id(k + 1, j)]);
            triangles.push([id(k, j + 1), id(k + 1, j + 1), id(k + 1, j)]);
        }
        triangles.push([top, id(RINGS + 2, j), id(RINGS + 2, j + 1)]);
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

fn model(bone: Bone) -> BoneModel {
    let mean = club(bone, [0.0; 3]);
    let mut modes = Vec::new();
    for axis in 0..3 {
        let mut z = [0.0; 3];
        z[axis] = 1.0;
        let moved = club(bone, z);
        for (a, b) in moved.vertices().iter().zip(mean.vertices()) {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "a mode is single precision"
            )]
            modes.extend(vector::sub(*a, *b).map(|v| v as f32));
        }
    }
    let count = mean.vertices().len();
    let mut landmarks = LandmarkIds::default();
    match bone {
        Bone::Radius => landmarks.set(Landmark::RadialStyloidTip, vec![1 + (RINGS - 1) * AROUND]),
        Bone::Ulna => landmarks.set(Landmark::UlnarStyloidTip, vec![1 + (RINGS - 1) * AROUND]),
    }
    BoneModel::from_parts(BoneParts {
        bone,
        joint_patch: (0..count)
            .map(|v| v > usize::try_from(RINGS * AROUND).unwrap())
            .collect(),
        cut: (0..count).map(|v| v == 0).collect(),
        mean,
        modes,
        residual_variance: vec![0.01; count],
        residual_scales: vec![(12.0, 0.4), (5.0, 0.2)],
        landmarks,
        digest: "clubs".into(),
    })
    .unwrap()
}

/// A club of given numbers, of a side, somewhere.
fn given(bone: Bone, z: [f64; 3], side: Side) -> SurfaceMesh<Given> {
    let club = club(bone, z);
    let faced = match side {
        Side::Right => club,
        Side::Left => club.mirrored_x(),
    };
    faced.moved(&Rigid::from_rotation_vector(
        [1.9, -0.8, 0.6],
        [120.0, -40.0, 900.0],
    ))
}

/// Without what lies below a height along the club's own axis: an open cut.
fn cut_off(mesh: &SurfaceMesh<Model>, below: f64) -> SurfaceMesh<Model> {
    let high = |t: &[u32; 3]| t.iter().all(|v| mesh.vertices()[*v as usize][2] > below);
    let kept: Vec<usize> = (0..mesh.triangles().len())
        .filter(|t| high(&mesh.triangles()[*t]))
        .collect();
    mesh.only(&kept).unwrap()
}

/// The fit of the wide club alone.
fn fit_wide(surface: &SurfaceMesh<Given>, asked: &Asked) -> Result<BoneFit, FitError> {
    fit_bone(&[&model(Bone::Radius)], surface, asked, &mut |_, _| {})
}

fn fit(surface: &SurfaceMesh<Given>, asked: &Asked) -> Result<BoneFit, FitError> {
    let models = Bone::ALL.map(model);
    fit_bone(&[&models[0], &models[1]], surface, asked, &mut |_, _| {})
}

#[test]
fn pose_side_and_bone_are_found() {
    for (bone, side) in [(Bone::Radius, Side::Left), (Bone::Ulna, Side::Right)] {
        let z = [1.2, -0.7, 1.5];
        let found = fit(&given(bone, z, side), &Asked::default()).unwrap();
        assert_eq!((found.bone, found.side), (bone, side));
        let Figures {
            rms_mm,
            joint_rms_mm,
            ..
        } = found.figures;
        assert!(
            rms_mm < 0.05 && joint_rms_mm.unwrap() < 0.05,
            "{rms_mm} {joint_rms_mm:?}"
        );
        assert!(found.null.rms_mm > 5.0 * rms_mm, "{}", found.null.rms_mm);
        assert_eq!(found.candidates.len(), 4);
        // In correspondence, in the axes in which it was given.
        let expected = given(bone, z, side);
        let gaps = found.surface.vertices().iter().zip(expected.vertices());
        let mean = gaps
            .map(|(a, b)| vector::length(vector::sub(*a, *b)))
            .sum::<f64>()
            / f64::from(u32::try_from(expected.vertices().len()).unwrap());
        assert!(mean < 0.6, "{mean}");
        assert!(found.surface.is_closed());
        let tip = found.landmarks[0];
        let truth = expected.vertices()[usize::try_from(1 + (RINGS - 1) * AROUND).unwrap()];
        let gap = vector::length(vector::sub(tip.place, truth));
        assert!(
            gap < 4.0 * tip.sigma_mm && gap < 1.0,
            "{gap} {}",
            tip.sigma_mm
        );
    }
}

#[test]
fn an_open_stump_is_enough() {
    let stump = cut_off(&club(Bone::Radius, [0.5, 0.0, -1.0]), -20.0);
    let turned = stump.moved(&Rigid::from_rotation_vector(
        [0.3, 2.5, 0.9],
        [5.0, 6.0, 7.0],
    ));
    let found = fit_wide(&turned, &Asked::default()).unwrap();
    assert_eq!(found.cut, CutKind::Open);
    assert_eq!(found.side, Side::Right);
    assert!(found.figures.rms_mm < 0.06, "{:?}", found.figures);
    assert!(
        found
            .notes
            .iter()
            .any(|n| matches!(n, Note::OpenEdges { .. }))
    );
    assert!(
        (18.0..28.0).contains(&found.covered_mm),
        "{}",
        found.covered_mm
    );
    // What the stump shows is known better than what it does not.
    let far = found.sigma_mm[1];
    let near = found.sigma_mm[usize::try_from(1 + (RINGS - 3) * AROUND).unwrap()];
    assert!(far > 2.0 * near, "{far} {near}");
}

#[test]
fn the_end_is_predicted_from_the_kept_part() {
    let z = [1.5, -1.0, 0.0];
    let asked = Asked {
        keep_proximal_mm: Some(30.0),
        ..Asked::default()
    };
    let found = fit_wide(&given(Bone::Radius, z, Side::Right), &asked).unwrap();
    let expected = given(Bone::Radius, z, Side::Right);
    let mut inside = 0_u32;
    for ((place, truth), sigma) in found
        .surface
        .vertices()
        .iter()
        .zip(expected.vertices())
        .zip(&found.sigma_mm)
    {
        inside +=
            u32::from(vector::length(vector::sub(*place, *truth)) < 3.0 * 3f64.sqrt() * sigma);
    }
    let count = u32::try_from(expected.vertices().len()).unwrap();
    assert!(
        f64::from(inside) > 0.9 * f64::from(count),
        "{inside} of {count}"
    );
    let much = Asked {
        keep_proximal_mm: Some(55.0),
        ..Asked::default()
    };
    let refused = fit_wide(&expected, &much).unwrap_err();
    assert!(
        matches!(refused, FitError::TooLittleKept { .. }),
        "{refused}"
    );
}

#[test]
fn wrong_names_are_contradicted() {
    let left = given(Bone::Radius, [0.5, 0.5, 1.0], Side::Left);
    let side = Asked {
        bone: Some(Bone::Radius),
        side: Some(Side::Right),
        ..Asked::default()
    };
    assert_eq!(fit_wide(&left, &side).unwrap_err().code(), "other_side");
    let bone = Asked {
        bone: Some(Bone::Ulna),
        ..Asked::default()
    };
    assert_eq!(fit(&left, &bone).unwrap_err().code(), "other_bone");
}

/// A block with sides of these lengths, each face in 2 x `n` x `n` triangles.
fn block(size: [f64; 3], n: u32) -> SurfaceMesh<Given> {
    let mut vertices = Vec::new();
    let mut triangles = Vec::new();
    for (axis, end) in (0..3).flat_map(|axis| [(axis, 0.0), (axis, 1.0)]) {
        let first = u32::try_from(vertices.len()).unwrap();
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        for k in 0..=n {
            for j in 0..=n {
                let mut place = [0.0; 3];
                place[axis] = end * size[axis];
                place[u] = f64::from(j) / f64::from(n) * size[u];
                place[v] = f64::from(k) / f64::from(n) * size[v];
                vertices.push(place);
            }
        }
        for k in 0..n {
            for j in 0..n {
                let at = |j: u32, k: u32| first + k * (n + 1) + j;
                let (a, b, c, d) = (at(j, k), at(j + 1, k), at(j + 1, k + 1), at(j, k + 1));
                let quad = if end > 0.5 {
                    [[a, b, c], [a, c, d]]
                } else {
                    [[a, c, b], [a, d, c]]
                };
                triangles.extend(quad);
            }
        }
    }
    SurfaceMesh::new(vertices, triangles)
        .unwrap()
        .welded(1e-6)
        .unwrap()
}

#[test]
fn what_is_no_bone_is_refused_with_its_reason() {
    let check = |surface: &SurfaceMesh<Given>, code: &str| {
        let refused = fit(surface, &Asked::default()).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    };
    let scaled = |by: f64| {
        let bone = given(Bone::Radius, [0.0; 3], Side::Right);
        let vertices = bone
            .vertices()
            .iter()
            .map(|v| vector::scale(*v, by))
            .collect();
        bone.with_vertices(vertices).unwrap()
    };
    check(&scaled(0.001), "unit");
    assert!(
        fit(&scaled(0.001), &Asked::default())
            .unwrap_err()
            .to_string()
            .contains("meters")
    );
    check(&scaled(0.1), "unit");
    check(&scaled(1000.0), "unit");
    check(&scaled(4.0), "too_large");
    check(&scaled(0.3), "too_small");
    check(&block([36.0, 30.0, 24.0], 8), "not_this_anatomy");
    check(&block([60.0, 0.0, 30.0], 4), "flat");
    let bone = given(Bone::Radius, [0.0; 3], Side::Right);
    let other = bone.moved(&Rigid::<Given, Given>::from_rotation_vector(
        [0.0; 3],
        [50.0, 0.0, 0.0],
    ));
    let count = u32::try_from(bone.vertices().len()).unwrap();
    let vertices = [bone.vertices(), other.vertices()].concat();
    let triangles = other.triangles().iter().map(|t| t.map(|v| v + count));
    let triangles = bone.triangles().iter().copied().chain(triangles).collect();
    check(
        &SurfaceMesh::new(vertices, triangles).unwrap(),
        "several_bones",
    );
}
