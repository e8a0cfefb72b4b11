//! Each rule by an object that breaks just that one.
#![allow(clippy::unwrap_used, reason = "tests")]

use dicom_core::DataElement;
use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_dictionary_std::uids;
use dicom_object::FileMetaTableBuilder;
use proptest::prelude::*;

use super::*;

const PSEUDONYM: &str = "BB-ABCDEFGHIJ2345672345";

fn put(set: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    set.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

fn good() -> InMemDicomObject {
    let mut set = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, CLASSES[0].0),
        (tags::SOP_INSTANCE_UID, VR::UI, "2.25.1"),
        (tags::STUDY_INSTANCE_UID, VR::UI, "2.25.2"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "2.25.3"),
        (tags::PATIENT_ID, VR::LO, PSEUDONYM),
        (tags::PATIENT_NAME, VR::PN, PSEUDONYM),
        (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        (tags::PATIENT_BIRTH_DATE, VR::DA, ""),
        (tags::MODALITY, VR::CS, "M3D"),
    ] {
        put(&mut set, tag, vr, value);
    }
    set.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT,
        VR::OB,
        PrimitiveValue::from(vec![1_u8, 2]),
    ));
    set
}

fn file(set: InMemDicomObject, meta: FileMetaTableBuilder) -> Vec<u8> {
    let mut bytes = Vec::new();
    set.with_meta(meta.transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN))
        .unwrap()
        .write_all(&mut bytes)
        .unwrap();
    bytes
}

fn reason(bytes: &[u8]) -> Option<Reason> {
    admit(bytes, None).err().map(|refused| refused.reason)
}

/// The reason for which the good object is refused once it is changed.
fn check(expected: Option<Reason>, change: impl FnOnce(&mut InMemDicomObject)) {
    let mut set = good();
    change(&mut set);
    assert_eq!(reason(&file(set, FileMetaTableBuilder::new())), expected);
}

#[test]
fn a_good_object_is_let_in() {
    let bytes = file(good(), FileMetaTableBuilder::new());
    let admitted = admit(&bytes, Some(&"2.25.2".parse().unwrap())).unwrap();
    assert_eq!(admitted.pseudonym.as_str(), PSEUDONYM);
    assert_eq!(admitted.sop_instance.as_str(), "2.25.1");
    let other = admit(&bytes, Some(&"2.25.99".parse().unwrap())).unwrap_err();
    assert_eq!(other.reason, Reason::Mismatch);
    assert_eq!(other.sop_instance.unwrap().as_str(), "2.25.1");
}

#[test]
fn what_names_a_person_is_refused() {
    let identity = Some(Reason::IdentityNotRemoved);
    check(identity, |set| put(set, tags::PATIENT_ID, VR::LO, "12345"));
    check(identity, |set| {
        put(set, tags::PATIENT_NAME, VR::PN, "Yamada^Tarou");
    });
    check(identity, |set| {
        put(set, tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO");
    });
    check(identity, |set| {
        set.remove_element(tags::PATIENT_IDENTITY_REMOVED);
    });
    check(identity, |set| {
        put(set, tags::PATIENT_BIRTH_DATE, VR::DA, "19700101");
    });
    check(identity, |set| {
        put(set, tags::ACCESSION_NUMBER, VR::SH, "A1");
    });
    check(identity, |set| {
        put(set, Tag(0x0009, 0x0010), VR::LO, "VENDOR");
    });
    check(identity, |set| {
        let mut item = InMemDicomObject::new_empty();
        put(&mut item, tags::PERSON_NAME, VR::PN, "Suzuki^Hanako");
        set.put(DataElement::new(
            tags::VERIFYING_OBSERVER_SEQUENCE,
            VR::SQ,
            DataSetSequence::from(vec![item]),
        ));
    });
    let mut hidden = file(good(), FileMetaTableBuilder::new());
    hidden[0] = b'M';
    assert_eq!(reason(&hidden), identity);
}

#[test]
fn what_is_no_result_is_refused() {
    check(Some(Reason::ClassNotSupported), |set| {
        put(
            set,
            tags::SOP_CLASS_UID,
            VR::UI,
            "1.2.840.10008.5.1.4.1.1.1.1",
        );
    });
    check(Some(Reason::Mismatch), |set| {
        set.remove_element(tags::SERIES_INSTANCE_UID);
    });
    check(Some(Reason::Mismatch), |set| {
        set.remove_element(tags::ENCAPSULATED_DOCUMENT);
    });
    let other = FileMetaTableBuilder::new().media_storage_sop_instance_uid("2.25.77");
    // The builder fills what is not given from the data set.
    let bytes = file(good(), other.media_storage_sop_class_uid(CLASSES[0].0));
    assert!(matches!(reason(&bytes), None | Some(Reason::Mismatch)));
    let titled = FileMetaTableBuilder::new().source_application_entity_title("HOSPITAL");
    assert_eq!(reason(&file(good(), titled)), Some(Reason::Mismatch));
}

#[test]
fn garbage_is_not_understood() {
    for bytes in [&b""[..], &[0; 200], b"not a file at all"] {
        assert_eq!(reason(bytes), Some(Reason::CannotUnderstand));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_changed_byte_never_crashes_it(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = file(good(), FileMetaTableBuilder::new());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _verdict = admit(&bytes, None);
        let cut = cut.index(bytes.len());
        let _verdict = admit(&bytes[..cut], None);
    }
}
