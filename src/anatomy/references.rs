//! What the literature states for the measures of healthy adults, each range
//! with its population, number and source (`reference_ranges.json`). It stands
//! beside a figure to compare with; nothing is judged by it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::AnatomyError;
use super::Measure;

const DATA: &str = include_str!("reference_ranges.json");

/// One study's figure for one measure, in the measure's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The mean.
    pub mean: f64,
    /// The SD between people.
    pub sd: f64,
    /// How many arms or people.
    pub n: u32,
    /// Who they were.
    pub population: String,
    /// How it was read.
    pub method: String,
    /// Where it is stated.
    pub citation: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ranges {
    #[serde(rename = "about")]
    _about: String,
    measures: BTreeMap<String, Vec<Reference>>,
}

/// What studies of healthy adults state for a measure, in the order of the file.
///
/// # Errors
/// [`AnatomyError::Reference`] when the built-in file cannot be read, which a
/// test excludes.
pub fn references(measure: Measure) -> Result<Vec<Reference>, AnatomyError> {
    let mut ranges: Ranges =
        serde_json::from_str(DATA).map_err(|error| AnatomyError::Reference(error.to_string()))?;
    Ok(ranges.measures.remove(measure.key()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_measure_has_studies_with_population_number_and_source() {
        for measure in Measure::ALL {
            let studies = references(measure).unwrap();
            assert!(studies.len() >= 3, "{measure:?}");
            for study in studies {
                assert!(
                    study.n >= 20 && study.sd > 0.0 && study.mean.abs() < 40.0,
                    "{study:?}"
                );
                for text in [study.population, study.method, study.citation] {
                    assert!(text.len() > 5, "{text}");
                }
            }
        }
        let ranges: Ranges = serde_json::from_str(DATA).unwrap();
        assert_eq!(ranges.measures.len(), Measure::ALL.len());
    }
}
