//! What the views leave unknown (Laplace): the covariance of all numbers at the
//! end, carried to the surface and to the measures.

use nalgebra::Cholesky;
use nalgebra::DVector;
use nalgebra::Dyn;

use super::gradient::at_end;
use super::solve::Normal;
use super::solve::Problem;
use super::solve::Stage;
use super::synthesis::Shape;
use super::unknowns::Unknowns;
use super::unknowns::seat_of;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmarks;
use crate::anatomy::Measures;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::vector;

/// What no mode describes, in millimeters along the normal, beside the model's
/// own residual.
const REST_MM: f64 = 0.1;

/// How much larger an error is than one that every place of the image would give
/// by itself: what the simulated picture lacks hangs together. In SDs, from 40
/// validation people of generator A: with 4 the errors of inclination, height, tilt and
/// variance were 1.4, 1.5, 1.3 and 1.0 of what they were said to be.
const TOGETHER: f64 = 5.5;

/// The posterior of all numbers.
pub(super) struct Posterior<'a> {
    problem: &'a Problem<'a>,
    factor: Cholesky<f64, Dyn>,
    /// Were every place of the image independent and the model right.
    optimistic: Cholesky<f64, Dyn>,
}

impl<'a> Posterior<'a> {
    /// From the normal equations at the end. None when they cannot be solved.
    pub(super) fn at(
        problem: &'a Problem<'a>,
        unknowns: &Unknowns,
        stage: Stage,
    ) -> Result<Option<(Self, f64)>, AnalyzeError> {
        let (normal, misfit) = at_end(problem, unknowns, stage.level)?;
        let solved = |share: f64| {
            let mut part = Normal {
                matrix: &normal.matrix * share,
                right: normal.right.clone(),
            };
            problem.with_prior(unknowns, &mut part);
            part.matrix.cholesky()
        };
        let both = solved(1.0 / (TOGETHER * TOGETHER)).zip(solved(1.0));
        let posterior = both.map(|(factor, optimistic)| Self {
            problem,
            factor,
            optimistic,
        });
        Ok(posterior.map(|posterior| (posterior, f64::from(misfit))))
    }

    /// The SD of a linear function of the numbers.
    pub(super) fn sigma(&self, slope: &DVector<f64>) -> f64 {
        self.factor
            .l()
            .solve_lower_triangular(slope)
            .map_or(f64::INFINITY, |solved| solved.norm())
    }

    /// The SD of each of the first few numbers.
    pub(super) fn numbers(&self, count: usize) -> Vec<f64> {
        let all = self.factor.l_dirty().nrows();
        let unit = |number: usize| {
            let mut unit = DVector::zeros(all);
            unit[number] = 1.0;
            unit
        };
        (0..count).map(|number| self.sigma(&unit(number))).collect()
    }

    /// The SD of a bone's surface at each vertex along its normal, where the
    /// bone is laid on the true one: what pose leaves open is not in it.
    pub(super) fn surface(&self, shape: &Shape, bone: Bone) -> Vec<f64> {
        let rest = self.problem.model.bone(bone).residual_variance();
        let variances = self.variances(&self.factor, shape, bone).into_iter();
        let whole = variances
            .zip(rest)
            .map(|(own, rest)| own + f64::from(*rest));
        whole.map(|own| (own + REST_MM * REST_MM).sqrt()).collect()
    }

    /// The RMS over a bone's surface of what the views leave open were every place
    /// of them independent and nothing else wrong: no fit can be better (mm).
    pub(super) fn bound(&self, shape: &Shape, bone: Bone) -> f64 {
        let variances = self.variances(&self.optimistic, shape, bone);
        #[allow(clippy::cast_precision_loss, reason = "a vertex count")]
        let count = variances.len().max(1) as f64;
        (variances.iter().sum::<f64>() / count).sqrt()
    }

    /// The variance of a bone's surface at each vertex along its normal, by its modes.
    fn variances(&self, factor: &Cholesky<f64, Dyn>, shape: &Shape, bone: Bone) -> Vec<f64> {
        let model = self.problem.model.bone(bone);
        let range = self.problem.model.range(bone);
        let places: Vec<usize> = std::iter::once(0).chain(range).collect();
        // Covariance of the bone's own numbers, from the columns of the inverse.
        let count = factor.l_dirty().nrows();
        let mut covariance = nalgebra::DMatrix::zeros(places.len(), places.len());
        for (j, place) in places.iter().enumerate() {
            let mut unit = DVector::zeros(count);
            unit[*place] = 1.0;
            let column = factor.solve(&unit);
            for (i, other) in places.iter().enumerate() {
                covariance[(i, j)] = column[*other];
            }
        }
        let normals = &shape.normals[usize::from(bone == Bone::Ulna)];
        let mut row = DVector::zeros(places.len());
        normals
            .iter()
            .enumerate()
            .map(|(v, normal)| {
                for (k, value) in row.iter_mut().enumerate() {
                    let mode = model.mode(k);
                    *value = (0..3)
                        .map(|axis| f64::from(mode[3 * v + axis]) * normal[axis])
                        .sum();
                }
                row.dot(&(&covariance * &row)).max(0.0)
            })
            .collect()
    }
}

/// Both bones as right ones in the radius' frame, as a view shows them lying.
fn forearm(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    view: usize,
) -> Result<Forearm<Model>, AnalyzeError> {
    let surface = |bone: Bone| {
        let vertices = unknowns.vertices(problem.model, bone);
        problem.model.bone(bone).mean().with_vertices(vertices)
    };
    let seat = seat_of(problem.model, unknowns.views[view].seat);
    Ok(Forearm {
        radius: surface(Bone::Radius)?,
        ulna: surface(Bone::Ulna)?.moved(&seat),
    })
}

/// The measures of a forearm as a view shows it.
pub(super) fn read(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    view: usize,
) -> Result<Measures, AnalyzeError> {
    let forearm = forearm(problem, unknowns, view)?;
    let landmarks = problem.model.landmarks().on(&forearm)?;
    Ok(measures(&landmarks, Side::Right)?)
}

/// How each measure changes with each number, by small steps.
pub(super) fn slopes(
    problem: &Problem<'_>,
    unknowns: &Unknowns,
    view: usize,
) -> Result<[DVector<f64>; 4], AnalyzeError> {
    const STEP: f64 = 1e-3;
    // Only landmarks matter: their vertices are few, so each is read anew.
    let ids = problem.model.landmarks();
    let places = |unknowns: &Unknowns| -> Result<[f64; 4], AnalyzeError> {
        let seat = seat_of(problem.model, unknowns.views[view].seat);
        let mut found = Vec::new();
        for (landmark, vertices) in ids.iter() {
            let bone = problem.model.bone(landmark.bone());
            let z = problem.model.of_bone(landmark.bone(), &unknowns.shape);
            let mut sum = [0.0; 3];
            for v in vertices {
                let v = *v as usize;
                let mut place = bone.mean().vertices()[v];
                for (k, z) in z.iter().enumerate() {
                    let mode = bone.mode(k);
                    for axis in 0..3 {
                        place[axis] += z * f64::from(mode[3 * v + axis]);
                    }
                }
                sum = vector::add(sum, place);
            }
            let count = u32::try_from(vertices.len()).unwrap_or(1).max(1);
            let mut place = vector::scale(sum, 1.0 / f64::from(count));
            if landmark.bone() == Bone::Ulna {
                place = seat.move_xyz(place);
            }
            found.push((landmark, Point::<Model>::new(place)));
        }
        let read = measures(&Landmarks::of(found), Side::Right)?;
        let mut values = [0.0; 4];
        for (value, (_, read)) in values.iter_mut().zip(read.iter()) {
            *value = read;
        }
        Ok(values)
    };
    let here = places(unknowns)?;
    let count = unknowns.count();
    let mut slopes = [0, 1, 2, 3].map(|_| DVector::zeros(count));
    let seat_at = unknowns.view_at(view) + 6;
    let numbers = (0..unknowns.shape.len()).chain(seat_at..seat_at + 6);
    for number in numbers {
        let mut moved = unknowns.clone();
        match number.checked_sub(seat_at) {
            Some(k) if number >= seat_at => moved.views[view].seat[k] += STEP,
            _ => moved.shape[number] += STEP,
        }
        for (slope, (then, now)) in slopes.iter_mut().zip(places(&moved)?.iter().zip(here)) {
            slope[number] = (then - now) / STEP;
        }
    }
    Ok(slopes)
}
