//! Flexible conjugate gradients in `f64`, with a preconditioner that may be rough
//! (Notay, SIAM J. Sci. Comput. 22, 2000): the direction is corrected by
//! what the preconditioner made of the last change of the residual.

use super::Threads;
use super::amg::Multigrid;
use super::matrix::Blocks;
use super::matrix::inverse;

/// What makes the residual into a better direction.
pub(crate) enum Preconditioner {
    /// Algebraic multigrid.
    Multigrid(Box<Multigrid>),
    /// The inverse of each node's own block: the fall-back.
    BlockJacobi(Vec<[[f64; 3]; 3]>),
}

impl Preconditioner {
    /// The fall-back for a matrix.
    pub(crate) fn block_jacobi(matrix: &Blocks<f64, 3, 3>) -> Self {
        let blocks = (0..matrix.rows())
            .map(|row| matrix.block(row, row).map_or([[0.0; 3]; 3], inverse))
            .collect();
        Self::BlockJacobi(blocks)
    }

    fn apply(&mut self, residual: &[[f64; 3]], answer: &mut [[f64; 3]], threads: Threads) {
        match self {
            Self::Multigrid(levels) => levels.apply(residual, answer),
            Self::BlockJacobi(blocks) => {
                let blocks = &*blocks;
                threads.fill(answer, |first, part| {
                    for (offset, answer) in part.iter_mut().enumerate() {
                        let (block, r) = (&blocks[first + offset], &residual[first + offset]);
                        *answer = std::array::from_fn(|i| dot(&block[i], r));
                    }
                });
            }
        }
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Norm of the residual that is small enough.
    pub(crate) residual: f64,
    /// Steps after which it has failed.
    pub(crate) iterations: usize,
}

/// How the iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The residual is small enough.
    Converged,
    /// Too many steps.
    Exhausted,
    /// A product that must be positive was not.
    BrokeDown,
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The scalar product of two vectors.
pub(crate) fn product(a: &[[f64; 3]], b: &[[f64; 3]], threads: Threads) -> f64 {
    threads.sum(a.len(), |i| dot(&a[i], &b[i]))
}

/// `into += factor * what`.
fn add(into: &mut [[f64; 3]], factor: f64, what: &[[f64; 3]], threads: Threads) {
    threads.fill(into, |first, part| {
        for (offset, value) in part.iter_mut().enumerate() {
            for axis in 0..3 {
                value[axis] += factor * what[first + offset][axis];
            }
        }
    });
}

/// Solves `matrix x = right`; returns x, the steps taken and how it ended.
/// `step(residual norm)` is called after each step.
pub(crate) fn solve(
    matrix: &Blocks<f64, 3, 3>,
    right: Vec<[f64; 3]>,
    preconditioner: &mut Preconditioner,
    stop: Stop,
    threads: Threads,
    step: &mut dyn FnMut(f64),
) -> (Vec<[f64; 3]>, usize, Ended) {
    let zero = vec![[0.0; 3]; right.len()];
    let (mut x, mut better, mut product_with) = (zero.clone(), zero.clone(), zero);
    let mut residual = right;
    if product(&residual, &residual, threads).sqrt() <= stop.residual {
        return (x, 0, Ended::Converged);
    }
    preconditioner.apply(&residual, &mut better, threads);
    let mut direction = better.clone();
    let mut gain = product(&residual, &better, threads);
    for taken in 1..=stop.iterations {
        threads.fill(&mut product_with, |first, part| {
            for (offset, out) in part.iter_mut().enumerate() {
                *out = matrix.row_times(first + offset, &direction);
            }
        });
        let curvature = product(&direction, &product_with, threads);
        // Also ends where either is not a number.
        if !(curvature > 0.0 && gain > 0.0) {
            return (x, taken, Ended::BrokeDown);
        }
        // Exact along the direction even where the preconditioner is rough.
        let length = product(&direction, &residual, threads) / curvature;
        add(&mut x, length, &direction, threads);
        add(&mut residual, -length, &product_with, threads);
        let norm = product(&residual, &residual, threads).sqrt();
        step(norm);
        if norm <= stop.residual {
            return (x, taken, Ended::Converged);
        }
        preconditioner.apply(&residual, &mut better, threads);
        let correction = -product(&better, &product_with, threads) / curvature;
        gain = product(&residual, &better, threads);
        let improved = &better;
        threads.fill(&mut direction, |first, part| {
            for (offset, value) in part.iter_mut().enumerate() {
                for axis in 0..3 {
                    value[axis] = improved[first + offset][axis] + correction * value[axis];
                }
            }
        });
    }
    (x, stop.iterations, Ended::Exhausted)
}
