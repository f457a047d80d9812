//! Any events, in any order. The laws are those of `tests/library/properties`.
#![no_main]

#[path = "../../tests/library/properties/member_laws/mod.rs"]
mod member_laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    member_laws::check(bytes);
});
