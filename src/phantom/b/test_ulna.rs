//! B-test's distal ulna: a soft polygon for the shaft, a turned head, an
//! ellipsoid for the styloid; pits and grooves as bells.
//!
//! Its own frame: the shaft's axis is z, the dome near z = 0.

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

/// The middle of the head, seen from the shaft's axis.
pub(super) const HEAD: [f64; 2] = [0.8, -0.6];

/// A side of the shaft: direction (degrees), distance in the shaft and at the
/// neck.
const FACES: [[f64; 3]; 6] = [
    [2.0, 7.4, 5.7],
    [66.0, 5.1, 5.3],
    [124.0, 5.6, 5.5],
    [182.0, 6.1, 5.4],
    [238.0, 5.3, 5.2],
    [296.0, 4.9, 5.1],
];

/// Thickness of the wall over the height, millimeters on a bone of size one.
const CORTEX: [(f64, f64); 6] = [
    (-80.0, 2.8),
    (-52.0, 2.4),
    (-36.0, 1.8),
    (-24.0, 1.2),
    (-13.0, 0.85),
    (-5.0, 0.7),
];

/// One B-test ulna.
pub(super) struct Ulna {
    person: Person,
    bend: [Waves<3>; 2],
    relief: [Waves<1>; 3],
    bumps: Vec<([f64; 3], f64, f64)>,
}

impl Ulna {
    /// A person's ulna.
    pub(super) fn new(person: &Person, seed: u64) -> Self {
        let mut random = Random::new(seed, 0xB2_02);
        let r = person.residual;
        let bend = [
            Waves::new(&mut random, 10, 75.0, [0.44, 0.44, 0.44].map(|sd| sd * r)),
            Waves::new(&mut random, 14, 34.0, [0.17 * r; 3]),
        ];
        let mut waves = |count, length, sd: f64| Waves::new(&mut random, count, length, [sd * r]);
        let relief = [
            waves(12, 20.0, 0.13),
            waves(14, 9.0, 0.065),
            waves(14, 5.0, 0.03),
        ];
        let bumps = (0..10)
            .map(|_| {
                let turn = random.between(0.0, std::f64::consts::TAU);
                let place = [
                    7.0 * turn.cos(),
                    7.0 * turn.sin(),
                    random.between(-45.0, 0.0),
                ];
                (
                    place,
                    random.between(2.4, 5.0),
                    random.around(0.0, 0.24, 2.5) * r,
                )
            })
            .collect();
        Self {
            person: person.clone(),
            bend,
            relief,
            bumps,
        }
    }

    fn local(&self, p: [f64; 3]) -> [f64; 3] {
        let person = &self.person;
        let [long, short] = [self.bend[0].at(p), self.bend[1].at(p)];
        let bent = vector::add(p, vector::add(long, short));
        let [x, y, z] = bent.map(|v| v / person.size);
        let low = z.max(-90.0);
        let arc = -0.5 * (low + 30.0) * (low + 60.0) * person.size;
        [
            x - person.ulna_bow[0] * arc,
            y - person.ulna_bow[1] * arc,
            z,
        ]
    }

    fn shaft(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let soft = 0.6 + 0.9 * ramp(z, -46.0, -20.0);
        let neck = ramp(z, -44.0, -19.0);
        let mut sum = 0.0;
        for (number, [degrees, shaft, near]) in FACES.into_iter().enumerate() {
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let crest = if number == 0 {
                0.8 * (person.crest[1] - 1.0)
            } else {
                0.0
            };
            let shaft = (shaft + crest) * person.shaft;
            let far = shaft + (near * person.neck - shaft) * neck;
            sum += ((x * cosine + y * sine - far) / soft).exp();
        }
        smooth_max(soft * sum.ln(), z + 5.0, 3.0)
    }

    fn head(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let (u, v) = (x - HEAD[0], y - HEAD[1]);
        let half = 0.5 * person.head;
        let height = z / person.head_height;
        // Less than a whole circle: flatter toward the styloid.
        let away = -0.87 * u + 0.5 * v;
        let flat = 0.09 * ramp(away, 2.0, 9.0);
        let turned = 0.30 + 0.70 * ramp(height, -24.0, -3.5) - 0.05 * ramp(height, -3.0, 1.0);
        let reach = half * (turned - flat);
        let around = u.hypot(1.03 * v);
        let dome = (z + around * around / 30.0) * 0.9;
        let end = smooth_max(around - reach, dome, 2.4);
        smooth_max(end, -(z + 20.0), 2.0)
    }

    fn styloid(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let high = 8.5;
        let middle = person.ulnar_styloid - high;
        let up = (z - middle).max(-4.0);
        let lean = [
            -0.75 * person.ulnar_lean[0] * up,
            0.6 * person.ulnar_lean[1] * up,
        ];
        let girth = 3.5 * person.ulnar_girth;
        let w = [
            (x - HEAD[0] + 5.0 - lean[0]) / girth,
            (y - HEAD[1] - 2.9 - lean[1]) / (0.92 * girth),
            (z - middle) / high,
        ];
        (vector::length(w) - 1.0) * girth * 0.9
    }

    fn body(&self, l: [f64; 3]) -> f64 {
        let person = &self.person;
        let head = smooth_min(self.shaft(l), self.head(l), 3.5);
        let whole = smooth_min(head, self.styloid(l), 2.0);
        let (u, v) = (l[0] - HEAD[0], l[1] - HEAD[1]);
        let fovea = person.fovea * bell((u + 2.4).hypot(v - 1.2), 1.8) * ramp(l[2], -4.0, -1.5);
        let turn = v.atan2(u) - 1.8;
        let tendon = person.ecu
            * (9.0 * (turn.cos() - 1.0)).exp()
            * ramp(l[2], -20.0, -8.0)
            * ramp(u.hypot(v), 3.5, 6.0);
        whole + fovea + tendon
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

impl Solid for Ulna {
    fn value(&self, p: [f64; 3]) -> f64 {
        self.body(self.local(p)) * self.person.size - self.relief(p)
    }
}

impl BoneSolid for Ulna {
    fn is_joint(&self, p: [f64; 3]) -> bool {
        let l = self.local(p);
        let (u, v) = (l[0] - HEAD[0], l[1] - HEAD[1]);
        let away = (-0.87 * u + 0.5 * v) / u.hypot(v).max(0.1);
        away < 0.71 && l[2] > -8.5 * self.person.head_height && self.styloid(l) > 1.0
    }

    fn hollow(&self, p: [f64; 3]) -> f64 {
        let l = self.local(p);
        let plate = 0.6 * ramp(l[2], -4.0, -1.0);
        let cortex = (between(&CORTEX, l[2]) + plate) * self.person.cortex;
        (self.body(l) + cortex) * self.person.size - self.relief[0].at(p)[0]
    }
}
