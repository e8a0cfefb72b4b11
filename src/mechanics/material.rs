//! From mineral density to stiffness: named density-elasticity laws, each with the
//! density it was made for and the work it comes from.
//!
//! None was made for the distal radius. A law's name and version go with every
//! number computed from it; which law is right is for the study to say.

use crate::units::Megapascals;
use crate::units::MgPerCm3;

use super::Elastic;
use super::MechanicsError;
use super::TetMesh;
use super::Threads;

/// Which density a law reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// Ash mass over bulk volume.
    Ash,
    /// Wet bulk mass over bulk volume.
    Apparent,
    /// Equivalent mineral density from calibrated CT.
    Mineral,
}

/// `offset + factor density^power` in MPa, density in g/cm3, up to a density.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    up_to: f64,
    offset: f64,
    factor: f64,
    power: f64,
}

const fn power(up_to: f64, factor: f64, power: f64) -> Piece {
    Piece {
        up_to,
        offset: 0.0,
        factor,
        power,
    }
}

const fn line(up_to: f64, offset: f64, factor: f64) -> Piece {
    Piece {
        up_to,
        offset,
        factor,
        power: 1.0,
    }
}

/// A density-elasticity law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// What it is called in a case file.
    pub name: &'static str,
    /// Which edition of it this is: a changed constant is a new version.
    pub version: u32,
    /// The density it reads.
    pub density: Density,
    /// The Poisson's ratio that belongs to it.
    pub poisson: f64,
    /// Where it comes from.
    pub source: &'static str,
    pieces: &'static [Piece],
}

const ALL: f64 = f64::INFINITY;

/// The laws on offer. The constants of Keyak and Keller are quoted from the
/// literature that uses them; check them against the paper before relying on them.
pub const LAWS: [Law; 7] = [
    Law {
        name: "keyak-1998",
        version: 1,
        density: Density::Ash,
        poisson: 0.4,
        source: "Keyak et al., J Biomech 31 (1998); three ranges of ash density",
        pieces: &[
            power(0.27, 33_900.0, 2.20),
            line(0.6, 469.0, 5_307.0),
            power(ALL, 10_200.0, 2.01),
        ],
    },
    Law {
        name: "keller-1994",
        version: 1,
        density: Density::Ash,
        poisson: 0.3,
        source: "Keller, J Biomech 27 (1994)",
        pieces: &[power(ALL, 10_500.0, 2.29)],
    },
    Law {
        name: "morgan-2003-trabecular",
        version: 1,
        density: Density::Apparent,
        poisson: 0.3,
        source: "Morgan et al., J Biomech 36 (2003), vertebral trabecular bone",
        pieces: &[power(ALL, 4_730.0, 1.56)],
    },
    Law {
        name: "morgan-2003-pooled",
        version: 1,
        density: Density::Apparent,
        poisson: 0.3,
        source: "Morgan et al., J Biomech 36 (2003), all sites",
        pieces: &[power(ALL, 6_850.0, 1.49)],
    },
    Law {
        name: "kopperdahl-2002",
        version: 1,
        density: Density::Mineral,
        poisson: 0.3,
        source: "Kopperdahl et al., J Orthop Res 20 (2002)",
        pieces: &[power(ALL, 2_980.0, 1.05)],
    },
    Law {
        name: "crawford-2003",
        version: 1,
        density: Density::Mineral,
        poisson: 0.3,
        source: "Crawford et al., Bone 33 (2003)",
        pieces: &[line(ALL, -34.7, 3_230.0)],
    },
    Law {
        name: "linear-10",
        version: 1,
        density: Density::Mineral,
        poisson: 0.3,
        source: "10 MPa for each mg/cm3: a plain yardstick, no measurement",
        pieces: &[line(ALL, 0.0, 10_000.0)],
    },
];

/// The moduli between which a law's answer is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    /// Nothing is softer.
    pub low: Megapascals,
    /// Nothing is stiffer.
    pub high: Megapascals,
}

impl Default for Clamp {
    fn default() -> Self {
        Self {
            low: Megapascals::new(5.0),
            high: Megapascals::new(20_000.0),
        }
    }
}

impl Law {
    /// The law of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        LAWS.iter().find(|law| law.name == name)
    }

    /// Young's modulus at a density of the law's own kind. A density below
    /// zero (noise of a CT) counts as zero.
    #[must_use]
    pub fn modulus(&self, density: MgPerCm3, clamp: Clamp) -> Megapascals {
        let grams = (density.get() / 1000.0).max(0.0);
        let piece = self.pieces.iter().find(|piece| grams <= piece.up_to);
        let young = piece.map_or(0.0, |p| p.offset + p.factor * grams.powf(p.power));
        Megapascals::new(young.clamp(clamp.low.get(), clamp.high.get()))
    }

    /// What each element is made of: the mean of E over 64 points of equal share in
    /// it. The mean is of E, not of the density: laws are curved, and the E of a
    /// mean density is too low (Taddei et al. 2004 compare both).
    ///
    /// # Errors
    /// [`MechanicsError::NotElastic`] where a clamp or a density is not a number.
    pub fn materials(
        &self,
        mesh: &TetMesh,
        clamp: Clamp,
        threads: Threads,
        density: impl Fn([f64; 3]) -> MgPerCm3 + Sync,
    ) -> Result<Vec<Elastic>, MechanicsError> {
        let points = even_points();
        let mut moduli = vec![0.0; mesh.elements()];
        threads.fill(&mut moduli, |first, part| {
            for (offset, modulus) in part.iter_mut().enumerate() {
                let corners = mesh.corners(first + offset);
                for point in &points {
                    let place = blend(corners, *point);
                    *modulus += self.modulus(density(place), clamp).get() / 64.0;
                }
            }
        });
        moduli
            .into_iter()
            .map(|young| Elastic::new(young, self.poisson))
            .collect()
    }
}

/// A place by its barycentric coordinates.
pub(crate) fn blend(corners: [[f64; 3]; 4], share: [f64; 4]) -> [f64; 3] {
    std::array::from_fn(|axis| (0..4).map(|c| share[c] * corners[c][axis]).sum())
}

/// The middles of the 64 tetrahedra of equal volume into which a tetrahedron falls
/// when its edges are halved twice (Bey 1995), in barycentric coordinates.
pub(crate) fn even_points() -> [[f64; 4]; 64] {
    let whole: [[f64; 4]; 4] =
        std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 }));
    let mut points = [[0.0; 4]; 64];
    for (i, eighth) in eighths(whole).into_iter().enumerate() {
        for (j, part) in eighths(eighth).into_iter().enumerate() {
            points[8 * i + j] =
                std::array::from_fn(|axis| 0.25 * part.iter().map(|c| c[axis]).sum::<f64>());
        }
    }
    points
}

fn eighths([a, b, c, d]: [[f64; 4]; 4]) -> [[[f64; 4]; 4]; 8] {
    let middle = |p: [f64; 4], q: [f64; 4]| std::array::from_fn(|i| 0.5 * (p[i] + q[i]));
    let (ab, ac, ad) = (middle(a, b), middle(a, c), middle(a, d));
    let (bc, bd, cd) = (middle(b, c), middle(b, d), middle(c, d));
    [
        [a, ab, ac, ad],
        [ab, b, bc, bd],
        [ac, bc, c, cd],
        [ad, bd, cd, d],
        [ab, ac, ad, bd],
        [ab, ac, bc, bd],
        [ac, ad, bd, cd],
        [ac, bc, bd, cd],
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::mechanics::mesh::tests::block;

    fn check(law: &str, density: f64, expected: f64) {
        let modulus = Law::named(law)
            .unwrap()
            .modulus(MgPerCm3::new(density), Clamp::default())
            .get();
        assert!(
            (modulus / expected - 1.0).abs() < 1e-3,
            "{law} {density}: {modulus}"
        );
    }

    #[test]
    fn laws_have_their_published_values() {
        check("keyak-1998", 100.0, 213.9);
        check("keyak-1998", 400.0, 2591.8);
        check("keyak-1998", 1000.0, 10_200.0);
        check("keller-1994", 1000.0, 10_500.0);
        check("morgan-2003-trabecular", 500.0, 1604.1);
        check("morgan-2003-pooled", 1000.0, 6850.0);
        check("kopperdahl-2002", 200.0, 549.9);
        check("crawford-2003", 200.0, 611.3);
        check("linear-10", 350.0, 3500.0);
    }

    #[test]
    fn answers_stay_within_their_clamps() {
        for law in &LAWS {
            let at = |density| law.modulus(MgPerCm3::new(density), Clamp::default()).get();
            assert!((at(-300.0) - 5.0).abs() < 1e-12, "{}", law.name);
            assert!((at(9000.0) - 20_000.0).abs() < 1e-9, "{}", law.name);
            assert!(at(300.0) < at(400.0), "{}", law.name);
        }
    }

    #[test]
    fn an_element_has_the_mean_of_its_moduli() {
        let points = even_points();
        for corner in 0..4 {
            let mean: f64 = points.iter().map(|p| p[corner] / 64.0).sum();
            assert!((mean - 0.25).abs() < 1e-15);
        }
        // A density that rises along x, read by a straight law: the value at the middle.
        let mesh = block([2, 2, 2], 1.0);
        let law = Law::named("linear-10").unwrap();
        let rising = |p: [f64; 3]| MgPerCm3::new(100.0 + 50.0 * p[0]);
        let found = law
            .materials(&mesh, Clamp::default(), Threads::new(2), rising)
            .unwrap();
        for (element, elastic) in found.iter().enumerate() {
            let middle = blend(mesh.corners(element), [0.25; 4]);
            let expected = 1000.0 + 500.0 * middle[0];
            assert!((elastic.young_mpa() / expected - 1.0).abs() < 1e-12);
        }
    }
}
