//! Named places on the bones, known by the vertices of the template.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::AnatomyError;
use super::Bone;
use super::Forearm;
use crate::geometry::Frame;
use crate::geometry::Point;

/// A named place on a bone. Some are one vertex (a tip), some the middle of a
/// ring of vertices (an axis point).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landmark {
    /// The most distal point of the radial styloid.
    RadialStyloidTip,
    /// Where the volar rim of the radius' joint surface meets the sigmoid notch.
    UlnarCornerVolar,
    /// Where the dorsal rim of the radius' joint surface meets the sigmoid notch.
    UlnarCornerDorsal,
    /// The middle of the volar rim of the radius' joint surface.
    VolarRim,
    /// The middle of the dorsal rim of the radius' joint surface.
    DorsalRim,
    /// The top of Lister's tubercle.
    ListerTubercle,
    /// The middle of the sigmoid notch.
    SigmoidNotch,
    /// The center of the radius' shaft about 3 cm from the joint.
    RadialShaftDistal,
    /// The center of the radius' shaft about 6 cm from the joint.
    RadialShaftProximal,
    /// The distal end of the ulnar head beside the styloid, where it faces the lunate.
    UlnarDome,
    /// The tip of the ulnar styloid.
    UlnarStyloidTip,
    /// The center of the ulnar head.
    UlnarHeadCenter,
    /// The center of the ulna's shaft about 3 cm from the joint.
    UlnarShaftDistal,
    /// The center of the ulna's shaft about 6 cm from the joint.
    UlnarShaftProximal,
}

impl Landmark {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::RadialStyloidTip,
        Self::UlnarCornerVolar,
        Self::UlnarCornerDorsal,
        Self::VolarRim,
        Self::DorsalRim,
        Self::ListerTubercle,
        Self::SigmoidNotch,
        Self::RadialShaftDistal,
        Self::RadialShaftProximal,
        Self::UlnarDome,
        Self::UlnarStyloidTip,
        Self::UlnarHeadCenter,
        Self::UlnarShaftDistal,
        Self::UlnarShaftProximal,
    ];

    /// The bone it lies on.
    #[must_use]
    pub const fn bone(self) -> Bone {
        match self {
            Self::RadialStyloidTip
            | Self::UlnarCornerVolar
            | Self::UlnarCornerDorsal
            | Self::VolarRim
            | Self::DorsalRim
            | Self::ListerTubercle
            | Self::SigmoidNotch
            | Self::RadialShaftDistal
            | Self::RadialShaftProximal => Bone::Radius,
            Self::UlnarDome
            | Self::UlnarStyloidTip
            | Self::UlnarHeadCenter
            | Self::UlnarShaftDistal
            | Self::UlnarShaftProximal => Bone::Ulna,
        }
    }
}

/// The vertices of the template that make each landmark.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LandmarkIds(BTreeMap<Landmark, Vec<u32>>);

impl LandmarkIds {
    /// A landmark is the mean of these vertices of its bone.
    pub fn set(&mut self, landmark: Landmark, vertices: Vec<u32>) {
        self.0.insert(landmark, vertices);
    }

    /// The vertices of one landmark; empty when it is not known.
    #[must_use]
    pub fn vertices(&self, landmark: Landmark) -> &[u32] {
        self.0.get(&landmark).map_or(&[], Vec::as_slice)
    }

    /// Every known landmark with its vertices.
    pub fn iter(&self) -> impl Iterator<Item = (Landmark, &[u32])> {
        self.0
            .iter()
            .map(|(landmark, ids)| (*landmark, ids.as_slice()))
    }

    /// The landmarks of one bone.
    #[must_use]
    pub fn of_bone(&self, bone: Bone) -> Self {
        let own = self
            .0
            .iter()
            .filter(|(landmark, _)| landmark.bone() == bone);
        Self(
            own.map(|(landmark, ids)| (*landmark, ids.clone()))
                .collect(),
        )
    }

    /// Reads every known landmark off meshes that correspond to the template.
    ///
    /// # Errors
    /// [`AnatomyError::NoLandmark`] when a vertex is not on the mesh.
    pub fn on<F: Frame>(&self, forearm: &Forearm<F>) -> Result<Landmarks<F>, AnatomyError> {
        let mut found = BTreeMap::new();
        for (&landmark, vertices) in &self.0 {
            let mesh = forearm.bone(landmark.bone());
            let mut sum = [0.0; 3];
            for &vertex in vertices {
                let place = mesh
                    .vertex(vertex)
                    .ok_or(AnatomyError::NoLandmark(landmark))?;
                sum = plus(sum, place.xyz());
            }
            let count = u32::try_from(vertices.len())
                .ok()
                .filter(|n| *n > 0)
                .ok_or(AnatomyError::NoLandmark(landmark))?;
            found.insert(landmark, Point::new(sum.map(|v| v / f64::from(count))));
        }
        Ok(Landmarks(found))
    }
}

fn plus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] + b[i])
}

/// Where the landmarks of one forearm are.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks<F: Frame>(BTreeMap<Landmark, Point<F>>);

impl<F: Frame> Landmarks<F> {
    /// From places known one by one.
    #[must_use]
    pub fn of(places: impl IntoIterator<Item = (Landmark, Point<F>)>) -> Self {
        Self(places.into_iter().collect())
    }

    /// Where one is.
    ///
    /// # Errors
    /// [`AnatomyError::NoLandmark`] when it is not known.
    pub fn at(&self, landmark: Landmark) -> Result<Point<F>, AnatomyError> {
        self.0
            .get(&landmark)
            .copied()
            .ok_or(AnatomyError::NoLandmark(landmark))
    }

    /// All that are known.
    pub fn iter(&self) -> impl Iterator<Item = (Landmark, Point<F>)> + '_ {
        self.0.iter().map(|(l, p)| (*l, *p))
    }
}
