//! Accounts, roles, and who a pseudonym is.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use bonebox::audit::Event;
use bonebox::names::{AccountName, Phi, Role};
use bonebox::vault::Person;

use super::{Answer, Invented, START, everything, id, router, send, study_path};

const PASSWORD: &str = "correct horse 4 battery";

/// A browser that keeps its session.
struct Browser<'a> {
    app: &'a Router,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(app: &'a Router) -> Self {
        Self {
            app,
            cookie: String::new(),
        }
    }

    fn request(&self, method: &Method, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8080")
            .header("cookie", format!("{}; lang=en", self.cookie))
            .header("accept-language", "en")
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.request(&Method::GET, path);
        send(self.app, request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: String) -> Answer {
        let request = self
            .request(&Method::POST, path)
            .header("origin", "http://127.0.0.1:8080");
        send(self.app, request.body(Body::from(body)).unwrap()).await
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        let answer = self
            .post("/sign-in", format!("name={name}&password={password}"))
            .await;
        let cookie = answer.header("set-cookie").to_owned();
        if let Some(pair) = cookie.split(';').next() {
            self.cookie = pair.to_owned();
        }
        answer
    }

    async fn set_up(&self, code: &str, name: &str, password: &str) -> Answer {
        let body = format!("code={code}&name={name}&password={password}&again={password}");
        self.post("/set-up", body).await
    }
}

/// The token of the form that leads somewhere, on a page; `kind` where several do.
fn token(page: &Answer, action: &str, kind: &str) -> String {
    let forms = page.text().split("<form").skip(1);
    let mut forms =
        forms.filter(|form| form.contains(&format!("action=\"{action}\"")) && form.contains(kind));
    let form = forms
        .next()
        .unwrap_or_else(|| panic!("no form to {action}"));
    let rest = form.split("name=\"token\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// An account for each role, by the store's own doors.
async fn accounts(invented: &Invented, app: &Router) {
    let day = std::time::Duration::from_secs(86_400);
    invented.store.make_first_code("AAAA", day).unwrap();
    let browser = Browser::new(app);
    let made = browser.set_up("AAAA", "administrator", PASSWORD).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text());
    let administrator: AccountName = "administrator".parse().unwrap();
    for role in [Role::Radiographer, Role::Service, Role::Auditor] {
        let name: AccountName = role.as_str().parse().unwrap();
        let store = &invented.store;
        store
            .make_code(role.as_str(), &name, role, day, &administrator)
            .unwrap();
        let made = browser.set_up(role.as_str(), role.as_str(), PASSWORD).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text());
    }
}

fn remember(invented: &Invented) {
    let detail = invented.store.study(&id(1)).unwrap().unwrap();
    let evidence = detail.deidentified.unwrap();
    let phi = |text: &str| Phi::new(text.to_owned());
    let person = Person {
        issuer: phi("Hospital"),
        id: phi("PID-0815"),
        name: phi("Yamada^Hanako=山田^花子"),
        birth_date: phi("19551231"),
    };
    invented
        .vault
        .remember(&evidence.project, &evidence.pseudonym, &person)
        .unwrap();
}

#[tokio::test]
async fn from_the_first_account_on_every_page_asks_who_it_is() {
    let invented = everything();
    let app = router(&invented);
    let stranger = Browser::new(&app);
    assert_eq!(stranger.get("/").await.status, StatusCode::OK);
    let accounts_page = stranger.get("/accounts").await;
    assert_eq!(accounts_page.header("location"), "/set-up");
    accounts(&invented, &app).await;
    for path in ["/", "/health", "/about", "/accounts", "/journal", "/events"] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.header("location"), "/sign-in", "{path}");
    }
    let study = study_path(1);
    assert_eq!(stranger.get(&study).await.header("location"), "/sign-in");
    let asked = stranger.post(&format!("{study}/ask"), String::new()).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN);
    let mut browser = Browser::new(&app);
    for (name, password) in [
        ("administrator", "wrong password 1"),
        ("nobody", PASSWORD),
        ("<script>", PASSWORD),
    ] {
        let answer = browser.sign_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let answer = browser.sign_in("administrator", PASSWORD).await;
    assert_eq!(answer.header("location"), "/");
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    let own = browser.get("/account").await;
    let out = format!("token={}", token(&own, "/sign-out", ""));
    assert_eq!(
        browser.post("/sign-out", out).await.header("location"),
        "/sign-in"
    );
    assert_eq!(browser.get("/").await.header("location"), "/sign-in");
}

#[tokio::test]
async fn each_role_opens_its_own_pages_only() {
    let invented = everything();
    remember(&invented);
    let app = router(&invented);
    accounts(&invented, &app).await;
    let study = study_path(1);
    let detail = invented.store.study(&id(1)).unwrap().unwrap();
    let artefact = format!("/artefacts/{}", detail.artefacts[0].digest);
    for role in Role::ALL {
        let mut browser = Browser::new(&app);
        browser.sign_in(role.as_str(), PASSWORD).await;
        let sees = role.may_see_people();
        let journal = matches!(role, Role::Administrator | Role::Auditor);
        for (path, may) in [
            ("/", sees),
            (study.as_str(), sees),
            (artefact.as_str(), sees),
            ("/accounts", role == Role::Administrator),
            ("/journal", journal),
            ("/health", true),
            ("/account", true),
        ] {
            let answer = browser.get(path).await;
            let right = if may {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(answer.status, right, "{role:?} {path}");
            if !may {
                assert!(!answer.text().contains("BB-"), "{role:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_person_is_shown_for_a_reason_and_it_is_recorded() {
    let invented = everything();
    remember(&invented);
    let app = router(&invented);
    accounts(&invented, &app).await;
    let (study, reveal) = (study_path(1), study_path(1) + "/reveal");
    let mut browser = Browser::new(&app);
    browser.sign_in("radiographer", PASSWORD).await;
    let page = browser.get(&study).await;
    assert!(!page.text().contains("Hanako") && !page.text().contains("0815"));
    let token = token(&page, &reveal, "");
    let looks = || {
        let entries = invented.store.journal_newest(100, true).unwrap();
        let looks = entries.into_iter().filter_map(|entry| {
            if let Event::PersonRevealed { who, role, .. } = entry.event {
                Some((who, role, entry.study))
            } else {
                None
            }
        });
        looks.collect::<Vec<_>>()
    };
    // Without a reason of the list, without the token, from elsewhere: nothing.
    for body in [
        format!("token={token}"),
        format!("token={token}&why=curiosity"),
        "why=inspection".to_owned(),
    ] {
        let answer = browser.post(&reveal, body).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert!(!answer.text().contains("Hanako"));
    }
    let body = format!("token={token}&why=inspection");
    let elsewhere = browser
        .request(&Method::POST, &reveal)
        .header("origin", "http://evil.example")
        .body(Body::from(body.clone()))
        .unwrap();
    let answer = send(&app, elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(looks().is_empty());
    let shown = browser.post(&reveal, body.clone()).await;
    for words in ["Yamada Hanako", "山田 花子", "PID-0815", "19551231"] {
        assert!(shown.text().contains(words), "{words}");
    }
    assert_eq!(shown.header("cache-control"), "no-store");
    let name = id(1).to_string();
    assert_eq!(
        looks(),
        [("radiographer".to_owned(), Role::Radiographer, Some(name))]
    );
    // A token is of one session, and a role without the right has no way.
    let mut other = Browser::new(&app);
    other.sign_in("administrator", PASSWORD).await;
    let answer = other.post(&reveal, body.clone()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for name in ["service", "auditor"] {
        let mut other = Browser::new(&app);
        other.sign_in(name, PASSWORD).await;
        let answer = other.post(&reveal, body.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        assert!(!answer.text().contains("Hanako"));
    }
    assert_eq!(looks().len(), 1);
    // Nothing of the person stands in the box's own records.
    for name in ["box.sqlite", "box.sqlite-wal"] {
        let bytes = std::fs::read(invented.dir.path().join(name)).unwrap_or_default();
        let found = bytes.windows(6).any(|window| window == b"Hanako");
        assert!(!found, "{name}");
    }
}

#[tokio::test]
async fn an_administrator_makes_and_closes_accounts() {
    let invented = Invented::at(START);
    let app = router(&invented);
    accounts(&invented, &app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in("administrator", PASSWORD).await;
    let page = browser.get("/accounts").await;
    let new = token(&page, "/accounts", "value=\"new\"");
    let body = format!("token={new}&kind=new&name=mori&role=radiographer");
    let made = browser.post("/accounts", body).await;
    let code = made.text().split("<code>").nth(1).unwrap();
    let code = code.split('<').next().unwrap().to_owned();
    let short = Browser::new(&app).set_up(&code, "mori", "short").await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    let other = Browser::new(&app).set_up(&code, "abe", PASSWORD).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    let done = Browser::new(&app).set_up(&code, "mori", PASSWORD).await;
    assert_eq!(done.header("location"), "/sign-in");
    let again = Browser::new(&app).set_up(&code, "mori", PASSWORD).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let mut mori = Browser::new(&app);
    mori.sign_in("mori", PASSWORD).await;
    assert_eq!(mori.get("/").await.status, StatusCode::OK);
    let page = browser.get("/accounts").await;
    let forms = page
        .text()
        .split("<form")
        .find(|form| form.contains("value=\"close\"") && form.contains("value=\"mori\""));
    let close = forms
        .unwrap()
        .split("name=\"token\" value=\"")
        .nth(1)
        .unwrap();
    let close = close.split('"').next().unwrap();
    let body = format!("token={close}&kind=close&name=mori");
    browser.post("/accounts", body).await;
    assert_eq!(mori.get("/").await.header("location"), "/sign-in");
    let answer = mori.sign_in("mori", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
