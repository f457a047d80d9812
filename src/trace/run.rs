//! A run as records in memory, and how it is written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::record::{Header, Record};

/// The trace of one run of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The node and its run.
    pub header: Header,
    /// The events, in order.
    pub records: Vec<Record>,
}

impl Run {
    /// A run without events.
    pub fn new(header: Header) -> Self {
        Run {
            header,
            records: Vec::new(),
        }
    }

    /// Writes the run in the format of a file.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, mut file: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut file, &self.header)?;
        for record in &self.records {
            file.write_all(b"\n")?;
            serde_json::to_writer(&mut file, record)?;
        }
        file.write_all(b"\n")?;
        file.flush()
    }
}

/// Writes runs into a folder, one file each, as the nodes would have written them.
///
/// # Errors
/// Those of writing; the file of one of the runs exists already.
pub fn write(folder: &Path, runs: &[Run]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for run in runs {
        let file = File::create_new(folder.join(run.header.file_name()))?;
        run.write(BufWriter::new(file))?;
    }
    Ok(())
}
