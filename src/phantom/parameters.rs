//! What makes one forearm differ from another, and how often.
//!
//! Angles, height and variance follow the generation ranges that are wider than
//! any one study (radial inclination 24.2 ± 3.4 and volar tilt 10.8 ± 3.7
//! degrees, 37 pairs of cadavers, J Hand Surg 2019, and 400 films, Hadi 2013;
//! ulnar variance -0.8 ± 1.7 mm between cone-beam CT of 121 adults, Acta Radiol
//! 2023, and films). Sizes follow width and depth of 150 films (Dawadi) and MRI
//! of 50 wrists. What has no published figure is a guess and named so in
//! docs/METHODS.md.

use serde::Deserialize;
use serde::Serialize;

use crate::radiography::Random;

/// How many smooth waves bend each bone besides what has a name.
pub(super) const WAVES: usize = 10;

/// One forearm in numbers. Lengths are millimeters on a forearm of size one,
/// except where they are said to be as they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Isotropic size; men are larger on average.
    pub size: f64,
    /// Width of the distal radius, relative.
    pub width: f64,
    /// Depth of the distal radius, relative.
    pub depth: f64,
    /// Thickness of the shafts, relative.
    pub shaft: f64,
    /// Radial inclination, degrees.
    pub inclination_deg: f64,
    /// Volar tilt, degrees.
    pub tilt_deg: f64,
    /// How far the radial styloid stands out of the joint plane.
    pub styloid: f64,
    /// How far the ulna reaches beyond the radius, as it is.
    pub variance_mm: f64,
    /// Where the shaft widens, from the joint.
    pub flare: f64,
    /// Bow of the radius in the plane of both bones.
    pub bow: f64,
    /// Bow of the radius toward the back.
    pub arch: f64,
    /// Height of Lister's tubercle.
    pub lister: f64,
    /// Depth of the sigmoid notch.
    pub notch: f64,
    /// Depth of the joint surface.
    pub hollow: f64,
    /// Height of the ridge between scaphoid and lunate fossa.
    pub ridge: f64,
    /// Squareness of the distal section (exponent of a superellipse).
    pub square: f64,
    /// Turn of the shaft against the distal end, degrees.
    pub torsion_deg: f64,
    /// Diameter of the ulnar head.
    pub head: f64,
    /// Length of the ulnar styloid.
    pub ulnar_styloid: f64,
    /// How far the ulna lies behind the radius.
    pub ulna_dorsal: f64,
    /// Angle between the shafts in the plane of both bones, degrees.
    pub spread_deg: f64,
    /// Thickness of the cortex, relative. Not part of the surface.
    pub cortex: f64,
    /// Density of spongy bone, relative. Not part of the surface.
    pub density: f64,
    /// Thickness of the soft tissue, relative. Not part of the surface.
    pub flesh: f64,
    /// Amplitudes of the radius' waves.
    pub radius_waves: [f64; WAVES],
    /// Amplitudes of the ulna's waves.
    pub ulna_waves: [f64; WAVES],
}

impl Parameters {
    /// The forearm in the middle of all.
    #[must_use]
    pub const fn mean() -> Self {
        Self {
            size: 1.0,
            width: 1.0,
            depth: 1.0,
            shaft: 1.0,
            inclination_deg: 23.5,
            tilt_deg: 11.0,
            styloid: 1.6,
            variance_mm: -0.8,
            flare: 15.0,
            bow: -1.4,
            arch: 0.3,
            lister: 1.9,
            notch: 1.6,
            hollow: 2.3,
            ridge: 0.7,
            square: 2.6,
            torsion_deg: 0.0,
            head: 18.0,
            ulnar_styloid: 5.0,
            ulna_dorsal: 2.0,
            spread_deg: 1.0,
            cortex: 1.0,
            density: 1.0,
            flesh: 1.0,
            radius_waves: [0.0; WAVES],
            ulna_waves: [0.0; WAVES],
        }
    }

    /// Draws a forearm. Every normal number is cut at three SDs, as the
    /// published ranges are.
    #[must_use]
    pub fn draw(random: &mut Random) -> Self {
        let mean = Self::mean();
        let sex = if random.chance(0.5) { 0.04 } else { -0.04 };
        let mut vary = |middle: f64, sd: f64| random.around(middle, sd, 3.0);
        let mut drawn = Self {
            size: mean.size * (1.0 + sex) * vary(1.0, 0.055),
            width: vary(mean.width, 0.035),
            depth: vary(mean.depth, 0.045),
            shaft: vary(mean.shaft, 0.07),
            inclination_deg: vary(mean.inclination_deg, 3.5),
            tilt_deg: vary(mean.tilt_deg, 4.0),
            styloid: vary(mean.styloid, 0.5),
            variance_mm: vary(mean.variance_mm, 1.7),
            flare: vary(mean.flare, 1.6),
            bow: vary(mean.bow, 0.8),
            arch: vary(mean.arch, 0.6),
            lister: vary(mean.lister, 0.5),
            notch: vary(mean.notch, 0.4),
            hollow: vary(mean.hollow, 0.4),
            ridge: vary(mean.ridge, 0.2),
            square: vary(mean.square, 0.2),
            torsion_deg: vary(mean.torsion_deg, 5.0),
            head: vary(mean.head, 1.0),
            ulnar_styloid: vary(mean.ulnar_styloid, 1.1),
            ulna_dorsal: vary(mean.ulna_dorsal, 1.0),
            spread_deg: vary(mean.spread_deg, 1.3),
            cortex: vary(mean.cortex, 0.15),
            density: vary(mean.density, 0.2),
            flesh: vary(mean.flesh, 0.1),
            ..mean
        };
        for wave in drawn.radius_waves.iter_mut().chain(&mut drawn.ulna_waves) {
            *wave = vary(0.0, 0.14);
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_has_the_stated_mean_and_spread() {
        let mut random = Random::new(1, 99);
        let drawn: Vec<Parameters> = (0..4000).map(|_| Parameters::draw(&mut random)).collect();
        let check = |of: fn(&Parameters) -> f64, mean: f64, sd: f64| {
            let n = 4000.0;
            let m = drawn.iter().map(of).sum::<f64>() / n;
            let s = (drawn.iter().map(|p| (of(p) - m).powi(2)).sum::<f64>() / n).sqrt();
            assert!((m - mean).abs() < 0.1 * sd, "{m} for {mean}");
            assert!((s / sd - 1.0).abs() < 0.06, "{s} for {sd}");
        };
        check(|p| p.inclination_deg, 23.5, 3.5);
        check(|p| p.tilt_deg, 11.0, 4.0);
        check(|p| p.variance_mm, -0.8, 1.7);
        check(|p| p.size, 1.0, 0.068);
    }
}
