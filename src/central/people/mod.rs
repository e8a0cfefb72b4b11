//! The listener for people: sign in, look at what is held, download a surface.
//! Loopback and plain HTTP; nothing here changes what the central holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::CentralError;
use super::inbox::Inbox;
use super::stow::Chain;
use crate::clock::Clock;
use crate::identity::PasswordHash;
use crate::identity::Sessions;
use crate::identity::random_token;
use crate::page::Asset;
use crate::page::Language;
use crate::page::SECURITY_HEADERS;
use crate::page::Text;
use crate::page::form_value;

mod contents;
mod views;

use views::{Shown, StudyPage};

/// Largest sign-in form.
const FORM: usize = 4096;
/// Most studies on the list.
const LIST: u32 = 500;

/// What the handlers need.
#[derive(Clone)]
struct Desk {
    inbox: Arc<Inbox>,
    clock: Clock,
    user: Arc<str>,
    hash: Arc<PasswordHash>,
    sessions: Arc<Mutex<Sessions<()>>>,
    /// One password at a time is hashed: the work is dear on purpose.
    hashing: Arc<Semaphore>,
}

impl Desk {
    fn sessions(&self) -> MutexGuard<'_, Sessions<()>> {
        // A panic leaves no half session.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes for people.
pub(super) fn app(inbox: Arc<Inbox>, clock: Clock, user: &str, hash: PasswordHash) -> Router {
    let desk = Desk {
        inbox,
        clock,
        user: user.into(),
        hash: Arc::new(hash),
        sessions: Arc::new(Mutex::new(Sessions::new("central_session"))),
        hashing: Arc::new(Semaphore::new(1)),
    };
    let inside = Router::new()
        .route("/", get(list))
        .route("/studies/{study}", get(show))
        .route(
            "/studies/{study}/objects/{instance}/surface.stl",
            get(surface),
        )
        .route_layer(middleware::from_fn_with_state(desk.clone(), signed_in));
    Router::new()
        .route("/login", get(ask).post(sign_in))
        .route("/logout", post(sign_out))
        .route("/language", get(choose))
        .route("/assets/{name}", get(asset))
        .merge(inside)
        .fallback(nothing)
        .layer(middleware::from_fn(guarded))
        .with_state(desk)
}

/// Every answer carries the security headers; a form from another site is
/// refused (the browser itself says where it comes from).
async fn guarded(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site");
    let foreign = site.is_some_and(|site| site != "same-origin" && site != "none");
    let mut response = if foreign && request.method() != "GET" {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets those in who are signed in; the others are asked to.
async fn signed_in(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let now = desk.clock.now();
    let known = desk.sessions().use_one(cookies(request.headers()), now);
    if known.is_some() {
        next.run(request).await
    } else {
        Redirect::to("/login").into_response()
    }
}

fn cookies(headers: &HeaderMap) -> &str {
    let cookies = headers.get(header::COOKIE);
    cookies.and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    Language::choose(None, Some(cookies(headers)), accepted)
}

fn html(status: StatusCode, page: Markup) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, page.into_string()).into_response()
}

async fn ask(headers: HeaderMap) -> Response {
    html(StatusCode::OK, views::sign_in(language(&headers), None))
}

async fn sign_in(State(desk): State<Desk>, request: Request) -> Response {
    let language = language(request.headers());
    let refuse = |text: &str| {
        html(
            StatusCode::UNAUTHORIZED,
            views::sign_in(language, Some(text)),
        )
    };
    let Ok(body) = to_bytes(request.into_body(), FORM).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (user, password) = (form_value(&body, "user"), form_value(&body, "password"));
    let Ok(_turn) = Arc::clone(&desk.hashing).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if let Some(left) = desk.sessions().locked(desk.clock.now()) {
        let text = Text::TooManyTries.fill(language, &[&left.as_secs().max(1)]);
        return refuse(&text);
    }
    let hash = Arc::clone(&desk.hash);
    // The hash is computed for a wrong user too: the time tells nothing.
    let verified = spawn_blocking(move || hash.verify(&password)).await;
    let good = verified.unwrap_or(false) && user == *desk.user;
    let now = desk.clock.now();
    if !good {
        desk.sessions().failed(now);
        tracing::warn!("a sign-in failed");
        return refuse(Text::SignInFailed.say(language));
    }
    let Ok(token) = random_token() else {
        return html(
            StatusCode::INTERNAL_SERVER_ERROR,
            views::trouble(language, true),
        );
    };
    let cookie = {
        let mut sessions = desk.sessions();
        sessions.open(&token, (), now);
        sessions.set_cookie(&token)
    };
    tracing::info!("signed in");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

async fn sign_out(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let cookie = {
        let mut sessions = desk.sessions();
        sessions.close(cookies(&headers));
        sessions.clear_cookie()
    };
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

/// A choice of language, and the page to go back to.
#[derive(Debug, Deserialize)]
struct Choice {
    to: String,
    #[serde(default)]
    back: String,
}

async fn choose(Query(choice): Query<Choice>) -> Response {
    let Some(language) = Language::from_code(&choice.to) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Only a path of this server: `//host` and `/\host` would lead elsewhere.
    let own = choice.back.starts_with('/')
        && !choice.back.starts_with("//")
        && choice
            .back
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '\\');
    let back = if own { choice.back.as_str() } else { "/" };
    (
        [(header::SET_COOKIE, language.cookie())],
        Redirect::to(back),
    )
        .into_response()
}

async fn asset(Path(name): Path<String>) -> Response {
    match Asset::find(&name) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, Asset::CACHE_CONTROL),
            ],
            asset.bytes.as_slice(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn nothing(headers: HeaderMap) -> Response {
    html(
        StatusCode::NOT_FOUND,
        views::trouble(language(&headers), false),
    )
}

/// Looks something up off the runtime's threads and shows it; nothing found
/// and nothing readable have their pages.
async fn look<T: Send + 'static>(
    headers: &HeaderMap,
    lookup: impl FnOnce() -> Result<Option<T>, CentralError> + Send + 'static,
    answer: impl FnOnce(Language, T) -> Response,
) -> Response {
    let language = language(headers);
    match spawn_blocking(lookup).await {
        Ok(Ok(Some(found))) => answer(language, found),
        Ok(Ok(None)) => html(StatusCode::NOT_FOUND, views::trouble(language, false)),
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "showing a page");
            failed(language)
        }
        Err(error) => {
            tracing::error!(%error, "showing a page");
            failed(language)
        }
    }
}

fn failed(language: Language) -> Response {
    html(
        StatusCode::INTERNAL_SERVER_ERROR,
        views::trouble(language, true),
    )
}

async fn list(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let lookup = move || desk.inbox.studies(LIST).map(Some);
    look(&headers, lookup, |language, rows| {
        html(StatusCode::OK, views::studies(language, &rows))
    })
    .await
}

async fn show(State(desk): State<Desk>, Path(study): Path<String>, headers: HeaderMap) -> Response {
    let lookup = move || study_page(&desk.inbox, study);
    look(&headers, lookup, |language, page| {
        html(StatusCode::OK, views::study(language, &page))
    })
    .await
}

/// Everything on a study's page; nothing if no object of it is held. Blocking.
fn study_page(inbox: &Inbox, study: String) -> Result<Option<StudyPage>, CentralError> {
    let instances = inbox.study(&study)?;
    let Some(pseudonym) = instances.first().map(|first| first.pseudonym.clone()) else {
        return Ok(None);
    };
    let mut page = StudyPage {
        study,
        pseudonym,
        side: String::new(),
        objects: Vec::new(),
        measures: Vec::new(),
    };
    for instance in instances {
        let bytes = inbox.bytes(&instance)?;
        let bone = contents::bone(&bytes);
        if let Some((_, side)) = contents::surface(&bytes) {
            page.side = side;
        }
        page.measures.extend(contents::measures(&bytes));
        page.objects.push(Shown { instance, bone });
    }
    Ok(Some(page))
}

async fn surface(
    State(desk): State<Desk>,
    Path((study, instance)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let lookup = move || {
        let found = desk.inbox.instance(&instance)?;
        let Some(found) = found.filter(|found| found.study == study) else {
            return Ok(None);
        };
        let bytes = desk.inbox.bytes(&found)?;
        Ok(contents::surface(&bytes).map(|(stl, _)| stl))
    };
    look(&headers, lookup, |_, stl| {
        let kind = [(header::CONTENT_TYPE, "model/stl")];
        (kind, Body::from(stl)).into_response()
    })
    .await
}
