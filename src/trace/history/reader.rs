//! Reads the files of a trace and keeps numbers only.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::datagram::Datagram;
use super::error::TraceError;
use super::event::{Event, EventId};
use super::file_lines::FileLines;
use super::lines::{Lines, Source};
use super::names::Names;
use super::views::Views;
use crate::trace::record::{Header, MessageRecord, Record};
use crate::trace::run::Run;

/// After how many events progress is reported.
const REPORT_EVERY: usize = 1 << 14;

/// How far the reading of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub events: usize,
    /// The part of all bytes that was read; `None` once the events are being ordered.
    pub percent: Option<u64>,
}

/// The events of one run of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvents {
    pub header: Header,
    /// Whether the last line is cut short: the node was killed while it wrote it.
    pub is_cut: bool,
    /// The index of the first event.
    pub(super) first: usize,
    pub(super) count: usize,
    /// The offset behind the last whole line.
    pub(super) end: u64,
}

/// The content of a trace, run after run.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) runs: Vec<RunEvents>,
    pub(super) events: Vec<Event>,
    pub(super) views: Views,
    pub(super) sent: Vec<Datagram>,
    pub(super) received: Vec<Datagram>,
    pub(super) names: Names,
    pub(super) lines: Lines,
}

impl Contents {
    /// Reads all runs in a folder, by id and then by time.
    pub(super) fn of_folder(
        folder: &Path,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Self, TraceError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(TraceError::io(folder))? {
            let path = entry.map_err(TraceError::io(folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("node-") && name.ends_with(".jsonl")) {
                files.extend(RunFile::open(path)?);
            }
        }
        if files.is_empty() {
            return Err(TraceError::Empty(folder.to_owned()));
        }
        files.sort_by(|one, other| one.order().cmp(&other.order()));
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let mut contents = Contents::default();
        let mut done = 0;
        for RunFile { path, bytes, .. } in files {
            let file = File::open(&path).map_err(TraceError::io(&path))?;
            let file = BufReader::with_capacity(1 << 16, file);
            contents.read_run(&path, file, |events, read| {
                // A node may still be writing the file.
                let percent = (100 * (done + read) / total.max(1)).min(100);
                let percent = Some(percent);
                report(Progress { events, percent });
            })?;
            let content = None;
            contents.lines.sources.push(Source { path, content });
            done += bytes;
        }
        Ok(contents)
    }

    /// Takes these runs, in their order.
    pub(super) fn of_runs(runs: &[Run]) -> Result<Self, TraceError> {
        let mut contents = Contents::default();
        for run in runs {
            let path = PathBuf::from(run.header.file_name());
            let mut bytes = Vec::new();
            run.write(&mut bytes).map_err(TraceError::io(&path))?;
            contents.read_run(&path, &*bytes, |_, _| {})?;
            let content = Some(bytes);
            contents.lines.sources.push(Source { path, content });
        }
        Ok(contents)
    }

    /// Reads a run. `report` gets the number of events so far, and of bytes of this
    /// file.
    fn read_run(
        &mut self,
        path: &Path,
        file: impl BufRead,
        mut report: impl FnMut(usize, u64),
    ) -> Result<(), TraceError> {
        let mut lines = FileLines::new(path, file);
        let Some(header) = lines.header()? else {
            return Ok(());
        };
        let first = self.events.len();
        while let Some(record) = lines.next()? {
            self.add(&header, &record, lines.begins)?;
            if self.events.len().is_multiple_of(REPORT_EVERY) {
                report(self.events.len(), lines.ends);
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
        let event_id = EventId::new(self.events.len()).ok_or(TraceError::TooLong)?;
        let message = record.message.as_ref();
        self.events.push(Event {
            at: record.at,
            clock: record.clock,
            number: record.number().unwrap_or(0),
            line,
            origin: None,
            run: u32::try_from(self.runs.len()).map_err(|_| TraceError::TooLong)?,
            lock: self.names.number(record.lock.as_deref()),
            id: header.id,
            peer: message.map_or(0, |message| message.peer),
            received: message.map(|message| message.kind),
            kind: record.event,
            phase: record.state,
            is_shared: record.shared,
            is_ignored: record.ignored.is_some(),
            has_sent: record.sent.iter().any(|sent| !sent.kind.is_clock_sync()),
        });
        self.views.add(event_id, record, &mut self.names);
        if let Some(message) = message {
            self.received.push(Datagram {
                received: Some(event_id),
                from: message.peer,
                to: header.id,
                ..datagram(&mut self.names, message, message.run.as_deref())
            });
        }
        for message in &record.sent {
            self.sent.push(Datagram {
                sent: Some(event_id),
                is_sending: true,
                from: header.id,
                to: message.peer,
                ..datagram(&mut self.names, message, Some(&header.run))
            });
        }
        Ok(())
    }
}

/// A message as a datagram that lacks both ends. `run` is the sender's.
fn datagram(names: &mut Names, message: &MessageRecord, run: Option<&str>) -> Datagram {
    Datagram {
        clock: message.clock,
        echo: message.echo.unwrap_or(0),
        sent: None,
        received: None,
        run: names.number(run),
        lock: names.number(message.lock.as_deref()),
        from: 0,
        to: 0,
        kind: message.kind,
        is_repeated: false,
        is_sending: false,
    }
}

/// A file with a first event, which decides the place of the run in the history.
struct RunFile {
    path: PathBuf,
    header: Header,
    at: u64,
    bytes: u64,
}

impl RunFile {
    /// `None` for a file without an event: its node was killed as it started.
    fn open(path: PathBuf) -> Result<Option<Self>, TraceError> {
        // Opening a pipe would wait for a writer.
        let found = fs::metadata(&path).map_err(TraceError::io(&path))?;
        if !found.is_file() {
            let error = io::Error::other("it is no regular file");
            return Err(TraceError::io(&path)(error));
        }
        let file = File::open(&path).map_err(TraceError::io(&path))?;
        let mut lines = FileLines::new(&path, BufReader::new(file));
        let Some(header) = lines.header()? else {
            return Ok(None);
        };
        let first = lines.next::<Record>()?;
        Ok(first.map(|record| RunFile {
            path,
            header,
            at: record.at,
            bytes: found.len(),
        }))
    }

    fn order(&self) -> (u16, u64, &str) {
        (self.header.id, self.at, &self.header.run)
    }
}
