//! Mutated objects: no panic, and never an output that still holds a planted
//! value.
//!
//! `make test` takes some hundred, `make test-long` 10^5. Each has a part of the
//! attributes, so that it is small; the parts together have all of them, in all
//! kinds of image. Every output is searched.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "tests"
)]

use std::ops::Range;

use crate::deidentify::{Bench, IMAGES, head_of};
use crate::objects::Syntax;
use crate::planted::{Planted, Search, plant_part, seed};

/// Into how many objects the attributes are parted.
const PARTS: usize = 24;

/// A small generator; a round has its own, so that it can be repeated alone.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, round: u64) -> Self {
        let mut draw = Self((seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        for _ in 0..8 {
            draw.below(2);
        }
        draw
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % most as u64) as usize
    }
}

/// One to three changes before the pixels: bytes set, flipped, cut, doubled, or
/// a length that lies.
fn mutate(planted: &Planted, draw: &mut Draw) -> Vec<u8> {
    let mut bytes = planted.file.clone();
    let head = bytes.len() - planted.pixels.len();
    for _ in 0..=draw.below(3) {
        let at = 132 + draw.below(head - 132);
        match draw.below(6) {
            0 => bytes[at] = draw.below(256) as u8,
            1 => drop(bytes.drain(at..at + draw.below(40))),
            2 => {
                let doubled = bytes[at..at + draw.below(40)].to_vec();
                bytes.splice(at..at, doubled);
            }
            3 => bytes[at..at + 2].fill(0xff),
            _ => bytes[at] ^= 1 << draw.below(8),
        }
    }
    bytes
}

/// How many of these rounds passed; all that passed were searched.
fn try_all(seed: u64, rounds: Range<u64>, planted: &[Planted]) -> u64 {
    let bench = Bench::in_memory();
    let searches: Vec<Search> = planted.iter().map(|p| Search::new(&p.needles)).collect();
    let mut passed = 0;
    for round in rounds {
        let part = round as usize % PARTS;
        let bytes = mutate(&planted[part], &mut Draw::new(seed, round));
        let Ok((_, output)) = bench.run(&bytes) else {
            continue;
        };
        passed += 1;
        let pixels = planted[part].pixels.len().min(output.len());
        let left = searches[part].left_in(head_of(&output, pixels));
        // Damage may put a number where a text was: what it touched is named so
        // that a person can look.
        assert!(left.is_empty(), "seed {seed} round {round}: {left:#?}");
    }
    passed
}

#[test]
fn mutated_objects_never_leak() {
    let is_long = std::env::var_os("BONEBOX_TEST_LONG").is_some();
    let rounds: u64 = if is_long { 100_000 } else { 480 };
    let seed = seed();
    let planted: Vec<Planted> = (0..PARTS)
        .map(|part| {
            let syntax = [Syntax::Explicit, Syntax::Implicit][part / IMAGES.len() % 2];
            let own = seed.wrapping_add(part as u64);
            plant_part(IMAGES[part % IMAGES.len()], syntax, own, [part, PARTS])
        })
        .collect();
    let needles: usize = planted.iter().map(|p| p.needles.len()).sum();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let passed: u64 = std::thread::scope(|scope| {
        let share = |n: u64| rounds * n / threads;
        let each: Vec<_> = (0..threads)
            .map(|n| {
                let planted = &planted;
                scope.spawn(move || try_all(seed, share(n)..share(n + 1), planted))
            })
            .collect();
        each.into_iter().map(|one| one.join().unwrap()).sum()
    });
    println!(
        "seed {seed}: {rounds} mutated objects with {needles} planted values: no panic; \
         {passed} passed, were searched and hold none, the others were quarantined"
    );
    assert!(
        passed * 6 > rounds,
        "only {passed} of {rounds} were searched: the test tests nothing"
    );
}
