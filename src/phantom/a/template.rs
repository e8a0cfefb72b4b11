//! The template: even meshes of the two sculpted bones, which vertices are
//! joint surface and which close the proximal cut, and the landmarks. It is
//! made once by [`Template::sculpted`] and read from a packed file afterwards:
//! making it takes seconds, and every specimen needs it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "thousands of vertices, and coordinates of a forearm in hundredths of a micrometer"
)]

use std::f64::consts::TAU;
use std::sync::OnceLock;

use super::nets;
use super::remesh;
use super::sculpt::Solid;
use super::sculpt::rise;
use super::sculpt_radius::CUT_MM;
use super::sculpt_radius::HEAD_AXIS;
use super::sculpt_radius::Radius;
use super::sculpt_ulna::DOME_Z;
use super::sculpt_ulna::Ulna;
use crate::anatomy::AnatomyError;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::LandmarkIds;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::phantom::PhantomError;

/// The template as it was packed.
const PACKED: &[u8] = include_bytes!("template.bin");
const MAGIC: &[u8; 8] = b"bbtmpl-1";
/// Packed coordinates are whole numbers of this many millimeters.
const STEP_MM: f64 = 0.0025;
/// Cell of the first mesh.
const CELL_MM: f64 = 0.7;

/// Meshes, flags and landmarks that every specimen of generator A shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The bones in the middle of all.
    pub outer: Forearm<Model>,
    /// The joint surface, a vertex, in the order of [`Bone::ALL`].
    pub joint: [Vec<bool>; 2],
    /// The lid over the proximal cut, a vertex.
    pub cut: [Vec<bool>; 2],
    /// The landmarks of both bones.
    pub landmarks: LandmarkIds,
}

/// Wished edge length away from joints, by level.
fn radius_edge(level: f64) -> f64 {
    0.85 + 0.5 * rise(level, 18.0, 45.0)
}

fn ulna_edge(level: f64) -> f64 {
    0.8 + 0.3 * rise(level, 18.0, 45.0)
}

impl Template {
    /// The template of this program.
    ///
    /// # Errors
    /// [`PhantomError`] when the packed file is none, which a test excludes.
    pub fn shared() -> Result<&'static Self, PhantomError> {
        static SHARED: OnceLock<Result<Template, PhantomError>> = OnceLock::new();
        let read = SHARED.get_or_init(|| Self::unpack(PACKED));
        read.as_ref().map_err(Clone::clone)
    }

    /// Sculpts the bones and meshes them, as [`Template::shared`] once was.
    ///
    /// # Errors
    /// [`PhantomError`] when a mesh is none.
    pub fn sculpted() -> Result<Self, PhantomError> {
        let (radius, joint_radius) = meshed(&Radius::new(), radius_edge)?;
        let (ulna, joint_ulna) = meshed(&Ulna::new(), ulna_edge)?;
        Self::of(Forearm { radius, ulna }, [joint_radius, joint_ulna])
    }

    fn of(outer: Forearm<Model>, joint: [Vec<bool>; 2]) -> Result<Self, PhantomError> {
        let lid = |mesh: &SurfaceMesh<Model>| {
            let heights = mesh.vertices().iter();
            heights.map(|v| v[2] < -CUT_MM + 0.12).collect()
        };
        let mut landmarks = LandmarkIds::default();
        mark_radius(outer.radius.vertices(), &joint[0], &mut landmarks);
        mark_ulna(outer.ulna.vertices(), &joint[1], &mut landmarks);
        landmarks.on(&outer)?;
        Ok(Self {
            cut: [lid(&outer.radius), lid(&outer.ulna)],
            outer,
            joint,
            landmarks,
        })
    }

    /// The packed form: for each bone the numbers of vertices and triangles,
    /// coordinates, triangles and joint flags, little-endian.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (bone, joint) in Bone::ALL.into_iter().zip(&self.joint) {
            let mesh = self.outer.bone(bone);
            out.extend((mesh.vertices().len() as u16).to_le_bytes());
            out.extend((mesh.triangles().len() as u16).to_le_bytes());
            for value in mesh.vertices().iter().flatten() {
                out.extend(((value / STEP_MM).round() as i16).to_le_bytes());
            }
            for vertex in mesh.triangles().iter().flatten() {
                out.extend((*vertex as u16).to_le_bytes());
            }
            out.extend(joint.iter().map(|j| u8::from(*j)));
        }
        out
    }

    fn unpack(bytes: &[u8]) -> Result<Self, PhantomError> {
        let broken = || AnatomyError::NotAModel("the template is cut short".to_owned());
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(broken)?;
        let mut take = |count: usize| -> Result<&[u8], AnatomyError> {
            let (part, after) = rest.split_at_checked(count).ok_or_else(broken)?;
            rest = after;
            Ok(part)
        };
        let mut bones = Vec::new();
        for _ in Bone::ALL {
            let counts = words(take(4)?);
            let (vertices, triangles) = (usize::from(counts[0]), usize::from(counts[1]));
            let places: Vec<f64> = words(take(6 * vertices)?)
                .into_iter()
                .map(|w| f64::from(w.cast_signed()) * STEP_MM)
                .collect();
            let corners = words(take(6 * triangles)?);
            let joint: Vec<bool> = take(vertices)?.iter().map(|j| *j == 1).collect();
            let mesh = SurfaceMesh::new(
                places.chunks_exact(3).map(|v| [v[0], v[1], v[2]]).collect(),
                corners
                    .chunks_exact(3)
                    .map(|t| [t[0], t[1], t[2]].map(u32::from))
                    .collect(),
            )?;
            bones.push((mesh, joint));
        }
        let (Some((ulna, joint_ulna)), Some((radius, joint_radius))) = (bones.pop(), bones.pop())
        else {
            return Err(broken().into());
        };
        Self::of(Forearm { radius, ulna }, [joint_radius, joint_ulna])
    }
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .map(|w| u16::from_le_bytes([w[0], w[1]]))
        .collect()
}

fn meshed(
    solid: &impl Solid,
    edge: fn(f64) -> f64,
) -> Result<(SurfaceMesh<Model>, Vec<bool>), PhantomError> {
    let (vertices, triangles) = remesh::even(solid, nets::mesh(solid, CELL_MM), edge);
    let joint = vertices.iter().map(|v| solid.is_joint(*v)).collect();
    Ok((SurfaceMesh::new(vertices, triangles)?, joint))
}

/// The vertex that scores highest; what scores nothing is passed over.
fn best(vertices: &[[f64; 3]], score: impl Fn(usize, [f64; 3]) -> Option<f64>) -> Vec<u32> {
    let mut found: Option<(f64, u32)> = None;
    for (number, vertex) in vertices.iter().enumerate() {
        if let Some(value) = score(number, *vertex)
            && found.is_none_or(|(top, _)| value > top)
        {
            found = Some((value, number as u32));
        }
    }
    found.map(|(_, number)| vec![number]).unwrap_or_default()
}

/// Vertices spread evenly about a section of the bone; their mean is its center.
fn ring(vertices: &[[f64; 3]], axis: [f64; 2], z: f64) -> Vec<u32> {
    (0..24)
        .flat_map(|step| {
            let angle = TAU * f64::from(step) / 24.0;
            best(vertices, |_, v| {
                let off = [v[0] - axis[0], v[1] - axis[1]];
                let turn = (off[1].atan2(off[0]) - angle + TAU * 1.5).rem_euclid(TAU) - TAU / 2.0;
                let gap = ((v[2] - z) / 0.6).powi(2) + (turn * off[0].hypot(off[1]) / 0.6).powi(2);
                ((v[2] - z).abs() < 2.5).then_some(-gap)
            })
        })
        .collect()
}

fn mark_radius(vertices: &[[f64; 3]], joint: &[bool], ids: &mut LandmarkIds) {
    let find = |score: &dyn Fn([f64; 3]) -> Option<f64>| best(vertices, |_, v| score(v));
    let tip = find(&|v| (v[0] > 6.0).then_some(v[2]));
    let near_notch = |v: &[f64; 3]| v[0] < -8.0 && v[2] > -9.5;
    let volar = find(&|v| near_notch(&v).then_some(-v[0] - 0.9 * v[1] + 0.6 * v[2]));
    let dorsal = find(&|v| near_notch(&v).then_some(-v[0] + 0.9 * v[1] + 0.6 * v[2]));
    let place = |ids: &[u32]| ids.first().map_or([0.0; 3], |v| vertices[*v as usize]);
    let corner: [f64; 3] =
        std::array::from_fn(|k| f64::midpoint(place(&volar)[k], place(&dorsal)[k]));
    let middle = f64::midpoint(place(&tip)[0], corner[0]);
    let rim =
        |side: f64| find(&|v| ((v[0] - middle).abs() < 0.35 && side * v[1] > 4.0).then_some(v[2]));
    ids.set(Landmark::VolarRim, rim(-1.0));
    ids.set(Landmark::DorsalRim, rim(1.0));
    let in_groove = |v: &[f64; 3]| (v[0] - 2.2).abs() < 3.0 && (3.0..13.0).contains(&-v[2]);
    ids.set(
        Landmark::ListerTubercle,
        find(&|v| in_groove(&v).then_some(v[1])),
    );
    let notch = best(vertices, |number, v| {
        let off = (v[1] + 0.2).powi(2) + (v[2] - corner[2] + 4.0).powi(2);
        (joint[number] && v[0] < -8.0 && v[2] < corner[2] - 1.5).then_some(-off)
    });
    ids.set(Landmark::SigmoidNotch, notch);
    let shaft = |down: f64| ring(vertices, [0.0, 0.0], corner[2] - down);
    ids.set(Landmark::RadialShaftDistal, shaft(30.0));
    ids.set(Landmark::RadialShaftProximal, shaft(60.0));
    ids.set(Landmark::RadialStyloidTip, tip);
    ids.set(Landmark::UlnarCornerVolar, volar);
    ids.set(Landmark::UlnarCornerDorsal, dorsal);
}

fn mark_ulna(vertices: &[[f64; 3]], joint: &[bool], ids: &mut LandmarkIds) {
    let dome = best(vertices, |number, v| joint[number].then_some(v[2]));
    let tip = best(vertices, |_, v| Some(v[2]));
    let shaft = |down: f64| ring(vertices, HEAD_AXIS, DOME_Z - down);
    ids.set(Landmark::UlnarHeadCenter, shaft(3.5));
    ids.set(Landmark::UlnarShaftDistal, shaft(30.0));
    ids.set(Landmark::UlnarShaftProximal, shaft(60.0));
    ids.set(Landmark::UlnarDome, dome);
    ids.set(Landmark::UlnarStyloidTip, tip);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::vector::cross;
    use crate::geometry::vector::length;
    use crate::geometry::vector::sub;

    #[test]
    fn its_triangles_are_even_and_fine_where_the_joint_is() {
        let template = Template::shared().unwrap();
        for (bone, joint) in Bone::ALL.into_iter().zip(&template.joint) {
            let mesh = template.outer.bone(bone);
            assert!(mesh.is_closed(), "{bone:?}");
            assert!((5_000..10_000).contains(&mesh.vertices().len()), "{bone:?}");
            let (mut sum, mut count, mut worst) = (0.0, 0.0, 1.0_f64);
            for (t, ids) in mesh.corners().zip(mesh.triangles()) {
                let edges = [sub(t[1], t[0]), sub(t[2], t[1]), sub(t[0], t[2])].map(length);
                let area = length(cross(sub(t[1], t[0]), sub(t[2], t[0]))) / 2.0;
                let square: f64 = edges.iter().map(|e| e * e).sum();
                worst = worst.min(4.0 * 3f64.sqrt() * area / square);
                if ids.iter().all(|v| joint[*v as usize]) {
                    sum += edges.iter().sum::<f64>();
                    count += 3.0;
                }
            }
            assert!(worst > 0.5, "{bone:?}: a triangle of quality {worst}");
            let edge = sum / count;
            assert!((0.44..0.55).contains(&edge), "{bone:?}: {edge} mm");
        }
    }

    #[test]
    fn a_packed_template_cut_anywhere_is_refused() {
        for cut in [0, 7, 8, 11, 400, PACKED.len() - 1] {
            assert!(Template::unpack(&PACKED[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn sculpting_again_gives_the_same_bytes() {
        if std::env::var_os("BONEBOX_TEST_LONG").is_some() {
            assert!(Template::sculpted().unwrap().packed() == PACKED);
        }
    }
}
