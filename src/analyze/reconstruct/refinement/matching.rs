//! How far each simulated edge is from where it lies in the image: its profile
//! across the edge is slid along the image's, and the best place taken, together
//! with its neighbors along the edge.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "samples of a profile, some tens"
)]

use super::edges::Edge;
use super::picture::Picture;

/// The profile that is compared, in millimeters: into the bone and out of it.
const WINDOW_MM: [f64; 2] = [0.6, 2.0];
/// Edges this near vote together, with this SD.
const TOGETHER_MM: f64 = 3.5;
const TOGETHER_SD_MM: f64 = 1.5;
/// How much a far place loses against a near one.
const NEARER: f32 = 0.15;

/// Where an edge was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// How far it should move across itself, in millimeters on the detector.
    pub offset_mm: f64,
    /// How well it is seen: 0 not at all, 1 as simulated.
    pub weight: f64,
}

/// Finds all edges of one bone in a view, no farther than `reach_mm`.
pub(super) fn find(
    edges: &[Edge],
    taken: &Picture,
    simulated: &Picture,
    noise: f32,
    reach_mm: f64,
) -> Vec<Found> {
    let step = 0.5 * taken.camera.pixel_spacing_mm[0];
    let window = WINDOW_MM.map(|mm| (mm / step) as usize);
    let reach = (reach_mm / step) as usize;
    let curves: Vec<Option<Curve>> = edges
        .iter()
        .map(|edge| curve(edge, taken, simulated, (window, reach), step))
        .collect();
    let mut energies: Vec<f32> = curves.iter().flatten().map(|c| c.simulated).collect();
    energies.sort_by(f32::total_cmp);
    let usual = energies.get(energies.len() / 2).copied().unwrap_or(1.0);
    let floor = (window[0] + window[1] + 1) as f32 * noise * noise;
    edges
        .iter()
        .zip(&curves)
        .map(|(edge, own)| {
            let nothing = Found {
                offset_mm: 0.0,
                weight: 0.0,
            };
            let Some(own) = own else { return nothing };
            let voted = vote(edge, edges, &curves, 2 * reach + 1);
            let Some((best, offset, alike)) = peak(&voted, reach) else {
                return nothing;
            };
            let seen = own.taken[best] / (own.taken[best] + floor);
            let strong = own.simulated / (own.simulated + 0.5 * usual);
            Found {
                offset_mm: f64::from(offset) * step,
                weight: f64::from(alike * alike * seen * strong),
            }
        })
        .collect()
}

/// How alike an edge's profiles are at each offset, and how much happens in them.
struct Curve {
    alike: Vec<f32>,
    /// The sum of the squares of the image's slopes at each offset.
    taken: Vec<f32>,
    /// That of the simulated ones.
    simulated: f32,
}

/// The slopes of a picture along a line across an edge.
fn slopes(
    picture: &Picture,
    edge: &Edge,
    [inward, outward]: [usize; 2],
    step: f64,
) -> Option<Vec<f32>> {
    let value = |k: i64| {
        let far = k as f64 * step;
        picture.at([0, 1].map(|axis| edge.shadow[axis] + far * edge.across[axis]))
    };
    let values: Vec<f32> = (-1 - inward as i64..=outward as i64 + 1)
        .map(value)
        .collect();
    let slopes: Vec<f32> = values.windows(3).map(|w| 0.5 * (w[2] - w[0])).collect();
    slopes.iter().all(|s| s.is_finite()).then_some(slopes)
}

fn curve(
    edge: &Edge,
    taken: &Picture,
    simulated: &Picture,
    (window, reach): ([usize; 2], usize),
    step: f64,
) -> Option<Curve> {
    let model = slopes(simulated, edge, window, step)?;
    let given = slopes(taken, edge, window.map(|w| w + reach), step)?;
    let of_model: f32 = model.iter().map(|s| s * s).sum();
    if of_model <= 1e-12 {
        return None;
    }
    let (mut alike, mut energies) = (Vec::new(), Vec::new());
    for given in given.windows(model.len()) {
        let own: f32 = given.iter().map(|s| s * s).sum();
        let both: f32 = given.iter().zip(&model).map(|(a, b)| a * b).sum();
        alike.push(both / (own * of_model).sqrt().max(1e-12));
        energies.push(own);
    }
    Some(Curve {
        alike,
        taken: energies,
        simulated: of_model,
    })
}

/// The mean of the curves of an edge and its neighbors.
fn vote(edge: &Edge, edges: &[Edge], curves: &[Option<Curve>], length: usize) -> Vec<f32> {
    let mut sum = vec![0.0; length];
    let mut total = 0.0;
    for (other, curve) in edges.iter().zip(curves) {
        let Some(curve) = curve else { continue };
        let apart = (other.shadow[0] - edge.shadow[0]).hypot(other.shadow[1] - edge.shadow[1]);
        let turned = other.across[0] * edge.across[0] + other.across[1] * edge.across[1];
        if apart > TOGETHER_MM || turned < 0.8 {
            continue;
        }
        let share = (-0.5 * (apart / TOGETHER_SD_MM).powi(2)).exp() as f32;
        for (sum, value) in sum.iter_mut().zip(&curve.alike) {
            *sum += share * value;
        }
        total += share;
    }
    sum.iter_mut().for_each(|v| *v /= total.max(1e-12));
    sum
}

/// The best sample, its offset in steps, between samples, and how alike it is
/// there; none where nothing is alike or the best lies at the end.
fn peak(curve: &[f32], reach: usize) -> Option<(usize, f32, f32)> {
    let worth = |k: usize| {
        let far = (k as f32 - reach as f32) / reach.max(1) as f32;
        curve[k] - NEARER * far * far
    };
    let best = (0..curve.len()).max_by(|a, b| worth(*a).total_cmp(&worth(*b)))?;
    if best == 0 || best + 1 == curve.len() || curve[best] <= 0.1 {
        return None;
    }
    let (before, here, after) = (curve[best - 1], curve[best], curve[best + 1]);
    let bend = before - 2.0 * here + after;
    let between = if bend < -1e-9 {
        (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    };
    Some((best, best as f32 - reach as f32 + between, here))
}
