//! Nodes and elements in an order in which neighbors lie close in memory: along
//! a Morton curve. Nodes of no element are left out.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "coordinates are scaled to 0..2^20 before the cast; node numbers fit into u32 (checked by TetMesh::new)"
)]

use super::MechanicsError;
use super::TetMesh;
use super::Threads;
use super::mesh::at;

/// A mesh in a good order, and where its parts were.
pub(crate) struct Ordered {
    pub(crate) mesh: TetMesh,
    /// The old number of each node.
    pub(crate) node_was: Vec<u32>,
    /// The new number of each old node, if it has an element.
    pub(crate) node_is: Vec<Option<u32>>,
    /// The old number of each element.
    pub(crate) element_was: Vec<u32>,
}

/// Puts a mesh into order.
pub(crate) fn ordered(mesh: &TetMesh, threads: Threads) -> Result<Ordered, MechanicsError> {
    let mut used = vec![false; mesh.nodes().len()];
    for element in 0..mesh.elements() {
        for node in mesh.element(element) {
            used[at(*node)] = true;
        }
    }
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for (node, _) in mesh.nodes().iter().zip(&used).filter(|(_, used)| **used) {
        for axis in 0..3 {
            low[axis] = low[axis].min(node[axis]);
            high[axis] = high[axis].max(node[axis]);
        }
    }
    let size = (0..3).fold(f64::MIN_POSITIVE, |s, i| s.max(high[i] - low[i]));
    let code = |place: [f64; 3]| {
        let scaled = |axis: usize| ((place[axis] - low[axis]) / size * 1_048_575.0) as u64;
        spread(scaled(0)) | spread(scaled(1)) << 1 | spread(scaled(2)) << 2
    };
    let node_was: Vec<u32> = (0..used.len() as u32).filter(|n| used[at(*n)]).collect();
    let node_was = sorted(node_was, threads, |node| code(mesh.nodes()[at(node)]));
    let mut node_is = vec![None; used.len()];
    for (new, old) in node_was.iter().enumerate() {
        node_is[at(*old)] = Some(new as u32);
    }
    let renumbered = |node: u32| node_is[at(node)].unwrap_or(u32::MAX);
    let count = mesh.linear().len() as u32;
    // The two kinds keep their places: four-node elements stay first.
    let lowest = |element: u32| {
        let nodes = mesh.element(at(element)).iter();
        let lowest = nodes.map(|n| renumbered(*n)).min().unwrap_or(u32::MAX);
        u64::from(element >= count) << 32 | u64::from(lowest)
    };
    let element_was = sorted((0..mesh.elements() as u32).collect(), threads, lowest);
    let (linear, quadratic) = element_was.split_at(at(count));
    let linear = linear.iter().map(|e| mesh.linear()[at(*e)].map(renumbered));
    let quadratic = quadratic
        .iter()
        .map(|e| mesh.quadratic()[at(*e - count)].map(renumbered));
    let nodes = node_was.iter().map(|n| mesh.nodes()[at(*n)]).collect();
    Ok(Ordered {
        mesh: TetMesh::new(nodes, linear.collect(), quadratic.collect())?,
        node_was,
        node_is,
        element_was,
    })
}

/// Numbers in the order of their keys; equal keys keep their order.
fn sorted(numbers: Vec<u32>, threads: Threads, key: impl Fn(u32) -> u64 + Sync) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = numbers.into_iter().map(|number| (0, number)).collect();
    threads.fill(&mut keyed, |_, part| {
        for (place, number) in part {
            *place = key(*number);
        }
    });
    // The numbers ascend, so that the pairs' order is that of a stable sort.
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, number)| number).collect()
}

/// The bits of a number with two empty ones after each.
fn spread(value: u64) -> u64 {
    let mut v = value & 0x1f_ffff;
    v = (v | v << 32) & 0x1f_0000_0000_ffff;
    v = (v | v << 16) & 0x1f_0000_ff00_00ff;
    v = (v | v << 8) & 0x100f_00f0_0f00_f00f;
    v = (v | v << 4) & 0x10c3_0c30_c30c_30c3;
    (v | v << 2) & 0x1249_2492_4924_9249
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::mechanics::mesh::tests::block;

    #[test]
    fn an_ordered_mesh_is_the_same_mesh() {
        let mut nodes = vec![[99.0; 3]];
        nodes.extend(block([3, 2, 4], 1.0).nodes());
        let linear: Vec<_> = block([3, 2, 4], 1.0)
            .linear()
            .iter()
            .map(|t| t.map(|n| n + 1))
            .collect();
        let mesh = TetMesh::new(nodes, linear, vec![]).unwrap();
        let ordered = ordered(&mesh, Threads::new(2)).unwrap();
        assert_eq!(ordered.mesh.nodes().len() + 1, mesh.nodes().len());
        assert_eq!(ordered.node_is[0], None);
        for (new, old) in ordered.element_was.iter().enumerate() {
            assert_eq!(ordered.mesh.corners(new), mesh.corners(at(*old)));
        }
        for (new, old) in ordered.node_was.iter().enumerate() {
            assert_eq!(ordered.node_is[at(*old)].map(at), Some(new));
        }
    }

    #[test]
    fn bits_are_spread() {
        assert_eq!(spread(0b111), 0b100_1001);
        assert_eq!(spread(1 << 20), 1 << 60);
    }
}
