//! What an X-ray of a wrist shows besides the two bones: carpals, metacarpals
//! and soft tissue. Clutter, not anatomy: ellipsoids and spindles of the right
//! size in the right place.

use super::Parameters;
use super::PhantomError;
use super::tube::Rings;
use super::tube::Spot;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;

/// A carpal: middle and half axes in the model's frame on a wrist of size one,
/// and its turn about the dorsal axis in degrees.
const CARPALS: [([f64; 3], [f64; 3], f64); 8] = [
    ([8.5, -1.5, 12.8], [6.6, 6.2, 10.5], 35.0),
    ([-5.0, -0.5, 7.0], [7.8, 8.0, 6.8], -15.0),
    ([-16.0, 1.0, 9.5], [6.4, 6.2, 7.2], -35.0),
    ([-16.5, -9.0, 11.5], [4.8, 4.6, 5.6], 0.0),
    ([17.5, -4.5, 26.5], [7.2, 6.2, 7.4], 20.0),
    ([10.0, 0.0, 28.0], [5.2, 6.2, 6.0], 0.0),
    ([0.0, 0.0, 23.5], [6.6, 7.2, 11.5], 0.0),
    ([-11.0, -1.0, 22.5], [6.8, 7.4, 9.6], -20.0),
];

/// A metacarpal: base, head, half width at base, shaft and head.
const METACARPALS: [([f64; 3], [f64; 3], [f64; 3]); 5] = [
    ([23.0, -10.0, 35.0], [43.0, -14.0, 70.0], [6.6, 4.6, 6.6]),
    ([11.5, 0.0, 36.0], [18.0, 0.0, 98.0], [7.2, 4.5, 7.0]),
    ([2.0, 1.5, 36.5], [4.0, 1.5, 98.0], [6.8, 4.5, 7.0]),
    ([-7.5, 1.0, 34.0], [-9.0, 0.5, 90.0], [5.8, 3.8, 6.2]),
    ([-15.5, 0.0, 32.0], [-21.5, -1.0, 84.0], [5.8, 3.8, 6.0]),
];

/// Soft tissue: distance from the joint (toward the hand positive), then half
/// width, half depth and middle (x).
const FLESH: [(f64, f64, f64, f64); 9] = [
    (-155.0, 38.0, 31.0, -9.0),
    (-100.0, 33.0, 26.0, -9.5),
    (-55.0, 30.0, 22.5, -10.0),
    (-20.0, 29.0, 20.5, -9.0),
    (0.0, 29.5, 20.5, -7.5),
    (20.0, 34.0, 20.0, -2.0),
    (45.0, 41.0, 19.0, 3.0),
    (80.0, 42.0, 15.0, 1.0),
    (112.0, 38.0, 12.0, 0.0),
];

/// A closed shell of bone: its outside, and what is hollow inside it.
pub(super) type Shell = [SurfaceMesh<Model>; 2];

/// Carpals and metacarpals, turned as a hand by some angles (flexion, deviation).
pub(super) fn hand(p: &Parameters, turn_rad: [f64; 2]) -> Result<Vec<Shell>, PhantomError> {
    let turn =
        Rigid::<Model, Model>::from_rotation_vector([turn_rad[0], turn_rad[1], 0.0], [0.0; 3]);
    let mut shells = Vec::new();
    for (middle, half, degrees) in CARPALS {
        let lean = Rigid::<Model, Model>::from_rotation_vector(
            [0.0, f64::to_radians(degrees), 0.0],
            middle,
        );
        let place = lean.then(&turn);
        shells.push(shell(p, |less| ellipsoid(half.map(|h| h - less)), &place)?);
    }
    for (base, head, width) in METACARPALS {
        let along: [f64; 3] = std::array::from_fn(|i| head[i] - base[i]);
        let length = along.iter().map(|v| v * v).sum::<f64>().sqrt();
        // The small turn that leads z to the direction of the bone.
        let lean = [-(along[1] / length).asin(), (along[0] / length).asin(), 0.0];
        let place = Rigid::<Model, Model>::from_rotation_vector(lean, base).then(&turn);
        shells.push(shell(p, |less| spindle(length, width, less), &place)?);
    }
    Ok(shells)
}

fn shell(
    p: &Parameters,
    surface: impl Fn(f64) -> Result<SurfaceMesh<Model>, PhantomError>,
    place: &Rigid<Model, Model>,
) -> Result<Shell, PhantomError> {
    let sized = |less| -> Result<_, PhantomError> {
        let mesh = surface(less)?.moved::<Model>(place);
        let vertices = mesh.vertices().iter().map(|v| v.map(|x| x * p.size));
        Ok(mesh.with_vertices(vertices.collect())?)
    };
    Ok([sized(0.0)?, sized(0.75 * p.cortex)?])
}

fn ellipsoid(half: [f64; 3]) -> Result<SurfaceMesh<Model>, PhantomError> {
    let rings = Rings {
        around: 24,
        levels: (0..=13).map(|i| f64::from(13 - i) / 14.0).collect(),
        cap: 0,
    };
    rings.surface(|spot| match spot {
        Spot::Wall(level, angle) => {
            let polar = std::f64::consts::PI * (level * 14.0 + 1.0) / 15.0;
            let (sine, cosine) = polar.sin_cos();
            [
                half[0] * sine * angle.cos(),
                half[1] * sine * angle.sin(),
                half[2] * cosine,
            ]
        }
        Spot::Cap(..) => [0.0, 0.0, half[2]],
    })
}

/// A bone that is thick at both ends; `less` makes it thinner all around.
fn spindle(
    length: f64,
    [base, shaft, head]: [f64; 3],
    less: f64,
) -> Result<SurfaceMesh<Model>, PhantomError> {
    let rings = Rings {
        around: 20,
        levels: (0..=24).map(|i| 1.0 - f64::from(i) / 24.0).collect(),
        cap: 0,
    };
    rings.surface(|spot| {
        let (part, angle) = match spot {
            Spot::Wall(level, angle) => (1.0 - level, angle),
            Spot::Cap(..) => (1.0, 0.0),
        };
        let ends = (base - shaft) * (1.0 - part / 0.3).max(0.0).powi(2)
            + (head - shaft) * ((part - 0.75) / 0.25).max(0.0).powi(2);
        let round = (1.0 - (2.0 * part - 1.0).powi(10)).max(0.0).sqrt();
        // The walls of a shaft are thicker than those of its ends.
        let wall = less * (1.0 + 1.4 * (1.0 - (2.0 * part - 1.0).powi(2)));
        let reach = ((shaft + ends) * round - wall).max(0.05);
        let reach = if matches!(spot, Spot::Cap(..)) {
            0.0
        } else {
            reach
        };
        let z = less + part * (length - 2.0 * less);
        [reach * angle.cos(), reach * angle.sin(), z]
    })
}

/// The skin of forearm and hand.
pub(super) fn flesh(p: &Parameters) -> Result<SurfaceMesh<Model>, PhantomError> {
    let (first, last) = (FLESH[0].0, FLESH[FLESH.len() - 1].0);
    let rings = Rings {
        around: 40,
        levels: (0..=44).map(|i| 1.0 - f64::from(i) / 44.0).collect(),
        cap: 0,
    };
    rings.surface(|spot| {
        let (part, angle, open) = match spot {
            Spot::Wall(level, angle) => (1.0 - level, angle, 1.0),
            Spot::Cap(..) => (1.0, 0.0, 0.0),
        };
        let z = first + part * (last - first);
        let [wide, deep, middle] = flesh_at(z);
        [
            (middle + wide * p.flesh * open * angle.cos()) * p.size,
            (deep * p.flesh * open * angle.sin()) * p.size,
            z * p.size,
        ]
    })
}

fn flesh_at(z: f64) -> [f64; 3] {
    let row = |(_, wide, deep, middle): (f64, f64, f64, f64)| [wide, deep, middle];
    for pair in FLESH.windows(2) {
        if z <= pair[1].0 {
            let part = ((z - pair[0].0) / (pair[1].0 - pair[0].0)).clamp(0.0, 1.0);
            let part = super::tube::step(part);
            let (a, b) = (row(pair[0]), row(pair[1]));
            return std::array::from_fn(|i| a[i] + (b[i] - a[i]) * part);
        }
    }
    row(FLESH[FLESH.len() - 1])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn all_clutter_is_closed_and_hollow() {
        let p = Parameters::mean();
        assert!(flesh(&p).unwrap().is_closed());
        let hand = hand(&p, [0.1, -0.1]).unwrap();
        assert_eq!(hand.len(), 13);
        for [outside, inside] in hand {
            assert!(outside.is_closed() && inside.is_closed());
            assert!(inside.signed_volume() < 0.95 * outside.signed_volume());
        }
    }
}
