//! Text burned into simulated radiographs: found and blanked, little besides;
//! clean pictures stay whole, markers with them.
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

use bonebox::phantom::{Subject, VALIDATION_SEEDS};
use dicom_core::{Tag, VR};

use crate::deidentify::{Bench, string};
use crate::objects::{Image, Node, Tree, image, put, us};

/// A text as a picture.
struct Strip {
    name: String,
    width: usize,
    height: usize,
    ink: Vec<u8>,
}

fn strips() -> Vec<Strip> {
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
fn after(bench: &Bench, picture: &Picture) -> (Vec<u16>, Vec<String>) {
    let (report, output) = bench.run_tree(&object(picture)).unwrap();
    let start = output.len() - picture.pixels.len() * 2;
    let words = output[start..].chunks_exact(2);
    let pixels = words.map(|w| u16::from_le_bytes([w[0], w[1]])).collect();
    (pixels, report.flags)
}

fn quantile(values: &[u16], part: f64) -> u16 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

/// Burns a text into the border where it can be seen: 0 or 4095, a quarter of
/// the picture's range away from everything it covers. Its ink's pixels.
fn burn(picture: &mut Picture, strip: &Strip, draw: &mut Draw) -> Option<Vec<usize>> {
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
        return Some(covered);
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
            let (pixels, flags) = after(&bench, &picture);
            all += 1;
            touched += u32::from(pixels != picture.pixels);
            assert_eq!(pixels != picture.pixels, !flags.is_empty(), "{flags:?}");
        }
    }
    println!("{touched} of {all} clean simulated radiographs were touched");
    assert!(touched * 50 <= all, "{touched} of {all}");
}

#[test]
fn burned_in_text_is_blanked_and_little_besides() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let strips = strips();
    let (subjects, each) = if is_long() { (250, 2) } else { (12, 4) };
    let mut draw = Draw(0x1234_5678_9abc_def1);
    let (mut all, mut found) = (0_u32, 0_u32);
    let (mut blanked, mut boxes) = (0, 0);
    let mut by_font: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for number in 0..subjects {
        for clean in pictures(1000 + number) {
            for _ in 0..each {
                let mut picture = Picture {
                    pixels: clean.pixels.clone(),
                    ..clean
                };
                let strip = &strips[draw.below(strips.len())];
                let Some(ink) = burn(&mut picture, strip, &mut draw) else {
                    continue;
                };
                let (pixels, _) = after(&bench, &picture);
                let gone = ink
                    .iter()
                    .filter(|&&place| pixels[place] != picture.pixels[place]);
                let is_found = gone.count() * 100 >= ink.len() * 98;
                all += 1;
                found += u32::from(is_found);
                let (font, _) = strip.name.rsplit_once('|').unwrap();
                let counts = by_font.entry(font.to_owned()).or_default();
                counts[0] += u32::from(is_found);
                counts[1] += 1;
                let changed = picture.pixels.iter().zip(&pixels).filter(|(a, b)| a != b);
                let changed = changed.count();
                assert!(changed * 12 <= pixels.len(), "{}: {changed}", strip.name);
                blanked += changed;
                boxes += strip.width * strip.height;
            }
        }
    }
    let times = blanked as f64 / boxes as f64;
    println!("blanked pixels: {times:.2} times those of the texts' boxes");
    assert!(times < 3.0, "{times}");
    println!("{found} of {all} texts blanked; found and shown by font and size: {by_font:?}");
    assert!(
        all >= 80 && found * 100 >= all * if is_long() { 98 } else { 95 },
        "{found} of {all}"
    );
}

/// What is said of an object whose pixels were changed.
#[test]
fn a_blanked_object_says_so() {
    let bench = Bench::with(&["clean-pixel-data"]);
    let strips = strips();
    let strip = strips
        .iter()
        .find(|s| s.name.contains("|36|YAMADA"))
        .unwrap();
    let mut picture = pictures(5000).remove(0);
    burn(&mut picture, strip, &mut Draw(7)).unwrap();
    let (_, flags) = after(&bench, &picture);
    assert_eq!(flags, ["text-blanked"]);
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
