//! From evidence to the bundle that leaves.

use crate::names::NameError;
use crate::study::AnalyzedEvidence;
use crate::study::ArtefactRole;
use crate::study::DeidentifiedEvidence;
use crate::wire::ApiVersion;
use crate::wire::Bundle;
use crate::wire::ResultFile;

/// The bundle of a study's result objects; it has none for a refusal.
pub(super) fn bundle(
    person: &DeidentifiedEvidence,
    analysis: &AnalyzedEvidence,
) -> Result<Bundle, NameError> {
    let objects = analysis
        .artefacts
        .iter()
        .filter(|artefact| artefact.role == ArtefactRole::ResultObject)
        .filter_map(|artefact| Some((artefact, artefact.sop.as_ref()?)))
        .map(|(artefact, (class, instance))| {
            Ok(ResultFile {
                name: artefact.name.clone(),
                digest: artefact.digest,
                size: artefact.size,
                sop_class: class.parse()?,
                sop_instance: instance.parse()?,
            })
        })
        .collect::<Result<_, NameError>>()?;
    Ok(Bundle {
        version: ApiVersion::CURRENT,
        pseudonym: person.pseudonym.clone(),
        study: person.study_uid.clone(),
        project: person.project.clone(),
        basis: person.basis,
        objects,
    })
}
