//! `turno agent`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration::{seconds, time};
use super::{Failure, closed_pipe_is_fine, log_to_standard_error, status};
use crate::agent::check::{Kind, check};
use crate::agent::config_text::config_text;
use crate::agent::{Agent, AgentConfig, AgentError};
use crate::group::OwnId;
use crate::printable::Printable;
use crate::system::millis;

/// Run a node that acquires locks for the programs of this machine.
///
/// Every machine of the group runs one agent, with the same list of members. turno lock
/// and turno status connect to it through a Unix socket, which only its owner may use,
/// or also the users of a group (--socket-group).
///
/// SIGTERM is a restart: the agent exits at once, and ends no command. Each turno lock
/// connects to the agent that is started next (turno lock --agent-patience; with
/// --failover until the lease ends). Ctrl-C (SIGINT) ends the commands first: the agent
/// refuses the clients that wait, every turno lock ends its command, and the agent exits
/// when all commands have ended. A second signal ends it at once. SIGHUP reads the key
/// file again, and makes a socket again that was removed; restart the agent to change
/// anything else.
///
/// When turno lock or the agent is killed, the lock stays held while a process lives that
/// inherited the record of the entry, which all processes of the command do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The addresses of all members, including this one, in the same order everywhere:
    /// :PORT on this host, HOST:PORT or [IPV6]:PORT on any machine; NAME= before an
    /// address gives the member a name, for messages and drawings alone
    #[arg(value_name = "ADDR")]
    members: Vec<String>,

    /// Read the configuration from this JSON file; options given here take precedence
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// This member: its place in the list, from 1, or its name [default: the one member
    /// whose address is this machine's own]
    #[arg(long)]
    id: Option<OwnId>,

    /// Sign every datagram with the group's key in this file, and drop datagrams that
    /// are not signed with it (turno key makes one)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Keep the clock in this directory, so that the agent can restart while other
    /// members are down
    ///
    /// A missing directory is created. An existing empty one is an error: its state was
    /// lost. Without --state, the agent hears the clock of every other member before it
    /// requests or replies, and in a group of one the tokens begin again at each start.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Begin with a new state, because the old one is lost. It GIVES UP THE CLOCK: if all
    /// members do so, tokens begin again near 1
    #[arg(long)]
    new_state: bool,

    /// If the state is of another member list, take it over, so that tokens go on rising
    ///
    /// First stop all members of the old list, and end what they ran under a lock; then
    /// start each that goes on with the new list and this option. The agent looks for
    /// members that go on with the old list, for two seconds, and does not start while one
    /// does, or while a command runs here under its lock. All members of the new list must
    /// be up before the first entry. Once the state is of the new list, the option does
    /// nothing.
    #[arg(long, conflicts_with = "new_state")]
    adopt_list: bool,

    /// With --adopt-list: this member of the old list, by address or name, is dead for good,
    /// and all that it ran under a lock. May be given several times
    ///
    /// Each member that is not in the new list must be named. With --failover name also one
    /// that has lost its state; a majority must go on with theirs. That a member is silent
    /// proves nothing: one that is cut off may still enter.
    #[arg(long, value_name = "MEMBER", requires = "adopt_list")]
    without: Vec<String>,

    /// Listen for clients at this Unix socket [default: $TURNO_SOCKET, or for root
    /// /run/turno/turno.sock, else $XDG_RUNTIME_DIR/turno/turno.sock, or without that
    /// variable /run/user/UID/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Let the users of this group use the socket, too
    #[arg(long, value_name = "GROUP")]
    socket_group: Option<String>,

    /// Listen at this address instead of the one in the list (behind NAT, or in a
    /// container)
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// Send a request again after this time without an answer; the time then doubles up
    /// to two seconds [default: 250ms]
    #[arg(long, value_name = "TIME", value_parser = time)]
    resend: Option<Duration>,

    /// Go on without a minority of the members when they have not been heard for this
    /// time, the membership lease (10s, say)
    ///
    /// All members, three or more, need the same. A member that is cut off ends the
    /// commands that hold locks before another machine enters. It needs --state.
    #[arg(long, value_name = "LEASE", value_parser = time)]
    failover: Option<Duration>,

    /// When idle, say to the other members every so often that this one is up; 0 turns it
    /// off. With --failover its own beats serve [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    beat: Option<Duration>,

    /// Write a trace into this directory, for turno trace
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,

    /// Say what is wrong with the configuration, key, state and addresses, and start
    /// nothing; exit 0 if nothing is, else 2. Run it as the agent's user
    #[arg(long)]
    check: bool,

    /// Print a configuration with comments to start from, and start nothing; with --config
    /// and other options, it has what they say
    #[arg(long, conflicts_with = "check")]
    print_config: bool,
}

const EXAMPLES: &str = "\
Examples:
  turno agent --config /etc/turno/turno.json
  turno agent --id 1 alpha:7001 beta:7001 --key turno.key --state state
  turno agent --id 1 :7001 --socket ./turno.sock
  turno agent alpha:7001 beta:7001 gamma:7001 --print-config > turno.json
  turno agent --config /etc/turno/turno.json --check
  turno agent --config /etc/turno/turno.json --adopt-list --without gamma:7001

A configuration:
  { \"id\": \"alpha\", \"members\": [\"alpha:7001\", \"beta:7001\", \"gamma:7001\"],
    \"key\": \"turno.key\", \"state\": \"/var/lib/turno/state\",
    \"failover\": \"10s\", \"socket_group\": \"turno\" }
It may also have listen, socket, trace, resend_ms and beat. Paths are relative to the
directory of the file, and a line that begins with // is a comment.

Exit codes: 0 ended by a signal, or --check found nothing wrong; 1 failure; 2 wrong
use, or --check found what is wrong.
RUST_LOG=debug shows every datagram on standard error.";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        log_to_standard_error();
        let file = self.config.as_deref().map(AgentConfig::read).transpose();
        let given = AgentConfig {
            id: self.id,
            members: self.members,
            listen: self.listen,
            key: self.key,
            state: self.state,
            new_state: self.new_state,
            adopt_list: self.adopt_list,
            without: self.without,
            trace: self.trace,
            socket: self.socket,
            socket_group: self.socket_group,
            resend_ms: self.resend.map(millis),
            failover: self.failover,
            beat: self.beat,
        };
        let config = given.or(file.map_err(Failure::usage)?.unwrap_or_default());
        if self.print_config {
            let text = config_text(&config);
            return closed_pipe_is_fine(io::stdout().write_all(text.as_bytes()));
        }
        if self.check {
            return checked(&config);
        }
        let agent = Agent::start(&config).map_err(|error| match error {
            AgentError::Node(error) if error.is_config_error() => Failure::usage(error),
            error => Failure::failed(error),
        })?;
        agent.run().map_err(Failure::failed)
    }
}

/// Prints what was found.
fn checked(config: &AgentConfig) -> Result<(), Failure> {
    let findings = check(config, status::of_agent_at);
    let mut text = String::new();
    for finding in &findings {
        let kind = match finding.kind {
            Kind::Fine => "ok",
            Kind::Note => "note",
            Kind::Wrong => "WRONG",
        };
        let line = Printable::whole(finding.text.as_bytes());
        text.push_str(&format!("{kind}: {line}\n"));
    }
    closed_pipe_is_fine(io::stdout().write_all(text.as_bytes()))?;
    let wrong = findings
        .iter()
        .filter(|finding| finding.kind == Kind::Wrong);
    match wrong.count() {
        0 => Ok(()),
        1 => Err(Failure::usage("1 thing is wrong; see above")),
        count => Err(Failure::usage(format!(
            "{count} things are wrong; see above"
        ))),
    }
}
