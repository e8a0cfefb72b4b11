//! The shape model of one bone: its mean, the ways it differs from person to
//! person, and what is known beside the form: joint surface, lid, landmarks.
//!
//! `vertices = mean + sum z_k mode_k + residual`, each `z_k` with mean 0 and SD
//! 1 over the training subjects. What the modes leave is a residual: its
//! variance at each vertex is measured on held-out subjects, and
//! [`BoneParts::residual_scales`] says how it is correlated along the surface.

use super::AnatomyError;
use super::Bone;
use super::LandmarkIds;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;

/// What a [`BoneModel`] is made of. Everything "a vertex" is in the order of
/// the mean's vertices.
#[derive(Debug, Clone, PartialEq)]
pub struct BoneParts {
    /// Which bone it is.
    pub bone: Bone,
    /// The mean bone of a right arm: closed, its proximal cut by a lid.
    pub mean: SurfaceMesh<Model>,
    /// The modes, one after the other, 3 numbers a vertex: millimeters for one SD.
    pub modes: Vec<f32>,
    /// What the modes leave, in square millimeters, a vertex and coordinate.
    pub residual_variance: Vec<f32>,
    /// How the residual hangs together: length and SD in millimeters, a scale each.
    pub residual_scales: Vec<(f64, f64)>,
    /// The articular surface, a vertex.
    pub joint_patch: Vec<bool>,
    /// The lid over the proximal cut, a vertex: it is no surface of a bone.
    pub cut: Vec<bool>,
    /// The vertices of this bone's landmarks.
    pub landmarks: LandmarkIds,
    /// The digest of the file it was read from.
    pub digest: String,
}

/// A bone's shape model, with arrays that fit one another.
#[derive(Debug, Clone, PartialEq)]
pub struct BoneModel(BoneParts);

impl BoneModel {
    /// A model from its parts.
    ///
    /// # Errors
    /// [`AnatomyError::NotAModel`] when an array has the wrong length, or holds
    /// a number that is not finite or not a variance.
    pub fn from_parts(parts: BoneParts) -> Result<Self, AnatomyError> {
        let vertices = parts.mean.vertices().len();
        let refuse = |what: &str| Err(AnatomyError::NotAModel(what.to_owned()));
        if parts.modes.is_empty() || !parts.modes.len().is_multiple_of(3 * vertices) {
            return refuse("its modes do not fit its mean");
        }
        if parts.residual_variance.len() != vertices
            || parts.joint_patch.len() != vertices
            || parts.cut.len() != vertices
        {
            return refuse("an array has not one value a vertex");
        }
        let variance = parts.residual_variance.iter();
        if !parts.modes.iter().all(|v| v.is_finite())
            || !variance.clone().all(|v| v.is_finite() && *v >= 0.0)
        {
            return refuse("a mode or a variance is not a number that it can be");
        }
        let scales = parts.residual_scales.iter();
        if !scales
            .clone()
            .all(|(length, sd)| *length > 0.0 && *sd >= 0.0)
        {
            return refuse("a length of its residual is not positive");
        }
        Ok(Self(parts))
    }

    /// Which bone it is.
    #[must_use]
    pub const fn bone(&self) -> Bone {
        self.0.bone
    }

    /// The mean bone of a right arm.
    #[must_use]
    pub const fn mean(&self) -> &SurfaceMesh<Model> {
        &self.0.mean
    }

    /// How many modes there are.
    #[must_use]
    pub fn modes(&self) -> usize {
        self.0.modes.len() / self.length()
    }

    /// How the vertices move for one SD of a mode: 3 numbers a vertex, in
    /// millimeters. Empty when there is no such mode.
    #[must_use]
    pub fn mode(&self, number: usize) -> &[f32] {
        let length = self.length();
        self.0
            .modes
            .get(number * length..(number + 1) * length)
            .unwrap_or(&[])
    }

    /// The vertices for the first few `z`; what is not given is 0.
    #[must_use]
    pub fn vertices(&self, z: &[f64]) -> Vec<[f64; 3]> {
        let mut vertices = self.0.mean.vertices().to_vec();
        for (number, weight) in z.iter().enumerate() {
            for (vertex, step) in vertices.iter_mut().zip(self.mode(number).chunks_exact(3)) {
                for axis in 0..3 {
                    vertex[axis] += weight * f64::from(step[axis]);
                }
            }
        }
        vertices
    }

    /// What the modes leave on held-out subjects, in square millimeters, a
    /// vertex and coordinate.
    #[must_use]
    pub fn residual_variance(&self) -> &[f32] {
        &self.0.residual_variance
    }

    /// How the residual hangs together along the surface: length and SD in
    /// millimeters, a scale each.
    #[must_use]
    pub fn residual_scales(&self) -> &[(f64, f64)] {
        &self.0.residual_scales
    }

    /// The articular surface, a vertex.
    #[must_use]
    pub fn joint_patch(&self) -> &[bool] {
        &self.0.joint_patch
    }

    /// The lid over the proximal cut, a vertex: never to be compared.
    #[must_use]
    pub fn cut(&self) -> &[bool] {
        &self.0.cut
    }

    /// The vertices of this bone's landmarks.
    #[must_use]
    pub const fn landmarks(&self) -> &LandmarkIds {
        &self.0.landmarks
    }

    /// The digest of the file it was read from.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    fn length(&self) -> usize {
        3 * self.0.mean.vertices().len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parts() -> BoneParts {
        let corners = vec![
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let sides = vec![[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let mut modes = vec![0.0; 24];
        modes[11] = 1.0;
        modes[12] = 0.5;
        BoneParts {
            bone: Bone::Radius,
            mean: SurfaceMesh::new(corners, sides).unwrap(),
            modes,
            residual_variance: vec![0.01; 4],
            residual_scales: vec![(8.0, 0.3)],
            joint_patch: vec![false; 4],
            cut: vec![false; 4],
            landmarks: LandmarkIds::default(),
            digest: "none".into(),
        }
    }

    #[test]
    fn vertices_are_the_mean_and_its_modes() {
        let model = BoneModel::from_parts(parts()).unwrap();
        assert_eq!(model.modes(), 2);
        let moved = model.vertices(&[2.0, -1.0]);
        assert!((moved[3][2] - 3.0).abs() < 1e-12);
        assert!((moved[0][0] + 0.5).abs() < 1e-12);
        assert!((model.vertices(&[2.0])[0][0]).abs() < 1e-12);
        assert!(model.mode(2).is_empty());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let check = |change: fn(&mut BoneParts)| {
            let mut changed = parts();
            change(&mut changed);
            assert!(BoneModel::from_parts(changed).is_err());
        };
        check(|p| p.modes.truncate(23));
        check(|p| p.modes.clear());
        check(|p| p.modes[3] = f32::NAN);
        check(|p| p.residual_variance[0] = -1.0);
        check(|p| p.residual_scales[0].0 = 0.0);
        check(|p| p.cut.truncate(3));
        check(|p| p.joint_patch.truncate(3));
    }
}
