//! Where the members are: names that are looked up again, addresses that are tried, and a
//! member that has moved.
//!
//! A member is sent to at one address, the *address in use*. While it has not shown itself
//! there it is sent to at all addresses that its name has. A member that is asked and
//! silent is searched for: its name is looked up in a thread, with pauses from 3 s up to a
//! minute.
//!
//! Without a key a member is where a datagram in its name comes from, if its name has that
//! address. With a key anybody may have repeated a signed datagram, from anywhere. So an
//! address counts only when it has answered a fresh nonce ([`trial`]), and one that the
//! name does not have is used only while none that it has answers.

mod look_up;
mod place;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Engine, NodeEvent, Observer, User};
use crate::group::{Found, Group};
use crate::mutex::NodeId;
use crate::system::Quota;
use crate::transport::Outgoing;
pub(super) use look_up::LookUps;
use place::{Means, Place, Step};

/// How many challenges of one member are answered in a second.
const MAX_RESPONSES: u32 = 10;

/// How long a member that is sent beats may be silent before it counts as asked in vain.
const MAX_BEAT_SILENCE: Duration = Duration::from_secs(3);

/// Where the members are.
#[derive(Debug)]
pub(super) struct Addresses {
    places: BTreeMap<NodeId, Place>,
    responses: BTreeMap<NodeId, Quota>,
    /// Where a member was before, if it has moved.
    before: BTreeMap<NodeId, SocketAddr>,
}

impl Addresses {
    /// As the list was resolved.
    pub(super) fn new(group: &Group, has_key: bool, now: Instant) -> Self {
        let ids = (1..).map(NodeId).take(group.members.len());
        let places = ids.filter_map(|id| {
            let means = match id == group.id {
                true if !group.may_be_elsewhere() => return None,
                true => Means::Own,
                false if has_key => Means::Challenge,
                false => Means::Source,
            };
            let is_by_name = group.host_name(id).is_some();
            let listed = group.candidates(id);
            let place = Place::new(means, is_by_name, group.address(id), listed, now);
            place.is_of_interest().then_some((id, place))
        });
        Addresses {
            places: places.collect(),
            responses: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    /// Whether any name may have to be looked up.
    pub(super) fn has_names(group: &Group) -> bool {
        let mut ids = (1..).map(NodeId).take(group.members.len());
        ids.any(|id| group.host_name(id).is_some())
    }

    /// Where each member that has moved was before.
    pub(super) fn before(&self) -> &BTreeMap<NodeId, SocketAddr> {
        &self.before
    }

    /// An answer of this member is missing.
    pub(super) fn asked(&mut self, id: NodeId) {
        if let Some(place) = self.places.get_mut(&id) {
            place.asked(Instant::now());
        }
    }

    /// A datagram in the name of this member came from a host that is not its own.
    pub(super) fn suspect(&mut self, id: NodeId) {
        if let Some(place) = self.places.get_mut(&id) {
            place.suspect();
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.places.values().filter_map(Place::next_timeout).min()
    }
}

impl<O: Observer, U: User> Engine<O, U> {
    /// A valid datagram of this member has arrived from here.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn heard_at(&mut self, id: NodeId, source: SocketAddr) -> io::Result<()> {
        let Some(place) = self.addresses.places.get_mut(&id) else {
            return Ok(());
        };
        let steps = place.heard(source, Instant::now());
        self.take_steps(id, steps)
    }

    /// A member asks for a response: it gets one where it asks from, since it may have moved.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn receive_challenge(
        &mut self,
        from: NodeId,
        nonce: u64,
        source: SocketAddr,
    ) -> io::Result<()> {
        if !self.member.peers().contains(&from) {
            return Ok(());
        }
        let responses = &mut self.addresses.responses;
        let quota = responses
            .entry(from)
            .or_insert_with(|| Quota::new(MAX_RESPONSES, MAX_RESPONSES));
        if !quota.take_quietly() {
            return Ok(());
        }
        let response = self.transport.challenge(from, source, nonce, true);
        self.send(response)
    }

    /// A member answers a challenge.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn receive_response(&mut self, from: NodeId, nonce: u64) -> io::Result<()> {
        let Some(place) = self.addresses.places.get_mut(&from) else {
            return Ok(());
        };
        let steps = place.response(nonce, Instant::now());
        self.take_steps(from, steps)
    }

    /// A look-up has ended.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn receive_found(&mut self, id: NodeId, found: Found) -> io::Result<()> {
        let group = self.transport.group_mut();
        group.set_found(id, found);
        let listed = group.candidates(id);
        let Some(place) = self.addresses.places.get_mut(&id) else {
            return Ok(());
        };
        let steps = place.found(listed, Instant::now());
        self.take_steps(id, steps)
    }

    /// Searches for members, as far as that is due.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn search_members(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let is_due = |place: &Place| place.next_timeout().is_some_and(|due| due <= now);
        let due = self.addresses.places.iter_mut();
        let due = due.filter(|(_, place)| is_due(place));
        let steps: Vec<_> = due.map(|(id, place)| (*id, place.go_on(now))).collect();
        steps
            .into_iter()
            .try_for_each(|(id, steps)| self.take_steps(id, steps))
    }

    fn take_steps(&mut self, id: NodeId, steps: Vec<Step>) -> io::Result<()> {
        for step in steps {
            match step {
                Step::LookUp => {
                    let address = self.transport.group().host_name(id);
                    if let (Some(look_ups), Some(address)) = (&mut self.look_ups, address)
                        && !look_ups.start(id, address)
                        && let Some(place) = self.addresses.places.get_mut(&id)
                    {
                        place.put_search_off(Instant::now());
                    }
                }
                Step::Challenge(address, nonce) => {
                    let challenge = self.transport.challenge(id, address, nonce, false);
                    self.send(challenge)?;
                }
                Step::Use(address) => self.move_member(id, address)?,
            }
        }
        Ok(())
    }

    fn move_member(&mut self, id: NodeId, address: SocketAddr) -> io::Result<()> {
        let group = self.transport.group_mut();
        let before = group.address(id);
        group.set_address(id, address);
        if let Some(before) = before {
            self.addresses.before.insert(id, before);
        }
        self.observer.happened(&NodeEvent::Moved {
            group: self.transport.group(),
            id,
            before,
        })
    }

    /// Sends a datagram to a member: while it is not sure where that is, to all addresses
    /// that its name has.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn send_to(&mut self, id: NodeId, outgoing: Outgoing) -> io::Result<()> {
        // An answer to where a request came from goes there alone.
        let is_in_use = self.transport.group().address(id) == Some(outgoing.address);
        if let Some(place) = self.addresses.places.get(&id).filter(|_| is_in_use) {
            for address in place.others(Instant::now()) {
                self.send(Outgoing {
                    address,
                    ..outgoing.clone()
                })?;
            }
        }
        self.send(outgoing)
    }

    /// A beat is sent to this member, which acknowledges it if it is there.
    pub(super) fn expects_beat(&mut self, id: NodeId) {
        let heard = self.heard.get(&id).map(Instant::elapsed);
        if heard.is_none_or(|heard| heard > MAX_BEAT_SILENCE) {
            self.addresses.asked(id);
        }
    }
}
