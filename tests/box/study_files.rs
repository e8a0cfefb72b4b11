//! Studies to send: simulated wrists of invented people with a full identity.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::let_underscore_must_use,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use bonebox::demo::scan::{self, Planted};
use bonebox::workbench::synth;

pub(crate) struct Study {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) planted: Vec<Planted>,
}

/// The PA and the lateral of one of the invented people.
pub(crate) fn pair(folder: &Path, number: u64) -> Study {
    let case = synth::case(number).unwrap();
    let place = synth::write_case(&case, folder).unwrap();
    let files = vec![place.join("pa.dcm"), place.join("lateral.dcm")];
    let planted = scan::planted_in(&files, &case.identity.planted()).unwrap();
    Study { files, planted }
}
