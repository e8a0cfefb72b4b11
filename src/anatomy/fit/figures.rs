//! How far the fitted surface lies from the given one, both ways, wherever the
//! given one covers the bone. Nothing is trimmed: what is left out is the lid
//! over the cut, of both, and the inner surface of a hollow bone.

use serde::Serialize;

use super::cover::Cover;
use super::template::Template;
use crate::geometry::Deviation;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

use super::targets::Sample;

/// How many places of the fitted surface are asked.
pub(super) const PLACES: usize = 20_000;

/// Two-sided distances in millimeters, weighted by area.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Root of the mean squared distance.
    pub rms_mm: f64,
    /// 95 % of both areas are nearer than this.
    pub p95_mm: f64,
    /// The largest distance found.
    pub max_mm: f64,
    /// Root of the mean squared distance of the joint surface alone; none when
    /// the given surface does not cover it.
    pub joint_rms_mm: Option<f64>,
    /// The area of the given surface that was compared, in square millimeters.
    pub given_area_mm2: f64,
    /// The area of the fitted surface that was compared, in square millimeters.
    pub fitted_area_mm2: f64,
}

/// One comparison: distance, area, whether it is on the joint surface.
struct Gap {
    distance: f64,
    area: f64,
    joint: bool,
}

/// Compares a shape in its pose with the given surface.
pub(super) fn figures(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    given: &Locator<'_, Given>,
    samples: &[Sample],
    cover: &Cover,
    places: usize,
) -> Option<Figures> {
    let moved = vertices.iter().map(|v| pose.move_xyz(*v)).collect();
    let mean = template.model.mean();
    let fitted = SurfaceMesh::<Given>::new(moved, mean.triangles().to_vec()).ok()?;
    let locator = Locator::new(&fitted);
    let patch = template.model.joint_patch();
    let on_joint = |triangle: usize| {
        mean.triangles()[triangle]
            .iter()
            .all(|v| patch[*v as usize])
    };
    let mut gaps = Vec::with_capacity(samples.len() + places);
    for sample in samples.iter().filter(|s| cover.holds(s.place)) {
        let hit = locator.closest(Point::new(sample.place));
        if template.lid[hit.triangle] {
            continue;
        }
        gaps.push(Gap {
            distance: hit.distance,
            area: sample.area,
            joint: on_joint(hit.triangle),
        });
    }
    let given_area = gaps.iter().map(|g| g.area).sum();
    #[allow(clippy::cast_precision_loss, reason = "a small count")]
    let share = fitted.area() / places as f64;
    for (place, triangle) in fitted.spread(places) {
        if template.lid[triangle] || !cover.holds(place) {
            continue;
        }
        let hit = given.closest(Point::new(place));
        gaps.push(Gap {
            distance: hit.distance,
            area: share,
            joint: on_joint(triangle),
        });
    }
    let whole: f64 = gaps.iter().map(|g| g.area).sum();
    let of = |joint_only: bool| {
        let counted = gaps.iter().filter(|g| g.joint || !joint_only);
        let mut weighed: Vec<(f64, f64)> = counted.map(|g| (g.distance, g.area)).collect();
        (!weighed.is_empty()).then(|| Deviation::of(&mut weighed))
    };
    let all = of(false)?;
    Some(Figures {
        rms_mm: all.rms_mm,
        p95_mm: all.p95_mm,
        max_mm: all.max_mm,
        joint_rms_mm: of(true).map(|joint| joint.rms_mm),
        given_area_mm2: given_area,
        fitted_area_mm2: whole - given_area,
    })
}

/// Leaves out samples that face the other way inside the fitted bone: the inner
/// surface of its cortex. Also returns the area left out.
pub(super) fn outer_only(
    template: &Template<'_>,
    vertices: &[[f64; 3]],
    pose: &Rigid<Model, Given>,
    samples: Vec<Sample>,
) -> (Vec<Sample>, f64) {
    let back = pose.inverse();
    let Ok(surface) = template.model.mean().with_vertices(vertices.to_vec()) else {
        return (samples, 0.0);
    };
    let locator = Locator::new(&surface);
    let mut left_out = 0.0;
    let kept = samples
        .into_iter()
        .filter(|sample| {
            let place = back.move_xyz(sample.place);
            let hit = locator.closest(Point::new(place));
            let normal = locator.normal(hit.triangle);
            let depth = vector::dot(normal, vector::sub(hit.point.xyz(), place));
            let inner = vector::dot(normal, back.rotate(sample.normal)) < -0.3 && depth > 0.4;
            if inner {
                left_out += sample.area;
            }
            !inner
        })
        .collect();
    (kept, left_out)
}
