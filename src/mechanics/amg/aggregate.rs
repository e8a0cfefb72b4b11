//! Groups nodes that are strongly bound into aggregates, one coarse node each
//! (Vanek, Mandel, Brezina, Computing 56, 1996, algorithm 5.1). One pass over the
//! nodes in their order, so the groups depend on nothing else.
#![allow(
    clippy::cast_possible_truncation,
    reason = "there are no more aggregates than nodes, which have u32 numbers"
)]

use super::super::matrix::Blocks;
use super::super::matrix::Real;

/// Which aggregate each node belongs to, and how many there are.
pub(super) struct Aggregates {
    /// `NONE` for a node that is held or bound to nothing.
    pub(super) of: Vec<u32>,
    pub(super) count: usize,
}

/// The aggregate of a node that has none.
pub(super) const NONE: u32 = u32::MAX;

/// Groups the nodes of a matrix. Two nodes are strongly bound where the square
/// of their block is above `threshold` squared times the product of their
/// diagonal blocks. `free` says which nodes can move at all.
pub(super) fn aggregate<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    threshold: f64,
    free: &[bool],
) -> Aggregates {
    let rows = matrix.rows();
    let size: Vec<f64> = (0..rows)
        .map(|row| matrix.block(row, row).map_or(0.0, norm))
        .collect();
    let strong = |row: usize| {
        let size = &size;
        matrix.row(row).filter(move |(column, block)| {
            *column != row
                && free[*column]
                && norm(block) > threshold * (size[row] * size[*column]).sqrt()
        })
    };
    let mut of = vec![NONE; rows];
    let mut count = 0;
    // Whole neighborhoods that touch no aggregate yet.
    for row in (0..rows).filter(|row| free[*row]) {
        let mut bound = false;
        let clear = of[row] == NONE
            && strong(row).all(|(column, _)| {
                bound = true;
                of[column] == NONE
            });
        if clear && bound {
            of[row] = count;
            for (column, _) in strong(row) {
                of[column] = count;
            }
            count += 1;
        }
    }
    // What is left joins the aggregate that it is bound to most.
    let first = of.clone();
    for row in (0..rows).filter(|row| free[*row] && first[*row] == NONE) {
        let mut most = 0.0;
        for (column, block) in strong(row) {
            if first[column] != NONE && norm(block) > most {
                most = norm(block);
                of[row] = first[column];
            }
        }
    }
    // What is bound to nothing grouped yet makes groups of its own.
    for row in (0..rows).filter(|row| free[*row]) {
        if of[row] == NONE {
            of[row] = count;
            for (column, _) in strong(row) {
                if of[column] == NONE {
                    of[column] = count;
                }
            }
            count += 1;
        }
    }
    Aggregates {
        of,
        count: count as usize,
    }
}

/// The root of the sum of a block's squares.
fn norm<T: Real, const R: usize, const C: usize>(block: &[[T; C]; R]) -> f64 {
    let squares = block.iter().flatten().map(|v| {
        let v: f64 = (*v).into();
        v * v
    });
    squares.sum::<f64>().sqrt()
}
