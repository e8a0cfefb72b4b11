//! The dashboard's pages through its router: no socket but one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

mod invented;
mod people;
mod senders;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use bonebox::audit::{Caller, Rejection};
use bonebox::clock::{Clock, Moment};
use bonebox::config;
use bonebox::dashboard::{Contact, Disk, Health, HealthSource, Inference, Process, app, serve};
use bonebox::names::Digest;
use bonebox::page::{Language, Text, code_text};
use bonebox::phantom::Detail;
use bonebox::store::{PassingOn, Store, TurnedAway};
use bonebox::study::{ArtefactRole, RequestKind, TroubleCode, ViewCode};
use bonebox::wire::{NOTICE_EN, NOTICE_JA};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use tower::ServiceExt;

use invented::{Invented, id, key, model};

const START: Moment = Moment::from_micros(1_795_421_730_000_000);

fn healthy(clock: &Clock) -> HealthSource {
    let clock = clock.clone();
    Arc::new(move || Health {
        at: clock.now(),
        version: "0.1.0".into(),
        r#box: Process::Running { since: START },
        worker: Process::Running { since: START },
        forwarder: Process::Running { since: START },
        database_fault: None,
        disk: Some(Disk {
            free_bytes: 48_200_000_000,
            reserve_bytes: 512_000_000,
        }),
        outbox: Some(1),
        central: Contact::Last {
            at: START,
            failing: Some("connection refused (os error 111)".into()),
        },
        passing_on: vec![PassingOn {
            source: "room 3".into(),
            waiting: 7,
            since: START,
            failure: Some("the PACS answered A700".into()),
            next_try: START,
        }],
        inference: Inference::Ready {
            provider: "cpu".into(),
            model: model(),
        },
    })
}

/// One of everything that the node turns away.
fn turn_away(store: &Store) {
    let all = [
        Rejection::CallingAe,
        Rejection::CalledAe,
        Rejection::Address,
        Rejection::Protocol,
        Rejection::Busy,
        Rejection::NotDicom,
        Rejection::Interrupted,
        Rejection::Violation {
            why: "not a DICOM PDU".into(),
        },
        Rejection::Instance {
            status: 0xc000,
            why: "a length reaches beyond the data set".into(),
        },
    ];
    let one = |rejection| TurnedAway {
        rejection,
        caller: Caller {
            address: [192, 0, 2, 7].into(),
            calling: Some("CT<3>".parse().unwrap()),
            called: None,
            encrypted: false,
        },
        count: 12,
    };
    store.turned_away(all.map(one).into()).unwrap();
}

fn router(invented: &Invented) -> Router {
    let settings = config::load(None, &[]).unwrap();
    let clock = invented.clock.clone();
    app(
        invented.store.clone(),
        Arc::clone(&invented.vault),
        &settings,
        clock.clone(),
        healthy(&clock),
    )
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(app: &Router, request: Request<Body>) -> Answer {
    let answer = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn get(app: &Router, path: &str) -> Answer {
    get_with(app, path, &[]).await
}

async fn get_with(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).header("host", "127.0.0.1:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

fn study_path(number: u8) -> String {
    format!("/studies/{}/1", key(number))
}

fn everything() -> Invented {
    Invented::everything(START, Detail::Field)
}

#[tokio::test]
async fn every_page_is_guarded_and_says_the_notice() {
    let invented = everything();
    let app = router(&invented);
    let study = study_path(1);
    let missing = study_path(77);
    for path in ["/", "/health", "/about", &study, "/nothing", &missing] {
        for (language, notice) in [("ja", NOTICE_JA), ("en", NOTICE_EN)] {
            let answer = get(&app, &format!("{path}?lang={language}")).await;
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'self'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            let text = answer.text();
            assert!(text.contains(notice), "{path} in {language}");
            assert!(
                text.contains(&format!("<html lang=\"{language}\">")),
                "{path}"
            );
            assert!(
                !text.contains(" style=") && !text.contains("<style"),
                "{path}"
            );
            for handler in [" onclick", " onload", "javascript:"] {
                assert!(!text.contains(handler), "{path}");
            }
        }
    }
    assert_eq!(get(&app, "/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, &missing).await.status, StatusCode::NOT_FOUND);
    for bad in [
        "/studies/../1",
        "/studies/xyz/1",
        "/studies/%00/1",
        "/studies/0/99999999999",
    ] {
        let status = get(&app, bad).await.status;
        assert!(status.is_client_error(), "{bad}: {status}");
    }
}

#[tokio::test]
async fn the_list_shows_each_kind_of_study() {
    let invented = everything();
    let app = router(&invented);
    let page = get(&app, "/?lang=en").await;
    let text = page.text();
    for words in [
        "Held by the central",
        "No wrist PA found",
        "The central cannot be reached.",
        "The model or its runtime is missing",
        "Receiving",
        "closes in 16 s",
        "24.3°",
        "not yet de-identified",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let held = get(&app, "/?lang=en&show=person").await;
    assert!(held.text().contains(&key(3)) && held.text().contains(&key(4)));
    assert!(!held.text().contains(&key(1)) && !held.text().contains(&key(5)));
    invented.clock.advance(Duration::from_secs(86_400));
    let today = get(&app, "/?lang=en&show=today").await;
    assert!(today.text().contains("No study fits this filter."));
}

#[tokio::test]
async fn a_study_shows_pictures_bones_and_figures_with_their_error() {
    let invented = everything();
    let app = router(&invented);
    let page = get(&app, &(study_path(1) + "?lang=ja")).await;
    let text = page.text();
    for words in [
        "橈骨傾斜角",
        "掌側傾斜角",
        "尺骨バリアンス",
        "橈骨高",
        "±5.2°",
        "模擬 X 線 2000 例",
        "患者での誤差は測られていません。",
        "wrist-tl@0.1",
        "data-viewer",
        "<polyline",
        "−0.8 mm",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let detail = invented.store.study(&id(1)).unwrap().unwrap();
    for artefact in &detail.artefacts {
        let answer = get(&app, &format!("/artefacts/{}", artefact.digest)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", artefact.name);
        assert_eq!(
            Digest::of(&answer.body),
            artefact.digest,
            "{}",
            artefact.name
        );
        let kind = match artefact.role {
            ArtefactRole::Preview => "image/png",
            ArtefactRole::Overlay => "application/json",
            ArtefactRole::Scene => "model/gltf-binary",
            ArtefactRole::Thumbnail
            | ArtefactRole::Surface
            | ArtefactRole::Reconstruction
            | ArtefactRole::ResultObject => "model/stl",
        };
        assert_eq!(answer.header("content-type"), kind, "{}", artefact.name);
        if artefact.role == ArtefactRole::Surface {
            let path = format!("{}/files/{}", study_path(1), artefact.digest);
            let answer = get(&app, &path).await;
            let pseudonym = detail.row.pseudonym.as_ref().unwrap();
            let expected = format!("attachment; filename=\"{pseudonym}-1-{}\"", artefact.name);
            assert_eq!(answer.header("content-disposition"), expected);
            let other = format!("{}/files/{}", study_path(2), artefact.digest);
            assert_eq!(get(&app, &other).await.status, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn only_files_of_a_study_are_given() {
    let invented = everything();
    // A file that lies among the artefacts without a row.
    let stray = Digest::of(b"stray");
    std::fs::write(invented.store.artefact_path(&stray), b"stray").unwrap();
    let app = router(&invented);
    for digest in [&stray.hex(), "..%2f..%2fbox.sqlite", "0", ""] {
        let status = get(&app, &format!("/artefacts/{digest}")).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{digest}");
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let invented = Invented::at(START);
    let hostile = "<script>alert(1)</script>\"'\u{202e}<img src=x onerror=alert(1)>";
    invented.image(1, 1, hostile, ViewCode::Pa);
    let study = invented.deidentify(invented.close(1), vec![], &[hostile]);
    let study = invented.refuse(study, hostile);
    let held = invented
        .store
        .hold_up(study.id(), TroubleCode::AnalyzeFailed, hostile, None);
    held.unwrap();
    let app = router(&invented);
    for path in ["/?lang=en".to_owned(), study_path(1) + "?lang=en"] {
        let page = get(&app, &path).await;
        assert!(page.text().contains("&lt;script&gt;alert(1)"), "{path}");
        assert!(!page.text().contains("<script>alert"), "{path}");
        assert!(!page.text().contains("<img src=x"), "{path}");
    }
    let answer = get(&app, "/?lang=%3Cscript%3E&show=%22%3E%3Cscript%3Ealert(1)").await;
    assert!(!answer.text().contains("<script>alert"));
}

#[tokio::test]
async fn the_language_is_chosen_and_remembered() {
    let invented = Invented::at(START);
    let app = router(&invented);
    let is =
        |answer: &Answer, code: &str| answer.text().contains(&format!("<html lang=\"{code}\">"));
    let asked = get_with(&app, "/", &[("accept-language", "ja,en;q=0.5")]).await;
    assert!(is(&asked, "ja"));
    let set = get(&app, "/language?to=en&back=/health%3Fx%3D1").await;
    assert_eq!(set.status, StatusCode::SEE_OTHER);
    assert_eq!(set.header("location"), "/health?x=1");
    let cookie = set.header("set-cookie").split(';').next().unwrap();
    let headers = [("accept-language", "ja"), ("cookie", cookie)];
    assert!(is(&get_with(&app, "/", &headers).await, "en"));
    let away = get(&app, "/language?to=en&back=//evil.example/").await;
    assert_eq!(away.header("location"), "/");
}

#[tokio::test]
async fn a_request_counts_from_our_own_page_only() {
    let invented = everything();
    let app = router(&invented);
    let page = get(&app, &study_path(4)).await;
    let token = page.text().split("name=\"token\" value=\"").nth(1).unwrap();
    let token = &token[..64];
    let other = get(&app, &study_path(3)).await;
    let other = other
        .text()
        .split("name=\"token\" value=\"")
        .nth(1)
        .unwrap()[..64]
        .to_owned();
    let post = |origin: Option<&'static str>, token: &str| {
        let mut request = Request::post(format!("{}/ask", study_path(4)))
            .header("host", "127.0.0.1:8080")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request
            .body(Body::from(format!("token={token}&kind=retry")))
            .unwrap()
    };
    let own = Some("http://127.0.0.1:8080");
    for (origin, token) in [
        (Some("http://evil.example"), token),
        (Some("null"), token),
        (None, token),
        (own, "0"),
        (own, ""),
        (own, other.as_str()),
    ] {
        let answer = send(&app, post(origin, token)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert!(invented.store.open_requests().unwrap().is_empty());
    let answer = send(&app, post(own, token)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let asked = invented.store.open_requests().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&asked[0].study, &asked[0].kind),
        (&id(4), &RequestKind::Retry)
    );
}

#[tokio::test]
async fn a_name_of_elsewhere_is_refused() {
    let invented = Invented::at(START);
    let app = router(&invented);
    let answer = get_with(&app, "/", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let request = Request::get("/").header("host", "evil.example:8080");
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
}

/// The stream's next events, until as many as wanted were heard or time is up.
async fn hear(app: &Router, last: Option<&str>, wanted: usize, act: impl FnOnce()) -> Vec<String> {
    let mut request = Request::get("/events").header("host", "localhost");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = app
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.into_body().into_data_stream();
    act();
    let mut heard = String::new();
    let listen = async {
        while heard.matches("event: entry").count() < wanted {
            heard.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(5), listen).await);
    heard
        .split("\n\n")
        .filter(|event| event.contains("event: entry"))
        .map(|event| {
            event
                .split("id: ")
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn the_stream_goes_on_where_it_was_lost() {
    let invented = Invented::at(START);
    for image in 1..=4 {
        invented.image(1, image, "room 1", ViewCode::Pa);
    }
    let app = router(&invented);
    let missed = hear(&app, Some("2"), 3, || {
        invented.image(1, 5, "room 1", ViewCode::Pa);
    });
    assert_eq!(missed.await, ["3", "4", "5"], "all, in order, once");
    // The store tells entry 5 from its own thread, maybe after the page had it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let new = hear(&app, None, 1, || {
        invented.image(1, 6, "room 1", ViewCode::Pa);
    });
    assert_eq!(new.await, ["6"], "only what is new");
}

#[tokio::test]
async fn the_first_image_is_told_within_a_second() {
    let invented = Invented::at(START);
    let app = router(&invented);
    let begun = std::time::Instant::now();
    let told = hear(&app, None, 1, || {
        invented.image(7, 1, "room 1", ViewCode::Pa)
    })
    .await;
    assert_eq!(told.len(), 1);
    assert!(get(&app, "/").await.text().contains(&key(7)));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn health_is_told_to_people_and_monitors() {
    let invented = Invented::at(START);
    turn_away(&invented.store);
    let app = router(&invented);
    let page = get(&app, "/health?lang=en").await;
    for words in [
        "48.2 GB free (reserve 0.5 GB)",
        "connection refused",
        "room 3: 7 images wait",
        "the PACS answered A700",
        "Needs a person",
        "wrist-tl@0.1",
    ] {
        assert!(page.text().contains(words), "{words}");
    }
    let japanese = get(&app, "/health?lang=ja").await;
    for text in [
        Text::RejectedCallingAe,
        Text::RemedyCallingAe,
        Text::RejectedCalledAe,
        Text::RemedyCalledAe,
        Text::RejectedAddress,
        Text::RemedyAddress,
        Text::RejectedProtocol,
        Text::RejectedBusy,
        Text::RejectedNotDicom,
        Text::RemedyNotDicom,
        Text::RejectedInterrupted,
        Text::RemedyInterrupted,
        Text::RejectedViolation,
        Text::RejectedInstance,
        Text::RemedyInstance,
    ] {
        let (en, ja) = (text.say(Language::English), text.say(Language::Japanese));
        assert!(
            page.text().contains(&en.replace('\'', "&#39;")) || page.text().contains(en),
            "{en}"
        );
        assert!(japanese.text().contains(ja), "{ja}");
    }
    assert!(page.text().contains("CT&lt;3&gt;"));
    assert!(
        page.text()
            .contains("(C000: a length reaches beyond the data set)")
    );
    let json = get(&app, "/health.json").await;
    assert!(!json.text().contains("CT<3>"));
    assert_eq!(json.status, StatusCode::SERVICE_UNAVAILABLE);
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(value["level"], "person");
    assert_eq!(value["worker"]["is"], "running");
    assert_eq!(value["outbox"], 1);
}

#[test]
fn every_trouble_has_its_sentence_and_remedy() {
    use TroubleCode as T;
    let all = [
        T::ConflictingInstance,
        T::Quarantined,
        T::DeidentifyFailed,
        T::ModelUnavailable,
        T::WorkerCrashed,
        T::WorkerUnavailable,
        T::CannotDecode,
        T::AnalyzeFailed,
        T::CentralUnreachable,
        T::CentralRefusesUs,
        T::CentralRefusedResults,
        T::NoLegalBasis,
        T::DiskFull,
        T::StorageFailed,
    ];
    for code in all {
        let text = code_text("trouble", code.as_str()).expect("a sentence");
        for language in Language::ALL {
            assert!(!text.remedy(language).is_empty(), "{code:?}");
        }
    }
    assert_eq!(Text::Notice.say(Language::English), NOTICE_EN);
    assert_eq!(Text::Notice.say(Language::Japanese), NOTICE_JA);
}

/// Over a socket, and ending in time although a stream is open. With
/// `BONEBOX_SCREENS=127.0.0.1:8099` it stays up there instead, with every kind
/// of study: for looking at the screens (`docs/pictures/take.sh`).
#[tokio::test(flavor = "multi_thread")]
async fn serves_until_it_is_told_to_stop() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stay = std::env::var("BONEBOX_SCREENS").ok();
    let address = stay.as_deref().unwrap_or("127.0.0.1:0");
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = if stay.is_some() {
        let half_an_hour_ago = Clock::System.now().micros() - 1_450_000_000;
        let start = Moment::from_micros(half_an_hour_ago);
        let invented = Box::leak(Box::new(Invented::everything(start, Detail::Full)));
        router(invented)
    } else {
        router(Box::leak(Box::new(Invented::at(START))))
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        drop(stopped.await);
    };
    let serving = tokio::spawn(serve(listener, app, shutdown));
    if stay.is_some() {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = vec![0; 4096];
    let read = stream.read(&mut heard).await.unwrap();
    assert!(heard[..read].starts_with(b"HTTP/1.1 200 OK"));
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(3), serving).await;
    ended.expect("it ends in time").unwrap().unwrap();
}
