//! Turns bytes of pixels into calibrated pictures, and draws previews of them.
//!
//! A [`Radiograph`] is one projection image, decoded, with bone bright and with
//! what its header says about the view, the side and the scale. Nothing here
//! knows who was imaged; files given to this room are pseudonymous.

use std::path::Path;

mod calibration;
mod codestream;
mod decode;
mod letters;
mod mha;
mod preview;
mod shaded;
mod sheet;
mod tags;
mod volume;

pub use calibration::{Calibration, Grade, Spacing};
pub use decode::{DECODABLE, read_radiograph};
pub use preview::{gray_png, percentiles, preview};
pub use shaded::{Look, Pane, Shaded};
pub use sheet::Placed;
pub use tags::{BodyPart, ImageTags, Side, View, read_tags};
pub use volume::Volume;

/// The largest picture that is decoded, in pixels.
pub const MAXIMUM_PIXELS: u64 = 64_000_000;

/// The largest file that is opened, in bytes.
pub const MAXIMUM_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// Why a picture could not be had. No variant repeats a value of the header.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    /// The file could not be opened or read. The step is tried again.
    #[error("reading an image file")]
    Read {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a DICOM file, or is damaged before its pixels. The image
    /// is refused.
    #[error("an image file cannot be parsed as DICOM ({at})")]
    Parse {
        /// How far reading came.
        at: &'static str,
    },
    /// The pixels are in a form that this box does not decode, or are damaged.
    /// The image is kept and sent on as it is; the analysis refuses it.
    #[error("cannot decode pixels in {encoding}: {why}")]
    CannotDecode {
        /// The transfer syntax: its name, or its UID where it has none here.
        encoding: String,
        /// What is in the way.
        why: &'static str,
        /// What the codec said, where it was asked.
        #[source]
        source: Option<dicom_encoding::adapters::DecodeError>,
    },
    /// The header describes something that is not one gray projection image of
    /// a size and depth that can be analyzed.
    #[error("not an image that can be analyzed: {why}")]
    Unsuitable {
        /// Which attribute stands against it, and how.
        why: &'static str,
    },
    /// The picture has more pixels than [`MAXIMUM_PIXELS`], or the file more
    /// bytes than [`MAXIMUM_FILE_BYTES`].
    #[error("too large: {size} {unit}, at most {limit} are taken")]
    TooLarge {
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
        /// Pixels or bytes.
        unit: &'static str,
    },
    /// A picture could not be written as PNG.
    #[error("writing a preview")]
    Encode {
        /// What the encoder said.
        #[source]
        source: image::ImageError,
    },
}

/// What the box does after an error of this room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again later: the machine failed, not the image.
    Retry,
    /// The image is refused with its reason, and the study goes on.
    Refuse,
}

impl RasterError {
    /// What the box does next.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Read { .. } | Self::Encode { .. } => Remedy::Retry,
            Self::Parse { .. }
            | Self::CannotDecode { .. }
            | Self::Unsuitable { .. }
            | Self::TooLarge { .. } => Remedy::Refuse,
        }
    }
}

/// One decoded projection image.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiograph {
    /// What the header says of it.
    pub tags: ImageTags,
    /// Row by row from the top left, `rows * columns` values, after the
    /// modality's rescale, larger where more radiation was stopped: bone is
    /// bright, whatever the photometric interpretation.
    pub pixels: Vec<f32>,
}

impl Radiograph {
    /// Height in pixels.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.tags.rows
    }

    /// Width in pixels.
    #[must_use]
    pub fn columns(&self) -> u32 {
        self.tags.columns
    }

    /// The value at a row and column, `None` outside.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> Option<f32> {
        let columns = usize::try_from(self.tags.columns).ok()?;
        if column >= columns {
            return None;
        }
        self.pixels.get(row * columns + column).copied()
    }

    /// Bilinear value at a position in pixels (centers at whole numbers),
    /// held at the border value outside.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "positions are clamped into the picture, at most 64 million pixels"
    )]
    pub fn sample(&self, row: f64, column: f64) -> f32 {
        let (rows, columns) = (self.tags.rows as usize, self.tags.columns as usize);
        let row = row.clamp(0.0, (rows - 1) as f64);
        let column = column.clamp(0.0, (columns - 1) as f64);
        let (top, left) = (row.floor() as usize, column.floor() as usize);
        let (below, right) = ((top + 1).min(rows - 1), (left + 1).min(columns - 1));
        let (down, across) = ((row - top as f64) as f32, (column - left as f64) as f32);
        let upper = self.pixels[top * columns + left] * (1.0 - across)
            + self.pixels[top * columns + right] * across;
        let lower = self.pixels[below * columns + left] * (1.0 - across)
            + self.pixels[below * columns + right] * across;
        upper * (1.0 - down) + lower * down
    }
}

/// Opens a file no larger than the limit and says how large it is.
fn check_size(path: &Path) -> Result<(), RasterError> {
    let size = std::fs::metadata(path)
        .map_err(|source| RasterError::Read { source })?
        .len();
    if size > MAXIMUM_FILE_BYTES {
        return Err(RasterError::TooLarge {
            size,
            limit: MAXIMUM_FILE_BYTES,
            unit: "bytes",
        });
    }
    Ok(())
}
