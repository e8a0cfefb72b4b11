//! Algebraic multigrid for elasticity: a preconditioner that takes about the
//! same number of iterations at every mesh size.
//!
//! Levels are made by smoothed aggregation with the six rigid motions; a cycle
//! goes down and up once (V). All is in `f32`: the iteration outside, in `f64`,
//! corrects what that loses.

mod aggregate;
mod dense;
mod level;
mod prolong;

use super::Threads;
use super::assembly::Held;
use super::matrix::Blocks;
use super::matrix::Columns;
use super::matrix::Real;
use aggregate::aggregate;
use dense::Dense;
use level::Level;
use level::inverse_diagonal;
use level::largest_eigenvalue;
use prolong::Motion;

/// Bonds below this part of their nodes' own stiffness are weak.
const STRONG: f64 = 0.02;
/// A level of so few nodes is solved directly.
const DIRECT: usize = 100;
/// The levels never grow by this factor: a safeguard against meshes that do not
/// coarsen.
const COARSENS: f64 = 0.7;
/// The prolongator's smoothing, over the largest eigenvalue.
const SMOOTHING: f64 = 4.0 / 3.0;

/// The levels of one matrix.
pub(crate) struct Multigrid {
    fine: Level<3>,
    coarse: Vec<Level<6>>,
    bottom: Dense,
    /// The coarsest right-hand side.
    last: Vec<[f32; 6]>,
    threads: Threads,
}

/// What became of one coarsening.
struct Coarser<const N: usize> {
    level: Level<N>,
    matrix: Blocks<f32, 6, 6>,
    motions: Vec<Motion<6>>,
}

impl Multigrid {
    /// Builds the levels for a stiffness matrix; `None` where the mesh
    /// does not coarsen (nothing free, or too loosely bound).
    pub(crate) fn new(
        matrix: &Blocks<f64, 3, 3>,
        nodes: &[[f64; 3]],
        held: &[Held],
        threads: Threads,
    ) -> Option<Self> {
        let motions = rigid_motions(nodes, held);
        let free: Vec<bool> = held.iter().map(|h| *h != [true; 3]).collect();
        let first = coarsen(matrix, &motions, &free, threads)?;
        drop(motions);
        let mut coarse = Vec::new();
        let (mut next, mut motions) = (first.matrix, first.motions);
        while next.rows() > DIRECT {
            let free = vec![true; next.rows()];
            let Some(coarser) = coarsen(&next, &motions, &free, threads) else {
                break;
            };
            coarse.push(coarser.level);
            (next, motions) = (coarser.matrix, coarser.motions);
        }
        // A dense factorization of more than this would take minutes.
        if next.rows() > 8 * DIRECT {
            return None;
        }
        Some(Self {
            fine: first.level,
            coarse,
            bottom: Dense::new(&next),
            last: vec![[0.0; 6]; next.rows()],
            threads,
        })
    }

    /// How many levels there are.
    pub(crate) fn levels(&self) -> usize {
        self.coarse.len() + 2
    }

    /// One cycle: roughly the displacements that a residual asks for. The
    /// residual is scaled to one, so that single precision holds it.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a scaled residual is kept in f32"
    )]
    pub(crate) fn apply(&mut self, residual: &[[f64; 3]], answer: &mut [[f64; 3]]) {
        let threads = self.threads;
        let size = threads.sum(residual.len(), |i| residual[i].iter().map(|v| v * v).sum());
        let size = if size > 0.0 { size.sqrt() } else { 1.0 };
        threads.fill(&mut self.fine.right, |first, part| {
            for (offset, right) in part.iter_mut().enumerate() {
                *right = residual[first + offset].map(|v| (v / size) as f32);
            }
        });
        self.fine.smooth_first(threads);
        match self.coarse.first_mut() {
            Some(next) => self.fine.restrict(&mut next.right, threads),
            None => self.fine.restrict(&mut self.last, threads),
        }
        descend(&mut self.coarse, &self.bottom, &mut self.last, threads);
        let below = self.coarse.first().map_or(&self.last, |next| &next.answer);
        self.fine.prolong(below, threads);
        self.fine.smooth(threads);
        let fine = &self.fine.answer;
        threads.fill(answer, |first, part| {
            for (offset, answer) in part.iter_mut().enumerate() {
                *answer = fine[first + offset].map(|v| f64::from(v) * size);
            }
        });
    }
}

/// The cycle from a level down and up again. `last` holds the coarsest
/// right-hand side, then its answer.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the coarsest answer is kept in f32 like the levels above"
)]
fn descend(levels: &mut [Level<6>], bottom: &Dense, last: &mut Vec<[f32; 6]>, threads: Threads) {
    let Some((level, below)) = levels.split_first_mut() else {
        let mut x: Vec<f64> = last.iter().flatten().map(|v| f64::from(*v)).collect();
        bottom.solve(&mut x);
        for (out, value) in last.iter_mut().flatten().zip(x) {
            *out = value as f32;
        }
        return;
    };
    level.smooth_first(threads);
    match below.first_mut() {
        Some(next) => level.restrict(&mut next.right, threads),
        None => level.restrict(last, threads),
    }
    descend(below, bottom, last, threads);
    level.prolong(below.first().map_or(&*last, |next| &next.answer), threads);
    level.smooth(threads);
}

/// Makes a level and the matrix below it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the level's copy of the matrix is in f32; counts stay below 2^52"
)]
fn coarsen<T: Real, const N: usize>(
    matrix: &Blocks<T, N, N>,
    motions: &[Motion<N>],
    free: &[bool],
    threads: Threads,
) -> Option<Coarser<N>> {
    let groups = aggregate(matrix, STRONG, free);
    if groups.count == 0 || groups.count as f64 > COARSENS * matrix.rows() as f64 {
        return None;
    }
    let inverse = inverse_diagonal(matrix, threads);
    let largest = largest_eigenvalue(matrix, &inverse, threads);
    let tentative = prolong::tentative(&groups, motions);
    let omega = SMOOTHING / largest;
    let prolongator = prolong::smoothed(matrix, &inverse, omega, &groups, &tentative, threads);
    let columns = Columns::of(&prolongator, groups.count);
    let coarse = prolong::coarse(matrix, &prolongator, &columns, threads);
    let mut values = vec![[[0.0; N]; N]; matrix.values.len()];
    threads.fill(&mut values, |first, part| {
        for (offset, out) in part.iter_mut().enumerate() {
            *out =
                matrix.values[first + offset].map(|row| row.map(|v| Into::<f64>::into(v) as f32));
        }
    });
    let single = Blocks {
        starts: matrix.starts.clone(),
        columns: matrix.columns.clone(),
        values,
    };
    Some(Coarser {
        level: Level::new(single, inverse, largest, prolongator, columns),
        matrix: coarse,
        motions: tentative.motions,
    })
}

/// What the six rigid motions do to each node; nothing in held directions.
/// Turns are about the middle and scaled to the body's size.
#[allow(clippy::cast_precision_loss, reason = "counts stay below 2^52")]
fn rigid_motions(nodes: &[[f64; 3]], held: &[Held]) -> Vec<Motion<3>> {
    let count = nodes.len().max(1) as f64;
    let mut middle = [0.0; 3];
    for node in nodes {
        for axis in 0..3 {
            middle[axis] += node[axis] / count;
        }
    }
    let mut spread: f64 = 0.0;
    for node in nodes {
        for axis in 0..3 {
            spread += (node[axis] - middle[axis]).powi(2) / count;
        }
    }
    let scale = if spread > 0.0 {
        1.0 / spread.sqrt()
    } else {
        1.0
    };
    nodes
        .iter()
        .zip(held)
        .map(|(node, held)| {
            let [x, y, z]: [f64; 3] = std::array::from_fn(|i| (node[i] - middle[i]) * scale);
            let rows = [
                [1.0, 0.0, 0.0, 0.0, z, -y],
                [0.0, 1.0, 0.0, -z, 0.0, x],
                [0.0, 0.0, 1.0, y, -x, 0.0],
            ];
            std::array::from_fn(|i| if held[i] { [0.0; 6] } else { rows[i] })
        })
        .collect()
}
