//! A study's page: what it is, what holds it up, pictures, bones, numbers,
//! steps, and what happened. Each panel is a part that a live page replaces
//! alone, so the 3-D view stays as the reader turned it.

mod bones;
mod measures;
mod outline;
mod protection;
mod steps;

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::asks::button;
use super::list::side_text;
use super::reader::{Html, Reader};
use super::words::{Standing, ago, moment, refusal, short_name, step, trouble};
use super::{Board, DashboardError, reveal};
use crate::clock::Moment;
use crate::names::Digest;
use crate::page::Text;
use crate::store::StudyDetail;
use crate::study::Outcome;
use crate::study::RequestKind;
use crate::study::StudyId;

/// The study that an address names.
///
/// # Errors
/// [`DashboardError::NotFound`] if it names none.
pub(super) fn study_id((key, generation): (String, u32)) -> Result<StudyId, DashboardError> {
    Ok(StudyId {
        key: key.parse().map_err(|_| DashboardError::NotFound)?,
        generation,
    })
}

/// The first digits of a digest, enough to tell two apart.
pub(super) fn short_digest(digest: &Digest) -> String {
    short(&digest.hex())
}

/// The first twelve characters.
fn short(text: &str) -> String {
    text.chars().take(12).collect()
}

/// `GET /studies/{key}/{generation}`.
pub(super) async fn page(
    State(board): State<Board>,
    Path(path): Path<(String, u32)>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let id = study_id(path)?;
    let (detail, xrays) = board
        .blocking(move |board| {
            let detail = board.store.study(&id)?.ok_or(DashboardError::NotFound)?;
            let xrays = outline::xrays(&board.store, &detail)?;
            Ok((detail, xrays))
        })
        .await?;
    let name = short_name(&detail.row);
    let now = board.clock.now();
    let body = html! {
        div data-only-study=(detail.row.id) {
            p { a href="/" { "← " (reader.say(Text::Back)) } }
            (head(&reader, &detail, now))
            (held(&board, &reader, &detail))
            (refused(&reader, &detail))
            (outline::panel(&reader, &xrays))
            div.columns {
                (bones::panel(&reader, &detail))
                (measures::panel(&reader, &detail))
            }
            div.columns {
                (steps::panel(&reader, &detail))
                (protection::deidentification(&reader, &detail))
            }
            div.columns {
                (protection::sending(&reader, &detail, board.has_central))
                (reveal::panel(&board, &reader, &detail))
            }
            (bones::downloads(&reader, &detail))
            (steps::journal(&reader, &detail))
        }
    };
    Ok(reader.live(&name, &body, true))
}

fn head(reader: &Reader, detail: &StudyDetail, now: Moment) -> Markup {
    let row = &detail.row;
    let side = match &row.outcome {
        Some(Outcome::Reconstructed { side, .. }) => Some(*side),
        _ => None,
    };
    html! {
        section id="head" data-part {
            h1 { (short_name(row)) " " (Standing::of(row).markup(reader)) }
            dl.facts {
                @if let Some(pseudonym) = &row.pseudonym {
                    dt { (reader.say(Text::Pseudonym)) }
                    dd { span.key { (pseudonym) } }
                }
                dt { (reader.say(Text::StudyKey)) }
                dd { span.key { (row.id.key) } }
                @if row.id.generation > 1 {
                    dt { (Text::Generation.fill(reader.language, &[&row.id.generation])) }
                    dd { (reader.say(Text::LateImages)) }
                }
                @if let Some(side) = side {
                    dt { (reader.say(Text::Side)) }
                    dd { b { (reader.say(side_text(side))) } }
                }
                dt { (reader.say(Text::Source)) }
                dd { (row.source) }
                dt { (reader.say(Text::ReceivedAt)) }
                dd { (moment(row.opened)) " " (ago(reader, row.opened, now)) }
            }
        }
    }
}

/// What holds it up: what, where, since when, and what to do.
fn held(board: &Board, reader: &Reader, detail: &StudyDetail) -> Markup {
    let Some(held) = &detail.row.trouble else {
        return html! { section id="trouble" data-part {} };
    };
    let (what, remedy) = trouble(reader, held);
    let stuck_at = super::words::next(detail.row.state).unwrap_or(detail.row.state);
    html! {
        section.panel.person id="trouble" data-part role="alert" {
            h2 { (reader.say(Text::Trouble)) }
            p { b { (what) } }
            p { (remedy) }
            p.muted {
                (Text::TroubleWhere.fill(reader.language, &[&reader.say(step(stuck_at))])) " · "
                (reader.say(Text::TroubleSince)) " " (moment(held.since)) " · "
                (Text::TroubleTries.fill(reader.language, &[&held.tries])) " · "
                @if let Some(next) = held.next_try {
                    (reader.say(Text::NextTry)) " " (moment(next))
                } @else {
                    (reader.say(Text::NoNextTry))
                }
            }
            @if !held.detail.is_empty() {
                p.small { (reader.say(Text::Detail)) ": " code { (held.detail) } }
            }
            (button(board, reader, &detail.row.id, RequestKind::Retry))
            @if let Some(by) = &held.acknowledged_by {
                p.muted { (Text::SeenBy.fill(reader.language, &[by])) }
            } @else {
                (button(board, reader, &detail.row.id, RequestKind::AcknowledgeTrouble))
            }
        }
    }
}

fn refused(reader: &Reader, detail: &StudyDetail) -> Markup {
    let Some(Outcome::Refused { reasons }) = &detail.row.outcome else {
        return html! { section id="refusal" data-part {} };
    };
    html! {
        section.panel.refused id="refusal" data-part {
            h2 { (reader.say(Text::Refusal)) }
            @for reason in reasons {
                p { b { (refusal(reader, reason)) } " " code.muted { (reason.code) } }
            }
            p.muted { (reader.say(Text::RefusalNote)) }
        }
    }
}
