//! Reads a CalculiX deck: one linear static step on tetrahedra.
//!
//! ```text
//! *NODE [, NSET=]              number, x, y, z
//! *ELEMENT, TYPE=C3D4|C3D10 [, ELSET=]
//! *NSET | *ELSET [, GENERATE]  numbers and names, or first, last [, step]
//! *MATERIAL, NAME=  *ELASTIC   E, ratio
//! *SOLID SECTION, ELSET=, MATERIAL=
//! *BOUNDARY                    node or set, first [, last [, value]]
//! *CLOAD                       node or set, direction, force
//! *STEP  *STATIC  *END STEP
//! ```
//!
//! Requests for output are read over. Anything else is refused by name and
//! line: a deck is solved as it says or not at all. A boundary given again
//! replaces the earlier one, a load given again in the step adds to it, as CalculiX does.
#![allow(
    clippy::cast_possible_truncation,
    reason = "indices into nodes and elements, whose number is checked to fit into u32"
)]

mod cards;
#[cfg(test)]
mod ccx;
mod error;
mod model;
mod named;
#[cfg(test)]
mod tests;

pub use error::DeckError;

use crate::mechanics::Case;
use crate::mechanics::Elastic;
use crate::mechanics::MechanicsError;
use crate::mechanics::TetMesh;

/// What a deck says.
#[derive(Debug)]
pub struct Deck {
    /// Nodes and elements in the order of the deck, four-node elements first.
    pub mesh: TetMesh,
    /// What each element is made of.
    pub elastic: Vec<Elastic>,
    /// Supports and loads.
    pub case: Case,
    /// The deck's number of each node.
    pub node_numbers: Vec<u64>,
    /// The nodes of each boundary, by the set or node that the card names, in
    /// their order: what reactions are summed over.
    pub held: Vec<(String, Vec<(u32, usize)>)>,
    /// The line that defines each node.
    node_lines: Vec<u32>,
}

/// Reads a deck.
///
/// # Errors
/// [`DeckError`] with the line.
pub fn read(bytes: &[u8]) -> Result<Deck, DeckError> {
    let text = String::from_utf8_lossy(bytes);
    let cards = cards::cards(&text)?;
    let last = text.lines().count().try_into().unwrap_or(u32::MAX);
    check_known(&cards)?;
    model::build(&cards, last)
}

/// Cards that ask for output: read over.
const OUTPUT: [&str; 7] = [
    "NODE PRINT",
    "NODE FILE",
    "NODE OUTPUT",
    "EL PRINT",
    "EL FILE",
    "ELEMENT OUTPUT",
    "HEADING",
];
/// Cards that say something.
const KNOWN: [&str; 12] = [
    "NODE",
    "ELEMENT",
    "NSET",
    "ELSET",
    "MATERIAL",
    "ELASTIC",
    "SOLID SECTION",
    "BOUNDARY",
    "CLOAD",
    "STEP",
    "STATIC",
    "END STEP",
];

/// Refuses the first card that is neither known nor a request for output.
fn check_known(cards: &[cards::Card]) -> Result<(), DeckError> {
    let known = |card: &str| KNOWN.contains(&card) || OUTPUT.contains(&card);
    match cards.iter().find(|card| !known(&card.keyword)) {
        None => Ok(()),
        Some(card) => Err(DeckError::Card {
            line: card.line,
            card: cards::short(&card.keyword),
        }),
    }
}

impl Deck {
    /// A fault of the solver in the deck's own numbers and lines.
    #[must_use]
    pub fn explain(&self, error: MechanicsError) -> DeckError {
        if let MechanicsError::Floating { node, free } = error {
            let index = node as usize;
            return DeckError::Floating {
                line: self.node_lines[index],
                node: self.node_numbers[index],
                free,
            };
        }
        DeckError::Model(error)
    }
}
