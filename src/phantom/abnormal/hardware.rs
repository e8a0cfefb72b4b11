//! What surgeons and nurses leave on a wrist: plate, screws, cast.

use super::Abnormal;
use super::AbnormalSpecimen;
use super::Change;
use super::ExtraBody;
use super::Material;
use super::growth::farthest;
use super::growth::section;
use crate::anatomy::Landmark;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::phantom::PhantomError;
use crate::phantom::Specimen;
use crate::phantom::b::nets;
use crate::phantom::b::nets::Grid;
use crate::phantom::b::solid::Solid;
use crate::phantom::b::solid::between;
use crate::phantom::b::solid::ramp;
use crate::phantom::clutter::skin_at;
use crate::radiography::Random;

/// Pointing to the palm.
const PALM: f64 = -std::f64::consts::FRAC_PI_2;

/// A T-shaped palmar locking plate of titanium, 2 mm thick, with two rows of
/// pegs below the joint and three screws through both walls of the shaft.
pub(super) fn plated(
    healthy: &Specimen,
    random: &mut Random,
) -> Result<AbnormalSpecimen, PhantomError> {
    let bone = &healthy.outer.radius;
    let top = healthy.landmarks.at(Landmark::VolarRim)?.xyz()[2] - random.between(3.0, 6.0);
    let length = random.between(44.0, 54.0);
    let back = skin_profile(bone, top, length);
    let wide = random.between(10.0, 11.5);
    let plate = |p: [f64; 3]| {
        let half = between(
            &[(-length, 4.6), (-20.0, 4.8), (-11.0, wide), (0.0, wide)],
            p[2] - top,
        );
        let along = (p[2] - top).max(top - length - p[2]);
        let depth = p[1] - between(&back, p[2]);
        // From the skin 2 mm outward, edges rounded by a quarter millimeter.
        let thick = (depth + 1.0).abs() - 1.0;
        thick.max(p[0].abs() - half).max(along)
    };
    let fine = |low: f64, high: f64, reach: [f64; 2], middle: [f64; 2]| {
        Grid::new([low, high], reach, move |_| middle, |_| 0.4)
    };
    let middle_y = between(&back, top - 0.5 * length) - 1.0;
    let grid = fine(top - length - 3.0, top + 3.0, [15.0, 9.0], [0.0, middle_y]);
    let mut extra = vec![ExtraBody {
        name: "palmar plate",
        material: Material::Titanium,
        surface: nets::surface(&plate, &grid)?,
    }];
    let rows = [
        (-3.0, [-7.5, -2.5, 2.5, 7.5]),
        (-7.0, [-5.0, 0.0, 5.0, f64::NAN]),
    ];
    for (below, places) in rows {
        for x in places.into_iter().filter(|x: &f64| x.is_finite()) {
            let start = [x, between(&back, top + below) - 1.5, top + below];
            let far = random.between(15.0, 18.0);
            let end = vector::add(start, [0.0, far, 0.18 * far]);
            extra.push(screw(start, end, 1.1)?);
        }
    }
    for below in [-22.0, -31.0, -40.0] {
        let z = top + below;
        let start = [0.0, between(&back, z) - 1.5, z];
        let through = farthest(&section(bone, z), [0.0; 2], -PALM) + 1.5;
        extra.push(screw(start, [0.0, through, z], 1.4)?);
    }
    Ok(beside(Abnormal::PlateAndScrews, healthy, extra))
}

/// The palmar skin of a bone in the plane x = 0, smoothed as a plate is: pairs
/// of height and y, ascending.
fn skin_profile(bone: &SurfaceMesh<Model>, top: f64, length: f64) -> Vec<(f64, f64)> {
    let raw: Vec<(f64, f64)> = (0..=28)
        .map(|i| top + 1.0 - (length + 2.0) * (1.0 - f64::from(i) / 28.0))
        .map(|z| (z, -farthest(&section(bone, z), [0.0; 2], PALM)))
        .collect();
    // A plate is stiff: it rests on the highest places.
    (0..raw.len())
        .map(|i| {
            let near = &raw[i.saturating_sub(2)..(i + 3).min(raw.len())];
            let most = near.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
            (raw[i].0, most)
        })
        .collect()
}

/// A screw: a round bar with a head.
fn screw(from: [f64; 3], to: [f64; 3], radius: f64) -> Result<ExtraBody, PhantomError> {
    let along = vector::sub(to, from);
    let length = vector::length(along);
    let axis = vector::unit(along);
    let bar = |p: [f64; 3]| {
        let away = vector::sub(p, from);
        let depth = vector::dot(away, axis);
        let off = vector::length(vector::sub(away, vector::scale(axis, depth)));
        let girth = radius + 0.9 * (1.0 - ramp(depth, 1.2, 2.2));
        (off - girth).max(-depth).max(depth - length)
    };
    let solid: &dyn Solid = &bar;
    let middle = vector::scale(vector::add(from, to), 0.5);
    let reach = [0, 1].map(|a| 0.5 * along[a].abs() + 4.0);
    let low = from[2].min(to[2]) - 4.0;
    let high = from[2].max(to[2]) + 4.0;
    let grid = Grid::new([low, high], reach, |_| [middle[0], middle[1]], |_| 0.35);
    Ok(ExtraBody {
        name: "screw",
        material: Material::Titanium,
        surface: nets::surface(solid, &grid)?,
    })
}

/// A plaster sleeve of 4 to 6 mm around forearm and palm.
pub(super) fn cast(
    healthy: &Specimen,
    random: &mut Random,
) -> Result<AbnormalSpecimen, PhantomError> {
    let thick = random.between(4.0, 6.0);
    let padding = random.between(1.5, 3.0);
    let size = size(healthy);
    const AROUND: u32 = 60;
    const LEVELS: u32 = 60;
    let mut vertices = Vec::new();
    // Up the outside, down the inside.
    for level in 0..=2 * LEVELS + 1 {
        let (up, out) = if level <= LEVELS {
            (level, padding + thick)
        } else {
            (2 * LEVELS + 1 - level, padding)
        };
        let z = -140.0 + 175.0 * f64::from(up) / f64::from(LEVELS);
        let [wide, deep, x, y] = skin_at(z, size);
        for step in 0..AROUND {
            let turn = std::f64::consts::TAU * f64::from(step) / f64::from(AROUND);
            let uneven = out + 0.4 * (3.0 * turn + 0.05 * z).sin();
            vertices.push([
                x + (wide + uneven) * turn.cos(),
                y + (deep + uneven) * turn.sin(),
                z,
            ]);
        }
    }
    let rows = 2 * LEVELS + 2;
    let mut triangles = Vec::new();
    for row in 0..rows {
        for step in 0..AROUND {
            let (next, above) = ((step + 1) % AROUND, (row + 1) % rows);
            let [a, b] = [row * AROUND + step, row * AROUND + next];
            let [c, d] = [above * AROUND + step, above * AROUND + next];
            triangles.extend([[a, b, d], [a, d, c]]);
        }
    }
    let surface = SurfaceMesh::new(vertices, triangles)?;
    let sleeve = ExtraBody {
        name: "cast",
        material: Material::Plaster,
        surface,
    };
    Ok(beside(Abnormal::Cast, healthy, vec![sleeve]))
}

/// How large a forearm is, against the mean: by the width of its radius.
pub(in crate::phantom) fn size(specimen: &Specimen) -> f64 {
    let [low, high] = specimen.outer.radius.bounds();
    ((high[0] - low[0]) / 30.0).clamp(0.7, 1.3)
}

fn beside(kind: Abnormal, healthy: &Specimen, extra: Vec<ExtraBody>) -> AbnormalSpecimen {
    AbnormalSpecimen {
        kind,
        change: Change::default(),
        healthy: healthy.clone(),
        specimen: healthy.clone(),
        extra,
    }
}
