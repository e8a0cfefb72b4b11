//! Binary STL: 80 bytes of header, a count, and 50 bytes a triangle
//! (normal, three corners, an unused word), all little-endian.

use std::collections::HashMap;

use super::Frame;
use super::GeometryError;
use super::SurfaceMesh;
use super::vector::cross;
use super::vector::sub;
use super::vector::unit;

const HEADER: usize = 80;
const RECORD: usize = 50;

impl<F: Frame> SurfaceMesh<F> {
    /// The surface as a binary STL in millimeters. The header says what it is;
    /// what does not fit into its 80 bytes is cut.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "STL holds single precision and a 32-bit count"
    )]
    pub fn to_stl(&self, header: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 4 + RECORD * self.triangles().len());
        // A header that begins with "solid" would be taken for the text format.
        let said = header.strip_prefix("solid").unwrap_or(header);
        bytes.extend(said.bytes().filter(u8::is_ascii).take(HEADER));
        bytes.resize(HEADER, b' ');
        bytes.extend((self.triangles().len() as u32).to_le_bytes());
        for [a, b, c] in self.corners() {
            let normal = unit(cross(sub(b, a), sub(c, a)));
            for value in [normal, a, b, c].iter().flatten() {
                bytes.extend((*value as f32).to_le_bytes());
            }
            bytes.extend([0, 0]);
        }
        bytes
    }

    /// A surface from a binary STL; corners with the same coordinates become
    /// one vertex, triangles without an area are left out.
    ///
    /// # Errors
    /// [`GeometryError::Stl`] when it is cut short, too long or a text STL;
    /// what [`SurfaceMesh::new`] refuses.
    pub fn from_stl(bytes: &[u8]) -> Result<Self, GeometryError> {
        let refuse = |why| GeometryError::Stl { why };
        let (_, rest) = bytes
            .split_at_checked(HEADER)
            .ok_or(refuse("shorter than its header"))?;
        let (count, records) = rest
            .split_first_chunk::<4>()
            .ok_or(refuse("no triangle count"))?;
        let count = u32::from_le_bytes(*count) as usize;
        if count.checked_mul(RECORD) != Some(records.len()) {
            return Err(if bytes.starts_with(b"solid") {
                refuse("it is a text STL")
            } else {
                refuse("its length does not match its triangle count")
            });
        }
        let mut seen: HashMap<[u32; 3], u32> = HashMap::new();
        let mut vertices = Vec::new();
        let mut triangles = Vec::with_capacity(count);
        for record in records.chunks_exact(RECORD) {
            let mut triangle = [0; 3];
            for (corner, number) in triangle.iter_mut().enumerate() {
                let xyz = corner_of(record, corner);
                // Adding zero makes -0 and 0 the same corner.
                let key = xyz.map(|v| (v + 0.0).to_bits());
                *number = *seen.entry(key).or_insert_with(|| {
                    vertices.push(xyz.map(f64::from));
                    u32::try_from(vertices.len() - 1).unwrap_or(u32::MAX)
                });
            }
            let [a, b, c] = triangle;
            if a != b && b != c && c != a {
                triangles.push(triangle);
            }
        }
        Self::new(vertices, triangles)
    }
}

/// One corner of a 50-byte record: its first 12 bytes are the normal.
fn corner_of(record: &[u8], corner: usize) -> [f32; 3] {
    std::array::from_fn(|axis| {
        let at = 12 + corner * 12 + axis * 4;
        let mut word = [0; 4];
        word.copy_from_slice(&record[at..at + 4]);
        f32::from_le_bytes(word)
    })
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
        let bytes = ball.to_stl("solid ball, millimeters");
        assert_eq!(bytes.len(), 84 + 50 * ball.triangles().len());
        assert!(!bytes.starts_with(b"solid"));
        let read = SurfaceMesh::<Model>::from_stl(&bytes).unwrap();
        assert_eq!(read.triangles().len(), ball.triangles().len());
        assert_eq!(read.vertices().len(), ball.vertices().len());
        assert!(read.is_closed());
        assert!((read.signed_volume() / ball.signed_volume() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn broken_files_are_refused() {
        let bytes = sphere(5.0, 4).to_stl("ball");
        for cut in [0, 50, 83, 84, bytes.len() - 1] {
            assert!(SurfaceMesh::<Model>::from_stl(&bytes[..cut]).is_err());
        }
        let mut huge = bytes.clone();
        huge[80..84].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(SurfaceMesh::<Model>::from_stl(&huge).is_err());
        let text = "solid x\nfacet normal 0 0 1\n".repeat(8);
        let refused = SurfaceMesh::<Model>::from_stl(text.as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("text STL"));
    }
}
