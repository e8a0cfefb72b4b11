//! Text burned into simulated radiographs: found and blanked, and nothing but
//! what covers it; clean pictures stay whole, markers with them.
//!
//! Fonts and texts are others than those the detector was tuned with, and so are
//! the subjects. `make test` takes a few pictures, `make test-long` 1,000 clean
//! ones and 1,000 texts; docs/METHODS.md has the figures.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::io::Read as _;

use bonebox::deidentify::InstanceReport;
use bonebox::phantom::{Subject, VALIDATION_SEEDS};
use dicom_core::{Tag, VR};

use crate::deidentify::{Bench, string};
use crate::objects::{Image, Node, Tree, image, put, us};

/// A text as a picture.
pub(crate) struct Strip {
    name: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 255 for ink.
    pub(crate) ink: Vec<u8>,
}

impl Strip {
    /// Whether it is a text of this size that begins so.
    pub(crate) fn is(&self, size: &str, text: &str) -> bool {
        let mut parts = self.name.split('|').skip(1);
        parts.next() == Some(size) && parts.next().is_some_and(|own| own.starts_with(text))
    }
}

pub(crate) fn strips() -> Vec<Strip> {
    let packed: &[u8] = include_bytes!("fixtures/text/strips.bin");
    let mut bytes = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(packed);
    reader.read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let mut strips = Vec::new();
    let take = |rest: &mut &[u8], length: usize| {
        let (taken, after) = rest.split_at(length);
        *rest = after;
        taken.to_vec()
    };
    while !rest.is_empty() {
        let length = usize::from(take(&mut rest, 1)[0]);
        let name = String::from_utf8(take(&mut rest, length)).unwrap();
        let size = take(&mut rest, 4);
        let [width, height] = [[size[0], size[1]], [size[2], size[3]]]
            .map(|bytes| usize::from(u16::from_le_bytes(bytes)));
        let ink = take(&mut rest, width * height);
        strips.push(Strip {
            name,
            width,
            height,
            ink,
        });
    }
    strips
}

/// A small generator, so that a run can be repeated.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most.max(1)
    }
}

/// A picture of 12-bit pixels.
struct Picture {
    rows: usize,
    columns: usize,
    pixels: Vec<u16>,
}

/// Two simulated radiographs of a subject that nothing was tuned on.
fn pictures(number: u64) -> Vec<Picture> {
    let seed = VALIDATION_SEEDS.start + 80_000 + number;
    let shots = Subject::draw(seed).unwrap().radiographs(1).unwrap();
    let shots = shots.into_iter().map(|shot| Picture {
        rows: shot.camera.rows as usize,
        columns: shot.camera.columns as usize,
        pixels: shot.pixels,
    });
    shots.collect()
}

fn object(picture: &Picture) -> Tree {
    let mut tree = image(Image::Dx, 77);
    put(&mut tree, &[(0x0028, 0x0301, VR::CS, "")]);
    tree.remove(&Tag(0x0028, 0x0301));
    tree.insert(Tag(0x0028, 0x0010), us(picture.rows as u16));
    tree.insert(Tag(0x0028, 0x0011), us(picture.columns as u16));
    let bytes: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|p| p.to_le_bytes())
        .collect();
    tree.insert(Tag(0x7fe0, 0x0010), Node::Bytes(VR::OW, bytes));
    tree
}

/// The picture after the step, and what the step says of it.
fn after(bench: &Bench, picture: &Picture) -> (Vec<u16>, InstanceReport) {
    let (report, output) = bench.run_tree(&object(picture)).unwrap();
    let start = output.len() - picture.pixels.len() * 2;
    let words = output[start..].chunks_exact(2);
    let pixels = words.map(|w| u16::from_le_bytes([w[0], w[1]])).collect();
    (pixels, report)
}

/// How far a blanked rectangle may reach beyond the text that it covers.
pub(crate) const MARGIN: usize = 32;

/// A text in a picture.
struct Burned {
    /// Left, top, width, height.
    place: [usize; 4],
    is_bright: bool,
    /// The pixels of its ink.
    ink: Vec<usize>,
}

/// Every pixel outside the rectangles that the report names is as it was, and
/// each rectangle lies within [`MARGIN`] of the text.
fn only_the_text(picture: &Picture, pixels: &[u16], report: &InstanceReport, text: &Burned) {
    let mut may_change = vec![false; pixels.len()];
    let [left, top, width, height] = text.place;
    for rectangle in &report.blanked {
        let [x, y, wide, high] = rectangle.map(|side| side as usize);
        let across = x + MARGIN >= left && x + wide <= left + width + MARGIN;
        let down = y + MARGIN >= top && y + high <= top + height + MARGIN;
        assert!(
            across && down,
            "{rectangle:?} for the text at {:?}",
            text.place
        );
        for row in y..y + high {
            let line = row * picture.columns;
            may_change[line + x..line + x + wide].fill(true);
        }
    }
    let both = picture.pixels.iter().zip(pixels).zip(&may_change);
    let strays = both.filter(|((before, after), may)| before != after && !**may);
    assert_eq!(strays.count(), 0, "pixels outside what the report names");
}

fn quantile(values: &[u16], part: f64) -> u16 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

/// Burns a text into the border where it can be seen: 0 or 4095, a quarter of
/// the picture's range away from everything it covers.
fn burn(picture: &mut Picture, strip: &Strip, draw: &mut Draw) -> Option<Burned> {
    let (rows, columns) = (picture.rows, picture.columns);
    let range = quantile(&picture.pixels, 0.995) - quantile(&picture.pixels, 0.005);
    for _ in 0..40 {
        if strip.width + 20 > columns || strip.height + 20 > rows {
            return None;
        }
        let mut left = 6 + draw.below(columns - strip.width - 12);
        let mut top = 6 + draw.below(rows - strip.height - 12);
        match draw.below(4) {
            0 => top = 6 + draw.below(90),
            1 => top = rows - strip.height - 6 - draw.below(90),
            2 => left = 6 + draw.below(50.min(columns - strip.width - 12)),
            _ => left = columns - strip.width - 6 - draw.below(50.min(columns - strip.width - 12)),
        }
        let middle = |from: usize, size: usize, all: usize| {
            ((from as f64 + size as f64 / 2.0) / all as f64 - 0.5).abs() < 0.28
        };
        if middle(left, strip.width, columns) && middle(top, strip.height, rows) {
            continue;
        }
        let places =
            |index: usize| (top + index / strip.width) * columns + left + index % strip.width;
        let under: Vec<u16> = (0..strip.ink.len())
            .map(|i| picture.pixels[places(i)])
            .collect();
        let (low, high) = (quantile(&under, 0.02), quantile(&under, 0.98));
        let ink = match draw.below(2) {
            0 if low > range / 4 => 0,
            _ if high + range / 4 < 4095 => 4095,
            _ if low > range / 4 => 0,
            _ => continue,
        };
        let mut covered = Vec::new();
        for (index, &alpha) in strip.ink.iter().enumerate() {
            let place = places(index);
            let (old, alpha_f) = (f64::from(picture.pixels[place]), f64::from(alpha) / 255.0);
            picture.pixels[place] =
                (old * (1.0 - alpha_f) + f64::from(ink) * alpha_f).round() as u16;
            if alpha > 127 {
                covered.push(place);
            }
        }
        return Some(Burned {
            place: [left, top, strip.width, strip.height],
            is_bright: ink > 0,
            ink: covered,
        });
    }
    None
}

fn is_long() -> bool {
    std::env::var_os("BONEBOX_TEST_LONG").is_some()
}

#[test]
fn clean_radiographs_are_left_alone() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let subjects = if is_long() { 500 } else { 8 };
    let (mut all, mut touched) = (0, 0);
    for number in 0..subjects {
        for picture in pictures(number) {
            let (pixels, report) = after(&bench, &picture);
            all += 1;
            touched += u32::from(pixels != picture.pixels);
            assert_eq!(pixels != picture.pixels, !report.blanked.is_empty());
            assert_eq!(report.blanked.is_empty(), report.flags.is_empty());
        }
    }
    println!("{touched} of {all} clean simulated radiographs were touched");
    assert!(touched * 50 <= all, "{touched} of {all}");
}

#[test]
fn burned_in_text_is_blanked_and_nothing_besides() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let strips = strips();
    let (subjects, each) = if is_long() { (250, 2) } else { (6, 7) };
    let mut draw = Draw(0x1234_5678_9abc_def1);
    let (mut all, mut found, mut pixels_blanked, mut pixels_of_text) = (0_u32, 0_u32, 0, 0);
    let mut by_kind: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for number in 0..subjects {
        for clean in pictures(1000 + number) {
            for _ in 0..each {
                let mut picture = Picture {
                    pixels: clean.pixels.clone(),
                    ..clean
                };
                let strip = &strips[draw.below(strips.len())];
                let Some(text) = burn(&mut picture, strip, &mut draw) else {
                    continue;
                };
                let (pixels, report) = after(&bench, &picture);
                only_the_text(&picture, &pixels, &report, &text);
                let covered = |place: &&usize| is_blanked(&report, **place, picture.columns);
                let gone = text.ink.iter().filter(covered).count();
                let is_found = gone * 100 >= text.ink.len() * 98;
                all += 1;
                found += u32::from(is_found);
                let (font, rest) = strip.name.split_once('|').unwrap();
                let (size, words) = rest.split_once('|').unwrap();
                let ink = if text.is_bright { "white" } else { "black" };
                let language = if words.is_ascii() {
                    "English"
                } else {
                    "Japanese"
                };
                for kind in [font, size, ink, language] {
                    let counts = by_kind.entry(kind.to_owned()).or_default();
                    counts[0] += u32::from(is_found);
                    counts[1] += 1;
                }
                let sizes = report.blanked.iter().map(|[.., wide, high]| wide * high);
                pixels_blanked += sizes.sum::<u32>();
                pixels_of_text += (strip.width * strip.height) as u32;
            }
        }
    }
    println!("{found} of {all} texts blanked; of each kind: {by_kind:?}");
    let times = f64::from(pixels_blanked) / f64::from(pixels_of_text);
    println!("blanked pixels: {times:.2} times those of the texts' boxes");
    assert!(all >= 70 && found * 100 >= all * 99, "{found} of {all}");
}

pub(crate) fn is_blanked(report: &InstanceReport, place: usize, columns: usize) -> bool {
    let (x, y) = (place % columns, place / columns);
    report.blanked.iter().any(|rectangle| {
        let [left, top, wide, high] = rectangle.map(|side| side as usize);
        (left..left + wide).contains(&x) && (top..top + high).contains(&y)
    })
}

/// What is said of an object whose pixels were changed.
#[test]
fn a_blanked_object_says_so() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let strips = strips();
    let strip = strips
        .iter()
        .find(|strip| strip.is("36", "YAMADA"))
        .unwrap();
    let mut picture = pictures(5000).remove(0);
    burn(&mut picture, strip, &mut Draw(7)).unwrap();
    let (_, report) = after(&bench, &picture);
    assert_eq!(report.flags, ["text-blanked"]);
    let object = bench.open();
    assert_eq!(string(&object, 0x0028, 0x0301).as_deref(), Some("NO"));
    let codes = object.element(Tag(0x0012, 0x0064)).unwrap();
    let codes = codes.items().unwrap();
    let has = |code: &str| {
        codes.iter().any(|item| {
            let value = item.element(Tag(0x0008, 0x0100)).unwrap();
            value.to_str().unwrap().trim() == code
        })
    };
    assert!(has("113100") && has("113101"));
}
