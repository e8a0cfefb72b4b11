//! A forearm of the model itself before two cameras, taken by another projector's
//! rules than it is refined by: a tone curve, noise, no knowledge of its place.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::geometry::Locator;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;
use crate::geometry::block::block;
use crate::geometry::trimmed_icp;
use crate::radiography::Exposure;
use crate::radiography::Scene;
use crate::radiography::Tissue;
use crate::radiography::expose;

/// A person of the model: a little large, with bones of their own.
fn person(model: &ForearmModel) -> Unknowns {
    let pa = Projection::PosteroAnterior.pose([0.03, -0.08, 0.06, -9.0, 4.0, -36.0]);
    let lateral = Projection::Lateral.pose([-0.02, 0.12, -0.05, 2.0, -3.0, -60.0]);
    let mut person = Unknowns::mean(model, &[pa, lateral]);
    person.shape[0] = 0.9;
    for (k, z) in person.shape.iter_mut().enumerate().skip(1) {
        // Any few numbers within an SD or so.
        *z = 0.9 * f64::from(u32::try_from(k * 37 % 19).unwrap_or(0)).mul_add(1.0 / 9.0, -1.0);
    }
    person.views[0].seat = [0.01, -0.01, 0.05, 0.3, 0.2, -0.4];
    person.views[1].seat = [0.01, -0.01, -0.06, 0.3, 0.2, -0.4];
    person
}

/// Their two X-rays, and what the refinement is told of the cameras.
fn taken(model: &ForearmModel, person: &Unknowns) -> [Seen; 2] {
    let shape = synthesis::Shape::of(model, person).unwrap();
    [0, 1].map(|view| {
        let camera = Camera {
            sid_mm: 1080.0,
            oid_mm: -person.views[view].radius.translation()[2],
            principal_point_mm: [0.0; 2],
            pixel_spacing_mm: [0.25; 2],
            rows: 520,
            columns: 400,
        };
        let mut scene = Scene::new();
        let flesh = block([-44.0, -58.0, -90.0], [44.0, 62.0, -2.0]);
        scene.fill(flesh, Tissue::AIR, Tissue::SOFT);
        for (k, bone) in Bone::ALL.into_iter().enumerate() {
            let pose = person.pose(model, view, bone);
            let laid = |vertices: &[[f64; 3]]| {
                let mesh = model.bone(bone).mean();
                let mesh = mesh.with_vertices(vertices.to_vec()).unwrap();
                mesh.moved::<Detector>(&pose)
            };
            scene.fill(laid(&shape.vertices[k]), Tissue::SOFT, Tissue::CORTEX);
            scene.fill(laid(&shape.inside[k]), Tissue::CORTEX, Tissue::CANCELLOUS);
        }
        let exposure = Exposure::ordinary(3);
        let pixels = expose(&scene, camera, &exposure).unwrap();
        let pixels: Vec<f32> = pixels.into_iter().map(f32::from).collect();
        let projection = Projection::ALL[view];
        Seen::new(projection, camera, &pixels)
    })
}

/// RMS distance of a bone's vertices from the true surface, laid on it.
fn off(model: &ForearmModel, bone: Bone, found: &SurfaceMesh<Model>, truth: &Unknowns) -> f64 {
    let mean = model.bone(bone).mean();
    let truth = truth.vertices(model, bone);
    let truth = mean.with_vertices(truth).unwrap();
    let places = found.vertices().iter().zip(model.bone(bone).cut());
    let places: Vec<[f64; 3]> = places
        .filter(|(v, cut)| !**cut && v[2] > -70.0)
        .map(|(v, _)| *v)
        .step_by(5)
        .collect();
    let locator = Locator::new(&truth);
    trimmed_icp::<Model, Model>(&places, &locator, Rigid::identity(), 1.0, 30).rms_mm
}

#[test]
fn a_person_of_the_model_is_found_from_nothing() {
    let model = ForearmModel::shipped().unwrap();
    let person = person(&model);
    let views = taken(&model, &person);
    let found = refine_shape(&model, &views, 0.01, &[]).unwrap().unwrap();
    for bone in Bone::ALL {
        let refined = off(&model, bone, found.own.bone(bone), &person);
        let null = off(&model, bone, model.bone(bone).mean(), &person);
        assert!(
            refined < 0.35 && refined < 0.7 * null,
            "{bone:?}: {refined} mm, the mean {null} mm"
        );
    }
    assert!(found.fit.iter().all(|fit| *fit > 0.9), "{:?}", found.fit);
    let basis = Basis::new(&model);
    let problem = Problem::new(&basis, &views, 0.01);
    let true_measures = posterior::read(&problem, &person, 0).unwrap();
    for (k, (measure, value)) in found.measures.iter().enumerate() {
        let gap = (value - true_measures.get(measure)).abs();
        assert!(
            gap < 4.0 * found.measure_sigma[k] + 0.5,
            "{measure:?}: off by {gap}, sigma {}",
            found.measure_sigma[k]
        );
    }
    // What one view leaves open is said: volar tilt is hardly seen from behind, and the
    // second view takes half of its variance and more.
    let alone = refine_shape(&model, &views[..1], 0.01, &[])
        .unwrap()
        .unwrap();
    assert!(
        alone.measure_sigma[1].powi(2) > 2.0 * found.measure_sigma[1].powi(2),
        "{:?} {:?}",
        alone.measure_sigma,
        found.measure_sigma
    );
    // The same again, to the last digit.
    let again = refine_shape(&model, &views, 0.01, &[]).unwrap().unwrap();
    assert_eq!(found.shape, again.shape);
    assert_eq!(found.poses, again.poses);
}

#[test]
fn an_edge_moves_with_each_number_as_its_row_says() {
    let model = ForearmModel::shipped().unwrap();
    let person = person(&model);
    let shape = synthesis::Shape::of(&model, &person).unwrap();
    let camera = Camera {
        sid_mm: 1000.0,
        oid_mm: 40.0,
        principal_point_mm: [12.0, -7.0],
        pixel_spacing_mm: [0.4; 2],
        rows: 400,
        columns: 300,
    };
    for (k, bone) in Bone::ALL.into_iter().enumerate() {
        let rim = edges::Rim::of(model.bone(bone));
        let pose = person.pose(&model, 1, bone);
        let seen = rim.seen(&shape.vertices[k], &shape.normals[k], &pose, &camera);
        assert!(seen.len() > 150, "{}", seen.len());
        let mut row = nalgebra::DVector::zeros(person.count());
        for edge in seen.iter().step_by(40) {
            person.row(&model, (1, bone, usize::MAX), edge, &mut row);
            let where_now = |numbers: &Unknowns| {
                let vertices = numbers.vertices(&model, bone);
                let [a, b] = edge.between.map(|v| vertices[v]);
                let place = [0, 1, 2].map(|i| a[i] + edge.share * (b[i] - a[i]));
                let place = numbers.pose(&model, 1, bone).move_xyz(place);
                let [x, y] = camera.shadow(Point::new(place)).unwrap();
                x * edge.across[0] + y * edge.across[1]
            };
            let here = where_now(&person);
            for number in 0..person.count() - 1 {
                let mut moved = person.clone();
                moved.step(&[number], &nalgebra::DVector::from_element(1, 1e-4));
                let numeric = (where_now(&moved) - here) / 1e-4;
                assert!(
                    (numeric - row[number]).abs() < 0.03 * row[number].abs() + 2e-2,
                    "{bone:?} {number}: {numeric} {}",
                    row[number]
                );
            }
        }
    }
}

#[test]
fn an_edge_that_was_moved_is_found_where_it_is() {
    let camera = Camera {
        sid_mm: 1000.0,
        oid_mm: 0.0,
        principal_point_mm: [0.0; 2],
        pixel_spacing_mm: [0.4; 2],
        rows: 60,
        columns: 60,
    };
    let wall = |at: f64| {
        let values: Vec<f64> = (0..3600_u32)
            .map(|pixel| {
                let x = (f64::from(pixel % 60) - 29.5) * 0.4;
                // Bone to the left: thick at its rim, as a cortex is.
                (at - x).clamp(0.0, 1.0) * (1.0 + 2.0 / (1.0 + (at - x).max(0.0)))
            })
            .collect();
        Picture::simulated(camera, &values, Vec::new())
    };
    let edges: Vec<edges::Edge> = (0..5_i32)
        .map(|k| edges::Edge {
            between: [0, 0],
            share: 0.0,
            place: [0.0; 3],
            shadow: [0.0, f64::from(k) - 2.0],
            across: [1.0, 0.0],
            slope: [1.0, 0.0, 0.0],
        })
        .collect();
    for gap in [-1.3, 0.0, 0.7, 2.1] {
        for found in matching::find(&edges, &wall(gap), &wall(0.0), 0.01, 3.0) {
            assert!(
                found.weight > 0.3 && (found.offset_mm - gap).abs() < 0.1,
                "{gap}: {found:?}"
            );
        }
    }
    // Where there is nothing to see, nothing is found.
    let flat = Picture::simulated(camera, &vec![1.0; 3600], Vec::new());
    let found = matching::find(&edges, &flat, &wall(0.0), 0.01, 3.0);
    assert!(found.iter().all(|f| f.weight < 1e-6));
}

#[test]
fn a_coarser_picture_keeps_what_it_covers() {
    let camera = Camera {
        sid_mm: 1000.0,
        oid_mm: 0.0,
        principal_point_mm: [1.0, 2.0],
        pixel_spacing_mm: [0.15, 0.15],
        rows: 300,
        columns: 200,
    };
    // A slope in both directions stays a slope.
    let pixels: Vec<f32> = (0..60_000_u16)
        .map(|k| f32::from(k % 200) + 2.0 * f32::from(k / 200))
        .collect();
    let picture = Picture::coarser(&pixels, camera, 0.8);
    for place in [[0.0, 0.0], [3.3, -7.1], [-9.0, 12.0]] {
        let [x, y] = camera.pixel_of(place);
        let wanted = x + 2.0 * y;
        assert!(
            (f64::from(picture.at(place)) - wanted).abs() < 0.05,
            "{place:?}"
        );
    }
    assert!(picture.at([400.0, 0.0]).is_nan());
}

#[test]
fn likeness_asks_for_place_and_not_for_gain() {
    let model = ForearmModel::shipped().unwrap();
    let person = person(&model);
    let seen = taken(&model, &person);
    let basis = Basis::new(&model);
    let problem = Problem::new(&basis, &seen, 0.01);
    let picture = picture_of(&problem, &person);
    let columns = picture.camera.columns as usize;
    let below = picture.camera.rows as usize;
    // Gray values that are worth ever less to the right, and the darker the more.
    let simulated = picture.clone();
    let mut gray = picture;
    for (at, value) in gray.values.iter_mut().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "pixel numbers")]
        let across = (at % columns) as f32 / columns as f32;
        *value = (1.0 - 0.6 * across) * value.powf(0.8) + 3.0 * across;
    }
    let moved = |columns: usize| {
        let mut picture = gray.clone();
        picture.values.rotate_right(columns);
        start::alike(&picture, &simulated, below)
    };
    let [here, near, far] = [0, 2, 6].map(moved);
    assert!(here > 0.95, "{here}");
    assert!(near < 0.7 * here && far < 0.5 * here, "{near} {far}");
}

fn picture_of(problem: &Problem<'_>, person: &Unknowns) -> Picture {
    let shape = problem.shape(person).unwrap();
    problem.picture(&shape, person, 0, 0).unwrap()
}

#[test]
fn a_start_is_offered_in_every_stretch_of_the_image() {
    let model = ForearmModel::shipped().unwrap();
    let person = person(&model);
    let seen = taken(&model, &person);
    let basis = Basis::new(&model);
    let problem = Problem::new(&basis, &seen, 0.01);
    let one = problem.of(0);
    let starts = start::search(&one, 0, &start::sizes(&one)).unwrap();
    let [x, y, _] = person.views[0].radius.translation();
    let near = starts.iter().any(|start| {
        let at = start.radius.translation();
        (at[0] - x).hypot(at[1] - y) < 6.0
    });
    assert!(near, "none near the person");
    let ys: Vec<f64> = starts.iter().map(|s| s.radius.translation()[1]).collect();
    let span = |pick: fn(f64, f64) -> f64| ys.iter().copied().reduce(pick).unwrap();
    assert!(span(f64::max) - span(f64::min) > 30.0, "{ys:?}");
}
