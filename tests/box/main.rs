//! The appliance from outside: one binary, a file a subject.

mod answers;
mod burned;
mod canaries;
mod central;
mod dashboard;
mod deidentify;
mod faults;
mod flow;
mod forward;
mod gate;
mod http;
mod inference;
mod kills;
mod objects;
mod options;
mod pixels;
mod pki;
mod planted;
mod receive;
mod results;
mod rig;
mod shell;
mod study_files;
mod synth;
mod wrist;
mod xray;
