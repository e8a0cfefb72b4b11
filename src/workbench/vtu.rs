//! Meshes as files: VTU (VTK's XML for unstructured grids) for pictures, and a CalculiX
//! deck's nodes and elements for other solvers.
//!
//! A VTU here is a short XML head and then, after `_`, the arrays as they are in
//! memory (little-endian), each with its length in bytes before it:
//!
//! ```text
//! <VTKFile ...> ... <DataArray offset="N"/> ... <AppendedData encoding="raw"> _
//! u64 length, points f64 x 3 | u64 length, corners i32 | offsets i32 | types u8 | data f64 ...
//! </AppendedData></VTKFile>
//! ```
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "VTK's Int32 holds a mesh's node numbers below 2^31; a mesh beyond would be 50 GB of file"
)]

use std::fmt::Write as _;

use crate::mechanics::TetMesh;

/// VTK's numbers for tetrahedra of four and of ten nodes.
const FOUR: u8 = 10;
const TEN: u8 = 24;

/// Values to be shown with a mesh.
pub struct Values<'a> {
    /// What they are called, with the unit.
    pub name: &'a str,
    /// How many belong together.
    pub components: usize,
    /// One group for each node or element.
    pub values: Vec<f64>,
}

/// A mesh and values at its nodes and in its elements, as a VTU file.
#[must_use]
pub fn write_vtu(mesh: &TetMesh, at_nodes: &[Values], in_elements: &[Values]) -> Vec<u8> {
    let mut arrays = Arrays::default();
    let mut head = format!(
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"UnstructuredGrid\" version=\"1.0\" \
         byte_order=\"LittleEndian\" header_type=\"UInt64\">\n<UnstructuredGrid>\n\
         <Piece NumberOfPoints=\"{}\" NumberOfCells=\"{}\">\n<Points>\n",
        mesh.nodes().len(),
        mesh.elements()
    );
    let points = mesh.nodes().iter().flatten().flat_map(|v| v.to_le_bytes());
    head += &arrays.add("Float64", "points", 3, points.collect());
    head += "</Points>\n<Cells>\n";
    let elements = || (0..mesh.elements()).map(|e| mesh.element(e));
    let corners = elements().flatten().flat_map(|n| (*n as i32).to_le_bytes());
    head += &arrays.add("Int32", "connectivity", 1, corners.collect());
    let mut end = 0;
    let ends = elements().flat_map(|nodes| {
        end += nodes.len() as i32;
        end.to_le_bytes()
    });
    head += &arrays.add("Int32", "offsets", 1, ends.collect());
    let types = elements().map(|nodes| if nodes.len() == 4 { FOUR } else { TEN });
    head += &arrays.add("UInt8", "types", 1, types.collect());
    head += "</Cells>\n";
    for (tag, all) in [("PointData", at_nodes), ("CellData", in_elements)] {
        let _written = writeln!(head, "<{tag}>");
        for values in all {
            let bytes = values.values.iter().flat_map(|v| v.to_le_bytes());
            head += &arrays.add("Float64", values.name, values.components, bytes.collect());
        }
        let _written = writeln!(head, "</{tag}>");
    }
    head += "</Piece>\n</UnstructuredGrid>\n<AppendedData encoding=\"raw\">\n_";
    let mut bytes = head.into_bytes();
    bytes.append(&mut arrays.bytes);
    bytes.extend(b"\n</AppendedData>\n</VTKFile>\n");
    bytes
}

/// The arrays behind the head.
#[derive(Default)]
struct Arrays {
    bytes: Vec<u8>,
}

impl Arrays {
    /// Appends an array; returns the line that describes it.
    fn add(&mut self, kind: &str, name: &str, components: usize, array: Vec<u8>) -> String {
        let line = format!(
            "<DataArray type=\"{kind}\" Name=\"{name}\" NumberOfComponents=\"{components}\" \
             format=\"appended\" offset=\"{}\"/>\n",
            self.bytes.len()
        );
        self.bytes.extend((array.len() as u64).to_le_bytes());
        self.bytes.extend(array);
        line
    }
}

/// A mesh as the nodes and elements of a CalculiX deck, numbered from 1; all nodes
/// are the set NALL, all elements the set EALL. CalculiX reads twenty characters of
/// a number: no coordinate is longer.
#[must_use]
pub fn write_inp(mesh: &TetMesh) -> Vec<u8> {
    let mut text = String::from("** lengths in millimeters\n*NODE, NSET=NALL\n");
    for (index, [x, y, z]) in mesh.nodes().iter().enumerate() {
        let _written = writeln!(text, "{}, {x:.12e}, {y:.12e}, {z:.12e}", index + 1);
    }
    for (size, name) in [(4, "C3D4"), (10, "C3D10")] {
        let of_size = (0..mesh.elements()).filter(|e| mesh.element(*e).len() == size);
        let mut of_size = of_size.peekable();
        if of_size.peek().is_some() {
            let _written = writeln!(text, "*ELEMENT, TYPE={name}, ELSET=EALL");
        }
        for element in of_size {
            let _written = write!(text, "{}", element + 1);
            for node in mesh.element(element) {
                let _written = write!(text, ", {}", node + 1);
            }
            text.push('\n');
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn one() -> TetMesh {
        let nodes = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        TetMesh::new(nodes, vec![[0, 1, 2, 3]], vec![]).unwrap()
    }

    #[test]
    fn a_vtu_holds_its_arrays_where_its_head_says() {
        let values = Values {
            name: "displacement [mm]",
            components: 3,
            values: (0..12).map(f64::from).collect(),
        };
        let bytes = write_vtu(&one(), &[values], &[]);
        let begin = bytes.windows(2).position(|w| w == b"\n_").unwrap() + 2;
        let head = std::str::from_utf8(&bytes[..begin]).unwrap();
        let line = head
            .lines()
            .find(|l| l.contains("displacement [mm]"))
            .unwrap();
        let offset = line
            .split("offset=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let at = begin + offset.parse::<usize>().unwrap();
        assert_eq!(bytes[at..at + 8], 96_u64.to_le_bytes());
        assert_eq!(bytes[at + 96..at + 104], 11_f64.to_le_bytes());
        let types = begin + 8 + 96 + 8 + 16 + 8 + 4 + 8;
        assert_eq!(bytes[types], FOUR);
    }

    #[test]
    fn a_deck_can_be_read_again() {
        let written = write_inp(&one().with_middles());
        let text = String::from_utf8(written).unwrap();
        assert!(text.contains("*ELEMENT, TYPE=C3D10, ELSET=EALL\n1, 1, 2, 3, 4, 5, "));
        assert!(!text.contains("C3D4"));
    }
}
