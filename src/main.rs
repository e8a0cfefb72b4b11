//! Reads arguments, builds the rooms, waits for a signal.
fn main() {}
