//! What there is to see of a node, put together for [`Status`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk::Desk;
use super::status::{LockStatus, PeerStatus, Status};
use crate::mutex::{LockName, State};
use crate::node::{Engine, Observer, missing};
use crate::system::millis;

/// How a node stands.
pub(super) fn status<O: Observer>(engine: &mut Engine<O, Desk>) -> Status {
    let has_key = engine.has_key();
    let (_, desk, standing) = engine.split();
    let (member, group) = (standing.member, standing.group);
    let in_use = |(name, lock): (&LockName, &crate::mutex::RicartAgrawala)| {
        let is_used = *lock.state() != State::Free || !lock.reply_queue().is_empty();
        is_used.then(|| name.clone())
    };
    let mut names: BTreeSet<LockName> = member.locks().filter_map(in_use).collect();
    names.extend(desk.lines().map(|(name, _)| name.clone()));
    let locks = names.into_iter().map(|name| {
        let waits_for = missing(member, &name).unwrap_or_default();
        let deferred = member.reply_queue(&name).iter();
        let line = desk.line(&name);
        let since = line.and_then(|line| line.since);
        LockStatus {
            state: member.state(&name).to_string(),
            holder: line.and_then(|line| line.holder()),
            token: since.map(|(_, token)| token.clock()),
            held_ms: since.map(|(since, _)| millis(since.elapsed())),
            is_on_loan: line.is_some_and(|line| line.is_on_loan()),
            waiting: line.map(|line| line.tickets()).unwrap_or_default(),
            waits_for: waits_for.iter().map(|id| id.0).collect(),
            deferred: deferred.map(|deferred| deferred.request.id.0).collect(),
            name: name.as_str().to_owned(),
        }
    });
    let locks = locks.collect();
    let peers = member.peers().iter().map(|&id| {
        let known = standing.contacts.get(&id);
        PeerStatus {
            id: id.0,
            address: group
                .address(id)
                .map(|it| it.to_string())
                .unwrap_or_default(),
            heard_ms: standing.heard.get(&id).map(|at| millis(at.elapsed())),
            fastest_reply_us: known.and_then(|it| it.fastest_reply).map(micros),
            sent_again: known.map_or(0, |contact| contact.sent_again),
            dropped: known
                .and_then(|contact| contact.dropped)
                .map(|why| why.to_string()),
        }
    });
    Status {
        id: member.id().0,
        clock: member.clock(),
        listens_at: group.listen.to_string(),
        has_key,
        is_claimed: member.is_claimed(),
        locks,
        peers: peers.collect(),
        dropped: standing
            .drops
            .iter()
            .map(|(cause, count)| ((*cause).to_owned(), *count))
            .collect(),
        entries: desk.entries(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
