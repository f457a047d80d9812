//! A node's state in words.

use std::time::{Duration, Instant};

use crate::mutex::{NodeId, State};
use crate::node::Status;

/// One sentence on what the node is about.
pub(super) fn state(status: &Status<'_>) -> String {
    let for_how_long = seconds(status.in_state);
    match status.mutex.state() {
        State::Free => "not asking for the section".to_owned(),
        State::Wait { missing, .. } => format!(
            "{} of {} replies missing, {for_how_long}",
            missing.len(),
            status.mutex.peers().count(),
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
pub(super) fn clocks(status: &Status<'_>, width: u16) -> String {
    let last_request_clock = status
        .mutex
        .last_request_clock()
        .map_or_else(|| "none".to_owned(), |clock| clock.to_string());
    let mut figures = format!(
        "clock {}  lastRequestClock {last_request_clock}",
        status.mutex.clock()
    );
    let entries = format!("  entries {}", status.entries);
    if figures.len() + entries.len() < usize::from(width) {
        figures.push_str(&entries);
    }
    figures
}

/// What is between the node and one of its peers.
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Its part in our request.
    pub(super) reply: &'static str,
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
    let mutex = status.mutex;
    mutex
        .peers()
        .map(|(id, origin)| {
            let is_missing = match mutex.state() {
                State::Wait { missing, .. } => missing.contains(&id),
                State::Free | State::Held { .. } => false,
            };
            let reply = match mutex.state() {
                _ if is_missing => "owes me its reply",
                State::Wait { .. } => "has replied",
                _ if origin.is_none() => "not heard yet",
                _ => "",
            };
            let waits = mutex
                .reply_queue()
                .iter()
                .filter(|deferred| deferred.request.id == id)
                .map(|deferred| format!("waits for mine to {}", deferred.request))
                .collect();
            Peer {
                id,
                reply,
                is_missing,
                waits,
            }
        })
        .collect()
}

/// The keys, for the foot of the screen.
pub(super) fn keys(id: NodeId) -> [(String, &'static str); 3] {
    [
        ("x".to_owned(), "asks"),
        (id.to_string(), "ticks"),
        ("q".to_owned(), "quits"),
    ]
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
