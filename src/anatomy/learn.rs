//! Learning a shape model: rigid generalized Procrustes alignment of each bone,
//! one size for both, principal components of what is left, and the joint
//! Gaussian of everything.
//!
//! Alignment is rigid, without scale (Kabsch), to a mean that is laid on the
//! template again after each round, so the model stays in the template's frame.
//! The leading components come from subspace iteration with a fixed start
//! (Halko, Martinsson and Tropp, SIAM Rev. 53 (2011) 217): same examples, same
//! model.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "shapes are kept as f32, a tenth of a micrometer; counts are thousands"
)]

use nalgebra::DMatrix;

use super::AnatomyError;
use super::Bone;
use super::Forearm;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::best_rigid;
use crate::geometry::vector::sub;

/// Rounds of alignment.
const ROUNDS: usize = 3;
/// Rounds of subspace iteration, and how many more components than wanted it carries.
const POWERS: usize = 5;
const SPARE: usize = 16;
/// Size is read over this much of both bones, from the joint.
const SIZED_MM: f64 = 35.0;
/// How much the sample's correlations are drawn toward none.
const SHRINK: f64 = 0.03;

/// One bone as it was learned.
pub struct LearnedBone {
    /// The mean.
    pub mean: Vec<[f64; 3]>,
    /// Size first, then the bone's own modes: millimeters for one SD.
    pub modes: Vec<Vec<f32>>,
}

/// Everything that was learned.
pub struct Learned {
    /// In the order of [`Bone::ALL`].
    pub bones: [LearnedBone; 2],
    /// About which point the ulna turns in the radius' frame.
    pub pivot: [f64; 3],
    /// SDs of the ulna's turn (radians) and shift (millimeters) against the radius.
    pub seat_sd: [f64; 6],
    /// Correlations of size, the radius' own modes, the ulna's, the seat.
    pub correlation: DMatrix<f64>,
}

/// Says about which point of a mean forearm its ulna turns.
pub type PivotOf<'a> = dyn Fn(&Forearm<Model>) -> Result<[f64; 3], AnatomyError> + 'a;

/// Learns a model with so many own modes a bone, in the order of [`Bone::ALL`].
/// The examples' meshes correspond to the template's.
///
/// # Errors
/// [`AnatomyError::Mesh`] when an example does not correspond,
/// [`AnatomyError::Degenerate`] for too few examples.
pub fn learn(
    template: &Forearm<Model>,
    examples: &[Forearm<Model>],
    own_modes: [usize; 2],
    pivot_of: &PivotOf<'_>,
) -> Result<Learned, AnatomyError> {
    if examples.len() < 2 * (own_modes[0] + own_modes[1] + 7) {
        return Err(AnatomyError::Degenerate("too few examples for the modes"));
    }
    let (radius_mean, to_radius) = aligned(template, examples, Bone::Radius)?;
    let (ulna_mean, to_ulna) = aligned(template, examples, Bone::Ulna)?;
    // Where the ulna lies on average, seen from the radius.
    let seats: Vec<Rigid<Model, Model>> = to_ulna
        .iter()
        .zip(&to_radius)
        .map(|(ulna, radius)| ulna.inverse().then(radius))
        .collect();
    let placed: Vec<[f64; 3]> = (0..ulna_mean.len())
        .map(|v| mean_of(seats.iter().map(|s| s.move_xyz(ulna_mean[v]))))
        .collect();
    let middle = best_rigid::<Model, Model>(&ulna_mean, &placed)?;
    let ulna_mean: Vec<_> = ulna_mean.iter().map(|v| middle.move_xyz(*v)).collect();
    let seats: Vec<_> = seats.iter().map(|s| middle.inverse().then(s)).collect();
    let to_ulna: Vec<_> = to_ulna.iter().map(|t| t.then(&middle)).collect();
    let mean = Forearm {
        radius: template.radius.with_vertices(radius_mean.clone())?,
        ulna: template.ulna.with_vertices(ulna_mean.clone())?,
    };
    let pivot = pivot_of(&mean)?;
    let mut scores = vec![standard(sizes(template, examples)).0];
    let mut bones = Vec::new();
    let parts = [(radius_mean, to_radius), (ulna_mean, to_ulna)];
    for ((bone, (mean, motions)), own) in Bone::ALL.into_iter().zip(parts).zip(own_modes) {
        let moved = motions.iter().zip(examples);
        let moved = moved.map(|(motion, e)| e.bone(bone).moved(motion));
        let mut data: Vec<f32> = Vec::new();
        for shape in moved {
            data.extend(gaps(&shape, &mean));
        }
        let (modes, own_scores) = modes_of(&mut data, &scores[0], own);
        scores.extend(own_scores);
        bones.push(LearnedBone { mean, modes });
    }
    let mut seat_sd = [0.0; 6];
    let numbers: Vec<[f64; 6]> = seats.iter().map(|s| numbers_of(s, pivot)).collect();
    for axis in 0..6 {
        let (values, sd) = standard(numbers.iter().map(|n| n[axis]).collect());
        seat_sd[axis] = sd;
        scores.push(values);
    }
    let (Some(ulna), Some(radius)) = (bones.pop(), bones.pop()) else {
        return Err(AnatomyError::Degenerate("a bone is missing"));
    };
    Ok(Learned {
        bones: [radius, ulna],
        pivot,
        seat_sd,
        correlation: correlation(&scores),
    })
}

/// Turn (radians) and shift (millimeters) of a motion about a pivot.
fn numbers_of(motion: &Rigid<Model, Model>, pivot: [f64; 3]) -> [f64; 6] {
    let turn = motion.rotation_vector();
    let shift = sub(motion.move_xyz(pivot), pivot);
    [turn[0], turn[1], turn[2], shift[0], shift[1], shift[2]]
}

fn mean_of(points: impl ExactSizeIterator<Item = [f64; 3]>) -> [f64; 3] {
    let count = points.len() as f64;
    let mut sum = [0.0; 3];
    for point in points {
        for axis in 0..3 {
            sum[axis] += point[axis] / count;
        }
    }
    sum
}

/// The mean of a bone in the template's place, and the motion that lays each
/// example on it.
type Aligned = (Vec<[f64; 3]>, Vec<Rigid<Model, Model>>);

fn aligned(
    template: &Forearm<Model>,
    examples: &[Forearm<Model>],
    bone: Bone,
) -> Result<Aligned, AnatomyError> {
    let anchor = template.bone(bone).vertices();
    let mut mean = anchor.to_vec();
    let mut motions = Vec::new();
    for _ in 0..ROUNDS {
        motions.clear();
        let mut sum = vec![[0.0; 3]; mean.len()];
        for example in examples {
            let vertices = example.bone(bone).vertices();
            let motion = best_rigid::<Model, Model>(vertices, &mean)?;
            for (total, vertex) in sum.iter_mut().zip(vertices) {
                let place = motion.move_xyz(*vertex);
                for axis in 0..3 {
                    total[axis] += place[axis] / examples.len() as f64;
                }
            }
            motions.push(motion);
        }
        let back = best_rigid::<Model, Model>(&sum, anchor)?;
        mean = sum.iter().map(|v| back.move_xyz(*v)).collect();
        for motion in &mut motions {
            *motion = motion.then(&back);
        }
    }
    Ok((mean, motions))
}

/// What a shape has over the mean, in millimeters, as one row.
fn gaps(shape: &SurfaceMesh<Model>, mean: &[[f64; 3]]) -> Vec<f32> {
    let pairs = shape.vertices().iter().zip(mean);
    pairs
        .flat_map(|(v, m)| sub(*v, *m).map(|gap| gap as f32))
        .collect()
}

/// The size of each example: root mean square distance of the distal part of
/// each bone from that part's middle, both bones together.
fn sizes(template: &Forearm<Model>, examples: &[Forearm<Model>]) -> Vec<f64> {
    let distal = Bone::ALL.map(|bone| {
        let vertices = template.bone(bone).vertices().iter();
        let numbers = vertices.enumerate().filter(|(_, v)| v[2] > -SIZED_MM);
        numbers.map(|(n, _)| n).collect::<Vec<_>>()
    });
    let size = |example: &Forearm<Model>| {
        let squares = Bone::ALL.into_iter().zip(&distal).map(|(bone, part)| {
            let vertices = example.bone(bone).vertices();
            let middle = mean_of(part.iter().map(|v| vertices[*v]));
            let far = part.iter().map(|v| {
                let gap = sub(vertices[*v], middle);
                gap.iter().map(|g| g * g).sum::<f64>()
            });
            far.sum::<f64>() / part.len() as f64
        });
        squares.sum::<f64>().sqrt()
    };
    examples.iter().map(size).collect()
}

/// Values with mean 0 and SD 1, and the SD they had.
fn standard(values: Vec<f64>) -> (Vec<f64>, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let sd = sd.max(f64::MIN_POSITIVE);
    (values.into_iter().map(|v| (v - mean) / sd).collect(), sd)
}

/// The size mode (regression on size), then the leading components of what it
/// leaves, each for one SD, and the own components' scores. Rows of `data` are examples.
fn modes_of(data: &mut [f32], size: &[f64], own: usize) -> (Vec<Vec<f32>>, Vec<Vec<f64>>) {
    let count = size.len();
    let length = data.len() / count;
    let mut grown = vec![0.0_f64; length];
    for (row, s) in data.chunks_exact(length).zip(size) {
        for (total, value) in grown.iter_mut().zip(row) {
            *total += s * f64::from(*value) / count as f64;
        }
    }
    for (row, s) in data.chunks_exact_mut(length).zip(size) {
        for (value, mode) in row.iter_mut().zip(&grown) {
            *value -= (s * mode) as f32;
        }
    }
    let mut basis = start(length, own + SPARE);
    for _ in 0..POWERS {
        let scores = project(data, &basis, length);
        basis = orthonormal(&gather(data, &scores, length));
    }
    let scores = project(data, &basis, length);
    let wide = scores.map(f64::from);
    let spread = wide.tr_mul(&wide) / count as f64;
    let eigen = spread.symmetric_eigen();
    let mut order: Vec<usize> = (0..own + SPARE).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let mut modes = vec![grown.iter().map(|v| *v as f32).collect::<Vec<f32>>()];
    let mut all_scores = Vec::new();
    for column in order.into_iter().take(own) {
        let sd = eigen.eigenvalues[column].max(0.0).sqrt().max(1e-9);
        let way = eigen.eigenvectors.column(column).map(|v| v as f32);
        let mode = &basis * &way;
        // The sign is the one that makes the largest entry positive.
        let largest = mode
            .iter()
            .fold(0.0_f32, |top, v| if v.abs() > top.abs() { *v } else { top });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        modes.push(mode.iter().map(|v| sign * v * sd as f32).collect());
        let row = &scores * &way;
        all_scores.push(row.iter().map(|v| f64::from(sign * v) / sd).collect());
    }
    (modes, all_scores)
}

/// A fixed start that no structured data is orthogonal to.
fn start(length: usize, columns: usize) -> DMatrix<f32> {
    let mut state = 0x9E37_79B9_u32;
    DMatrix::from_fn(length, columns, |_, _| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    })
}

/// Scores of each example on each column of the basis.
fn project(data: &[f32], basis: &DMatrix<f32>, length: usize) -> DMatrix<f32> {
    let columns = basis.ncols();
    let rows_of_basis: Vec<f32> = basis.transpose().as_slice().to_vec();
    let count = data.len() / length;
    let mut scores = vec![0.0_f32; count * columns];
    for (row, out) in data
        .chunks_exact(length)
        .zip(scores.chunks_exact_mut(columns))
    {
        for (value, line) in row.iter().zip(rows_of_basis.chunks_exact(columns)) {
            for (total, b) in out.iter_mut().zip(line) {
                *total += value * b;
            }
        }
    }
    DMatrix::from_row_slice(count, columns, &scores)
}

/// The data's rows summed with the scores as weights.
fn gather(data: &[f32], scores: &DMatrix<f32>, length: usize) -> DMatrix<f32> {
    let columns = scores.ncols();
    let lines: Vec<f32> = scores.transpose().as_slice().to_vec();
    let mut sum = vec![0.0_f32; length * columns];
    for (row, line) in data.chunks_exact(length).zip(lines.chunks_exact(columns)) {
        for (value, out) in row.iter().zip(sum.chunks_exact_mut(columns)) {
            for (total, s) in out.iter_mut().zip(line) {
                *total += value * s;
            }
        }
    }
    DMatrix::from_row_slice(length, columns, &sum)
}

/// An orthonormal basis of the columns (Gram and Schmidt, twice).
fn orthonormal(columns: &DMatrix<f32>) -> DMatrix<f32> {
    let mut basis = columns.map(f64::from);
    for _ in 0..2 {
        for number in 0..basis.ncols() {
            let (done, mut rest) = basis.columns_range_pair_mut(0..number, number..);
            let mut column = rest.column_mut(0);
            let before = column.norm();
            for earlier in done.column_iter() {
                let along = earlier.dot(&column);
                column.axpy(-along, &earlier, 1.0);
            }
            // A column that the others hold already is none: rounding, not data.
            let norm = column.norm();
            if norm < 1e-6 * before {
                column.fill(0.0);
            } else if norm > 0.0 {
                column /= norm;
            }
        }
    }
    basis.map(|v| v as f32)
}

/// Correlations of standardized scores, drawn a little toward none so that
/// their inverse is tame.
fn correlation(scores: &[Vec<f64>]) -> DMatrix<f64> {
    DMatrix::from_fn(scores.len(), scores.len(), |a, b| {
        if a == b {
            return 1.0;
        }
        let pairs = scores[a].iter().zip(&scores[b]);
        let product = pairs.map(|(x, y)| x * y).sum::<f64>() / scores[a].len() as f64;
        (1.0 - SHRINK) * product
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A bone of eight corners, and a way to bend it.
    fn brick(offset: f64, bend: f64, twist: f64, size: f64) -> SurfaceMesh<Model> {
        let corners = (0..8).map(|k| {
            let sign = |bit: u32| if k >> bit & 1 == 1 { 1.0 } else { -1.0 };
            let [x, y, z] = [4.0 * sign(0), 3.0 * sign(1), 12.0 * sign(2) - 12.0];
            let moved = [
                x + bend * sign(2) * sign(1),
                y + twist * sign(0) * sign(2),
                z,
            ];
            [moved[0] * size + offset, moved[1] * size, moved[2] * size]
        });
        let sides = vec![
            [0, 2, 1],
            [1, 2, 3],
            [4, 5, 6],
            [5, 7, 6],
            [0, 1, 4],
            [1, 5, 4],
        ];
        SurfaceMesh::new(corners.collect(), sides).unwrap()
    }

    #[test]
    fn finds_the_ways_in_which_bricks_were_bent_and_nothing_else() {
        let wave = |k: usize, pace: f64| (k as f64 * pace).sin() * std::f64::consts::SQRT_2;
        let people: Vec<Forearm<Model>> = (0..400)
            .map(|k| {
                let size = 1.0 + 0.03 * wave(k, 0.17);
                let motion = Rigid::<Model, Model>::from_rotation_vector(
                    [0.1 * wave(k, 0.61), 0.05, 0.2 * wave(k, 0.77)],
                    [3.0, wave(k, 0.3), 5.0],
                );
                Forearm {
                    radius: brick(0.0, 0.5 * wave(k, 1.1), 0.2 * wave(k, 2.3), size),
                    ulna: brick(-20.0, 0.3 * wave(k, 1.7), 0.1 * wave(k, 2.9), size),
                }
                .moved(&motion)
            })
            .collect();
        let template = Forearm {
            radius: brick(0.0, 0.0, 0.0, 1.0),
            ulna: brick(-20.0, 0.0, 0.0, 1.0),
        };
        let pivot = |mean: &Forearm<Model>| Ok(mean.ulna.vertices()[4]);
        // The basis cannot have more columns than there are coordinates.
        let learned = learn(&template, &people, [2, 2], &pivot).unwrap();
        let again = learn(&template, &people, [2, 2], &pivot).unwrap();
        assert!(learned.bones[0].modes == again.bones[0].modes);
        let power = |mode: &[f32]| {
            mode.iter()
                .map(|v| f64::from(*v).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        for (bone, bend, twist) in [(0, 0.5, 0.2), (1, 0.3, 0.1)] {
            let modes = &learned.bones[bone].modes;
            assert_eq!(modes.len(), 3);
            let rms = 8f64.sqrt();
            assert!(
                (power(&modes[1]) - bend * rms).abs() < 0.15 * bend * rms,
                "{}",
                power(&modes[1])
            );
            assert!(power(&modes[2]) < twist * rms * 1.1, "{}", power(&modes[2]));
            // Size moves every corner outward by 3 % of its distance.
            let reach = (4.0_f64.powi(2) + 9.0 + 144.0).sqrt();
            assert!(
                (power(&modes[0]) / rms - 0.03 * reach).abs() < 0.05,
                "{}",
                power(&modes[0])
            );
        }
        let size = learned.correlation.nrows();
        assert_eq!(size, 1 + 2 + 2 + 6);
        for a in 0..5 {
            for b in 0..a {
                let c = learned.correlation[(a, b)];
                assert!(c.abs() < 0.2, "{a} {b}: {c}");
            }
        }
        assert!(learned.correlation.clone().cholesky().is_some());
        assert!(learn(&template, &people[..10], [2, 2], &pivot).is_err());
    }
}
