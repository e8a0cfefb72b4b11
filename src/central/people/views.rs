//! The pages, as functions of what they show.

use maud::{Markup, html};

use super::contents::Measured;
use crate::central::admit::CLASSES;
use crate::central::inbox::{Instance, StudyRow};
use crate::page::Language;
use crate::page::Layout;
use crate::page::Link;
use crate::page::MeasureText;
use crate::page::Text;
use crate::page::Viewer;
use crate::page::unit_text;

/// The way around, for those who are signed in.
const LINKS: &[Link] = &[Link {
    href: "/",
    text: Text::Studies,
}];

/// A page around a body.
fn page(
    language: Language,
    title: &str,
    here: &str,
    links: &[Link],
    has_viewer: bool,
    body: &Markup,
) -> Markup {
    Layout {
        language,
        place: "bonebox central",
        title,
        here,
        links,
        events: None,
        has_viewer,
    }
    .page(body)
}

/// The sign-in page; after a failed try it says so.
pub(super) fn sign_in(language: Language, fault: Option<&str>) -> Markup {
    let say = |text: Text| text.say(language);
    let body = html! {
        h1 { (say(Text::SignIn)) }
        @if let Some(fault) = fault { p role="alert" { (fault) } }
        form method="post" action="/login" {
            p { label { (say(Text::UserName)) " "
                input name="user" autocomplete="username" required; } }
            p { label { (say(Text::Password)) " "
                input name="password" type="password" autocomplete="current-password" required; } }
            p { button type="submit" { (say(Text::SignIn)) } }
        }
    };
    page(language, say(Text::SignIn), "/login", &[], false, &body)
}

fn sign_out(language: Language) -> Markup {
    html! {
        form method="post" action="/logout" {
            button type="submit" { (Text::SignOut.say(language)) }
        }
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// The list of studies.
pub(super) fn studies(language: Language, rows: &[StudyRow]) -> Markup {
    let say = |text: Text| text.say(language);
    let body = html! {
        h1 { (say(Text::Studies)) }
        @if rows.is_empty() {
            p { (say(Text::NoStudies)) }
        } @else {
            table.cards {
                thead { tr {
                    th scope="col" { (say(Text::Pseudonym)) }
                    th scope="col" { (say(Text::ReceivedAt)) }
                    th scope="col" { (say(Text::ObjectsWord)) }
                    th scope="col" { (say(Text::Size)) }
                    th scope="col" { (say(Text::FromBox)) }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { a href={ "/studies/" (row.study) } { (row.pseudonym) } }
                    td data-head=(say(Text::ReceivedAt)) { (row.at) }
                    td data-head=(say(Text::ObjectsWord)) { (row.instances) }
                    td data-head=(say(Text::Size)) { (size(row.size)) }
                    td data-head=(say(Text::FromBox)) { (row.sender) }
                } } }
            }
        }
        (sign_out(language))
    };
    page(language, say(Text::Studies), "/", LINKS, false, &body)
}

/// An object of a study, as its page shows it.
pub(super) struct Shown {
    /// Its row.
    pub(super) instance: Instance,
    /// The bone, if it is a surface.
    pub(super) bone: Option<&'static str>,
}

/// Everything on a study's page.
pub(super) struct StudyPage {
    /// Study Instance UID.
    pub(super) study: String,
    /// Whose.
    pub(super) pseudonym: String,
    /// `R`, `L`, or nothing.
    pub(super) side: String,
    /// The objects.
    pub(super) objects: Vec<Shown>,
    /// The measures of its reports.
    pub(super) measures: Vec<Measured>,
}

impl StudyPage {
    fn surface(&self, bone: &str) -> Option<String> {
        let shown = self.objects.iter().find(|shown| shown.bone == Some(bone))?;
        Some(surface_url(&shown.instance))
    }
}

fn surface_url(instance: &Instance) -> String {
    format!(
        "/studies/{}/objects/{}/surface.stl",
        instance.study, instance.sop_instance
    )
}

/// A study's page.
pub(super) fn study(language: Language, shown: &StudyPage) -> Markup {
    let say = |text: Text| text.say(language);
    let side = match shown.side.as_str() {
        "R" => say(Text::SideRight),
        "L" => say(Text::SideLeft),
        _ => "",
    };
    let viewer = Viewer {
        scene: None,
        radius: shown.surface("radius"),
        ulna: shown.surface("ulna"),
        thumb_negative: shown.side == "L",
        twin: Text::ViewerTwin.fill(language, &[&side]),
    };
    let has_viewer = viewer.radius.is_some() || viewer.ulna.is_some();
    let body = html! {
        h1 { (shown.pseudonym) " " (side) }
        @if !shown.measures.is_empty() {
            section {
                h2 { (say(Text::Measures)) }
                (measures(language, &shown.measures))
            }
        }
        @if has_viewer {
            section {
                h2 { (say(Text::Bones)) }
                (viewer.markup(language))
            }
        }
        section {
            h2 { (say(Text::ObjectsWord)) }
            (objects(language, &shown.objects))
        }
        p { a href="/" { (say(Text::Back)) } }
        (sign_out(language))
    };
    let here = format!("/studies/{}", shown.study);
    page(language, &shown.pseudonym, &here, LINKS, has_viewer, &body)
}

fn measures(language: Language, measures: &[Measured]) -> Markup {
    let say = |text: Text| text.say(language);
    html! {
        table.cards {
            thead { tr {
                th scope="col" { (say(Text::Measure)) }
                th scope="col" { (say(Text::Value)) }
                th scope="col" { (say(Text::MeasuredOn)) }
                th scope="col" { (say(Text::Model)) }
            } }
            tbody { @for measured in measures { tr {
                th scope="row" title=(measured.method) { (name(language, &measured.name)) }
                td.number data-head=(say(Text::Value)) { (value(language, measured)) }
                td data-head=(say(Text::MeasuredOn)) { (measured.measured_on) }
                td data-head=(say(Text::Model)) { (measured.model) }
            } } }
        }
        p { (say(Text::NoPatients)) }
    }
}

fn name(language: Language, figure: &str) -> String {
    MeasureText::of(figure).map_or_else(|| figure.to_owned(), |text| text.name(language).to_owned())
}

/// `23.5 ± 2.4 °`; what could not be observed says so.
fn value(language: Language, measured: &Measured) -> String {
    let Some(value) = measured.value else {
        return Text::Unobservable.say(language).to_owned();
    };
    let unit = unit_text(&measured.unit);
    match measured.half_width {
        Some(half) => format!("{value:.1} ± {half:.1} {unit}"),
        None => format!("{value:.1} {unit}"),
    }
}

fn objects(language: Language, objects: &[Shown]) -> Markup {
    let say = |text: Text| text.say(language);
    let kind = |class: &str| {
        let known = CLASSES.iter().find(|(uid, _)| *uid == class);
        known.map_or_else(|| class.to_owned(), |(_, name)| (*name).to_owned())
    };
    html! {
        table.cards {
            thead { tr {
                th scope="col" { (say(Text::Kind)) }
                th scope="col" { (say(Text::Size)) }
                th scope="col" { (say(Text::ReceivedAt)) }
                th scope="col" { (say(Text::FromBox)) }
                th scope="col" { "SHA-256" }
                th scope="col" { (say(Text::Downloads)) }
            } }
            tbody { @for shown in objects { tr {
                th scope="row" { (kind(&shown.instance.sop_class)) }
                td data-head=(say(Text::Size)) { (size(shown.instance.size)) }
                td data-head=(say(Text::ReceivedAt)) { (shown.instance.at) }
                td data-head=(say(Text::FromBox)) { (shown.instance.sender) }
                td data-head="SHA-256" {
                    code title=(shown.instance.digest.hex()) {
                        (shown.instance.digest.hex().chars().take(12).collect::<String>())
                    }
                }
                td data-head=(say(Text::Downloads)) {
                    @if let Some(bone) = shown.bone {
                        a href=(surface_url(&shown.instance)) download={ (bone) ".stl" } {
                            (bone) ".stl"
                        }
                    }
                }
            } } }
        }
    }
}

/// There is no such page, or it cannot be shown.
pub(super) fn trouble(language: Language, failed: bool) -> Markup {
    let (title, text) = if failed {
        (Text::Failed, Text::FailedText)
    } else {
        (Text::NotFound, Text::NotFoundText)
    };
    let body = html! {
        h1 { (title.say(language)) }
        p { (text.say(language)) }
        p { a href="/" { (Text::Back.say(language)) } }
    };
    page(language, title.say(language), "/", LINKS, false, &body)
}
