//! The shape model of a distal forearm: one model a bone, one size for both,
//! how the bones lie to each other, how everything hangs together, and the
//! thickness of the cortex.
//!
//! A forearm is a latent vector `z` of numbers with mean 0 and SD 1 over the
//! training subjects: `[size | the radius' own modes | the ulna's | seat]`.
//! Each bone is linear in its part of it (size is mode 0 of both); the seat is
//! the small rigid motion of the ulna against the radius, six numbers. Over
//! people `z` is normal with the correlations of [`ForearmModel::correlation`];
//! within one bone they are the identity but for rounding and sampling.
//!
//! The file (`bonebox-forearm-1`, little-endian):
//!
//! ```text
//! 8 bytes   "bbfore-1"
//! u32       length of the header
//! JSON      counts, landmarks, seat, residual scales, one scale a 16-bit array
//! a bone:   mean       i16 x 3V        millimeters / scale
//!           modes      i16 x 3V x K    one scale a mode
//!           triangles  u16 x 3T
//!           flags      u8  x V         1 joint, 2 lid
//!           residual   u8  x V         SD a coordinate, millimeters / scale
//!           cortex     i16 x V x (1+C) mean and modes, millimeters / scale
//! then      correlation i16, lower triangle without the diagonal, / 32767
//! ```
use nalgebra::DMatrix;
use std::ops::Range;

use super::AnatomyError;
use super::Bone;
use super::BoneModel;
use super::Forearm;
use super::LandmarkIds;
use super::forearm_file;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector::add;
use crate::geometry::vector::sub;

/// The committed model.
const SHIPPED: &[u8] = include_bytes!("../../models/forearm-shape/model.bin");
/// What is written of it.
const SHIPPED_CARD: &[u8] = include_bytes!("../../models/forearm-shape/card.json");
/// The name in that card.
const SHIPPED_NAME: &str = "forearm-shape@1";
/// Numbers of the seat: turn and shift of the ulna against the radius.
pub const SEAT: usize = 6;

/// How thick a bone's cortex is: a mean and a few modes, independent of shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Cortex {
    /// Millimeters, a vertex.
    pub mean: Vec<f32>,
    /// Millimeters for one SD, mode after mode.
    pub modes: Vec<f32>,
}

impl Cortex {
    /// Thickness at each vertex for the first few amplitudes, millimeters.
    #[must_use]
    pub fn thickness(&self, amplitudes: &[f64]) -> Vec<f64> {
        let mut thick: Vec<f64> = self.mean.iter().map(|t| f64::from(*t)).collect();
        for (mode, amplitude) in self.modes.chunks_exact(self.mean.len()).zip(amplitudes) {
            for (total, step) in thick.iter_mut().zip(mode) {
                *total += amplitude * f64::from(*step);
            }
        }
        thick.iter().map(|t| t.max(0.3)).collect()
    }

    /// How many modes it has.
    #[must_use]
    pub const fn modes(&self) -> usize {
        self.modes.len() / self.mean.len()
    }
}

/// What a [`ForearmModel`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ForearmParts {
    /// In the order of [`Bone::ALL`]; mode 0 of each is the common size.
    pub bones: [BoneModel; 2],
    /// In the order of [`Bone::ALL`].
    pub cortex: [Cortex; 2],
    /// The point about which the ulna turns.
    pub pivot: [f64; 3],
    /// SDs of the ulna's turn (radians) and shift (millimeters).
    pub seat_sd: [f64; SEAT],
    /// Correlations of the latent vector.
    pub correlation: DMatrix<f64>,
}

/// The model of a distal forearm of a right arm.
#[derive(Debug, Clone, PartialEq)]
pub struct ForearmModel {
    parts: ForearmParts,
    landmarks: LandmarkIds,
}

impl ForearmModel {
    /// The model that comes with the program.
    ///
    /// # Errors
    /// None but for a broken build: a test reads it.
    pub fn shipped() -> Result<Self, AnatomyError> {
        Self::from_bytes(SHIPPED)
    }

    /// The bytes of [`ForearmModel::shipped`], for its digest.
    #[must_use]
    pub const fn shipped_bytes() -> &'static [u8] {
        SHIPPED
    }

    /// The name of [`ForearmModel::shipped`] and the bytes of its card, for what is made
    /// by it: the card names the digest of the model.
    #[must_use]
    pub const fn shipped_card() -> (&'static str, &'static [u8]) {
        (SHIPPED_NAME, SHIPPED_CARD)
    }

    /// A model from its parts.
    ///
    /// # Errors
    /// [`AnatomyError::NotAModel`] when they do not fit one another.
    pub fn from_parts(parts: ForearmParts) -> Result<Self, AnatomyError> {
        let own = |bone: &BoneModel| bone.modes() - 1;
        let length = 1 + own(&parts.bones[0]) + own(&parts.bones[1]) + SEAT;
        let refuse = |why: &str| Err(AnatomyError::NotAModel(why.to_owned()));
        if parts.correlation.shape() != (length, length) {
            return refuse("its correlations do not fit its modes");
        }
        for (bone, cortex) in parts.bones.iter().zip(&parts.cortex) {
            let vertices = bone.mean().vertices().len();
            if cortex.mean.len() != vertices || !cortex.modes.len().is_multiple_of(vertices) {
                return refuse("its cortex does not fit its mean");
            }
        }
        if !parts.correlation.iter().all(|c| c.is_finite())
            || parts.correlation.clone().cholesky().is_none()
        {
            return refuse("its correlations are none");
        }
        let mut landmarks = LandmarkIds::default();
        for bone in &parts.bones {
            for (landmark, vertices) in bone.landmarks().iter() {
                landmarks.set(landmark, vertices.to_vec());
            }
        }
        let model = Self { parts, landmarks };
        landmarks_exist(&model)?;
        Ok(model)
    }

    /// One bone's model.
    #[must_use]
    pub const fn bone(&self, bone: Bone) -> &BoneModel {
        match bone {
            Bone::Radius => &self.parts.bones[0],
            Bone::Ulna => &self.parts.bones[1],
        }
    }

    /// One bone's cortex.
    #[must_use]
    pub const fn cortex(&self, bone: Bone) -> &Cortex {
        match bone {
            Bone::Radius => &self.parts.cortex[0],
            Bone::Ulna => &self.parts.cortex[1],
        }
    }

    /// The vertices of all landmarks.
    #[must_use]
    pub const fn landmarks(&self) -> &LandmarkIds {
        &self.landmarks
    }

    /// Length of the latent vector.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.parts.correlation.nrows()
    }

    /// Where a bone's own modes (1 and above of its [`BoneModel`]) stand in `z`.
    #[must_use]
    pub fn range(&self, bone: Bone) -> Range<usize> {
        let radius = self.parts.bones[0].modes();
        match bone {
            Bone::Radius => 1..radius,
            Bone::Ulna => radius..radius + self.parts.bones[1].modes() - 1,
        }
    }

    /// Where the seat stands in `z`.
    #[must_use]
    pub fn seat_range(&self) -> Range<usize> {
        self.latent() - SEAT..self.latent()
    }

    /// The point about which the ulna turns against the radius.
    #[must_use]
    pub const fn pivot(&self) -> [f64; 3] {
        self.parts.pivot
    }

    /// SDs over people of the ulna's turn (radians) and shift (millimeters).
    #[must_use]
    pub const fn seat_sd(&self) -> [f64; SEAT] {
        self.parts.seat_sd
    }

    /// The part of `z` that a bone's model takes: size, then its own modes.
    #[must_use]
    pub fn of_bone(&self, bone: Bone, z: &[f64]) -> Vec<f64> {
        let own = z.get(self.range(bone)).unwrap_or(&[]);
        z.first().into_iter().chain(own).copied().collect()
    }

    /// Correlations of the latent vector over people: the covariance of its
    /// normal prior.
    #[must_use]
    pub const fn correlation(&self) -> &DMatrix<f64> {
        &self.parts.correlation
    }

    /// The inverse of [`Self::correlation`]: `z` costs half of `z' P z`.
    #[must_use]
    #[allow(clippy::expect_used, reason = "proved when the model was made")]
    pub fn precision(&self) -> DMatrix<f64> {
        let factor = self.parts.correlation.clone().cholesky();
        factor
            .expect("from_parts has refused correlations that are none")
            .inverse()
    }

    /// The ulna's motion against the radius for the last six numbers of `z`.
    #[must_use]
    pub fn seat(&self, z: &[f64]) -> Rigid<Model, Model> {
        let mut numbers = [0.0; SEAT];
        let given = z.get(self.seat_range()).unwrap_or(&[]);
        for (number, (value, sd)) in numbers.iter_mut().zip(given.iter().zip(self.parts.seat_sd)) {
            *number = value * sd;
        }
        let [a, b, c, shift @ ..] = numbers;
        let pivot = self.parts.pivot;
        let turn = Rigid::<Model, Model>::from_rotation_vector([a, b, c], [0.0; 3]);
        let home = sub(add(pivot, shift), turn.move_xyz(pivot));
        Rigid::from_rotation_vector([a, b, c], home)
    }

    /// The forearm of a latent vector, a right one.
    ///
    /// # Errors
    /// [`AnatomyError::Latent`] for a wrong length or a number that is not finite.
    pub fn decode(&self, z: &[f64]) -> Result<Forearm<Model>, AnatomyError> {
        let finite = z.iter().filter(|v| v.is_finite()).count();
        if finite != self.latent() || z.len() != self.latent() {
            return Err(AnatomyError::Latent {
                given: finite,
                expected: self.latent(),
            });
        }
        let shape = |bone: Bone| {
            let model = self.bone(bone);
            let vertices = model.vertices(&self.of_bone(bone, z));
            model.mean().with_vertices(vertices)
        };
        Ok(Forearm {
            radius: shape(Bone::Radius)?,
            ulna: shape(Bone::Ulna)?.moved(&self.seat(z)),
        })
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`AnatomyError::NotAModel`] and what the parts' makers refuse.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AnatomyError> {
        forearm_file::read(bytes)
    }

    /// Writes the model file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        forearm_file::write(&self.parts)
    }
}

fn landmarks_exist(model: &ForearmModel) -> Result<(), AnatomyError> {
    let mean = Forearm {
        radius: model.bone(Bone::Radius).mean().clone(),
        ulna: model.bone(Bone::Ulna).mean().clone(),
    };
    model.landmarks.on(&mean).map(drop)
}
