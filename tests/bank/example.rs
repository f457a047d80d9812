//! The example as a program: built as the tests were.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where the example is. Cargo builds no examples for one test alone, so this
/// has it do so; where it has done so already that takes a moment.
pub fn bank() -> &'static Path {
    static BANK: OnceLock<PathBuf> = OnceLock::new();
    BANK.get_or_init(build)
}

/// `bank` with these arguments, and nothing to read.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(bank());
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
    let said = String::from_utf8(built.stdout).unwrap();
    let executable = said.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_bank = message["target"]["name"] == "bank";
        let path = message["executable"].as_str().filter(|_| is_bank)?;
        Some(PathBuf::from(path))
    });
    executable.unwrap_or_else(|| {
        let why = String::from_utf8_lossy(&built.stderr);
        panic!("the example was not built:\n{why}")
    })
}
