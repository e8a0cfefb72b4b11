//! A data set that passed the scanner, through what parses it afterwards: the
//! de-identifier. The first byte chooses the transfer syntax.
#![no_main]

use std::sync::LazyLock;

use bonebox::deidentify::{Profile, deidentify};
use bonebox::identity::BoxIdentity;

static PLACE: LazyLock<(std::path::PathBuf, BoxIdentity)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("bonebox-fuzz-{}", std::process::id()));
    let identity = BoxIdentity::open(&folder.join("identity")).expect("an identity");
    (folder, identity)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(file) = bonebox::receive::probe::part10(bytes) else {
        return;
    };
    let (folder, identity) = &*PLACE;
    let (input, output) = (folder.join("in.dcm"), folder.join("out.dcm"));
    std::fs::write(&input, file).expect("a file");
    let profile = Profile::shipped("fuzz".parse().expect("a name"));
    let key = identity.pseudonym_key(&profile.project, 1);
    // Refused or done: never a fault of ours.
    let _ = deidentify(&input, &output, &profile, &key);
});
