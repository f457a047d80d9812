//! A file of a trace, line by line.

use std::io::BufRead;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::TraceError;
use crate::trace::record::{Header, VERSION};

/// Reads the lines of a file.
pub(super) struct FileLines<'a, F> {
    path: &'a Path,
    file: F,
    text: Vec<u8>,
    /// How many lines were read.
    count: usize,
    /// The offset of the latest line.
    pub(super) begins: u64,
    /// The offset behind the latest line.
    pub(super) ends: u64,
    /// Whether the file ends in half a line.
    pub(super) is_cut: bool,
}

impl<'a, F: BufRead> FileLines<'a, F> {
    pub(super) fn new(path: &'a Path, file: F) -> Self {
        FileLines {
            path,
            file,
            text: Vec::new(),
            count: 0,
            begins: 0,
            ends: 0,
            is_cut: false,
        }
    }

    /// Reads the first line; `None` if the file does not contain a whole line.
    pub(super) fn header(&mut self) -> Result<Option<Header>, TraceError> {
        let Some(header) = self.next::<Header>()? else {
            return Ok(None);
        };
        let (version, id, members) = (header.turno_trace, header.id, header.members);
        if version != VERSION {
            return Err(self.malformed(format!(
                "its format is version {version}, and this turno reads version {VERSION}"
            )));
        }
        if id == 0 || id > members {
            return Err(self.malformed(format!("there is no member {id} of {members}")));
        }
        Ok(Some(header))
    }

    /// Reads the next line; `None` after the last whole line.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TraceError> {
        self.text.clear();
        let read = self.file.read_until(b'\n', &mut self.text);
        read.map_err(TraceError::io(self.path))?;
        if self.text.last() != Some(&b'\n') {
            self.is_cut |= !self.text.is_empty();
            return Ok(None);
        }
        self.count += 1;
        self.begins = self.ends;
        self.ends += self.text.len() as u64;
        match serde_json::from_slice(&self.text) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(error) => Err(self.malformed(error.to_string())),
        }
    }

    fn malformed(&self, why: String) -> TraceError {
        TraceError::Line {
            path: self.path.to_owned(),
            line: self.count,
            why,
        }
    }
}
