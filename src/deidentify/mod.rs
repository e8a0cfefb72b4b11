//! Takes the person out of the study.
//!
//! An object is read as far as its pixels within bounds (`read`), admitted or
//! quarantined (`object`), walked attribute by attribute under the standard's
//! table and our stricter lists (`rules`, `keep`), and written with a head of
//! our own while its pixels are copied by range and hashed (`write`). So the
//! size of an object does not matter, and nothing of the old head is copied
//! that no rule has seen. What cannot be de-identified with certainty is
//! quarantined with a [`Reason`] and has no output. The same input under the
//! same key gives the same bytes.

mod element;
mod keep;
mod object;
mod read;
mod rules;
mod settings;
mod study;
mod write;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};

use self::element::{Element, find, text};
use self::read::Object;
use self::rules::Cleaner;
use crate::identity::PseudonymKey;
use crate::names::Digest;
use crate::names::Hasher;
use crate::names::Phi;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::profile::Edition;
use crate::study::PseudonymousImage;

pub use rules::Counts;
pub use settings::SettingsError;
pub use study::{Input, Report, deidentify_study};

/// Why an instance went to quarantine. Codes and texts hold no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No preamble, `DICM` and file meta group.
    NotPart10,
    /// Lengths, delimiters or the order of attributes do not fit.
    Malformed,
    /// Sequences are nested deeper than 16.
    TooDeep,
    /// More attributes or values than an image has.
    TooLarge,
    /// Deflated, big endian, video or unknown.
    TransferSyntax,
    /// The SOP class is none of those that pass.
    SopClass,
    /// File meta and data set name different SOP classes.
    SopClassUnclear,
    /// Study, series or instance has no UID.
    NoIdentifiers,
    /// Image Type says that it is no image of the detector.
    NotFromDetector,
    /// Burned In Annotation says YES.
    BurnedIn,
    /// There are no pixels.
    NoPixels,
    /// The pixels are shorter than rows and columns demand.
    PixelsIncomplete,
    /// Not one gray sample a pixel.
    NotGray,
    /// Graphics lie in unused bits of the pixels.
    EmbeddedOverlay,
    /// The instances of the study name different patients or studies.
    MixedPatients,
}

impl Reason {
    /// The reason as a code: `burned-in`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotPart10 => "not-part10",
            Self::Malformed => "malformed",
            Self::TooDeep => "too-deep",
            Self::TooLarge => "too-large",
            Self::TransferSyntax => "transfer-syntax",
            Self::SopClass => "sop-class",
            Self::SopClassUnclear => "sop-class-unclear",
            Self::NoIdentifiers => "no-identifiers",
            Self::NotFromDetector => "not-from-detector",
            Self::BurnedIn => "burned-in",
            Self::NoPixels => "no-pixels",
            Self::PixelsIncomplete => "pixels-incomplete",
            Self::NotGray => "not-gray",
            Self::EmbeddedOverlay => "embedded-overlay",
            Self::MixedPatients => "mixed-patients",
        }
    }

    /// The reason as a sentence for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotPart10 => "This is not a DICOM file.",
            Self::Malformed => {
                "The object is damaged: its lengths or the order of its attributes do not fit."
            }
            Self::TooDeep => "Sequences are nested deeper than in any real image.",
            Self::TooLarge => "The object has more attributes than any real image.",
            Self::TransferSyntax => {
                "The transfer syntax is not one that can be de-identified yet (deflated, big endian, video)."
            }
            Self::SopClass => {
                "Only radiographs (CR, DX) and CT images pass; this is another kind of object."
            }
            Self::SopClassUnclear => {
                "The object says in two places that it is of two different kinds."
            }
            Self::NoIdentifiers => "Study, series or instance has no UID.",
            Self::NotFromDetector => {
                "Image Type says that this is a saved screen, a reformatted or a secondary image."
            }
            Self::BurnedIn => "The object says that text is burned into its pixels.",
            Self::NoPixels => "The object has no pixels.",
            Self::PixelsIncomplete => "The pixels are shorter than rows and columns demand.",
            Self::NotGray => "Radiographs and CT images are gray; this one is not.",
            Self::EmbeddedOverlay => "Graphics are hidden in unused bits of the pixels.",
            Self::MixedPatients => "The images of this study name different patients or studies.",
        }
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again later: the disk or the system was at fault.
    Retry,
    /// Keep the object for a person to look at.
    Hold,
}

/// Why an object was not de-identified. Nothing was passed on. Paths are not
/// repeated: a file's name may be a person's.
#[derive(Debug, thiserror::Error)]
pub enum DeidentifyError {
    /// It cannot be done with certainty. The object is kept, sealed off, for a
    /// person to release or drop.
    #[error("quarantined: {}", .0.text())]
    Quarantine(Reason),
    /// The identified file could not be read. The study keeps its state.
    #[error("cannot read the identified object")]
    Read {
        /// The system's answer.
        source: io::Error,
    },
    /// The pseudonymous file could not be written and synced. What is left of
    /// it has no bytes and stands in no list.
    #[error("cannot write the pseudonymous object")]
    Write {
        /// The system's answer.
        source: io::Error,
    },
}

impl From<Reason> for DeidentifyError {
    fn from(reason: Reason) -> Self {
        Self::Quarantine(reason)
    }
}

impl DeidentifyError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Quarantine(_) => Remedy::Hold,
            Self::Read { .. } | Self::Write { .. } => Remedy::Retry,
        }
    }
}

/// How a project's objects are de-identified.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The project.
    pub project: Project,
    /// The standard's table.
    pub edition: &'static Edition,
    /// Copies files unchanged, for the positive control of the leak tests.
    #[cfg(feature = "test-hooks")]
    pub unchanged: bool,
}

impl Profile {
    /// The Basic Profile of the newest edition, without options.
    #[must_use]
    pub fn basic(project: Project) -> Self {
        Self {
            project,
            edition: Edition::newest(),
            #[cfg(feature = "test-hooks")]
            unchanged: false,
        }
    }

    /// The method as it stands in each object (0012,0063).
    fn method(&self) -> String {
        let edition = self.edition.name();
        format!(
            "PS3.15 {edition} Basic; bonebox {}",
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// What was done to one instance. Holds no identified value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The patient's stand-in.
    pub pseudonym: Pseudonym,
    /// Pseudonymous Study Instance UID.
    pub study_uid: String,
    /// Pseudonymous Series Instance UID.
    pub series_uid: String,
    /// Pseudonymous SOP Instance UID.
    pub instance_uid: String,
    /// SOP class (a public constant).
    pub sop_class: String,
    /// Transfer syntax (a public constant).
    pub transfer_syntax: String,
    /// Edition of the table.
    pub edition: String,
    /// What was done to how many attributes.
    pub counts: Counts,
    /// SHA-256 of the output.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What a person should know: `burned-in-annotation-unknown`.
    pub flags: Vec<String>,
}

impl InstanceReport {
    /// What result objects refer to; none if a UID is not valid, which the
    /// writer of the object excludes.
    fn image(&self) -> Option<PseudonymousImage> {
        Some(PseudonymousImage {
            sop_class: self.sop_class.parse().ok()?,
            instance: self.instance_uid.parse().ok()?,
            series: self.series_uid.parse().ok()?,
        })
    }
}

/// De-identifies one file. The output is synced when this returns; its folder
/// is for the caller to sync.
///
/// # Errors
/// [`DeidentifyError::Quarantine`] before the output is made; the others as
/// they say.
pub fn deidentify(
    input: &Path,
    output: &Path,
    profile: &Profile,
    key: &PseudonymKey,
) -> Result<InstanceReport, DeidentifyError> {
    prepare(input, profile, key)?.write(output)
}

/// An object that passes, its new head, and where its pixels lie.
struct Prepared {
    input: PathBuf,
    head: Vec<u8>,
    start: u64,
    length: u64,
    pad: bool,
    report: InstanceReport,
    unchanged: bool,
}

fn prepare(
    input: &Path,
    profile: &Profile,
    key: &PseudonymKey,
) -> Result<Prepared, DeidentifyError> {
    let file = File::open(input).map_err(|source| DeidentifyError::Read { source })?;
    let object = read::read(file)?;
    let admitted = object::admit(&object)?;
    let old_study = Phi::new(text(&object.elements, Tag(0x0020, 0x000d)).to_owned());
    let pseudonym = pseudonym(&object, &old_study, key);
    let mut cleaner = Cleaner {
        edition: profile.edition,
        key,
        kind: admitted.kind,
        counts: Counts::default(),
    };
    let Object {
        encoding,
        transfer_syntax,
        pixels,
        ..
    } = object;
    let elements = cleaner.clean(object.elements);
    let mut counts = cleaner.counts;
    if object.behind > 0 || admitted.pixel_bytes < pixels.length {
        counts.removed += 1;
        counts.note("behind-the-pixels");
    }
    let elements = sign(elements, &pseudonym, profile);
    let uid = |element| text(&elements, element).to_owned();
    let sop_class = uid(Tag(0x0008, 0x0016));
    let instance_uid = uid(Tag(0x0008, 0x0018));
    let mut head = write::preamble_and_meta(&sop_class, &instance_uid, &transfer_syntax);
    head.extend_from_slice(&write::encode(&elements, encoding));
    let pad = pixels.fragments.is_none() && admitted.pixel_bytes % 2 == 1;
    let length = match pixels.fragments {
        Some(_) => u32::MAX,
        None => u32::try_from(admitted.pixel_bytes + u64::from(pad))
            .map_err(|_| Reason::PixelsIncomplete)?,
    };
    let vr = if pixels.vr == VR::UN {
        VR::OW
    } else {
        pixels.vr
    };
    write::head(&mut head, Tag(0x7fe0, 0x0010), vr, length, encoding);
    Ok(Prepared {
        input: input.to_owned(),
        head,
        start: pixels.start,
        length: admitted.pixel_bytes,
        pad,
        report: InstanceReport {
            pseudonym,
            study_uid: uid(Tag(0x0020, 0x000d)),
            series_uid: uid(Tag(0x0020, 0x000e)),
            instance_uid,
            sop_class,
            transfer_syntax,
            edition: profile.edition.name().to_owned(),
            counts,
            digest: Digest::of(b""),
            size: 0,
            flags: admitted.flags.iter().map(|&f| f.to_owned()).collect(),
        },
        #[cfg(feature = "test-hooks")]
        unchanged: profile.unchanged,
        #[cfg(not(feature = "test-hooks"))]
        unchanged: false,
    })
}

/// The patient's pseudonym: of issuer and ID, or of the study when there is no ID.
fn pseudonym(object: &Object, study: &Phi<String>, key: &PseudonymKey) -> Pseudonym {
    let bytes = |tag| {
        let element = find(&object.elements, tag).map(Element::plain);
        // Other character sets than UTF-8 differ in the bytes, and so does the
        // pseudonym; it stays the same for the same device.
        Phi::new(String::from_utf8_lossy(element.unwrap_or_default()).into_owned())
    };
    let (id, issuer) = (bytes(Tag(0x0010, 0x0020)), bytes(Tag(0x0010, 0x0021)));
    let is_blank = |text: &str| text.chars().all(|c| c.is_whitespace() || c == '\0');
    if is_blank(id.open()) {
        key.pseudonym_of_study(study.open())
    } else {
        key.pseudonym(issuer.open(), id.open())
    }
}

/// Writes the pseudonym and what was done (PS3.15 E.1, PS3.3 C.7.1.1, C.12.1).
fn sign(mut elements: Vec<Element>, pseudonym: &Pseudonym, profile: &Profile) -> Vec<Element> {
    let code = vec![
        Element::text(Tag(0x0008, 0x0100), VR::SH, "113100"),
        Element::text(Tag(0x0008, 0x0102), VR::SH, "DCM"),
        Element::text(
            Tag(0x0008, 0x0104),
            VR::LO,
            "Basic Application Confidentiality Profile",
        ),
    ];
    let ours = [
        Element::text(Tag(0x0010, 0x0010), VR::PN, pseudonym.as_str()),
        Element::text(Tag(0x0010, 0x0020), VR::LO, pseudonym.as_str()),
        Element::text(Tag(0x0012, 0x0062), VR::CS, "YES"),
        Element::text(Tag(0x0012, 0x0063), VR::LO, &profile.method()),
        Element::sequence(Tag(0x0012, 0x0064), vec![code]),
        Element::text(Tag(0x0028, 0x0303), VR::CS, "REMOVED"),
    ];
    for own in ours {
        match elements.binary_search_by_key(&own.tag, |e| e.tag) {
            Ok(index) => elements[index] = own,
            Err(index) => elements.insert(index, own),
        }
    }
    elements
}

impl Prepared {
    fn write(self, output: &Path) -> Result<InstanceReport, DeidentifyError> {
        let mut source =
            File::open(&self.input).map_err(|source| DeidentifyError::Read { source })?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o640);
        let mut file = options
            .open(output)
            .map_err(|source| DeidentifyError::Write { source })?;
        let mut report = self.report.clone();
        match self.copy(&mut source, &mut file) {
            Ok((digest, size)) => {
                (report.digest, report.size) = (digest, size);
                Ok(report)
            }
            Err(error) => {
                // Half an object must not be taken for one; if even this fails
                // the caller's list does not have it.
                drop(file.set_len(0));
                Err(error)
            }
        }
    }

    fn copy(&self, source: &mut File, file: &mut File) -> Result<(Digest, u64), DeidentifyError> {
        let reading = |source| DeidentifyError::Read { source };
        let writing = |source| DeidentifyError::Write { source };
        let (head, start, length): (&[u8], u64, u64) = if self.unchanged {
            (&[], 0, source.metadata().map_err(reading)?.len())
        } else {
            (&self.head, self.start, self.length)
        };
        let mut hasher = Hasher::new();
        hasher.update(head);
        file.write_all(head).map_err(writing)?;
        source.seek(SeekFrom::Start(start)).map_err(reading)?;
        let mut rest = length;
        let mut buffer = vec![0; 256 << 10];
        while rest > 0 {
            let most = usize::try_from(rest).unwrap_or(buffer.len());
            let most = most.min(buffer.len());
            let got = source.read(&mut buffer[..most]).map_err(reading)?;
            if got == 0 {
                return Err(reading(io::ErrorKind::UnexpectedEof.into()));
            }
            hasher.update(&buffer[..got]);
            file.write_all(&buffer[..got]).map_err(writing)?;
            rest -= u64::try_from(got).unwrap_or(rest);
        }
        let pad: &[u8] = if self.pad && !self.unchanged {
            &[0]
        } else {
            &[]
        };
        hasher.update(pad);
        file.write_all(pad).map_err(writing)?;
        file.sync_all().map_err(writing)?;
        let size = u64::try_from(head.len() + pad.len()).unwrap_or(0) + length;
        Ok((hasher.finish(), size))
    }
}
