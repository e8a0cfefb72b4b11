//! The hospital of the demo: what its X-ray room sends. A simulated wrist pair
//! of an invented person with a full identity, and two real radiographs that
//! are no wrists.

use std::path::{Path, PathBuf};

use super::{DemoArgs, DemoError, scan};
use crate::workbench::synth;

/// Our AE title in the demo.
pub(super) const CALLED_AE: &str = "BONEBOX";
/// The X-ray room's AE title.
pub(super) const CALLING_AE: &str = "DEMOXRAY";

/// The real radiographs: file, its Study Instance UID, what it shows.
const REAL: [(&str, &str, &str); 2] = [
    (
        "RG1_UNCR.dcm",
        "1.3.6.1.4.1.5962.1.2.9.20040826185059.5457",
        "a real radiograph of a chest",
    ),
    (
        "RG3_UNCR.dcm",
        "1.3.6.1.4.1.5962.1.2.11.20040826185059.5457",
        "a real radiograph of a lower leg",
    ),
];

/// How a study should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hoped {
    /// With bones.
    Reconstructed,
    /// Refused, with this code among the reasons.
    Refused(&'static str),
}

/// A study that is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// What it is, for people.
    pub(super) what: String,
    /// Its files.
    pub(super) files: Vec<PathBuf>,
    /// Its Study Instance UID.
    pub(super) study_uid: String,
    /// How it should end.
    pub(super) hoped: Hoped,
    /// The identifiers that it carries, each in the forms it stands in.
    pub(super) planted: Vec<scan::Planted>,
}

/// Makes the studies.
pub(super) fn make(args: &DemoArgs, folder: &Path) -> Result<Vec<Sent>, DemoError> {
    let case = synth::case(args.seed)?;
    let case_folder = synth::write_case(&case, folder)?;
    let files = vec![case_folder.join("pa.dcm"), case_folder.join("lateral.dcm")];
    let planted = scan::planted_in(&files, &case.identity.planted())?;
    let mut studies = vec![Sent {
        what: "a simulated wrist pair of an invented person".into(),
        files,
        study_uid: case.identity.study_uid,
        hoped: Hoped::Reconstructed,
        planted,
    }];
    for (name, study_uid, what) in REAL {
        let file = args.radiographs.join(name);
        if !file.exists() {
            return Err(DemoError::Missing {
                what: "a real radiograph",
                path: file,
            });
        }
        let files = vec![file];
        let planted = scan::planted_in(&files, &[study_uid.to_owned()])?;
        studies.push(Sent {
            what: what.into(),
            files,
            study_uid: study_uid.into(),
            hoped: Hoped::Refused("no-wrist-pa"),
            planted,
        });
    }
    Ok(studies)
}
