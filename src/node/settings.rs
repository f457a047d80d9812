//! What a node of the library needs to start, and why it may not start.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::engine::state_file::{Existing, StateFile};
use crate::engine::{self, key_file};
use crate::group::{AddressError, Group, Listed, Resolver};
use crate::mutex::Pace;

/// Which group a node belongs to, and which member it is.
///
/// ```
/// use turno::Settings;
///
/// let settings = Settings::new(1, ["alpha:7001", "beta:7001", "gamma:7001"])
///     .key("/etc/turno/turno.key")
///     .state("/var/lib/turno/state");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    id: u16,
    members: Vec<String>,
    listen: Option<String>,
    key: Option<PathBuf>,
    state: Option<PathBuf>,
    existing: Existing,
    pub(super) trace: Option<PathBuf>,
    resend: Option<Duration>,
    failover: Option<Duration>,
    beat: Duration,
}

/// Why a node did not start. The message says what to do.
#[derive(Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong: an address, the id, or the list.
    #[error("{0}")]
    Config(String),
    /// The key file cannot be used.
    #[error("{0}")]
    Key(String),
    /// The state directory cannot be used, or its state is lost or another member's.
    #[error("{0}")]
    State(String),
    /// A trace cannot be written into this directory.
    #[error("cannot write a trace into {}: {source}", path.display())]
    Trace {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refuses: the address to listen at, for example.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl StartError {
    /// Whether the settings are wrong. Otherwise something on this machine is not as
    /// they need it.
    #[must_use]
    pub fn is_config_error(&self) -> bool {
        matches!(self, StartError::Config(_))
    }
}

/// The error's message: what `fn main() -> Result<(), turno::StartError>` prints.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The default of [`Settings::beat`].
const BEAT: Duration = Duration::from_secs(10);

impl Settings {
    /// Member `id`, counted from 1, of the group with these addresses: `:PORT` on
    /// this host alone, `HOST:PORT` or `[IPV6]:PORT` on any machine. All members need
    /// the same list, written the same. `NAME=` before an address gives that member a name,
    /// for messages, status and drawings; names need not be the same at all members.
    #[must_use]
    pub fn new<A: Into<String>>(id: u16, members: impl IntoIterator<Item = A>) -> Self {
        Settings {
            id,
            members: members.into_iter().map(Into::into).collect(),
            listen: None,
            key: None,
            state: None,
            existing: Existing::default(),
            trace: None,
            resend: None,
            failover: None,
            beat: BEAT,
        }
    }

    /// Listen here instead of at the own address of the list: behind NAT, or in a
    /// container.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// The file with the group's key, as `turno key` makes it. Every datagram is then
    /// signed, and a datagram without a valid signature is dropped. Without a key,
    /// anyone who can send datagrams from a member's host can break the lock.
    #[must_use]
    pub fn key(mut self, file: impl Into<PathBuf>) -> Self {
        self.key = Some(file.into());
        self
    }

    /// Keep the clock in this directory, which belongs to this member alone. A missing
    /// directory is created; an existing empty one is an error, because its state was
    /// lost.
    ///
    /// With it a restarted member takes part at once. Without it the member first
    /// hears the clock of every other member, so all of them must be up; in a group of
    /// one the tokens then begin again at 1.
    #[must_use]
    pub fn state(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = Some(directory.into());
        self
    }

    /// Begin with a new state, because the old one is lost or another member's. The clock
    /// of the old one is given up.
    #[must_use]
    pub fn reset_state(mut self) -> Self {
        self.existing = Existing::GivenUp;
        self
    }

    /// If the state is of another member list, take it over, so that tokens go on rising.
    /// All members of the old list have stopped, and nothing that they did under a lock goes
    /// on. `without` are the members of the old list, by address or name, that are dead for
    /// good: each that is not in the new list, and each that has lost its state. That is an
    /// assertion: a member that is only cut off may still enter by the old list.
    ///
    /// The start takes two seconds, in which a member that goes on with the old list is
    /// looked for. Once the state is of this list, this does nothing.
    #[must_use]
    pub fn adopt_list<A: Into<String>>(mut self, without: impl IntoIterator<Item = A>) -> Self {
        let without = without.into_iter().map(Into::into).collect();
        self.existing = Existing::TakenOver { without };
        self
    }

    /// What is to become of a state that is there.
    #[cfg(feature = "cli")]
    pub(crate) fn existing(&self) -> &Existing {
        &self.existing
    }

    /// Write a trace into this directory, for `turno trace`. A trace shows every
    /// entry, so entries are not delegated to the process.
    ///
    /// Where the process has a limit on the size of its files (`ulimit -f`), handle
    /// SIGXFSZ: the trace then ends at the limit, and the process goes on.
    #[must_use]
    pub fn trace(mut self, directory: impl Into<PathBuf>) -> Self {
        self.trace = Some(directory.into());
        self
    }

    /// How long a request waits before it is first sent again: 250 ms by default. The
    /// pause then doubles, up to two seconds.
    #[must_use]
    pub fn resend(mut self, after: Duration) -> Self {
        self.resend = Some(after);
        self
    }

    /// How often a member that is idle says to the others that it is up: every ten seconds by
    /// default, never if this is zero. So a member that is down is seen before it is needed.
    /// With [`Settings::failover`] the beats of the lease serve.
    #[must_use]
    pub fn beat(mut self, interval: Duration) -> Self {
        self.beat = interval;
        self
    }

    /// The group goes on without a minority of its members, when this time, the
    /// membership lease, is over: from one second on, the same at all members, of which
    /// there are three or more. A member that is cut off loses what it holds before
    /// another enters ([`Guard::is_lost`](crate::Guard::is_lost)).
    ///
    /// Clocks of machines may run at rates that differ by one part in a thousand.
    /// Without [`Settings::state`] a restarted member first hears all others.
    #[must_use]
    pub fn failover(mut self, lease: Duration) -> Self {
        self.failover = Some(lease);
        self
    }

    /// Reads the files, locks the state directory, and asks the resolver, which may
    /// take long.
    pub(super) fn open(&self) -> Result<engine::Config, StartError> {
        self.open_with(Resolver::default())
    }

    /// As [`Settings::open`], with this resolver.
    pub(super) fn open_with(&self, resolver: Resolver) -> Result<engine::Config, StartError> {
        let config = |error: &dyn fmt::Display| StartError::Config(error.to_string());
        let members = self.members.iter().map(|text| parsed(text));
        let members = members.collect::<Result<Vec<Listed>, _>>()?;
        let listen = self.listen.as_deref().map(parsed).transpose()?;
        let group = Group::resolve_with(self.id, &members, listen.as_ref(), &resolver);
        let group = group.map_err(|error| config(&error))?;
        let lease = self.failover;
        let lease = lease.map(|length| engine::lease(length, group.members.len()));
        let lease = lease.transpose().map_err(StartError::Config)?;
        let key = self.key.as_deref().map(key_file::read).transpose();
        let key = key.map_err(|error| StartError::Key(error.to_string()))?;
        let open = |folder: &Path| StateFile::open(folder, &group, &self.existing);
        let state = self.state.as_deref().map(open).transpose();
        let state = state.map_err(|error| StartError::State(error.to_string()))?;
        let mut pace = Pace::default();
        if let Some(resend) = self.resend {
            pace.first = resend.max(Duration::from_millis(1));
        }
        Ok(engine::Config {
            group,
            resolver,
            keeps_permissions: true,
            beat: Some(self.beat),
            pace,
            key,
            lease,
            state,
        })
    }
}

fn parsed<T: FromStr<Err = AddressError>>(text: &str) -> Result<T, StartError> {
    text.parse()
        .map_err(|error| StartError::Config(format!("{text:?} is not an address: {error}")))
}
