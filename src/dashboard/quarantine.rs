//! Images that could not be de-identified with certainty, for the person who
//! decides: look at one (a reveal, recorded), let it pass, or drop it. The wish
//! is a row; the pipeline does it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::Visitor;
use super::detail::study_id;
use super::reader::{Html, Reader};
use super::reveal::{asked, reasons};
use super::words::{ago, moment, view};
use super::{Board, DashboardError};
use crate::clock::Moment;
use crate::identity::random_token;
use crate::names::InstanceKey;
use crate::page::Text;
use crate::page::code_text;
use crate::page::form_value;
use crate::store::HeldApart;
use crate::study::Quarantined;
use crate::study::RequestKind;
use crate::study::StudyId;

/// How long an opened preview waits for its page to fetch it.
const WAITS: Duration = Duration::from_secs(30);

/// An opened preview, of the session that opened it.
#[derive(Debug)]
struct Picture {
    session: String,
    at: Moment,
    png: Vec<u8>,
}

/// Opened previews on their way to the page that asked: each is given once, to
/// the session that opened it.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<HashMap<String, Picture>>);

impl Opened {
    fn put(&self, token: String, picture: Picture) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, held| picture.at.since(held.at) < WAITS);
        all.insert(token, picture);
    }

    fn take(&self, token: &str, session: &str, now: Moment) -> Option<Vec<u8>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.remove(token)?;
        (held.session == session && now.since(held.at) < WAITS).then_some(held.png)
    }
}

fn address(id: &StudyId, instance: &InstanceKey) -> String {
    format!("/quarantine/{}/{}/{instance}", id.key, id.generation)
}

/// `GET /quarantine`.
pub(super) async fn page(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let list = board
        .blocking(|board| Ok(board.store.quarantine()?))
        .await?;
    let days = board.quarantine.as_secs() / 86_400;
    let body = html! {
        h1 { (reader.say(Text::Quarantine)) " (" (list.len()) ")" }
        p { (reader.say(Text::QuarantineNote)) }
        p.muted.small { (Text::QuarantineDays.fill(reader.language, &[&days])) }
        @if list.is_empty() { p.empty { (reader.say(Text::NothingHeld)) } }
        @for held in &list { (card(&board, &reader, held)) }
    };
    Ok(reader.layout(reader.say(Text::Quarantine), &body))
}

fn card(board: &Board, reader: &Reader, held: &HeldApart) -> Markup {
    let why = code_text("quarantine", &held.reason);
    let why = why.map_or(held.reason.as_str(), |text| text.what(reader.language));
    let place = address(&held.study, &held.instance);
    let form = |verb: &str, text: Text, more: Markup| {
        let token = board.token(reader, &format!("{verb} {place}"));
        html! {
            form.stacked method="post" action={ (place) "/" (verb) } {
                input type="hidden" name="token" value=(token);
                (more)
                button type="submit" { (reader.say(text)) }
            }
        }
    };
    let can_pass = Quarantined::can_be_released(&held.reason);
    html! {
        section.panel {
            h2 { (held.facts.modality) " · " (reader.say(view(held.facts.view))) " · " (held.source) }
            p { b { (why) } " " code.muted { (held.reason) } }
            dl.facts {
                dt { (reader.say(Text::ReceivedAt)) }
                dd { (moment(held.at)) " " (ago(reader, held.at, board.clock.now())) }
                dt { (reader.say(Text::StudyKey)) }
                dd { a href={ "/studies/" (held.study.key) "/" (held.study.generation) } { span.key { (held.study.key) } } }
            }
            details id={ "look-" (held.instance) } {
                summary { (reader.say(Text::Look)) }
                (form("open", Text::Look, reasons(reader)))
            }
            @if can_pass {
                details id={ "release-" (held.instance) } {
                    summary { (reader.say(Text::Release)) }
                    (form("release", Text::Release, sure(reader, Text::ReleaseSure)))
                }
            } @else {
                p.muted.small { (reader.say(Text::CannotBeReleased)) }
            }
            details id={ "drop-" (held.instance) } {
                summary { (reader.say(Text::DropImage)) }
                (form("drop", Text::DropImage, sure(reader, Text::DropSure)))
            }
        }
    }
}

fn sure(reader: &Reader, text: Text) -> Markup {
    html! {
        label.choice {
            input type="checkbox" name="sure" value="yes" required;
            span { (reader.say(text)) }
        }
    }
}

/// `POST /quarantine/{key}/{generation}/{instance}/{verb}`.
pub(super) async fn decide(
    State(board): State<Board>,
    Path((key, generation, instance, verb)): Path<(String, u32, String, String)>,
    reader: Reader,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let id = study_id((key, generation))?;
    let instance: InstanceKey = instance.parse().map_err(|_| DashboardError::NotFound)?;
    let place = address(&id, &instance);
    board.check(&reader, &headers, &body, &format!("{verb} {place}"))?;
    if verb == "open" {
        return look(&board, &reader, &visitor, (id, instance), &body).await;
    }
    let kind = match verb.as_str() {
        "release" => RequestKind::Release {
            instance: instance.clone(),
        },
        "drop" => RequestKind::Drop {
            instance: instance.clone(),
        },
        _ => return Err(DashboardError::NotFound),
    };
    let person = visitor.seer().ok_or(DashboardError::NotAllowed)?;
    if form_value(&body, "sure") != "yes" {
        return Err(DashboardError::Forbidden);
    }
    let who = person.name.clone();
    board
        .blocking(move |board| {
            let held = board.store.held_apart(&id, &instance)?;
            let held = held.ok_or(DashboardError::NotFound)?;
            let is_release = matches!(kind, RequestKind::Release { .. });
            if is_release && !Quarantined::can_be_released(&held.reason) {
                return Err(DashboardError::NotAllowed);
            }
            Ok(board.store.ask(&id, kind, Some(&who))?)
        })
        .await?;
    Ok(Redirect::to("/quarantine").into_response())
}

/// Opens the sealed preview of an image and shows it, once.
async fn look(
    board: &Board,
    reader: &Reader,
    visitor: &Visitor,
    (id, instance): (StudyId, InstanceKey),
    body: &[u8],
) -> Result<Response, DashboardError> {
    let reveal = asked(visitor, body)?;
    let person = visitor.person().ok_or(DashboardError::NotAllowed)?;
    let png = board
        .blocking(move |board| {
            if board.store.held_apart(&id, &instance)?.is_none() {
                return Err(DashboardError::NotFound);
            }
            let record = |event| board.store.record_of(&id, event).is_ok();
            Ok(board.vault.open_preview(&instance, &reveal, record)?)
        })
        .await?;
    let token = random_token().map_err(|_| DashboardError::Ended)?;
    let has_picture = png.is_some();
    if let Some(png) = png {
        let picture = Picture {
            session: person.session.clone(),
            at: board.clock.now(),
            png,
        };
        board.opened.put(token.clone(), picture);
    }
    let title = reader.say(Text::Look);
    let body = html! {
        p { a href="/quarantine" { "← " (reader.say(Text::Back)) } }
        section.panel.person {
            h1 { (title) }
            @if has_picture {
                img.held src={ "/quarantine/opened/" (token) } alt=(reader.say(Text::PreviewAlt));
            } @else {
                p { (reader.say(Text::NoPreview)) }
            }
            p.muted.small { (reader.say(Text::RevealRecorded)) }
        }
    };
    Ok(reader.layout(title, &body).into_response())
}

/// `GET /quarantine/opened/{token}`: once, for the session that opened it.
pub(super) async fn opened(
    State(board): State<Board>,
    Path(token): Path<String>,
    visitor: Visitor,
) -> Result<Response, DashboardError> {
    let person = visitor.seer().ok_or(DashboardError::NotAllowed)?;
    let now = board.clock.now();
    let png = board.opened.take(&token, &person.session, now);
    let png = png.ok_or(DashboardError::NotFound)?;
    let kind = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((kind, png).into_response())
}
