//! The outline of a bone's shadow, in pixels of the image as it was taken: what
//! a person compares with the bone's edge in the picture.

use std::collections::BTreeMap;

use super::fit::{before_detector, shadow};
use super::from_views::FromViews;
use super::shot::Shot;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::anatomy::Side as Arm;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Camera;

/// The grid on which the shadow is traced: 160 mm around the image's middle.
const PIXEL_MM: f64 = 0.4;
const PIXELS: u32 = 400;
/// Path length at which the outline is drawn. Shadows fall off so steeply at
/// their edge that 0.3 mm of a 10 mm thick bone lie 0.002 mm inside it.
const THRESHOLD_MM: f64 = 0.3;

/// Closed lines of (column, row), the first point not repeated.
pub type Lines = Vec<Vec<[f64; 2]>>;

/// The outline of one bone as it is said to lie in a view, in pixels of the
/// image as it was taken (whole numbers are pixel centers), to 0.1 pixel. Empty
/// when the bone is not in the beam.
///
/// # Errors
/// [`AnalyzeError::Geometry`].
pub(super) fn outline(
    shot: &Shot,
    bone: &SurfaceMesh<Model>,
    pose: &Rigid<Model, Detector>,
) -> Result<Lines, AnalyzeError> {
    let lying = before_detector(bone, pose, shot.camera)?;
    Ok(around(&lying, shot.camera, |pixel| shot.as_taken(pixel)))
}

impl FromViews {
    /// The outlines of radius and ulna in one of its views, as [`silhouette`].
    ///
    /// # Errors
    /// [`AnalyzeError::Geometry`].
    pub fn outlines(&self, view: usize) -> Result<[Lines; 2], AnalyzeError> {
        let camera = self.cameras[view];
        let last = f64::from(camera.columns) - 1.0;
        let as_taken = |[column, row]: [f64; 2]| match self.side {
            Arm::Right => [column, row],
            Arm::Left => [last - column, row],
        };
        let one = |bone: Bone| -> Result<Lines, AnalyzeError> {
            let pose = &self.refined.poses[view][usize::from(bone == Bone::Ulna)];
            let lying = before_detector(self.refined.own.bone(bone), pose, camera)?;
            Ok(around(&lying, camera, as_taken))
        };
        Ok([one(Bone::Radius)?, one(Bone::Ulna)?])
    }
}

/// The outline of a bone that lies before a detector, in pixels of the image
/// that the camera takes (whole numbers are pixel centers), to 0.1 pixel. Empty
/// when it is not in the beam.
#[must_use]
pub fn silhouette(lying: &SurfaceMesh<Detector>, camera: Camera) -> Lines {
    around(lying, camera, |pixel| pixel)
}

fn around(
    lying: &SurfaceMesh<Detector>,
    camera: Camera,
    as_taken: impl Fn([f64; 2]) -> [f64; 2],
) -> Lines {
    let Some(paths) = shadow(lying, camera, PIXEL_MM, PIXELS) else {
        return Vec::new();
    };
    let middle = 0.5 * (f64::from(PIXELS) - 1.0);
    let in_image = |[column, row]: [f64; 2]| {
        let place = [column - middle, row - middle].map(|steps| steps * PIXEL_MM);
        as_taken(camera.pixel_of(place)).map(|value| (value * 10.0).round() / 10.0)
    };
    let traced = trace(&paths, PIXELS as usize, THRESHOLD_MM);
    let lines = traced.into_iter().filter(|line| line.len() >= 12);
    lines
        .map(|line| line.into_iter().map(in_image).collect())
        .collect()
}

/// An edge between two neighboring pixels: the upper or left one, and whether
/// it runs to the right (0) or down (1).
type Edge = (usize, usize, u8);

/// Closed lines where an image crosses a threshold (marching squares with
/// linear interpolation), in the order of their topmost edge. The image counts
/// as below the threshold outside.
fn trace(image: &[f64], side: usize, threshold: f64) -> Lines {
    let value = |x: usize, y: usize| {
        let inside = x > 0 && y > 0 && x <= side && y <= side;
        if inside {
            image[(y - 1) * side + x - 1]
        } else {
            0.0
        }
    };
    // Each crossed edge leads to two others, one through each cell beside it.
    let mut links: BTreeMap<Edge, Vec<Edge>> = BTreeMap::new();
    for y in 0..=side {
        for x in 0..=side {
            let above = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
                .map(|(x, y)| value(x, y) >= threshold);
            let edges: [Edge; 4] = [(x, y, 0), (x + 1, y, 1), (x, y + 1, 0), (x, y, 1)];
            let crossed: Vec<Edge> = (0..4)
                .filter(|corner| above[*corner] != above[(corner + 1) % 4])
                .map(|corner| edges[corner])
                .collect();
            let pairs: &[(usize, usize)] = match crossed.len() {
                2 => &[(0, 1)],
                // A saddle: the corners above the threshold stay apart.
                4 if above[0] => &[(3, 0), (1, 2)],
                4 => &[(0, 1), (2, 3)],
                _ => &[],
            };
            for (a, b) in pairs {
                links.entry(crossed[*a]).or_default().push(crossed[*b]);
                links.entry(crossed[*b]).or_default().push(crossed[*a]);
            }
        }
    }
    let place = |(x, y, way): Edge| {
        let (dx, dy) = if way == 0 { (1, 0) } else { (0, 1) };
        let (from, to) = (value(x, y), value(x + dx, y + dy));
        let share = ((threshold - from) / (to - from)).clamp(0.0, 1.0);
        let step = |start: usize, along: usize| {
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            let along = if along == 1 { share } else { 0.0 };
            f64::from(start) - 1.0 + along
        };
        [step(x, dx), step(y, dy)]
    };
    let mut lines = Vec::new();
    while let Some((start, _)) = links.first_key_value() {
        let mut edge = *start;
        let mut line = Vec::new();
        while let Some(next) = links.remove(&edge) {
            line.push(place(edge));
            let open = next.into_iter().find(|other| links.contains_key(other));
            let Some(on) = open else { break };
            edge = on;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_precision_loss, reason = "tests on a small grid")]

    use super::*;

    #[test]
    fn a_disk_has_one_round_outline() {
        let side = 40;
        let image: Vec<f64> = (0..side * side)
            .map(|index| {
                let (x, y) = ((index % side) as f64 - 20.0, (index / side) as f64 - 18.0);
                12.0 - x.hypot(y)
            })
            .collect();
        let lines = trace(&image, side, 2.0);
        assert_eq!(lines.len(), 1);
        for [x, y] in &lines[0] {
            let radius = (x - 20.0).hypot(y - 18.0);
            assert!((radius - 10.0).abs() < 0.05, "{radius}");
        }
        // Neighbors on the line are neighbors on the grid.
        let line = &lines[0];
        for (a, b) in line.iter().zip(line.iter().cycle().skip(1)) {
            assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 1.5);
        }
    }

    #[test]
    fn what_touches_the_border_is_closed_there() {
        let full = vec![1.0; 25];
        let lines = trace(&full, 5, 0.5);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), 20);
    }

    #[test]
    fn two_things_have_two_outlines_and_nothing_none() {
        let mut image = vec![0.0; 100];
        for at in [11, 12, 77, 78, 87] {
            image[at] = 1.0;
        }
        assert_eq!(trace(&image, 10, 0.5).len(), 2);
        // Corner to corner: kept apart.
        let mut saddle = vec![0.0; 100];
        saddle[44] = 1.0;
        saddle[55] = 1.0;
        assert_eq!(trace(&saddle, 10, 0.5).len(), 2);
        assert!(trace(&vec![0.0; 100], 10, 0.5).is_empty());
    }
}
