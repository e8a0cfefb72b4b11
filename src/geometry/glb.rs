//! GLB: binary glTF 2.0. Its unit is the meter (specification 3.4), ours the
//! millimeter: both ways are converted. Read are the triangles of every mesh of
//! the scene where its nodes put them; colors, textures and the rest are not.
//!
//! A GLB is 12 bytes of header, a chunk of JSON and a chunk of numbers.

use gltf::mesh::Mode;
use serde_json::json;

use super::Frame;
use super::GeometryError;
use super::SurfaceMesh;

const MM_PER_M: f64 = 1000.0;
const JSON_CHUNK: u32 = 0x4E4F_534A;
const BINARY_CHUNK: u32 = 0x004E_4942;

impl<F: Frame> SurfaceMesh<F> {
    /// The surface as a GLB of one node and one mesh with its vertex normals.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "glTF holds single precision and 32-bit lengths"
    )]
    pub fn to_glb(&self, name: &str) -> Vec<u8> {
        let [low, high] = self.bounds().map(|p| p.map(|v| (v / MM_PER_M) as f32));
        let mut numbers = Vec::new();
        for vertex in self.vertices() {
            vertex
                .iter()
                .for_each(|v| numbers.extend(((v / MM_PER_M) as f32).to_le_bytes()));
        }
        for normal in self.vertex_normals() {
            normal
                .iter()
                .for_each(|v| numbers.extend((*v as f32).to_le_bytes()));
        }
        let points = 12 * self.vertices().len();
        for vertex in self.triangles().iter().flatten() {
            numbers.extend(vertex.to_le_bytes());
        }
        let count = self.vertices().len();
        let corners = 3 * self.triangles().len();
        let document = json!({
            "asset": {"version": "2.0", "generator": "bonebox"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"name": name, "mesh": 0}],
            "meshes": [{"name": name, "primitives": [
                {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2}
            ]}],
            "buffers": [{"byteLength": numbers.len()}],
            "bufferViews": [
                {"buffer": 0, "byteOffset": 0, "byteLength": points, "target": 34962},
                {"buffer": 0, "byteOffset": points, "byteLength": points, "target": 34962},
                {"buffer": 0, "byteOffset": 2 * points, "byteLength": 4 * corners, "target": 34963},
            ],
            "accessors": [
                {"bufferView": 0, "componentType": 5126, "count": count, "type": "VEC3",
                 "min": low, "max": high},
                {"bufferView": 1, "componentType": 5126, "count": count, "type": "VEC3"},
                {"bufferView": 2, "componentType": 5125, "count": corners, "type": "SCALAR"},
            ],
        });
        let mut text = document.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(4), b' ');
        let whole = 12 + 8 + text.len() + 8 + numbers.len();
        let mut bytes = b"glTF".to_vec();
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend((whole as u32).to_le_bytes());
        for (kind, chunk) in [(JSON_CHUNK, &text), (BINARY_CHUNK, &numbers)] {
            bytes.extend((chunk.len() as u32).to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(chunk);
        }
        bytes
    }

    /// A surface from a GLB: every triangle of its scene, in millimeters.
    ///
    /// # Errors
    /// [`GeometryError::Glb`] when it does not follow the format, or keeps its
    /// numbers in another file; what [`SurfaceMesh::new`] refuses.
    pub fn from_glb(bytes: &[u8]) -> Result<Self, GeometryError> {
        let refuse = |why| GeometryError::Glb { why };
        let file = gltf::Gltf::from_slice(bytes)
            .map_err(|_| refuse("its header, JSON or references are broken"))?;
        let blob = file.blob.as_deref().unwrap_or(&[]);
        for buffer in file.buffers() {
            let inside = matches!(buffer.source(), gltf::buffer::Source::Bin);
            if !inside || buffer.length() > blob.len() {
                return Err(refuse("its numbers are not all in the file"));
            }
        }
        for view in file.views() {
            if view.offset().saturating_add(view.length()) > blob.len() {
                return Err(refuse("it is cut short"));
            }
        }
        let scene = file.default_scene().or_else(|| file.scenes().next());
        let mut found = Found::default();
        for node in scene.ok_or(refuse("it has no scene"))?.nodes() {
            found.add(&node, blob, IDENTITY, 0)?;
        }
        Self::new(found.vertices, found.triangles)
    }
}

const IDENTITY: [[f64; 4]; 4] = [
    [1.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0],
    [0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, 0.0, 1.0],
];

#[derive(Default)]
struct Found {
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
}

impl Found {
    /// The triangles of a node and of those below it. Matrices are by columns.
    fn add(
        &mut self,
        node: &gltf::Node<'_>,
        blob: &[u8],
        above: [[f64; 4]; 4],
        depth: usize,
    ) -> Result<(), GeometryError> {
        let refuse = |why| GeometryError::Glb { why };
        if depth > 64 {
            return Err(refuse("its nodes hang from one another without end"));
        }
        let own = node.transform().matrix().map(|c| c.map(f64::from));
        let whole: [[f64; 4]; 4] = std::array::from_fn(|c| {
            std::array::from_fn(|r| (0..4).map(|k| above[k][r] * own[c][k]).sum())
        });
        for primitive in node.mesh().iter().flat_map(gltf::Mesh::primitives) {
            if primitive.mode() != Mode::Triangles {
                continue;
            }
            let reader = primitive.reader(|_| Some(blob));
            let places = reader
                .read_positions()
                .ok_or(refuse("a mesh has no positions"))?;
            let first = u32::try_from(self.vertices.len()).unwrap_or(u32::MAX);
            self.vertices.extend(places.map(|p| {
                let p = p.map(f64::from);
                let at = |r: usize| (0..3).map(|k| whole[k][r] * p[k]).sum::<f64>() + whole[3][r];
                [0, 1, 2].map(|r| at(r) * MM_PER_M)
            }));
            let last = u32::try_from(self.vertices.len()).unwrap_or(u32::MAX);
            let corners: Vec<u32> = reader.read_indices().map_or_else(
                || (first..last).collect(),
                |i| i.into_u32().map(|v| first.saturating_add(v)).collect(),
            );
            self.triangles.extend(
                corners
                    .chunks_exact(3)
                    .map(|c| [c[0], c[1], c[2]])
                    .filter(|[a, b, c]| a != b && b != c && c != a),
            );
        }
        for child in node.children() {
            self.add(&child, blob, whole, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::sphere::sphere;

    #[test]
    fn a_surface_survives_being_written() {
        let ball = sphere(12.5, 10);
        let read = SurfaceMesh::<Model>::from_glb(&ball.to_glb("ball")).unwrap();
        assert_eq!(read.triangles(), ball.triangles());
        for (a, b) in read.vertices().iter().zip(ball.vertices()) {
            assert!((0..3).all(|axis| (a[axis] - b[axis]).abs() < 1e-5));
        }
    }

    #[test]
    fn a_node_that_moves_and_scales_its_mesh_is_heeded() {
        let ball = sphere(10.0, 6);
        let bytes = ball.to_glb("ball");
        // The same file with a node that doubles and shifts by one meter along x.
        let length = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
        let json = std::str::from_utf8(&bytes[20..20 + length]).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(json).unwrap();
        document["nodes"][0]["scale"] = json!([2.0, 2.0, 2.0]);
        document["nodes"][0]["translation"] = json!([1.0, 0.0, 0.0]);
        let mut text = document.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(4), b' ');
        let rest = &bytes[20 + length..];
        let mut moved = b"glTF".to_vec();
        moved.extend(2_u32.to_le_bytes());
        moved.extend(
            u32::try_from(20 + text.len() + rest.len())
                .unwrap()
                .to_le_bytes(),
        );
        moved.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        moved.extend(JSON_CHUNK.to_le_bytes());
        moved.extend(&text);
        moved.extend(rest);
        let read = SurfaceMesh::<Model>::from_glb(&moved).unwrap();
        assert!((read.signed_volume() / ball.signed_volume() - 8.0).abs() < 1e-3);
        assert!((read.bounds()[0][0] - 980.0).abs() < 1.0);
    }

    #[test]
    fn broken_files_are_refused_wherever_they_are_cut() {
        let bytes = sphere(5.0, 3).to_glb("ball");
        for cut in (0..bytes.len()).step_by(7) {
            assert!(
                SurfaceMesh::<Model>::from_glb(&bytes[..cut]).is_err(),
                "{cut}"
            );
        }
    }
}
