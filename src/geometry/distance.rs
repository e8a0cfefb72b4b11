//! The exact distance from a point to a surface, and from a surface to another.
//!
//! A tree of axis-parallel boxes over the triangles, split at the middle of the
//! longest side of their centers; the search goes into the nearer box first.
//! Crates with such trees answer for rays, or bring a physics engine with them;
//! what is needed here is this one question in double precision, so it is ours.

use serde::Deserialize;
use serde::Serialize;

use super::Frame;
use super::Point;
use super::SurfaceMesh;
use super::vector::add;
use super::vector::cross;
use super::vector::dot;
use super::vector::length;
use super::vector::scale;
use super::vector::sub;
use super::vector::unit;

const LEAF: usize = 4;

/// The nearest place of a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<F: Frame> {
    /// How far it is, in millimeters.
    pub distance: f64,
    /// Where it is.
    pub point: Point<F>,
    /// The number of the triangle it lies on.
    pub triangle: usize,
}

/// How far two surfaces lie apart, in millimeters, both ways together: the
/// points of each against the surface of the other, weighted by area.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// Mean distance.
    pub mean_mm: f64,
    /// Root of the mean squared distance.
    pub rms_mm: f64,
    /// 95 % of both areas are nearer than this.
    pub p95_mm: f64,
    /// The largest distance (Hausdorff, over the sampled points).
    pub max_mm: f64,
}

/// A box of the tree: its bounds, and either two children or some triangles.
struct Node {
    low: [f64; 3],
    high: [f64; 3],
    /// Leaf: first triangle in `order`. Inner: number of the right child
    /// (the left one follows its parent).
    first: usize,
    /// How many triangles a leaf holds; 0 for an inner box.
    count: usize,
}

/// A surface made ready for questions about distance.
pub struct Locator<'a, F: Frame> {
    mesh: &'a SurfaceMesh<F>,
    corners: Vec<[[f64; 3]; 3]>,
    order: Vec<usize>,
    nodes: Vec<Node>,
}

impl<'a, F: Frame> Locator<'a, F> {
    /// Builds the tree.
    #[must_use]
    pub fn new(mesh: &'a SurfaceMesh<F>) -> Self {
        let corners: Vec<_> = mesh.corners().collect();
        let mut locator = Self {
            mesh,
            order: (0..corners.len()).collect(),
            nodes: Vec::with_capacity(corners.len()),
            corners,
        };
        locator.split(0, locator.corners.len());
        locator
    }

    /// The surface it was built over.
    #[must_use]
    pub fn mesh(&self) -> &'a SurfaceMesh<F> {
        self.mesh
    }

    /// The unit normal of one of its triangles; zero when it has no area.
    #[must_use]
    pub fn normal(&self, triangle: usize) -> [f64; 3] {
        self.corners
            .get(triangle)
            .map_or([0.0; 3], |[a, b, c]| unit(cross(sub(*b, *a), sub(*c, *a))))
    }

    /// Makes the box over `order[from..to]` and everything below it.
    fn split(&mut self, from: usize, to: usize) {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        let (mut least, mut most) = (low, high);
        for &number in &self.order[from..to] {
            let corners = self.corners[number];
            let middle = center(corners);
            for axis in 0..3 {
                for corner in corners {
                    low[axis] = low[axis].min(corner[axis]);
                    high[axis] = high[axis].max(corner[axis]);
                }
                least[axis] = least[axis].min(middle[axis]);
                most[axis] = most[axis].max(middle[axis]);
            }
        }
        let node = self.nodes.len();
        self.nodes.push(Node {
            low,
            high,
            first: from,
            count: to - from,
        });
        if to - from <= LEAF {
            return;
        }
        let spread = sub(most, least);
        let axis = (0..3).fold(0, |best, a| if spread[a] > spread[best] { a } else { best });
        let middle = usize::midpoint(from, to);
        let corners = &self.corners;
        self.order[from..to].select_nth_unstable_by(middle - from, |a, b| {
            center(corners[*a])[axis].total_cmp(&center(corners[*b])[axis])
        });
        self.split(from, middle);
        self.nodes[node].first = self.nodes.len();
        self.nodes[node].count = 0;
        self.split(middle, to);
    }

    /// The nearest place of the surface to a point.
    #[must_use]
    pub fn closest(&self, point: Point<F>) -> Hit<F> {
        let asked = point.xyz();
        let mut best = (f64::INFINITY, asked, 0);
        // Two children for one parent: the stack is never deeper than the tree,
        // and halving 2^32 triangles makes a tree of less than 40 levels.
        let mut pending = [(0, 0.0); 64];
        let mut waiting = 1;
        while waiting > 0 {
            waiting -= 1;
            let (number, distance2) = pending[waiting];
            if distance2 >= best.0 {
                continue;
            }
            let node = &self.nodes[number];
            if node.count > 0 {
                for &triangle in &self.order[node.first..node.first + node.count] {
                    let place = closest_on_triangle(asked, self.corners[triangle]);
                    let gap = sub(place, asked);
                    let distance2 = dot(gap, gap);
                    if distance2 < best.0 {
                        best = (distance2, place, triangle);
                    }
                }
                continue;
            }
            let children = [number + 1, node.first];
            let gaps = children.map(|c| box_distance2(&self.nodes[c], asked));
            let nearer = usize::from(gaps[1] < gaps[0]);
            for child in [1 - nearer, nearer] {
                pending[waiting] = (children[child], gaps[child]);
                waiting += 1;
            }
        }
        Hit {
            distance: best.0.sqrt(),
            point: Point::new(best.1),
            triangle: best.2,
        }
    }
}

/// How far two surfaces lie apart, both ways. Each is sampled at the centers of
/// its triangles, split until none is above one square millimeter.
#[must_use]
pub fn deviation<F: Frame>(a: &SurfaceMesh<F>, b: &SurfaceMesh<F>) -> Deviation {
    let mut gaps = one_way(a, b);
    gaps.extend(one_way(b, a));
    Deviation::of(&mut gaps)
}

/// The distance of each sampled point of `from` to `to`, with its share of the
/// area of `from`.
fn one_way<F: Frame>(from: &SurfaceMesh<F>, to: &SurfaceMesh<F>) -> Vec<(f64, f64)> {
    let locator = Locator::new(to);
    let area = from.area().max(f64::MIN_POSITIVE);
    from.sampled(1.0)
        .into_iter()
        .map(|(point, part)| (locator.closest(Point::new(point)).distance, part / area))
        .collect()
}

impl Deviation {
    /// Mean, RMS, P95 and maximum of distances, each with the area it stands
    /// for; sorts them by distance.
    #[must_use]
    pub fn of(gaps: &mut [(f64, f64)]) -> Self {
        gaps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = gaps.iter().map(|g| g.1).sum::<f64>().max(f64::MIN_POSITIVE);
        let mean = gaps.iter().map(|g| g.0 * g.1).sum::<f64>() / total;
        let square = gaps.iter().map(|g| g.0 * g.0 * g.1).sum::<f64>() / total;
        let mut below = 0.0;
        let mut p95 = 0.0;
        for (gap, part) in gaps.iter() {
            p95 = *gap;
            below += part;
            if below >= 0.95 * total {
                break;
            }
        }
        Self {
            mean_mm: mean,
            rms_mm: square.sqrt(),
            p95_mm: p95,
            max_mm: gaps.last().map_or(0.0, |g| g.0),
        }
    }
}

fn center([a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    scale(add(add(a, b), c), 1.0 / 3.0)
}

/// The squared distance from a point to a box; 0 inside.
fn box_distance2(node: &Node, point: [f64; 3]) -> f64 {
    (0..3)
        .map(|axis| {
            let gap = (node.low[axis] - point[axis])
                .max(point[axis] - node.high[axis])
                .max(0.0);
            gap * gap
        })
        .sum()
}

/// The nearest place of a triangle, by the region of its plane in which the
/// point lies (Ericson, Real-Time Collision Detection, 2005, 5.1.5).
pub(crate) fn closest_on_triangle(p: [f64; 3], [a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    let (ab, ac, ap) = (sub(b, a), sub(c, a), sub(p, a));
    let (d1, d2) = (dot(ab, ap), dot(ac, ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return a;
    }
    let bp = sub(p, b);
    let (d3, d4) = (dot(ab, bp), dot(ac, bp));
    if d3 >= 0.0 && d4 <= d3 {
        return b;
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return add(a, scale(ab, d1 / (d1 - d3)));
    }
    let cp = sub(p, c);
    let (d5, d6) = (dot(ab, cp), dot(ac, cp));
    if d6 >= 0.0 && d5 <= d6 {
        return c;
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return add(a, scale(ac, d2 / (d2 - d6)));
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        let along = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        return add(b, scale(sub(c, b), along));
    }
    let whole = va + vb + vc;
    if whole.abs() < f64::MIN_POSITIVE || length(ab) == 0.0 {
        return a;
    }
    add(a, add(scale(ab, vb / whole), scale(ac, vc / whole)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::Rigid;
    use crate::geometry::sphere::sphere;

    #[test]
    fn concentric_spheres_lie_one_millimeter_apart() {
        let apart = deviation(&sphere(10.0, 40), &sphere(11.0, 40));
        assert!((apart.mean_mm - 1.0).abs() < 0.01, "{apart:?}");
        assert!((apart.rms_mm - 1.0).abs() < 0.01, "{apart:?}");
        assert!((apart.max_mm - 1.0).abs() < 0.03, "{apart:?}");
    }

    #[test]
    fn a_shifted_sphere_has_the_known_rms() {
        // The distance to a sphere shifted by s is about |s cos(polar)|: RMS s / sqrt 3.
        let ball = sphere(20.0, 60);
        let shift = Rigid::<Model, Model>::from_rotation_vector([0.0; 3], [0.6, 0.0, 0.0]);
        let apart = deviation(&ball, &ball.moved(&shift));
        assert!((apart.rms_mm - 0.6 / 3f64.sqrt()).abs() < 0.01, "{apart:?}");
        assert!((apart.max_mm - 0.6).abs() < 0.02, "{apart:?}");
    }

    #[test]
    fn the_tree_agrees_with_looking_at_every_triangle() {
        let ball = sphere(10.0, 12);
        let locator = Locator::new(&ball);
        for i in 0..200 {
            let t = f64::from(i);
            let asked = [
                15.0 * t.sin(),
                15.0 * (2.3 * t).cos(),
                12.0 * (0.7 * t).sin(),
            ];
            let slow = ball
                .corners()
                .map(|corners| length(sub(closest_on_triangle(asked, corners), asked)))
                .fold(f64::INFINITY, f64::min);
            let hit = locator.closest(Point::new(asked));
            assert!((hit.distance - slow).abs() < 1e-12);
            assert!((hit.point.distance(Point::new(asked)) - slow).abs() < 1e-12);
        }
    }

    #[test]
    fn a_tilted_plate_lies_where_it_should() {
        // A 10 x 10 plate against itself tilted by 3 degrees about its edge.
        let plate = |tilt: f64| {
            let far = [10.0 * tilt.cos(), 10.0 * tilt.sin()];
            SurfaceMesh::<Model>::new(
                vec![
                    [0.0, 0.0, 0.0],
                    [far[0], 0.0, far[1]],
                    [far[0], 10.0, far[1]],
                    [0.0, 10.0, 0.0],
                ],
                vec![[0, 1, 2], [0, 2, 3]],
            )
            .unwrap()
        };
        let tilt = 3f64.to_radians();
        let apart = deviation(&plate(0.0), &plate(tilt));
        assert!((apart.mean_mm - 5.0 * tilt.sin()).abs() < 0.02, "{apart:?}");
        assert!(
            (apart.rms_mm - 10.0 * tilt.sin() / 3f64.sqrt()).abs() < 0.02,
            "{apart:?}"
        );
    }
}
