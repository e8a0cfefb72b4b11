//! STL. Binary: 80 bytes of header, a count, and 50 bytes a triangle (normal,
//! three corners, an unused word), all little-endian. Text: `solid`, then
//! `facet normal … outer loop`, three times `vertex x y z`, `endloop endfacet`.
//!
//! A count in a file is a claim, not a reason to reserve memory: a text file
//! may begin like a binary one, and either may be cut short.

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

    /// A surface from an STL, binary or text; corners with the same coordinates
    /// become one vertex, triangles without an area are left out.
    ///
    /// # Errors
    /// [`GeometryError::Stl`] when it is cut short, too long or not an STL;
    /// what [`SurfaceMesh::new`] refuses.
    pub fn from_stl(bytes: &[u8]) -> Result<Self, GeometryError> {
        let refuse = |why| GeometryError::Stl { why };
        if looks_like_text(bytes) {
            return from_text(bytes);
        }
        let (_, rest) = bytes
            .split_at_checked(HEADER)
            .ok_or(refuse("shorter than its header"))?;
        let (count, records) = rest
            .split_first_chunk::<4>()
            .ok_or(refuse("no triangle count"))?;
        let count = u32::from_le_bytes(*count) as usize;
        match count.checked_mul(RECORD) {
            Some(length) if length == records.len() => {}
            Some(length) if length < records.len() => {
                return Err(refuse("it is longer than its triangle count says"));
            }
            _ => return Err(refuse("it is cut short: fewer triangles than it announces")),
        }
        let mut welding = Welding::default();
        for record in records.chunks_exact(RECORD) {
            welding.add([0, 1, 2].map(|corner| corner_of(record, corner)));
        }
        welding.surface()
    }
}

/// Makes one vertex of corners with the same coordinates.
#[derive(Default)]
struct Welding {
    seen: HashMap<[u32; 3], u32>,
    vertices: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
}

impl Welding {
    fn add(&mut self, corners: [[f32; 3]; 3]) {
        let triangle = corners.map(|xyz| {
            // Adding zero makes -0 and 0 the same corner.
            let key = xyz.map(|v| (v + 0.0).to_bits());
            let vertices = &mut self.vertices;
            *self.seen.entry(key).or_insert_with(|| {
                vertices.push(xyz.map(f64::from));
                u32::try_from(vertices.len() - 1).unwrap_or(u32::MAX)
            })
        });
        let [a, b, c] = triangle;
        if a != b && b != c && c != a {
            self.triangles.push(triangle);
        }
    }

    fn surface<F: Frame>(self) -> Result<SurfaceMesh<F>, GeometryError> {
        SurfaceMesh::new(self.vertices, self.triangles)
    }
}

/// Whether it is the text format: many programs begin binary files with
/// `solid`, too, but only text goes on with a facet or its end.
fn looks_like_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1024)];
    let Ok(text) =
        std::str::from_utf8(start).or_else(|e| std::str::from_utf8(&start[..e.valid_up_to()]))
    else {
        return false;
    };
    let mut words = text.split_ascii_whitespace();
    words
        .next()
        .is_some_and(|w| w.eq_ignore_ascii_case("solid"))
        && text.is_ascii()
        && (bytes.len() < HEADER + 4
            || words.any(|w| {
                ["facet", "endsolid"]
                    .iter()
                    .any(|k| w.eq_ignore_ascii_case(k))
            }))
}

/// A surface from a text STL: every three vertices of a facet are a triangle.
fn from_text<F: Frame>(bytes: &[u8]) -> Result<SurfaceMesh<F>, GeometryError> {
    let refuse = |why| GeometryError::Stl { why };
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("its text is not text"))?;
    let mut words = text.split_ascii_whitespace();
    let mut welding = Welding::default();
    let mut corners = Vec::with_capacity(3);
    let mut ended = false;
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("vertex") {
            let mut corner = [0.0; 3];
            for value in &mut corner {
                let said = words
                    .next()
                    .ok_or(refuse("it is cut short within a vertex"))?;
                *value = said
                    .parse()
                    .map_err(|_| refuse("a coordinate is not a number"))?;
            }
            corners.push(corner);
        } else if word.eq_ignore_ascii_case("endfacet") {
            let three = <[[f32; 3]; 3]>::try_from(std::mem::take(&mut corners))
                .map_err(|_| refuse("a facet has not three vertices"))?;
            welding.add(three);
        } else if word.eq_ignore_ascii_case("endsolid") {
            ended = true;
        }
    }
    if !ended || !corners.is_empty() {
        return Err(refuse("it is cut short: its text has no end"));
    }
    welding.surface()
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
        let said = |bytes: &[u8]| {
            SurfaceMesh::<Model>::from_stl(bytes)
                .unwrap_err()
                .to_string()
        };
        assert!(said(&bytes[..bytes.len() - 1]).contains("cut short"));
        assert!(said(&[&bytes[..], &[0; 50]].concat()).contains("longer"));
    }

    fn text_of(mesh: &SurfaceMesh<Model>) -> String {
        let mut text = String::from("solid ball\n");
        for corners in mesh.corners() {
            text += " facet normal 0 0 0\n  outer loop\n";
            for [x, y, z] in corners {
                text += &format!("   vertex {x:e} {y:.6} {z}\n");
            }
            text += "  endloop\n endfacet\n";
        }
        text + "endsolid ball\n"
    }

    #[test]
    fn a_text_stl_is_read() {
        let ball = sphere(12.5, 10);
        let read = SurfaceMesh::<Model>::from_stl(text_of(&ball).as_bytes()).unwrap();
        assert_eq!(read.triangles().len(), ball.triangles().len());
        assert!((read.signed_volume() / ball.signed_volume() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_binary_stl_that_begins_with_solid_is_read() {
        let mut bytes = sphere(5.0, 4).to_stl("ball");
        bytes[..14].copy_from_slice(b"solid exported");
        assert!(SurfaceMesh::<Model>::from_stl(&bytes).is_ok());
    }

    #[test]
    fn broken_text_is_refused() {
        let text = text_of(&sphere(5.0, 4));
        let check = |text: &str, why: &str| {
            let refused = SurfaceMesh::<Model>::from_stl(text.as_bytes()).unwrap_err();
            assert!(refused.to_string().contains(why), "{refused}");
        };
        let half: String = text.chars().take(text.len() / 2).collect();
        check(&half, "cut short");
        check(
            &text
                .replacen("vertex 0e0", "vertex zero", 1)
                .replacen("vertex", "vertex x", 1),
            "not a number",
        );
        check(&text.replacen("vertex", "corner", 1), "three vertices");
        check("solid nothing\nendsolid nothing\n", "empty");
        let nan = text.replacen("vertex ", "vertex NaN ", 1);
        assert!(SurfaceMesh::<Model>::from_stl(nan.as_bytes()).is_err());
    }
}
