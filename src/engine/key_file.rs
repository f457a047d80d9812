//! The file with a group's key, which only its owner may read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use thiserror::Error;

use crate::wire::Key;

/// Why a key file cannot be used: a sentence that says what to do.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct KeyFileError(String);

/// Reads the key in a file.
pub(crate) fn read(path: &Path) -> Result<Key, KeyFileError> {
    private(path).map_err(|why| KeyFileError(format!("the key file {}: {why}", path.display())))
}

fn private(path: &Path) -> Result<Key, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.mode() & 0o077 != 0 {
        let path = path.display();
        return Err(format!(
            "other users can read or write it: chmod 600 {path}"
        ));
    }
    let (theirs, ours) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if theirs != ours {
        return Err(format!(
            "it belongs to user {theirs}, and this process runs as user {ours}"
        ));
    }
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    text.parse()
        .map_err(|error| format!("{error}; turno key makes one"))
}
