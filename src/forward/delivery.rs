//! What is sent and what the answer means. No socket here: a link is asked to
//! post and to read back, and tests put another in its place.

use std::path::Path;

use super::TroubleCode;
use crate::clock::Moment;
use crate::names::Digest;
use crate::store::Pending;
use crate::wire::Bundle;
use crate::wire::Receipt;
use crate::wire::ResultFile;
use crate::wire::WireError;
use crate::wire::Withdrawal;
use crate::wire::multipart;
use crate::wire::stow::Reason;
use crate::wire::stow::StowAnswer;

/// Most bytes in one request, unless a single instance is larger.
const REQUEST_BYTES: u64 = 16_000_000;

/// Why a bundle was not delivered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// As the study's trouble will say it.
    pub(super) code: TroubleCode,
    /// More, without an identified value.
    pub(super) detail: String,
    /// The link itself is down: other bundles would fare no better now.
    pub(super) of_the_link: bool,
}

impl Obstacle {
    /// It lies in this bundle.
    pub(super) fn of_bundle(code: TroubleCode, detail: &str) -> Self {
        Self {
            code,
            detail: detail.to_owned(),
            of_the_link: false,
        }
    }

    /// It lies in the link.
    pub(super) fn of_link(code: TroubleCode, detail: &str) -> Self {
        Self {
            code,
            detail: detail.to_owned(),
            of_the_link: true,
        }
    }
}

/// The central's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    /// HTTP status.
    pub(super) status: u16,
    /// Body.
    pub(super) body: Vec<u8>,
}

/// What the delivery needs of a connection to the central.
pub(super) trait Speak {
    /// STOW-RS.
    async fn post(
        &mut self,
        study: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, Obstacle>;
    /// Says that a patient withdrew.
    async fn withdraw(&mut self, body: Vec<u8>) -> Result<Response, Obstacle>;
    /// The digest of an instance that the central holds; `None` if it holds none.
    async fn read_back(&mut self, study: &str, instance: &str) -> Result<Option<Digest>, Obstacle>;
}

/// The objects' bytes, each checked against its digest.
pub(super) fn read_objects(folder: &Path, bundle: &Bundle) -> Result<Vec<Vec<u8>>, Obstacle> {
    let storage = |detail: String| Obstacle::of_bundle(TroubleCode::StorageFailed, &detail);
    let read = |object: &ResultFile| {
        let bytes = std::fs::read(folder.join(&object.name))
            .map_err(|error| storage(format!("reading {} of the bundle: {error}", object.name)))?;
        if Digest::of(&bytes) != object.digest {
            return Err(storage(format!(
                "{} of the bundle differs from its digest",
                object.name
            )));
        }
        Ok(bytes)
    };
    bundle.objects.iter().map(read).collect()
}

/// Sends a bundle; returns when the central has confirmed every instance.
pub(super) async fn send(
    link: &mut impl Speak,
    bundle: &Bundle,
    files: &[Vec<u8>],
) -> Result<(), Obstacle> {
    let mut refused = Vec::new();
    let mut objects = bundle.objects.as_slice();
    let mut files = files;
    while !objects.is_empty() {
        let count = batch(objects);
        let (now, later) = objects.split_at(count.min(objects.len()));
        let (bodies, rest) = files.split_at(count.min(files.len()));
        let parts: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
        let boundary = multipart::boundary_for(&parts);
        let response = link
            .post(
                bundle.study.as_str(),
                &multipart::content_type(&boundary),
                multipart::build(&boundary, &parts),
            )
            .await?;
        let answer = read_answer(&response)?;
        for object in now {
            if let Err(reason) = confirm(link, bundle, object, &answer).await? {
                refused.push(format!("{} {reason}", object.name));
            }
        }
        (objects, files) = (later, rest);
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Obstacle::of_bundle(
        TroubleCode::CentralRefusedResults,
        &refused.join("; "),
    ))
}

/// How many of these objects go into one request.
fn batch(objects: &[ResultFile]) -> usize {
    let mut bytes = 0_u64;
    let fits = |object: &&ResultFile| {
        bytes = bytes.saturating_add(object.size);
        bytes <= REQUEST_BYTES
    };
    objects.iter().take_while(fits).count().max(1)
}

/// The answer in a response, or why there is none.
fn read_answer(response: &Response) -> Result<StowAnswer, Obstacle> {
    let status = response.status;
    match status {
        401 | 403 => {
            return Err(Obstacle::of_link(
                TroubleCode::CentralRefusesUs,
                &format!("the central answers with HTTP status {status}"),
            ));
        }
        500..=599 => {
            return Err(Obstacle::of_link(
                TroubleCode::CentralUnreachable,
                &format!("the central answers with HTTP status {status}"),
            ));
        }
        _ => {}
    }
    StowAnswer::from_json(&response.body).map_err(|error| {
        let what = match error {
            WireError::Json(_) => "no DICOM JSON",
            WireError::Malformed { .. } | WireError::Name(_) => "no answer to STOW-RS",
        };
        Obstacle::of_bundle(
            TroubleCode::CentralRefusedResults,
            &format!("the central answers with HTTP status {status} and {what}"),
        )
    })
}

/// Makes sure that the central holds an object's very bytes: by the digest in
/// its answer, else by reading the instance back. The inner error says why it
/// does not.
async fn confirm(
    link: &mut impl Speak,
    bundle: &Bundle,
    object: &ResultFile,
    answer: &StowAnswer,
) -> Result<Result<(), String>, Obstacle> {
    let held = answer
        .held
        .iter()
        .find(|held| held.sop_instance == object.sop_instance);
    let failed = answer
        .failed
        .iter()
        .find(|failed| failed.sop_instance.as_ref() == Some(&object.sop_instance));
    let otherwise = match (held, failed) {
        (Some(held), _) if held.digest == Some(object.digest) => return Ok(Ok(())),
        (Some(held), _) if held.digest.is_some() => {
            return Ok(Err("the central holds other bytes".into()));
        }
        // Held, but not said which bytes.
        (Some(_), _) => "the central does not hold what it said it holds".to_owned(),
        // Perhaps only because the same bytes are there already.
        (None, Some(failed)) if failed.reason == Reason::OtherBytesHeld.code() => {
            "the central holds another instance of this UID".to_owned()
        }
        (None, Some(failed)) => return Ok(Err(refusal(failed.reason))),
        (None, None) => return Ok(Err("the central does not answer for it".into())),
    };
    let digest = link
        .read_back(bundle.study.as_str(), object.sop_instance.as_str())
        .await?;
    Ok(if digest == Some(object.digest) {
        Ok(())
    } else {
        Err(otherwise)
    })
}

fn refusal(reason: u16) -> String {
    let name = Reason::from_code(reason).map_or("unknown reason", Reason::as_str);
    format!("refused with {reason:04X}H ({name})")
}

/// Tells the central that a patient withdrew; returns when it says that it has
/// erased what it held.
pub(super) async fn withdraw(
    link: &mut impl Speak,
    withdrawal: &Withdrawal,
) -> Result<(), Obstacle> {
    let body = serde_json::to_vec(withdrawal).map_err(|error| {
        Obstacle::of_bundle(
            TroubleCode::StorageFailed,
            &format!("a withdrawal: {error}"),
        )
    })?;
    let status = link.withdraw(body).await?.status;
    let detail = format!("the central answers a withdrawal with HTTP status {status}");
    match status {
        200 | 204 => Ok(()),
        401 | 403 => Err(Obstacle::of_link(TroubleCode::CentralRefusesUs, &detail)),
        500..=599 => Err(Obstacle::of_link(TroubleCode::CentralUnreachable, &detail)),
        _ => Err(Obstacle::of_bundle(
            TroubleCode::CentralRefusedResults,
            &detail,
        )),
    }
}

/// The receipt of a delivered bundle.
pub(super) fn receipt(pending: &Pending, at: Moment, central: &str) -> Receipt {
    Receipt {
        bundle: pending.digest,
        instances: pending
            .bundle
            .objects
            .iter()
            .map(|object| object.sop_instance.clone())
            .collect(),
        at,
        central: central.to_owned(),
    }
}

#[cfg(test)]
mod tests;
