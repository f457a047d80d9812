//! Files that survive a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces the text of a file: writes and syncs another file, renames it over this one, and
/// syncs the directory. A reader finds the old text or the new one.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_with_mode(path, text, 0o666)
}

/// As [`replace`]; only the owner can read the file.
#[cfg(feature = "cli")]
pub(crate) fn replace_private(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_with_mode(path, text, 0o600)
}

fn replace_with_mode(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let new = with_suffix(path, ".new");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = match options.open(&new) {
        // A run that was killed has left one, perhaps with another mode.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(&new)?;
            options.open(&new)?
        }
        opened => opened?,
    };
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The path with a suffix.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
