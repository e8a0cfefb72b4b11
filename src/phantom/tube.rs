//! A bone's skin as rings of vertices: from the cut end along the shaft to the
//! rim of the joint surface, and inward over it. Every bone of a kind has the
//! same rings, so vertices correspond from subject to subject.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ring and vertex numbers in the thousands"
)]

use super::PhantomError;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;

/// Where the rings of a bone lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rings {
    /// Vertices of a ring.
    pub around: usize,
    /// Distances of the shaft's rings from the rim, the cut end first, 0 last.
    pub levels: Vec<f64>,
    /// Rings between the rim and the middle of the joint surface.
    pub cap: usize,
}

/// A place on a bone's skin by its coordinates on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spot {
    /// On the shaft: distance from the rim, angle.
    Wall(f64, f64),
    /// On the joint surface: 1 at the rim to 0 in the middle, angle.
    Cap(f64, f64),
}

impl Rings {
    /// Rings from the rim to `length`, finer toward the joint.
    pub(super) fn new(around: usize, cap: usize, first: f64, length: f64) -> Self {
        let mut levels = vec![0.0];
        let (mut level, mut step) = (0.0, first);
        while level + step < length - 0.5 {
            level += step;
            levels.push(level);
            step = (step * 1.06).min(3.0);
        }
        levels.push(length);
        levels.reverse();
        Self {
            around,
            levels,
            cap,
        }
    }

    /// The number of the vertex nearest to a spot.
    pub(super) fn vertex(&self, spot: Spot) -> u32 {
        let (ring, angle) = match spot {
            Spot::Wall(level, angle) => (self.ring_at(level), angle),
            Spot::Cap(part, angle) => {
                let inward = ((1.0 - part) * (self.cap + 1) as f64).round() as usize;
                (self.levels.len() - 1 + inward.min(self.cap), angle)
            }
        };
        let turn = angle.rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU;
        let j = (turn * self.around as f64).round() as usize % self.around;
        (1 + ring * self.around + j) as u32
    }

    /// The vertices of the ring nearest to a level.
    pub(super) fn ring(&self, level: f64) -> Vec<u32> {
        let first = 1 + self.ring_at(level) * self.around;
        (first..first + self.around).map(|v| v as u32).collect()
    }

    fn ring_at(&self, level: f64) -> usize {
        let off = |ring: &usize| (self.levels[*ring] - level).abs();
        (0..self.levels.len())
            .min_by(|a, b| off(a).total_cmp(&off(b)))
            .unwrap_or(0)
    }

    /// Every spot with a vertex, in the order of the vertices, without the
    /// middles of both ends.
    pub(super) fn spots(&self) -> impl Iterator<Item = Spot> + '_ {
        let wall = self.levels.iter().map(|level| (true, *level));
        let cap = (1..=self.cap).map(|ring| (false, 1.0 - ring as f64 / (self.cap + 1) as f64));
        wall.chain(cap).flat_map(move |(on_wall, at)| {
            (0..self.around).map(move |j| {
                let angle = std::f64::consts::TAU * j as f64 / self.around as f64;
                if on_wall {
                    Spot::Wall(at, angle)
                } else {
                    Spot::Cap(at, angle)
                }
            })
        })
    }

    /// The closed surface of a bone whose skin is given.
    pub(super) fn surface(
        &self,
        skin: impl Fn(Spot) -> [f64; 3],
    ) -> Result<SurfaceMesh<Model>, PhantomError> {
        let mut vertices = vec![[0.0; 3]];
        vertices.extend(self.spots().map(&skin));
        let cut = &vertices[1..=self.around];
        vertices[0] = std::array::from_fn(|axis| {
            cut.iter().map(|v| v[axis]).sum::<f64>() / self.around as f64
        });
        vertices.push(skin(Spot::Cap(0.0, 0.0)));
        Ok(SurfaceMesh::new(vertices, self.triangles())?)
    }

    fn triangles(&self) -> Vec<[u32; 3]> {
        let around = self.around as u32;
        let rings = (self.levels.len() + self.cap) as u32;
        let top = 1 + rings * around;
        let id = |ring: u32, j: u32| 1 + ring * around + j % around;
        let mut triangles = Vec::new();
        for j in 0..around {
            triangles.push([0, id(0, j + 1), id(0, j)]);
            for ring in 0..rings - 1 {
                triangles.push([id(ring, j), id(ring, j + 1), id(ring + 1, j)]);
                triangles.push([id(ring, j + 1), id(ring + 1, j + 1), id(ring + 1, j)]);
            }
            triangles.push([top, id(rings - 1, j), id(rings - 1, j + 1)]);
        }
        triangles
    }
}

/// 0 below zero, 1 above one, smooth between.
pub(super) fn step(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// A bell of height one.
pub(super) fn bell(x: f64, width: f64) -> f64 {
    (-(x / width).powi(2)).exp()
}

/// 1 at the rim, falling to 0 around `at` over about four times `over`.
pub(super) fn flare(level: f64, at: f64, over: f64) -> f64 {
    (1.0 + (-at / over).exp()) / (1.0 + ((level - at) / over).exp())
}

/// The distance of a superellipse's border from its middle, in a direction:
/// half axes on the positive and the negative side of x and of y.
pub(super) fn oval(angle: f64, x: [f64; 2], y: [f64; 2], exponent: f64) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let a = if cosine >= 0.0 { x[0] } else { x[1] };
    let b = if sine >= 0.0 { y[0] } else { y[1] };
    ((cosine / a).abs().powf(exponent) + (sine / b).abs().powf(exponent)).powf(-1.0 / exponent)
}

/// How far two angles are apart, -pi to pi.
pub(super) fn apart(a: f64, b: f64) -> f64 {
    let gap = (a - b).rem_euclid(std::f64::consts::TAU);
    if gap > std::f64::consts::PI {
        gap - std::f64::consts::TAU
    } else {
        gap
    }
}

/// Smooth waves of fixed length and direction that bend a bone: what differs
/// between people and has no name.
pub(super) struct Waves(Vec<Wave>);

struct Wave {
    /// Radians a millimeter, along each axis.
    pace: [f64; 3],
    phase: f64,
    /// The largest shift.
    push: [f64; 3],
}

impl Waves {
    /// The waves of a kind of bone with these amplitudes. Their lengths and
    /// directions are irregular, and the same for every subject.
    pub(super) fn new(amplitudes: &[f64], kind: f64) -> Self {
        let wave = |(number, amplitude): (usize, &f64)| {
            let n = number as f64 + kind * 0.37;
            let length = 22.0 + 34.0 * (0.5 + 0.5 * (2.3 * n).sin());
            let way = [
                (1.9 * n).sin(),
                (2.7 * n + 1.0).sin(),
                (1.1 * n + 2.0).cos(),
            ];
            let norm = way.iter().map(|w| w * w).sum::<f64>().sqrt().max(0.2);
            let push = [
                (3.1 * n).cos(),
                (4.3 * n + 0.5).sin(),
                0.5 * (5.9 * n).cos(),
            ];
            Wave {
                pace: way.map(|w| w / norm * std::f64::consts::TAU / length),
                phase: 1.7 * n,
                push: push.map(|v| v * amplitude),
            }
        };
        Self(amplitudes.iter().enumerate().map(wave).collect())
    }

    /// A place, shifted.
    pub(super) fn bend(&self, at: [f64; 3]) -> [f64; 3] {
        let mut place = at;
        for wave in &self.0 {
            let phase = (0..3).map(|i| wave.pace[i] * at[i]).sum::<f64>() + wave.phase;
            let height = phase.sin();
            for (value, push) in place.iter_mut().zip(wave.push) {
                *value += push * height;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_tube_is_closed_and_its_vertices_are_where_they_are_sought() {
        let rings = Rings::new(16, 4, 1.0, 40.0);
        let skin = |spot| match spot {
            Spot::Wall(level, angle) => [5.0 * f64::cos(angle), 5.0 * f64::sin(angle), -level],
            Spot::Cap(part, angle) => [
                5.0 * part * f64::cos(angle),
                5.0 * part * f64::sin(angle),
                0.0,
            ],
        };
        let mesh = rings.surface(skin).unwrap();
        assert!(mesh.is_closed());
        let volume = 40.0 * 8.0 * 25.0 * (std::f64::consts::TAU / 16.0).sin();
        assert!((mesh.signed_volume() / volume - 1.0).abs() < 1e-9);
        for spot in rings.spots() {
            let place = mesh.vertex(rings.vertex(spot)).unwrap().xyz();
            let wanted = skin(spot);
            assert!(
                (0..3).all(|i| (place[i] - wanted[i]).abs() < 1e-9),
                "{spot:?}"
            );
        }
    }
}
