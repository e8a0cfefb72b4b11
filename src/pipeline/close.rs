//! When a study's list of instances is closed.
//!
//! At once when it is complete and no association still sends to it; else
//! after the quiet period. Complete is what the tags say; analysis looks closer:
//!
//! - radiographs: an acceptable PA and a lateral are there;
//! - CT: every image says how many it is one of (Images in Acquisition, a
//!   concatenation's total, or one multi-frame object), and all of those are
//!   there. A series is never held to be complete because its numbers run
//!   without a gap: each beginning of a series does. A localizer alone is none.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Moment;
use crate::names::InstanceKey;
use crate::study::ImageFacts;
use crate::study::ViewCode;

/// What is to be done with an open study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// Close it, and why.
    Now(&'static str),
    /// Look again at this moment.
    At(Moment),
}

/// An image and what its tags say.
type Image = (InstanceKey, ImageFacts);

/// Decides, from the facts of its instances.
pub(super) fn closing(
    images: &[Image],
    last_image: Moment,
    sending: bool,
    quiet_period: Duration,
    now: Moment,
) -> Closing {
    if !sending && (is_pair(images) || is_whole_ct(images)) {
        return Closing::Now("complete");
    }
    let deadline = last_image.after(quiet_period);
    if now >= deadline {
        Closing::Now("quiet")
    } else {
        Closing::At(deadline)
    }
}

/// Whether a PA and a lateral radiograph are there.
fn is_pair(images: &[Image]) -> bool {
    let has = |view: ViewCode| {
        images
            .iter()
            .any(|(_, image)| image.view == view && matches!(image.modality.as_str(), "DX" | "CR"))
    };
    has(ViewCode::Pa) && has(ViewCode::Lateral)
}

/// Whether each CT image is one of a set that is there as a whole, and one of
/// these sets is no localizer's.
fn is_whole_ct(images: &[Image]) -> bool {
    let mut sets: BTreeMap<&str, (u32, BTreeSet<&InstanceKey>)> = BTreeMap::new();
    for (instance, image) in images.iter().filter(|(_, image)| image.modality == "CT") {
        let Some(set) = &image.set else { return false };
        let (count, there) = sets.entry(&set.name).or_default();
        *count = set.count.max(*count);
        there.insert(instance);
    }
    let whole = |(count, there): &(u32, BTreeSet<_>)| {
        // More than announced: then the number means something else.
        *count == 0 || usize::try_from(*count) == Ok(there.len())
    };
    sets.values().all(whole) && sets.values().any(|(count, _)| *count > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::study::ImageSet;

    const QUIET: Duration = Duration::from_secs(20);

    fn image(modality: &str, view: ViewCode) -> ImageFacts {
        ImageFacts {
            set: None,
            sop_class: String::new(),
            transfer_syntax: String::new(),
            modality: modality.into(),
            view,
            laterality: None,
            body_part: None,
        }
    }

    fn check(facts: &[ImageFacts], sending: bool, seconds: u64, expected: Closing) {
        let images: Vec<Image> = facts
            .iter()
            .enumerate()
            .map(|(n, facts)| (format!("{n:032x}").parse().unwrap(), facts.clone()))
            .collect();
        let last = Moment::from_micros(0);
        let now = last.after(Duration::from_secs(seconds));
        assert_eq!(closing(&images, last, sending, QUIET, now), expected);
    }

    #[test]
    fn a_pair_closes_when_its_association_is_released() {
        let pair = [image("DX", ViewCode::Pa), image("CR", ViewCode::Lateral)];
        let deadline = Closing::At(Moment::from_micros(0).after(QUIET));
        check(&pair, true, 0, deadline);
        check(&pair, false, 0, Closing::Now("complete"));
    }

    #[test]
    fn a_ct_closes_when_all_that_it_announces_is_there() {
        let deadline = Closing::At(Moment::from_micros(0).after(QUIET));
        let ct = |set: &str, count| ImageFacts {
            set: Some(ImageSet {
                name: set.into(),
                count,
            }),
            ..image("CT", ViewCode::Unknown)
        };
        let done = Closing::Now("complete");
        check(&[ct("a", 2)], false, 0, deadline);
        check(&[ct("a", 2), ct("a", 2)], false, 0, done);
        check(&[ct("a", 2), ct("a", 2)], true, 0, deadline);
        check(&[ct("a", 1), ct("b", 2)], false, 0, deadline);
        check(&[ct("a", 1), ct("b", 1)], false, 0, done);
        check(&[ct("a", 1), ct("a", 1)], false, 0, deadline);
        // A localizer is not waited for, but is no study either.
        check(&[ct("l", 0)], false, 0, deadline);
        check(&[ct("l", 0), ct("l", 0), ct("a", 1)], false, 0, done);
        // One image that announces nothing.
        let silent = image("CT", ViewCode::Unknown);
        check(&[ct("a", 1), silent], false, 0, deadline);
        // The same image twice, with other bytes, is one image.
        let one: InstanceKey = "0".repeat(32).parse().unwrap();
        assert!(!is_whole_ct(&[
            (one.clone(), ct("a", 2)),
            (one, ct("a", 2))
        ]));
    }

    #[test]
    fn anything_else_waits_for_quiet() {
        let deadline = Closing::At(Moment::from_micros(0).after(QUIET));
        for facts in [
            vec![image("DX", ViewCode::Pa)],
            vec![image("DX", ViewCode::Ap), image("DX", ViewCode::Lateral)],
            vec![image("CT", ViewCode::Pa), image("CT", ViewCode::Lateral)],
        ] {
            check(&facts, false, 19, deadline);
            check(&facts, false, 20, Closing::Now("quiet"));
        }
        check(
            &[image("DX", ViewCode::Pa)],
            true,
            25,
            Closing::Now("quiet"),
        );
    }
}
