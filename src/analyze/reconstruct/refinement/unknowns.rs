//! What is not known: the shape, where the forearm lies in each view, how the
//! ulna lies to the radius there, and the scale of the pixels.
//!
//! The numbers in order: shape (size, the radius' modes, the ulna's), then for
//! each view six of the forearm (turn about the joint, shift; detector's frame)
//! and six of the ulna's seat (turn about its pivot, shift; model's frame), then
//! the modes of both cortices' thickness, then the logarithm of the
//! scale: it cannot be told from size and depth, so it is never stepped and only
//! makes them less sure.

use nalgebra::DVector;

use super::edges::Edge;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;

/// Numbers of a view: the forearm's pose and the ulna's seat.
pub(super) const A_VIEW: usize = 12;
/// A step turns by no more (radians) and shifts by no more (millimeters).
const LARGEST_TURN: f64 = 0.12;
const LARGEST_SHIFT_MM: f64 = 5.0;
/// The shape's numbers stay within so many SDs.
const FARTHEST: f64 = 4.0;

/// Where the forearm lies in one view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    /// The radius.
    pub radius: Rigid<Model, Detector>,
    /// The ulna against the radius: turn (radians) about its pivot, shift (mm).
    pub seat: [f64; 6],
}

/// A forearm before the views.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unknowns {
    /// Size, the radius' own modes, the ulna's.
    pub shape: Vec<f64>,
    /// A view each.
    pub views: Vec<Placed>,
    /// The modes of the cortex' thickness, radius and ulna.
    pub cortex: [Vec<f64>; 2],
}

/// The motion of a seat's six numbers.
pub(super) fn seat_of(model: &ForearmModel, seat: [f64; 6]) -> Rigid<Model, Model> {
    let [a, b, c, shift @ ..] = seat;
    let pivot = model.pivot();
    let turn = Rigid::<Model, Model>::from_rotation_vector([a, b, c], [0.0; 3]);
    let home = vector::sub(vector::add(pivot, shift), turn.move_xyz(pivot));
    Rigid::from_rotation_vector([a, b, c], home)
}

impl Unknowns {
    /// The mean forearm at given places.
    pub(super) fn mean(model: &ForearmModel, radii: &[Rigid<Model, Detector>]) -> Self {
        let placed = radii.iter().map(|radius| Placed {
            radius: *radius,
            seat: [0.0; 6],
        });
        Self {
            shape: vec![0.0; model.seat_range().start],
            views: placed.collect(),
            cortex: Bone::ALL.map(|bone| vec![0.0; model.cortex(bone).modes()]),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.cortex_at(2) + 1
    }

    /// Where the numbers of a bone's cortex begin; of bone 2, where they end.
    pub(super) fn cortex_at(&self, bone: usize) -> usize {
        let before: usize = self.cortex.iter().take(bone).map(Vec::len).sum();
        self.shape.len() + A_VIEW * self.views.len() + before
    }

    /// Where the numbers of a view begin.
    pub(super) fn view_at(&self, view: usize) -> usize {
        self.shape.len() + A_VIEW * view
    }

    /// Where a bone lies in a view.
    pub(super) fn pose(
        &self,
        model: &ForearmModel,
        view: usize,
        bone: Bone,
    ) -> Rigid<Model, Detector> {
        let placed = &self.views[view];
        match bone {
            Bone::Radius => placed.radius,
            Bone::Ulna => seat_of(model, placed.seat).then(&placed.radius),
        }
    }

    /// A bone's vertices in the model's frame, the ulna in its own.
    pub(super) fn vertices(&self, model: &ForearmModel, bone: Bone) -> Vec<[f64; 3]> {
        let shape = model.of_bone(bone, &self.shape);
        model.bone(bone).vertices(&shape)
    }

    /// How an edge's shadow moves across itself with each number; of the bone's own modes
    /// the first few.
    pub(super) fn row(
        &self,
        model: &ForearmModel,
        (view, bone, few): (usize, Bone, usize),
        edge: &Edge,
        row: &mut DVector<f64>,
    ) {
        row.fill(0.0);
        let placed = &self.views[view];
        let pose = self.pose(model, view, bone);
        // The slope in the bone's own axes.
        let back = pose.inverse();
        let slope = back.rotate(edge.slope);
        let [a, b] = edge.between;
        let modes = model.bone(bone);
        let along = |mode: usize| {
            let mode = modes.mode(mode);
            let at = |v: usize| {
                (0..3)
                    .map(|axis| f64::from(mode[3 * v + axis]) * slope[axis])
                    .sum::<f64>()
            };
            at(a) * (1.0 - edge.share) + at(b) * edge.share
        };
        row[0] = along(0);
        for (number, place) in model.range(bone).take(few).enumerate() {
            row[place] = along(number + 1);
        }
        let at = self.view_at(view);
        let arm = vector::sub(edge.place, placed.radius.translation());
        let turn = vector::cross(arm, edge.slope);
        for axis in 0..3 {
            row[at + axis] = turn[axis];
            row[at + 3 + axis] = edge.slope[axis];
        }
        if bone == Bone::Ulna {
            let along = placed.radius.inverse();
            let (place, slope) = (along.move_xyz(edge.place), along.rotate(edge.slope));
            let shift = [placed.seat[3], placed.seat[4], placed.seat[5]];
            let arm = vector::sub(place, vector::add(model.pivot(), shift));
            let turn = vector::cross(arm, slope);
            for axis in 0..3 {
                row[at + 6 + axis] = turn[axis];
                row[at + 9 + axis] = slope[axis];
            }
        }
        let last = row.len() - 1;
        row[last] = edge.across[0] * edge.shadow[0] + edge.across[1] * edge.shadow[1];
    }

    /// Takes a step in some of the numbers, shortened where it is too long.
    /// Returns the largest part of what was stepped.
    pub(super) fn step(&mut self, active: &[usize], by: &DVector<f64>) -> f64 {
        let mut whole = vec![0.0; self.count()];
        for (place, value) in active.iter().zip(by.iter()) {
            whole[*place] = *value;
        }
        let mut calm = 1.0_f64;
        for view in 0..self.views.len() {
            let at = self.view_at(view);
            for part in [at, at + 6] {
                let long = |from: usize| vector::length([0, 1, 2].map(|k| whole[from + k]));
                calm = calm
                    .min(LARGEST_TURN / long(part).max(1e-12))
                    .min(LARGEST_SHIFT_MM / long(part + 3).max(1e-12));
            }
        }
        whole.iter_mut().for_each(|v| *v *= calm);
        let largest = whole.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        for (z, by) in self.shape.iter_mut().zip(&whole) {
            *z = (*z + by).clamp(-FARTHEST, FARTHEST);
        }
        for view in 0..self.views.len() {
            let at = self.view_at(view);
            let numbers = &whole[at..at + A_VIEW];
            let placed = &mut self.views[view];
            let at = placed.radius.translation();
            let turn = Rigid::<Detector, Detector>::from_rotation_vector(
                [numbers[0], numbers[1], numbers[2]],
                [0.0; 3],
            );
            let home = vector::add(
                vector::sub(at, turn.move_xyz(at)),
                [numbers[3], numbers[4], numbers[5]],
            );
            let turn = Rigid::<Detector, Detector>::from_rotation_vector(
                [numbers[0], numbers[1], numbers[2]],
                home,
            );
            placed.radius = placed.radius.then(&turn);
            let [a, b, c, ..] = placed.seat;
            let turned = Rigid::<Model, Model>::from_rotation_vector([a, b, c], [0.0; 3]);
            let by = [numbers[6], numbers[7], numbers[8]];
            let by = Rigid::<Model, Model>::from_rotation_vector(by, [0.0; 3]);
            let turned = turned.then(&by).rotation_vector();
            placed.seat[..3].copy_from_slice(&turned);
            for (seat, by) in placed.seat[3..].iter_mut().zip(&numbers[9..]) {
                *seat += by;
            }
        }
        for bone in 0..2 {
            let at = self.cortex_at(bone);
            for (k, t) in self.cortex[bone].iter_mut().enumerate() {
                *t = (*t + whole[at + k]).clamp(-FARTHEST, FARTHEST);
            }
        }
        largest
    }
}
