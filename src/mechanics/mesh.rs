//! Tetrahedra: their nodes, what they enclose, which hang together.
//!
//! A tetrahedron (a, b, c, d) is right way round when d lies on the side of the
//! triangle (a, b, c) from which it is seen counterclockwise: its volume is
//! positive. Ten-node tetrahedra carry the middles of the edges ab, bc, ca, ad,
//! bd, cd after their corners, in the order of CalculiX and VTK.
#![allow(
    clippy::cast_possible_truncation,
    reason = "node and element numbers are u32: a mesh of four thousand million nodes is refused at the door"
)]

use std::collections::HashMap;

use crate::geometry::vector;

use super::MechanicsError;
use super::element::at_points;

/// A tetrahedral mesh in millimeters. Elements are numbered with the four-node
/// ones first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TetMesh {
    nodes: Vec<[f64; 3]>,
    linear: Vec<[u32; 4]>,
    quadratic: Vec<[u32; 10]>,
}

/// The corners of the four faces of a tetrahedron, seen from outside
/// counterclockwise; face `i` lies opposite corner `3 - i`.
pub(crate) const FACES: [[usize; 3]; 4] = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];

/// The ends of the six edges, in the order of the ten-node middles.
pub(crate) const EDGES: [[usize; 2]; 6] = [[0, 1], [1, 2], [2, 0], [0, 3], [1, 3], [2, 3]];

/// A node number as an index. `u32` fits into `usize` wherever this builds.
pub(crate) const fn at(node: u32) -> usize {
    node as usize
}

impl TetMesh {
    /// A mesh from its nodes (millimeters) and elements.
    ///
    /// # Errors
    /// [`MechanicsError::NotFinite`], [`MechanicsError::NoSuchNode`],
    /// [`MechanicsError::Inverted`] for a corner tetrahedron without volume.
    pub fn new(
        nodes: Vec<[f64; 3]>,
        linear: Vec<[u32; 4]>,
        quadratic: Vec<[u32; 10]>,
    ) -> Result<Self, MechanicsError> {
        if u32::try_from(nodes.len()).is_err() || linear.len() + quadratic.len() > at(u32::MAX) {
            return Err(MechanicsError::TooLarge);
        }
        if let Some(node) = nodes.iter().position(|p| !p.iter().all(|v| v.is_finite())) {
            return Err(MechanicsError::NotFinite { node });
        }
        let mesh = Self {
            nodes,
            linear,
            quadratic,
        };
        for element in 0..mesh.elements() {
            if let Some(&node) = mesh
                .element(element)
                .iter()
                .find(|n| at(**n) >= mesh.nodes.len())
            {
                return Err(MechanicsError::NoSuchNode { element, node });
            }
            let volume = smallest_volume(&mesh, element);
            if volume.is_nan() || volume <= 0.0 {
                return Err(MechanicsError::Inverted { element, volume });
            }
        }
        Ok(mesh)
    }

    /// The nodes in millimeters.
    #[must_use]
    pub fn nodes(&self) -> &[[f64; 3]] {
        &self.nodes
    }

    /// The four-node tetrahedra: elements `0..linear().len()`.
    #[must_use]
    pub fn linear(&self) -> &[[u32; 4]] {
        &self.linear
    }

    /// The ten-node tetrahedra, numbered after the four-node ones.
    #[must_use]
    pub fn quadratic(&self) -> &[[u32; 10]] {
        &self.quadratic
    }

    /// How many elements there are.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.linear.len() + self.quadratic.len()
    }

    /// The nodes of one element: four or ten.
    #[must_use]
    pub fn element(&self, element: usize) -> &[u32] {
        match element.checked_sub(self.linear.len()) {
            None => &self.linear[element],
            Some(quadratic) => &self.quadratic[quadratic],
        }
    }

    /// The four corners of one element.
    #[must_use]
    pub fn corners(&self, element: usize) -> [[f64; 3]; 4] {
        let nodes = self.element(element);
        std::array::from_fn(|corner| self.nodes[at(nodes[corner])])
    }

    /// The volume of one element's corner tetrahedron in cubic millimeters.
    #[must_use]
    pub fn volume_of(&self, element: usize) -> f64 {
        volume(self.corners(element))
    }

    /// The volume of all corner tetrahedra in cubic millimeters.
    #[must_use]
    pub fn volume(&self) -> f64 {
        (0..self.elements()).map(|e| self.volume_of(e)).sum()
    }

    /// The boundary: corner triangles that only one element has, seen from
    /// outside counterclockwise, in the order of their elements.
    #[must_use]
    pub fn boundary(&self) -> Vec<[u32; 3]> {
        let mut faces: Vec<([u32; 3], u32, [u32; 3])> = Vec::with_capacity(4 * self.elements());
        for element in 0..self.elements() {
            let nodes = self.element(element);
            for face in FACES {
                let face = face.map(|corner| nodes[corner]);
                let mut key = face;
                key.sort_unstable();
                faces.push((key, element as u32, face));
            }
        }
        faces.sort_unstable();
        let mut single: Vec<(u32, [u32; 3])> = faces
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() == 1)
            .map(|same| (same[0].1, same[0].2))
            .collect();
        single.sort_unstable();
        single.into_iter().map(|(_, face)| face).collect()
    }

    /// Which body each node belongs to: nodes that hang together through
    /// elements have the same number, counted from 0 in the order of their
    /// first node; `None` for a node of no element.
    #[must_use]
    pub fn bodies(&self) -> Vec<Option<u32>> {
        let mut parent: Vec<u32> = (0..self.nodes.len() as u32).collect();
        let mut used = vec![false; self.nodes.len()];
        for element in 0..self.elements() {
            let nodes = self.element(element);
            for &node in nodes {
                used[at(node)] = true;
                let (a, b) = (root(&mut parent, nodes[0]), root(&mut parent, node));
                parent[at(a.max(b))] = a.min(b);
            }
        }
        let mut count = 0;
        let mut bodies: Vec<Option<u32>> = vec![None; self.nodes.len()];
        for node in 0..self.nodes.len() {
            if !used[node] {
                continue;
            }
            let first = at(root(&mut parent, node as u32));
            bodies[node] = bodies[first].or_else(|| {
                count += 1;
                Some(count - 1)
            });
        }
        bodies
    }

    /// The same mesh with ten-node elements: each four-node element gets the
    /// middles of its edges, shared with its neighbors.
    #[must_use]
    pub fn with_middles(&self) -> Self {
        let mut nodes = self.nodes.clone();
        let mut middles: HashMap<[u32; 2], u32> = HashMap::new();
        let mut quadratic = self.quadratic.clone();
        for corners in &self.linear {
            let mut ten = [0; 10];
            ten[..4].copy_from_slice(corners);
            for (slot, [a, b]) in EDGES.into_iter().enumerate() {
                let (a, b) = (corners[a], corners[b]);
                ten[4 + slot] = *middles.entry([a.min(b), a.max(b)]).or_insert_with(|| {
                    let ends = [nodes[at(a)], nodes[at(b)]];
                    nodes.push(vector::scale(vector::add(ends[0], ends[1]), 0.5));
                    (nodes.len() - 1) as u32
                });
            }
            quadratic.push(ten);
        }
        Self {
            nodes,
            linear: Vec::new(),
            quadratic,
        }
    }

    /// The same mesh with every node moved.
    #[must_use]
    pub(crate) fn moved(mut self, motion: impl Fn([f64; 3]) -> [f64; 3]) -> Self {
        for node in &mut self.nodes {
            *node = motion(*node);
        }
        self
    }

    /// The elements for which `keep` holds, with the nodes they use, renumbered
    /// in their order.
    #[must_use]
    pub(crate) fn part(&self, keep: impl Fn(usize) -> bool) -> Self {
        const UNUSED: u32 = u32::MAX;
        let mut number = vec![UNUSED; self.nodes.len()];
        for element in (0..self.elements()).filter(|e| keep(*e)) {
            for &node in self.element(element) {
                number[at(node)] = 0;
            }
        }
        let mut nodes = Vec::new();
        for (node, number) in number.iter_mut().enumerate() {
            if *number != UNUSED {
                *number = nodes.len() as u32;
                nodes.push(self.nodes[node]);
            }
        }
        let offset = self.linear.len();
        let linear = self.linear.iter().enumerate().filter(|(e, _)| keep(*e));
        let quadratic = self.quadratic.iter().enumerate();
        let quadratic = quadratic.filter(|(e, _)| keep(*e + offset));
        Self {
            nodes,
            linear: linear.map(|(_, t)| t.map(|n| number[at(n)])).collect(),
            quadratic: quadratic.map(|(_, t)| t.map(|n| number[at(n)])).collect(),
        }
    }
}

/// The smallest node of a node's body so far, with the way to it shortened.
fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[at(node)] != node {
        parent[at(node)] = parent[at(parent[at(node)])];
        node = parent[at(node)];
    }
    node
}

/// The volume of an element's corners or, if smaller, of what an integration
/// point of it stands for: below zero where the edges bend too much.
fn smallest_volume(mesh: &TetMesh, element: usize) -> f64 {
    let mut smallest = mesh.volume_of(element);
    at_points(mesh, element, |weight, _| {
        smallest = if weight.is_nan() {
            weight
        } else {
            smallest.min(weight)
        }
    });
    smallest
}

/// The signed volume of a tetrahedron.
pub(crate) fn volume([a, b, c, d]: [[f64; 3]; 4]) -> f64 {
    let (ab, ac, ad) = (vector::sub(b, a), vector::sub(c, a), vector::sub(d, a));
    vector::dot(ab, vector::cross(ac, ad)) / 6.0
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A block of nx x ny x nz cubes of one size, six tetrahedra each (Kuhn).
    pub(crate) fn block(cubes: [usize; 3], size: f64) -> TetMesh {
        let stride = [1, cubes[0] + 1, (cubes[0] + 1) * (cubes[1] + 1)];
        let mut nodes = Vec::new();
        for z in 0..=cubes[2] {
            for y in 0..=cubes[1] {
                for x in 0..=cubes[0] {
                    nodes.push([x, y, z].map(|v| f64::from(v as u32) * size));
                }
            }
        }
        let mut linear = Vec::new();
        for z in 0..cubes[2] {
            for y in 0..cubes[1] {
                for x in 0..cubes[0] {
                    let first = x + y * stride[1] + z * stride[2];
                    for path in [
                        [0, 1, 2],
                        [1, 2, 0],
                        [2, 0, 1],
                        [1, 0, 2],
                        [0, 2, 1],
                        [2, 1, 0],
                    ] {
                        let a = first + stride[path[0]];
                        let b = a + stride[path[1]];
                        let c = b + stride[path[2]];
                        let mut tet = [first, a, b, c].map(|n| n as u32);
                        if volume(tet.map(|n| nodes[at(n)])) < 0.0 {
                            tet.swap(1, 2);
                        }
                        linear.push(tet);
                    }
                }
            }
        }
        TetMesh::new(nodes, linear, vec![]).unwrap()
    }

    #[test]
    fn a_block_has_its_volume_and_boundary() {
        let mesh = block([2, 3, 4], 0.5);
        assert!((mesh.volume() - 3.0).abs() < 1e-12);
        assert_eq!(mesh.boundary().len(), 2 * 2 * (6 + 8 + 12));
        assert!(mesh.bodies().iter().all(|body| *body == Some(0)));
    }

    #[test]
    fn separate_bodies_and_lonely_nodes_are_told_apart() {
        let mut nodes = block([1, 1, 1], 1.0).nodes().to_vec();
        let mut linear = block([1, 1, 1], 1.0).linear().to_vec();
        nodes.push([9.0; 3]);
        for i in 0..8 {
            nodes.push(vector::add(nodes[i], [5.0, 0.0, 0.0]));
        }
        linear.extend(linear.clone().iter().map(|t| t.map(|n| n + 9)));
        let mesh = TetMesh::new(nodes, linear, vec![]).unwrap();
        let bodies = mesh.bodies();
        assert_eq!((bodies[7], bodies[8], bodies[9]), (Some(0), None, Some(1)));
        let second = mesh.part(|e| e >= 6);
        assert_eq!((second.nodes().len(), second.elements()), (8, 6));
        assert!((second.volume() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn broken_meshes_are_refused() {
        let nodes = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let check = |linear: [u32; 4]| TetMesh::new(nodes.clone(), vec![linear], vec![]);
        assert!(check([0, 1, 2, 3]).is_ok());
        assert!(matches!(
            check([0, 2, 1, 3]),
            Err(MechanicsError::Inverted { .. })
        ));
        assert!(matches!(
            check([0, 1, 2, 2]),
            Err(MechanicsError::Inverted { .. })
        ));
        assert!(matches!(
            check([0, 1, 2, 4]),
            Err(MechanicsError::NoSuchNode { .. })
        ));
        let mut bad = nodes.clone();
        bad[2][1] = f64::NAN;
        assert!(TetMesh::new(bad, vec![[0, 1, 2, 3]], vec![]).is_err());
    }
}
