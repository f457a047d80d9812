//! The file with a group's key, which only its owner may read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::wire::{Key, KeyError};

/// Why a key file cannot be used. The message says what to do.
#[derive(Debug, Error)]
#[error("the key file {}: {why}", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, Error)]
enum Why {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("other users can read or write it: chmod 600 {}", .0.display())]
    NotPrivate(PathBuf),
    #[error("it belongs to user {theirs}, and this process runs as user {ours}")]
    Foreign { theirs: u32, ours: u32 },
    #[error("{0}; turno key makes one")]
    NoKey(#[from] KeyError),
}

/// Reads the key in a file.
pub(crate) fn read(path: &Path) -> Result<Key, KeyFileError> {
    private(path).map_err(|why| KeyFileError {
        path: path.to_owned(),
        why,
    })
}

fn private(path: &Path) -> Result<Key, Why> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Why::NotPrivate(path.to_owned()));
    }
    let (theirs, ours) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if theirs != ours {
        return Err(Why::Foreign { theirs, ours });
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.parse()?)
}
