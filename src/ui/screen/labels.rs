//! A node's state in words.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::engine::Status;
use crate::mutex::{LockName, NodeId, State};
use crate::narrate::counts;

/// The lock that a process at a terminal takes part in: the seed's.
static LOCK: LazyLock<LockName> = LazyLock::new(LockName::default);

/// A peer that was not heard for so long, though it owes us something, may be
/// gone. One that is there answers a request that is sent again, every two
/// seconds.
const LONG: Duration = Duration::from_secs(5);

/// One sentence on what the node is about.
pub(super) fn state(status: &Status<'_>) -> String {
    let for_how_long = seconds(status.in_state);
    let member = status.member;
    match member.state(&LOCK) {
        State::Free if member.is_awaiting_sync(&LOCK) => {
            let unsynced: Vec<String> = member.unsynced().iter().map(NodeId::to_string).collect();
            format!("must hear the clock of {} first", unsynced.join(", "))
        }
        State::Free if member.has_duplicate_id() => "another node claims our id".to_owned(),
        State::Free => "not asking for the section".to_owned(),
        State::Wait { missing, .. } => format!(
            "{} of {} replies missing, {for_how_long}",
            missing.len(),
            member.peers().len(),
        ),
        State::Held { token } => {
            let left = status
                .entry_ends
                .map(|ends| ends.saturating_duration_since(Instant::now()));
            let left = left.map_or(String::new(), |left| {
                // Rounded up: it shows 1 until it is over.
                format!(", {} more", seconds(left + Duration::from_millis(999)))
            });
            format!("in the section{left}, token {token}")
        }
    }
}

/// The figures, as many as there is room for.
pub(super) fn figures(status: &Status<'_>, width: u16) -> String {
    let last_request_clock = status
        .member
        .last_request_clock()
        .map_or_else(|| "none".to_owned(), |clock| clock.to_string());
    let mut figures = format!(
        "clock {}  lastRequestClock {last_request_clock}",
        status.member.clock()
    );
    let dropped: u64 = status.drops.values().sum();
    let mut more = vec![format!("  entries {}", status.entries)];
    if dropped > 0 {
        more.push(format!("  dropped {dropped}"));
        more.push(format!(" ({})", counts(status.drops)));
    }
    for figure in more {
        if figures.len() + figure.len() < usize::from(width) {
            figures.push_str(&figure);
        }
    }
    figures
}

/// What is between the node and one of its peers.
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Its part in our request.
    pub(super) reply: String,
    /// Our request waits for it.
    pub(super) is_missing: bool,
    /// Our part in its request: empty, or what it waits for.
    pub(super) waits: String,
}

impl Peer {
    /// Whether anybody waits for anybody.
    pub(super) fn is_busy(&self) -> bool {
        self.is_missing || !self.waits.is_empty()
    }
}

pub(super) fn peers(status: &Status<'_>) -> Vec<Peer> {
    let peers = status.member.peers().iter();
    peers.map(|id| peer(status, *id)).collect()
}

fn peer(status: &Status<'_>, id: NodeId) -> Peer {
    let member = status.member;
    let is_missing = match member.state(&LOCK) {
        State::Wait { missing, .. } => missing.contains(&id),
        State::Free => member.is_awaiting_sync(&LOCK) && member.unsynced().contains(&id),
        State::Held { .. } => false,
    };
    let heard = status.heard.get(&id).map(Instant::elapsed);
    let reply = match (member.state(&LOCK), heard) {
        (State::Free, _) if is_missing => "must tell its clock".to_owned(),
        (_, None) if is_missing => "owes me its reply, never heard".to_owned(),
        (_, Some(ago)) if is_missing && ago >= LONG => {
            format!("owes me its reply, silent {}", seconds(ago))
        }
        _ if is_missing => "owes me its reply".to_owned(),
        (State::Wait { .. }, _) => "has replied".to_owned(),
        (State::Free, _) if member.kept(&LOCK).contains(&id) => "permission kept".to_owned(),
        (_, None) => "not heard yet".to_owned(),
        _ => String::new(),
    };
    let queue = member.reply_queue(&LOCK).iter();
    let waits: Vec<String> = queue
        .filter(|deferred| deferred.request.id == id)
        .map(|deferred| format!("waits for mine to {}", deferred.request))
        .collect();
    Peer {
        id,
        reply,
        is_missing,
        waits: waits.join(", "),
    }
}

/// The keys, for the foot of the screen, and what they do; of the diagram's key
/// only if it does something.
pub(super) fn keys(id: NodeId, of_diagram: Option<&'static str>) -> Vec<(String, &'static str)> {
    let mut keys = vec![("x".to_owned(), "asks"), (id.to_string(), "ticks")];
    keys.extend(of_diagram.map(|does| ("d".to_owned(), does)));
    keys.push(("q".to_owned(), "quits"));
    keys
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// A moment, as the time since the start: `2.345`, later `1:02.345` and
/// `1:02:03.456`.
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
    fn a_moment_has_minutes_and_hours_where_there_are_any() {
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
