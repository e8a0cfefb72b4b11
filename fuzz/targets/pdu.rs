//! A whole connection as a stranger may send it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let heard = bonebox::receive::probe::connection(bytes);
    assert!(heard.memory <= 300_000);
});
