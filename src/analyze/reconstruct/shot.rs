//! One view of the wrist, turned into what the model looks at: as a right
//! wrist, at a fixed physical size, with the camera that took it.

use crate::analyze::AnalyzeError;
use crate::radiography::Camera;
use crate::radiography::Projection;
use crate::radiography::field;
use crate::raster::Radiograph;
use crate::raster::Side;

/// One view.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// Which view it is.
    pub projection: Projection,
    /// The camera, of the image as it is looked at: turned left to right where
    /// the wrist is a left one.
    pub camera: Camera,
    /// Whether it was turned.
    pub turned: bool,
    /// What the network sees, see [`crate::radiography::field`].
    pub field: Vec<f32>,
}

impl Shot {
    /// Looks at a radiograph as at a wrist of a side; `None` without a scale.
    ///
    /// The principal point is taken to be the image's middle: no attribute that
    /// modalities fill in reliably says otherwise.
    ///
    /// # Errors
    /// [`AnalyzeError::Radiography`] for a camera that cannot be.
    pub fn look(
        radiograph: &Radiograph,
        projection: Projection,
        side: Side,
    ) -> Result<Option<Self>, AnalyzeError> {
        let calibration = radiograph.tags.calibration;
        let Some(spacing) = calibration.spacing else {
            return Ok(None);
        };
        let camera = Camera {
            sid_mm: calibration.source_detector().get(),
            oid_mm: calibration.object_detector().get(),
            principal_point_mm: [0.0, 0.0],
            pixel_spacing_mm: [spacing.row_mm, spacing.column_mm],
            rows: radiograph.rows(),
            columns: radiograph.columns(),
        }
        .checked()?;
        let turned = side == Side::Left;
        let seen =
            |pixels: &[f32]| field(pixels, camera.rows, camera.columns, camera.pixel_spacing_mm);
        let field = if turned {
            seen(&turned_round(radiograph))?
        } else {
            seen(&radiograph.pixels)?
        };
        Ok(Some(Self {
            projection,
            camera: if turned { camera.mirrored() } else { camera },
            turned,
            field,
        }))
    }

    /// The radiograph's pixels as the camera has them: of a right wrist.
    pub(super) fn pixels(&self, radiograph: &Radiograph) -> Vec<f32> {
        if self.turned {
            turned_round(radiograph)
        } else {
            radiograph.pixels.clone()
        }
    }

    /// The same turned left to right: as the other arm's. Its camera is
    /// [`Camera::mirrored`].
    pub(super) fn turned_round(&self, radiograph: &Radiograph) -> Vec<f32> {
        if self.turned {
            radiograph.pixels.clone()
        } else {
            turned_round(radiograph)
        }
    }

    /// The pixel (column, row) of the image as it was taken, of a pixel of the
    /// image as it is looked at.
    #[must_use]
    pub fn as_taken(&self, [column, row]: [f64; 2]) -> [f64; 2] {
        if self.turned {
            [f64::from(self.camera.columns) - 1.0 - column, row]
        } else {
            [column, row]
        }
    }
}

/// The pixels, each row from right to left.
fn turned_round(radiograph: &Radiograph) -> Vec<f32> {
    let columns = radiograph.columns() as usize;
    let rows = radiograph.pixels.chunks_exact(columns.max(1));
    rows.flat_map(|row| row.iter().rev().copied()).collect()
}
