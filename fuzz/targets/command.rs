//! A command set, and a request for storage commitment.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = bonebox::receive::probe::command(bytes);
    let _ = bonebox::receive::probe::commitment_request(bytes);
});
