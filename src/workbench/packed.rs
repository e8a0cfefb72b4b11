//! `bonebox synth --packed`: training pairs of the shape model in one file, for
//! reading without a library.
//!
//! ```text
//! OUT/pairs.json   what a record holds: for each field name, element type,
//!                  shape and offset in bytes; all numbers little-endian
//! OUT/pairs.bin    a record a pair, one after the other, all of one length
//! ```

use std::fs;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::WorkbenchError;
use super::solve::chain;
use super::write_json;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measure;
use crate::names::Digest;
use crate::phantom::LatentPair;
use crate::phantom::LatentWrists;
use crate::phantom::PAIR_PIXEL_MM;
use crate::phantom::PAIR_PIXELS;
use crate::radiography::Projection;
use crate::wire::NOTICE_EN;

/// Pairs that are made side by side and then written.
const ROUND: usize = 128;
/// Numbers of a camera: SID, OID as told, principal point (x, y), spacing.
const CAMERA: [&str; 5] = [
    "sid_mm",
    "told_oid_mm",
    "principal_x_mm",
    "principal_y_mm",
    "pixel_spacing_mm",
];

/// Writes the pairs of these seeds into a folder, the hand lying in one of so
/// many ways.
///
/// # Errors
/// [`WorkbenchError`] where a pair cannot be made or a file not written.
pub fn write(out: &Path, seeds: Range<u64>, hands: NonZeroU32) -> Result<(), WorkbenchError> {
    let fault = |error: &dyn std::error::Error| WorkbenchError::Step(chain(error));
    let model = ForearmModel::shipped().map_err(|error| fault(&error))?;
    let latent = model.latent();
    let wrists = LatentWrists::new(model, hands).map_err(|error| fault(&error))?;
    fs::create_dir_all(out).map_err(|error| fault(&error))?;
    let file = fs::File::create(out.join("pairs.bin")).map_err(|error| fault(&error))?;
    let mut file = std::io::BufWriter::new(file);
    let all: Vec<u64> = seeds.clone().collect();
    for round in all.chunks(ROUND) {
        let records: Result<Vec<Vec<u8>>, WorkbenchError> = round
            .par_iter()
            .map(|seed| wrists.pair(*seed).map(|pair| record(&pair)))
            .map(|made| made.map_err(|error| fault(&error)))
            .collect();
        for record in records? {
            file.write_all(&record).map_err(|error| fault(&error))?;
        }
    }
    file.flush().map_err(|error| fault(&error))?;
    write_json(&out.join("pairs.json"), &described(&seeds, latent))
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a network learns in single precision"
)]
fn record(pair: &LatentPair) -> Vec<u8> {
    let mut numbers: Vec<f64> = pair.z.clone();
    numbers.extend(Measure::ALL.map(|m| pair.measures.get(m)));
    for view in &pair.views {
        numbers.extend(view.pose.iter().flatten());
    }
    for view in &pair.views {
        let camera = view.camera;
        numbers.extend([camera.sid_mm, camera.oid_mm]);
        numbers.extend(camera.principal_point_mm);
        numbers.push(camera.pixel_spacing_mm[0]);
    }
    let plain = numbers.iter().flat_map(|v| (*v as f32).to_le_bytes());
    let mut bytes: Vec<u8> = plain.collect();
    for view in &pair.views {
        bytes.extend(&view.pixels);
    }
    bytes
}

fn described(seeds: &Range<u64>, latent: usize) -> Value {
    let side = PAIR_PIXELS as usize;
    let shapes: [(&str, &str, Vec<usize>); 5] = [
        ("latent", "f32", vec![latent]),
        ("measures", "f32", vec![Measure::ALL.len()]),
        ("poses", "f32", vec![2, 2, 6]),
        ("cameras", "f32", vec![2, CAMERA.len()]),
        ("pixels", "u8", vec![2, side, side]),
    ];
    let mut offset = 0;
    let fields: Vec<Value> = shapes
        .into_iter()
        .map(|(name, element, shape)| {
            let at = offset;
            let width = if element == "u8" { 1 } else { 4 };
            offset += width * shape.iter().product::<usize>();
            json!({"name": name, "element": element, "shape": shape, "offset": at})
        })
        .collect();
    json!({
        "format": "bonebox-pairs-1",
        "seeds": [seeds.start, seeds.end],
        "pairs": seeds.end - seeds.start,
        "record_bytes": offset,
        "fields": fields,
        "views": Projection::ALL.map(Projection::name),
        "bones": Bone::ALL.map(Bone::name),
        "measures": Measure::ALL.map(Measure::key),
        "camera": CAMERA,
        "pixel_mm": PAIR_PIXEL_MM,
        "model_sha256": Digest::of(ForearmModel::shipped_bytes()).hex(),
        "notice": NOTICE_EN,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_file_is_as_long_as_it_says_and_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        write(&one, 3..6, NonZeroU32::MIN).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        pool.install(|| write(&two, 3..6, NonZeroU32::MIN)).unwrap();
        let read = |place: &Path| fs::read(place.join("pairs.bin")).unwrap();
        assert!(read(&one) == read(&two));
        let said: Value =
            serde_json::from_slice(&fs::read(one.join("pairs.json")).unwrap()).unwrap();
        let length = said["record_bytes"].as_u64().unwrap();
        assert_eq!(read(&one).len() as u64, 3 * length);
        let pixels = &said["fields"][4];
        assert_eq!(pixels["offset"].as_u64().unwrap() + 2 * 65536, length);
    }
}
