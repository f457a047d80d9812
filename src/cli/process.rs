//! `turno process`.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;

use super::{Failure, closed_pipe_is_fine, log_to_standard_error};
use crate::group::{Address, Group};
use crate::node::{Config, Input, Node, Observer};
use crate::plain::Plain;
use crate::screen::Screen;

/// Where the critical section is unless the user says otherwise.
pub(super) const SECTION: &str = ":10000";

/// Take part in a group, with a terminal as its user.
///
/// At a terminal it fills the screen: x asks for the critical section, the own
/// id ticks the clock, q quits. Otherwise it reads lines (x, or the own id)
/// from standard input and prints one line an event; the end of the input
/// leaves it running.
///
/// Ctrl-C, SIGTERM and q end it: it leaves the section if it is in it, answers
/// everybody who waits for its reply, and exits with 0.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which member of the list this is, from 1
    id: u16,

    /// Every member's address, this one's too, in the same order everywhere:
    /// :PORT on this host, HOST:PORT or [IPV6]:PORT on any machine
    #[arg(required = true, value_name = "ADDR")]
    members: Vec<Address>,

    /// Where the critical section is
    #[arg(long, value_name = "ADDR", default_value = SECTION)]
    shared: Address,

    /// How long the critical section is used
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    hold: Duration,

    /// Listen here instead of at the own address of the list (behind NAT, or
    /// in a container)
    #[arg(long, value_name = "ADDR")]
    listen: Option<Address>,

    /// Lines instead of the full-screen view
    #[arg(long)]
    plain: bool,

    /// Begin every line with this and a bar (when several processes share one
    /// terminal)
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  turno process 2 :10001 :10002 :10003
  turno process 1 alpha:7001 beta:7001 --shared alpha:10000
  echo x | turno process 1 :10001 --hold 200ms";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let section = self.shared.resolve().map_err(Failure::usage)?;
        let listen = match &self.listen {
            Some(address) => Some(address.resolve().map_err(Failure::usage)?[0]),
            None => None,
        };
        let group =
            Group::resolve(self.id, &self.members, listen, &section).map_err(Failure::usage)?;
        let is_full_screen = !self.plain
            && self.label.is_none()
            && io::stdin().is_terminal()
            && io::stdout().is_terminal();
        let config = Config {
            group,
            section: section[0],
            hold: self.hold,
            input: if is_full_screen {
                Input::Keys
            } else {
                Input::Lines
            },
        };
        // Diagnostics in the midst of the screen would spoil it.
        if !is_full_screen || !io::stderr().is_terminal() {
            log_to_standard_error();
        }
        if is_full_screen {
            run(config, Screen::open().map_err(Failure::failed)?)
        } else {
            run(config, Plain::new(io::stdout(), self.label))
        }
    }
}

fn run(config: Config, observer: impl Observer) -> Result<(), Failure> {
    let node = Node::start(config, observer).map_err(Failure::failed)?;
    closed_pipe_is_fine(node.run())
}
