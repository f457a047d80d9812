//! A group of programs without a machine: their sockets are mere addresses, and the
//! caller decides what becomes of each datagram.

mod program;
mod sockets;
mod step;

use std::collections::BTreeMap;

pub use program::Program;
pub use step::{Done, Handled, Parcel, ProgramStep};

use self::sockets::{Reader, Sockets};
use super::original_peer::{OriginalEffect, OriginalPeer};
use crate::group::Group;
use crate::mutex::{Config, Effect, NodeId};
use crate::protocol::{Event, Member};
use crate::transport::{Incoming, Socket, Transport};
use crate::wire::Key;

/// The programs of a group.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The programs that run, by member.
    programs: BTreeMap<NodeId, Program>,
    sockets: Sockets,
}

impl Cluster {
    /// Starts a turno node.
    pub fn start_turno(&mut self, group: Group, config: Config, key: Option<Key>) -> ProgramStep {
        let id = group.id;
        self.place_turno(group, config, key);
        self.handle(id, Event::Start)
    }

    /// Creates a turno node that has not started: hand in [`Event::Start`], and before
    /// that [`Event::Resume`] if its entry goes on.
    pub fn place_turno(&mut self, group: Group, config: Config, key: Option<Key>) {
        let id = group.id;
        let reader = Reader::Turno(Socket::Listening);
        self.sockets.bind(group.listen, id, reader);
        #[cfg_attr(not(test), expect(unused_mut, reason = "a planted bug"))]
        let mut transport = Transport::new(group, config.incarnation, key);
        #[cfg(test)]
        {
            transport.planted = config.planted;
        }
        let program = Program::Turno(Box::new(Member::new(config)), transport);
        self.programs.insert(id, program);
    }

    /// Starts a process of the original.
    pub fn start_original(&mut self, group: Group) {
        self.sockets
            .bind(group.listen, group.id, Reader::OriginalPort);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        let peer = OriginalPeer::new(group.id, members);
        self.programs
            .insert(group.id, Program::Original(peer, group));
    }

    /// Ends a member's program at once, and closes its sockets.
    pub fn crash(&mut self, id: NodeId) {
        self.programs.remove(&id);
        self.sockets.retain(id, |_| false);
    }

    /// The program of a member; `None` if none runs.
    pub fn program(&self, id: NodeId) -> Option<&Program> {
        self.programs.get(&id)
    }

    /// Hands an event to a program. A process of the original takes only
    /// [`Event::Acquire`] and [`Event::Release`].
    pub fn handle(&mut self, id: NodeId, event: Event) -> ProgramStep {
        let handled = match self.programs.get_mut(&id) {
            Some(Program::Turno(member, _)) => {
                let mut effects = Vec::new();
                let outcome = member.handle(&event, &mut effects);
                Some(Handled::Handled(event, outcome.map(|()| effects)))
            }
            Some(Program::Original(peer, _)) => {
                let mut effects = Vec::new();
                match event {
                    Event::Acquire(_) => peer.want(&mut effects),
                    Event::Release(_) => peer.leave(&mut effects),
                    _ => {}
                }
                return self.original_step(id, effects);
            }
            None => None,
        };
        self.turno_step(id, handled)
    }

    /// Delivers a datagram; `None` if no program reads at its destination.
    pub fn arrive(&mut self, parcel: &Parcel) -> Option<ProgramStep> {
        let (id, reader) = self.sockets.reader(parcel.destination)?;
        match (self.programs.get_mut(&id)?, reader) {
            (Program::Turno(_, transport), Reader::Turno(socket)) => Some(
                match transport.receive(&parcel.text, parcel.source, socket) {
                    Err(dropped) => self.turno_step(id, Some(Handled::Dropped(dropped.reason))),
                    Ok(Incoming::Lock { message, reply_to }) => {
                        self.handle(id, Event::Received { message, reply_to })
                    }
                    Ok(Incoming::View { from, message }) => {
                        self.handle(id, Event::ReceivedView { from, message })
                    }
                },
            ),
            (Program::Original(peer, _), reader) => {
                let text = String::from_utf8_lossy(&parcel.text);
                let mut effects = Vec::new();
                if let Reader::OriginalRequest(clock) = reader {
                    peer.receive_reply(&text, clock, &mut effects);
                    self.sockets.close(parcel.destination);
                } else {
                    peer.receive_request(&text, parcel.source, &mut effects);
                }
                Some(self.original_step(id, effects))
            }
            _ => None,
        }
    }

    fn turno_step(&mut self, id: NodeId, handled: Option<Handled>) -> ProgramStep {
        let mut done = Vec::new();
        if let Some(Handled::Handled(_, Ok(effects))) = &handled {
            done.extend(effects.iter().filter_map(|effect| self.perform(id, effect)));
        }
        if let Some(Program::Turno(member, transport)) = self.programs.get_mut(&id)
            && transport.retain(|clock| member.is_asking(clock))
        {
            self.sockets.retain(id, |reader| match reader {
                Reader::Turno(Socket::OfRequest(clock)) => transport.is_open(clock),
                _ => true,
            });
        }
        ProgramStep { id, handled, done }
    }

    /// Performs an effect of a turno node; `None` if the caller has nothing to do.
    fn perform(&mut self, id: NodeId, effect: &Effect) -> Option<Done> {
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
                    socket => (self.sockets).find_or_open(id, listening, Reader::Turno(socket)),
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
            Effect::Promise { .. }
            | Effect::Forget
            | Effect::Join
            | Effect::Lost { .. }
            | Effect::Contended { .. } => return None,
            Effect::SetTimer { timer, after } => Done::Timer(timer.clone(), *after),
        })
    }

    fn original_step(&mut self, id: NodeId, effects: Vec<OriginalEffect>) -> ProgramStep {
        let mut done = Vec::new();
        if let Some(Program::Original(peer, group)) = self.programs.get(&id) {
            let own = group.listen;
            let parcel = |source, destination, text: String| {
                let text = text.into_bytes();
                Done::Sent(Parcel {
                    source,
                    destination,
                    text,
                })
            };
            done.extend(effects.into_iter().map(|effect| match effect {
                OriginalEffect::Ask { to, text } => {
                    let destination = group.address(to).expect("it asks members only");
                    let clock = peer.last_request_clock.unwrap_or(0);
                    let source = self.sockets.open(id, own, Reader::OriginalRequest(clock));
                    parcel(source, destination, text)
                }
                OriginalEffect::Reply { to, text } => parcel(own, to, text),
                OriginalEffect::Enter { clock } => Done::Entered(clock),
                OriginalEffect::Leave => Done::Left,
            }));
        }
        let handled = None;
        ProgramStep { id, handled, done }
    }
}
