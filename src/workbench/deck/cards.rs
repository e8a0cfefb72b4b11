//! A deck as cards: a keyword with its parameters, and lines of data.
//!
//! Keywords, parameters and names are not case-sensitive and blanks in keywords do not
//! count; `**` begins a comment. A card ends where the next begins.

use super::DeckError;

/// One card.
#[derive(Debug)]
pub(super) struct Card<'a> {
    /// Its line, counted from 1.
    pub(super) line: u32,
    /// Its keyword in capitals, with single blanks.
    pub(super) keyword: String,
    /// Its parameters in capitals.
    parameters: Vec<(String, Option<String>)>,
    /// Its lines of data with their numbers.
    pub(super) data: Vec<(u32, &'a str)>,
}

/// Splits a deck into cards.
pub(super) fn cards(text: &str) -> Result<Vec<Card<'_>>, DeckError> {
    let mut cards: Vec<Card> = Vec::new();
    let mut number = 0;
    for line in text.lines() {
        number += 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with("**") {
            continue;
        }
        if let Some(rest) = line.strip_prefix('*') {
            cards.push(Card::new(number, rest));
        } else if let Some(card) = cards.last_mut() {
            card.data.push((number, line));
        } else {
            return Err(DeckError::Data {
                line: number,
                what: "data before the first card".into(),
            });
        }
    }
    Ok(cards)
}

impl<'a> Card<'a> {
    fn new(line: u32, text: &str) -> Self {
        let mut parts = text.split(',').map(|part| part.trim().to_uppercase());
        let keyword = parts.next().unwrap_or_default();
        let parameters =
            parts
                .filter(|part| !part.is_empty())
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (part, None),
                });
        Self {
            line,
            keyword: keyword.split_whitespace().collect::<Vec<_>>().join(" "),
            parameters: parameters.collect(),
            data: Vec::new(),
        }
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(n, _)| n == name);
        found.and_then(|(_, value)| value.as_deref())
    }

    /// Whether a parameter is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(n, _)| n == name)
    }

    /// The value of a parameter that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, DeckError> {
        self.parameter(name).ok_or_else(|| DeckError::NoParameter {
            line: self.line,
            card: self.keyword.clone(),
            parameter: name,
        })
    }

    /// Refuses every parameter that is not one of these.
    pub(super) fn allow(&self, names: &[&str]) -> Result<(), DeckError> {
        let other = |(name, _): &&(String, Option<String>)| !names.contains(&name.as_str());
        match self.parameters.iter().find(other) {
            None => Ok(()),
            Some((name, value)) => Err(self.refuse(name, value.as_deref())),
        }
    }

    /// The error for a parameter that is not supported.
    pub(super) fn refuse(&self, name: &str, value: Option<&str>) -> DeckError {
        DeckError::Parameter {
            line: self.line,
            card: self.keyword.clone(),
            parameter: value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")),
        }
    }

    /// Whether OP=NEW takes back what stood before; OP=MOD is the default.
    pub(super) fn takes_back(&self) -> Result<bool, DeckError> {
        match self.parameter("OP") {
            None if !self.has("OP") => Ok(false),
            Some("MOD") => Ok(false),
            Some("NEW") => Ok(true),
            other => Err(self.refuse("OP", other)),
        }
    }
}

/// The fields of a line; empty ones at its end do not count.
pub(super) fn fields(data: &str) -> impl Iterator<Item = &str> {
    data.trim_end_matches([',', ' ', '\t'])
        .split(',')
        .map(str::trim)
}

/// A field as a number above zero.
pub(super) fn number(line: u32, field: &str) -> Result<u64, DeckError> {
    match field.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(DeckError::Data {
            line,
            what: format!("\"{}\" is not a number of a node or element", short(field)),
        }),
    }
}

/// A field as a finite value. FORTRAN's exponent D is read as E.
pub(super) fn value(line: u32, field: &str) -> Result<f64, DeckError> {
    let parsed = field.parse::<f64>().ok();
    let parsed = parsed.or_else(|| field.replace(['d', 'D'], "e").parse().ok());
    match parsed {
        Some(value) if value.is_finite() => Ok(value),
        _ => Err(DeckError::Data {
            line,
            what: format!("\"{}\" is not a finite number", short(field)),
        }),
    }
}

/// The beginning of a field, for a message.
pub(super) fn short(field: &str) -> String {
    field.chars().take(40).collect()
}
