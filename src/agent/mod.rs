//! A node for the programs of a machine, which ask for locks on a Unix socket.
//!
//! ```text
//! clients ──┐                                   ┌─ answers
//! node ─────┼─ poll ─ say, turn, settle ─ look ─┼─ records
//! signals ──┘                                   └─ node
//! ```
//!
//! One loop drives the node, which is one of its sources, and serves the clients.
//! It is an application on the library: a client's call is a
//! [`Request`](crate::Request), its stay a [`Guard`](crate::Guard).
//!
//! A lock is released when its client says that it is done, and else when nobody
//! has the record of its entry locked any more ([`record`]): nothing that was
//! started goes on without the lock, whoever is killed.

mod client;
mod clients;
mod config;
mod connection;
mod metrics;
mod notify;
pub(crate) mod protocol;
mod record;
mod recovery;
mod socket;
pub(crate) mod socket_path;
mod status;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::SIGHUP;
use signal_hook_mio::v1_0::Signals;
use thiserror::Error;

use crate::system::retry_interrupted;
use crate::system::signals::{self, survive_a_file_that_is_full};
use crate::{Handle, LocalNode, StartError};
use client::{Client, Hold, Phase};
use clients::Woken;
pub(crate) use config::{Config, ConfigError};
use connection::Connection;
use protocol::Answer;
use record::Records;
pub(crate) use recovery::RecoveryError;
use socket::Socket;
pub(crate) use socket::SocketError;

const NODE: Token = Token(0);
const LISTENER: Token = Token(1);
const SIGNALS: Token = Token(2);
const FIRST_CLIENT: usize = 3;

/// How many clients are served at a time.
const MOST_CLIENTS: usize = 4096;

/// What those are told who ask an agent that was told to end.
const ENDING: &str = "the agent is ending: try again when it was started anew";

/// How often it is looked whether what a client left behind has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// After how long those are looked for again who could not be let in for want of
/// files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Why an agent did not start. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum AgentError {
    /// It was not told what it must be told.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its node did not start.
    #[error(transparent)]
    Node(#[from] StartError),
    /// There is no socket for the clients.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// It is not known what goes on of earlier runs, or could not be kept of this.
    #[error(transparent)]
    OpenRecord(#[from] RecoveryError),
    /// Anything else that the system refuses.
    #[error("{what}: {error}")]
    System {
        /// What it was to do.
        what: &'static str,
        /// The system's reason.
        error: io::Error,
    },
}

/// A node and its clients.
pub(crate) struct Agent {
    poll: Poll,
    node: LocalNode,
    handle: Handle,
    socket: Socket,
    signals: Signals,
    records: Records,
    clients: BTreeMap<usize, Client>,
    next_client: usize,
    woken: Woken,
    /// What goes on though its client has gone.
    endings: Vec<Hold>,
    host: String,
    /// When to look again for those who could not be let in at the door.
    accept_again: Option<Instant>,
    is_ending: bool,
}

impl Agent {
    /// Begins to take part, and to listen.
    pub(crate) fn start(config: &Config) -> Result<Self, AgentError> {
        let failed = |what: &'static str| move |error| AgentError::System { what, error };
        allow_many_files();
        survive_a_file_that_is_full().map_err(failed("cannot handle signals"))?;
        let path = config.socket.clone().unwrap_or_else(socket_path::to_listen);
        let gid = config.socket_group.as_deref().map(socket::group_number);
        let gid = gid.transpose()?;
        let mut socket = Socket::bind(&path, gid)?;
        let records = Records::beside(&path, gid)?;
        let (node, endings) = recovery::start_node(config, &records)?;
        let mut registered = || -> io::Result<(Poll, Signals)> {
            let poll = Poll::new()?;
            let registry = poll.registry();
            registry.register(&mut SourceFd(&node.as_raw_fd()), NODE, Interest::READABLE)?;
            registry.register(&mut socket.listener, LISTENER, Interest::READABLE)?;
            let signals = signals::register(&[], registry, SIGNALS)?;
            Ok((poll, signals))
        };
        let (poll, signals) = registered().map_err(failed("cannot wait for clients"))?;
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Ok(Agent {
            poll,
            handle: node.handle(),
            node,
            socket,
            signals,
            records,
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            woken: Woken::default(),
            endings,
            host,
            accept_again: None,
            is_ending: false,
        })
    }

    /// Serves until a signal ends it: then those who wait are told, and those
    /// inside are let finish; a second signal ends it at once.
    ///
    /// # Errors
    /// Those of the system and of the state directory.
    pub(crate) fn run(mut self) -> io::Result<()> {
        notify::say("READY=1");
        let mut events = Events::with_capacity(64);
        loop {
            if self.accept_again.is_some_and(|due| due <= Instant::now()) {
                self.accept();
            }
            self.node.poll()?;
            self.settle();
            // What was granted or released may have to be sent.
            self.node.poll()?;
            if self.is_ending && self.node.is_closed() {
                return Ok(());
            }
            let due = self.next_timeout();
            let timeout = due.map(|due| due.saturating_duration_since(Instant::now()));
            retry_interrupted(|| self.poll.poll(&mut events, timeout))?;
            for event in &events {
                match event.token() {
                    NODE => {}
                    LISTENER => self.accept(),
                    SIGNALS => {
                        if self.hear_signals()? {
                            return Ok(());
                        }
                    }
                    Token(client) => self.hear(client),
                }
            }
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let waiting = self
            .clients
            .values()
            .filter_map(|client| match &client.phase {
                Phase::Waiting(waiting) => waiting.next_timeout(),
                _ => None,
            });
        if !self.woken.is_empty() {
            return Some(Instant::now());
        }
        let look = (!self.endings.is_empty()).then(|| Instant::now() + LOOK_EVERY);
        [
            self.node.next_timeout(),
            look,
            waiting.min(),
            self.accept_again,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether it is to end at once.
    fn hear_signals(&mut self) -> io::Result<bool> {
        let signals: Vec<i32> = self.signals.pending().collect();
        for signal in signals {
            if signal == SIGHUP {
                log::warn!("SIGHUP: the configuration is read at a start; restart the agent");
            } else if self.is_ending {
                return Ok(true);
            } else {
                self.end()?;
            }
        }
        Ok(false)
    }

    /// Lets nobody in any more. The clients see that the agent goes, and end what
    /// they run.
    fn end(&mut self) -> io::Result<()> {
        notify::say("STOPPING=1");
        self.is_ending = true;
        for (_, mut client) in std::mem::take(&mut self.clients) {
            if matches!(client.phase, Phase::Waiting(_)) {
                // It may have gone.
                let why = ENDING.to_owned();
                let _ = client.connection.say(&Answer::Failed { why });
            }
            self.gone(client);
        }
        self.node.close()
    }

    fn accept(&mut self) {
        self.accept_again = None;
        loop {
            let mut stream = match self.socket.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    log::warn!("cannot accept a client: {error}");
                    // The poll says only once that somebody is at the door.
                    self.accept_again = Instant::now().checked_add(ACCEPT_AGAIN);
                    return;
                }
            };
            let token = self.next_client;
            self.next_client += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered = self
                .poll
                .registry()
                .register(&mut stream, Token(token), interest);
            if let Err(error) = registered {
                log::warn!("cannot serve a client: {error}");
                continue;
            }
            let peer = rustix::net::sockopt::socket_peercred(&stream).ok();
            let mut client = Client {
                connection: Connection::new(stream),
                pid: peer
                    .as_ref()
                    .map(|peer| peer.pid.as_raw_nonzero().get().cast_unsigned()),
                uid: peer.as_ref().map(|peer| peer.uid.as_raw()),
                phase: Phase::Idle,
            };
            if let Some(why) = self.no_room() {
                // It may have gone.
                let _ = client.connection.say(&Answer::Failed { why });
                continue;
            }
            self.clients.insert(token, client);
        }
    }

    /// Why nobody else is served, and what to do about it.
    fn no_room(&self) -> Option<String> {
        if self.is_ending {
            return Some(ENDING.to_owned());
        }
        let is_full = self.clients.len() >= MOST_CLIENTS;
        is_full.then(|| {
            format!(
                "it serves {MOST_CLIENTS} clients already, and no more: try again when some \
                 have ended"
            )
        })
    }

    /// Does what is due for the clients.
    fn settle(&mut self) {
        loop {
            let woken = self.woken.take();
            if woken.is_empty() {
                break;
            }
            for token in woken {
                self.grant(token);
            }
        }
        self.look();
        let now = Instant::now();
        let is_due = |client: &Client| match &client.phase {
            Phase::Waiting(waiting) => waiting.next_timeout().is_some_and(|due| due <= now),
            _ => false,
        };
        let due = self.clients.iter().filter(|(_, client)| is_due(client));
        let due: Vec<usize> = due.map(|(token, _)| *token).collect();
        for token in due {
            self.wait_on(token);
        }
    }
}

/// As many open files as this process may have: a holder takes two.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("cannot allow more open files: {error}");
    }
}
