//! Why a deck was refused: always with the line.

use crate::mechanics::MechanicsError;

/// What is wrong with a CalculiX deck. Each variant holds the line it stands on, counted
/// from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeckError {
    /// A card that this reader does not know.
    #[error("line {line}: the card *{card} is not supported")]
    Card {
        /// The line.
        line: u32,
        /// The card.
        card: String,
    },
    /// A parameter that this reader does not know, or with a value it does not.
    #[error("line {line}: *{card} with {parameter} is not supported")]
    Parameter {
        /// The line.
        line: u32,
        /// The card.
        card: String,
        /// The parameter and its value.
        parameter: String,
    },
    /// A parameter that must be there is not.
    #[error("line {line}: *{card} lacks {parameter}=")]
    NoParameter {
        /// The line.
        line: u32,
        /// The card.
        card: String,
        /// The parameter.
        parameter: &'static str,
    },
    /// A line of data is not what its card needs.
    #[error("line {line}: {what}")]
    Data {
        /// The line.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// Something is named that was never defined.
    #[error("line {line}: {what} {name} is not defined")]
    Unknown {
        /// The line.
        line: u32,
        /// What kind of thing.
        what: &'static str,
        /// Its number or name.
        name: String,
    },
    /// An element is inside out or flat.
    #[error("line {line}: element {element} is inside out or flat")]
    Inverted {
        /// The line.
        line: u32,
        /// The element's number.
        element: u64,
    },
    /// No elastic material has such constants.
    #[error("line {line}: no elastic material has E = {young_mpa} and a ratio of {poisson}")]
    NotElastic {
        /// The line.
        line: u32,
        /// Young's modulus.
        young_mpa: f64,
        /// Poisson's ratio.
        poisson: f64,
    },
    /// A body could move without being strained.
    #[error("line {line}: the body of node {node} is not held: {free} rigid motions are free")]
    Floating {
        /// The line that defines the node.
        line: u32,
        /// The node's number.
        node: u64,
        /// How many of its six rigid motions nothing resists.
        free: usize,
    },
    /// Sets or elements beyond what a deck of this size can need.
    #[error("line {line}: the deck asks for more than a computer can hold")]
    TooLarge {
        /// The line.
        line: u32,
    },
    /// The deck ends without something that it must have.
    #[error("line {line}: the deck ends without {what}")]
    Missing {
        /// The last line.
        line: u32,
        /// What is missing.
        what: &'static str,
    },
    /// A fault that belongs to no single line.
    #[error("the model as a whole")]
    Model(#[source] MechanicsError),
}
