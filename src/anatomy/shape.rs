//! The statistical shape model: a mean forearm and the ways forearms differ.
//!
//! A latent vector of `modes` numbers, each with mean 0 and SD 1 over the
//! training subjects, makes both bones: `vertices = mean + sum z_k mode_k`.
//!
//! The file: `BBSM`, a little-endian `u32` length, that many bytes of JSON
//! ([`Header`]), then for radius and ulna in turn: the mean (`f32`, 3 a vertex),
//! the modes (`f32`, 3 a vertex, mode after mode), the triangles (`u32`, 3 each).

use serde::Deserialize;
use serde::Serialize;

use super::AnatomyError;
use super::Bone;
use super::Forearm;
use super::LandmarkIds;
use super::Measures;
use super::Side;
use super::measures;
use crate::geometry::Frame;
use crate::geometry::GeometryError;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;

const MAGIC: &[u8; 4] = b"BBSM";
const FORMAT: &str = "bonebox-shape-1";

/// What stands before the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    format: String,
    frame: String,
    modes: usize,
    radius: Counts,
    ulna: Counts,
    landmarks: LandmarkIds,
}

/// The sizes of one bone's arrays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Counts {
    vertices: usize,
    triangles: usize,
}

/// One bone of the model.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    mean: SurfaceMesh<Model>,
    /// Mode after mode, 3 numbers a vertex.
    modes: Vec<f32>,
}

/// A mean forearm with its modes and landmarks.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeModel {
    modes: usize,
    parts: [Part; 2],
    landmarks: LandmarkIds,
}

impl ShapeModel {
    /// Reads a model.
    ///
    /// # Errors
    /// [`AnatomyError::NotAModel`] when the bytes do not follow the format,
    /// [`AnatomyError::Mesh`], or [`AnatomyError::NoLandmark`] when a landmark
    /// names a vertex that is not there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AnatomyError> {
        let refuse = |why: &str| AnatomyError::NotAModel(why.to_owned());
        let mut rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| refuse("it does not begin with BBSM"))?;
        let length = take_u32(&mut rest, 1)?[0] as usize;
        let (json, mut rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| refuse("its header is cut short"))?;
        let header: Header = serde_json::from_slice(json)
            .map_err(|e| AnatomyError::NotAModel(format!("its header: {e}")))?;
        if header.format != FORMAT || header.frame != Model::NAME {
            return Err(refuse("another format or frame"));
        }
        let radius = take_part(&mut rest, header.radius, header.modes)?;
        let ulna = take_part(&mut rest, header.ulna, header.modes)?;
        if !rest.is_empty() {
            return Err(refuse("there are bytes after its end"));
        }
        let model = Self {
            modes: header.modes,
            parts: [radius, ulna],
            landmarks: header.landmarks,
        };
        model.landmarks.on(&model.mean())?;
        Ok(model)
    }

    /// How many numbers a latent vector has.
    #[must_use]
    pub const fn modes(&self) -> usize {
        self.modes
    }

    /// The vertices of each landmark.
    #[must_use]
    pub const fn landmarks(&self) -> &LandmarkIds {
        &self.landmarks
    }

    /// The mean forearm, a right one.
    #[must_use]
    pub fn mean(&self) -> Forearm<Model> {
        Forearm {
            radius: self.parts[0].mean.clone(),
            ulna: self.parts[1].mean.clone(),
        }
    }

    /// How each vertex of a bone moves (millimeters) when one latent number
    /// grows by one. Empty when there is no such mode.
    #[must_use]
    pub fn mode(&self, bone: Bone, mode: usize) -> &[f32] {
        let part = self.part(bone);
        let length = part.mean.vertices().len() * 3;
        part.modes
            .get(mode * length..(mode + 1) * length)
            .unwrap_or(&[])
    }

    /// The forearm of a latent vector, a right one.
    ///
    /// # Errors
    /// [`AnatomyError::Latent`] for a wrong length or a number that is not finite.
    pub fn decode(&self, latent: &[f64]) -> Result<Forearm<Model>, AnatomyError> {
        let finite = latent.iter().filter(|z| z.is_finite()).count();
        if finite != self.modes || latent.len() != self.modes {
            return Err(AnatomyError::Latent {
                given: finite,
                expected: self.modes,
            });
        }
        Ok(Forearm {
            radius: self.decode_bone(Bone::Radius, latent)?,
            ulna: self.decode_bone(Bone::Ulna, latent)?,
        })
    }

    fn decode_bone(&self, bone: Bone, latent: &[f64]) -> Result<SurfaceMesh<Model>, AnatomyError> {
        let mean = &self.part(bone).mean;
        let mut vertices = mean.vertices().to_vec();
        for (number, z) in latent.iter().enumerate() {
            for (vertex, step) in vertices
                .iter_mut()
                .zip(self.mode(bone, number).chunks_exact(3))
            {
                for axis in 0..3 {
                    vertex[axis] += z * f64::from(step[axis]);
                }
            }
        }
        Ok(mean.with_vertices(vertices)?)
    }

    /// The model's triangles on given vertices, such as a network's output.
    ///
    /// # Errors
    /// [`AnatomyError::Mesh`] when their number differs or one is not finite.
    pub fn surface<F: Frame>(
        &self,
        bone: Bone,
        vertices: Vec<[f64; 3]>,
    ) -> Result<SurfaceMesh<F>, AnatomyError> {
        let mean = &self.part(bone).mean;
        if vertices.len() != mean.vertices().len() {
            return Err(AnatomyError::Mesh(GeometryError::Unpaired {
                left: vertices.len(),
                right: mean.vertices().len(),
            }));
        }
        Ok(SurfaceMesh::new(vertices, mean.triangles().to_vec())?)
    }

    /// The measures of meshes that correspond to the model.
    ///
    /// # Errors
    /// What [`LandmarkIds::on`] and [`measures`] refuse.
    pub fn measures<F: Frame>(
        &self,
        forearm: &Forearm<F>,
        side: Side,
    ) -> Result<Measures, AnatomyError> {
        measures(&self.landmarks.on(forearm)?, side)
    }

    const fn part(&self, bone: Bone) -> &Part {
        match bone {
            Bone::Radius => &self.parts[0],
            Bone::Ulna => &self.parts[1],
        }
    }
}

/// Takes `count` words of four bytes off the front.
fn take_words<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], AnatomyError> {
    let (words, after) = count
        .checked_mul(4)
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| AnatomyError::NotAModel("it is cut short".to_owned()))?;
    *rest = after;
    Ok(words)
}

fn take_u32(rest: &mut &[u8], count: usize) -> Result<Vec<u32>, AnatomyError> {
    let words = take_words(rest, count)?;
    Ok(words
        .chunks_exact(4)
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect())
}

fn take_f32(rest: &mut &[u8], count: usize) -> Result<Vec<f32>, AnatomyError> {
    let words = take_words(rest, count)?;
    Ok(words
        .chunks_exact(4)
        .map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect())
}

fn take_part(rest: &mut &[u8], counts: Counts, modes: usize) -> Result<Part, AnatomyError> {
    let too_large = || AnatomyError::NotAModel("its counts are too large".to_owned());
    let length = counts.vertices.checked_mul(3).ok_or_else(too_large)?;
    let mean = take_f32(rest, length)?;
    let modes = take_f32(rest, length.checked_mul(modes).ok_or_else(too_large)?)?;
    let triangles = take_u32(rest, counts.triangles.checked_mul(3).ok_or_else(too_large)?)?;
    if !modes.iter().all(|v| v.is_finite()) {
        return Err(AnatomyError::NotAModel("a mode is not finite".to_owned()));
    }
    let vertices = mean
        .chunks_exact(3)
        .map(|v| [v[0], v[1], v[2]].map(f64::from))
        .collect();
    let triangles = triangles
        .chunks_exact(3)
        .map(|t| [t[0], t[1], t[2]])
        .collect();
    Ok(Part {
        mean: SurfaceMesh::new(vertices, triangles)?,
        modes,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::anatomy::Landmark;

    /// A model of two tetrahedra with one mode that stretches z.
    fn bytes() -> Vec<u8> {
        let corner = [
            [0.0_f32, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let triangles = [[0_u32, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let header = serde_json::json!({
            "format": "bonebox-shape-1", "frame": "model", "modes": 1,
            "radius": {"vertices": 4, "triangles": 4}, "ulna": {"vertices": 4, "triangles": 4},
            "landmarks": {"radial_styloid_tip": [3], "ulnar_dome": [0, 3]},
        })
        .to_string();
        let mut out = MAGIC.to_vec();
        out.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        out.extend(header.as_bytes());
        for _ in Bone::ALL {
            corner
                .iter()
                .flatten()
                .for_each(|v| out.extend(v.to_le_bytes()));
            for v in &corner {
                [0.0, 0.0, v[2]]
                    .iter()
                    .for_each(|v: &f32| out.extend(v.to_le_bytes()));
            }
            triangles
                .iter()
                .flatten()
                .for_each(|v| out.extend(v.to_le_bytes()));
        }
        out
    }

    #[test]
    fn decodes_mean_plus_modes() {
        let model = ShapeModel::from_bytes(&bytes()).unwrap();
        assert_eq!(model.modes(), 1);
        let forearm = model.decode(&[2.0]).unwrap();
        assert!((forearm.radius.vertices()[3][2] - 3.0).abs() < 1e-12);
        assert!((forearm.ulna.signed_volume() - 3.0 / 6.0).abs() < 1e-12);
        assert!(forearm.radius.is_closed());
        let marks = model.landmarks().on(&forearm).unwrap();
        let dome = marks.at(Landmark::UlnarDome).unwrap();
        assert!((dome.xyz()[2] - 1.5).abs() < 1e-12);
        assert!(model.decode(&[]).is_err());
        assert!(model.decode(&[f64::NAN]).is_err());
    }

    #[test]
    fn broken_models_are_refused_wherever_they_are_cut() {
        let whole = bytes();
        for cut in 0..whole.len() {
            assert!(
                ShapeModel::from_bytes(&whole[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        let mut long = whole.clone();
        long.push(0);
        assert!(ShapeModel::from_bytes(&long).is_err());
        let at = whole.windows(5).position(|w| w == b"[0,3]").unwrap();
        let mut wrong = whole;
        wrong[at + 3] = b'9';
        assert!(matches!(
            ShapeModel::from_bytes(&wrong),
            Err(AnatomyError::NoLandmark(_))
        ));
    }
}
