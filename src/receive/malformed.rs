//! A hundred thousand malformed connections and data sets: good ones whose
//! fields (lengths, types, counts, tags) are changed, cut, doubled, exchanged.
//! Nothing may panic, and nothing may take memory that did not arrive.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::ops::Range;

use super::dimse;
use super::probe;
use crate::spool::model::Lots;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const BIG: &str = "1.2.840.10008.1.2.2";

/// Bytes, and where their fields lie.
#[derive(Default, Clone)]
struct Built {
    bytes: Vec<u8>,
    fields: Vec<Range<usize>>,
}

impl Built {
    /// Appends a field.
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.fields.push(start..self.bytes.len());
        self
    }

    /// Appends what follows a length of so many bytes, big endian.
    fn sized(&mut self, width: usize, inner: Self) -> &mut Self {
        let length = (inner.bytes.len() as u64).to_be_bytes();
        self.put(&length[8 - width..]);
        self.join(inner)
    }

    fn join(&mut self, inner: Self) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend(inner.bytes);
        let moved = inner
            .fields
            .into_iter()
            .map(|field| field.start + start..field.end + start);
        self.fields.extend(moved);
        self
    }

    /// Changes one to four things.
    fn mutated(&self, lots: &mut Lots) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for _ in 0..=lots.below(4) {
            let field = self.fields[lots.below(self.fields.len() as u64) as usize].clone();
            let Some(part) = bytes.get_mut(field.clone()) else {
                continue;
            };
            match lots.below(8) {
                0 => part.fill(0),
                1 => part.fill(0xff),
                2 => add(part, 1),
                3 => add(part, 255),
                4 => part.reverse(),
                5 => part
                    .iter_mut()
                    .for_each(|byte| *byte = lots.below(256) as u8),
                6 => bytes.truncate(field.start + lots.below(1 + field.len() as u64) as usize),
                _ => {
                    let again = bytes[field.start..].to_vec();
                    bytes.splice(field.start..field.start, again);
                    bytes.truncate(1 << 20);
                }
            }
        }
        bytes
    }
}

/// Adds to a number, whichever end it begins at.
fn add(part: &mut [u8], number: u8) {
    if let Some(last) = part.last_mut() {
        *last = last.wrapping_add(number);
    }
}

fn item(kind: u8, inner: Built) -> Built {
    let mut built = Built::default();
    built.put(&[kind, 0]).sized(2, inner);
    built
}

fn text(bytes: &[u8]) -> Built {
    let mut built = Built::default();
    built.put(bytes);
    built
}

/// A request with two contexts, one of them for storage commitment.
fn request() -> Built {
    let mut body = Built::default();
    body.put(&[0, 1, 0, 0]);
    body.put(format!("{:<16}", "BONEBOX").as_bytes());
    body.put(format!("{:<16}", "XRAY").as_bytes());
    body.put(&[0; 32]);
    body.join(item(0x10, text(b"1.2.840.10008.3.1.1.1")));
    for (id, class) in [(1, CT), (3, dimse::COMMITMENT)] {
        let mut context = Built::default();
        context.put(&[id, 0, 0, 0]);
        context.join(item(0x30, text(class.as_bytes())));
        context.join(item(0x40, text(EXPLICIT.as_bytes())));
        context.join(item(0x40, text(IMPLICIT.as_bytes())));
        body.join(item(0x20, context));
    }
    let mut user = item(0x51, text(&16_384_u32.to_be_bytes()));
    user.join(item(0x52, text(b"1.2.3.4")));
    user.join(item(0x55, text(b"INVENTED")));
    body.join(item(0x50, user));
    let mut built = Built::default();
    built.put(&[1, 0]).sized(4, body);
    built
}

fn data(context: u8, control: u8, inner: Built) -> Built {
    let mut fragment = Built::default();
    fragment.put(&[context]).put(&[control]).join(inner);
    let mut body = Built::default();
    body.sized(4, fragment);
    let mut built = Built::default();
    built.put(&[4, 0]).sized(4, body);
    built
}

/// A command set with its elements as fields.
fn command(set: &[u8]) -> Built {
    let mut built = Built::default();
    let mut rest = set;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes(head[4..].try_into().unwrap()) as usize;
        built.put(&head[..4]).put(&head[4..]).put(&tail[..length]);
        rest = &tail[length..];
    }
    built
}

/// How elements are written.
#[derive(Clone, Copy)]
struct Form {
    implicit: bool,
    big: bool,
}

impl Form {
    fn u16(self, number: u16) -> [u8; 2] {
        if self.big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn tag(self, group: u16, element: u16) -> Vec<u8> {
        [self.u16(group), self.u16(element)].concat()
    }

    fn element(self, group: u16, element: u16, vr: &[u8], value: Built) -> Built {
        let mut built = Built::default();
        built.put(&self.tag(group, element));
        let length = value.bytes.len() as u32;
        if self.implicit {
            built.put(&self.u32(length));
        } else if [&b"SQ"[..], b"OW", b"UN"].contains(&vr) {
            built.put(vr).put(&[0, 0]).put(&self.u32(length));
        } else {
            built.put(vr).put(&self.u16(length as u16));
        }
        built.join(value);
        built
    }

    /// Items, with lengths or with delimiters.
    fn items(self, undefined: bool, items: Vec<Built>) -> Built {
        let mut built = Built::default();
        for item in items {
            let length = if undefined {
                u32::MAX
            } else {
                item.bytes.len() as u32
            };
            built.put(&self.tag(0xfffe, 0xe000)).put(&self.u32(length));
            built.join(item);
            if undefined {
                built.put(&self.tag(0xfffe, 0xe00d)).put(&[0; 4]);
            }
        }
        built
    }

    /// A small image with sequences in sequences.
    fn data_set(self) -> Built {
        let code = self.element(0x0008, 0x0100, b"SH", text(b"399067008 "));
        let inner = self.element(
            0x0054,
            0x0222,
            b"SQ",
            self.items(true, vec![code.clone(), code.clone()]),
        );
        let mut built = Built::default();
        built
            .join(self.element(0x0008, 0x0008, b"CS", text(b"ORIGINAL\\PRIMARY")))
            .join(self.element(0x0008, 0x0016, b"UI", text(b"1.2.840.10008.5.1.4.1.1.2\0")))
            .join(self.element(0x0008, 0x0018, b"UI", text(b"1.2.3.4\0")))
            .join(self.element(0x0008, 0x0060, b"CS", text(b"CT")))
            .join(self.element(0x0009, 0x0010, b"LO", text(b"INVENTED")))
            .join(self.element(0x0009, 0x1001, b"UN", text(&[7; 12])))
            .join(self.element(0x0020, 0x000d, b"UI", text(b"1.2.3\0")))
            .join(self.element(0x0020, 0x000e, b"UI", text(b"1.2.3.5\0")))
            .join(self.element(0x0020, 0x1002, b"IS", text(b"12")))
            .join(self.element(
                0x0054,
                0x0220,
                b"SQ",
                self.items(
                    false,
                    vec![[code, inner].into_iter().fold(
                    Built::default(),
                    |mut all, one| {
                        all.join(one);
                        all
                    },
                )],
                ),
            ))
            .join(self.element(0x7fe0, 0x0010, b"OW", text(&[0x5a; 64])));
        built
    }
}

/// Echo, a C-STORE and a request for commitment.
fn connection() -> Built {
    let form = Form {
        implicit: false,
        big: false,
    };
    let mut built = request();
    built.join(data(1, 3, command(&dimse::echo_request(1))));
    let store = dimse::store_request(2, CT, "1.2.3.4");
    built.join(data(1, 3, command(&store)));
    built.join(data(1, 2, form.data_set()));
    // N-ACTION-RQ (PS3.7 10.3.4): field 0130, message 3, a data set follows.
    let mut action = Vec::new();
    for (element, value) in [
        (0x0003_u16, b"1.2.840.10008.1.20.1".to_vec()),
        (0x0100, vec![0x30, 1]),
        (0x0110, vec![3, 0]),
        (0x0800, vec![1, 0]),
        (0x1001, b"1.2.840.10008.1.20.1.1".to_vec()),
        (0x1008, vec![1, 0]),
    ] {
        action.extend_from_slice(&[0, 0]);
        action.extend_from_slice(&element.to_le_bytes());
        action.extend_from_slice(&(value.len() as u32).to_le_bytes());
        action.extend(value);
    }
    built.join(data(3, 3, command(&action)));
    let reference = [
        form.element(0x0008, 0x1150, b"UI", text(b"1.2.840.10008.5.1.4.1.1.2\0")),
        form.element(0x0008, 0x1155, b"UI", text(b"1.2.3.4\0")),
    ];
    let reference = reference
        .into_iter()
        .fold(Built::default(), |mut all, one| {
            all.join(one);
            all
        });
    let mut asked = form.element(0x0008, 0x1195, b"UI", text(b"1.2.3.9\0"));
    let items = form.items(false, vec![reference]);
    asked.join(form.element(0x0008, 0x1199, b"SQ", items));
    built.join(data(3, 2, asked));
    built
}

#[test]
fn malformed_connections_end_and_take_no_memory() {
    let good = connection();
    let heard = probe::connection(&good.bytes);
    assert_eq!(
        (heard.accepted, heard.commands, heard.data_sets),
        (true, 2, 2),
        "the good one is understood"
    );
    let mut lots = Lots::new(1);
    let (mut accepted, mut whole) = (0, 0);
    for _ in 0..50_000 {
        let bytes = good.mutated(&mut lots);
        let heard = probe::connection(&bytes);
        assert!(heard.memory <= 300_000, "{} bytes for a PDU", heard.memory);
        accepted += usize::from(heard.accepted);
        whole += usize::from(heard.data_sets >= 2);
    }
    // The changes reach every depth: some are refused at once, some late.
    assert!((1_000..49_000).contains(&accepted), "{accepted}");
    assert!((100..accepted).contains(&whole), "{whole} of {accepted}");
}

#[test]
fn malformed_data_sets_are_refused_or_bounded() {
    let forms = [
        (EXPLICIT, false, false),
        (IMPLICIT, true, false),
        (BIG, false, true),
    ];
    let mut lots = Lots::new(2);
    for (syntax, implicit, big) in forms {
        let good = Form { implicit, big }.data_set();
        let (elements, depth) = probe::scanner(&good.bytes, syntax).unwrap();
        assert!(elements > 15 && depth == 2, "{syntax}: {elements}, {depth}");
        let mut refused = 0;
        for _ in 0..17_000 {
            let bytes = good.mutated(&mut lots);
            refused += usize::from(probe::scanner(&bytes, syntax).is_err());
            // What is read as another syntax than it has breaks differently.
            let _other = probe::scanner(&bytes, EXPLICIT).is_ok();
        }
        assert!((1_000..17_000).contains(&refused), "{syntax}: {refused}");
    }
}

/// What the fuzzers begin with, written on request; the good ones above.
#[test]
fn the_fuzzers_seeds_are_the_good_ones() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let plain = Form {
        implicit: false,
        big: false,
    };
    let scanned = [&[1], plain.data_set().bytes.as_slice()].concat();
    let seeds = [
        ("pdu/connection", connection().bytes),
        ("command/store", dimse::store_request(2, CT, "1.2.3.4")),
        ("scanner/image", scanned.clone()),
        ("data_set/image", scanned),
    ];
    for (name, bytes) in seeds {
        let path = folder.join(name);
        if std::env::var_os("BONEBOX_RENEW").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
    }
}

/// What the fuzzers found, once and for all.
#[test]
fn finds_are_replayed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut replayed = 0;
    for kind in ["seeds", "finds"] {
        for target in ["pdu", "command", "scanner", "data_set"] {
            let Ok(files) = std::fs::read_dir(root.join(kind).join(target)) else {
                continue;
            };
            for file in files {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                assert!(probe::connection(&bytes).memory <= 300_000);
                let _heard = (probe::command(&bytes), probe::commitment_request(&bytes));
                probe::scan_any(&bytes);
                let _file = probe::part10(&bytes);
                replayed += 1;
            }
        }
    }
    assert!(replayed >= 4, "{replayed}");
}
