//! Which two images of a study are looked at, by their tags alone.

use super::refusal::Code;
use crate::raster::BodyPart;
use crate::raster::ImageTags;
use crate::raster::Side;
use crate::raster::View;

/// The places of the PA and the lateral in the list of images, and the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) pa: usize,
    pub(super) lateral: usize,
    pub(super) side: Side,
}

/// What the tags say about one image; `None` where they cannot be read.
type Read<'a> = Option<&'a ImageTags>;

/// Finds the wrist's PA and lateral of one side. Of several, the last counts:
/// a repeated exposure replaces the one before.
///
/// # Errors
/// The codes that stand in the way, with what exactly.
pub(super) fn pair(images: &[Read<'_>]) -> Result<Pair, Vec<(Code, String)>> {
    let refuse = |code, why: &str| Err(vec![(code, why.to_owned())]);
    let of_view = |view: View| -> Vec<(usize, Option<Side>)> {
        let wrists = images.iter().enumerate().filter_map(|(place, tags)| {
            let tags = (*tags)?;
            let is = tags.body_part == BodyPart::Wrist && tags.projection && tags.view == view;
            is.then_some((place, tags.side))
        });
        wrists.collect()
    };
    let (pas, laterals) = (of_view(View::Pa), of_view(View::Lateral));
    if pas.is_empty() {
        return refuse(Code::NoWristPa, &what_there_is(images));
    }
    if laterals.is_empty() {
        return refuse(Code::NoWristLateral, "");
    }
    let last = |list: &[(usize, Option<Side>)], side| {
        let of_side = list.iter().filter(|(_, found)| *found == side);
        of_side.map(|(place, _)| *place).next_back()
    };
    let complete = |side| {
        let pa = last(&pas, Some(side))?;
        let lateral = last(&laterals, Some(side))?;
        Some(Pair { pa, lateral, side })
    };
    match (complete(Side::Right), complete(Side::Left)) {
        (Some(_), Some(_)) => return refuse(Code::TwoWrists, ""),
        (Some(pair), None) | (None, Some(pair)) => return Ok(pair),
        (None, None) => {}
    }
    // No side is complete by itself: perhaps one image does not say its side.
    let sides: Vec<Side> = pas
        .iter()
        .chain(&laterals)
        .filter_map(|(_, side)| *side)
        .collect();
    let Some(side) = sides.first().copied() else {
        return refuse(Code::NoLaterality, "");
    };
    if sides.iter().any(|other| *other != side) {
        return refuse(Code::LateralityConflict, "by their tags");
    }
    let either = |list: &[(usize, Option<Side>)]| last(list, Some(side)).or(last(list, None));
    match (either(&pas), either(&laterals)) {
        (Some(pa), Some(lateral)) => Ok(Pair { pa, lateral, side }),
        _ => refuse(Code::LateralityConflict, "by their tags"),
    }
}

/// In a few words what the images are instead, without any of their values.
fn what_there_is(images: &[Read<'_>]) -> String {
    let count =
        |is: fn(&ImageTags) -> bool| images.iter().flatten().filter(|tags| is(tags)).count();
    let other = count(|tags| tags.body_part == BodyPart::Other);
    let unsaid = count(|tags| tags.body_part == BodyPart::Unknown);
    let near = count(|tags| matches!(tags.body_part, BodyPart::Hand | BodyPart::Forearm));
    let wrists = count(|tags| tags.body_part == BodyPart::Wrist);
    let unread = images.iter().filter(|tags| tags.is_none()).count();
    let parts = [
        (wrists, "wrist in another view"),
        (near, "hand or forearm"),
        (other, "other body part"),
        (unsaid, "body part not stated"),
        (unread, "unreadable"),
    ];
    let found = parts.iter().filter(|(count, _)| *count > 0);
    let words = found.map(|(count, what)| format!("{count} {what}"));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Calibration;
    use crate::raster::Grade;

    fn image(body_part: BodyPart, view: View, side: Option<Side>) -> ImageTags {
        ImageTags {
            rows: 100,
            columns: 100,
            projection: true,
            view,
            side,
            body_part,
            calibration: Calibration {
                grade: Grade::F,
                spacing: None,
                source_detector_mm: None,
                source_object_mm: None,
            },
        }
    }

    fn wrist(view: View, side: Option<Side>) -> ImageTags {
        image(BodyPart::Wrist, view, side)
    }

    fn check(images: &[ImageTags], expected: Result<(usize, usize, Side), Code>) {
        let reads: Vec<Read<'_>> = images.iter().map(Some).collect();
        let found = pair(&reads);
        match expected {
            Ok((pa, lateral, side)) => assert_eq!(found, Ok(Pair { pa, lateral, side })),
            Err(code) => {
                let codes = found.err().unwrap_or_default();
                assert_eq!(codes.first().map(|(code, _)| *code), Some(code));
            }
        }
    }

    const R: Option<Side> = Some(Side::Right);
    const L: Option<Side> = Some(Side::Left);

    #[test]
    fn a_pair_of_one_side_is_found() {
        let (pa, lateral) = (wrist(View::Pa, R), wrist(View::Lateral, R));
        check(&[lateral.clone(), pa.clone()], Ok((1, 0, Side::Right)));
        check(
            &[pa.clone(), pa.clone(), lateral.clone()],
            Ok((1, 2, Side::Right)),
        );
        check(
            &[pa.clone(), wrist(View::Lateral, None)],
            Ok((0, 1, Side::Right)),
        );
        check(
            &[pa, wrist(View::Lateral, L), wrist(View::Pa, L)],
            Ok((2, 1, Side::Left)),
        );
    }

    #[test]
    fn what_is_missing_or_contradictory_has_its_code() {
        let (pa, lateral) = (wrist(View::Pa, R), wrist(View::Lateral, R));
        let left = [wrist(View::Pa, L), wrist(View::Lateral, L)];
        check(&[], Err(Code::NoWristPa));
        check(std::slice::from_ref(&lateral), Err(Code::NoWristPa));
        check(std::slice::from_ref(&pa), Err(Code::NoWristLateral));
        check(
            &[pa.clone(), left[1].clone()],
            Err(Code::LateralityConflict),
        );
        check(
            &[wrist(View::Pa, None), wrist(View::Lateral, None)],
            Err(Code::NoLaterality),
        );
        let [left_pa, left_lateral] = left;
        check(&[pa, lateral, left_pa, left_lateral], Err(Code::TwoWrists));
    }

    #[test]
    fn other_body_parts_are_no_wrist() {
        let chest = image(BodyPart::Other, View::Pa, None);
        let tibia = image(BodyPart::Other, View::Ap, R);
        check(&[chest.clone(), tibia], Err(Code::NoWristPa));
        // An AP is not a PA.
        check(
            &[wrist(View::Ap, R), wrist(View::Lateral, R)],
            Err(Code::NoWristPa),
        );
        assert_eq!(
            what_there_is(&[Some(&chest), None]),
            "1 other body part, 1 unreadable"
        );
    }
}
