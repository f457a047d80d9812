//! A server that shares its accounts: its turns are entries of a turno lock.
//!
//! ```text
//! request ─> Handle::request ─┐                      ┌─> Guard::token ─> turn
//!                             ├─ LocalNode::poll ────┤
//! poll: its descriptor ───────┘   Request::try_recv  └─> datagrams to the others
//!
//! release ─> the guard is dropped, and LocalNode::poll replies to the others
//! ```
//!
//! An event loop needs no thread to take part in a group: a [`LocalNode`] is one more
//! source of its poll, with a descriptor and a timeout. The loop polls it once per round.
//!
//! The loop never waits for the disk or the database, so its node answers the others at any
//! time, and keeps its membership lease. A loop that is busy for long uses a [`turno::Node`]
//! instead, which has its own thread.
//!
//! While a server that has to be asked is down, the turn does not come: with failover for
//! little longer than the lease, without it until that server is back. The node logs for which
//! server it waits, and the loop tells the clients that wait.

use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use turno::{Guard, Handle, LocalNode, Request, Settings, StartError};

use crate::Failure;
use crate::claim::Claim;
use crate::store::StoreError;
use crate::turns::{Turn, Turns};

/// The group of the server; none if it is alone.
#[derive(Args)]
#[group(id = "group")]
pub struct Arguments {
    /// The addresses at which the servers reach each other, this one's too, in the
    /// same order everywhere: :PORT on this host, HOST:PORT or [IPV6]:PORT on any
    /// machine. They are UDP ports, not those of the clients. Without addresses,
    /// this server does not share the accounts
    #[arg(value_name = "ADDR", requires = "id")]
    members: Vec<String>,

    /// Which of them this is: 1 for the first
    #[arg(long, requires = "members")]
    id: Option<u16>,

    /// The lock by which the servers of these accounts take turns. A group may
    /// serve several directories, each with its own lock
    #[arg(long, value_name = "NAME", default_value = "bank", requires = "id")]
    lock: String,

    /// The group's key, made by turno key: sign every datagram, and drop unsigned
    /// ones
    #[arg(long, value_name = "FILE", requires = "id")]
    key: Option<PathBuf>,

    /// Keep the clock in this directory, which belongs to this server alone, so
    /// that the server can be restarted while others are down. Without it, the
    /// server needs the clock of every other one before its first turn
    #[arg(long, value_name = "DIR", requires = "id")]
    state: Option<PathBuf>,

    /// Go on without a server that is dead or cut off, once this long has passed,
    /// while a majority of the servers is up: from 1s, the same at all servers
    #[arg(long, value_name = "DURATION", requires = "state", value_parser = humantime::parse_duration)]
    failover: Option<Duration>,

    /// Begin with a new state, because the old one is lost or belongs to another
    /// server
    #[arg(long, requires = "state")]
    new_state: bool,

    /// If the state is of another list of servers, take it over, so that tokens go on
    /// rising: once all servers of the old list have ended
    #[arg(long, requires = "state", conflicts_with = "new_state")]
    adopt_list: bool,

    /// With --adopt-list: this server of the old list is dead for good
    #[arg(long, value_name = "ADDR", requires = "adopt_list")]
    without: Vec<String>,

    /// Listen to the others here instead of at the server's address in the list
    /// (behind NAT, or in a container)
    #[arg(long, value_name = "ADDR", requires = "id")]
    listen: Option<String>,

    /// Write a trace into this directory, for turno trace
    #[arg(long, value_name = "DIR", requires = "id")]
    trace: Option<PathBuf>,
}

/// A server of a group.
pub struct Group {
    node: LocalNode,
    handle: Handle,
    lock: String,
    state: State,
    /// Added to every token: see [`crate::claim`].
    tokens_above: u64,
    _claim: Option<Claim>,
}

/// The state of its turn.
enum State {
    Idle,
    Waiting(Request),
    Held(Guard),
}

impl Arguments {
    /// Who this server is: its id, the name of the lock, and all members.
    pub fn identity(&self) -> Option<(u16, &str, &[String])> {
        Some((self.id?, &self.lock, &self.members))
    }

    pub fn lease(&self) -> Option<Duration> {
        self.failover
    }

    /// Joins the group, if there is one. Claims the accounts after the start, because an
    /// impossible group must not claim them: by `claim`, which returns also the number that
    /// the group adds to its tokens.
    pub fn join(
        self,
        claim: impl FnOnce() -> Result<(Option<Claim>, u64), StoreError>,
    ) -> Result<Option<Group>, Failure> {
        let Some(id) = self.id else {
            return Ok(None);
        };
        let mut settings = Settings::new(id, self.members);
        if let Some(key) = self.key {
            settings = settings.key(key);
        }
        if let Some(state) = self.state {
            settings = settings.state(state);
        }
        if let Some(lease) = self.failover {
            settings = settings.failover(lease);
        }
        if self.new_state {
            settings = settings.reset_state();
        }
        if self.adopt_list {
            settings = settings.adopt_list(self.without);
        }
        if let Some(listen) = self.listen {
            settings = settings.listen(listen);
        }
        if let Some(trace) = self.trace {
            settings = settings.trace(trace);
        }
        let node = LocalNode::start(&settings)?;
        let (claim, tokens_above) = claim()?;
        Ok(Some(Group {
            handle: node.handle(),
            node,
            lock: self.lock,
            state: State::Idle,
            tokens_above,
            _claim: claim,
        }))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let why = error.to_string();
        if error.is_config_error() {
            Failure::Usage(why)
        } else {
            Failure::Failed(why)
        }
    }
}

impl Turns for Group {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let descriptor = self.node.as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.node.next_timeout()
    }

    fn request(&mut self) -> io::Result<()> {
        if let State::Idle = self.state {
            let request = self.handle.request(&self.lock).map_err(io::Error::other)?;
            self.state = State::Waiting(request);
        }
        Ok(())
    }

    fn poll(&mut self) -> io::Result<Option<Turn>> {
        self.node.poll()?;
        if let State::Waiting(request) = &mut self.state
            && let Some(outcome) = request.try_recv()
        {
            self.state = State::Held(outcome.map_err(io::Error::other)?);
        }
        let State::Held(guard) = &self.state else {
            return Ok(None);
        };
        if guard.is_lost() {
            // Another server may have the turn. What is in progress is refused by its token.
            self.state = State::Idle;
            self.request()?;
            return Ok(None);
        }
        let token = self.tokens_above.checked_add(guard.token().get());
        let token = token.ok_or_else(|| io::Error::other("the tokens are exhausted"))?;
        Ok(Some(Turn::Token(token)))
    }

    fn blocked(&mut self) -> Option<String> {
        match &self.state {
            State::Waiting(request) => Some(self.node.blocked(request).to_string()),
            State::Idle | State::Held(_) => None,
        }
    }

    fn release(&mut self) -> io::Result<()> {
        self.state = State::Idle;
        // The others wait for our reply.
        self.node.poll()
    }

    fn close(&mut self) -> io::Result<()> {
        self.state = State::Idle;
        self.node.close()?;
        self.node.poll()
    }
}
