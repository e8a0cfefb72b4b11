//! Levenberg-Marquardt on the gaps between simulated and taken edges, with the
//! model's Gaussian prior on shape and loose ones on pose, seat and scale.

use nalgebra::DMatrix;
use nalgebra::DVector;
use rayon::prelude::*;

use super::Seen;
use super::edges::Edge;
use super::edges::Rim;
use super::matching::Found;
use super::matching::find;
use super::picture::Picture;
use super::synthesis::Shape;
use super::unknowns::A_VIEW;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::radiography::Projection;

/// SD of an edge's place in the image, and how far along the edge its error
/// hangs together, in millimeters. Set on generator A's validation people.
const EDGE_MM: f64 = 0.35;
const ALONG_MM: f64 = 4.0;
/// Edges stand about this far apart.
const SPACING_MM: f64 = 1.2;
/// A bone's depth is known to this, and the joint's place about the image's middle
/// to that, across and along the forearm (mm).
const DEPTH_MM: f64 = 12.0;
const PLACE_MM: [f64; 2] = [30.0, 20.0];
/// A forearm lies as it should to this: tilt, turn about its length, turn in the
/// image (radians), a posteroanterior and a lateral view. A lateral is taken 60 to
/// 120 degrees from the first view.
const TURN: [[f64; 3]; 2] = [[0.1, 0.14, 0.2], [0.1, 0.2, 0.2]];
/// What the forearm's turn and a careless hand add to the seat: SDs of turns
/// (radians) and shifts (mm) within one person.
const SEAT_SD: [f64; 6] = [0.03, 0.03, 0.12, 0.7, 0.7, 0.7];
/// SDs of the cortex' modes: other people's cortices differ more than the
/// generator's.
const CORTEX_SD: f64 = 1.5;
/// With so few modes the cortex is left as it is.
pub(super) const FEW_MODES: usize = 10;
/// A step this small ends a stage (radians, millimeters, SDs).
const STILL: f64 = 4e-3;

/// All that does not change while solving.
pub(super) struct Problem<'a> {
    pub model: &'a ForearmModel,
    pub basis: &'a Basis<'a>,
    pub views: &'a [Seen],
    /// SD of the logarithm of the scale.
    pub scale_sd: f64,
}

/// One stretch of steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub steps: usize,
    /// Which of the views' resolutions: 0 the coarsest.
    pub level: usize,
    pub reach_mm: f64,
    /// How many own modes of each bone are free; none: size neither.
    pub modes: Option<usize>,
    /// Whether the ulna may move against the radius.
    pub seat: bool,
    /// What a place counts, as a share of one that errs by itself: what the simulated
    /// picture lacks hangs together.
    pub trust: f64,
}

/// The edges of a bone and where each was found.
type Looked = (Vec<Edge>, Vec<Found>);

/// Normal equations of all numbers.
pub(super) struct Normal {
    pub matrix: DMatrix<f64>,
    pub right: DVector<f64>,
}

impl Normal {
    pub(super) fn zeros(count: usize) -> Self {
        Self {
            matrix: DMatrix::zeros(count, count),
            right: DVector::zeros(count),
        }
    }

    /// What was seen counts so much.
    pub(super) fn trusted(&mut self, share: f64) {
        self.matrix *= share;
        self.right *= share;
    }
}

/// What is known of all people, whatever the views.
pub(super) struct Basis<'a> {
    model: &'a ForearmModel,
    rims: [Rim; 2],
    /// Precision of the shape's numbers over people.
    prior: DMatrix<f64>,
}

impl<'a> Basis<'a> {
    pub(super) fn new(model: &'a ForearmModel) -> Self {
        let count = model.seat_range().start;
        let correlation = model.correlation().view((0, 0), (count, count));
        let prior = correlation
            .into_owned()
            .cholesky()
            .map_or_else(|| DMatrix::identity(count, count), |c| c.inverse());
        Self {
            model,
            rims: Bone::ALL.map(|bone| Rim::of(model.bone(bone))),
            prior,
        }
    }
}

/// The simulated pictures of one state.
pub(super) struct Drawn {
    pub shape: Shape,
    /// A view each.
    pub pictures: Vec<Picture>,
}

impl<'a> Problem<'a> {
    pub(super) fn new(basis: &'a Basis<'a>, views: &'a [Seen], scale_sd: f64) -> Self {
        Self {
            model: basis.model,
            basis,
            views,
            scale_sd,
        }
    }

    /// The same of one of the views alone.
    pub(super) fn of(&self, view: usize) -> Self {
        Self {
            views: &self.views[view..=view],
            ..*self
        }
    }

    /// The same of the first few views.
    pub(super) fn first(&self, views: usize) -> Self {
        Self {
            views: &self.views[..views],
            ..*self
        }
    }

    /// Does something with each view, side by side, results in order.
    pub(super) fn each_view<R: Send>(
        &self,
        act: impl Fn(usize) -> Result<R, AnalyzeError> + Send + Sync,
    ) -> Result<Vec<R>, AnalyzeError> {
        let done: Vec<_> = (0..self.views.len()).into_par_iter().map(act).collect();
        done.into_iter().collect()
    }

    /// Draws all views of a state.
    pub(super) fn drawn(&self, unknowns: &Unknowns, level: usize) -> Result<Drawn, AnalyzeError> {
        let shape = self.shape(unknowns)?;
        let pictures = self.each_view(|view| self.picture(&shape, unknowns, view, level))?;
        Ok(Drawn { shape, pictures })
    }

    pub(super) fn shape(&self, unknowns: &Unknowns) -> Result<Shape, AnalyzeError> {
        Shape::of(self.model, unknowns)
    }

    pub(super) fn picture(
        &self,
        shape: &Shape,
        unknowns: &Unknowns,
        view: usize,
        level: usize,
    ) -> Result<Picture, AnalyzeError> {
        let camera = self.views[view].levels[level].camera;
        shape.picture(self.model, unknowns, view, camera)
    }

    /// Edges of both bones in a view with where they were found.
    fn found(
        &self,
        shape: &Shape,
        unknowns: &Unknowns,
        view: usize,
        stage: Stage,
    ) -> Result<[Looked; 2], AnalyzeError> {
        let seen = &self.views[view];
        let taken = &seen.levels[stage.level];
        let simulated = self.picture(shape, unknowns, view, stage.level)?;
        let of = |k: usize, bone: Bone| {
            let pose = unknowns.pose(self.model, view, bone);
            let edges = self.basis.rims[k].seen(
                &shape.vertices[k],
                &shape.normals[k],
                &pose,
                &taken.camera,
            );
            let noise = seen.noise[stage.level];
            let found = find(&edges, taken, &simulated, noise, stage.reach_mm);
            (edges, found)
        };
        Ok([of(0, Bone::Radius), of(1, Bone::Ulna)])
    }

    /// The normal equations, without the prior: of some numbers, nothing of the others.
    fn normal(
        &self,
        unknowns: &Unknowns,
        stage: Stage,
        active: &[usize],
    ) -> Result<Normal, AnalyzeError> {
        let shape = self.shape(unknowns)?;
        let found = self.each_view(|view| self.found(&shape, unknowns, view, stage))?;
        let count = unknowns.count();
        let mut row = DVector::zeros(count);
        let a_point = stage.trust * SPACING_MM / ALONG_MM / (EDGE_MM * EDGE_MM);
        let modes = stage.modes.unwrap_or(0);
        // A column a place, what it says behind what it depends on.
        let mut columns = Vec::new();
        for (view, both) in found.into_iter().enumerate() {
            for (bone, (edges, found)) in Bone::ALL.into_iter().zip(both) {
                for (edge, found) in edges.iter().zip(&found) {
                    if found.weight <= 0.0 {
                        continue;
                    }
                    let part = found.offset_mm / (0.5 * stage.reach_mm);
                    let robust = 1.0 / (1.0 + part * part).powi(2);
                    let root = (a_point * found.weight * robust).sqrt();
                    unknowns.row(self.model, (view, bone, modes), edge, &mut row);
                    columns.extend(active.iter().map(|number| root * row[*number]));
                    columns.push(root * found.offset_mm);
                }
            }
        }
        let width = active.len() + 1;
        let columns = DMatrix::from_vec(width, columns.len() / width, columns);
        let all = &columns * columns.transpose();
        let mut normal = Normal::zeros(count);
        for (i, a) in active.iter().enumerate() {
            normal.right[*a] = all[(i, active.len())];
            for (j, b) in active.iter().enumerate() {
                normal.matrix[(*a, *b)] = all[(i, j)];
            }
        }
        Ok(normal)
    }

    /// Adds what is known before looking.
    pub(super) fn with_prior(&self, unknowns: &Unknowns, normal: &mut Normal) {
        let shape = unknowns.shape.len();
        let z = DVector::from_column_slice(&unknowns.shape);
        let pull = &self.basis.prior * z;
        for i in 0..shape {
            normal.right[i] -= pull[i];
            for j in 0..shape {
                normal.matrix[(i, j)] += self.basis.prior[(i, j)];
            }
        }
        for Pull { at, sd, off } in self.pulls(unknowns) {
            normal.matrix[(at, at)] += 1.0 / (sd * sd);
            normal.right[at] -= off / (sd * sd);
        }
    }

    /// What the prior costs: half of the sum of squares in SDs.
    pub(super) fn cost_of(&self, unknowns: &Unknowns) -> f64 {
        let z = DVector::from_column_slice(&unknowns.shape);
        let shape = z.dot(&(&self.basis.prior * &z));
        let pulls = self.pulls(unknowns).into_iter();
        0.5 * pulls.fold(shape, |sum, Pull { sd, off, .. }| sum + (off / sd).powi(2))
    }

    /// What is known of each number but the shape's before looking.
    fn pulls(&self, unknowns: &Unknowns) -> Vec<Pull> {
        let mut pulls = Vec::new();
        let mut add = |at: usize, sd: f64, off: f64| pulls.push(Pull { at, sd, off });
        for (view, (placed, seen)) in unknowns.views.iter().zip(self.views).enumerate() {
            let at = unknowns.view_at(view);
            let nominal = seen.projection.vector_of(&placed.radius);
            // The turn from nominal; small enough for its numbers to add.
            for (axis, (turn, sd)) in nominal.iter().zip(turn_sd(seen)).enumerate() {
                add(at + axis, sd, *turn);
            }
            add(at + 3, PLACE_MM[0], nominal[3]);
            add(at + 4, PLACE_MM[1], nominal[4]);
            add(at + 5, DEPTH_MM, nominal[5] + seen.oid_mm);
            for (k, (own, seat)) in SEAT_SD.iter().zip(placed.seat).enumerate() {
                add(at + 6 + k, own.hypot(self.model.seat_sd()[k]), seat);
            }
        }
        for (k, t) in unknowns.cortex.iter().flatten().enumerate() {
            add(unknowns.cortex_at(0) + k, CORTEX_SD, *t);
        }
        add(unknowns.count() - 1, self.scale_sd, 0.0);
        pulls
    }

    /// The numbers that a stage moves.
    pub(super) fn active(&self, unknowns: &Unknowns, stage: Stage) -> Vec<usize> {
        let mut active = Vec::new();
        if let Some(modes) = stage.modes {
            active.push(0);
            for bone in Bone::ALL {
                active.extend(self.model.range(bone).take(modes));
            }
        }
        for view in 0..unknowns.views.len() {
            let at = unknowns.view_at(view);
            active.extend(at..at + if stage.seat { A_VIEW } else { 6 });
        }
        if stage.modes.is_some_and(|modes| modes > FEW_MODES) {
            active.extend(unknowns.cortex_at(0)..unknowns.cortex_at(2));
        }
        // The scale cannot be told from size and depth: it only makes them less sure.
        active
    }

    /// Runs stages.
    pub(super) fn run(
        &self,
        mut unknowns: Unknowns,
        stages: &[Stage],
    ) -> Result<Unknowns, AnalyzeError> {
        for stage in stages {
            let active = self.active(&unknowns, *stage);
            for _ in 0..stage.steps {
                let mut normal = self.normal(&unknowns, *stage, &active)?;
                self.with_prior(&unknowns, &mut normal);
                let matrix = DMatrix::from_fn(active.len(), active.len(), |i, j| {
                    normal.matrix[(active[i], active[j])]
                });
                let right = DVector::from_fn(active.len(), |i, _| normal.right[active[i]]);
                let Some(factor) = matrix.cholesky() else {
                    break;
                };
                if unknowns.step(&active, &factor.solve(&right)) < STILL {
                    break;
                }
            }
        }
        Ok(unknowns)
    }
}

/// How far a number is from where the prior would have it, and its SD there.
struct Pull {
    at: usize,
    sd: f64,
    off: f64,
}

const fn turn_sd(seen: &Seen) -> [f64; 3] {
    match seen.projection {
        Projection::PosteroAnterior => TURN[0],
        Projection::Lateral => TURN[1],
    }
}
