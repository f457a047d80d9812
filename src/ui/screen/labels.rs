//! The state of a node, as short texts.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::engine::Snapshot;
use crate::mutex::{LockName, NodeId, State};
use crate::narrate::{counts, listed};
use crate::system::boot_clock;
use crate::views::Views;

/// The lock of a process at a terminal: the original's.
static LOCK: LazyLock<LockName> = LazyLock::new(LockName::default);

/// After how long a silent peer whose reply is missing may be down: a peer that is up
/// answers the resent request, every two seconds.
const LONG: Duration = Duration::from_secs(5);

/// The state in one sentence.
pub(super) fn state(snapshot: &Snapshot<'_>) -> String {
    let member = snapshot.member;
    match member.state(&LOCK) {
        State::Free if member.is_awaiting_sync(&LOCK) => {
            format!("waits for the clock of {}", listed(member.unsynced()))
        }
        State::Free if member.has_duplicate_id() => "another node has our id".to_owned(),
        State::Free => "not asking for the section".to_owned(),
        State::Wait { missing, .. } => format!(
            "{} of {} replies missing, {}",
            missing.len(),
            member.view_peers().len(),
            seconds(snapshot.in_state),
        ),
        State::Held { token, .. } => {
            let left = snapshot.entry_ends.map_or(String::new(), |ends| {
                let left = ends.saturating_duration_since(Instant::now());
                // Rounded up: it shows 1 until the end.
                format!(", {} more", seconds(left + Duration::from_millis(999)))
            });
            format!("in the section{left}, token {token}")
        }
    }
}

/// The clocks, and as many of the counts as fit.
pub(super) fn figures(snapshot: &Snapshot<'_>, width: u16) -> String {
    let (clock, last_request_clock) = (
        snapshot.member.clock(),
        snapshot.member.last_request_clock(),
    );
    let last_request_clock =
        last_request_clock.map_or_else(|| "none".to_owned(), |clock| clock.to_string());
    let mut figures = format!("clock {clock}  lastRequestClock {last_request_clock}");
    let dropped: u64 = snapshot.drops.values().sum();
    let mut more = vec![format!("  entries {}", snapshot.entries)];
    if dropped > 0 {
        more.push(format!("  dropped {dropped}"));
        more.push(format!(" ({})", counts(snapshot.drops)));
    }
    for figure in more {
        if figures.len() + figure.len() < usize::from(width) {
            figures.push_str(&figure);
        }
    }
    figures
}

/// The title of the list of peers: with failover, the view and what is left of the lease.
pub(super) fn peers_title(snapshot: &Snapshot<'_>) -> String {
    let member = snapshot.member;
    let Some(views) = member.views() else {
        return " peers ".to_owned();
    };
    let all = views.members().len();
    let view = views.view().map_or_else(
        || "in no view".to_owned(),
        |view| format!("view {} ({} of {all})", view.number, view.members.len()),
    );
    let until = member.leased_until().unwrap_or_default();
    let left = until.since(boot_clock::now());
    let lease = if left.is_zero() {
        "no lease".to_owned()
    } else {
        format!("lease {:.1} s", left.as_secs_f64())
    };
    format!(" peers: {view}, {lease} ")
}

/// A peer, as the list of peers shows it.
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Its part in our request.
    pub(super) reply: String,
    /// Our request waits for it.
    pub(super) is_missing: bool,
    /// Its requests that we have deferred; empty if there is none.
    pub(super) deferred: String,
}

pub(super) fn peers(snapshot: &Snapshot<'_>) -> Vec<Peer> {
    let peers = snapshot.member.peers().iter();
    peers.map(|id| peer(snapshot, *id)).collect()
}

fn peer(snapshot: &Snapshot<'_>, id: NodeId) -> Peer {
    let member = snapshot.member;
    let is_missing = match member.state(&LOCK) {
        State::Wait { missing, .. } => missing.contains(&id),
        State::Free => member.is_awaiting_sync(&LOCK) && member.unsynced().contains(&id),
        State::Held { .. } => false,
    };
    let view = member.views().and_then(Views::view);
    let is_out = view.is_some_and(|view| !view.members.contains(&id));
    let heard = snapshot.heard.get(&id).map(Instant::elapsed);
    let reply = match (member.state(&LOCK), heard) {
        _ if is_out => "out of the view".to_owned(),
        (State::Free, _) if is_missing => "clock missing".to_owned(),
        (_, None) if is_missing => "reply missing, never heard".to_owned(),
        (_, Some(ago)) if is_missing && ago >= LONG => {
            format!("reply missing, silent {}", seconds(ago))
        }
        _ if is_missing => "reply missing".to_owned(),
        (State::Wait { .. }, _) => "has replied".to_owned(),
        (State::Free, _) if member.kept(&LOCK).exclusive().contains(&id) => {
            "permission kept".to_owned()
        }
        (_, None) => "not heard yet".to_owned(),
        _ => String::new(),
    };
    let queue = member.reply_queue(&LOCK).iter();
    let deferred = queue.filter(|deferred| deferred.request.id == id);
    let deferred = deferred.map(|deferred| format!("request {} deferred", deferred.request));
    Peer {
        id,
        reply,
        is_missing,
        deferred: listed(deferred),
    }
}

/// The keys and their actions, for the foot of the screen; the key of the diagram only
/// if it has one.
pub(super) fn keys(
    id: NodeId,
    of_diagram: Option<&'static str>,
    has_help: bool,
) -> Vec<(String, &'static str)> {
    let mut keys = vec![("x".to_owned(), "asks"), (id.to_string(), "ticks")];
    keys.extend(of_diagram.map(|action| ("d".to_owned(), action)));
    keys.extend(has_help.then(|| ("?".to_owned(), "help")));
    keys.push(("q".to_owned(), "quits"));
    keys
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// A time since the start: `2.345`, later `1:02.345` and `1:02:03.456`.
pub(super) fn moment(after: Duration) -> String {
    let seconds = after.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let milliseconds = after.subsec_millis();
    match (hours, minutes) {
        (0, 0) => format!("{seconds}.{milliseconds:03}"),
        (0, _) => format!("{minutes}:{seconds:02}.{milliseconds:03}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{milliseconds:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_minutes_and_hours_only_if_they_are_not_zero() {
        for (milliseconds, shown) in [
            (0, "0.000"),
            (59_999, "59.999"),
            (60_000, "1:00.000"),
            (3_599_999, "59:59.999"),
            (3_723_004, "1:02:03.004"),
        ] {
            assert_eq!(moment(Duration::from_millis(milliseconds)), shown);
        }
    }
}
