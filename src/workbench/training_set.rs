//! The packed training set: invented subjects and the fields that a network
//! would see of their X-rays, as plain arrays that Python reads without a
//! library. Generator and physics exist once, here.
//!
//! Two files a set. `NAME.json` says what the arrays of `NAME.bin` are: for each,
//! in file order, name, element type, shape, and offset in bytes. All numbers
//! are little-endian. The set's seeds stand in the JSON; those of training,
//! validation and test are disjoint ranges of [`crate::phantom`].

use std::fs;
use std::io;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::LandmarkIds;
use crate::anatomy::Measure;
use crate::geometry::Model;
use crate::phantom::Detail;
use crate::phantom::PhantomError;
use crate::phantom::SimulatedXray;
use crate::phantom::Subject;
use crate::radiography::CONTEXT;
use crate::radiography::Camera;
use crate::radiography::FIELD_PIXEL_MM;
use crate::radiography::FIELD_PIXELS;
use crate::radiography::RadiographyError;
use crate::radiography::context;
use crate::radiography::field;

/// Why no training set was written.
#[derive(Debug, thiserror::Error)]
pub enum TrainingSetError {
    /// A subject could not be invented.
    #[error("inventing subject {seed}")]
    Subject {
        /// The subject.
        seed: u64,
        /// Why.
        source: PhantomError,
    },
    /// Its X-ray has no field.
    #[error("cutting the field out of an X-ray of subject {seed}")]
    Field {
        /// The subject.
        seed: u64,
        /// Why.
        source: RadiographyError,
    },
    /// A file could not be written.
    #[error("writing the training set")]
    Io(#[from] io::Error),
    /// The description could not be written.
    #[error("describing the training set")]
    Json(#[from] serde_json::Error),
    /// A thread ended without its part.
    #[error("a thread of the generator ended early")]
    Thread,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet {
    /// The subjects.
    pub seeds: Range<u64>,
    /// How often each is X-rayed.
    pub visits: u64,
    /// Threads to use. The bytes do not depend on it.
    pub threads: usize,
}

/// One array of the packed file.
#[derive(Serialize)]
struct Array {
    name: &'static str,
    element: &'static str,
    shape: Vec<usize>,
    offset: usize,
}

/// What stands beside the packed file.
#[derive(Serialize)]
struct Description {
    format: &'static str,
    seeds: [u64; 2],
    subjects: usize,
    visits: u64,
    field_pixels: usize,
    field_pixel_mm: f64,
    views: [&'static str; 2],
    bones: [&'static str; 2],
    measures: [&'static str; 4],
    vertices: [usize; 2],
    triangles: [Vec<[u32; 3]>; 2],
    landmarks: LandmarkIds,
    arrays: Vec<Array>,
}

/// What one subject gives.
#[derive(Default)]
struct Part {
    vertices: Vec<u8>,
    measures: Vec<u8>,
    fields: Vec<u8>,
    context: Vec<u8>,
    poses: Vec<u8>,
}

/// Writes `NAME.bin` and `NAME.json` into a folder.
///
/// # Errors
/// [`TrainingSetError`].
pub fn write_training_set(
    folder: &Path,
    name: &str,
    set: &TrainingSet,
    progress: impl Fn(u64) + Sync,
) -> Result<(), TrainingSetError> {
    let seeds: Vec<u64> = set.seeds.clone().collect();
    let share = seeds.len().div_ceil(set.threads.max(1)).max(1);
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> = seeds
            .chunks(share)
            .map(|mine| {
                let progress = &progress;
                scope.spawn(move || -> Result<Vec<Part>, TrainingSetError> {
                    mine.iter()
                        .map(|seed| part(*seed, set.visits).inspect(|_| progress(1)))
                        .collect()
                })
            })
            .collect();
        let mut parts = Vec::with_capacity(seeds.len());
        for worker in workers {
            parts.extend(worker.join().map_err(|_| TrainingSetError::Thread)??);
        }
        Ok::<_, TrainingSetError>(parts)
    })?;
    let template = Subject::draw(set.seeds.start).map_err(|source| TrainingSetError::Subject {
        seed: set.seeds.start,
        source,
    })?;
    let description = describe(set, parts.len(), &template.forearm);
    fs::create_dir_all(folder)?;
    let mut packed = io::BufWriter::new(fs::File::create(folder.join(format!("{name}.bin")))?);
    let of: [fn(&Part) -> &[u8]; 5] = [
        |p| &p.vertices,
        |p| &p.measures,
        |p| &p.fields,
        |p| &p.context,
        |p| &p.poses,
    ];
    for array in of {
        for part in &parts {
            packed.write_all(array(part))?;
        }
    }
    packed.flush()?;
    let text = serde_json::to_vec(&description)?;
    fs::write(folder.join(format!("{name}.json")), text)?;
    Ok(())
}

fn part(seed: u64, visits: u64) -> Result<Part, TrainingSetError> {
    let failed = |source| TrainingSetError::Subject { seed, source };
    let subject = Subject::draw(seed).map_err(failed)?;
    let mut part = Part::default();
    for bone in Bone::ALL {
        let vertices = subject.forearm.bone(bone).vertices();
        push(&mut part.vertices, vertices.iter().flatten().copied());
    }
    let measures = Measure::ALL.map(|m| subject.measures.get(m));
    push(&mut part.measures, measures.into_iter());
    for visit in 0..visits {
        let views = subject
            .radiographs_at(visit, Detail::Field)
            .map_err(failed)?;
        for view in &views {
            let seen = seen(view).map_err(|source| TrainingSetError::Field { seed, source })?;
            part.fields.extend(seen);
            push(&mut part.poses, view.pose.iter().flatten().copied());
        }
        let told = context([0, 1].map(|v| Some(views[v].folded_camera())));
        part.context
            .extend(told.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(part)
}

/// The field of an X-ray in 8 bits.
fn seen(xray: &SimulatedXray) -> Result<Vec<u8>, RadiographyError> {
    let Camera {
        rows,
        columns,
        pixel_spacing_mm,
        ..
    } = xray.camera;
    let seen = field(&xray.folded(), rows, columns, pixel_spacing_mm)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a field's numbers lie between 0 and 1"
    )]
    Ok(seen.iter().map(|v| (v * 255.0).round() as u8).collect())
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a network learns in single precision"
)]
fn push(into: &mut Vec<u8>, numbers: impl Iterator<Item = f64>) {
    into.extend(numbers.flat_map(|v| (v as f32).to_le_bytes()));
}

fn describe(set: &TrainingSet, subjects: usize, template: &Forearm<Model>) -> Description {
    let visits = usize::try_from(set.visits).unwrap_or(usize::MAX);
    let vertices = Bone::ALL.map(|bone| template.bone(bone).vertices().len());
    let side = FIELD_PIXELS;
    let shapes = [
        (
            "vertices",
            "f32",
            vec![subjects, vertices[0] + vertices[1], 3],
        ),
        ("measures", "f32", vec![subjects, 4]),
        ("fields", "u8", vec![subjects, visits, 2, side, side]),
        ("context", "f32", vec![subjects, visits, CONTEXT]),
        ("poses", "f32", vec![subjects, visits, 2, 2, 6]),
    ];
    let mut offset = 0;
    let arrays = shapes
        .into_iter()
        .map(|(name, element, shape)| {
            let width = if element == "u8" { 1 } else { 4 };
            let at = offset;
            offset += width * shape.iter().product::<usize>();
            Array {
                name,
                element,
                shape,
                offset: at,
            }
        })
        .collect();
    Description {
        format: "bonebox-training-1",
        seeds: [set.seeds.start, set.seeds.end],
        subjects,
        visits: set.visits,
        field_pixels: side,
        field_pixel_mm: FIELD_PIXEL_MM,
        views: ["pa", "lateral"],
        bones: Bone::ALL.map(Bone::name),
        measures: Measure::ALL.map(Measure::key),
        vertices,
        triangles: Bone::ALL.map(|bone| template.bone(bone).triangles().to_vec()),
        landmarks: Subject::landmark_ids(),
        arrays,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_bytes_are_as_described_and_do_not_depend_on_threads() {
        let folder = tempfile::tempdir().unwrap();
        for (name, threads) in [("one", 1), ("two", 2)] {
            let set = TrainingSet {
                seeds: 5..8,
                visits: 2,
                threads,
            };
            write_training_set(folder.path(), name, &set, |_| ()).unwrap();
        }
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert_eq!(read("one.bin"), read("two.bin"));
        let said: serde_json::Value = serde_json::from_slice(&read("one.json")).unwrap();
        let last = said["arrays"].as_array().unwrap().last().unwrap();
        let count: u64 = last["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .product();
        let end = last["offset"].as_u64().unwrap() + 4 * count;
        assert_eq!(end, read("one.bin").len() as u64);
    }

    /// Writes what training asks for: `BONEBOX_TRAINING_SET="FOLDER NAME FIRST END VISITS THREADS"`.
    #[test]
    fn writes_the_set_that_training_asks_for() {
        let Ok(asked) = std::env::var("BONEBOX_TRAINING_SET") else {
            return;
        };
        let words: Vec<&str> = asked.split_whitespace().collect();
        let number = |i: usize| words[i].parse::<u64>().unwrap();
        let set = TrainingSet {
            seeds: number(2)..number(3),
            visits: number(4),
            threads: usize::try_from(number(5)).unwrap(),
        };
        write_training_set(Path::new(words[0]), words[1], &set, |_| ()).unwrap();
    }

    /// Writes a subject to look at: `BONEBOX_PICTURES="FOLDER SEED"`.
    #[test]
    fn writes_the_subject_that_is_to_be_looked_at() {
        let Ok(asked) = std::env::var("BONEBOX_PICTURES") else {
            return;
        };
        let (folder, seed) = asked.split_once(' ').unwrap();
        let folder = Path::new(folder);
        let subject = Subject::draw(seed.parse().unwrap()).unwrap();
        for bone in Bone::ALL {
            let stl = subject.forearm.bone(bone).to_stl(bone.name());
            fs::write(folder.join(format!("{seed}-{}.stl", bone.name())), stl).unwrap();
        }
        for xray in subject.radiographs(0).unwrap() {
            let mut pgm =
                format!("P5 {} {} 4095\n", xray.camera.columns, xray.camera.rows).into_bytes();
            pgm.extend(xray.pixels.iter().flat_map(|p| p.to_be_bytes()));
            fs::write(
                folder.join(format!("{seed}-{}.pgm", xray.projection.name())),
                pgm,
            )
            .unwrap();
        }
    }
}
