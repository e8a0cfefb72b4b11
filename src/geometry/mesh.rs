//! Triangle surfaces: what they enclose, which way they face, whether they are closed.

use std::collections::HashMap;
use std::marker::PhantomData;

use super::Frame;
use super::GeometryError;
use super::Point;
use super::Rigid;
use super::vector::add;
use super::vector::cross;
use super::vector::dot;
use super::vector::length;
use super::vector::scale;
use super::vector::sub;
use super::vector::unit;

/// A surface of triangles, counterclockwise when looked at from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceMesh<F: Frame> {
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    frame: PhantomData<F>,
}

/// A vertex number as an index. `u32` fits into `usize` wherever this builds.
const fn at(vertex: u32) -> usize {
    vertex as usize
}

impl<F: Frame> SurfaceMesh<F> {
    /// A surface from its vertices (millimeters) and triangles.
    ///
    /// # Errors
    /// [`GeometryError::Empty`], [`GeometryError::NotFinite`] or
    /// [`GeometryError::NoSuchVertex`].
    pub fn new(vertices: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Result<Self, GeometryError> {
        if vertices.is_empty() || triangles.is_empty() {
            return Err(GeometryError::Empty { what: "a surface" });
        }
        if !vertices.iter().flatten().all(|v| v.is_finite()) {
            return Err(GeometryError::NotFinite { what: "a surface" });
        }
        for (number, triangle) in triangles.iter().enumerate() {
            for &vertex in triangle {
                if at(vertex) >= vertices.len() {
                    return Err(GeometryError::NoSuchVertex {
                        triangle: number,
                        vertex,
                        vertices: vertices.len(),
                    });
                }
            }
        }
        Ok(Self {
            vertices,
            triangles,
            frame: PhantomData,
        })
    }

    /// The vertices in millimeters.
    #[must_use]
    pub fn vertices(&self) -> &[[f64; 3]] {
        &self.vertices
    }

    /// The triangles, by vertex number.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// One vertex as a place, if there is one of that number.
    #[must_use]
    pub fn vertex(&self, number: u32) -> Option<Point<F>> {
        self.vertices.get(at(number)).map(|xyz| Point::new(*xyz))
    }

    /// The three corners of each triangle.
    pub fn corners(&self) -> impl ExactSizeIterator<Item = [[f64; 3]; 3]> + '_ {
        self.triangles
            .iter()
            .map(|t| t.map(|v| self.vertices[at(v)]))
    }

    /// The volume enclosed, in cubic millimeters; negative when inside out.
    #[must_use]
    pub fn signed_volume(&self) -> f64 {
        self.corners()
            .map(|[a, b, c]| dot(a, cross(b, c)) / 6.0)
            .sum()
    }

    /// The area in square millimeters.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.corners().map(triangle_area).sum()
    }

    /// The outward unit normal of each vertex, weighted by area.
    #[must_use]
    pub fn vertex_normals(&self) -> Vec<[f64; 3]> {
        let mut normals = vec![[0.0; 3]; self.vertices.len()];
        for (triangle, [a, b, c]) in self.triangles.iter().zip(self.corners()) {
            let weighted = cross(sub(b, a), sub(c, a));
            for &vertex in triangle {
                normals[at(vertex)] = add(normals[at(vertex)], weighted);
            }
        }
        normals.into_iter().map(unit).collect()
    }

    /// How many edges lack their one partner that runs the other way.
    /// Zero means closed and consistently facing.
    #[must_use]
    pub fn open_edges(&self) -> usize {
        let mut edges: HashMap<(u32, u32), i32> = HashMap::new();
        for t in &self.triangles {
            for (from, to) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
                *edges.entry((from, to)).or_default() += 1;
            }
        }
        edges
            .iter()
            .filter(|((from, to), count)| **count != 1 || edges.get(&(*to, *from)) != Some(&1))
            .count()
    }

    /// Whether the surface has an inside: no edge is open and the volume is positive.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.open_edges() == 0 && self.signed_volume() > 0.0
    }

    /// The smallest and the largest coordinates.
    #[must_use]
    pub fn bounds(&self) -> [[f64; 3]; 2] {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for vertex in &self.vertices {
            for axis in 0..3 {
                low[axis] = low[axis].min(vertex[axis]);
                high[axis] = high[axis].max(vertex[axis]);
            }
        }
        [low, high]
    }

    /// The same surface, led into another frame.
    #[must_use]
    pub fn moved<G: Frame>(&self, motion: &Rigid<F, G>) -> SurfaceMesh<G> {
        SurfaceMesh {
            vertices: self.vertices.iter().map(|v| motion.move_xyz(*v)).collect(),
            triangles: self.triangles.clone(),
            frame: PhantomData,
        }
    }

    /// The mirror image at the plane x = 0, still facing outward: a right bone
    /// becomes a left one.
    #[must_use]
    pub fn mirrored_x(&self) -> Self {
        Self {
            vertices: self.vertices.iter().map(|v| [-v[0], v[1], v[2]]).collect(),
            triangles: self.triangles.iter().map(|t| [t[0], t[2], t[1]]).collect(),
            frame: PhantomData,
        }
    }

    /// The same vertices with other triangles over them: turned ones.
    pub(super) fn with_triangles(&self, triangles: Vec<[u32; 3]>) -> Self {
        Self {
            vertices: self.vertices.clone(),
            triangles,
            frame: PhantomData,
        }
    }

    /// The same triangles on other vertices.
    ///
    /// # Errors
    /// [`GeometryError::Unpaired`] when their number differs,
    /// [`GeometryError::NotFinite`].
    pub fn with_vertices(&self, vertices: Vec<[f64; 3]>) -> Result<Self, GeometryError> {
        if vertices.len() != self.vertices.len() {
            return Err(GeometryError::Unpaired {
                left: vertices.len(),
                right: self.vertices.len(),
            });
        }
        Self::new(vertices, self.triangles.clone())
    }

    /// Points spread evenly over the surface with the area each stands for:
    /// the centers of the triangles, each split until it is below `area_mm2`.
    #[must_use]
    pub fn sampled(&self, area_mm2: f64) -> Vec<([f64; 3], f64)> {
        let mut samples = Vec::with_capacity(self.triangles.len());
        let mut pending: Vec<([[f64; 3]; 3], u8)> = Vec::new();
        for corners in self.corners() {
            pending.push((corners, 0));
            while let Some((triangle, depth)) = pending.pop() {
                let area = triangle_area(triangle);
                if area > area_mm2 && depth < 10 {
                    pending.extend(quarters(triangle).map(|t| (t, depth + 1)));
                } else if area > 0.0 {
                    let [a, b, c] = triangle;
                    samples.push((scale(add(add(a, b), c), 1.0 / 3.0), area));
                }
            }
        }
        samples
    }
}

/// The four triangles between the corners and the middles of the sides.
fn quarters([a, b, c]: [[f64; 3]; 3]) -> [[[f64; 3]; 3]; 4] {
    let middle = |p, q| scale(add(p, q), 0.5);
    let (ab, bc, ca) = (middle(a, b), middle(b, c), middle(c, a));
    [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
}

/// The area of a triangle.
pub(super) fn triangle_area([a, b, c]: [[f64; 3]; 3]) -> f64 {
    0.5 * length(cross(sub(b, a), sub(c, a)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::sphere::sphere;

    #[test]
    fn a_sphere_has_its_volume_and_area() {
        let ball = sphere(10.0, 60);
        let volume = 4.0 / 3.0 * std::f64::consts::PI * 1000.0;
        let area = 4.0 * std::f64::consts::PI * 100.0;
        assert!((ball.signed_volume() / volume - 1.0).abs() < 2e-3);
        assert!((ball.area() / area - 1.0).abs() < 2e-3);
        assert!(ball.is_closed());
        for (vertex, normal) in ball.vertices().iter().zip(ball.vertex_normals()) {
            assert!(dot(unit(*vertex), normal) > 0.999);
        }
        let sampled: f64 = ball.sampled(0.05).iter().map(|s| s.1).sum();
        assert!((sampled / ball.area() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_missing_triangle_is_a_hole_and_a_turned_one_is_noticed() {
        let ball = sphere(10.0, 8);
        let mut triangles = ball.triangles().to_vec();
        triangles.pop();
        let holed = SurfaceMesh::<Model>::new(ball.vertices().to_vec(), triangles.clone()).unwrap();
        assert_eq!(holed.open_edges(), 3);
        let last = *ball.triangles().last().unwrap();
        triangles.push([last[0], last[2], last[1]]);
        let turned = SurfaceMesh::<Model>::new(ball.vertices().to_vec(), triangles).unwrap();
        assert!(!turned.is_closed());
    }

    #[test]
    fn a_mirrored_surface_still_faces_outward() {
        let ball = sphere(5.0, 8);
        assert!((ball.mirrored_x().signed_volume() - ball.signed_volume()).abs() < 1e-9);
    }

    #[test]
    fn broken_surfaces_are_refused() {
        let corners = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert!(SurfaceMesh::<Model>::new(corners.clone(), vec![[0, 1, 3]]).is_err());
        assert!(SurfaceMesh::<Model>::new(corners, vec![]).is_err());
        let nan = vec![[f64::NAN; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert!(SurfaceMesh::<Model>::new(nan, vec![[0, 1, 2]]).is_err());
    }
}
