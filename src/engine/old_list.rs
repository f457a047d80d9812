//! A member that takes its state over to a new list looks for members that go on with the
//! old one, before it begins. One that answers is proof; silence is none.
//!
//! ```text
//! this member, by its old id ── hello of the old list ──> each member of the old list
//!                            <─ welcome of the old list ─ one that goes on with it
//! ```
//!
//! A member that has left the old list does not answer so: its welcome, if any, is of the
//! new one, and says only that the lists differ.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::cannot_listen;
use super::state_file::Change;
use crate::group::{Address, Group, Resolver};
use crate::mutex::{Body, Incarnation, Message, NodeId, Origin};
use crate::wire::{self, Datagram, GroupDigest, Key, MAX_DATAGRAM, Signed};

/// How long it looks.
const LOOKS_FOR: Duration = Duration::from_secs(2);

/// How often it asks: datagrams may be lost.
const ASKS_EVERY: Duration = Duration::from_millis(400);

/// Looks for members that go on with the old list.
///
/// # Errors
/// One does, or the system refuses the socket.
pub(super) fn must_be_silent(
    change: &Change,
    group: &Group,
    key: Option<&Key>,
    resolver: &Resolver,
) -> io::Result<()> {
    let addresses: Vec<Address> = change.old.iter().map(|it| it.address.clone()).collect();
    let found = resolver.resolve_all(&addresses, None);
    let mut places = BTreeMap::new();
    for (id, found) in change.ids().zip(found) {
        match found {
            Ok(found) => {
                let is_alike = |address: &SocketAddr| address.is_ipv4() == group.listen.is_ipv4();
                places.extend(
                    found
                        .into_iter()
                        .find(is_alike)
                        .map(|address| (id, address)),
                );
            }
            Err(error) => log::warn!(
                "{} of the old list cannot be asked whether it still runs: {error}",
                change.name(id)
            ),
        }
    }
    let socket = bound(places.remove(&change.own), group)?;
    let question = Question::new()?;
    match question.first_answer(change, key, &socket, &places)? {
        Some(found) => Err(io::Error::other(change.goes_on(found))),
        None => Ok(()),
    }
}

/// A socket at the address that this member has in the old list, where the others answer; at
/// that in the new one if the old one is not of this host.
fn bound(before: Option<SocketAddr>, group: &Group) -> io::Result<UdpSocket> {
    let now = group.address(group.id);
    let moved = before.filter(|address| Some(*address) != now);
    let old = moved.and_then(|address| UdpSocket::bind(address).ok());
    match old {
        Some(socket) => Ok(socket),
        None => UdpSocket::bind(group.listen).map_err(|error| cannot_listen(group.listen, &error)),
    }
}

/// What a member of the old list is asked: whether it goes on with that list.
#[derive(Debug)]
pub(super) struct Question {
    /// A nonce: what answers it is no repetition.
    run: Incarnation,
}

impl Question {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random number.
    pub(super) fn new() -> io::Result<Self> {
        let random = getrandom::u64().map_err(io::Error::from)?;
        let run = Incarnation(random);
        Ok(Question { run })
    }

    fn first_answer(
        &self,
        change: &Change,
        key: Option<&Key>,
        socket: &UdpSocket,
        others: &BTreeMap<NodeId, SocketAddr>,
    ) -> io::Result<Option<NodeId>> {
        let end = Instant::now() + LOOKS_FOR;
        let mut ask_at = Instant::now();
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(None);
            }
            if now >= ask_at {
                ask_at = now + ASKS_EVERY;
                for (id, address) in others {
                    for text in self.to(*id, change, key) {
                        // One that is not reached may be reached the next time, or is silent.
                        let _ = socket.send_to(&text, address);
                    }
                }
            }
            let wait = ask_at.min(end).saturating_duration_since(now);
            socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let from = self.answerer(change, key, &buffer[..length]);
                    if let Some(found) = from.filter(|from| others.contains_key(from)) {
                        return Ok(Some(found));
                    }
                }
                // A timeout; or an earlier datagram found no one.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The datagrams that ask this member: one with failover, one without.
    pub(super) fn to(&self, id: NodeId, change: &Change, key: Option<&Key>) -> Vec<Vec<u8>> {
        let hello = Message {
            from: change.own,
            origin: Origin::Turno(self.run),
            view: None,
            body: Body::Hello,
        };
        let encoded = |digest: &GroupDigest| {
            let mut text = wire::encode(&hello, *digest).into_bytes();
            if let Some(key) = key {
                key.sign(*digest, change.own, id, &mut text);
            }
            text
        };
        change.digests.iter().map(encoded).collect()
    }

    /// The member of the old list that answers with this datagram.
    pub(super) fn answerer(
        &self,
        change: &Change,
        key: Option<&Key>,
        datagram: &[u8],
    ) -> Option<NodeId> {
        let signed = Signed::split(datagram);
        let text = match (key, &signed) {
            (Some(_), signed) => signed.as_ref()?.text,
            (None, _) => datagram,
        };
        let Ok(Datagram::Message { message, group }) = wire::decode(text) else {
            return None;
        };
        let digest = group.filter(|group| change.digests.contains(group))?;
        if let (Some(key), Some(signed)) = (key, &signed)
            && !key.verifies(digest, message.from, change.own, signed)
        {
            return None;
        }
        let is_answer = matches!(message.body, Body::Welcome { to, .. } if to == self.run);
        is_answer.then_some(message.from)
    }
}

fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | TimedOut | Interrupted | ConnectionRefused
    )
}
