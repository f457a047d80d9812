//! Reads the files of a trace: line by line, of which only numbers are kept.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::event::{Datagram, Event, EventId, Names};
use super::history::Contradiction;
use super::lines::{Lines, Source};
use super::record::{Header, MessageRecord, Phase, Record, VERSION};
use super::run::Run;

/// After how many events progress is told.
const OFTEN: usize = 1 << 14;

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
    #[error("no node-*.jsonl with an event in {}: start the nodes with --trace and this folder", .0.display())]
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
    /// There are more events than can be numbered.
    #[error("more than 4294967295 events; move some of the files elsewhere")]
    TooLong,
    /// The runs are no history.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// How far the reading of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many events have been read.
    Reading {
        /// The events.
        events: usize,
        /// Of all bytes, so many of a hundred.
        percent: u64,
    },
    /// All have been read, and are put in order.
    Merging {
        /// The events.
        events: usize,
    },
}

/// The events of one run of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvents {
    /// Whose they are.
    pub header: Header,
    /// The last line was cut short: the node was killed as it wrote it.
    pub is_cut: bool,
    /// The first of them, by index.
    pub(super) first: usize,
    /// How many there are.
    pub(super) count: usize,
    /// Where the last line ends.
    pub(super) end: u64,
}

/// What was read, the runs one after the other.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) runs: Vec<RunEvents>,
    pub(super) events: Vec<Event>,
    /// The sendings.
    pub(super) sent: Vec<Datagram>,
    /// The receipts.
    pub(super) received: Vec<Datagram>,
    pub(super) names: Names,
    pub(super) lines: Lines,
}

impl Intake {
    /// All runs in a folder, in the order of ids and then of time.
    pub(super) fn of_folder(
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, TraceError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("node-") && name.ends_with(".jsonl")) {
                files.extend(Begun::read(path)?);
            }
        }
        if files.is_empty() {
            return Err(TraceError::Empty(folder.to_owned()));
        }
        files.sort_by(|one, other| one.order().cmp(&other.order()));
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let mut intake = Intake::default();
        let mut done = 0;
        for Begun { path, bytes, .. } in files {
            let file = File::open(&path).map_err(failed(&path))?;
            let file = BufReader::with_capacity(1 << 16, file);
            intake.take(&path, file, |events, read| {
                // A file may still be written.
                let percent = (100 * (done + read) / total.max(1)).min(100);
                progress(Progress::Reading { events, percent });
            })?;
            intake.lines.sources.push(Source::File(path));
            done += bytes;
        }
        Ok(intake)
    }

    /// These runs, in their order.
    pub(super) fn of_runs(runs: &[Run]) -> Result<Self, TraceError> {
        let mut intake = Intake::default();
        for run in runs {
            let path = PathBuf::from(run.header.file_name());
            let mut bytes = Vec::new();
            run.write(&mut bytes).map_err(failed(&path))?;
            intake.take(&path, &*bytes, |_, _| {})?;
            intake.lines.sources.push(Source::Memory(path, bytes));
        }
        Ok(intake)
    }

    /// Reads a run. `progress` is told how many events there are, and how many
    /// bytes of this file have been read.
    fn take(
        &mut self,
        path: &Path,
        file: impl BufRead,
        mut progress: impl FnMut(usize, u64),
    ) -> Result<(), TraceError> {
        let mut lines = FileLines::new(path, file);
        let Some(header) = lines.header()? else {
            return Ok(());
        };
        let first = self.events.len();
        while let Some(record) = lines.record()? {
            self.add(&header, &record, lines.begins)?;
            if self.events.len().is_multiple_of(OFTEN) {
                progress(self.events.len(), lines.ends);
            }
        }
        self.runs.push(RunEvents {
            header,
            is_cut: lines.is_cut,
            first,
            count: self.events.len() - first,
            end: lines.ends,
        });
        Ok(())
    }

    fn add(&mut self, header: &Header, record: &Record, line: u64) -> Result<(), TraceError> {
        let place = EventId::new(self.events.len()).ok_or(TraceError::TooLong)?;
        let number = match record.state {
            Phase::Free => None,
            Phase::Wait => record.request,
            Phase::Held => record.token,
        };
        let event = Event {
            at: record.at,
            clock: record.clock,
            number: number.unwrap_or(0),
            line,
            origin: None,
            run: u32::try_from(self.runs.len()).map_err(|_| TraceError::TooLong)?,
            lock: self.names.number(record.lock.as_deref()),
            id: header.id,
            peer: record.message.as_ref().map_or(0, |said| said.peer),
            received: record.message.as_ref().map(|said| said.kind),
            occasion: record.event,
            phase: record.state,
            is_ignored: record.ignored.is_some(),
            has_sent: record.sent.iter().any(|said| !said.kind.is_greeting()),
        };
        self.events.push(event);
        let said = |names: &mut Names, said: &MessageRecord, run: Option<&str>| Datagram {
            clock: said.clock,
            echo: said.echo.unwrap_or(0),
            sent: None,
            received: None,
            run: names.number(run),
            lock: names.number(said.lock.as_deref()),
            from: 0,
            to: 0,
            kind: said.kind,
            is_repeated: false,
            is_sending: false,
        };
        if let Some(message) = &record.message {
            self.received.push(Datagram {
                received: Some(place),
                from: message.peer,
                to: header.id,
                ..said(&mut self.names, message, message.run.as_deref())
            });
        }
        for message in &record.sent {
            self.sent.push(Datagram {
                sent: Some(place),
                is_sending: true,
                from: header.id,
                to: message.peer,
                ..said(&mut self.names, message, Some(&header.run))
            });
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> TraceError {
    let path = path.to_owned();
    move |error| TraceError::Io {
        path: path.clone(),
        error,
    }
}

/// A file that has a first event: what tells where it belongs.
struct Begun {
    path: PathBuf,
    header: Header,
    at: u64,
    bytes: u64,
}

impl Begun {
    /// None of a file without an event: its node was killed as it began.
    fn read(path: PathBuf) -> Result<Option<Self>, TraceError> {
        // To open a pipe is to wait for whoever writes.
        let found = fs::metadata(&path).map_err(failed(&path))?;
        if !found.is_file() {
            return Err(failed(&path)(io::Error::other("it is no regular file")));
        }
        let bytes = found.len();
        let file = File::open(&path).map_err(failed(&path))?;
        let mut lines = FileLines::new(&path, BufReader::new(file));
        let Some(header) = lines.header()? else {
            return Ok(None);
        };
        let first = lines.record()?.map(|record| record.at);
        Ok(first.map(|at| Begun {
            path,
            header,
            at,
            bytes,
        }))
    }

    fn order(&self) -> (u16, u64, &str) {
        (self.header.id, self.at, &self.header.run)
    }
}

/// A file, line by line.
struct FileLines<'a, F> {
    path: &'a Path,
    file: F,
    text: Vec<u8>,
    /// How many lines there were.
    count: usize,
    /// Where the last one begins.
    begins: u64,
    /// And where it ends.
    ends: u64,
    is_cut: bool,
}

impl<'a, F: BufRead> FileLines<'a, F> {
    fn new(path: &'a Path, file: F) -> Self {
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

    /// Whether there is another whole line.
    fn next(&mut self) -> Result<bool, TraceError> {
        self.text.clear();
        let read = self.file.read_until(b'\n', &mut self.text);
        read.map_err(failed(self.path))?;
        if self.text.is_empty() {
            return Ok(false);
        }
        if self.text.last() != Some(&b'\n') {
            self.is_cut = true;
            return Ok(false);
        }
        self.count += 1;
        self.begins = self.ends;
        self.ends += self.text.len() as u64;
        Ok(true)
    }

    /// The first line; none where not even that is whole.
    fn header(&mut self) -> Result<Option<Header>, TraceError> {
        if !self.next()? {
            return Ok(None);
        }
        let header: Header =
            serde_json::from_slice(&self.text).map_err(|error| self.wrong(error.to_string()))?;
        if header.turno_trace != VERSION {
            let theirs = header.turno_trace;
            return Err(self.wrong(format!(
                "its format is version {theirs}, and this turno reads version {VERSION}"
            )));
        }
        if header.id == 0 || header.id > header.members {
            let Header { id, members, .. } = header;
            return Err(self.wrong(format!("there is no member {id} of {members}")));
        }
        Ok(Some(header))
    }

    /// The next line, which is an event.
    fn record(&mut self) -> Result<Option<Record>, TraceError> {
        if !self.next()? {
            return Ok(None);
        }
        let record = serde_json::from_slice(&self.text);
        record
            .map(Some)
            .map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, why: String) -> TraceError {
        TraceError::Line {
            path: self.path.to_owned(),
            line: self.count,
            why,
        }
    }
}
