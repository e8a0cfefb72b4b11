//! The appliance from outside: one binary, a file a subject.

mod inference;
mod pixels;
mod receive;
