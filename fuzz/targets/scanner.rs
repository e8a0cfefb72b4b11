//! The bounded scanner; the first byte chooses the transfer syntax.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bonebox::receive::probe::scan_any(bytes);
});
