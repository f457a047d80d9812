//! Failover with real agents: the group goes on without a dead minority, and the command
//! of a holder that is cut off has ended before the next one enters.

mod cut_off;
mod departures;
pub mod group;
mod log;
mod majority;
mod refusals;
mod settings;
mod status;
mod stopped;

use std::time::Duration;

/// The lease of most tests.
const LEASE: Duration = Duration::from_secs(1);

/// The lease of tests in which the group must keep it on a busy machine.
const LONG_LEASE: Duration = Duration::from_secs(3);
