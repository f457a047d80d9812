//! A server that shares its accounts: its turns are entries of a turno lock.
//!
//! ```text
//! want ─> Handle::request ─┐                        ┌─> Guard::token ─> turn
//!                          ├─ LocalNode::poll ──────┤
//! poll: its descriptor ────┘   Request::try_take    └─> datagrams to the others
//!
//! done ─> the guard is dropped, and LocalNode::poll tells the others
//! ```
//!
//! Here is all that an event loop needs to take part in a group, without a
//! thread: a [`LocalNode`] is one more source of its poll, with a descriptor and
//! a time by which it wants to be called. The loop calls it once a round.
//!
//! While the server writes to the disk its node answers nobody. That costs the
//! others nothing, for this is its turn, and all they could hear is that they
//! have to wait. A loop that is busy for long outside the lock gives the node a
//! thread of its own instead: then it is a [`turno::Node`].
//!
//! While another server is down that has to be asked, the turn does not come. The
//! node says whom it waits for in the log, and the clients wait: here that is
//! better than an answer which is not true.

use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use turno::{Guard, Handle, LocalNode, Request, Settings, StartError};

use crate::Failure;
use crate::claim::Claim;
use crate::files::Files;
use crate::turns::{Turn, Turns};

/// Which group the server belongs to; none if it is alone.
#[derive(Args)]
#[group(id = "group")]
pub struct Arguments {
    /// Every server's address for the others, this one's too, in the same order
    /// everywhere: :PORT on this host, HOST:PORT or [IPV6]:PORT on any machine.
    /// It is a UDP port, and none that clients know of. Without any, this server
    /// shares the accounts with nobody
    #[arg(value_name = "ADDR", requires = "id")]
    members: Vec<String>,

    /// Which of them this is: 1 for the first
    #[arg(long, requires = "members")]
    id: Option<u16>,

    /// By which lock the servers of these accounts take turns. A group may serve
    /// several directories, each by a lock of its own
    #[arg(long, value_name = "NAME", default_value = "bank", requires = "id")]
    lock: String,

    /// The group's key, made by turno key: sign every datagram, and drop what is
    /// not signed
    #[arg(long, value_name = "FILE", requires = "id")]
    key: Option<PathBuf>,

    /// Keep the clock in this directory, which is this server's alone, so that it
    /// can be started anew while others are down. Without it, it hears the clock
    /// of every other server before its first turn
    #[arg(long, value_name = "DIR", requires = "id")]
    state: Option<PathBuf>,

    /// Begin with a new state, because the old one is lost or was another's
    #[arg(long, requires = "state")]
    new_state: bool,

    /// Listen to the others here instead of at the own address of the list
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
    standing: Standing,
    /// What a token counts from: see [`crate::claim`].
    tokens_above: u64,
    _claim: Claim,
}

/// How it stands with the turn.
enum Standing {
    Idle,
    Waiting(Request),
    Inside(Guard),
}

impl Arguments {
    /// Joins the group, if there is one.
    pub fn join(self, files: &Files) -> Result<Option<Group>, Failure> {
        let Some(id) = self.id else {
            return Ok(None);
        };
        let mut settings = Settings::new(id, self.members.clone());
        if let Some(key) = self.key {
            settings = settings.key(key);
        }
        if let Some(state) = self.state {
            settings = settings.state(state);
        }
        if self.new_state {
            settings = settings.reset_state();
        }
        if let Some(listen) = self.listen {
            settings = settings.listen(listen);
        }
        if let Some(trace) = self.trace {
            settings = settings.trace(trace);
        }
        let node = LocalNode::start(&settings)?;
        // Only now: no group that cannot be is written down.
        let (claim, tokens_above) = Claim::shared(files, &self.lock, &self.members)?;
        Ok(Some(Group {
            handle: node.handle(),
            node,
            lock: self.lock,
            standing: Standing::Idle,
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

    fn want(&mut self) -> io::Result<()> {
        if let Standing::Idle = self.standing {
            let request = self.handle.request(&self.lock).map_err(io::Error::other)?;
            self.standing = Standing::Waiting(request);
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<Option<Turn>> {
        self.node.poll()?;
        if let Standing::Waiting(request) = &mut self.standing
            && let Some(outcome) = request.try_recv()
        {
            self.standing = Standing::Inside(outcome.map_err(io::Error::other)?);
        }
        let Standing::Inside(guard) = &self.standing else {
            return Ok(None);
        };
        let token = self.tokens_above.checked_add(guard.token().get());
        let token = token.ok_or_else(|| io::Error::other("the tokens have come to their end"))?;
        Ok(Some(Turn::Token(token)))
    }

    fn done(&mut self) -> io::Result<()> {
        self.standing = Standing::Idle;
        // The others wait for word of it.
        self.node.poll()
    }

    fn leave(&mut self) -> io::Result<()> {
        self.standing = Standing::Idle;
        self.node.close()?;
        self.node.poll()
    }
}
