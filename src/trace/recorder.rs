//! Writes the trace of a node as it runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record::{Header, Record};
use crate::engine::{NodeEvent, Observer, Status};
use crate::protocol::Member;

/// How long after something was written it is seen whether the file was deleted
/// meanwhile. To ask at every event would double what a trace costs.
const OFTEN: Duration = Duration::from_secs(1);

/// An observer that writes down what happens before it tells another.
///
/// Each event is handed to the system in one write, before the node does what the
/// event asks for: so a node that is killed leaves whole lines, and nobody ever
/// receives what no trace has sent. A file is only ever appended to, never begun
/// anew or put aside. Where it cannot be written any more the trace ends, with its
/// last whole line, and the other observer is told ([`NodeEvent::TraceEnds`]): the
/// group does not wait for a disk that is full.
#[derive(Debug)]
pub struct Traced<O> {
    observer: O,
    trace: Option<Trace>,
}

/// Where a trace is written.
#[derive(Debug)]
struct Trace {
    /// The folder; when there is a file, the file.
    path: PathBuf,
    file: Option<File>,
    /// How long the file is: so many bytes of whole lines.
    length: u64,
    /// When to see whether it was deleted; none while nothing new is in it.
    look_at: Option<Instant>,
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
        let trace = folder.map(|folder| Trace {
            path: folder.to_owned(),
            file: None,
            length: 0,
            look_at: None,
            line: Vec::new(),
        });
        Ok(Traced { observer, trace })
    }

    /// Ends the trace where something is wrong with it, and tells of it.
    fn go_on_without(&mut self, outcome: io::Result<()>) -> io::Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        let Some(Trace { path, .. }) = self.trace.take() else {
            return Ok(());
        };
        let (path, error) = (&path, &error);
        self.observer
            .happened(&NodeEvent::TraceEnds { path, error })
    }
}

impl Trace {
    /// # Errors
    /// Those of the file; it ends with a whole line then too, if the system lets
    /// us.
    fn write(&mut self, record: &Record, member: &Member) -> io::Result<()> {
        self.line.clear();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let header = Header::new(member);
                let path = self.path.join(header.file_name());
                let new = OpenOptions::new().append(true).create_new(true).open(&path);
                serde_json::to_writer(&mut self.line, &header)?;
                self.line.push(b'\n');
                let file = new?;
                self.path = path;
                self.file.insert(file)
            }
        };
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        if let Err(error) = file.write_all(&self.line) {
            // Half a line would look as if the node had been killed.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += self.line.len() as u64;
        self.look_at.get_or_insert_with(|| Instant::now() + OFTEN);
        Ok(())
    }

    /// Sees, if it is time to, that the file is still there: what is written into
    /// one that was deleted is gone.
    ///
    /// # Errors
    /// It was deleted, or those of asking.
    fn look(&mut self) -> io::Result<()> {
        let is_due = self.look_at.is_some_and(|at| Instant::now() >= at);
        let Some(file) = self.file.as_ref().filter(|_| is_due) else {
            return Ok(());
        };
        self.look_at = None;
        if file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("it was deleted"));
        }
        Ok(())
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
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let mut written = Ok(());
        if let Some(trace) = &mut self.trace
            && let NodeEvent::Handled {
                event,
                outcome,
                member,
            } = what
            && let Some(record) = Record::new(now(), event, *outcome, member)
        {
            written = trace.write(&record, member);
        }
        self.observer.happened(what)?;
        self.go_on_without(written)
    }

    fn refresh(&mut self, status: &Status<'_>) -> io::Result<()> {
        let looked = self.trace.as_mut().map_or(Ok(()), Trace::look);
        self.go_on_without(looked)?;
        self.observer.refresh(status)
    }

    fn next_refresh(&self) -> Option<Instant> {
        let look_at = self.trace.as_ref().and_then(|trace| trace.look_at);
        let due = [look_at, self.observer.next_refresh()];
        due.into_iter().flatten().min()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.observer.suspend()
    }

    fn resume(&mut self) -> io::Result<()> {
        self.observer.resume()
    }

    fn change_view(&mut self) {
        self.observer.change_view();
    }

    fn close(&mut self) {
        self.observer.close();
    }
}
