//! The signals of the operating system, as a source of a poll.

use std::fs;
use std::io;
use std::sync::Arc;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook_mio::v1_0::Signals;

/// Has the poll wake for the signals that ask the program to end, and for these
/// besides. One that whoever started us has us ignore (`nohup`) stays ignored.
pub(crate) fn register(besides: &[i32], registry: &Registry, token: Token) -> io::Result<Signals> {
    let mut wanted = not_ignored(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT]);
    wanted.extend(besides);
    let mut signals = Signals::new(wanted)?;
    registry.register(&mut signals, token, Interest::READABLE)?;
    Ok(signals)
}

/// Has a file that may not grow any more (`ulimit -f`) be an error of writing, as a
/// disk that is full is, and not the end of the process.
pub(crate) fn survive_a_file_that_is_full() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(|_| ())
}

/// Those of these signals that whoever started us does not have us ignore.
pub(crate) fn not_ignored(signals: &[i32]) -> Vec<i32> {
    let ignored = mask("self", "SigIgn:");
    let mut signals = signals.to_vec();
    signals.retain(|signal| !has(ignored, *signal));
    signals
}

/// Whether a process does something about a signal: it has a handler for it, or
/// has blocked it and asks for it (signalfd(2)).
pub(crate) fn is_handled(pid: i32, signal: i32) -> bool {
    let process = pid.to_string();
    let handled = mask(&process, "SigCgt:") | mask(&process, "SigBlk:");
    has(handled, signal)
}

/// Whether whoever started us has us not hear of a signal at all.
pub(crate) fn is_blocked(signal: i32) -> bool {
    has(mask("self", "SigBlk:"), signal)
}

fn has(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}

/// What a process does with its signals, a bit each. Linux tells; where nobody
/// does, none.
fn mask(process: &str, what: &str) -> u64 {
    // The name of the process stands there too, and may be anything.
    let status = fs::read(format!("/proc/{process}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let mut lines = status.lines();
    lines
        .find_map(|line| line.strip_prefix(what))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
