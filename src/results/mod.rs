//! Writes the findings as DICOM result objects: an Encapsulated STL for each
//! bone and a Comprehensive 3D SR with the measures.
//!
//! The objects name only the pseudonym. Same input, same bytes: UIDs are
//! hashes of what made the object, and dates come in as an argument. So an
//! object that is made and sent twice is the same object.
//!
//! Not here: what the numbers mean (`anatomy`), and where the objects go
//! (`forward`).

use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::anatomy::Side;
use crate::clock::Moment;
use crate::names::Digest;
use crate::names::InstanceUid;
use crate::names::NameError;
use crate::names::Pseudonym;
use crate::names::SeriesUid;
use crate::names::SopClass;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::wire::Figure;
use crate::wire::ModelStamp;

mod codes;
mod content;
mod dataset;
mod report;
mod surface;

/// Encapsulated STL Storage.
pub const ENCAPSULATED_STL: &str = "1.2.840.10008.5.1.4.1.1.104.3";
/// Comprehensive 3D SR Storage.
pub const COMPREHENSIVE_3D_SR: &str = "1.2.840.10008.5.1.4.1.1.88.34";

/// Why findings could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// There is neither a bone nor a figure to write. The caller made a
    /// mistake; the study keeps its state.
    #[error("there is nothing to write")]
    Nothing,
    /// A figure's number is not finite, so it is no figure. Hold.
    #[error("the figure {name} is not a finite number")]
    NotFinite {
        /// The figure's name.
        name: String,
    },
    /// An STL is empty or larger than an element may be (4 GiB). Hold.
    #[error("the surface of the {bone} has a size that no object can hold")]
    Surface {
        /// Which bone.
        bone: &'static str,
    },
    /// A made UID was refused: a fault of this program. Hold.
    #[error("naming a result object")]
    Name(#[from] NameError),
    /// The DICOM writer failed: a fault of this program. Hold.
    #[error("writing the {object}: {why}")]
    Write {
        /// Which object.
        object: &'static str,
        /// What the writer said.
        why: String,
    },
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct ResultInput<'a> {
    /// Whose.
    pub pseudonym: &'a Pseudonym,
    /// The pseudonymous study.
    pub study_uid: &'a Uid<StudyUid>,
    /// Which generation of it: another list of images gives other objects.
    pub generation: u32,
    /// Stands for the box: no serial number that names a hospital.
    pub device: &'a str,
    /// Which arm.
    pub side: Side,
    /// Binary STL of each bone, in millimeters, all in one frame.
    pub bones: &'a [(Bone, Vec<u8>)],
    /// The measures.
    pub figures: &'a [Figure],
    /// Places on the bones, in the frame of the STLs, in millimeters.
    pub landmarks: &'a [(Landmark, [f64; 3])],
    /// The pseudonymous images that were used: SOP class and instance.
    pub sources: &'a [Source],
    /// The model behind it.
    pub model: &'a ModelStamp,
    /// Content date and time. Take it from the study's rows and shifted like
    /// the study's other dates, not from a clock: a second run then makes the
    /// same bytes, and no true date leaves.
    pub at: Moment,
}

/// An image that the findings rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its SOP class.
    pub sop_class: Uid<SopClass>,
    /// Its pseudonymous UID.
    pub sop_instance: Uid<InstanceUid>,
    /// The pseudonymous series it is in.
    pub series: Uid<SeriesUid>,
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultObject {
    /// Its file name in a bundle: `radius.dcm`.
    pub name: String,
    /// Its SOP class.
    pub sop_class: Uid<SopClass>,
    /// Its UID.
    pub sop_instance: Uid<InstanceUid>,
    /// A DICOM Part 10 file.
    pub bytes: Vec<u8>,
}

/// Writes an Encapsulated STL for each bone, then the report if there are
/// figures.
///
/// # Errors
/// [`ResultsError`] if there is nothing to write or a value cannot be written.
pub fn write(input: &ResultInput<'_>) -> Result<Vec<ResultObject>, ResultsError> {
    if input.bones.is_empty() && input.figures.is_empty() {
        return Err(ResultsError::Nothing);
    }
    let mut objects = Vec::with_capacity(input.bones.len().saturating_add(1));
    for (number, (bone, stl)) in (1_u32..).zip(input.bones) {
        objects.push(surface::write(input, *bone, stl, number)?);
    }
    if !input.figures.is_empty() {
        objects.push(report::write(input)?);
    }
    Ok(objects)
}

impl ResultInput<'_> {
    /// A UID for one thing of these results: `2.25.` and 128 bits of SHA-256
    /// over study, generation, kind, model and program version (PS3.5 B.2).
    fn uid<Kind>(&self, kind: &str) -> Result<Uid<Kind>, NameError> {
        let text = format!(
            "{}|{}|{kind}|{}|{}",
            self.study_uid,
            self.generation,
            self.model.digest,
            env!("CARGO_PKG_VERSION")
        );
        let digest = Digest::of(text.as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(digest.as_bytes().split_at(16).0);
        format!("2.25.{}", u128::from_be_bytes(bits)).parse()
    }
}

#[cfg(test)]
mod tests;
