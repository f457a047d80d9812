//! A run, as it is written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::record::{Header, Record};

/// The trace of one run of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose it is.
    pub header: Header,
    /// What happened, in order.
    pub records: Vec<Record>,
}

impl Run {
    /// One that has only begun.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Run {
            header,
            records: Vec::new(),
        }
    }

    /// Its file.
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

/// Writes runs into a folder, as the nodes themselves would have.
///
/// # Errors
/// Those of writing; there is a file of one of the runs already.
pub fn write(folder: &Path, runs: &[Run]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for run in runs {
        let file = File::create_new(folder.join(run.header.file_name()))?;
        run.write(BufWriter::new(file))?;
    }
    Ok(())
}
