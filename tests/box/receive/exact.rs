//! Stored files end in exactly the bytes received.

use super::node::{CT, EXPLICIT, Node, data_set, element, file, run, settings, tag};

/// Name, the element's bytes that make the case, charset, transfer syntax.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static [u8], &'static str)> {
    let ir87: &[u8] =
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    let ir13: &[u8] = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J ";
    let undefined = [
        tag(0x0008, 0x1140),
        b"SQ\0\0\xff\xff\xff\xff".to_vec(),
        tag(0xfffe, 0xe000),
        vec![0xff; 4],
        element(0x0008, 0x1150, "UI", b"1.2\0"),
        tag(0xfffe, 0xe00d),
        vec![0; 4],
        tag(0xfffe, 0xe0dd),
        vec![0; 4],
    ]
    .concat();
    let private = [
        element(0x0029, 0x0010, "LO", b"VENDOR 1"),
        element(0x0029, 0x1001, "UN", &[1, 2, 3, 4]),
    ]
    .concat();
    let padded = |text: &[u8]| {
        let mut text = text.to_vec();
        text.resize(text.len().next_multiple_of(2), b' ');
        text
    };
    vec![
        (
            "ir87",
            element(0x10, 0x10, "PN", &padded(ir87)),
            b"\\ISO 2022 IR 87",
            EXPLICIT,
        ),
        (
            "ir13",
            element(0x10, 0x10, "PN", &padded(ir13)),
            b"ISO 2022 IR 13\\ISO 2022 IR 87 ",
            EXPLICIT,
        ),
        ("private", private, b"ISO_IR 100", EXPLICIT),
        (
            "nul padding",
            element(0x10, 0x10, "PN", b"Yamada\0\0"),
            b"ISO_IR 100",
            EXPLICIT,
        ),
        (
            "odd length",
            element(0x10, 0x10, "PN", b"Yamada^T^"),
            b"ISO_IR 100",
            EXPLICIT,
        ),
        ("undefined length", undefined, b"ISO_IR 100", EXPLICIT),
        (
            "wrong group length",
            element(0x10, 0, "UL", &[9, 9, 9, 9]),
            b"ISO_IR 100",
            EXPLICIT,
        ),
        (
            "utf-8",
            element(0x10, 0x10, "PN", "山田^太郎 ".as_bytes()),
            b"ISO_IR 192",
            EXPLICIT,
        ),
        (
            "undeclared shift-jis",
            element(0x10, 0x10, "PN", b"\x8e\x52\x93\x63"),
            b"",
            EXPLICIT,
        ),
    ]
}

#[test]
fn every_case_is_kept_bit_for_bit() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let mut sent = Vec::new();
        let mut files = Vec::new();
        for (number, (name, extra, charset, syntax)) in cases().into_iter().enumerate() {
            let instance = format!("1.2.392.200036.9.1.1.{number}");
            let bytes = data_set(CT, &instance, charset, &extra);
            files.push(file(outside.path(), name, (CT, &instance, syntax), &bytes));
            sent.push((name, bytes));
        }
        let encapsulated = encapsulated();
        let kind = (CT, "1.2.3.90", "1.2.840.10008.1.2.4.90");
        files.push(file(outside.path(), "jpeg 2000", kind, &encapsulated));
        sent.push(("jpeg 2000", encapsulated));
        let statuses = node.statuses(&files).await;
        assert_eq!(statuses, vec![0; files.len()]);
        let stored: Vec<_> = node
            .files("identified")
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        assert_eq!(stored.len(), sent.len());
        for (name, bytes) in sent {
            assert!(
                stored.iter().any(|file| file.ends_with(&bytes)
                    && &file[128..132] == b"DICM"
                    && file.len() < bytes.len() + 500),
                "{name} is not kept bit for bit"
            );
        }
        node.stop().await;
    });
}

/// A fragment of 8 bytes that is no image: a decoder would fail.
fn encapsulated() -> Vec<u8> {
    let plain = data_set(CT, "1.2.3.90", b"ISO_IR 100", &[]);
    let mut bytes = plain[..plain.len() - 524].to_vec();
    bytes.extend(tag(0x7fe0, 0x0010));
    bytes.extend_from_slice(b"OB\0\0\xff\xff\xff\xff");
    for (number, value) in [(0xe000_u16, &b""[..]), (0xe000, b"nojpeg!!"), (0xe0dd, b"")] {
        bytes.extend(tag(0xfffe, number));
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

#[test]
fn a_large_instance_is_streamed() {
    run(async {
        let node = Node::start(settings()).await;
        let outside = tempfile::tempdir().unwrap();
        let noise: Vec<u8> = (0_u32..15_000_000)
            .map(|n| (n >> 3).to_le_bytes()[0])
            .collect();
        let extra = element(0x0029, 0x1001, "UN", &noise);
        let bytes = data_set(CT, "1.2.3", b"ISO_IR 100", &extra);
        let path = file(outside.path(), "large", (CT, "1.2.3", EXPLICIT), &bytes);
        assert_eq!(node.statuses(&[path]).await, [0]);
        let stored = std::fs::read(&node.files("identified")[0]).unwrap();
        assert!(stored.ends_with(&bytes));
        node.stop().await;
    });
}
