//! The status in words.

use std::fmt::Write;
use std::time::Duration;

use crate::agent::group_status::GroupLock;
use crate::agent::protocol::AgentStatus;
use crate::engine::DUPLICATE_ID;
use crate::narrate::{counts, is_at_now, listed, lock_called};
use crate::printable::Printable;
use crate::wire::CallerReport;
use crate::{LockState, PeerStatus, Status, ViewStatus};

/// How many changes of the view are shown.
const MAX_CHANGES: usize = 5;

/// The status for a person. Names and commands are escaped: any client can choose them.
pub(super) fn shown(status: &AgentStatus) -> String {
    let node = &status.node;
    let mut text = format!(
        "member {}{} listens at {}{}, clock {}, entries {}\n",
        node.id,
        own_name(node),
        node.listens_at,
        keys(node),
        node.clock,
        node.entries
    );
    if node.has_duplicate_id {
        text.push_str(DUPLICATE_ID);
        text.push('\n');
    }
    if let Some(view) = &node.view {
        push_view(&mut text, node, view);
    }
    push_locks(&mut text, status);
    text.push_str("\nmembers\n");
    for peer in &node.peers {
        push_peer(&mut text, peer);
    }
    if !node.dropped.is_empty() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\ndropped: {}", counts(&node.dropped));
    }
    text
}

/// ` (alpha)`; nothing if the name is an address.
fn own_name(node: &Status) -> String {
    match node.called.as_str() {
        "" => String::new(),
        name if name.contains(':') => String::new(),
        name => format!(" ({name})"),
    }
}

/// ` with a key (1a2b3c4d)`, which signs, and those that it accepts besides.
fn keys(node: &Status) -> String {
    match (node.has_key, &node.keys[..]) {
        (false, _) => String::new(),
        (true, []) => " with a key".to_owned(),
        (true, [first]) => format!(" with a key ({first})"),
        (true, [first, others @ ..]) => {
            format!(" with a key ({first}, and accepts {})", listed(others))
        }
    }
}

fn push_view(text: &mut String, node: &Status, view: &ViewStatus) {
    let members = |ids: &[u16]| listed(ids.iter().map(|id| member(node, *id)));
    let lease = time_in_tenths(view.lease_ms);
    let left = match view.left_ms {
        Some(left) => format!("{} left of the lease of {lease}", time_in_tenths(left)),
        None => format!(
            "no lease of {lease}: no majority acknowledges this member, and no entry is made here"
        ),
    };
    let _ = match view.number {
        Some(number) => writeln!(
            text,
            "view {} of {}, {left}",
            shown_number(number),
            members(&view.members)
        ),
        None => writeln!(text, "in no view, {left}"),
    };
    for out in &view.out {
        let _ = writeln!(text, "  without {}: {}", member(node, out.id), out.why);
    }
    for change in view.recent.iter().rev().take(MAX_CHANGES) {
        let (number, ago) = (shown_number(change.number), time(change.ago_ms));
        let of = members(&change.members);
        let _ = writeln!(text, "  joined view {number} of {of} {ago} ago");
    }
}

fn shown_number((counter, proposer): (u64, u16)) -> String {
    format!("{counter}.{proposer}")
}

fn time_in_tenths(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}

fn push_locks(text: &mut String, status: &AgentStatus) {
    let (node, group) = (&status.node, &status.group);
    let of_group = group.iter().flat_map(|group| &group.locks);
    let mut names: Vec<&str> = node.locks.iter().map(|lock| lock.name.as_str()).collect();
    names.extend(status.clients.iter().map(|client| client.lock.as_str()));
    names.extend(of_group.clone().map(|lock| lock.name.as_str()));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        text.push_str(match group {
            Some(_) => "\nno lock is held or wanted\n",
            None => "\nno lock is held or wanted here\n",
        });
    }
    for name in names {
        let holder = group.iter().find_map(|group| group.holder(name));
        push_lock(text, name, node, holder.map(|it| member(node, it.member)));
        match group {
            Some(group) => {
                for caller in group.callers_of(name) {
                    push_caller(
                        text,
                        &caller.caller,
                        &format!(" on {}", member(node, caller.member)),
                    );
                }
            }
            None => {
                let clients = status.clients.iter().filter(|client| client.lock == name);
                clients.for_each(|client| push_caller(text, &client.into(), ""));
            }
        }
        let lock = of_group.clone().find(|lock| lock.name == name);
        if let Some(lock) = lock.filter(|lock| !lock.deadlock.is_empty()) {
            push_deadlock(text, lock);
        }
    }
    let Some(group) = group else {
        return;
    };
    if group.left_out > 0 {
        let _ = writeln!(text, "\n{} more callers are not shown", group.left_out);
    }
    if !group.unanswered.is_empty() {
        let members = listed(group.unanswered.iter().map(|id| member(node, *id)));
        let _ = writeln!(
            text,
            "\n{members} did not answer: what is held or wanted there is not shown"
        );
    }
}

/// `  deadlock, a circle of waits: the holder of a waits for b, the holder of b waits for a; end
/// one of these commands`.
fn push_deadlock(text: &mut String, lock: &GroupLock) {
    let next = lock.deadlock.iter().cycle().skip(1);
    let waits = lock.deadlock.iter().zip(next);
    let waits = waits.map(|(held, awaited)| {
        let (held, awaited) = (shown_lock(held), shown_lock(awaited));
        format!("the holder of {held} waits for {awaited}")
    });
    let _ = writeln!(
        text,
        "  deadlock, a circle of waits: {}; end one of these commands",
        waits.collect::<Vec<_>>().join(", ")
    );
}

fn shown_lock(name: &str) -> String {
    Printable::whole(lock_called(name).as_bytes()).to_string()
}

/// The state of this node; of a lock that it does not ask for, the member that holds it.
fn push_lock(text: &mut String, name: &str, node: &Status, holder: Option<String>) {
    let lock = node.locks.iter().find(|lock| lock.name == name);
    let name = shown_lock(name);
    let state = lock.map_or(LockState::Free, |lock| lock.state);
    let _ = match holder.filter(|_| state == LockState::Free) {
        Some(holder) => write!(text, "\n{name}: held by {holder}"),
        None => write!(text, "\n{name}: {state}"),
    };
    if let Some(lock) = lock {
        let members = |ids: &[u16]| listed(ids.iter().map(|id| member(node, *id)));
        if !lock.waits_for.is_empty() {
            let _ = write!(text, ", waits for {}", members(&lock.waits_for));
        }
        if !lock.deferred.is_empty() {
            let _ = write!(text, ", defers {}", members(&lock.deferred));
        }
    }
    text.push('\n');
}

/// `  holding for 3s on beta (2), token 17, process 812 of joe: ./backup`.
fn push_caller(text: &mut String, caller: &CallerReport, place: &str) {
    let token = caller.token.map(|token| format!(", token {token}"));
    let process = caller.pid.map(|pid| format!(", process {pid}"));
    let user = match (&caller.user, caller.uid) {
        (Some(name), _) => format!(" of {name}"),
        (None, Some(uid)) => format!(" of user {uid}"),
        (None, None) => String::new(),
    };
    let not_begun = if caller.not_begun {
        ", has not begun"
    } else {
        ""
    };
    let stopped = if caller.stopped { ", stopped" } else { "" };
    let mode = if caller.shared { ", shared" } else { "" };
    let mut line = format!(
        "{}{mode} for {}{place}{}{}{user}{not_begun}{stopped}",
        caller.state,
        time(caller.since_ms),
        token.unwrap_or_default(),
        process.unwrap_or_default()
    );
    if !caller.command.is_empty() {
        line.push_str(": ");
        line.push_str(&caller.command.join(" "));
    }
    let _ = writeln!(text, "  {}", Printable::whole(line.as_bytes()));
}

fn member(node: &Status, id: u16) -> String {
    let peer = node.peers.iter().find(|peer| peer.id == id);
    peer.map_or_else(|| format!("this member ({id})"), PeerStatus::shown_name)
}

fn push_peer(text: &mut String, peer: &PeerStatus) {
    let heard = match peer.heard_ms {
        Some(ms) => format!("heard {} ago", time(ms)),
        None => "not heard yet".to_owned(),
    };
    let fastest = peer
        .fastest_reply_us
        .map(|us| format!(", fastest reply {:.1} ms", us as f64 / 1e3));
    let again = (peer.sent_again > 0).then(|| format!(", sent again {}", peer.sent_again));
    let _ = writeln!(
        text,
        "  {} at {}: {heard}{}{}",
        peer.shown_name(),
        addresses(peer),
        fastest.unwrap_or_default(),
        again.unwrap_or_default()
    );
    if peer.is_closed {
        let _ = writeln!(
            text,
            "    its host says that the port is closed: no agent listens there"
        );
    }
    if peer.hears_us == Some(false) {
        let _ = writeln!(text, "    {}", peer.deafness());
    }
    if let Some(before) = &peer.moved_from {
        let _ = writeln!(text, "    {}", is_at_now(&peer.address, Some(before)));
    }
    if let Some(why) = &peer.not_found {
        let _ = writeln!(text, "    {}", Printable::whole(why.as_bytes()));
    }
    if let Some(why) = &peer.dropped {
        let _ = writeln!(text, "    datagrams in its name are dropped: {why}");
    }
}

/// The address in use; before it that of the list, if the peer's name does not show it.
fn addresses(peer: &PeerStatus) -> String {
    match peer.is_named && peer.name != peer.address {
        true => format!("{} [{}]", peer.name, peer.address),
        false if peer.address.is_empty() => "no known address".to_owned(),
        false => peer.address.clone(),
    }
}

fn time(ms: u64) -> String {
    humantime::format_duration(Duration::from_secs(ms / 1000)).to_string()
}
