//! Rectangles to blank by rule, in the form of the RSNA's Clinical Trial
//! Processor (CTP, script of the DICOM pixel anonymizer).
//!
//! ```text
//! A title of no meaning
//!   { Modality.equals("CR") * Manufacturer.containsIgnoreCase("canon") * Rows.equals("2592") }
//!   (0,0,2592,80) (0,2512,2592,80)
//! ```
//!
//! A rule is a signature in braces and rectangles (left, top, width, height).
//! In a signature `*` is and, `+` or, `!` not; an attribute is a keyword of the
//! dictionary or `[gggg,eeee]`; methods are `equals`, `contains`, `startsWith`,
//! `endsWith`, each also with `IgnoreCase`, and `isLessThan`,
//! `isGreaterThan`. `matches` (regular expressions) is refused. All rules whose
//! signature fits apply.

use dicom_core::Tag;
use dicom_core::dictionary::DataDictionary as _;
use dicom_dictionary_std::StandardDataDictionary;

/// Left, top, width and height.
pub type Region = [usize; 4];

/// A signature with its rectangles.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionRule {
    signature: Signature,
    regions: Vec<Region>,
}

/// Why a script of regions was refused. Nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("regions, rule {rule}: {why}")]
pub struct RegionError {
    /// Which rule, counted from 1.
    pub rule: usize,
    /// What cannot be read there.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Signature {
    All(Vec<Signature>),
    Any(Vec<Signature>),
    Not(Box<Signature>),
    Test(Tag, Method, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Equals(bool),
    Contains(bool),
    StartsWith(bool),
    EndsWith(bool),
    Less,
    Greater,
}

impl Method {
    fn parse(name: &str) -> Option<Self> {
        let (name, exact) = match name.strip_suffix("IgnoreCase") {
            Some(name) => (name, false),
            None => (name, true),
        };
        Some(match name {
            "equals" => Self::Equals(exact),
            "contains" => Self::Contains(exact),
            "startsWith" => Self::StartsWith(exact),
            "endsWith" => Self::EndsWith(exact),
            "isLessThan" => Self::Less,
            "isGreaterThan" => Self::Greater,
            _ => return None,
        })
    }

    fn holds(self, value: &str, wanted: &str) -> bool {
        let pair = |exact: bool| {
            if exact {
                (value.to_owned(), wanted.to_owned())
            } else {
                (value.to_lowercase(), wanted.to_lowercase())
            }
        };
        let numbers = value.parse::<f64>().ok().zip(wanted.parse::<f64>().ok());
        match self {
            Self::Equals(exact) => {
                let (a, b) = pair(exact);
                a == b
            }
            Self::Contains(exact) => {
                let (a, b) = pair(exact);
                a.contains(&b)
            }
            Self::StartsWith(exact) => {
                let (a, b) = pair(exact);
                a.starts_with(&b)
            }
            Self::EndsWith(exact) => {
                let (a, b) = pair(exact);
                a.ends_with(&b)
            }
            Self::Less => numbers.is_some_and(|(a, b)| a < b),
            Self::Greater => numbers.is_some_and(|(a, b)| a > b),
        }
    }
}

impl Signature {
    fn fits(&self, value: &dyn Fn(Tag) -> String) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.fits(value)),
            Self::Any(any) => any.iter().any(|one| one.fits(value)),
            Self::Not(one) => !one.fits(value),
            Self::Test(tag, method, wanted) => method.holds(&value(*tag), wanted),
        }
    }
}

/// The rectangles of the rules that fit an object, whose values are asked as
/// text.
#[must_use]
pub fn regions_of(rules: &[RegionRule], value: &dyn Fn(Tag) -> String) -> Vec<Region> {
    let fitting = rules.iter().filter(|rule| rule.signature.fits(value));
    fitting.flat_map(|rule| rule.regions.clone()).collect()
}

/// Reads a script.
///
/// # Errors
/// [`RegionError`] for the first rule that cannot be read.
pub fn parse_regions(script: &str) -> Result<Vec<RegionRule>, RegionError> {
    let mut rules = Vec::new();
    let mut parts = script.split('{');
    parts.next();
    for (index, part) in parts.enumerate() {
        let fault = |why: &str| RegionError {
            rule: index + 1,
            why: why.to_owned(),
        };
        let (signature, rest) = part.split_once('}').ok_or_else(|| fault("no closing }"))?;
        let mut reader = Reader { rest: signature };
        let signature = reader.any().map_err(|why| fault(&why))?;
        if !reader.rest.trim().is_empty() {
            return Err(fault("something stands behind the signature"));
        }
        let mut regions = Vec::new();
        for region in rest.split('(').skip(1) {
            let (inside, _) = region
                .split_once(')')
                .ok_or_else(|| fault("no closing )"))?;
            let numbers: Result<Vec<usize>, _> =
                inside.split(',').map(|n| n.trim().parse()).collect();
            let four = numbers.ok().and_then(|n| <Region>::try_from(n).ok());
            regions.push(four.ok_or_else(|| fault("a rectangle is not four numbers"))?);
        }
        rules.push(RegionRule { signature, regions });
    }
    Ok(rules)
}

/// Reads a signature: `any` of `all` of `one`.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Signature, String> {
        let mut parts = vec![self.all()?];
        while self.take('+') {
            parts.push(self.all()?);
        }
        Ok(Signature::Any(parts))
    }

    fn all(&mut self) -> Result<Signature, String> {
        let mut parts = vec![self.one()?];
        while self.take('*') {
            parts.push(self.one()?);
        }
        Ok(Signature::All(parts))
    }

    fn one(&mut self) -> Result<Signature, String> {
        if self.take('!') {
            return Ok(Signature::Not(Box::new(self.one()?)));
        }
        if self.take('(') {
            let inside = self.any()?;
            return if self.take(')') {
                Ok(inside)
            } else {
                Err("no closing )".to_owned())
            };
        }
        let name = self.until('.')?;
        let tag = tag(name.trim())?;
        let method = self.until('(')?;
        let method = Method::parse(method.trim())
            .ok_or_else(|| format!("the method {} is not known", method.trim()))?;
        if !self.take('"') {
            return Err("a value stands in quotation marks".to_owned());
        }
        let value = self.until('"')?;
        if self.take(')') {
            Ok(Signature::Test(tag, method, value))
        } else {
            Err("no closing )".to_owned())
        }
    }

    fn until(&mut self, sign: char) -> Result<String, String> {
        let (before, rest) = self
            .rest
            .split_once(sign)
            .ok_or_else(|| format!("{sign} is missing"))?;
        self.rest = rest;
        Ok(before.to_owned())
    }
}

fn tag(name: &str) -> Result<Tag, String> {
    let unknown = || format!("the attribute {name} is not known");
    if let Some(digits) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
        let (group, element) = digits.split_once(',').ok_or_else(unknown)?;
        let half = |text: &str| u16::from_str_radix(text.trim(), 16).map_err(|_| unknown());
        return Ok(Tag(half(group)?, half(element)?));
    }
    let entry = StandardDataDictionary.by_name(name).ok_or_else(unknown)?;
    Ok(entry.tag.inner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"Canon CXDI
        { Modality.equals("CR") * [0008,0070].containsIgnoreCase("canon") *
          (Rows.equals("2592") + Rows.isGreaterThan("3000")) * !BodyPartExamined.startsWith("HEAD") }
        (0,0,2592,80) (0, 2512, 2592, 80)
        Another
        { Modality.equals("US") }
        (1,2,3,4)"#;

    #[test]
    fn rules_apply_by_their_signature() {
        let rules = parse_regions(SCRIPT).unwrap();
        assert_eq!(rules.len(), 2);
        let found = |maker: &str, rows: &str| {
            let value = |tag: Tag| match tag {
                Tag(0x0008, 0x0060) => "CR".to_owned(),
                Tag(0x0008, 0x0070) => maker.to_owned(),
                Tag(0x0028, 0x0010) => rows.to_owned(),
                _ => String::new(),
            };
            regions_of(&rules, &value)
        };
        let both = [[0, 0, 2592, 80], [0, 2512, 2592, 80]];
        assert_eq!(found("CANON INC.", "2592"), both);
        assert_eq!(found("Canon", "3001"), both);
        assert!(found("CANON INC.", "2000").is_empty());
        assert!(found("AGFA", "2592").is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let check = |script: &str, named: &str| {
            let error = parse_regions(script).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        };
        check("{ Modality.matches(\"C.*\") } (1,2,3,4)", "matches");
        check("{ Modallity.equals(\"CR\") } (1,2,3,4)", "Modallity");
        check("{ Modality.equals(\"CR\") } (1,2,3)", "four numbers");
        check("{ Modality.equals(\"CR\") (1,2,3,4)", "}");
        assert_eq!(parse_regions("no rule").unwrap(), []);
    }
}
