//! Pictures of the forearm's shape model for docs/: both bones from six sides,
//! and the mean two SDs to either side of its first modes.

use super::WorkbenchError;
use super::solve::chain;
use crate::anatomy::Bone;
use crate::anatomy::ForearmModel;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::raster::Look;
use crate::raster::RasterError;
use crate::raster::Shaded;

const BONE: [f64; 3] = [0.93, 0.89, 0.80];
const CARTILAGE: [f64; 3] = [0.75, 0.85, 0.95];
/// Width and height of a view in the first picture.
const VIEW: [usize; 2] = [260, 420];
/// The same in the second.
const SMALL: [usize; 2] = [150, 230];

/// Name and PNG of every picture.
///
/// # Errors
/// [`WorkbenchError::Step`] when one cannot be drawn.
pub fn all(model: &ForearmModel) -> Result<Vec<(&'static str, Vec<u8>)>, WorkbenchError> {
    let fault = |error: RasterError| WorkbenchError::Step(chain(&error));
    Ok(vec![
        ("shape-mean.png", mean(model)?.png().map_err(fault)?),
        ("shape-modes.png", modes(model)?.png().map_err(fault)?),
    ])
}

/// Palmar, dorsal, radial, ulnar, distal and oblique.
const SIDES: [([f64; 3], [f64; 3]); 6] = [
    ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
    ([-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
    ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0]),
    ([0.0, -1.0, 0.0], [0.0, 0.0, 1.0]),
    ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
    ([1.0, 0.0, 0.0], [0.0, 0.6, 0.8]),
];

fn look(side: usize, surface: &SurfaceMesh<Model>, pixels_mm: f64, down_mm: f64) -> Look {
    let [low, high] = surface.bounds();
    let (right, up) = SIDES[side];
    let middle = |axis: usize| f64::midpoint(low[axis], high[axis]);
    let down = if side < 4 { down_mm } else { 4.0 };
    Look {
        right,
        up,
        middle: [middle(0), middle(1), high[2] - down],
        pixels_mm,
    }
}

fn mean(model: &ForearmModel) -> Result<Shaded, WorkbenchError> {
    let [width, height] = VIEW;
    let mut picture = Shaded::new(width * SIDES.len(), height * 2);
    for (row, bone) in Bone::ALL.into_iter().enumerate() {
        let part = model.bone(bone);
        let color = |v: usize| {
            if part.joint_patch()[v] {
                CARTILAGE
            } else {
                BONE
            }
        };
        for side in 0..SIDES.len() {
            let look = look(side, part.mean(), 7.0, 27.0);
            let pane = [side * width, row * height, width, height];
            picture.draw(part.mean(), color, &look, pane);
        }
    }
    Ok(picture)
}

/// Rows: the size and the first four own modes of each bone, two SDs to either
/// side, from the palm, from the thumb and from the end.
fn modes(model: &ForearmModel) -> Result<Shaded, WorkbenchError> {
    let [width, height] = SMALL;
    let sides = [0, 2, 4];
    let mut picture = Shaded::new(width * 12, height * 5);
    for (block, bone) in Bone::ALL.into_iter().enumerate() {
        let part = model.bone(bone);
        for row in 0..5 {
            for (half, sd) in [-2.0, 2.0].into_iter().enumerate() {
                let mut z = vec![0.0; row + 1];
                z[row] = sd;
                let shape = part.mean().with_vertices(part.vertices(&z));
                let shape = shape.map_err(|e| WorkbenchError::Step(chain(&e)))?;
                for (column, side) in sides.into_iter().enumerate() {
                    let mut look = look(side, part.mean(), 4.0, 26.0);
                    look.middle[2] =
                        part.mean().bounds()[1][2] - if side == 4 { 4.0 } else { 26.0 };
                    let left = (block * 6 + half * 3 + column) * width;
                    let pane = [left, row * height, width, height];
                    picture.draw(&shape, |_| BONE, &look, pane);
                }
            }
        }
    }
    Ok(picture)
}
