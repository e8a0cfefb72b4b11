//! Values planted in an object, and the search for what is left of them.
//!
//! Every row of the de-identification table and every other attribute of the
//! standard's dictionary gets a value of its own, at the top level, in an item
//! of Anatomic Region Sequence (of content, in a report), and in an item of that
//! sequence again; besides, private groups, overlays, curves, an icon, a sequence
//! wrapped in UN, file meta, preamble, padding, a Japanese name in one of five
//! forms. Values come from a seed that is new in every run.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the rest of the value representations is text"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use bonebox::profile::Edition;
use dicom_core::dictionary::{DataDictionary as _, VirtualVr};
use dicom_core::{Tag, VR};

use crate::objects::{Image, Node, Syntax, Tree, code, file, image, put, text, us};

/// One planted value.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    /// Where it was put: `depth 1 (0008,1030) LO`.
    pub(crate) place: String,
    /// The attribute, where it is one of the dictionary.
    pub(crate) tag: Option<(Tag, VR)>,
    /// The bytes that must not be found.
    pub(crate) bytes: Vec<u8>,
}

/// An object with values planted in it.
pub(crate) struct Planted {
    pub(crate) file: Vec<u8>,
    pub(crate) needles: Vec<Needle>,
    /// What the pixels are.
    pub(crate) pixels: Vec<u8>,
}

/// A random number for this run; `BONEBOX_TEST_SEED` repeats one.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let given = std::env::var("BONEBOX_TEST_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let state = std::collections::hash_map::RandomState::new();
        state.build_hasher().finish()
    })
}

/// The VR to plant an attribute with; nothing for those the dictionary lacks.
fn vr_of(tag: Tag) -> Option<VR> {
    let entry = dicom_dictionary_std::StandardDataDictionary.by_tag(tag)?;
    match entry.vr {
        VirtualVr::Exact(vr) => Some(vr),
        VirtualVr::Xs => Some(VR::US),
        VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt => Some(VR::OW),
        _ => None,
    }
}

/// All attributes to plant in: the table's, and the dictionary's whose value
/// could hold a token: binary numbers get one longer than they may be. Text of
/// numbers is left out where the table does not name it: a number is a number.
pub(crate) fn attributes() -> &'static [(Tag, VR)] {
    static ALL: LazyLock<Vec<(Tag, VR)>> = LazyLock::new(search_attributes);
    &ALL
}

fn search_attributes() -> Vec<(Tag, VR)> {
    let edition = Edition::newest();
    let mut all: BTreeMap<Tag, VR> = BTreeMap::new();
    let groups: BTreeSet<u16> = edition.rows().map(|(tag, _)| tag.0).collect();
    for group in groups.into_iter().chain([0x0028, 0x0054, 0x5200]) {
        if !(0x0008..0x7fe0).contains(&group) {
            continue;
        }
        for element in 1..=0xffff_u16 {
            let tag = Tag(group, element);
            let Some(vr) = vr_of(tag) else { continue };
            let is_row = edition.row(tag).is_some();
            // A sequence that stays would bring the object's own structure.
            let skip = matches!(vr, VR::SQ | VR::DS | VR::IS);
            if is_row || !skip {
                all.insert(tag, vr);
            }
        }
    }
    all.into_iter().collect()
}

struct Planter {
    seed: u64,
    count: u64,
    needles: Vec<Needle>,
}

impl Planter {
    /// A value for an attribute, and its needle.
    fn value(&mut self, depth: usize, tag: Tag, vr: VR) -> Node {
        self.count += 1;
        let (n, seed) = (self.count, self.seed);
        let token = format!("Q{:04X}Z{n:06}", seed & 0xffff);
        let day = |n: u64| {
            // 1901 to 2099, never the dummy 1900-01-01.
            format!(
                "{:04}{:02}{:02}",
                1901 + n / 336 % 198,
                n / 28 % 12 + 1,
                n % 28 + 1
            )
        };
        let time = format!(
            "{:02}{:02}{:02}.{:06}",
            n % 24,
            n / 24 % 60,
            seed % 60,
            (n * 7 + seed % 1000) % 1_000_000
        );
        let (value, needle) = match vr {
            VR::DA => (day(n), day(n)),
            VR::DT => (format!("{}{time}", day(n)), time),
            VR::TM => (time.clone(), time),
            VR::UI => {
                let uid = format!("1.2.826.0.1.9999.{}.{n}", seed & 0xffff);
                (uid.clone(), uid)
            }
            VR::DS => {
                let number = format!("{}.{:05}", seed & 0xffff, n);
                (number.clone(), number)
            }
            VR::IS => {
                let number = format!("{}{n:05}", 1 + seed % 9999);
                (number.clone(), number)
            }
            VR::AS => (
                format!("{:03}Y", 301 + n % 600),
                format!("{:03}Y", 301 + n % 600),
            ),
            VR::SQ => {
                let mut item = Tree::new();
                put(&mut item, &[(0x0008, 0x1030, VR::LO, &token)]);
                self.keep(depth, tag, vr, token.into_bytes());
                return Node::Items(vec![item]);
            }
            VR::UR => (format!("http://h/{token}"), token),
            VR::PN => (format!("{token}^Hanako"), token),
            VR::FD | VR::SV | VR::UV => (format!("{token}    "), token),
            _ => (token.clone(), token),
        };
        self.keep(depth, tag, vr, needle.into_bytes());
        text(vr, &value)
    }

    fn keep(&mut self, depth: usize, tag: Tag, vr: VR, bytes: Vec<u8>) {
        let place = format!("depth {depth} {tag} {}", vr.to_string());
        let tag = Some((tag, vr));
        self.needles.push(Needle { place, tag, bytes });
    }

    fn named(&mut self, place: &str) -> Vec<u8> {
        self.count += 1;
        let token = format!("Q{:04X}Z{:06}", self.seed & 0xffff, self.count).into_bytes();
        self.needles.push(Needle {
            place: place.to_owned(),
            tag: None,
            bytes: token.clone(),
        });
        token
    }

    /// Fills what a data set does not have yet.
    fn fill(&mut self, tree: &mut Tree, depth: usize, attributes: &[(Tag, VR)]) {
        for &(tag, vr) in attributes {
            // The patient's own attributes are planted in place of the image's.
            let is_ours = tree.contains_key(&tag) && Edition::newest().row(tag).is_none();
            // These are planted by hand.
            let by_hand = [
                Tag(0x0008, 0x0005),
                Tag(0x0008, 0x2218),
                Tag(0x0010, 0x0010),
                Tag(0x0018, 0x9423),
                Tag(0x0040, 0xa730),
                Tag(0x0088, 0x0200),
            ];
            if is_ours || by_hand.contains(&tag) {
                continue;
            }
            let node = self.value(depth, tag, vr);
            tree.insert(tag, node);
        }
        let private = [
            (Tag(0x0029, 0x0010), VR::LO),
            (Tag(0x0029, 0x1010), VR::LO),
            (Tag(0x0029, 0x1011), VR::UN),
            (Tag(0x7fdf, 0x0010), VR::LO),
        ];
        for (tag, vr) in private {
            let token = self.named(&format!("depth {depth} private {tag}"));
            tree.insert(tag, Node::Bytes(vr, token));
        }
    }
}

/// Content Sequence.
const CONTENT: Tag = Tag(0x0040, 0xa730);

/// Plants in an image.
pub(crate) fn plant(kind: Image, syntax: Syntax, seed: u64) -> Planted {
    plant_part(kind, syntax, seed, [0, 1])
}

/// Plants one of several parts of the attributes: a small object, for those who
/// try many.
pub(crate) fn plant_part(
    kind: Image,
    syntax: Syntax,
    seed: u64,
    [part, parts]: [usize; 2],
) -> Planted {
    let own = attributes().iter().skip(part).step_by(parts);
    let own: Vec<(Tag, VR)> = own.copied().collect();
    let mut planter = Planter {
        seed,
        count: 0,
        needles: Vec::new(),
    };
    let mut tree = image(kind, seed & 0xffff_ffff);
    planter.fill(&mut tree, 0, &own);
    // A region in an image; a measured value and a code in a report.
    let (around, mut outer, mut inner) = if kind == Image::Sr {
        let Some(Node::Items(items)) = tree.get(&CONTENT) else {
            unreachable!("a report has content")
        };
        (CONTENT, items[0].clone(), items[1].clone())
    } else {
        let outer = code("SCT", "74670003", "Wrist joint");
        let inner = code("SRT", "T-15460", "Wrist joint");
        (Tag(0x0008, 0x2218), outer, inner)
    };
    planter.fill(&mut outer, 1, &own);
    planter.fill(&mut inner, 2, &own);
    outer.insert(around, Node::Items(vec![inner]));
    let mut items = vec![outer];
    if let Some(Node::Items(own)) = tree.get(&around) {
        items.extend(own.iter().skip(1).cloned());
    }
    tree.insert(around, Node::Items(items));
    japanese(&mut tree, &mut planter);
    graphics(&mut tree, &mut planter);
    icon(&mut tree, &mut planter);
    // A sequence wrapped in UN (its bytes are those of implicit VR).
    let mut wrapped = Tree::new();
    let token = planter.named("sequence in UN");
    wrapped.insert(Tag(0x0008, 0x1030), Node::Bytes(VR::LO, token));
    let items = crate::objects::encode(
        &Tree::from([(Tag(0x0054, 0x0410), Node::Items(vec![wrapped]))]),
        Syntax::Implicit,
    );
    tree.insert(
        Tag(0x0054, 0x0414),
        Node::Bytes(VR::UN, items[8..].to_vec()),
    );
    let pixels = match tree.get(&Tag(0x7fe0, 0x0010)) {
        Some(Node::Bytes(_, bytes)) => bytes.clone(),
        _ => Vec::new(),
    };
    if let Some(Node::Bytes(_, bytes)) = tree.get_mut(&Tag(0x7fe0, 0x0010)) {
        bytes.extend(planter.named("behind the rows of the pixels"));
    }
    let padding = planter.named("data set trailing padding");
    tree.insert(Tag(0xfffc, 0xfffc), Node::Bytes(VR::OB, padding));
    let mut meta = Tree::new();
    for (element, vr) in [
        (0x0013, VR::SH),
        (0x0016, VR::AE),
        (0x0017, VR::AE),
        (0x0102, VR::OB),
    ] {
        let token = planter.named("file meta");
        meta.insert(Tag(0x0002, element), Node::Bytes(vr, token));
    }
    put(&mut meta, &[(0x0002, 0x0100, VR::UI, "1.2.3.4.5")]);
    let preamble = planter.named("preamble");
    let mut bytes = file(&tree, syntax, &preamble, &meta);
    if kind != Image::Sr {
        bytes.extend(planter.named("behind the file"));
    }
    Planted {
        file: bytes,
        needles: planter.needles,
        pixels,
    }
}

/// The name 山田 as programs write it.
const KANJI: [(&str, &[u8]); 4] = [
    ("ISO 2022 IR 87", b";3ED"),
    ("Shift-JIS", b"\x8eR\x93c"),
    ("EUC", b"\xbb\xb3\xc5\xc4"),
    ("UTF-8", "山田".as_bytes()),
];
/// ﾔﾏﾀﾞ in ISO 2022 IR 13, one byte a letter.
const KATAKANA: &[u8] = b"\xd4\xcf\xc0\xde";

/// 山田^太郎 under one of five character sets, by the seed: kanji by escapes,
/// katakana and kanji, UTF-8, Shift-JIS and EUC that nothing declares; in an
/// attribute of the table and in one that it does not name.
fn japanese(tree: &mut Tree, planter: &mut Planter) {
    let (declared, kana, kanji): (&str, &[u8], Vec<u8>) = match planter.seed % 5 {
        0 => ("\\ISO 2022 IR 87", b"", b"\x1b$B;3ED\x1b(B".to_vec()),
        1 => (
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            KATAKANA,
            b"\x1b$B;3ED\x1b(J".to_vec(),
        ),
        2 => ("ISO_IR 192", b"", KANJI[3].1.to_vec()),
        3 => ("", b"", KANJI[1].1.to_vec()),
        _ => ("", b"", KANJI[2].1.to_vec()),
    };
    if declared.is_empty() {
        tree.remove(&Tag(0x0008, 0x0005));
    } else {
        put(tree, &[(0x0008, 0x0005, VR::CS, declared)]);
    }
    let name = planter.named("Latin group of the name");
    let value = [name.as_slice(), b"^Tarou=", kanji.as_slice(), b"=", kana].concat();
    tree.insert(Tag(0x0010, 0x0010), Node::Bytes(VR::PN, value.clone()));
    tree.insert(Tag(0x0018, 0x9423), Node::Bytes(VR::LO, value));
    for (what, bytes) in KANJI.into_iter().chain([("katakana", KATAKANA)]) {
        planter.needles.push(Needle {
            place: format!("name in {what}"),
            tag: None,
            bytes: bytes.to_vec(),
        });
    }
}

/// An icon of the image, with text for pixels.
fn icon(tree: &mut Tree, planter: &mut Planter) {
    let mut icon = Tree::new();
    put(&mut icon, &[(0x0028, 0x0004, VR::CS, "MONOCHROME2")]);
    for (element, value) in [(0x0002, 1), (0x0010, 4), (0x0011, 4), (0x0100, 8)] {
        icon.insert(Tag(0x0028, element), us(value));
    }
    let pixels = planter.named("pixels of the icon");
    icon.insert(Tag(0x7fe0, 0x0010), Node::Bytes(VR::OB, pixels));
    tree.insert(Tag(0x0088, 0x0200), Node::Items(vec![icon]));
}

fn graphics(tree: &mut Tree, planter: &mut Planter) {
    for (tag, vr) in [
        (Tag(0x6000, 0x3000), VR::OW),
        (Tag(0x6000, 0x4000), VR::LT),
        (Tag(0x6000, 0x0022), VR::LO),
        (Tag(0x601e, 0x3000), VR::OW),
        (Tag(0x5000, 0x3000), VR::OW),
        (Tag(0x5000, 0x0022), VR::LO),
        (Tag(0x50fe, 0x2500), VR::LO),
    ] {
        let token = planter.named(&format!("graphics {tag}"));
        tree.insert(tag, Node::Bytes(vr, token));
    }
}

/// Looks for needles: as they are, in lower case, as hexadecimal digits, as
/// base 64, in UTF-16, as an unkeyed SHA-1, SHA-256 or SHA-512; dates also as
/// people write them.
pub(crate) struct Search<'a> {
    needles: &'a [Needle],
    /// By length, every form and the needle it is of.
    forms: BTreeMap<usize, Forms>,
}

struct Forms {
    needles: HashMap<Vec<u8>, usize>,
    /// Which first and last bytes occur, to pass over most windows at once.
    ends: Vec<bool>,
}

impl Forms {
    fn end(window: &[u8]) -> usize {
        let (first, last) = (window.first(), window.last());
        usize::from(first.copied().unwrap_or(0)) << 8 | usize::from(last.copied().unwrap_or(0))
    }
}

impl<'a> Search<'a> {
    pub(crate) fn new(needles: &'a [Needle]) -> Self {
        let mut by_length: BTreeMap<usize, Forms> = BTreeMap::new();
        for (index, needle) in needles.iter().enumerate() {
            for form in forms(&needle.bytes) {
                let forms = by_length.entry(form.len()).or_insert_with(|| Forms {
                    needles: HashMap::new(),
                    ends: vec![false; 1 << 16],
                });
                forms.ends[Forms::end(&form)] = true;
                forms.needles.insert(form, index);
            }
        }
        Self {
            needles,
            forms: by_length,
        }
    }

    /// The places of the needles that some bytes still hold.
    pub(crate) fn left_in(&self, haystack: &[u8]) -> Vec<&'a str> {
        let mut left = BTreeSet::new();
        for (length, forms) in &self.forms {
            let windows = haystack.windows(*length).enumerate();
            let likely = windows.filter(|(_, window)| forms.ends[Forms::end(window)]);
            let found =
                likely.filter_map(|(at, window)| Some((at, window, forms.needles.get(window)?)));
            // Among the hundreds of random digits of new UIDs (2.25.…) eight stand
            // there by chance now and then: only there is such a number no date.
            let chance = |at: usize, window: &[u8]| {
                let digits = haystack[..at].iter().rev();
                let before = digits.take_while(|byte| byte.is_ascii_digit()).count();
                window.len() <= 8
                    && window.iter().all(u8::is_ascii_digit)
                    && haystack[..at - before].ends_with(b"2.25.")
            };
            left.extend(
                found
                    .filter(|(at, window, _)| !chance(*at, window))
                    .map(|(_, _, index)| index),
            );
        }
        let places = left
            .into_iter()
            .map(|&index| self.needles[index].place.as_str());
        places.collect()
    }
}

fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let utf16 = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    let mut forms = vec![
        bytes.to_vec(),
        bytes.to_ascii_lowercase(),
        hex.to_ascii_uppercase().into_bytes(),
        hex.into_bytes(),
        utf16,
    ];
    for algorithm in [
        &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
        &ring::digest::SHA256,
        &ring::digest::SHA512,
    ] {
        let digest = ring::digest::digest(algorithm, bytes);
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        forms.push(digest.as_ref().to_vec());
        forms.push(hex.into_bytes());
    }
    if bytes.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
        let text = String::from_utf8_lossy(bytes);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
        for form in [
            format!("{year}-{month}-{day}"),
            format!("{year}/{month}/{day}"),
            format!("{day}.{month}.{year}"),
            format!("{month}/{day}/{year}"),
        ] {
            forms.push(form.into_bytes());
        }
    }
    // Base 64 of the bytes wherever they start in a group of three; the first
    // and last characters depend on the neighbors and are left out.
    for shift in 0..3 {
        let coded = base64(&[&vec![0; shift], bytes].concat());
        let (from, to) = (if shift == 0 { 0 } else { 4 }, coded.len() - 4);
        if to >= from + 4 {
            forms.push(coded[from..to].to_vec());
        }
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0_u32, |n, &byte| (n << 8) | u32::from(byte));
        let number = number << (8 * (3 - three.len()));
        for place in [18, 12, 6, 0] {
            out.push(LETTERS[(number >> place & 63) as usize]);
        }
    }
    out
}
