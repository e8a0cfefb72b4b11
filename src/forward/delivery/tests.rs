//! A central that is played: what it answers decides, instance by instance.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::collections::VecDeque;

use super::*;
use crate::names::LegalBasis;
use crate::wire::ApiVersion;
use crate::wire::stow::Failed;
use crate::wire::stow::Held;

/// Answers in order; holds what it is told to hold.
#[derive(Default)]
struct Played {
    answers: VecDeque<Response>,
    holds: BTreeMap<String, Digest>,
    posts: Vec<usize>,
    reads: usize,
}

impl Speak for Played {
    async fn post(
        &mut self,
        _: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, Obstacle> {
        let boundary = multipart::boundary_of(content_type).unwrap();
        let limits = multipart::Limits {
            parts: 100,
            part_bytes: usize::MAX,
        };
        let parts = multipart::parse(&body, &boundary, limits).unwrap();
        self.posts.push(parts.len());
        Ok(self.answers.pop_front().unwrap())
    }

    async fn withdraw(&mut self, body: Vec<u8>) -> Result<Response, Obstacle> {
        self.posts.push(body.len());
        Ok(self.answers.pop_front().unwrap())
    }

    async fn read_back(&mut self, _: &str, instance: &str) -> Result<Option<Digest>, Obstacle> {
        self.reads += 1;
        Ok(self.holds.get(instance).copied())
    }
}

fn bundle(sizes: &[u64]) -> (Bundle, Vec<Vec<u8>>) {
    let mut files = Vec::new();
    let mut objects = Vec::new();
    for (n, size) in sizes.iter().enumerate() {
        let bytes = vec![u8::try_from(n).unwrap(); 4];
        objects.push(ResultFile {
            name: format!("{n}.dcm"),
            digest: Digest::of(&bytes),
            size: *size,
            sop_class: "1.2.3".parse().unwrap(),
            sop_instance: format!("2.25.{n}").parse().unwrap(),
        });
        files.push(bytes);
    }
    let bundle = Bundle {
        version: ApiVersion::CURRENT,
        pseudonym: "BB-ABCDEFGHIJ2345672345".parse().unwrap(),
        study: "2.25.9".parse().unwrap(),
        project: "demo".parse().unwrap(),
        basis: LegalBasis::Synthetic,
        objects,
    };
    (bundle, files)
}

/// What the answer says of an instance.
enum Says {
    Held,
    HeldWithoutDigest,
    HeldOther,
    Failed(u16),
    Nothing,
}

fn answer(bundle: &Bundle, says: &[Says]) -> Response {
    let mut answer = StowAnswer::default();
    for (object, says) in bundle.objects.iter().zip(says) {
        let held = |digest| Held {
            sop_class: object.sop_class.clone(),
            sop_instance: object.sop_instance.clone(),
            digest,
        };
        match says {
            Says::Held => answer.held.push(held(Some(object.digest))),
            Says::HeldWithoutDigest => answer.held.push(held(None)),
            Says::HeldOther => answer.held.push(held(Some(Digest::of(b"other")))),
            Says::Failed(reason) => answer.failed.push(Failed {
                sop_class: None,
                sop_instance: Some(object.sop_instance.clone()),
                reason: *reason,
            }),
            Says::Nothing => {}
        }
    }
    Response {
        status: answer.status(),
        body: answer.to_json(),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// Sends one object that the answer speaks of so, with the central holding
/// these bytes; the obstacle's text, and how often it was read back.
fn check(says: Says, holds: Option<&[u8]>, expected: Option<&str>, reads: usize) {
    let (bundle, files) = bundle(&[4]);
    let mut link = Played {
        answers: [answer(&bundle, &[says])].into(),
        ..Played::default()
    };
    if let Some(bytes) = holds {
        link.holds.insert("2.25.0".into(), Digest::of(bytes));
    }
    let result = block_on(send(&mut link, &bundle, &files));
    match (expected, &result) {
        (None, Ok(())) => {}
        (Some(text), Err(obstacle)) => {
            assert!(obstacle.detail.contains(text), "{obstacle:?}");
            assert_eq!(obstacle.code, TroubleCode::CentralRefusedResults);
            assert!(!obstacle.of_the_link);
        }
        _ => panic!("{expected:?}: {result:?}"),
    }
    assert_eq!(link.reads, reads);
}

#[test]
fn an_instance_is_held_only_when_its_bytes_are() {
    let same: &[u8] = &[0; 4];
    check(Says::Held, None, None, 0);
    check(Says::HeldOther, None, Some("other bytes"), 0);
    check(Says::HeldWithoutDigest, Some(same), None, 1);
    check(Says::HeldWithoutDigest, None, Some("does not hold"), 1);
    check(Says::Failed(0x0111), Some(same), None, 1);
    check(
        Says::Failed(0x0111),
        Some(b"x"),
        Some("another instance"),
        1,
    );
    check(
        Says::Failed(0xC000),
        Some(same),
        Some("C000H (cannot-understand)"),
        0,
    );
    check(
        Says::Failed(0x1234),
        None,
        Some("1234H (unknown reason)"),
        0,
    );
    check(Says::Nothing, None, Some("does not answer"), 0);
}

#[test]
fn one_refused_instance_is_named_beside_good_ones() {
    let (bundle, files) = bundle(&[4, 4, 4]);
    let says = [Says::Held, Says::Failed(0xA900), Says::Held];
    let mut link = Played {
        answers: [answer(&bundle, &says)].into(),
        ..Played::default()
    };
    let obstacle = block_on(send(&mut link, &bundle, &files)).unwrap_err();
    assert_eq!(obstacle.detail, "1.dcm refused with A900H (mismatch)");
}

#[test]
fn large_bundles_go_in_several_requests() {
    let (bundle, files) = bundle(&[9_000_000, 6_000_000, 2_000_000, 99_000_000, 1]);
    let all = || {
        answer(
            &bundle,
            &[Says::Held, Says::Held, Says::Held, Says::Held, Says::Held],
        )
    };
    let mut link = Played {
        answers: [all(), all(), all(), all()].into(),
        ..Played::default()
    };
    block_on(send(&mut link, &bundle, &files)).unwrap();
    assert_eq!(link.posts, [2, 1, 1, 1]);
}

#[test]
fn a_status_without_an_answer_is_told_apart() {
    let check = |status, code, of_the_link| {
        let body = b"<html>".to_vec();
        let obstacle = read_answer(&Response { status, body }).unwrap_err();
        assert_eq!((obstacle.code, obstacle.of_the_link), (code, of_the_link));
    };
    check(401, TroubleCode::CentralRefusesUs, true);
    check(403, TroubleCode::CentralRefusesUs, true);
    check(503, TroubleCode::CentralUnreachable, true);
    check(404, TroubleCode::CentralRefusedResults, false);
    check(413, TroubleCode::CentralRefusedResults, false);
    check(200, TroubleCode::CentralRefusedResults, false);
}

#[test]
fn a_changed_file_is_not_sent() {
    let (bundle, files) = bundle(&[4, 4]);
    let folder = tempfile::tempdir().unwrap();
    for (object, bytes) in bundle.objects.iter().zip(&files) {
        std::fs::write(folder.path().join(&object.name), bytes).unwrap();
    }
    assert_eq!(read_objects(folder.path(), &bundle).unwrap(), files);
    std::fs::write(folder.path().join("1.dcm"), b"changed").unwrap();
    let obstacle = read_objects(folder.path(), &bundle).unwrap_err();
    assert_eq!(obstacle.code, TroubleCode::StorageFailed);
}

#[tokio::test]
async fn a_withdrawal_is_done_when_the_central_says_so() {
    let withdrawal = Withdrawal {
        version: ApiVersion::CURRENT,
        pseudonym: "BB-ABCDEFGHIJ2345672345".parse().unwrap(),
        project: "demo".parse().unwrap(),
    };
    for (status, expected) in [
        (204, None),
        (404, Some(TroubleCode::CentralRefusedResults)),
        (403, Some(TroubleCode::CentralRefusesUs)),
        (503, Some(TroubleCode::CentralUnreachable)),
    ] {
        let mut played = Played::default();
        let body = Vec::new();
        played.answers.push_back(Response { status, body });
        let done = withdraw(&mut played, &withdrawal).await;
        assert_eq!(done.err().map(|error| error.code), expected, "{status}");
    }
}
