//! The providers: what computes, TensorRT, CUDA or the processor, in the order
//! that the settings want, and why one was not had.

use std::path::Path;

use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider as _, CUDA, ExecutionProvider as _, TensorRT,
};
use ort::session::builder::SessionBuilder;

use crate::names::Digest;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// The processor.
    Cpu,
}

impl Provider {
    /// The word in settings and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }
}

/// What must compute for results to be made at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Whatever works.
    #[default]
    Any,
    /// CUDA or TensorRT.
    Cuda,
    /// TensorRT.
    TensorRt,
}

impl Require {
    /// Whether a provider will do.
    #[must_use]
    pub fn accepts(self, provider: Provider) -> bool {
        match self {
            Self::Any => true,
            Self::Cuda => provider != Provider::Cpu,
            Self::TensorRt => provider == Provider::TensorRt,
        }
    }
}

/// What became of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which one was wanted.
    pub wanted: Provider,
    /// `None` when it was registered and a warm-up ran; else why not.
    pub refused: Option<String>,
}

/// The options of TensorRT for one model: engines are cached in a folder that
/// only the service writes, under a name that changes with model and library.
/// The deep-learning accelerator stays off (it has 2-D convolutions only), and
/// so does half precision until a card says that it was measured.
pub(super) fn tensorrt_options(
    cache: Option<&Path>,
    model: Digest,
    library: Digest,
) -> Vec<(&'static str, String)> {
    let on = || "1".to_owned();
    let off = || "0".to_owned();
    let mut options = vec![
        ("device_id", off()),
        ("trt_fp16_enable", off()),
        ("trt_int8_enable", off()),
        ("trt_dla_enable", off()),
        ("trt_builder_optimization_level", "3".to_owned()),
    ];
    if let Some(cache) = cache {
        let folder = cache.display().to_string();
        let short = |digest: Digest| digest.hex().chars().take(16).collect::<String>();
        options.extend([
            ("trt_engine_cache_enable", on()),
            ("trt_engine_cache_path", folder.clone()),
            (
                "trt_engine_cache_prefix",
                format!("{}-{}-fp32", short(model), short(library)),
            ),
            ("trt_timing_cache_enable", on()),
            ("trt_timing_cache_path", folder),
        ]);
    }
    options
}

/// Asks the runtime for one provider, and for no other after it.
pub(super) fn register(
    provider: Provider,
    tensorrt: Vec<(&'static str, String)>,
    builder: &mut SessionBuilder,
) -> Result<(), String> {
    let outcome = match provider {
        Provider::TensorRt => {
            let start = TensorRT::default();
            let full = tensorrt.into_iter().fold(start, |ep, (key, value)| {
                ep.with_arbitrary_config(key, value)
            });
            full.register(builder)
        }
        Provider::Cuda => CUDA::default().register(builder),
        // Always there: the runtime falls back to it without being asked.
        Provider::Cpu => Ok(()),
    };
    outcome.map_err(|error| one_line(&error.to_string()))
}

/// A message of the runtime on one line, not longer than a log line should be.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensorrt_is_asked_by_the_names_that_it_knows() {
        let (model, library) = (Digest::of(b"model"), Digest::of(b"library"));
        let options = tensorrt_options(Some(Path::new("/var/cache/engines")), model, library);
        let by_name = options
            .into_iter()
            .fold(TensorRT::default(), |ep, (key, value)| {
                ep.with_arbitrary_config(key, value)
            });
        // The same by the typed methods of the binding: a misspelt key shows.
        let prefix = format!("{:.16}-{:.16}-fp32", model.hex(), library.hex());
        let typed = TensorRT::default()
            .with_device_id(0)
            .with_fp16(false)
            .with_int8(false)
            .with_dla(false)
            .with_builder_optimization_level(3)
            .with_engine_cache(true)
            .with_engine_cache_path("/var/cache/engines")
            .with_engine_cache_prefix(prefix)
            .with_timing_cache(true)
            .with_timing_cache_path("/var/cache/engines");
        // The typed methods write true and false; the runtime reads both spellings.
        let typed = format!("{typed:?}");
        let typed = typed
            .replace("\"true\"", "\"1\"")
            .replace("\"false\"", "\"0\"");
        assert_eq!(format!("{by_name:?}"), typed);
    }

    #[test]
    fn without_a_folder_nothing_is_cached() {
        let options = tensorrt_options(None, Digest::of(b"m"), Digest::of(b"l"));
        assert!(options.iter().all(|(key, _)| !key.contains("cache")));
    }

    #[test]
    fn requirements() {
        assert!(Require::Any.accepts(Provider::Cpu));
        assert!(!Require::Cuda.accepts(Provider::Cpu));
        assert!(Require::Cuda.accepts(Provider::TensorRt));
        assert!(!Require::TensorRt.accepts(Provider::Cuda));
    }
}
