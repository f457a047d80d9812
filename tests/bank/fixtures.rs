//! What these tests and `benches/bank.rs` use of `tests/support`.

#[path = "../support/fixtures/needs.rs"]
pub mod needs;
#[path = "../support/fixtures/ports.rs"]
pub mod ports;
#[path = "../support/fixtures/postgres.rs"]
pub mod postgres;
#[path = "../support/fixtures/program.rs"]
pub mod program;
#[path = "../support/fixtures/random.rs"]
pub mod random;
#[path = "../support/fixtures/wait.rs"]
pub mod wait;
