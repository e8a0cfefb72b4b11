//! Where the given bone ends: a lid over its cut, an open border, or simply its
//! lowest place.

use std::collections::HashMap;

use serde::Serialize;

use super::cover::Plane;
use super::pose::principal;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::vector;

/// How the given surface ends on the side of the elbow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutKind {
    /// A flat lid closes it.
    Lid,
    /// It is open there.
    Open,
    /// It is closed without a flat lid.
    Rounded,
    /// It goes on beyond the model.
    BeyondModel,
}

/// How far from the plane of a cut the comparison begins.
const MARGIN_MM: f64 = 0.3;
/// The same where the end is rounded.
const ROUNDED_MM: f64 = 2.0;
/// A lid has at least this area.
const LID_MM2: f64 = 40.0;

/// The plane at which the given surface ends, and what it is like there.
/// `model_low` is the height of the model's own cut.
pub(super) fn find(
    given: &Locator<'_, Given>,
    border: &[[u32; 2]],
    pose: &Rigid<Model, Given>,
    model_low: f64,
) -> (Plane, CutKind) {
    let mesh = given.mesh();
    let up = pose.rotate([0.0, 0.0, 1.0]);
    let origin = pose.translation();
    let height = |p: [f64; 3]| vector::dot(vector::sub(p, origin), up);
    let lowest = mesh
        .vertices()
        .iter()
        .map(|v| height(*v))
        .fold(f64::INFINITY, f64::min);
    let level = |z: f64| Plane::through(vector::add(origin, vector::scale(up, z)), up);
    if lowest < model_low - 1.0 {
        return (level(model_low + MARGIN_MM), CutKind::BeyondModel);
    }
    let inward = |plane: Plane| Plane {
        offset: plane.offset + MARGIN_MM,
        ..plane
    };
    // An open ring first: the underside of an ulna's head can look like a lid.
    if let Some(plane) = open_end(given, border, up, &height, lowest) {
        return (inward(plane), CutKind::Open);
    }
    if let Some(plane) = lid(given, up, &height, lowest) {
        return (inward(plane), CutKind::Lid);
    }
    (level(lowest + ROUNDED_MM), CutKind::Rounded)
}

/// A triangle's middle, normal and area.
type Face = ([f64; 3], [f64; 3], f64);

/// The plane of a flat lid, if there is one.
fn lid(
    given: &Locator<'_, Given>,
    up: [f64; 3],
    height: &impl Fn([f64; 3]) -> f64,
    lowest: f64,
) -> Option<Plane> {
    let faces: Vec<Face> = given
        .mesh()
        .corners()
        .map(|[a, b, c]| {
            let twice = vector::cross(vector::sub(b, a), vector::sub(c, a));
            let middle = vector::scale(vector::add(vector::add(a, b), c), 1.0 / 3.0);
            (middle, vector::unit(twice), 0.5 * vector::length(twice))
        })
        .filter(|(middle, normal, _)| {
            vector::dot(*normal, up) < -0.75 && height(*middle) < lowest + 8.0
        })
        .collect();
    let flat = |faces: &[&Face]| -> (f64, Option<Plane>) {
        let area: f64 = faces.iter().map(|f| f.2).sum();
        let sum = |pick: fn(&Face) -> [f64; 3]| {
            faces
                .iter()
                .fold([0.0; 3], |s, f| vector::add(s, vector::scale(pick(f), f.2)))
        };
        if area < LID_MM2 {
            return (area, None);
        }
        let middle = vector::scale(sum(|f| f.0), 1.0 / area);
        let normal = vector::scale(vector::unit(sum(|f| f.1)), -1.0);
        (area, Some(Plane::through(middle, normal)))
    };
    let mut kept: Vec<&Face> = faces.iter().collect();
    let mut plane = flat(&kept).1?;
    for tolerance in [2.0, 0.8, 0.4] {
        kept = faces
            .iter()
            .filter(|f| {
                plane.height(f.0).abs() < tolerance && vector::dot(f.1, plane.normal) < -0.85
            })
            .collect();
        plane = flat(&kept).1?;
    }
    Some(plane)
}

/// The plane of the open border at the low end, if there is one.
fn open_end(
    given: &Locator<'_, Given>,
    border: &[[u32; 2]],
    up: [f64; 3],
    height: &impl Fn([f64; 3]) -> f64,
    lowest: f64,
) -> Option<Plane> {
    let vertices = given.mesh().vertices();
    let mut loops: HashMap<u32, usize> = HashMap::new();
    let mut sets: Vec<Vec<u32>> = Vec::new();
    for &[a, b] in border {
        match (loops.get(&a).copied(), loops.get(&b).copied()) {
            (None, None) => {
                loops.insert(a, sets.len());
                loops.insert(b, sets.len());
                sets.push(vec![a, b]);
            }
            (Some(set), None) => {
                loops.insert(b, set);
                sets[set].push(b);
            }
            (None, Some(set)) => {
                loops.insert(a, set);
                sets[set].push(a);
            }
            (Some(one), Some(other)) if one != other => {
                let moved = std::mem::take(&mut sets[other]);
                for vertex in &moved {
                    loops.insert(*vertex, one);
                }
                sets[one].extend(moved);
            }
            (Some(_), Some(_)) => {}
        }
    }
    sets.iter()
        .filter_map(|set| {
            let places: Vec<[f64; 3]> = set.iter().map(|v| vertices[*v as usize]).collect();
            let (middle, axes, extents) = principal(&places);
            // A ring as wide as a shaft, flat, across the axis, at the low end.
            let across = vector::dot(axes[2], up);
            let fits = places.len() >= 8
                && extents[1] > 5.0
                && across.abs() > 0.7
                && height(middle) < lowest + 10.0;
            if !fits {
                return None;
            }
            let normal = vector::scale(axes[2], across.signum());
            let mut heights: Vec<f64> = places.iter().map(|p| vector::dot(*p, normal)).collect();
            heights.sort_by(f64::total_cmp);
            // A ragged border: compare from where nearly all of it has begun.
            let offset = heights[heights.len() * 9 / 10];
            Some((extents[0], Plane { normal, offset }))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, plane)| plane)
}
