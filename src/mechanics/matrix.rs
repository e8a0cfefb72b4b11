//! Sparse matrices of small dense blocks, row after row (block CSR).

use std::ops::AddAssign;
use std::ops::Mul;

use super::Threads;

/// What the entries are: `f64` where results are made, `f32` where they are only
/// improved.
pub(crate) trait Real:
    Copy + Default + Send + Sync + AddAssign + Mul<Output = Self> + Into<f64>
{
}
impl Real for f32 {}
impl Real for f64 {}

/// Blocks of `R` rows and `C` columns.
#[derive(Debug, Clone)]
pub(crate) struct Blocks<T, const R: usize, const C: usize> {
    /// Where each row begins in `columns`; one more than there are rows.
    pub(crate) starts: Vec<usize>,
    /// Block columns, ascending in each row.
    pub(crate) columns: Vec<u32>,
    pub(crate) values: Vec<[[T; C]; R]>,
}

impl<T: Real, const R: usize, const C: usize> Blocks<T, R, C> {
    /// A matrix from its rows' parts, in order.
    pub(crate) fn from_parts(parts: &[Rows<T, R, C>], threads: Threads) -> Self {
        let blocks = parts.iter().map(|p| p.columns.len()).sum();
        let rows: usize = parts.iter().map(|p| p.lengths.len()).sum();
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        let mut end = 0;
        for length in parts.iter().flat_map(|part| &part.lengths) {
            end += length;
            starts.push(end);
        }
        let mut columns = vec![0; blocks];
        let mut values = vec![[[T::default(); C]; R]; blocks];
        // The copy is as long as a part of the work: it is shared too.
        let mut places = Vec::with_capacity(parts.len());
        let (mut columns_left, mut values_left) = (&mut columns[..], &mut values[..]);
        for part in parts {
            let (to, rest) = columns_left.split_at_mut(part.columns.len());
            let (to_values, rest_values) = values_left.split_at_mut(part.values.len());
            (columns_left, values_left) = (rest, rest_values);
            places.push((part, to, to_values));
        }
        threads.each(places, |(part, to, to_values)| {
            to.copy_from_slice(&part.columns);
            to_values.copy_from_slice(&part.values);
        });
        Self {
            starts,
            columns,
            values,
        }
    }

    /// How many block rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The columns and values of a row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (usize, &[[T; C]; R])> {
        let range = self.starts[row]..self.starts[row + 1];
        self.columns[range.clone()]
            .iter()
            .map(|c| *c as usize)
            .zip(&self.values[range])
    }

    /// The block at a place, if it is stored.
    pub(crate) fn block(&self, row: usize, column: usize) -> Option<&[[T; C]; R]> {
        let range = self.starts[row]..self.starts[row + 1];
        let wanted = u32::try_from(column).ok()?;
        let found = self.columns[range.clone()].binary_search(&wanted).ok()?;
        Some(&self.values[range.start + found])
    }

    /// One row times a vector.
    #[inline]
    pub(crate) fn row_times(&self, row: usize, vector: &[[T; C]]) -> [T; R] {
        let range = self.starts[row]..self.starts[row + 1];
        let mut sum = [T::default(); R];
        for (column, block) in self.columns[range.clone()].iter().zip(&self.values[range]) {
            let x = &vector[*column as usize];
            for i in 0..R {
                for j in 0..C {
                    sum[i] += block[i][j] * x[j];
                }
            }
        }
        sum
    }
}

/// Some consecutive rows while they are made.
#[derive(Debug, Default)]
pub(crate) struct Rows<T, const R: usize, const C: usize> {
    pub(crate) lengths: Vec<usize>,
    pub(crate) columns: Vec<u32>,
    pub(crate) values: Vec<[[T; C]; R]>,
}

impl<T: Real, const R: usize, const C: usize> Rows<T, R, C> {
    /// Ends a row whose blocks have been pushed since `from`, putting its columns in
    /// ascending order.
    pub(crate) fn end_row(&mut self, from: usize) {
        let mut order: Vec<usize> = (from..self.columns.len()).collect();
        order.sort_unstable_by_key(|i| self.columns[*i]);
        let columns: Vec<u32> = order.iter().map(|i| self.columns[*i]).collect();
        let values: Vec<[[T; C]; R]> = order.iter().map(|i| self.values[*i]).collect();
        self.columns[from..].copy_from_slice(&columns);
        self.values[from..].copy_from_slice(&values);
        self.lengths.push(order.len());
    }
}

/// The places of a matrix column by column: for each column its rows and where
/// their blocks lie.
#[derive(Debug)]
pub(crate) struct Columns {
    starts: Vec<usize>,
    entries: Vec<(u32, u32)>,
}

impl Columns {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a prolongator has fewer than 2^32 blocks: a few for each of at most 2^32 / 16 nodes that fit in memory"
    )]
    pub(crate) fn of<T: Real, const R: usize, const C: usize>(
        matrix: &Blocks<T, R, C>,
        columns: usize,
    ) -> Self {
        let mut starts = vec![0; columns + 1];
        for column in &matrix.columns {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0); matrix.columns.len()];
        for row in 0..matrix.rows() {
            for place in matrix.starts[row]..matrix.starts[row + 1] {
                let slot = &mut next[matrix.columns[place] as usize];
                entries[*slot] = (row as u32, place as u32);
                *slot += 1;
            }
        }
        Self { starts, entries }
    }

    /// The rows of a column, ascending, and where their blocks lie.
    pub(crate) fn of_column(&self, column: usize) -> impl Iterator<Item = (usize, usize)> {
        self.entries[self.starts[column]..self.starts[column + 1]]
            .iter()
            .map(|(row, place)| (*row as usize, *place as usize))
    }

    /// How many columns there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }
}

/// The inverse of a symmetric block; where it is singular, of the part
/// that is not.
pub(crate) fn inverse<const N: usize>(block: &[[f64; N]; N]) -> [[f64; N]; N] {
    // Gauss-Jordan without pivoting: the block is symmetric and not negative.
    let mut a = *block;
    let mut b = [[0.0; N]; N];
    let largest = (0..N).fold(0.0_f64, |m, i| m.max(block[i][i]));
    for (i, row) in b.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    for k in 0..N {
        let pivot = a[k][k];
        if pivot <= 1e-10 * largest || pivot <= 0.0 {
            for i in 0..N {
                (a[k][i], a[i][k], b[k][i], b[i][k]) = (0.0, 0.0, 0.0, 0.0);
            }
            continue;
        }
        for j in 0..N {
            a[k][j] /= pivot;
            b[k][j] /= pivot;
        }
        for i in 0..N {
            let factor = a[i][k];
            if i != k && factor != 0.0 {
                for j in 0..N {
                    a[i][j] -= factor * a[k][j];
                    b[i][j] -= factor * b[k][j];
                }
            }
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_in_order_and_multiply() {
        let mut rows = Rows::<f64, 1, 1>::default();
        for (column, value) in [(2, 3.0), (0, 1.0)] {
            rows.columns.push(column);
            rows.values.push([[value]]);
        }
        rows.end_row(0);
        rows.columns.push(1);
        rows.values.push([[5.0]]);
        rows.end_row(2);
        let matrix = Blocks::from_parts(&[rows], Threads::new(1));
        assert_eq!(matrix.columns, [0, 2, 1]);
        assert!((matrix.row_times(0, &[[1.0], [10.0], [100.0]])[0] - 301.0).abs() < 1e-12);
        assert!(matrix.block(0, 1).is_none() && matrix.block(1, 1).is_some());
        let columns = Columns::of(&matrix, 3);
        assert_eq!(columns.of_column(2).collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn an_inverse_inverts() {
        let block = [[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]];
        let inverse = inverse(&block);
        for (i, row) in block.iter().enumerate() {
            let product: [f64; 3] =
                std::array::from_fn(|j| (0..3).map(|k| row[k] * inverse[k][j]).sum());
            for (j, value) in product.into_iter().enumerate() {
                assert!((value - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12);
            }
        }
    }
}
