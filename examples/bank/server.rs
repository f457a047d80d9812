//! `bank server`: one loop for many clients, without a thread per client.
//!
//! ```text
//! listener ─┐
//! clients ──┤                                                  ┌─ answers
//! the lock ─┼─ poll ─> waiting requests ─ turn ─> one batch ───┤
//! signals ──┘                                                  └─ the disk
//! ```
//!
//! Requests gather while the server waits for its turn, and while it writes. In its turn it
//! does all of them in one batch, which pays for the lock and the disk once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use clap::Args;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook_mio::v1_0::Signals;

use crate::accept::Acceptor;
use crate::bank::{self, NOT_UNDERSTOOD};
use crate::clock::Clock;
use crate::connection::{Connection, Next};
use crate::files::Files;
use crate::group;
use crate::ledger::Ledger;
use crate::protocol::{Answer, Operation, Request};
use crate::turns::{Alone, Turns};
use crate::{Accounts, Failure, log_to_standard_error, print, warn};

/// Serve the accounts of a directory.
///
/// Prints the same lines as the original's server: each client that connects and
/// disconnects, and every change of its logical clock. There are no passwords:
/// every client that can connect is served, so the server listens to this machine
/// alone, unless --host says otherwise. It may be killed at any time; every change
/// that it has answered is on the disk. Ctrl-C and SIGTERM end it with 0, and it
/// withdraws from the lock first.
///
/// Several servers may share one directory, each with its --id and the same list
/// of addresses: they take turns by a turno lock. If one of them is down, the
/// others wait until it is restarted, and log for which one they wait.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The TCP port to listen at; 0 takes any port, and prints it
    #[arg(long, default_value_t = 5000)]
    port: u16,

    /// The address to listen at: 0.0.0.0 is every address of this machine
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,

    #[command(flatten)]
    accounts: Accounts,

    #[command(flatten)]
    group: group::Arguments,
}

const EXAMPLES: &str = "\
Examples:
  bank server
  bank server --port 5001 --accounts /srv/contas
  bank server --id 2 :7001 :7002 :7003 --port 5002 --state state-2";

const LISTENER: Token = Token(0);
const LOCK: Token = Token(1);
const SIGNALS: Token = Token(2);

/// The token of the first client.
const FIRST_CLIENT: usize = 3;

/// How many clients are accepted before the others are served.
const MAX_AT_ONCE: usize = 64;

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        // The node logs there for which server it waits.
        log_to_standard_error();
        let files = self.accounts.files()?;
        let turns: Box<dyn Turns> = if let Some(unlocked) = Alone::without_lock() {
            Box::new(unlocked)
        } else if let Some(group) = self.group.join(&files)? {
            Box::new(group)
        } else {
            Box::new(Alone::claim(&files)?)
        };
        let address = SocketAddr::new(self.host, self.port);
        let server = Server::bind(address, files, turns).map_err(|error| {
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
    acceptor: Acceptor,
    clients: BTreeMap<usize, Connection>,
    next_client: usize,
    /// The clients to serve in this round.
    ready: BTreeSet<usize>,
    /// When the messages of clients end, if they send nothing more until then.
    pauses: BTreeSet<(Instant, usize)>,
    /// The requested operations, and their clients.
    waiting: Vec<(usize, Operation)>,
    clock: Clock,
    turns: Box<dyn Turns>,
    ledger: Ledger,
    signals: Signals,
    /// A signal has ended the server.
    is_ending: bool,
}

impl Server {
    fn bind(address: SocketAddr, files: Files, mut turns: Box<dyn Turns>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let acceptor = Acceptor::bind(address, poll.registry(), LISTENER)?;
        turns.register(poll.registry(), LOCK)?;
        let mut signals = Signals::new(TERM_SIGNALS)?;
        let readable = Interest::READABLE;
        poll.registry().register(&mut signals, SIGNALS, readable)?;
        Ok(Server {
            poll,
            acceptor,
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            ready: BTreeSet::new(),
            pauses: BTreeSet::new(),
            waiting: Vec::new(),
            clock: Clock::new(print),
            turns,
            ledger: Ledger::new(files),
            signals,
            is_ending: false,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let port = self.acceptor.port()?;
        print(&format!("Servidor iniciado na porta {port}"));
        print("Aguardando conexão...");
        // Its first turn completes a batch that a killed server has left.
        self.turns.request()?;
        let mut events = Events::with_capacity(256);
        while !self.is_ending {
            self.take_turn()?;
            self.wait(&mut events)?;
            self.accept()?;
            self.expire_pauses();
            // Clients that become ready again are served in the next round.
            for client in mem::take(&mut self.ready) {
                self.serve(client);
            }
            if !self.waiting.is_empty() {
                self.turns.request()?;
            }
        }
        // The waiting operations are neither done nor answered.
        self.turns.close()
    }

    /// Sleeps until something happens.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_busy = !self.ready.is_empty() || self.acceptor.is_ready();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let pause = self.pauses.first().map(|(ends, _)| *ends);
            let accept = self.acceptor.next_timeout();
            let next = [pause, accept, self.turns.next_timeout()];
            let next = next.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            done => done?,
        }
        for event in &*events {
            match event.token() {
                LISTENER => self.acceptor.ready(),
                // The next poll of the turn does its work.
                LOCK => {}
                SIGNALS => self.is_ending = self.signals.pending().next().is_some(),
                Token(client) => {
                    if let Some(connection) = self.clients.get_mut(&client) {
                        connection.ready();
                        self.ready.insert(client);
                    }
                }
            }
        }
        Ok(())
    }

    /// Accepts waiting clients, one batch at most.
    fn accept(&mut self) -> io::Result<()> {
        for _ in 0..MAX_AT_ONCE {
            if !self.acceptor.is_ready() {
                break;
            }
            if self.clients.len() >= self.acceptor.max_clients() && !self.make_room() {
                self.acceptor.pause();
                break;
            }
            match self.acceptor.accept() {
                Ok(Some((socket, address))) => self.add_client(socket, address)?,
                Ok(None) => {}
                // The machine has no room, although we are below our limit.
                Err(error) => {
                    warn(&format!("no client is accepted for a second: {error}"));
                    self.make_room();
                    self.acceptor.pause();
                }
            }
        }
        Ok(())
    }

    fn add_client(&mut self, mut socket: TcpStream, address: SocketAddr) -> io::Result<()> {
        let client = self.next_client;
        self.next_client += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(client), interest)?;
        // An answer is small, and the client waits for it.
        let _ = socket.set_nodelay(true);
        self.clients.insert(client, Connection::new(socket));
        self.ready.insert(client);
        print(&format!("Novo cliente conectado {}", as_python(address)));
        Ok(())
    }

    /// Closes the least useful connection. Returns false if all wait for an answer.
    fn make_room(&mut self) -> bool {
        let idle = self
            .clients
            .iter()
            .filter_map(|(client, connection)| Some((connection.eviction_rank()?, *client)));
        let Some((_, client)) = idle.min() else {
            return false;
        };
        self.close(client);
        true
    }

    /// Makes clients ready whose pause has ended their message.
    fn expire_pauses(&mut self) {
        let now = Instant::now();
        while let Some(&(ends, client)) = self.pauses.first()
            && ends <= now
        {
            self.pauses.pop_first();
            self.ready.insert(client);
        }
    }

    /// Serves a client up to its next request.
    fn serve(&mut self, client: usize) {
        // It may be closed already.
        let Some(connection) = self.clients.get_mut(&client) else {
            return;
        };
        match connection.advance() {
            Next::Request(request) => self.receive(client, request),
            Next::Wait => {}
            Next::WaitForPause => drop(self.pauses.insert((connection.pause_ends(), client))),
            Next::Again => drop(self.ready.insert(client)),
            Next::Close => self.close(client),
        }
    }

    fn receive(&mut self, client: usize, request: Request) {
        let is_believed = self.clock.receive_from_client(request.stamp);
        match request.operation.filter(|_| is_believed) {
            Some(operation) => self.waiting.push((client, operation)),
            // The client's next request waits for the next round, so invalid requests
            // get no more service than valid ones.
            None => self.answer(client, Err(NOT_UNDERSTOOD.to_owned())),
        }
    }

    /// Does all waiting operations, if it is our turn.
    fn take_turn(&mut self) -> io::Result<()> {
        let Some(turn) = self.turns.poll()? else {
            return Ok(());
        };
        let (clients, operations): (Vec<usize>, Vec<Operation>) =
            mem::take(&mut self.waiting).into_iter().unzip();
        let outcomes = bank::execute(&mut self.ledger, turn, &operations);
        // The changes are on the disk; the other servers need not wait for the answers.
        self.turns.release()?;
        for (client, outcome) in clients.into_iter().zip(outcomes) {
            self.answer(client, outcome);
        }
        Ok(())
    }

    /// Answers the pending request of a client.
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
            self.ready.insert(client);
        }
    }

    fn close(&mut self, client: usize) {
        if let Some(mut connection) = self.clients.remove(&client) {
            // A closed socket leaves the poll anyway.
            let _ = self.poll.registry().deregister(connection.socket());
            print("Cliente desconectado");
        }
    }
}

/// An address as the original shows it, which is written in Python.
fn as_python(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    match address {
        SocketAddr::V4(_) => format!("('{ip}', {port})"),
        SocketAddr::V6(v6) => format!("('{ip}', {port}, {}, {})", v6.flowinfo(), v6.scope_id()),
    }
}
