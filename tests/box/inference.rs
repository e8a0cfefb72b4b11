//! The true runtime with a network of a few hundred bytes: y = x W + b, with
//! W = (0, 1, … 11) / 4 as 4 rows of 3, b = (1, -2, 0.5).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use bonebox::infer::{
    Engine, EngineSettings, InferError, Model, Provider, Remedy, Require, Tensor, Tensors,
};
use bonebox::names::Digest;
use tempfile::TempDir;

/// Where set-up puts the library; that of another machine, where it is named.
pub(crate) fn library() -> PathBuf {
    let kept = "target/setup/onnxruntime/libonnxruntime.so.1.32.0";
    let named = std::env::var_os("BONEBOX_ONNXRUNTIME").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(kept))
}

/// The runtime of this process, as shipped.
pub(crate) fn engine() -> Engine {
    Engine::start(EngineSettings::with_library(library(), Vec::new())).unwrap()
}

fn network() -> Vec<u8> {
    let path = "tests/box/fixtures/networks/affine.onnx";
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn tensor(data: &[f32]) -> Tensor {
    Tensor::new(vec![1, data.len()], data.to_vec()).unwrap()
}

/// A model folder whose golden answer's last number is given.
fn folder(last: f32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let golden = serde_json::json!({ "affine": {
        "inputs": { "x": { "shape": [1, 4], "data": [1.0, 0.0, 0.0, 2.0] } },
        "outputs": { "y": { "shape": [1, 3], "data": [5.5, 3.25, last] } },
        "tolerance": 1e-5,
    }})
    .to_string();
    let network = network();
    let card = serde_json::json!({ "model": "affine@1", "files": [
        { "name": "affine", "file": "affine.onnx", "sha256": Digest::of(&network),
          "inputs": [{ "name": "x", "shape": [1, 4], "unit": "none" }],
          "outputs": [{ "name": "y", "shape": [1, 3], "unit": "none" }] },
        { "name": "golden", "file": "golden.json", "sha256": Digest::of(golden.as_bytes()) },
    ]});
    std::fs::write(folder.path().join("affine.onnx"), network).unwrap();
    std::fs::write(folder.path().join("golden.json"), golden).unwrap();
    std::fs::write(folder.path().join("card.json"), card.to_string()).unwrap();
    folder
}

#[test]
fn a_model_answers_as_it_did_where_it_was_made() {
    let folder = folder(6.5);
    let engine = engine();
    let model = Model::load(&engine, folder.path()).unwrap();
    let inputs = Tensors::from([("x".to_owned(), tensor(&[0.0, 4.0, 0.0, 0.0]))]);
    let outputs = model.run("affine", &inputs).unwrap();
    assert_eq!(outputs.get("y"), Some(&tensor(&[4.0, 2.0, 5.5])));
    assert_eq!(outputs, model.run("affine", &inputs).unwrap());
    let wrong = Tensors::from([("x".to_owned(), tensor(&[0.0; 5]))]);
    assert!(matches!(
        model.run("affine", &wrong),
        Err(InferError::Shape { .. })
    ));
    assert!(matches!(
        model.run("affine", &Tensors::new()),
        Err(InferError::Shape { .. })
    ));
    assert!(matches!(
        model.run("other", &inputs),
        Err(InferError::Load { .. })
    ));
}

#[test]
fn a_model_that_answers_otherwise_is_refused() {
    let folder = folder(6.75);
    let error = Model::load(&engine(), folder.path()).unwrap_err();
    assert!(matches!(error, InferError::GoldenDiffers { .. }), "{error}");
    assert_eq!(error.remedy(), Remedy::Hold);
}

#[test]
fn a_changed_or_missing_file_is_refused_by_name() {
    let folder = folder(6.5);
    let engine = engine();
    let path = folder.path().join("affine.onnx");
    let mut bytes = network();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = Model::load(&engine, folder.path()).unwrap_err();
    assert!(matches!(error, InferError::DigestDiffers { .. }), "{error}");
    assert!(error.to_string().contains("affine.onnx"));
    let alone = tempfile::tempdir().unwrap();
    let card = std::fs::read(folder.path().join("card.json")).unwrap();
    std::fs::write(alone.path().join("card.json"), card).unwrap();
    let error = Model::load(&engine, alone.path()).unwrap_err();
    assert!(matches!(error, InferError::ModelFile { .. }), "{error}");
    let nowhere = Model::load(&engine, Path::new("nowhere")).unwrap_err();
    assert!(matches!(nowhere, InferError::ModelFile { .. }));
}

#[test]
fn a_library_that_is_not_listed_is_never_opened() {
    let listed = vec![Digest::of(b"another")];
    let error = Engine::start(EngineSettings::with_library(library(), listed)).unwrap_err();
    assert!(
        matches!(error, InferError::LibraryUnlisted { .. }),
        "{error}"
    );
    let found = Digest::of(&std::fs::read(library()).unwrap());
    assert!(error.to_string().contains(&found.hex()));
    let engine = Engine::start(EngineSettings::with_library(library(), vec![found])).unwrap();
    assert_eq!(engine.library(), found);
}

#[test]
fn a_missing_or_foreign_library_is_an_answer_and_no_crash() {
    let missing = EngineSettings::with_library("nowhere.so".into(), Vec::new());
    let error = Engine::start(missing).unwrap_err();
    assert!(matches!(error, InferError::Library { .. }), "{error}");
    assert_eq!(error.remedy(), Remedy::Hold);
    // In a process that has loaded none yet (the tests run one a process) this
    // fails in the loader; in one that has, for being another library.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    std::fs::write(&path, b"not a library").unwrap();
    let foreign = Engine::start(EngineSettings::with_library(path, Vec::new())).unwrap_err();
    let expected = matches!(
        foreign,
        InferError::LibraryLoad { .. } | InferError::LibraryChanged { .. }
    );
    assert!(expected, "{foreign}");
}

#[test]
fn a_provider_is_active_only_after_a_warm_up() {
    // The library from the package index computes on the processor only.
    let engine = engine();
    assert_eq!(engine.active(), Provider::Cpu);
    let tried: Vec<_> = engine.attempts().iter().map(|one| one.wanted).collect();
    assert_eq!(tried, [Provider::TensorRt, Provider::Cuda, Provider::Cpu]);
    for attempt in &engine.attempts()[..2] {
        let reason = attempt.refused.as_deref().unwrap();
        assert!(reason.contains("not enabled in this build"), "{reason}");
    }
    assert_eq!(engine.attempts()[2].refused, None);
    assert!(
        engine.build().contains("ORT Build Info"),
        "{}",
        engine.build()
    );
}

#[test]
fn a_slower_provider_than_required_is_refused() {
    for require in [Require::Cuda, Require::TensorRt] {
        let settings = EngineSettings {
            require,
            ..EngineSettings::with_library(library(), Vec::new())
        };
        let error = Engine::start(settings).unwrap_err();
        assert!(matches!(error, InferError::Provider { .. }), "{error}");
        assert!(
            error.to_string().contains("cpu: the settings require"),
            "{error}"
        );
    }
}
