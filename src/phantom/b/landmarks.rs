//! Where the landmarks of a generated bone are, found on its surface by the
//! same geometric rules for every family.

use super::solid::Solid;
use super::solid::centroid;
use super::solid::outline;
use super::solid::top;
use crate::geometry::vector;

/// How far proximal of the ulnar corners, or of the dome, the shaft is read.
const SHAFT_MM: [f64; 2] = [30.0, 60.0];

/// The radius' landmarks, on its solid with the shaft near the z axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct RadiusMarks {
    pub(super) styloid: [f64; 3],
    /// Palmar, dorsal.
    pub(super) corners: [[f64; 3]; 2],
    /// Palmar, dorsal.
    pub(super) rims: [[f64; 3]; 2],
    pub(super) lister: [f64; 3],
    pub(super) notch: [f64; 3],
    pub(super) shaft: [[f64; 3]; 2],
}

/// The ulna's landmarks, in its own frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct UlnaMarks {
    pub(super) dome: [f64; 3],
    pub(super) styloid: [f64; 3],
    pub(super) head: [f64; 3],
    pub(super) shaft: [[f64; 3]; 2],
}

const LOW: f64 = -14.0;
const HIGH: f64 = 24.0;

impl RadiusMarks {
    /// Finds them on a bone of this size; `plane` is the slope of the joint
    /// surface along x and y. `None` when the solid is no radius.
    pub(super) fn find(solid: &dyn Solid, size: f64, plane: [f64; 2]) -> Option<Self> {
        let thumb = [[9.5 * size, 22.0 * size], [-8.0 * size, 5.0 * size]];
        let styloid = highest(solid, thumb, plane[1])?;
        // The section through the notch, below the rim.
        let middle = top(solid, [-9.0 * size, -0.5 * size], LOW, HIGH)?;
        let level = middle[2] - 3.0 * size;
        let ring = outline(solid, [-3.0 * size, 0.0], level, 360);
        let corner = |turn: f64| {
            let along = turn.to_radians();
            let toward = [-along.cos(), along.sin(), 0.0];
            let edge = farthest(&ring, toward)?;
            crest(solid, [-5.0 * size, 0.0], [edge[0], edge[1]], plane)
        };
        let corners = [corner(-42.0)?, corner(42.0)?];
        let center = vector::scale(vector::add(corners[0], corners[1]), 0.5);
        let x = 0.5 * (styloid[0] + center[0]);
        let rims = ruler(&profile(solid, x, size))?;
        let facet = [center[0], center[1], center[2] - 3.8 * size];
        let wall = outline(solid, [-3.0 * size, center[1]], facet[2], 120);
        let notch = nearest_ray(&wall, [-3.0 * size, center[1]], [-1.0, 0.0])?;
        let shaft = SHAFT_MM.map(|far| centroid(&outline(solid, [0.0; 2], center[2] - far, 120)));
        Some(Self {
            styloid,
            corners,
            rims,
            lister: [0.0; 3],
            notch,
            shaft,
        })
    }

    /// The same with the top of Lister's tubercle, which is searched for last.
    pub(super) fn with_lister(self, solid: &dyn Solid, size: f64) -> Option<Self> {
        let lister = lister(solid, size)?;
        Some(Self { lister, ..self })
    }

    /// The middle of the ulnar corners.
    pub(super) fn corner(&self) -> [f64; 3] {
        vector::scale(vector::add(self.corners[0], self.corners[1]), 0.5)
    }
}

impl UlnaMarks {
    /// Finds them on a bone of this size whose head is centered here and whose
    /// styloid lies in this direction from it.
    pub(super) fn find(
        solid: &dyn Solid,
        size: f64,
        middle: [f64; 2],
        styloid_at: f64,
    ) -> Option<Self> {
        let reach = 0.62 * 8.8 * size;
        let mut dome = [0.0, 0.0, f64::NEG_INFINITY];
        for step in -8..=8 {
            for part in 2..=8 {
                // Half a turn away from the styloid, sixty degrees to both sides.
                let turn =
                    styloid_at + std::f64::consts::PI + f64::from(step) * 7.5_f64.to_radians();
                let far = reach * f64::from(part) / 8.0;
                let place = [middle[0] + far * turn.cos(), middle[1] + far * turn.sin()];
                let peak = top(solid, place, LOW, HIGH)?;
                if peak[2] > dome[2] {
                    dome = peak;
                }
            }
        }
        let at = [
            middle[0] + 6.6 * size * styloid_at.cos(),
            middle[1] + 6.6 * size * styloid_at.sin(),
        ];
        let near = 5.0 * size;
        let styloid = highest(
            solid,
            [[at[0] - near, at[0] + near], [at[1] - near, at[1] + near]],
            0.0,
        )?;
        let ring = outline(solid, middle, dome[2] - 4.0 * size, 180);
        let seat: Vec<[f64; 3]> = ring
            .into_iter()
            .filter(|p| {
                let angle = (p[1] - middle[1]).atan2(p[0] - middle[0]) - styloid_at;
                angle.cos() < 50_f64.to_radians().cos()
            })
            .collect();
        let shaft = SHAFT_MM.map(|far| centroid(&outline(solid, [0.0; 2], dome[2] - far, 120)));
        Some(Self {
            dome,
            styloid,
            head: circle(&seat)?,
            shaft,
        })
    }
}

/// The most distal place within a rectangle, seen along a joint surface that
/// rises this much toward the back; by ever finer search.
fn highest(solid: &dyn Solid, [mut xs, mut ys]: [[f64; 2]; 2], tilt: f64) -> Option<[f64; 3]> {
    const CELLS: i32 = 8;
    let height = |p: [f64; 3]| p[2] - tilt * p[1];
    let mut best: Option<[f64; 3]> = None;
    for _ in 0..5 {
        let step = [xs, ys].map(|s: [f64; 2]| (s[1] - s[0]) / f64::from(CELLS));
        for i in 0..=CELLS {
            for j in 0..=CELLS {
                let place = [
                    xs[0] + f64::from(i) * step[0],
                    ys[0] + f64::from(j) * step[1],
                ];
                let Some(peak) = top(solid, place, LOW, HIGH) else {
                    continue;
                };
                if best.is_none_or(|b| height(peak) > height(b)) {
                    best = Some(peak);
                }
            }
        }
        let found = best?;
        xs = [found[0] - 1.5 * step[0], found[0] + 1.5 * step[0]];
        ys = [found[1] - 1.5 * step[1], found[1] + 1.5 * step[1]];
    }
    best
}

fn farthest(points: &[[f64; 3]], toward: [f64; 3]) -> Option<[f64; 3]> {
    let reach = |p: &[f64; 3]| vector::dot(*p, toward);
    let best = points.iter().max_by(|a, b| reach(a).total_cmp(&reach(b)));
    best.copied()
}

/// Where a rim crests on the way from a place within the joint surface over an
/// edge: the highest place above the joint's plane.
fn crest(solid: &dyn Solid, from: [f64; 2], edge: [f64; 2], plane: [f64; 2]) -> Option<[f64; 3]> {
    let mut best: Option<[f64; 3]> = None;
    let above = |p: [f64; 3]| p[2] - plane[0] * p[0] - plane[1] * p[1];
    for step in 0..=120 {
        let part = 0.6 + 0.5 * f64::from(step) / 120.0;
        let place = [
            from[0] + part * (edge[0] - from[0]),
            from[1] + part * (edge[1] - from[1]),
        ];
        let Some(peak) = top(solid, place, LOW, HIGH) else {
            continue;
        };
        if best.is_none_or(|b| above(peak) > above(b)) {
            best = Some(peak);
        }
    }
    best
}

/// The distal border of the section at one x, from palm to back.
fn profile(solid: &dyn Solid, x: f64, size: f64) -> Vec<[f64; 3]> {
    (-150..=150)
        .filter_map(|i| top(solid, [x, 0.1 * f64::from(i) * size], LOW, HIGH))
        .collect()
}

/// Where a ruler laid over both lips of a profile rests: palmar, dorsal.
fn ruler(profile: &[[f64; 3]]) -> Option<[[f64; 3]; 2]> {
    let middle = 0.5 * (profile.first()?[1] + profile.last()?[1]);
    let (palm, back): (Vec<[f64; 3]>, Vec<[f64; 3]>) = profile.iter().partition(|p| p[1] < middle);
    let mut normal = [0.0, -0.19, 1.0];
    let mut rests = [farthest(&palm, normal)?, farthest(&back, normal)?];
    for _ in 0..12 {
        let along = vector::sub(rests[1], rests[0]);
        normal = [0.0, -along[2], along[1]];
        rests = [farthest(&palm, normal)?, farthest(&back, normal)?];
    }
    Some(rests)
}

/// The top of Lister's tubercle: what stands out farthest to the back where it
/// lies.
fn lister(solid: &dyn Solid, size: f64) -> Option<[f64; 3]> {
    let mut best: Option<[f64; 3]> = None;
    for i in 0..=30 {
        let x = (-3.0 + 0.3 * f64::from(i)) * size;
        for k in 0..=20 {
            let z = (-14.0 + 0.5 * f64::from(k)) * size;
            let far = [x, 17.0 * size, z];
            let Some(skin) = super::solid::leaves(solid, [x, 0.0, z], far) else {
                continue;
            };
            if best.is_none_or(|b| skin[1] > b[1]) {
                best = Some(skin);
            }
        }
    }
    best
}

fn nearest_ray(ring: &[[f64; 3]], from: [f64; 2], toward: [f64; 2]) -> Option<[f64; 3]> {
    let aligned = |p: &[f64; 3]| {
        let (x, y) = (p[0] - from[0], p[1] - from[1]);
        (x * toward[0] + y * toward[1]) / x.hypot(y)
    };
    let best = ring.iter().max_by(|a, b| aligned(a).total_cmp(&aligned(b)));
    best.copied()
}

/// The center of the circle that fits points of one height (Kasa, IEEE Trans.
/// Instrum. Meas. 25 (1976) 8).
fn circle(points: &[[f64; 3]]) -> Option<[f64; 3]> {
    let mut normal = nalgebra::Matrix3::<f64>::zeros();
    let mut right = nalgebra::Vector3::<f64>::zeros();
    for p in points {
        let row = nalgebra::Vector3::new(p[0], p[1], 1.0);
        normal += row * row.transpose();
        right += row * (p[0] * p[0] + p[1] * p[1]);
    }
    let solved = normal.lu().solve(&right)?;
    let z = points.first()?[2];
    Some([0.5 * solved[0], 0.5 * solved[1], z])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_ruler_rests_on_both_lips() {
        // A hollow between two round lips, the dorsal one two higher.
        let lips = |y: f64| {
            let volar = 1.0 - (y + 8.0).powi(2);
            let dorsal = 3.0 - (y - 8.0).powi(2);
            volar.max(dorsal).max(-3.0)
        };
        let profile: Vec<[f64; 3]> = (-90..=90)
            .map(|i| 0.1 * f64::from(i))
            .map(|y| [0.0, y, lips(y)])
            .collect();
        let [palm, back] = ruler(&profile).unwrap();
        // The tangent line's slope is 2 / 16, so it rests 1/16 toward the palm.
        assert!((palm[1] + 8.06).abs() < 0.06, "{palm:?}");
        assert!((back[1] - 7.94).abs() < 0.06, "{back:?}");
    }

    #[test]
    fn a_circle_is_found_from_part_of_it() {
        let arc: Vec<[f64; 3]> = (0..40)
            .map(|i| (f64::from(i) * 5.0).to_radians())
            .map(|a| [2.0 + 8.0 * a.cos(), -1.0 + 8.0 * a.sin(), 4.0])
            .collect();
        let center = circle(&arc).unwrap();
        assert!((center[0] - 2.0).abs() < 1e-9 && (center[1] + 1.0).abs() < 1e-9);
    }
}
