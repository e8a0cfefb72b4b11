//! Both bones as one binary glTF file (Khronos glTF 2.0, section 4.4: GLB) for
//! the 3-D view: two nodes, `radius` and `ulna`.
//!
//! ```text
//! "glTF" version length | length "JSON" text… | length "BIN\0" numbers…
//! numbers: for each bone positions (f32 x 3), normals (f32 x 3), triangles (u32 x 3)
//! ```

use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;

/// glTF's numbers for `ARRAY_BUFFER`, `ELEMENT_ARRAY_BUFFER`, `FLOAT`, `UNSIGNED_INT`.
const ARRAY: u32 = 34_962;
const ELEMENTS: u32 = 34_963;
const FLOAT: u32 = 5126;
const UNSIGNED: u32 = 5125;

/// Writes the file. Coordinates are the model's, in millimeters; the nodes
/// scale them to glTF's meters.
pub(super) fn glb(forearm: &Forearm<Model>, notice: &str) -> Vec<u8> {
    let mut numbers = Vec::new();
    let (mut views, mut accessors) = (Vec::new(), Vec::new());
    let (mut meshes, mut nodes) = (Vec::new(), Vec::new());
    for (place, bone) in Bone::ALL.into_iter().enumerate() {
        let mesh = forearm.bone(bone);
        let first = accessors.len();
        let vectors = [mesh.vertices(), &mesh.vertex_normals()];
        for (kind, list) in vectors.into_iter().enumerate() {
            let start = numbers.len();
            let list: Vec<[f32; 3]> = list.iter().map(|v| v.map(single)).collect();
            for value in list.iter().flatten() {
                numbers.extend(value.to_le_bytes());
            }
            let mut accessor = serde_json::json!({
                "bufferView": views.len(), "componentType": FLOAT, "count": list.len(),
                "type": "VEC3",
            });
            if kind == 0 {
                let end = |from: f32, pick: fn(f32, f32) -> f32| {
                    let fold = |a: [f32; 3], b: &[f32; 3]| [0, 1, 2].map(|i| pick(a[i], b[i]));
                    list.iter().fold([from; 3], fold)
                };
                accessor["min"] = serde_json::json!(end(f32::MAX, f32::min));
                accessor["max"] = serde_json::json!(end(f32::MIN, f32::max));
            }
            views.push(view(start, numbers.len() - start, ARRAY));
            accessors.push(accessor);
        }
        numbers_of_triangles(mesh, &mut numbers, &mut views, &mut accessors);
        meshes.push(serde_json::json!({ "name": bone.name(), "primitives": [{
            "attributes": { "POSITION": first, "NORMAL": first + 1 }, "indices": first + 2,
        }]}));
        nodes.push(serde_json::json!({
            "name": bone.name(), "mesh": place, "scale": [0.001, 0.001, 0.001],
        }));
    }
    let text = serde_json::json!({
        "asset": { "version": "2.0", "generator": "bonebox", "copyright": notice },
        "scene": 0, "scenes": [{ "nodes": [0, 1] }], "nodes": nodes, "meshes": meshes,
        "accessors": accessors, "bufferViews": views,
        "buffers": [{ "byteLength": numbers.len() }],
    });
    chunks(text.to_string().into_bytes(), numbers)
}

fn numbers_of_triangles(
    mesh: &SurfaceMesh<Model>,
    numbers: &mut Vec<u8>,
    views: &mut Vec<serde_json::Value>,
    accessors: &mut Vec<serde_json::Value>,
) {
    let start = numbers.len();
    for corner in mesh.triangles().iter().flatten() {
        numbers.extend(corner.to_le_bytes());
    }
    accessors.push(serde_json::json!({
        "bufferView": views.len(), "componentType": UNSIGNED,
        "count": mesh.triangles().len() * 3, "type": "SCALAR",
    }));
    views.push(view(start, numbers.len() - start, ELEMENTS));
}

fn view(start: usize, length: usize, target: u32) -> serde_json::Value {
    serde_json::json!({
        "buffer": 0, "byteOffset": start, "byteLength": length, "target": target,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "glTF holds single precision"
)]
fn single(value: f64) -> f32 {
    value as f32
}

/// Header and both chunks, each padded to four bytes.
fn chunks(mut text: Vec<u8>, mut numbers: Vec<u8>) -> Vec<u8> {
    text.resize(text.len().next_multiple_of(4), b' ');
    numbers.resize(numbers.len().next_multiple_of(4), 0);
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut file = Vec::with_capacity(28 + text.len() + numbers.len());
    file.extend(b"glTF");
    file.extend(2_u32.to_le_bytes());
    file.extend(word(28 + text.len() + numbers.len()));
    for (kind, bytes) in [(b"JSON", text), (b"BIN\0", numbers)] {
        file.extend(word(bytes.len()));
        file.extend(kind);
        file.extend(bytes);
    }
    file
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_file_says_where_its_numbers_lie() {
        let corners = vec![
            [0.0; 3],
            [10.0, 0.0, 0.0],
            [0.0, 20.0, 0.0],
            [0.0, 0.0, 30.0],
        ];
        let triangles = vec![[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let mesh = SurfaceMesh::new(corners, triangles).unwrap();
        let forearm = Forearm {
            radius: mesh.clone(),
            ulna: mesh,
        };
        let file = glb(&forearm, "notice");
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(
            (&file[..4], word(4), word(8)),
            (b"glTF".as_slice(), 2, file.len())
        );
        let length = word(12);
        let text: serde_json::Value = serde_json::from_slice(&file[20..20 + length]).unwrap();
        assert_eq!(&file[20 + length + 4..20 + length + 8], b"BIN\0");
        let numbers = &file[28 + length..];
        assert_eq!(text["buffers"][0]["byteLength"], numbers.len());
        assert_eq!(text["nodes"][1]["name"], "ulna");
        assert_eq!(
            text["accessors"][0]["max"],
            serde_json::json!([10.0, 20.0, 30.0])
        );
        // The last index of the ulna.
        let view = &text["bufferViews"][5];
        let end = view["byteOffset"].as_u64().unwrap() + view["byteLength"].as_u64().unwrap();
        assert_eq!(usize::try_from(end).unwrap(), numbers.len());
        assert_eq!(&numbers[numbers.len() - 4..], &3_u32.to_le_bytes());
        assert_eq!(file, glb(&forearm, "notice"));
    }
}
