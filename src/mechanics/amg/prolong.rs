//! From a fine level to the next coarser one.
//!
//! Each aggregate is given six unknowns that reproduce the rigid motions of
//! its nodes exactly; the prolongator is then smoothed once with the matrix
//! (smoothed aggregation, Vanek et al. 1996), and the coarse matrix is
//! the Galerkin product. Entries are made in `f64` and kept in `f32`.
#![allow(
    clippy::cast_possible_truncation,
    reason = "f64 entries of the preconditioner are kept in f32; its error is corrected outside"
)]

use super::super::Threads;
use super::super::matrix::Blocks;
use super::super::matrix::Columns;
use super::super::matrix::Real;
use super::super::matrix::Rows;
use super::aggregate::Aggregates;
use super::aggregate::NONE;

/// Rows are made in so many parts, whatever the threads.
const PARTS: usize = 32;
/// A direction that keeps less of its length than this is no direction of its own.
const DEPENDENT: f64 = 1e-6;

/// What rigid motions (six columns) do to a node's unknowns.
pub(super) type Motion<const N: usize> = [[f64; 6]; N];

/// The prolongator before smoothing (at most one block a row), and the rigid
/// motions of the coarse level.
pub(super) struct Tentative<const N: usize> {
    blocks: Vec<Motion<N>>,
    pub(super) motions: Vec<Motion<6>>,
}

/// Orthonormalizes the rigid motions over each aggregate.
pub(super) fn tentative<const N: usize>(
    groups: &Aggregates,
    motions: &[Motion<N>],
) -> Tentative<N> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.count];
    for (node, group) in groups.of.iter().enumerate() {
        if *group != NONE {
            members[*group as usize].push(node);
        }
    }
    let mut blocks = vec![[[0.0; 6]; N]; motions.len()];
    let mut coarse = Vec::with_capacity(groups.count);
    for nodes in &members {
        let mut columns: Vec<Motion<N>> = nodes.iter().map(|n| motions[*n]).collect();
        coarse.push(orthonormalize(&mut columns));
        for (node, block) in nodes.iter().zip(columns) {
            blocks[*node] = block;
        }
    }
    Tentative {
        blocks,
        motions: coarse,
    }
}

/// Modified Gram-Schmidt, twice. The columns become orthonormal, or zero where
/// they depend on those before; what is returned leads back to what they were.
fn orthonormalize<const N: usize>(rows: &mut [Motion<N>]) -> Motion<6> {
    let product = |rows: &[Motion<N>], a: usize, b: usize| -> f64 {
        rows.iter().flatten().map(|row| row[a] * row[b]).sum()
    };
    let mut back = [[0.0; 6]; 6];
    for column in 0..6 {
        let before = product(rows, column, column).sqrt();
        for _ in 0..2 {
            for earlier in 0..column {
                let along = product(rows, earlier, column);
                back[earlier][column] += along;
                for row in rows.iter_mut().flatten() {
                    row[column] -= along * row[earlier];
                }
            }
        }
        let length = product(rows, column, column).sqrt();
        let kept = length > DEPENDENT * before && length > 0.0;
        let factor = if kept { 1.0 / length } else { 0.0 };
        back[column][column] = if kept { length } else { 0.0 };
        for row in rows.iter_mut().flatten() {
            row[column] *= factor;
        }
    }
    back
}

/// `(I - omega D^-1 A)` times the tentative prolongator.
pub(super) fn smoothed<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    inverse_diagonal: &[[[f32; N]; N]],
    omega: f64,
    groups: &Aggregates,
    tentative: &Tentative<N>,
    threads: Threads,
) -> Blocks<f32, N, 6> {
    let parts = threads.map(matrix.rows(), PARTS, |range| {
        let mut rows = Rows::<f32, N, 6>::default();
        let mut sums: Vec<(u32, Motion<N>)> = Vec::new();
        for row in range {
            sums.clear();
            for (column, block) in matrix.row(row) {
                if groups.of[column] != NONE {
                    let sum = slot(&mut sums, groups.of[column]);
                    add_product(sum, block, &tentative.blocks[column], 1.0);
                }
            }
            let from = rows.columns.len();
            for (group, sum) in &sums {
                let mut value = [[0.0; 6]; N];
                add_product(&mut value, &inverse_diagonal[row], sum, -omega);
                if groups.of[row] == *group {
                    add_to(&mut value, &tentative.blocks[row]);
                }
                rows.columns.push(*group);
                rows.values.push(value.map(|r| r.map(|v| v as f32)));
            }
            rows.end_row(from);
        }
        rows
    });
    Blocks::from_parts(&parts, threads)
}

/// The Galerkin product: prolongator transposed, matrix, prolongator. Unknowns
/// that stand for nothing get a one on the diagonal.
pub(super) fn coarse<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    prolongator: &Blocks<f32, N, 6>,
    columns: &Columns,
    threads: Threads,
) -> Blocks<f32, 6, 6> {
    let half = half_product(matrix, prolongator, threads);
    let parts = threads.map(columns.len(), PARTS, |range| {
        let mut rows = Rows::<f32, 6, 6>::default();
        let mut sums: Vec<(u32, Motion<6>)> = Vec::new();
        for column in range {
            sums.clear();
            for (row, place) in columns.of_column(column) {
                let left = &prolongator.values[place];
                for (other, block) in half.row(row) {
                    let sum = slot(&mut sums, other as u32);
                    add_transposed_product(sum, left, block);
                }
            }
            let from = rows.columns.len();
            for (other, sum) in &mut sums {
                if *other as usize == column {
                    let largest = (0..6).fold(0.0_f64, |m, i| m.max(sum[i][i]));
                    for (i, row) in sum.iter_mut().enumerate() {
                        if row[i] <= 1e-12 * largest || row[i] <= 0.0 {
                            row[i] = 1.0;
                        }
                    }
                }
                rows.columns.push(*other);
                rows.values.push(sum.map(|r| r.map(|v| v as f32)));
            }
            rows.end_row(from);
        }
        rows
    });
    Blocks::from_parts(&parts, threads)
}

/// The matrix times the prolongator.
fn half_product<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    prolongator: &Blocks<f32, N, 6>,
    threads: Threads,
) -> Blocks<f32, N, 6> {
    let parts = threads.map(matrix.rows(), PARTS, |range| {
        let mut rows = Rows::<f32, N, 6>::default();
        let mut sums: Vec<(u32, Motion<N>)> = Vec::new();
        for row in range {
            sums.clear();
            for (column, block) in matrix.row(row) {
                for (group, right) in prolongator.row(column) {
                    let sum = slot(&mut sums, group as u32);
                    add_product(sum, block, right, 1.0);
                }
            }
            let from = rows.columns.len();
            for (group, sum) in &sums {
                rows.columns.push(*group);
                rows.values.push(sum.map(|r| r.map(|v| v as f32)));
            }
            rows.end_row(from);
        }
        rows
    });
    Blocks::from_parts(&parts, threads)
}

/// The sum that belongs to a column: rows have few, so a list is searched.
fn slot<const N: usize>(sums: &mut Vec<(u32, Motion<N>)>, column: u32) -> &mut Motion<N> {
    let place = match sums.iter().position(|(c, _)| *c == column) {
        Some(place) => place,
        None => {
            sums.push((column, [[0.0; 6]; N]));
            sums.len() - 1
        }
    };
    &mut sums[place].1
}

fn add_to<const N: usize>(sum: &mut Motion<N>, part: &Motion<N>) {
    for (sum, part) in sum.iter_mut().flatten().zip(part.iter().flatten()) {
        *sum += part;
    }
}

/// `sum += factor * left * right`.
fn add_product<L: Real, S: Real, const N: usize>(
    sum: &mut Motion<N>,
    left: &[[L; N]; N],
    right: &[[S; 6]; N],
    factor: f64,
) {
    for i in 0..N {
        for k in 0..N {
            let entry: f64 = left[i][k].into();
            let entry = entry * factor;
            for j in 0..6 {
                let other: f64 = right[k][j].into();
                sum[i][j] += entry * other;
            }
        }
    }
}

/// `sum += left' * right`.
fn add_transposed_product<const N: usize>(
    sum: &mut Motion<6>,
    left: &[[f32; 6]; N],
    right: &[[f32; 6]; N],
) {
    for k in 0..N {
        for i in 0..6 {
            let entry = f64::from(left[k][i]);
            for j in 0..6 {
                sum[i][j] += entry * f64::from(right[k][j]);
            }
        }
    }
}
