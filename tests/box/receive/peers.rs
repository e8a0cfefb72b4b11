//! Other people's senders: dcmtk's and pynetdicom. The same files, the same
//! outcome.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::node::{CT, DX, EXPLICIT, Node, data_set, element, file, run, settings};

/// Runs dcmtk's program of a name; Debian's package dcmtk has it.
fn dcmtk(program: &str, address: SocketAddr, arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(program)
        .args(arguments)
        .arg(address.ip().to_string())
        .arg(address.port().to_string())
        .args(files)
        .output()
        .unwrap_or_else(|error| panic!("{program} of Debian's dcmtk is needed: {error}"))
}

fn pynetdicom(address: SocketAddr, files: &[PathBuf]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/setup/venv/bin/python");
    Command::new(&python)
        .arg(root.join("tests/box/receive/pynetdicom_send.py"))
        .arg(address.port().to_string())
        .args(["BONEBOX", "XRAY"])
        .args(files)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{} with pynetdicom is needed (make test makes it): {error}",
                python.display()
            )
        })
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A wrist pair and a CT slice.
fn study(folder: &Path) -> Vec<PathBuf> {
    // In the order of their tags, as dcmtk writes them anew.
    let view = |view: &[u8]| {
        [
            element(0x0010, 0x0010, "PN", b"Yamada^Tarou"),
            element(0x0018, 0x0015, "CS", b"WRIST "),
            element(0x0018, 0x5101, "CS", view),
        ]
        .concat()
    };
    [
        (DX, "1.2.392.1.1", view(b"PA")),
        (DX, "1.2.392.1.2", view(b"LL")),
        (CT, "1.2.392.1.3", Vec::new()),
    ]
    .into_iter()
    .map(|(class, instance, extra)| {
        let bytes = data_set(class, instance, b"ISO_IR 100", &extra);
        file(folder, instance, (class, instance, EXPLICIT), &bytes)
    })
    .collect()
}

/// What the node knows of a study: facts, size and digest of each instance.
fn known(node: &Node) -> Vec<String> {
    let mut known = Vec::new();
    for row in node.store.studies(10).unwrap() {
        for instance in node.store.instances(&row.id).unwrap() {
            known.push(format!(
                "{:?} {} {}",
                instance.facts, instance.size, instance.digest
            ));
        }
    }
    known.sort();
    known
}

#[test]
fn three_senders_have_the_same_outcome() {
    run(async {
        let outside = tempfile::tempdir().unwrap();
        let files = study(outside.path());
        let ours = Node::start(settings()).await;
        assert_eq!(ours.statuses(&files).await, [0, 0, 0]);
        let expected = known(&ours);
        assert_eq!(expected.len(), 3);
        assert!(expected.iter().any(|line| line.contains("view: Lateral")));

        let (one, list) = (Node::start(settings()).await, files.clone());
        let address = one.address;
        let output = tokio::task::spawn_blocking(move || {
            dcmtk(
                "storescu",
                address,
                &["-v", "-aet", "XRAY", "-aec", "BONEBOX"],
                &list,
            )
        });
        let output = output.await.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        one.settled().await;
        assert_eq!(known(&one), expected);

        let two = Node::start(settings()).await;
        let address = two.address;
        let output = tokio::task::spawn_blocking(move || pynetdicom(address, &files));
        let output = output.await.unwrap();
        assert_eq!(
            said(&output).matches("0000").count(),
            3,
            "{}",
            said(&output)
        );
        two.settled().await;
        assert_eq!(known(&two), expected);
        for node in [ours, one, two] {
            node.stop().await;
        }
    });
}

#[test]
fn dcmtk_hears_echoes_and_refusals() {
    run(async {
        let node = Node::start(settings()).await;
        let address = node.address;
        let ask = |arguments: &'static [&'static str]| async move {
            tokio::task::spawn_blocking(move || dcmtk("echoscu", address, arguments, &[]))
                .await
                .unwrap()
        };
        let good = ask(&["-v", "--repeat", "5", "-aet", "XRAY", "-aec", "BONEBOX"]).await;
        assert!(good.status.success(), "{}", said(&good));
        let called = ask(&["-aet", "XRAY", "-aec", "SOMEBODY"]).await;
        assert!(said(&called).contains("Called AE Title Not Recognized"));
        let calling = ask(&["-aet", "STRANGER", "-aec", "BONEBOX"]).await;
        assert!(said(&calling).contains("Calling AE Title Not Recognized"));
        // 128 contexts, an association released, and one aborted.
        let many = ask(&["-aet", "XRAY", "-aec", "BONEBOX", "-ppc", "128"]).await;
        assert!(many.status.success(), "{}", said(&many));
        let abort = ask(&["-aet", "XRAY", "-aec", "BONEBOX", "--abort"]).await;
        assert!(abort.status.success(), "{}", said(&abort));
        node.stop().await;
    });
}
