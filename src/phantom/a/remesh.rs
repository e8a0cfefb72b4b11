//! Even triangles: long edges are split, short ones collapsed, edges turned
//! toward six neighbors a vertex, vertices centered and laid back on the solid
//! (Botsch and Kobbelt, "A remeshing approach to multiresolution modeling",
//! SGP 2004), with an edge length that is finer on the joint.
#![allow(
    clippy::cast_possible_truncation,
    reason = "vertex numbers far below 2^32"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::nets::Soup;
use super::sculpt::Solid;
use crate::geometry::vector::add;
use crate::geometry::vector::cross;
use crate::geometry::vector::dot;
use crate::geometry::vector::length;
use crate::geometry::vector::scale;
use crate::geometry::vector::sub;
use crate::geometry::vector::unit;

/// Edge length on a joint.
const JOINT_MM: f64 = 0.5;
/// How fast the edge length may grow away from a joint.
const GRADE: f64 = 0.28;
/// Rounds; after some twenty the mesh changes no more.
const ROUNDS: usize = 24;

type Edges = BTreeMap<(u32, u32), Vec<usize>>;

struct Remesher<'a, S: Solid> {
    solid: &'a S,
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    /// The wished edge length at each vertex.
    wish: Vec<f64>,
    base: fn(f64) -> f64,
}

/// Makes the triangles of a mesh of a solid even. `base` is the edge length
/// away from joints, by level (distance from the joint).
pub(super) fn even<S: Solid>(solid: &S, soup: Soup, base: fn(f64) -> f64) -> Soup {
    let mut mesh = Remesher {
        solid,
        vertices: soup.0,
        triangles: soup.1,
        wish: Vec::new(),
        base,
    };
    for vertex in &mut mesh.vertices {
        *vertex = solid.onto(*vertex);
    }
    for _ in 0..ROUNDS {
        for _ in 0..3 {
            mesh.wishes();
            mesh.split();
        }
        for _ in 0..3 {
            mesh.wishes();
            mesh.collapse();
        }
        mesh.turn();
        mesh.wishes();
        mesh.relax();
        mesh.relax();
    }
    (mesh.vertices, mesh.triangles)
}

fn key(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

fn sides(t: [u32; 3]) -> [(u32, u32); 3] {
    [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]
}

impl<S: Solid> Remesher<'_, S> {
    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (number, t) in self.triangles.iter().enumerate() {
            for (a, b) in sides(*t) {
                edges.entry(key(a, b)).or_default().push(number);
            }
        }
        edges
    }

    fn place(&self, vertex: u32) -> [f64; 3] {
        self.vertices[vertex as usize]
    }

    fn span(&self, (a, b): (u32, u32)) -> f64 {
        length(sub(self.place(a), self.place(b)))
    }

    /// Length of an edge over the length wished there.
    fn ratio(&self, edge: (u32, u32)) -> f64 {
        let wish = (self.wish[edge.0 as usize] + self.wish[edge.1 as usize]) / 2.0;
        self.span(edge) / wish
    }

    fn wishes(&mut self) {
        self.wish = self
            .vertices
            .iter()
            .map(|v| {
                if self.solid.is_joint(*v) {
                    JOINT_MM
                } else {
                    (self.base)(-v[2])
                }
            })
            .collect();
        let edges: Vec<_> = self.edges().into_keys().collect();
        let spans: Vec<f64> = edges.iter().map(|e| self.span(*e)).collect();
        for _ in 0..8 {
            for ((a, b), span) in edges.iter().zip(&spans) {
                let (a, b) = (*a as usize, *b as usize);
                self.wish[a] = self.wish[a].min(self.wish[b] + GRADE * span);
                self.wish[b] = self.wish[b].min(self.wish[a] + GRADE * span);
            }
        }
    }

    /// Splits the longest edges, none twice a pass at one triangle.
    fn split(&mut self) {
        let edges = self.edges();
        let mut long: Vec<_> = edges
            .iter()
            .map(|(e, t)| (self.ratio(*e), *e, t))
            .filter(|(ratio, ..)| *ratio > 4.0 / 3.0)
            .collect();
        long.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut touched = BTreeSet::new();
        for (_, (a, b), beside) in long {
            if beside.iter().any(|t| touched.contains(t)) {
                continue;
            }
            let middle = scale(add(self.place(a), self.place(b)), 0.5);
            let new = self.vertices.len() as u32;
            self.vertices.push(self.solid.onto(middle));
            self.wish
                .push((self.wish[a as usize] + self.wish[b as usize]) / 2.0);
            for &number in beside {
                touched.insert(number);
                let whole = self.triangles[number];
                let with = |from: u32| whole.map(|v| if v == from { new } else { v });
                self.triangles[number] = with(a);
                self.triangles.push(with(b));
            }
        }
    }

    fn rings(&self) -> Vec<BTreeSet<u32>> {
        let mut rings = vec![BTreeSet::new(); self.vertices.len()];
        for t in &self.triangles {
            for (a, b) in sides(*t) {
                rings[a as usize].insert(b);
                rings[b as usize].insert(a);
            }
        }
        rings
    }

    /// Collapses the shortest edges where the surface stays a surface and no
    /// triangle turns over.
    fn collapse(&mut self) {
        let rings = self.rings();
        let mut fans = vec![Vec::new(); self.vertices.len()];
        for (number, t) in self.triangles.iter().enumerate() {
            for v in t {
                fans[*v as usize].push(number);
            }
        }
        let mut short: Vec<_> = self
            .edges()
            .into_keys()
            .map(|e| (self.ratio(e), e))
            .filter(|(ratio, _)| *ratio < 0.75)
            .collect();
        short.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut touched = vec![false; self.vertices.len()];
        let mut gone = vec![false; self.vertices.len()];
        for (_, (keep, drop)) in short {
            let around = [keep, drop].map(|v| &rings[v as usize]);
            let near = around[0].union(around[1]);
            if near.clone().any(|v| touched[*v as usize])
                || around[0].intersection(around[1]).count() != 2
                || around[0].union(around[1]).count() < 6
            {
                continue;
            }
            let middle = self
                .solid
                .onto(scale(add(self.place(keep), self.place(drop)), 0.5));
            let fan: Vec<usize> = fans[keep as usize]
                .iter()
                .chain(&fans[drop as usize])
                .copied()
                .collect();
            if !self.fits(&fan, keep, drop, middle) {
                continue;
            }
            for v in near {
                touched[*v as usize] = true;
            }
            for number in fan {
                let t = self.triangles[number];
                self.triangles[number] = t.map(|v| if v == drop { keep } else { v });
            }
            self.vertices[keep as usize] = middle;
            gone[drop as usize] = true;
        }
        self.compact(&gone);
    }

    /// Whether no triangle of the fan turns over or grows too long when both
    /// ends of the edge move to its middle.
    fn fits(&self, fan: &[usize], keep: u32, drop: u32, middle: [f64; 3]) -> bool {
        fan.iter().all(|&number| {
            let t = self.triangles[number];
            if t.contains(&keep) && t.contains(&drop) {
                return true;
            }
            let before = t.map(|v| self.place(v));
            let after = t.map(|v| {
                if v == keep || v == drop {
                    middle
                } else {
                    self.place(v)
                }
            });
            let (was, is) = (normal(before), normal(after));
            let longest = sides([0, 1, 2])
                .map(|(a, b)| length(sub(after[a as usize], after[b as usize])))
                .into_iter()
                .fold(0.0, f64::max);
            dot(unit(was), unit(is)) > 0.6 && longest < 1.6 * self.wish[keep as usize]
        })
    }

    /// Takes dropped vertices and flattened triangles out.
    fn compact(&mut self, gone: &[bool]) {
        self.triangles
            .retain(|t| t[0] != t[1] && t[1] != t[2] && t[2] != t[0]);
        let mut number = vec![0_u32; self.vertices.len()];
        let mut kept = Vec::with_capacity(self.vertices.len());
        for (old, vertex) in self.vertices.iter().enumerate() {
            number[old] = kept.len() as u32;
            if !gone[old] {
                kept.push(*vertex);
            }
        }
        self.vertices = kept;
        for t in &mut self.triangles {
            *t = t.map(|v| number[v as usize]);
        }
    }

    /// Turns edges where that brings the vertices nearer to six neighbors.
    fn turn(&mut self) {
        let edges = self.edges();
        let mut degree = vec![0_i32; self.vertices.len()];
        for (a, b) in edges.keys() {
            degree[*a as usize] += 1;
            degree[*b as usize] += 1;
        }
        let mut touched = BTreeSet::new();
        let mut made = BTreeSet::new();
        for ((a, b), beside) in &edges {
            let [first, second] = beside[..] else {
                continue;
            };
            if touched.contains(&first) || touched.contains(&second) {
                continue;
            }
            let other = |t: usize| {
                let corners = self.triangles[t];
                corners.into_iter().find(|v| v != a && v != b)
            };
            let (Some(c), Some(d)) = (other(first), other(second)) else {
                continue;
            };
            let new = key(c, d);
            if edges.contains_key(&new) || made.contains(&new) {
                continue;
            }
            let off = |v: u32, by: i32| (degree[v as usize] + by - 6).pow(2);
            let before = off(*a, 0) + off(*b, 0) + off(c, 0) + off(d, 0);
            let after = off(*a, -1) + off(*b, -1) + off(c, 1) + off(d, 1);
            if after >= before {
                continue;
            }
            let forward = sides(self.triangles[first]).contains(&(*a, *b));
            let (p, q) = if forward { (c, d) } else { (d, c) };
            let (one, two) = ([*a, q, p], [q, *b, p]);
            let was = add(self.normal(first), self.normal(second));
            let flat = |t: [u32; 3]| dot(unit(normal(t.map(|v| self.place(v)))), unit(was)) > 0.7;
            if !flat(one) || !flat(two) {
                continue;
            }
            self.triangles[first] = one;
            self.triangles[second] = two;
            touched.extend([first, second]);
            made.insert(new);
            for (v, by) in [(*a, -1), (*b, -1), (c, 1), (d, 1)] {
                degree[v as usize] += by;
            }
        }
    }

    fn normal(&self, triangle: usize) -> [f64; 3] {
        normal(self.triangles[triangle].map(|v| self.place(v)))
    }

    /// Moves every vertex along the surface toward the middle of its fan,
    /// weighted so that edges take the wished lengths.
    fn relax(&mut self) {
        let mut sum = vec![[0.0; 3]; self.vertices.len()];
        let mut total = vec![0.0; self.vertices.len()];
        for t in &self.triangles {
            let places = t.map(|v| self.place(v));
            let middle = scale(add(add(places[0], places[1]), places[2]), 1.0 / 3.0);
            let wish = t.iter().map(|v| self.wish[*v as usize]).sum::<f64>() / 3.0;
            let weight = length(normal(places)) / wish.powi(2);
            for v in t {
                sum[*v as usize] = add(sum[*v as usize], scale(middle, weight));
                total[*v as usize] += weight;
            }
        }
        for number in 0..self.vertices.len() {
            let here = self.vertices[number];
            let up = unit(self.solid.gradient(here));
            let pull = sub(
                scale(sum[number], 1.0 / f64::max(total[number], 1e-12)),
                here,
            );
            let along = sub(pull, scale(up, dot(pull, up)));
            self.vertices[number] = self.solid.onto(add(here, scale(along, 0.7)));
        }
    }
}

fn normal([a, b, c]: [[f64; 3]; 3]) -> [f64; 3] {
    cross(sub(b, a), sub(c, a))
}
