//! Nodes and elements by their numbers, and sets of them by name.
#![allow(
    clippy::cast_possible_truncation,
    reason = "indices into nodes and elements, whose number is checked to fit into u32"
)]

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::DeckError;
use super::cards::Card;
use super::cards::fields;
use super::cards::number;
use super::cards::short;

/// Nodes or elements by their number, and sets of them by name.
#[derive(Default)]
pub(super) struct Named {
    pub(super) index: HashMap<u64, u32>,
    pub(super) numbers: Vec<u64>,
    pub(super) lines: Vec<u32>,
    sets: BTreeMap<String, Vec<u32>>,
    /// Entries in all sets together, which must stay within reason.
    entries: usize,
}

/// Sets may name each node or element so often on average.
const ENTRIES_EACH: usize = 64;

impl Named {
    /// Adds one, or finds it where the number is there already.
    pub(super) fn add(&mut self, line: u32, number: u64) -> Result<u32, DeckError> {
        let next = u32::try_from(self.numbers.len()).map_err(|_| DeckError::TooLarge { line })?;
        let index = *self.index.entry(number).or_insert(next);
        if index == next {
            self.numbers.push(number);
            self.lines.push(line);
        }
        Ok(index)
    }

    pub(super) fn add_to_set(
        &mut self,
        line: u32,
        set: &str,
        more: Vec<u32>,
    ) -> Result<(), DeckError> {
        self.entries += more.len();
        if self.entries > 1_000_000 + ENTRIES_EACH * self.numbers.len() {
            return Err(DeckError::TooLarge { line });
        }
        self.sets.entry(set.to_owned()).or_default().extend(more);
        Ok(())
    }

    /// What a field names: one by number, or a set.
    pub(super) fn named(
        &self,
        line: u32,
        what: &'static str,
        field: &str,
    ) -> Result<Vec<u32>, DeckError> {
        let found = match field.parse::<u64>() {
            Ok(number) => self.index.get(&number).map(|index| vec![*index]),
            Err(_) => self.sets.get(&field.to_uppercase()).cloned(),
        };
        found.ok_or_else(|| DeckError::Unknown {
            line,
            what,
            name: short(field),
        })
    }

    /// Reads a card *NSET or *ELSET.
    pub(super) fn read_set(
        &mut self,
        card: &Card,
        name: &'static str,
        what: &'static str,
    ) -> Result<(), DeckError> {
        card.allow(&[name, "GENERATE"])?;
        let set = card.required(name)?.to_owned();
        self.add_to_set(card.line, &set, Vec::new())?;
        for (line, data) in &card.data {
            if card.has("GENERATE") {
                let range = fields(data)
                    .map(|field| number(*line, field))
                    .collect::<Result<Vec<_>, _>>()?;
                let (first, last, step) = match range[..] {
                    [first, last] => (first, last, 1),
                    [first, last, step] => (first, last, step),
                    _ => {
                        return Err(DeckError::Data {
                            line: *line,
                            what: "GENERATE needs a first, a last and perhaps a step".into(),
                        });
                    }
                };
                self.add_to_set(*line, &set, self.range(first, last, step))?;
            } else {
                for field in fields(data) {
                    self.add_to_set(*line, &set, self.named(*line, what, field)?)?;
                }
            }
        }
        Ok(())
    }

    /// Those with numbers from first to last by steps; numbers that nobody has are
    /// left out, as CalculiX does.
    fn range(&self, first: u64, last: u64, step: u64) -> Vec<u32> {
        let wanted = |n: &u64| *n >= first && *n <= last && (n - first).is_multiple_of(step);
        let asked = last.saturating_sub(first) / step;
        if asked < self.numbers.len() as u64 {
            let all = (0..=asked).map(|i| first + i * step).filter(wanted);
            all.filter_map(|n| self.index.get(&n).copied()).collect()
        } else {
            let all = self.numbers.iter().enumerate();
            all.filter(|(_, n)| wanted(n))
                .map(|(i, _)| i as u32)
                .collect()
        }
    }
}
