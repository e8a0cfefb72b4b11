//! What spongy bone looks like between its outlines: denser and looser places at
//! a few lengths, drawn out along the bone, as trabeculae run.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lattice numbers, taken modulo the lattice's size"
)]

use crate::radiography::Random;

/// Points of a lattice along each axis; it repeats.
const SIDE: usize = 32;
/// Length across (millimeters), length along, SD of the share.
const LAYERS: [(f64, f64, f32); 3] = [(0.9, 2.6, 0.30), (1.7, 3.6, 0.20), (4.0, 6.0, 0.10)];
/// Linear interpolation between independent numbers leaves 0.54 of their SD.
const LEFT: f32 = 0.544;

/// A field of shares around one.
pub(super) struct Texture {
    layers: Vec<Vec<f32>>,
}

impl Texture {
    pub(super) fn new(random: &mut Random) -> Self {
        let lattice = |sd: f32| {
            (0..SIDE * SIDE * SIDE)
                .map(|_| random_share(random) * sd / LEFT)
                .collect()
        };
        Self {
            layers: LAYERS.map(|(_, _, sd)| sd).map(lattice).into(),
        }
    }

    /// By how much the mean density is to be multiplied at a place.
    pub(super) fn at(&self, p: [f64; 3]) -> f32 {
        let sum: f32 = LAYERS
            .iter()
            .zip(&self.layers)
            .map(|((across, along, _), values)| {
                sample(values, [p[0] / across, p[1] / across, p[2] / along])
            })
            .sum();
        (1.0 + sum).clamp(0.1, 2.2)
    }
}

fn random_share(random: &mut Random) -> f32 {
    random.around(0.0, 1.0, 3.0) as f32
}

/// The value between the eight lattice points around a place.
fn sample(values: &[f32], at: [f64; 3]) -> f32 {
    let mut low = [0; 3];
    let mut high = [0; 3];
    let mut part = [0.0_f32; 3];
    for axis in 0..3 {
        let floor = at[axis].floor();
        low[axis] = (floor as i64 as usize) % SIDE;
        high[axis] = (low[axis] + 1) % SIDE;
        part[axis] = (at[axis] - floor) as f32;
    }
    let line = |y: usize, z: usize| {
        let row = SIDE * (y + SIDE * z);
        values[row + low[0]] * (1.0 - part[0]) + values[row + high[0]] * part[0]
    };
    let sheet = |z: usize| line(low[1], z) * (1.0 - part[1]) + line(high[1], z) * part[1];
    sheet(low[2]) * (1.0 - part[2]) + sheet(high[2]) * part[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_on_average_varies_by_a_third_and_is_smooth() {
        let texture = Texture::new(&mut Random::new(3, 1));
        let (mut sum, mut square, mut step) = (0.0, 0.0, 0.0_f32);
        let mut places = Random::new(5, 1);

        for _ in 0..20_000 {
            let p = [(); 3].map(|()| places.between(-60.0, 60.0));
            let value = texture.at(p);
            sum += value;
            square += (value - 1.0) * (value - 1.0);
            step = step.max((texture.at([p[0] + 0.01, p[1], p[2]]) - value).abs());
        }
        let count = 20_000.0_f32;
        assert!((sum / count - 1.0).abs() < 0.02, "{}", sum / count);
        let sd = (square / count).sqrt();
        assert!((0.3..0.42).contains(&sd), "{sd}");
        assert!(step < 0.08, "{step}");
    }
}
