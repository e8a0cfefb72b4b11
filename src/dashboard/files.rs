//! Files of a study for the browser: only those that a study's row names.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::detail::study_id;
use super::{Board, DashboardError, asset_answer};
use crate::names::Digest;
use crate::page::Asset;
use crate::store::StudyDetail;
use crate::study::Artefact;

/// `GET /assets/{name}`.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, DashboardError> {
    Asset::find(&name)
        .map(asset_answer)
        .ok_or(DashboardError::NotFound)
}

/// `GET /artefacts/{digest}`: what a page shows.
pub(super) async fn artefact(
    State(board): State<Board>,
    Path(digest): Path<String>,
) -> Result<Response, DashboardError> {
    let digest: Digest = digest.parse().map_err(|_| DashboardError::NotFound)?;
    let bytes = board
        .blocking(move |board| Ok(board.store.artefact(&digest)?))
        .await?
        .ok_or(DashboardError::NotFound)?;
    let kind = kind_of(&bytes);
    // Kept long enough to come back to a page, not longer than a withdrawal bears.
    let keep = "private, max-age=600";
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)],
        bytes,
    )
        .into_response())
}

/// `GET /studies/{key}/{generation}/files/{digest}`: the same as a download,
/// named from pseudonym and bone.
pub(super) async fn download(
    State(board): State<Board>,
    Path((key, generation, digest)): Path<(String, u32, String)>,
) -> Result<Response, DashboardError> {
    let id = study_id((key, generation))?;
    let digest: Digest = digest.parse().map_err(|_| DashboardError::NotFound)?;
    let (name, bytes) = board
        .blocking(move |board| {
            let detail = board.store.study(&id)?.ok_or(DashboardError::NotFound)?;
            let artefact = detail.artefacts.iter().find(|one| one.digest == digest);
            let artefact = artefact.ok_or(DashboardError::NotFound)?;
            let bytes = board.store.artefact(&digest)?;
            let bytes = bytes.ok_or(DashboardError::NotFound)?;
            Ok((file_name(&detail, artefact), bytes))
        })
        .await?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(kind_of(&bytes));
    Ok((
        [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        bytes,
    )
        .into_response())
}

/// `BB-ABCDEFGHIJ2345672345-1-radius.stl`: letters, digits, dashes and dots.
fn file_name(detail: &StudyDetail, artefact: &Artefact) -> String {
    let who = match &detail.row.pseudonym {
        Some(pseudonym) => pseudonym.as_str(),
        None => detail.row.id.key.as_str(),
    };
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
            c
        } else {
            '_'
        }
    };
    let name: String = artefact.name.chars().map(safe).take(80).collect();
    format!("{who}-{}-{name}", detail.row.id.generation)
}

/// The media type that the bytes themselves show. Text and markup are never
/// among them, so nothing of a study is run or rendered as a page.
fn kind_of(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if bytes.starts_with(b"glTF") {
        "model/gltf-binary"
    } else if bytes.get(128..132) == Some(b"DICM") {
        "application/dicom"
    } else if bytes.first() == Some(&b'{') {
        "application/json"
    } else if is_stl(bytes) {
        "model/stl"
    } else {
        "application/octet-stream"
    }
}

/// A binary STL is exactly as long as its count of triangles says.
fn is_stl(bytes: &[u8]) -> bool {
    let count = bytes
        .get(80..84)
        .and_then(|field| <[u8; 4]>::try_from(field).ok())
        .map(u32::from_le_bytes);
    let length = count.and_then(|count| usize::try_from(count).ok());
    length.and_then(|count| count.checked_mul(50)?.checked_add(84)) == Some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_show_their_kind() {
        let mut stl = vec![b' '; 80];
        stl.extend(1_u32.to_le_bytes());
        stl.extend([0; 50]);
        assert_eq!(kind_of(&stl), "model/stl");
        assert_eq!(kind_of(b"<html><script>"), "application/octet-stream");
        assert_eq!(kind_of(b"{\"a\":1}"), "application/json");
        assert_eq!(kind_of(b"glTF\x02\0\0\0"), "model/gltf-binary");
        assert_eq!(kind_of(b""), "application/octet-stream");
    }
}
