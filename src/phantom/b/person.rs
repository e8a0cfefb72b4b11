//! What makes one person of generator B differ from another, and how often.
//!
//! Both families draw from the same published statistics and build different
//! bones from them. Numbers without a source here are guesses and named so in
//! docs/METHODS.md.

use crate::anatomy::Side;
use crate::radiography::Random;

/// The border of the sigmoid notch in the transverse plane (Tolat 1996). Shares
/// are the mean of 100 CT and 50 MRI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notch {
    /// A hollow, deepest in the middle: 52 %.
    C,
    /// Flat: 13 %.
    Flat,
    /// Deep at the back, running out toward the palm: 20 %.
    SkiSlope,
    /// Hollow at the back, bulging toward the palm: 15 %.
    S,
}

/// One person in numbers. Lengths are millimeters on a forearm of size one,
/// unless they are said to be as they are; relative ones have mean one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    pub(super) side: Side,
    /// Isotropic size of the sections.
    pub(super) size: f64,
    pub(super) width: f64,
    pub(super) depth: f64,
    pub(super) shaft: f64,
    /// How far up the flare reaches, relative.
    pub(super) flare: f64,
    pub(super) inclination_deg: f64,
    pub(super) tilt_deg: f64,
    /// As it is, not scaled by size.
    pub(super) variance_mm: f64,
    pub(super) notch: Notch,
    /// Radius of the notch's hollow.
    pub(super) notch_radius: f64,
    /// Turn of the notch's chord against the sagittal plane.
    pub(super) version_deg: f64,
    pub(super) notch_height: f64,
    /// Depth and ridge of the joint surface, relative.
    pub(super) scaphoid: f64,
    pub(super) lunate: f64,
    pub(super) ridge: f64,
    /// Where the ridge lies, from the shaft's axis toward the ulna.
    pub(super) ridge_x: f64,
    /// How far the styloid stands out, and how broad it is.
    pub(super) styloid: f64,
    pub(super) styloid_width: f64,
    /// Lister's tubercle: height, place across, slant, and the groove beside it.
    pub(super) lister: f64,
    pub(super) lister_x: f64,
    pub(super) lister_z: f64,
    pub(super) lister_slant: f64,
    pub(super) groove: f64,
    /// How hollow the palmar side is, relative.
    pub(super) pronator: f64,
    /// How far lips stand out: palmar, dorsal.
    pub(super) lips: [f64; 2],
    /// How sharp the interosseous crests are: radius, ulna.
    pub(super) crest: [f64; 2],
    /// Curvature of the radius toward the thumb and toward the back, per mm.
    pub(super) bow: [f64; 2],
    pub(super) torsion_deg: f64,
    /// Diameter of the ulnar head.
    pub(super) head: f64,
    pub(super) head_height: f64,
    pub(super) neck: f64,
    /// Ulnar styloid: length beyond the dome, girth, lean toward the ulna and back.
    pub(super) ulnar_styloid: f64,
    pub(super) ulnar_girth: f64,
    pub(super) ulnar_lean: [f64; 2],
    pub(super) fovea: f64,
    pub(super) ecu: f64,
    /// Where the ulna lies: gap to the notch, toward the back, turn, angles.
    pub(super) gap: f64,
    pub(super) ulna_back: f64,
    pub(super) ulna_turn_deg: f64,
    pub(super) spread_deg: [f64; 2],
    pub(super) ulna_bow: [f64; 2],
    /// What age adds: lips along the rim, a spur on the styloid, from 0.
    pub(super) rim_osteophyte: f64,
    pub(super) spur: f64,
    /// A bump that few have: height, place around (degrees), from the joint.
    pub(super) exostosis: [f64; 3],
    pub(super) cortex: f64,
    pub(super) trabecular: f64,
    pub(super) residual: f64,
}

impl Person {
    /// The person in the middle of all, a right arm with a C notch.
    pub(super) const MEAN: Self = Self {
        side: Side::Right,
        size: 1.0,
        width: 1.0,
        depth: 1.0,
        shaft: 1.0,
        flare: 1.0,
        inclination_deg: 23.5,
        tilt_deg: 11.0,
        variance_mm: -0.8,
        notch: Notch::C,
        notch_radius: 15.0,
        version_deg: 5.0,
        notch_height: 8.1,
        scaphoid: 1.0,
        lunate: 1.0,
        ridge: 1.0,
        ridge_x: 0.5,
        styloid: 1.0,
        styloid_width: 1.0,
        lister: 2.2,
        lister_x: 1.5,
        lister_z: -8.5,
        lister_slant: 0.2,
        groove: 0.9,
        pronator: 1.0,
        lips: [0.5, 0.3],
        crest: [1.0, 1.0],
        bow: [0.0014, 0.0006],
        torsion_deg: 0.0,
        head: 17.6,
        head_height: 1.0,
        neck: 1.0,
        ulnar_styloid: 4.6,
        ulnar_girth: 1.0,
        ulnar_lean: [0.1, 0.1],
        fovea: 1.3,
        ecu: 1.2,
        gap: 1.7,
        ulna_back: 1.0,
        ulna_turn_deg: 0.0,
        spread_deg: [1.0, 0.5],
        ulna_bow: [0.0004, 0.0004],
        rim_osteophyte: 0.0,
        spur: 0.0,
        exostosis: [0.0, 0.0, -14.0],
        cortex: 1.0,
        trabecular: 210.0,
        residual: 0.0,
    };

    /// Draws a person. Every normal number is cut at three SDs.
    pub(super) fn draw(random: &mut Random) -> Self {
        let mean = Self::MEAN;
        let side = if random.chance(0.5) {
            Side::Right
        } else {
            Side::Left
        };
        let man = random.chance(0.52);
        let sex = if man { 1.035 } else { 0.965 };
        let size = sex * random.around(1.0, 0.037, 3.0);
        let notch = match random.unit() {
            u if u < 0.52 => Notch::C,
            u if u < 0.65 => Notch::Flat,
            u if u < 0.85 => Notch::SkiSlope,
            _ => Notch::S,
        };
        let trabecular = random.around(if man { 235.0 } else { 185.0 }, 45.0, 2.3);
        let cortex = random.around(if man { 1.05 } else { 0.95 }, 0.13, 3.0);
        let mut person = Self {
            side,
            size,
            notch,
            cortex,
            trabecular,
            residual: 1.0,
            ..mean
        };
        person.vary_radius(random);
        person.vary_ulna(random);
        // Age leaves its marks on some.
        let mut mark = |share: f64, sd: f64| {
            let height = random.around(0.0, sd, 2.5).abs();
            if random.chance(share) { height } else { 0.0 }
        };
        person.rim_osteophyte = mark(0.3, 0.45);
        person.spur = mark(0.2, 0.9);
        person.exostosis[0] = mark(0.2, 0.6);
        person.exostosis[1] = random.between(0.0, 360.0);
        person.exostosis[2] = random.between(-30.0, -8.0);
        person
    }

    fn vary_radius(&mut self, random: &mut Random) {
        let mut vary = |value: &mut f64, sd: f64| *value += random.around(0.0, sd, 3.0);
        vary(&mut self.width, 0.03);
        vary(&mut self.depth, 0.035);
        vary(&mut self.shaft, 0.05);
        vary(&mut self.flare, 0.06);
        vary(&mut self.inclination_deg, 3.5);
        vary(&mut self.tilt_deg, 4.0);
        vary(&mut self.notch_radius, 1.9);
        vary(&mut self.version_deg, 6.0);
        vary(&mut self.notch_height, 0.8);
        vary(&mut self.scaphoid, 0.16);
        vary(&mut self.lunate, 0.16);
        vary(&mut self.ridge, 0.3);
        vary(&mut self.ridge_x, 0.9);
        vary(&mut self.styloid, 0.3);
        vary(&mut self.styloid_width, 0.1);
        vary(&mut self.lister, 0.6);
        vary(&mut self.lister_x, 1.2);
        vary(&mut self.lister_z, 1.2);
        vary(&mut self.lister_slant, 0.12);
        vary(&mut self.groove, 0.3);
        vary(&mut self.pronator, 0.2);
        vary(&mut self.lips[0], 0.35);
        vary(&mut self.lips[1], 0.3);
        vary(&mut self.crest[0], 0.3);
        vary(&mut self.bow[0], 0.0004);
        vary(&mut self.bow[1], 0.0004);
        vary(&mut self.torsion_deg, 4.5);
    }

    fn vary_ulna(&mut self, random: &mut Random) {
        let mut vary = |value: &mut f64, sd: f64| *value += random.around(0.0, sd, 3.0);
        vary(&mut self.variance_mm, 1.7);
        vary(&mut self.head, 1.1);
        vary(&mut self.head_height, 0.1);
        vary(&mut self.neck, 0.075);
        vary(&mut self.ulnar_styloid, 1.2);
        vary(&mut self.ulnar_girth, 0.13);
        vary(&mut self.ulnar_lean[0], 0.12);
        vary(&mut self.ulnar_lean[1], 0.12);
        vary(&mut self.fovea, 0.35);
        vary(&mut self.ecu, 0.3);
        vary(&mut self.gap, 0.3);
        vary(&mut self.ulna_back, 1.0);
        vary(&mut self.ulna_turn_deg, 7.0);
        vary(&mut self.spread_deg[0], 1.2);
        vary(&mut self.spread_deg[1], 1.2);
        vary(&mut self.ulna_bow[0], 0.0004);
        vary(&mut self.ulna_bow[1], 0.0004);
        vary(&mut self.crest[1], 0.3);
    }
}

/// How deep the notch is across: `t` runs from -1 (palmar edge) to 1 (dorsal
/// edge), the depth at the middle of a C is 1.
pub(super) fn notch_depth(notch: Notch, t: f64) -> f64 {
    let u = t.clamp(-1.0, 1.0);
    let hollow = 1.0 - u * u;
    match notch {
        Notch::C => hollow,
        Notch::Flat => 0.18 * hollow,
        Notch::SkiSlope => hollow * (0.62 + 0.55 * u),
        Notch::S => hollow * (0.25 + 1.25 * u),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_has_the_stated_mean_and_spread() {
        let mut random = Random::new(1, 7);
        let drawn: Vec<Person> = (0..4000).map(|_| Person::draw(&mut random)).collect();
        let check = |of: fn(&Person) -> f64, mean: f64, sd: f64| {
            let m = drawn.iter().map(of).sum::<f64>() / 4000.0;
            let s = (drawn.iter().map(|p| (of(p) - m).powi(2)).sum::<f64>() / 4000.0).sqrt();
            assert!((m - mean).abs() < 0.1 * sd, "{m} for {mean}");
            assert!((s / sd - 1.0).abs() < 0.06, "{s} for {sd}");
        };
        check(|p| p.inclination_deg, 23.5, 3.5);
        check(|p| p.tilt_deg, 11.0, 4.0);
        check(|p| p.variance_mm, -0.8, 1.7);
        check(|p| p.size, 1.0014, 0.0510);
        let share = |notch| drawn.iter().filter(|p| p.notch == notch).count();
        for (notch, percent) in [
            (Notch::C, 52),
            (Notch::Flat, 13),
            (Notch::SkiSlope, 20),
            (Notch::S, 15),
        ] {
            assert!(share(notch).abs_diff(percent * 40) < 120, "{notch:?}");
        }
    }
}
