//! The central from outside: who gets in, what is held, what is answered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use bonebox::anatomy::Side;
use bonebox::central::{self, Addresses};
use bonebox::clock::Clock;
use bonebox::config::CentralSettings;
use bonebox::identity::hash_password;
use bonebox::names::Digest;
use bonebox::results::ResultObject;
use bonebox::wire::multipart;
use bonebox::wire::stow::{Reason, StowAnswer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::pki::Pki;
use crate::results::objects;

/// A central that runs.
pub(crate) struct Running {
    pub(crate) addresses: Addresses,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), central::CentralError>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

pub(crate) fn settings(data: &Path, pki: &Pki, listen: &str) -> CentralSettings {
    CentralSettings {
        data: data.to_owned(),
        listen: listen.parse().unwrap(),
        certificate: pki.pem("central"),
        key: pki.key("central"),
        client_ca: pki.pem("ca"),
        people_listen: "127.0.0.1:0".parse().unwrap(),
        user: "demo".into(),
        password_hash: hash_password("secret").unwrap().as_str().to_owned(),
    }
}

pub(crate) async fn start(settings: CentralSettings) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let task = tokio::spawn(async move {
        let shutdown = async {
            stopped.await.ok();
        };
        let ready = move |addresses| tell.send(addresses).unwrap();
        central::run(settings, Clock::System, shutdown, ready).await
    });
    Running {
        addresses: told.await.unwrap(),
        stop,
        task,
    }
}

/// curl as a box: another program's TLS and HTTP. Status and body.
fn curl(pki: &Pki, certificate: Option<&str>, arguments: &[&str]) -> Result<(u16, Vec<u8>), i32> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--write-out", "%{http_code}", "--cacert"]);
    command.arg(pki.pem("ca"));
    if let Some(name) = certificate {
        command.arg("--cert").arg(pki.pem(name));
        command.arg("--key").arg(pki.key(name));
    }
    let output = command
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(output.status.code().unwrap());
    }
    let at = output.stdout.len() - 3;
    let status = std::str::from_utf8(&output.stdout[at..]).unwrap();
    Ok((status.parse().unwrap(), output.stdout[..at].to_vec()))
}

/// Posts parts as one request, as box `sender`.
async fn post(
    pki: &Pki,
    address: SocketAddr,
    sender: &'static str,
    parts: &[&[u8]],
) -> (u16, StowAnswer) {
    let folder = tempfile::tempdir().unwrap();
    let boundary = multipart::boundary_for(parts);
    let body = folder.path().join("body");
    std::fs::write(&body, multipart::build(&boundary, parts)).unwrap();
    let url = format!("https://{address}/dicom-web/studies");
    let kind = format!("Content-Type: {}", multipart::content_type(&boundary));
    let data = format!("@{}", body.display());
    let pki = pki.clone();
    let (status, body) = tokio::task::spawn_blocking(move || {
        let arguments = ["-H", &kind, "-H", "Expect:", "--data-binary", &data, &url];
        curl(&pki, Some(sender), &arguments).unwrap()
    })
    .await
    .unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    let answer = StowAnswer::from_json(&body);
    (
        status,
        answer.unwrap_or_else(|error| panic!("{error}: {status} {text}")),
    )
}

fn study(letter: char) -> Vec<ResultObject> {
    let pseudonym = format!("BB-{}", letter.to_string().repeat(20));
    let uid = format!("2.25.{}", u32::from(letter));
    objects(&pseudonym.parse().unwrap(), &uid, Side::Right)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_box_with_our_certificate_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let url = format!(
        "https://{}/dicom-web/studies/1/instances/2",
        central.addresses.boxes
    );
    let results = tokio::task::spawn_blocking(move || {
        [
            curl(&pki, Some("box-1"), &[&url]),
            curl(&pki, None, &[&url]),
            curl(&pki, Some("stranger"), &[&url]),
            curl(&pki, Some("box-1"), &["--tls-max", "1.2", &url]),
        ]
        .map(|result| result.map(|(status, _)| status))
    })
    .await
    .unwrap();
    // 35: the handshake failed; 56: the alert came with the first read (TLS
    // 1.3 tells a client of its refused certificate no sooner).
    assert_eq!(results[0], Ok(404));
    for refused in &results[1..] {
        assert!(matches!(refused, Err(35 | 56)), "{results:?}");
    }
    central.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_is_held_other_bytes_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let address = central.addresses.boxes;
    let objects = study('A');
    let parts: Vec<&[u8]> = objects.iter().map(|o| o.bytes.as_slice()).collect();
    let (status, first) = post(&pki, address, "box-1", &parts).await;
    assert_eq!((status, first.held.len()), (200, 3));
    for (held, object) in first.held.iter().zip(&objects) {
        assert_eq!(held.digest, Some(Digest::of(&object.bytes)));
    }
    assert_eq!(post(&pki, address, "box-1", &parts).await, (200, first));

    // Another document under the same UID.
    let mut changed = objects[0].bytes.clone();
    let last = changed.len() - 40;
    changed[last] ^= 1;
    let (status, answer) = post(&pki, address, "box-1", &[&changed, parts[1]]).await;
    assert_eq!((status, answer.held.len()), (202, 1));
    assert_eq!(answer.failed[0].reason, Reason::OtherBytesHeld.code());
    assert_eq!(
        answer.failed[0].sop_instance.as_ref(),
        Some(&objects[0].sop_instance)
    );
    central.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_does_not_harm_the_part_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let address = central.addresses.boxes;
    let object = study('A').remove(0);
    let mut person = dicom_object::from_reader(object.bytes.as_slice()).unwrap();
    person.put_str(
        dicom_dictionary_std::tags::PATIENT_NAME,
        dicom_core::VR::PN,
        "YAMADA^TAROU",
    );
    let mut person_bytes = Vec::new();
    person.write_all(&mut person_bytes).unwrap();
    let cut = &object.bytes[..object.bytes.len() - 3];
    let parts = [b"garbage".as_slice(), &object.bytes, &person_bytes, cut];
    let (status, answer) = post(&pki, address, "box-1", &parts).await;
    assert_eq!(status, 202);
    assert_eq!(answer.held.len(), 1);
    assert_eq!(answer.held[0].sop_instance, object.sop_instance);
    let reasons: Vec<_> = answer
        .failed
        .iter()
        .map(|failed| Reason::from_code(failed.reason).unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            Reason::CannotUnderstand,
            Reason::IdentityNotRemoved,
            Reason::CannotUnderstand
        ]
    );
    central.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_outlives_a_restart_and_only_its_box_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let objects = study('B');
    let parts: Vec<&[u8]> = objects.iter().map(|o| o.bytes.as_slice()).collect();
    let (status, _) = post(&pki, central.addresses.boxes, "box-1", &parts).await;
    assert_eq!(status, 200);
    central.stop().await;

    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let url = format!(
        "https://{}/dicom-web/studies/2.25.66/instances/{}",
        central.addresses.boxes, objects[0].sop_instance
    );
    let (own, others) = tokio::task::spawn_blocking(move || {
        (
            curl(&pki, Some("box-1"), &[&url]).unwrap(),
            curl(&pki, Some("box-2"), &[&url]).unwrap(),
        )
    })
    .await
    .unwrap();
    assert_eq!(own, (200, objects[0].bytes.clone()));
    assert_eq!(others.0, 404);
    central.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_no_stow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let url = format!("https://{}/dicom-web/studies", central.addresses.boxes);
    let statuses = tokio::task::spawn_blocking(move || {
        let multipart = "Content-Type: multipart/related; boundary=b";
        [
            vec!["--data-binary", "x", &url],
            vec!["-H", multipart, "--data-binary", "x", &url],
            vec!["-H", multipart, "--data-binary", "--b--", &url],
            vec!["-X", "DELETE", &url],
        ]
        .map(|arguments| curl(&pki, Some("box-1"), &arguments).unwrap().0)
    })
    .await
    .unwrap();
    assert_eq!(statuses, [415, 400, 400, 405]);
    central.stop().await;
}

/// curl as a browser: status, headers and body in one text.
fn browse(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--include"])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_see_what_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let central = start(settings(folder.path(), &pki, "127.0.0.1:0")).await;
    let objects = study('A');
    let parts: Vec<&[u8]> = objects.iter().map(|o| o.bytes.as_slice()).collect();
    post(&pki, central.addresses.boxes, "box-1", &parts).await;
    let base = format!("http://{}", central.addresses.people);
    let jar = folder.path().join("jar").display().to_string();
    let radius = objects[0].sop_instance.clone();
    tokio::task::spawn_blocking(move || {
        let page = |path: &str, more: &[&str]| {
            let url = format!("{base}{path}");
            let mut arguments = vec!["-b", jar.as_str(), "-c", jar.as_str(), url.as_str()];
            arguments.extend(more);
            browse(&arguments)
        };
        let study = "/studies/2.25.65";
        let stl = format!("{study}/objects/{radius}/surface.stl");
        for path in ["/", study, &stl] {
            let refused = page(path, &[]);
            assert!(refused.contains("303") && refused.contains("location: /login"));
        }
        assert!(page("/login", &["-d", "user=demo&password=no"]).contains(" 401 "));
        assert!(page("/login", &["-d", "user=no&password=secret"]).contains(" 401 "));
        let foreign = [
            "-H",
            "Sec-Fetch-Site: cross-site",
            "-d",
            "user=demo&password=secret",
        ];
        assert!(page("/login", &foreign).contains(" 403 "));
        let signed = page("/login", &["-d", "user=demo&password=secret"]);
        assert!(signed.contains("HttpOnly; SameSite=Strict"), "{signed}");
        let list = page("/", &[]);
        assert!(list.contains("BB-AAAAAAAAAAAAAAAAAAAA"), "{list}");
        assert!(list.contains("content-security-policy: default-src 'self'"));
        let english = page(study, &["-H", "Accept-Language: en"]);
        for text in [
            "23.5 ± 2.4 °",
            "not observable",
            "simulated X-rays of invented bones, 200 cases",
            "Radial inclination",
            "data-radius=",
            "Research use, not a diagnosis.",
            "box-1",
        ] {
            assert!(english.contains(text), "{text} in {english}");
        }
        let japanese = page(study, &["-H", "Accept-Language: ja"]);
        assert!(japanese.contains("橈骨傾斜角") && japanese.contains("診断ではありません"));
        let file = page(&stl, &[]);
        assert!(
            file.contains("model/stl") && file.contains("content-length: 284"),
            "{file}"
        );
        assert!(page("/studies/2.25.1", &[]).contains(" 404 "));
        assert!(page("/logout", &["-X", "POST"]).contains("location: /login"));
        assert!(page("/", &[]).contains("location: /login"));
        for _ in 0..5 {
            page("/login", &["-d", "user=demo&password=no"]);
        }
        let locked = page(
            "/login",
            &[
                "-d",
                "user=demo&password=secret",
                "-H",
                "Accept-Language: en",
            ],
        );
        assert!(locked.contains("Too many tries"), "{locked}");
    })
    .await
    .unwrap();
    central.stop().await;
}
