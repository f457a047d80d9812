//! The start of an agent whose predecessor left entries open: their commands still run.
//! An entry that was overlooked would let a second holder in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::Signal;

use super::deadline;
use super::hold::{Hold, HoldDeadline};
use super::record::{Entry, Record, Records, description, is_locked};
use super::record_folders::RecordFolders;
use super::{AgentConfig, AgentError, CHECK_INTERVAL};
use crate::system::boot_clock;
use crate::system::process::Process;
use crate::views::Moment;
use crate::{LocalNode, LockName, Prepared, ResumedEntry, Token};

/// How long a command may take to end that was started without failover.
const MAX_END: Duration = Duration::from_secs(20);

/// The record of an entry whose command still runs.
#[derive(Debug)]
pub(super) struct OpenRecord {
    pub(super) record: Record,
    lock: LockName,
    /// Its deadline, if it was made with failover.
    until: Option<Moment>,
}

/// Starts the node with the open entries of earlier agents.
pub(super) fn start_node(
    config: &AgentConfig,
    records: &Records,
) -> Result<(LocalNode, Vec<Hold>), AgentError> {
    // This locks the state directory. The records are read only then, when no other agent
    // of this member runs.
    let prepared = Prepared::new(&config.settings()?)?;
    let folders = config.state.as_deref().map(RecordFolders::in_state);
    let mut open = open_records(records)?;
    if let Some(folders) = &folders {
        open.extend(folders.open_elsewhere(&records.folder)?);
    }
    if let Some(open) = open.first().filter(|_| prepared.adopts_list()) {
        return Err(open.refusal().into());
    }
    if let Some(lease) = config.failover {
        end_without_deadline(&mut open, lease)?;
    }
    let entries = open.iter().map(OpenRecord::resumed).collect();
    let (node, guards) = prepared.start(entries)?;
    if let Some(folders) = &folders {
        folders.write(&records.folder, &open)?;
    }
    let lease = node.lease();
    let holds = open.into_iter().zip(guards).map(|(open, guard)| {
        let (record, Entry { lock, command, .. }) = (&open.record, &open.record.entry);
        let path = record.path.display();
        log::warn!(
            "lock {lock:?} stays held: {command:?}, started before this agent, still runs (fuser \
             -v {path} lists its processes)"
        );
        let deadline = open.until.zip(lease);
        let since = since(&open.record.entry);
        Hold {
            record: open.record,
            guard,
            since,
            waited: Duration::ZERO,
            deadline: deadline.map(|(until, lease)| HoldDeadline::new(until, lease)),
        }
    });
    Ok((node, holds.collect()))
}

/// Whether no command runs under its lock by the records of this agent. Changes nothing.
///
/// # Errors
/// One does, or that cannot be read.
pub(super) fn may_adopt_list(socket: &Path, state: &Path) -> Result<(), String> {
    let own = Records::folder(socket)?;
    let mut open = read_open(&own, |_| Ok(()))?;
    open.extend(RecordFolders::in_state(state).open_elsewhere(&own)?);
    open.first().map_or(Ok(()), |open| Err(open.refusal()))
}

/// Since when an entry is held. Of one in an older agent's record that is not known.
fn since(entry: &Entry) -> Instant {
    let now = Instant::now();
    let held = entry
        .began_us
        .map(|began| boot_clock::now().since(Moment(began)));
    held.and_then(|held| now.checked_sub(held)).unwrap_or(now)
}

/// Ends the commands of an earlier run without failover, or with a longer lease: nothing
/// would end them with the lease on which the others rely from now on.
fn end_without_deadline(open: &mut Vec<OpenRecord>, lease: Duration) -> Result<(), String> {
    let latest = boot_clock::now() + lease;
    let is_without = |open: &OpenRecord| open.until.is_none_or(|until| until > latest);
    let mut began = None;
    loop {
        open.retain(|open| !is_without(open) || is_locked(&open.record.file).unwrap_or(true));
        let mut without = open.iter().filter(|open| is_without(open)).peekable();
        let Some(first) = without.peek() else {
            return Ok(());
        };
        let waited = began.map(|at: Instant| at.elapsed());
        if waited.is_some_and(|waited| waited > MAX_END) {
            let path = first.record.path.display();
            return Err(format!(
                "{path} records a command that was started without this lease and does not end: \
                 end its processes (fuser -v {path} lists them), and start the agent again"
            ));
        }
        let signal = match waited {
            None => Some(Signal::TERM),
            Some(waited) => (waited > MAX_END / 2).then_some(Signal::KILL),
        };
        for OpenRecord { record, .. } in without {
            if waited.is_none() {
                let Entry { lock, command, .. } = &record.entry;
                log::warn!(
                    "lock {lock:?}: {command:?} was started without this lease, so it ends now: \
                     SIGTERM, and SIGKILL in {:?}",
                    MAX_END / 2
                );
            }
            let processes = signal.map(|_| Process::that_have_open(&record.file));
            let processes = processes.transpose().map_err(|error| error.to_string())?;
            for process in processes.into_iter().flatten() {
                // One that this user may not signal is still there when the time is over.
                let _ = signal.map(|signal| process.signal(signal));
            }
        }
        began.get_or_insert_with(Instant::now);
        thread::sleep(CHECK_INTERVAL);
    }
}

/// Returns the open records of an earlier agent with the same socket. The stale ones are
/// removed.
pub(super) fn open_records(records: &Records) -> Result<Vec<OpenRecord>, String> {
    read_open(&records.folder, |stale| {
        let path = stale.display();
        fs::remove_file(stale).map_err(|error| {
            format!(
                "cannot remove {path}, which records no command that still runs: {error}; move it \
                 out of that directory, and start the agent again"
            )
        })
    })
}

/// Returns the open records in a directory, and hands over the paths of the stale ones.
pub(super) fn read_open(
    folder: &Path,
    on_stale: impl Fn(&Path) -> Result<(), String>,
) -> Result<Vec<OpenRecord>, String> {
    // The record, or a directory with records, may be that of an open entry.
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| {
            format!(
                "cannot read {}, which may record a command that still runs under its lock: \
                 {error}; let the agent read it, or remove it when no command of turno lock runs \
                 on this machine",
                path.display()
            )
        }
    };
    let mut open = Vec::new();
    let files = match fs::read_dir(folder) {
        // The machine was restarted.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(open),
        files => files.map_err(unreadable(folder))?,
    };
    for file in files {
        let path = file.map_err(unreadable(folder))?.path();
        let mut options = OpenOptions::new();
        // Otherwise the open of a named pipe would wait for a writer.
        let options = options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        // The deadline is written into it, if this user may.
        let opened = match options.read(true).write(true).open(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => options.write(false).open(&path),
            opened => opened,
        };
        let file = match opened {
            // An agent that runs there has removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(unreadable(&path))?,
        };
        if is_locked(&file).map_err(unreadable(&path))? {
            open.push(OpenRecord::read(path, file)?);
        } else {
            on_stale(&path)?;
        }
    }
    Ok(open)
}

impl OpenRecord {
    fn read(path: PathBuf, file: File) -> Result<Self, String> {
        let read = || -> Result<(Entry, LockName), Box<dyn std::error::Error>> {
            let entry: Entry = serde_json::from_slice(&fs::read(&path)?)?;
            let lock = LockName::new(&entry.lock)?;
            Ok((entry, lock))
        };
        // The entry is open, and its lock is unknown.
        let (entry, lock) = read().map_err(|why| {
            let path = path.display();
            format!(
                "{path} records a command that still runs under its lock, and cannot be read: \
                 {why}; end the processes that have it open (fuser -v {path} lists them), and \
                 start the agent again"
            )
        })?;
        let until = deadline::read(&file)
            .map_err(|why| format!("cannot read the deadline in {}: {why}", path.display()))?;
        let record = Record { path, file, entry };
        Ok(OpenRecord {
            record,
            lock,
            until,
        })
    }

    /// The member list cannot change while a command runs under its lock.
    fn refusal(&self) -> String {
        let (path, Entry { lock, command, .. }) = (self.record.path.display(), &self.record.entry);
        format!(
            "--adopt-list: {command:?} still runs here under lock {lock:?}, and in the new list \
             another member could enter: end it (fuser -v {path} lists its processes), and start \
             the agent again"
        )
    }

    fn resumed(&self) -> ResumedEntry {
        let entry = &self.record.entry;
        let resumed = ResumedEntry::new(self.lock.clone(), Token::new(entry.token));
        let since_boot = self.until.map(|until| until.since(Moment::default()));
        resumed
            .in_mode(entry.mode())
            .described(description(entry.pid, &entry.command))
            .expires(since_boot)
    }
}
