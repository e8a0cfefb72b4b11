//! The skin of a distal ulna: a slender shaft, a rounded head that fits the
//! radius' notch, and the styloid beside the fovea.

use std::f64::consts::PI;

use super::Parameters;
use super::tube::Rings;
use super::tube::Spot;
use super::tube::Waves;
use super::tube::apart;
use super::tube::bell;
use super::tube::flare;
use super::tube::oval;
use super::tube::step;
use crate::anatomy::Landmark;
use crate::anatomy::LandmarkIds;

/// How much lower the head's rim is than its dome.
const ROUND: f64 = 2.0;
/// Where the dome is read: between its middle and the rim, on the radius' side.
const DOME: f64 = 0.5;
/// Middle of the styloid's base from the middle of the head, in head radii.
const STYLOID: [f64; 2] = [-0.55, 0.36];

/// An ulna and where it stands beside its radius.
pub(super) struct Ulna<'a> {
    p: &'a Parameters,
    /// Where its dome comes to lie.
    at: [f64; 3],
    waves: Waves,
}

impl<'a> Ulna<'a> {
    /// Beside the notch (x, of size one) and with its dome at a height as it is.
    pub(super) fn new(p: &'a Parameters, notch_x: f64, dome_z_mm: f64) -> Self {
        let mut ulna = Self {
            p,
            at: [0.0; 3],
            waves: Waves::new(&p.ulna_waves, 2.0),
        };
        let reach = ulna.section(3.0, 0.0)[0] + 1.9;
        ulna.at = [notch_x - reach, p.ulna_dorsal, 0.0];
        let now = ulna.dome_height();
        ulna.at[2] = (dome_z_mm - now) / p.size;
        ulna
    }

    /// The dome's mean height over the vertices that make the landmark, in millimeters.
    fn dome_height(&self) -> f64 {
        let spots = Self::dome();
        spots.iter().map(|s| self.skin(*s)[2]).sum::<f64>() / 3.0
    }

    fn dome() -> [Spot; 3] {
        [-0.55, 0.0, 0.55].map(|angle| Spot::Cap(DOME, angle))
    }

    pub(super) fn rings(length: f64) -> Rings {
        Rings::new(48, 9, 0.7, length)
    }

    pub(super) fn landmarks(ids: &mut LandmarkIds, rings: &Rings) {
        let dome = Self::dome().map(|spot| rings.vertex(spot));
        ids.set(Landmark::UlnarDome, dome.to_vec());
        let tip = Spot::Cap(0.65, STYLOID[1].atan2(STYLOID[0]));
        ids.set(Landmark::UlnarStyloidTip, vec![rings.vertex(tip)]);
        ids.set(Landmark::UlnarHeadCenter, rings.ring(4.0));
        ids.set(Landmark::UlnarShaftDistal, rings.ring(30.0));
        ids.set(Landmark::UlnarShaftProximal, rings.ring(60.0));
    }

    fn section(&self, level: f64, angle: f64) -> [f64; 2] {
        let p = self.p;
        let head = flare(level, 9.5, 1.9);
        let neck = 0.35 * bell(level - 16.0, 6.0);
        let shaft = 5.5 * p.shaft - neck;
        let round = 0.5 * p.head;
        let half = |distal: f64| shaft + (distal - shaft) * head;
        let mut reach = oval(
            angle,
            [half(round * 1.02), half(round * 0.92)],
            [half(round * 0.97), half(round)],
            2.1,
        );
        let crest = 1.2 * bell(apart(angle, 0.0), 0.45) * step((level - 18.0) / 20.0);
        let groove = 0.7 * bell(apart(angle, 0.62 * PI), 0.3) * bell(level - 4.0, 6.0);
        reach += crest - groove;
        reach *= 1.0 - 0.11 * (1.0 - (level / 3.2).min(1.0)).powi(2);
        [reach * angle.cos(), reach * angle.sin()]
    }

    /// The head's end: a rounded dome, the fovea, the styloid.
    fn end(&self, [x, y]: [f64; 2], part: f64) -> f64 {
        let p = self.p;
        let round = 0.5 * p.head;
        let [sx, sy] = STYLOID.map(|s| s * round);
        let styloid = p.ulnar_styloid * bell(((x - sx).powi(2) + (y - sy).powi(2)).sqrt(), 2.7);
        let fovea = 1.3
            * bell(
                ((x + 0.18 * round).powi(2) + (y - 0.12 * round).powi(2)).sqrt(),
                2.3,
            );
        styloid - fovea - ROUND * part.powi(5)
    }

    /// A place on the skin, in the model's frame.
    pub(super) fn skin(&self, spot: Spot) -> [f64; 3] {
        let p = self.p;
        let bare = match spot {
            Spot::Wall(level, angle) => {
                let [x, y] = self.section(level, angle);
                let end = self.end(self.section(0.0, angle), 1.0);
                // The styloid's root runs down the shaft; the rim's drop does not.
                let root = (end + ROUND).max(0.0) * (1.0 - step(level / 12.0));
                [x, y, root - ROUND - level * (1.0 - ROUND / 200.0)]
            }
            Spot::Cap(part, angle) => {
                let [x, y] = self.section(0.0, angle).map(|v| v * part);
                [x, y, self.end([x, y], part)]
            }
        };
        let bent = self.waves.bend(bare);
        // Toward the elbow the ulna runs away from the radius.
        let (sine, cosine) = p.spread_deg.to_radians().sin_cos();
        let x = bent[0] * cosine + bent[2] * sine;
        let z = bent[2] * cosine - bent[0] * sine;
        [
            (x + self.at[0]) * p.size,
            (bent[1] + self.at[1]) * p.size,
            (z + self.at[2]) * p.size,
        ]
    }

    /// Thickness of the cortex at a spot.
    pub(super) fn cortex(&self, spot: Spot) -> f64 {
        let bare = match spot {
            Spot::Wall(level, _) => 0.6 + 1.6 * step((level - 8.0) / 40.0),
            Spot::Cap(..) => 0.7,
        };
        bare * self.p.cortex * self.p.size
    }
}
