//! The example as a program, built with the profile of the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Returns the path of the program. Cargo builds no examples for a single test
/// program, so this builds it; that takes a moment if it is built already.
pub fn program_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(build)
}

/// Returns a command that runs `bank` with these arguments and an empty input.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program_path());
    command.args(arguments).stdin(Stdio::null());
    command
}

fn build() -> PathBuf {
    let turno = Path::new(env!("CARGO_BIN_EXE_turno"));
    let folder = turno.parent().and_then(Path::file_name).unwrap();
    let profile = match folder.to_str().unwrap() {
        "debug" => "dev",
        profile => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--example", "bank"])
        .args([
            "--profile",
            profile,
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there");
    let messages = String::from_utf8(built.stdout).unwrap();
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_bank = message["target"]["name"] == "bank";
        let path = message["executable"].as_str().filter(|_| is_bank)?;
        Some(PathBuf::from(path))
    });
    executable.unwrap_or_else(|| {
        let errors = String::from_utf8_lossy(&built.stderr);
        panic!("the example was not built:\n{errors}")
    })
}
