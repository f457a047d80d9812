//! Laws of the parts for any bytes and any order of events, and random inputs that
//! try to break them.
//!
//! The laws are in files of their own ([`decoder_laws`], [`member_laws`]), because
//! the targets in `fuzz/` check the same code with them.
//!
//! `PROPTEST_CASES=100000 cargo test --test library properties` tries harder. An
//! input that breaks a law is shrunk and written to `FILE.regressions` beside the
//! file of the test, and tried first from then on: commit it with the fix.

mod decoder;
mod decoder_laws;
mod member;
mod member_laws;
mod original_scan;
mod transport;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// As many cases as `PROPTEST_CASES` says, or proptest's default.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}
