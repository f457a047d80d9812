//! What holds for any bytes and any order of events: laws, on the public
//! interface only, and inputs drawn at random to break them.
//!
//! The laws stand in files of their own ([`decoder_laws`], [`member_laws`]),
//! because the targets in `fuzz/` hold the same code to them.
//!
//! `PROPTEST_CASES=100000 cargo test --test properties` tries harder. An input
//! that breaks a law is made as small as it gets and written to
//! `tests/properties/FILE.regressions`, which is committed with the mending: it
//! is tried first from then on.

mod decoder;
mod decoder_laws;
mod member;
mod member_laws;
mod seed_scan;
mod transport;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// As many cases as `PROPTEST_CASES` says, or else proptest.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}
