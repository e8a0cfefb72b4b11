//! Which project a study belongs to: by who sent it and what its images say.

use std::fs::File;

use dicom_core::Tag;

use super::element::text;
use super::read::read;
use super::study::Input;
use super::{DeidentifyError, Reason};
use crate::config::ProjectSettings;
use crate::config::Settings;

/// The one project of a study. Images that cannot be read do not speak; they
/// are quarantined all the same.
///
/// # Errors
/// [`Reason::MixedProjects`] when the images fall under different projects;
/// [`DeidentifyError::Read`].
pub fn choose_project<'a>(
    inputs: &[Input],
    source: &str,
    settings: &'a Settings,
) -> Result<&'a ProjectSettings, DeidentifyError> {
    if settings.projects.is_empty() {
        return Ok(&settings.project);
    }
    let mut chosen: Option<&ProjectSettings> = None;
    for input in inputs {
        let file = File::open(&input.path).map_err(|source| DeidentifyError::Read { source })?;
        let object = match read(file) {
            Ok(object) => object,
            Err(DeidentifyError::Quarantine(_)) => continue,
            Err(error) => return Err(error),
        };
        let of = |tag| text(&object.elements, tag);
        let station = of(Tag(0x0008, 0x1010));
        let accession = of(Tag(0x0008, 0x0050));
        let project = settings.project_of(source, station, accession);
        match chosen {
            Some(earlier) if earlier.name != project.name => {
                return Err(Reason::MixedProjects.into());
            }
            _ => chosen = Some(project),
        }
    }
    Ok(chosen.unwrap_or_else(|| settings.project_of(source, "", "")))
}
