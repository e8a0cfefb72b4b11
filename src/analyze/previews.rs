//! Two small pictures of each image, before and independent of reconstruction.

use std::path::{Path, PathBuf};

use super::{AnalyzeError, write};
use crate::raster::RasterError;
use crate::raster::Remedy as RasterRemedy;
use crate::raster::View;
use crate::raster::preview;
use crate::raster::read_radiograph;
use crate::study::Artefact;
use crate::study::ArtefactRole;

/// Longer side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 320;
/// Longer side of a preview, in pixels.
const PREVIEW: u32 = 1280;

/// The name that an image's files begin with: its place in the list from 01,
/// and its view. Reconstruction's overlays carry the same.
pub(super) fn stem(place: usize, view: View) -> String {
    let view = match view {
        View::Pa => "pa",
        View::Ap => "ap",
        View::Lateral => "lateral",
        View::Oblique => "oblique",
        View::Unknown => "image",
    };
    format!("{:02}-{view}", place + 1)
}

/// Draws previews of the images that can be decoded into an existing folder:
/// `01-pa-thumbnail.png`, `01-pa-preview.png`, … in the order of the images.
/// Those that cannot be decoded have none; [`super::reconstruct`] says why.
///
/// # Errors
/// [`AnalyzeError::Raster`] when the machine fails to read or draw,
/// [`AnalyzeError::Write`].
pub fn previews(images: &[PathBuf], folder: &Path) -> Result<Vec<Artefact>, AnalyzeError> {
    let mut artefacts = Vec::new();
    for (place, path) in images.iter().enumerate() {
        let radiograph = match read_radiograph(path) {
            Ok(radiograph) => radiograph,
            Err(error) => {
                pass_over(place, error)?;
                continue;
            }
        };
        let stem = stem(place, radiograph.tags.view);
        for (kind, role, side) in [
            ("thumbnail", ArtefactRole::Thumbnail, THUMBNAIL),
            ("preview", ArtefactRole::Preview, PREVIEW),
        ] {
            let png = preview(&radiograph, side)?;
            let name = format!("{stem}-{kind}.png");
            artefacts.push(write(folder, name, role, "image/png", &png)?);
        }
    }
    Ok(artefacts)
}

/// An image without a preview: a log line, or the machine's failure.
fn pass_over(place: usize, error: RasterError) -> Result<(), AnalyzeError> {
    match error.remedy() {
        RasterRemedy::Retry => Err(error.into()),
        RasterRemedy::Refuse => {
            tracing::info!(target: "bonebox::analyze", image = place + 1, reason = %error, "no preview");
            Ok(())
        }
    }
}
