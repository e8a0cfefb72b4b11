//! Wrists that are not as most are: malunited, broken through the joint, not
//! grown up, plated, in a cast. Each is an operator on a specimen of any
//! generator; the healthy one is kept beside it as truth.

mod fracture;
mod growth;
mod hardware;

pub(super) use hardware::size;

use serde::Deserialize;
use serde::Serialize;

use super::PhantomError;
use super::specimen::Specimen;
use crate::anatomy::Bone;
use crate::anatomy::Landmarks;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;
use crate::radiography::Random;

/// What is not as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Abnormal {
    /// The distal radius has healed tilted to the back and shortened.
    DorsalMalunion,
    /// The lunate fossa has healed lower than the scaphoid fossa.
    IntraArticularStep,
    /// An adolescent: smaller bones, with growth plates.
    OpenGrowthPlate,
    /// A palmar plate with screws.
    PlateAndScrews,
    /// A plaster cast around the forearm.
    Cast,
}

impl Abnormal {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::DorsalMalunion,
        Self::IntraArticularStep,
        Self::OpenGrowthPlate,
        Self::PlateAndScrews,
        Self::Cast,
    ];

    /// Its name in commands and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DorsalMalunion => "dorsal-malunion",
            Self::IntraArticularStep => "intra-articular-step",
            Self::OpenGrowthPlate => "open-growth-plate",
            Self::PlateAndScrews => "plate-and-screws",
            Self::Cast => "cast",
        }
    }

    /// The specimen with this abnormality, its amount drawn from a seed.
    ///
    /// # Errors
    /// [`PhantomError`] when a surface or landmark is lost, which no seed is
    /// known to do.
    pub fn on(self, healthy: &Specimen, seed: u64) -> Result<AbnormalSpecimen, PhantomError> {
        let mut random = Random::new(seed ^ healthy.seed.rotate_left(32), 0xAB);
        match self {
            Self::DorsalMalunion => fracture::malunion(healthy, &mut random),
            Self::IntraArticularStep => fracture::step(healthy, &mut random),
            Self::OpenGrowthPlate => growth::plates(healthy, &mut random),
            Self::PlateAndScrews => hardware::plated(healthy, &mut random),
            Self::Cast => hardware::cast(healthy, &mut random),
        }
    }
}

/// What a body that is no bone is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Material {
    /// Plates and screws.
    Titanium,
    /// Casts.
    Plaster,
    /// Growth plates: where bone is not yet.
    Cartilage,
}

/// A body beside the bones, closed.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtraBody {
    /// What it is.
    pub name: &'static str,
    /// What it is made of.
    pub material: Material,
    /// Its surface. A growth plate reaches through the bone's wall and replaces
    /// what is there.
    pub surface: SurfaceMesh<Model>,
}

/// How much was changed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Change {
    /// Turn of the joint toward the back.
    pub dorsal_angulation_deg: f64,
    /// How much shorter the radius is.
    pub shortening_mm: f64,
    /// How far the lunate fossa lies proximal of the scaphoid fossa's level.
    pub step_mm: f64,
    /// Where the change begins, from the joint: the bone proximal of it is as
    /// it was. Zero when all of it is.
    pub from_joint_mm: f64,
}

/// A specimen that is not as most are.
#[derive(Debug, Clone, PartialEq)]
pub struct AbnormalSpecimen {
    /// What is not as usual.
    pub kind: Abnormal,
    /// How much.
    pub change: Change,
    /// The arm as it would be without it.
    pub healthy: Specimen,
    /// The arm as it is: surfaces, landmarks and measures.
    pub specimen: Specimen,
    /// What lies beside the bones.
    pub extra: Vec<ExtraBody>,
}

/// A specimen whose radius is bent by a motion of its places; landmarks follow
/// and measures are read anew.
fn bent(
    healthy: &Specimen,
    motion: impl Fn([f64; 3]) -> [f64; 3],
) -> Result<Specimen, PhantomError> {
    let moved = |mesh: &SurfaceMesh<Model>| {
        mesh.with_vertices(mesh.vertices().iter().map(|v| motion(*v)).collect())
    };
    let landmarks =
        Landmarks::of(
            healthy
                .landmarks
                .iter()
                .map(|(landmark, place)| match landmark.bone() {
                    Bone::Radius => (landmark, Point::new(motion(place.xyz()))),
                    Bone::Ulna => (landmark, place),
                }),
        );
    let mut specimen = healthy.clone();
    specimen.outer.radius = moved(&healthy.outer.radius)?;
    specimen.inner.radius = moved(&healthy.inner.radius)?;
    specimen.measures = measures(&landmarks, Side::Right)?;
    specimen.landmarks = landmarks;
    Ok(specimen)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::anatomy::Measure;
    use crate::phantom::Generator;

    #[test]
    fn every_abnormality_is_whole_and_keeps_the_healthy_arm() {
        let healthy = Specimen::mean(Generator::BDev).unwrap();
        let volume = |s: &Specimen| s.outer.radius.signed_volume();
        for kind in Abnormal::ALL {
            for seed in 0..2 {
                let case = kind.on(&healthy, seed).unwrap();
                assert_eq!(case.healthy, healthy);
                for bone in Bone::ALL {
                    assert!(case.specimen.outer.bone(bone).is_closed(), "{kind:?}");
                    assert!(case.specimen.inner.bone(bone).is_closed(), "{kind:?}");
                }
                let share = volume(&case.specimen) / volume(&healthy);
                assert!((0.5..1.2).contains(&share), "{kind:?} {share}");
                for body in &case.extra {
                    assert!(body.surface.is_closed(), "{kind:?} {}", body.name);
                }
            }
        }
    }

    #[test]
    fn a_malunion_is_read_as_what_was_done() {
        let healthy = Specimen::mean(Generator::BDev).unwrap();
        for seed in 0..8 {
            let case = Abnormal::DorsalMalunion.on(&healthy, seed).unwrap();
            let read = |m| case.specimen.measures.get(m) - healthy.measures.get(m);
            let Change {
                dorsal_angulation_deg: turned,
                shortening_mm: short,
                from_joint_mm: from,
                ..
            } = case.change;
            assert!((10.0..=25.0).contains(&turned) && (2.0..=8.0).contains(&short));
            assert!((read(Measure::VolarTilt) + turned).abs() < 2.5, "{turned}");
            assert!(read(Measure::UlnarVariance) > 0.4 * short);
            let pairs = healthy.outer.radius.vertices().iter();
            let pairs = pairs.zip(case.specimen.outer.radius.vertices());
            for (before, after) in pairs.clone().filter(|(v, _)| v[2] < -from) {
                assert!((0..3).all(|a| (before[a] - after[a]).abs() < 1e-9));
            }
            // The back, where most is pressed together, does not fold.
            let mut back: Vec<_> = pairs
                .filter(|(v, _)| v[0].abs() < 0.6 && v[1] > 3.0 && v[2] < -8.0)
                .collect();
            back.sort_by(|a, b| a.0[2].total_cmp(&b.0[2]));
            let rises = back.windows(2).map(|w| w[1].1[2] - w[0].1[2]);
            assert!(back.len() > 60 && rises.fold(0.0, f64::min) > -0.35);
        }
    }

    #[test]
    fn a_step_is_as_high_as_it_says() {
        let healthy = Specimen::mean(Generator::BDev).unwrap();
        let case = Abnormal::IntraArticularStep.on(&healthy, 1).unwrap();
        let lower = |x: f64| {
            let before = healthy.outer.radius.vertices().iter();
            let both = before.zip(case.specimen.outer.radius.vertices());
            let moved = both.filter(|(b, _)| (b[0] - x).abs() < 1.0 && b[2] > -6.0);
            moved.map(|(b, a)| b[2] - a[2]).fold(0.0, f64::max)
        };
        assert!((1.0..=4.0).contains(&case.change.step_mm));
        assert!((lower(-8.0) - case.change.step_mm).abs() < 1e-6);
        assert!(lower(10.0) < 1e-9);
    }
}
