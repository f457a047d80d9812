//! Handles any events in any order, and checks the laws of `tests/properties`.
#![no_main]

#[path = "../../tests/properties/member_laws/mod.rs"]
mod member_laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    member_laws::check(bytes);
});
