//! What an X-ray of a wrist shows besides radius and ulna, for any specimen:
//! eight carpals seated in the joint, five metacarpals, the skin.
//!
//! A carpal is an ellipsoid of its size in its place, parted from each neighbor
//! by an even gap and from the forearm's bones by the gap of the joint: so the
//! faces that meet are congruent, as in a wrist. Places and sizes are recalled
//! from atlases: a guess. Clutter, not anatomy: nothing is measured on it.

use super::PhantomError;
use super::abnormal::size;
use super::b::nets;
use super::b::nets::Grid;
use super::b::solid::bell;
use super::b::solid::between;
use super::b::solid::ramp;
use super::b::solid::smooth_max;
use super::b::solid::smooth_min;
use super::specimen::Specimen;
use crate::anatomy::Bone;
use crate::anatomy::Landmark;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

/// Cartilage between radius and carpals, and half of that between carpals.
const JOINT_GAP_MM: f64 = 2.0;
const CARPAL_GAP_MM: f64 = 1.5;

/// A bone of the hand: outer and inner surface of its cortex.
#[derive(Debug, Clone, PartialEq)]
pub struct HandBone {
    /// What it is.
    pub name: &'static str,
    /// Its outside.
    pub outer: SurfaceMesh<Model>,
    /// What its cortex encloses.
    pub inner: SurfaceMesh<Model>,
}

/// All that a wrist shows beside radius and ulna.
#[derive(Debug, Clone, PartialEq)]
pub struct Clutter {
    /// Eight carpals, then five metacarpals.
    pub bones: Vec<HandBone>,
    /// The skin of forearm, wrist and hand.
    pub skin: SurfaceMesh<Model>,
}

/// A carpal: name, middle from the joint's middle and half axes on a forearm of
/// size one, lean about the dorsal axis (degrees), and how far a bump beside
/// it (hook, tubercle) stands out toward the palm.
type Carpal = (&'static str, [f64; 3], [f64; 3], f64, f64);

const CARPALS: [Carpal; 8] = [
    ("scaphoid", [9.5, -1.5, 13.0], [7.2, 7.6, 12.8], 38.0, 3.0),
    ("lunate", [-5.0, -0.5, 8.5], [9.0, 9.0, 9.5], -8.0, 0.0),
    (
        "triquetrum",
        [-17.0, 0.5, 11.5],
        [7.4, 7.2, 9.4],
        -38.0,
        0.0,
    ),
    ("pisiform", [-17.5, -10.5, 13.0], [5.0, 4.8, 6.0], 0.0, 0.0),
    ("trapezium", [18.0, -5.0, 26.5], [7.6, 6.8, 8.6], 28.0, 1.5),
    ("trapezoid", [9.5, 1.0, 28.0], [5.8, 7.4, 7.0], 8.0, 0.0),
    ("capitate", [-0.5, 0.0, 23.5], [7.6, 8.6, 13.0], 0.0, 0.0),
    ("hamate", [-11.5, -0.5, 23.5], [7.6, 8.0, 11.0], -18.0, 5.0),
];

/// A metacarpal: base, head, half width at base, shaft and head.
type Metacarpal = (&'static str, [f64; 3], [f64; 3], [f64; 3]);

const METACARPALS: [Metacarpal; 5] = [
    (
        "metacarpal 1",
        [23.5, -10.0, 37.0],
        [43.0, -15.0, 74.0],
        [7.4, 4.8, 7.0],
    ),
    (
        "metacarpal 2",
        [11.5, 0.5, 38.5],
        [18.0, 0.5, 98.0],
        [7.8, 4.4, 7.0],
    ),
    (
        "metacarpal 3",
        [1.0, 1.5, 38.5],
        [3.5, 1.5, 97.0],
        [7.2, 4.4, 7.0],
    ),
    (
        "metacarpal 4",
        [-8.0, 1.0, 36.0],
        [-9.5, 0.5, 89.0],
        [6.2, 3.7, 6.2],
    ),
    (
        "metacarpal 5",
        [-16.0, -0.5, 33.5],
        [-22.0, -1.0, 82.0],
        [6.6, 3.8, 6.0],
    ),
];

/// Skin: height, half width, half depth, middle across and toward the back, on
/// a forearm of size one.
const SKIN: [[f64; 5]; 10] = [
    [-155.0, 40.0, 33.0, -10.0, -4.0],
    [-110.0, 36.0, 28.0, -10.0, -3.0],
    [-70.0, 32.0, 23.5, -10.0, -2.0],
    [-30.0, 30.0, 20.5, -9.5, -1.5],
    [-8.0, 30.0, 20.0, -8.0, -1.0],
    [12.0, 32.0, 20.5, -4.0, -3.0],
    [35.0, 38.0, 20.0, 1.0, -4.5],
    [60.0, 43.0, 18.0, 3.0, -4.0],
    [90.0, 42.0, 14.5, 0.0, -1.5],
    [116.0, 38.0, 11.0, -1.0, 0.0],
];

/// Half width, half depth and middle of the skin at a height.
pub(super) fn skin_at(z: f64, size: f64) -> [f64; 4] {
    [1, 2, 3, 4].map(|column| {
        let pairs = SKIN.map(|row| (row[0], row[column]));
        size * between(&pairs, z / size)
    })
}

impl Clutter {
    /// The clutter of a specimen, its hand turned about the capitate's head by
    /// flexion and deviation (radians; toward the palm and the thumb positive).
    ///
    /// # Errors
    /// [`PhantomError`] when a surface is lost, which no specimen is known to do.
    pub fn of(
        specimen: &Specimen,
        flexion_rad: f64,
        deviation_rad: f64,
    ) -> Result<Self, PhantomError> {
        let hand = Hand::new(specimen, [flexion_rad, deviation_rad])?;
        let mut bones = Vec::new();
        for number in 0..CARPALS.len() + METACARPALS.len() {
            bones.push(hand.bone(number)?);
        }
        Ok(Self {
            bones,
            skin: skin(&hand)?,
        })
    }
}

/// A hand in its place before a forearm.
struct Hand<'a> {
    size: f64,
    /// From the model's frame into the hand's own.
    back: Rigid<Model, Model>,
    there: Rigid<Model, Model>,
    forearm: [Locator<'a, Model>; 2],
    /// Bounds of both.
    bounds: [[[f64; 3]; 2]; 2],
}

impl<'a> Hand<'a> {
    fn new(specimen: &'a Specimen, turn: [f64; 2]) -> Result<Self, PhantomError> {
        let size = size(specimen);
        let at = |l| specimen.landmarks.at(l).map(|p| p.xyz());
        // The hand follows the joint: its middle between the fossae.
        let corner = vector::add(
            at(Landmark::UlnarCornerVolar)?,
            at(Landmark::UlnarCornerDorsal)?,
        );
        let tip = at(Landmark::RadialStyloidTip)?;
        let middle = vector::add(vector::scale(corner, 0.25), vector::scale(tip, 0.5));
        let origin = [middle[0] - 1.0 * size, middle[1] + 1.0 * size, -2.0 * size];
        let pivot = vector::add(origin, [-0.5 * size, 0.0, 14.0 * size]);
        let away =
            Rigid::<Model, Model>::from_rotation_vector([0.0; 3], vector::sub(origin, pivot));
        let turned = Rigid::<Model, Model>::from_rotation_vector([turn[0], turn[1], 0.0], pivot);
        let there: Rigid<Model, Model> = away.then(&turned);
        Ok(Self {
            size,
            back: there.inverse(),
            there,
            forearm: Bone::ALL.map(|bone| Locator::new(specimen.outer.bone(bone))),
            bounds: Bone::ALL.map(|bone| specimen.outer.bone(bone).bounds()),
        })
    }

    /// The field of a bone before it is parted from its neighbors, in the
    /// hand's own frame on a hand of size one.
    fn whole(number: usize, p: [f64; 3]) -> f64 {
        if let Some((_, middle, axes, lean, bump)) = CARPALS.get(number) {
            let (sine, cosine) = lean.to_radians().sin_cos();
            let d = vector::sub(p, *middle);
            let d = [
                d[0] * cosine - d[2] * sine,
                d[1],
                d[0] * sine + d[2] * cosine,
            ];
            let scaled = [d[0] / axes[0], d[1] / axes[1], d[2] / axes[2]];
            // Squarer than an ellipsoid.
            let norm = scaled
                .map(|v| v.abs().powf(2.4))
                .iter()
                .sum::<f64>()
                .powf(1.0 / 2.4);
            let body = (norm - 1.0) * axes[0].min(axes[1]).min(axes[2]);
            if *bump > 0.0 {
                let tip = [d[0], d[1] + axes[1] + 0.4 * bump, d[2] - 0.35 * axes[2]];
                let knob = vector::length(tip) - 2.6;
                return smooth_min(body, knob, 2.5);
            }
            return body;
        }
        let Some((_, base, head, width)) = METACARPALS.get(number - CARPALS.len()) else {
            return f64::INFINITY;
        };
        let along = vector::sub(*head, *base);
        let part = vector::dot(vector::sub(p, *base), along) / vector::dot(along, along);
        let near = vector::add(*base, vector::scale(along, part.clamp(0.0, 1.0)));
        let girth = width[1]
            + (width[0] - width[1]) * bell(part.max(0.0), 0.12)
            + (width[2] - width[1]) * bell((part - 1.0).min(0.0), 0.13);
        vector::length(vector::sub(p, near)) - girth
    }

    /// What [`Self::whole`] is not below, quickly.
    fn at_least(number: usize, p: [f64; 3]) -> f64 {
        let Some((_, middle, axes, _, bump)) = CARPALS.get(number) else {
            return f64::NEG_INFINITY;
        };
        if *bump > 0.0 {
            return f64::NEG_INFINITY;
        }
        let (least, most) = (
            axes[0].min(axes[1]).min(axes[2]),
            axes[0].max(axes[1]).max(axes[2]),
        );
        // The norm of power 2.4 is at least 0.912 of the usual one.
        (0.912 * vector::length(vector::sub(p, *middle)) / most - 1.0) * least
    }

    /// A bone's solid in the model's frame.
    fn solid(&self, number: usize, p: [f64; 3]) -> f64 {
        let own = vector::scale(self.back.move_xyz(p), 1.0 / self.size);
        let here = Self::whole(number, own);
        if here > 4.0 {
            return here * self.size;
        }
        let mut solid = here;
        for other in (0..CARPALS.len() + METACARPALS.len()).filter(|o| *o != number) {
            // Farther than that it parts nothing, see below.
            let reach = CARPAL_GAP_MM + 4.0 - here;
            if Self::at_least(other, own) > reach {
                continue;
            }
            let there = Self::whole(other, own);
            let parted = 0.5 * (here - there + CARPAL_GAP_MM);
            if parted > here - 2.0 {
                solid = smooth_max(solid, parted, 0.9);
            }
        }
        let mut solid = solid * self.size;
        if number < 4 {
            for (bone, bounds) in self.forearm.iter().zip(&self.bounds) {
                // The smooth maximum changes nothing where one is lower by 0.8.
                if JOINT_GAP_MM - outside(p, bounds) < solid - 0.8 {
                    continue;
                }
                let far = bone.closest(Point::new(p)).distance;
                solid = smooth_max(solid, JOINT_GAP_MM - far, 0.8);
            }
        }
        solid
    }

    fn bone(&self, number: usize) -> Result<HandBone, PhantomError> {
        let (name, middle, reach, wall) = match CARPALS.get(number) {
            Some((name, middle, axes, ..)) => {
                let most = axes.iter().fold(0.0_f64, |a, b| a.max(*b));
                (*name, *middle, [most + 5.0; 3], 0.9)
            }
            None => {
                let (name, base, head, _) = METACARPALS[number - CARPALS.len()];
                let middle = vector::scale(vector::add(base, head), 0.5);
                let half = vector::scale(vector::sub(head, base), 0.5);
                (name, middle, half.map(|v| v.abs() + 12.0), 1.4)
            }
        };
        let center = self.there.move_xyz(vector::scale(middle, self.size));
        let reach = reach.map(|r| (r + 3.0) * self.size);
        let coarse = if number < CARPALS.len() { 0.8 } else { 1.0 };
        let grid = Grid::new(
            [center[2] - reach[2], center[2] + reach[2]],
            [reach[0], reach[1]],
            |_| [center[0], center[1]],
            |_| coarse,
        );
        let outer = nets::surface(&|p: [f64; 3]| self.solid(number, p), &grid)?;
        let inward = outer.vertices().iter().zip(outer.vertex_normals());
        let moved = inward.map(|(v, normal)| vector::sub(*v, vector::scale(normal, wall)));
        let inner = outer.with_vertices(moved.collect())?;
        Ok(HandBone { name, outer, inner })
    }
}

/// How far a place lies outside of bounds; zero inside.
fn outside(p: [f64; 3], [low, high]: &[[f64; 3]; 2]) -> f64 {
    let beyond = [0, 1, 2].map(|a| (low[a] - p[a]).max(p[a] - high[a]).max(0.0));
    vector::length(beyond)
}

/// The skin: a closed sleeve, and the thumb's flesh around its metacarpal.
fn skin(hand: &Hand<'_>) -> Result<SurfaceMesh<Model>, PhantomError> {
    let size = hand.size;
    let [low, high] = [SKIN[0][0] * size, SKIN[SKIN.len() - 1][0] * size];
    let (_, base, head, _) = METACARPALS[0];
    let [base, head] = [base, head].map(|p| hand.there.move_xyz(vector::scale(p, size)));
    let along = vector::sub(head, base);
    let square = vector::dot(along, along);
    let sleeve = |p: [f64; 3]| {
        let [wide, deep, x, y] = skin_at(p[2], size);
        // The ball of the thumb.
        let ball = 7.0 * size * bell(p[2] - 45.0 * size, 16.0 * size) * ramp(p[0], 0.0, 30.0);
        let (u, v) = ((p[0] - x) / (wide + 0.4 * ball), (p[1] - y) / (deep + ball));
        let round = (u.hypot(v) - 1.0) * deep;
        let part = vector::dot(vector::sub(p, base), along) / square;
        let near = vector::add(base, vector::scale(along, part.clamp(0.0, 1.3)));
        let thumb = vector::length(vector::sub(p, near)) - 13.0 * size;
        let round = smooth_min(round, thumb, 5.0);
        smooth_max(round, (p[2] - high).max(low - p[2]), 3.0)
    };
    let grid = Grid::new(
        [low - 6.0, high + 6.0],
        [72.0 * size, 48.0 * size],
        |_| [3.0, -2.0],
        |_| 3.0,
    );
    Ok(nets::surface(&sleeve, &grid)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::phantom::Generator;

    #[test]
    fn a_hand_is_whole_and_nothing_touches() {
        let specimen = Specimen::mean(Generator::BDev).unwrap();
        let clutter = Clutter::of(&specimen, 0.1, -0.05).unwrap();
        assert_eq!(clutter.bones.len(), 13);
        assert!(clutter.skin.is_closed());
        for bone in &clutter.bones {
            assert!(
                bone.outer.is_closed() && bone.inner.is_closed(),
                "{}",
                bone.name
            );
            let share = bone.inner.signed_volume() / bone.outer.signed_volume();
            assert!((0.3..0.9).contains(&share), "{} {share}", bone.name);
        }
        let gap = |bone: &HandBone, to: &SurfaceMesh<Model>| {
            let to = Locator::new(to);
            let each = bone.outer.vertices().iter();
            each.map(|v| to.closest(Point::new(*v)).distance)
                .fold(f64::INFINITY, f64::min)
        };
        // Scaphoid and lunate rest in their fossae, a joint's gap away.
        for bone in &clutter.bones[..2] {
            let near = gap(bone, &specimen.outer.radius);
            assert!((1.5..3.2).contains(&near), "{} {near}", bone.name);
        }
        let between = gap(&clutter.bones[0], &clutter.bones[1].outer);
        assert!((0.5..3.5).contains(&between), "{between}");
    }
}
