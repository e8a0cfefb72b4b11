//! Stresses of a solved body: for each element, at nodes, and as means over layers of
//! depth under a patch of the surface, with what the mesh contributes to them.
//!
//! A single element's stress near a load changes with the mesh and is never a
//! result; layer means are, with their band.

use crate::geometry::Frame;
use crate::geometry::Locator;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;

use super::Elastic;
use super::MechanicsError;
use super::TetMesh;
use super::Threads;
use super::element::mean_strain;
use super::material::blend;
use super::material::even_points;
use super::mesh::at;

/// A stress in megapascals: xx, yy, zz, xy, yz, zx.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stress(pub [f64; 6]);

impl Stress {
    /// Von Mises' equivalent stress in megapascals.
    #[must_use]
    pub fn von_mises(self) -> f64 {
        let [xx, yy, zz, xy, yz, zx] = self.0;
        let direct = (xx - yy).powi(2) + (yy - zz).powi(2) + (zz - xx).powi(2);
        (0.5 * direct + 3.0 * (xy * xy + yz * yz + zx * zx)).sqrt()
    }

    /// The stress across a plane with this unit normal, in megapascals; negative
    /// where it is pressed.
    #[must_use]
    pub fn across(self, normal: [f64; 3]) -> f64 {
        let [xx, yy, zz, xy, yz, zx] = self.0;
        let [x, y, z] = normal;
        xx * x * x + yy * y * y + zz * z * z + 2.0 * (xy * x * y + yz * y * z + zx * z * x)
    }
}

/// The mean stress of each element under displacements (mm) of its nodes.
#[must_use]
pub fn element_stress(
    mesh: &TetMesh,
    elastic: &[Elastic],
    displacement_mm: &[[f64; 3]],
    threads: Threads,
) -> Vec<Stress> {
    let mut stress = vec![Stress::default(); mesh.elements()];
    threads.fill(&mut stress, |first, part| {
        for (offset, stress) in part.iter_mut().enumerate() {
            let strain = mean_strain(mesh, first + offset, displacement_mm);
            *stress = Stress(elastic[first + offset].stress(strain));
        }
    });
    stress
}

/// The stress at each node: the mean of the elements around it, by volume; zero at
/// nodes of no element.
#[must_use]
pub fn nodal_stress(mesh: &TetMesh, element_stress: &[Stress]) -> Vec<Stress> {
    let mut sums = vec![([0.0; 6], 0.0); mesh.nodes().len()];
    for (element, stress) in element_stress.iter().enumerate() {
        let volume = mesh.volume_of(element);
        for node in mesh.element(element) {
            let (sum, weight) = &mut sums[at(*node)];
            *weight += volume;
            for (sum, part) in sum.iter_mut().zip(stress.0) {
                *sum += volume * part;
            }
        }
    }
    let mean = |(sum, weight): ([f64; 6], f64)| {
        let factor = if weight > 0.0 { 1.0 / weight } else { 0.0 };
        Stress(sum.map(|v| v * factor))
    };
    sums.into_iter().map(mean).collect()
}

/// A named part of the surface, facing outward.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch<F: Frame> {
    /// What a report calls it.
    pub name: String,
    /// Its triangles.
    pub surface: SurfaceMesh<F>,
}

/// What was measured in one layer under a patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Where the layer begins below the patch, in millimeters.
    pub from_mm: f64,
    /// Where it ends.
    pub to_mm: f64,
    /// The volume of it in cubic millimeters; zero where the body is thinner.
    pub volume_mm3: f64,
    /// The mean over that volume; `None` where there is none.
    pub mean: Option<f64>,
    /// How far the mean lies from that of a coarser mesh; `None` until compared.
    pub band: Option<f64>,
}

impl<F: Frame> Patch<F> {
    /// The triangles of a mesh's boundary for which `keep(middle, outward normal)`
    /// holds.
    ///
    /// # Errors
    /// [`MechanicsError::NoPatch`] where that is none.
    pub fn of_boundary(
        name: &str,
        mesh: &TetMesh,
        keep: impl Fn([f64; 3], [f64; 3]) -> bool,
    ) -> Result<Self, MechanicsError> {
        let faces = mesh.boundary().into_iter().filter(|face| {
            let [a, b, c] = face.map(|n| mesh.nodes()[at(n)]);
            let middle = vector::scale(vector::add(vector::add(a, b), c), 1.0 / 3.0);
            let normal = vector::cross(vector::sub(b, a), vector::sub(c, a));
            keep(middle, vector::unit(normal))
        });
        let none = || MechanicsError::NoPatch {
            patch: name.to_owned(),
        };
        Ok(Self {
            name: name.to_owned(),
            surface: SurfaceMesh::new(mesh.nodes().to_vec(), faces.collect())
                .map_err(|_| none())?,
        })
    }

    /// The means of a value of the elements over layers between depths (mm,
    /// ascending). A place lies under the patch where the way to its nearest point
    /// of the patch is within 45 degrees of the normal there; each element counts by
    /// the share of its 64 even points in the layer.
    #[must_use]
    pub fn layers(
        &self,
        mesh: &TetMesh,
        depths_mm: &[f64],
        threads: Threads,
        value: impl Fn(usize) -> f64 + Sync,
    ) -> Vec<Layer> {
        let locator = Locator::new(&self.surface);
        let normals: Vec<[f64; 3]> = self
            .surface
            .corners()
            .map(|[a, b, c]| vector::unit(vector::cross(vector::sub(b, a), vector::sub(c, a))))
            .collect();
        let deepest = depths_mm.last().copied().unwrap_or(0.0);
        let points = even_points();
        let parts = threads.map(mesh.elements(), 64, |elements| {
            let mut sums = vec![[0.0; 2]; depths_mm.len().saturating_sub(1)];
            for element in elements {
                let corners = mesh.corners(element);
                let middle = Point::new(blend(corners, [0.25; 4]));
                let reach = corners.iter().fold(0.0_f64, |r, c| {
                    r.max(vector::length(vector::sub(*c, middle.xyz())))
                });
                if locator.closest(middle).distance > deepest + reach {
                    continue;
                }
                let share = mesh.volume_of(element) / 64.0;
                for point in &points {
                    let place = Point::new(blend(corners, *point));
                    let hit = locator.closest(place);
                    let inward = vector::sub(hit.point.xyz(), place.xyz());
                    let under = vector::dot(inward, normals[hit.triangle]);
                    if under < hit.distance * std::f64::consts::FRAC_1_SQRT_2 {
                        continue;
                    }
                    let layer = depths_mm
                        .windows(2)
                        .position(|d| d[0] <= hit.distance && hit.distance < d[1]);
                    if let Some(layer) = layer {
                        sums[layer][0] += share;
                        sums[layer][1] += share * value(element);
                    }
                }
            }
            sums
        });
        depths_mm
            .windows(2)
            .enumerate()
            .map(|(layer, depths)| {
                let volume: f64 = parts.iter().map(|part| part[layer][0]).sum();
                let sum: f64 = parts.iter().map(|part| part[layer][1]).sum();
                Layer {
                    from_mm: depths[0],
                    to_mm: depths[1],
                    volume_mm3: volume,
                    mean: (volume > 0.0).then(|| sum / volume),
                    band: None,
                }
            })
            .collect()
    }
}

impl Layer {
    /// Fine layers with the band that a coarser mesh of the same case gives them:
    /// the difference of their means. Layers are paired in order.
    #[must_use]
    pub fn compared(fine: &[Self], coarse: &[Self]) -> Vec<Self> {
        let band = |fine: &Self, coarse: &Self| Some((fine.mean? - coarse.mean?).abs());
        fine.iter()
            .zip(coarse)
            .map(|(fine, coarse)| Self {
                band: band(fine, coarse),
                ..*fine
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::mechanics::mesh::tests::block;

    #[test]
    fn equivalents_have_their_closed_forms() {
        assert!((Stress([7.0, 0.0, 0.0, 0.0, 0.0, 0.0]).von_mises() - 7.0).abs() < 1e-12);
        let shear = Stress([0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert!((shear.von_mises() - 12f64.sqrt()).abs() < 1e-12);
        let diagonal = vector::unit([1.0, 1.0, 0.0]);
        assert!((shear.across(diagonal) - 2.0).abs() < 1e-12);
        assert!(Stress([-3.0, -3.0, -3.0, 0.0, 0.0, 0.0]).von_mises() < 1e-12);
    }

    #[test]
    fn layers_under_a_flat_patch_hold_their_volume_and_mean() {
        let mesh = block([6, 6, 8], 0.5);
        let top = Patch::<Model>::of_boundary("top", &mesh, |_, n| n[2] > 0.9).unwrap();
        let depth = |element: usize| 4.0 - blend(mesh.corners(element), [0.25; 4])[2];
        let one = top.layers(&mesh, &[0.0, 1.0, 2.0, 3.0, 5.0], Threads::new(1), depth);
        let two = top.layers(&mesh, &[0.0, 1.0, 2.0, 3.0, 5.0], Threads::new(2), depth);
        assert_eq!(one, two);
        for (layer, middle) in one.iter().zip([0.5, 1.5, 2.5, 3.5]) {
            assert!((layer.volume_mm3 / 9.0 - 1.0).abs() < 1e-9, "{layer:?}");
            assert!((layer.mean.unwrap() - middle).abs() < 1e-9, "{layer:?}");
        }
        let banded = Layer::compared(&one, &one);
        assert!(banded.iter().all(|l| l.band == Some(0.0)));
        assert!(Patch::<Model>::of_boundary("none", &mesh, |_, _| false).is_err());
    }

    #[test]
    fn nodes_take_the_mean_of_their_elements() {
        let mesh = block([2, 2, 2], 1.0);
        let stress = vec![Stress([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]); mesh.elements()];
        for node in nodal_stress(&mesh, &stress) {
            for (got, expected) in node.0.iter().zip([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) {
                assert!((got - expected).abs() < 1e-12);
            }
        }
    }
}
