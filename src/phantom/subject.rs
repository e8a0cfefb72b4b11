//! A person's forearm, invented.

use serde::Deserialize;
use serde::Serialize;

use super::Parameters;
use super::PhantomError;
use super::radius::Radius;
use super::tube::Rings;
use super::tube::Spot;
use super::ulna::Ulna;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::LandmarkIds;
use crate::anatomy::Landmarks;
use crate::anatomy::Measures;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::radiography::Random;

/// How much of a bone the model shows, on a forearm of size one.
const LENGTH: f64 = 80.0;
/// How much of it an X-ray shows.
const LONG: f64 = 150.0;

/// One invented person: both bones of the right arm (a left one is its mirror
/// image), with their landmarks and measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Which subject this is.
    pub seed: u64,
    /// The arm that is X-rayed.
    pub side: Side,
    /// What makes it.
    pub parameters: Parameters,
    /// The distal 80 mm of both bones, as a right arm.
    pub forearm: Forearm<Model>,
    /// Where its landmarks are.
    pub landmarks: Landmarks<Model>,
    /// Its true measures.
    pub measures: Measures,
}

/// What is written beside a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The arm.
    pub side: Side,
    /// The true measures.
    pub measures: Measures,
}

impl Subject {
    /// The subject of a seed.
    ///
    /// # Errors
    /// [`PhantomError`] when its surfaces are none, which no seed is known to do.
    pub fn draw(seed: u64) -> Result<Self, PhantomError> {
        let mut random = Random::new(seed, 1);
        let side = if random.chance(0.5) {
            Side::Right
        } else {
            Side::Left
        };
        let parameters = Parameters::draw(&mut random);
        Self::with(seed, side, parameters)
    }

    /// A subject of given parameters.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn with(seed: u64, side: Side, parameters: Parameters) -> Result<Self, PhantomError> {
        let forearm = Builder::new(&parameters).outer(LENGTH)?;
        let landmarks = Self::landmark_ids().on(&forearm)?;
        let measures = measures(&landmarks, Side::Right)?;
        Ok(Self {
            seed,
            side,
            parameters,
            forearm,
            landmarks,
            measures,
        })
    }

    /// The vertices of every subject's landmarks.
    #[must_use]
    pub fn landmark_ids() -> LandmarkIds {
        let mut ids = LandmarkIds::default();
        Radius::landmarks(&mut ids, &Radius::rings(LENGTH));
        Ulna::landmarks(&mut ids, &Ulna::rings(LENGTH));
        ids
    }

    /// What is written beside a case.
    #[must_use]
    pub const fn truth(&self) -> Truth {
        Truth {
            side: self.side,
            measures: self.measures,
        }
    }

    /// Both bones as far as an X-ray shows them: outer and inner surface of the
    /// cortex.
    pub(super) fn shells(&self) -> Result<[Forearm<Model>; 2], PhantomError> {
        let builder = Builder::new(&self.parameters);
        let outer = builder.outer(LONG)?;
        let inner = builder.inner(&outer, LONG)?;
        Ok([outer, inner])
    }
}

/// Makes the surfaces of one set of parameters.
struct Builder<'a> {
    radius: Radius<'a>,
    ulna: Ulna<'a>,
}

impl<'a> Builder<'a> {
    fn new(p: &'a Parameters) -> Self {
        let radius = Radius::new(p);
        let rings = Radius::rings(LENGTH);
        let mut ids = LandmarkIds::default();
        Radius::landmarks(&mut ids, &rings);
        let height = |landmark| {
            let wanted = ids.vertices(landmark);
            let spots = rings.spots().zip(1_u32..);
            let found: Vec<f64> = spots
                .filter(|(_, vertex)| wanted.contains(vertex))
                .map(|(spot, _)| radius.skin(spot)[2])
                .collect();
            found.first().copied().unwrap_or(0.0)
        };
        let corner =
            0.5 * (height(Landmark::UlnarCornerDorsal) + height(Landmark::UlnarCornerVolar));
        let notch_x = radius.skin(Spot::Wall(4.0, std::f64::consts::PI))[0] / p.size;
        let ulna = Ulna::new(p, notch_x, corner + p.variance_mm);
        Self { radius, ulna }
    }

    fn outer(&self, length: f64) -> Result<Forearm<Model>, PhantomError> {
        Ok(Forearm {
            radius: Radius::rings(length).surface(|spot| self.radius.skin(spot))?,
            ulna: Ulna::rings(length).surface(|spot| self.ulna.skin(spot))?,
        })
    }

    /// The outer surface, moved inward by the thickness of the cortex.
    fn inner(&self, outer: &Forearm<Model>, length: f64) -> Result<Forearm<Model>, PhantomError> {
        let radius = hollow(&outer.radius, &Radius::rings(length), |s| {
            self.radius.cortex(s)
        })?;
        let ulna = hollow(&outer.ulna, &Ulna::rings(length), |s| self.ulna.cortex(s))?;
        Ok(Forearm { radius, ulna })
    }
}

fn hollow(
    outer: &SurfaceMesh<Model>,
    rings: &Rings,
    cortex: impl Fn(Spot) -> f64,
) -> Result<SurfaceMesh<Model>, PhantomError> {
    let ends = |spot| std::iter::once(cortex(spot));
    let first = rings.levels.first().copied().unwrap_or(0.0);
    let thickness = ends(Spot::Wall(first, 0.0))
        .chain(rings.spots().map(&cortex))
        .chain(ends(Spot::Cap(0.0, 0.0)));
    let vertices = outer
        .vertices()
        .iter()
        .zip(outer.vertex_normals())
        .zip(thickness)
        .map(|((vertex, normal), t)| vector::sub(*vertex, vector::scale(normal, t)))
        .collect();
    Ok(outer.with_vertices(vertices)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::anatomy::Measure;
    use crate::geometry::best_rigid;
    use crate::geometry::deviation;

    #[test]
    fn every_bone_is_closed_and_of_a_bones_size() {
        for seed in 0..40 {
            let subject = Subject::draw(seed).unwrap();
            for mesh in [&subject.forearm.radius, &subject.forearm.ulna] {
                assert!(mesh.is_closed(), "seed {seed}");
            }
            let [low, high] = subject.forearm.radius.bounds();
            let width = (high[0] - low[0]) / subject.parameters.size;
            assert!((22.0..34.0).contains(&width), "{width}");
            for shell in subject.shells().unwrap() {
                assert!(shell.radius.is_closed() && shell.ulna.is_closed());
            }
        }
    }

    #[test]
    fn the_mean_subject_reads_what_its_parameters_say() {
        let p = Parameters::mean();
        let subject = Subject::with(0, Side::Right, p).unwrap();
        let read = |m| subject.measures.get(m);
        assert!((read(Measure::RadialInclination) - p.inclination_deg).abs() < 0.6);
        assert!((read(Measure::VolarTilt) - p.tilt_deg).abs() < 0.6);
        assert!((read(Measure::UlnarVariance) - p.variance_mm).abs() < 0.3);
        assert!((10.0..14.0).contains(&read(Measure::RadialHeight)));
    }

    #[test]
    fn three_degrees_more_in_a_parameter_are_three_in_the_measure() {
        let p = Parameters::mean();
        let read = |p| Subject::with(0, Side::Right, p).unwrap().measures;
        let steeper = Parameters {
            inclination_deg: p.inclination_deg + 3.0,
            ..p
        };
        let change = |a: Measures, b: Measures, m| b.get(m) - a.get(m);
        let m = Measure::RadialInclination;
        assert!((change(read(p), read(steeper), m) - 3.0).abs() < 0.1);
        let tilted = Parameters {
            tilt_deg: p.tilt_deg + 3.0,
            ..p
        };
        assert!((change(read(p), read(tilted), Measure::VolarTilt) - 3.0).abs() < 0.1);
        let longer = Parameters {
            variance_mm: p.variance_mm + 2.0,
            ..p
        };
        assert!((change(read(p), read(longer), Measure::UlnarVariance) - 2.0).abs() < 0.05);
    }

    #[test]
    fn a_seed_is_always_the_same_subject() {
        assert_eq!(Subject::draw(11).unwrap(), Subject::draw(11).unwrap());
        assert_ne!(
            Subject::draw(11).unwrap().forearm,
            Subject::draw(12).unwrap().forearm
        );
    }

    #[test]
    fn two_people_differ_as_two_people_do() {
        // Among real adults a rigid fit leaves about 0.7 to 1.4 mm.
        let bones: Vec<_> = (0..9)
            .map(|s| Subject::draw(s).unwrap().forearm.radius)
            .collect();
        let mut left = Vec::new();
        for pair in bones.windows(2) {
            let fit = best_rigid(pair[0].vertices(), pair[1].vertices()).unwrap();
            left.push(deviation(&pair[0].moved::<Model>(&fit), &pair[1]).rms_mm);
        }
        let mean = left.iter().sum::<f64>() / 8.0;
        assert!((0.5..1.5).contains(&mean), "{left:?}");
    }
}
