//! How the simulated picture changes with each number: what a ray meets of a
//! surface moves along the ray by its normal's part of the motion.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "millimeters and pixel numbers in single precision"
)]

use super::gradient::last_row;
use super::picture::Picture;
use super::picture::kernel;
use super::solve::FEW_MODES;
use super::solve::Problem;
use super::synthesis::Shape;
use super::synthesis::heights;
use super::synthesis::placed;
use super::synthesis::weights;
use super::unknowns::A_VIEW;
use super::unknowns::Unknowns;
use crate::analyze::AnalyzeError;
use crate::anatomy::Bone;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::radiography::Camera;
use crate::radiography::crossings;

/// What the window keeps around the bones, in pixels: blur and slopes reach so far.
const MARGIN: f64 = 9.0;
/// A ray that grazes a surface more flatly than this counts as if it did not:
/// what it meets would move without bounds.
const FLATTEST: f64 = 0.12;

/// The slopes of a view's picture.
pub(super) struct Shading {
    /// Which of all numbers the view's picture depends on.
    pub numbers: Vec<usize>,
    /// A number for each pixel of the window and each of these, pixel after pixel:
    /// millimeters of cortical bone for one unit.
    slopes: Vec<f32>,
    window: Window,
}

/// The part of a picture that the bones take up.
struct Window {
    /// Columns of the whole picture.
    columns: usize,
    /// First row and column.
    first: [usize; 2],
    /// Rows and columns.
    size: [usize; 2],
}

impl Window {
    /// Around some surfaces, as far down as a row.
    fn around(meshes: &[SurfaceMesh<Detector>], camera: &Camera, last: usize) -> Self {
        let whole = [camera.rows as usize, camera.columns as usize];
        let (mut low, mut high) = ([f64::INFINITY; 2], [0.0_f64; 2]);
        for place in meshes.iter().flat_map(SurfaceMesh::vertices) {
            if let Some([column, row]) = camera.project(Point::new(*place)) {
                for (axis, at) in [row, column].into_iter().enumerate() {
                    low[axis] = low[axis].min(at);
                    high[axis] = high[axis].max(at);
                }
            }
        }
        high[0] = high[0].min(last as f64);
        let first = [0, 1].map(|a| ((low[a] - MARGIN).max(0.0) as usize).min(whole[a]));
        let end = [0, 1].map(|a| ((high[a] + MARGIN + 1.0) as usize).clamp(first[a], whole[a]));
        Self {
            columns: whole[1],
            first,
            size: [end[0] - first[0], end[1] - first[1]],
        }
    }

    /// A pixel's number within.
    const fn place(&self, pixel: usize) -> Option<usize> {
        let (row, column) = (pixel / self.columns, pixel % self.columns);
        if row < self.first[0] || column < self.first[1] {
            return None;
        }
        let (row, column) = (row - self.first[0], column - self.first[1]);
        if row < self.size[0] && column < self.size[1] {
            Some(row * self.size[1] + column)
        } else {
            None
        }
    }
}

/// One surface of a bone in a view, and how it moves.
struct Sheet<'a> {
    bone: Bone,
    /// Whether it is the inside of the cortex.
    inner: bool,
    radius: Rigid<Model, Detector>,
    back: Rigid<Detector, Model>,
    source: [f64; 3],
    /// What the ulna turns about.
    seat: [f64; 3],
    normals: &'a [[f64; 3]],
    own: Vec<&'a [f32]>,
    /// The cortex' modes, which only the inner surface has.
    cortex: Vec<&'a [f32]>,
    /// Where in a pixel's numbers the own modes after size, the pose and the
    /// cortex' modes begin.
    first_own: usize,
    first_pose: usize,
    first_cortex: usize,
}

/// Where a ray meets a surface.
struct Met {
    place: [f64; 3],
    normal: [f64; 3],
    shares: [f64; 3],
}

impl<'a> Sheet<'a> {
    fn new(
        problem: &'a Problem<'_>,
        shape: &'a Shape,
        unknowns: &Unknowns,
        (view, bone, inner, modes): (usize, Bone, bool, usize),
        source: [f64; 3],
    ) -> Self {
        let model = problem.model;
        let k = usize::from(bone == Bone::Ulna);
        let of = |bone: Bone| modes.min(model.range(bone).len());
        let radius = unknowns.views[view].radius;
        let shift = [3, 4, 5].map(|i| unknowns.views[view].seat[i]);
        let cortex = model.cortex(bone);
        let thick = inner && modes > FEW_MODES;
        let first_pose = 1 + of(Bone::Radius) + of(Bone::Ulna);
        Self {
            bone,
            inner,
            radius,
            back: unknowns.pose(model, view, bone).inverse(),
            source,
            seat: radius.move_xyz(vector::add(model.pivot(), shift)),
            normals: &shape.normals[k],
            own: (0..=of(bone)).map(|m| model.bone(bone).mode(m)).collect(),
            cortex: if thick {
                cortex.modes.chunks_exact(cortex.mean.len()).collect()
            } else {
                Vec::new()
            },
            first_own: if k == 0 { 1 } else { 1 + of(Bone::Radius) },
            first_pose,
            first_cortex: first_pose + A_VIEW + k * unknowns.cortex[0].len(),
        }
    }

    fn count(&self) -> usize {
        self.own.len() + self.cortex.len()
    }

    /// How a triangle's corners move along its normal with each mode.
    fn corners(&self, triangle: [u32; 3], normal: [f64; 3], corners: &mut [f32]) {
        let back = self.back.rotate(normal);
        for (v, to) in triangle
            .into_iter()
            .zip(corners.chunks_exact_mut(self.count()))
        {
            let v = v as usize;
            let (own, thick) = to.split_at_mut(self.own.len());
            for (value, mode) in own.iter_mut().zip(&self.own) {
                *value = (0..3)
                    .map(|axis| mode[3 * v + axis] * back[axis] as f32)
                    .sum();
            }
            let along = -vector::dot(self.normals[v], back) as f32;
            for (value, mode) in thick.iter_mut().zip(&self.cortex) {
                *value = along * mode[v];
            }
        }
    }

    /// Adds what a place does to its pixel.
    fn add(&self, met: &Met, corners: &[f32], height: f64, pixel: &mut [f32]) {
        let ray = vector::unit(vector::sub(met.place, self.source));
        let flat = vector::dot(met.normal, ray).abs().max(FLATTEST);
        // Leaving later and entering earlier both make the path longer.
        let [wall, inside] = weights(height);
        let weight = if self.inner { inside - wall } else { wall };
        let factor = (weight / flat) as f32;
        let shares = met.shares.map(|share| share as f32 * factor);
        let count = self.count();
        let mixed = |number: usize| {
            shares[0] * corners[number]
                + shares[1] * corners[count + number]
                + shares[2] * corners[2 * count + number]
        };
        let own = self.own.len();
        pixel[0] += mixed(0);
        for number in 1..own {
            pixel[self.first_own + number - 1] += mixed(number);
        }
        for number in own..count {
            pixel[self.first_cortex + number - own] += mixed(number);
        }
        let turn = |about: [f64; 3]| vector::cross(vector::sub(met.place, about), met.normal);
        let mut motion = |at: usize, turned: [f64; 3], shifted: [f64; 3]| {
            for axis in 0..3 {
                pixel[at + axis] += factor * turned[axis] as f32;
                pixel[at + 3 + axis] += factor * shifted[axis] as f32;
            }
        };
        motion(self.first_pose, turn(self.radius.translation()), met.normal);
        if self.bone == Bone::Ulna {
            let back = self.radius.inverse();
            let turned = back.rotate(turn(self.seat));
            motion(self.first_pose + 6, turned, back.rotate(met.normal));
        }
    }
}

impl Shading {
    /// The slopes of a view's picture, blurred as the picture is, for so many
    /// modes of each bone.
    pub(super) fn of(
        problem: &Problem<'_>,
        shape: &Shape,
        unknowns: &Unknowns,
        view: usize,
        simulated: &Picture,
        modes: usize,
    ) -> Result<Self, AnalyzeError> {
        let camera = &simulated.camera;
        let mut numbers = vec![0];
        for bone in Bone::ALL {
            numbers.extend(problem.model.range(bone).take(modes));
        }
        let at = unknowns.view_at(view);
        numbers.extend(at..at + A_VIEW);
        if modes > FEW_MODES {
            numbers.extend(unknowns.cortex_at(0)..unknowns.cortex_at(2));
        }
        let heights = heights(&unknowns.views[view].radius, camera);
        let mut sheets = Vec::new();
        let mut meshes = Vec::new();
        for (k, bone) in Bone::ALL.into_iter().enumerate() {
            for inner in [false, true] {
                let which = (view, bone, inner, modes);
                let source = camera.source().xyz();
                sheets.push(Sheet::new(problem, shape, unknowns, which, source));
                let vertices = if inner {
                    &shape.inside[k]
                } else {
                    &shape.vertices[k]
                };
                let pose = unknowns.pose(problem.model, view, bone);
                let mean = problem.model.bone(bone).mean();
                meshes.push(placed(mean, vertices, &pose, camera)?);
            }
        }
        let last = last_row(problem, unknowns, view, camera);
        let window = Window::around(&meshes, camera, last);
        let mut shading = Self {
            slopes: vec![0.0; window.size[0] * window.size[1] * numbers.len()],
            numbers,
            window,
        };
        for (sheet, mesh) in sheets.iter().zip(&meshes) {
            shading.add(sheet, mesh, camera, &heights)?;
        }
        shading.harden(&simulated.gains);
        shading.blur();
        Ok(shading)
    }

    /// The slopes at a pixel; none outside of the window, where there are none.
    pub(super) fn at(&self, pixel: usize) -> Option<&[f32]> {
        let stride = self.numbers.len();
        let at = self.window.place(pixel)? * stride;
        self.slopes.get(at..at + stride)
    }

    /// Adds all places of a surface.
    fn add(
        &mut self,
        sheet: &Sheet<'_>,
        mesh: &SurfaceMesh<Detector>,
        camera: &Camera,
        heights: &[f64],
    ) -> Result<(), AnalyzeError> {
        let stride = self.numbers.len();
        let (vertices, triangles) = (mesh.vertices(), mesh.triangles());
        // Slopes of a triangle's corners, made when the first ray meets it: most
        // of a surface is met by few.
        let mut corners = vec![0.0_f32; 3 * sheet.count()];
        let (mut made, mut normal) = (usize::MAX, [0.0; 3]);
        let (slopes, window) = (&mut self.slopes, &self.window);
        crossings(mesh, camera, |crossing| {
            let Some(pixel) = window.place(crossing.pixel) else {
                return;
            };
            let triangle = triangles[crossing.triangle];
            let [a, b, c] = triangle.map(|v| vertices[v as usize]);
            if made != crossing.triangle {
                made = crossing.triangle;
                normal = vector::unit(vector::cross(vector::sub(b, a), vector::sub(c, a)));
                sheet.corners(triangle, normal, &mut corners);
            }
            let shares = crossing.shares;
            let met = Met {
                place: [0, 1, 2].map(|k| shares[0] * a[k] + shares[1] * b[k] + shares[2] * c[k]),
                normal,
                shares,
            };
            let at = pixel * stride;
            let height = heights[crossing.pixel];
            sheet.add(&met, &corners, height, &mut slopes[at..at + stride]);
        })?;
        Ok(())
    }

    /// What a millimeter adds in each pixel.
    fn harden(&mut self, gains: &[f32]) {
        let Window {
            columns,
            first,
            size,
        } = self.window;
        let stride = self.numbers.len();
        for (place, pixel) in self.slopes.chunks_exact_mut(stride).enumerate() {
            let (row, column) = (first[0] + place / size[1], first[1] + place % size[1]);
            let gain = gains[row * columns + column];
            pixel.iter_mut().for_each(|slope| *slope *= gain);
        }
    }

    /// The blur of [`super::picture::Picture`], along rows, then columns.
    fn blur(&mut self) {
        let [rows, columns] = self.window.size;
        let stride = self.numbers.len();
        let kernel = kernel();
        let half = kernel.len() / 2;
        let mut out = vec![0.0_f32; self.slopes.len()];
        let pass = |from: &[f32], to: &mut [f32], along: usize, length: usize| {
            for (pixel, to) in to.chunks_exact_mut(stride).enumerate() {
                to.fill(0.0);
                let at = pixel / along % length;
                for (k, share) in kernel.iter().enumerate() {
                    let Some(other) = (at + k).checked_sub(half).filter(|o| *o < length) else {
                        continue;
                    };
                    let start = (pixel - at * along + other * along) * stride;
                    for (to, value) in to.iter_mut().zip(&from[start..start + stride]) {
                        *to += share * value;
                    }
                }
            }
        };
        pass(&self.slopes, &mut out, 1, columns);
        pass(&out, &mut self.slopes, columns, rows);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::analyze::reconstruct::refinement::Seen;
    use crate::analyze::reconstruct::refinement::solve::Basis;
    use crate::anatomy::ForearmModel;
    use crate::radiography::Projection;

    #[test]
    fn slopes_are_those_of_small_steps() {
        let model = ForearmModel::shipped().unwrap();
        let camera = Camera {
            sid_mm: 1000.0,
            oid_mm: 40.0,
            principal_point_mm: [3.0, -2.0],
            pixel_spacing_mm: [0.5; 2],
            rows: 260,
            columns: 200,
        };
        let views = [Seen::new(
            Projection::PosteroAnterior,
            camera,
            &vec![0.0; 260 * 200],
        )];
        let basis = Basis::new(&model);
        let problem = Problem::new(&basis, &views, 0.01);
        let pose = Projection::PosteroAnterior.pose([0.05, 0.1, -0.1, -8.0, 3.0, -40.0]);
        let mut unknowns = Unknowns::mean(&model, &[pose]);
        unknowns.views[0].seat = [0.01, 0.02, 0.1, 0.3, -0.2, 0.4];
        let shape = problem.shape(&unknowns).unwrap();
        let here = problem.picture(&shape, &unknowns, 0, 1).unwrap();
        let shading = Shading::of(&problem, &shape, &unknowns, 0, &here, 99).unwrap();
        let at = |number: usize, by: f64| {
            let mut moved = unknowns.clone();
            let mut step = nalgebra::DVector::zeros(1);
            step[0] = by;
            moved.step(&[number], &step);
            let shape = problem.shape(&moved).unwrap();
            problem.picture(&shape, &moved, 0, 1).unwrap().values
        };
        for (column, number) in shading.numbers.iter().enumerate() {
            // Enough to move an edge by a good part of a pixel.
            let by = match column.checked_sub(unknowns.shape.len()) {
                Some(k) if k < 12 && k % 6 < 3 => 0.006,
                Some(k) if k < 12 => 0.15,
                _ => 0.3,
            };
            let (low, high) = (at(*number, -by), at(*number, by));
            let (mut both, mut own, mut theirs) = (0.0, 0.0, 0.0);
            for (pixel, (low, high)) in low.iter().zip(&high).enumerate() {
                let numeric = f64::from(high - low) / (2.0 * by);
                let slope = shading.at(pixel).map_or(0.0, |s| f64::from(s[column]));
                both += slope * numeric;
                own += slope * slope;
                theirs += numeric * numeric;
            }
            let (alike, ratio) = (both / (own * theirs).sqrt(), (own / theirs).sqrt());
            assert!(
                alike > 0.8 && (0.65..1.3).contains(&ratio),
                "{column} (number {number}): {alike} {ratio}"
            );
        }
    }
}
