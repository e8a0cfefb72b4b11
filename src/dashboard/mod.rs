//! Shows the radiographer the box: the studies live, a study's pictures, bones
//! and numbers, and how the box is. It reads the store and writes requests; it
//! never acts.
//!
//! It opens on the box itself only: the listener is a loopback address, and a
//! request that was sent to another host name is refused (a page elsewhere whose
//! name was bent to this address). From the first account on it asks who it is
//! (`access`). No name of a person is in the store, so none can be shown, but by
//! the vault (`reveal`).

mod about;
mod access;
mod asks;
mod callers;
mod detail;
mod events;
mod files;
mod health;
mod journal;
mod list;
mod people;
mod quarantine;
mod reader;
mod reveal;
mod words;

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::html;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Settings;
use crate::identity::Sessions;
use crate::names::AccountName;
use crate::names::Digest;
use crate::page::Asset;
use crate::page::SECURITY_HEADERS;
use crate::page::Text;
use crate::page::form_value;
use crate::store::Store;
use crate::store::StoreError;
use crate::vault::Vault;
use crate::vault::VaultError;

pub use health::{Contact, Disk, Health, HealthSource, Inference, Level, Process};
use reader::Reader;

/// Largest body of a request: a form of two short fields.
const BODY_LIMIT: usize = 4096;
/// How long open pages may finish when the box stops. Event streams never end
/// by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// What a page could not show.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The store could not be read or written. The page says so; reload.
    #[error("reading the box's records")]
    Store(#[from] StoreError),
    /// A task ended without an answer: the box is shutting down.
    #[error("a task ended without an answer")]
    Ended,
    /// There is no such page, study or file.
    #[error("no such page")]
    NotFound,
    /// A request did not come from our own page. Nothing was done.
    #[error("a request from elsewhere")]
    Forbidden,
    /// The role may not do this, or nobody is signed in. Nothing was done.
    #[error("not allowed in this role")]
    NotAllowed,
    /// The vault could not be asked, or did not answer. Nothing was shown.
    #[error("asking the vault")]
    Vault(#[from] VaultError),
    /// The listener failed. The box goes on without its dashboard.
    #[error("serving the dashboard")]
    Serve(#[source] std::io::Error),
}

/// What every page needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Board {
    store: Store,
    clock: Clock,
    quiet_period: Duration,
    has_central: bool,
    health: HealthSource,
    entries: events::Entries,
    secret: Arc<Digest>,
    vault: Arc<Vault>,
    sessions: Arc<Mutex<Sessions<AccountName>>>,
    /// A password's hash takes memory and time: one at a time.
    hashing: Arc<Semaphore>,
    /// Previews that were opened and not yet fetched.
    opened: Arc<quarantine::Opened>,
    /// How long what is held apart waits.
    quarantine: Duration,
}

impl Board {
    /// The token of a form: of its purpose, of this session, of this run.
    fn token(&self, reader: &Reader, purpose: &dyn Display) -> String {
        let person = reader.visitor.person();
        let session = person.map_or("", |person| person.session.as_str());
        asks::token(&self.secret, &format!("{session} {purpose}"))
    }

    /// That a form came from our own page, in this session.
    fn check(
        &self,
        reader: &Reader,
        headers: &HeaderMap,
        body: &[u8],
        purpose: &dyn Display,
    ) -> Result<(), DashboardError> {
        let expected = self.token(reader, purpose);
        if asks::from_our_page(headers) && form_value(body, "token") == expected {
            Ok(())
        } else {
            Err(DashboardError::Forbidden)
        }
    }

    /// Runs a job that blocks (the store) off the runtime's threads.
    async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, DashboardError> + Send + 'static,
    ) -> Result<T, DashboardError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || job(&this))
            .await
            .map_err(|_| DashboardError::Ended)?
    }
}

/// The dashboard's pages over a store and a vault. A router is a function: tests
/// need no socket.
pub fn app(
    store: Store,
    vault: Arc<Vault>,
    settings: &Settings,
    clock: Clock,
    health: HealthSource,
) -> Router {
    let state = Board {
        entries: events::Entries::of(&store),
        quiet_period: settings.dicom.quiet_period,
        has_central: settings.central.is_some(),
        secret: Arc::new(asks::new_secret()),
        sessions: Arc::new(Mutex::new(Sessions::new(access::COOKIE))),
        hashing: Arc::new(Semaphore::new(1)),
        opened: Arc::default(),
        quarantine: settings.storage.quarantine,
        vault,
        store,
        clock,
        health,
    };
    Router::new()
        .route("/", get(list::page))
        .route("/events", get(events::stream))
        .route("/studies/{key}/{generation}", get(detail::page))
        .route("/studies/{key}/{generation}/ask", post(asks::ask))
        .route("/studies/{key}/{generation}/reveal", post(reveal::reveal))
        .route(
            "/studies/{key}/{generation}/withdraw",
            post(reveal::withdraw),
        )
        .route(
            "/studies/{key}/{generation}/files/{digest}",
            get(files::download),
        )
        .route("/artefacts/{digest}", get(files::artefact))
        .route("/assets/{name}", get(files::asset))
        .route("/health", get(health::page))
        .route("/health.json", get(health::json))
        .route("/health/senders", post(callers::ask))
        .route("/about", get(about::page))
        .route("/language", get(reader::language))
        .route("/sign-in", get(people::ask).post(people::sign_in))
        .route("/sign-out", post(people::sign_out))
        .route("/set-up", get(people::set_up).post(people::open))
        .route("/account", get(people::own))
        .route("/accounts", get(people::accounts).post(people::change))
        .route("/journal", get(journal::page))
        .route("/quarantine", get(quarantine::page))
        .route("/quarantine/opened/{token}", get(quarantine::opened))
        .route(
            "/quarantine/{key}/{generation}/{instance}/{verb}",
            post(quarantine::decide),
        )
        .fallback(async || DashboardError::NotFound)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), dress))
        .layer(from_fn(own_host))
        .with_state(state)
}

/// Serves the pages until the shutdown resolves.
///
/// # Errors
/// [`DashboardError::Serve`] if the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), DashboardError> {
    let (stopped, stop) = tokio::sync::oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The other end is gone only when serving has ended already.
        stopped.send(()).ok();
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(signal);
    tokio::select! {
        ended = serving => ended.map_err(DashboardError::Serve),
        () = async {
            if stop.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}

/// Answers only to loopback names, so that no page elsewhere can read this one
/// through a name of its own that leads here.
async fn own_host(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .map(|host| host.to_str().unwrap_or("").to_owned());
    if host.as_deref().is_none_or(is_loopback) {
        next.run(request).await
    } else {
        (
            StatusCode::MISDIRECTED_REQUEST,
            "These pages answer to 127.0.0.1 and localhost only.\n",
        )
            .into_response()
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

/// Says who asks, lets in whom it may, and gives each answer the headers of its
/// kind, and each failure its page.
async fn dress(State(board): State<Board>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = if parts.uri.path().starts_with("/assets/") {
        access::Visitor::Stranger
    } else {
        access::identify(&board, &parts.headers).await
    };
    let refusal = access::refusal(&visitor, &parts.method, parts.uri.path());
    parts.extensions.insert(visitor);
    let Ok(reader) = Reader::from_request_parts(&mut parts, &board).await;
    let mut answer = match refusal {
        Some(refusal) => refusal,
        None => next.run(Request::from_parts(parts, body)).await,
    };
    if let Some(failure) = answer.extensions_mut().remove::<Failure>() {
        answer = failure.page(&reader);
    }
    let headers = answer.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(cookie) = reader.asked_cookie() {
        headers.append(header::SET_COOKIE, cookie);
    }
    answer
}

/// What a failed answer carries until it gets its page in the reader's language.
#[derive(Clone, Copy)]
struct Failure(StatusCode, Text, Text);

impl Failure {
    fn page(self, reader: &Reader) -> Response {
        let Self(status, title, text) = self;
        let body = html! {
            h1 { (reader.say(title)) }
            p { (reader.say(text)) }
            p { a.button href="/" { (reader.say(Text::Back)) } }
        };
        (status, reader.layout(reader.say(title), &body)).into_response()
    }
}

impl IntoResponse for DashboardError {
    fn into_response(self) -> Response {
        let failure = match &self {
            Self::NotFound => Failure(StatusCode::NOT_FOUND, Text::NotFound, Text::NotFoundText),
            Self::Forbidden => Failure(StatusCode::FORBIDDEN, Text::Refused, Text::RefusedText),
            Self::NotAllowed | Self::Vault(VaultError::Forbidden) => Failure(
                StatusCode::FORBIDDEN,
                Text::NotAllowed,
                Text::NotAllowedText,
            ),
            Self::Store(_) | Self::Ended | Self::Serve(_) | Self::Vault(_) => {
                let cause = std::error::Error::source(&self).map(ToString::to_string);
                tracing::error!(target: "bonebox::dashboard", error = %self, cause, "page failed");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Failure(status, Text::Failed, Text::FailedText)
            }
        };
        let mut answer = failure.0.into_response();
        answer.extensions_mut().insert(failure);
        answer
    }
}

/// The answer that an asset is.
fn asset_answer(asset: &'static Asset) -> Response {
    (
        [
            (header::CONTENT_TYPE, asset.media_type),
            (header::CACHE_CONTROL, Asset::CACHE_CONTROL),
        ],
        asset.bytes.as_slice(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        for good in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:80",
            "[::1]:8080",
            "[::1]",
            "127.1.2.3",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.nip.io:8080",
            "10.0.0.5:80",
            "",
            "[fe80::1]:80",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
