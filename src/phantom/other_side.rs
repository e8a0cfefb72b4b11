//! The other arm of the same person, as it would be used as a template: alike,
//! and not the same.
//!
//! Pose of the distal part: Vroemen (20 volunteers): length of the radius 2.63
//! ± 2.03 mm, axial rotation 0.53 ± 5.00 degrees; ulna 2.08 ± 2.33 mm, -2.61 ±
//! 5.58 degrees. Local shape: about 0.5 mm regional (132 bilateral models,
//! Hong, PLoS ONE 2021). The lengths are taken as sizes of a difference that
//! has either sign, the same for both bones and correlated by 0.8, else ulnar
//! variance would differ by more than it does; the whole bone's difference is
//! put between 15 and 75 mm from the joint. All of it is our reading of the
//! abstracts.

use super::PhantomError;
use super::b::residual::Lattice;
use super::specimen::Specimen;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::Landmarks;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;
use crate::radiography::Random;

/// Local difference along each axis: three of them make 0.5 mm.
const LOCAL_SD_MM: f64 = 0.29;
const LOCAL_LENGTH_MM: f64 = 18.0;

/// How one bone of the other arm differs.
struct Difference {
    longer_mm: f64,
    turned_rad: f64,
    axis: [f64; 2],
    joint_z: f64,
    local: [Lattice; 3],
}

impl Difference {
    fn moved(&self, p: [f64; 3]) -> [f64; 3] {
        let share = ((p[2] - self.joint_z + 75.0) / 60.0).clamp(0.0, 1.0);
        let share = share * share * (3.0 - 2.0 * share);
        let (sine, cosine) = (self.turned_rad * share).sin_cos();
        let (x, y) = (p[0] - self.axis[0], p[1] - self.axis[1]);
        let local: [f64; 3] = std::array::from_fn(|a| self.local[a].at(p));
        [
            self.axis[0] + x * cosine - y * sine + local[0],
            self.axis[1] + x * sine + y * cosine + local[1],
            p[2] + self.longer_mm * share + local[2],
        ]
    }

    fn mesh(&self, mesh: &SurfaceMesh<Model>) -> Result<SurfaceMesh<Model>, PhantomError> {
        let there = mesh.vertices().iter().map(|v| self.moved(*v));
        Ok(mesh.with_vertices(there.collect())?)
    }
}

impl Specimen {
    /// The same person's other arm, mirrored to a right one: what a planner
    /// sees who takes the healthy side as the template. `seed` says which of
    /// the arms that this person might have.
    ///
    /// # Errors
    /// [`PhantomError`] when a surface or landmark is lost, which no seed is
    /// known to do.
    pub fn other_side(&self, seed: u64) -> Result<Self, PhantomError> {
        let mut random = Random::new(self.seed ^ seed.rotate_left(40), 0x51DE);
        let sign = if random.chance(0.5) { 1.0 } else { -1.0 };
        let together = random.around(0.0, 1.0, 2.0);
        let mut differ = |bone: Bone| -> Result<Difference, PhantomError> {
            let (length, turn, axis, joint) = match bone {
                Bone::Radius => (
                    [2.63, 2.03],
                    [0.53, 5.00],
                    Landmark::RadialShaftDistal,
                    Landmark::SigmoidNotch,
                ),
                Bone::Ulna => (
                    [2.08, 2.33],
                    [-2.61, 5.58],
                    Landmark::UlnarShaftDistal,
                    Landmark::UlnarDome,
                ),
            };
            let apart = random.around(0.0, 1.0, 2.0);
            let drawn = length[0] + length[1] * (0.9 * together + 0.44 * apart);
            let axis = self.landmarks.at(axis)?.xyz();
            Ok(Difference {
                longer_mm: sign * drawn,
                turned_rad: random.around(turn[0], turn[1], 2.5).to_radians(),
                axis: [axis[0], axis[1]],
                joint_z: self.landmarks.at(joint)?.xyz()[2],
                local: std::array::from_fn(|_| {
                    Lattice::new(&mut random, LOCAL_LENGTH_MM, LOCAL_SD_MM)
                }),
            })
        };
        let [radius, ulna] = [differ(Bone::Radius)?, differ(Bone::Ulna)?];
        let forearm = |f: &Forearm<Model>| -> Result<_, PhantomError> {
            Ok(Forearm {
                radius: radius.mesh(&f.radius)?,
                ulna: ulna.mesh(&f.ulna)?,
            })
        };
        let landmarks = Landmarks::of(self.landmarks.iter().map(|(landmark, place)| {
            let of = match landmark.bone() {
                Bone::Radius => &radius,
                Bone::Ulna => &ulna,
            };
            (landmark, Point::new(of.moved(place.xyz())))
        }));
        Ok(Self {
            side: match self.side {
                Side::Right => Side::Left,
                Side::Left => Side::Right,
            },
            outer: forearm(&self.outer)?,
            inner: forearm(&self.inner)?,
            measures: measures(&landmarks, Side::Right)?,
            landmarks,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::phantom::Generator;

    #[test]
    fn the_other_arm_differs_as_arms_do() {
        let arm = Specimen::mean(Generator::BDev).unwrap();
        let mut longer = Vec::new();
        for seed in 0..40 {
            let other = arm.other_side(seed).unwrap();
            assert_eq!(other.side, Side::Left);
            assert!(other.outer.radius.is_closed() && other.outer.ulna.is_closed());
            let tip = |s: &Specimen| s.landmarks.at(Landmark::RadialStyloidTip).unwrap().xyz()[2];
            longer.push(tip(&other) - tip(&arm));
            for v in other
                .outer
                .radius
                .vertices()
                .iter()
                .filter(|v| v[2] < -84.0)
            {
                assert!(v[2] > -90.0, "{v:?}");
            }
        }
        let size = longer.iter().map(|d: &f64| d.abs()).sum::<f64>() / 40.0;
        // |N(2.63, 2.03)| has mean 2.77; 40 of them, SD of the mean 0.3.
        assert!((1.9..3.7).contains(&size), "{size}");
        assert!(longer.iter().any(|d| *d > 0.5) && longer.iter().any(|d| *d < -0.5));
        assert_eq!(arm.other_side(3).unwrap(), arm.other_side(3).unwrap());
    }
}
