//! The picture that a forearm would throw in a view: path lengths through both
//! bones, cortex and what it encloses.

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

/// What share of cortical bone's weight the inside of the cortex has.
pub(super) const INSIDE: f64 = 0.2;
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
        let mut paths = PathImage::<1>::new(camera);
        for (k, bone) in Bone::ALL.into_iter().enumerate() {
            let pose = unknowns.pose(model, view, bone);
            let mean = model.bone(bone).mean();
            let outside = placed(mean, &self.vertices[k], &pose, &camera)?;
            let inside = placed(mean, &self.inside[k], &pose, &camera)?;
            paths.add(&outside, [1.0])?;
            paths.add(&inside, [INSIDE - 1.0])?;
        }
        Ok(Picture::simulated(camera, &paths.millimeters(0)))
    }
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
