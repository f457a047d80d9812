//! What these tests use of `tests/support`.

#[path = "../support/fixtures/ports.rs"]
pub mod ports;
#[path = "../support/fixtures/wait.rs"]
pub mod wait;
