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
use crate::mutex::{Config, Effect, Mode, NodeId, Rejected};
use crate::protocol::{Event, Member, Output};
use crate::transport::{Incoming, Socket, Transport};
use crate::views::{self, Moment, ViewMessage};
use crate::wire::Key;

/// The programs of a group.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The programs that run, by member.
    programs: BTreeMap<NodeId, Program>,
    sockets: Sockets,
    /// What the clock of each member shows, in a group with failover.
    moments: BTreeMap<NodeId, Moment>,
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
        let member = Member::new(config);
        self.place(group, member, key);
    }

    /// As [`Cluster::place_turno`], in a group with failover.
    pub fn place_with_failover(
        &mut self,
        group: Group,
        config: Config,
        views: views::Config,
        key: Option<Key>,
    ) {
        let now = self.moment(group.id);
        let member = Member::with_failover(config, views, now);
        self.place(group, member, key);
    }

    fn place(&mut self, group: Group, member: Member, key: Option<Key>) {
        let (id, config) = (group.id, *member.config());
        let reader = Reader::Turno(Socket::Listening);
        self.sockets.bind(group.listen, id, reader);
        #[cfg_attr(not(test), expect(unused_mut, reason = "a planted bug"))]
        let mut transport = Transport::new(group, config.incarnation, key);
        #[cfg(test)]
        {
            transport.planted = config.planted;
        }
        let program = Program::Turno(Box::new(member), transport);
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

    /// Sets what the clock of a member shows, in a group with failover.
    pub fn set_moment(&mut self, id: NodeId, moment: Moment) {
        self.moments.insert(id, moment);
    }

    /// What the clock of a member shows; without failover it means nothing.
    pub fn moment(&self, id: NodeId) -> Moment {
        self.moments.get(&id).copied().unwrap_or_default()
    }

    /// Whether a member's lease has ended, so that this must be handled first.
    pub fn is_lapse_due(&self, id: NodeId) -> bool {
        match self.program(id) {
            Some(Program::Turno(member, _)) => member.is_lapse_due(self.moment(id)),
            _ => false,
        }
    }

    /// The program of a member; `None` if none runs.
    pub fn program(&self, id: NodeId) -> Option<&Program> {
        self.programs.get(&id)
    }

    /// Hands an event to a program. A process of the original takes only
    /// [`Event::Acquire`] and [`Event::Release`].
    pub fn handle(&mut self, id: NodeId, event: Event) -> ProgramStep {
        let now = self.moment(id);
        match self.programs.get_mut(&id) {
            Some(Program::Turno(member, _)) => {
                let mut output = Output::default();
                let outcome = member.handle_at(now, &event, &mut output);
                self.turno_step(id, event, outcome, output)
            }
            Some(Program::Original(peer, _)) => {
                let mut effects = Vec::new();
                match event {
                    Event::Acquire(_) => peer.want(&mut effects),
                    Event::Release(_) => peer.leave(&mut effects),
                    _ => {}
                }
                self.original_step(id, effects)
            }
            None => ProgramStep {
                id,
                handled: None,
                done: Vec::new(),
            },
        }
    }

    /// Delivers a datagram; `None` if no program reads at its destination.
    pub fn arrive(&mut self, parcel: &Parcel) -> Option<ProgramStep> {
        let (id, reader) = self.sockets.reader(parcel.destination)?;
        match (self.programs.get_mut(&id)?, reader) {
            (Program::Turno(_, transport), Reader::Turno(socket)) => Some(
                match transport.receive(&parcel.text, parcel.source, socket) {
                    Err(dropped) => ProgramStep {
                        id,
                        handled: Some(Handled::Dropped(dropped.reason)),
                        done: Vec::new(),
                    },
                    Ok(Incoming::Lock { message, reply_to }) => {
                        self.handle(id, Event::Received { message, reply_to })
                    }
                    // No simulated program says that it is up, asks what happens, or moves.
                    Ok(
                        Incoming::Up { .. }
                        | Incoming::Query { .. }
                        | Incoming::Report { .. }
                        | Incoming::Challenge { .. }
                        | Incoming::Response { .. },
                    ) => ProgramStep {
                        id,
                        handled: None,
                        done: Vec::new(),
                    },
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

    fn turno_step(
        &mut self,
        id: NodeId,
        event: Event,
        outcome: Result<(), Rejected>,
        output: Output,
    ) -> ProgramStep {
        let mut done = Vec::new();
        let Output {
            effects,
            view_messages,
            ..
        } = output;
        done.extend(effects.iter().filter_map(|effect| self.perform(id, effect)));
        if let Some(Program::Turno(_, transport)) = self.programs.get(&id) {
            let listening = transport.group().listen;
            let mut last: Option<(&ViewMessage, String)> = None;
            let sent = view_messages.iter().filter_map(|(to, message)| {
                // A beat is the same to all.
                if last.as_ref().is_none_or(|(known, _)| *known != message) {
                    last = Some((message, transport.view_text(message)));
                }
                let (_, text) = last.as_ref()?;
                let outgoing = transport.route_view_text(*to, text.clone())?;
                Some(Done::Sent(Parcel {
                    source: listening,
                    destination: outgoing.address,
                    text: outgoing.text,
                }))
            });
            done.extend(sent);
        }
        let handled = Some(Handled::Handled(event, outcome.map(|()| effects)));
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
            Effect::Enter { token, mode, .. } => Done::Entered(token.get(), *mode),
            Effect::Delegated { tokens, .. } => {
                Done::Delegated(tokens.first().get(), tokens.last().get())
            }
            Effect::Leave { .. } => Done::Left,
            Effect::Promise { number } => Done::Promised(*number),
            Effect::Join => Done::Joined,
            Effect::Lost { .. } => Done::Lost,
            // No member has the id of another one.
            Effect::Forget => return None,
            Effect::Contended { .. } => Done::Contended,
            Effect::Refused { .. } => Done::Refused,
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
                OriginalEffect::Enter { clock } => Done::Entered(clock, Mode::Exclusive),
                OriginalEffect::Leave => Done::Left,
            }));
        }
        let handled = None;
        ProgramStep { id, handled, done }
    }
}
