//! B-dev's distal radius: authored sections, two overlapping fossae and the
//! features that have names, as one solid.

use super::person::Person;
use super::person::notch_depth;
use super::residual::Lattice;
use super::sections::Section;
use super::sections::Sections;
use super::solid::BoneSolid;
use super::solid::Solid;
use super::solid::bell;
use super::solid::between;
use super::solid::ramp;
use super::solid::smooth_max;
use crate::radiography::Random;

/// The half chord of the sigmoid notch and its middle toward the back.
const HALF_CHORD: f64 = 6.6;
const NOTCH_Y: f64 = -0.4;

/// Sections from proximal to distal, on the shaft's axis: x to the thumb, y to
/// the back. Drawn after the cross-sections of anatomy atlases: a triangle with
/// a sharp interosseous border toward the ulna in the shaft, a trapezoid that
/// is hollow toward the palm at the end.
const SECTIONS: [Section<'static>; 12] = [
    (-150.0, &SHAFT),
    (-85.0, &SHAFT),
    (-60.0, &SHAFT),
    (
        -38.0,
        &[
            [7.6, 0.2],
            [6.6, 3.4],
            [3.8, 5.5],
            [0.5, 6.3],
            [-3.0, 5.6],
            [-6.6, 3.4],
            [-8.8, 1.0],
            [-9.2, 0.0],
            [-8.4, -1.2],
            [-5.4, -3.8],
            [-1.5, -5.4],
            [2.5, -5.4],
            [5.5, -4.2],
            [7.2, -2.2],
        ],
    ),
    (
        -27.0,
        &[
            [8.9, 0.0],
            [7.8, 3.6],
            [4.8, 6.0],
            [1.0, 7.0],
            [-2.5, 6.8],
            [-6.4, 5.2],
            [-9.2, 2.4],
            [-10.0, 0.4],
            [-9.2, -1.6],
            [-6.6, -4.4],
            [-2.5, -5.8],
            [2.0, -5.7],
            [5.5, -5.0],
            [8.0, -3.0],
        ],
    ),
    (
        -19.0,
        &[
            [10.8, -0.5],
            [9.5, 3.8],
            [6.2, 6.6],
            [2.0, 7.9],
            [-2.0, 8.0],
            [-6.5, 7.0],
            [-9.8, 4.4],
            [-10.8, 1.6],
            [-10.4, -1.4],
            [-8.8, -4.8],
            [-5.0, -6.6],
            [0.0, -6.5],
            [5.0, -5.8],
            [8.9, -4.2],
        ],
    ),
    (
        -13.0,
        &[
            [12.9, -1.0],
            [11.3, 4.2],
            [7.6, 7.4],
            [3.0, 8.8],
            [-1.0, 9.0],
            [-5.5, 8.6],
            [-10.0, 6.8],
            [-11.6, 4.6],
            [-11.6, 0.0],
            [-11.2, -4.6],
            [-9.6, -7.4],
            [-4.6, -8.0],
            [2.0, -7.3],
            [7.0, -6.6],
            [10.9, -5.0],
        ],
    ),
    (
        -8.0,
        &[
            [14.8, -1.5],
            [12.9, 4.6],
            [8.9, 8.0],
            [4.0, 9.5],
            [0.0, 9.7],
            [-5.0, 9.6],
            [-11.0, 8.0],
            [-12.5, 6.2],
            [-12.4, 0.0],
            [-12.5, -6.0],
            [-11.0, -8.9],
            [-5.0, -10.0],
            [2.0, -9.2],
            [8.0, -8.2],
            [12.4, -6.2],
        ],
    ),
    (
        -4.0,
        &[
            [15.6, -1.5],
            [13.8, 4.6],
            [9.5, 8.2],
            [4.5, 9.6],
            [0.0, 9.8],
            [-5.0, 9.8],
            [-11.4, 8.2],
            [-12.8, 6.6],
            [-12.6, 0.0],
            [-13.0, -7.0],
            [-11.6, -9.6],
            [-5.0, -10.9],
            [2.0, -10.2],
            [8.5, -9.0],
            [13.2, -6.6],
        ],
    ),
    (
        0.0,
        &[
            [15.7, -1.8],
            [13.8, 3.9],
            [9.6, 7.6],
            [4.5, 9.3],
            [0.0, 9.6],
            [-5.0, 9.7],
            [-11.3, 8.2],
            [-12.7, 6.6],
            [-12.5, 0.0],
            [-12.9, -7.0],
            [-11.4, -9.6],
            [-5.0, -10.7],
            [2.0, -9.9],
            [8.5, -8.6],
            [13.3, -6.3],
        ],
    ),
    (
        5.0,
        &[
            [15.5, -2.2],
            [13.4, 2.4],
            [9.3, 6.2],
            [4.5, 8.6],
            [0.0, 9.2],
            [-5.0, 9.5],
            [-11.3, 8.2],
            [-12.7, 6.6],
            [-12.5, 0.0],
            [-12.9, -7.0],
            [-11.4, -9.6],
            [-5.0, -10.4],
            [2.0, -9.5],
            [8.3, -8.0],
            [12.6, -5.7],
        ],
    ),
    (
        12.0,
        &[
            [13.2, -2.4],
            [11.0, 0.2],
            [8.2, 3.8],
            [4.5, 7.8],
            [0.0, 8.8],
            [-5.0, 9.2],
            [-11.3, 8.2],
            [-12.7, 6.6],
            [-12.5, 0.0],
            [-12.9, -7.0],
            [-11.4, -9.6],
            [-5.0, -10.2],
            [2.0, -9.0],
            [8.0, -7.0],
            [10.8, -4.6],
        ],
    ),
];

const SHAFT: [[f64; 2]; 14] = [
    [7.0, 0.2],
    [6.0, 3.2],
    [3.4, 5.2],
    [0.0, 5.8],
    [-3.4, 4.8],
    [-6.6, 2.6],
    [-8.4, 0.6],
    [-8.7, -0.2],
    [-7.8, -1.2],
    [-4.8, -3.6],
    [-1.0, -5.2],
    [2.6, -5.2],
    [5.2, -3.9],
    [6.7, -2.0],
];

/// One B-dev radius.
pub(super) struct Radius {
    person: Person,
    slope: [f64; 2],
    sections: Sections,
    warp: [Lattice; 3],
    relief: [Lattice; 2],
}

/// Thickness of the wall over the height, millimeters on a bone of size one.
const CORTEX: [(f64, f64); 6] = [
    (-80.0, 2.9),
    (-60.0, 2.7),
    (-42.0, 2.2),
    (-30.0, 1.6),
    (-20.0, 1.05),
    (-9.0, 0.75),
];

/// What makes the surface at a place.
struct Parts {
    wall: f64,
    joint: f64,
    round: f64,
    section: [f64; 2],
    z: f64,
}

/// A place in the bone's own terms.
struct Local {
    /// Straightened, on a bone of size one, then as the sections are drawn.
    plain: [f64; 2],
    drawn: [f64; 2],
    z: f64,
}

impl Radius {
    /// A person's radius, its joint plane sloped along x and y.
    pub(super) fn new(person: &Person, slope: [f64; 2], seed: u64) -> Self {
        let mut random = Random::new(seed, 0xB1_01);
        let r = person.residual;
        let mut field = |spacing: f64, sd: f64| Lattice::new(&mut random, spacing, sd * r);
        Self {
            person: person.clone(),
            slope,
            sections: Sections::new(&SECTIONS),
            warp: [field(26.0, 0.32), field(26.0, 0.30), field(22.0, 0.36)],
            relief: [field(9.0, 0.16), field(4.2, 0.07)],
        }
    }

    fn local(&self, p: [f64; 3]) -> Local {
        let person = &self.person;
        let warped: [f64; 3] = std::array::from_fn(|a| (p[a] + self.warp[a].at(p)) / person.size);
        let [x, y, z] = warped;
        // The axis that is read 30 and 60 mm from the joint stays where it is.
        let low = z.max(-90.0);
        let arc = -0.5 * (low + 34.0) * (low + 64.0) * person.size;
        let (x, y) = (x - person.bow[0] * arc, y - person.bow[1] * arc);
        let turn = person.torsion_deg.to_radians() * ramp(-z, 14.0, 60.0);
        let (sine, cosine) = turn.sin_cos();
        let plain = [x * cosine + y * sine, y * cosine - x * sine];
        let end = ramp(z, -26.0, -7.0);
        let wide = person.shaft + (1.10 * person.width - person.shaft) * end;
        let deep = person.shaft + (1.02 * person.depth - person.shaft) * end;
        let drawn = [plain[0] / wide, plain[1] / deep];
        Local { plain, drawn, z }
    }

    /// The height of the joint surface.
    fn joint_at(&self, l: &Local) -> f64 {
        let person = &self.person;
        let [x, y] = l.drawn;
        let middle = -person.ridge_x;
        let scaphoid =
            2.4 * person.scaphoid - (x - middle - 7.6).powi(2) / 34.0 - (y + 0.6).powi(2) / 27.0;
        let lunate =
            2.2 * person.lunate - (x - middle + 6.2).powi(2) / 30.0 - (y + 0.2).powi(2) / 25.5;
        let ridge = 0.35 * (person.ridge - 0.4) * bell(x - middle, 2.0);
        let styloid = 1.9 * person.styloid * bell(x - 15.5, 3.8) * bell(y + 1.8, 4.2);
        let spur = person.spur * bell(x - 14.2, 1.5) * bell(y + 1.6, 1.7);
        self.slope[0] * l.plain[0] + self.slope[1] * l.plain[1]
            - smooth_max(smooth_max(scaphoid, lunate, 0.8), -0.9, 1.6)
            + ridge
            + styloid
            + spur
    }

    /// How far the wall stands out of its section.
    fn features(&self, l: &Local, angle: f64, below: f64) -> f64 {
        let person = &self.person;
        let ([x, y], z) = (l.drawn, l.z);
        let (back, palm) = (ramp(y, 1.0, 5.0), ramp(-y, 1.0, 5.0));
        let across = x - person.lister_x - person.lister_slant * (z - person.lister_z);
        let along = z - person.lister_z;
        let tubercle = person.lister * bell(across, 1.8) * bell(along, 4.0)
            - person.groove * bell(across + 3.5, 1.5) * bell(along - 2.0, 5.5)
            - 0.45 * bell(across - 4.4, 2.0) * bell(along - 2.5, 5.0);
        let dorsal = tubercle + person.lips[1] * bell(below - 1.4, 1.4);
        let lunate_side = 0.45 + 0.55 * ramp(-x, -3.0, 8.0);
        let volar = person.lips[0] * lunate_side * bell(below - 2.0, 1.9)
            - 1.1 * (person.pronator - 1.0) * bell(z + 15.0, 6.5)
            + 0.5 * bell(x - 10.5, 2.6) * bell(z + 2.5, 3.2);
        let thumb = -0.4 * bell(apart(angle, -0.22), 0.2) * bell(z + 3.0, 6.0)
            + 5.0 * (person.styloid_width - 1.0) * ramp(z, -2.0, 5.0) * ramp(x, 6.0, 12.0);
        let crest =
            1.7 * (person.crest[0] - 1.0) * bell(apart(angle, 3.16), 0.17) * ramp(-z, 18.0, 34.0);
        let [height, place, from] = person.exostosis;
        let exostosis = height * bell(apart(angle, place.to_radians()), 0.28) * bell(z - from, 2.6);
        let uneven = 0.55 + 0.45 * (3.0 * angle + 0.1 * person.exostosis[1]).sin();
        let osteophyte = person.rim_osteophyte * uneven * bell(below - 1.4, 1.5);
        dorsal * back + volar * palm + thumb + crest + exostosis + osteophyte - self.notch(l)
    }

    /// How deep the sigmoid notch is cut at a place.
    fn notch(&self, l: &Local) -> f64 {
        let person = &self.person;
        let [x, y] = l.drawn;
        let from_middle = y - NOTCH_Y;
        let radius = person.notch_radius.max(9.0);
        let depth = radius - (radius * radius - HALF_CHORD * HALF_CHORD).sqrt();
        let below = self.notch_rim() - l.z;
        let height = person.notch_height;
        let window = (1.0 - ramp(below, 0.6 * height, 2.3 * height)) * ramp(-x, 5.0, 9.0);
        let turned = (person.version_deg - 5.0).to_radians().tan() * from_middle;
        let edge = 1.0 - ramp(from_middle.abs(), HALF_CHORD, HALF_CHORD + 3.0);
        let proximal_taper = 0.25 * ramp(below, 3.0, 9.0);
        let cut = depth * notch_depth(person.notch, from_middle / HALF_CHORD);
        window * (cut + turned * edge + proximal_taper * edge)
    }

    /// The height of the rim above the notch, on the undisturbed plane.
    fn notch_rim(&self) -> f64 {
        -12.5 * self.slope[0] - 0.8
    }

    /// Wall and joint surface as two fields on a bone of size one, how round
    /// the edge between them is, and how oblique the wall is to its radius.
    fn parts(&self, p: [f64; 3]) -> Parts {
        let person = &self.person;
        let l = self.local(p);
        let surface = self.joint_at(&l);
        let [x, y] = l.drawn;
        let angle = y.atan2(x);
        let steeper = [self.slope[0] - 0.435, self.slope[1] - 0.194];
        let lean = (steeper[0] * x + steeper[1] * y) * ramp(l.z, -22.0, -3.0);
        let height = (l.z - lean) / if l.z < 0.0 { person.flare } else { 1.0 };
        let reach = self.sections.at(angle, height) + self.features(&l, angle, surface - l.z);
        Parts {
            wall: x.hypot(y) - reach,
            joint: (l.z - surface) * 0.9,
            round: 1.6 + 0.6 * ramp(x, 9.0, 14.0),
            section: [angle, height],
            z: l.z,
        }
    }

    /// The bone, endless toward the elbow.
    fn whole(&self, p: [f64; 3]) -> f64 {
        let parts = self.parts(p);
        let relief = self.relief[0].at(p) + self.relief[1].at(p);
        smooth_max(parts.wall, parts.joint, parts.round) * self.person.size - relief
    }
}

/// The angle between two directions, without sign.
pub(super) fn apart(a: f64, b: f64) -> f64 {
    let turn = (a - b).rem_euclid(std::f64::consts::TAU);
    turn.min(std::f64::consts::TAU - turn)
}

impl Solid for Radius {
    fn value(&self, p: [f64; 3]) -> f64 {
        self.whole(p)
    }
}

impl BoneSolid for Radius {
    fn is_joint(&self, p: [f64; 3]) -> bool {
        let parts = self.parts(p);
        let l = self.local(p);
        let facet = (l.drawn[1] - NOTCH_Y).abs() < HALF_CHORD + 0.5
            && l.drawn[0] < -7.0
            && self.joint_at(&l) - l.z < 0.8 * self.person.notch_height;
        parts.joint > parts.wall || facet
    }

    fn hollow(&self, p: [f64; 3]) -> f64 {
        let person = &self.person;
        let parts = self.parts(p);
        let [angle, height] = parts.section;
        let (a, b) = (
            self.sections.at(angle - 0.05, height),
            self.sections.at(angle + 0.05, height),
        );
        let oblique = 1.0_f64.hypot((b - a) / 0.05 / (a + b)).min(1.6);
        let wall = between(&CORTEX, parts.z) * person.cortex * oblique;
        let plate = 1.45 * person.cortex;
        let inner = smooth_max(parts.wall + wall, parts.joint + plate, 3.0);
        inner * person.size - self.relief[0].at(p)
    }
}
