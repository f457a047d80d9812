//! All that came of this process: its children, theirs, and so on. Those whose
//! parents die become its own children, for it is a subreaper (prctl(2)).
//!
//! Processes come and go while they are looked for. Whoever has to be sure that
//! there is none left looks again and again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, pidfd_open,
    pidfd_send_signal, set_child_subreaper, wait, waitid,
};

use super::messages;

/// How long to give those who were killed, while some of them end.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// How long at most, while none of them does.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// From here on nobody who came of this process gets out of its sight.
pub(super) fn keep() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Children that are none of the command's: before it was turno, this process may
/// have been a shell that had children of its own.
#[derive(Debug, Default)]
pub(super) struct OtherChildren(Vec<Process>);

impl OtherChildren {
    /// Those that there are now.
    pub(super) fn so_far() -> Self {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::All, options) {
            Err(Errno::CHILD) => OtherChildren::default(),
            _ => OtherChildren(children_of(getpid(), &mut by_parent())),
        }
    }
}

/// Kills them all, and waits until there is none. Whoever may not be killed by
/// this user (`sudo`) is waited for.
pub(super) fn kill(other_children: &OtherChildren) {
    let mut pause = FIRST_PAUSE;
    let mut is_told = false;
    let mut was_empty = false;
    loop {
        let mut has_ended = false;
        // Without children nobody is left.
        if reap(|_, _| has_ended = true) {
            return;
        }
        let all = all(other_children);
        // Whoever had just lost its parent may have been overlooked, but not
        // twice.
        if all.is_empty() && was_empty && !other_children.0.is_empty() {
            return;
        }
        was_empty = all.is_empty();
        if let Some(spared) = signal(&all, Signal::KILL)
            && !is_told
        {
            is_told = true;
            messages::say(&format!(
                "process {spared} may not be killed by this user; the lock is held until it ends"
            ));
        }
        pause = if has_ended {
            FIRST_PAUSE
        } else {
            LONGEST_PAUSE.min(pause * 2)
        };
        thread::sleep(pause);
    }
}

/// Has them all end, also those that are stopped. Those who are started
/// meanwhile are missed, and those who are started to tidy up are spared.
pub(super) fn terminate() {
    let all = all(&OtherChildren::default());
    signal(&all, Signal::TERM);
    signal(&all, Signal::CONT);
}

/// Takes note of the children that have ended. Whether there are no others.
pub(super) fn reap(mut ended: impl FnMut(Pid, rustix::process::WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => ended(pid, status),
            Ok(None) => return false,
            Err(Errno::INTR) => {}
            // There are no children.
            Err(_) => return true,
        }
    }
}

/// Sends them a signal. One who may not be sent it, if there is any.
fn signal(processes: &[Process], signal: Signal) -> Option<Pid> {
    let mut spared = None;
    for process in processes {
        if process.signal(signal) == Err(Errno::PERM) {
            spared = Some(process.pid);
        }
    }
    spared
}

/// A process, told apart from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: Pid,
    parent: i32,
    /// In ticks since the machine was started.
    started: u64,
}

impl Process {
    fn signal(self, signal: Signal) -> rustix::io::Result<()> {
        let open = match pidfd_open(self.pid, PidfdFlags::empty()) {
            Ok(open) => open,
            // Before Linux 5.3.
            Err(Errno::NOSYS) => return kill_process(self.pid, signal),
            Err(error) => return Err(error),
        };
        // What is open now is what the number stands for since then.
        match look(self.pid) {
            Some(process) if process.started == self.started => pidfd_send_signal(open, signal),
            _ => Err(Errno::SRCH),
        }
    }
}

fn all(other_children: &OtherChildren) -> Vec<Process> {
    let mut by_parent = by_parent();
    let mut all = children_of(getpid(), &mut by_parent);
    all.retain(|child| !other_children.0.contains(child));
    let mut done = 0;
    while let Some(parent) = all.get(done) {
        all.extend(children_of(parent.pid, &mut by_parent));
        done += 1;
    }
    all
}

/// All processes, by the numbers of their parents.
fn by_parent() -> BTreeMap<i32, Vec<Process>> {
    let mut by_parent: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        if let Some(process) = pid.and_then(Pid::from_raw).and_then(look) {
            by_parent.entry(process.parent).or_default().push(process);
        }
    }
    by_parent
}

/// Takes them out, so that nothing goes round in circles.
fn children_of(parent: Pid, by_parent: &mut BTreeMap<i32, Vec<Process>>) -> Vec<Process> {
    let found = by_parent.remove(&parent.as_raw_pid());
    found.unwrap_or_default()
}

fn look(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let (parent, started) = parse(&stat)?;
    Some(Process {
        pid,
        parent,
        started,
    })
}

/// The parent and the start of a process, as in proc_pid_stat(5).
fn parse(stat: &[u8]) -> Option<(i32, u64)> {
    // The second field is the name of the program, in parentheses, and may hold
    // anything; the third follows behind the last one.
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
    fn a_process_is_told_by_its_start_whatever_its_name() {
        let stat = b"71 (a) R 1 (\xff\n) S 42 71 71 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 5 6";
        assert_eq!(parse(stat), Some((42, 4711)));
        assert_eq!(parse(b"71 (a) S"), None);
        assert_eq!(parse(b""), None);
        let own = look(getpid()).unwrap();
        assert_eq!(
            own.parent,
            Pid::as_raw(rustix::process::getppid()),
            "{own:?}"
        );
    }
}
