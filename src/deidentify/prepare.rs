//! One object from its file to its new head, and from there to the output.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;
use std::path::PathBuf;

use dicom_core::{Tag, VR};

use super::element::{Element, find, text};
use super::object::{Admitted, admit};
use super::options::{age_band_of, character_set};
use super::out::Out;
use super::pixels::{Blanking, search, settle};
use super::read::{Object, Pixels, Source, read};
use super::rules::{Cleaner, Counts};
use super::{DeidentifyError, InstanceReport, Judged, Profile, Reason, charset, write};
use crate::identity::PseudonymKey;
use crate::names::Digest;
use crate::names::Phi;
use crate::names::Pseudonym;
use crate::profile::Choice;
use crate::vault::Person;

/// Pixel Data.
const PIXELS: Tag = Tag(0x7fe0, 0x0010);

/// An object that passes, its new head, and where its pixels lie.
pub(super) struct Prepared {
    input: PathBuf,
    deflated_at: Option<u64>,
    /// Who the patient is, for the vault; none without an ID.
    pub(super) person: Option<Person>,
    head: Vec<u8>,
    pixels: Option<Copying>,
    pub(super) report: InstanceReport,
    /// Copies the file as it is, for the positive control of the leak tests.
    unchanged: bool,
}

/// Pixels to copy, and how.
struct Copying {
    start: u64,
    length: u64,
    pad: bool,
    is_swapped: bool,
    blanking: Blanking,
}

pub(super) fn prepare(
    input: &Path,
    profile: &Profile,
    key: &PseudonymKey,
    judged: Judged,
) -> Result<Prepared, DeidentifyError> {
    let file = File::open(input).map_err(|source| DeidentifyError::Read { source })?;
    let object = read(file)?;
    let mut admitted = admit(&object, &profile.options, judged)?;
    let blanking = search(input, &object, &admitted, profile, judged)?;
    settle(&mut admitted, &blanking);
    let old_study = Phi::new(text(&object.elements, Tag(0x0020, 0x000d)).to_owned());
    let pseudonym = pseudonym(&object, &old_study, key);
    let person = person(&object);
    let age_band = age_band(&object, profile);
    let mut cleaner = Cleaner {
        edition: profile.edition,
        options: &profile.options,
        key,
        definition: admitted.definition,
        days: key.date_shift_days(&pseudonym),
        character_set: character_set(&object.elements),
        needs_character_set: false,
        counts: Counts::default(),
    };
    let Object {
        encoding,
        transfer_syntax,
        pixels,
        behind,
        deflated_at,
        elements,
        ..
    } = object;
    let mut elements = cleaner.clean(elements);
    let mut counts = cleaner.counts;
    if behind > 0 || pixels.is_some_and(|pixels| admitted.pixel_bytes < pixels.length) {
        counts.removed += 1;
        counts.note("behind-the-pixels");
    }
    if let Some(band) = age_band {
        put(&mut elements, band);
    }
    if !blanking.rectangles.is_empty() {
        counts.replaced += 1;
        counts.note("text-in-pixels");
    }
    sign(&mut elements, &pseudonym, profile, &blanking);
    let blanked = blanking.places();
    let uid = |element| text(&elements, element).to_owned();
    let (sop_class, instance_uid) = (uid(Tag(0x0008, 0x0016)), uid(Tag(0x0008, 0x0018)));
    let mut head = write::preamble_and_meta(&sop_class, &instance_uid, &transfer_syntax);
    head.extend_from_slice(&write::encode(&elements, encoding));
    let pixels = pixels.filter(|_| admitted.pixel_bytes > 0);
    if let Some(pixels) = &pixels {
        let length = pixel_length(pixels, &admitted)?;
        write::head(&mut head, PIXELS, vr(pixels), length, encoding);
    }
    let pixels = pixels.map(|pixels| Copying::of(&pixels, admitted.pixel_bytes, blanking));
    Ok(Prepared {
        input: input.to_owned(),
        deflated_at,
        person,
        head,
        pixels,
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
            blanked,
        },
        #[cfg(feature = "test-hooks")]
        unchanged: profile.unchanged,
        #[cfg(not(feature = "test-hooks"))]
        unchanged: false,
    })
}

impl Copying {
    fn of(pixels: &Pixels, length: u64, blanking: Blanking) -> Self {
        Self {
            start: pixels.start,
            length,
            pad: pixels.fragments.is_none() && length % 2 == 1,
            is_swapped: pixels.is_swapped,
            blanking,
        }
    }
}

fn vr(pixels: &Pixels) -> VR {
    if pixels.vr == VR::UN {
        VR::OW
    } else {
        pixels.vr
    }
}

/// The length as Pixel Data states it: padded, or undefined for fragments.
fn pixel_length(pixels: &Pixels, admitted: &Admitted) -> Result<u32, Reason> {
    match pixels.fragments {
        Some(_) => Ok(u32::MAX),
        None => u32::try_from(admitted.pixel_bytes.next_multiple_of(2))
            .map_err(|_| Reason::PixelsIncomplete),
    }
}

/// Who the patient is, as the object says; none when it names no ID.
fn person(object: &Object) -> Option<Person> {
    let declared = text(&object.elements, Tag(0x0008, 0x0005));
    // An issuer may be written in Japanese too.
    let value = |tag| {
        let bytes = find(&object.elements, tag).map(Element::plain);
        Phi::new(charset::person_name(bytes.unwrap_or_default(), declared))
    };
    let person = Person {
        issuer: value(Tag(0x0010, 0x0021)),
        id: value(Tag(0x0010, 0x0020)),
        name: value(Tag(0x0010, 0x0010)),
        birth_date: value(Tag(0x0010, 0x0030)),
    };
    (!person.id.open().trim().is_empty()).then_some(person)
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

/// The age band from birth and study date, where an age is wanted and the
/// object does not state one.
fn age_band(object: &Object, profile: &Profile) -> Option<Element> {
    let of = |tag| text(&object.elements, tag);
    let wanted = profile.options.has(Choice::AgeBandAndSex);
    if !wanted || !of(Tag(0x0010, 0x1010)).is_empty() {
        return None;
    }
    age_band_of(of(Tag(0x0010, 0x0030)), of(Tag(0x0008, 0x0020)))
}

/// Writes the pseudonym and what was done (PS3.15 E.1, PS3.3 C.7.1.1, C.12.1).
fn sign(
    elements: &mut Vec<Element>,
    pseudonym: &Pseudonym,
    profile: &Profile,
    blanking: &Blanking,
) {
    let code = |(value, meaning): (&str, &str)| {
        vec![
            Element::text(Tag(0x0008, 0x0100), VR::SH, value),
            Element::text(Tag(0x0008, 0x0102), VR::SH, "DCM"),
            Element::text(Tag(0x0008, 0x0104), VR::LO, meaning),
        ]
    };
    let mut done = vec![("113100", "Basic Application Confidentiality Profile")];
    // What did not look at the pixels does not say that they are clean. Graphics
    // are removed whole: that is the Basic Profile without the option (E.3.3,
    // note 1), whose code would say that there are some, cleaned.
    let cleaned = blanking.searched || !blanking.rectangles.is_empty();
    let at_work = profile.options.iter();
    let at_work: Vec<Choice> = at_work
        .filter(|choice| *choice != Choice::Graphics)
        .filter(|choice| *choice != Choice::Pixels || cleaned)
        .collect();
    done.extend(at_work.iter().copied().map(Choice::code));
    done.sort_unstable();
    done.dedup();
    let dates = if profile.options.has(Choice::DatesFull) {
        "UNMODIFIED"
    } else if profile.options.has(Choice::DatesModified) {
        "MODIFIED"
    } else {
        "REMOVED"
    };
    let ours = [
        Element::text(Tag(0x0010, 0x0010), VR::PN, pseudonym.as_str()),
        Element::text(Tag(0x0010, 0x0020), VR::LO, pseudonym.as_str()),
        Element::text(Tag(0x0012, 0x0062), VR::CS, "YES"),
        Element::text(Tag(0x0012, 0x0063), VR::LO, &profile.method(&at_work)),
        Element::sequence(Tag(0x0012, 0x0064), done.into_iter().map(code).collect()),
        Element::text(Tag(0x0028, 0x0303), VR::CS, dates),
    ];
    for own in ours {
        put(elements, own);
    }
    if !blanking.rectangles.is_empty() {
        let burned_in = Tag(0x0028, 0x0301);
        put(elements, Element::text(burned_in, VR::CS, "NO"));
    }
}

/// Puts an attribute in its place, instead of one that is there.
fn put(elements: &mut Vec<Element>, own: Element) {
    match elements.binary_search_by_key(&own.tag, |e| e.tag) {
        Ok(index) => elements[index] = own,
        Err(index) => elements.insert(index, own),
    }
}

fn reading(source: io::Error) -> DeidentifyError {
    DeidentifyError::Read { source }
}

impl Prepared {
    /// Writes the output and syncs it.
    pub(super) fn write(mut self, output: &Path) -> Result<InstanceReport, DeidentifyError> {
        let mut out = Out::create(output, self.size())?;
        let done = if self.unchanged {
            let source = Source::open(&self.input, None);
            source.and_then(|source| out.copy(source, u64::MAX, |_, _| ()))
        } else {
            self.put(&mut out)
        };
        match done.and_then(|()| out.finish()) {
            Ok((size, digest)) => {
                self.report.size = size;
                self.report.digest = digest;
                Ok(self.report)
            }
            Err(error) => {
                // Half an object must not be taken for one; if even this fails
                // the caller's list does not have it.
                out.discard();
                Err(error)
            }
        }
    }

    /// How long the output becomes.
    fn size(&self) -> u64 {
        let pixels = self.pixels.as_ref().map_or(0, |pixels| pixels.length + 1);
        u64::try_from(self.head.len())
            .unwrap_or(0)
            .saturating_add(pixels)
    }

    fn put(&self, out: &mut Out) -> Result<(), DeidentifyError> {
        out.put(&self.head)?;
        let Some(pixels) = &self.pixels else {
            return Ok(());
        };
        let mut source = Source::open(&self.input, self.deflated_at)?;
        source
            .seek(SeekFrom::Start(pixels.start))
            .map_err(reading)?;
        let before = out.size();
        let change = |offset: u64, bytes: &mut [u8]| {
            if pixels.is_swapped {
                for word in bytes.chunks_exact_mut(2) {
                    word.swap(0, 1);
                }
            }
            pixels.blanking.blank(offset, bytes);
        };
        // A file is read into room that need not be cleared before.
        match source {
            Source::Plain(file) => out.copy(file, pixels.length, change)?,
            Source::Inflated(inflated) => out.copy(inflated, pixels.length, change)?,
        }
        if out.size() - before != pixels.length {
            return Err(reading(io::ErrorKind::UnexpectedEof.into()));
        }
        if pixels.pad { out.put(&[0]) } else { Ok(()) }
    }
}
