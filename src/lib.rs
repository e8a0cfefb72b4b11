//! bonebox: a box that stands in a radiology room. It receives wrist studies
//! over DICOM, takes the person out at the edge, reconstructs the distal radius
//! and ulna in 3-D, shows the result, and forwards only pseudonymized results.
//!
//! A study walks through the house once: received, spooled, de-identified,
//! analyzed, stored, forwarded. Verbs are the rooms it walks through, nouns are
//! the rooms that stand beside. Who may call whom is written in
//! `docs/ARCHITECTURE.md` and checked by `tests/house.rs`.
//!
//! Research use, not a diagnosis.
#![forbid(unsafe_code)]

#[cfg(all(feature = "test-hooks", not(debug_assertions)))]
compile_error!("test-hooks switches de-identification off and is refused in release builds");

// Floor 0: words.
pub mod names;
pub mod units;
pub mod clock;
pub mod wire;
pub mod study;
// Floor 1: paper.
pub mod geometry;
pub mod raster;
pub mod anatomy;
pub mod radiography;
pub mod mechanics;
pub mod profile;
pub mod phantom;
pub mod audit;
// Floor 2: furniture. Files are renamed and deleted only where an allow stands.
pub mod config;
pub mod identity;
pub mod vault;
#[allow(clippy::disallowed_methods, reason = "owns files")]
pub mod store;
#[allow(clippy::disallowed_methods, reason = "owns files")]
pub mod spool;
pub mod infer;
pub mod page;
// Floor 3: steps.
pub mod receive;
pub mod deidentify;
pub mod analyze;
pub mod results;
pub mod forward;
// Floor 4: people.
pub mod pipeline;
pub mod workbench;
pub mod dashboard;
#[allow(clippy::disallowed_methods, reason = "owns files")]
pub mod central;
#[allow(clippy::disallowed_methods, reason = "owns files")]
pub mod demo;
