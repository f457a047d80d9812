//! The file with a group's key, which only its owner may read.

use std::fs::File;
#[cfg(feature = "cli")]
use std::fs::{self, OpenOptions};
use std::io::Read;
#[cfg(feature = "cli")]
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
#[cfg(feature = "cli")]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use thiserror::Error;

#[cfg(feature = "cli")]
use crate::system::file::with_suffix;
use crate::wire::Key;

/// Why a key file cannot be used: a sentence that says what to do.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct KeyFileError(String);

/// Reads the key in a file.
pub(crate) fn read(path: &Path) -> Result<Key, KeyFileError> {
    private(path).map_err(|why| KeyFileError(format!("the key file {}: {why}", path.display())))
}

/// Replaces a key file by one that only its owner can read. A reader finds the old key or
/// the new one.
#[cfg(feature = "cli")]
pub(crate) fn replace(path: &Path, key: &Key) -> io::Result<()> {
    let new = with_suffix(path, ".new");
    // One that a change left when it was killed.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(key.to_secret_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
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
