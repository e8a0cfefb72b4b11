//! A true bone and what of it is compared. The truth may be shorter than what
//! was reconstructed, or longer: places are compared that both have.

use super::Apart;
use super::Fitted;
use super::Found;
use super::Truth;
use super::apart;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::trimmed_icp;
use crate::geometry::vector;

/// Places that surfaces are laid on one another by, one for at most this area.
const LAID_MM2: f64 = 2.0;
/// What is left away above a cut: its rounded edge.
const ABOVE_CUT_MM: f64 = 0.5;
/// How far up a lid that leans may reach, and what is left away above a cut
/// that has none.
const LEANING_MM: f64 = 10.0;
const OPEN_MM: f64 = 3.0;

/// A true bone and what of it is compared: all but the lid over its own cut.
pub(super) struct Covered<'a> {
    surface: &'a SurfaceMesh<Given>,
    locator: Locator<'a, Given>,
    /// Along the shaft toward the hand.
    axis: [f64; 3],
    /// Places at this height along the axis and above are compared.
    from: f64,
}

impl<'a> Covered<'a> {
    pub(super) fn of(surface: &'a SurfaceMesh<Given>) -> Self {
        let axis = axis(surface);
        let height = |p: [f64; 3]| vector::dot(p, axis);
        let lowest = surface.vertices().iter().map(|v| height(*v));
        let lowest = lowest.fold(f64::INFINITY, f64::min);
        let lid = surface.corners().filter(|[a, b, c]| {
            let normal = vector::cross(vector::sub(*b, *a), vector::sub(*c, *a));
            let down = vector::dot(vector::unit(normal), axis) < -0.7;
            down && height(*a) < lowest + LEANING_MM
        });
        let top = lid.flatten().map(height).fold(lowest, f64::max);
        let closed = surface.is_closed();
        Self {
            surface,
            locator: Locator::new(surface),
            axis,
            from: top + if closed { ABOVE_CUT_MM } else { OPEN_MM },
        }
    }

    fn has(&self, place: [f64; 3]) -> bool {
        vector::dot(place, self.axis) > self.from
    }

    /// A bone shifted so that its distal end lies on the truth's.
    pub(super) fn brought(&self, found: &Found) -> Found {
        let end = |mesh: &SurfaceMesh<Given>| {
            let top = mesh.bounds()[0][1];
            let near: Vec<_> = mesh
                .vertices()
                .iter()
                .filter(|v| v[1] < top + 10.0)
                .collect();
            #[allow(clippy::cast_precision_loss, reason = "a vertex count")]
            let share = 1.0 / near.len().max(1) as f64;
            let sum = near.iter().fold([0.0; 3], |sum, v| vector::add(sum, **v));
            vector::scale(sum, share)
        };
        let by = vector::sub(end(self.surface), end(&found.surface));
        found.moved(&Rigid::from_rotation_vector([0.0; 3], by))
    }

    /// A bone laid on the truth by a rigid motion, of what both have.
    pub(super) fn aligned(&self, found: &Found) -> Found {
        let mut laid = found.clone();
        // What both have changes a little as the bone moves.
        for _ in 0..3 {
            let own = Locator::new(&laid.surface);
            let places: Vec<[f64; 3]> = laid
                .surface
                .sampled(LAID_MM2)
                .into_iter()
                .map(|(place, _)| place)
                .filter(|place| {
                    let triangle = own.closest(Point::new(*place)).triangle;
                    let corners = laid.surface.triangles()[triangle];
                    self.has(*place) && !corners.iter().any(|v| laid.lid[*v as usize])
                })
                .collect();
            if places.len() < 20 {
                return laid;
            }
            let start = Rigid::<Given, Given>::identity();
            let found = trimmed_icp(&places, &self.locator, start, 1.0, 40);
            laid = laid.moved(&found.motion);
        }
        laid
    }

    pub(super) fn compare(&self, found: &Found) -> Option<Apart> {
        let on_found = Locator::new(&found.surface);
        // The true joint surface: what lies nearest to the found one's.
        let joint: Vec<bool> = self
            .surface
            .vertices()
            .iter()
            .map(|v| {
                let triangle = on_found.closest(Point::new(*v)).triangle;
                let corners = found.surface.triangles()[triangle];
                corners.iter().all(|v| found.joint[*v as usize])
            })
            .collect();
        apart(
            &Fitted {
                surface: &found.surface,
                lid: &found.lid,
                sigma_mm: &found.sigma_mm,
            },
            &Truth {
                surface: self.surface,
                joint: &joint,
                compared: &|place| self.has(place),
            },
        )
    }
}

/// A bone laid on the true one, to be looked at.
pub struct Laid {
    /// Where it lies.
    pub surface: SurfaceMesh<Given>,
    /// How far each of its vertices lies from the truth, in millimeters; none of
    /// those that are not compared.
    pub gaps_mm: Vec<Option<f64>>,
}

/// Lays a bone on the true one by a rigid motion without scale, as it is judged
/// aligned.
#[must_use]
pub fn laid(truth: &SurfaceMesh<Given>, found: &Found) -> Laid {
    let truth = Covered::of(truth);
    let Found { surface, lid, .. } = truth.aligned(found);
    let gap = |(place, lid): (&[f64; 3], &bool)| {
        let hit = truth.locator.closest(Point::new(*place));
        let compared = !lid && truth.has(*place) && truth.has(hit.point.xyz());
        compared.then_some(hit.distance)
    };
    let gaps_mm = surface.vertices().iter().zip(&lid).map(gap).collect();
    Laid { surface, gaps_mm }
}

/// The direction of a bone's shaft toward the hand: from the middle of its
/// proximal quarter to that of the next one.
fn axis(mesh: &SurfaceMesh<Given>) -> [f64; 3] {
    let [low, high] = mesh.bounds();
    let (top, bottom) = (low[1], high[1]);
    let middle = |from: f64, to: f64| {
        let (mut sum, mut all) = ([0.0; 3], 0.0);
        for (place, area) in mesh.sampled(LAID_MM2) {
            let share = (bottom - place[1]) / (bottom - top).max(1e-9);
            if (from..to).contains(&share) {
                sum = vector::add(sum, vector::scale(place, area));
                all += area;
            }
        }
        vector::scale(sum, 1.0 / f64::max(all, 1e-9))
    };
    let along = vector::sub(middle(0.25, 0.5), middle(0.02, 0.25));
    if vector::length(along) > 1e-6 && along[1] < 0.0 {
        vector::unit(along)
    } else {
        [0.0, -1.0, 0.0]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::rods::found;
    use super::super::rods::rod;
    use super::*;

    /// A rod that is 0.4 mm wider at its end than the truth, and longer, shows
    /// it there and not at the shaft; what the truth lacks is not compared.
    #[test]
    fn gaps_stand_where_the_bone_is_off() {
        let truth = rod(60.0, 6.0);
        let away = Rigid::<Given, Given>::from_rotation_vector([0.0, 0.03, 0.0], [2.0, 0.0, 1.0]);
        let bone = found(rod(80.0, 6.4).moved::<Given>(&away));
        let laid = laid(&truth, &bone);
        let places = laid.surface.vertices().iter().zip(&laid.gaps_mm);
        let (mut end, mut shaft): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        for (place, gap) in places {
            if place[1] > 60.5 {
                assert_eq!(*gap, None, "{place:?}");
            }
            let beside = (place[0].powi(2) + (place[2] + 40.0).powi(2)).sqrt() > 6.0;
            match gap {
                Some(gap) if beside && place[1] < 4.0 => end.push(*gap),
                Some(gap) if beside && (30.0..50.0).contains(&place[1]) => shaft.push(*gap),
                _ => {}
            }
        }
        let mean = |gaps: &[f64]| {
            let count = u32::try_from(gaps.len()).unwrap();
            gaps.iter().sum::<f64>() / f64::from(count)
        };
        assert!(end.len() > 20 && shaft.len() > 100);
        assert!(
            mean(&end) > 0.2 && mean(&shaft) < 0.15,
            "{} {}",
            mean(&end),
            mean(&shaft)
        );
    }
}
