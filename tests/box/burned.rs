//! Text burned into simulated radiographs: found and blanked, and nothing but
//! what covers it; clean pictures stay whole, markers with them.
//!
//! Fonts and texts are others than those the detector was tuned with, and so are
//! the subjects. `make test` takes a few pictures, `make test-long` 1,000 clean
//! ones and 1,000 texts, four exposures of each X-ray; docs/METHODS.md has the
//! figures.

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
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bonebox::deidentify::InstanceReport;
use bonebox::phantom::{Subject, VALIDATION_SEEDS};
use bonebox::profile::Options;
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
    fn new(seed: u64) -> Self {
        let mut draw = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            draw.below(2);
        }
        draw
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most.max(1)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.below(1 << 20) as f64 / f64::from(1 << 20)
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

impl Picture {
    /// The X-ray as another exposure of it would look: cut to another field, with
    /// more noise, turned left to right or not. Noise of the beam comes before
    /// the tone curve, a sigmoid, and so is small where that is flat.
    fn exposed_again(&self, draw: &mut Draw) -> Self {
        let [rows, columns] = [self.rows, self.columns].map(|side| {
            // Even, as a detector's sides are.
            (draw.between(0.7, 1.0) * side as f64) as usize & !1
        });
        let top = draw.below(self.rows - rows + 1);
        let left = draw.below(self.columns - columns + 1);
        let noise = draw.between(0.0, 60.0);
        let is_turned = draw.below(2) == 1;
        let mut pixels = Vec::with_capacity(rows * columns);
        for row in top..top + rows {
            for column in 0..columns {
                let across = if is_turned {
                    columns - 1 - column
                } else {
                    column
                };
                let value = f64::from(self.pixels[row * self.columns + left + across]);
                let slope = 4.0 * value / 4095.0 * (1.0 - value / 4095.0);
                // Three uniform numbers sum to nearly a normal one of deviation 1.
                let normal: f64 = (0..3).map(|_| draw.between(-1.0, 1.0)).sum();
                let value = value + noise * slope * normal;
                pixels.push(value.round().clamp(0.0, 4095.0) as u16);
            }
        }
        Self {
            rows,
            columns,
            pixels,
        }
    }
}

/// Both X-rays of a person, each exposed so many times.
fn exposures(number: u64, times: usize) -> Vec<Picture> {
    let mut draw = Draw::new(number);
    let mut all = Vec::new();
    for picture in pictures(number) {
        all.extend((1..times).map(|_| picture.exposed_again(&mut draw)));
        all.push(picture);
    }
    all
}

/// Does something with each number, on all cores; the answers in their order.
fn each<T: Send>(numbers: Range<u64>, act: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(numbers.start);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let work = || {
            let mut own = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return own;
                }
                own.push((number, act(number)));
            }
        };
        let each: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        each.into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, answer)| answer).collect()
}

/// A step that searches, with its files in memory.
fn searching() -> Bench {
    let mut bench = Bench::in_memory();
    bench.profile.options = Options::parse(&["clean-pixel-data"]).unwrap();
    bench
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

/// Every pixel outside the rectangles that the report names is as it was. Whether
/// each rectangle lies within [`MARGIN`] of the text: another is a false alarm.
fn only_the_text(
    picture: &Picture,
    pixels: &[u16],
    report: &InstanceReport,
    text: &Burned,
) -> bool {
    let mut is_near = true;
    let mut may_change = vec![false; pixels.len()];
    let [left, top, width, height] = text.place;
    for rectangle in &report.blanked {
        let [x, y, wide, high] = rectangle.map(|side| side as usize);
        let across = x + MARGIN >= left && x + wide <= left + width + MARGIN;
        let down = y + MARGIN >= top && y + high <= top + height + MARGIN;
        if !(across && down) {
            println!("{rectangle:?} for the text at {:?}", text.place);
            is_near = false;
        }
        for row in y..y + high {
            let line = row * picture.columns;
            may_change[line + x..line + x + wide].fill(true);
        }
    }
    let both = picture.pixels.iter().zip(pixels).zip(&may_change);
    let strays = both.filter(|((before, after), may)| before != after && !**may);
    assert_eq!(strays.count(), 0, "pixels outside what the report names");
    is_near
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
    let (people, times) = if is_long() { (125, 4) } else { (8, 2) };
    let touched = each(0..people, |number| {
        let bench = searching();
        let clean = exposures(number, times);
        let touched = clean.iter().filter(|picture| {
            let (pixels, report) = after(&bench, picture);
            let is_touched = pixels != picture.pixels;
            assert_eq!(is_touched, !report.blanked.is_empty());
            assert_eq!(report.blanked.is_empty(), report.flags.is_empty());
            is_touched
        });
        (touched.count(), clean.len())
    });
    let all: usize = touched.iter().map(|(_, all)| all).sum();
    let touched: usize = touched.iter().map(|(touched, _)| touched).sum();
    println!("{touched} of {all} clean simulated radiographs were touched");
    assert!(touched * 50 <= all, "{touched} of {all}");
}

/// What became of one text.
struct Fate {
    /// Font, size, ink and language.
    kinds: [String; 4],
    is_found: bool,
    /// Nothing far from it was blanked besides.
    is_alone: bool,
    pixels_blanked: u32,
    pixels_of_text: u32,
}

fn fate(bench: &Bench, mut picture: Picture, strip: &Strip, draw: &mut Draw) -> Option<Fate> {
    let text = burn(&mut picture, strip, draw)?;
    let (pixels, report) = after(bench, &picture);
    let is_alone = only_the_text(&picture, &pixels, &report, &text);
    let covered = |place: &&usize| is_blanked(&report, **place, picture.columns);
    let gone = text.ink.iter().filter(covered).count();
    let (font, rest) = strip.name.split_once('|').unwrap();
    let (size, words) = rest.split_once('|').unwrap();
    let ink = if text.is_bright { "white" } else { "black" };
    let language = if words.is_ascii() {
        "English"
    } else {
        "Japanese"
    };
    let sizes = report.blanked.iter().map(|[.., wide, high]| wide * high);
    Some(Fate {
        kinds: [font, size, ink, language].map(str::to_owned),
        is_found: gone * 100 >= text.ink.len() * 98,
        is_alone,
        pixels_blanked: sizes.sum(),
        pixels_of_text: (strip.width * strip.height) as u32,
    })
}

#[test]
fn burned_in_text_is_blanked_and_nothing_besides() {
    let strips = strips();
    let (people, times) = if is_long() { (128, 4) } else { (6, 7) };
    let fates: Vec<Fate> = each(1000..1000 + people, |number| {
        let bench = searching();
        let mut draw = Draw::new(number + 1_000_000);
        let all = exposures(number, times).into_iter();
        let all = all.filter_map(|picture| {
            let strip = &strips[draw.below(strips.len())];
            fate(&bench, picture, strip, &mut draw)
        });
        all.collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    let mut by_kind: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    for fate in &fates {
        for kind in &fate.kinds {
            let counts = by_kind.entry(kind).or_default();
            counts[0] += u32::from(fate.is_found);
            counts[1] += 1;
        }
    }
    let (all, found) = (
        fates.len(),
        fates.iter().filter(|fate| fate.is_found).count(),
    );
    println!("{found} of {all} texts blanked; of each kind: {by_kind:?}");
    let sum = |of: fn(&Fate) -> u32| f64::from(fates.iter().map(of).sum::<u32>());
    let times = sum(|fate| fate.pixels_blanked) / sum(|fate| fate.pixels_of_text);
    println!("blanked pixels: {times:.2} times those of the texts' boxes");
    let strays = fates.iter().filter(|fate| !fate.is_alone).count();
    println!("{strays} of these pictures were touched elsewhere too");
    assert!(all >= 70 && found * 100 >= all * 99, "{found} of {all}");
    // As of clean pictures: at most two in a hundred, and none in the short form.
    let most = if is_long() { all / 50 } else { 0 };
    assert!(strays <= most, "{strays} of {all}");
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
    burn(&mut picture, strip, &mut Draw::new(7)).unwrap();
    let (_, report) = after(&bench, &picture);
    assert_eq!(report.flags, ["text-blanked"]);
    let burned_in = string(&bench.open(), 0x0028, 0x0301);
    assert_eq!(burned_in.as_deref(), Some("NO"));
    assert!(has_code(&bench, "113100") && has_code(&bench, "113101"));
}

/// Whether the output names a method by this code.
fn has_code(bench: &Bench, code: &str) -> bool {
    let object = bench.open();
    let codes = object.element(Tag(0x0012, 0x0064)).unwrap();
    codes.items().unwrap().iter().any(|item| {
        let value = item.element(Tag(0x0008, 0x0100)).unwrap();
        value.to_str().unwrap().trim() == code
    })
}

/// A picture too small to be searched is not said to be clean.
#[test]
fn what_is_not_searched_says_so() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let small = Picture {
        rows: 63,
        columns: 400,
        pixels: vec![700; 63 * 400],
    };
    let (_, report) = after(&bench, &small);
    let unknown = "burned-in-annotation-unknown";
    assert_eq!(report.flags, [unknown, "pixels-not-searched"]);
    assert!(!has_code(&bench, "113101"));
    let large = Picture {
        rows: 64,
        columns: 400,
        pixels: vec![700; 64 * 400],
    };
    let (_, report) = after(&bench, &large);
    assert!(report.flags.is_empty(), "{:?}", report.flags);
    assert!(has_code(&bench, "113101"));
}
