//! The bones in 3-D, and the files to take away.

use maud::{Markup, html};

use crate::dashboard::list::side_text;
use crate::dashboard::reader::Reader;
use crate::dashboard::words::address;
use crate::page::Text;
use crate::page::Viewer;
use crate::store::StudyDetail;
use crate::study::Artefact;
use crate::study::ArtefactRole;
use crate::study::Outcome;

/// The 3-D view; nothing before there are bones.
pub(super) fn panel(reader: &Reader, detail: &StudyDetail) -> Markup {
    let viewer = viewer(reader, detail);
    html! {
        section id="bones" data-part class=[viewer.is_some().then_some("panel")] {
            @if let Some(viewer) = viewer {
                h2 { (reader.say(Text::Bones)) }
                (viewer.markup(reader.language))
            }
        }
    }
}

fn viewer(reader: &Reader, detail: &StudyDetail) -> Option<Viewer> {
    let Some(Outcome::Reconstructed { side, .. }) = &detail.row.outcome else {
        return None;
    };
    let find = |role, word: &str| {
        let fits = |one: &&Artefact| one.role == role && one.name.contains(word);
        let found = detail.artefacts.iter().find(fits)?;
        Some(format!("/artefacts/{}", found.digest))
    };
    let viewer = Viewer {
        scene: find(ArtefactRole::Scene, ""),
        radius: find(ArtefactRole::Surface, "radius"),
        ulna: find(ArtefactRole::Surface, "ulna"),
        thumb_negative: *side == 'L',
        twin: Text::ViewerTwin.fill(reader.language, &[&reader.say(side_text(*side))]),
    };
    (viewer.scene.is_some() || viewer.radius.is_some()).then_some(viewer)
}

/// What may be taken away: surfaces and result objects.
pub(super) fn downloads(reader: &Reader, detail: &StudyDetail) -> Markup {
    let wanted = |artefact: &&Artefact| match artefact.role {
        ArtefactRole::Surface | ArtefactRole::ResultObject | ArtefactRole::Reconstruction => true,
        ArtefactRole::Thumbnail
        | ArtefactRole::Preview
        | ArtefactRole::Overlay
        | ArtefactRole::Scene => false,
    };
    let files: Vec<&Artefact> = detail.artefacts.iter().filter(wanted).collect();
    html! {
        section id="downloads" data-part class=[(!files.is_empty()).then_some("panel")] {
            @if !files.is_empty() {
                h2 { (reader.say(Text::Downloads)) }
                div.filters {
                    @for file in files {
                        a href={ (address(&detail.row.id)) "/files/" (file.digest) } download {
                            (Text::Download.fill(reader.language, &[&file.name]))
                            " " span.muted.small { (kilobytes(file.size)) " kB" }
                        }
                    }
                }
                p.muted.small { (reader.say(Text::Notice)) }
            }
        }
    }
}

/// Thousands of bytes, at least one.
fn kilobytes(bytes: u64) -> u64 {
    bytes.div_ceil(1000)
}
