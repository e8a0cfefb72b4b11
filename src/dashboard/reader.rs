//! The reader of a page: language, and where they are.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped};

use super::access::Visitor;
use crate::names::Role;
use crate::page::Language;
use crate::page::Layout;
use crate::page::Link;
use crate::page::Text;

/// The way around the dashboard: what a visitor may open.
fn links(visitor: &Visitor) -> Vec<Link> {
    let link = |href, text| Link { href, text };
    let studies = link("/", Text::Studies);
    let health = link("/health", Text::Health);
    let about = link("/about", Text::About);
    let journal = link("/journal", Text::Journal);
    let account = link("/account", Text::Account);
    let quarantine = link("/quarantine", Text::Quarantine);
    match visitor {
        Visitor::Stranger => vec![link("/sign-in", Text::SignIn)],
        Visitor::Open => vec![studies, health, about, link("/set-up", Text::SetUp)],
        Visitor::Person(person) => match person.role {
            Role::Radiographer => vec![studies, quarantine, health, about, account],
            Role::Service => vec![health, about, account],
            Role::Auditor => vec![journal, health, about, account],
            Role::Administrator => {
                let accounts = link("/accounts", Text::Accounts);
                vec![
                    studies, quarantine, health, accounts, journal, about, account,
                ]
            }
        },
    }
}

/// Who reads, and where.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// The reader's language.
    pub(super) language: Language,
    /// Who it is.
    pub(super) visitor: Visitor,
    asked: Option<Language>,
    here: String,
    query: String,
}

impl Reader {
    /// A text in the reader's language.
    pub(super) fn say(&self, text: Text) -> &'static str {
        text.say(self.language)
    }

    /// The value of a key of the query, as it stands there.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        value(&self.query, key)
    }

    /// A page that stands still.
    pub(super) fn layout(&self, title: &str, body: &Markup) -> Html {
        self.page(title, body, None, false)
    }

    /// A page that keeps itself live.
    pub(super) fn live(&self, title: &str, body: &Markup, has_viewer: bool) -> Html {
        self.page(title, body, Some("/events"), has_viewer)
    }

    fn page(&self, title: &str, body: &Markup, events: Option<&str>, has_viewer: bool) -> Html {
        let links = links(&self.visitor);
        let layout = Layout {
            language: self.language,
            place: "bonebox",
            title,
            here: &self.here,
            links: &links,
            events,
            has_viewer,
        };
        Html(layout.page(body))
    }

    /// The cookie to set when the address asked for a language.
    pub(super) fn asked_cookie(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.asked?.cookie()).ok()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Ok(visitor) = Visitor::from_request_parts(parts, state).await;
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let query = parts.uri.query().unwrap_or("");
        let asked = value(query, "lang");
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        Ok(Self {
            visitor,
            language: Language::choose(asked, header(COOKIE), header(ACCEPT_LANGUAGE)),
            asked: asked.and_then(Language::from_code),
            here: path,
            query: query.to_owned(),
        })
    }
}

/// The value of a key in `a=1&b=2`, not decoded: every value that we read is
/// letters, digits and dashes.
pub(super) fn value<'a>(form: &'a str, key: &str) -> Option<&'a str> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

/// A page as an answer.
#[derive(Debug)]
pub(super) struct Html(Markup);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let PreEscaped(text) = self.0;
        axum::response::Html(text).into_response()
    }
}

/// Remembers a language and leads back: `/language?to=ja&back=/health`.
pub(super) async fn language(reader: Reader) -> Response {
    let to = reader.query("to").and_then(Language::from_code);
    let back = reader.query("back").map(decode).unwrap_or_default();
    let mut answer = StatusCode::SEE_OTHER.into_response();
    let path = if is_own_path(&back) { &back } else { "/" };
    let path = without_language(path);
    let location = HeaderValue::from_str(&path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(LOCATION, location);
    if let Some(cookie) = to.and_then(|to| HeaderValue::from_str(&to.cookie()).ok()) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// A path on this server: nothing that a browser could read as another's.
fn is_own_path(path: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"/?=&-._~%".contains(&b);
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(safe)
}

/// The path without an earlier `lang=`, which would win over the cookie.
fn without_language(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("lang="))
        .collect();
    if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    }
}

/// Percent-decoding; what is not well-formed stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(hex.unwrap_or(first));
        rest = hex.and_then(|_| tail.get(2..)).unwrap_or(tail);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_here() {
        for good in ["/", "/studies/0123/1", "/?show=person"] {
            assert!(is_own_path(good), "{good}");
        }
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "",
            "/<script>",
        ] {
            assert!(!is_own_path(bad), "{bad}");
        }
        assert_eq!(decode("/%3Fshow%3dperson%zz"), "/?show=person%zz");
        assert_eq!(without_language("/?lang=ja&show=today"), "/?show=today");
        assert_eq!(without_language("/?lang=ja"), "/");
    }
}
