//! `bank server`: one loop, many clients, no thread a client.
//!
//! ```text
//! listener ─┐                                                   ┌─ answers
//! clients ──┼─ poll ─> requests that wait ─ turn ─> one batch ──┤
//! the lock ─┘                                                   └─ the disk
//! ```
//!
//! Requests gather while the server waits for its turn, and while it writes.
//! When it has its turn it does all that wait, in one batch: what costs time,
//! the lock and the disk, is paid once for all of them.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::bank::{self, NOT_UNDERSTOOD};
use crate::clock::Clock;
use crate::connection::{Connection, Next};
use crate::files::Files;
use crate::ledger::Ledger;
use crate::protocol::{Answer, Operation, Request};
use crate::turns::{Alone, Turn, Turns};
use crate::{Failure, complain, say};

/// Serve the accounts of a directory.
///
/// Prints what the original's server prints: who comes and goes, and every change
/// of its logical clock. Anybody who can connect is served, there are no
/// passwords: so it listens to this machine alone, unless --host says otherwise.
/// It may be killed at any time; what it has answered is on the disk.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Where to listen; 0 takes any port, and says which
    #[arg(long, default_value_t = 5000)]
    port: u16,

    /// At which address: 0.0.0.0 is all of this machine's
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,

    /// The directory of the accounts; bank open makes one
    #[arg(long, value_name = "DIR", default_value = crate::ACCOUNTS)]
    accounts: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  bank server
  bank server --port 5001 --accounts /srv/contas";

const LISTENER: Token = Token(0);

/// The token of the first client.
const FIRST_CLIENT: usize = 1;

/// How many clients are let in before others have their turn.
const MOST_AT_ONCE: usize = 64;

/// How many files may be open beside the clients' connections.
const OTHER_FILES: usize = 64;

/// When it is tried again to let clients in, after the system had no room.
const AGAIN: Duration = Duration::from_secs(1);

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        if !self.accounts.is_dir() {
            let folder = self.accounts.display();
            return Err(Failure::Usage(format!(
                "there is no directory {folder}; bank open --accounts {folder} makes it, with ten accounts"
            )));
        }
        let turns = Alone::in_folder(&self.accounts)?;
        let address = SocketAddr::new(self.host, self.port);
        let files = Files::new(self.accounts);
        let server = Server::bind(address, files, Box::new(turns)).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => "; is a server still running? --port takes another",
                _ => "",
            };
            Failure::Failed(format!("cannot listen at {address}: {error}{hint}"))
        })?;
        let ended = server.run();
        ended.map_err(|error| Failure::Failed(format!("the server ended: {error}")))
    }
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// There may be clients who want to come in; the poll says so only once.
    is_anybody_outside: bool,
    /// Until when nobody is let in, for want of room.
    closed_until: Option<Instant>,
    most_clients: usize,
    clients: BTreeMap<usize, Connection>,
    next_client: usize,
    /// The clients to go on with, each once.
    ready: VecDeque<usize>,
    /// The clients that may end a message by a pause, and when. All pause
    /// equally long, so the first is the next.
    pauses: VecDeque<(Instant, usize)>,
    /// What was asked for, by whom.
    waiting: Vec<(usize, Operation)>,
    clock: Clock,
    turns: Box<dyn Turns>,
    ledger: Ledger,
}

impl Server {
    fn bind(address: SocketAddr, files: Files, turns: Box<dyn Turns>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        let registry = poll.registry();
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Server {
            poll,
            listener,
            is_anybody_outside: false,
            closed_until: None,
            most_clients: room().saturating_sub(OTHER_FILES).max(1),
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            ready: VecDeque::new(),
            pauses: VecDeque::new(),
            waiting: Vec::new(),
            clock: Clock::new(say),
            turns,
            ledger: Ledger::new(files),
        })
    }

    fn run(mut self) -> io::Result<()> {
        let port = self.listener.local_addr()?.port();
        say(&format!("Servidor iniciado na porta {port}"));
        say("Aguardando conexão...");
        // Its first turn makes good what was left half done.
        self.turns.want()?;
        let mut events = Events::with_capacity(256);
        loop {
            self.take_turn()?;
            self.wait(&mut events)?;
            self.let_in()?;
            self.hear_pauses();
            // Those that want to go on once more do so in the next round.
            for client in mem::take(&mut self.ready) {
                self.go_on(client);
            }
            if !self.waiting.is_empty() {
                self.turns.want()?;
            }
        }
    }

    /// Sleeps until something happens.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_busy = !self.ready.is_empty()
            || (self.is_anybody_outside && self.closed_until.is_none())
            || self.turns.turn()?.is_some();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let pause = self.pauses.front().map(|(ends, _)| *ends);
            let next = pause.into_iter().chain(self.closed_until).min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            done => done?,
        }
        for event in &*events {
            match event.token() {
                LISTENER => self.is_anybody_outside = true,
                Token(client) => {
                    if let Some(connection) = self.clients.get_mut(&client) {
                        connection.ready();
                        self.ready.push_back(client);
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets in who is outside. There is always an end to it: a batch, nobody
    /// left, or no room for a while.
    fn let_in(&mut self) -> io::Result<()> {
        if self
            .closed_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Ok(());
        }
        self.closed_until = None;
        for _ in 0..MOST_AT_ONCE {
            if !self.is_anybody_outside {
                break;
            }
            if self.clients.len() >= self.most_clients && !self.make_room() {
                self.closed_until = Some(Instant::now() + AGAIN);
                break;
            }
            match self.listener.accept() {
                Ok((socket, address)) => self.welcome(socket, address)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_anybody_outside = false;
                }
                // It has gone already.
                Err(error) if is_of_one_client(&error) => {}
                // The machine has no room left, whatever we may have.
                Err(error) => {
                    complain(&format!("nobody is let in for a second: {error}"));
                    self.make_room();
                    self.closed_until = Some(Instant::now() + AGAIN);
                    break;
                }
            }
        }
        Ok(())
    }

    fn welcome(&mut self, mut socket: TcpStream, address: SocketAddr) -> io::Result<()> {
        let client = self.next_client;
        self.next_client += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(client), interest)?;
        // An answer is small, and is waited for.
        let _ = socket.set_nodelay(true);
        self.clients.insert(client, Connection::new(socket));
        self.ready.push_back(client);
        say(&format!("Novo cliente conectado {}", as_python(address)));
        Ok(())
    }

    /// Sends away who is missed least; false if all wait for an answer.
    fn make_room(&mut self) -> bool {
        let idle = self.clients.iter().filter_map(|(client, connection)| {
            let last_to_go = connection.last_to_go()?;
            Some((last_to_go, *client))
        });
        let Some((_, client)) = idle.min() else {
            return false;
        };
        self.close(client);
        true
    }

    /// Goes on with clients that have paused.
    fn hear_pauses(&mut self) {
        let now = Instant::now();
        while let Some((ends, client)) = self.pauses.front().copied()
            && ends <= now
        {
            self.pauses.pop_front();
            self.ready.push_back(client);
        }
    }

    fn go_on(&mut self, client: usize) {
        loop {
            // It may have been closed since.
            let Some(connection) = self.clients.get_mut(&client) else {
                return;
            };
            match connection.go_on() {
                Next::Answer(request) => self.receive(client, request),
                Next::Wait => return,
                Next::WaitForPause => {
                    self.pauses.push_back((connection.pause_ends(), client));
                    return;
                }
                Next::GoOn => {
                    self.ready.push_back(client);
                    return;
                }
                Next::Close => return self.close(client),
            }
        }
    }

    fn receive(&mut self, client: usize, request: Request) {
        let is_believed = self.clock.receive_from_client(request.stamp);
        match request.operation.filter(|_| is_believed) {
            Some(operation) => self.waiting.push((client, operation)),
            None => self.answer(client, Err(NOT_UNDERSTOOD.to_owned())),
        }
    }

    /// If it is our turn, does all that waits.
    fn take_turn(&mut self) -> io::Result<()> {
        let Some(turn) = self.turns.turn()? else {
            return Ok(());
        };
        let waiting = mem::take(&mut self.waiting);
        let outcomes = self.do_batch(turn, &waiting);
        // It is on the disk: the others need not wait for us to talk.
        self.turns.done()?;
        for ((client, _), outcome) in waiting.into_iter().zip(outcomes) {
            self.answer(client, outcome);
            self.ready.push_back(client);
        }
        Ok(())
    }

    fn do_batch(&mut self, turn: Turn, waiting: &[(usize, Operation)]) -> Vec<bank::Outcome> {
        let operations: Vec<Operation> = waiting.iter().map(|(_, asked)| asked.clone()).collect();
        bank::execute(&mut self.ledger, turn, &operations)
    }

    fn answer(&mut self, client: usize, outcome: bank::Outcome) {
        let stamp = self.clock.send();
        let is_done = outcome.is_ok();
        let text = outcome.unwrap_or_else(|why| why);
        if let Some(connection) = self.clients.get_mut(&client) {
            connection.answer(&Answer {
                stamp,
                is_done,
                text,
            });
        }
    }

    fn close(&mut self, client: usize) {
        if let Some(mut connection) = self.clients.remove(&client) {
            // Closed, it is out of the poll in any case.
            let _ = self.poll.registry().deregister(connection.socket());
            say("Cliente desconectado");
        }
    }
}

/// How many files this process may have open: as many as the system lets it.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it may not be raised it is as it was.
    let _ = setrlimit(Resource::Nofile, limit);
    let current = getrlimit(Resource::Nofile).current;
    current
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX)
}

fn is_of_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// An address as Python shows it, in which the original is written.
fn as_python(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    match address {
        SocketAddr::V4(_) => format!("('{ip}', {port})"),
        SocketAddr::V6(v6) => format!("('{ip}', {port}, {}, {})", v6.flowinfo(), v6.scope_id()),
    }
}
