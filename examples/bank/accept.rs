//! The listening socket, and the limit on the number of clients.
//!
//! A connection is an open file, and a process may have only a limited number of those.
//! At that limit `accept` fails, and a loop that retries at once does nothing else. So the
//! server stays below the limit; if the system has no room all the same, the server
//! accepts no client for a second.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

/// How many files may be open besides the clients' connections: those of a batch, and
/// those opened before.
const OTHER_FILES: usize = 64;

/// How long no client is accepted after an error.
const PAUSE: Duration = Duration::from_secs(1);

/// The listening socket.
pub struct Acceptor {
    listener: TcpListener,
    /// There may be clients to accept. (The poll says so only once.)
    is_readable: bool,
    paused_until: Option<Instant>,
    max_clients: usize,
}

impl Acceptor {
    pub fn bind(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Acceptor {
            listener,
            is_readable: false,
            paused_until: None,
            max_clients: max_files().saturating_sub(OTHER_FILES).max(1),
        })
    }

    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// How many clients there is room for.
    pub fn max_clients(&self) -> usize {
        self.max_clients
    }

    /// The poll reports that there are clients to accept.
    pub fn ready(&mut self) {
        self.is_readable = true;
    }

    /// Whether there may be a client to accept now.
    pub fn is_ready(&self) -> bool {
        let is_paused = self
            .paused_until
            .is_some_and(|until| Instant::now() < until);
        self.is_readable && !is_paused
    }

    /// When the pause ends, if there is one.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.is_readable)
    }

    /// Accepts no client for a second.
    pub fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + PAUSE);
    }

    /// Accepts one client, if one is waiting.
    ///
    /// # Errors
    /// The system has no room for another one.
    pub fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.listener.accept() {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_readable = false;
                Ok(None)
            }
            // That client is gone already; there may be another.
            Err(error) if is_of_one_client(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Raises the limit of open files as far as allowed, and returns it.
fn max_files() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If the limit cannot be raised, it stays as it was.
    let _ = setrlimit(Resource::Nofile, limit);
    let max = getrlimit(Resource::Nofile).current;
    max.and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX)
}

fn is_of_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
