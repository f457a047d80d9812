//! The signals of the operating system, as a source of a poll.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook_mio::v1_0::Signals;

/// The status of a process in /proc is shorter than this, in bytes.
const MAX_STATUS: u64 = 8 << 10;

/// Registers the signals that end the program, and these besides, with the poll. A signal
/// that our parent has us ignore (`nohup`) stays ignored.
pub(crate) fn register(besides: &[i32], registry: &Registry, token: Token) -> io::Result<Signals> {
    let mut wanted = not_ignored(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT]);
    wanted.extend(besides);
    let mut signals = Signals::new(wanted)?;
    registry.register(&mut signals, token, Interest::READABLE)?;
    Ok(signals)
}

/// Makes a write to a file that may not grow (`ulimit -f`) an error, like a full disk. By
/// default it ends the process.
pub(crate) fn survive_a_file_that_is_full() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(|_| ())
}

/// The signals among these that our parent does not have us ignore.
pub(crate) fn not_ignored(signals: &[i32]) -> Vec<i32> {
    let ignored = mask("self", "SigIgn:");
    let mut signals = signals.to_vec();
    signals.retain(|signal| !has(ignored, *signal));
    signals
}

/// Whether a process handles a signal: it has a handler for it, or has blocked it and reads
/// it (signalfd(2)).
pub(crate) fn is_handled(pid: i32, signal: i32) -> bool {
    let process = pid.to_string();
    let handled = mask(&process, "SigCgt:") | mask(&process, "SigBlk:");
    has(handled, signal)
}

/// Whether our parent has us block a signal.
pub(crate) fn is_blocked(signal: i32) -> bool {
    has(mask("self", "SigBlk:"), signal)
}

fn has(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}

/// A signal mask of a process, one bit per signal; 0 on a system other than Linux.
fn mask(process: &str, field: &str) -> u64 {
    // Room for all of it: a read costs more than what it reads.
    let mut status = Vec::with_capacity(MAX_STATUS as usize);
    let _ = File::open(format!("/proc/{process}/status"))
        .and_then(|file| file.take(MAX_STATUS).read_to_end(&mut status));
    // Not as a text: the file has the name of the process, which may be any bytes.
    let mut lines = status.split(|byte| *byte == b'\n');
    let mask = lines.find_map(|line| line.strip_prefix(field.as_bytes()));
    let mask = mask.and_then(|mask| str::from_utf8(mask).ok());
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}
