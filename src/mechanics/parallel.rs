//! Work shared between threads so that their number changes nothing: each
//! output entry is computed by itself, and sums run over fixed chunks whose
//! parts are added in the order of their index.
//!
//! A solve shares thousands of short loops, so the threads must be there
//! already: rayon's pool, woken in microseconds, where new ones would cost tens.

use std::num::NonZeroUsize;
use std::ops::Range;

/// How many threads may work. The result never depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(NonZeroUsize);

/// Entries of a sum that are added by themselves before they meet the others.
const CHUNK: usize = 4096;
/// Below so many entries a second thread costs more than it brings.
const WORTH_A_THREAD: usize = 512;

impl Threads {
    /// This many threads; zero means one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN))
    }

    /// One thread for each core.
    #[must_use]
    pub fn every_core() -> Self {
        Self(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get()
    }

    /// Lets `fill(first, part)` write each part of `out`; `first` is the index
    /// of the part's first entry.
    pub(crate) fn fill<T: Send>(self, out: &mut [T], fill: impl Fn(usize, &mut [T]) + Sync) {
        self.fill_two(out, &mut [] as &mut [()], |first, part, _| {
            fill(first, part);
        });
    }

    /// [`Self::fill`] for two outputs that are split at the same entries. The
    /// second may be empty.
    pub(crate) fn fill_two<T: Send, U: Send>(
        self,
        first: &mut [T],
        second: &mut [U],
        fill: impl Fn(usize, &mut [T], &mut [U]) + Sync,
    ) {
        let entries = first.len();
        let parts = self.get().min(entries / WORTH_A_THREAD).max(1);
        if parts == 1 {
            fill(0, first, second);
            return;
        }
        let size = entries.div_ceil(parts);
        rayon::in_place_scope(|scope| {
            let (mut left, mut right) = (first, second);
            let mut at = 0;
            while left.len() > size {
                let (part, rest) = left.split_at_mut(size);
                let (other, other_rest) = right.split_at_mut(size.min(right.len()));
                let fill = &fill;
                scope.spawn(move |_| fill(at, part, other));
                (left, right) = (rest, other_rest);
                at += size;
            }
            fill(at, left, right);
        });
    }

    /// `work` on each of `parts` ranges that together are `0..entries`, the
    /// answers in their order. The caller fixes the number of parts, so the
    /// answers do not depend on the threads.
    pub(crate) fn map<R: Send>(
        self,
        entries: usize,
        parts: usize,
        work: impl Fn(Range<usize>) -> R + Sync,
    ) -> Vec<R> {
        let parts = parts.clamp(1, entries.max(1));
        let size = entries.div_ceil(parts);
        let range = |part: usize| (part * size).min(entries)..((part + 1) * size).min(entries);
        let mut answers: Vec<Option<R>> = (0..parts).map(|_| None).collect();
        let workers = self.get().min(parts);
        let share = parts.div_ceil(workers);
        let run = |first: usize, out: &mut [Option<R>]| {
            for (offset, answer) in out.iter_mut().enumerate() {
                *answer = Some(work(range(first + offset)));
            }
        };
        if workers == 1 {
            run(0, &mut answers);
        } else {
            rayon::in_place_scope(|scope| {
                for (worker, out) in answers.chunks_mut(share).enumerate() {
                    let run = &run;
                    scope.spawn(move |_| run(worker * share, out));
                }
            });
        }
        answers.into_iter().flatten().collect()
    }

    /// `work` on each job. Jobs must not depend on one another.
    pub(crate) fn each<J: Send>(self, mut jobs: Vec<J>, work: impl Fn(J) + Sync) {
        let share = jobs.len().div_ceil(self.get()).max(1);
        rayon::in_place_scope(|scope| {
            while jobs.len() > share {
                let some = jobs.split_off(jobs.len() - share);
                let work = &work;
                scope.spawn(move |_| some.into_iter().for_each(work));
            }
            jobs.into_iter().for_each(&work);
        });
    }

    /// The sum of `term(i)` over `0..entries`, in a fixed order.
    pub(crate) fn sum(self, entries: usize, term: impl Fn(usize) -> f64 + Sync) -> f64 {
        let chunks = entries.div_ceil(CHUNK);
        self.map(chunks, chunks.min(64), |range| {
            range
                .map(|c| (c * CHUNK..((c + 1) * CHUNK).min(entries)).map(&term).sum())
                .collect::<Vec<f64>>()
        })
        .into_iter()
        .flatten()
        .sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "tests")]
    use super::*;

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let term = |i: usize| ((i * 7919) as f64).sin() * 1e3;
        let alone = Threads::new(1).sum(50_001, term);
        for threads in [2, 3, 7] {
            assert_eq!(Threads::new(threads).sum(50_001, term), alone);
        }
    }

    #[test]
    fn every_entry_is_written_once_at_its_place() {
        for threads in [1, 2, 5] {
            let mut left = vec![0; 5003];
            let mut right = vec![0; 5003];
            Threads::new(threads).fill_two(&mut left, &mut right, |first, a, b| {
                for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
                    *a += first + i;
                    *b += 2 * (first + i);
                }
            });
            assert!(left.iter().enumerate().all(|(i, v)| *v == i));
            assert!(right.iter().enumerate().all(|(i, v)| *v == 2 * i));
            let mut apart = [0; 7];
            let places = apart.iter_mut().enumerate().collect();
            Threads::new(threads).each(places, |(i, place)| *place = i);
            assert_eq!(apart, [0, 1, 2, 3, 4, 5, 6]);
            let mapped = Threads::new(threads).map(10, 4, |range| range);
            assert_eq!(mapped, [0..3, 3..6, 6..9, 9..10]);
        }
    }
}
