//! What a node of the library must be told to start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::engine::state_file::{StateError, StateFile};
use crate::engine::{self, KeyFileError, key_file};
use crate::group::{Address, AddressError, Group, GroupError};
use crate::mutex::Pace;
use crate::system::millis;

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
    pub(crate) id: u16,
    pub(crate) members: Vec<String>,
    pub(crate) listen: Option<String>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) new_state: bool,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) resend_ms: Option<u64>,
}

/// Why a node did not start. The message says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address in the settings is none.
    #[error("{address:?} is no address: {source}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// The members make no group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// There is no key in the key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// There is no state to go on from.
    #[error(transparent)]
    State(#[from] StateError),
    /// No trace can be written there.
    #[error("cannot write a trace into {}: {source}", path.display())]
    Trace {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The system does not let it.
    #[error(transparent)]
    Node(#[from] engine::StartError),
}

impl StartError {
    /// Whether the settings are wrong; otherwise the machine is not as they need
    /// it.
    #[must_use]
    pub fn is_config_error(&self) -> bool {
        matches!(self, StartError::Address { .. } | StartError::Group(_))
    }
}

impl Settings {
    /// Member `id`, counted from 1, of the group with these addresses: `:PORT` on
    /// this host alone, `HOST:PORT` or `[IPV6]:PORT` on any machine. All members
    /// must be given the same list, written the same.
    #[must_use]
    pub fn new<A: Into<String>>(id: u16, members: impl IntoIterator<Item = A>) -> Self {
        Settings {
            id,
            members: members.into_iter().map(Into::into).collect(),
            listen: None,
            key: None,
            state: None,
            new_state: false,
            trace: None,
            resend_ms: None,
        }
    }

    /// Listen here instead of at the own address of the list: behind NAT, or in a
    /// container.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// The file with the group's key, as `turno key` makes it. Every datagram is
    /// signed then, and what is not signed is dropped. Without a key, whoever can
    /// send datagrams in the name of a member's host can break the lock.
    #[must_use]
    pub fn key(mut self, file: impl Into<PathBuf>) -> Self {
        self.key = Some(file.into());
        self
    }

    /// Keep the clock in this directory, which is this member's alone, and is made if
    /// it is not there: one that is there and empty is a state that was lost, and an
    /// error. With it a member that was started anew takes part at once; without it,
    /// it hears the clock of every other member before it asks or replies, so that
    /// all must be there. A group of one has nobody to hear: without it its tokens begin anew.
    #[must_use]
    pub fn state(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = Some(directory.into());
        self
    }

    /// Begin with a new state, because the old one is lost or was another's.
    #[must_use]
    pub fn reset_state(mut self) -> Self {
        self.new_state = true;
        self
    }

    /// Write a trace into this directory, for `turno trace`.
    #[must_use]
    pub fn trace(mut self, directory: impl Into<PathBuf>) -> Self {
        self.trace = Some(directory.into());
        self
    }

    /// How long a request waits before it is first sent again: a quarter of a
    /// second unless said otherwise. Then twice as long, and so on up to two
    /// seconds.
    #[must_use]
    pub fn resend(mut self, after: Duration) -> Self {
        self.resend_ms = Some(millis(after));
        self
    }

    /// Reads the files, and asks the resolver; which may take as long as it does.
    pub(crate) fn open(&self) -> Result<engine::Config, StartError> {
        let members = self.members.iter().map(|text| address(text));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let listen = self.listen.as_deref().map(address).transpose()?;
        let group = Group::resolve(self.id, &members, listen.as_ref())?;
        let key = self.key.as_deref().map(key_file::read).transpose()?;
        let open = |folder: &Path| StateFile::open(folder, group.id, group.digest, self.new_state);
        let state = self.state.as_deref().map(open).transpose()?;
        let mut pace = Pace::default();
        if let Some(resend_ms) = self.resend_ms {
            pace.first = Duration::from_millis(resend_ms.max(1));
        }
        Ok(engine::Config {
            group,
            keeps_permissions: true,
            pace,
            key,
            state,
        })
    }
}

fn address(text: &str) -> Result<Address, StartError> {
    text.parse().map_err(|source| StartError::Address {
        address: text.to_owned(),
        source,
    })
}
