//! The ulna in the middle of all, sculpted: a shaft through sections, a head
//! with seat and dome, the styloid standing out of its back, the fovea between
//! them, and the groove of the ulnar wrist extensor.
//!
//! The head's diameter follows the range of docs/METHODS.md; the rest is drawn
//! after anatomy texts from memory, and is a guess.

use std::f64::consts::TAU;

use super::loft::Loft;
use super::loft::Section;
use super::sculpt::Solid;
use super::sculpt::bell;
use super::sculpt::both;
use super::sculpt::either;
use super::sculpt::rise;
use super::sculpt::rod;
use super::sculpt_radius::CUT_MM;
use super::sculpt_radius::HEAD_AXIS;

/// The head's distal end, in the model's frame.
pub(super) const DOME_Z: f64 = -5.6;

/// Distances from the head's line by steps of 30 degrees, the radius' side
/// first, then the back; by level from the dome.
const SECTIONS: [(f64, [f64; 12]); 11] = [
    (
        -3.0,
        [6.6, 6.6, 6.4, 6.0, 5.8, 6.2, 6.0, 5.9, 6.1, 6.3, 6.5, 6.6],
    ),
    (
        0.0,
        [8.2, 8.2, 8.0, 7.4, 7.1, 7.9, 7.5, 7.3, 7.6, 7.9, 8.1, 8.2],
    ),
    (
        2.0,
        [8.7, 8.7, 8.5, 7.7, 7.3, 8.5, 8.1, 7.8, 8.0, 8.3, 8.6, 8.7],
    ),
    (
        5.0,
        [8.6, 8.6, 8.4, 7.7, 7.2, 8.6, 8.3, 7.9, 7.9, 8.2, 8.4, 8.6],
    ),
    (
        7.5,
        [7.7, 7.7, 7.6, 7.2, 7.0, 8.2, 7.9, 7.4, 7.3, 7.4, 7.5, 7.6],
    ),
    (
        11.0,
        [6.5, 6.5, 6.5, 6.5, 6.6, 7.4, 7.1, 6.6, 6.4, 6.3, 6.3, 6.4],
    ),
    (
        16.0,
        [5.8, 5.7, 5.7, 5.9, 6.1, 6.6, 6.3, 5.9, 5.7, 5.6, 5.6, 5.7],
    ),
    (
        23.0,
        [5.6, 5.3, 5.2, 5.4, 5.7, 6.0, 5.7, 5.4, 5.2, 5.2, 5.2, 5.4],
    ),
    (
        33.0,
        [5.9, 5.3, 5.1, 5.3, 5.6, 5.8, 5.5, 5.2, 5.1, 5.1, 5.2, 5.5],
    ),
    (
        50.0,
        [6.9, 5.6, 5.3, 5.6, 6.0, 6.1, 5.6, 5.3, 5.2, 5.4, 5.5, 6.0],
    ),
    (
        84.0,
        [8.0, 6.2, 5.7, 6.0, 6.5, 6.6, 5.9, 5.6, 5.6, 5.8, 6.0, 6.7],
    ),
];

/// The sculpted ulna.
pub(super) struct Ulna {
    loft: Loft,
}

impl Ulna {
    pub(super) fn new() -> Self {
        let sections: [Section<12>; 11] = SECTIONS.map(|(level, reach)| {
            let mut angle = -TAU / 12.0;
            (
                level,
                reach.map(|r| {
                    angle += TAU / 12.0;
                    [r * angle.cos(), r * angle.sin()]
                }),
            )
        });
        Self {
            loft: Loft::new(&sections),
        }
    }

    /// A place in the head's own coordinates: z from the dome, distal positive.
    pub(super) fn own([x, y, z]: [f64; 3]) -> [f64; 3] {
        [x - HEAD_AXIS[0], y - HEAD_AXIS[1], z - DOME_Z]
    }

    /// The dome with the fovea, as a height over x and y.
    pub(super) fn roof(x: f64, y: f64) -> f64 {
        let dome = 0.1 - ((x - 1.6).powi(2) + (y + 1.2).powi(2)) / 30.0;
        let fovea = 1.5 * (-((x + 2.9).powi(2) + (y - 1.4).powi(2)) / 5.2).exp();
        dome.max(-4.0) - fovea
    }

    fn wall(&self, [x, y, z]: [f64; 3]) -> f64 {
        x.hypot(y) - self.loft.reach(-z, y.atan2(x))
    }

    pub(super) fn styloid(at: [f64; 3]) -> f64 {
        rod(at, [-4.7, 2.7, -4.5], [-6.0, 3.8, 3.5], [3.6, 1.55])
    }
}

impl Solid for Ulna {
    fn depth(&self, at: [f64; 3]) -> f64 {
        let own = Self::own(at);
        let [x, y, z] = own;
        let level = -z;
        let groove = 0.8
            * bell(y.atan2(x) - 1.98, 0.3)
            * bell(level - 2.0, 6.0)
            * rise(x.hypot(y), 4.0, 6.5);
        let wall = self.wall(own) + groove;
        let head = both(wall, z - Self::roof(x, y), 2.0);
        let bone = either(head, Self::styloid(own) + 0.6 * groove, 1.3);
        both(bone, -CUT_MM - at[2], 0.5)
    }

    fn is_joint(&self, at: [f64; 3]) -> bool {
        let [x, y, z] = Self::own(at);
        let angle = y.atan2(x);
        let seat = (0.8..6.4).contains(&-z) && (-2.1..1.65).contains(&angle) && x.hypot(y) > 7.0;
        let dome = z > Self::roof(x, y) - 0.4
            && Self::styloid([x, y, z]) > 1.0
            && (x + 2.9).hypot(y - 1.4) > 2.4
            && self.wall([x, y, z]) < -0.2
            && z < 0.6;
        seat || dome
    }

    fn bounds(&self) -> [[f64; 3]; 2] {
        let [x, y] = HEAD_AXIS;
        [[x - 11.0, y - 11.0, -82.0], [x + 11.0, y + 11.0, 2.5]]
    }
}
