//! The locks of the whole group: what all members have told, put together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::protocol::ClientStatus;
use crate::engine::{MemberReport, Told};
use crate::mutex::NodeId;
use crate::system::rough;
use crate::wire::{CallerReport, LockReport, OuterEntry};

/// The most locks of a deadlock that is found.
const MAX_DEADLOCK: usize = 8;

/// How many turns of a client count for a deadlock.
const MAX_UNDER: usize = 8;

/// The locks of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupStatus {
    /// The locks that are held or waited for, by name.
    pub(crate) locks: Vec<GroupLock>,
    /// Their callers, on all members: by lock, first the holder, then those that wait, in
    /// the order in which they asked.
    pub(crate) callers: Vec<GroupCaller>,
    /// The ids of the members that did not answer, or not completely.
    pub(crate) unanswered: Vec<u16>,
    /// How many callers are not named, because there are too many.
    pub(crate) left_out: u64,
}

/// A lock of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupLock {
    /// Its name.
    pub(crate) name: String,
    /// The id of the caller that holds it.
    pub(crate) holder: Option<String>,
    /// The ids of further callers that hold it, in shared mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sharing: Vec<String>,
    /// The ids of the callers that wait for it, in order.
    pub(crate) waiting: Vec<String>,
    /// The locks of a deadlock: the holder of each waits for the next, the holder of the last
    /// for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deadlock: Vec<String>,
}

/// A caller that holds a lock or waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupCaller {
    /// The id by which a [`GroupLock`] names it.
    pub(crate) id: String,
    /// Its member.
    pub(crate) member: u16,
    /// The lock.
    pub(crate) lock: String,
    /// What its member tells of it.
    #[serde(flatten)]
    pub(crate) caller: CallerReport,
}

/// A caller with what decides its place.
struct Placed<'a> {
    member: NodeId,
    /// Its place among the callers of its member that wait for the lock.
    place: usize,
    request: Option<u64>,
    caller: &'a CallerReport,
}

impl GroupStatus {
    /// What the members have told, and what this one knows itself.
    /// `None`: the members were not asked.
    pub(crate) fn of(own_id: u16, own: Vec<LockReport>, told: Option<&Told>) -> Self {
        let own = MemberReport {
            locks: own,
            left_out: 0,
        };
        let own = (NodeId(own_id), &own);
        let members = told.iter().flat_map(|told| &told.members);
        let members = members.map(|(id, report)| (*id, report));
        let mut by_lock: BTreeMap<&str, Vec<Placed<'_>>> = BTreeMap::new();
        let mut left_out = 0;
        for (member, report) in members.chain([own]) {
            left_out = report.left_out.saturating_add(left_out);
            for lock in &report.locks {
                let placed = by_lock.entry(&lock.name).or_default();
                let holders = lock.callers.iter().filter(|caller| caller.is_holder());
                let waiting = lock.callers.iter().filter(|caller| !caller.is_holder());
                for (place, caller) in holders.map(|it| (0, it)).chain(waiting.enumerate()) {
                    placed.push(Placed {
                        member,
                        place,
                        request: lock.request,
                        caller,
                    });
                }
            }
        }
        let unanswered = told.iter().flat_map(|told| &told.unanswered);
        let mut status = GroupStatus {
            unanswered: unanswered.map(|id| id.0).collect(),
            left_out,
            ..GroupStatus::default()
        };
        for (name, placed) in by_lock {
            status.add(name, placed);
        }
        status
    }

    fn add(&mut self, name: &str, placed: Vec<Placed<'_>>) {
        let (holders, mut waiting): (Vec<_>, Vec<_>) =
            placed.into_iter().partition(|it| it.caller.is_holder());
        let holders = present(holders);
        // A member asks for its first caller; for the next it asks again.
        waiting.sort_by_key(|it| {
            let is_asked_for = it.place == 0 && it.request.is_some();
            (it.place, Reverse(is_asked_for), it.request, it.member)
        });
        if holders.is_empty() && waiting.is_empty() {
            return;
        }
        let id = |it: &Placed<'_>| format!("{}.{}", it.member, it.caller.ticket);
        self.locks.push(GroupLock {
            name: name.to_owned(),
            holder: holders.first().map(id),
            sharing: holders.iter().skip(1).map(id).collect(),
            waiting: waiting.iter().map(id).collect(),
            deadlock: Vec::new(),
        });
        let callers = holders.into_iter().chain(waiting).map(|it| GroupCaller {
            id: id(&it),
            member: it.member.0,
            lock: name.to_owned(),
            caller: it.caller.clone(),
        });
        self.callers.extend(callers);
    }

    /// The callers of a lock, in order.
    pub(crate) fn callers_of<'a>(&'a self, lock: &'a str) -> impl Iterator<Item = &'a GroupCaller> {
        self.callers.iter().filter(move |it| it.lock == lock)
    }

    /// The holder of a lock, as far as the members have told.
    pub(crate) fn holder<'a>(&'a self, lock: &'a str) -> Option<&'a GroupCaller> {
        self.callers_of(lock).find(|it| it.caller.is_holder())
    }

    /// The same, with the deadlocks.
    pub(crate) fn with_deadlocks(mut self) -> Self {
        let awaited = self.awaited_by_holders();
        let next = |lock: &String| awaited.get(lock).cloned();
        for lock in &mut self.locks {
            let mut deadlock = vec![lock.name.clone()];
            while deadlock.len() <= MAX_DEADLOCK
                && let Some(awaited) = deadlock.last().and_then(next)
            {
                if awaited == lock.name {
                    lock.deadlock = deadlock;
                    break;
                }
                // That of other locks, for which this one waits.
                if deadlock.contains(&awaited) {
                    break;
                }
                deadlock.push(awaited);
            }
        }
        self
    }

    /// Of each lock, another one for which a caller waits that runs under its present entry.
    fn awaited_by_holders(&self) -> BTreeMap<String, String> {
        let holders = self.callers.iter().filter(|it| it.caller.is_holder());
        let tokens: BTreeMap<&str, u64> = holders
            .filter_map(|it| Some((&*it.lock, it.caller.token?)))
            .collect();
        let waiting = self.callers.iter().filter(|it| !it.caller.is_holder());
        let pairs = waiting.flat_map(|it| it.caller.under.iter().map(move |under| (under, it)));
        let present = pairs.filter(|(under, _)| tokens.get(&*under.lock) == Some(&under.token));
        present
            .map(|(under, it)| (under.lock.clone(), it.lock.clone()))
            .collect()
    }
}

/// Those of the holders that are in the section. The members did not answer at one moment: of
/// two exclusive holders that with the larger token has entered when the other had left, and
/// a shared token lies between the exclusive ones before and after it.
fn present(holders: Vec<Placed<'_>>) -> Vec<Placed<'_>> {
    let (mut shared, exclusive): (Vec<_>, Vec<_>) =
        holders.into_iter().partition(|it| it.caller.shared);
    let last = exclusive.into_iter().max_by_key(|it| it.caller.token);
    let before = last.as_ref().and_then(|it| it.caller.token);
    shared.retain(|it| it.caller.token >= before);
    if shared.is_empty() {
        return last.into_iter().collect();
    }
    shared.sort_by_key(|it| (it.caller.token, it.member, it.caller.ticket));
    shared
}

impl From<&ClientStatus> for CallerReport {
    fn from(client: &ClientStatus) -> Self {
        // Any client can name any number of turns.
        let under = client.under.iter().take(MAX_UNDER).map(|turn| OuterEntry {
            lock: turn.name.clone(),
            token: turn.token,
        });
        CallerReport {
            ticket: client.ticket,
            state: client.state.clone(),
            token: client.token,
            shared: client.shared,
            pid: client.pid,
            uid: client.uid,
            user: None,
            command: client.command.clone(),
            since_ms: client.since_ms,
            not_begun: client.not_begun,
            stopped: client.stopped,
            under: under.collect(),
        }
    }
}

impl GroupCaller {
    /// `held by beta:7001 (2), pid 812, ./backup, for 12 min`, of a member with this name.
    pub(crate) fn as_holder(&self, member: &str) -> String {
        let how = if self.caller.shared {
            " in shared mode"
        } else {
            ""
        };
        let mut text = format!("held{how} by {member}");
        self.push(&mut text);
        text
    }

    /// `beta:7001 (2), pid 812, ./backup, for 12 s, has asked before`.
    pub(crate) fn as_first(&self, member: &str) -> String {
        let mut text = member.to_owned();
        self.push(&mut text);
        format!("{text}, has asked before")
    }

    fn push(&self, text: &mut String) {
        let caller = &self.caller;
        // A string takes all.
        if let Some(pid) = caller.pid {
            let _ = write!(text, ", pid {pid}");
        }
        if !caller.command.is_empty() {
            let _ = write!(text, ", {}", caller.command.join(" "));
        }
        let since = Duration::from_millis(caller.since_ms);
        let _ = write!(text, ", for {}", rough(since));
        if caller.not_begun {
            text.push_str(", has not begun");
        }
        if caller.stopped {
            text.push_str(", stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(ticket: u64, state: &str, token: Option<u64>) -> CallerReport {
        CallerReport {
            ticket,
            state: state.to_owned(),
            token,
            pid: Some(800),
            command: vec!["./backup".to_owned(), "all".to_owned()],
            since_ms: 720_000,
            ..CallerReport::default()
        }
    }

    fn lock(name: &str, request: Option<u64>, callers: &[CallerReport]) -> LockReport {
        LockReport {
            name: name.to_owned(),
            request,
            waits_for: Vec::new(),
            callers: callers.to_vec(),
        }
    }

    fn told(members: &[(u16, Vec<LockReport>)], unanswered: &[u16]) -> Told {
        let report = |(id, locks): &(u16, Vec<LockReport>)| {
            let locks = locks.clone();
            (NodeId(*id), MemberReport { locks, left_out: 1 })
        };
        Told {
            members: members.iter().map(report).collect(),
            unanswered: unanswered.iter().copied().map(NodeId).collect(),
        }
    }

    #[test]
    fn callers_are_in_the_order_of_their_requests_and_the_holder_is_first() {
        let (wait, hold) = ("waiting", "holding");
        let own = vec![lock(
            "a",
            Some(9),
            &[caller(1, wait, None), caller(2, wait, None)],
        )];
        let two = vec![lock(
            "a",
            None,
            &[caller(7, hold, Some(5)), caller(8, wait, None)],
        )];
        let three = vec![lock("a", Some(6), &[caller(4, wait, None)])];
        let status = GroupStatus::of(1, own, Some(&told(&[(2, two), (3, three)], &[4])));
        let [lock] = &status.locks[..] else {
            panic!("{status:?}");
        };
        assert_eq!(lock.holder.as_deref(), Some("2.7"));
        assert_eq!(lock.waiting, ["3.4", "1.1", "2.8", "1.2"]);
        let ids: Vec<_> = status.callers_of("a").map(|it| &*it.id).collect();
        assert_eq!(ids, ["2.7", "3.4", "1.1", "2.8", "1.2"]);
        assert_eq!((status.unanswered, status.left_out), (vec![4], 2));
    }

    #[test]
    fn of_two_that_tell_that_they_hold_a_lock_the_later_one_counts() {
        let holds =
            |ticket, token| vec![lock("a", None, &[caller(ticket, "holding", Some(token))])];
        let status = GroupStatus::of(1, holds(1, 5), Some(&told(&[(2, holds(1, 8))], &[])));
        assert_eq!(status.holder("a").unwrap().id, "2.1");
        assert_eq!(status.callers.len(), 1);
    }

    #[test]
    fn a_deadlock_is_found_and_one_that_has_ended_is_not() {
        let under = |name: &str, token| {
            let lock = name.to_owned();
            CallerReport {
                under: vec![OuterEntry { lock, token }],
                ..caller(9, "waiting", None)
            }
        };
        let status = |token| {
            let own = vec![
                lock("a", None, &[caller(1, "holding", Some(5))]),
                lock("b", Some(7), &[under("a", 5)]),
            ];
            let other = vec![
                lock("a", Some(8), &[under("b", token)]),
                lock("b", None, &[caller(1, "holding", Some(6))]),
            ];
            GroupStatus::of(1, own, Some(&told(&[(2, other)], &[]))).with_deadlocks()
        };
        let deadlocks: Vec<_> = status(6).locks.into_iter().map(|it| it.deadlock).collect();
        assert_eq!(deadlocks, [["a", "b"], ["b", "a"]]);
        let is_without = |lock: &GroupLock| lock.deadlock.is_empty();
        assert!(
            status(3).locks.iter().all(is_without),
            "an entry that has ended"
        );
    }

    #[test]
    fn a_holder_is_described_by_member_process_command_and_time() {
        let own = vec![lock("a", None, &[caller(1, "holding", Some(5))])];
        let status = GroupStatus::of(1, own, None);
        let text = status.holder("a").unwrap().as_holder("beta:7001 (2)");
        assert_eq!(
            text,
            "held by beta:7001 (2), pid 800, ./backup all, for 12 min"
        );
    }
}
