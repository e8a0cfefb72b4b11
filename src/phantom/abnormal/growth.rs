//! Growth plates that are open.

use super::Abnormal;
use super::AbnormalSpecimen;
use super::Change;
use super::ExtraBody;
use super::Material;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::Landmarks;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Model;
use crate::geometry::Point;
use crate::geometry::SurfaceMesh;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::radiography::Random;

/// Rays around a growth plate's border.
const AROUND: u32 = 72;

/// An adolescent's forearm: everything smaller by a tenth to a fifth, and in
/// each bone a waving sheet of cartilage, 1.2 to 2.2 mm thick, through the
/// whole section.
pub(super) fn plates(
    healthy: &Specimen,
    random: &mut Random,
) -> Result<AbnormalSpecimen, PhantomError> {
    let specimen = scaled(healthy, random.between(0.80, 0.92))?;
    let thick = random.between(1.2, 2.2);
    let wave = random.between(0.3, 0.9);
    let mut extra = Vec::new();
    for bone in Bone::ALL {
        let (name, below) = match bone {
            Bone::Radius => {
                let notch = specimen.landmarks.at(Landmark::SigmoidNotch)?.xyz();
                (
                    "growth plate of the radius",
                    notch[2] - random.between(1.0, 3.0),
                )
            }
            Bone::Ulna => {
                let dome = specimen.landmarks.at(Landmark::UlnarDome)?.xyz();
                (
                    "growth plate of the ulna",
                    dome[2] - random.between(6.0, 8.0),
                )
            }
        };
        let surface = sheet(specimen.outer.bone(bone), below, thick, wave)?;
        extra.push(ExtraBody {
            name,
            material: Material::Cartilage,
            surface,
        });
    }
    Ok(AbnormalSpecimen {
        kind: Abnormal::OpenGrowthPlate,
        change: Change::default(),
        healthy: healthy.clone(),
        specimen,
        extra,
    })
}

/// A smaller person's forearm of the same shape.
fn scaled(healthy: &Specimen, by: f64) -> Result<Specimen, PhantomError> {
    let smaller = |mesh: &SurfaceMesh<Model>| {
        mesh.with_vertices(mesh.vertices().iter().map(|v| v.map(|x| x * by)).collect())
    };
    let forearm = |f: &Forearm<Model>| -> Result<_, PhantomError> {
        Ok(Forearm {
            radius: smaller(&f.radius)?,
            ulna: smaller(&f.ulna)?,
        })
    };
    let places = healthy.landmarks.iter();
    let landmarks = Landmarks::of(places.map(|(l, p)| (l, Point::new(p.xyz().map(|x| x * by)))));
    Ok(Specimen {
        outer: forearm(&healthy.outer)?,
        inner: forearm(&healthy.inner)?,
        measures: measures(&landmarks, Side::Right)?,
        landmarks,
        ..healthy.clone()
    })
}

/// A closed sheet across a bone at a height, a little wider than the bone.
fn sheet(
    bone: &SurfaceMesh<Model>,
    z: f64,
    thick: f64,
    wave: f64,
) -> Result<SurfaceMesh<Model>, PhantomError> {
    let cut = section(bone, z);
    let middle = [0, 1].map(|axis| {
        let low = cut
            .iter()
            .flatten()
            .map(|p| p[axis])
            .fold(f64::INFINITY, f64::min);
        let high = cut
            .iter()
            .flatten()
            .map(|p| p[axis])
            .fold(f64::NEG_INFINITY, f64::max);
        0.5 * (low + high)
    });
    let mut vertices = Vec::new();
    for side in [0.5, -0.5] {
        let height =
            |p: [f64; 2]| z + side * thick + wave * ((0.55 * p[0]).sin() * (0.5 * p[1]).cos());
        for step in 0..AROUND {
            let turn = std::f64::consts::TAU * f64::from(step) / f64::from(AROUND);
            let reach = farthest(&cut, middle, turn) + 0.15;
            let p = [
                middle[0] + reach * turn.cos(),
                middle[1] + reach * turn.sin(),
            ];
            vertices.push([p[0], p[1], height(p)]);
        }
        vertices.push([middle[0], middle[1], height(middle)]);
    }
    let ring = AROUND + 1;
    let mut triangles = Vec::new();
    for step in 0..AROUND {
        let next = (step + 1) % AROUND;
        triangles.push([step, next, AROUND]);
        triangles.push([ring + next, ring + step, ring + AROUND]);
        triangles.push([ring + step, ring + next, next]);
        triangles.push([ring + step, next, step]);
    }
    Ok(SurfaceMesh::new(vertices, triangles)?)
}

/// Where a plane of one height cuts a surface, as pieces of line.
pub(super) fn section(mesh: &SurfaceMesh<Model>, z: f64) -> Vec<[[f64; 2]; 2]> {
    let mut pieces = Vec::new();
    for corners in mesh.corners() {
        let mut ends = Vec::new();
        for (a, b) in [(0, 1), (1, 2), (2, 0)] {
            let (p, q) = (corners[a], corners[b]);
            if (p[2] < z) != (q[2] < z) {
                let part = (z - p[2]) / (q[2] - p[2]);
                ends.push([p[0] + part * (q[0] - p[0]), p[1] + part * (q[1] - p[1])]);
            }
        }
        if let [a, b] = ends.as_slice() {
            pieces.push([*a, *b]);
        }
    }
    pieces
}

/// How far pieces of line reach from a middle in a direction; a millimeter
/// where none is met.
pub(super) fn farthest(pieces: &[[[f64; 2]; 2]], middle: [f64; 2], turn: f64) -> f64 {
    let (sine, cosine) = turn.sin_cos();
    let mut reach: f64 = 1.0;
    for [a, b] in pieces {
        let (ax, ay) = (a[0] - middle[0], a[1] - middle[1]);
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let under = cosine * dy - sine * dx;
        if under.abs() < 1e-12 {
            continue;
        }
        let far = (ax * dy - ay * dx) / under;
        let part = (ax * sine - ay * cosine) / under;
        if (-1e-9..=1.0 + 1e-9).contains(&part) {
            reach = reach.max(far);
        }
    }
    reach
}
