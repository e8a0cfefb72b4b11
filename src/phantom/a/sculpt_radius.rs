//! The radius in the middle of all, sculpted: a shaft through sections, cut by
//! the joint surface with its two fossae, hollowed by the sigmoid notch, with
//! Lister's tubercle, the tendons' grooves and the pronator fossa pressed on.
//!
//! Lengths follow the averages of docs/METHODS.md where there is one; the rest
//! is drawn after anatomy texts from memory, and is a guess.

use super::loft::Loft;
use super::loft::Section;
use super::sculpt::Solid;
use super::sculpt::bell;
use super::sculpt::both;
use super::sculpt::rise;

/// Where the shaft ends, from the joint.
pub(super) const CUT_MM: f64 = 80.0;
/// The ulnar head's middle line, about which the notch turns.
pub(super) const HEAD_AXIS: [f64; 2] = [-22.9, 0.8];
/// Sigmoid notch: radius of its floor about a line of its own.
const NOTCH_RADIUS: f64 = 15.0;
const NOTCH_FLOOR: f64 = -12.3;
const NOTCH_MIDDLE: f64 = -0.2;

/// Feature points, from the radial border over the back to the palm: radial
/// border, dorsoradial edge, groove of the radial wrist extensors, Lister's
/// tubercle, groove of the long thumb extensor, groove of the finger
/// extensors, dorsoulnar corner, ulnar side, volar ulnar corner, lunate lip,
/// pronator fossa, volar radial side, volar ridge, edge of the first compartment.
#[rustfmt::skip]
const SECTIONS: [Section<14>; 11] = [
    (-9.0, [[12.3,-0.8],[11.3,2.0],[8.5,5.0],[1.0,7.6],[-2.0,7.6],[-7.0,8.0],[-12.5,7.0],[-13.6,0.0],[-12.2,-7.5],[-6.5,-9.2],[0.5,-8.0],[6.0,-5.8],[9.8,-4.0],[11.6,-2.6]]),
    (-3.0, [[14.4,-0.6],[13.4,2.9],[10.0,6.4],[1.2,9.1],[-2.0,8.7],[-7.0,8.8],[-12.8,7.3],[-13.8,0.0],[-12.5,-8.0],[-6.5,-9.9],[0.5,-8.9],[6.5,-7.1],[11.0,-4.9],[13.6,-3.0]]),
    ( 2.0, [[15.2,-0.3],[13.9,3.8],[ 9.9,7.5],[1.4,9.8],[-2.0,9.2],[-7.0,9.3],[-13.2,7.5],[-14.0,0.0],[-12.9,-8.2],[-6.5,-10.2],[0.5,-9.0],[6.5,-7.4],[11.2,-5.5],[14.2,-3.1]]),
    ( 6.0, [[14.8, 0.0],[13.2,4.2],[ 9.4,7.7],[1.6,9.8],[-1.8,9.2],[-7.0,9.3],[-13.2,7.4],[-14.0,0.0],[-13.0,-8.0],[-6.5,-9.5],[0.5,-8.1],[6.5,-6.9],[10.8,-5.6],[13.8,-3.4]]),
    (10.0, [[13.4, 0.2],[12.0,4.2],[ 8.6,7.4],[1.8,9.5],[-1.6,9.1],[-6.4,9.0],[-11.9,7.0],[-13.2,0.0],[-11.7,-7.0],[-6.0,-7.8],[0.5,-6.8],[5.8,-6.1],[9.8,-5.2],[12.4,-3.2]]),
    (15.0, [[11.4, 0.3],[10.2,4.1],[ 7.2,6.9],[1.9,8.7],[-1.4,8.5],[-5.6,8.1],[ -9.9,6.0],[-11.3,0.2],[ -9.7,-5.4],[-5.0,-6.1],[0.5,-5.6],[5.0,-5.3],[ 8.4,-4.6],[10.5,-2.8]]),
    (21.0, [[ 9.6, 0.3],[ 8.6,3.7],[ 6.0,6.2],[1.8,7.7],[-1.2,7.5],[-4.7,6.9],[ -8.0,4.9],[ -9.4,0.3],[ -7.9,-4.2],[-4.0,-5.0],[0.5,-5.0],[4.2,-4.8],[ 7.0,-4.1],[ 8.8,-2.5]]),
    (28.0, [[ 8.2, 0.3],[ 7.4,3.4],[ 5.2,5.6],[1.7,6.8],[-1.0,6.7],[-3.9,6.1],[ -6.7,4.2],[ -8.2,0.3],[ -6.7,-3.7],[-3.4,-4.7],[0.5,-5.0],[3.8,-4.8],[ 6.1,-3.9],[ 7.6,-2.3]]),
    (38.0, [[ 7.4, 0.3],[ 6.6,3.2],[ 4.6,5.2],[1.5,6.2],[-1.0,6.1],[-3.6,5.4],[ -6.2,3.4],[ -8.0,0.2],[ -6.2,-3.2],[-3.0,-4.8],[0.6,-5.3],[3.6,-5.0],[ 5.7,-3.9],[ 6.9,-2.2]]),
    (55.0, [[ 7.2, 0.2],[ 6.4,3.1],[ 4.4,5.0],[1.4,5.9],[-1.2,5.7],[-4.0,4.6],[ -6.6,2.5],[ -8.7,0.0],[ -6.4,-2.5],[-3.0,-4.5],[0.5,-5.5],[3.5,-5.3],[ 5.6,-4.0],[ 6.8,-2.2]]),
    (84.0, [[ 7.3, 0.2],[ 6.4,3.2],[ 4.4,5.1],[1.4,5.9],[-1.4,5.5],[-4.4,4.0],[ -7.2,1.8],[ -9.4,-0.2],[ -6.8,-2.3],[-3.2,-4.4],[0.5,-5.6],[3.5,-5.5],[ 5.6,-4.2],[ 6.9,-2.3]]),
];

/// The sculpted radius.
pub(super) struct Radius {
    loft: Loft,
}

impl Radius {
    pub(super) fn new() -> Self {
        Self {
            loft: Loft::new(&SECTIONS),
        }
    }

    /// The skin of shaft and metaphysis, without what is pressed on.
    fn wall(&self, [x, y, z]: [f64; 3]) -> f64 {
        x.hypot(y) - self.loft.reach(-z, y.atan2(x))
    }

    /// What tendons and muscles have pressed into the bone, outward negative.
    fn pressed([x, y, z]: [f64; 3]) -> f64 {
        let level = -z;
        let back = rise(y, 2.0, 5.0);
        let palm = rise(-y, 1.0, 3.5);
        let thumb = rise(x, 7.0, 11.0);
        let along = |middle: f64, half: f64| bell(level - middle, half);
        back * (-1.7 * bell(x - 1.9 - 0.07 * (level - 8.0), 1.8) * along(8.5, 6.5)
            + 0.95 * bell(x + 1.5 - 0.12 * (level - 6.0), 1.6) * along(5.0, 7.0)
            + 0.55 * bell(x - 6.8, 2.9) * along(4.0, 8.0)
            + 0.45 * bell(x + 7.2, 3.2) * along(4.0, 7.0)
            - 0.5 * bell(x - 11.8, 1.3) * along(4.0, 6.0)
            - 0.35 * bell(x + 3.9, 1.1) * along(5.0, 6.0))
            + palm
                * (0.6 * bell(x - 1.0, 6.0) * along(14.0, 6.0)
                    - 0.4 * bell(x + 6.5, 4.0) * along(2.5, 2.6))
            + thumb * 0.55 * bell(y + 0.6, 2.2) * along(1.0, 6.5)
    }

    /// The joint surface toward the carpals, as a height over x and y.
    pub(super) fn roof(x: f64, y: f64) -> f64 {
        let plane = 0.9 + 0.425 * x + 0.2 * y;
        let fossa = |middle: [f64; 2], half: [f64; 2], depth: f64| {
            let far = ((x - middle[0]) / half[0]).powi(2) + ((y - middle[1]) / half[1]).powi(2);
            depth * (1.0 - far)
        };
        let lunate = fossa([-6.4, -0.4], [8.4, 9.6], 2.7);
        // The scaphoid's fossa is a triangle whose point is the styloid.
        let narrow = 8.6 - 0.28 * (x - 6.0);
        let scaphoid = fossa([6.6, 0.2], [9.6, narrow.clamp(5.5, 10.0)], 3.1);
        let hollow = both(both(lunate, scaphoid, 0.8), 0.0, 1.0);
        let styloid = 1.5 * bell(x - 13.2, 3.2) * bell(y + 0.6, 4.5);
        plane - hollow + styloid
    }

    /// How far a place lies from the notch's own line, less the notch's radius.
    fn notch([x, y, z]: [f64; 3]) -> f64 {
        let level = -z;
        // The line leans a little, and the hollow ends above the metaphysis.
        let radius = NOTCH_RADIUS - 2.6 * rise(level, 9.5, 15.0);
        let axis = NOTCH_FLOOR - NOTCH_RADIUS + 0.03 * (level - 8.0);
        (x - axis).hypot(y - NOTCH_MIDDLE) - radius
    }
}

impl Solid for Radius {
    fn depth(&self, at: [f64; 3]) -> f64 {
        let [x, y, z] = at;
        let wall = self.wall(at) + Self::pressed(at);
        let roof = 0.86 * (z - Self::roof(x, y));
        let bone = both(wall, roof, 1.5);
        let bone = both(bone, -Self::notch(at), 0.7);
        both(bone, -CUT_MM - z, 0.5)
    }

    fn is_joint(&self, at: [f64; 3]) -> bool {
        let [x, y, z] = at;
        let carpal = (z - Self::roof(x, y)).abs() < 0.25 && self.wall(at) < -0.35;
        let level = Self::roof(-12.0, y) - z;
        let facet = Self::notch(at).abs() < 0.2
            && (0.5..8.0).contains(&level)
            && (y - NOTCH_MIDDLE).abs() < 6.6;
        carpal || facet
    }

    fn bounds(&self) -> [[f64; 3]; 2] {
        [[-16.5, -13.5, -82.0], [18.0, 14.5, 11.5]]
    }
}
