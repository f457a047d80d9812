//! The processes of the machine, as /proc shows them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal,
};

/// A process. Its start tells it apart from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    parent: i32,
    /// In clock ticks since the machine was started.
    started: u64,
}

impl Process {
    fn find(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
        let (parent, started) = parse(&stat)?;
        Some(Process {
            pid,
            parent,
            started,
        })
    }

    /// The processes that have this file open, and may be looked at by this user.
    pub(crate) fn that_have_open(file: &File) -> io::Result<Vec<Self>> {
        let wanted = file.metadata()?;
        let is_wanted = |path: &Path| {
            let found = fs::metadata(path);
            found.is_ok_and(|it| (it.dev(), it.ino()) == (wanted.dev(), wanted.ino()))
        };
        let mut found = Vec::new();
        for pid in pids() {
            let fds = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid()));
            let mut fds = fds.into_iter().flatten().flatten();
            if pid != getpid() && fds.any(|fd| is_wanted(&fd.path())) {
                found.extend(Process::find(pid));
            }
        }
        Ok(found)
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    pub(crate) fn signal(self, signal: Signal) -> rustix::io::Result<()> {
        let opened = match pidfd_open(self.pid, PidfdFlags::empty()) {
            Ok(opened) => opened,
            // Before Linux 5.3.
            Err(Errno::NOSYS) => return kill_process(self.pid, signal),
            Err(error) => return Err(error),
        };
        // The descriptor stays with the process that has the id now.
        match Process::find(self.pid) {
            Some(process) if process.started == self.started => pidfd_send_signal(opened, signal),
            _ => Err(Errno::SRCH),
        }
    }
}

/// Whether this process is stopped by a signal, or by a debugger.
pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let end = stat.iter().rposition(|&byte| byte == b')');
    let state = end.and_then(|end| stat[end..].get(2));
    matches!(state, Some(b'T' | b't'))
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// All processes, by the ids of their parents.
pub(crate) struct ByParent(BTreeMap<i32, Vec<Process>>);

impl ByParent {
    pub(crate) fn find() -> Self {
        let mut by_parent: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
        for process in pids().filter_map(Process::find) {
            by_parent.entry(process.parent).or_default().push(process);
        }
        ByParent(by_parent)
    }

    /// Takes out the children of a process. As they are taken out, a search ends even if
    /// ids were used again while /proc was read.
    pub(crate) fn take_children(&mut self, parent: Pid) -> Vec<Process> {
        self.0.remove(&parent.as_raw_pid()).unwrap_or_default()
    }
}

/// The parent and the start of a process, as in proc_pid_stat(5).
fn parse(stat: &[u8]) -> Option<(i32, u64)> {
    // The second field is the name of the program in parentheses, which may hold any
    // byte. The third field comes after the last parenthesis.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = str::from_utf8(&stat[end + 1..]).ok()?.split_whitespace();
    let parent = fields.nth(4 - 3)?.parse().ok()?;
    let started = fields.nth(22 - 5)?.parse().ok()?;
    Some((parent, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_and_the_start_are_read_whatever_the_name_of_the_program() {
        let stat = b"71 (a) R 1 (\xff\n) S 42 71 71 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 5 6";
        assert_eq!(parse(stat), Some((42, 4711)));
        assert_eq!(parse(b"71 (a) S"), None);
        assert_eq!(parse(b""), None);
        let own = Process::find(getpid()).unwrap();
        let parent = Pid::as_raw(rustix::process::getppid());
        assert_eq!(own.parent, parent, "{own:?}");
    }
}
