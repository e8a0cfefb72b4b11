//! A model's card: what the files of a model are, before any is opened.
//!
//! `card.json` lies beside the files. This room reads names, digests, ports and
//! the golden answers; whatever else the card says (what the numbers mean, what
//! was measured) is kept for the room that knows, in [`ModelCard::rest`].

use std::path::{Path, PathBuf};

use super::InferError;
use crate::names::{Digest, ModelId};

/// What a card says.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ModelCard {
    /// Name and version.
    pub model: ModelId,
    /// Every file of the model, the card itself excepted.
    pub files: Vec<CardFile>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
    /// The digest of the card: with it, the model is known to the last bit.
    #[serde(skip, default = "nothing")]
    pub digest: Digest,
}

fn nothing() -> Digest {
    Digest::of(b"")
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct CardFile {
    /// What it is called in the code: `predictor`, `decoder`, …
    pub name: String,
    /// File name, in the card's folder.
    pub file: String,
    /// What its bytes hash to.
    pub sha256: Digest,
    /// A network's inputs.
    #[serde(default)]
    pub inputs: Vec<Port>,
    /// A network's outputs.
    #[serde(default)]
    pub outputs: Vec<Port>,
}

/// A tensor that a network takes or gives.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Port {
    /// Its name in the network.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What its numbers are, for a person.
    #[serde(default)]
    pub unit: String,
}

impl ModelCard {
    /// Reads `card.json` in a folder.
    ///
    /// # Errors
    /// [`InferError::ModelFile`], [`InferError::Card`].
    pub fn read(folder: &Path) -> Result<Self, InferError> {
        let path = folder.join("card.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(InferError::ModelFile { path, source }),
        };
        Self::parse(&bytes).map_err(|why| InferError::Card { path, why })
    }

    /// Understands a card's bytes.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut card: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        card.digest = Digest::of(bytes);
        for (index, file) in card.files.iter().enumerate() {
            let plain = Path::new(&file.file)
                .file_name()
                .is_some_and(|name| name == file.file.as_str());
            if !plain {
                return Err(format!("{:?} is not a plain file name", file.file));
            }
            if card
                .files
                .iter()
                .take(index)
                .any(|other| other.name == file.name)
            {
                return Err(format!("two files are called {:?}", file.name));
            }
        }
        Ok(card)
    }

    /// The file of a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&CardFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// A file's bytes, when they are the ones that the card names.
    ///
    /// # Errors
    /// [`InferError::Card`] when the card has no file of that name,
    /// [`InferError::ModelFile`], [`InferError::DigestDiffers`].
    pub fn read_file(&self, folder: &Path, name: &str) -> Result<Vec<u8>, InferError> {
        let Some(file) = self.file(name) else {
            return Err(InferError::Card {
                path: folder.join("card.json"),
                why: format!("it names no file {name:?}"),
            });
        };
        let path: PathBuf = folder.join(&file.file);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(InferError::ModelFile { path, source }),
        };
        let found = Digest::of(&bytes);
        if found != file.sha256 {
            let expected = file.sha256;
            return Err(InferError::DigestDiffers {
                path,
                expected,
                found,
            });
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn card(file: &str) -> String {
        let digest = Digest::of(b"abc");
        format!(
            r#"{{"model": "add@1", "licence": "MIT", "files": [{{"name": "add", "file": "{file}",
            "sha256": "{digest}", "inputs": [{{"name": "x", "shape": [1, 4]}}]}}]}}"#
        )
    }

    #[test]
    fn a_card_says_what_the_files_are() {
        let bytes = card("add.onnx").into_bytes();
        let read = ModelCard::parse(&bytes).unwrap();
        assert_eq!(read.model.as_str(), "add@1");
        assert_eq!(read.file("add").unwrap().inputs[0].shape, [1, 4]);
        assert_eq!(read.rest.get("licence").unwrap(), "MIT");
        assert_eq!(read.digest, Digest::of(&bytes));
    }

    #[test]
    fn a_card_cannot_name_files_elsewhere() {
        for elsewhere in ["../add.onnx", "/etc/passwd", "a/b", "", "."] {
            assert!(
                ModelCard::parse(card(elsewhere).as_bytes()).is_err(),
                "{elsewhere}"
            );
        }
        assert!(ModelCard::parse(b"{}").is_err());
    }

    #[test]
    fn a_file_that_differs_from_its_card_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let read = ModelCard::parse(card("add.onnx").as_bytes()).unwrap();
        let missing = read.read_file(folder.path(), "add").unwrap_err();
        assert!(matches!(missing, InferError::ModelFile { .. }));
        std::fs::write(folder.path().join("add.onnx"), b"abc").unwrap();
        assert_eq!(read.read_file(folder.path(), "add").unwrap(), b"abc");
        std::fs::write(folder.path().join("add.onnx"), b"abd").unwrap();
        let error = read.read_file(folder.path(), "add").unwrap_err();
        let text = error.to_string();
        for part in [
            "add.onnx",
            &Digest::of(b"abc").hex(),
            &Digest::of(b"abd").hex(),
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
