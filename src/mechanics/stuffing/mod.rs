//! From a closed surface to tetrahedra: isosurface stuffing on a body-centered
//! cubic lattice that is aligned to the shape's own axes.
//!
//! Inside, all elements are alike (dihedral angles 60 and 90 degrees); at the
//! surface they are cut so that no angle is below 10.7 or above 164.8 degrees.
//! Details smaller than the lattice are lost; edges of the surface are rounded.

mod carve;
mod field;
mod lattice;

use nalgebra::Matrix3;
use nalgebra::SymmetricEigen;
use nalgebra::Vector3;

use crate::geometry::Frame;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::units::Millimeters;

use super::MechanicsError;
use super::TetMesh;
use super::Threads;
use super::mesh::at;
use carve::Stuffed;
use field::Surface;
use field::signed_distance;
use lattice::Lattice;

/// The cube's edge for a mean edge of one, measured on bone-like shapes (the
/// surface's elements are smaller than the inner ones, whose factor is 1.083).
const CUBE_TO_MEAN_EDGE: f64 = 1.115;
/// Bodies below this part of the largest one's volume are crumbs and left out.
const CRUMB: f64 = 0.01;
/// More than this part of the volume lost or gained is refused.
const VOLUME_LOST: f64 = 0.1;

/// Fills a closed surface with tetrahedra of a mean edge.
///
/// # Errors
/// [`MechanicsError::NotClosed`]; [`MechanicsError::TooLarge`] where the edge is
/// so small that the mesh would not fit; [`MechanicsError::TooCoarse`] where
/// the edge is so large that more than a tenth of the volume is lost.
pub fn stuff<F: Frame>(
    surface: &SurfaceMesh<F>,
    mean_edge: Millimeters,
    threads: Threads,
) -> Result<TetMesh, MechanicsError> {
    if !surface.is_closed() {
        return Err(MechanicsError::NotClosed {
            open_edges: surface.open_edges(),
        });
    }
    let axes = principal_axes(surface);
    let onto = |p: [f64; 3]| axes.map(|axis| vector::dot(axis, p));
    let back = |p: [f64; 3]| {
        (0..3).fold([0.0; 3], |sum, i| {
            vector::add(sum, vector::scale(axes[i], p[i]))
        })
    };
    let turned = Surface {
        vertices: surface.vertices().iter().map(|v| onto(*v)).collect(),
        triangles: surface.triangles().to_vec(),
    };
    let lattice = Lattice::around(
        bounds(&turned.vertices),
        CUBE_TO_MEAN_EDGE * mean_edge.get(),
    )?;
    let field = lattice
        .grids()
        .map(|grid| signed_distance(&turned, &grid, lattice.step(), threads))
        .concat();
    let mesh = fill(lattice, field, threads)?.moved(back);
    let (meshed, enclosed) = (mesh.volume(), surface.signed_volume());
    if (meshed / enclosed - 1.0).abs() > VOLUME_LOST {
        return Err(MechanicsError::TooCoarse { meshed, enclosed });
    }
    Ok(mesh)
}

/// Fills what a field says is inside (positive; near the surface it should be
/// the distance to it) with tetrahedra of a mean edge, within a box that holds
/// all of it.
///
/// # Errors
/// As [`stuff`].
pub fn stuff_field(
    within: [[f64; 3]; 2],
    mean_edge: Millimeters,
    threads: Threads,
    field: impl Fn([f64; 3]) -> f64 + Sync,
) -> Result<TetMesh, MechanicsError> {
    let lattice = Lattice::around(within, CUBE_TO_MEAN_EDGE * mean_edge.get())?;
    let values = lattice
        .grids()
        .map(|grid| {
            let mut values = vec![0.0; grid.points()];
            threads.fill(&mut values, |first, part| {
                for (offset, value) in part.iter_mut().enumerate() {
                    let (row, x) = (
                        (first + offset) / grid.size[0],
                        (first + offset) % grid.size[0],
                    );
                    let index = [x, row % grid.size[1], row / grid.size[1]];
                    let margin = (0..3).any(|i| index[i] == 0 || index[i] + 1 == grid.size[i]);
                    let asked = field(grid.place(index));
                    // The outermost points are outside, so that the mesh is closed.
                    *value = if margin { asked.min(-grid.step) } else { asked };
                }
            });
            values
        })
        .concat();
    fill(lattice, values, threads)
}

/// Cuts the lattice at the field's zero and leaves out crumbs.
fn fill(lattice: Lattice, field: Vec<f64>, threads: Threads) -> Result<TetMesh, MechanicsError> {
    let (nodes, elements) = Stuffed::new(lattice, field).carve(threads);
    if elements.is_empty() {
        return Err(MechanicsError::TooCoarse {
            meshed: 0.0,
            enclosed: f64::NAN,
        });
    }
    let mesh = TetMesh::new(nodes, elements, vec![])?;
    let bodies = mesh.bodies();
    let count = bodies.iter().flatten().max().map_or(0, |b| at(*b) + 1);
    if count == 1 {
        return Ok(mesh);
    }
    let body_of = |element: usize| bodies[at(mesh.element(element)[0])].map_or(0, at);
    let mut volumes = vec![0.0; count];
    for element in 0..mesh.elements() {
        volumes[body_of(element)] += mesh.volume_of(element);
    }
    let largest = volumes.iter().fold(0.0_f64, |most, v| most.max(*v));
    Ok(mesh.part(|element| volumes[body_of(element)] >= CRUMB * largest))
}

fn bounds(points: &[[f64; 3]]) -> [[f64; 3]; 2] {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for point in points {
        for axis in 0..3 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    [low, high]
}

/// The surface's main directions, the longest last, right-handed; from the
/// second moments of its area. Each points along the coordinate that it
/// follows most closely.
fn principal_axes<F: Frame>(surface: &SurfaceMesh<F>) -> [[f64; 3]; 3] {
    let parts: Vec<([f64; 3], f64)> = surface
        .corners()
        .map(|[a, b, c]| {
            let center = vector::scale(vector::add(vector::add(a, b), c), 1.0 / 3.0);
            let twice = vector::cross(vector::sub(b, a), vector::sub(c, a));
            (center, 0.5 * vector::length(twice))
        })
        .collect();
    let area: f64 = parts.iter().map(|p| p.1).sum();
    let middle = parts.iter().fold([0.0; 3], |sum, (center, part)| {
        vector::add(sum, vector::scale(*center, part / area))
    });
    let mut moments = Matrix3::zeros();
    for (center, part) in &parts {
        let arm = Vector3::from(vector::sub(*center, middle));
        moments += arm * arm.transpose() * (part / area);
    }
    let eigen = SymmetricEigen::new(moments);
    let mut order = [0, 1, 2];
    order.sort_by(|i, j| eigen.eigenvalues[*i].total_cmp(&eigen.eigenvalues[*j]));
    let direction = |index: usize| {
        let axis: [f64; 3] = eigen.eigenvectors.column(index).into_owned().into();
        let most = (0..3).fold(0, |m, i| if axis[i].abs() > axis[m].abs() { i } else { m });
        vector::scale(vector::unit(axis), axis[most].signum())
    };
    let (long, wide) = (direction(order[2]), direction(order[1]));
    let thin = vector::unit(vector::cross(wide, long));
    [thin, vector::unit(vector::cross(long, thin)), long]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::Rigid;

    /// A closed surface: a ball of rings, stretched and dented, tilted.
    fn potato(radii: [f64; 3], dent: f64) -> SurfaceMesh<Model> {
        const RINGS: u32 = 40;
        let angle = |i: u32, of: u32| f64::from(i) / f64::from(of);
        let mut vertices = vec![[0.0, 0.0, 1.0]];
        for ring in 1..RINGS {
            let (sin, cos) = (std::f64::consts::PI * angle(ring, RINGS)).sin_cos();
            for i in 0..RINGS {
                let (y, x) = (std::f64::consts::TAU * angle(i, RINGS)).sin_cos();
                vertices.push([sin * x, sin * y, cos]);
            }
        }
        vertices.push([0.0, 0.0, -1.0]);
        let at = |ring: u32, i: u32| 1 + (ring - 1) * RINGS + i % RINGS;
        let last = 1 + (RINGS - 1) * RINGS;
        let mut triangles = Vec::new();
        for i in 0..RINGS {
            triangles.push([0, at(1, i), at(1, i + 1)]);
            triangles.push([last, at(RINGS - 1, i + 1), at(RINGS - 1, i)]);
            for ring in 1..RINGS - 1 {
                triangles.push([at(ring, i), at(ring + 1, i), at(ring + 1, i + 1)]);
                triangles.push([at(ring, i), at(ring + 1, i + 1), at(ring, i + 1)]);
            }
        }
        for vertex in &mut vertices {
            let size = 1.0 + dent * (5.0 * vertex[0]).sin() * (4.0 * vertex[2]).cos();
            *vertex = std::array::from_fn(|i| vertex[i] * radii[i] * size);
        }
        let tilt = Rigid::<Model, Model>::from_rotation_vector([0.4, -0.7, 0.2], [8.0, 3.0, 1.0]);
        SurfaceMesh::new(vertices, triangles).unwrap().moved(&tilt)
    }

    fn fill_with(surface: &SurfaceMesh<Model>, edge: f64, threads: usize) -> TetMesh {
        stuff(surface, Millimeters::new(edge), Threads::new(threads)).unwrap()
    }

    #[test]
    fn shapes_are_filled_with_good_elements_to_their_volume() {
        for (radii, dent) in [
            ([8.0, 8.0, 8.0], 0.0),
            ([6.0, 9.0, 20.0], 0.15),
            ([4.0, 15.0, 9.0], 0.2),
        ] {
            let surface = potato(radii, dent);
            let mesh = fill_with(&surface, 1.0, 2);
            let quality = mesh.quality();
            let volume = quality.volume_mm3 / surface.signed_volume();
            assert!((volume - 1.0).abs() < 0.01, "{volume}");
            assert!(quality.min_dihedral_deg > 10.0, "{quality:?}");
            assert!(quality.max_dihedral_deg < 165.0, "{quality:?}");
            assert!(quality.mean_quality > 0.85, "{quality:?}");
            assert!((quality.mean_edge_mm - 1.0).abs() < 0.05, "{quality:?}");
            assert_eq!(quality.inverted, 0);
            assert!(mesh.bodies().iter().all(|body| *body == Some(0)));
        }
    }

    #[test]
    fn the_mesh_is_the_same_for_any_number_of_threads_and_its_boundary_is_closed() {
        let surface = potato([5.0, 7.0, 12.0], 0.1);
        let mesh = fill_with(&surface, 1.2, 1);
        for threads in [2, 5] {
            assert!(fill_with(&surface, 1.2, threads) == mesh);
        }
        let skin = SurfaceMesh::<Model>::new(mesh.nodes().to_vec(), mesh.boundary()).unwrap();
        assert_eq!(skin.open_edges(), 0);
        assert!((skin.signed_volume() / mesh.volume() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        let whole = potato([5.0; 3], 0.0);
        let mut triangles = whole.triangles().to_vec();
        triangles.pop();
        let holed = SurfaceMesh::<Model>::new(whole.vertices().to_vec(), triangles).unwrap();
        let check = |surface: &SurfaceMesh<Model>, edge: f64| {
            stuff(surface, Millimeters::new(edge), Threads::new(1)).unwrap_err()
        };
        assert_eq!(
            check(&holed, 1.0),
            MechanicsError::NotClosed { open_edges: 3 }
        );
        assert!(matches!(
            check(&whole, 9.0),
            MechanicsError::TooCoarse { .. }
        ));
        assert_eq!(check(&whole, 1e-6), MechanicsError::TooLarge);
        assert_eq!(check(&whole, f64::NAN), MechanicsError::TooLarge);
    }

    #[test]
    fn crumbs_are_left_out() {
        let length = |p: [f64; 3]| vector::length(p);
        let field = |p: [f64; 3]| (4.0 - length(p)).max(0.4 - length(vector::sub(p, [6.0; 3])));
        let mesh = stuff_field(
            [[-8.0; 3], [8.0; 3]],
            Millimeters::new(0.7),
            Threads::new(2),
            field,
        );
        let mesh = mesh.unwrap();
        assert!(mesh.bodies().iter().all(|body| *body == Some(0)));
        assert!(mesh.nodes().iter().all(|node| length(*node) < 4.1));
    }
}
