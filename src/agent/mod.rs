//! `turno agent`: a node for the programs of a machine, which request locks on a Unix
//! socket.
//!
//! ```text
//! clients ──┐                                                      ┌─ answers
//! node ─────┼─ poll ─ serve ─ node.poll ─ release, serve_waiting ──┼─ records
//! signals ──┘                                                      └─ node
//! ```
//!
//! One loop drives the node and serves the clients. The agent is an application on the
//! library: the request of a client is a [`Request`](crate::Request), its entry a
//! [`Guard`](crate::Guard).
//!
//! The agent releases a lock when its client says that it is done, or else when no
//! process has the [`record`] of the entry locked any more. So no command
//! runs without its lock, even when its client or the agent is killed.

mod accept;
mod capacity;
pub(crate) mod check;
mod client;
mod clients;
mod config;
pub(crate) mod config_text;
mod connection;
pub(crate) mod deadline;
pub(crate) mod group_status;
mod hold;
pub(crate) mod lines;
mod metrics;
mod notify;
pub(crate) mod protocol;
mod record;
mod record_folders;
mod recovery;
mod socket;
pub(crate) mod socket_path;
mod status;
mod survey;
mod usage;
mod waiting;
pub(crate) mod watch;
mod woken;

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use thiserror::Error;

use crate::engine::key_file;
use crate::narrate::listed;
use crate::system::signals::{self, survive_a_file_that_is_full};
use crate::system::{register_readable, retry_interrupted};
use crate::{Handle, LocalNode, StartError};
use capacity::Capacity;
use client::{Client, Phase};
pub(crate) use config::AgentConfig;
use hold::Hold;
use protocol::Answer;
use record::Records;
use socket::Socket;
use survey::Asking;
use usage::Usage;
use watch::{About, TOLD, Watch};
use woken::Woken;

const NODE: Token = Token(0);
const LISTENER: Token = Token(1);
const SIGNALS: Token = Token(2);
const FIRST_CLIENT: usize = 3;

/// The answer of an agent that was told to end.
const STOPPING: &str = "it is stopping; try again when it has been restarted";

/// How often the agent checks whether the command of a client that has gone still runs.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// How often the agent checks whether its socket is still there.
const SOCKET_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Why an agent did not start. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum AgentError {
    /// The node did not start, or the configuration is wrong.
    #[error(transparent)]
    Node(#[from] StartError),
    /// The system refuses the socket for the clients, the records of entries, or what
    /// else the agent needs.
    #[error("{0}")]
    System(String),
}

impl From<String> for AgentError {
    fn from(why: String) -> Self {
        AgentError::System(why)
    }
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
    /// The entries of clients that have gone while their commands still run.
    orphans: Vec<Hold>,
    usage: Usage,
    host: String,
    about: About,
    /// The clients that have asked for the status of the group.
    asking: Vec<Asking>,
    /// What was told of the other members.
    watch: Watch,
    /// When to accept clients that the system did not let the agent accept.
    accept_again: Option<Instant>,
    capacity: Capacity,
    /// When to check whether the socket is still there.
    check_socket_at: Instant,
    is_stopping: bool,
}

impl Agent {
    /// Starts the node, and listens for clients.
    pub(crate) fn start(config: &AgentConfig) -> Result<Self, AgentError> {
        // What is wrong with the configuration is found before anything is made.
        config.settings()?;
        accept::allow_many_files();
        survive_a_file_that_is_full().map_err(|error| format!("cannot handle signals: {error}"))?;
        let path = config.socket.clone();
        let path = path.unwrap_or_else(socket_path::for_agent);
        let gid = config.socket_group.as_deref().map(socket::group_id);
        let gid = gid.transpose()?;
        let mut socket = Socket::bind(&path, gid)?;
        let records = Records::beside(&path, gid)?;
        let (mut node, orphans) = recovery::start_node(config, &records)?;
        node.leave_questions_to_owner();
        let mut register = || -> io::Result<(Poll, Signals)> {
            let poll = Poll::new()?;
            let registry = poll.registry();
            register_readable(&node, registry, NODE)?;
            registry.register(&mut socket.listener, LISTENER, Interest::READABLE)?;
            let signals = signals::register(&[], registry, SIGNALS)?;
            Ok((poll, signals))
        };
        let registered = register();
        let (poll, signals) =
            registered.map_err(|error| format!("cannot wait for clients: {error}"))?;
        let system = rustix::system::uname();
        let mut usage = Usage::default();
        for Hold { record, since, .. } in &orphans {
            usage.asked(&record.entry.lock, *since, |_| true);
        }
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
            orphans,
            usage,
            host: system.nodename().to_string_lossy().into_owned(),
            about: About::new(config, path),
            asking: Vec::new(),
            watch: Watch::new(),
            accept_again: None,
            capacity: Capacity::measure(),
            check_socket_at: Instant::now() + SOCKET_CHECK_INTERVAL,
            is_stopping: false,
        })
    }

    /// Serves until a signal stops it. SIGTERM is a restart: it returns at once, and ends
    /// nothing. At any other it refuses the clients that wait, has the commands ended, and
    /// returns when the last holder has released its lock, or at a second signal.
    ///
    /// # Errors
    /// Those of the system and of the state directory.
    pub(crate) fn run(mut self) -> io::Result<()> {
        notify::send("READY=1");
        self.about.tell(&self.node.status());
        let mut events = Events::with_capacity(64);
        loop {
            if self.accept_again.is_some_and(|due| due <= Instant::now()) {
                self.accept();
            }
            if self.check_socket_at <= Instant::now() {
                self.check_socket();
            }
            self.node.poll()?;
            if self.watch.is_due() {
                self.watch.look(&self.node.peers(), self.node.lease());
            }
            self.release_orphans();
            self.serve_surveys()?;
            self.serve_waiting();
            let renewal = self.renew_leases();
            if self.is_stopping && self.node.is_closed() {
                return Ok(());
            }
            // A lock that was just released makes this now: the node acts on it next.
            let due = [self.next_timeout(), renewal].into_iter().flatten().min();
            let timeout = due.map(|due| due.saturating_duration_since(Instant::now()));
            retry_interrupted(|| self.poll.poll(&mut events, timeout))?;
            if !(events.is_empty() && self.watch.is_due()) {
                self.watch.happened();
            }
            for event in &events {
                match event.token() {
                    NODE => {}
                    LISTENER => self.accept(),
                    SIGNALS => {
                        if self.handle_signals()? {
                            return Ok(());
                        }
                    }
                    Token(client) => self.serve(client),
                }
            }
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let waiting = self.clients.values().filter_map(Client::next_timeout);
        let check = (!self.orphans.is_empty()).then(|| Instant::now() + CHECK_INTERVAL);
        let (socket, look) = (Some(self.check_socket_at), self.watch.next_timeout());
        let due = [waiting.min(), check, self.accept_again, socket, look];
        let due = due.into_iter().chain([self.node.next_timeout()]);
        due.flatten().min()
    }

    /// Makes the socket again if its file was removed: no client would reach this agent.
    fn check_socket(&mut self) {
        self.check_socket_at = Instant::now() + SOCKET_CHECK_INTERVAL;
        let registry = self.poll.registry();
        match self.socket.restore() {
            Ok(None) => {}
            Ok(Some(mut listener)) => {
                let registered = registry.register(&mut listener, LISTENER, Interest::READABLE);
                if let Err(error) = registered {
                    log::warn!("cannot wait for clients: {error}");
                }
                // Those that have connected to the old one are served first.
                self.accept();
                let mut old = mem::replace(&mut self.socket.listener, listener);
                // Dropping it does the same.
                let _ = self.poll.registry().deregister(&mut old);
            }
            Err(why) => log::warn!("{why}"),
        }
    }

    /// Returns whether to end at once.
    fn handle_signals(&mut self) -> io::Result<bool> {
        let signals: Vec<i32> = self.signals.pending().collect();
        for signal in signals {
            if signal == SIGHUP {
                self.reload_key();
                self.check_socket();
            } else if self.is_stopping {
                log::info!(target: TOLD, "a second signal: the agent leaves at once");
                return Ok(true);
            } else if signal == SIGTERM {
                log::info!(target: TOLD, "SIGTERM: the agent leaves; its commands go on");
                self.depart()?;
                return Ok(true);
            } else {
                let why = if signal == SIGINT {
                    "Ctrl-C"
                } else {
                    "told to end"
                };
                match self.clients.len() + self.orphans.len() {
                    0 => log::info!(target: TOLD, "{why}: the agent leaves"),
                    count => log::info!(
                        target: TOLD,
                        "{why}: the agent leaves when its {count} clients and their commands have \
                         ended (again: at once)"
                    ),
                }
                self.stop()?;
            }
        }
        Ok(false)
    }

    /// Reads the key file again. A file that is not right changes nothing.
    fn reload_key(&mut self) {
        let Some(path) = self.about.key() else {
            log::warn!(
                "SIGHUP: there is no key file to read again; restart the agent to change its \
                 configuration"
            );
            return;
        };
        match key_file::read(path) {
            Ok(key) => {
                let names = listed(key.names());
                if !self.node.change_key(key) {
                    log::warn!(
                        "SIGHUP: the key that was read is not one step from that of before: \
                         members that have the old file and this one refuse each other"
                    );
                }
                log::info!(target: TOLD, "SIGHUP: the key was read again: {names}; the first signs");
            }
            Err(error) => log::error!("SIGHUP: {error}; the key of before goes on"),
        }
    }

    /// Is gone at once. The commands go on, under their records, and their clients connect to
    /// the agent that is started next; those that wait ask it again. If there are no commands,
    /// the others are told, and with failover need not wait until the lease is over.
    fn depart(&mut self) -> io::Result<()> {
        notify::send("STOPPING=1");
        for client in self.clients.values_mut() {
            // A client that runs a command sees the end of the connection. It would end its
            // command if it were told.
            if matches!(client.phase, Phase::Waiting(_) | Phase::Granted(_)) {
                // It may have gone.
                let _ = client.connection.send(&Answer::ask_again(STOPPING));
            }
        }
        self.node.close()?;
        self.node.poll()
    }

    /// Refuses requests from now on. The clients that hold a lock are told, and end their
    /// commands.
    fn stop(&mut self) -> io::Result<()> {
        notify::send("STOPPING=1");
        self.is_stopping = true;
        for (_, mut client) in mem::take(&mut self.clients) {
            client.refuse(STOPPING);
            self.close(client);
        }
        self.node.close()
    }
}
