//! A reconstruction that only looks up: of the people that the shape model was
//! learned from, the one whose bone is nearest to the reconstructed bone. It is
//! told nothing of the truth, so it knows what retrieval could know.

use super::Found;
use crate::anatomy::Side;
use crate::geometry::Given;
use crate::geometry::best_rigid;

/// A bone's vertices.
type Places = Vec<[f64; 3]>;

/// Bones of people.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// In millimeters, of right arms, in the order of [`crate::anatomy::Bone::ALL`]; their
    /// vertices are those of the bones that are reconstructed, one for one.
    pub people: Vec<[Vec<[f32; 3]>; 2]>,
}

impl Library {
    /// The nearest person's bone, laid on a reconstructed one of an arm: by the
    /// least RMS over vertices after a rigid motion without scale, the lid left
    /// out. None where nobody's vertices are the reconstructed bone's.
    #[must_use]
    pub fn nearest(&self, bone: usize, side: Side, found: &Found) -> Option<Found> {
        let right;
        let found_right = match side {
            Side::Right => found.surface.vertices(),
            Side::Left => {
                right = found.surface.mirrored_x();
                right.vertices()
            }
        };
        let kept = |places: &[[f64; 3]]| -> Places {
            let paired = places.iter().zip(&found.lid);
            paired.filter(|(_, lid)| !**lid).map(|(p, _)| *p).collect()
        };
        let to = kept(found_right);
        let mut best: Option<(f64, Places)> = None;
        for person in &self.people {
            let own: Places = person[bone].iter().map(|p| p.map(f64::from)).collect();
            if own.len() != found.lid.len() {
                continue;
            }
            let Ok(motion) = best_rigid::<Given, Given>(&kept(&own), &to) else {
                continue;
            };
            let laid: Places = own.iter().map(|p| motion.move_xyz(*p)).collect();
            let far = square(&kept(&laid), &to);
            if best.as_ref().is_none_or(|(least, _)| far < *least) {
                best = Some((far, laid));
            }
        }
        let (_, laid) = best?;
        let mirror = |[x, y, z]: [f64; 3]| match side {
            Side::Right => [x, y, z],
            Side::Left => [-x, y, z],
        };
        let laid = laid.into_iter().map(mirror).collect();
        let surface = found.surface.with_vertices(laid).ok()?;
        Some(Found {
            surface,
            ..found.clone()
        })
    }
}

/// The sum of squared distances, place by place.
fn square(from: &[[f64; 3]], to: &[[f64; 3]]) -> f64 {
    let pairs = from.iter().zip(to);
    pairs
        .map(|(a, b)| (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>())
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::rods::found;
    use super::super::rods::rod;
    use super::super::rods::single;
    use super::*;
    use crate::geometry::Rigid;

    #[test]
    fn the_nearest_person_is_found_wherever_either_arm_lies() {
        let wide = [4.0, 5.0, 6.0, 7.5];
        let people = wide.map(|w| [80.0, 60.0].map(|long| single(&rod(long, w))));
        let library = Library {
            people: people.to_vec(),
        };
        let away = Rigid::<Given, Given>::from_rotation_vector([0.2, -0.1, 0.4], [9.0, -3.0, 5.0]);
        for side in [Side::Right, Side::Left] {
            let looked_for = rod(80.0, 5.7);
            let looked_for = match side {
                Side::Right => looked_for,
                Side::Left => looked_for.mirrored_x(),
            };
            let looked_for = found(looked_for.moved::<Given>(&away));
            let nearest = library.nearest(0, side, &looked_for).unwrap();
            let length = |v: &[f64; 3]| v.iter().map(|x| x * x).sum::<f64>();
            // The person of 6.0: as wide there as that one, wherever it lies.
            let across = |places: &[[f64; 3]]| {
                let ends = [places[24], places[36]];
                length(&std::array::from_fn(|k| ends[0][k] - ends[1][k])).sqrt()
            };
            let own = nearest.surface.vertices();
            assert!((across(own) - across(rod(80.0, 6.0).vertices())).abs() < 1e-4);
            let gap = square(own, looked_for.surface.vertices());
            #[allow(clippy::cast_precision_loss, reason = "a thousand vertices")]
            let rms = (gap / own.len() as f64).sqrt();
            assert!((0.001..0.2).contains(&rms), "{rms}");
            assert_eq!(
                nearest.surface.signed_volume() > 0.0,
                looked_for.surface.signed_volume() > 0.0
            );
        }
        assert!(
            Library::default()
                .nearest(0, Side::Right, &found(rod(80.0, 5.0)))
                .is_none()
        );
        let other = Library {
            people: vec![[vec![[0.0; 3]; 5], vec![[0.0; 3]; 5]]],
        };
        assert!(
            other
                .nearest(0, Side::Right, &found(rod(80.0, 5.0)))
                .is_none()
        );
    }
}
