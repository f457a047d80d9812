//! Writes the trace of a node as it runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record::{Header, Record};
use crate::engine::{NodeEvent, Observer, Snapshot};
use crate::group::Group;
use crate::protocol::Member;
use crate::system::micros;

/// How long after a write the recorder checks that the file was not deleted. A check
/// at every event would double what a trace costs.
const CHECK_AFTER: Duration = Duration::from_secs(1);

/// An observer that records each event before it passes the event on.
///
/// Each record is handed to the system in one write, before the node performs the
/// effects of the event. So a node that is killed leaves whole lines, and no peer
/// receives a message that no trace has sent. A file is only appended to, never
/// truncated or replaced. If it can no longer be written, the trace ends with its
/// last whole line and the other observer is notified ([`NodeEvent::TraceEnds`]): the
/// group does not wait for a full disk.
#[derive(Debug)]
pub struct Traced<O> {
    observer: O,
    trace: Option<Trace>,
}

#[derive(Debug)]
struct Trace {
    /// The folder; the file once there is one.
    path: PathBuf,
    file: Option<File>,
    /// The length of all whole lines of the file, in bytes.
    length: u64,
    /// When to check that the file was not deleted; `None` if nothing was written
    /// since the last check.
    check_at: Option<Instant>,
    line: Vec<u8>,
    /// The member's name, if its list gives one or names its host.
    name: Option<String>,
    /// Whether the member had a lease after the latest event.
    is_leased: bool,
}

impl<O: Observer> Traced<O> {
    /// Records into this folder, in a file of this run; records nothing without a
    /// folder.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn new(observer: O, folder: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = folder {
            fs::create_dir_all(folder)?;
        }
        let trace = folder.map(|folder| Trace {
            path: folder.to_owned(),
            file: None,
            length: 0,
            check_at: None,
            line: Vec::new(),
            name: None,
            is_leased: false,
        });
        Ok(Traced { observer, trace })
    }

    /// Ends the trace at its first error, and reports it.
    fn end_on_error(&mut self, outcome: io::Result<()>) -> io::Result<()> {
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
    /// Appends a record.
    ///
    /// # Errors
    /// Those of the file. It then still ends with a whole line, if the system lets us
    /// truncate it.
    fn write(&mut self, record: &Record, member: &Member) -> io::Result<()> {
        self.line.clear();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let name = self.name.take();
                let header = Header {
                    name,
                    ..Header::new(member)
                };
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
            // Half a line would look like a killed node.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += self.line.len() as u64;
        let due = || Instant::now() + CHECK_AFTER;
        self.check_at.get_or_insert_with(due);
        Ok(())
    }

    /// Whether the lease has ended since the latest event.
    fn has_lapsed(&mut self, member: &Member) -> bool {
        let until = member.leased_until();
        let is_leased = until.is_some_and(|until| until > member.now());
        mem::replace(&mut self.is_leased, is_leased) && !is_leased
    }

    /// Checks, if that is due, that the file was not deleted: everything that is
    /// written into a deleted file is lost.
    ///
    /// # Errors
    /// The file was deleted, or cannot be checked.
    fn check(&mut self) -> io::Result<()> {
        let is_due = self.check_at.is_some_and(|at| Instant::now() >= at);
        let Some(file) = self.file.as_ref().filter(|_| is_due) else {
            return Ok(());
        };
        self.check_at = None;
        if file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("it was deleted"));
        }
        Ok(())
    }
}

/// The name of the node, if its list gives one or names its host.
fn short_name(group: &Group) -> Option<String> {
    let called = group.called(group.id);
    let is_short = group.is_named(group.id) || !called.contains(':');
    is_short.then(|| called.to_owned())
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    micros(since.unwrap_or_default())
}

impl<O: Observer> Observer for Traced<O> {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let mut written = Ok(());
        if let (Some(trace), NodeEvent::Began { group, .. }) = (&mut self.trace, what) {
            trace.name = short_name(group);
        }
        if let Some(trace) = &mut self.trace
            && let NodeEvent::Handled {
                event,
                outcome,
                member,
            } = what
        {
            let has_lapsed = trace.has_lapsed(member);
            let lapse = || (Record::lapse(now(), event, member)).filter(|_| has_lapsed);
            let record = Record::new(now(), event, *outcome, member).or_else(lapse);
            written = record.map_or(Ok(()), |record| trace.write(&record, member));
        }
        self.observer.happened(what)?;
        self.end_on_error(written)
    }

    fn check(&mut self) -> io::Result<()> {
        let checked = self.trace.as_mut().map_or(Ok(()), Trace::check);
        self.end_on_error(checked)?;
        self.observer.check()
    }

    fn refresh(&mut self, snapshot: &Snapshot<'_>) -> io::Result<()> {
        self.observer.refresh(snapshot)
    }

    fn next_refresh(&self) -> Option<Instant> {
        let check_at = self.trace.as_ref().and_then(|trace| trace.check_at);
        let due = [check_at, self.observer.next_refresh()];
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

    fn explain(&mut self) {
        self.observer.explain();
    }

    fn close(&mut self) {
        self.observer.close();
    }
}
