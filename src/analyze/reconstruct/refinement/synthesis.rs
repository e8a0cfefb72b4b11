//! The picture that a forearm would throw in a view: path lengths through both
//! bones, cortex and what it encloses.

#![allow(
    clippy::cast_possible_truncation,
    reason = "millimeters in single precision"
)]

use super::picture::Picture;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::radiography::Camera;
use crate::radiography::PathImage;

/// What bone weakens the beam by beyond the flesh it displaces, as shares of
/// compact bone, by the distance from the joint along the radius: the wall from
/// the plate below the cartilage to the shaft, over some length, and the inside,
/// spongy near the joint, marrow in the shaft. Generator A's means.
const WALL: [f64; 2] = [0.72, 1.0];
const WALL_MM: f64 = 30.0;
const SPONGY: f64 = 0.19;
const FADING_MM: f64 = 24.0;
const MARROW: f64 = -0.04;

/// The weights of wall and inside at a height of the radius' frame.
pub(super) fn weights(height: f64) -> [f64; 2] {
    let from_joint = (-height).max(0.0);
    let part = (from_joint / WALL_MM).min(1.0);
    let inside = SPONGY * (-(from_joint / FADING_MM).powi(2)).exp() + MARROW;
    [WALL[0] + (WALL[1] - WALL[0]) * part, inside]
}

/// The height at each pixel of a view: where its ray passes the radius. A ray
/// runs so much across the forearm that one height stands for all of it.
pub(super) fn heights(pose: &Rigid<Model, Detector>, camera: &Camera) -> Vec<f64> {
    let back = pose.inverse();
    let source = camera.source().xyz();
    let depth = pose.translation()[2];
    let share = (depth + camera.sid_mm) / camera.sid_mm;
    (0..camera.rows)
        .flat_map(|row| (0..camera.columns).map(move |column| [f64::from(column), f64::from(row)]))
        .map(|pixel| {
            let [x, y] = camera.place_of(pixel);
            let end = [x, y, 0.0];
            let place = vector::add(source, vector::scale(vector::sub(end, source), share));
            back.move_xyz(place)[2]
        })
        .collect()
}
/// Behind so many millimeters of compact bone one more counts a third.
const HARDENING_MM: f64 = 15.0;
/// The bones stay this far before the detector when they are drawn.
const CLEARANCE_MM: f64 = 0.5;

/// The shapes of both bones: outside, normals, inside of the cortex.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub vertices: [Vec<[f64; 3]>; 2],
    pub normals: [Vec<[f64; 3]>; 2],
    pub inside: [Vec<[f64; 3]>; 2],
}

impl Shape {
    pub(super) fn of(model: &ForearmModel, unknowns: &Unknowns) -> Result<Self, AnalyzeError> {
        let vertices = Bone::ALL.map(|bone| unknowns.vertices(model, bone));
        let mut normals = [Vec::new(), Vec::new()];
        let mut inside = [Vec::new(), Vec::new()];
        for (k, bone) in Bone::ALL.into_iter().enumerate() {
            let surface = model.bone(bone).mean().with_vertices(vertices[k].clone())?;
            normals[k] = surface.vertex_normals();
            let thickness = model.cortex(bone).thickness(&unknowns.cortex[k]);
            inside[k] = vertices[k]
                .iter()
                .zip(&normals[k])
                .zip(&thickness)
                .map(|((v, n), thick)| vector::sub(*v, vector::scale(*n, *thick)))
                .collect();
        }
        Ok(Self {
            vertices,
            normals,
            inside,
        })
    }

    /// The picture on a working camera's grid. Where a bone would reach behind
    /// the detector, it is moved toward the source along its own ray.
    pub(super) fn picture(
        &self,
        model: &ForearmModel,
        unknowns: &Unknowns,
        view: usize,
        camera: Camera,
    ) -> Result<Picture, AnalyzeError> {
        let mut paths = PathImage::<2>::new(camera);
        for (k, bone) in Bone::ALL.into_iter().enumerate() {
            let pose = unknowns.pose(model, view, bone);
            let mean = model.bone(bone).mean();
            let outside = placed(mean, &self.vertices[k], &pose, &camera)?;
            let inside = placed(mean, &self.inside[k], &pose, &camera)?;
            paths.add(&outside, [1.0, 0.0])?;
            paths.add(&inside, [0.0, 1.0])?;
        }
        let heights = heights(&unknowns.views[view].radius, &camera);
        let (outer, inner) = (paths.millimeters(0), paths.millimeters(1));
        let mut gains = Vec::with_capacity(outer.len());
        let values: Vec<f64> = heights
            .into_iter()
            .zip(outer.into_iter().zip(inner))
            .map(|(height, (outer, inner))| {
                let [wall, inside] = weights(height);
                let [value, gain] = hardened(wall * outer + (inside - wall) * inner);
                gains.push(gain as f32);
                value
            })
            .collect();
        Ok(Picture::simulated(camera, &values, gains))
    }
}

/// What millimeters of bone look like, and what one more adds: the more lies in the
/// way already, the less, since the soft part of the beam is gone (and a tone curve
/// flattens toward white).
fn hardened(mm: f64) -> [f64; 2] {
    let left = (-mm / HARDENING_MM).exp();
    [HARDENING_MM * (1.0 - left), left]
}

/// A surface before the detector, none of it behind.
pub(super) fn placed(
    mean: &SurfaceMesh<Model>,
    vertices: &[[f64; 3]],
    pose: &Rigid<Model, Detector>,
    camera: &Camera,
) -> Result<SurfaceMesh<Detector>, AnalyzeError> {
    let [px, py] = camera.principal_point_mm;
    let mut places: Vec<[f64; 3]> = vertices.iter().map(|v| pose.move_xyz(*v)).collect();
    let lowest = places.iter().fold(f64::MIN, |most, v| most.max(v[2]));
    let lift = lowest + CLEARANCE_MM;
    if lift > 0.0 {
        let middle = pose.translation();
        let ahead = (middle[2] + camera.sid_mm).max(1.0);
        let along = [
            (middle[0] - px) / ahead * lift,
            (middle[1] - py) / ahead * lift,
            lift,
        ];
        for place in &mut places {
            *place = vector::sub(*place, along);
        }
    }
    let triangles = mean.triangles().to_vec();
    Ok(SurfaceMesh::new(places, triangles)?)
}
