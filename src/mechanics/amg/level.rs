//! One level of the hierarchy: its matrix in single precision, its smoother, and
//! the way to the next coarser level.
//!
//! The smoother is a Chebyshev polynomial in the block-diagonally scaled matrix:
//! it needs no order of unknowns and so no coloring, and it is symmetric.
#![allow(
    clippy::cast_possible_truncation,
    reason = "f64 scalars and blocks of the preconditioner are kept in f32"
)]

use super::super::Threads;
use super::super::matrix::Blocks;
use super::super::matrix::Columns;
use super::super::matrix::Real;
use super::super::matrix::inverse;

/// The polynomial's degree.
const DEGREE: usize = 2;
/// The smoother damps the upper part of the spectrum, from the largest
/// eigenvalue down to this fraction of it.
const LOWEST: f64 = 1.0 / 12.0;
/// Power iterations for the largest eigenvalue, and what is added for what
/// they miss.
const POWER_STEPS: usize = 12;
const POWER_MARGIN: f64 = 1.1;

/// A vector of a level.
pub(super) type Vector<const N: usize> = Vec<[f32; N]>;

pub(super) struct Level<const N: usize> {
    matrix: Blocks<f32, N, N>,
    inverse_diagonal: Vec<[[f32; N]; N]>,
    /// The largest eigenvalue of the scaled matrix, with its margin.
    largest: f64,
    prolongator: Blocks<f32, N, 6>,
    columns: Columns,
    /// The right-hand side, the answer, and scratch.
    pub(super) right: Vector<N>,
    pub(super) answer: Vector<N>,
    step: Vector<N>,
    spare: Vector<N>,
}

/// The inverses of a matrix's diagonal blocks.
pub(super) fn inverse_diagonal<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    threads: Threads,
) -> Vec<[[f32; N]; N]> {
    let mut inverses = vec![[[0.0; N]; N]; matrix.rows()];
    threads.fill(&mut inverses, |first, part| {
        for (offset, out) in part.iter_mut().enumerate() {
            let row = first + offset;
            let block = matrix
                .block(row, row)
                .map_or([[0.0; N]; N], |block| block.map(|r| r.map(Into::into)));
            *out = inverse(&block).map(|r| r.map(|v| v as f32));
        }
    });
    inverses
}

/// The largest eigenvalue of the scaled matrix by power iteration from a
/// fixed rough vector.
pub(super) fn largest_eigenvalue<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    inverse_diagonal: &[[[f32; N]; N]],
    threads: Threads,
) -> f64 {
    let rows = matrix.rows();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut vector: Vec<[f64; N]> = vec![[0.0; N]; rows];
    for value in vector.iter_mut().flatten() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        *value = f64::from((seed >> 40) as u32) / f64::from(1_u32 << 24) - 0.5;
    }
    let mut next = vector.clone();
    let mut value = 0.0;
    for _ in 0..POWER_STEPS {
        let length = threads
            .sum(rows, |i| vector[i].iter().map(|v| v * v).sum())
            .sqrt();
        if length == 0.0 {
            return 1.0;
        }
        threads.fill(&mut next, |first, part| {
            for (offset, out) in part.iter_mut().enumerate() {
                let row = first + offset;
                let mut product = [0.0; N];
                for (column, block) in matrix.row(row) {
                    for i in 0..N {
                        for j in 0..N {
                            product[i] += Into::<f64>::into(block[i][j]) * vector[column][j];
                        }
                    }
                }
                for i in 0..N {
                    out[i] = 0.0;
                    for j in 0..N {
                        out[i] += f64::from(inverse_diagonal[row][i][j]) * product[j] / length;
                    }
                }
            }
        });
        std::mem::swap(&mut vector, &mut next);
        value = threads
            .sum(rows, |i| vector[i].iter().map(|v| v * v).sum())
            .sqrt();
    }
    POWER_MARGIN * value
}

impl<const N: usize> Level<N> {
    pub(super) fn new(
        matrix: Blocks<f32, N, N>,
        inverse_diagonal: Vec<[[f32; N]; N]>,
        largest: f64,
        prolongator: Blocks<f32, N, 6>,
        columns: Columns,
    ) -> Self {
        let zero = vec![[0.0; N]; matrix.rows()];
        Self {
            matrix,
            inverse_diagonal,
            largest,
            prolongator,
            columns,
            right: zero.clone(),
            answer: zero.clone(),
            step: zero.clone(),
            spare: zero,
        }
    }

    /// Smooths from nothing: the answer to the right-hand side, roughly.
    pub(super) fn smooth_first(&mut self, threads: Threads) {
        let first = self.coefficients()[0][1];
        let (right, inverse) = (&self.right, &self.inverse_diagonal);
        threads.fill_two(&mut self.answer, &mut self.step, |from, answer, step| {
            for (offset, (answer, step)) in answer.iter_mut().zip(step).enumerate() {
                let row = from + offset;
                *step = times(&inverse[row], &right[row]).map(|v| first * v);
                *answer = *step;
            }
        });
        for coefficients in &self.coefficients()[1..] {
            self.improve(*coefficients, threads);
        }
    }

    /// Smooths further.
    pub(super) fn smooth(&mut self, threads: Threads) {
        for coefficients in self.coefficients() {
            self.improve(coefficients, threads);
        }
    }

    /// One step of the polynomial: `step = a step + b D^-1 (right - A answer)`.
    fn improve(&mut self, [a, b]: [f32; 2], threads: Threads) {
        let (matrix, inverse) = (&self.matrix, &self.inverse_diagonal);
        let (right, answer) = (&self.right, &self.answer);
        threads.fill_two(&mut self.spare, &mut self.step, |from, spare, step| {
            for (offset, (new, step)) in spare.iter_mut().zip(step).enumerate() {
                let row = from + offset;
                let product = matrix.row_times(row, answer);
                let gap: [f32; N] = std::array::from_fn(|i| right[row][i] - product[i]);
                let scaled = times(&inverse[row], &gap);
                for i in 0..N {
                    // The first step has no step before it.
                    let before = if a == 0.0 { 0.0 } else { a * step[i] };
                    step[i] = before + b * scaled[i];
                    new[i] = answer[row][i] + step[i];
                }
            }
        });
        std::mem::swap(&mut self.answer, &mut self.spare);
    }

    /// The polynomial's coefficients (Saad, Iterative Methods, 2003, algorithm 12.1).
    fn coefficients(&self) -> [[f32; 2]; DEGREE] {
        let (middle, reach) = (
            0.5 * self.largest * (1.0 + LOWEST),
            0.5 * self.largest * (1.0 - LOWEST),
        );
        let sigma = middle / reach;
        let mut rho = 1.0 / sigma;
        let mut all = [[0.0, (1.0 / middle) as f32]; DEGREE];
        for pair in &mut all[1..] {
            let next = 1.0 / (2.0 * sigma - rho);
            *pair = [(next * rho) as f32, (2.0 * next / reach) as f32];
            rho = next;
        }
        all
    }

    /// What is missing, brought to the coarse level.
    pub(super) fn restrict(&mut self, coarse: &mut [[f32; 6]], threads: Threads) {
        let (matrix, right, answer) = (&self.matrix, &self.right, &self.answer);
        threads.fill(&mut self.spare, |first, part| {
            for (offset, gap) in part.iter_mut().enumerate() {
                let row = first + offset;
                let product = matrix.row_times(row, answer);
                *gap = std::array::from_fn(|i| right[row][i] - product[i]);
            }
        });
        let (columns, prolongator, gap) = (&self.columns, &self.prolongator, &self.spare);
        threads.fill(coarse, |first, part| {
            for (offset, out) in part.iter_mut().enumerate() {
                *out = [0.0; 6];
                for (row, place) in columns.of_column(first + offset) {
                    let block = &prolongator.values[place];
                    for k in 0..N {
                        for i in 0..6 {
                            out[i] += block[k][i] * gap[row][k];
                        }
                    }
                }
            }
        });
    }

    /// Adds the coarse level's answer.
    pub(super) fn prolong(&mut self, coarse: &[[f32; 6]], threads: Threads) {
        let prolongator = &self.prolongator;
        threads.fill(&mut self.answer, |first, part| {
            for (offset, answer) in part.iter_mut().enumerate() {
                let more = prolongator.row_times(first + offset, coarse);
                for i in 0..N {
                    answer[i] += more[i];
                }
            }
        });
    }
}

/// A block times a vector.
fn times<const N: usize>(block: &[[f32; N]; N], vector: &[f32; N]) -> [f32; N] {
    let mut product = [0.0; N];
    for i in 0..N {
        for j in 0..N {
            product[i] += block[i][j] * vector[j];
        }
    }
    product
}
