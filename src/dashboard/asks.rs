//! What a person asks for. The dashboard writes the request's row; the
//! pipeline acts on it. A request counts only if it comes from our own page:
//! the page's token, and the browser's word for where it came from.

use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::detail::study_id;
use super::reader::{Reader, value};
use super::words::address;
use super::{Board, DashboardError};
use crate::names::Digest;
use crate::page::Text;
use crate::study::RequestKind;
use crate::study::StudyId;

/// A secret of this run of the program, out of the keys that the standard
/// library draws from the system's random source for its hash maps (128 bits).
pub(super) fn new_secret() -> Digest {
    let keyed = RandomState::new();
    let bytes: Vec<u8> = (0_u8..8)
        .flat_map(|index| keyed.hash_one(index).to_le_bytes())
        .collect();
    Digest::of(&bytes)
}

/// The token of the forms of a study, or of another thing that has a name.
pub(super) fn token(secret: &Digest, id: &dyn Display) -> String {
    let mut bytes = secret.as_bytes().to_vec();
    bytes.extend(id.to_string().into_bytes());
    bytes.extend(secret.as_bytes());
    Digest::of(&bytes).hex()
}

/// A button that asks for something of a study.
pub(super) fn button(board: &Board, reader: &Reader, id: &StudyId, kind: RequestKind) -> Markup {
    let (text, class) = if kind == RequestKind::Retry {
        (Text::Retry, Some("primary"))
    } else {
        (Text::SeenIt, None)
    };
    html! {
        form method="post" action={ (address(id)) "/ask" } {
            input type="hidden" name="token" value=(board.token(reader, &format!("ask {id}")));
            input type="hidden" name="kind" value=(kind.name());
            button class=[class] type="submit" { (reader.say(text)) }
        }
    }
}

/// `POST /studies/{key}/{generation}/ask`.
pub(super) async fn ask(
    State(board): State<Board>,
    Path(path): Path<(String, u32)>,
    reader: Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let id = study_id(path)?;
    let form = std::str::from_utf8(&body).unwrap_or("");
    board.check(&reader, &headers, &body, &format!("ask {id}"))?;
    let who = reader.visitor.person().map(|person| person.name.clone());
    let kinds = [RequestKind::Retry, RequestKind::AcknowledgeTrouble];
    let kind = kinds
        .into_iter()
        .find(|kind| value(form, "kind") == Some(kind.name()))
        .ok_or(DashboardError::NotFound)?;
    let back = address(&id);
    board
        .blocking(move |board| {
            if board.store.study(&id)?.is_none() {
                return Err(DashboardError::NotFound);
            }
            Ok(board.store.ask(&id, kind, who.as_ref())?)
        })
        .await?;
    let mut answer = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(&back).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    Ok(answer)
}

/// Whether the browser says that a page of this very server sent it.
pub(super) fn from_our_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_token_is_of_one_study_and_one_run() {
        let id = |generation| StudyId {
            key: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            generation,
        };
        let secret = new_secret();
        assert_eq!(token(&secret, &id(1)), token(&secret, &id(1)));
        assert_ne!(token(&secret, &id(1)), token(&secret, &id(2)));
        assert_ne!(token(&secret, &id(1)), token(&new_secret(), &id(1)));
    }
}
