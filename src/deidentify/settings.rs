//! A profile as a file, for the shell: which edition, which options.
//!
//! ```toml
//! project = "wrist-study"   # names the key's use; default: files
//! edition = "2026c"         # refused when the program does not have it
//! options = []              # named options of PS3.15 E.3; none is built yet
//! ```

use serde::Deserialize;

use super::Profile;
use crate::profile::Edition;

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
    /// An option that is not built: nothing is de-identified less strictly than asked.
    #[error("option {0}: not supported; the Basic Profile without options is")]
    Choice(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "files")]
    project: String,
    edition: Option<String>,
    #[serde(default)]
    options: Vec<String>,
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
        match raw.options.into_iter().next() {
            Some(first) => Err(SettingsError::Choice(first)),
            None => Ok(Self::basic(project)),
        }
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
        check("options = ['retain-uids']", "retain-uids");
        check("optoins = []", "optoins");
        check("project = 'Not A Name'", "project");
    }
}
