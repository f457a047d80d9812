//! The signals of the operating system, as a source of a poll.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook_mio::v1_0::Signals;

/// The signals that ask a program to end.
const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Has the poll wake for the signals that ask the program to end, and for these
/// besides. Of the former a second one ends it there and then, should it not
/// have come to deal with the first.
pub(crate) fn register(besides: &[i32], registry: &Registry, token: Token) -> io::Result<Signals> {
    let is_ending = Arc::new(AtomicBool::new(false));
    for signal in ENDING {
        // In this order: the first signal finds the flag as it was.
        flag::register_conditional_default(signal, Arc::clone(&is_ending))?;
        flag::register(signal, Arc::clone(&is_ending))?;
    }
    let mut signals = Signals::new(ENDING.iter().chain(besides))?;
    registry.register(&mut signals, token, Interest::READABLE)?;
    Ok(signals)
}
