//! `turno agent`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::process::time;
use super::{Failure, log_to_standard_error};
use crate::agent::{Agent, AgentError, Config};
use crate::system::millis;

/// Take part in a group for the programs of this machine.
///
/// Runs a node that turno lock and turno status talk to through a Unix socket.
/// The socket is for its owner alone, or for a group too. Every machine of the
/// group runs one agent, with the same list of members.
///
/// SIGTERM or Ctrl-C ends it: whoever waits is told, every turno lock ends its
/// command, and the agent goes when all have ended. A second one ends it at once.
/// SIGHUP changes nothing: restart it to change its configuration. A lock stays
/// held for as long as anything lives that has the record of its entry open, which
/// all that was started under it inherits; whoever was killed, the agent too.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Every member's address, this one's too, in the same order everywhere:
    /// :PORT on this host, HOST:PORT or [IPV6]:PORT on any machine
    #[arg(value_name = "ADDR")]
    members: Vec<String>,

    /// Read the configuration from this JSON file; what is given here beside it
    /// goes first
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Which member of the list this is: 1 for the first
    #[arg(long)]
    id: Option<u16>,

    /// The group's key, made by turno key: sign every datagram, and drop what is
    /// not signed
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Keep the clock in this directory, so that the agent can be started anew
    /// while others are down. It is made if it is not there; an empty one is taken
    /// for a state that was lost. Without it, it hears the clock of every member
    /// before it asks or replies, and a group of one begins its tokens anew
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Begin with a new state, because the old one is lost or was another's
    #[arg(long)]
    new_state: bool,

    /// The Unix socket. Unless it is given: $TURNO_SOCKET, or for root
    /// /run/turno/turno.sock, else $XDG_RUNTIME_DIR/turno/turno.sock
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Let the members of this group use the socket too
    #[arg(long, value_name = "GROUP")]
    socket_group: Option<String>,

    /// Listen here instead of at the own address of the list (behind NAT, or in a
    /// container)
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// How long a request waits before it is first sent again
    #[arg(long, value_name = "TIME", value_parser = time)]
    resend: Option<Duration>,

    /// Write a trace into this directory, for turno trace
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno agent --config /etc/turno/turno.json
  turno agent --id 1 alpha:7001 beta:7001 gamma:7001 --key turno.key --state /var/lib/turno/state
  turno agent --id 1 :7001 --socket ./turno.sock

A configuration:
  { \"id\": 1, \"members\": [\"alpha:7001\", \"beta:7001\", \"gamma:7001\"],
    \"key\": \"turno.key\", \"state\": \"/var/lib/turno/state\", \"socket_group\": \"turno\" }
It may also have: listen, socket, trace, resend_ms. Its paths are relative to it.

Exit codes: 0 ended by a signal, 1 it could not go on, 2 wrong use.
RUST_LOG=debug shows every datagram on standard error.";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        log_to_standard_error();
        let file = self.config.as_deref().map(Config::read).transpose();
        let given = Config {
            id: self.id,
            members: self.members,
            listen: self.listen,
            key: self.key,
            state: self.state,
            new_state: self.new_state,
            trace: self.trace,
            socket: self.socket,
            socket_group: self.socket_group,
            resend_ms: self.resend.map(millis),
        };
        let config = given.or(file.map_err(Failure::usage)?.unwrap_or_default());
        let agent = Agent::start(&config).map_err(|error| match error {
            AgentError::Config(error) => Failure::usage(error),
            AgentError::Node(error) if error.is_config_error() => Failure::usage(error),
            error => Failure::failed(error),
        })?;
        agent.run().map_err(Failure::failed)
    }
}
