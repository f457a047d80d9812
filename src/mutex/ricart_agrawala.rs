//! The algorithm itself: FREE → WAIT → HELD, and the reply queue.
//!
//! Quotations are from Ricart and Agrawala 1981. Six rules keep it safe on a
//! network that loses, repeats and reorders:
//!
//! 1. a new request has a new clock, and is sent again with the same clock;
//! 2. a reply counts only while its echo is the clock of the current request;
//! 3. replies are a set of senders, never a number;
//! 4. a reply carries the replier's clock as it is sent, and the receiver goes
//!    strictly past it;
//! 5. requests are ordered by (clock, id);
//! 6. a node keeps its clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::clock::{LamportClock, NodeId, Timestamp};
use super::effect::Effect;
use super::event::{Event, Socket, Timer};
use super::message::{Body, Incarnation, Message, Origin};
use super::state::{Deferred, Rejected, State};

/// How long a request waits for its replies before it is first sent again.
const FIRST_RESEND: Duration = Duration::from_millis(250);

/// The longest pause between two sendings. A member that starts late is reached
/// within it.
const LONGEST_RESEND: Duration = Duration::from_secs(2);

/// One node of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RicartAgrawala {
    id: NodeId,
    incarnation: Incarnation,
    /// Every other member, and the last program heard from there.
    peers: BTreeMap<NodeId, Option<Origin>>,
    clock: LamportClock,
    last_request_clock: Option<u64>,
    state: State,
    reply_queue: Vec<Deferred>,
}

impl RicartAgrawala {
    /// Member `id` of a group of `members`, FREE, its clock at 1.
    ///
    /// # Panics
    /// If `id` is not in `1..=members`.
    #[must_use]
    pub fn new(id: NodeId, members: u16, incarnation: Incarnation) -> Self {
        assert!(
            (1..=members).contains(&id.0),
            "id {id} is not in 1..={members}"
        );
        RicartAgrawala {
            id,
            incarnation,
            peers: (1..=members)
                .map(NodeId)
                .filter(|peer| *peer != id)
                .map(|peer| (peer, None))
                .collect(),
            clock: LamportClock::default(),
            last_request_clock: None,
            state: State::Free,
            reply_queue: Vec::new(),
        }
    }

    /// Takes one event and pushes what is to be done about it.
    ///
    /// # Errors
    /// [`Rejected`] says why nothing was done: on `Err` nothing has changed and
    /// no effect was pushed.
    pub fn handle(&mut self, event: &Event, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        match *event {
            Event::Want => self.request(effects),
            Event::GiveUp => self.give_up(effects),
            Event::Left => self.leave(effects),
            Event::Tick => Ok(self.clock.tick().map(drop)?),
            Event::Received {
                message,
                socket,
                source,
            } => match message.body {
                Body::Request => self.receive_request(message, source, effects),
                Body::Reply { echo } => {
                    let answers = match socket {
                        Socket::OfRequest(clock) => echo.or(Some(clock)),
                        Socket::Listening => echo,
                    };
                    self.receive_reply(message, answers, effects)
                }
            },
            Event::Expired(Timer::Resend { request }) => self.resend(request, effects),
        }
    }

    /// Our place in the member list.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What the Lamport clock shows.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock.now()
    }

    /// The clock of our latest request; none before the first.
    #[must_use]
    pub fn last_request_clock(&self) -> Option<u64> {
        self.last_request_clock
    }

    /// FREE, WAIT or HELD.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whose replies wait until we leave, in the order in which they asked.
    #[must_use]
    pub fn reply_queue(&self) -> &[Deferred] {
        &self.reply_queue
    }

    /// Every other member, with the last program heard from there.
    pub fn peers(&self) -> impl Iterator<Item = (NodeId, Option<Origin>)> + '_ {
        self.peers.iter().map(|(id, origin)| (*id, *origin))
    }

    /// "A node enters its critical section after all other nodes have been
    /// notified of the request and have sent a reply granting their
    /// permission."
    fn request(&mut self, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        if self.state != State::Free {
            return Err(Rejected::NotFree);
        }
        let clock = self.clock.tick()?;
        self.last_request_clock = Some(clock);
        if self.peers.is_empty() {
            self.enter(effects);
            return Ok(());
        }
        self.state = State::Wait {
            request: self.stamp(clock),
            missing: self.peers.keys().copied().collect(),
            resends: 0,
        };
        for (peer, origin) in &self.peers {
            // Only a turno node echoes. For all others, and for those of whom
            // we know nothing yet, the socket has to do it.
            let socket = match origin {
                Some(Origin::Turno(_)) => Socket::Listening,
                Some(Origin::Seed) | None => Socket::OfRequest(clock),
            };
            effects.push(self.send_request(*peer, clock, socket));
        }
        effects.push(Effect::SetTimer {
            timer: Timer::Resend { request: clock },
            after: FIRST_RESEND,
        });
        Ok(())
    }

    /// The datagrams may be lost, and a peer may start after we asked: so ask
    /// again, with the same clock (rule 1).
    fn resend(&mut self, timer_request: u64, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let State::Wait {
            request,
            missing,
            resends,
        } = &mut self.state
        else {
            return Err(Rejected::StaleTimer);
        };
        if request.clock != timer_request {
            return Err(Rejected::StaleTimer);
        }
        let clock = request.clock;
        *resends += 1;
        let doublings = (*resends).min(16);
        // A seed peer that defers queues every repetition and answers each:
        // ask it the 1st, 2nd, 4th, 8th, ... time only.
        let spare_seeds = !resends.is_power_of_two();
        let asked: Vec<NodeId> = missing
            .iter()
            .copied()
            .filter(|peer| !(spare_seeds && self.peers[peer] == Some(Origin::Seed)))
            .collect();
        for peer in asked {
            // From the request's own socket, whatever we knew of the peer: a
            // seed peer may have taken a turno node's place since.
            effects.push(self.send_request(peer, clock, Socket::OfRequest(clock)));
        }
        effects.push(Effect::SetTimer {
            timer: Timer::Resend { request: clock },
            after: (FIRST_RESEND * 2_u32.pow(doublings)).min(LONGEST_RESEND),
        });
        Ok(())
    }

    fn receive_request(
        &mut self,
        message: Message,
        source: SocketAddr,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let request = message.stamp;
        let peer = self.peer(request.id)?;
        if let Some(deferred) = self.deferred(peer) {
            if deferred.request == request && deferred.origin == message.origin {
                return Err(Rejected::AlreadyDeferred);
            }
            // Within one run of a turno node clocks only rise. A seed peer may
            // have been started anew, and its clock with it: there the latest
            // request to arrive is the one it waits for.
            if deferred.origin == message.origin
                && message.origin != Origin::Seed
                && request.clock < deferred.request.clock
            {
                return Err(Rejected::Overtaken);
            }
        }
        self.clock.receive(request.clock)?;
        self.peers.insert(peer, Some(message.origin));
        self.reply_queue
            .retain(|deferred| deferred.request.id != peer);
        let asked = Deferred {
            request,
            origin: message.origin,
            return_address: source,
        };
        // "A REPLY message is returned immediately if the originator of the
        // REQUEST message has priority; otherwise, the REPLY is delayed."
        let we_go_first = match &self.state {
            State::Free => false,
            State::Wait { request: ours, .. } => *ours < request,
            State::Held { .. } => true,
        };
        if we_go_first {
            self.reply_queue.push(asked);
        } else {
            effects.push(self.send_reply(&asked));
        }
        Ok(())
    }

    fn receive_reply(
        &mut self,
        message: Message,
        answers: Option<u64>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let peer = self.peer(message.stamp.id)?;
        let State::Wait {
            request, missing, ..
        } = &mut self.state
        else {
            return Err(Rejected::NotAwaited);
        };
        let answers = answers.ok_or(Rejected::NoEcho)?;
        // Rule 2. And whoever replies has merged our request's clock first, so
        // its own is larger.
        if answers != request.clock || message.stamp.clock <= request.clock {
            return Err(Rejected::StaleReply);
        }
        if !missing.contains(&peer) {
            return Err(Rejected::RepeatedReply);
        }
        self.clock.receive(message.stamp.clock)?;
        self.peers.insert(peer, Some(message.origin));
        missing.remove(&peer);
        if missing.is_empty() {
            self.enter(effects);
        }
        Ok(())
    }

    fn enter(&mut self, effects: &mut Vec<Effect>) {
        let token = self.clock.token();
        self.state = State::Held { token };
        effects.push(Effect::Enter { token });
    }

    fn leave(&mut self, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        effects.push(Effect::Leave {
            clock: self.clock.now(),
        });
        self.answer_all(effects);
        Ok(())
    }

    /// The request's clock is never used again (rule 1): a reply to it that is
    /// still under way will find no request that it echoes.
    fn give_up(&mut self, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let State::Wait { .. } = self.state else {
            return Err(Rejected::NotWaiting);
        };
        self.answer_all(effects);
        Ok(())
    }

    fn answer_all(&mut self, effects: &mut Vec<Effect>) {
        self.state = State::Free;
        for deferred in std::mem::take(&mut self.reply_queue) {
            effects.push(self.send_reply(&deferred));
        }
    }

    fn send_request(&self, to: NodeId, clock: u64, socket: Socket) -> Effect {
        Effect::Send {
            to,
            address: None,
            socket,
            message: self.message(clock, Body::Request),
        }
    }

    /// The clock is that of this moment, not of the request's arrival (rule 4).
    fn send_reply(&self, asked: &Deferred) -> Effect {
        let echo = Some(asked.request.clock);
        Effect::Send {
            to: asked.request.id,
            address: Some(asked.return_address),
            socket: Socket::Listening,
            message: self.message(self.clock.now(), Body::Reply { echo }),
        }
    }

    fn message(&self, clock: u64, body: Body) -> Message {
        Message {
            stamp: self.stamp(clock),
            body,
            origin: Origin::Turno(self.incarnation),
        }
    }

    fn stamp(&self, clock: u64) -> Timestamp {
        Timestamp { clock, id: self.id }
    }

    /// `id` as the id of a peer.
    fn peer(&self, id: NodeId) -> Result<NodeId, Rejected> {
        if id == self.id {
            return Err(Rejected::OwnId(id));
        }
        if !self.peers.contains_key(&id) {
            return Err(Rejected::NoMember(id));
        }
        Ok(id)
    }

    fn deferred(&self, peer: NodeId) -> Option<&Deferred> {
        self.reply_queue
            .iter()
            .find(|deferred| deferred.request.id == peer)
    }
}

#[cfg(test)]
mod tests;
