//! `turno process`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::duration::time;
use super::{Failure, closed_pipe_is_fine, log_to_standard_error};
use crate::engine::state_file::{Existing, StateFile};
use crate::engine::{self, Observer, key_file};
use crate::group::{Address, Group, Listed, Resolver};
use crate::mutex::Pace;
use crate::process::{Config, Input, Process};
use crate::system::Output;
use crate::system::signals::survive_a_file_that_is_full;
use crate::system::terminal::can_fill_the_screen;
use crate::trace::Traced;
use crate::ui::plain::Plain;
use crate::ui::screen::Screen;

/// The default address of the critical section.
pub(super) const SECTION: &str = ":10000";

/// Take part in a group, with a terminal as the user.
///
/// At a terminal it fills the screen: x requests the critical section, the own id ticks
/// the clock, d draws a space-time diagram of the last events, q quits. Otherwise, and
/// with --plain or --label, it reads lines (x, or the own id) from standard input, and
/// prints one line an event. It goes on after the end of the input.
///
/// Ctrl-C and SIGTERM end it: it leaves the critical section, sends the replies that it
/// has deferred, and exits with 0. SIGUSR1 prints how many datagrams it has dropped.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// This member's id: its place in the list, from 1
    #[arg(value_parser = id)]
    id: u16,

    /// The addresses of all members, including this one, in the same order everywhere:
    /// :PORT on this host, HOST:PORT or [IPV6]:PORT on any machine; NAME= before an
    /// address gives the member a name
    #[arg(required = true, value_name = "ADDR")]
    members: Vec<Listed>,

    /// The address of the critical section (turno shared)
    #[arg(long, value_name = "ADDR", default_value = SECTION)]
    shared: Address,

    /// Stay in the critical section for this time
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    hold: Duration,

    /// Sign every datagram with the group's key in this file, and drop datagrams that
    /// are not signed with it (turno key makes one)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Keep the clock in this directory, so that this process can restart while others
    /// are down
    ///
    /// Without it, the process hears the clock of every other member before its first
    /// request.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Begin with a new state, because the old one is lost. It GIVES UP THE CLOCK: if all
    /// members do so, tokens begin again near 1
    #[arg(long, requires = "state")]
    new_state: bool,

    /// If the state is of another member list, take it over, so that tokens go on rising:
    /// as in turno agent --help
    #[arg(long, requires = "state", conflicts_with = "new_state")]
    adopt_list: bool,

    /// With --adopt-list: this member of the old list is dead for good
    #[arg(long, value_name = "MEMBER", requires = "adopt_list")]
    without: Vec<String>,

    /// Listen at this address instead of the one in the list (behind NAT, or in a
    /// container)
    #[arg(long, value_name = "ADDR")]
    listen: Option<Address>,

    /// Send a request again after this time without an answer; the time then doubles up
    /// to two seconds
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = time)]
    resend: Duration,

    /// Keep each permission until its peer requests it back (Carvalho and Roucairol), as
    /// agents do: an entry asks only the peers whose permission is missing
    ///
    /// Without it, every entry asks every peer, as in Ricart's and Agrawala's paper.
    #[arg(long)]
    keep_permissions: bool,

    /// The default; earlier builds had it as an option.
    #[arg(long, hide = true, conflicts_with = "keep_permissions")]
    ask_everybody: bool,

    /// Go on without a minority of the members when they have not been heard for this
    /// time, the membership lease (10s, say): the same at all members, three or more
    #[arg(long, value_name = "LEASE", value_parser = time)]
    failover: Option<Duration>,

    /// Write a trace into this directory, for turno trace
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,

    /// Print lines instead of the full-screen view
    #[arg(long)]
    plain: bool,

    /// Begin every line with this text and a bar, for processes that share a terminal
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  turno process 2 :10001 :10002 :10003
  turno process 1 alpha:7001 beta:7001 --shared alpha:10000 --key turno.key
  turno process 2 :10001 :10002 :10003 --keep-permissions
  echo x | turno process 1 :10001 --hold 200ms";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let group =
            Group::resolve(self.id, &self.members, self.listen.as_ref()).map_err(Failure::usage)?;
        let section = group.section(&self.shared).map_err(Failure::usage)?;
        let key = self.key.as_deref().map(key_file::read).transpose();
        let key = key.map_err(Failure::failed)?;
        let lease = self.failover;
        let lease = lease.map(|length| engine::lease(length, group.members.len()));
        let lease = lease.transpose().map_err(Failure::usage)?;
        let existing = match (self.new_state, self.adopt_list) {
            (true, _) => Existing::GivenUp,
            (false, true) => Existing::TakenOver {
                without: self.without,
            },
            (false, false) => Existing::Continued,
        };
        let open = |folder| StateFile::open(folder, &group, &existing);
        let state = self.state.as_deref().map(open).transpose();
        let state = state.map_err(Failure::failed)?;
        let is_full_screen = !self.plain && self.label.is_none() && can_fill_the_screen();
        let config = Config {
            node: engine::Config {
                group,
                resolver: Resolver::default(),
                keeps_permissions: self.keep_permissions,
                beat: None,
                pace: Pace {
                    first: self.resend.max(Duration::from_millis(1)),
                    ..Pace::default()
                },
                key,
                lease,
                state,
            },
            section,
            hold: self.hold,
            input: if is_full_screen {
                Input::Keys
            } else {
                Input::Lines
            },
        };
        // Diagnostics would overwrite the screen.
        if !is_full_screen || !io::stderr().is_terminal() {
            log_to_standard_error();
        }
        if is_full_screen {
            let screen = Screen::open().map_err(|error| {
                Failure::failed(format!("cannot use the full screen: {error}; try --plain"))
            })?;
            run(config, screen, self.trace.as_deref())
        } else {
            let plain = Plain::new(Output::standard(self.label));
            run(config, plain, self.trace.as_deref())
        }
    }
}

fn run(config: Config, observer: impl Observer, trace: Option<&Path>) -> Result<(), Failure> {
    let observer = Traced::new(observer, trace).map_err(|error| {
        let folder = trace.unwrap_or(Path::new(".")).display();
        Failure::failed(format!("cannot write a trace into {folder}: {error}"))
    })?;
    if trace.is_some() {
        survive_a_file_that_is_full().map_err(Failure::failed)?;
    }
    let process = Process::start(config, observer).map_err(Failure::failed)?;
    closed_pipe_is_fine(process.run())
}

fn id(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| "an id is a number from 1 to 65535".to_owned())
}
