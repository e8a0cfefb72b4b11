//! How each named number moves the template ulna, in the head's own
//! coordinates: origin on its line at the dome, z distal.

use super::parameters::Parameters;
use super::sculpt::bell;
use super::sculpt::rise;
use super::sculpt_ulna::Ulna;

/// Foot and tip of the template's styloid, between which it is stretched.
const STYLOID: [[f64; 2]; 2] = [[-4.7, 2.7], [-6.0, 3.8]];

/// The bent place of a place of the template, of size one, both in the head's
/// own coordinates.
pub(super) fn bend(at: [f64; 3], p: &Parameters) -> [f64; 3] {
    let to = styloid(at, head(at, p), p);
    shaft(at, to, p)
}

/// Dome, fovea, seat, groove and the head's size.
fn head([x, y, z]: [f64; 3], p: &Parameters) -> [f64; 3] {
    let level = -z;
    let mut to = [x, y, z];
    let top = rise(z - Ulna::roof(x, y), -2.2, -0.3) * (1.0 - rise(z, 0.6, 2.0));
    let reach = x.hypot(y);
    to[2] += top * p.dome * (1.0 - ((x - 1.0).hypot(y + 0.8) / 7.5).powi(2)).clamp(-0.6, 1.0);
    to[2] -= top * p.fovea * bell((x + 2.9).hypot(y - 1.4), 2.6);
    to[2] -= p.seat * rise(level, 0.5, 6.5) * (1.0 - rise(level, 14.0, 40.0));
    let angle = y.atan2(x);
    let groove =
        p.groove * bell(angle - 1.98, 0.33) * bell(level - 2.0, 6.5) * rise(reach, 4.0, 6.5);
    let scale = 1.0 - groove / reach.max(1.0);
    let size = 1.0 + (p.head - 1.0) * (1.0 - rise(level, 5.0, 15.0));
    let oval = p.oval * (1.0 - rise(level, 6.0, 14.0));
    to[0] *= scale * size * (1.0 + oval);
    to[1] *= scale * size * (1.0 - oval);
    to
}

/// The styloid's length, thickness and lean.
fn styloid([x, y, z]: [f64; 3], mut to: [f64; 3], p: &Parameters) -> [f64; 3] {
    let part = ((z + 4.5) / 8.0).clamp(0.0, 1.3);
    let line: [f64; 2] =
        std::array::from_fn(|k| STYLOID[0][k] + (STYLOID[1][k] - STYLOID[0][k]) * part);
    let off = [x - line[0], y - line[1]];
    let near = bell(off[0].hypot(off[1]), 4.2) * rise(z, -3.5, 1.5);
    let up = rise(z, -2.5, 5.0);
    to[2] += p.ulnar_styloid * up * rise(z, -2.5, 0.5);
    to[0] += near * p.ulnar_styloid_thick * off[0] - 0.1 * p.ulnar_styloid * up * near;
    to[1] += near * p.ulnar_styloid_thick * off[1] + near * p.ulnar_styloid_lean * up;
    to
}

/// What moves neck and shaft.
fn shaft(from: [f64; 3], to: [f64; 3], p: &Parameters) -> [f64; 3] {
    let level = -from[2];
    let [mut x, mut y, z] = to;
    let below = rise(level, 8.0, 24.0);
    let neck = 1.0 + p.neck * bell(level - 15.0, 8.0);
    let scale = neck * (1.0 + (p.ulna_shaft - 1.0) * below);
    x *= scale * (1.0 + p.ulna_oval * below);
    y *= scale * (1.0 - p.ulna_oval * below);
    x += p.ulna_crest * bell(from[1], 2.6) * rise(from[0], 2.5, 6.0) * rise(level, 24.0, 48.0);
    let turn = p.ulna_torsion_deg.to_radians() * rise(level, 10.0, 72.0);
    let (sine, cosine) = turn.sin_cos();
    (x, y) = (x * cosine - y * sine, x * sine + y * cosine);
    let far = ((level - 14.0).max(0.0) / 60.0).powi(2);
    [x + p.ulna_bow * far, y + p.ulna_arch * far, z]
}
