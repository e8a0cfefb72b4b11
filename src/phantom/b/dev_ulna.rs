//! B-dev's distal ulna: a shaft of authored sections, a head, a styloid, and
//! what tendon and ligament take out of them.
//!
//! Its own frame: the shaft's axis is z, the dome near z = 0.

use super::dev_radius::apart;
use super::person::Person;
use super::residual::Lattice;
use super::sections::Section;
use super::sections::Sections;
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
pub(super) const HEAD: [f64; 2] = [1.0, -0.5];

/// Sections of the shaft: a triangle with the interosseous border toward the
/// radius, round at the neck.
const SECTIONS: [Section<'static>; 7] = [
    (-150.0, &SHAFT),
    (-80.0, &SHAFT),
    (-58.0, &SHAFT),
    (
        -38.0,
        &[
            [6.6, 0.2],
            [5.0, 2.8],
            [2.4, 4.8],
            [-1.0, 5.4],
            [-4.0, 4.4],
            [-5.5, 2.0],
            [-5.6, -1.4],
            [-4.0, -4.2],
            [-1.0, -5.2],
            [2.4, -4.3],
            [5.2, -2.0],
        ],
    ),
    (
        -25.0,
        &[
            [5.8, 0.2],
            [4.7, 2.8],
            [2.2, 4.7],
            [-0.8, 5.2],
            [-3.7, 4.2],
            [-5.1, 2.0],
            [-5.2, -1.2],
            [-3.8, -3.9],
            [-0.8, -5.0],
            [2.3, -4.3],
            [4.8, -2.3],
        ],
    ),
    (
        -14.0,
        &[
            [5.7, -0.2],
            [4.8, 2.8],
            [2.4, 4.8],
            [-0.6, 5.5],
            [-3.7, 4.7],
            [-5.5, 2.3],
            [-5.4, -1.2],
            [-3.8, -4.1],
            [-0.6, -5.4],
            [2.5, -4.8],
            [4.9, -2.8],
        ],
    ),
    (
        -6.0,
        &[
            [7.2, -0.4],
            [6.0, 3.2],
            [3.2, 5.6],
            [-0.6, 6.4],
            [-4.6, 5.8],
            [-6.8, 3.4],
            [-6.4, -1.0],
            [-4.6, -4.8],
            [-0.6, -6.4],
            [3.2, -6.2],
            [6.0, -4.0],
        ],
    ),
];

const SHAFT: [[f64; 2]; 11] = [
    [7.7, 0.2],
    [5.7, 2.5],
    [2.6, 4.7],
    [-1.0, 5.8],
    [-4.4, 4.8],
    [-6.0, 2.0],
    [-6.2, -1.4],
    [-4.4, -4.4],
    [-1.0, -5.6],
    [2.6, -4.4],
    [5.8, -1.9],
];

/// Thickness of the wall over the height, millimeters on a bone of size one.
const CORTEX: [(f64, f64); 6] = [
    (-80.0, 2.7),
    (-55.0, 2.4),
    (-38.0, 1.9),
    (-25.0, 1.3),
    (-14.0, 0.9),
    (-6.0, 0.75),
];

/// One B-dev ulna.
pub(super) struct Ulna {
    person: Person,
    sections: Sections,
    warp: [Lattice; 3],
    relief: [Lattice; 2],
}

impl Ulna {
    /// A person's ulna.
    pub(super) fn new(person: &Person, seed: u64) -> Self {
        let mut random = Random::new(seed, 0xB1_02);
        let r = person.residual;
        let mut field = |spacing: f64, sd: f64| Lattice::new(&mut random, spacing, sd * r);
        Self {
            person: person.clone(),
            sections: Sections::new(&SECTIONS),
            warp: [field(24.0, 0.42), field(24.0, 0.42), field(22.0, 0.42)],
            relief: [field(8.0, 0.15), field(3.8, 0.06)],
        }
    }

    fn local(&self, p: [f64; 3]) -> [f64; 3] {
        let person = &self.person;
        let warped: [f64; 3] = std::array::from_fn(|a| (p[a] + self.warp[a].at(p)) / person.size);
        let [x, y, z] = warped;
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
        let angle = y.atan2(x);
        let thick = person.shaft + (person.neck - person.shaft) * ramp(z, -34.0, -16.0);
        let crest =
            1.5 * (person.crest[1] - 1.0) * bell(apart(angle, 0.04), 0.2) * ramp(-z, 24.0, 40.0);
        let reach = thick * self.sections.at(angle, z) + crest;
        // It ends inside the head.
        smooth_max(x.hypot(y) - reach, z + 4.0, 3.0)
    }

    /// The head: a cushion with an upright wall for the notch and a dome.
    fn head(&self, [x, y, z]: [f64; 3]) -> f64 {
        let person = &self.person;
        let half = 0.5 * person.head;
        let (u, v) = (x - HEAD[0], y - HEAD[1]);
        let angle = v.atan2(u);
        // A little narrower from palm to back, and away from the seat.
        let seat = half * (1.0 - 0.035 * (v / half).powi(2).min(1.0));
        let reach = seat - 0.8 * bell(apart(angle, 2.6), 0.6);
        let high = 4.6 * person.head_height;
        let across = u.hypot(v) / reach;
        let along = (z + high) / high;
        let power = if along > 0.0 { 2.4 } else { 2.0 };
        let stretched = if along > 0.0 { along } else { along * 0.5 };
        let norm = (across.powf(power) + stretched.abs().powf(power)).powf(1.0 / power);
        (norm - 1.0) * high.min(reach) * 1.2
    }

    /// The styloid: a tapering finger on the side toward the little finger and
    /// the back.
    fn styloid(&self, p: [f64; 3]) -> f64 {
        let person = &self.person;
        let root = [HEAD[0] - 4.6, HEAD[1] + 3.0, -8.5];
        let tip = [
            HEAD[0] - 5.9 - 6.0 * person.ulnar_lean[0],
            HEAD[1] + 3.5 + 5.0 * person.ulnar_lean[1],
            person.ulnar_styloid - 2.2,
        ];
        let along = vector::sub(tip, root);
        let part = vector::dot(vector::sub(p, root), along) / vector::dot(along, along);
        let part = part.clamp(0.0, 1.0);
        let nearest = vector::add(root, vector::scale(along, part));
        let girth = (4.5 - 2.7 * part) * person.ulnar_girth;
        vector::length(vector::sub(p, nearest)) - girth
    }

    /// Everything on a bone of size one.
    fn body(&self, l: [f64; 3]) -> f64 {
        let person = &self.person;
        let head = smooth_min(self.shaft(l), self.head(l), 5.0);
        let whole = smooth_min(head, self.styloid(l), 2.4);
        // The fovea at the styloid's foot, and the groove of the tendon that
        // extends the wrist toward the ulna.
        let pit = [HEAD[0] - 3.0, HEAD[1] + 1.5, 1.9];
        let fovea = 3.2 - vector::length(vector::sub(l, pit)) - 1.3 + person.fovea;
        let whole = smooth_max(whole, fovea, 1.0);
        let groove = 3.6 - (l[0] - HEAD[0] + 2.3).hypot(l[1] - HEAD[1] - 10.6) - 1.2 + person.ecu;
        let near = groove - 3.0 * ramp(-l[2], 9.0, 20.0);
        smooth_max(whole, near, 1.2)
    }

    fn whole(&self, p: [f64; 3]) -> f64 {
        let relief = self.relief[0].at(p) + self.relief[1].at(p);
        self.body(self.local(p)) * self.person.size - relief
    }
}

impl Solid for Ulna {
    fn value(&self, p: [f64; 3]) -> f64 {
        self.whole(p)
    }
}

impl BoneSolid for Ulna {
    fn is_joint(&self, p: [f64; 3]) -> bool {
        let l = self.local(p);
        let away = apart((l[1] - HEAD[1]).atan2(l[0] - HEAD[0]), 2.57);
        let seat = 2.0 * 4.6 * self.person.head_height;
        let facet = away > 0.78 && l[2] > -seat;
        facet && self.styloid(l) > 1.0
    }

    fn hollow(&self, p: [f64; 3]) -> f64 {
        let l = self.local(p);
        let plate = 0.6 * ramp(l[2], -4.0, -1.0);
        let cortex = (between(&CORTEX, l[2]) + plate) * self.person.cortex;
        (self.body(l) + cortex) * self.person.size - self.relief[0].at(p)
    }
}
