//! `turno top`.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::duration::seconds;
use super::{Failure, status};
use crate::agent::socket_path;
use crate::system::terminal::can_fill_the_screen;
use crate::ui::top;

/// Show the group on the whole terminal, again and again.
///
/// Members with round trips and what they are, locks with holder and waiters, entries a
/// second, and what has changed lately: what turno status says, for the whole group, on any
/// machine. Keys: q quits, s sorts the locks by another column, / filters them by name or
/// member.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Ask the agent this often
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = seconds)]
    every: Duration,

    /// The agent's Unix socket [default: $TURNO_SOCKET, or the user's own agent
    /// if there is one, else /run/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno top
  turno top --every 5s

NO_COLOR turns the colours off. turno status --watch is the same without a screen.";

/// The shortest time between two questions.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        if !can_fill_the_screen() {
            let why = "it needs a terminal; turno status --watch does not";
            return Err(Failure::usage(why));
        }
        let socket = self.socket.unwrap_or_else(socket_path::for_client);
        // What is wrong from the start is said where it stays.
        status::of_group(&socket)?;
        let every = self.every.max(MIN_INTERVAL);
        let (sender, answers) = mpsc::channel();
        // An agent that does not answer must not keep the keys from being obeyed.
        thread::spawn(move || {
            loop {
                let next = Instant::now() + every;
                let answer = status::of_group(&socket).map_err(|Failure(_, why)| why);
                if sender.send(answer).is_err() {
                    return;
                }
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        top::run(&answers).map_err(Failure::failed)
    }
}
