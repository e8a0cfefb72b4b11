//! Decks that say what they should, and decks that must be refused with their line.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::mechanics::Solver;

/// One cube of six tetrahedra, clamped below and pulled above; line numbers in the
/// tests count from its first line.
const CUBE: &str = "\
*HEADING
a cube
*Node, nset=Nall
1, 0., 0., 0.
2, 1., 0., 0.
3, 0., 1., 0.
4, 1., 1., 0.
5, 0., 0., 1.
6, 1., 0., 1.
7, 0., 1., 1.
8, 1., 1., 1.D0
*ELEMENT, TYPE=C3D4, ELSET=Eall
1, 1, 2, 4, 8
2, 1, 4, 3, 8
3, 1, 3, 7, 8
4, 1, 7, 5, 8
5, 1, 5, 6, 8
6, 1, 6, 2, 8
** the base
*NSET, NSET=base, GENERATE
1, 4
*NSET, NSET=top
5, 6,
7, 8
*MATERIAL, NAME=bone
*ELASTIC
1000., 0.
*SOLID SECTION, ELSET=EALL, MATERIAL=BONE
*BOUNDARY
base, 1, 3
*STEP
*STATIC, SOLVER=PARDISO
*CLOAD
top, 3, 2.5
*NODE PRINT, NSET=NALL
U
*EL FILE
S
*END STEP
";

#[test]
fn a_deck_says_what_it_says() {
    let deck = read(CUBE.as_bytes()).unwrap();
    assert_eq!((deck.mesh.nodes().len(), deck.mesh.elements()), (8, 6));
    assert_eq!(deck.case.supports.len(), 12);
    assert_eq!(deck.case.loads.len(), 4);
    assert_eq!(deck.held[0].0, "BASE");
    let solution = Solver::default()
        .solve(&deck.mesh, &deck.elastic, &deck.case, &mut |_, _| {})
        .unwrap();
    let reaction: f64 = solution.reaction_n.iter().map(|r| r[2]).sum();
    assert!((reaction + 10.0).abs() < 1e-6);
}

#[test]
fn sets_steps_and_order_of_cards_follow_calculix() {
    let deck = CUBE
        .replace(
            "base, 1, 3\n",
            "base, 1, 3\ntop, 3, 3, 0.5\n8, 3, 3, 0.25\n",
        )
        .replace("GENERATE\n1, 4", "GENERATE\n1, 9, 2\n2, 4, 2");
    let deck = read(deck.as_bytes()).unwrap();
    let of = |node: u32, axis: usize| {
        let found = deck
            .case
            .supports
            .iter()
            .find(|s| (s.node, s.axis) == (node, axis));
        found.map(|s| s.displacement_mm)
    };
    assert_eq!(of(7, 2), Some(0.25));
    assert_eq!(of(6, 2), Some(0.5));
    assert_eq!(of(4, 0), Some(0.0));
    assert_eq!(of(7, 0), None);
    assert_eq!(deck.held.last().unwrap().0, "node 8");
    // Elements before nodes, and a boundary taken back.
    let (head, rest) = CUBE.split_once("*ELEMENT").unwrap();
    let (elements, tail) = rest.split_once("** the base").unwrap();
    let turned = format!("*ELEMENT{elements}{head}{tail}");
    let turned = turned.replace("*CLOAD", "*BOUNDARY, OP=NEW\ntop, 1, 3\n*CLOAD");
    let deck = read(turned.as_bytes()).unwrap();
    assert!(deck.case.supports.iter().all(|s| s.node >= 4));
}

#[test]
fn ten_nodes_may_stand_on_two_lines() {
    let mut text = String::from("*NODE\n");
    let corners = [[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]];
    let edges = [[0, 1], [1, 2], [2, 0], [0, 3], [1, 3], [2, 3]];
    let mut places: Vec<[i32; 3]> = corners.to_vec();
    places.extend(edges.map(|[a, b]| {
        let (a, b): ([i32; 3], [i32; 3]) = (corners[a], corners[b]);
        [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2]
    }));
    for (number, [x, y, z]) in places.iter().enumerate() {
        text += &format!("{}, {x}, {y}, {z}\n", number + 1);
    }
    text += "*ELEMENT, TYPE=C3D10, ELSET=E\n7, 1, 2, 3, 4, 5,\n6, 7, 8, 9, 10\n";
    text += "*MATERIAL, NAME=M\n*ELASTIC\n5, 0.3\n*SOLID SECTION, ELSET=E, MATERIAL=M\n";
    text += "*BOUNDARY\n1, 1, 3\n2, 2, 3\n3, 3\n*STEP\n*STATIC\n*CLOAD\n4, 3, 1\n*END STEP\n";
    let deck = read(text.as_bytes()).unwrap();
    assert_eq!(deck.mesh.quadratic().len(), 1);
    assert!((deck.mesh.volume() - 8.0 / 6.0).abs() < 1e-12);
}

/// Replaces a part of the cube and expects the refusal to say this.
fn refused(part: &str, by: &str, expected: &str) {
    assert!(CUBE.contains(part), "{part}");
    let text = CUBE.replace(part, by);
    let said = match read(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(deck) => {
            let solved = Solver::default();
            let solved = solved.solve(&deck.mesh, &deck.elastic, &deck.case, &mut |_, _| {});
            deck.explain(solved.unwrap_err()).to_string()
        }
    };
    assert_eq!(said, expected);
}

#[test]
fn cards_and_steps_that_are_not_known_are_refused() {
    refused(
        "*CLOAD",
        "*DLOAD",
        "line 33: the card *DLOAD is not supported",
    );
    refused(
        "*STEP",
        "*STEP, NLGEOM",
        "line 31: *STEP with NLGEOM is not supported",
    );
    refused(
        "TYPE=C3D4",
        "TYPE=C3D8",
        "line 12: *ELEMENT with TYPE=C3D8 is not supported",
    );
    refused("TYPE=C3D4, ", "", "line 12: *ELEMENT lacks TYPE=");
    refused(
        "*STATIC, SOLVER=PARDISO\n",
        "",
        "line 38: the deck ends without a *STATIC",
    );
    refused(
        "*END STEP",
        "*END STEP\n*STEP",
        "line 40: a second *STEP: only one is supported",
    );
    refused("*HEADING\n", "", "line 1: data before the first card");
    refused(
        "*BOUNDARY",
        "*BOUNDARY, AMPLITUDE=A",
        "line 29: *BOUNDARY with AMPLITUDE=A is not supported",
    );
}

#[test]
fn bad_materials_are_refused_with_their_line() {
    refused(
        "1000., 0.",
        "0., 0.",
        "line 27: no elastic material has E = 0 and a ratio of 0",
    );
    refused(
        "1000., 0.",
        "-3, 0.3",
        "line 27: no elastic material has E = -3 and a ratio of 0.3",
    );
    refused(
        "1000., 0.",
        "1000., 0.5",
        "line 27: no elastic material has E = 1000 and a ratio of 0.5",
    );
    refused(
        "1000., 0.",
        "1000.",
        "line 27: *ELASTIC needs E and the ratio",
    );
    refused(
        "MATERIAL=BONE",
        "MATERIAL=STEEL",
        "line 28: material STEEL is not defined",
    );
    refused(
        "ELSET=EALL,",
        "ELSET=EVERY,",
        "line 28: element or set EVERY is not defined",
    );
    refused(
        "ELSET=EALL,",
        "ELSET=1,",
        "line 14: element 2 belongs to no *SOLID SECTION",
    );
}

#[test]
fn bad_nodes_elements_and_supports_are_refused_with_their_line() {
    refused(
        "3, 1, 3, 7, 8",
        "3, 1, 7, 3, 8",
        "line 15: element 3 is inside out or flat",
    );
    refused(
        "3, 1, 3, 7, 8",
        "3, 1, 3, 77, 8",
        "line 15: node 77 is not defined",
    );
    refused(
        "3, 1, 3, 7, 8",
        "3, 1, 3, 7",
        "line 15: an element of 4 nodes names 3",
    );
    refused(
        "3, 1, 3, 7, 8",
        "2, 1, 3, 7, 8",
        "line 15: element 2 is defined twice",
    );
    refused(
        "5, 0., 0., 1.",
        "5, 0., 0., nan",
        "line 8: \"nan\" is not a finite number",
    );
    refused(
        "5, 0., 0., 1.",
        "x, 0., 0., 1.",
        "line 8: \"x\" is not a number of a node or element",
    );
    refused(
        "top, 3, 2.5",
        "topp, 3, 2.5",
        "line 34: node or set topp is not defined",
    );
    refused(
        "top, 3, 2.5",
        "top, 4, 2.5",
        "line 34: \"4\" is not one of the directions 1, 2, 3",
    );
    refused(
        "base, 1, 3",
        "base, 3",
        "line 4: the body of node 1 is not held: 3 rigid motions are free",
    );
    refused(
        "base, 1, 3",
        "1, 1, 3",
        "line 4: the body of node 1 is not held: 3 rigid motions are free",
    );
}

#[test]
fn a_second_body_that_floats_is_named() {
    let more = "\
9, 5., 0., 0.
10, 6., 0., 0.
11, 5., 1., 0.
12, 5., 0., 1.
*ELEMENT, TYPE=C3D4, ELSET=Eall
7, 9, 10, 11, 12
*ELEMENT, TYPE";
    refused(
        "*ELEMENT, TYPE",
        more,
        "line 12: the body of node 9 is not held: 6 rigid motions are free",
    );
}

#[test]
fn a_million_nodes_with_a_body_of_one_element_are_no_burden() {
    let mut text = String::with_capacity(40_000_000);
    text += "*NODE, NSET=N\n1,0,0,0\n2,1,0,0\n3,0,1,0\n4,0,0,1\n";
    for node in 5..=1_000_000 {
        text += &format!("{node},1,2,{node}\n");
    }
    text += "*ELEMENT, TYPE=C3D4, ELSET=E\n1,1,2,3,4\n*MATERIAL, NAME=M\n*ELASTIC\n10,.3\n";
    text += "*SOLID SECTION, ELSET=E, MATERIAL=M\n*BOUNDARY\n1,1,3\n2,2,3\n3,3\n";
    text += "*STEP\n*STATIC\n*CLOAD\n4,3,1\n*END STEP\n";
    let deck = read(text.as_bytes()).unwrap();
    let solution = Solver::default().solve(&deck.mesh, &deck.elastic, &deck.case, &mut |_, _| {});
    assert_eq!(solution.unwrap().displacement_mm.len(), 1_000_000);
}

#[test]
fn sets_that_double_themselves_end() {
    let mut sets = String::from("*NSET, NSET=A\n1, 2, 3\n");
    for _ in 0..64 {
        sets += "A, A\n";
    }
    let text = CUBE.replace("** the base\n", &sets);
    let error = read(text.as_bytes()).unwrap_err();
    assert!(matches!(error, DeckError::TooLarge { .. }), "{error}");
    let far = CUBE.replace("GENERATE\n1, 4", "GENERATE\n1, 18446744073709551615");
    assert_eq!(read(far.as_bytes()).unwrap().held[0].1.len(), 24);
}

#[test]
fn cut_and_garbled_decks_never_panic() {
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..2000 {
        let mut bytes = CUBE.as_bytes().to_vec();
        for _ in 0..1 + next(4) {
            let place = next(bytes.len().max(1)).min(bytes.len() - 1);
            match next(3) {
                0 => bytes[place] = u8::try_from(next(256)).unwrap(),
                1 => bytes.truncate(place.max(1)),
                _ => {
                    bytes.remove(place);
                    bytes.push(b'\n');
                }
            }
        }
        if let Ok(deck) = read(&bytes) {
            let solved =
                Solver::default().solve(&deck.mesh, &deck.elastic, &deck.case, &mut |_, _| {});
            if let Err(error) = solved {
                assert!(!deck.explain(error).to_string().is_empty());
            }
        }
    }
}
