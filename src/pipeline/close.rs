//! When a study's list of instances is closed.
//!
//! At once when an acceptable PA and a lateral are there and no association
//! still sends to it; else after the quiet period. "Acceptable" is what the
//! tags say; analysis looks closer.

use std::time::Duration;

use crate::clock::Moment;
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

/// Decides, from the facts of its instances.
pub(super) fn closing(
    facts: &[ImageFacts],
    last_image: Moment,
    sending: bool,
    quiet_period: Duration,
    now: Moment,
) -> Closing {
    if !sending && complete(facts) {
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
fn complete(facts: &[ImageFacts]) -> bool {
    let has = |view: ViewCode| {
        facts
            .iter()
            .any(|image| image.view == view && matches!(image.modality.as_str(), "DX" | "CR"))
    };
    has(ViewCode::Pa) && has(ViewCode::Lateral)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(20);

    fn image(modality: &str, view: ViewCode) -> ImageFacts {
        ImageFacts {
            sop_class: String::new(),
            transfer_syntax: String::new(),
            modality: modality.into(),
            view,
            laterality: None,
            body_part: None,
        }
    }

    fn check(facts: &[ImageFacts], sending: bool, seconds: u64, expected: Closing) {
        let last = Moment::from_micros(0);
        let now = last.after(Duration::from_secs(seconds));
        assert_eq!(closing(facts, last, sending, QUIET, now), expected);
    }

    #[test]
    fn a_pair_closes_when_its_association_is_released() {
        let pair = [image("DX", ViewCode::Pa), image("CR", ViewCode::Lateral)];
        let deadline = Closing::At(Moment::from_micros(0).after(QUIET));
        check(&pair, true, 0, deadline);
        check(&pair, false, 0, Closing::Now("complete"));
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
