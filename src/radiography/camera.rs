//! Where source, object and detector stand.
//!
//! All in the detector's frame: the detector is the plane z = 0, the source
//! stands at the principal point, `sid_mm` in front of it.

use serde::Deserialize;
use serde::Serialize;

use super::RadiographyError;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;

/// A cone beam and a flat detector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// From the source to the detector, in millimeters.
    pub sid_mm: f64,
    /// From the middle of the object to the detector, in millimeters: as known
    /// or as assumed. Projection does not use it; a first guess of depth does.
    pub oid_mm: f64,
    /// Where the perpendicular from the source meets the detector (x, y).
    pub principal_point_mm: [f64; 2],
    /// From one row to the next and from one column to the next, on the detector.
    pub pixel_spacing_mm: [f64; 2],
    /// Rows of pixels.
    pub rows: u32,
    /// Columns of pixels.
    pub columns: u32,
}

impl Camera {
    /// Refuses what no apparatus has.
    ///
    /// # Errors
    /// [`RadiographyError::Setting`].
    pub fn checked(self) -> Result<Self, RadiographyError> {
        let positive = |what, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(RadiographyError::Setting { what, value })
            }
        };
        positive("a source-detector distance", self.sid_mm)?;
        positive("a pixel spacing", self.pixel_spacing_mm[0])?;
        positive("a pixel spacing", self.pixel_spacing_mm[1])?;
        positive("a number of rows", f64::from(self.rows))?;
        positive("a number of columns", f64::from(self.columns))?;
        if !(self.oid_mm >= 0.0 && self.oid_mm < self.sid_mm) {
            return Err(RadiographyError::Setting {
                what: "an object-detector distance",
                value: self.oid_mm,
            });
        }
        for value in self.principal_point_mm {
            if !value.is_finite() {
                return Err(RadiographyError::Setting {
                    what: "a principal point",
                    value,
                });
            }
        }
        Ok(self)
    }

    /// Where the source stands.
    #[must_use]
    #[inline]
    pub const fn source(&self) -> Point<Detector> {
        Point::new([
            self.principal_point_mm[0],
            self.principal_point_mm[1],
            -self.sid_mm,
        ])
    }

    /// How much larger than life an object at the nominal distance appears.
    #[must_use]
    pub fn magnification(&self) -> f64 {
        self.sid_mm / (self.sid_mm - self.oid_mm)
    }

    /// Where on the detector (x, y in millimeters) a place throws its shadow;
    /// nothing for a place at or behind the source.
    #[must_use]
    #[inline]
    pub fn shadow(&self, place: Point<Detector>) -> Option<[f64; 2]> {
        let [x, y, z] = place.xyz();
        let ahead = z + self.sid_mm;
        if ahead <= 0.0 {
            return None;
        }
        let [px, py] = self.principal_point_mm;
        let grow = self.sid_mm / ahead;
        Some([px + (x - px) * grow, py + (y - py) * grow])
    }

    /// The pixel (column, row) of a place's shadow; whole numbers are the
    /// centers of pixels. It may lie outside the image.
    #[must_use]
    #[inline]
    pub fn project(&self, place: Point<Detector>) -> Option<[f64; 2]> {
        self.shadow(place).map(|xy| self.pixel_of(xy))
    }

    /// The pixel (column, row) of a place on the detector.
    #[must_use]
    #[inline]
    pub fn pixel_of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            x / self.pixel_spacing_mm[1] + 0.5 * (f64::from(self.columns) - 1.0),
            y / self.pixel_spacing_mm[0] + 0.5 * (f64::from(self.rows) - 1.0),
        ]
    }

    /// Where on the detector a pixel (column, row) lies.
    #[must_use]
    #[inline]
    pub fn place_of(&self, [column, row]: [f64; 2]) -> [f64; 2] {
        [
            (column - 0.5 * (f64::from(self.columns) - 1.0)) * self.pixel_spacing_mm[1],
            (row - 0.5 * (f64::from(self.rows) - 1.0)) * self.pixel_spacing_mm[0],
        ]
    }

    /// The camera of the image turned left to right, by which a left wrist
    /// becomes a right one.
    #[must_use]
    pub fn mirrored(self) -> Self {
        let [x, y] = self.principal_point_mm;
        Self {
            principal_point_mm: [-x, y],
            ..self
        }
    }
}

/// How the wrist lies before the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Palm on the detector, fingers up.
    PosteroAnterior,
    /// Little finger's side on the detector, fingers up.
    Lateral,
}

/// A pose as six numbers: a rotation vector in radians, in the detector's
/// frame, by which the bone is turned from its nominal position; then where
/// the model's origin lies, in millimeters.
pub type PoseVector = [f64; 6];

impl Projection {
    /// Both, in the order that every array over views has.
    pub const ALL: [Self; 2] = [Self::PosteroAnterior, Self::Lateral];

    /// Its name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PosteroAnterior => "pa",
            Self::Lateral => "lateral",
        }
    }

    /// A right arm in the nominal position: where the model's axes point.
    ///
    /// Fingers point up (negative y). In the posteroanterior view the back of
    /// the hand looks to the source (negative z), so the thumb points to
    /// negative x; in the lateral view the thumb's side looks to the source and
    /// the back of the hand to positive x.
    #[must_use]
    pub const fn nominal(self) -> [[f64; 3]; 3] {
        match self {
            Self::PosteroAnterior => [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]],
            Self::Lateral => [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]],
        }
    }

    /// The pose of six numbers.
    #[must_use]
    pub fn pose(self, vector: PoseVector) -> Rigid<Model, Detector> {
        let [a, b, c, x, y, z] = vector;
        let turn = Rigid::<Detector, Detector>::from_rotation_vector([a, b, c], [x, y, z]);
        self.nominal_pose().then(&turn)
    }

    /// The six numbers of a pose.
    #[must_use]
    pub fn vector_of(self, pose: &Rigid<Model, Detector>) -> PoseVector {
        let turn = self.nominal_pose().inverse().then(pose);
        let [a, b, c] = turn.rotation_vector();
        let [x, y, z] = turn.translation();
        [a, b, c, x, y, z]
    }

    fn nominal_pose(self) -> Rigid<Model, Detector> {
        #[allow(
            clippy::expect_used,
            reason = "both constants are signed permutations with determinant one; a test holds it"
        )]
        Rigid::new(self.nominal(), [0.0; 3]).expect("the nominal positions are rotations")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
    use super::*;

    fn camera() -> Camera {
        Camera {
            sid_mm: 1000.0,
            oid_mm: 30.0,
            principal_point_mm: [0.0, 0.0],
            pixel_spacing_mm: [0.4, 0.4],
            rows: 256,
            columns: 256,
        }
    }

    #[test]
    fn a_ball_at_half_way_is_twice_as_large() {
        let camera = camera();
        let edge = |x| camera.shadow(Point::new([x, 0.0, -500.0])).unwrap()[0];
        assert!((edge(5.0) - edge(-5.0) - 20.0).abs() < 1e-12);
        assert!((camera.magnification() - 1000.0 / 970.0).abs() < 1e-12);
        assert_eq!(camera.shadow(Point::new([0.0, 0.0, -1000.0])), None);
    }

    #[test]
    fn a_principal_point_off_center_shifts_depth_not_the_detector() {
        let mut camera = camera();
        camera.principal_point_mm = [100.0, 0.0];
        let on = camera.shadow(Point::new([7.0, 3.0, 0.0])).unwrap();
        assert!((on[0] - 7.0).abs() < 1e-12 && (on[1] - 3.0).abs() < 1e-12);
        let above = camera.shadow(Point::new([0.0, 0.0, -500.0])).unwrap();
        assert!((above[0] + 100.0).abs() < 1e-12);
    }

    #[test]
    fn pixels_and_places_are_each_others_inverse() {
        let camera = camera();
        let there = camera.pixel_of(camera.place_of([12.0, 250.5]));
        assert!((there[0] - 12.0).abs() < 1e-12 && (there[1] - 250.5).abs() < 1e-12);
        assert_eq!(camera.pixel_of([0.0, 0.0]), [127.5, 127.5]);
    }

    #[test]
    fn poses_and_their_numbers_are_each_others_inverse() {
        for view in Projection::ALL {
            let numbers = [0.1, -0.2, 0.15, 4.0, -6.0, -33.0];
            let pose = view.pose(numbers);
            for (a, b) in view.vector_of(&pose).iter().zip(numbers) {
                assert!((a - b).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn the_nominal_positions_are_those_of_a_right_wrist() {
        let axes = |view: Projection| {
            let pose = view.pose([0.0; 6]);
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|a| pose.rotate(a))
        };
        let [thumb, back, fingers] = axes(Projection::PosteroAnterior);
        assert_eq!(fingers[1], -1.0);
        assert_eq!(back[2], -1.0);
        assert_eq!(thumb[0], -1.0);
        let [thumb, back, fingers] = axes(Projection::Lateral);
        assert_eq!(fingers[1], -1.0);
        assert_eq!(thumb[2], -1.0);
        assert_eq!(back[0], 1.0);
    }

    #[test]
    fn impossible_cameras_are_refused() {
        assert!(camera().checked().is_ok());
        let base = camera();
        for broken in [
            Camera {
                sid_mm: 0.0,
                ..base
            },
            Camera {
                oid_mm: 1000.0,
                ..base
            },
            Camera {
                oid_mm: f64::NAN,
                ..base
            },
            Camera { rows: 0, ..base },
            Camera {
                pixel_spacing_mm: [0.1, -0.1],
                ..base
            },
            Camera {
                principal_point_mm: [f64::NAN, 0.0],
                ..base
            },
        ] {
            assert!(broken.checked().is_err());
        }
    }
}
