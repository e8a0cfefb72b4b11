//! How good tetrahedra are: dihedral angles, shape, edges.
#![allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]

use serde::Serialize;

use crate::geometry::vector;

use super::TetMesh;
use super::mesh::EDGES;
use super::mesh::FACES;
use super::mesh::volume;

/// What there is to say about a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct QualityReport {
    /// Nodes.
    pub nodes: usize,
    /// Elements.
    pub elements: usize,
    /// Volume in cubic millimeters.
    pub volume_mm3: f64,
    /// Mean length of the edges, each counted once.
    pub mean_edge_mm: f64,
    /// Shortest and longest edge.
    pub edge_range_mm: [f64; 2],
    /// Smallest angle between two faces of an element.
    pub min_dihedral_deg: f64,
    /// Largest angle between two faces of an element.
    pub max_dihedral_deg: f64,
    /// Mean of 6 sqrt 2 V / l^3 with l the root mean square of the edges: 1 for
    /// the regular tetrahedron, 0.930 inside a body-centered lattice.
    pub mean_quality: f64,
    /// The smallest of these.
    pub min_quality: f64,
    /// Elements that are not right way round.
    pub inverted: usize,
}

impl TetMesh {
    /// The quality of the corner tetrahedra.
    #[must_use]
    pub fn quality(&self) -> QualityReport {
        let mut edges: Vec<[u32; 2]> = Vec::with_capacity(6 * self.elements());
        let mut report = QualityReport {
            nodes: self.nodes().len(),
            elements: self.elements(),
            volume_mm3: 0.0,
            mean_edge_mm: 0.0,
            edge_range_mm: [f64::INFINITY, 0.0],
            min_dihedral_deg: 180.0,
            max_dihedral_deg: 0.0,
            mean_quality: 0.0,
            min_quality: f64::INFINITY,
            inverted: 0,
        };
        for element in 0..self.elements() {
            let corners = self.corners(element);
            let volume = volume(corners);
            let shape = shape(corners, volume);
            let [least, most] = dihedral_range_deg(corners);
            report.volume_mm3 += volume;
            report.mean_quality += shape;
            report.min_quality = report.min_quality.min(shape);
            report.min_dihedral_deg = report.min_dihedral_deg.min(least);
            report.max_dihedral_deg = report.max_dihedral_deg.max(most);
            report.inverted += usize::from(volume <= 0.0);
            let nodes = self.element(element);
            edges.extend(EDGES.map(|[a, b]| {
                let (a, b) = (nodes[a], nodes[b]);
                [a.min(b), a.max(b)]
            }));
        }
        edges.sort_unstable();
        edges.dedup();
        for [a, b] in &edges {
            let [a, b] = [*a, *b].map(|n| self.nodes()[super::mesh::at(n)]);
            let length = vector::length(vector::sub(a, b));
            report.mean_edge_mm += length;
            report.edge_range_mm[0] = report.edge_range_mm[0].min(length);
            report.edge_range_mm[1] = report.edge_range_mm[1].max(length);
        }
        report.mean_edge_mm /= edges.len().max(1) as f64;
        report.mean_quality /= self.elements().max(1) as f64;
        report
    }
}

/// 6 sqrt 2 V / l^3, l the root mean square of the six edges.
fn shape(corners: [[f64; 3]; 4], volume: f64) -> f64 {
    let squares = EDGES.map(|[a, b]| {
        let edge = vector::sub(corners[a], corners[b]);
        vector::dot(edge, edge)
    });
    let mean = squares.iter().sum::<f64>() / 6.0;
    6.0 * std::f64::consts::SQRT_2 * volume / (mean * mean.sqrt())
}

/// The smallest and the largest angle between two faces, in degrees.
pub(crate) fn dihedral_range_deg(corners: [[f64; 3]; 4]) -> [f64; 2] {
    let normals = FACES.map(|face| {
        let [a, b, c] = face.map(|corner| corners[corner]);
        vector::unit(vector::cross(vector::sub(b, a), vector::sub(c, a)))
    });
    let mut range = [1.0_f64, -1.0_f64];
    for first in 0..4 {
        for second in first + 1..4 {
            // The angle inside is what is missing to 180 degrees.
            let cosine = -vector::dot(normals[first], normals[second]);
            range = [range[0].min(cosine), range[1].max(cosine)];
        }
    }
    [range[1], range[0]].map(|cosine| cosine.clamp(-1.0, 1.0).acos().to_degrees())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_regular_tetrahedron_is_perfect() {
        let corners = [
            [1.0, 1.0, 1.0],
            [1.0, -1.0, -1.0],
            [-1.0, 1.0, -1.0],
            [-1.0, -1.0, 1.0],
        ];
        let mesh = TetMesh::new(corners.to_vec(), vec![[0, 2, 1, 3]], vec![]).unwrap();
        let report = mesh.quality();
        let angle = (1.0_f64 / 3.0).acos().to_degrees();
        assert!((report.mean_quality - 1.0).abs() < 1e-12);
        assert!((report.min_dihedral_deg - angle).abs() < 1e-9);
        assert!((report.max_dihedral_deg - angle).abs() < 1e-9);
        assert!((report.mean_edge_mm - 8f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_lattice_tetrahedron_has_its_closed_form() {
        // Two centers and two corners of cubes: angles 60 and 90 degrees.
        let corners = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.5, 0.5, -0.5],
            [0.5, 0.5, 0.5],
        ];
        let [least, most] = dihedral_range_deg(corners);
        assert!((least - 60.0).abs() < 1e-9 && (most - 90.0).abs() < 1e-9);
        let shape = shape(corners, volume(corners));
        assert!((shape - 0.9295).abs() < 1e-4, "{shape}");
    }
}
