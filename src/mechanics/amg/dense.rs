//! The coarsest level, solved directly: a dense Cholesky factorization in `f64`.

use super::super::matrix::Blocks;

/// A lower triangle, by rows.
pub(super) struct Dense {
    size: usize,
    lower: Vec<f64>,
}

/// Pivots below this part of the largest are taken as nothing: round-off of the
/// single-precision levels above, or an unknown that stands for nothing.
const NOTHING: f64 = 1e-9;

impl Dense {
    /// Factorizes. Directions without stiffness are left at rest.
    pub(super) fn new<const N: usize>(matrix: &Blocks<f32, N, N>) -> Self {
        let size = matrix.rows() * N;
        let mut lower = vec![0.0; size * size];
        for row in 0..matrix.rows() {
            for (column, block) in matrix.row(row) {
                for i in 0..N {
                    for j in 0..N {
                        lower[(row * N + i) * size + column * N + j] = f64::from(block[i][j]);
                    }
                }
            }
        }
        let largest = (0..size).fold(0.0_f64, |m, i| m.max(lower[i * size + i]));
        for i in 0..size {
            for j in 0..=i {
                let (before, from) = lower.split_at(i * size);
                let (row, other) = (
                    &from[..j],
                    if j < i {
                        &before[j * size..j * size + j]
                    } else {
                        &from[..j]
                    },
                );
                let sum: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                let value = lower[i * size + j] - sum;
                lower[i * size + j] = if j < i {
                    value * lower[j * size + j]
                } else if value > NOTHING * largest {
                    // The diagonal holds its reciprocal; zero for no direction.
                    1.0 / value.sqrt()
                } else {
                    0.0
                };
            }
        }
        Self { size, lower }
    }

    /// Solves in place.
    pub(super) fn solve(&self, x: &mut [f64]) {
        let n = self.size;
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i];
            let sum: f64 = row.iter().zip(&x[..i]).map(|(a, b)| a * b).sum();
            x[i] = (x[i] - sum) * self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            x[i] *= self.lower[i * n + i];
            let value = x[i];
            for (x, a) in x[..i].iter_mut().zip(&self.lower[i * n..i * n + i]) {
                *x -= a * value;
            }
        }
    }
}
