//! The appliance from outside: one binary, a file a subject.

mod central;
mod forward;
mod inference;
mod pixels;
mod wrist;
mod xray;
mod pki;
mod results;
