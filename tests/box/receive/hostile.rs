//! Peers that lie, stall and break off. After each the node answers an echo,
//! keeps nothing, and has not grown.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dicom_ul::pdu::{
    AssociationRQ, PDataValue, PDataValueType, Pdu, PresentationContextProposed, UserVariableItem,
    write_pdu,
};

use bonebox::receive::send::echo;

use super::alone::{Alone, settled};
use super::node::{CT, EXPLICIT, Node, data_set, element, run, settings, tag, until};

/// Growth that a probe may cause in the node.
const MOST_GROWTH_KB: u64 = 16_000;

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

fn encoded(pdu: &Pdu) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).unwrap();
    bytes
}

fn request() -> Vec<u8> {
    encoded(&Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "XRAY".into(),
        called_ae_title: "BONEBOX".into(),
        application_context_name: "1.2.840.10008.3.1.1.1".into(),
        presentation_contexts: vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: CT.into(),
            transfer_syntaxes: vec![EXPLICIT.into()],
        }],
        user_variables: vec![UserVariableItem::MaxLength(16_384)],
    }))
}

/// An association with one context: id 1, CT, explicit little endian.
pub(crate) fn associate(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(&request()).unwrap();
    let (kind, _) = answer(&mut stream).unwrap();
    assert_eq!(kind, 2, "not accepted");
    stream
}

/// The next PDU; `None`: closed or reset.
fn answer(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 6];
    stream.read_exact(&mut header).ok()?;
    let length = u32::from_be_bytes(header[2..].try_into().unwrap());
    let mut body = vec![0; length.try_into().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some((header[0], body))
}

fn fragment(context: u8, kind: PDataValueType, is_last: bool, data: &[u8]) -> Vec<u8> {
    encoded(&Pdu::PData {
        data: vec![PDataValue {
            presentation_context_id: context,
            value_type: kind,
            is_last,
            data: data.to_vec(),
        }],
    })
}

/// A complete C-STORE-RQ with its group length.
fn command(instance: &str) -> Vec<u8> {
    let item = |element: u16, value: &[u8]| {
        let mut value = value.to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        let mut bytes = tag(0, element);
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
        bytes
    };
    let rest = [
        item(0x0002, CT.as_bytes()),
        item(0x0100, &[1, 0]),
        item(0x0110, &[1, 0]),
        item(0x0700, &[0, 0]),
        item(0x0800, &[1, 0]),
        item(0x1000, instance.as_bytes()),
    ]
    .concat();
    let length = u32::try_from(rest.len()).unwrap().to_le_bytes();
    [item(0, &length), rest].concat()
}

/// Sends a C-STORE of these bytes and returns its status, or `None` if the
/// association ended.
fn store(stream: &mut TcpStream, instance: &str, data: &[u8]) -> Option<u16> {
    let first = fragment(1, PDataValueType::Command, true, &command(instance));
    stream.write_all(&first).ok()?;
    let mut chunks = data.chunks(16_000).peekable();
    while let Some(chunk) = chunks.next() {
        let last = chunks.peek().is_none();
        stream
            .write_all(&fragment(1, PDataValueType::Data, last, chunk))
            .ok()?;
    }
    let (kind, body) = answer(stream)?;
    assert_eq!(kind, 4, "the association was ended");
    let at = body.windows(4).position(|w| w == [0, 0, 0, 9])?;
    Some(u16::from_le_bytes([body[at + 8], body[at + 9]]))
}

/// Runs a probe against a fresh node, a process of its own.
fn probe(name: &str, attack: impl FnOnce(SocketAddr)) {
    let data = tempfile::tempdir().unwrap();
    let node = Alone::start(data.path());
    run(async { node.echo().await });
    let (before, _) = node.resident_kb();
    attack(node.address);
    run(async { node.echo().await });
    let (_, highest) = node.resident_kb();
    let grown = highest.saturating_sub(before);
    assert!(grown < MOST_GROWTH_KB, "{name}: {grown} kB");
    settled(data.path());
    let kept = crate::rig::files_below(&data.path().join("identified"));
    assert!(kept.is_empty(), "{name} was kept");
}

#[test]
fn probe_1_http_on_the_port() {
    probe("1", |address| {
        let mut stream = connect(address);
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: box\r\n\r\n")
            .unwrap();
        assert_eq!(answer(&mut stream).unwrap().0, 7);
        assert!(answer(&mut stream).is_none());
    });
}

#[test]
fn probe_2_an_association_request_of_4_gib() {
    probe("2", |address| {
        let mut stream = connect(address);
        stream.write_all(&[1, 0, 0xff, 0xff, 0xff, 0xf0]).unwrap();
        let zeros = vec![0; 1 << 20];
        let refused = (0..256).any(|_| stream.write_all(&zeros).is_err());
        assert!(refused, "256 MiB were swallowed");
    });
}

#[test]
fn probe_3_a_data_set_without_end() {
    probe("3", |address| {
        let mut stream = associate(address);
        let first = fragment(1, PDataValueType::Command, true, &command("1.2.3"));
        stream.write_all(&first).unwrap();
        let mut header = tag(0x7fe0, 0x0010);
        header.extend_from_slice(b"OW\0\0\xfe\xff\xff\xff");
        stream
            .write_all(&fragment(1, PDataValueType::Data, false, &header))
            .unwrap();
        let zeros = fragment(1, PDataValueType::Data, false, &[0; 16_000]);
        // 256 MB, then it breaks off. (What has no end is refused when it is
        // larger than an instance may be: `an_instance_without_end`.)
        (0..16_000)
            .take_while(|_| stream.write_all(&zeros).is_ok())
            .for_each(drop);
    });
}

#[test]
fn an_instance_without_end() {
    run(async {
        let node = Node::start(settings()).await;
        let address = node.address;
        let bytes = tokio::task::block_in_place(move || {
            let mut stream = associate(address);
            let first = fragment(1, PDataValueType::Command, true, &command("1.2.3"));
            stream.write_all(&first).unwrap();
            let zeros = fragment(1, PDataValueType::Data, false, &[0; 16_000]);
            let sent = (0..16_000).take_while(|_| stream.write_all(&zeros).is_ok());
            sent.count() * 16_000
        });
        // The limit is 64 MB; what is refused is read to twice that.
        assert!(bytes < 200_000_000, "{bytes} bytes were taken");
        until("nothing is left", || node.parts().is_empty()).await;
        node.stop().await;
    });
}

#[test]
fn probe_4_nesting_20_000_deep() {
    probe("4", |address| {
        let mut stream = associate(address);
        let mut data = element(0x0008, 0x0016, "UI", &[CT.as_bytes(), b"\0"].concat());
        data.extend(element(0x0008, 0x0018, "UI", b"1.2.3\0"));
        for _ in 0..20_000 {
            data.extend(tag(0x0040, 0xa730));
            data.extend_from_slice(b"SQ\0\0\xff\xff\xff\xff");
            data.extend(tag(0xfffe, 0xe000));
            data.extend_from_slice(&[0xff; 4]);
        }
        for _ in 0..20_000 {
            data.extend(tag(0xfffe, 0xe00d));
            data.extend_from_slice(&[0; 4]);
            data.extend(tag(0xfffe, 0xe0dd));
            data.extend_from_slice(&[0; 4]);
        }
        assert_eq!(store(&mut stream, "1.2.3", &data), Some(0xc000));
    });
}

#[test]
fn probe_5_a_length_of_4_gib_with_4_bytes_behind() {
    probe("5", |address| {
        let mut stream = associate(address);
        let mut data = data_set(CT, "1.2.3", b"ISO_IR 100", &[]);
        data.truncate(data.len() - 524);
        data.extend(tag(0x7fe0, 0x0010));
        data.extend_from_slice(b"OW\0\0\xf0\xff\xff\xff\0\0\0\0");
        assert_eq!(store(&mut stream, "1.2.3", &data), Some(0xc000));
    });
}

#[test]
fn probes_6_to_10_pdus_out_of_turn() {
    let data = || fragment(1, PDataValueType::Data, true, &[0; 8]);
    let echo = fragment(99, PDataValueType::Command, true, &command("1.2.3"));
    let after: [(&str, Vec<u8>); 8] = [
        (
            "7 an item of length 0",
            vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 1, 3],
        ),
        (
            "8 an item of 4 GiB",
            [&[4, 0, 0, 0, 0, 10][..], &[0xff; 4], &[1, 3, 0, 0, 0, 0]].concat(),
        ),
        ("9 a second request", request()),
        ("10 a context that was not accepted", echo),
        ("a data set without a command", data()),
        ("a P-DATA without an item", vec![4, 0, 0, 0, 0, 0]),
        ("an unknown PDU type", vec![0x42, 0, 0, 0, 0, 0]),
        (
            "a command that is none",
            fragment(1, PDataValueType::Command, true, &[9; 40]),
        ),
    ];
    probe("6", move |address| {
        let mut stream = connect(address);
        stream.write_all(&data()).unwrap();
        assert_eq!(answer(&mut stream).unwrap().0, 7);
        for (name, bytes) in after {
            let mut stream = associate(address);
            stream.write_all(&bytes).unwrap();
            let (kind, _) = answer(&mut stream).expect(name);
            assert_eq!(kind, 7, "{name}");
            assert!(answer(&mut stream).is_none(), "{name}");
        }
    });
}

#[test]
fn a_path_as_instance_uid_becomes_no_file() {
    probe("path", |address| {
        let mut stream = associate(address);
        let data = data_set(CT, "../../name", b"ISO_IR 100", &[]);
        assert_eq!(store(&mut stream, "../../name", &data), Some(0x0117));
        let other = data_set(CT, "1.2.3", b"ISO_IR 100", &[]);
        assert_eq!(store(&mut stream, "1.2.4", &other), Some(0xa900));
    });
}

#[test]
fn a_cut_inside_a_data_set_leaves_nothing() {
    probe("cut", |address| {
        for large in [100, 600_000] {
            let mut stream = associate(address);
            let first = fragment(1, PDataValueType::Command, true, &command("1.2.3"));
            stream.write_all(&first).unwrap();
            let data = data_set(CT, "1.2.3", b"ISO_IR 100", &vec![0; large]);
            for chunk in data.chunks(16_000) {
                stream
                    .write_all(&fragment(1, PDataValueType::Data, false, chunk))
                    .unwrap();
            }
            let half = fragment(1, PDataValueType::Data, true, &data[..200]);
            stream.write_all(&half[..100]).unwrap();
        }
    });
}

/// Probes 11 and 12 together: 1,000 silent and 60 half-started connections,
/// while an echo is asked. The half-started ones announce as much as they may.
#[test]
fn silent_connections_keep_nobody_out() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let more = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    probe("11 and 12", |address| {
        let silent: Vec<_> = (0..1000).map(|_| connect(address)).collect();
        let half: Vec<_> = (0..60)
            .map(|number| {
                let mut stream = connect(address);
                let mut bytes = request();
                if number % 2 == 0 {
                    bytes[2..6].copy_from_slice(&[0, 4, 0, 0]);
                }
                // The node may have let it go for a newer one already.
                stream.write_all(&bytes[..20]).ok();
                stream
            })
            .collect();
        let to = format!("BONEBOX@{address}").parse().unwrap();
        run(async move {
            let calling = "XRAY".parse().unwrap();
            for _ in 0..3 {
                echo(&to, &calling).await.unwrap();
            }
        });
        drop((silent, half));
    });
}

#[test]
fn a_silent_peer_is_let_go() {
    run(async {
        let node = Node::start(bonebox::config::DicomSettings {
            idle_timeout: Duration::from_millis(100),
            ..settings()
        })
        .await;
        let address = node.address;
        tokio::task::spawn_blocking(move || {
            let mut asked = associate(address);
            assert_eq!(answer(&mut asked).unwrap().0, 7);
            let mut silent = connect(address);
            assert!(answer(&mut silent).is_none());
            let mut slow = connect(address);
            slow.write_all(&request()[..20]).unwrap();
            assert!(answer(&mut slow).is_none());
        })
        .await
        .unwrap();
        node.stop().await;
    });
}
