//! A test stops a server at a certain step of a batch, as a machine that is suspended there.

use std::env;
use std::fs;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// The environment variable that names a file. A server that reaches the step that the file
/// names removes the file, and stops until it gets SIGCONT. It goes on when there is a file of
/// that name with `.continue` behind it: the threads of a process do not all stop at the moment
/// of the signal, and this one must not take another step before it does.
const STOP_FILE: &str = "TURNO_BANK_STOP_FILE";

/// The steps of a batch that changes accounts.
#[derive(Clone, Copy)]
pub enum Step {
    /// Its turn has started, and its transaction has not.
    Turn,
    /// It has read the accounts, and written none.
    Write,
    /// All is written, and only the commit is missing.
    Commit,
}

/// Stops, if a test asks for that at this step.
pub fn stop_at(step: Step) {
    static FILE: LazyLock<Option<String>> = LazyLock::new(|| env::var(STOP_FILE).ok());
    let Some(file) = &*FILE else {
        return;
    };
    let name = match step {
        Step::Turn => "turn",
        Step::Write => "write",
        Step::Commit => "commit",
    };
    if fs::read_to_string(file).is_ok_and(|text| text == name) && fs::remove_file(file).is_ok() {
        // It is ourselves.
        let _ = kill_process(getpid(), Signal::STOP);
        while fs::remove_file(format!("{file}.continue")).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
