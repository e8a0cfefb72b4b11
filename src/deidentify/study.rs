//! All instances of a study, and the report on them.
//!
//! First every head is read and judged, then the study as a whole (one patient,
//! one study), and only then is the first file written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::prepare::{Prepared, prepare};
use super::{Counts, DeidentifyError, InstanceReport, Judged, Profile, Reason};
use crate::identity::PseudonymKey;
use crate::names::InstanceKey;
use crate::names::LegalBasis;
use crate::names::Project;
use crate::names::Pseudonym;
use crate::names::StudyUid;
use crate::names::Uid;
use crate::study::DeidentifiedEvidence;
use crate::study::FileEntry;
use crate::study::Quarantined;
use crate::vault::Vault;

/// An identified file of the study's closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The box's key of the instance.
    pub instance: InstanceKey,
    /// The file, complete and read-only.
    pub path: PathBuf,
    /// Who judged its pixels.
    pub judged: Judged,
}

/// What was done to a study. Holds no identified value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The project.
    pub project: Project,
    /// Edition of the table.
    pub edition: String,
    /// The patient's stand-in; none when nothing passed.
    pub pseudonym: Option<Pseudonym>,
    /// The pseudonymous Study Instance UID; none when nothing passed.
    pub study_uid: Option<Uid<StudyUid>>,
    /// What was done to how many attributes, over all instances.
    pub counts: Counts,
    /// The files written, `0001.dcm` … in the order of the list.
    pub files: Vec<FileEntry>,
    /// What was done to each of them.
    pub instances: Vec<InstanceReport>,
    /// What went to quarantine.
    pub quarantined: Vec<Quarantined>,
    /// Flags of any instance, each once.
    pub flags: Vec<String>,
}

impl Report {
    /// The evidence that the study is de-identified; none when nothing passed.
    #[must_use]
    pub fn evidence(&self, basis: LegalBasis) -> Option<DeidentifiedEvidence> {
        Some(DeidentifiedEvidence {
            pseudonym: self.pseudonym.clone()?,
            project: self.project.clone(),
            basis,
            study_uid: self.study_uid.clone()?,
            edition: self.edition.clone(),
            removed: self.counts.removed,
            replaced: self.counts.replaced,
            kept: self.counts.kept,
            by_rule: self.counts.by_rule.clone(),
            files: self.files.clone(),
            images: self
                .instances
                .iter()
                .map(InstanceReport::image)
                .collect::<Option<_>>()?,
            quarantined: self.quarantined.clone(),
            flags: self.flags.clone(),
        })
    }
}

/// De-identifies the instances of a study into a folder, as `0001.dcm` and so
/// on. The files are synced; the folder is for the caller to sync. Files of an
/// earlier try under the same names are written over.
///
/// # Errors
/// Only what a later try may mend ([`DeidentifyError::Read`] and
/// [`DeidentifyError::Write`]); quarantine stands in the report.
pub fn deidentify_study(
    inputs: &[Input],
    folder: &Path,
    profile: &Profile,
    key: &PseudonymKey,
    vault: &Vault,
) -> Result<Report, DeidentifyError> {
    let mut report = Report {
        project: profile.project.clone(),
        edition: profile.edition.name().to_owned(),
        pseudonym: None,
        study_uid: None,
        counts: Counts::default(),
        files: Vec::new(),
        instances: Vec::new(),
        quarantined: Vec::new(),
        flags: Vec::new(),
    };
    let mut passed: Vec<(&Input, Prepared)> = Vec::new();
    for input in inputs {
        match prepare(&input.path, profile, key, input.judged) {
            Ok(prepared) => passed.push((input, prepared)),
            Err(DeidentifyError::Quarantine(reason)) => {
                report.quarantined.push(quarantined(input, reason));
            }
            Err(error) => return Err(error),
        }
    }
    let same = |a: &Prepared, b: &Prepared| {
        a.report.pseudonym == b.report.pseudonym && a.report.study_uid == b.report.study_uid
    };
    if passed.windows(2).any(|pair| !same(&pair[0].1, &pair[1].1)) {
        let mixed = passed.iter();
        let mixed = mixed.map(|(input, _)| quarantined(input, Reason::MixedPatients));
        report.quarantined.extend(mixed);
        return Ok(report);
    }
    if let Some((_, first)) = passed.first()
        && let Some(person) = &first.person
    {
        if vault.has_withdrawn(&person.issuer, &person.id)? {
            let gone = passed.iter();
            let gone = gone.map(|(input, _)| quarantined(input, Reason::Withdrawn));
            report.quarantined.extend(gone);
            return Ok(report);
        }
        // Before the first file: a pseudonym without its person cannot be.
        vault.remember(&profile.project, &first.report.pseudonym, person)?;
    }
    for (index, (_, prepared)) in passed.into_iter().enumerate() {
        let name = format!("{:04}.dcm", index + 1);
        report.add(name.clone(), prepared.write(&folder.join(name))?);
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, name: String, instance: InstanceReport) {
        self.pseudonym
            .get_or_insert_with(|| instance.pseudonym.clone());
        if self.study_uid.is_none() {
            self.study_uid = instance.study_uid.parse().ok();
        }
        self.counts.add(&instance.counts);
        self.files.push(FileEntry {
            name,
            digest: instance.digest,
            size: instance.size,
        });
        for flag in &instance.flags {
            if !self.flags.contains(flag) {
                self.flags.push(flag.clone());
            }
        }
        self.instances.push(instance);
    }
}

fn quarantined(input: &Input, reason: Reason) -> Quarantined {
    Quarantined {
        instance: input.instance.clone(),
        code: reason.code().to_owned(),
        text: reason.text().to_owned(),
    }
}
