//! A person lets a sender in, and out again.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bonebox::page::{Language, Text};

use super::{Answer, Invented, START, get, router, send, turn_away};

#[tokio::test]
async fn a_sender_is_let_in_from_our_own_page_only() {
    let invented = Invented::at(START);
    turn_away(&invented.store);
    let app = router(&invented);
    let page = get(&app, "/health?lang=en").await;
    let form = |page: &Answer, kind: &str| {
        let value = |part: &str, name: &str| {
            let rest = part.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
            Some(rest.split('"').next()?.to_owned())
        };
        let mut parts = page
            .text()
            .split("<form")
            .map(str::to_owned)
            .collect::<Vec<_>>();
        parts.retain(|part| value(part, "kind").as_deref() == Some(kind));
        parts
            .iter()
            .map(|part| {
                (
                    value(part, "token").unwrap(),
                    value(part, "number").unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let post = |origin: &'static str, body: String| {
        Request::post("/health/senders")
            .header("host", "127.0.0.1:8080")
            .header("origin", origin)
            .body(Body::from(body))
            .unwrap()
    };
    let own = "http://127.0.0.1:8080";
    // A stranger and one from another address; nothing else can be let in.
    let offered = form(&page, "allow");
    assert_eq!(offered.len(), 2);
    let (token, number) = &offered[0];
    let (other, _) = &offered[1];
    for (origin, token, kind) in [
        ("http://evil.example", token.as_str(), "allow"),
        (own, other.as_str(), "allow"),
        (own, token.as_str(), "withdraw"),
        (own, "", "allow"),
    ] {
        let body = format!("token={token}&kind={kind}&number={number}");
        let answer = send(&app, post(origin, body)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin} {kind}");
    }
    let act = || {
        for request in invented.store.open_sender_requests().unwrap() {
            invented.store.answer_sender(&request).unwrap();
        }
    };
    act();
    assert!(invented.store.senders().unwrap().is_empty());
    let body = format!("token={token}&kind=allow&number={number}");
    let answer = send(&app, post(own, body)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(
        invented.store.senders().unwrap().is_empty(),
        "only asked for"
    );
    act();
    let page = get(&app, "/health?lang=ja").await;
    assert!(page.text().contains(Text::Senders.say(Language::Japanese)));
    assert!(form(&page, "allow").is_empty(), "no stranger any more");
    let (token, number) = form(&page, "withdraw").remove(0);
    let body = format!("token={token}&kind=withdraw&number={number}");
    assert_eq!(
        send(&app, post(own, body)).await.status,
        StatusCode::SEE_OTHER
    );
    act();
    assert!(invented.store.senders().unwrap().is_empty());
}
