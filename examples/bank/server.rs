//! One loop for many clients, without a thread per client.
//!
//! ```text
//! listener ─┐
//! clients ──┤                                                  ┌─ answers
//! the lock ─┼─ poll ─> waiting requests ─ turn ─> one batch ───┤
//! signals ──┘                                     (a worker)   └─ disk or database
//! ```
//!
//! Requests gather while the server waits for its turn, and while it writes. In its turn it
//! does all of them in one batch, which pays for the lock and the disk once.
//!
//! A client is not left without an answer. If the turn does not come, its request is withdrawn
//! after a while, and the client is told for which server the bank waits. If the disk or the
//! database does not answer, it is told that the outcome is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook_mio::v1_0::Signals;

use crate::accept::Acceptor;
use crate::bank::Outcome;
use crate::clock::Clock;
use crate::connection::{Connection, Next};
use crate::language::Texts;
use crate::ledger::Ledger;
use crate::protocol::{Answer, Operation, Request};
use crate::turns::Turns;
use crate::worker::Worker;
use crate::{print, warn};

const LISTENER: Token = Token(0);
const LOCK: Token = Token(1);
const SIGNALS: Token = Token(2);
const WORKER: Token = Token(3);

/// The token of the first client.
const FIRST_CLIENT: usize = 4;

/// How many clients are accepted before the others are served.
const MAX_AT_ONCE: usize = 64;

/// A server, with its clients.
pub struct Server {
    poll: Poll,
    acceptor: Acceptor,
    clients: BTreeMap<usize, Connection>,
    next_client: usize,
    /// The clients to serve in this round.
    ready: BTreeSet<usize>,
    /// When the messages of clients end, if they send nothing more until then.
    pauses: BTreeSet<(Instant, usize)>,
    /// The requested operations.
    waiting: Vec<Waiting>,
    /// The batch that the worker does.
    in_progress: Option<InProgress>,
    clock: Clock,
    turns: Box<dyn Turns>,
    worker: Worker,
    texts: &'static Texts,
    patience: Duration,
    signals: Signals,
    /// A signal has ended the server.
    is_ending: bool,
}

/// An operation that waits for the turn.
struct Waiting {
    client: usize,
    operation: Operation,
    since: Instant,
}

/// A batch that the worker does.
struct InProgress {
    /// The clients of its operations; none once they were told that it takes too long.
    clients: Vec<usize>,
    since: Instant,
}

impl Server {
    pub fn bind(
        address: SocketAddr,
        ledger: Ledger,
        mut turns: Box<dyn Turns>,
        texts: &'static Texts,
        patience: Duration,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WORKER)?;
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
            in_progress: None,
            clock: Clock::new(print, texts),
            turns,
            worker: Worker::start(ledger, texts, waker)?,
            texts,
            patience,
            signals,
            is_ending: false,
        })
    }

    pub fn run(mut self) -> io::Result<()> {
        let port = self.acceptor.port()?;
        print(&format!("{} {port}", self.texts.started));
        print(self.texts.listening);
        // Its first turn completes a batch that a killed server has left.
        self.turns.request()?;
        let mut events = Events::with_capacity(256);
        while !self.has_ended() {
            self.finish_batch()?;
            self.begin_batch()?;
            self.expire_patience();
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

    /// Whether a signal has ended it, and the batch in progress is done, or takes too long.
    fn has_ended(&self) -> bool {
        let is_late = |batch: &InProgress| batch.since.elapsed() >= self.patience;
        self.is_ending && self.in_progress.as_ref().is_none_or(is_late)
    }

    /// Sleeps until something happens.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_busy = !self.ready.is_empty() || self.acceptor.is_ready();
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            let pause = self.pauses.first().map(|(ends, _)| *ends);
            let accept = self.acceptor.next_timeout();
            let next = [
                pause,
                accept,
                self.turns.next_timeout(),
                self.next_to_tell(),
            ];
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
                // The next poll of the turn, and of the worker, does its work.
                LOCK | WORKER => {}
                SIGNALS => self.is_ending |= self.signals.pending().next().is_some(),
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
        print(&format!("{} {}", self.texts.connected, as_python(address)));
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
            Some(operation) => self.waiting.push(Waiting {
                client,
                operation,
                since: Instant::now(),
            }),
            // The client's next request waits for the next round, so invalid requests
            // get no more service than valid ones.
            None => self.answer(client, Err(self.texts.not_understood.to_owned())),
        }
    }

    /// Begins a batch of all waiting operations, if it is our turn.
    fn begin_batch(&mut self) -> io::Result<()> {
        // Also during a batch: the node has other work than our turn.
        let Some(turn) = self.turns.poll()? else {
            return Ok(());
        };
        if self.in_progress.is_some() || self.is_ending {
            return Ok(());
        }
        let waiting = mem::take(&mut self.waiting).into_iter();
        let (clients, operations) = waiting.map(|one| (one.client, one.operation)).unzip();
        self.worker.begin(turn, operations)?;
        self.in_progress = Some(InProgress {
            clients,
            since: Instant::now(),
        });
        Ok(())
    }

    /// Ends the turn once the batch is done, and answers its clients.
    fn finish_batch(&mut self) -> io::Result<()> {
        if self.in_progress.is_none() {
            return Ok(());
        }
        let Some(outcomes) = self.worker.try_recv()? else {
            return Ok(());
        };
        let clients = self.in_progress.take().map(|batch| batch.clients);
        // The changes are on the disk; the other servers need not wait for the answers.
        self.turns.release()?;
        for (client, outcome) in clients.into_iter().flatten().zip(outcomes) {
            self.answer(client, outcome);
        }
        // Operations that came meanwhile need another turn.
        if !self.waiting.is_empty() {
            self.turns.request()?;
        }
        Ok(())
    }

    /// When the next client is to be told that its operation has to wait.
    fn next_to_tell(&self) -> Option<Instant> {
        let in_progress = self.in_progress.as_ref();
        let in_progress = in_progress.filter(|batch| self.is_ending || !batch.clients.is_empty());
        let since = [
            self.waiting.first().map(|waiting| waiting.since),
            in_progress.map(|batch| batch.since),
        ];
        since
            .into_iter()
            .flatten()
            .min()?
            .checked_add(self.patience)
    }

    /// Answers the clients that have waited for too long.
    fn expire_patience(&mut self) {
        let now = Instant::now();
        if self.next_to_tell().is_none_or(|at| at > now) {
            return;
        }
        let Texts {
            not_done,
            waits_for,
            try_again,
            unknown,
            slow_store,
            check_first,
            ..
        } = self.texts;
        let is_late = |since: Instant| now.duration_since(since) >= self.patience;
        let mut answers: Vec<(usize, String)> = Vec::new();
        if let Some(batch) = &mut self.in_progress
            && is_late(batch.since)
        {
            let why = format!("{unknown}{slow_store}{check_first}");
            let clients = mem::take(&mut batch.clients).into_iter();
            answers.extend(clients.map(|client| (client, why.clone())));
        }
        // From now on none of them is in a batch, so none is done.
        let is_late = |waiting: &mut Waiting| is_late(waiting.since);
        let late: Vec<Waiting> = self.waiting.extract_if(.., is_late).collect();
        if !late.is_empty() {
            let why = match self.turns.blocked() {
                Some(others) => format!("{not_done}{waits_for}{others}{try_again}"),
                None => format!("{not_done}{slow_store}{try_again}"),
            };
            answers.extend(late.iter().map(|late| (late.client, why.clone())));
        }
        for (client, why) in answers {
            self.answer(client, Err(why));
        }
    }

    /// Answers the pending request of a client.
    fn answer(&mut self, client: usize, outcome: Outcome) {
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
            print(self.texts.disconnected);
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
