//! `bonebox fit-shape` as it is typed: bones of generator B given as files, and
//! files that are no bone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use bonebox::geometry::Given;
use bonebox::geometry::Model;
use bonebox::geometry::Rigid;
use bonebox::geometry::SurfaceMesh;
use bonebox::geometry::deviation;
use bonebox::phantom::Generator;
use bonebox::phantom::Specimen;
use bonebox::phantom::TEST_SEEDS;
use serde_json::Value;

use crate::rig::bonebox;

/// A person of B-dev.
fn person() -> Specimen {
    Specimen::draw(Generator::BDev, TEST_SEEDS.start + 61).unwrap()
}

fn lying(mesh: &SurfaceMesh<Model>) -> SurfaceMesh<Given> {
    mesh.moved(&Rigid::from_rotation_vector(
        [1.9, -0.8, 0.6],
        [120.0, -40.0, 900.0],
    ))
}

fn scaled(mesh: &SurfaceMesh<Model>, by: f64) -> SurfaceMesh<Model> {
    let vertices = mesh.vertices().iter().map(|v| v.map(|x| by * x));
    mesh.with_vertices(vertices.collect()).unwrap()
}

/// The triangles for whose middle `keep` holds.
fn part(mesh: &SurfaceMesh<Model>, keep: impl Fn([f64; 3]) -> bool) -> SurfaceMesh<Model> {
    let middle = |t: &[u32; 3]| {
        let corners = t.map(|v| mesh.vertices()[v as usize]);
        [0, 1, 2].map(|a| (corners[0][a] + corners[1][a] + corners[2][a]) / 3.0)
    };
    let kept: Vec<[u32; 3]> = mesh
        .triangles()
        .iter()
        .filter(|t| keep(middle(t)))
        .copied()
        .collect();
    SurfaceMesh::new(mesh.vertices().to_vec(), kept).unwrap()
}

/// A tube closed at both ends through ellipses: level, half width, half depth.
fn turned(rings: &[[f64; 3]]) -> SurfaceMesh<Model> {
    const AROUND: u32 = 48;
    let mut vertices = Vec::new();
    for [level, a, b] in rings {
        for k in 0..AROUND {
            let (sine, cosine) =
                (std::f64::consts::TAU * f64::from(k) / f64::from(AROUND)).sin_cos();
            vertices.push([a * cosine, b * sine, *level]);
        }
    }
    let count = u32::try_from(rings.len()).unwrap();
    vertices.extend([
        [0.0, 0.0, rings[0][0]],
        [0.0, 0.0, rings[rings.len() - 1][0]],
    ]);
    let (bottom, top) = (count * AROUND, count * AROUND + 1);
    let at = |ring: u32, k: u32| ring * AROUND + k % AROUND;
    let mut triangles = Vec::new();
    for k in 0..AROUND {
        triangles.push([bottom, at(0, k + 1), at(0, k)]);
        triangles.push([top, at(count - 1, k), at(count - 1, k + 1)]);
        for ring in 0..count - 1 {
            triangles.push([at(ring, k), at(ring, k + 1), at(ring + 1, k)]);
            triangles.push([at(ring, k + 1), at(ring + 1, k + 1), at(ring + 1, k)]);
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

/// The distal 160 mm of a femur, roughly.
fn femur() -> SurfaceMesh<Model> {
    turned(&[
        [-160.0, 14.0, 14.0],
        [-90.0, 15.0, 14.0],
        [-60.0, 22.0, 17.0],
        [-35.0, 36.0, 25.0],
        [-15.0, 41.0, 31.0],
        [-4.0, 37.0, 28.0],
        [0.0, 24.0, 18.0],
    ])
}

/// A cube of 32 mm with every face in 200 triangles.
fn cube() -> SurfaceMesh<Model> {
    let mut vertices = Vec::new();
    let mut triangles = Vec::new();
    for (axis, end) in (0..3).flat_map(|axis| [(axis, 0.0), (axis, 32.0)]) {
        let first = u32::try_from(vertices.len()).unwrap();
        for k in 0..=10 {
            for j in 0..=10 {
                let mut place = [end; 3];
                place[(axis + 1) % 3] = 3.2 * f64::from(j);
                place[(axis + 2) % 3] = 3.2 * f64::from(k);
                vertices.push(place);
            }
        }
        for k in 0..10 {
            for j in 0..10 {
                let [a, b] = [first + 11 * k + j, first + 11 * (k + 1) + j];
                if end > 0.0 {
                    triangles.extend([[a, a + 1, b + 1], [a, b + 1, b]]);
                } else {
                    triangles.extend([[a, b + 1, a + 1], [a, b, b + 1]]);
                }
            }
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

struct Run {
    code: Option<i32>,
    said: String,
    answer: Value,
}

fn fit_shape(file: &Path, more: &[&str]) -> Run {
    let json = file.with_extension("json");
    let mut arguments: Vec<&OsStr> = vec!["fit-shape".as_ref(), file.as_ref()];
    arguments.extend(more.iter().map(|word| OsStr::new(*word)));
    arguments.extend([OsStr::new("--json"), json.as_ref()]);
    let (code, said) = bonebox(&arguments);
    Run {
        code,
        said,
        answer: fs::read(&json)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default(),
    }
}

fn saved(folder: &Path, name: &str, mesh: &SurfaceMesh<Given>) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, mesh.to_stl("a bone, mm")).unwrap();
    file
}

#[test]
fn a_bone_in_a_file_is_recognized_and_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let given = lying(&person().outer.radius.mirrored_x());
    let file = saved(folder.path(), "bone.stl", &given);
    let out = folder.path().join("fit.stl");
    let run = fit_shape(&file, &["--out", out.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    let answer = &run.answer;
    assert_eq!(
        (&answer["bone"], &answer["side"]),
        (&"radius".into(), &"L".into())
    );
    let mm = |key: &str| answer[key].as_f64().unwrap();
    assert!(
        mm("rms_mm") <= 0.3 && mm("joint_rms_mm") <= 0.3,
        "{}",
        run.said
    );
    assert!(mm("p95_mm") < mm("max_mm") && mm("null_rms_mm") > 2.0 * mm("rms_mm"));
    assert!(run.said.contains("not a diagnosis"), "{}", run.said);
    for measure in answer["measures"].as_array().unwrap() {
        assert!(measure["sigma"].as_f64().unwrap() > 0.0, "{measure}");
        assert!(measure["references"].as_array().unwrap().len() >= 3);
    }
    // The fit lies where the bone was given.
    let fitted = SurfaceMesh::<Given>::from_stl(&fs::read(&out).unwrap()).unwrap();
    assert!(deviation(&fitted, &given).mean_mm < 0.3);
}

#[test]
fn the_distal_15_mm_and_a_holed_bone_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let ulna = person().outer.ulna;
    let top = ulna.bounds()[1][2];
    let stump = lying(&part(&ulna, |p| p[2] > top - 15.0));
    let run = fit_shape(&saved(folder.path(), "stump.stl", &stump), &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(run.answer["bone"], "ulna", "{}", run.said);
    assert!(
        run.answer["rms_mm"].as_f64().unwrap() <= 0.3,
        "{}",
        run.said
    );

    let radius = person().outer.radius;
    let holed = part(&radius, |p| !((p[2] + 40.0).abs() < 4.0 && p[0] > 0.0));
    let run = fit_shape(&saved(folder.path(), "holed.stl", &lying(&holed)), &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(run.said.contains("holes"), "{}", run.said);
    assert_eq!(run.answer["notes"][0]["note"]["code"], "open_edges");
}

#[test]
fn what_is_kept_is_surer_than_what_is_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let radius = person().outer.radius;
    let file = saved(folder.path(), "bone.stl", &lying(&radius));
    let run = fit_shape(
        &file,
        &["--bone", "radius", "--side", "R", "--keep", "proximal:40"],
    );
    assert_eq!(run.code, Some(0), "{}", run.said);
    let sigma: Vec<f64> = run.answer["sigma_mm"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    let model = bonebox::anatomy::ForearmModel::shipped().unwrap();
    let mean = model.bone(bonebox::anatomy::Bone::Radius).mean().vertices();
    let among = |low: f64, high: f64| -> f64 {
        let here = mean
            .iter()
            .zip(&sigma)
            .filter(|(v, _)| v[2] > low && v[2] < high);
        let all: Vec<f64> = here.map(|(_, s)| *s).collect();
        all.iter().sum::<f64>() / f64::from(u32::try_from(all.len()).unwrap())
    };
    let (kept, end) = (among(-70.0, -45.0), among(-12.0, 20.0));
    assert!(kept < 0.3 && end > 2.0 * kept, "{kept} {end}");
}

#[test]
fn what_is_no_bone_is_refused_each_with_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let Specimen { outer, .. } = person();
    let radius = lying(&outer.radius);
    let whole = radius.to_stl("a bone, mm");
    let check = |name: &str, bytes: &[u8], more: &[&str], code: &str, word: &str| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let run = fit_shape(&file, more);
        assert_eq!(run.code, Some(3), "{name}: {}", run.said);
        let refused = &run.answer["refused"];
        assert_eq!(refused["code"], code, "{name}: {}", run.said);
        assert!(run.said.contains(word), "{name}: {}", run.said);
        assert!(!refused["advice"].as_str().unwrap().is_empty());
    };
    let stl = |mesh: &SurfaceMesh<Model>| lying(mesh).to_stl("mm");
    check("empty.stl", &[], &[], "empty_file", "empty");
    check("letter.stl", b"Dear colleague", &[], "not_an_stl", "solid");
    check(
        "cut.stl",
        &whole[..whole.len() / 2],
        &[],
        "truncated",
        "end is missing",
    );
    let mut broken = whole.clone();
    broken[84 + 12..84 + 16].copy_from_slice(&f32::NAN.to_le_bytes());
    check("nan.stl", &broken, &[], "not_finite", "not a number");
    let meters = scaled(&outer.radius, 0.001).moved::<Given>(&Rigid::identity());
    check("meters.stl", &meters.to_stl("m"), &[], "unit", "meters");
    check("femur.stl", &stl(&femur()), &[], "too_large", "femur");
    check(
        "cube.stl",
        &stl(&cube()),
        &[],
        "not_this_anatomy",
        "no distal radius or ulna",
    );
    let vertices = [outer.radius.vertices(), outer.ulna.vertices()].concat();
    let count = u32::try_from(outer.radius.vertices().len()).unwrap();
    let beside = outer.ulna.triangles().iter().map(|t| t.map(|v| v + count));
    let triangles = outer.radius.triangles().iter().copied().chain(beside);
    let both = SurfaceMesh::new(vertices, triangles.collect()).unwrap();
    check("both.stl", &stl(&both), &[], "several_bones", "each bone");
    let left = stl(&outer.radius.mirrored_x());
    check(
        "left.stl",
        &left,
        &["--side", "R"],
        "other_side",
        "other side",
    );
    check(
        "ulna.stl",
        &stl(&outer.ulna),
        &["--bone", "radius"],
        "other_bone",
        "ulna",
    );
    let much = ["--keep", "proximal:75"];
    check("kept.stl", &whole, &much, "too_little_kept", "15 mm");
}
