//! Shaded pictures of surfaces for documents: orthographic, one light, drawn
//! with a depth buffer. No view for a browser (that is `page`'s) and no X-ray.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels lie inside the picture, values are clamped to 0..255"
)]

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};

use super::RasterError;
use crate::geometry::Frame;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector::add;
use crate::geometry::vector::cross;
use crate::geometry::vector::dot;
use crate::geometry::vector::scale;
use crate::geometry::vector::sub;
use crate::geometry::vector::unit;

/// The side of the finer pixels over the picture's, for smooth edges.
const FINE: usize = 2;
const PAPER: u8 = 250;

/// From where a surface is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The direction that is right in the picture.
    pub right: [f64; 3],
    /// The direction that is up.
    pub up: [f64; 3],
    /// The place in the middle.
    pub middle: [f64; 3],
    /// Pixels a millimeter.
    pub pixels_mm: f64,
}

/// A part of a picture: left, top, width and height in pixels.
pub type Pane = [usize; 4];

/// A picture of surfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shaded {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Shaded {
    /// An empty picture.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![PAPER; width * height * 3],
        }
    }

    /// Draws a surface into a part of the picture. `color` gives each vertex
    /// its red, green and blue from 0 to 1.
    pub fn draw<F: Frame>(
        &mut self,
        surface: &SurfaceMesh<F>,
        color: impl Fn(usize) -> [f64; 3],
        look: &Look,
        pane: Pane,
    ) {
        let [left, top, width, height] = pane;
        let mut buffer = Buffer::new(width * FINE, height * FINE);
        buffer.fill(surface, color, look);
        for y in 0..height.min(self.height.saturating_sub(top)) {
            for x in 0..width.min(self.width.saturating_sub(left)) {
                if let Some(rgb) = buffer.mean(x, y) {
                    let at = ((top + y) * self.width + left + x) * 3;
                    self.pixels[at..at + 3].copy_from_slice(&rgb);
                }
            }
        }
    }

    /// The picture as PNG.
    ///
    /// # Errors
    /// [`RasterError::Encode`].
    pub fn png(&self) -> Result<Vec<u8>, RasterError> {
        let mut png = Cursor::new(Vec::new());
        PngEncoder::new(&mut png)
            .write_image(
                &self.pixels,
                self.width as u32,
                self.height as u32,
                ExtendedColorType::Rgb8,
            )
            .map_err(|source| RasterError::Encode { source })?;
        Ok(png.into_inner())
    }
}

/// Fine pixels with their depth.
struct Buffer {
    width: usize,
    height: usize,
    depth: Vec<f64>,
    color: Vec<[f64; 3]>,
}

impl Buffer {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            depth: vec![f64::NEG_INFINITY; width * height],
            color: vec![[f64::from(PAPER) / 255.0; 3]; width * height],
        }
    }

    fn fill<F: Frame>(
        &mut self,
        surface: &SurfaceMesh<F>,
        color: impl Fn(usize) -> [f64; 3],
        look: &Look,
    ) {
        let toward = cross(look.right, look.up);
        let lamp = add(scale(toward, 0.75), scale(look.up, 0.55));
        let lamp = unit(add(lamp, scale(look.right, -0.55)));
        let normals = surface.vertex_normals();
        let pixels_mm = look.pixels_mm * FINE as f64;
        let (half_x, half_y) = (self.width as f64 / 2.0, self.height as f64 / 2.0);
        for (ids, corners) in surface.triangles().iter().zip(surface.corners()) {
            let places = corners.map(|corner| {
                let off = sub(corner, look.middle);
                [
                    half_x + dot(off, look.right) * pixels_mm,
                    half_y - dot(off, look.up) * pixels_mm,
                    dot(off, toward),
                ]
            });
            let normal = ids.map(|v| normals[v as usize]);
            let paint = ids.map(|v| color(v as usize));
            self.triangle(places, |weights| {
                let normal = unit(blend(normal, weights));
                let light =
                    0.25 + 0.75 * dot(normal, lamp).max(0.0) + 0.1 * dot(normal, toward).max(0.0);
                blend(paint, weights).map(|c| (c * light).min(1.0))
            });
        }
    }

    fn triangle(&mut self, p: [[f64; 3]; 3], shade: impl Fn([f64; 3]) -> [f64; 3]) {
        let twice =
            (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) - (p[2][0] - p[0][0]) * (p[1][1] - p[0][1]);
        if twice.abs() < 1e-12 {
            return;
        }
        let span = |axis: usize, side: usize| {
            let low = p.iter().map(|q| q[axis]).fold(f64::INFINITY, f64::min);
            let high = p.iter().map(|q| q[axis]).fold(f64::NEG_INFINITY, f64::max);
            low.max(0.0) as usize..((high.max(-1.0) + 1.0) as usize).min(side)
        };
        for y in span(1, self.height) {
            for x in span(0, self.width) {
                let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                let one = ((px - p[0][0]) * (p[2][1] - p[0][1])
                    - (p[2][0] - p[0][0]) * (py - p[0][1]))
                    / twice;
                let two = ((p[1][0] - p[0][0]) * (py - p[0][1])
                    - (px - p[0][0]) * (p[1][1] - p[0][1]))
                    / twice;
                let weights = [1.0 - one - two, one, two];
                if weights.iter().any(|w| *w < -1e-9) {
                    continue;
                }
                let depth: f64 = (0..3).map(|k| weights[k] * p[k][2]).sum();
                let at = y * self.width + x;
                if depth > self.depth[at] {
                    self.depth[at] = depth;
                    self.color[at] = shade(weights);
                }
            }
        }
    }

    /// The mean color of the fine pixels of one pixel, if any was drawn on.
    fn mean(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        let fine =
            (0..FINE * FINE).map(|k| (y * FINE + k / FINE) * self.width + x * FINE + k % FINE);
        if !fine.clone().any(|at| self.depth[at].is_finite()) {
            return None;
        }
        let mut sum = [0.0; 3];
        for at in fine {
            for (total, value) in sum.iter_mut().zip(self.color[at]) {
                *total += value / (FINE * FINE) as f64;
            }
        }
        Some(sum.map(|v| (v * 255.0).round() as u8))
    }
}

fn blend(values: [[f64; 3]; 3], weights: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|k| (0..3).map(|n| weights[n] * values[n][k]).sum())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;

    #[test]
    fn the_nearer_surface_hides_the_farther_one() {
        let square = |z: f64, half: f64| {
            let v = [
                [-half, -half, z],
                [half, -half, z],
                [half, half, z],
                [-half, half, z],
            ];
            SurfaceMesh::<Model>::new(v.to_vec(), vec![[0, 1, 2], [0, 2, 3]]).unwrap()
        };
        let near = square(5.0, 1.0);
        let far = square(0.0, 3.0);
        let corners: Vec<_> = near
            .vertices()
            .iter()
            .chain(far.vertices())
            .copied()
            .collect();
        let both =
            SurfaceMesh::<Model>::new(corners, vec![[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
                .unwrap();
        let look = Look {
            right: [1.0, 0.0, 0.0],
            up: [0.0, 1.0, 0.0],
            middle: [0.0; 3],
            pixels_mm: 4.0,
        };
        let mut picture = Shaded::new(40, 40);
        let red_or_green = |v: usize| {
            if v < 4 {
                [1.0, 0.0, 0.0]
            } else {
                [0.0, 1.0, 0.0]
            }
        };
        picture.draw(&both, red_or_green, &look, [0, 0, 40, 40]);
        let at = |x: usize, y: usize| &picture.pixels[(y * 40 + x) * 3..(y * 40 + x) * 3 + 3];
        assert!(at(20, 20)[0] > 100 && at(20, 20)[1] == 0);
        assert!(at(10, 20)[1] > 100 && at(10, 20)[0] == 0);
        assert_eq!(at(2, 2), [PAPER; 3]);
        let back = image::load_from_memory(&picture.png().unwrap()).unwrap();
        assert_eq!((back.width(), back.height()), (40, 40));
    }
}
