//! Writes the trace of a node as it runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::record::{Header, Record};
use crate::mutex::Member;
use crate::node::{Happening, Observer, Status};

/// An observer that writes down what happens before it tells another.
///
/// Each event is handed to the system in one write, before the node does what the
/// event asks for: so a node that is killed leaves whole lines, and nobody ever
/// receives what no trace has sent.
#[derive(Debug)]
pub struct Traced<O> {
    observer: O,
    folder: Option<PathBuf>,
    file: Option<File>,
    line: Vec<u8>,
}

impl<O: Observer> Traced<O> {
    /// Writes into this folder, in a file of this run; nothing, if there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(observer: O, folder: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = folder {
            fs::create_dir_all(folder)?;
        }
        Ok(Traced {
            observer,
            folder: folder.map(Path::to_owned),
            file: None,
            line: Vec::new(),
        })
    }

    /// # Errors
    /// Those of the file.
    fn write(&mut self, record: &Record, member: &Member) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        self.line.clear();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let header = Header::new(member);
                let path = folder.join(header.file_name());
                let file = OpenOptions::new()
                    .append(true)
                    .create_new(true)
                    .open(path)?;
                serde_json::to_writer(&mut self.line, &header)?;
                self.line.push(b'\n');
                self.file.insert(file)
            }
        };
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        file.write_all(&self.line)
    }
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

impl<O: Observer> Observer for Traced<O> {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        if self.folder.is_some()
            && let Happening::Handled {
                event,
                outcome,
                member,
            } = what
            && let Some(record) = Record::new(now(), event, *outcome, member)
            && let Err(error) = self.write(&record, member)
        {
            // The group does not wait for a disk that is full.
            log::error!("the trace ends here: {error}");
            self.folder = None;
        }
        self.observer.happened(what)
    }

    fn refresh(&mut self, status: &Status<'_>) -> io::Result<()> {
        self.observer.refresh(status)
    }

    fn next_refresh(&self) -> Option<Instant> {
        self.observer.next_refresh()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.observer.suspend()
    }

    fn resume(&mut self) -> io::Result<()> {
        self.observer.resume()
    }

    fn part(&mut self) {
        self.observer.part();
    }
}
