//! Looks for planted identifiers in files.

use std::path::{Path, PathBuf};

use super::DemoError;
use crate::workbench::header::japanese;

/// An identifier in the byte forms that are looked for: UTF-8, and where it is
/// Japanese the bytes of JIS X 0208 as ISO 2022 IR 87 writes them.
pub type Planted = Vec<Vec<u8>>;

/// Those of some values that truly stand in the files that are sent: the
/// positive control of the scan.
///
/// # Errors
/// [`DemoError`] if a file cannot be read.
pub fn planted_in(files: &[PathBuf], values: &[String]) -> Result<Vec<Planted>, DemoError> {
    let mut planted: Vec<Planted> = values.iter().map(|value| forms(value)).collect();
    let mut found = vec![false; planted.len()];
    for file in files {
        look(file, &planted, &mut found)?;
    }
    let mut found = found.iter();
    planted.retain(|_| found.next().copied().unwrap_or(false));
    Ok(planted)
}

/// How many of the identifiers stand in some file below a folder, raw or as
/// hexadecimal, in its bytes or its name.
///
/// # Errors
/// [`DemoError`] if a file cannot be read.
pub fn found_below(path: &Path, planted: &[Planted]) -> Result<usize, DemoError> {
    let mut found = vec![false; planted.len()];
    look(path, planted, &mut found)?;
    Ok(found.into_iter().filter(|found| *found).count())
}

fn forms(value: &str) -> Planted {
    let mut forms = vec![value.as_bytes().to_vec()];
    if !value.is_ascii() {
        // Between two escapes stand the kanji alone.
        let escaped = japanese(value);
        let runs = escaped
            .split(|&byte| byte == 0x1b)
            .filter_map(|run| run.strip_prefix(b"$B"));
        forms.extend(runs.filter(|run| run.len() >= 4).map(<[u8]>::to_vec));
    }
    forms
}

fn look(path: &Path, planted: &[Planted], found: &mut [bool]) -> Result<(), DemoError> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(DemoError::file("listing", path))?;
        for entry in entries {
            let entry = entry.map_err(DemoError::file("listing", path))?;
            note(entry.file_name().as_encoded_bytes(), planted, found);
            look(&entry.path(), planted, found)?;
        }
    } else if path.is_file() {
        note(
            &std::fs::read(path).map_err(DemoError::file("reading", path))?,
            planted,
            found,
        );
    }
    Ok(())
}

fn note(bytes: &[u8], planted: &[Planted], found: &mut [bool]) {
    for (forms, found) in planted.iter().zip(found) {
        *found = *found
            || forms
                .iter()
                .any(|form| contains(bytes, form) || contains(bytes, &hex(form)));
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect()
}

/// Whether a needle stands in a haystack: skips to its first byte, then compares.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else {
        return true;
    };
    let mut from = haystack;
    while let Some(at) = from.iter().position(|&byte| byte == first) {
        from = from.get(at + 1..).unwrap_or_default();
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn finds_raw_hex_kanji_and_in_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/a"), b"xxYAMADAxx\x1b$B;3ED\x1b(B").unwrap();
        std::fs::write(dir.path().join("ID-77"), b"53555a554b49").unwrap();
        let values = ["YAMADA", "SUZUKI", "ID-77", "山田", "absent", "不在"].map(String::from);
        let planted: Vec<Planted> = values.iter().map(|value| forms(value)).collect();
        assert_eq!(found_below(dir.path(), &planted).unwrap(), 4);
        let files = [dir.path().join("sub/a")];
        assert_eq!(planted_in(&files, &values).unwrap().len(), 2);
    }
}
