//! Decodes any datagram, and checks the laws of `tests/properties`.
#![no_main]

#[path = "../../tests/properties/decoder_laws.rs"]
mod decoder_laws;
#[path = "../../tests/properties/seed_scan.rs"]
mod seed_scan;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| decoder_laws::check(datagram));
