//! The files that a session writes.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use crate::printable::Printable;

/// The files that may be written again, since they are this session's own.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    own: BTreeSet<String>,
}

impl Files {
    /// Lets this file be overwritten.
    pub(super) fn adopt(&mut self, path: &str) {
        self.own.insert(path.to_owned());
    }

    /// Writes a file, but not over one that the session has not written itself.
    ///
    /// # Errors
    /// In words, with the file's name.
    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<(), String> {
        let written = if self.own.contains(path) {
            fs::write(path, text)
        } else {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            file.and_then(|mut file| file.write_all(text.as_bytes()))
        };
        let name = Printable::whole(path.as_bytes());
        match written {
            Ok(()) => {
                self.adopt(path);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(format!("{name} exists already: choose another name"))
            }
            Err(error) => Err(format!("cannot write {name}: {error}")),
        }
    }
}
