//! What the central lets in: DICOM Part 10 files of the result classes that
//! say they name nobody, and do not. Pure: bytes in, a verdict out.

use dicom_core::header::Header;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject};

use super::scan::is_whole;
use crate::names::InstanceUid;
use crate::names::Pseudonym;
use crate::names::SeriesUid;
use crate::names::SopClass;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::wire::stow::Reason;

/// The classes of result objects, with a name for people.
pub(super) const CLASSES: &[(&str, &str)] = &[
    ("1.2.840.10008.5.1.4.1.1.104.3", "Encapsulated STL"),
    ("1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive 3D SR"),
];
/// Attributes that must be empty or absent wherever they stand: they tell of a
/// person, a place or a visit (PS3.15 table E.1-1), and no result needs them.
#[allow(
    deprecated,
    reason = "retired attributes still come from old equipment"
)]
const EMPTY: &[Tag] = &[
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_BIRTH_TIME,
    tags::PATIENT_ADDRESS,
    tags::PATIENT_TELEPHONE_NUMBERS,
    tags::PATIENT_COMMENTS,
    tags::OTHER_PATIENT_I_DS,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::OTHER_PATIENT_NAMES,
    tags::ISSUER_OF_PATIENT_ID,
    tags::MEDICAL_RECORD_LOCATOR,
    tags::ETHNIC_GROUP,
    tags::OCCUPATION,
    tags::ACCESSION_NUMBER,
    tags::STUDY_ID,
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_ADDRESS,
    tags::INSTITUTIONAL_DEPARTMENT_NAME,
    tags::STATION_NAME,
    tags::ADMISSION_ID,
];
/// Deepest nesting that is looked at; deeper is refused.
const DEEPEST: u32 = 16;

/// An instance that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admitted {
    /// Its class.
    pub(super) sop_class: Uid<SopClass>,
    /// Its UID.
    pub(super) sop_instance: Uid<InstanceUid>,
    /// Its study.
    pub(super) study: Uid<StudyUid>,
    /// Its series.
    pub(super) series: Uid<SeriesUid>,
    /// Whose.
    pub(super) pseudonym: Pseudonym,
}

/// An instance that is refused, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its class.
    pub(super) sop_class: Option<Uid<SopClass>>,
    /// Its UID.
    pub(super) sop_instance: Option<Uid<InstanceUid>>,
    /// Why.
    pub(super) reason: Reason,
}

/// Judges the bytes of one part; `study` is the study of the request's path,
/// if it names one.
pub(super) fn admit(bytes: &[u8], study: Option<&Uid<StudyUid>>) -> Result<Admitted, Refused> {
    let unreadable = Refused {
        sop_class: None,
        sop_instance: None,
        reason: Reason::CannotUnderstand,
    };
    if !is_whole(bytes) {
        return Err(unreadable);
    }
    let Ok(object) = dicom_object::from_reader(bytes) else {
        return Err(unreadable);
    };
    let refused = |reason| Refused {
        sop_class: text(&object, tags::SOP_CLASS_UID).and_then(|uid| uid.parse().ok()),
        sop_instance: text(&object, tags::SOP_INSTANCE_UID).and_then(|uid| uid.parse().ok()),
        reason,
    };
    let name = |tag| text(&object, tag).ok_or_else(|| refused(Reason::Mismatch));
    let mismatch = |_| refused(Reason::Mismatch);
    let sop_class: Uid<SopClass> = name(tags::SOP_CLASS_UID)?.parse().map_err(mismatch)?;
    let sop_instance: Uid<InstanceUid> = name(tags::SOP_INSTANCE_UID)?.parse().map_err(mismatch)?;
    let in_study: Uid<StudyUid> = name(tags::STUDY_INSTANCE_UID)?.parse().map_err(mismatch)?;
    let series: Uid<SeriesUid> = name(tags::SERIES_INSTANCE_UID)?.parse().map_err(mismatch)?;
    if !CLASSES.iter().any(|(uid, _)| *uid == sop_class.as_str()) {
        return Err(refused(Reason::ClassNotSupported));
    }
    if !meta_fits(&object, &sop_class, &sop_instance)
        || study.is_some_and(|study| *study != in_study)
        || !has_content(&object)
    {
        return Err(refused(Reason::Mismatch));
    }
    let pseudonym = text(&object, tags::PATIENT_ID)
        .and_then(|id| id.parse::<Pseudonym>().ok())
        .filter(|pseudonym| {
            // A preamble can hide a second file format.
            bytes.iter().take(128).all(|byte| *byte == 0)
                && text(&object, tags::PATIENT_IDENTITY_REMOVED).as_deref() == Some("YES")
                && names_nobody(&object, pseudonym, 0)
        })
        .ok_or_else(|| refused(Reason::IdentityNotRemoved))?;
    Ok(Admitted {
        sop_class,
        sop_instance,
        study: in_study,
        series,
        pseudonym,
    })
}

/// Whether the part that a result is for is there: a cut between two elements
/// shows no other way.
fn has_content(object: &InMemDicomObject) -> bool {
    let tag = match text(object, tags::MODALITY).as_deref() {
        Some("SR") => tags::CONTENT_SEQUENCE,
        _ => tags::ENCAPSULATED_DOCUMENT,
    };
    object.element(tag).is_ok()
}

/// Whether the file meta group says what the data set says, and no more: a
/// sender's title or private information may name a hospital.
fn meta_fits(
    object: &DefaultDicomObject,
    class: &Uid<SopClass>,
    instance: &Uid<InstanceUid>,
) -> bool {
    let meta = object.meta();
    let trimmed = |text: &str| text.trim_end_matches(['\0', ' ']).to_owned();
    trimmed(meta.media_storage_sop_class_uid()) == class.as_str()
        && trimmed(meta.media_storage_sop_instance_uid()) == instance.as_str()
        && meta.source_application_entity_title().is_none()
        && meta.sending_application_entity_title().is_none()
        && meta.receiving_application_entity_title().is_none()
        && meta.private_information_creator_uid().is_none()
}

/// No private element, no person's name but the pseudonym, nothing where
/// nothing may be; in all sequences.
fn names_nobody(set: &InMemDicomObject, pseudonym: &Pseudonym, depth: u32) -> bool {
    if depth > DEEPEST {
        return false;
    }
    set.iter().all(|element| {
        let tag = element.tag();
        if tag.group() % 2 == 1 {
            return false;
        }
        let value = element.value();
        if EMPTY.contains(&tag) && value.to_str().map_or(true, |text| !text.trim().is_empty()) {
            return false;
        }
        if element.vr() == VR::PN {
            let named = value.to_str().unwrap_or_default();
            let named = named.trim_end_matches(['\0', ' ']);
            if !named.is_empty() && named != pseudonym.as_str() {
                return false;
            }
        }
        value.items().is_none_or(|items| {
            items
                .iter()
                .all(|item| names_nobody(item, pseudonym, depth + 1))
        })
    })
}

/// The text of an element, without padding; `None` if it is absent or empty.
pub(super) fn text(set: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = set.element(tag).ok()?.to_str().ok()?;
    let text = text.trim_end_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
