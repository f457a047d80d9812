//! Any datagram. The laws are those of `tests/library/properties`.
#![no_main]

#[path = "../../tests/library/properties/decoder_laws.rs"]
mod decoder_laws;
#[path = "../../tests/library/properties/original_scan.rs"]
mod original_scan;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| decoder_laws::check(datagram));
