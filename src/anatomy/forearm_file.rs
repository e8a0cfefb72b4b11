//! Reading and writing the forearm model's file; its format stands in
//! `forearm_model.rs`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are rounded to the 8 and 16 bits of the file on purpose"
)]

use nalgebra::DMatrix;
use serde::Deserialize;
use serde::Serialize;

use super::AnatomyError;
use super::Bone;
use super::BoneModel;
use super::BoneParts;
use super::Cortex;
use super::ForearmModel;
use super::ForearmParts;
use super::LandmarkIds;
use super::SEAT;
use crate::geometry::SurfaceMesh;

const MAGIC: &[u8; 8] = b"bbfore-1";
const FORMAT: &str = "bonebox-forearm-1";
const JOINT: u8 = 1;
const LID: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    pivot_mm: [f64; 3],
    seat_sd: [f64; SEAT],
    bones: [BoneHeader; 2],
}

#[derive(Serialize, Deserialize)]
struct BoneHeader {
    vertices: usize,
    triangles: usize,
    modes: usize,
    cortex_modes: usize,
    mean_mm: f64,
    mode_mm: Vec<f64>,
    residual_mm: f64,
    cortex_mm: f64,
    residual_scales_mm: Vec<(f64, f64)>,
    landmarks: LandmarkIds,
}

/// The step of an array of whole numbers up to `most`: a power of two, so that
/// what is read is written again to the same bytes.
fn step(values: impl Iterator<Item = f64>, most: f64) -> f64 {
    let largest = values.fold(1e-9_f64, |top, v| top.max(v.abs()));
    2.0_f64.powi((largest / most * (1.0 - 1e-6)).log2().ceil() as i32)
}

fn step16(values: impl Iterator<Item = f64>) -> f64 {
    step(values, 32_767.0)
}

fn put16(out: &mut Vec<u8>, values: impl Iterator<Item = f64>, step: f64) {
    for value in values {
        out.extend(((value / step).round() as i16).to_le_bytes());
    }
}

pub(super) fn write(parts: &ForearmParts) -> Vec<u8> {
    let mut body = Vec::new();
    let bones = [0, 1].map(|n| write_bone(&mut body, &parts.bones[n], &parts.cortex[n]));
    let size = parts.correlation.nrows();
    let lower = (0..size).flat_map(|a| (0..a).map(move |b| (a, b)));
    put16(
        &mut body,
        lower.map(|at| parts.correlation[at]),
        1.0 / 32_767.0,
    );
    let header = Header {
        format: FORMAT.to_owned(),
        pivot_mm: parts.pivot,
        seat_sd: parts.seat_sd,
        bones,
    };
    // A header of numbers and words always has a JSON form.
    let header = serde_json::to_vec(&header).unwrap_or_default();
    let mut out = MAGIC.to_vec();
    out.extend((header.len() as u32).to_le_bytes());
    out.extend(header);
    out.extend(body);
    out
}

fn write_bone(out: &mut Vec<u8>, bone: &BoneModel, cortex: &Cortex) -> BoneHeader {
    let mean = || bone.mean().vertices().iter().flatten().copied();
    let mean_mm = step16(mean());
    put16(out, mean(), mean_mm);
    let mut mode_mm = Vec::new();
    for number in 0..bone.modes() {
        let mode = || bone.mode(number).iter().map(|v| f64::from(*v));
        mode_mm.push(step16(mode()));
        put16(out, mode(), mode_mm[number]);
    }
    for vertex in bone.mean().triangles().iter().flatten() {
        out.extend((*vertex as u16).to_le_bytes());
    }
    let flags = bone.joint_patch().iter().zip(bone.cut());
    out.extend(flags.map(|(j, c)| u8::from(*j) * JOINT + u8::from(*c) * LID));
    let residual = || bone.residual_variance().iter().map(|v| f64::from(v.sqrt()));
    let residual_mm = step(residual(), 255.0);
    out.extend(residual().map(|v| (v / residual_mm).round() as u8));
    let thick = || {
        let all = cortex.mean.iter().chain(&cortex.modes);
        all.map(|v| f64::from(*v))
    };
    let cortex_mm = step16(thick());
    put16(out, thick(), cortex_mm);
    BoneHeader {
        vertices: bone.mean().vertices().len(),
        triangles: bone.mean().triangles().len(),
        modes: bone.modes(),
        cortex_modes: cortex.modes(),
        mean_mm,
        mode_mm,
        residual_mm,
        cortex_mm,
        residual_scales_mm: bone.residual_scales().to_vec(),
        landmarks: bone.landmarks().clone(),
    }
}

/// What is left of a file that is being read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: Option<usize>) -> Result<&'a [u8], AnatomyError> {
        let (part, after) = count
            .and_then(|count| self.0.split_at_checked(count))
            .ok_or_else(|| AnatomyError::NotAModel("it is cut short".to_owned()))?;
        self.0 = after;
        Ok(part)
    }

    fn words(&mut self, count: Option<usize>) -> Result<Vec<u16>, AnatomyError> {
        let bytes = self.take(count.and_then(|c| c.checked_mul(2)))?;
        let pairs = bytes.chunks_exact(2);
        Ok(pairs.map(|w| u16::from_le_bytes([w[0], w[1]])).collect())
    }

    fn numbers(&mut self, count: Option<usize>, step: f64) -> Result<Vec<f64>, AnatomyError> {
        let words = self.words(count)?;
        let signed = words.into_iter().map(u16::cast_signed);
        Ok(signed.map(|v| f64::from(v) * step).collect())
    }
}

fn refuse(why: impl Into<String>) -> AnatomyError {
    AnatomyError::NotAModel(why.into())
}

pub(super) fn read(bytes: &[u8]) -> Result<ForearmModel, AnatomyError> {
    let mut rest = Rest(bytes);
    if rest.take(Some(MAGIC.len()))? != MAGIC {
        return Err(refuse("it does not begin as one"));
    }
    let length = rest.take(Some(4))?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    let header = rest.take(usize::try_from(length).ok())?;
    let header: Header =
        serde_json::from_slice(header).map_err(|e| refuse(format!("its header: {e}")))?;
    if header.format != FORMAT {
        return Err(refuse(format!("its format is {}", header.format)));
    }
    let [radius, ulna] = header.bones;
    let (radius, radius_cortex) = read_bone(&mut rest, radius, Bone::Radius)?;
    let (ulna, ulna_cortex) = read_bone(&mut rest, ulna, Bone::Ulna)?;
    let size = radius.modes() + ulna.modes() - 1 + SEAT;
    let lower = rest.numbers(Some(size * (size - 1) / 2), 1.0 / 32_767.0)?;
    if !rest.0.is_empty() {
        return Err(refuse("it is longer than it says"));
    }
    let correlation = DMatrix::from_fn(size, size, |a, b| {
        let (high, low) = (a.max(b), a.min(b));
        if high == low {
            1.0
        } else {
            lower[high * (high - 1) / 2 + low]
        }
    });
    ForearmModel::from_parts(ForearmParts {
        bones: [radius, ulna],
        cortex: [radius_cortex, ulna_cortex],
        pivot: header.pivot_mm,
        seat_sd: header.seat_sd,
        correlation,
    })
}

fn read_bone(
    rest: &mut Rest<'_>,
    header: BoneHeader,
    bone: Bone,
) -> Result<(BoneModel, Cortex), AnatomyError> {
    let count = header.vertices;
    let length = count.checked_mul(3);
    if header.mode_mm.len() != header.modes || header.modes == 0 {
        return Err(refuse("its modes are not counted"));
    }
    let mean = rest.numbers(length, header.mean_mm)?;
    let mut modes = Vec::new();
    for step in &header.mode_mm {
        let mode = rest.numbers(length, *step)?;
        modes.extend(mode.into_iter().map(|v| v as f32));
    }
    let corners = rest.words(header.triangles.checked_mul(3))?;
    let flags = rest.take(Some(count))?;
    let residual = rest.take(Some(count))?.iter();
    let residual_variance = residual
        .map(|v| (f64::from(*v) * header.residual_mm).powi(2) as f32)
        .collect();
    let thick = header.cortex_modes.checked_add(1);
    let thick = rest.numbers(thick.and_then(|c| c.checked_mul(count)), header.cortex_mm)?;
    let mut thick = thick.into_iter().map(|v| v as f32);
    let cortex = Cortex {
        mean: thick.by_ref().take(count).collect(),
        modes: thick.collect(),
    };
    let mean = SurfaceMesh::new(
        mean.chunks_exact(3).map(|v| [v[0], v[1], v[2]]).collect(),
        corners
            .chunks_exact(3)
            .map(|t| [t[0], t[1], t[2]].map(u32::from))
            .collect(),
    )?;
    let model = BoneModel::from_parts(BoneParts {
        bone,
        mean,
        modes,
        residual_variance,
        residual_scales: header.residual_scales_mm,
        joint_patch: flags.iter().map(|f| f & JOINT != 0).collect(),
        cut: flags.iter().map(|f| f & LID != 0).collect(),
        landmarks: header.landmarks,
        digest: String::new(),
    })?;
    Ok((model, cortex))
}
