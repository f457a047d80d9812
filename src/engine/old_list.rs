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

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::cannot_listen;
use super::state_file::Change;
use crate::group::{Group, Listed};
use crate::mutex::{Body, Incarnation, Message, NodeId, Origin};
use crate::wire::{self, Datagram, Key, MAX_DATAGRAM, Signed};

/// How long it looks.
const LOOKS_FOR: Duration = Duration::from_secs(2);

/// How often it asks: datagrams may be lost.
const ASKS_EVERY: Duration = Duration::from_millis(400);

/// Looks for members that go on with the old list.
///
/// # Errors
/// One does, or the system refuses the socket.
pub(super) fn must_be_silent(change: &Change, group: &Group, key: Option<&Key>) -> io::Result<()> {
    let Some(own) = change.own else {
        // No member of the old list would answer.
        return Ok(());
    };
    let random = getrandom::u64().map_err(io::Error::from)?;
    let search = Search {
        change,
        own,
        run: Incarnation(random),
        key,
    };
    match search.first_answer(&bound(change, own, group)?)? {
        Some(found) => Err(io::Error::other(change.goes_on(found))),
        None => Ok(()),
    }
}

/// A socket at the address that this member has in the old list, where the others answer; at
/// that in the new one if the old one is not of this host.
fn bound(change: &Change, own: NodeId, group: &Group) -> io::Result<UdpSocket> {
    let before = &change.old[usize::from(own.0) - 1];
    let now = group.address(group.id);
    let moved = resolved(before, group.listen).filter(|address| Some(*address) != now);
    let old = moved.and_then(|address| UdpSocket::bind(address).ok());
    match old {
        Some(socket) => Ok(socket),
        None => UdpSocket::bind(group.listen).map_err(|error| cannot_listen(group.listen, &error)),
    }
}

/// The address of a member, of the same kind as `like`; `None` if it is not found.
fn resolved(member: &Listed, like: SocketAddr) -> Option<SocketAddr> {
    let found = member.address.resolve().ok()?;
    found
        .into_iter()
        .find(|address| address.is_ipv4() == like.is_ipv4())
}

struct Search<'a> {
    change: &'a Change,
    /// This member's id in the old list.
    own: NodeId,
    /// A nonce: what answers it is no repetition.
    run: Incarnation,
    key: Option<&'a Key>,
}

impl Search<'_> {
    fn first_answer(&self, socket: &UdpSocket) -> io::Result<Option<NodeId>> {
        let like = socket.local_addr()?;
        let others = self.change.ids().filter(|id| *id != self.own);
        let others: Vec<(NodeId, SocketAddr)> = others
            .filter_map(|id| {
                let member = &self.change.old[usize::from(id.0) - 1];
                Some((id, resolved(member, like)?))
            })
            .collect();
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
                self.ask(socket, &others);
            }
            let wait = ask_at.min(end).saturating_duration_since(now);
            socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let from = self.answers(&buffer[..length]);
                    if let Some(found) = from.filter(|from| others.iter().any(|it| it.0 == *from)) {
                        return Ok(Some(found));
                    }
                }
                // A timeout; or an earlier datagram found no one.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn ask(&self, socket: &UdpSocket, others: &[(NodeId, SocketAddr)]) {
        let hello = Message {
            from: self.own,
            origin: Origin::Turno(self.run),
            view: None,
            body: Body::Hello,
        };
        for digest in &self.change.digests {
            let text = wire::encode(&hello, *digest).into_bytes();
            for (id, address) in others {
                let mut text = text.clone();
                if let Some(key) = self.key {
                    key.sign(*digest, self.own, *id, &mut text);
                }
                // One that is not reached may be reached the next time, or is silent.
                let _ = socket.send_to(&text, address);
            }
        }
    }

    /// The member of the old list that answers with this datagram.
    fn answers(&self, datagram: &[u8]) -> Option<NodeId> {
        let signed = Signed::split(datagram);
        let text = match (self.key, &signed) {
            (Some(_), signed) => signed.as_ref()?.text,
            (None, _) => datagram,
        };
        let Ok(Datagram::Message { message, group }) = wire::decode(text) else {
            return None;
        };
        let digest = group.filter(|group| self.change.digests.contains(group))?;
        if let (Some(key), Some(signed)) = (self.key, &signed)
            && !key.verifies(digest, message.from, self.own, signed)
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
