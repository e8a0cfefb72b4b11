//! The DICOM node from outside: other people's senders, exact bytes, refusals,
//! full disks and hostile peers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "tests"
)]

mod alone;
mod commitment;
pub(crate) mod corpora;
mod crash_images;
mod exact;
mod hostile;
mod kills;
pub(crate) mod node;
mod peers;
mod refusals;
mod tls;
