//! `bonebox drr VOLUME.mha --camera CAMERA.json --out IMG.mha|png`: the
//! radiograph that a volume would throw, as line integrals along the rays of a
//! cone beam.
//!
//! The camera's file holds what [`Camera`] has, and `volume_to_detector`: a
//! rotation (rows) and a translation that lead the volume's coordinates to the
//! detector's (origin at its center, x toward increasing columns, y toward
//! increasing rows, z from the source to the detector; the object lies at
//! negative z). Without it both are the same.

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use super::solve::chain;
use super::solve::peak_rss_mb;
use super::solve::refuse;
use super::solve::say;
use super::{Verdict, WorkbenchError, read_file, write_file, write_json};
use crate::geometry::Detector;
use crate::geometry::Patient;
use crate::geometry::Rigid;
use crate::radiography::Camera;
use crate::radiography::RadiographyError;
use crate::radiography::through;
use crate::raster::RasterError;
use crate::raster::Volume;
use crate::raster::gray_png;
use crate::wire::NOTICE_EN;

/// Attenuation of water at 50 keV, a millimeter (NIST XCOM: 0.2269 cm2/g).
const WATER_50_KEV: f32 = 0.022_69;

/// What `drr` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct DrrArgs {
    /// The volume: a MetaImage in one file.
    pub volume: PathBuf,
    /// The camera's file.
    #[arg(long)]
    pub camera: PathBuf,
    /// Where the image goes: `.mha` (the integrals, single precision) or `.png`
    /// (16-bit gray, white the largest).
    #[arg(long)]
    pub out: PathBuf,
    /// The values are HU: they become attenuation a millimeter at 50 keV.
    #[arg(long)]
    pub hu: bool,
    /// Threads; all cores by default.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Writes the answer as JSON (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// The camera's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraFile {
    sid_mm: f64,
    #[serde(default)]
    oid_mm: f64,
    #[serde(default)]
    principal_point_mm: [f64; 2],
    pixel_spacing_mm: [f64; 2],
    rows: u32,
    columns: u32,
    volume_to_detector: Option<Motion>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Motion {
    rotation: [[f64; 3]; 3],
    translation_mm: [f64; 3],
}

/// Why no image was made: the file that is at fault, and how.
struct Refusal<'a>(&'a Path, String);

/// Makes the image. What is no volume or no camera is refused with a reason.
///
/// # Errors
/// [`WorkbenchError`] where a file cannot be read or written.
pub fn run(args: &DrrArgs) -> Result<Verdict, WorkbenchError> {
    let begun = Instant::now();
    let png = match args.out.extension().and_then(|e| e.to_str()) {
        Some("png") => true,
        Some("mha") => false,
        _ => {
            refuse(&args.out, "the image's name ends in .mha or .png", None)?;
            return Ok(Verdict::WrongUse);
        }
    };
    let (camera_bytes, volume_bytes) = (read_file(&args.camera)?, read_file(&args.volume)?);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.map_or(0, usize::from))
        .build()
        .map_err(|error| WorkbenchError::Step(format!("starting threads: {error}")))?;
    let made = pool.install(|| made(args, &camera_bytes, &volume_bytes));
    let (camera, image) = match made {
        Ok(both) => both,
        Err(Refusal(path, why)) => return refuse(path, &why, args.json.as_deref()),
    };
    let most = image.iter().copied().fold(0.0, f32::max);
    let fault = |error: RasterError| WorkbenchError::Step(chain(&error));
    let written = if png {
        gray_png(&image, camera.columns, camera.rows).map_err(fault)?
    } else {
        as_volume(&camera, image).map_err(fault)?.to_mha()
    };
    write_file(&args.out, &written)?;
    if args.json.as_deref() != Some(Path::new("-")) {
        say(&format!(
            "{} x {} pixels, the largest integral {most:.4}\n{NOTICE_EN}\n",
            camera.columns, camera.rows
        ))?;
    }
    if let Some(path) = &args.json {
        let answer = json!({
            "rows": camera.rows, "columns": camera.columns, "largest": most,
            "unit": if args.hu { "1 (attenuation at 50 keV)" } else { "volume's unit times mm" },
            "seconds": begun.elapsed().as_secs_f64(),
            "threads": pool.current_num_threads(),
            "peak_rss_mb": peak_rss_mb(),
            "notice": NOTICE_EN,
        });
        write_json(path, &answer)?;
    }
    Ok(Verdict::Done)
}

/// Reads both files and casts the rays.
fn made<'a>(
    args: &'a DrrArgs,
    camera: &[u8],
    volume: &[u8],
) -> Result<(Camera, Vec<f32>), Refusal<'a>> {
    let of_camera = |why: String| Refusal(&args.camera, why);
    let file: CameraFile = serde_json::from_slice(camera).map_err(|e| of_camera(e.to_string()))?;
    let camera = Camera {
        sid_mm: file.sid_mm,
        oid_mm: file.oid_mm,
        principal_point_mm: file.principal_point_mm,
        pixel_spacing_mm: file.pixel_spacing_mm,
        rows: file.rows,
        columns: file.columns,
    };
    let camera = camera.checked().map_err(|e| of_camera(chain(&e)))?;
    let place: Rigid<Patient, Detector> = match file.volume_to_detector {
        Some(motion) => Rigid::new(motion.rotation, motion.translation_mm)
            .map_err(|e| of_camera(format!("volume_to_detector: {e}")))?,
        None => Rigid::identity(),
    };
    let of_volume = |error: RasterError| Refusal(&args.volume, chain(&error));
    let mut volume = Volume::from_mha(volume).map_err(of_volume)?;
    if args.hu {
        let values = volume.values().iter();
        let attenuation = values.map(|hu| WATER_50_KEV * (1.0 + hu / 1000.0).max(0.0));
        volume = volume
            .with_values(attenuation.collect())
            .map_err(of_volume)?;
    }
    let image = through(&volume, &place, &camera).map_err(|error| match error {
        RadiographyError::OutOfBeam => Refusal(
            &args.volume,
            "the volume does not lie between source and detector: check volume_to_detector".into(),
        ),
        RadiographyError::Setting { .. } | RadiographyError::PixelCount { .. } => {
            of_camera(chain(&error))
        }
    })?;
    Ok((camera, image))
}

/// The image as a volume one pixel thick, in the detector's coordinates.
fn as_volume(camera: &Camera, image: Vec<f32>) -> Result<Volume, RasterError> {
    let [x, y] = camera.place_of([0.0, 0.0]);
    let [row, column] = camera.pixel_spacing_mm;
    let place = Rigid::from_rotation_vector([0.0; 3], [x, y, 0.0]);
    let sides = [camera.columns as usize, camera.rows as usize, 1];
    Volume::new(sides, [column, row, 1.0], place, image)
}
