//! X-rays with the projected outline of the bones. The outline is drawn by the
//! server from the overlay's lines and can be taken off without a script.

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::reader::Reader;
use crate::names::Digest;
use crate::page::Text;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StudyDetail;
use crate::study::Artefact;
use crate::study::ArtefactRole;

/// One X-ray's preview with the outline that belongs to it.
pub(super) struct Xray {
    caption: Text,
    stem: String,
    preview: Digest,
    overlay: Option<Overlay>,
}

/// The overlay's file, as `analyze` writes it: closed lines in (column, row)
/// of the image as it was taken, whole numbers at pixel centers.
#[derive(Debug, Deserialize)]
struct Overlay {
    rows: u32,
    columns: u32,
    outlines: Vec<Outline>,
}

#[derive(Debug, Deserialize)]
struct Outline {
    bone: String,
    points: Vec<[f64; 2]>,
}

/// The previews of a study with their overlays, read from the store.
///
/// # Errors
/// [`StoreError`] if an overlay's file cannot be read. One that is not in the
/// expected form is passed over: the X-ray is shown without it.
pub(super) fn xrays(store: &Store, detail: &StudyDetail) -> Result<Vec<Xray>, StoreError> {
    let of_role = |role| {
        let all = detail.artefacts.iter();
        all.filter(move |artefact| artefact.role == role)
    };
    let mut found = Vec::new();
    for preview in of_role(ArtefactRole::Preview) {
        let stem = stem(preview);
        let overlay = of_role(ArtefactRole::Overlay).find(|one| self::stem(one) == stem);
        let bytes = match overlay {
            Some(overlay) => store.artefact(&overlay.digest)?,
            None => None,
        };
        found.push(Xray {
            caption: caption(&stem),
            overlay: bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            preview: preview.digest,
            stem,
        });
    }
    // As they hang in a reading room: the PA first, else as they are numbered.
    found.sort_by_key(|xray| xray.stem.rsplit('-').next() != Some("pa"));
    Ok(found)
}

/// `01-pa` of `01-pa-preview.png`: what an image's files have in common.
fn stem(artefact: &Artefact) -> String {
    let name = artefact.name.as_str();
    name.rsplit_once('-')
        .map_or(name, |(stem, _)| stem)
        .to_owned()
}

fn caption(stem: &str) -> Text {
    match stem.rsplit('-').next() {
        Some("pa") => Text::ViewPa,
        Some("ap") => Text::ViewAp,
        Some("lateral") => Text::ViewLateral,
        Some("oblique") => Text::ViewOblique,
        _ => Text::ViewUnknown,
    }
}

/// All X-rays side by side, with one switch for the outlines.
pub(super) fn panel(reader: &Reader, xrays: &[Xray]) -> Markup {
    let any = xrays.iter().any(|xray| xray.overlay.is_some());
    html! {
        section.panel.with-outline id="xrays" data-part {
            h2 { (reader.say(Text::XRays)) }
            @if xrays.is_empty() { p.muted { (reader.say(Text::XRaysNone)) } }
            @if any {
                label.toggle {
                    input type="checkbox" id="outline-switch" checked;
                    (reader.say(Text::Outline))
                }
                p.small {
                    span.key-line aria-hidden="true" {} (reader.say(Text::Radius)) " \u{a0} "
                    span.key-line.ulna aria-hidden="true" {} (reader.say(Text::Ulna))
                }
            }
            div.xrays { @for xray in xrays { (figure(reader, xray)) } }
            @if any { p.small { (reader.say(Text::OutlineCaption)) } }
            @if !xrays.is_empty() { p.muted.small { (reader.say(Text::PreviewNote)) } }
        }
    }
}

fn figure(reader: &Reader, xray: &Xray) -> Markup {
    let caption = reader.say(xray.caption);
    html! {
        figure.xray {
            div.frame {
                div.sheet {
                    img src={ "/artefacts/" (xray.preview) } alt=(caption) loading="lazy";
                    @if let Some(overlay) = &xray.overlay { (lines(overlay)) }
                }
            }
            figcaption { (caption) " " span.muted.small { (xray.stem) } }
        }
    }
}

/// The lines as a drawing over the picture: twice, dark and wide below, so
/// that they stand out on white bone too.
fn lines(overlay: &Overlay) -> Markup {
    let view = format!("-0.5 -0.5 {} {}", overlay.columns, overlay.rows);
    html! {
        svg viewBox=(view) preserveAspectRatio="none" aria-hidden="true" {
            @for outline in &overlay.outlines {
                @let points = points(&outline.points);
                polyline.under points=(points) {}
                polyline.(bone_class(&outline.bone)) points=(points) {}
            }
        }
    }
}

fn bone_class(bone: &str) -> &'static str {
    match bone {
        "ulna" => "ulna",
        _ => "radius",
    }
}

/// Points as a drawing's text, closed. What is not a finite number is left out.
fn points(points: &[[f64; 2]]) -> String {
    let closed = points.iter().chain(points.first());
    let good = closed.filter(|point| point.iter().all(|value| value.is_finite()));
    let texts: Vec<String> = good.map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_overlay_is_drawn_in_the_images_own_pixels() {
        let text = r#"{"notice":"n","image":"01-pa","rows":200,"columns":100,"outlines":[
            {"bone":"radius","points":[[1.0,2.0],[3.25,4.0]]},
            {"bone":"ulna","points":[]}]}"#;
        let drawn = lines(&serde_json::from_str(text).unwrap()).into_string();
        assert!(drawn.contains("viewBox=\"-0.5 -0.5 100 200\""));
        assert!(drawn.contains("class=\"radius\" points=\"1.0,2.0 3.2,4.0 1.0,2.0\""));
        assert!(drawn.contains("class=\"ulna\" points=\"\""));
    }

    #[test]
    fn captions_follow_the_view() {
        assert_eq!(caption("01-pa"), Text::ViewPa);
        assert_eq!(caption("02-lateral"), Text::ViewLateral);
        assert_eq!(caption("01-image"), Text::ViewUnknown);
    }
}
