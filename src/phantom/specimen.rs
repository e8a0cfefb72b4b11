//! What every generator of the second kind hands out: one invented person's
//! forearm with its cortex, density, landmarks and true measures.
//!
//! Generator A makes what models are built from; the two families of generator
//! B, written apart from it by another formulation, make what they are judged
//! on. A specimen is always a right arm in the model's frame; `side` says which
//! arm it stands for (a left one is its mirror image).

use serde::Deserialize;
use serde::Serialize;

use super::PhantomError;
use super::a;
use super::b;
use super::b::Family;
use super::density::Density;
use super::specimen_xray::XRAY_LENGTH_MM;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmarks;
use crate::anatomy::Measures;
use crate::anatomy::Side;
use crate::geometry::Model;

/// How much of both bones a specimen has, from the joint, in millimeters.
pub const SPECIMEN_LENGTH_MM: f64 = 80.0;

/// Who invents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Generator {
    /// Makes training, validation and test subjects of shape models.
    A,
    /// The family of generator B that may be looked at and fitted while developing.
    #[serde(rename = "B-dev")]
    BDev,
    /// The family of generator B that is opened only to report figures.
    #[serde(rename = "B-test")]
    BTest,
}

impl Generator {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A, Self::BDev, Self::BTest];

    /// Its name in commands, files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::BDev => "B-dev",
            Self::BTest => "B-test",
        }
    }
}

/// One invented person's forearm.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// Who invented it.
    pub generator: Generator,
    /// Which one it is; splits are by seed.
    pub seed: u64,
    /// The arm it stands for; the surfaces are always a right arm's.
    pub side: Side,
    /// The outer (periosteal) surfaces, closed.
    pub outer: Forearm<Model>,
    /// The inner (endosteal) surfaces, closed: between outer and inner lies the
    /// cortex and the subchondral plate, inside the inner spongy bone and marrow.
    pub inner: Forearm<Model>,
    /// Where its landmarks are.
    pub landmarks: Landmarks<Model>,
    /// Its true measures.
    pub measures: Measures,
    /// Which vertices of `outer` belong to a joint surface, in the order of
    /// [`Bone::ALL`]: the radius' carpal surface and sigmoid notch, the ulna's
    /// seat and dome.
    pub joint: [Vec<bool>; 2],
    /// How much mineral is where.
    pub density: Density,
}

impl Specimen {
    /// The distal 80 mm of the forearm of a seed.
    ///
    /// # Errors
    /// [`PhantomError`] when its surfaces are none, which no seed is known to
    /// do.
    pub fn draw(generator: Generator, seed: u64) -> Result<Self, PhantomError> {
        Self::draw_to(generator, seed, SPECIMEN_LENGTH_MM)
    }

    /// The same forearm, cut off this far from the joint: an X-ray shows more
    /// of the shafts than the distal 80 mm.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn draw_to(generator: Generator, seed: u64, length_mm: f64) -> Result<Self, PhantomError> {
        match generator {
            Generator::A if (length_mm - SPECIMEN_LENGTH_MM).abs() < 1e-9 => a::draw(seed),
            Generator::A => Err(PhantomError::Length(length_mm)),
            Generator::BDev => b::draw(Family::Dev, seed, length_mm),
            Generator::BTest => b::draw(Family::Test, seed, length_mm),
        }
    }

    /// The same forearm, with as much of the shafts as its X-rays show.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn for_xray(generator: Generator, seed: u64) -> Result<Self, PhantomError> {
        match generator {
            Generator::A => Self::draw(generator, seed),
            Generator::BDev | Generator::BTest => Self::draw_to(generator, seed, XRAY_LENGTH_MM),
        }
    }

    /// The person in the middle of all that a generator invents, without
    /// anything that is one person's own: the null model of a family.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn mean(generator: Generator) -> Result<Self, PhantomError> {
        match generator {
            Generator::A => a::mean(),
            Generator::BDev => b::mean(Family::Dev),
            Generator::BTest => b::mean(Family::Test),
        }
    }

    /// Which vertices of a bone's outer surface belong to a joint surface.
    #[must_use]
    pub fn joint(&self, bone: Bone) -> &[bool] {
        match bone {
            Bone::Radius => &self.joint[0],
            Bone::Ulna => &self.joint[1],
        }
    }
}
