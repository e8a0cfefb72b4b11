//! From cards to a model: first the nodes, then the elements, then what names them.
#![allow(
    clippy::cast_possible_truncation,
    reason = "indices into nodes and elements, whose number is checked to fit into u32"
)]

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::Deck;
use super::DeckError;
use super::cards::Card;
use super::cards::fields;
use super::cards::number;
use super::cards::short;
use super::cards::value;
use super::named::Named;
use crate::mechanics::Case;
use crate::mechanics::Elastic;
use crate::mechanics::Load;
use crate::mechanics::MechanicsError;
use crate::mechanics::Support;
use crate::mechanics::TetMesh;

/// A model while it is read.
#[derive(Default)]
struct Model {
    nodes: Named,
    places: Vec<[f64; 3]>,
    elements: Named,
    /// The nodes of the elements in the order of the deck, one after the other.
    element_nodes: Vec<u32>,
    /// Where each element's nodes end: four or ten after the one before.
    ends: Vec<usize>,
    materials: HashMap<String, Elastic>,
    made_of: Vec<Option<Elastic>>,
    supports: BTreeMap<(u32, usize), f64>,
    held: Vec<(String, Vec<(u32, usize)>)>,
    loads: Vec<Load>,
    last: u32,
}

/// Builds the model that the cards describe. `last` is the deck's last line.
pub(super) fn build(cards: &[Card], last: u32) -> Result<Deck, DeckError> {
    let mut model = Model {
        last,
        ..Model::default()
    };
    let of = |keyword: &'static str| cards.iter().filter(move |c| c.keyword == keyword);
    for card in of("NODE") {
        model.read_nodes(card)?;
    }
    for card in of("ELEMENT") {
        model.read_elements(card)?;
    }
    for card in cards {
        match card.keyword.as_str() {
            "NSET" => model.nodes.read_set(card, "NSET", "node or set")?,
            "ELSET" => model.elements.read_set(card, "ELSET", "element or set")?,
            _ => {}
        }
    }
    model.read_materials(cards)?;
    for card in of("SOLID SECTION") {
        model.read_section(card)?;
    }
    check_steps(cards, last)?;
    for card in of("BOUNDARY") {
        model.read_boundary(card)?;
    }
    for card in of("CLOAD") {
        model.read_loads(card)?;
    }
    model.finish()
}

impl Model {
    fn read_nodes(&mut self, card: &Card) -> Result<(), DeckError> {
        card.allow(&["NSET"])?;
        let mut set = Vec::new();
        for (line, data) in &card.data {
            let mut fields = fields(data);
            let index = self
                .nodes
                .add(*line, number(*line, fields.next().unwrap_or(""))?)?;
            let mut place = [0.0; 3];
            // Coordinates left out are zero.
            for coordinate in &mut place {
                *coordinate = match fields.next() {
                    Some(field) if !field.is_empty() => value(*line, field)?,
                    _ => 0.0,
                };
            }
            match self.places.get_mut(index as usize) {
                Some(earlier) => *earlier = place,
                None => self.places.push(place),
            }
            set.push(index);
        }
        match card.parameter("NSET") {
            Some(name) => self.nodes.add_to_set(card.line, name, set),
            None => Ok(()),
        }
    }

    fn read_elements(&mut self, card: &Card) -> Result<(), DeckError> {
        card.allow(&["TYPE", "ELSET"])?;
        let size = match card.required("TYPE")? {
            "C3D4" => 4,
            "C3D10" => 10,
            other => return Err(card.refuse("TYPE", Some(other))),
        };
        let mut set = Vec::new();
        let mut lines = card.data.iter();
        while let Some((line, data)) = lines.next() {
            let mut all: Vec<&str> = fields(data).collect();
            // A ten-node element may go on in the next line, any after a comma.
            let mut open = size == 10 || data.ends_with(',');
            while all.len() < size + 1 && open {
                let Some((_, more)) = lines.next() else { break };
                open = size == 10 || more.ends_with(',');
                all.extend(fields(more));
            }
            if all.len() != size + 1 {
                return Err(DeckError::Data {
                    line: *line,
                    what: format!("an element of {size} nodes names {}", all.len() - 1),
                });
            }
            let name = number(*line, all[0])?;
            let index = self.elements.add(*line, name)?;
            if (index as usize) < self.ends.len() {
                return Err(DeckError::Data {
                    line: *line,
                    what: format!("element {name} is defined twice"),
                });
            }
            for field in &all[1..] {
                let node = number(*line, field)?;
                let found = self.nodes.index.get(&node);
                self.element_nodes
                    .push(*found.ok_or_else(|| DeckError::Unknown {
                        line: *line,
                        what: "node",
                        name: node.to_string(),
                    })?);
            }
            self.ends.push(self.element_nodes.len());
            set.push(index);
        }
        match card.parameter("ELSET") {
            Some(name) => self.elements.add_to_set(card.line, name, set),
            None => Ok(()),
        }
    }

    fn read_materials(&mut self, cards: &[Card]) -> Result<(), DeckError> {
        let mut name: Option<String> = None;
        for card in cards {
            match card.keyword.as_str() {
                "MATERIAL" => {
                    card.allow(&["NAME"])?;
                    name = Some(card.required("NAME")?.to_owned());
                }
                "ELASTIC" => {
                    let name = name.clone().ok_or(DeckError::Data {
                        line: card.line,
                        what: "*ELASTIC before any *MATERIAL".into(),
                    })?;
                    self.materials.insert(name, read_elastic(card)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_section(&mut self, card: &Card) -> Result<(), DeckError> {
        card.allow(&["ELSET", "MATERIAL"])?;
        let name = card.required("MATERIAL")?;
        let elastic = self.materials.get(name).ok_or_else(|| DeckError::Unknown {
            line: card.line,
            what: "material",
            name: short(name),
        })?;
        let elements = self
            .elements
            .named(card.line, "element or set", card.required("ELSET")?)?;
        self.made_of.resize(self.ends.len(), None);
        for element in elements {
            self.made_of[element as usize] = Some(*elastic);
        }
        Ok(())
    }

    fn read_boundary(&mut self, card: &Card) -> Result<(), DeckError> {
        card.allow(&["OP"])?;
        if card.takes_back()? {
            self.supports.clear();
            self.held.clear();
        }
        for (line, data) in &card.data {
            let all: Vec<&str> = fields(data).collect();
            let (name, first, last, way) = match all[..] {
                [name, first] => (name, first, first, "0"),
                [name, first, last] => (name, first, last, "0"),
                [name, first, last, way] => (name, first, last, way),
                _ => {
                    return Err(DeckError::Data {
                        line: *line,
                        what: "a boundary needs a node or set and a direction".into(),
                    });
                }
            };
            let first = direction(*line, first)?;
            let last = if last.is_empty() {
                first
            } else {
                direction(*line, last)?
            };
            let way = value(*line, way)?;
            let nodes = self.nodes.named(*line, "node or set", name)?;
            let label = match name.parse::<u64>() {
                Ok(number) => format!("node {number}"),
                Err(_) => name.to_uppercase(),
            };
            let place = self.held.iter().position(|(l, _)| *l == label);
            let place = place.unwrap_or_else(|| {
                self.held.push((label, Vec::new()));
                self.held.len() - 1
            });
            for node in nodes {
                for axis in first..=last {
                    self.supports.insert((node, axis), way);
                    self.held[place].1.push((node, axis));
                }
            }
        }
        Ok(())
    }

    fn read_loads(&mut self, card: &Card) -> Result<(), DeckError> {
        card.allow(&["OP"])?;
        if card.takes_back()? {
            self.loads.clear();
        }
        for (line, data) in &card.data {
            let all: Vec<&str> = fields(data).collect();
            let [name, axis, force] = all[..] else {
                return Err(DeckError::Data {
                    line: *line,
                    what: "a load needs a node or set, a direction and a force".into(),
                });
            };
            let (axis, force) = (direction(*line, axis)?, value(*line, force)?);
            for node in self.nodes.named(*line, "node or set", name)? {
                let mut force_n = [0.0; 3];
                force_n[axis] = force;
                self.loads.push(Load { node, force_n });
            }
        }
        Ok(())
    }

    /// The nodes of one element.
    fn nodes_of(&self, element: usize) -> &[u32] {
        let begin = element.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.element_nodes[begin..self.ends[element]]
    }

    fn finish(mut self) -> Result<Deck, DeckError> {
        if self.ends.is_empty() {
            return Err(DeckError::Missing {
                line: self.last,
                what: "any *ELEMENT",
            });
        }
        // Four-node elements first, otherwise in their order.
        let mut order: Vec<usize> = (0..self.ends.len()).collect();
        order.sort_by_key(|element| self.nodes_of(*element).len());
        self.made_of.resize(order.len(), None);
        let mut elastic = Vec::with_capacity(order.len());
        for &element in &order {
            elastic.push(self.made_of[element].ok_or_else(|| DeckError::Data {
                line: self.elements.lines[element],
                what: format!(
                    "element {} belongs to no *SOLID SECTION",
                    self.elements.numbers[element]
                ),
            })?);
        }
        let of_size = |size: usize| {
            let nodes = order.iter().map(|element| self.nodes_of(*element));
            nodes.filter(move |nodes| nodes.len() == size)
        };
        let linear = of_size(4).map(|n| std::array::from_fn(|i| n[i])).collect();
        let quadratic = of_size(10).map(|n| std::array::from_fn(|i| n[i])).collect();
        let places = std::mem::take(&mut self.places);
        let mesh = TetMesh::new(places, linear, quadratic);
        let mesh = mesh.map_err(|error| {
            if let MechanicsError::Inverted { element, .. } = error {
                return DeckError::Inverted {
                    line: self.elements.lines[order[element]],
                    element: self.elements.numbers[order[element]],
                };
            }
            DeckError::Model(error)
        })?;
        let supports = self
            .supports
            .into_iter()
            .map(|((node, axis), way)| Support {
                node,
                axis,
                displacement_mm: way,
            });
        for (_, held) in &mut self.held {
            held.sort_unstable();
            held.dedup();
        }
        Ok(Deck {
            mesh,
            elastic,
            case: Case {
                supports: supports.collect(),
                loads: self.loads,
            },
            node_numbers: self.nodes.numbers,
            held: self.held,
            node_lines: self.nodes.lines,
        })
    }
}

/// One line of two constants.
fn read_elastic(card: &Card) -> Result<Elastic, DeckError> {
    card.allow(&["TYPE"])?;
    if let Some(kind) = card
        .parameter("TYPE")
        .filter(|k| !["ISO", "ISOTROPIC"].contains(k))
    {
        return Err(card.refuse("TYPE", Some(kind)));
    }
    let [(line, data)] = card.data[..] else {
        return Err(DeckError::Data {
            line: card.line,
            what: "*ELASTIC needs one line of data: E and the ratio".into(),
        });
    };
    let all: Vec<&str> = fields(data).collect();
    let ([young, poisson] | [young, poisson, _]) = all[..] else {
        return Err(DeckError::Data {
            line,
            what: "*ELASTIC needs E and the ratio".into(),
        });
    };
    let (young_mpa, poisson) = (value(line, young)?, value(line, poisson)?);
    Elastic::new(young_mpa, poisson).map_err(|_| DeckError::NotElastic {
        line,
        young_mpa,
        poisson,
    })
}

/// 1, 2 or 3 as an axis.
fn direction(line: u32, field: &str) -> Result<usize, DeckError> {
    match field {
        "1" => Ok(0),
        "2" => Ok(1),
        "3" => Ok(2),
        other => Err(DeckError::Data {
            line,
            what: format!("\"{}\" is not one of the directions 1, 2, 3", short(other)),
        }),
    }
}

/// There must be one step, and it must be static.
fn check_steps(cards: &[Card], last: u32) -> Result<(), DeckError> {
    let mut steps = cards.iter().filter(|card| card.keyword == "STEP");
    let missing = |what| DeckError::Missing { line: last, what };
    let step = steps.next().ok_or(missing("a *STEP"))?;
    step.allow(&["INC"])?;
    if let Some(second) = steps.next() {
        return Err(DeckError::Data {
            line: second.line,
            what: "a second *STEP: only one is supported".into(),
        });
    }
    let is_static = cards.iter().find(|card| card.keyword == "STATIC");
    is_static.ok_or(missing("a *STATIC"))?.allow(&["SOLVER"])?;
    for card in cards.iter().take_while(|card| card.keyword != "STEP") {
        if card.keyword == "CLOAD" || card.keyword == "STATIC" {
            return Err(DeckError::Data {
                line: card.line,
                what: format!("*{} before the *STEP", card.keyword),
            });
        }
    }
    Ok(())
}
