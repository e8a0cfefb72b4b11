//! The stiffness of a mesh as a matrix, and its forces without one.
//!
//! Both go node by node through the elements around it, in their order, so that
//! the sums do not depend on the threads.
#![allow(
    clippy::cast_possible_truncation,
    reason = "element numbers fit into u32 (checked by TetMesh::new)"
)]

use super::TetMesh;
use super::Threads;
use super::element::Block;
use super::element::Elastic;
use super::element::at_points;
use super::element::energy_density;
use super::element::stiffness;
use super::element::strain_at;
use super::matrix::Blocks;
use super::matrix::Rows;
use super::mesh::at;

/// Rows are made in so many parts, whatever the threads.
const PARTS: usize = 32;

/// A mesh with what it is made of, and which elements are around each node.
pub(crate) struct Body<'a> {
    pub(crate) mesh: &'a TetMesh,
    pub(crate) elastic: &'a [Elastic],
    starts: Vec<usize>,
    around: Vec<u32>,
}

/// Which of a node's three directions are held.
pub(crate) type Held = [bool; 3];

impl<'a> Body<'a> {
    pub(crate) fn new(mesh: &'a TetMesh, elastic: &'a [Elastic]) -> Self {
        let nodes = mesh.nodes().len();
        let mut starts = vec![0; nodes + 1];
        for element in 0..mesh.elements() {
            for node in mesh.element(element) {
                starts[at(*node) + 1] += 1;
            }
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut around = vec![0; starts[nodes]];
        for element in 0..mesh.elements() {
            for node in mesh.element(element) {
                around[next[at(*node)]] = element as u32;
                next[at(*node)] += 1;
            }
        }
        Self {
            mesh,
            elastic,
            starts,
            around,
        }
    }

    /// The elements around a node.
    fn around(&self, node: usize) -> impl Iterator<Item = usize> {
        self.around[self.starts[node]..self.starts[node + 1]]
            .iter()
            .map(|e| at(*e))
    }

    /// The stiffness matrix. Held directions keep their diagonal and lose their
    /// coupling, so that they stay at zero; nodes of no element get a one.
    pub(crate) fn stiffness(&self, held: &[Held], threads: Threads) -> Blocks<f64, 3, 3> {
        let nodes = self.mesh.nodes().len();
        let parts = threads.map(nodes, PARTS, |range| {
            let mut rows = Rows::default();
            let mut slots = vec![u32::MAX; nodes];
            for node in range {
                self.add_row(node, held, &mut slots, &mut rows);
            }
            rows
        });
        Blocks::from_parts(&parts, threads)
    }

    /// Adds the row of one node. `slots` is scratch: where each column of the row lies.
    fn add_row(&self, node: usize, held: &[Held], slots: &mut [u32], rows: &mut Rows<f64, 3, 3>) {
        let from = rows.columns.len();
        for element in self.around(node) {
            let nodes = self.mesh.element(element);
            let lame = self.elastic[element].lame();
            at_points(self.mesh, element, |weight, gradients| {
                let Some(own) = nodes.iter().position(|n| at(*n) == node) else {
                    return;
                };
                for (other, gradient) in nodes.iter().zip(gradients) {
                    let slot = &mut slots[at(*other)];
                    if *slot == u32::MAX {
                        *slot = (rows.columns.len() - from) as u32;
                        rows.columns.push(*other);
                        rows.values.push([[0.0; 3]; 3]);
                    }
                    let part = stiffness(lame, weight, gradients[own], *gradient);
                    add(&mut rows.values[from + at(*slot)], &part);
                }
            });
        }
        if rows.columns.len() == from {
            rows.columns.push(node as u32);
            rows.values
                .push([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        }
        for place in from..rows.columns.len() {
            let other = at(rows.columns[place]);
            slots[other] = u32::MAX;
            hold(
                &mut rows.values[place],
                held[node],
                held[other],
                node == other,
            );
        }
        rows.end_row(from);
    }

    /// The nodal forces (newtons) that hold the mesh in displacements (mm).
    pub(crate) fn forces(&self, displacement: &[[f64; 3]], threads: Threads) -> Vec<[f64; 3]> {
        let mut forces = vec![[0.0; 3]; displacement.len()];
        threads.fill(&mut forces, |first, part| {
            for (offset, force) in part.iter_mut().enumerate() {
                *force = self.force(first + offset, displacement);
            }
        });
        forces
    }

    fn force(&self, node: usize, displacement: &[[f64; 3]]) -> [f64; 3] {
        let mut force = [0.0; 3];
        for element in self.around(node) {
            let nodes = self.mesh.element(element);
            at_points(self.mesh, element, |weight, gradients| {
                let stress =
                    self.elastic[element].stress(strain_at(nodes, gradients, displacement));
                let [xx, yy, zz, xy, yz, zx] = stress.map(|s| s * weight);
                for (other, g) in nodes.iter().zip(gradients) {
                    if at(*other) == node {
                        force[0] += xx * g[0] + xy * g[1] + zx * g[2];
                        force[1] += xy * g[0] + yy * g[1] + yz * g[2];
                        force[2] += zx * g[0] + yz * g[1] + zz * g[2];
                    }
                }
            });
        }
        force
    }

    /// The strain energy in newton millimeters.
    pub(crate) fn energy(&self, displacement: &[[f64; 3]], threads: Threads) -> f64 {
        threads.sum(self.mesh.elements(), |element| {
            let mut energy = 0.0;
            at_points(self.mesh, element, |weight, gradients| {
                let strain = strain_at(self.mesh.element(element), gradients, displacement);
                let stress = self.elastic[element].stress(strain);
                energy += weight * energy_density(strain, stress);
            });
            energy
        })
    }
}

fn add(sum: &mut Block, part: &Block) {
    for i in 0..3 {
        for j in 0..3 {
            sum[i][j] += part[i][j];
        }
    }
}

/// Takes held directions out of a block.
fn hold(block: &mut Block, row: Held, column: Held, diagonal: bool) {
    for i in 0..3 {
        for j in 0..3 {
            if (row[i] || column[j]) && !(diagonal && i == j) {
                block[i][j] = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::mechanics::mesh::tests::block;

    #[test]
    fn matrix_and_forces_agree_and_rigid_motion_costs_nothing() {
        let mesh = block([3, 2, 2], 0.7);
        let elastic = vec![Elastic::new(500.0, 0.3).unwrap(); mesh.elements()];
        let body = Body::new(&mesh, &elastic);
        let matrix = body.stiffness(&vec![[false; 3]; mesh.nodes().len()], Threads::new(2));
        let wavy: Vec<[f64; 3]> = mesh
            .nodes()
            .iter()
            .map(|p| [p[0].sin(), (p[1] * 2.0).cos(), p[2] * p[0]])
            .collect();
        let forces = body.forces(&wavy, Threads::new(2));
        let mut work = 0.0;
        for (node, force) in forces.iter().enumerate() {
            let row = matrix.row_times(node, &wavy);
            for i in 0..3 {
                assert!((row[i] - force[i]).abs() < 1e-9);
                work += 0.5 * force[i] * wavy[node][i];
            }
        }
        assert!((work / body.energy(&wavy, Threads::new(1)) - 1.0).abs() < 1e-12);
        let turned: Vec<[f64; 3]> = mesh
            .nodes()
            .iter()
            .map(|p| [1.0 - p[1], p[0], 2.0])
            .collect();
        let forces = body.forces(&turned, Threads::new(1));
        assert!(forces.iter().flatten().all(|f| f.abs() < 1e-9));
    }
}
