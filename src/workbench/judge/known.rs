//! The truth of a case, opened from its folder after the reconstruction is made.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::anatomy::Bone;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::geometry::GeometryError;
use crate::geometry::Given;
use crate::geometry::SurfaceMesh;

/// Why a case cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A file of the truth could not be read.
    #[error("reading {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `truth.json` is not what it should be.
    #[error("understanding {path}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A true surface is none.
    #[error("understanding {path}")]
    Surface {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GeometryError,
    },
}

/// The truth of a case.
#[derive(Debug, Clone)]
pub struct Known {
    /// The arm.
    pub side: Side,
    /// In the order of [`Bone::ALL`].
    pub bones: [SurfaceMesh<Given>; 2],
    /// Those that are told.
    pub measures: Vec<(Measure, f64)>,
}

#[derive(Deserialize)]
struct TruthFile {
    side: Side,
    #[serde(default)]
    measures: serde_json::Map<String, serde_json::Value>,
}

impl Known {
    /// Opens a case's truth.
    ///
    /// # Errors
    /// [`JudgeError`] where a file is missing or is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, JudgeError> {
        let bytes = |name: &str| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok((path, bytes)),
                Err(source) => Err(JudgeError::Read { path, source }),
            }
        };
        let surface = |bone: Bone| {
            let (path, bytes) = bytes(&format!("{}.stl", bone.name()))?;
            SurfaceMesh::from_stl(&bytes).map_err(|source| JudgeError::Surface { path, source })
        };
        let (path, text) = bytes("truth.json")?;
        let told: TruthFile =
            serde_json::from_slice(&text).map_err(|source| JudgeError::Json { path, source })?;
        let value = |measure: Measure| Some((measure, told.measures.get(measure.key())?.as_f64()?));
        Ok(Self {
            side: told.side,
            bones: [surface(Bone::Radius)?, surface(Bone::Ulna)?],
            measures: Measure::ALL.into_iter().filter_map(value).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::rods::rod;
    use super::*;

    #[test]
    fn the_truth_is_read_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("radius.stl", &rod(80.0, 6.0).to_stl("radius"));
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Read { .. })
        ));
        write("ulna.stl", &rod(80.0, 3.0).to_stl("ulna"));
        write("truth.json", b"{\"side\": \"left\"}");
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Json { .. })
        ));
        let text =
            "{\"side\": \"L\", \"measures\": {\"volar_tilt_deg\": 9, \"x\": null}, \"seed\": 1}";
        write("truth.json", text.as_bytes());
        let known = Known::open(folder.path()).unwrap();
        assert_eq!(known.side, Side::Left);
        assert_eq!(known.measures, [(Measure::VolarTilt, 9.0)]);
        assert!(known.bones[0].is_closed());
        write("ulna.stl", b"solid");
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Surface { .. })
        ));
    }
}
