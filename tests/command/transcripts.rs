//! Transcripts: commands to a group on the pure algorithm, and all that its nodes do,
//! in readable files. `tests/transcripts/README.md` describes them.
//!
//! `TURNO_BLESS=1 cargo test --test command transcripts` writes them again; then read
//! the difference.

use std::fs;
use std::path::{Path, PathBuf};

use turno::internals::play::{Script, Session};

/// Plays a file, and returns the file as it should be, with the lines about each command
/// below it, and the diagram.
fn run(path: &Path, file: &str) -> (String, String) {
    let script = Script::parse(file).unwrap_or_else(|why| panic!("{}:{why}", path.display()));
    let mut session = Session::default();
    let played = session.play(script);
    played.unwrap_or_else(|(line, why)| panic!("{}:{line}: {why}", path.display()));
    let (is_clean, report) = session.check().unwrap();
    assert!(is_clean, "{}: {report}", path.display());
    (session.transcript(), session.svg().unwrap())
}

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_transcript_shows_what_the_algorithm_does() {
    let files = transcripts();
    assert!(files.len() >= 6, "transcripts are missing: {files:?}");
    for path in files {
        let file = fs::read_to_string(&path).unwrap();
        let drawing = path.with_extension("svg");
        let (actual, drawn) = run(&path, &file);
        if std::env::var_os("TURNO_BLESS").is_some() {
            fs::write(&path, actual).unwrap();
            fs::write(&drawing, drawn).unwrap();
        } else {
            assert_eq!(file, actual, "{}", path.display());
            let golden = fs::read_to_string(&drawing).unwrap_or_default();
            assert!(golden == drawn, "{} differs", drawing.display());
        }
    }
}
