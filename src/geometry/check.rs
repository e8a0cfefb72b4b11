//! What can be wrong with a surface from a file: open edges, pieces, triangles
//! that face the wrong way; and the mending that needs no guess.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::Frame;
use super::GeometryError;
use super::SurfaceMesh;
use super::mesh::triangle_area;
use super::vector::cross;
use super::vector::dot;
use super::vector::length;
use super::vector::sub;

/// What a surface's connections say.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshCheck {
    /// Edges of one triangle only: borders of holes and cuts.
    pub open_edges: usize,
    /// Edges of more than two triangles.
    pub crowded_edges: usize,
    /// Edges whose two triangles run along them the same way: one faces wrongly.
    pub turned_edges: usize,
    /// The pieces that hang together by vertices, the largest area first.
    pub pieces: Vec<Piece>,
}

/// A piece of a surface that hangs together.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its triangles, by number.
    pub triangles: Vec<usize>,
    /// Its area in square millimeters.
    pub area_mm2: f64,
}

impl MeshCheck {
    /// Whether the surface is closed, with every triangle facing as its neighbors.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.open_edges == 0 && self.crowded_edges == 0 && self.turned_edges == 0
    }
}

/// Finds the leader of a set in a forest of parents.
fn leader(parents: &mut [usize], mut of: usize) -> usize {
    while parents[of] != of {
        parents[of] = parents[parents[of]];
        of = parents[of];
    }
    of
}

/// The uses of each edge: the triangle, and whether it runs from the smaller
/// to the larger vertex number.
fn edges<F: Frame>(mesh: &SurfaceMesh<F>) -> HashMap<(u32, u32), Vec<(usize, bool)>> {
    let mut edges: HashMap<(u32, u32), Vec<(usize, bool)>> =
        HashMap::with_capacity(mesh.triangles().len() * 3 / 2);
    for (number, t) in mesh.triangles().iter().enumerate() {
        for (from, to) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
            let key = (from.min(to), from.max(to));
            edges.entry(key).or_default().push((number, from < to));
        }
    }
    edges
}

impl<F: Frame> SurfaceMesh<F> {
    /// Looks at edges and pieces.
    #[must_use]
    pub fn check(&self) -> MeshCheck {
        let (mut open, mut crowded, mut turned) = (0, 0, 0);
        for uses in edges(self).values() {
            match uses.as_slice() {
                [_] => open += 1,
                [a, b] => turned += usize::from(a.1 == b.1),
                _ => crowded += 1,
            }
        }
        MeshCheck {
            open_edges: open,
            crowded_edges: crowded,
            turned_edges: turned,
            pieces: self.pieces(),
        }
    }

    /// The edges of one triangle only, as that triangle runs along them.
    #[must_use]
    pub fn border(&self) -> Vec<[u32; 2]> {
        let mut border: Vec<[u32; 2]> = edges(self)
            .into_iter()
            .filter(|(_, uses)| uses.len() == 1)
            .map(|((low, high), uses)| if uses[0].1 { [low, high] } else { [high, low] })
            .collect();
        border.sort_unstable();
        border
    }

    /// The pieces that hang together by vertices, the largest area first.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let mut parents: Vec<usize> = (0..self.vertices().len()).collect();
        for t in self.triangles() {
            let first = leader(&mut parents, t[0] as usize);
            for &vertex in &t[1..] {
                let other = leader(&mut parents, vertex as usize);
                parents[other] = first;
            }
        }
        let mut pieces: BTreeMap<usize, Piece> = BTreeMap::new();
        for (number, corners) in self.corners().enumerate() {
            let set = leader(&mut parents, self.triangles()[number][0] as usize);
            let piece = pieces.entry(set).or_insert_with(|| Piece {
                triangles: Vec::new(),
                area_mm2: 0.0,
            });
            piece.triangles.push(number);
            piece.area_mm2 += triangle_area(corners);
        }
        let mut pieces: Vec<Piece> = pieces.into_values().collect();
        pieces.sort_by(|a, b| b.area_mm2.total_cmp(&a.area_mm2));
        pieces
    }

    /// Only these triangles, and the vertices they need.
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when none is named, [`GeometryError::NoSuchVertex`]
    /// does not happen.
    pub fn only(&self, triangles: &[usize]) -> Result<Self, GeometryError> {
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut vertices = Vec::new();
        let mut kept = Vec::with_capacity(triangles.len());
        for triangle in triangles.iter().filter_map(|t| self.triangles().get(*t)) {
            kept.push(triangle.map(|vertex| {
                *numbers.entry(vertex).or_insert_with(|| {
                    vertices.push(self.vertices()[vertex as usize]);
                    u32::try_from(vertices.len() - 1).unwrap_or(u32::MAX)
                })
            }));
        }
        Self::new(vertices, kept)
    }

    /// The same surface with every triangle facing as its neighbors across
    /// edges of two triangles, and each piece facing outward as far as the sign
    /// of its volume about its own middle tells.
    #[must_use]
    pub fn oriented(&self) -> Self {
        let mut beside: Vec<Vec<(usize, bool)>> = vec![Vec::new(); self.triangles().len()];
        for uses in edges(self).values() {
            if let [a, b] = uses.as_slice() {
                beside[a.0].push((b.0, a.1 == b.1));
                beside[b.0].push((a.0, a.1 == b.1));
            }
        }
        let mut turned: Vec<Option<bool>> = vec![None; beside.len()];
        for start in 0..beside.len() {
            if turned[start].is_some() {
                continue;
            }
            turned[start] = Some(false);
            let mut patch = vec![start];
            let mut next = 0;
            while next < patch.len() {
                let at = patch[next];
                next += 1;
                for &(other, same_way) in &beside[at] {
                    if turned[other].is_none() {
                        turned[other] = turned[at].map(|t| t ^ same_way);
                        patch.push(other);
                    }
                }
            }
            if self.faces_inward(&patch, &turned) {
                for at in patch {
                    turned[at] = turned[at].map(|t| !t);
                }
            }
        }
        let triangles = self.triangles().iter().zip(&turned);
        let triangles = triangles.map(|(t, turned)| {
            if *turned == Some(true) {
                [t[0], t[2], t[1]]
            } else {
                *t
            }
        });
        Self::with_triangles(self, triangles.collect())
    }

    /// Whether most of a patch's area, so turned, looks toward its own middle.
    fn faces_inward(&self, patch: &[usize], turned: &[Option<bool>]) -> bool {
        let corners = |t: usize| self.triangles()[t].map(|v| self.vertices()[v as usize]);
        let mut middle = [0.0; 3];
        let mut whole = 0.0;
        for &t in patch {
            let [a, b, c] = corners(t);
            let area = triangle_area([a, b, c]);
            whole += area;
            for axis in 0..3 {
                middle[axis] += area * (a[axis] + b[axis] + c[axis]) / 3.0;
            }
        }
        if whole <= 0.0 {
            return false;
        }
        let middle = middle.map(|v| v / whole);
        let volume: f64 = patch
            .iter()
            .map(|&t| {
                let [a, b, c] = corners(t).map(|p| sub(p, middle));
                let volume = dot(a, cross(b, c));
                if turned[t] == Some(true) {
                    -volume
                } else {
                    volume
                }
            })
            .sum();
        volume < 0.0
    }

    /// The same surface with vertices nearer than `tolerance_mm` made one, and
    /// triangles left out that lose their area by it. What a text STL rounds
    /// apart comes together again.
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when no triangle is left.
    pub fn welded(&self, tolerance_mm: f64) -> Result<Self, GeometryError> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "saturates: far cells share one"
        )]
        let cell = |p: [f64; 3]| p.map(|v| (v / tolerance_mm.max(1e-9)).floor() as i64);
        let mut cells: HashMap<[i64; 3], Vec<u32>> = HashMap::new();
        let mut vertices: Vec<[f64; 3]> = Vec::new();
        let mut numbers = Vec::with_capacity(self.vertices().len());
        for &vertex in self.vertices() {
            let home = cell(vertex);
            let near = (0..27).find_map(|k: i64| {
                let at = [
                    home[0] + k % 3 - 1,
                    home[1] + k / 3 % 3 - 1,
                    home[2] + k / 9 - 1,
                ];
                let known = cells.get(&at)?;
                known
                    .iter()
                    .find(|n| length(sub(vertices[**n as usize], vertex)) <= tolerance_mm)
                    .copied()
            });
            numbers.push(near.unwrap_or_else(|| {
                vertices.push(vertex);
                let number = u32::try_from(vertices.len() - 1).unwrap_or(u32::MAX);
                cells.entry(home).or_default().push(number);
                number
            }));
        }
        let triangles = self.triangles().iter();
        let triangles = triangles
            .map(|t| t.map(|v| numbers[v as usize]))
            .filter(|[a, b, c]| a != b && b != c && c != a)
            .collect();
        Self::new(vertices, triangles)
    }

    /// `count` places spread evenly over the surface by area, each with the
    /// number of its triangle: every place stands for the same area.
    ///
    /// Systematic sampling along the triangles, the place in each by the
    /// low-discrepancy sequence of Roberts (R2, 2018). The same surface gives
    /// the same places.
    #[must_use]
    pub fn spread(&self, count: usize) -> Vec<([f64; 3], usize)> {
        const STEP: [f64; 2] = [0.754_877_666_246_693, 0.569_840_290_998_053_2];
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let step = self.area() / count.max(1) as f64;
        let mut places = Vec::with_capacity(count);
        let (mut reached, mut next) = (0.0, 0.5 * step);
        let mut turn = [0.5, 0.5];
        for (number, [a, b, c]) in self.corners().enumerate() {
            reached += triangle_area([a, b, c]);
            while next < reached && places.len() < count {
                turn = [(turn[0] + STEP[0]).fract(), (turn[1] + STEP[1]).fract()];
                let [mut u, mut v] = turn;
                if u + v > 1.0 {
                    (u, v) = (1.0 - u, 1.0 - v);
                }
                let place =
                    |axis: usize| a[axis] + u * (b[axis] - a[axis]) + v * (c[axis] - a[axis]);
                places.push(([place(0), place(1), place(2)], number));
                next += step;
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::sphere::sphere;

    fn soup(mesh: &SurfaceMesh<Model>, jitter: f64) -> SurfaceMesh<Model> {
        let mut vertices = Vec::new();
        let mut triangles = Vec::new();
        for corners in mesh.corners() {
            let first = u32::try_from(vertices.len()).unwrap();
            for (corner, sign) in corners.into_iter().zip([1.0, -1.0, 0.5]) {
                vertices.push(corner.map(|v| v + sign * jitter));
            }
            triangles.push([first, first + 1, first + 2]);
        }
        SurfaceMesh::new(vertices, triangles).unwrap()
    }

    #[test]
    fn a_sound_surface_is_one_piece() {
        let check = sphere(10.0, 8).check();
        assert!(check.is_sound());
        assert_eq!(check.pieces.len(), 1);
    }

    #[test]
    fn holes_pieces_and_turned_triangles_are_counted() {
        let ball = sphere(10.0, 8);
        let mut triangles = ball.triangles().to_vec();
        triangles.pop();
        let holed = SurfaceMesh::<Model>::new(ball.vertices().to_vec(), triangles.clone()).unwrap();
        assert_eq!(holed.check().open_edges, 3);
        assert_eq!(holed.border().len(), 3);
        let last = *ball.triangles().last().unwrap();
        triangles.push([last[0], last[2], last[1]]);
        let turned = SurfaceMesh::<Model>::new(ball.vertices().to_vec(), triangles).unwrap();
        assert_eq!(turned.check().turned_edges, 3);
        assert!(turned.oriented().is_closed());
        assert!(ball.oriented().is_closed());
        let scattered = soup(&ball, 0.0);
        assert_eq!(scattered.pieces().len(), ball.triangles().len());
    }

    #[test]
    fn a_surface_inside_out_is_turned() {
        let ball = sphere(10.0, 8);
        let inside_out = ball
            .triangles()
            .iter()
            .map(|t| [t[0], t[2], t[1]])
            .collect();
        let turned = SurfaceMesh::<Model>::new(ball.vertices().to_vec(), inside_out).unwrap();
        assert!(turned.signed_volume() < 0.0);
        assert!(turned.oriented().is_closed());
    }

    #[test]
    fn a_rounded_soup_comes_together() {
        let ball = sphere(10.0, 8);
        let scattered = soup(&ball, 1e-5);
        assert!(scattered.check().open_edges > 100);
        let welded = scattered.welded(1e-4).unwrap();
        assert_eq!(welded.vertices().len(), ball.vertices().len());
        assert!(welded.check().is_sound());
        let pieces = welded.pieces();
        assert_eq!(
            welded.only(&pieces[0].triangles).unwrap().triangles().len(),
            2 * 8 * 16
        );
    }

    #[test]
    fn spread_places_stand_for_equal_areas() {
        // Half of a sphere's area lies within half its radius of its equator.
        let ball = sphere(10.0, 20);
        let places = ball.spread(4000);
        assert_eq!(places.len(), 4000);
        let near = places.iter().filter(|(p, _)| p[2].abs() < 5.0).count();
        assert!((1900..2100).contains(&near), "{near}");
        for (place, _) in places {
            assert!((length(place) - 10.0).abs() < 0.1);
        }
    }
}
