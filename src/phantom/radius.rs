//! The skin of a distal radius: a flared shaft with Lister's tubercle on its
//! back and the sigmoid notch toward the ulna, and a sloped, hollow joint
//! surface with two fossae, a ridge between them and the styloid.

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

/// Angles on the rim: 0 is the thumb's side, a quarter turn the back.
const DORSAL_CORNER: f64 = PI - 0.52;
const VOLAR_CORNER: f64 = PI + 0.52;
const DORSAL_RIM: f64 = PI * 0.5 + 0.20;
const VOLAR_RIM: f64 = PI * 1.5 - 0.20;
const LISTER: f64 = PI * 0.5 - 0.12;
const LISTER_LEVEL: f64 = 8.0;

/// The slopes of a radius' joint plane, solved so that the measures read on its
/// landmarks are those of its parameters.
pub(super) struct Radius<'a> {
    p: &'a Parameters,
    slope: [f64; 2],
    tip_x: f64,
    waves: Waves,
}

impl<'a> Radius<'a> {
    pub(super) fn new(p: &'a Parameters) -> Self {
        let mut radius = Self {
            p,
            slope: [0.0; 2],
            tip_x: 0.0,
            waves: Waves::new(&p.radius_waves, 1.0),
        };
        let rim = |angle| radius.section(0.0, angle);
        let (dorsal, volar) = (rim(DORSAL_CORNER), rim(VOLAR_CORNER));
        let tip = rim(0.0);
        let width = tip[0] - 0.5 * (dorsal[0] + volar[0]);
        let (back, front) = (rim(DORSAL_RIM), rim(VOLAR_RIM));
        let along_x = p.inclination_deg.to_radians().tan() - p.styloid / width;
        let along_y =
            p.tilt_deg.to_radians().tan() - along_x * (back[0] - front[0]) / (back[1] - front[1]);
        radius.slope = [along_x, along_y];
        radius.tip_x = tip[0];
        radius
    }

    /// The template's rings; a longer shaft is the same bone cut further up.
    pub(super) fn rings(length: f64) -> Rings {
        Rings::new(64, 10, 0.8, length)
    }

    pub(super) fn landmarks(ids: &mut LandmarkIds, rings: &Rings) {
        let mut spot = |landmark, spot| ids.set(landmark, vec![rings.vertex(spot)]);
        spot(Landmark::RadialStyloidTip, Spot::Wall(0.0, 0.0));
        spot(Landmark::UlnarCornerDorsal, Spot::Wall(0.0, DORSAL_CORNER));
        spot(Landmark::UlnarCornerVolar, Spot::Wall(0.0, VOLAR_CORNER));
        spot(Landmark::DorsalRim, Spot::Wall(0.0, DORSAL_RIM));
        spot(Landmark::VolarRim, Spot::Wall(0.0, VOLAR_RIM));
        spot(Landmark::ListerTubercle, Spot::Wall(LISTER_LEVEL, LISTER));
        spot(Landmark::SigmoidNotch, Spot::Wall(4.0, PI));
        ids.set(Landmark::RadialShaftDistal, rings.ring(30.0));
        ids.set(Landmark::RadialShaftProximal, rings.ring(60.0));
    }

    /// The border of the section at a level, about the shaft's middle.
    fn section(&self, level: f64, angle: f64) -> [f64; 2] {
        let p = self.p;
        let wide = flare(level, p.flare, 5.0);
        let back = flare(level, p.flare - 1.5, 5.0);
        let front = flare(level, p.flare - 4.5, 3.4);
        let shaft = 6.4 * p.shaft;
        let half_x = |distal: f64| shaft + (distal * p.width - shaft) * wide;
        let depth = 5.7 * p.shaft;
        // The section narrows from the notch to the styloid.
        let taper = 1.0 - 0.17 * wide * angle.cos();
        let half_y = |distal: f64, share: f64| (depth + (distal * p.depth - depth) * share) * taper;
        let lip = 0.7 * bell(level - 3.0, 2.6);
        let exponent = 2.05 + (p.square - 2.05) * wide;
        let mut reach = oval(
            angle,
            [half_x(15.9), half_x(14.2)],
            [half_y(9.6, back), half_y(9.3, front) + lip],
            exponent,
        );
        let crest = 1.5 * bell(apart(angle, PI), 0.42) * step((level - 18.0) / 20.0);
        let tubercle =
            p.lister * bell(apart(angle, LISTER), 0.19) * bell(level - LISTER_LEVEL, 5.5);
        let groove = 0.5 * bell(apart(angle, LISTER + 0.42), 0.18) * bell(level - 6.0, 5.0);
        reach += crest + tubercle - groove;
        if angle.cos() < 0.0 {
            let y = reach * angle.sin();
            reach -= p.notch * bell(y, 5.4) * bell(level - 3.0, 5.5) * step(-angle.cos() / 0.5);
        }
        // The rim is rounded, not an edge, and the styloid most of all.
        let thumb = angle.cos().max(0.0).powi(3);
        let over = 1.6 + 4.4 * thumb;
        reach *= 1.0 - (0.035 + 0.15 * thumb) * (1.0 - (level / over).min(1.0)).powi(2);
        [reach * angle.cos(), reach * angle.sin()]
    }

    /// The joint plane with the styloid on it.
    fn plane(&self, [x, y]: [f64; 2]) -> f64 {
        let styloid = self.p.styloid * bell(x - self.tip_x, 5.0) * bell(y, 5.0);
        self.slope[0] * x + self.slope[1] * y + styloid
    }

    /// The middle of the shaft at a level: a bow that crosses the axis 3 and 6 cm
    /// from the joint, where the axis is read.
    fn middle(&self, level: f64) -> [f64; 2] {
        let bend = if level < 85.0 {
            (level - 30.0) * (level - 60.0) / 1800.0
        } else {
            0.7639 + (level - 85.0) * 0.0444
        };
        [self.p.bow * bend, self.p.arch * bend]
    }

    /// A place on the skin, in the model's frame.
    pub(super) fn skin(&self, spot: Spot) -> [f64; 3] {
        let p = self.p;
        let (xy, z, level) = match spot {
            Spot::Wall(level, angle) => {
                let slant = self.plane(self.section(0.0, angle)) * (1.0 - step(level / 32.0));
                let turn = p.torsion_deg.to_radians() * step((level - 15.0) / 45.0);
                let [x, y] = self.section(level, angle);
                let (sine, cosine) = turn.sin_cos();
                let turned = [x * cosine - y * sine, x * sine + y * cosine];
                (turned, slant - level, level)
            }
            Spot::Cap(part, angle) => {
                let xy = self.section(0.0, angle).map(|v| v * part);
                let inside = 1.0 - part * part;
                let ridge = p.ridge * bell(xy[0] + 0.8, 2.4) - 0.25 * bell(xy[0] + 6.5, 5.0);
                let hollow = (p.hollow - ridge) * inside;
                (xy, self.plane(xy) - hollow, 0.0)
            }
        };
        let [x, y] = self.middle(level);
        let bare = [xy[0] + x, xy[1] + y, z];
        self.waves.bend(bare).map(|v| v * p.size)
    }

    /// Thickness of the cortex at a spot.
    pub(super) fn cortex(&self, spot: Spot) -> f64 {
        let bare = match spot {
            Spot::Wall(level, _) => 0.65 + 1.85 * step((level - 10.0) / 45.0),
            Spot::Cap(..) => 0.95,
        };
        bare * self.p.cortex * self.p.size
    }
}
