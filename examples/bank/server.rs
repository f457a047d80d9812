//! `bank server`: one loop, many clients, no thread a client.
//!
//! ```text
//! listener ─┐
//! clients ──┤                                                   ┌─ answers
//! the lock ─┼─ poll ─> requests that wait ─ turn ─> one batch ──┤
//! signals ──┘                                                   └─ the disk
//! ```
//!
//! Requests gather while the server waits for its turn, and while it writes.
//! When it has its turn it does all that wait, in one batch: what costs time,
//! the lock and the disk, is paid once for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook_mio::v1_0::Signals;

use crate::bank::{self, NOT_UNDERSTOOD};
use crate::clock::Clock;
use crate::connection::{Connection, Next};
use crate::door::Door;
use crate::files::Files;
use crate::group;
use crate::ledger::Ledger;
use crate::protocol::{Answer, Operation, Request};
use crate::turns::{Alone, Turns};
use crate::{Failure, complain, files_in, log_to_standard_error, say};

/// Serve the accounts of a directory.
///
/// Prints what the original's server prints: who comes and goes, and every change
/// of its logical clock. Anybody who can connect is served, there are no
/// passwords: so it listens to this machine alone, unless --host says otherwise.
/// It may be killed at any time; what it has answered is on the disk. Ctrl-C and
/// SIGTERM end it in order: with 0, and a turn that it waited for is the others'.
///
/// Several servers may share one directory, each with its --id and the same list
/// of addresses: they take turns by a turno lock. If one of them is down the
/// others wait, and say for whom, until it is started anew.
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

    #[command(flatten)]
    group: group::Arguments,
}

const EXAMPLES: &str = "\
Examples:
  bank server
  bank server --port 5001 --accounts /srv/contas
  bank server --id 2 :7001 :7002 :7003 --port 5002 --state state-2";

const DOOR: Token = Token(0);
const LOCK: Token = Token(1);
const SIGNALS: Token = Token(2);

/// The token of the first client.
const FIRST_CLIENT: usize = 3;

/// How many clients are let in before others have their turn.
const MOST_AT_ONCE: usize = 64;

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        // The node tells there whom it waits for.
        log_to_standard_error();
        let files = files_in(self.accounts)?;
        let turns: Box<dyn Turns> = if let Some(unlocked) = Alone::without_lock() {
            Box::new(unlocked)
        } else if let Some(group) = self.group.join(&files)? {
            Box::new(group)
        } else {
            Box::new(Alone::with(&files)?)
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
    door: Door,
    clients: BTreeMap<usize, Connection>,
    next_client: usize,
    /// The clients to go on with.
    ready: BTreeSet<usize>,
    /// When clients end a message, if they send nothing more until then.
    pauses: BTreeSet<(Instant, usize)>,
    /// What was asked for, by whom.
    waiting: Vec<(usize, Operation)>,
    clock: Clock,
    turns: Box<dyn Turns>,
    ledger: Ledger,
    signals: Signals,
    /// A signal has said that it is to end.
    is_ending: bool,
}

impl Server {
    fn bind(address: SocketAddr, files: Files, mut turns: Box<dyn Turns>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let door = Door::open(address, poll.registry(), DOOR)?;
        turns.register(poll.registry(), LOCK)?;
        let mut signals = Signals::new(TERM_SIGNALS)?;
        let readable = Interest::READABLE;
        poll.registry().register(&mut signals, SIGNALS, readable)?;
        Ok(Server {
            poll,
            door,
            clients: BTreeMap::new(),
            next_client: FIRST_CLIENT,
            ready: BTreeSet::new(),
            pauses: BTreeSet::new(),
            waiting: Vec::new(),
            clock: Clock::new(say),
            turns,
            ledger: Ledger::new(files),
            signals,
            is_ending: false,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let port = self.door.port()?;
        say(&format!("Servidor iniciado na porta {port}"));
        say("Aguardando conexão...");
        // Its first turn makes good what was left half done.
        self.turns.want()?;
        let mut events = Events::with_capacity(256);
        while !self.is_ending {
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
        // Nothing of what still waits was done, and nothing was promised.
        self.turns.leave()
    }

    /// Sleeps until something happens.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_busy = !self.ready.is_empty() || self.door.is_to_be_opened();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let pause = self.pauses.first().map(|(ends, _)| *ends);
            let next = [pause, self.door.opens(), self.turns.next_timeout()];
            let next = next.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            done => done?,
        }
        for event in &*events {
            match event.token() {
                DOOR => self.door.ready(),
                // What it has to do is done with the next look at the turn.
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

    /// Lets in who is outside, up to a batch of them.
    fn let_in(&mut self) -> io::Result<()> {
        for _ in 0..MOST_AT_ONCE {
            if !self.door.is_to_be_opened() {
                break;
            }
            if self.clients.len() >= self.door.most_clients() && !self.make_room() {
                self.door.close_for_a_while();
                break;
            }
            match self.door.let_in() {
                Ok(Some((socket, address))) => self.welcome(socket, address)?,
                Ok(None) => {}
                // The machine has no room left, whatever we may have.
                Err(error) => {
                    complain(&format!("nobody is let in for a second: {error}"));
                    self.make_room();
                    self.door.close_for_a_while();
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
        self.ready.insert(client);
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
        while let Some(&(ends, client)) = self.pauses.first()
            && ends <= now
        {
            self.pauses.pop_first();
            self.ready.insert(client);
        }
    }

    /// Goes on with a client up to its next request.
    fn go_on(&mut self, client: usize) {
        // It may have been closed since.
        let Some(connection) = self.clients.get_mut(&client) else {
            return;
        };
        match connection.go_on() {
            Next::Answer(request) => self.receive(client, request),
            Next::Wait => {}
            Next::WaitForPause => drop(self.pauses.insert((connection.pause_ends(), client))),
            Next::GoOn => drop(self.ready.insert(client)),
            Next::Close => self.close(client),
        }
    }

    fn receive(&mut self, client: usize, request: Request) {
        let is_believed = self.clock.receive_from_client(request.stamp);
        match request.operation.filter(|_| is_believed) {
            Some(operation) => self.waiting.push((client, operation)),
            // At once, but its next request is for the next round: whoever sends
            // nothing but this is not heard more often than the others.
            None => self.answer(client, Err(NOT_UNDERSTOOD.to_owned())),
        }
    }

    /// If it is our turn, does all that waits.
    fn take_turn(&mut self) -> io::Result<()> {
        let Some(turn) = self.turns.turn()? else {
            return Ok(());
        };
        let (clients, operations): (Vec<usize>, Vec<Operation>) =
            mem::take(&mut self.waiting).into_iter().unzip();
        let outcomes = bank::execute(&mut self.ledger, turn, &operations);
        // It is on the disk: the others need not wait for us to talk.
        self.turns.done()?;
        for (client, outcome) in clients.into_iter().zip(outcomes) {
            self.answer(client, outcome);
        }
        Ok(())
    }

    /// Answers the request of a client that is under way.
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
            // Closed, it is out of the poll in any case.
            let _ = self.poll.registry().deregister(connection.socket());
            say("Cliente desconectado");
        }
    }
}

/// An address as Python shows it, in which the original is written.
fn as_python(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    match address {
        SocketAddr::V4(_) => format!("('{ip}', {port})"),
        SocketAddr::V6(v6) => format!("('{ip}', {port}, {}, {})", v6.flowinfo(), v6.scope_id()),
    }
}
