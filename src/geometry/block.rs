//! A box's surface, for tests.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::Frame;
use super::SurfaceMesh;

/// A closed box with corners at low and high.
pub(crate) fn block<F: Frame>(low: [f64; 3], high: [f64; 3]) -> SurfaceMesh<F> {
    let corner = |i: usize| std::array::from_fn(|a| if i >> a & 1 == 0 { low[a] } else { high[a] });
    let faces = [
        [0, 2, 3, 1],
        [4, 5, 7, 6],
        [0, 1, 5, 4],
        [2, 6, 7, 3],
        [0, 4, 6, 2],
        [1, 3, 7, 5],
    ];
    let triangles = faces
        .iter()
        .flat_map(|f| [[f[0], f[1], f[2]], [f[0], f[2], f[3]]]);
    let mesh = SurfaceMesh::new((0..8).map(corner).collect(), triangles.collect()).unwrap();
    assert!(mesh.is_closed());
    mesh
}
