//! Nodes without a machine: the programs of a group, turno's and the seed's,
//! their sockets mere addresses, and what they send handed to the caller, who
//! decides what becomes of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::seed_peer::{SeedEffect, SeedPeer};
use crate::group::Group;
use crate::mutex::{Config, Effect, NodeId, Rejected, State, Timer};
use crate::protocol::{Event, Member};
use crate::transport::{DropReason, Socket, Transport};
use crate::wire::Key;

/// The first port of the sockets that are opened for one request.
const FIRST_FRESH_PORT: u16 = 20_000;

/// The programs of a group.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// By place in the member list; none where nothing runs.
    programs: BTreeMap<NodeId, Program>,
    /// Who reads what arrives at an address.
    sockets: BTreeMap<SocketAddr, (NodeId, Reader)>,
    opened: u16,
}

/// What runs at a place of the member list.
#[derive(Clone, Debug)]
pub enum Program {
    /// A turno node: the algorithm, and its transport.
    Turno(Box<Member>, Transport),
    /// A process of the seed.
    Seed(SeedPeer, Group),
}

/// What a program reads at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Turno(Socket),
    SeedPort,
    /// A seed process waits here for one reply to the request of this clock.
    SeedRequest(u64),
}

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The socket that it left from.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// Its text.
    pub text: Vec<u8>,
}

/// Something that a program did, for the caller to carry out, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It wrote down that its clock stays below this.
    Reserved(u64),
    /// It sent a datagram.
    Sent(Parcel),
    /// It entered the critical section, with this clock as its token.
    Entered(u64),
    /// In it, it was lent tokens: the first and the last.
    Delegated(u64, u64),
    /// It left the critical section.
    Left,
    /// It wants an [`Event::Expired`] after about this time.
    Timer(Timer, Duration),
}

/// What a turno node made of something.
#[derive(Debug)]
pub enum Handled {
    /// The algorithm took this event, and asked for these effects or refused.
    Handled(Event, Result<Vec<Effect>, Rejected>),
    /// The datagram was not heard.
    Dropped(DropReason),
}

/// What came of something that happened to a program.
#[derive(Debug)]
pub struct ProgramStep {
    /// Whose program.
    pub id: NodeId,
    /// What a turno node made of it; none for a seed process.
    pub handled: Option<Handled>,
    /// What it did.
    pub done: Vec<Done>,
}

impl Cluster {
    /// Starts a turno node.
    pub fn start_turno(&mut self, group: Group, config: Config, key: Option<Key>) -> ProgramStep {
        let id = group.id;
        self.place_turno(group, config, key);
        self.handle(id, Event::Start)
    }

    /// Puts a turno node in its place that has not begun yet: hand in
    /// [`Event::Start`], and before that [`Event::Resume`] for what goes on.
    pub fn place_turno(&mut self, group: Group, config: Config, key: Option<Key>) {
        let id = group.id;
        self.listen(&group, Reader::Turno(Socket::Listening));
        #[cfg_attr(not(test), expect(unused_mut, reason = "a planted bug"))]
        let mut transport = Transport::new(group, config.incarnation, key);
        #[cfg(test)]
        {
            transport.planted = config.planted;
        }
        let program = Program::Turno(Box::new(Member::new(config)), transport);
        self.programs.insert(id, program);
    }

    /// Starts a seed process.
    pub fn start_seed(&mut self, group: Group) {
        self.listen(&group, Reader::SeedPort);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        let peer = SeedPeer::new(group.id, members);
        self.programs.insert(group.id, Program::Seed(peer, group));
    }

    fn listen(&mut self, group: &Group, reader: Reader) {
        self.sockets.insert(group.listen, (group.id, reader));
    }

    /// Whatever runs there is gone, at once, and its sockets with it.
    pub fn crash(&mut self, id: NodeId) {
        self.programs.remove(&id);
        self.sockets.retain(|_, (owner, _)| *owner != id);
    }

    /// What runs at this place.
    #[must_use]
    pub fn program(&self, id: NodeId) -> Option<&Program> {
        self.programs.get(&id)
    }

    /// Hands an event to a program. A seed process takes only
    /// [`Event::Acquire`] and [`Event::Release`].
    pub fn handle(&mut self, id: NodeId, event: Event) -> ProgramStep {
        let handled = match self.programs.get_mut(&id) {
            Some(Program::Turno(member, _)) => {
                let mut effects = Vec::new();
                let outcome = member.handle(&event, &mut effects);
                Some(Handled::Handled(event, outcome.map(|()| effects)))
            }
            Some(Program::Seed(peer, _)) => {
                let mut effects = Vec::new();
                match event {
                    Event::Acquire(_) => peer.want(&mut effects),
                    Event::Release(_) => peer.leave(&mut effects),
                    _ => {}
                }
                return self.seed_step(id, effects);
            }
            None => None,
        };
        self.turno_step(id, handled)
    }

    /// A datagram arrives; none if nobody reads where it does.
    pub fn arrive(&mut self, parcel: &Parcel) -> Option<ProgramStep> {
        let (id, reader) = *self.sockets.get(&parcel.destination)?;
        match (self.programs.get_mut(&id)?, reader) {
            (Program::Turno(_, transport), Reader::Turno(socket)) => {
                match transport.receive(&parcel.text, parcel.source, socket) {
                    Err(dropped) => {
                        Some(self.turno_step(id, Some(Handled::Dropped(dropped.reason))))
                    }
                    Ok(incoming) => {
                        let event = Event::Received {
                            message: incoming.message,
                            reply_to: incoming.reply_to,
                        };
                        Some(self.handle(id, event))
                    }
                }
            }
            (Program::Seed(peer, _), reader) => {
                let text = String::from_utf8_lossy(&parcel.text);
                let mut effects = Vec::new();
                if let Reader::SeedRequest(clock) = reader {
                    peer.receive_reply(&text, clock, &mut effects);
                    self.sockets.remove(&parcel.destination);
                } else {
                    peer.receive_request(&text, parcel.source, &mut effects);
                }
                Some(self.seed_step(id, effects))
            }
            _ => None,
        }
    }

    fn turno_step(&mut self, id: NodeId, handled: Option<Handled>) -> ProgramStep {
        let mut done = Vec::new();
        if let Some(Handled::Handled(_, Ok(effects))) = &handled {
            for effect in effects {
                done.extend(self.done_one(id, effect));
            }
        }
        if let Some(Program::Turno(member, transport)) = self.programs.get_mut(&id)
            && transport.retain(|clock| member.is_asking(clock))
        {
            self.sockets.retain(|_, (owner, reader)| match reader {
                Reader::Turno(Socket::OfRequest(clock)) if *owner == id => {
                    transport.is_open(*clock)
                }
                _ => true,
            });
        }
        ProgramStep { id, handled, done }
    }

    fn done_one(&mut self, id: NodeId, effect: &Effect) -> Option<Done> {
        let Some(Program::Turno(_, transport)) = self.programs.get_mut(&id) else {
            return None;
        };
        Some(match effect {
            Effect::Reserve { below } => Done::Reserved(*below),
            Effect::Send { .. } => {
                let listening = transport.group().listen;
                let outgoing = transport.route(effect)?;
                let source = match outgoing.socket {
                    Socket::Listening => listening,
                    socket => self.socket_of(id, listening, Reader::Turno(socket)),
                };
                Done::Sent(Parcel {
                    source,
                    destination: outgoing.address,
                    text: outgoing.text,
                })
            }
            Effect::Enter { token, .. } => Done::Entered(token.get()),
            Effect::Delegated { tokens, .. } => {
                Done::Delegated(tokens.first().get(), tokens.last().get())
            }
            Effect::Leave { .. } => Done::Left,
            Effect::Contended { .. } => return None,
            Effect::SetTimer { timer, after } => Done::Timer(timer.clone(), *after),
        })
    }

    fn seed_step(&mut self, id: NodeId, effects: Vec<SeedEffect>) -> ProgramStep {
        let mut done = Vec::new();
        for effect in effects {
            let Some(Program::Seed(peer, group)) = self.programs.get(&id) else {
                break;
            };
            let own = group.listen;
            done.push(match effect {
                SeedEffect::Ask { to, text } => {
                    let destination = group.address(to).expect("it asks members only");
                    let asked = peer.last_request_clock().unwrap_or(0);
                    let source = self.open(id, own, Reader::SeedRequest(asked));
                    Done::Sent(Parcel {
                        source,
                        destination,
                        text: text.into_bytes(),
                    })
                }
                SeedEffect::Reply { to, text } => Done::Sent(Parcel {
                    source: own,
                    destination: to,
                    text: text.into_bytes(),
                }),
                SeedEffect::Enter { clock } => Done::Entered(clock),
                SeedEffect::Leave => Done::Left,
            });
        }
        let handled = None;
        ProgramStep { id, handled, done }
    }

    /// The address of this socket, opened if need be.
    fn socket_of(&mut self, id: NodeId, near: SocketAddr, reader: Reader) -> SocketAddr {
        let mut open = self.sockets.iter();
        match open.find(|(_, known)| **known == (id, reader)) {
            Some((address, _)) => *address,
            None => self.open(id, near, reader),
        }
    }

    /// A fresh socket on the same host.
    fn open(&mut self, id: NodeId, near: SocketAddr, reader: Reader) -> SocketAddr {
        loop {
            let port = FIRST_FRESH_PORT + self.opened % (u16::MAX - FIRST_FRESH_PORT);
            self.opened = self.opened.wrapping_add(1);
            let address = SocketAddr::new(near.ip(), port);
            if let std::collections::btree_map::Entry::Vacant(free) = self.sockets.entry(address) {
                free.insert((id, reader));
                return address;
            }
        }
    }
}

impl Program {
    /// FREE, WAIT or HELD, of the seed's one lock.
    #[must_use]
    pub fn state(&self) -> String {
        match self {
            Program::Turno(member, _) => member.state(&Default::default()).to_string(),
            Program::Seed(peer, _) => peer.state().to_owned(),
        }
    }

    /// Whether it is in the critical section.
    #[must_use]
    pub fn is_held(&self) -> bool {
        match self {
            Program::Turno(member, _) => {
                matches!(member.state(&Default::default()), State::Held { .. })
            }
            Program::Seed(peer, _) => peer.is_held(),
        }
    }

    /// Whether it neither wants the section nor is in it.
    #[must_use]
    pub fn is_free(&self) -> bool {
        match self {
            Program::Turno(member, _) => {
                let lock = Default::default();
                *member.state(&lock) == State::Free && !member.is_awaiting_sync(&lock)
            }
            Program::Seed(peer, _) => peer.state() == "FREE",
        }
    }

    /// What its clock shows.
    #[must_use]
    pub fn clock(&self) -> u64 {
        match self {
            Program::Turno(member, _) => member.clock(),
            Program::Seed(peer, _) => peer.clock(),
        }
    }

    /// The clock of its latest request; none before the first.
    #[must_use]
    pub fn last_request_clock(&self) -> Option<u64> {
        match self {
            Program::Turno(member, _) => member.last_request_clock(),
            Program::Seed(peer, _) => peer.last_request_clock(),
        }
    }
}
