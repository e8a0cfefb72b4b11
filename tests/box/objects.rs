//! DICOM objects for tests, written byte by byte so that nothing of the product
//! stands between a test and its bytes.

#![allow(
    clippy::cast_possible_truncation,
    reason = "lengths of test objects are small"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the other value representations are one case"
)]

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};

/// A data set.
pub(crate) type Tree = BTreeMap<Tag, Node>;

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Bytes, padded when written.
    Bytes(VR, Vec<u8>),
    /// The items of a sequence.
    Items(Vec<Tree>),
}

/// How a data set is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Syntax {
    Implicit,
    Explicit,
    BigEndian,
    Deflated,
}

impl Syntax {
    pub(crate) fn uid(self) -> &'static str {
        match self {
            Self::Implicit => "1.2.840.10008.1.2",
            Self::Explicit => "1.2.840.10008.1.2.1",
            Self::BigEndian => "1.2.840.10008.1.2.2",
            Self::Deflated => "1.2.840.10008.1.2.1.99",
        }
    }
}

pub(crate) fn text(vr: VR, text: &str) -> Node {
    Node::Bytes(vr, text.as_bytes().to_vec())
}

pub(crate) fn us(value: u16) -> Node {
    Node::Bytes(VR::US, value.to_le_bytes().to_vec())
}

/// Puts text attributes into a data set.
pub(crate) fn put(tree: &mut Tree, attributes: &[(u16, u16, VR, &str)]) {
    for (group, element, vr, value) in attributes {
        tree.insert(Tag(*group, *element), text(*vr, value));
    }
}

/// An item with a coded concept.
pub(crate) fn code(scheme: &str, value: &str, meaning: &str) -> Tree {
    let mut item = Tree::new();
    put(
        &mut item,
        &[
            (0x0008, 0x0100, VR::SH, value),
            (0x0008, 0x0102, VR::SH, scheme),
            (0x0008, 0x0104, VR::LO, meaning),
        ],
    );
    item
}

/// Whether a value representation has a length of four bytes (PS3.5 7.1.2).
fn is_long(vr: VR) -> bool {
    [
        VR::OB,
        VR::OD,
        VR::OF,
        VR::OL,
        VR::OV,
        VR::OW,
        VR::SQ,
        VR::SV,
        VR::UC,
        VR::UN,
        VR::UR,
        VR::UT,
        VR::UV,
    ]
    .contains(&vr)
}

/// Bytes of one value that big endian turns round.
fn word(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

pub(crate) fn encode(tree: &Tree, syntax: Syntax) -> Vec<u8> {
    let is_big = syntax == Syntax::BigEndian;
    let two = |n: u16| {
        if is_big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let four = |n: u32| {
        if is_big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut out = Vec::new();
    let tag = |out: &mut Vec<u8>, tag: Tag| {
        out.extend(two(tag.0));
        out.extend(two(tag.1));
    };
    for (place, node) in tree {
        let (vr, mut value) = match node {
            Node::Bytes(vr, bytes) => (*vr, bytes.clone()),
            Node::Items(items) => {
                let mut bytes = Vec::new();
                for item in items {
                    let item = encode(item, syntax);
                    tag(&mut bytes, Tag(0xfffe, 0xe000));
                    bytes.extend(four(item.len() as u32));
                    bytes.extend(item);
                }
                (VR::SQ, bytes)
            }
        };
        if value.len() % 2 == 1 {
            let is_binary = matches!(vr, VR::UI | VR::OB | VR::UN);
            value.push(if is_binary { 0 } else { b' ' });
        }
        if is_big {
            for word in value.chunks_exact_mut(word(vr)) {
                word.reverse();
            }
        }
        tag(&mut out, *place);
        if syntax == Syntax::Implicit {
            out.extend(four(value.len() as u32));
        } else {
            out.extend(vr.to_bytes());
            if is_long(vr) {
                out.extend([0, 0]);
                out.extend(four(value.len() as u32));
            } else {
                out.extend(two(value.len() as u16));
            }
        }
        out.extend(value);
    }
    out
}

/// A data set deflated (PS3.5 A.5).
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

/// A Part 10 file of a data set; `meta` is added to the file meta group.
pub(crate) fn file(tree: &Tree, syntax: Syntax, preamble: &[u8], meta: &Tree) -> Vec<u8> {
    let value = |tag| match tree.get(&tag) {
        Some(Node::Bytes(_, bytes)) => Node::Bytes(VR::UI, bytes.clone()),
        _ => text(VR::UI, ""),
    };
    let mut group = meta.clone();
    group.insert(Tag(2, 1), Node::Bytes(VR::OB, vec![0, 1]));
    group.insert(Tag(2, 2), value(Tag(0x0008, 0x0016)));
    group.insert(Tag(2, 3), value(Tag(0x0008, 0x0018)));
    group.insert(Tag(2, 0x10), text(VR::UI, syntax.uid()));
    group.insert(Tag(2, 0x12), text(VR::UI, "1.2.3.4"));
    let group = encode(&group, Syntax::Explicit);
    let length = (group.len() as u32).to_le_bytes().to_vec();
    let head = Tree::from([(Tag(2, 0), Node::Bytes(VR::UL, length))]);
    let mut out = preamble.to_vec();
    out.resize(128, 0);
    out.extend(b"DICM");
    out.extend(encode(&head, Syntax::Explicit));
    out.extend(group);
    let body = encode(tree, syntax);
    if syntax == Syntax::Deflated {
        out.extend(deflate(&body));
    } else {
        out.extend(body);
    }
    out
}

/// The kinds of image that pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Image {
    Cr,
    Dx,
    Ct,
    EnhancedCt,
    Sr,
}

const ROWS: u16 = 48;
const COLUMNS: u16 = 40;

/// A valid image of a wrist (a CT slice of one) with a patient in it.
pub(crate) fn image(kind: Image, uid: u64) -> Tree {
    let class = match kind {
        Image::Cr => "1.2.840.10008.5.1.4.1.1.1",
        Image::Dx => "1.2.840.10008.5.1.4.1.1.1.1",
        Image::Ct => "1.2.840.10008.5.1.4.1.1.2",
        Image::EnhancedCt => "1.2.840.10008.5.1.4.1.1.2.1",
        Image::Sr => "1.2.840.10008.5.1.4.1.1.88.33",
    };
    let modality = match kind {
        Image::Cr => "CR",
        Image::Dx => "DX",
        Image::Ct | Image::EnhancedCt => "CT",
        Image::Sr => "SR",
    };
    let mut tree = Tree::new();
    let own = |last: &str| format!("1.2.826.0.1.3680043.10.1.{uid}.{last}");
    put(
        &mut tree,
        &[
            (0x0008, 0x0016, VR::UI, class),
            (0x0008, 0x0018, VR::UI, &own("1")),
            (0x0008, 0x0020, VR::DA, "20260410"),
            (0x0008, 0x0030, VR::TM, "101500"),
            (0x0008, 0x0050, VR::SH, "ACC4711"),
            (0x0008, 0x0060, VR::CS, modality),
            (0x0008, 0x0070, VR::LO, "FUJIFILM Corporation"),
            (0x0008, 0x0090, VR::PN, "Suzuki^Jiro"),
            (0x0010, 0x0010, VR::PN, "Yamada^Hanako"),
            (0x0010, 0x0020, VR::LO, "PID0815"),
            (0x0010, 0x0030, VR::DA, "19551231"),
            (0x0010, 0x0040, VR::CS, "F"),
            (0x0020, 0x000d, VR::UI, &own("2")),
            (0x0020, 0x000e, VR::UI, &own("3")),
            (0x0020, 0x0010, VR::SH, "STUDY9"),
            (0x0020, 0x0011, VR::IS, "1"),
            (0x0020, 0x0013, VR::IS, "1"),
        ],
    );
    if kind == Image::Sr {
        report(&mut tree);
        return tree;
    }
    put(&mut tree, &[(0x0028, 0x0004, VR::CS, "MONOCHROME2")]);
    for (element, value) in [
        (0x0002, 1),
        (0x0010, ROWS),
        (0x0011, COLUMNS),
        (0x0100, 16),
        (0x0101, 12),
        (0x0102, 11),
        (0x0103, 0),
    ] {
        tree.insert(Tag(0x0028, element), us(value));
    }
    match kind {
        Image::Cr => cr(&mut tree),
        Image::Dx => dx(&mut tree),
        Image::Ct => ct(&mut tree, &own("4")),
        Image::EnhancedCt => enhanced_ct(&mut tree, &own("4")),
        Image::Sr => {}
    }
    let pixels = (0..ROWS * COLUMNS).flat_map(|n| (n % 4096).to_le_bytes());
    tree.insert(Tag(0x7fe0, 0x0010), Node::Bytes(VR::OW, pixels.collect()));
    tree
}

fn cr(tree: &mut Tree) {
    put(
        tree,
        &[
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY"),
            (0x0018, 0x0015, VR::CS, "WRIST"),
            (0x0018, 0x1164, VR::DS, "0.15\\0.15"),
            (0x0018, 0x5101, VR::CS, "PA"),
            (0x0020, 0x0020, VR::CS, "L\\F"),
            (0x0020, 0x0060, VR::CS, "R"),
        ],
    );
}

fn dx(tree: &mut Tree) {
    put(
        tree,
        &[
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY"),
            (0x0008, 0x0068, VR::CS, "FOR PRESENTATION"),
            (0x0018, 0x0015, VR::CS, "WRIST"),
            (0x0018, 0x1110, VR::DS, "1000"),
            (0x0018, 0x1164, VR::DS, "0.15\\0.15"),
            (0x0018, 0x1508, VR::CS, "COLUMN"),
            (0x0018, 0x5101, VR::CS, "PA"),
            (0x0018, 0x7004, VR::CS, "DIRECT"),
            (0x0020, 0x0020, VR::CS, "L\\F"),
            (0x0020, 0x0062, VR::CS, "R"),
            (0x0028, 0x0301, VR::CS, "NO"),
            (0x0028, 0x1040, VR::CS, "LIN"),
            (0x0028, 0x1050, VR::DS, "2048"),
            (0x0028, 0x1051, VR::DS, "4096"),
            (0x0028, 0x1052, VR::DS, "0"),
            (0x0028, 0x1053, VR::DS, "1"),
            (0x0028, 0x1054, VR::LO, "US"),
            (0x0028, 0x2110, VR::CS, "00"),
            (0x2050, 0x0020, VR::CS, "IDENTITY"),
        ],
    );
    tree.insert(Tag(0x0028, 0x1041), Node::Bytes(VR::SS, vec![1, 0]));
    tree.insert(Tag(0x0040, 0x0555), Node::Items(Vec::new()));
    let region = code("SCT", "74670003", "Wrist joint");
    tree.insert(Tag(0x0008, 0x2218), Node::Items(vec![region]));
    let view = code("SCT", "272479007", "postero-anterior");
    tree.insert(Tag(0x0054, 0x0220), Node::Items(vec![view]));
}

fn ct(tree: &mut Tree, frame_of_reference: &str) {
    put(
        tree,
        &[
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
            (0x0018, 0x0015, VR::CS, "WRIST"),
            (0x0018, 0x0050, VR::DS, "0.5"),
            (0x0018, 0x0060, VR::DS, "120"),
            (0x0018, 0x1210, VR::SH, "B30f"),
            (0x0018, 0x5100, VR::CS, "HFS"),
            (0x0020, 0x0012, VR::IS, "1"),
            (0x0020, 0x0032, VR::DS, "0\\0\\0"),
            (0x0020, 0x0037, VR::DS, "1\\0\\0\\0\\1\\0"),
            (0x0020, 0x0052, VR::UI, frame_of_reference),
            (0x0020, 0x0060, VR::CS, "R"),
            (0x0020, 0x1040, VR::LO, ""),
            (0x0028, 0x0030, VR::DS, "0.3\\0.3"),
            (0x0028, 0x1052, VR::DS, "-1024"),
            (0x0028, 0x1053, VR::DS, "1"),
        ],
    );
}

fn enhanced_ct(tree: &mut Tree, frame_of_reference: &str) {
    put(
        tree,
        &[
            (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
            (0x0008, 0x0023, VR::DA, "20260410"),
            (0x0008, 0x002a, VR::DT, "20260410101500"),
            (0x0008, 0x0033, VR::TM, "101500"),
            (0x0008, 0x1090, VR::LO, "Scanner of Yamada"),
            (0x0018, 0x1000, VR::LO, "SN123"),
            (0x0018, 0x1020, VR::LO, "V1"),
            (0x0020, 0x0052, VR::UI, frame_of_reference),
            (0x0020, 0x1040, VR::LO, ""),
            (0x0028, 0x0008, VR::IS, "1"),
        ],
    );
    let mut content = Tree::new();
    put(
        &mut content,
        &[
            (0x0018, 0x9074, VR::DT, "20260410101501"),
            (0x0020, 0x9056, VR::SH, "1"),
        ],
    );
    let frame = Tree::from([(Tag(0x0020, 0x9111), Node::Items(vec![content]))]);
    tree.insert(Tag(0x5200, 0x9230), Node::Items(vec![frame]));
    let mut anatomy = Tree::new();
    put(&mut anatomy, &[(0x0020, 0x9072, VR::CS, "R")]);
    let region = code("SCT", "74670003", "Wrist joint");
    anatomy.insert(Tag(0x0008, 0x2218), Node::Items(vec![region]));
    let shared = Tree::from([(Tag(0x0020, 0x9071), Node::Items(vec![anatomy]))]);
    tree.insert(Tag(0x5200, 0x9229), Node::Items(vec![shared]));
}

/// A report with a measure, a code, and two items that name people.
fn report(tree: &mut Tree) {
    put(
        tree,
        &[
            (0x0008, 0x0023, VR::DA, "20260410"),
            (0x0008, 0x0033, VR::TM, "101500"),
            (0x0040, 0xa040, VR::CS, "CONTAINER"),
            (0x0040, 0xa050, VR::CS, "SEPARATE"),
            (0x0040, 0xa491, VR::CS, "COMPLETE"),
            (0x0040, 0xa493, VR::CS, "UNVERIFIED"),
        ],
    );
    tree.insert(Tag(0x0008, 0x1111), Node::Items(Vec::new()));
    tree.insert(Tag(0x0040, 0xa372), Node::Items(Vec::new()));
    let title = code("DCM", "126000", "Imaging Measurement Report");
    tree.insert(Tag(0x0040, 0xa043), Node::Items(vec![title]));
    let item = |kind: &str, name: Tree| {
        let mut item = Tree::new();
        put(
            &mut item,
            &[
                (0x0040, 0xa010, VR::CS, "CONTAINS"),
                (0x0040, 0xa040, VR::CS, kind),
            ],
        );
        item.insert(Tag(0x0040, 0xa043), Node::Items(vec![name]));
        item
    };
    let mut measure = item("NUM", code("DCM", "121206", "Distance"));
    let mut value = Tree::new();
    put(&mut value, &[(0x0040, 0xa30a, VR::DS, "23.5")]);
    let unit = code("UCUM", "mm", "mm");
    value.insert(Tag(0x0040, 0x08ea), Node::Items(vec![unit]));
    measure.insert(Tag(0x0040, 0xa300), Node::Items(vec![value]));
    let mut site = item("CODE", code("DCM", "121071", "Finding"));
    let wrist = code("SCT", "74670003", "Wrist joint");
    site.insert(Tag(0x0040, 0xa168), Node::Items(vec![wrist]));
    let mut comment = item("TEXT", code("DCM", "121106", "Comment"));
    put(
        &mut comment,
        &[(0x0040, 0xa160, VR::UT, "Yamada Hanako fell")],
    );
    let mut observer = item("PNAME", code("DCM", "121008", "Person Observer Name"));
    put(&mut observer, &[(0x0040, 0xa123, VR::PN, "Suzuki^Jiro")]);
    let content = vec![measure, site, comment, observer];
    tree.insert(Tag(0x0040, 0xa730), Node::Items(content));
}
