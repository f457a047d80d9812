//! The `turno` command: see [`turno::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    turno::cli::main()
}
