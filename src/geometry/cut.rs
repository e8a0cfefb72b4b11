//! A closed surface cut across by a plane, and closed again by a lid.

use std::collections::HashMap;

use super::Frame;
use super::GeometryError;
use super::SurfaceMesh;
use super::vector::add;
use super::vector::scale;

impl<F: Frame> SurfaceMesh<F> {
    /// What lies above a height along z, its cut closed by triangles around the
    /// middle of its rim: right where the cut is one ring that its middle sees,
    /// as of a bone's shaft. The surface itself where nothing lies below.
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when nothing lies above.
    pub fn above(&self, height: f64) -> Result<Self, GeometryError> {
        let mut cut = Cut {
            height,
            old: self.vertices(),
            vertices: Vec::new(),
            kept: HashMap::new(),
            crossed: HashMap::new(),
        };
        let mut triangles = Vec::new();
        let mut rim = Vec::new();
        for triangle in self.triangles() {
            cut.keep(*triangle, &mut triangles, &mut rim);
        }
        if !rim.is_empty() {
            let sum = rim.iter().fold([0.0; 3], |sum, [from, _]| {
                add(sum, cut.vertices[*from as usize])
            });
            #[allow(clippy::cast_precision_loss, reason = "a vertex count")]
            let middle = scale(sum, 1.0 / rim.len() as f64);
            let number = cut.push(middle);
            triangles.extend(rim.iter().map(|[from, to]| [*to, *from, number]));
        }
        Self::new(cut.vertices, triangles)
    }
}

struct Cut<'a> {
    height: f64,
    old: &'a [[f64; 3]],
    vertices: Vec<[f64; 3]>,
    /// New numbers of old vertices.
    kept: HashMap<u32, u32>,
    /// New vertices on old edges.
    crossed: HashMap<(u32, u32), u32>,
}

impl Cut<'_> {
    fn push(&mut self, place: [f64; 3]) -> u32 {
        let number = u32::try_from(self.vertices.len()).unwrap_or(u32::MAX);
        self.vertices.push(place);
        number
    }

    fn above(&self, vertex: u32) -> bool {
        self.old[vertex as usize][2] > self.height
    }

    fn vertex(&mut self, old: u32) -> u32 {
        if let Some(number) = self.kept.get(&old) {
            return *number;
        }
        let number = self.push(self.old[old as usize]);
        self.kept.insert(old, number);
        number
    }

    /// Where an edge meets the plane.
    fn crossing(&mut self, a: u32, b: u32) -> u32 {
        let key = (a.min(b), a.max(b));
        if let Some(number) = self.crossed.get(&key) {
            return *number;
        }
        let (p, q) = (self.old[key.0 as usize], self.old[key.1 as usize]);
        let part = (self.height - p[2]) / (q[2] - p[2]);
        let number = self.push(add(scale(p, 1.0 - part), scale(q, part)));
        self.crossed.insert(key, number);
        number
    }

    /// Keeps the upper part of a triangle, and the edge where it was cut.
    fn keep(&mut self, triangle: [u32; 3], triangles: &mut Vec<[u32; 3]>, rim: &mut Vec<[u32; 2]>) {
        let mut ring = Vec::with_capacity(4);
        let mut ends = [None; 2];
        for (from, to) in [(0, 1), (1, 2), (2, 0)].map(|(a, b)| (triangle[a], triangle[b])) {
            if self.above(from) {
                ring.push(self.vertex(from));
            }
            if self.above(from) != self.above(to) {
                let number = self.crossing(from, to);
                // Down into the plane, then up out of it.
                ends[usize::from(!self.above(from))] = Some(number);
                ring.push(number);
            }
        }
        for pair in ring.windows(2).skip(1) {
            triangles.push([ring[0], pair[0], pair[1]]);
        }
        if let [Some(down), Some(up)] = ends {
            rim.push([down, up]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::sphere::sphere;

    #[test]
    fn a_ball_cut_in_its_middle_is_half_a_ball_and_closed() {
        let ball: SurfaceMesh<Model> = sphere(10.0, 48);
        let whole = ball.signed_volume();
        for (height, share) in [(0.013, 0.5), (-20.0, 1.0), (5.0, 0.156_25)] {
            let part = ball.above(height).unwrap();
            assert!(part.is_closed(), "{height}");
            assert!(
                (part.signed_volume() / whole - share).abs() < 0.003,
                "{height}"
            );
            assert!(part.bounds()[0][2] >= height - 1e-9 || height < -10.0);
        }
        assert!(ball.above(20.0).is_err());
    }
}
