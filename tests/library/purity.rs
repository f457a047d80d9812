//! The algorithm compiles without the standard library and without any other
//! crate, so it can open no socket, read no clock and start no thread.

use std::path::Path;
use std::process::Command;

#[test]
fn the_algorithm_needs_no_standard_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let crate_root = folder.path().join("lib.rs");
    let module = root.join("src/mutex/mod.rs");
    std::fs::write(
        &crate_root,
        format!("#![no_std]\nextern crate alloc;\n#[path = {module:?}]\npub mod mutex;\n"),
    )
    .unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
        ])
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&crate_root)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
