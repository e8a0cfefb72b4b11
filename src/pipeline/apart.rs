//! Images that are kept and go no further: they are quarantined before the
//! person is taken out of the others. Their identified files stay.

use std::collections::BTreeSet;

use crate::names::InstanceKey;
use crate::raster::DECODABLE;
use crate::store::InstanceRow;
use crate::study::Quarantined;

/// A transfer syntax without a decode test: HTJ2K, JPEG XL, JPEG-LS, JPEG
/// extended (12 bit), video. Its pixels are never looked at here, so nobody
/// could say what stands in them.
pub(super) const CANNOT_DECODE: &str = "cannot-decode";
/// The same instance came with different bytes. Nobody at the box knows which
/// is the right one, so neither is measured.
pub(super) const CONFLICTING: &str = "conflicting-instance";

/// The images that go on, and those that do not.
pub(super) fn apart(
    rows: Vec<InstanceRow>,
    conflicts: &BTreeSet<InstanceKey>,
) -> (Vec<InstanceRow>, Vec<Quarantined>) {
    let mut kept = Vec::new();
    let mut keep = |row: &InstanceRow, code: &str, text: &str| {
        kept.push(Quarantined {
            instance: row.instance.clone(),
            code: code.to_owned(),
            text: text.to_owned(),
        });
        false
    };
    let mut go_on = rows;
    go_on.retain(|row| {
        let syntax = row.facts.transfer_syntax.as_str();
        if conflicts.contains(&row.instance) {
            keep(row, CONFLICTING, "came twice with different bytes")
        } else if !DECODABLE.iter().any(|(known, _)| *known == syntax) {
            keep(
                row,
                CANNOT_DECODE,
                "its transfer syntax cannot be decoded here",
            )
        } else {
            true
        }
    });
    (go_on, kept)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::names::Digest;
    use crate::receive::DECODED;
    use crate::study::ImageFacts;
    use crate::study::ViewCode;

    fn row(instance: u32, bytes: &[u8], syntax: &str) -> InstanceRow {
        InstanceRow {
            instance: format!("{instance:032x}").parse().unwrap(),
            facts: ImageFacts {
                set: None,
                sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
                transfer_syntax: syntax.into(),
                modality: "DX".into(),
                view: ViewCode::Pa,
                laterality: None,
                body_part: None,
            },
            file: String::new(),
            size: 1,
            digest: Digest::of(bytes),
            at: Moment::from_micros(0),
            released: false,
            dropped: false,
        }
    }

    #[test]
    fn only_what_is_decoded_and_unambiguous_goes_on() {
        let plain = "1.2.840.10008.1.2.1";
        let rows = vec![
            row(1, b"a", plain),
            row(2, b"a", plain),
            row(2, b"b", plain),
            row(3, b"a", "1.2.840.10008.1.2.4.201"),
            row(4, b"a", "1.2.840.10008.1.2.4.80"),
            row(5, b"a", "1.2.840.10008.1.2.4.51"),
            row(6, b"a", "1.2.840.10008.1.2.4.110"),
        ];
        let (go_on, kept) = apart(rows.clone(), &[rows[1].instance.clone()].into());
        assert_eq!(go_on.len(), 1);
        let codes: Vec<_> = kept.iter().map(|one| one.code.as_str()).collect();
        let (twice, unread) = (CONFLICTING, CANNOT_DECODE);
        assert_eq!(codes, [twice, twice, unread, unread, unread, unread]);
    }

    #[test]
    fn the_node_prefers_what_the_box_decodes() {
        let mut preferred = DECODED.to_vec();
        let mut decoded = DECODABLE.map(|(syntax, _)| syntax).to_vec();
        preferred.sort_unstable();
        decoded.sort_unstable();
        assert_eq!(preferred, decoded);
    }
}
