//! The named numbers of one forearm, and how often people have them.
//!
//! What each is drawn from stands in docs/METHODS.md: angles, variance, size,
//! width, depth, notch and head follow published means and SDs, a little wider
//! than any one study; the rest has no figure that we have read, and is a guess
//! on the wide side. Correlated numbers share a factor: build (how sturdy a
//! person is) and breadth (how wide the joint is for its size).

use crate::radiography::Random;

/// How a number hangs together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    /// Not at all.
    Own,
    /// Thick bones together.
    Build,
    /// Wide joints together.
    Breadth,
}

/// The share of the variance that a factor explains.
const SHARE: f64 = 0.45;
/// Every number is cut at so many SDs.
const LIMIT: f64 = 3.0;
/// Half the difference between the sexes' mean size (the amount is recalled).
const SEX: f64 = 0.042;

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident: $mean:literal, $sd:literal, $factor:ident;)*) => {
        /// One forearm in named numbers. Millimeters where nothing else is
        /// said, on a forearm of size one.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub(super) struct Parameters {
            $($(#[$doc])* pub(super) $name: f64,)*
        }

        impl Parameters {
            /// The forearm in the middle of all.
            pub(super) const fn mean() -> Self {
                Self { $($name: $mean,)* }
            }

            fn each(mut value: impl FnMut(f64, f64, Factor) -> f64) -> Self {
                Self { $($name: value($mean, $sd, Factor::$factor),)* }
            }
        }
    };
}

parameters! {
    /// Isotropic size within a sex.
    size: 1.0, 0.05, Own;
    /// Width of the distal radius, relative.
    width: 1.0, 0.045, Breadth;
    /// Depth of the distal radius, relative.
    depth: 1.0, 0.05, Breadth;
    /// Width of the radius' shaft, relative.
    shaft_width: 1.0, 0.07, Build;
    /// Depth of the radius' shaft, relative.
    shaft_depth: 1.0, 0.075, Build;
    /// Radial inclination, degrees, as it is.
    inclination_deg: 23.5, 3.6, Own;
    /// Volar tilt, degrees, as it is.
    tilt_deg: 11.0, 4.2, Own;
    /// How far the radial styloid stands out.
    styloid: 0.0, 0.8, Own;
    /// How far the radial styloid stands out sideways.
    styloid_side: 0.0, 0.6, Own;
    /// How far proximal the shaft widens.
    flare: 0.0, 2.2, Own;
    /// Bow of the radius in the plane of both bones.
    bow: 0.0, 1.2, Own;
    /// Bow of the radius toward the back.
    arch: 0.0, 1.0, Own;
    /// Turn of the radius' shaft against its end, degrees.
    torsion_deg: 0.0, 7.0, Own;
    /// Height of Lister's tubercle.
    lister: 0.0, 0.6, Own;
    /// Where it stands, toward the thumb.
    lister_side: 0.0, 1.0, Own;
    /// Depth of the grooves beside it.
    grooves: 0.0, 0.4, Own;
    /// Depth of the scaphoid's fossa.
    scaphoid: 0.0, 0.5, Own;
    /// Depth of the lunate's fossa.
    lunate: 0.0, 0.45, Own;
    /// Height of the ridge between them.
    ridge: 0.0, 0.25, Own;
    /// Where the ridge runs, toward the thumb.
    ridge_side: 0.0, 0.8, Own;
    /// Prominence of the dorsal rim.
    dorsal_rim: 0.0, 0.55, Own;
    /// Prominence of the volar lip of the lunate's fossa.
    volar_lip: 0.0, 0.7, Own;
    /// Depth of the pronator fossa.
    pronator: 0.0, 0.55, Own;
    /// Depth of the sigmoid notch.
    notch: 0.0, 0.45, Own;
    /// Lean of the notch along the bone, per half its length.
    notch_lean: 0.0, 0.5, Own;
    /// Turn of the notch toward palm or back, per half its width.
    notch_turn: 0.0, 0.55, Own;
    /// Sharpness of the radius' interosseous crest.
    crest: 0.0, 0.7, Own;
    /// Triangularity of the radius' shaft.
    triangle: 0.0, 0.35, Own;
    /// Squareness of the radius' end.
    square: 0.0, 0.45, Own;
    /// Ulnar variance, as it is.
    variance_mm: -0.8, 1.8, Own;
    /// Diameter of the ulnar head, relative.
    head: 1.0, 0.06, Breadth;
    /// Ovalness of the ulnar head, relative.
    oval: 0.0, 0.035, Own;
    /// Height of the ulnar head's seat.
    seat: 0.0, 0.7, Own;
    /// Roundness of the dome.
    dome: 0.0, 0.45, Own;
    /// Depth of the fovea.
    fovea: 0.0, 0.4, Own;
    /// Length of the ulnar styloid.
    ulnar_styloid: 0.0, 1.2, Own;
    /// Thickness of the ulnar styloid, relative.
    ulnar_styloid_thick: 0.0, 0.12, Build;
    /// Lean of the ulnar styloid toward the back.
    ulnar_styloid_lean: 0.0, 0.8, Own;
    /// Depth of the groove of the ulnar wrist extensor.
    groove: 0.0, 0.4, Own;
    /// Thickness of the ulna's shaft, relative.
    ulna_shaft: 1.0, 0.075, Build;
    /// Ovalness of the ulna's shaft, relative.
    ulna_oval: 0.0, 0.05, Own;
    /// Slenderness of the ulna's neck, relative.
    neck: 0.0, 0.04, Own;
    /// Bow of the ulna in the plane of both bones.
    ulna_bow: 0.0, 1.1, Own;
    /// Bow of the ulna toward the back.
    ulna_arch: 0.0, 1.1, Own;
    /// Turn of the ulna's shaft against its head, degrees.
    ulna_torsion_deg: 0.0, 7.0, Own;
    /// Sharpness of the ulna's interosseous crest.
    ulna_crest: 0.0, 0.6, Own;
    /// How far the ulna lies behind the radius.
    dorsal: 0.0, 1.2, Own;
    /// Width of the joint between notch and seat.
    gap: 0.0, 0.3, Own;
    /// Angle between the shafts in the plane of both bones, degrees.
    spread_deg: 0.0, 1.5, Own;
    /// Angle between the shafts across it, degrees.
    lift_deg: 0.0, 1.5, Own;
    /// Thickness of the cortex, relative.
    cortex: 1.0, 0.16, Build;
    /// Mineral of spongy bone, relative.
    mineral: 1.0, 0.22, Own;
}

impl Parameters {
    /// Draws a forearm, a man's or a woman's with equal chance.
    pub(super) fn draw(random: &mut Random) -> Self {
        let sex = if random.chance(0.5) { SEX } else { -SEX };
        let build = random.around(0.0, 1.0, LIMIT);
        let breadth = random.around(0.0, 1.0, LIMIT);
        let mut drawn = Self::each(|mean, sd, factor| {
            let shared = match factor {
                Factor::Own => None,
                Factor::Build => Some(build),
                Factor::Breadth => Some(breadth),
            };
            loop {
                let own = random.normal();
                let z = shared.map_or(own, |s| SHARE.sqrt() * s + (1.0 - SHARE).sqrt() * own);
                if z.abs() <= LIMIT {
                    return mean + sd * z;
                }
            }
        });
        drawn.size *= 1.0 + sex;
        drawn
    }
}

/// The type of a sigmoid notch (Tolat, J Hand Surg 1996), by how strongly the
/// shape of each is present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Notch {
    /// An arc.
    C,
    /// Nearly flat.
    Flat,
    /// A slope that falls toward the palm.
    Ski,
    /// A wave.
    S,
}

impl Notch {
    /// Draws a type with the frequencies of 100 CTs and 50 MRIs, averaged
    /// (C 54, flat 10, ski slope 23, S 13 in a hundred).
    pub(super) fn draw(random: &mut Random) -> (Self, f64) {
        let at = random.unit();
        let kind = if at < 0.54 {
            Self::C
        } else if at < 0.64 {
            Self::Flat
        } else if at < 0.87 {
            Self::Ski
        } else {
            Self::S
        };
        (kind, random.around(1.0, 0.25, 2.0))
    }

    /// How far its floor stands out toward the ulna from that of an average
    /// notch, at -1 (volar edge) to 1 (dorsal edge).
    pub(super) fn floor(self, at: f64) -> f64 {
        let hump = (1.0 - at * at).max(0.0);
        match self {
            Self::C => -0.35 * hump,
            Self::Flat => 1.05 * hump,
            Self::Ski => hump * (0.35 - 0.9 * at),
            Self::S => hump * (0.2 + 1.0 * (std::f64::consts::PI * at).sin()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_has_the_stated_mean_and_spread() {
        let mut random = Random::new(1, 98);
        let drawn: Vec<Parameters> = (0..4000).map(|_| Parameters::draw(&mut random)).collect();
        let check = |of: fn(&Parameters) -> f64, mean: f64, sd: f64| {
            let m = drawn.iter().map(of).sum::<f64>() / 4000.0;
            let s = (drawn.iter().map(|p| (of(p) - m).powi(2)).sum::<f64>() / 4000.0).sqrt();
            assert!((m - mean).abs() < 0.1 * sd, "{m} for {mean}");
            assert!((s / sd - 1.0).abs() < 0.06, "{s} for {sd}");
        };
        check(|p| p.inclination_deg, 23.5, 3.6);
        check(|p| p.tilt_deg, 11.0, 4.2);
        check(|p| p.variance_mm, -0.8, 1.8);
        check(|p| p.width, 1.0, 0.045);
        check(|p| p.size, 1.0, 0.0654);
    }

    #[test]
    fn all_four_types_of_notch_are_drawn_as_often_as_published() {
        let mut random = Random::new(2, 98);
        let drawn: Vec<Notch> = (0..4000).map(|_| Notch::draw(&mut random).0).collect();
        for (kind, share) in [
            (Notch::C, 0.54),
            (Notch::Flat, 0.10),
            (Notch::Ski, 0.23),
            (Notch::S, 0.13),
        ] {
            let part = drawn.iter().filter(|k| **k == kind).count() as f64 / 4000.0;
            assert!((part - share).abs() < 0.03, "{kind:?}: {part}");
        }
    }
}
