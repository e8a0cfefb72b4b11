//! The appliance from outside: one binary, a file a subject.

mod dashboard;
mod inference;
mod pixels;
