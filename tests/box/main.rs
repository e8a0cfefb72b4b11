//! The appliance from outside: one binary, a file a subject.

mod dashboard;
mod deidentify;
mod central;
mod forward;
mod inference;
mod objects;
mod pixels;
mod receive;
mod planted;
mod wrist;
mod xray;
mod pki;
mod results;
mod synth;
