//! What an instance's tags say, as far as it identifies nobody: only values
//! of known code lists are kept.

use crate::identity::BoxIdentity;
use crate::names::SeriesUid;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::spool::Scan;
use crate::spool::Tag;
use crate::spool::Wanted;
use crate::study::ImageFacts;
use crate::study::ImageSet;
use crate::study::ViewCode;

pub(super) const CLASS: Wanted = Wanted::top(0x0008, 0x0016);
pub(super) const INSTANCE: Wanted = Wanted::top(0x0008, 0x0018);
const IMAGE_TYPE: Wanted = Wanted::top(0x0008, 0x0008);
const MODALITY: Wanted = Wanted::top(0x0008, 0x0060);
const BODY_PART: Wanted = Wanted::top(0x0018, 0x0015);
const VIEW_POSITION: Wanted = Wanted::top(0x0018, 0x5101);
const STUDY: Wanted = Wanted::top(0x0020, 0x000d);
const SERIES: Wanted = Wanted::top(0x0020, 0x000e);
const ACQUISITION: Wanted = Wanted::top(0x0020, 0x0012);
const LATERALITY: Wanted = Wanted::top(0x0020, 0x0060);
const IMAGE_LATERALITY: Wanted = Wanted::top(0x0020, 0x0062);
const IMAGES_IN_ACQUISITION: Wanted = Wanted::top(0x0020, 0x1002);
const CONCATENATION: Wanted = Wanted::top(0x0020, 0x9161);
const IN_CONCATENATION_TOTAL: Wanted = Wanted::top(0x0020, 0x9163);
const VIEW_CODES: Tag = Tag(0x0054, 0x0220);
const VIEW_CODE: Wanted = Wanted::within(VIEW_CODES, Tag(0x0008, 0x0100));

/// Everything the node asks a data set for.
pub(super) const WANTED: &[Wanted] = &[
    CLASS,
    INSTANCE,
    MODALITY,
    BODY_PART,
    VIEW_POSITION,
    STUDY,
    SERIES,
    LATERALITY,
    IMAGE_LATERALITY,
    VIEW_CODE,
    IMAGE_TYPE,
    ACQUISITION,
    IMAGES_IN_ACQUISITION,
    CONCATENATION,
    IN_CONCATENATION_TOTAL,
];

/// Modalities (PS3.3 C.7.3.1.1.1) that a hospital may send here, ours or not.
const MODALITIES: &[&str] = &[
    "BI", "BMD", "CR", "CT", "DG", "DOC", "DX", "ES", "GM", "IO", "KO", "MG", "MR", "NM", "OT",
    "PR", "PT", "PX", "REG", "RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT",
    "SC", "SEG", "SM", "SR", "US", "XA", "XC",
];

/// CT classes whose one object holds all images: Enhanced CT, Legacy Converted
/// Enhanced CT.
const MULTI_FRAME_CT: &[&str] = &["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"];
/// Most images that a set is believed to have.
const MOST_IN_A_SET: u32 = 100_000;

/// Body parts (PS3.16 annex L, the defined terms of limbs and trunk).
const BODY_PARTS: &[&str] = &[
    "ABDOMEN",
    "ANKLE",
    "ARM",
    "BREAST",
    "CALCANEUS",
    "CHEST",
    "CLAVICLE",
    "COCCYX",
    "CSPINE",
    "ELBOW",
    "EXTREMITY",
    "FEMUR",
    "FIBULA",
    "FINGER",
    "FOOT",
    "FOREARM",
    "HAND",
    "HEAD",
    "HIP",
    "HUMERUS",
    "JAW",
    "KNEE",
    "LEG",
    "LSPINE",
    "NECK",
    "PELVIS",
    "RADIUS",
    "RADIUSULNA",
    "RIB",
    "SCAPULA",
    "SHOULDER",
    "SKULL",
    "SPINE",
    "SSPINE",
    "STERNUM",
    "TARSUS",
    "THUMB",
    "TIBIA",
    "TOE",
    "TSPINE",
    "ULNA",
    "UPPERLIMB",
    "WHOLEBODY",
    "WRIST",
];

/// The facts of a scanned data set.
#[must_use]
pub fn facts_of(scan: &Scan, class: &str, syntax: &str, identity: &BoxIdentity) -> ImageFacts {
    ImageFacts {
        sop_class: class.to_owned(),
        transfer_syntax: syntax.to_owned(),
        modality: known(scan, MODALITY, MODALITIES).unwrap_or_else(|| "OT".to_owned()),
        view: view(scan),
        laterality: [IMAGE_LATERALITY, LATERALITY]
            .into_iter()
            .find_map(|wanted| scan.text(wanted))
            .and_then(|text| match text {
                "R" => Some('R'),
                "L" => Some('L'),
                _ => None,
            }),
        body_part: known(scan, BODY_PART, BODY_PARTS),
        set: set(scan, class, syntax, identity),
    }
}

/// The set that a CT image says it is one of, if it says so: its concatenation
/// (PS3.3 C.7.6.16.1), itself if it is multi-frame, else its acquisition in
/// its series by Images in Acquisition (0020,1002).
fn set(scan: &Scan, class: &str, syntax: &str, identity: &BoxIdentity) -> Option<ImageSet> {
    if scan.text(MODALITY) != Some("CT") {
        return None;
    }
    let (name, count) = if let Some(whole) = scan.text(CONCATENATION) {
        let total: [u8; 2] = scan.value(IN_CONCATENATION_TOTAL)?.try_into().ok()?;
        let total = match syntax {
            "1.2.840.10008.1.2.2" => u16::from_be_bytes(total),
            _ => u16::from_le_bytes(total),
        };
        (format!("concatenation {whole}"), u32::from(total))
    } else if MULTI_FRAME_CT.contains(&class) {
        (format!("object {}", scan.text(INSTANCE)?), 1)
    } else {
        let (series, acquisition) = (scan.text(SERIES)?, scan.text(ACQUISITION).unwrap_or(""));
        let localizer = scan
            .text(IMAGE_TYPE)
            .is_some_and(|kinds| kinds.split('\\').any(|kind| kind.trim() == "LOCALIZER"));
        let name = format!("acquisition {acquisition} of {series}");
        if localizer {
            let name = identity.set_key(&name);
            return Some(ImageSet { name, count: 0 });
        }
        let count = scan.text(IMAGES_IN_ACQUISITION)?.parse().ok()?;
        // Units that count nothing write 1 into each image of a series.
        (name, if count == 1 { 0 } else { count })
    };
    (1..=MOST_IN_A_SET).contains(&count).then(|| ImageSet {
        name: identity.set_key(&name),
        count,
    })
}

/// The study and series of a scanned data set, if they are valid UIDs.
pub(super) fn study_and_series(scan: &Scan) -> (Option<Uid<StudyUid>>, Option<Uid<SeriesUid>>) {
    let study = scan.text(STUDY).and_then(|text| text.parse().ok());
    let series = scan.text(SERIES).and_then(|text| text.parse().ok());
    (study, series)
}

fn known(scan: &Scan, wanted: Wanted, list: &[&str]) -> Option<String> {
    let text = scan.text(wanted)?;
    list.contains(&text).then(|| text.to_owned())
}

/// View Code Sequence (PS3.16 CID 4010, SNOMED CT or its older SRT codes),
/// else View Position.
fn view(scan: &Scan) -> ViewCode {
    let code = match scan.text(VIEW_CODE).unwrap_or_default() {
        "272479007" | "R-10214" => ViewCode::Pa,
        "399348003" | "R-10206" => ViewCode::Ap,
        // lateral; left, right; medio-lateral, latero-medial.
        "399067008" | "R-102CD" | "399173006" | "R-10236" | "399198007" | "R-10232"
        | "399260004" | "R-10224" | "399352003" | "R-10228" => ViewCode::Lateral,
        // oblique; AP, PA; left, right; lateral, medial, latero-medial, medio-lateral.
        "399182000" | "R-102C1" | "399312000" | "R-10208" | "399059000" | "R-10216"
        | "399184004" | "R-10238" | "399236003" | "R-10234" | "260427002" | "260426006"
        | "399099002" | "R-10230" | "399368009" | "R-10226" => ViewCode::Oblique,
        _ => ViewCode::Unknown,
    };
    if code != ViewCode::Unknown {
        return code;
    }
    match scan.text(VIEW_POSITION).unwrap_or_default() {
        "PA" => ViewCode::Pa,
        "AP" => ViewCode::Ap,
        // LAT and LATERAL are no defined terms, but are met in CR.
        "LL" | "RL" | "LAT" | "LATERAL" => ViewCode::Lateral,
        "RLO" | "LLO" | "OBL" | "OBLIQUE" => ViewCode::Oblique,
        _ => ViewCode::Unknown,
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]
mod tests {
    use super::*;
    use crate::spool::Limits;
    use crate::spool::scan_data_set;
    use std::io::Cursor;

    fn scan(elements: &[(u16, u16, &str)]) -> Scan {
        let mut bytes = Vec::new();
        for (group, element, value) in elements {
            let value = format!("{value}{}", if value.len() % 2 == 1 { " " } else { "" });
            bytes.extend_from_slice(&group.to_le_bytes());
            bytes.extend_from_slice(&element.to_le_bytes());
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        let length = bytes.len() as u64;
        let limits = Limits::default();
        scan_data_set(
            Cursor::new(bytes),
            length,
            "1.2.840.10008.1.2",
            WANTED,
            &limits,
        )
        .unwrap()
    }

    fn facts(elements: &[(u16, u16, &str)], class: &str) -> ImageFacts {
        let folder = tempfile::tempdir().unwrap();
        let identity = BoxIdentity::open(folder.path()).unwrap();
        facts_of(&scan(elements), class, "1.2", &identity)
    }

    fn check(elements: &[(u16, u16, &str)], view: ViewCode, side: Option<char>) {
        let facts = facts(elements, "1.2");
        assert_eq!((facts.view, facts.laterality), (view, side));
    }

    #[test]
    fn views_and_sides() {
        check(
            &[(0x18, 0x5101, "PA"), (0x20, 0x60, "R")],
            ViewCode::Pa,
            Some('R'),
        );
        check(
            &[(0x18, 0x5101, "LL"), (0x20, 0x62, "L")],
            ViewCode::Lateral,
            Some('L'),
        );
        check(&[(0x18, 0x5101, "AP")], ViewCode::Ap, None);
        check(
            &[(0x18, 0x5101, "ANYTHING"), (0x20, 0x62, "B")],
            ViewCode::Unknown,
            None,
        );
        check(&[], ViewCode::Unknown, None);
    }

    #[test]
    fn values_outside_the_lists_are_not_kept() {
        let elements = [(0x08, 0x60, "YAMADA"), (0x18, 0x15, "TAROU")];
        let outside = facts(&elements, "1.2");
        assert_eq!((outside.modality.as_str(), outside.body_part), ("OT", None));
        let elements = [(0x08, 0x60, "DX"), (0x18, 0x15, "WRIST")];
        let facts = facts(&elements, "1.2");
        assert_eq!(facts.modality, "DX");
        assert_eq!(facts.body_part.as_deref(), Some("WRIST"));
    }

    #[test]
    fn a_set_is_known_by_what_the_images_say() {
        let ct = (0x08, 0x60, "CT");
        let count = |rest: &[(u16, u16, &str)], class: &str| {
            let mut elements = vec![ct];
            elements.extend_from_slice(rest);
            elements.sort_unstable();
            facts(&elements, class).set.map(|set| set.count)
        };
        let (plain, enhanced) = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1");
        let series = (0x20, 0x0e, "1.2.3");
        let has = |text| (0x20, 0x1002, text);
        assert_eq!(count(&[series], plain), None);
        assert_eq!(count(&[series, has("120")], plain), Some(120));
        for wrong in ["0", "1", "-1", "many", "100001"] {
            assert_eq!(count(&[series, has(wrong)], plain), None, "{wrong}");
        }
        let localizer = (0x08, 0x08, "ORIGINAL\\PRIMARY\\LOCALIZER");
        assert_eq!(count(&[series, localizer], plain), Some(0));
        assert_eq!(count(&[(0x08, 0x18, "1.2.9")], enhanced), Some(1));
        // One of two parts: US 2, which as text are these two bytes.
        let part = [(0x20, 0x9161, "1.2.8"), (0x20, 0x9163, "\u{2}\0")];
        assert_eq!(count(&part, enhanced), Some(2));
        let other = [(0x08, 0x60, "DX"), series, has("2")];
        assert_eq!(facts(&other, plain).set, None);
    }
}
