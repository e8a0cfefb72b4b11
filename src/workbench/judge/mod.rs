//! Opens the truth and scores: how far a fitted surface lies from the true one,
//! and whether the stated uncertainty holds. It knows nothing of how the surface
//! was fitted (`tests/house.rs` sees to it).

mod covered;
mod known;
mod library;
mod null;
#[cfg(test)]
mod rods;
mod said;
mod wrist;

pub use covered::Laid;
pub use covered::laid;
pub use known::JudgeError;
pub use known::Known;
pub use library::Library;
pub use null::Null;
pub use said::Answer;
pub use said::Found;
pub use said::Interval;
pub use said::Lines;
pub use said::Reconstructed;
pub use wrist::Baselines;
pub use wrist::BoneScore;
pub use wrist::MeasureScore;
pub use wrist::Score;
pub use wrist::score;

use crate::geometry::Deviation;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;

/// Places are spread over both surfaces, one for at most this area.
const PLACE_MM2: f64 = 0.5;

/// A fitted bone as it is judged.
pub struct Fitted<'a> {
    /// The surface, in the axes of the truth.
    pub surface: &'a SurfaceMesh<Given>,
    /// Vertices of the lid over its cut, which is no surface of a bone.
    pub lid: &'a [bool],
    /// One stated SD of the surface at each vertex, along its normal, in millimeters.
    pub sigma_mm: &'a [f64],
}

/// The true bone.
pub struct Truth<'a> {
    /// The surface.
    pub surface: &'a SurfaceMesh<Given>,
    /// Which vertices belong to the joint surface.
    pub joint: &'a [bool],
    /// Whether a place is compared: not the lid over the truth's own cut.
    pub compared: &'a dyn Fn([f64; 3]) -> bool,
}

/// How far two surfaces lie apart, both ways, each place weighted by the area it
/// stands for, nothing trimmed. Millimeters.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Apart {
    /// Root of the mean square.
    pub rms_mm: f64,
    /// Mean.
    pub mean_mm: f64,
    /// 95 % of the area lie nearer.
    pub p95_mm: f64,
    /// The largest found.
    pub max_mm: f64,
    /// Root of the mean square over the truth's joint surface; none where it is
    /// not compared.
    pub joint_rms_mm: Option<f64>,
    /// The share of the fitted vertices whose distance from the truth is within
    /// 1.96 stated SDs.
    pub inside: f64,
    /// Ninety-five in a hundred of the fitted vertices lie within so many stated SDs.
    pub p95_in_sigmas: f64,
}

/// A distance, the area it stands for, and whether it is of the joint surface.
type Gap = (f64, f64, bool);

/// Compares. None when nothing is compared.
#[must_use]
pub fn apart(fitted: &Fitted<'_>, truth: &Truth<'_>) -> Option<Apart> {
    let (on_fitted, on_truth) = (Locator::new(fitted.surface), Locator::new(truth.surface));
    let on_joint = |triangle: usize| {
        let corners = truth.surface.triangles()[triangle];
        corners.iter().all(|v| truth.joint[*v as usize])
    };
    let on_lid = |triangle: usize| {
        let corners = fitted.surface.triangles()[triangle];
        corners.iter().any(|v| fitted.lid[*v as usize])
    };
    let mut gaps: Vec<Gap> = Vec::new();
    for (place, area) in truth.surface.sampled(PLACE_MM2) {
        if !(truth.compared)(place) {
            continue;
        }
        let hit = on_fitted.closest(Point::new(place));
        if !on_lid(hit.triangle) {
            let own = on_truth.closest(Point::new(place)).triangle;
            gaps.push((hit.distance, area, on_joint(own)));
        }
    }
    for (place, area) in fitted.surface.sampled(PLACE_MM2) {
        let own = on_fitted.closest(Point::new(place)).triangle;
        if on_lid(own) {
            continue;
        }
        let hit = on_truth.closest(Point::new(place));
        if (truth.compared)(place) && (truth.compared)(hit.point.xyz()) {
            gaps.push((hit.distance, area, on_joint(hit.triangle)));
        }
    }
    summed(&gaps, &in_sigmas(fitted, truth, &on_truth))
}

/// How many stated SDs each fitted vertex lies from the truth, the least first.
fn in_sigmas(fitted: &Fitted<'_>, truth: &Truth<'_>, on_truth: &Locator<'_, Given>) -> Vec<f64> {
    let vertices = fitted.surface.vertices().iter();
    let places = vertices.zip(fitted.lid).zip(fitted.sigma_mm);
    let mut all = Vec::new();
    for ((place, lid), sigma) in places {
        let hit = on_truth.closest(Point::new(*place));
        if !lid && (truth.compared)(*place) && (truth.compared)(hit.point.xyz()) {
            all.push(hit.distance / sigma.max(1e-9));
        }
    }
    all.sort_by(f64::total_cmp);
    all
}

#[allow(clippy::cast_precision_loss, reason = "thousands of vertices")]
fn summed(gaps: &[Gap], in_sigmas: &[f64]) -> Option<Apart> {
    let of = |joint_only: bool| {
        let counted = gaps.iter().filter(|g| g.2 || !joint_only);
        let mut weighed: Vec<(f64, f64)> = counted.map(|g| (g.0, g.1)).collect();
        (!weighed.is_empty()).then(|| Deviation::of(&mut weighed))
    };
    let whole = of(false)?;
    Some(Apart {
        rms_mm: whole.rms_mm,
        mean_mm: whole.mean_mm,
        p95_mm: whole.p95_mm,
        max_mm: whole.max_mm,
        joint_rms_mm: of(true).map(|joint| joint.rms_mm),
        inside: in_sigmas.partition_point(|s| *s <= 1.96) as f64 / in_sigmas.len().max(1) as f64,
        p95_in_sigmas: in_sigmas
            .get(in_sigmas.len() * 95 / 100)
            .copied()
            .unwrap_or(f64::NAN),
    })
}

/// A share with its 95 % bootstrap interval, people drawn with replacement: the
/// places of one person hang together, so people are drawn, not places.
/// `hits` holds a share a person; `draw` gives numbers in `0..n`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "tens of people")]
pub fn bootstrap(hits: &[f64], mut draw: impl FnMut(usize) -> usize) -> [f64; 3] {
    const ROUNDS: usize = 4000;
    let count = hits.len();
    if count == 0 {
        return [f64::NAN; 3];
    }
    let mut means: Vec<f64> = (0..ROUNDS)
        .map(|_| (0..count).map(|_| hits[draw(count)]).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let mean = hits.iter().sum::<f64>() / count as f64;
    [mean, means[ROUNDS / 40], means[ROUNDS - 1 - ROUNDS / 40]]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A square plate of side 20 mm at a height, two triangles.
    fn plate(height: f64) -> SurfaceMesh<Given> {
        let corner = |x, y| [x, y, height];
        let vertices = vec![
            corner(0.0, 0.0),
            corner(20.0, 0.0),
            corner(20.0, 20.0),
            corner(0.0, 20.0),
        ];
        SurfaceMesh::new(vertices, vec![[0, 1, 2], [0, 2, 3]]).unwrap()
    }

    #[test]
    fn a_plate_half_a_millimeter_above_is_half_a_millimeter_away() {
        let (low, high) = (plate(0.0), plate(0.5));
        let check = |sigma: f64, joint: [bool; 4], inside: f64, joint_rms: Option<f64>| {
            let found = apart(
                &Fitted {
                    surface: &high,
                    lid: &[false; 4],
                    sigma_mm: &[sigma; 4],
                },
                &Truth {
                    surface: &low,
                    joint: &joint,
                    compared: &|_| true,
                },
            )
            .unwrap();
            for value in [found.rms_mm, found.mean_mm, found.p95_mm, found.max_mm] {
                assert!((value - 0.5).abs() < 1e-9, "{value}");
            }
            assert!((found.inside - inside).abs() < 1e-9);
            assert_eq!(
                found.joint_rms_mm.map(|v| (v * 1e6).round()),
                joint_rms.map(|v| v * 1e6)
            );
        };
        check(0.3, [true; 4], 1.0, Some(0.5));
        check(0.25, [false; 4], 0.0, None);
        let lid = Fitted {
            surface: &high,
            lid: &[true; 4],
            sigma_mm: &[1.0; 4],
        };
        let truth = Truth {
            surface: &low,
            joint: &[true; 4],
            compared: &|_| true,
        };
        assert!(apart(&lid, &truth).is_none());
    }

    #[test]
    fn a_bootstrap_interval_holds_the_mean_and_narrows_with_people() {
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut width = |people: usize| {
            let hits: Vec<f64> = (0..people)
                .map(|k| f64::from(u8::from(k % 5 != 0)))
                .collect();
            let [mean, low, high] = bootstrap(&hits, &mut draw);
            assert!((mean - 0.8).abs() < 1e-9 && low < mean && mean < high);
            high - low
        };
        // The SD of a mean of n such numbers is 0.4 / sqrt(n).
        let (few, many) = (width(20), width(500));
        assert!((0.25..0.45).contains(&few), "{few}");
        assert!((0.055..0.085).contains(&many), "{many}");
    }
}
