//! De-identification of every object of the installable corpora (pydicom's own
//! test files and pydicom-data): what passes, that `dciodvfy` finds no error in an
//! output that was not in its input, and that dcmtk, gdcm and pydicom read it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use bonebox::deidentify::{Profile, deidentify};
use bonebox::identity::PseudonymKey;
use dicom_core::Tag;
use dicom_object::open_file;

use crate::receive::corpora::corpus;

const IMAGES: [&str; 5] = [
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
];

/// Whether an object is a radiograph or CT image of one of our classes, and
/// whether it says that it is ORIGINAL\PRIMARY.
fn kind(path: &Path) -> Option<[bool; 2]> {
    let object = open_file(path).ok()?;
    let text = |tag| {
        let value = object.element(tag).ok()?.to_str().ok()?;
        Some(value.trim_matches(['\0', ' ']).to_owned())
    };
    let class = text(Tag(0x0008, 0x0016))?;
    let image_type = text(Tag(0x0008, 0x0008)).unwrap_or_default();
    let ours = IMAGES.contains(&class.as_str());
    Some([ours, ours && image_type.starts_with("ORIGINAL\\PRIMARY")])
}

/// The errors that dciodvfy finds, without the UIDs that it repeats: those are
/// others after de-identification.
fn errors(path: &Path) -> BTreeSet<String> {
    let output = Command::new("dciodvfy").arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("Error"));
    lines.map(without_uids).collect()
}

/// A line with every value in angle brackets that is a UID left out.
fn without_uids(line: &str) -> String {
    let is_uid =
        |text: &str| text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let parts = line.split_inclusive(['<', '>']).map(|part| {
        let value = part.strip_suffix('>').unwrap_or_default();
        if is_uid(value) { ">" } else { part }
    });
    parts.collect()
}

fn reads(program: &str, arguments: &[&str], path: &Path) -> bool {
    let ran = Command::new(program).args(arguments).arg(path).output();
    ran.unwrap().status.success()
}

#[test]
fn the_corpora_pass_and_stay_valid() {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::shipped("corpora".parse().unwrap());
    let key = PseudonymKey::random().unwrap();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/setup/venv/bin/python");
    let script =
        "import pydicom, sys; assert pydicom.dcmread(sys.argv[1]).PatientIdentityRemoved == 'YES'";
    let [
        mut all,
        mut ours,
        mut ours_passed,
        mut original,
        mut original_passed,
    ] = [0_u32; 5];
    for input in corpus() {
        let output = folder.path().join("out.dcm");
        let passed = deidentify(&input, &output, &profile, &key).is_ok();
        let [is_ours, is_original] = kind(&input).unwrap_or_default();
        all += 1;
        ours += u32::from(is_ours);
        ours_passed += u32::from(is_ours && passed);
        original += u32::from(is_original);
        original_passed += u32::from(is_original && passed);
        if !passed {
            continue;
        }
        let name = input.file_name().unwrap_or_default().display();
        let before = errors(&input);
        let new: Vec<String> = errors(&output)
            .into_iter()
            .filter(|error| !before.contains(error))
            .collect();
        assert!(new.is_empty(), "{name}: {new:#?}");
        assert!(reads("dcmdump", &[], &output), "{name}: dcmtk");
        assert!(reads("gdcminfo", &[], &output), "{name}: gdcm");
        let python = python.to_string_lossy();
        assert!(reads(&python, &["-c", script], &output), "{name}: pydicom");
    }
    println!(
        "{all} objects; {ours_passed} of {ours} CR, DX and CT pass, of ORIGINAL\\PRIMARY ones \
         {original_passed} of {original}; quarantined {} of {all}",
        all - ours_passed
    );
    assert!(original >= 5 && original_passed * 100 >= original * 98);
}
