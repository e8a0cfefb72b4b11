//! Generator B: bones to judge models on, written apart from generator A and
//! frozen before A was tuned.
//!
//! A bone is a solid (an implicit field); its triangles come from surface nets,
//! so no two have the same, and none corresponds to any template. Two families:
//! B-dev (drawn sections, lattice residuals) may be looked at; B-test (another
//! section formula, other residuals and bumps) is opened only to report
//! figures. Both draw their people from [`person`].

mod dev_radius;
mod dev_ulna;
mod landmarks;
pub(super) mod nets;
mod person;
pub(super) mod residual;
mod sections;
pub(super) mod solid;
mod test_radius;
mod test_ulna;

use landmarks::RadiusMarks;
use landmarks::UlnaMarks;
use nets::Grid;
use person::Person;
use solid::BoneSolid;
use solid::Solid;
use solid::ramp;

use super::Density;
use super::PhantomError;
use super::specimen::Generator;
use super::specimen::Specimen;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::Landmarks;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::radiography::Random;

/// A family of generator B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Dev,
    Test,
}

impl Family {
    const fn generator(self) -> Generator {
        match self {
            Self::Dev => Generator::BDev,
            Self::Test => Generator::BTest,
        }
    }

    fn radius(self, person: &Person, slope: [f64; 2], seed: u64) -> Box<dyn BoneSolid> {
        match self {
            Self::Dev => Box::new(dev_radius::Radius::new(person, slope, seed)),
            Self::Test => Box::new(test_radius::Radius::new(person, slope, seed)),
        }
    }

    fn ulna(self, person: &Person, seed: u64) -> Box<dyn BoneSolid> {
        match self {
            Self::Dev => Box::new(dev_ulna::Ulna::new(person, seed)),
            Self::Test => Box::new(test_ulna::Ulna::new(person, seed)),
        }
    }

    /// The middle of the ulna's head in its own frame and where its styloid is.
    const fn head(self) -> ([f64; 2], f64) {
        match self {
            Self::Dev => (dev_ulna::HEAD, 2.57),
            Self::Test => (test_ulna::HEAD, 2.62),
        }
    }
}

/// The forearm of a seed, cut off this far from the joint.
pub(super) fn draw(family: Family, seed: u64, length_mm: f64) -> Result<Specimen, PhantomError> {
    let stream = match family {
        Family::Dev => 0xB1,
        Family::Test => 0xB2,
    };
    let person = Person::draw(&mut Random::new(seed, stream));
    build(family, seed, &person, length_mm)
}

/// The family's person in the middle of all, without residuals: what a null
/// model of the family is.
pub(super) fn mean(family: Family) -> Result<Specimen, PhantomError> {
    build(family, 0, &Person::MEAN, super::SPECIMEN_LENGTH_MM)
}

fn build(
    family: Family,
    seed: u64,
    person: &Person,
    length_mm: f64,
) -> Result<Specimen, PhantomError> {
    let (radius, marks) = sloped(family, seed, person)?;
    let ulna = family.ulna(person, seed);
    let (middle, styloid_at) = family.head();
    let ulna_marks = UlnaMarks::find(
        ulna.as_ref(),
        person.size,
        middle.map(|v| v * person.size),
        styloid_at,
    )
    .ok_or(PhantomError::Shapeless(Bone::Ulna))?;
    let place = placed(person, &marks, &ulna_marks);
    let landmarks = landmarks(&marks, &ulna_marks, &place);
    // The model's frame is read off the bone: axis, thumb's side, joint.
    let frame = frame(radius.as_ref(), &marks);
    let in_frame = |p: [f64; 3]| frame.move_xyz(p);
    let landmarks = Landmarks::of(
        landmarks
            .into_iter()
            .map(|(l, p)| (l, Point::new(in_frame(p)))),
    );
    let measures = measures(&landmarks, Side::Right)?;
    let shells = |bone: &dyn BoneSolid, motion: Rigid<Model, Model>, reach| {
        let joint_z = motion.inverse().move_xyz([0.0; 3])[2];
        Shells::new(bone, &motion, length_mm, joint_z, reach)
    };
    let radius = shells(
        radius.as_ref(),
        frame,
        [21.0 * person.size, 15.5 * person.size],
    )?;
    let ulna = shells(
        ulna.as_ref(),
        place.then(&frame),
        [13.5 * person.size, 13.0 * person.size],
    )?;
    Ok(Specimen {
        generator: family.generator(),
        seed,
        side: person.side,
        outer: Forearm {
            radius: radius.outer,
            ulna: ulna.outer,
        },
        inner: Forearm {
            radius: radius.inner,
            ulna: ulna.inner,
        },
        landmarks,
        measures,
        joint: [radius.joint, ulna.joint],
        density: density(person),
    })
}

/// A radius whose measures are those of its person: the joint plane's slopes
/// are corrected by what is read.
fn sloped(
    family: Family,
    seed: u64,
    person: &Person,
) -> Result<(Box<dyn BoneSolid>, RadiusMarks), PhantomError> {
    let target = [person.inclination_deg, person.tilt_deg].map(|d| d.to_radians().tan());
    let mut slope = target;
    let mut turn = 0;
    loop {
        let bone = family.radius(person, slope, seed);
        let marks = RadiusMarks::find(bone.as_ref(), person.size, slope)
            .ok_or(PhantomError::Shapeless(Bone::Radius))?;
        if turn == 2 {
            let marks = marks.with_lister(bone.as_ref(), person.size);
            return Ok((bone, marks.ok_or(PhantomError::Shapeless(Bone::Radius))?));
        }
        turn += 1;
        let read = read_slopes(&marks);
        for axis in 0..2 {
            slope[axis] += (target[axis] - read[axis]).clamp(-0.2, 0.2);
        }
    }
}

/// The tangents of inclination and tilt, as [`measures`] reads them.
fn read_slopes(marks: &RadiusMarks) -> [f64; 2] {
    let axis = vector::unit(vector::sub(marks.shaft[0], marks.shaft[1]));
    let across = vector::sub(marks.styloid, marks.corner());
    let radial = vector::sub(across, vector::scale(axis, vector::dot(across, axis)));
    let inclination = vector::dot(across, axis) / vector::length(radial);
    let dorsal = vector::cross(axis, vector::unit(radial));
    let rim = vector::sub(marks.rims[1], marks.rims[0]);
    [
        inclination,
        vector::dot(rim, axis) / vector::dot(rim, dorsal).abs().max(1.0),
    ]
}

/// Where the ulna lies beside this radius.
fn placed(person: &Person, marks: &RadiusMarks, ulna: &UlnaMarks) -> Rigid<Model, Model> {
    let axis = vector::unit(vector::sub(marks.shaft[0], marks.shaft[1]));
    let away = Rigid::<Model, Model>::from_rotation_vector([0.0; 3], ulna.head.map(|v| -v));
    let turn = Rigid::<Model, Model>::from_rotation_vector(
        [0.0, 0.0, person.ulna_turn_deg.to_radians()],
        [0.0; 3],
    );
    let [spread, back] = person.spread_deg.map(f64::to_radians);
    let head = [
        marks.notch[0] - person.size * (person.gap + 0.5 * person.head),
        marks.notch[1] + person.size * person.ulna_back,
        0.0,
    ];
    let lean = Rigid::<Model, Model>::from_rotation_vector([back, spread, 0.0], head);
    let beside = away.then(&turn).then(&lean);
    let beyond = vector::sub(beside.move_xyz(ulna.dome), marks.corner());
    let wrong = person.variance_mm - vector::dot(beyond, axis);
    let shift = vector::scale(axis, wrong);
    beside.then(&Rigid::from_rotation_vector([0.0; 3], shift))
}

fn landmarks(
    radius: &RadiusMarks,
    ulna: &UlnaMarks,
    place: &Rigid<Model, Model>,
) -> Vec<(Landmark, [f64; 3])> {
    let there = |p| place.move_xyz(p);
    vec![
        (Landmark::RadialStyloidTip, radius.styloid),
        (Landmark::UlnarCornerVolar, radius.corners[0]),
        (Landmark::UlnarCornerDorsal, radius.corners[1]),
        (Landmark::VolarRim, radius.rims[0]),
        (Landmark::DorsalRim, radius.rims[1]),
        (Landmark::ListerTubercle, radius.lister),
        (Landmark::SigmoidNotch, radius.notch),
        (Landmark::RadialShaftDistal, radius.shaft[0]),
        (Landmark::RadialShaftProximal, radius.shaft[1]),
        (Landmark::UlnarDome, there(ulna.dome)),
        (Landmark::UlnarStyloidTip, there(ulna.styloid)),
        (Landmark::UlnarHeadCenter, there(ulna.head)),
        (Landmark::UlnarShaftDistal, there(ulna.shaft[0])),
        (Landmark::UlnarShaftProximal, there(ulna.shaft[1])),
    ]
}

/// The motion into the model's frame: z along the shaft, x toward the styloid,
/// the origin where the axis meets the joint surface.
fn frame(solid: &dyn Solid, marks: &RadiusMarks) -> Rigid<Model, Model> {
    let z = vector::unit(vector::sub(marks.shaft[0], marks.shaft[1]));
    let across = vector::sub(marks.styloid, marks.corner());
    let x = vector::unit(vector::sub(
        across,
        vector::scale(z, vector::dot(across, z)),
    ));
    let y = vector::cross(z, x);
    let far = vector::add(marks.shaft[0], vector::scale(z, 60.0));
    let origin = solid::leaves(solid, marks.shaft[0], far).unwrap_or([0.0; 3]);
    let rows = [x, y, z];
    let shift = rows.map(|row| -vector::dot(row, origin));
    // Unit and perpendicular by construction: never refused.
    Rigid::new(rows, shift).unwrap_or_else(|_| Rigid::identity())
}

fn density(person: &Person) -> Density {
    Density {
        cortical_mg_cm3: 1100.0 + 250.0 * (person.cortex - 1.0),
        subchondral_mg_cm3: 760.0 + 1.0 * (person.trabecular - 210.0),
        trabecular_mg_cm3: person.trabecular,
        fading_mm: 24.0 * person.size,
    }
}

/// Outer and inner surface of one bone and which outer vertices are joint.
struct Shells {
    outer: SurfaceMesh<Model>,
    inner: SurfaceMesh<Model>,
    joint: Vec<bool>,
}

impl Shells {
    /// Meshes a bone, `motion` leading from its own frame into the model's,
    /// where it is cut off at z = -length. `joint_z` is where the joint is in
    /// its own.
    fn new(
        bone: &dyn BoneSolid,
        motion: &Rigid<Model, Model>,
        length_mm: f64,
        joint_z: f64,
        reach: [f64; 2],
    ) -> Result<Self, PhantomError> {
        let up = motion.rows()[2];
        let high = |p: [f64; 3]| vector::dot(up, p) + motion.translation()[2] + length_mm;
        let span = [joint_z - length_mm - 5.0, joint_z + 21.0];
        let grid = |[fine, coarse]: [f64; 2], shift: f64| {
            let middle = move |z: f64| [0.9 * ramp(z - joint_z, -25.0, -8.0) + shift, shift];
            Grid::new([span[0] + shift, span[1]], reach, middle, move |z| {
                fine + (coarse - fine) * (1.0 - ramp(z - joint_z, -34.0, -13.0))
            })
        };
        let outer = closed(&|p: [f64; 3]| bone.value(p).max(-high(p)), |shift| {
            grid([0.5, 1.0], shift)
        })?;
        let joint = outer
            .vertices()
            .iter()
            .map(|v| high(*v) > 1.0 && bone.is_joint(*v))
            .collect();
        let hollow = |p: [f64; 3]| bone.hollow(p).max(0.3 - high(p));
        let inner = closed(&hollow, |shift| grid([0.9, 1.2], shift))?;
        Ok(Self {
            outer: outer.moved(motion),
            inner: inner.moved(motion),
            joint,
        })
    }
}

/// Meshes a solid on a grid, or where two of its sheets meet in one cell, on a
/// grid that is moved a little.
fn closed(
    solid: &dyn Solid,
    grid: impl Fn(f64) -> Grid,
) -> Result<SurfaceMesh<Model>, PhantomError> {
    let mut mesh = nets::surface(solid, &grid(0.0))?;
    for shift in [0.17, 0.29, 0.38, 0.11, 0.23] {
        if mesh.is_closed() {
            break;
        }
        mesh = nets::surface(solid, &grid(shift))?;
    }
    Ok(mesh)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::anatomy::Measure;
    use crate::geometry::Locator;

    const FAMILIES: [Family; 2] = [Family::Dev, Family::Test];

    #[test]
    fn the_mean_people_read_what_they_are_drawn_with() {
        for family in FAMILIES {
            let specimen = mean(family).unwrap();
            let read = |m| specimen.measures.get(m);
            assert!((read(Measure::RadialInclination) - 23.5).abs() < 0.2);
            assert!((read(Measure::VolarTilt) - 11.0).abs() < 0.2);
            assert!((read(Measure::UlnarVariance) + 0.8).abs() < 1e-6);
            assert!((9.0..14.0).contains(&read(Measure::RadialHeight)));
            check(&specimen);
        }
    }

    /// What every specimen has.
    fn check(specimen: &Specimen) {
        for bone in Bone::ALL {
            let (outer, inner) = (specimen.outer.bone(bone), specimen.inner.bone(bone));
            assert!(outer.is_closed() && inner.is_closed());
            assert!(inner.signed_volume() < 0.9 * outer.signed_volume());
            let joint = specimen.joint(bone);
            assert_eq!(joint.len(), outer.vertices().len());
            let share = joint.iter().filter(|j| **j).count() * 100 / joint.len();
            assert!((8..60).contains(&share), "{share} % joint");
            let [low, high] = outer.bounds();
            assert!((low[2] + 80.0).abs() < 0.3, "{low:?}");
            assert!((14.0..36.0).contains(&(high[0] - low[0])));
        }
        for (landmark, place) in specimen.landmarks.iter() {
            let axial = matches!(
                landmark,
                Landmark::UlnarHeadCenter
                    | Landmark::RadialShaftDistal
                    | Landmark::RadialShaftProximal
                    | Landmark::UlnarShaftDistal
                    | Landmark::UlnarShaftProximal
            );
            let mesh = specimen.outer.bone(landmark.bone());
            let far = Locator::new(mesh).closest(place).distance;
            assert!(axial == (far > 1.0), "{landmark:?} {far} mm off the skin");
        }
    }

    #[test]
    fn drawn_people_are_whole_and_repeat() {
        for family in FAMILIES {
            let specimen = draw(family, 17, 80.0).unwrap();
            check(&specimen);
            assert_eq!(specimen.generator, family.generator());
            assert_ne!(specimen.measures, mean(family).unwrap().measures);
        }
    }
}
