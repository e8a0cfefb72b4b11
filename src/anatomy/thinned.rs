//! The same model with fewer vertices, for work that needs no fine ones.
//!
//! Some of the vertices are kept, so far apart, the landmarks' among them; every
//! other one is led to the nearest kept along the surface, and what triangles are
//! left are the coarse surface's. Leading vertices together keeps a closed surface
//! closed, so path lengths through it stay exact. Numbers, frames and what they
//! mean are the model's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::AnatomyError;
use super::Bone;
use super::BoneModel;
use super::Cortex;
use super::ForearmModel;
use super::LandmarkIds;
use super::bone_model::BoneParts;
use super::forearm_model::ForearmParts;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector::length;
use crate::geometry::vector::sub;

impl ForearmModel {
    /// The model with vertices at least so far apart on its mean, millimeters.
    ///
    /// # Errors
    /// [`AnatomyError::NotAModel`] where nothing is left of a bone.
    pub fn thinned(&self, apart_mm: f64) -> Result<Self, AnatomyError> {
        let thin = |bone: Bone| thinned(self.bone(bone), self.cortex(bone), apart_mm);
        let (radius, ulna) = (thin(Bone::Radius)?, thin(Bone::Ulna)?);
        Self::from_parts(ForearmParts {
            bones: [radius.0, ulna.0],
            cortex: [radius.1, ulna.1],
            pivot: self.pivot(),
            seat_sd: self.seat_sd(),
            correlation: self.correlation().clone(),
        })
    }
}

fn thinned(
    bone: &BoneModel,
    cortex: &Cortex,
    apart_mm: f64,
) -> Result<(BoneModel, Cortex), AnatomyError> {
    let mean = bone.mean();
    let kept = kept(mean, bone.landmarks(), apart_mm);
    let led = led(mean, &kept);
    let triangles: Vec<[u32; 3]> = mean
        .triangles()
        .iter()
        .map(|triangle| triangle.map(|v| led[v as usize]))
        .filter(|[a, b, c]| a != b && b != c && c != a)
        .collect();
    let of = |values: &[f32], width: usize| -> Vec<f32> {
        let whole = width * mean.vertices().len();
        let one = |all: &[f32]| -> Vec<f32> {
            kept.iter()
                .flat_map(|v| all[width * v..width * (v + 1)].to_vec())
                .collect()
        };
        values.chunks_exact(whole).flat_map(one).collect()
    };
    let flags = |all: &[bool]| kept.iter().map(|v| all[*v]).collect();
    let places = kept.iter().map(|v| mean.vertices()[*v]).collect();
    let surface = SurfaceMesh::new(places, triangles).map_err(|error| {
        AnatomyError::NotAModel(format!("nothing is left of a thinned bone: {error}"))
    })?;
    let mut landmarks = LandmarkIds::default();
    for (landmark, vertices) in bone.landmarks().iter() {
        let vertices = vertices.iter().map(|v| led[*v as usize]).collect();
        landmarks.set(landmark, vertices);
    }
    let modes: Vec<f32> = (0..bone.modes())
        .flat_map(|k| of(bone.mode(k), 3))
        .collect();
    let thin = BoneModel::from_parts(BoneParts {
        bone: bone.bone(),
        mean: surface,
        modes,
        residual_variance: of(bone.residual_variance(), 1),
        residual_scales: bone.residual_scales().to_vec(),
        joint_patch: flags(bone.joint_patch()),
        cut: flags(bone.cut()),
        landmarks,
        digest: bone.digest().to_owned(),
    })?;
    let cortex = Cortex {
        mean: of(&cortex.mean, 1),
        modes: of(&cortex.modes, 1),
    };
    Ok((thin, cortex))
}

/// The vertices that are kept, in the order in which they are numbered then: those
/// of landmarks, then each that is far enough from all before.
fn kept(mean: &SurfaceMesh<Model>, landmarks: &LandmarkIds, apart_mm: f64) -> Vec<usize> {
    let places = mean.vertices();
    let mut kept: Vec<usize> = landmarks
        .iter()
        .flat_map(|(_, vertices)| vertices.iter().map(|v| *v as usize))
        .collect();
    kept.sort_unstable();
    kept.dedup();
    for (v, place) in places.iter().enumerate() {
        let far = |other: &usize| length(sub(*place, places[*other])) >= apart_mm;
        if kept.iter().all(far) {
            kept.push(v);
        }
    }
    kept
}

/// To which of the kept ones each vertex is led: the nearest along edges.
fn led(mean: &SurfaceMesh<Model>, kept: &[usize]) -> Vec<u32> {
    let places = mean.vertices();
    let mut beside = vec![Vec::new(); places.len()];
    for [a, b, c] in mean.triangles() {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            beside[*from as usize].push(*to as usize);
            beside[*to as usize].push(*from as usize);
        }
    }
    let mut way = vec![f64::INFINITY; places.len()];
    let mut led = vec![0_u32; places.len()];
    let mut next = BinaryHeap::new();
    for (number, v) in (0_u32..).zip(kept) {
        (way[*v], led[*v]) = (0.0, number);
        next.push(Reverse((0_u64, *v)));
    }
    // Lengths that are not negative are in the order of their bits.
    while let Some(Reverse((bits, v))) = next.pop() {
        if bits != way[v].to_bits() {
            continue;
        }
        for other in &beside[v] {
            let through = way[v] + length(sub(places[v], places[*other]));
            if through < way[*other] {
                (way[*other], led[*other]) = (through, led[v]);
                next.push(Reverse((through.to_bits(), *other)));
            }
        }
    }
    led
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::anatomy::Forearm;

    #[test]
    fn a_thinned_model_is_the_same_forearm() {
        let fine = ForearmModel::shipped().unwrap();
        let coarse = fine.thinned(1.5).unwrap();
        let mut z = vec![0.0; fine.latent()];
        (z[0], z[3]) = (1.0, -2.0);
        let (whole, thin) = (fine.decode(&z).unwrap(), coarse.decode(&z).unwrap());
        for bone in Bone::ALL {
            let (whole, thin) = (whole.bone(bone), thin.bone(bone));
            assert!(thin.vertices().len() * 3 < whole.vertices().len());
            let lost = thin.signed_volume() / whole.signed_volume();
            assert!((0.97..=1.0).contains(&lost), "{lost}");
            // Every edge is met as often one way as the other.
            let mut edges = std::collections::HashMap::new();
            for [a, b, c] in thin.triangles() {
                for (from, to) in [(a, b), (b, c), (c, a)] {
                    *edges.entry((from.min(to), from.max(to))).or_insert(0) +=
                        if from < to { 1 } else { -1 };
                }
            }
            assert!(edges.values().all(|sum| *sum == 0));
        }
        let read = |model: &ForearmModel, forearm: &Forearm<Model>| {
            let landmarks = model.landmarks().on(forearm).unwrap();
            crate::anatomy::measures(&landmarks, crate::anatomy::Side::Right).unwrap()
        };
        assert_eq!(read(&fine, &whole), read(&coarse, &thin));
    }
}
