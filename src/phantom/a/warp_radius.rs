//! How each named number moves the template radius: smooth motions of space,
//! weighted by where on the template a place lies.

use super::parameters::Notch;
use super::parameters::Parameters;
use super::sculpt::bell;
use super::sculpt::rise;
use super::sculpt_radius::Radius;

/// The template's own measures, from which the drawn ones depart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slopes {
    /// Tangent of the inclination added.
    pub(super) inclination: f64,
    /// Tangent of the tilt added.
    pub(super) tilt: f64,
}

/// The bent place of a place of the template, of size one.
pub(super) fn bend(at: [f64; 3], p: &Parameters, notch: (Notch, f64), slopes: Slopes) -> [f64; 3] {
    let pressed = features(at, p);
    let rimmed = rims(at, pressed, p);
    let notched = sigmoid(at, rimmed, p, notch);
    whole(at, notched, p, slopes)
}

/// Tubercle, grooves, pronator fossa, crest and the form of the section.
fn features([x, y, z]: [f64; 3], p: &Parameters) -> [f64; 3] {
    let level = -z;
    let back = rise(y, 2.0, 5.0);
    let palm = rise(-y, 1.0, 3.5);
    let mut to = [x, y, z];
    let by_lister = back * bell(level - 8.5, 8.0);
    to[0] += p.lister_side * by_lister * bell(x - 1.5, 5.0);
    to[1] += p.lister * by_lister * bell(x - 1.9, 2.0);
    to[1] -= p.grooves * by_lister * (bell(x + 1.6, 1.7) + 0.5 * bell(x - 6.8, 2.9));
    to[1] += p.pronator * palm * bell(x - 1.0, 6.0) * bell(level - 14.0, 8.0);
    to[0] -= p.crest * bell(y, 2.8) * rise(-x, 3.5, 7.0) * rise(level, 16.0, 34.0);
    let angle = y.atan2(x);
    let shaft = rise(level, 14.0, 34.0);
    let push = p.triangle * shaft * (3.0 * angle + 0.6).cos()
        + p.square
            * (1.0 - shaft)
            * (4.0 * angle + std::f64::consts::PI).cos()
            * rise(level, -6.0, 4.0);
    let reach = x.hypot(y).max(1e-9);
    let edge = push * rise(reach, 2.0, 5.0);
    to[0] += edge * x / reach;
    to[1] += edge * y / reach;
    to
}

/// Fossae, ridge, rims and styloid.
fn rims([x, y, z]: [f64; 3], mut to: [f64; 3], p: &Parameters) -> [f64; 3] {
    let level = -z;
    let top = rise(z - Radius::roof(x, y), -2.4, -0.3);
    let near = |a: f64, b: f64, wide: [f64; 2]| bell(x - a, wide[0]) * bell(y - b, wide[1]);
    to[2] -= top * p.scaphoid * near(6.6, 0.2, [5.6, 6.0]);
    to[2] -= top * p.lunate * near(-6.4, -0.4, [5.0, 6.4]);
    to[2] += top * p.ridge * bell(x - 0.1, 2.4);
    to[0] += top * p.ridge_side * bell(x - 0.1, 4.5);
    let rim = 1.0 - rise(level - rim_level(x), 0.0, 7.0);
    to[2] += rim * p.dorsal_rim * rise(y, 4.0, 8.5);
    let lip = rim * p.volar_lip * bell(x + 5.5, 6.0) * rise(-y, 4.0, 8.5);
    to[2] += 0.7 * lip;
    to[1] -= 0.7 * lip;
    let thumb = rise(x, 6.5, 13.5);
    to[2] += thumb * p.styloid * (1.0 - rise(level, -4.0, 9.0));
    to[0] += thumb * p.styloid_side * (1.0 - rise(level, 3.0, 16.0));
    to
}

/// About the level of the rim on the line from ulnar corner to styloid.
fn rim_level(x: f64) -> f64 {
    -0.9 - 0.425 * x
}

/// The sigmoid notch.
fn sigmoid([x, y, z]: [f64; 3], mut to: [f64; 3], p: &Parameters, notch: (Notch, f64)) -> [f64; 3] {
    let along = (-z - 8.0) / 4.5;
    let across = (y + 0.2) / 6.6;
    let weight = rise(-x, 8.5, 12.0) * rise(along, -1.6, -0.4) * (1.0 - rise(along, 0.7, 2.0));
    let hump = (1.0 - across * across).max(0.0);
    let side = across.clamp(-1.3, 1.3);
    to[0] += weight
        * (p.notch * hump - notch.1 * notch.0.floor(across)
            + p.notch_lean * along.clamp(-1.5, 1.5)
            + p.notch_turn * side);
    to
}

/// What moves the whole bone: slopes, widths, flare, bow and torsion.
fn whole(from: [f64; 3], to: [f64; 3], p: &Parameters, slopes: Slopes) -> [f64; 3] {
    let level = -from[2];
    let [mut x, mut y, mut z] = to;
    let distal = 1.0 - rise(level, 5.0, 32.0);
    let end = 1.0 - rise(level, 3.0, 30.0);
    z += (x * slopes.inclination + y * slopes.tilt) * end;
    z -= p.flare * rise(level, 4.0, 16.0) * (1.0 - rise(level, 26.0, 58.0));
    x *= p.width * distal + p.shaft_width * (1.0 - distal);
    y *= p.depth * distal + p.shaft_depth * (1.0 - distal);
    let turn = p.torsion_deg.to_radians() * rise(level, 8.0, 70.0);
    let (sine, cosine) = turn.sin_cos();
    (x, y) = (x * cosine - y * sine, x * sine + y * cosine);
    let far = ((level - 20.0).max(0.0) / 60.0).powi(2);
    [x + p.bow * far, y + p.arch * far, z]
}
