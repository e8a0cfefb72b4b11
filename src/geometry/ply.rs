//! PLY (Turk, 1994): a header in text that says which numbers follow, then the
//! numbers, in text or binary of either byte order. Of a file's elements only
//! `vertex` (`x`, `y`, `z`) and `face` (a list of vertex numbers) are read, the
//! others are passed over; faces of more than three corners become fans.
//!
//! Written is binary, little-endian, with a number a vertex where one is given.

use super::Frame;
use super::GeometryError;
use super::SurfaceMesh;

/// No file may announce more than this of an element.
const MOST: usize = 50_000_000;

impl<F: Frame> SurfaceMesh<F> {
    /// The surface as a binary PLY in millimeters, with one number a vertex
    /// under a name (such as `sigma_mm`) if one is given.
    ///
    /// # Errors
    /// [`GeometryError::Unpaired`] when there is not one number a vertex.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "PLY float is single precision"
    )]
    pub fn to_ply(
        &self,
        comment: &str,
        values: Option<(&str, &[f64])>,
    ) -> Result<Vec<u8>, GeometryError> {
        let numbers = values.map_or(&[][..], |v| v.1);
        if values.is_some() && numbers.len() != self.vertices().len() {
            return Err(GeometryError::Unpaired {
                left: numbers.len(),
                right: self.vertices().len(),
            });
        }
        let said = comment.replace(['\n', '\r'], " ");
        let extra = values.map_or(String::new(), |(name, _)| {
            format!(
                "property float {}\n",
                name.replace(char::is_whitespace, "_")
            )
        });
        let mut bytes = format!(
            "ply\nformat binary_little_endian 1.0\ncomment {said}\nelement vertex {}\n\
             property float x\nproperty float y\nproperty float z\n{extra}element face {}\n\
             property list uchar int vertex_indices\nend_header\n",
            self.vertices().len(),
            self.triangles().len()
        )
        .into_bytes();
        for (v, vertex) in self.vertices().iter().enumerate() {
            for value in vertex.iter().chain(numbers.get(v)) {
                bytes.extend((*value as f32).to_le_bytes());
            }
        }
        for triangle in self.triangles() {
            bytes.push(3);
            for vertex in triangle {
                bytes.extend(vertex.to_le_bytes());
            }
        }
        Ok(bytes)
    }

    /// A surface from a PLY.
    ///
    /// # Errors
    /// [`GeometryError::Ply`] when it does not follow the format or is cut
    /// short; what [`SurfaceMesh::new`] refuses.
    pub fn from_ply(bytes: &[u8]) -> Result<Self, GeometryError> {
        let (header, body) = Header::read(bytes)?;
        let mut numbers = Numbers {
            coding: header.coding,
            rest: body,
        };
        let (mut vertices, mut triangles) = (Vec::new(), Vec::new());
        for element in &header.elements {
            for _ in 0..element.count {
                match element.name.as_str() {
                    "vertex" => vertices.push(element.vertex(&mut numbers)?),
                    "face" => element.face(&mut numbers, &mut triangles)?,
                    _ => element.pass(&mut numbers)?,
                }
            }
        }
        Self::new(vertices, triangles)
    }
}

const fn refuse(why: &'static str) -> GeometryError {
    GeometryError::Ply { why }
}

#[derive(Clone, Copy, PartialEq)]
enum Coding {
    Text,
    Little,
    Big,
}

/// A number's type: its size in bytes and how it is read.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Signed(usize),
    Unsigned(usize),
    Float,
    Double,
}

impl Kind {
    fn named(name: &str) -> Result<Self, GeometryError> {
        Ok(match name {
            "char" | "int8" => Self::Signed(1),
            "uchar" | "uint8" => Self::Unsigned(1),
            "short" | "int16" => Self::Signed(2),
            "ushort" | "uint16" => Self::Unsigned(2),
            "int" | "int32" => Self::Signed(4),
            "uint" | "uint32" => Self::Unsigned(4),
            "float" | "float32" => Self::Float,
            "double" | "float64" => Self::Double,
            _ => return Err(refuse("a property has a type that PLY does not know")),
        })
    }
}

struct Property {
    name: String,
    kind: Kind,
    /// The type of a list's length.
    list: Option<Kind>,
}

struct Element {
    name: String,
    count: usize,
    properties: Vec<Property>,
}

struct Header {
    coding: Coding,
    elements: Vec<Element>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), GeometryError> {
        let mut rest = bytes;
        let mut line = || -> Result<String, GeometryError> {
            let end = rest.iter().take(4096).position(|b| *b == b'\n');
            let (now, after) = rest.split_at(end.ok_or(refuse("its header has no end"))?);
            rest = &after[1..];
            let text = std::str::from_utf8(now).map_err(|_| refuse("its header is not text"))?;
            Ok(text.trim().to_owned())
        };
        if line()? != "ply" {
            return Err(refuse("it does not begin with ply"));
        }
        let mut coding = None;
        let mut elements: Vec<Element> = Vec::new();
        loop {
            let said = line()?;
            let words: Vec<&str> = said.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["format", "ascii", _] => coding = Some(Coding::Text),
                ["format", "binary_little_endian", _] => coding = Some(Coding::Little),
                ["format", "binary_big_endian", _] => coding = Some(Coding::Big),
                ["element", name, count] => elements.push(Element {
                    name: (*name).to_owned(),
                    count: count
                        .parse()
                        .ok()
                        .filter(|n| *n <= MOST)
                        .ok_or(refuse("an element's count is no count"))?,
                    properties: Vec::new(),
                }),
                ["property", how @ .., name] => {
                    let element = elements.last_mut();
                    let element = element.ok_or(refuse("a property belongs to no element"))?;
                    let (list, kind) = match how {
                        ["list", length, kind] => (Some(Kind::named(length)?), *kind),
                        [kind] => (None, *kind),
                        _ => return Err(refuse("a property is not understood")),
                    };
                    element.properties.push(Property {
                        name: (*name).to_owned(),
                        kind: Kind::named(kind)?,
                        list,
                    });
                }
                ["end_header"] => break,
                _ => {}
            }
        }
        let coding = coding.ok_or(refuse("its format is not said"))?;
        Ok((Self { coding, elements }, rest))
    }
}

impl Element {
    fn vertex(&self, numbers: &mut Numbers<'_>) -> Result<[f64; 3], GeometryError> {
        let mut vertex = [f64::NAN; 3];
        for property in &self.properties {
            let value = property.one(numbers)?;
            if let Some(axis) = ["x", "y", "z"].iter().position(|a| *a == property.name) {
                vertex[axis] = value.ok_or(refuse("a coordinate is a list"))?;
            }
        }
        Ok(vertex)
    }

    fn face(
        &self,
        numbers: &mut Numbers<'_>,
        triangles: &mut Vec<[u32; 3]>,
    ) -> Result<(), GeometryError> {
        for property in &self.properties {
            let corners = ["vertex_indices", "vertex_index"].contains(&property.name.as_str());
            let (true, Some(length)) = (corners, property.list) else {
                property.one(numbers)?;
                continue;
            };
            let count = numbers.take(length)?;
            let mut fan: Vec<u32> = Vec::new();
            let mut taken = 0.0;
            while taken < count {
                fan.push(vertex_number(numbers.take(property.kind)?)?);
                taken += 1.0;
            }
            for pair in fan.get(1..).unwrap_or(&[]).windows(2) {
                let triangle = [fan[0], pair[0], pair[1]];
                if triangle[0] != triangle[1] && pair[0] != pair[1] && triangle[0] != pair[1] {
                    triangles.push(triangle);
                }
            }
        }
        Ok(())
    }

    fn pass(&self, numbers: &mut Numbers<'_>) -> Result<(), GeometryError> {
        for property in &self.properties {
            property.one(numbers)?;
        }
        Ok(())
    }
}

impl Property {
    /// Its value; none for a list, which is passed over.
    fn one(&self, numbers: &mut Numbers<'_>) -> Result<Option<f64>, GeometryError> {
        let Some(length) = self.list else {
            return numbers.take(self.kind).map(Some);
        };
        let count = numbers.take(length)?;
        let mut taken = 0.0;
        while taken < count {
            numbers.take(self.kind)?;
            taken += 1.0;
        }
        Ok(None)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn vertex_number(value: f64) -> Result<u32, GeometryError> {
    if value >= 0.0 && value < f64::from(u32::MAX) {
        Ok(value as u32)
    } else {
        Err(refuse("a face names a vertex below zero"))
    }
}

/// The numbers after the header.
struct Numbers<'a> {
    coding: Coding,
    rest: &'a [u8],
}

impl Numbers<'_> {
    fn take(&mut self, kind: Kind) -> Result<f64, GeometryError> {
        if self.coding == Coding::Text {
            let start = self.rest.iter().position(|b| !b.is_ascii_whitespace());
            let from = &self.rest[start.ok_or(refuse("it is cut short"))?..];
            let end = from
                .iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(from.len());
            let (word, rest) = from.split_at(end);
            self.rest = rest;
            let word = std::str::from_utf8(word).ok();
            return word
                .and_then(|w| w.parse().ok())
                .ok_or(refuse("a number is not a number"));
        }
        let size = match kind {
            Kind::Signed(size) | Kind::Unsigned(size) => size,
            Kind::Float => 4,
            Kind::Double => 8,
        };
        let (now, rest) = self
            .rest
            .split_at_checked(size)
            .ok_or(refuse("it is cut short"))?;
        self.rest = rest;
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(now) {
            *place = *byte;
        }
        if self.coding == Coding::Big {
            word[..size].reverse();
        }
        let low = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        Ok(match kind {
            Kind::Unsigned(_) => f64::from(low),
            Kind::Signed(1) => f64::from(i8::from_le_bytes([word[0]])),
            Kind::Signed(2) => f64::from(i16::from_le_bytes([word[0], word[1]])),
            Kind::Signed(_) => f64::from(low.cast_signed()),
            Kind::Float => f64::from(f32::from_bits(low)),
            Kind::Double => f64::from_le_bytes(word),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Model;
    use crate::geometry::sphere::sphere;

    const PLATE: &str = "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 4\n\
        property double x\nproperty float y\nproperty float z\nproperty uchar red\n\
        element face 1\nproperty list uchar int vertex_indices\nelement edge 1\n\
        property int a\nend_header\n0 0 0 9\n2 0 0 9\n2 3 0 9\n0 3 0 9\n4 0 1 2 3\n7\n";

    #[test]
    fn a_surface_survives_being_written() {
        let ball = sphere(12.5, 10);
        let heights: Vec<f64> = ball.vertices().iter().map(|v| v[2]).collect();
        for values in [None, Some(("height mm", heights.as_slice()))] {
            let bytes = ball.to_ply("a ball\nof 12.5 mm", values).unwrap();
            let read = SurfaceMesh::<Model>::from_ply(&bytes).unwrap();
            assert_eq!(read.triangles(), ball.triangles());
            assert!((read.signed_volume() / ball.signed_volume() - 1.0).abs() < 1e-6);
        }
        assert!(ball.to_ply("", Some(("x", &[1.0]))).is_err());
    }

    #[test]
    fn a_text_file_with_more_than_we_need_is_read() {
        let plate = SurfaceMesh::<Model>::from_ply(PLATE.as_bytes()).unwrap();
        assert_eq!(plate.triangles(), [[0, 1, 2], [0, 2, 3]]);
        assert!((plate.area() - 6.0).abs() < 1e-12);
    }

    #[test]
    fn either_byte_order_is_read() {
        let head = "ply\nformat binary_big_endian 1.0\nelement vertex 3\nproperty float x\n\
            property float y\nproperty float z\nelement face 1\n\
            property list uchar short vertex_index\nend_header\n";
        let mut bytes = head.as_bytes().to_vec();
        for value in [0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
            bytes.extend(value.to_be_bytes());
        }
        bytes.push(3);
        for number in [0_i16, 1, 2] {
            bytes.extend(number.to_be_bytes());
        }
        let read = SurfaceMesh::<Model>::from_ply(&bytes).unwrap();
        assert!((read.area() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn broken_files_are_refused_wherever_they_are_cut() {
        let bytes = sphere(5.0, 3).to_ply("ball", None).unwrap();
        for cut in 0..bytes.len() {
            assert!(
                SurfaceMesh::<Model>::from_ply(&bytes[..cut]).is_err(),
                "{cut}"
            );
        }
        for (from, to) in [
            ("element vertex 4", "element vertex 400000000000"),
            ("double x", "quad x"),
            ("2 0 0 9", "2 0 nan 9"),
            ("4 0 1 2 3", "4 0 1 2 -3"),
            ("4 0 1 2 3", "4 0 1 2 8"),
            ("format ascii 1.0\n", ""),
        ] {
            let broken = PLATE.replace(from, to);
            assert!(
                SurfaceMesh::<Model>::from_ply(broken.as_bytes()).is_err(),
                "{to}"
            );
        }
    }
}
