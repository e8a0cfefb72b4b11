//! Laying one set of points on another by a rigid motion without scale.
//!
//! Kabsch, Acta Crystallogr. A 32 (1976) 922; the sign that keeps it a
//! rotation follows Umeyama, IEEE PAMI 13 (1991) 376.

use nalgebra::Matrix3;
use nalgebra::Vector3;

use super::Frame;
use super::GeometryError;
use super::Rigid;

/// The motion that lays `from` on `to`, point on point, with the least sum of
/// squared distances.
///
/// # Errors
/// [`GeometryError::Unpaired`], [`GeometryError::Empty`] below three points,
/// [`GeometryError::NotFinite`].
pub fn best_rigid<A: Frame, B: Frame>(
    from: &[[f64; 3]],
    to: &[[f64; 3]],
) -> Result<Rigid<A, B>, GeometryError> {
    if from.len() != to.len() {
        return Err(GeometryError::Unpaired {
            left: from.len(),
            right: to.len(),
        });
    }
    if from.len() < 3 {
        return Err(GeometryError::Empty {
            what: "a set of at least three points",
        });
    }
    if !from.iter().chain(to).flatten().all(|v| v.is_finite()) {
        return Err(GeometryError::NotFinite {
            what: "a point set",
        });
    }
    let (center_from, center_to) = (center(from), center(to));
    let mut covariance = Matrix3::zeros();
    for (a, b) in from.iter().zip(to) {
        covariance +=
            (Vector3::from(*b) - center_to) * (Vector3::from(*a) - center_from).transpose();
    }
    let svd = covariance.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        return Err(GeometryError::NotFinite {
            what: "a point set",
        });
    };
    let sign = (u * v_t).determinant().signum();
    // nalgebra sorts singular values in descending order: the last is the least.
    let rotation = u * Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, sign)) * v_t;
    Ok(Rigid::from_parts(
        rotation,
        center_to - rotation * center_from,
    ))
}

#[allow(
    clippy::cast_precision_loss,
    reason = "point counts are far below 2^52"
)]
fn center(points: &[[f64; 3]]) -> Vector3<f64> {
    let sum: Vector3<f64> = points.iter().map(|p| Vector3::from(*p)).sum();
    sum / points.len() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Detector;
    use crate::geometry::Model;

    #[test]
    fn finds_the_motion_that_was_made() {
        let points: Vec<[f64; 3]> = (0..40)
            .map(|i| {
                let t = f64::from(i);
                [10.0 * t.sin(), 7.0 * (1.7 * t).cos(), t]
            })
            .collect();
        let made =
            Rigid::<Model, Detector>::from_rotation_vector([2.0, -1.5, 0.7], [3.0, -4.0, 5.0]);
        let moved: Vec<_> = points.iter().map(|p| made.move_xyz(*p)).collect();
        let found = best_rigid::<Model, Detector>(&points, &moved).unwrap();
        assert!(found.then(&made.inverse()).angle() < 1e-9);
        for (point, there) in points.iter().zip(&moved) {
            let gap = Vector3::from(found.move_xyz(*point)) - Vector3::from(*there);
            assert!(gap.norm() < 1e-9);
        }
    }

    #[test]
    fn flat_points_and_mirrored_points_still_give_a_rotation() {
        let flat = [
            [0.0, 0.0, 0.0],
            [5.0, 0.0, 0.0],
            [0.0, 3.0, 0.0],
            [4.0, 4.0, 0.0],
        ];
        let mirrored = flat.map(|p| [-p[0], p[1], p[2]]);
        let motion = best_rigid::<Model, Model>(&flat, &mirrored).unwrap();
        assert!(Rigid::<Model, Model>::new(motion.rows(), motion.translation()).is_ok());
    }

    #[test]
    fn unpaired_points_are_refused() {
        assert!(best_rigid::<Model, Model>(&[[0.0; 3]; 4], &[[0.0; 3]; 3]).is_err());
        assert!(best_rigid::<Model, Model>(&[[0.0; 3]; 2], &[[0.0; 3]; 2]).is_err());
    }
}
