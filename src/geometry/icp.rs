//! Laying points on a surface whose pose is not known: trimmed iterated closest
//! points, from many starts.
//!
//! Chetverikov, Stepanov and Krsek, Image Vis. Comput. 23 (2005) 299: in each
//! step only the nearest share of the points counts, so that points without a
//! partner (a longer shaft, a callus) do not pull. The step itself minimizes
//! the distance along the surface's normals (Chen and Medioni, Image Vis.
//! Comput. 10 (1992) 145), which lets the points slide.

use nalgebra::Matrix6;
use nalgebra::Vector6;

use super::Frame;
use super::Locator;
use super::Point;
use super::Rigid;
use super::vector::cross;
use super::vector::dot;
use super::vector::length;
use super::vector::scale;
use super::vector::sub;
use super::vector::unit;

/// A pose found for some points on a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Laid<A: Frame, B: Frame> {
    /// The motion that lays the points on the surface.
    pub motion: Rigid<A, B>,
    /// RMS distance of the share of the points that counted, in millimeters.
    pub rms_mm: f64,
}

/// Lays points on a surface from one start. `share` of the points count, from
/// above 0 to 1 (all).
#[must_use]
pub fn trimmed_icp<A: Frame, B: Frame>(
    points: &[[f64; 3]],
    surface: &Locator<'_, B>,
    start: Rigid<A, B>,
    share: f64,
    steps: usize,
) -> Laid<A, B> {
    let mut laid = Laid {
        motion: start,
        rms_mm: f64::INFINITY,
    };
    for step in 0..=steps {
        let mut pairs: Vec<Pair> = points
            .iter()
            .map(|p| Pair::of(laid.motion.move_xyz(*p), surface))
            .collect();
        pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a point count"
        )]
        let counted = ((pairs.len() as f64 * share).ceil() as usize).clamp(1, pairs.len().max(1));
        pairs.truncate(counted);
        #[allow(clippy::cast_precision_loss, reason = "a point count")]
        let mean = pairs.iter().map(|p| p.distance * p.distance).sum::<f64>() / counted as f64;
        laid.rms_mm = mean.sqrt();
        if step == steps {
            break;
        }
        let Some(by) = slide(&pairs) else { break };
        laid.motion = laid.motion.then(&by);
        if by.angle() < 1e-5 && length(by.translation()) < 1e-4 {
            break;
        }
    }
    laid
}

/// The best of several starts: a few quick steps from each, then all steps from
/// the `finalists` best. Sorted, the best first; empty without a start.
#[must_use]
pub fn laid_from_many<A: Frame, B: Frame>(
    points: &[[f64; 3]],
    surface: &Locator<'_, B>,
    starts: &[Rigid<A, B>],
    share: f64,
    finalists: usize,
) -> Vec<Laid<A, B>> {
    let sort = |list: &mut Vec<Laid<A, B>>| list.sort_by(|a, b| a.rms_mm.total_cmp(&b.rms_mm));
    let mut quick: Vec<_> = starts
        .iter()
        .map(|start| trimmed_icp(points, surface, *start, share, 8))
        .collect();
    sort(&mut quick);
    quick.truncate(finalists);
    let mut laid: Vec<_> = quick
        .iter()
        .map(|found| trimmed_icp(points, surface, found.motion, share, 40))
        .collect();
    sort(&mut laid);
    laid
}

/// A point, its nearest place, and the direction to pull along.
struct Pair {
    point: [f64; 3],
    place: [f64; 3],
    normal: [f64; 3],
    distance: f64,
}

impl Pair {
    fn of<B: Frame>(point: [f64; 3], surface: &Locator<'_, B>) -> Self {
        let hit = surface.closest(Point::new(point));
        let place = hit.point.xyz();
        // Beyond an edge of the surface the gap itself is the direction.
        let gap = sub(point, place);
        let normal = if hit.distance > 1e-6 {
            scale(gap, 1.0 / hit.distance)
        } else {
            surface.normal(hit.triangle)
        };
        Self {
            point,
            place,
            normal: unit(normal),
            distance: hit.distance,
        }
    }
}

/// The small motion that takes most of the gaps away; none when the pairs leave
/// every motion free.
fn slide<B: Frame>(pairs: &[Pair]) -> Option<Rigid<B, B>> {
    let mut matrix = Matrix6::zeros();
    let mut right = Vector6::zeros();
    for pair in pairs {
        let turn = cross(pair.point, pair.normal);
        let row = Vector6::new(
            turn[0],
            turn[1],
            turn[2],
            pair.normal[0],
            pair.normal[1],
            pair.normal[2],
        );
        matrix += row * row.transpose();
        right += row * dot(pair.normal, sub(pair.place, pair.point));
    }
    // A motion along which nothing is measured (a turn of a sphere) stays put.
    let ridge = 1e-6 * matrix.trace().max(1e-12);
    let found = (matrix + Matrix6::identity() * ridge)
        .cholesky()?
        .solve(&right);
    let angle = (found[0].powi(2) + found[1].powi(2) + found[2].powi(2)).sqrt();
    let calm = if angle > 0.5 { 0.5 / angle } else { 1.0 };
    Some(Rigid::from_rotation_vector(
        [found[0] * calm, found[1] * calm, found[2] * calm],
        [found[3] * calm, found[4] * calm, found[5] * calm],
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::SurfaceMesh;
    use crate::geometry::sphere::sphere;

    /// A lump without symmetry.
    fn lump() -> SurfaceMesh<Model> {
        let ball = sphere(10.0, 24);
        let bent = ball
            .vertices()
            .iter()
            .map(|[x, y, z]| [1.8 * x + 0.02 * z * z, y + 0.03 * x * x, 0.8 * z])
            .collect();
        ball.with_vertices(bent).unwrap()
    }

    #[test]
    fn points_slide_back_to_where_they_were() {
        let lump = lump();
        let away = Rigid::<Model, Model>::from_rotation_vector([0.2, -0.1, 0.15], [2.0, 1.0, -1.5]);
        let points: Vec<_> = lump
            .spread(300)
            .iter()
            .map(|(p, _)| away.move_xyz(*p))
            .collect();
        let locator = Locator::new(&lump);
        let laid = trimmed_icp(
            &points,
            &locator,
            Rigid::<Model, Model>::identity(),
            1.0,
            60,
        );
        assert!(laid.rms_mm < 1e-3, "{}", laid.rms_mm);
        assert!(away.then(&laid.motion).angle() < 1e-3);
    }

    #[test]
    fn a_third_of_strangers_does_not_pull() {
        let lump = lump();
        let away = Rigid::<Model, Model>::from_rotation_vector([0.1, -0.1, 0.1], [1.0, 1.0, -0.5]);
        let mut points: Vec<_> = lump
            .spread(300)
            .iter()
            .map(|(p, _)| away.move_xyz(*p))
            .collect();
        points.extend((0..100).map(|k| [40.0 + f64::from(k % 10), f64::from(k / 10), 30.0]));
        let locator = Locator::new(&lump);
        let laid = trimmed_icp(
            &points,
            &locator,
            Rigid::<Model, Model>::identity(),
            0.7,
            60,
        );
        assert!(laid.rms_mm < 1e-2, "{}", laid.rms_mm);
        let all = trimmed_icp(
            &points,
            &locator,
            Rigid::<Model, Model>::identity(),
            1.0,
            60,
        );
        assert!(all.rms_mm > 2.0, "{}", all.rms_mm);
    }

    #[test]
    fn an_unknown_pose_is_found_from_many_starts() {
        let lump = lump();
        let away = Rigid::<Model, Model>::from_rotation_vector([2.0, -1.0, 1.5], [9.0, 1.0, -7.0]);
        let points: Vec<_> = lump
            .spread(200)
            .iter()
            .map(|(p, _)| away.move_xyz(*p))
            .collect();
        let locator = Locator::new(&lump);
        let half = std::f64::consts::FRAC_PI_2;
        let starts: Vec<Rigid<Model, Model>> = (0..64)
            .map(|k| {
                let turn = |n: i32| f64::from(n) * half;
                let to_middle =
                    Rigid::<Model, Model>::from_rotation_vector([0.0; 3], [-9.0, -1.0, 7.0]);
                let about = |v| Rigid::<Model, Model>::from_rotation_vector(v, [0.0; 3]);
                to_middle
                    .then(&about([turn(k % 4), 0.0, 0.0]))
                    .then(&about([0.0, turn(k / 4 % 4), 0.0]))
                    .then(&about([0.0, 0.0, turn(k / 16)]))
            })
            .collect();
        let found = laid_from_many(&points, &locator, &starts, 0.9, 8);
        assert!(found[0].rms_mm < 1e-2, "{}", found[0].rms_mm);
        assert!(away.then(&found[0].motion).angle() < 1e-2);
    }
}
