//! A look at what is held apart, for the person who decides about it.

use std::path::Path;

use crate::raster::preview;
use crate::raster::read_radiograph;

/// Longer side of a preview in pixels.
const SIDE: u32 = 900;
/// Transfer syntaxes whose pixels lie there as they are. Others would need a
/// decoder, and the worker, where decoders are kept, sees nobody identified.
const NATIVE: [&str; 3] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
];

/// An identified image as a PNG, to be sealed at once; nothing where it is
/// compressed, or no gray image that can be read.
#[must_use]
pub fn preview_of(path: &Path, transfer_syntax: &str) -> Option<Vec<u8>> {
    if !NATIVE.contains(&transfer_syntax) {
        return None;
    }
    let radiograph = read_radiograph(path).ok()?;
    preview(&radiograph, SIDE).ok()
}
