//! Reads the files of a trace.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::record::{Header, Record, VERSION};

/// The trace of one run of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose it is.
    pub header: Header,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// The last line was cut short: the node was killed as it wrote it.
    pub is_cut: bool,
}

impl Run {
    /// One that has only begun.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Run {
            header,
            records: Vec::new(),
            is_cut: false,
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
        file.write_all(b"\n")
    }
}

/// Why a trace cannot be read.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The system does not let us.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is no trace in the folder.
    #[error("no node-*.jsonl in {}: start the nodes with --trace and this folder", .0.display())]
    Empty(PathBuf),
    /// A line is not what it should be.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads all runs in a folder, in the order of ids and then of time. `progress`
/// is told how many events have been read.
///
/// # Errors
/// [`TraceError`] names the file, and the line.
pub fn read(folder: &Path, mut progress: impl FnMut(usize)) -> Result<Vec<Run>, TraceError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| TraceError::Io { path, error }
    };
    let mut runs = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with("node-") && name.ends_with(".jsonl")) {
            continue;
        }
        let file = File::open(&path).map_err(failed(&path))?;
        if let Some(run) = read_run(&path, BufReader::new(file), &mut count, &mut progress)? {
            // A node that was killed as it began has done nothing yet.
            if !run.records.is_empty() {
                runs.push(run);
            }
        }
    }
    if runs.is_empty() {
        return Err(TraceError::Empty(folder.to_owned()));
    }
    runs.sort_by_key(|run| {
        let began = run.records.first().map_or(u64::MAX, |record| record.at);
        (run.header.id, began, run.header.run.clone())
    });
    Ok(runs)
}

/// None of a file without a whole line: its node was killed as it began.
fn read_run(
    path: &Path,
    mut file: impl BufRead,
    count: &mut usize,
    progress: &mut impl FnMut(usize),
) -> Result<Option<Run>, TraceError> {
    let mut run: Option<Run> = None;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = file.read_until(b'\n', &mut text);
        read.map_err(|error| TraceError::Io {
            path: path.to_owned(),
            error,
        })?;
        if text.is_empty() {
            break;
        }
        if text.last() != Some(&b'\n') {
            if let Some(run) = &mut run {
                run.is_cut = true;
            }
            break;
        }
        let wrong = |why: String| TraceError::Line {
            path: path.to_owned(),
            line,
            why,
        };
        match &mut run {
            None => {
                let header: Header =
                    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
                if header.turno_trace != VERSION {
                    let theirs = header.turno_trace;
                    return Err(wrong(format!(
                        "its format is version {theirs}, and this turno reads version {VERSION}"
                    )));
                }
                if header.id == 0 || header.id > header.members {
                    let Header { id, members, .. } = header;
                    return Err(wrong(format!("there is no member {id} of {members}")));
                }
                run = Some(Run::new(header));
            }
            Some(run) => {
                let record =
                    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
                run.records.push(record);
                *count += 1;
                progress(*count);
            }
        }
    }
    Ok(run)
}
