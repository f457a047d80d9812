//! All clients of an agent: their messages, and the answers to them.

use std::mem;
use std::time::{Duration, Instant};

use super::client::{Client, Phase};
use super::connection::Closing;
use super::hold::Hold;
use super::protocol::{Answer, Ask, ClientMessage, Turn, VERSION};
use super::record::{description, is_locked};
use super::usage::NotHad;
use super::waiting::Waiting;
use super::{Agent, metrics};
use crate::LockError;

/// How often it is reported that callers wait outside.
const REPORT_AGAIN: Duration = Duration::from_secs(60);

impl Agent {
    /// Serves a client that has sent something, can receive again, or has gone.
    pub(super) fn serve(&mut self, token: usize) {
        let Some(mut client) = self.clients.remove(&token) else {
            return;
        };
        let (messages, mut closing) = client.connection.receive();
        for message in messages {
            if let Err(error) = self.handle(token, &mut client, message) {
                closing = Some(error);
                break;
            }
        }
        let flushed = client.connection.flush().map_err(|_| Closing::Gone);
        match closing.or(flushed.err()) {
            None => drop(self.clients.insert(token, client)),
            Some(closing) => {
                if let Closing::Malformed(why) = closing {
                    // The client may have gone.
                    let _ = client.connection.send(&Answer::failed(why));
                }
                self.close(client);
            }
        }
    }

    /// Handles one message, and answers it unless it is a request for a lock.
    fn handle(
        &mut self,
        token: usize,
        client: &mut Client,
        message: ClientMessage,
    ) -> Result<(), Closing> {
        let phase = mem::replace(&mut client.phase, Phase::Idle);
        let answer = match (message, phase) {
            (ClientMessage::Ask(ask), Phase::Idle) if self.is_within(&ask) => self.within(&ask),
            (ClientMessage::Ask(ask), Phase::Idle) => match self.too_many() {
                Some(why) => Answer::ask_again(why),
                None => match self.request(client, ask) {
                    Ok(waiting) => {
                        self.note_use(&waiting.ask.name);
                        client.phase = Phase::Waiting(waiting);
                        return Ok(());
                    }
                    Err(error) => Answer::failed(error.to_string()),
                },
            },
            (ClientMessage::Locked {}, Phase::Granted(hold)) if hold.deadline.is_some() => {
                hold.give_up(&mut self.usage, NotHad::Failed);
                Answer::failed(
                    "this turno lock is older than the agent, and does not know of failover: \
                     install the agent's version",
                )
            }
            (ClientMessage::Locked {} | ClientMessage::LockedUntil {}, Phase::Granted(hold)) => {
                self.usage.begun(&hold.record.entry.lock, hold.waited);
                client.phase = Phase::Holding(hold);
                Answer::Go {}
            }
            (ClientMessage::Done {}, Phase::Granted(hold)) => {
                hold.give_up(&mut self.usage, NotHad::Gone);
                return Err(Closing::Gone);
            }
            (ClientMessage::Done {}, Phase::Holding(hold)) => {
                hold.end(&mut self.usage);
                return Err(Closing::Gone);
            }
            (ClientMessage::Resume(turn), Phase::Idle) => match self.take_over(client, &turn) {
                Some(hold) => {
                    client.phase = Phase::Holding(hold);
                    Answer::Resumed {}
                }
                None => Answer::NotHeld {
                    why: "it does not hold the lock for this command".to_owned(),
                },
            },
            (ClientMessage::Hello { version }, Phase::Idle) => Answer::Hello {
                version: version.clamp(1, VERSION),
            },
            (ClientMessage::Status {}, phase) => {
                client.phase = phase;
                Answer::Status(Box::new(self.status()))
            }
            (ClientMessage::Group { lock, brief }, phase) => {
                client.phase = phase;
                match self.ask_group(token, lock.as_deref(), brief) {
                    Ok(()) => return Ok(()),
                    Err(why) => Answer::failed(why),
                }
            }
            (ClientMessage::Metrics {}, phase) => {
                client.phase = phase;
                let text = metrics::text(&self.status(), &self.usage);
                Answer::Metrics { text }
            }
            (message, phase) => {
                client.phase = phase;
                return Err(Closing::Malformed(format!(
                    "unexpected message: {message:?}"
                )));
            }
        };
        let sent = client.connection.send(&answer);
        sent.map_err(|_| Closing::Gone)
    }

    /// Why a caller is not served yet: for want of descriptors, it would get no record when
    /// its turn comes.
    fn too_many(&mut self) -> Option<String> {
        let clients = self.clients.values();
        let callers = clients.filter(|client| !matches!(client.phase, Phase::Idle));
        let why = self.capacity.refusal(callers.count())?;
        let now = Instant::now();
        let reported_at = self.capacity.reported_at;
        if reported_at.is_none_or(|at| now.duration_since(at) >= REPORT_AGAIN) {
            self.capacity.reported_at = Some(now);
            log::warn!("callers wait outside: {why}");
        }
        Some(why)
    }

    /// Whether a client runs under the lock for which it asks.
    fn is_within(&self, ask: &Ask) -> bool {
        self.outer(ask).is_some()
    }

    /// The entry of the lock for which a client asks, under which it runs already. The name
    /// alone proves nothing: it stays in the environment of what a command leaves behind.
    fn outer(&self, ask: &Ask) -> Option<&Hold> {
        let held = self
            .clients
            .values()
            .filter_map(|client| match &client.phase {
                Phase::Holding(hold) => Some(hold),
                _ => None,
            });
        let outer = ask.outer.as_ref().filter(|outer| outer.name == ask.name);
        outer.and_then(|outer| held.chain(&self.orphans).find(|hold| hold.is(outer)))
    }

    /// The answer to a client that would wait for itself.
    fn within(&self, ask: &Ask) -> Answer {
        let is_outer_shared = self.outer(ask).is_some_and(|hold| hold.record.entry.shared);
        if is_outer_shared && !ask.shared {
            return Answer::failed(
                "this command runs under that lock in shared mode, and would wait for itself: an \
                 exclusive entry cannot begin in a shared one, which others may have too; take \
                 the outer one without --shared",
            );
        }
        if ask.reentrant {
            return Answer::Within {
                node: self.node.id(),
                shared: is_outer_shared,
            };
        }
        Answer::failed(
            "this command runs under that lock already, and would wait for itself; --reentrant \
             runs it under the turn that there is",
        )
    }

    fn request(&mut self, client: &Client, ask: Ask) -> Result<Waiting, LockError> {
        let handle = self.handle.described(description(client.pid, &ask.command));
        let request = match (ask.at_once, ask.shared) {
            (true, false) => handle.try_request(&ask.name)?,
            (false, false) => handle.request(&ask.name)?,
            (true, true) => handle.try_request_shared(&ask.name)?,
            (false, true) => handle.request_shared(&ask.name)?,
        };
        let limit = ask.wait_ms.map(Duration::from_millis);
        // The first poll of the request registers the waker with it.
        client.waker.wake_by_ref();
        Ok(Waiting::new(request, ask, limit))
    }

    /// A client asks for this lock: it has counts from now on.
    fn note_use(&mut self, lock: &str) {
        let (clients, orphans) = (&self.clients, &self.orphans);
        self.usage.asked(lock, Instant::now(), |name| {
            let mut orphans = orphans.iter();
            orphans.any(|hold| hold.record.entry.lock == name)
                || clients.values().any(|client| client.lock() == Some(name))
        });
    }

    /// Takes the entry of a command out of those without a client, for the client that runs
    /// it. `None`: there is no such entry, it is not this client's, or its lease is over.
    fn take_over(&mut self, client: &Client, turn: &Turn) -> Option<Hold> {
        let is_it = |hold: &Hold| hold.is_of(client.pid, client.uid) && hold.is(turn);
        let place = self.orphans.iter().position(is_it)?;
        Some(self.orphans.swap_remove(place))
    }

    /// Sends the clients that wait what is due.
    pub(super) fn serve_waiting(&mut self) {
        let now = Instant::now();
        let is_due = |client: &Client| client.next_timeout().is_some_and(|due| due <= now);
        let due = self.clients.iter().filter(|(_, client)| is_due(client));
        let due = due.map(|(token, _)| *token);
        for token in self.woken.take().into_iter().chain(due.collect::<Vec<_>>()) {
            let is_granted = |client: &Client| matches!(client.phase, Phase::Granted(_));
            if self.clients.get(&token).is_some_and(is_granted) {
                // If this process was stopped itself, the client may have taken its turn up.
                self.serve(token);
            }
            let Some(client) = self.clients.get_mut(&token) else {
                continue;
            };
            let (node, records) = (&mut self.node, &mut self.records);
            if let Some(answer) = client.poll(now, node, records, &mut self.usage) {
                self.tell(token, &answer);
            }
        }
        self.report_waits();
    }

    /// Moves the deadlines of the commands on, as the lease is renewed, and ends those
    /// whose lease is over. When to do so again though nothing happens.
    pub(super) fn renew_leases(&mut self) -> Option<Instant> {
        for client in self.clients.values_mut() {
            // It was not told to go, so nothing runs.
            if let Phase::Granted(hold) = &client.phase
                && hold.guard.is_lost()
                && let Phase::Granted(hold) = mem::replace(&mut client.phase, Phase::Idle)
            {
                hold.give_up(&mut self.usage, NotHad::Failed);
                client.refuse("the lease ended before the command was started");
            }
        }
        let clients = self.clients.values_mut();
        let held = clients.filter_map(|client| match &mut client.phase {
            Phase::Granted(hold) | Phase::Holding(hold) => Some(hold),
            Phase::Idle | Phase::Waiting(_) => None,
        });
        let all = held.chain(&mut self.orphans);
        all.filter_map(Hold::renew).min()
    }

    /// Closes a connection. The client's command may still run.
    pub(super) fn close(&mut self, client: Client) {
        match client.phase {
            Phase::Idle => {}
            Phase::Waiting(waiting) => self.usage.not_had(&waiting.ask.name, NotHad::Gone),
            Phase::Granted(hold) => hold.give_up(&mut self.usage, NotHad::Gone),
            Phase::Holding(hold) => {
                self.orphans.push(hold);
                self.release_orphans();
            }
        }
    }

    /// Releases the locks of clients that have gone, once no process of their commands
    /// runs any more.
    pub(super) fn release_orphans(&mut self) {
        let has_ended = |hold: &mut Hold| {
            let is_locked = is_locked(&hold.record.file).unwrap_or_else(|error| {
                let path = hold.record.path.display();
                log::warn!("its lock stays held, because {path} cannot be checked: {error}");
                true
            });
            !is_locked
        };
        let ended = self.orphans.extract_if(.., has_ended);
        ended.for_each(|hold| hold.end(&mut self.usage));
    }
}
