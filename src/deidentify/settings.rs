//! A profile as a file, for the shell: which edition, which options.
//!
//! ```toml
//! project = "wrist-study"   # names the key's use; default: files
//! edition = "2026c"         # refused when the program does not have it
//! options = ["retain-modified-dates"]   # default: clean-pixel-data and
//!                            # retain-age-band-and-sex
//! regions = '''{ Modality.equals("CR") } (0,0,2592,80)'''  # to blank, in CTP's form
//! ```

use serde::Deserialize;

use super::Profile;
use crate::profile::Edition;
use crate::profile::Options;
use crate::profile::OptionsError;
use crate::profile::RegionError;
use crate::profile::parse_regions;

/// Why a profile file was refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("the profile file cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// The project's name is not one.
    #[error("project: {0}")]
    Project(String),
    /// An edition that the program does not have.
    #[error("edition {asked}: this program has {have}")]
    Edition {
        /// What the file asks for.
        asked: String,
        /// What there is.
        have: String,
    },
    /// An option that is not known, or two that exclude each other.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The rectangles to blank cannot be read.
    #[error(transparent)]
    Regions(#[from] RegionError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "files")]
    project: String,
    edition: Option<String>,
    options: Option<Vec<String>>,
    #[serde(default)]
    regions: String,
}

fn files() -> String {
    "files".to_owned()
}

impl Profile {
    /// Reads a profile file.
    ///
    /// # Errors
    /// What in the file cannot be done; never anything less strict instead.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let raw: Raw = toml::from_str(text)?;
        let project = raw.project.parse();
        let project = project.map_err(|why| SettingsError::Project(format!("{why}")))?;
        let edition = Edition::newest();
        if let Some(asked) = raw.edition.filter(|asked| asked != edition.name()) {
            return Err(SettingsError::Edition {
                asked,
                have: edition.name().to_owned(),
            });
        }
        let options = match raw.options {
            Some(names) => Options::parse(&names)?,
            None => Options::shipped(),
        };
        Ok(Self {
            options,
            regions: parse_regions(&raw.regions)?,
            ..Self::basic(project)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_can_do_and_refuses_the_rest() {
        assert_eq!(Profile::parse("").unwrap().project.as_str(), "files");
        let full = "project = 'wrist'\nedition = '2026c'\noptions = []";
        assert_eq!(Profile::parse(full).unwrap().project.as_str(), "wrist");
        let check = |text: &str, named: &str| {
            let error = Profile::parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        };
        check("edition = '2019b'", "2026c");
        let none = Profile::parse("options = []").unwrap();
        assert_eq!(none.options, Options::none());
        check("options = ['retain-names']", "retain-names");
        check("optoins = []", "optoins");
        check("regions = '{ Modallity'", "rule 1");
        check("project = 'Not A Name'", "project");
    }
}
