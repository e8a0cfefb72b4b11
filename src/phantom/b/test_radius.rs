//! B-test's distal radius: a soft polygon of flaring planes, from which two
//! ellipsoids (the carpals' places) and a cylinder (the ulnar head's) are
//! taken. Nothing of it is shared with B-dev's but the person.

use super::person::Notch;
use super::person::Person;
use super::residual::Waves;
use super::solid::BoneSolid;
use super::solid::Solid;
use super::solid::bell;
use super::solid::between;
use super::solid::ramp;
use super::solid::smooth_max;
use super::solid::smooth_min;
use crate::geometry::vector;
use crate::radiography::Random;

/// A side of the section: direction (degrees), distance at the joint and in
/// the shaft, where between them it flares and how fast.
type Face = (f64, f64, f64, f64, f64);

/// Thumb, thumb and back, back, corner, ulna, corner, palm, palm and thumb.
const FACES: [Face; 8] = [
    (0.0, 16.1, 6.9, -13.5, 5.2),
    (48.0, 13.0, 6.2, -15.0, 4.8),
    (92.0, 10.1, 5.9, -17.0, 4.5),
    (132.0, 14.3, 6.1, -17.5, 4.5),
    (180.0, 13.2, 9.1, -18.0, 4.8),
    (222.0, 14.9, 6.3, -16.0, 4.0),
    (268.0, 10.7, 5.5, -12.5, 3.3),
    (312.0, 13.6, 6.1, -13.0, 4.5),
];

/// Thickness of the wall over the height, millimeters on a bone of size one.
const CORTEX: [(f64, f64); 6] = [
    (-80.0, 3.0),
    (-58.0, 2.6),
    (-40.0, 2.1),
    (-28.0, 1.5),
    (-18.0, 1.0),
    (-8.0, 0.7),
];

/// One B-test radius.
pub(super) struct Radius {
    person: Person,
    slope: [f64; 2],
    bend: [Waves<3>; 2],
    relief: [Waves<1>; 3],
    bumps: Vec<([f64; 3], f64, f64)>,
}

impl Radius {
    /// A person's radius, its joint plane sloped along x and y.
    pub(super) fn new(person: &Person, slope: [f64; 2], seed: u64) -> Self {
        let mut random = Random::new(seed, 0xB2_01);
        let r = person.residual;
        let bend = [
            Waves::new(&mut random, 10, 75.0, [0.33, 0.32, 0.38].map(|sd| sd * r)),
            Waves::new(&mut random, 14, 36.0, [0.17 * r; 3]),
        ];
        let mut waves = |count, length, sd: f64| Waves::new(&mut random, count, length, [sd * r]);
        let relief = [
            waves(12, 22.0, 0.13),
            waves(14, 10.0, 0.07),
            waves(14, 5.5, 0.03),
        ];
        let bumps = (0..12)
            .map(|_| {
                let turn = random.between(0.0, std::f64::consts::TAU);
                let z = random.between(-45.0, 2.0);
                let far = if z > -14.0 { 12.0 } else { 8.0 };
                let place = [far * turn.cos(), 0.8 * far * turn.sin(), z];
                (
                    place,
                    random.between(2.6, 5.5),
                    random.around(0.0, 0.25, 2.5) * r,
                )
            })
            .collect();
        Self {
            person: person.clone(),
            slope,
            bend,
            relief,
            bumps,
        }
    }

    /// A place on a straight bone of size one.
    fn local(&self, p: [f64; 3]) -> [f64; 3] {
        let person = &self.person;
        let [long, short] = [self.bend[0].at(p), self.bend[1].at(p)];
        let bent = vector::add(p, vector::add(long, short));
        let [x, y, z] = bent.map(|v| v / person.size);
        let low = z.max(-90.0);
        let arc = -0.5 * (low + 34.0) * (low + 64.0) * person.size;
        let turn = (person.torsion_deg * between(&[(-60.0, 1.0), (-10.0, 0.0)], z)).to_radians();
        let (sine, cosine) = turn.sin_cos();
        let (x, y) = (x - person.bow[0] * arc, y - person.bow[1] * arc);
        [x * cosine + y * sine, y * cosine - x * sine, z]
    }

    /// How far a side of the section is at a height.
    fn face(&self, number: usize, z: f64) -> f64 {
        let person = &self.person;
        let (degrees, end, shaft, from, width) = FACES[number];
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let sized = |wide: f64, deep: f64| (wide * cosine).hypot(deep * sine);
        let end = end * sized(1.07 * person.width, person.depth);
        let lean = 12.0 * ((self.slope[0] - 0.435) * cosine + (self.slope[1] - 0.194) * sine);
        let pronator = if number == 6 {
            1.4 * (person.pronator - 1.0)
        } else {
            0.0
        };
        let from = from * person.flare + lean + pronator;
        let share = 1.0 / (1.0 + (-(z - from) / (width * person.flare)).exp());
        let crest = if number == 4 {
            0.7 * (person.crest[0] - 1.0)
        } else {
            0.0
        };
        let shaft = (shaft + crest) * person.shaft;
        // The styloid tapers toward its tip.
        let high = ramp(z, -4.0, 9.0) * 9.0;
        let taper = match number {
            0 => 0.05,
            1 => 0.50,
            7 => 0.36,
            _ => 0.0,
        };
        shaft + (end - shaft) * share - taper * high / person.styloid_width
    }

    fn wall(&self, [x, y, z]: [f64; 3]) -> f64 {
        let soft = 0.75 + 0.75 * ramp(z, -40.0, -8.0);
        let mut sum = 0.0;
        for (number, face) in FACES.iter().enumerate() {
            let (sine, cosine) = face.0.to_radians().sin_cos();
            sum += ((x * cosine + y * sine - self.face(number, z)) / soft).exp();
        }
        soft * sum.ln()
    }

    fn plane(&self, x: f64, y: f64) -> f64 {
        self.slope[0] * x + self.slope[1] * y
    }

    /// The joint surface as a field: the rim's plane, less the two carpals.
    fn joint(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let styloid = 2.6 * person.styloid * ramp(x, 7.0, 16.5);
        let spur = person.spur * bell(x - 13.8, 1.8) * bell(y + 1.2, 2.0);
        let above = z - self.plane(x, y);
        let rim = (above - 0.7 - styloid - spur) * 0.9;
        let carpal = |middle: [f64; 2], axes: [f64; 3], depth: f64| {
            let w = [
                (x - middle[0]) / axes[0],
                (y - middle[1]) / axes[1],
                (above - axes[2] + depth) / axes[2],
            ];
            (1.0 - vector::length(w)) * axes[2]
        };
        let ridge = -person.ridge_x;
        let scaphoid = carpal(
            [ridge + 8.0, -0.7],
            [15.5, 14.5, 12.0],
            2.0 * person.scaphoid,
        );
        let lunate = carpal([ridge - 6.6, -0.2], [13.5, 14.0, 12.0], 1.9 * person.lunate);
        let both = smooth_min(-scaphoid, -lunate, 0.9 / person.ridge.max(0.3));
        smooth_max(rim, -both, 1.6)
    }

    /// The ulnar head's place: a cylinder that leaves the wall proximally.
    fn notch(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let below = self.plane(-12.5, 0.0) - z;
        let (radius, middle, depth) = match person.notch {
            Notch::C => (person.notch_radius, -0.4, 1.5),
            Notch::Flat => (60.0, -0.4, 0.4),
            Notch::SkiSlope => (person.notch_radius - 2.0, 2.2, 1.3),
            Notch::S => (person.notch_radius - 4.5, 2.9, 1.3),
        };
        let gone = 4.0 * ramp(below, 0.55 * person.notch_height, 2.4 * person.notch_height);
        let slant = (person.version_deg - 5.0).to_radians().tan() * (y - middle);
        let wall = -self.face(4, z.max(-12.0)) + depth - gone - radius;
        let bulge = match person.notch {
            Notch::S => 0.8 * bell(y + 3.2, 2.0) * (1.0 - gone / 4.0),
            Notch::C | Notch::Flat | Notch::SkiSlope => 0.0,
        };
        radius - (x - wall - slant).hypot(y - middle) - bulge
    }

    /// Lister's tubercle, and the bed of the tendon on its ulnar side.
    fn tubercle(&self, [x, y, z]: [f64; 3]) -> [f64; 2] {
        let person = &self.person;
        let back = self.face(2, z);
        let along = z - person.lister_z;
        let across = x - person.lister_x - person.lister_slant * along;
        let high = back + person.lister * bell(along, 4.6) - 2.8;
        let ends = 6.0 * ramp(along.abs(), 6.0, 14.0);
        let rise = across.hypot(y - high) - 2.1 + ends;
        let low = back + 2.4 - person.groove * bell(along - 3.0, 6.0);
        let ends = 6.0 * ramp((along - 3.0).abs(), 7.0, 16.0);
        let bed = 2.4 - (across + 3.9).hypot(y - low) - ends;
        [rise, bed]
    }

    /// Everything but the joint surface, on a bone of size one.
    fn body(&self, l: [f64; 3]) -> f64 {
        let person = &self.person;
        let [x, y, z] = l;
        let [rise, bed] = self.tubercle(l);
        let below = self.plane(x, y) - z;
        let palm = person.lips[0] * bell(below - 1.8, 2.2) * ramp(-y, 2.0, 7.0);
        let back = person.lips[1] * bell(below - 1.4, 1.7) * ramp(y, 2.0, 7.0);
        let rim = person.rim_osteophyte * bell(below - 1.6, 1.4) * (0.5 + 0.5 * (0.4 * x).cos());
        let [height, place, from] = person.exostosis;
        let turn = y.atan2(x) - place.to_radians();
        let exostosis = height * (4.0 * (turn.cos() - 1.0)).exp() * bell(z - from, 3.2);
        let wall = self.wall(l) - palm - back - rim - exostosis;
        let raised = if y > 4.0 {
            smooth_min(wall, rise, 2.2)
        } else {
            wall
        };
        let grooved = if y > 3.0 {
            smooth_max(raised, bed, 1.2)
        } else {
            raised
        };
        if x < -4.0 {
            smooth_max(grooved, self.notch(l), 0.8)
        } else {
            grooved
        }
    }

    fn relief(&self, p: [f64; 3]) -> f64 {
        let waves: f64 = self.relief.iter().map(|w| w.at(p)[0]).sum();
        let bumps = self
            .bumps
            .iter()
            .map(|(place, sd, height)| height * bell(vector::length(vector::sub(p, *place)), *sd));
        waves + bumps.sum::<f64>()
    }
}

impl Solid for Radius {
    fn value(&self, p: [f64; 3]) -> f64 {
        let l = self.local(p);
        let round = 1.7 + 0.5 * ramp(l[0], 8.0, 14.0);
        smooth_max(self.body(l), self.joint(l), round) * self.person.size - self.relief(p)
    }
}

impl BoneSolid for Radius {
    fn is_joint(&self, p: [f64; 3]) -> bool {
        let l = self.local(p);
        let below = self.plane(-12.5, 0.0) - l[2];
        let facet =
            l[0] < -7.0 && (l[1] + 0.4).abs() < 6.2 && below < 0.8 * self.person.notch_height;
        self.joint(l) > self.body(l) || facet
    }

    fn hollow(&self, p: [f64; 3]) -> f64 {
        let person = &self.person;
        let l = self.local(p);
        let wall = between(&CORTEX, l[2]) * person.cortex;
        let inner = smooth_max(
            self.body(l) + wall,
            self.joint(l) + 1.4 * person.cortex,
            3.0,
        );
        inner * person.size - self.relief[0].at(p)[0]
    }
}
