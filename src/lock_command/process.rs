//! The processes of the machine, as /proc shows them.

use std::collections::BTreeMap;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// A process. Its start tells it apart from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
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

    pub(super) fn signal(self, signal: Signal) -> rustix::io::Result<()> {
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

/// All processes, by the ids of their parents.
pub(super) struct ByParent(BTreeMap<i32, Vec<Process>>);

impl ByParent {
    pub(super) fn find() -> Self {
        let mut by_parent: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok());
            if let Some(process) = pid.and_then(Pid::from_raw).and_then(Process::find) {
                by_parent.entry(process.parent).or_default().push(process);
            }
        }
        ByParent(by_parent)
    }

    /// Takes out the children of a process. As they are taken out, a search ends even if
    /// ids were used again while /proc was read.
    pub(super) fn take_children(&mut self, parent: Pid) -> Vec<Process> {
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
        let own = Process::find(rustix::process::getpid()).unwrap();
        let parent = Pid::as_raw(rustix::process::getppid());
        assert_eq!(own.parent, parent, "{own:?}");
    }
}
