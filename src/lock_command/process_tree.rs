//! The descendants of this process. It adopts those whose parents die, because it is a
//! subreaper (prctl(2)).
//!
//! Processes come and go while /proc is read, so one search may miss some. A caller that
//! has to be sure that none is left searches again.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait,
    waitid,
};

use super::messages;
use crate::system::process::{ByParent, Process};

/// The first pause between two searches, and the pause after one in which a child has
/// ended.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest pause between two searches.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Has this process adopt, from now on, its descendants whose parents die.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Children that do not belong to the command: this process may have been a shell, with
/// children, before it executed turno.
#[derive(Debug, Default)]
pub(super) struct OtherChildren(Vec<Process>);

impl OtherChildren {
    /// The children that this process has before it starts the command.
    pub(super) fn find() -> Self {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::All, options) {
            Err(Errno::CHILD) => OtherChildren::default(),
            _ => OtherChildren(ByParent::find().take_children(getpid())),
        }
    }
}

/// Kills all descendants except these children, and waits until all have ended. One that
/// this user may not kill (`sudo`) is waited for.
pub(super) fn kill_all(other_children: &OtherChildren) {
    let mut pause = FIRST_PAUSE;
    let mut has_reported = false;
    let mut was_empty = false;
    loop {
        let mut has_ended = false;
        // Without children there are no descendants.
        if reap(|_, _| has_ended = true) {
            return;
        }
        let descendants = descendants(other_children);
        // One search can miss a process whose parent has just died. Two in a row cannot.
        if descendants.is_empty() && was_empty && !other_children.0.is_empty() {
            return;
        }
        was_empty = descendants.is_empty();
        if let Some(pid) = signal_all(&descendants, Signal::KILL)
            && !has_reported
        {
            has_reported = true;
            messages::print(&format!(
                "this user may not kill process {pid}: turno waits until it ends"
            ));
        }
        pause = if has_ended {
            FIRST_PAUSE
        } else {
            MAX_PAUSE.min(pause * 2)
        };
        thread::sleep(pause);
    }
}

/// Tells all descendants to end, also those that are stopped. There is no second search:
/// processes that they start to clean up are left alone.
pub(super) fn terminate_all() {
    let descendants = descendants(&OtherChildren::default());
    signal_all(&descendants, Signal::TERM);
    signal_all(&descendants, Signal::CONT);
}

/// Sends all descendants this signal.
pub(super) fn pass_on_to_all(signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        signal_all(&descendants(&OtherChildren::default()), signal);
    }
}

/// Reaps the children that have ended. Returns whether no child is left.
pub(super) fn reap(mut ended: impl FnMut(Pid, WaitStatus)) -> bool {
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

/// Sends these processes a signal. Returns one that this user may not send it, if any.
fn signal_all(processes: &[Process], signal: Signal) -> Option<Pid> {
    let mut not_permitted = None;
    for process in processes {
        if process.signal(signal) == Err(Errno::PERM) {
            not_permitted = Some(process.pid);
        }
    }
    not_permitted
}

fn descendants(other_children: &OtherChildren) -> Vec<Process> {
    let mut by_parent = ByParent::find();
    let mut found = by_parent.take_children(getpid());
    found.retain(|child| !other_children.0.contains(child));
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(by_parent.take_children(parent.pid));
        next += 1;
    }
    found
}
