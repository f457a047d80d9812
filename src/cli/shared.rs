//! `turno shared`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, closed_pipe_is_fine, log_to_standard_error};
use crate::engine::{cannot_listen, key_file};
use crate::group::Address;
use crate::section_server::Shared;

/// Serve the critical section of turno process: print the messages of its holders.
///
/// Prints each message of a holder as `[PID: 1, Clock: 5] text`. Remembers the
/// highest clock that it admitted, and refuses a new holder with a lower one.
/// Ctrl-C ends it with a summary. SIGUSR1 prints a summary.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Listen at this address: :PORT for this host alone, 0.0.0.0:PORT for others
    /// too
    #[arg(long, value_name = "ADDR", default_value = super::process::SECTION)]
    listen: Address,

    /// Drop every datagram that is not signed with the group's key in this file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Begin every line with this text and a bar, for programs that share a terminal
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  turno shared
  turno shared --listen 0.0.0.0:10000 --key turno.key";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        log_to_standard_error();
        let listen = self.listen.resolve().map_err(Failure::usage)?[0];
        let key = self.key.as_deref().map(key_file::read).transpose();
        let key = key.map_err(Failure::failed)?;
        let shared = Shared::bind(listen, key, self.label);
        let shared = shared.map_err(|error| Failure::failed(cannot_listen(listen, &error)))?;
        closed_pipe_is_fine(shared.run())
    }
}
