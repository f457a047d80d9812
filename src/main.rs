//! The `turno` command: see `src/cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    turno::internals::main()
}
