//! DICOMweb for boxes: store (STOW-RS, PS3.18 10.5) and read back one's own.
//!
//! The answer speaks of each instance by itself, after it is durable: a part
//! that is refused does not harm the one beside it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::CentralError;
use super::admit::{Refused, admit};
use super::boxes::Sender;
use super::inbox::{Inbox, Kept};
use crate::clock::Clock;
use crate::names::Digest;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::wire::Withdrawal;
use crate::wire::multipart;
use crate::wire::stow::DICOM_JSON;
use crate::wire::stow::Failed;
use crate::wire::stow::Held;
use crate::wire::stow::Reason;
use crate::wire::stow::StowAnswer;

/// Largest request body in bytes.
const BODY: usize = 256_000_000;
/// Largest withdrawal in bytes.
const WITHDRAWAL: usize = 4096;
/// Longest time for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(300);
/// How much one request may hold.
const LIMITS: multipart::Limits = multipart::Limits {
    parts: 100,
    part_bytes: BODY,
};
/// How many bodies are held in memory at a time.
const AT_A_TIME: usize = 2;

/// What the handlers need.
#[derive(Debug, Clone)]
struct Desk {
    inbox: Arc<Inbox>,
    clock: Clock,
    seats: Arc<Semaphore>,
}

/// The routes for boxes; a layer must bring the [`Sender`].
pub(super) fn app(inbox: Arc<Inbox>, clock: Clock) -> Router {
    let desk = Desk {
        inbox,
        clock,
        seats: Arc::new(Semaphore::new(AT_A_TIME)),
    };
    Router::new()
        .route("/dicom-web/studies", post(store_any))
        .route("/dicom-web/studies/{study}", post(store_study))
        .route(
            "/dicom-web/studies/{study}/instances/{instance}",
            get(read_back),
        )
        .route("/dicom-web/withdrawals", post(withdraw))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(desk)
}

/// A box says that a patient withdrew (our own word, not of DICOMweb): what it
/// sent of them is erased before it hears that it is.
async fn withdraw(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    request: Request,
) -> Response {
    let Ok(body) = to_bytes(request.into_body(), WITHDRAWAL).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a withdrawal is too large");
    };
    let Ok(withdrawal) = serde_json::from_slice::<Withdrawal>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "not a withdrawal");
    };
    let from = sender.0.clone();
    let erase = move || {
        let now = desk.clock.now();
        desk.inbox.withdraw(&withdrawal.pseudonym, &from, now)
    };
    match spawn_blocking(erase).await {
        Ok(Ok(instances)) => {
            tracing::info!(sender = sender.0, instances, "a patient withdrew");
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "erasing");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(error) => {
            tracing::error!(%error, "erasing");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn store_any(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    request: Request,
) -> Response {
    store(desk, sender, None, request).await
}

async fn store_study(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    Path(study): Path<String>,
    request: Request,
) -> Response {
    match study.parse() {
        Ok(study) => store(desk, sender, Some(study), request).await,
        Err(_) => refuse(StatusCode::BAD_REQUEST, "the path names no study"),
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    tracing::warn!(status = status.as_u16(), why, "request refused");
    (status, why).into_response()
}

async fn store(
    desk: Desk,
    sender: Sender,
    study: Option<Uid<StudyUid>>,
    request: Request,
) -> Response {
    let Ok(_seat) = Arc::clone(&desk.seats).acquire_owned().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the central is stopping");
    };
    let Some(boundary) = boundary(request.headers()) else {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not multipart/related with application/dicom",
        );
    };
    let body = match timeout(ARRIVAL, to_bytes(request.into_body(), BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body breaks off or is too large",
            );
        }
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body is too slow"),
    };
    let Ok(parts) = multipart::parse(&body, &boundary, LIMITS) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no multipart");
    };
    if parts.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "the body has no part");
    }
    let mut answer = StowAnswer::default();
    for part in parts {
        let kind = part
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        let (part, typed) = (
            body.slice_ref(part.body),
            kind.is_empty() || kind == multipart::DICOM,
        );
        let (desk, study, from) = (desk.clone(), study.clone(), sender.0.clone());
        // A task of its own for each part: what breaks one leaves the others.
        let work = spawn_blocking(move || keep(&desk, &part, typed, study.as_ref(), &from));
        match work.await {
            Ok(Ok(held)) => answer.held.push(held),
            Ok(Err(failed)) => answer.failed.push(failed),
            Err(error) => {
                tracing::error!(%error, "keeping an instance");
                answer.failed.push(Failed {
                    sop_class: None,
                    sop_instance: None,
                    reason: Reason::ProcessingFailure.code(),
                });
            }
        }
    }
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::OK);
    tracing::info!(
        sender = sender.0,
        held = answer.held.len(),
        refused = answer.failed.len(),
        "results received"
    );
    (
        status,
        [(header::CONTENT_TYPE, DICOM_JSON)],
        answer.to_json(),
    )
        .into_response()
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multipart::boundary_of(text).ok()
}

/// Judges and keeps one part. Blocking.
fn keep(
    desk: &Desk,
    part: &Bytes,
    typed: bool,
    study: Option<&Uid<StudyUid>>,
    sender: &str,
) -> Result<Held, Failed> {
    let judged = if typed {
        admit(part, study)
    } else {
        Err(Refused {
            sop_class: None,
            sop_instance: None,
            reason: Reason::CannotUnderstand,
        })
    };
    let admitted = judged.map_err(|refused| {
        tracing::warn!(sender, reason = refused.reason.as_str(), "instance refused");
        Failed {
            sop_class: refused.sop_class,
            sop_instance: refused.sop_instance,
            reason: refused.reason.code(),
        }
    })?;
    let failed = |reason: Reason| Failed {
        sop_class: Some(admitted.sop_class.clone()),
        sop_instance: Some(admitted.sop_instance.clone()),
        reason: reason.code(),
    };
    match desk.inbox.keep(&admitted, part, sender, desk.clock.now()) {
        Ok(Kept::New | Kept::Again) => Ok(Held {
            sop_class: admitted.sop_class.clone(),
            sop_instance: admitted.sop_instance.clone(),
            digest: Some(Digest::of(part)),
        }),
        Ok(Kept::Withdrawn) => {
            tracing::warn!(sender, "instance of a patient who withdrew: refused");
            Err(failed(Reason::IdentityNotRemoved))
        }
        Ok(Kept::Conflict) => {
            tracing::warn!(
                sender,
                reason = Reason::OtherBytesHeld.as_str(),
                "instance refused"
            );
            Err(failed(Reason::OtherBytesHeld))
        }
        Err(error) => {
            let full = is_full(&error);
            tracing::error!(error = %Chain(&error), "keeping an instance");
            Err(failed(if full {
                Reason::OutOfResources
            } else {
                Reason::ProcessingFailure
            }))
        }
    }
}

/// Whether an error says that the disk is full.
fn is_full(error: &CentralError) -> bool {
    match error {
        CentralError::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
        CentralError::Database { source, .. } => {
            source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        }
        CentralError::Schema { .. }
        | CentralError::Name(_)
        | CentralError::Damaged { .. }
        | CentralError::Identity(_)
        | CentralError::Listen { .. } => false,
    }
}

/// An error with its causes.
pub(super) struct Chain<'a>(pub(super) &'a CentralError);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// A box reads back what it sent itself, byte for byte.
async fn read_back(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    Path((study, instance)): Path<(String, String)>,
) -> Response {
    let look = move || {
        let found = desk
            .inbox
            .instance(&instance)?
            .filter(|found| found.study == study && found.sender == sender.0);
        found
            .map(|found| Ok((found.digest, desk.inbox.bytes(&found)?)))
            .transpose()
    };
    match spawn_blocking(look).await {
        Ok(Ok(Some((digest, bytes)))) => (
            [
                (header::CONTENT_TYPE, multipart::DICOM.to_owned()),
                (HeaderName::from_static("bonebox-digest"), digest.hex()),
            ],
            Body::from(bytes),
        )
            .into_response(),
        Ok(Ok(None)) => StatusCode::NOT_FOUND.into_response(),
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "reading back");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(error) => {
            tracing::error!(%error, "reading back");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
