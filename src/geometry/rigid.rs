//! Rigid motions from one frame to another.

use std::marker::PhantomData;

use nalgebra::Matrix3;
use nalgebra::Rotation3;
use nalgebra::UnitQuaternion;
use nalgebra::Vector3;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

use super::Frame;
use super::GeometryError;
use super::Point;

/// The rotation and shift that lead from frame `A` to frame `B`.
///
/// Serializes as `{"rotation": [[..],[..],[..]], "translation_mm": [..]}`, the
/// rotation by rows: `b = rotation * a + translation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rigid<A: Frame, B: Frame> {
    rotation: Matrix3<f64>,
    translation: Vector3<f64>,
    frames: PhantomData<(A, B)>,
}

impl<A: Frame, B: Frame> Rigid<A, B> {
    /// A motion from the rows of its rotation and its shift.
    ///
    /// # Errors
    /// [`GeometryError::NotARotation`] when the matrix is more than 1e-6 from
    /// orthonormal or mirrors; [`GeometryError::NotFinite`].
    pub fn new(rows: [[f64; 3]; 3], translation: [f64; 3]) -> Result<Self, GeometryError> {
        let rotation = Matrix3::from_fn(|r, c| rows[r][c]);
        let translation = Vector3::from(translation);
        if !rotation
            .iter()
            .chain(translation.iter())
            .all(|v| v.is_finite())
        {
            return Err(GeometryError::NotFinite {
                what: "a rigid motion",
            });
        }
        let off = (rotation.transpose() * rotation - Matrix3::identity()).amax();
        let off = off.max((rotation.determinant() - 1.0).abs());
        if off > 1e-6 {
            return Err(GeometryError::NotARotation { off });
        }
        Ok(Self::from_parts(rotation, translation))
    }

    pub(super) fn from_parts(rotation: Matrix3<f64>, translation: Vector3<f64>) -> Self {
        Self {
            rotation,
            translation,
            frames: PhantomData,
        }
    }

    /// The motion that changes no coordinate.
    #[must_use]
    pub fn identity() -> Self {
        Self::from_parts(Matrix3::identity(), Vector3::zeros())
    }

    /// A rotation by the length of a vector (radians) about its direction, then a shift.
    #[must_use]
    pub fn from_rotation_vector(radians: [f64; 3], translation: [f64; 3]) -> Self {
        let rotation = Rotation3::from_scaled_axis(Vector3::from(radians));
        Self::from_parts(rotation.into_inner(), Vector3::from(translation))
    }

    /// The rotation as an axis times an angle in radians (0 to pi).
    #[must_use]
    pub fn rotation_vector(&self) -> [f64; 3] {
        self.quaternion().scaled_axis().into()
    }

    /// The rows of the rotation.
    #[must_use]
    pub fn rows(&self) -> [[f64; 3]; 3] {
        std::array::from_fn(|r| std::array::from_fn(|c| self.rotation[(r, c)]))
    }

    /// The shift in millimeters: where the origin of `A` comes to lie in `B`.
    #[must_use]
    #[inline]
    pub fn translation(&self) -> [f64; 3] {
        self.translation.into()
    }

    /// Where a place of `A` lies in `B`.
    #[must_use]
    #[inline]
    pub fn apply(&self, point: Point<A>) -> Point<B> {
        Point::new(self.move_xyz(point.xyz()))
    }

    /// [`Self::apply`] on plain coordinates.
    #[must_use]
    #[inline]
    pub fn move_xyz(&self, xyz: [f64; 3]) -> [f64; 3] {
        (self.rotation * Vector3::from(xyz) + self.translation).into()
    }

    /// A direction of `A`, in `B`.
    #[must_use]
    #[inline]
    pub fn rotate(&self, direction: [f64; 3]) -> [f64; 3] {
        (self.rotation * Vector3::from(direction)).into()
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Rigid<B, A> {
        let back = self.rotation.transpose();
        Rigid::from_parts(back, -(back * self.translation))
    }

    /// This motion, then another.
    #[must_use]
    pub fn then<C: Frame>(&self, next: &Rigid<B, C>) -> Rigid<A, C> {
        Rigid::from_parts(
            next.rotation * self.rotation,
            next.rotation * self.translation + next.translation,
        )
    }

    /// The angle of the rotation in radians, 0 to pi.
    #[must_use]
    pub fn angle(&self) -> f64 {
        self.quaternion().angle()
    }

    /// The rotation as a quaternion, which keeps small angles exact: the trace
    /// of a matrix does not.
    fn quaternion(&self) -> UnitQuaternion<f64> {
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(self.rotation))
    }
}

/// The written form.
#[derive(Serialize, Deserialize)]
struct Written {
    rotation: [[f64; 3]; 3],
    translation_mm: [f64; 3],
}

impl<A: Frame, B: Frame> Serialize for Rigid<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            rotation: self.rows(),
            translation_mm: self.translation(),
        }
        .serialize(serializer)
    }
}

impl<'de, A: Frame, B: Frame> Deserialize<'de> for Rigid<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::new(written.rotation, written.translation_mm).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Detector;
    use crate::geometry::Model;

    #[test]
    fn there_and_back_is_where_it_was() {
        let there =
            Rigid::<Model, Detector>::from_rotation_vector([0.3, -0.8, 0.2], [4.0, 5.0, -30.0]);
        let round = there.then(&there.inverse());
        assert!(round.angle() < 1e-9);
        let point = Point::<Model>::new([1.0, 2.0, 3.0]);
        assert!(there.inverse().apply(there.apply(point)).distance(point) < 1e-12);
    }

    #[test]
    fn a_quarter_turn_about_z_takes_x_to_y() {
        let turn = Rigid::<Model, Model>::from_rotation_vector(
            [0.0, 0.0, std::f64::consts::FRAC_PI_2],
            [0.0; 3],
        );
        let y = turn.rotate([1.0, 0.0, 0.0]);
        assert!((y[1] - 1.0).abs() < 1e-12 && y[0].abs() < 1e-12);
    }

    #[test]
    fn mirrors_and_stretches_are_refused() {
        let mirror = [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!(Rigid::<Model, Model>::new(mirror, [0.0; 3]).is_err());
        let stretch = [[1.01, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!(Rigid::<Model, Model>::new(stretch, [0.0; 3]).is_err());
        let nan = [[f64::NAN, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!(Rigid::<Model, Model>::new(nan, [0.0; 3]).is_err());
    }

    #[test]
    fn survives_being_written() {
        let pose = Rigid::<Model, Detector>::from_rotation_vector([0.1, 0.2, 3.0], [1.0, 2.0, 3.0]);
        let text = serde_json::to_string(&pose).unwrap();
        let read: Rigid<Model, Detector> = serde_json::from_str(&text).unwrap();
        assert!(read.then(&pose.inverse()).angle() < 1e-9);
    }
}
