//! Where clients come in, and how many may.
//!
//! A connection is an open file, and a process may have only so many. At that
//! limit `accept` fails, and whoever tries again at once does nothing else any
//! more. So the door stays below the limit, and where the system has no room all
//! the same it closes for a second.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

/// How many files may be open beside the clients' connections: those of a batch,
/// and what was open before.
const OTHER_FILES: usize = 64;

/// How long it stays closed.
const A_WHILE: Duration = Duration::from_secs(1);

/// The listening socket.
pub struct Door {
    listener: TcpListener,
    /// There may be clients outside. (The poll says so only once.)
    is_anybody_outside: bool,
    closed_until: Option<Instant>,
    most_clients: usize,
}

impl Door {
    pub fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Door {
            listener,
            is_anybody_outside: false,
            closed_until: None,
            most_clients: most_files().saturating_sub(OTHER_FILES).max(1),
        })
    }

    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// How many clients there is room for.
    pub fn most_clients(&self) -> usize {
        self.most_clients
    }

    /// The poll says that somebody is outside.
    pub fn ready(&mut self) {
        self.is_anybody_outside = true;
    }

    /// Whether there may be somebody to let in now.
    pub fn is_to_be_opened(&self) -> bool {
        let is_closed = self
            .closed_until
            .is_some_and(|until| Instant::now() < until);
        self.is_anybody_outside && !is_closed
    }

    /// When it is opened again, if it is closed.
    pub fn opens(&self) -> Option<Instant> {
        self.closed_until.filter(|_| self.is_anybody_outside)
    }

    pub fn close_for_a_while(&mut self) {
        self.closed_until = Some(Instant::now() + A_WHILE);
    }

    /// Lets one client in, if one is there.
    ///
    /// # Errors
    /// The system has no room for another.
    pub fn let_in(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.listener.accept() {
            Ok(guest) => Ok(Some(guest)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_anybody_outside = false;
                Ok(None)
            }
            // It has gone already; the next may be there.
            Err(error) if is_of_one_client(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How many files this process may have open: as many as it is allowed to allow
/// itself.
fn most_files() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it may not be raised it is as it was.
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current;
    most.and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX)
}

fn is_of_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
