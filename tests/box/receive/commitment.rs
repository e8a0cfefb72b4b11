//! Storage commitment, asked by pynetdicom: on the same association, and on
//! one of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use bonebox::config::DicomPeer;

use super::node::{EXPLICIT, Node, ct, data_set, file, run, settings};
use crate::rig::free_port;

fn ask(node: &Node, listen: u16, files: &[PathBuf]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("target/setup/venv/bin/python"))
        .arg(root.join("tests/box/receive/pynetdicom_commit.py"))
        .args([node.address.port().to_string(), listen.to_string()])
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{wrong}");
    said
}

#[test]
fn what_stays_is_committed_and_nothing_else() {
    run(async {
        let listen = free_port();
        for (own, keeps) in [(false, true), (true, true), (false, false)] {
            let mut settings = settings();
            settings.sources[0].commitment_to = own.then(|| DicomPeer {
                ae: "XRAY".parse().unwrap(),
                address: format!("127.0.0.1:{listen}"),
            });
            let node = if keeps {
                Node::start_keeping(settings).await
            } else {
                Node::start(settings).await
            };
            let outside = tempfile::tempdir().unwrap();
            let files = [ct(outside.path(), 1, &[]), ct(outside.path(), 2, &[])];
            // Kept, or to be deleted; unknown; held with another class.
            let said =
                tokio::task::block_in_place(|| ask(&node, if own { listen } else { 0 }, &files));
            let expected = if keeps {
                "action 0000\nevent 2 held 2 failed 0112 0119\n"
            } else {
                "action 0000\nevent 2 held 0 failed 0110 0110 0112 0119\n"
            };
            assert_eq!(said, expected, "own association: {own}, keeps: {keeps}");
            node.stop().await;
        }
    });
}

/// What stands in the request's place is refused, and the association goes on.
#[test]
fn an_instance_of_the_commitment_class_is_no_image() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let class = "1.2.840.10008.1.20.1";
        let bytes = data_set(class, "1.2.3", b"", &[]);
        let files = [
            file(
                outside.path(),
                "commitment",
                (class, "1.2.3", EXPLICIT),
                &bytes,
            ),
            ct(outside.path(), 1, &[]),
        ];
        let sent = node.send(&files).await.unwrap();
        assert_eq!(sent[1].status, Some(0));
        assert_eq!(sent[0].status, Some(0x0122));
        node.stop().await;
    });
}
