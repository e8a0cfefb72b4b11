//! One tetrahedron: the gradients of its shape functions, its stiffness, its
//! strain. Four-node elements have one strain; ten-node elements are integrated
//! at four points, exactly for straight edges (the rule of CalculiX's C3D10).

use super::MechanicsError;
use super::TetMesh;
use super::mesh::EDGES;
use super::mesh::at;

/// Young's modulus and Poisson's ratio of an isotropic element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elastic {
    young_mpa: f64,
    poisson: f64,
}

impl Elastic {
    /// A modulus in megapascals, above zero, and a ratio between -1 and 0.5.
    ///
    /// # Errors
    /// [`MechanicsError::NotElastic`] where either is outside.
    pub fn new(young_mpa: f64, poisson: f64) -> Result<Self, MechanicsError> {
        if young_mpa.is_finite() && young_mpa > 0.0 && poisson > -1.0 && poisson < 0.5 {
            Ok(Self { young_mpa, poisson })
        } else {
            Err(MechanicsError::NotElastic { young_mpa, poisson })
        }
    }

    /// Young's modulus in megapascals.
    #[must_use]
    pub const fn young_mpa(self) -> f64 {
        self.young_mpa
    }

    /// Poisson's ratio.
    #[must_use]
    pub const fn poisson(self) -> f64 {
        self.poisson
    }

    /// Lamé's two constants in megapascals.
    pub(crate) fn lame(self) -> [f64; 2] {
        let shear = self.young_mpa / (2.0 * (1.0 + self.poisson));
        let lambda = 2.0 * shear * self.poisson / (1.0 - 2.0 * self.poisson);
        [lambda, shear]
    }

    /// The stress of a strain, both as xx, yy, zz, xy, yz, zx; shear strains
    /// are tensor components (half the angle).
    pub(crate) fn stress(self, strain: [f64; 6]) -> [f64; 6] {
        let [lambda, shear] = self.lame();
        let trace = lambda * (strain[0] + strain[1] + strain[2]);
        std::array::from_fn(|i| 2.0 * shear * strain[i] + if i < 3 { trace } else { 0.0 })
    }
}

/// A 3 x 3 block, by rows.
pub(crate) type Block = [[f64; 3]; 3];

/// Twice the strain energy's derivative by two nodes, for one integration point:
/// `lambda ga gb' + mu gb ga' + mu (ga . gb) I`, times its weight.
pub(crate) fn stiffness(lame: [f64; 2], weight: f64, ga: [f64; 3], gb: [f64; 3]) -> Block {
    let [lambda, shear] = lame.map(|v| v * weight);
    let product = shear * (ga[0] * gb[0] + ga[1] * gb[1] + ga[2] * gb[2]);
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let diagonal = if i == j { product } else { 0.0 };
            lambda * ga[i] * gb[j] + shear * ga[j] * gb[i] + diagonal
        })
    })
}

/// Calls `visit(weight, gradients)` at each integration point of an element;
/// the weights add up to its volume.
pub(crate) fn at_points(mesh: &TetMesh, element: usize, mut visit: impl FnMut(f64, &[[f64; 3]])) {
    let nodes = mesh.element(element);
    if nodes.len() == 4 {
        let (volume, gradients) = linear_gradients(mesh.corners(element));
        visit(volume, &gradients);
        return;
    }
    let places: [[f64; 3]; 10] = std::array::from_fn(|n| mesh.nodes()[at(nodes[n])]);
    for point in 0..4 {
        let local = quadratic_derivatives(gauss_point(point));
        let jacobian: Block = std::array::from_fn(|i| {
            std::array::from_fn(|j| (0..10).map(|n| local[n][i] * places[n][j]).sum())
        });
        let (inverse, determinant) = inverted(jacobian);
        let gradients: [[f64; 3]; 10] = std::array::from_fn(|n| {
            std::array::from_fn(|j| (0..3).map(|i| inverse[j][i] * local[n][i]).sum())
        });
        visit(determinant / 24.0, &gradients);
    }
}

/// The volume of a tetrahedron and the gradients of its corner functions.
pub(crate) fn linear_gradients(corners: [[f64; 3]; 4]) -> (f64, [[f64; 3]; 4]) {
    let jacobian: Block =
        std::array::from_fn(|i| std::array::from_fn(|j| corners[i + 1][j] - corners[0][j]));
    let (inverse, determinant) = inverted(jacobian);
    let mut gradients = [[0.0; 3]; 4];
    for i in 0..3 {
        for j in 0..3 {
            gradients[i + 1][j] = inverse[j][i];
            gradients[0][j] -= inverse[j][i];
        }
    }
    (determinant / 6.0, gradients)
}

/// The inverse of a 3 x 3 matrix and its determinant.
pub(crate) fn inverted(m: Block) -> (Block, f64) {
    let minor = |r: usize, c: usize| {
        let ([r1, r2], [c1, c2]) = ([(r + 1) % 3, (r + 2) % 3], [(c + 1) % 3, (c + 2) % 3]);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
    let inverse = std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / determinant));
    (inverse, determinant)
}

/// The barycentric coordinates of one of the four integration points.
fn gauss_point(point: usize) -> [f64; 4] {
    const NEAR: f64 = 0.585_410_196_624_968_5;
    const FAR: f64 = 0.138_196_601_125_010_5;
    std::array::from_fn(|corner| if corner == point { NEAR } else { FAR })
}

/// How the ten shape functions change along the three edges from the first
/// corner, at barycentric coordinates.
fn quadratic_derivatives(at: [f64; 4]) -> [[f64; 3]; 10] {
    let slope = |corner: usize, along: usize| match corner {
        0 => -1.0,
        _ if corner == along + 1 => 1.0,
        _ => 0.0,
    };
    std::array::from_fn(|node| {
        std::array::from_fn(|along| {
            if node < 4 {
                (4.0 * at[node] - 1.0) * slope(node, along)
            } else {
                let [a, b] = EDGES[node - 4];
                4.0 * (at[a] * slope(b, along) + at[b] * slope(a, along))
            }
        })
    })
}

/// The mean strain of an element under displacements (mm) of the mesh's nodes:
/// tensor components xx, yy, zz, xy, yz, zx.
pub(crate) fn mean_strain(mesh: &TetMesh, element: usize, displacement: &[[f64; 3]]) -> [f64; 6] {
    let nodes = mesh.element(element);
    let (mut sum, mut volume) = ([0.0; 6], 0.0);
    at_points(mesh, element, |weight, gradients| {
        let strain = strain_at(nodes, gradients, displacement);
        for (sum, part) in sum.iter_mut().zip(strain) {
            *sum += weight * part;
        }
        volume += weight;
    });
    sum.map(|v| v / volume)
}

/// The strain at one integration point.
pub(crate) fn strain_at(
    nodes: &[u32],
    gradients: &[[f64; 3]],
    displacement: &[[f64; 3]],
) -> [f64; 6] {
    let mut slope = [[0.0; 3]; 3];
    for (node, gradient) in nodes.iter().zip(gradients) {
        let moved = displacement[at(*node)];
        for i in 0..3 {
            for j in 0..3 {
                slope[i][j] += moved[i] * gradient[j];
            }
        }
    }
    let shear = |i: usize, j: usize| 0.5 * (slope[i][j] + slope[j][i]);
    [
        slope[0][0],
        slope[1][1],
        slope[2][2],
        shear(0, 1),
        shear(1, 2),
        shear(2, 0),
    ]
}

/// The energy density of a strain and its stress, in newtons per square
/// millimeter: half their full product.
pub(crate) fn energy_density(strain: [f64; 6], stress: [f64; 6]) -> f64 {
    let product = |i: usize| strain[i] * stress[i];
    0.5 * (product(0) + product(1) + product(2)) + product(3) + product(4) + product(5)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A crooked tetrahedron, with and without middles.
    fn crooked() -> TetMesh {
        let corners = [
            [0.1, -0.2, 0.3],
            [2.0, 0.4, -0.1],
            [0.3, 1.7, 0.2],
            [0.5, 0.6, 2.2],
        ];
        let mut nodes = corners.to_vec();
        for [a, b] in EDGES {
            nodes.push(std::array::from_fn(|i| {
                0.5 * (corners[a][i] + corners[b][i])
            }));
        }
        let ten = std::array::from_fn(|i| u32::try_from(i).unwrap());
        TetMesh::new(nodes, vec![[0, 1, 2, 3]], vec![ten]).unwrap()
    }

    #[test]
    fn both_elements_see_a_linear_field_exactly() {
        let mesh = crooked();
        let slope = [[0.1, 0.2, -0.3], [0.4, -0.5, 0.6], [0.7, 0.8, 0.9]];
        let moved: Vec<[f64; 3]> = mesh
            .nodes()
            .iter()
            .map(|p| std::array::from_fn(|i| (0..3).map(|j| slope[i][j] * p[j]).sum()))
            .collect();
        let expected = [0.1, -0.5, 0.9, 0.3, 0.7, 0.2];
        for element in 0..2 {
            let strain = mean_strain(&mesh, element, &moved);
            for (got, expected) in strain.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-12, "{element}: {strain:?}");
            }
        }
    }

    #[test]
    fn weights_add_up_to_the_volume() {
        let mesh = crooked();
        for element in 0..2 {
            let mut volume = 0.0;
            at_points(&mesh, element, |weight, _| volume += weight);
            assert!((volume - mesh.volume_of(element)).abs() < 1e-12);
        }
    }

    #[test]
    fn stress_follows_hooke() {
        let bone = Elastic::new(1000.0, 0.25).unwrap();
        // Pulled along x and free across: strain 1e-3, -0.25e-3, -0.25e-3.
        let stress = bone.stress([1e-3, -0.25e-3, -0.25e-3, 0.0, 0.0, 0.0]);
        assert!((stress[0] - 1.0).abs() < 1e-12 && stress[1].abs() < 1e-12);
        for (young, poisson) in [
            (0.0, 0.3),
            (-1.0, 0.3),
            (f64::NAN, 0.3),
            (1.0, 0.5),
            (1.0, -1.0),
        ] {
            assert!(Elastic::new(young, poisson).is_err());
        }
    }
}
