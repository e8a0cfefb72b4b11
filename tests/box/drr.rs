//! `bonebox drr` as it is typed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use bonebox::geometry::Rigid;
use bonebox::raster::Volume;
use serde_json::Value;
use serde_json::json;

use crate::rig::bonebox;

/// A ball of 20 mm of ones in 96 voxels a side, its middle at the origin; a voxel
/// on its rim holds the share of it that lies inside (by 64 places).
fn ball() -> Volume {
    let at = |k: usize| 0.5 * f64::from(u32::try_from(k).unwrap()) - 23.75;
    let share = |k: usize| {
        let middle = [at(k % 96), at(k / 96 % 96), at(k / 96 / 96)];
        let far = middle.iter().map(|v| v * v).sum::<f64>().sqrt();
        if (far - 20.0).abs() > 0.5 {
            return f32::from(u8::from(far < 20.0));
        }
        let inside = (0..64_u32).filter(|n| {
            let off = [n % 4, n / 4 % 4, n / 16].map(|m| 0.125 * f64::from(m) - 0.1875);
            (0..3).map(|a| (middle[a] + off[a]).powi(2)).sum::<f64>() < 400.0
        });
        f32::from(u8::try_from(inside.count()).unwrap()) / 64.0
    };
    let values = (0..96 * 96 * 96).map(share).collect();
    let place = Rigid::from_rotation_vector([0.0; 3], [-23.75; 3]);
    Volume::new([96; 3], [0.5; 3], place, values).unwrap()
}

fn camera() -> Value {
    json!({
        "sid_mm": 1000.0, "pixel_spacing_mm": [1.0, 1.0], "rows": 61, "columns": 81,
        "volume_to_detector": {
            "rotation": [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            "translation_mm": [0.0, 0.0, -200.0],
        },
    })
}

fn drr(folder: &Path, volume: &[u8], camera: &Value, out: &str) -> (Option<i32>, String) {
    let (file, settings) = (folder.join("volume.mha"), folder.join("camera.json"));
    fs::write(&file, volume).unwrap();
    fs::write(&settings, camera.to_string()).unwrap();
    let out = folder.join(out);
    let arguments: [&OsStr; 6] = [
        "drr".as_ref(),
        file.as_ref(),
        "--camera".as_ref(),
        settings.as_ref(),
        "--out".as_ref(),
        out.as_ref(),
    ];
    bonebox(&arguments)
}

#[test]
fn a_ball_throws_the_shadow_of_a_ball() {
    let folder = tempfile::tempdir().unwrap();
    let volume = ball().to_mha();
    let (code, said) = drr(folder.path(), &volume, &camera(), "image.mha");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not a diagnosis"), "{said}");
    let image = Volume::from_mha(&fs::read(folder.path().join("image.mha")).unwrap()).unwrap();
    assert_eq!(image.size(), [81, 61, 1]);
    let (mut off, mut sum, mut expected) = (0.0_f64, 0.0, 0.0);
    for row in 0..61_u32 {
        for column in 0..81_u32 {
            // The chord of a ball around (0, 0, -200), seen from (0, 0, -1000).
            let [x, y] = [f64::from(column) - 40.0, f64::from(row) - 30.0];
            let sine2 = (x * x + y * y) / (x * x + y * y + 1e6);
            let chord = 2.0 * (400.0 - 640_000.0 * sine2).max(0.0).sqrt();
            let place = usize::try_from(row * 81 + column).unwrap();
            let found = f64::from(image.values()[place]);
            off += (found - chord).abs();
            sum += found;
            expected += chord;
        }
    }
    // All together, voxels neither add nor take away.
    let share: f64 = sum / expected;
    assert!((share - 1.0).abs() < 0.003, "{share}");
    // A ray passes a voxel 1/8 mm beside its middle on average; the ball's surface
    // slopes by pi / 2 on average, twice a ray, and covers 0.4 of the image.
    assert!(off / 4941.0 < 0.157, "{}", off / 4941.0);
    assert_eq!(
        drr(folder.path(), &volume, &camera(), "image.png").0,
        Some(0)
    );
    let png = fs::read(folder.path().join("image.png")).unwrap();
    let picture = image::load_from_memory(&png).unwrap().to_luma16();
    assert_eq!(picture.as_raw().iter().max(), Some(&65535));
    assert!(picture.get_pixel(40, 30).0[0] > 64_000);
    assert_eq!(picture.get_pixel(0, 0).0, [0]);
}

#[test]
fn what_makes_no_image_is_refused_and_the_file_at_fault_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let volume = ball().to_mha();
    let check = |volume: &[u8], camera: &Value, out: &str, code: i32, words: [&str; 2]| {
        let (found, said) = drr(folder.path(), volume, camera, out);
        assert_eq!(found, Some(code), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    let with = |key: &str, value: Value| {
        let mut camera = camera();
        camera[key] = value;
        camera
    };
    let cut = &volume[..volume.len() - 4];
    check(cut, &camera(), "a.mha", 3, ["volume.mha", "cut short"]);
    check(
        &volume,
        &with("sid", json!(1)),
        "a.mha",
        3,
        ["camera.json", "sid"],
    );
    check(
        &volume,
        &with("sid_mm", json!(0)),
        "a.mha",
        3,
        ["camera.json", "distance"],
    );
    let near = with("sid_mm", json!(190.0));
    check(
        &volume,
        &near,
        "a.mha",
        3,
        ["volume.mha", "between source and detector"],
    );
    check(&volume, &camera(), "a.jpg", 2, ["a.jpg", ".png"]);
}
