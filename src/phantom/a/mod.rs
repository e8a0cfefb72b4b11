//! Generator A, for training: a sculpted template, bent by some fifty named
//! numbers and by smooth random fields of four lengths. All its subjects share
//! the template's triangles, so their vertices correspond.
//!
//! A template that is deformed is another formulation than those of generator
//! B, so that a model built from A meets on B what it has not seen.

mod cortex;
mod field;
mod loft;
mod nets;
mod parameters;
mod remesh;
mod sculpt;
mod sculpt_radius;
mod sculpt_ulna;
mod template;
mod warp_radius;
mod warp_ulna;

pub use template::Template;

use field::Field;
use parameters::Notch;
use parameters::Parameters;
use sculpt_radius::CUT_MM;
use sculpt_radius::HEAD_AXIS;
use sculpt_ulna::DOME_Z;
use warp_radius::Slopes;

use super::PhantomError;
use super::density::Density;
use super::specimen::Generator;
use super::specimen::Specimen;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::Landmarks;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::vector::add;
use crate::geometry::vector::scale;
use crate::geometry::vector::sub;
use crate::geometry::vector::unit;
use crate::radiography::Random;

/// Lengths of the random fields and the SD of each coordinate, in millimeters.
const SCALES_MM: [(f64, f64); 4] = [(32.0, 0.30), (13.0, 0.22), (6.0, 0.13), (3.2, 0.06)];
/// The same for the thickness of the cortex, relative.
const CORTEX_SCALES: [(f64, f64); 2] = [(25.0, 0.10), (7.0, 0.07)];
/// Streams of a subject's random numbers, one a purpose.
const STREAMS: [u64; 5] = [0xA0, 0xA1, 0xA2, 0xA3, 0xA4];

/// One person, drawn.
struct Person {
    numbers: Parameters,
    notch: (Notch, f64),
    fields: [Field; 2],
    cortex: [Field; 2],
    side: Side,
}

impl Person {
    fn draw(seed: u64) -> Self {
        let stream = |number: usize| Random::new(seed, STREAMS[number]);
        let mut random = stream(0);
        let numbers = Parameters::draw(&mut random);
        let notch = Notch::draw(&mut random);
        let side = if random.chance(0.5) {
            Side::Right
        } else {
            Side::Left
        };
        Self {
            numbers,
            notch,
            side,
            fields: [1, 2].map(|n| Field::draw(&mut stream(n), &SCALES_MM)),
            cortex: [3, 4].map(|n| Field::draw(&mut stream(n), &CORTEX_SCALES)),
        }
    }

    /// The person in the middle: the mean of every number, a notch of the commonest
    /// type, no residual fields.
    fn middle() -> Self {
        Self {
            numbers: Parameters::mean(),
            notch: (Notch::C, 1.0),
            side: Side::Right,
            fields: [Field::none(), Field::none()],
            cortex: [Field::none(), Field::none()],
        }
    }

    /// The radius of size one, with the drawn inclination and tilt: the
    /// slopes are added until the landmarks read them.
    fn radius(&self, template: &Template) -> Result<Vec<[f64; 3]>, PhantomError> {
        let mesh = &template.outer.radius;
        let place = |slopes: Slopes, v: [f64; 3]| {
            let bent = warp_radius::bend(v, &self.numbers, self.notch, slopes);
            add(bent, self.fields[0].at(v))
        };
        let mut slopes = Slopes {
            inclination: 0.0,
            tilt: 0.0,
        };
        for _ in 0..4 {
            let at = |landmark: Landmark| {
                let ids = template.landmarks.vertices(landmark);
                let sum = ids
                    .iter()
                    .filter_map(|v| mesh.vertex(*v))
                    .fold([0.0; 3], |sum, v| add(sum, place(slopes, v.xyz())));
                (landmark, sum, ids.len())
            };
            let read = slopes_of(&Landmark::ALL.map(at))?;
            slopes.inclination += self.numbers.inclination_deg.to_radians().tan() - read[0];
            slopes.tilt += self.numbers.tilt_deg.to_radians().tan() - read[1];
        }
        Ok(mesh.vertices().iter().map(|v| place(slopes, *v)).collect())
    }

    /// The ulna of size one, in the head's own coordinates.
    fn ulna(&self, template: &Template) -> Vec<[f64; 3]> {
        let origin = [HEAD_AXIS[0], HEAD_AXIS[1], DOME_Z];
        let vertices = template.outer.ulna.vertices().iter();
        vertices
            .map(|v| {
                let own = sub(*v, origin);
                add(warp_ulna::bend(own, &self.numbers), self.fields[1].at(own))
            })
            .collect()
    }

    /// The two bones as they lie in the forearm.
    fn forearm(&self, template: &Template) -> Result<Forearm<Model>, PhantomError> {
        let p = &self.numbers;
        let radius = self.radius(template)?;
        let whole = stretched(radius, template.outer.radius.vertices(), p.size);
        let radius = template.outer.radius.with_vertices(whole)?;
        let turn = [p.lift_deg.to_radians(), p.spread_deg.to_radians(), 0.0];
        let lean = Rigid::<Model, Model>::from_rotation_vector(turn, [0.0; 3]);
        // The head follows the notch, its own size, and the joint between.
        let floor = template.landmarks.vertices(Landmark::SigmoidNotch);
        let floor = floor.first().and_then(|v| radius.vertex(*v));
        let floor = floor.map_or([-12.3, 0.0, 0.0], |v| v.xyz());
        let middle = floor[0] - p.size * (8.7 * p.head * (1.0 + p.oval) + 1.9 + p.gap);
        let seat = [middle, p.size * (HEAD_AXIS[1] + p.dorsal), 0.0];
        let whole = stretched(self.ulna(template), template.outer.ulna.vertices(), p.size);
        let ulna = whole.into_iter().map(|v| add(lean.move_xyz(v), seat));
        let ulna = template.outer.ulna.with_vertices(ulna.collect())?;
        let mut forearm = Forearm { radius, ulna };
        let landmarks = template.landmarks.on(&forearm)?;
        let read = measures(&landmarks, Side::Right)?.get(Measure::UlnarVariance);
        let shift = p.variance_mm - read;
        let along = sub(
            landmarks.at(Landmark::RadialShaftDistal)?.xyz(),
            landmarks.at(Landmark::RadialShaftProximal)?.xyz(),
        );
        let along = scale(unit(along), shift);
        let moved = forearm.ulna.vertices().iter().map(|v| add(*v, along));
        forearm.ulna = forearm.ulna.with_vertices(moved.collect())?;
        Ok(forearm)
    }
}

/// A bone of size one made this large. Every specimen is cut as far from the
/// joint as the template is, so the shaft of a small bone reaches further up.
fn stretched(bone: Vec<[f64; 3]>, template: &[[f64; 3]], size: f64) -> Vec<[f64; 3]> {
    let lack = CUT_MM * (1.0 - size);
    let pairs = bone.into_iter().zip(template);
    pairs
        .map(|(v, place)| {
            let part = ((-place[2] - 20.0) / (CUT_MM - 20.0)).max(0.0);
            let [x, y, z] = scale(v, size);
            [x, y, z - lack * part]
        })
        .collect()
}

/// Tangents of inclination and tilt, read as [`measures`] does.
fn slopes_of(places: &[(Landmark, [f64; 3], usize)]) -> Result<[f64; 2], PhantomError> {
    #[allow(clippy::cast_precision_loss, reason = "a landmark has few vertices")]
    let places = places
        .iter()
        .map(|(landmark, sum, count)| (*landmark, scale(*sum, 1.0 / (*count).max(1) as f64)));
    let marks =
        Landmarks::<Model>::of(places.map(|(landmark, place)| (landmark, Point::new(place))));
    let read = measures(&marks, Side::Right)?;
    Ok([Measure::RadialInclination, Measure::VolarTilt].map(|m| read.get(m).to_radians().tan()))
}

/// The person of a seed. See [`Specimen::draw`].
pub(super) fn draw(seed: u64) -> Result<Specimen, PhantomError> {
    specimen(seed, &Person::draw(seed))
}

/// The person in the middle. See [`Specimen::mean`].
pub(super) fn mean() -> Result<Specimen, PhantomError> {
    specimen(0, &Person::middle())
}

fn specimen(seed: u64, person: &Person) -> Result<Specimen, PhantomError> {
    let template = Template::shared()?;
    let outer = person.forearm(template)?;
    let landmarks = template.landmarks.on(&outer)?;
    let hollow = |bone: Bone, number: usize| {
        let at = template.outer.bone(bone).vertices();
        let thick = cortex::thickness(at, person.numbers.cortex, &person.cortex[number]);
        cortex::inner(outer.bone(bone), &thick, at)
    };
    Ok(Specimen {
        generator: Generator::A,
        seed,
        side: person.side,
        inner: Forearm {
            radius: hollow(Bone::Radius, 0)?,
            ulna: hollow(Bone::Ulna, 1)?,
        },
        measures: measures(&landmarks, Side::Right)?,
        landmarks,
        joint: template.joint.clone(),
        density: density(&person.numbers),
        outer,
    })
}

/// Cortical 1100 mg HA/cm3 (recalled), subchondral and trabecular as HR-pQCT
/// finds them (PMC6910691), the latter two varying together.
fn density(p: &Parameters) -> Density {
    Density {
        cortical_mg_cm3: 1100.0 * (1.0 + 0.15 * (p.mineral - 1.0)),
        subchondral_mg_cm3: 780.0 * (1.0 + 0.5 * (p.mineral - 1.0)),
        trabecular_mg_cm3: 210.0 * p.mineral,
        fading_mm: 24.0 * p.size,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Locator;
    use crate::geometry::SurfaceMesh;
    use crate::geometry::best_rigid;
    use crate::phantom::VALIDATION_SEEDS;

    /// Rigid best fit of one bone on another, point to surface, without the
    /// lids; RMS in millimeters.
    fn apart(one: &[[f64; 3]], lid: &[bool], other: &SurfaceMesh<Model>) -> f64 {
        let locator = Locator::new(other);
        let points: Vec<[f64; 3]> = (0..one.len())
            .filter(|v| v % 5 == 0 && !lid[*v] && one[*v][2] > -72.0)
            .map(|v| one[v])
            .collect();
        let mut motion = Rigid::<Model, Model>::identity();
        let mut rms = 0.0;
        for _ in 0..15 {
            let places = points.iter().map(|p| Point::new(motion.move_xyz(*p)));
            let hits: Vec<_> = places.map(|p| locator.closest(p)).collect();
            let sum: f64 = hits.iter().map(|h| h.distance.powi(2)).sum();
            rms = (sum / f64::from(u32::try_from(hits.len()).unwrap())).sqrt();
            let there: Vec<_> = hits.iter().map(|h| h.point.xyz()).collect();
            motion = best_rigid(&points, &there).unwrap();
        }
        rms
    }

    #[test]
    fn people_are_whole_and_differ_as_much_as_adults_do() {
        let template = Template::shared().unwrap();
        let seeds = VALIDATION_SEEDS.skip(500).take(12);
        let people: Vec<Specimen> = seeds.map(|seed| draw(seed).unwrap()).collect();
        let mut gaps = Vec::new();
        for pair in people.chunks_exact(2) {
            for (number, bone) in Bone::ALL.into_iter().enumerate() {
                let one = pair[0].outer.bone(bone);
                assert!(one.is_closed());
                let inner = pair[0].inner.bone(bone).signed_volume();
                let part = inner / one.signed_volume();
                assert!((0.3..0.85).contains(&part), "{bone:?}: canal {part}");
                let lid = &template.cut[number];
                gaps.push(apart(one.vertices(), lid, pair[1].outer.bone(bone)));
            }
        }
        gaps.sort_by(f64::total_cmp);
        let (low, high) = (gaps[1], gaps[10]);
        assert!(low > 0.35 && high < 2.0, "{gaps:.2?}");
        assert!((0.6..1.4).contains(&gaps[6]), "{gaps:.2?}");
    }

    #[test]
    fn the_drawn_slopes_and_variance_are_read_on_the_bones() {
        let template = Template::shared().unwrap();
        for seed in VALIDATION_SEEDS.skip(600).take(3) {
            let person = Person::draw(seed);
            let forearm = person.forearm(template).unwrap();
            let read = measures(&template.landmarks.on(&forearm).unwrap(), Side::Right).unwrap();
            let check = |measure: Measure, drawn: f64, within: f64| {
                let gap = read.get(measure) - drawn;
                assert!(gap.abs() < within, "{seed} {measure:?}: off by {gap}");
            };
            let p = &person.numbers;
            // The shaft is lengthened after the slopes are set: a degree.
            check(Measure::RadialInclination, p.inclination_deg, 1.0);
            check(Measure::VolarTilt, p.tilt_deg, 1.0);
            check(Measure::UlnarVariance, p.variance_mm, 0.05);
        }
    }

    #[test]
    fn a_named_number_moves_what_it_is_named_for() {
        let template = Template::shared().unwrap();
        let flat = Slopes {
            inclination: 0.0,
            tilt: 0.0,
        };
        let place = |landmark: Landmark, p: &Parameters| {
            let vertex = template.landmarks.vertices(landmark)[0];
            let at = template.outer.radius.vertices()[vertex as usize];
            warp_radius::bend(at, p, (Notch::C, 0.0), flat)
        };
        let mean = Parameters::mean();
        let lister = Parameters {
            lister: 1.0,
            ..mean
        };
        let gained =
            place(Landmark::ListerTubercle, &lister)[1] - place(Landmark::ListerTubercle, &mean)[1];
        assert!((0.7..1.1).contains(&gained), "{gained}");
        let styloid = Parameters {
            styloid: 1.0,
            ..mean
        };
        let gained = place(Landmark::RadialStyloidTip, &styloid)[2]
            - place(Landmark::RadialStyloidTip, &mean)[2];
        assert!((0.7..1.1).contains(&gained), "{gained}");
        let notch = Parameters { notch: 1.0, ..mean };
        let gained =
            place(Landmark::SigmoidNotch, &notch)[0] - place(Landmark::SigmoidNotch, &mean)[0];
        assert!((0.6..1.1).contains(&gained), "{gained}");
    }

    #[test]
    fn a_seed_is_always_the_same_person() {
        assert!(draw(VALIDATION_SEEDS.start).unwrap() == draw(VALIDATION_SEEDS.start).unwrap());
    }
}
