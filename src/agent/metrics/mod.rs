//! The status of an agent, in the text format of Prometheus.

mod locks;

use std::fmt::Write;

use super::protocol::AgentStatus;
use super::usage::Usage;
use crate::PeerStatus;
use crate::wire::CALLER_STATES;

/// Returns all metrics.
pub(super) fn text(status: &AgentStatus, usage: &Usage) -> String {
    let node = &status.node;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        let samples = samples.into_iter();
        let samples = samples.map(|(labels, value)| format!("{labels} {value}"));
        push(&mut text, name, kind, help, samples);
    };
    let one = |value: u64| vec![(String::new(), value as f64)];
    let by_peer = |value: &dyn Fn(&PeerStatus) -> Option<f64>| -> Vec<(String, f64)> {
        let sample = |peer: &PeerStatus| Some((label("peer", &peer.id.to_string()), value(peer)?));
        node.peers.iter().filter_map(sample).collect()
    };
    let help = "The node's Lamport clock.";
    metric("clock", "counter", help, one(node.clock));
    if let Some(view) = &node.view {
        let help = "Counter of the number of the view; 0 before the first change.";
        let number = view.number.map_or(0, |(counter, _)| counter);
        metric("view", "gauge", help, one(number));
        let help = "Members in the view; 0 if this member is in none.";
        let members = u64::try_from(view.members.len()).unwrap_or(u64::MAX);
        metric("view_members", "gauge", help, one(members));
        let help = "Views that this member has joined since it was started.";
        metric("view_changes_total", "counter", help, one(view.changes));
        let help = "Seconds that are left of the membership lease; 0 without one.";
        let left = view.left_ms.unwrap_or(0) as f64 / 1e3;
        metric("lease_seconds", "gauge", help, vec![(String::new(), left)]);
    }
    let help = "Entries into critical sections.";
    metric("entries_total", "counter", help, one(node.entries));
    let clients = CALLER_STATES.map(|state| {
        let clients = status.clients.iter().filter(|it| it.state == state);
        (label("state", state), clients.count() as f64)
    });
    let help = "Clients that hold or want a lock.";
    metric("clients", "gauge", help, clients.into());
    let waiting = by_peer(&|peer| {
        let waiting = |lock: &&crate::LockStatus| lock.waits_for.contains(&peer.id);
        Some(node.locks.iter().filter(waiting).count() as f64)
    });
    let help = "Locks for which this node waits for the permission of a peer.";
    metric("locks_waiting_for_peer", "gauge", help, waiting);
    let peers = node.peers.iter().map(|peer| {
        let id = peer.id.to_string();
        let labels = [
            ("peer", &*id),
            ("name", &*peer.called),
            ("address", &*peer.name),
        ];
        (labelled(&labels), 1.0)
    });
    let help = "The name of a peer and its address in the member list; always 1.";
    metric("peer_info", "gauge", help, peers.collect());
    let up = by_peer(&|peer| peer.is_up.map(|is_up| f64::from(u8::from(is_up))));
    let help = "Whether a peer is up, as far as this node can tell.";
    metric("peer_up", "gauge", help, up);
    let hears_us = by_peer(&|peer| peer.hears_us.map(|hears| f64::from(u8::from(hears))));
    let help = "Whether a peer hears this node, as the peer says.";
    metric("peer_hears_us", "gauge", help, hears_us);
    let heard = by_peer(&|peer| peer.heard_ms.map(|ms| ms as f64 / 1e3));
    let help = "Seconds since a valid datagram of a peer arrived.";
    metric("peer_heard_seconds", "gauge", help, heard);
    let reply = by_peer(&|peer| peer.fastest_reply_us.map(|us| us as f64 / 1e6));
    let help = "The shortest round trip to a peer.";
    metric("peer_fastest_reply_seconds", "gauge", help, reply);
    let again = by_peer(&|peer| Some(peer.sent_again as f64));
    let help = "Datagrams that were sent to a peer again because no answer came.";
    metric("peer_sent_again_total", "counter", help, again);
    let dropped = node.dropped.iter();
    let dropped = dropped.map(|(cause, count)| (label("cause", cause), *count as f64));
    let help = "Datagrams that were dropped.";
    metric("dropped_total", "counter", help, dropped.collect());
    locks::push_all(&mut text, status, usage);
    text
}

/// Appends a metric; nothing if it has no samples. A sample begins with what follows the
/// name of the metric.
fn push(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl Iterator<Item = String>,
) {
    for (index, sample) in samples.enumerate() {
        // Writing to a string does not fail.
        if index == 0 {
            let _ = writeln!(
                text,
                "# HELP turno_{name} {help}\n# TYPE turno_{name} {kind}"
            );
        }
        let _ = writeln!(text, "turno_{name}{sample}");
    }
}

fn label(name: &str, value: &str) -> String {
    labelled(&[(name, value)])
}

fn labelled(labels: &[(&str, &str)]) -> String {
    let labels = labels.iter().map(|(name, value)| {
        let value = value
            .replace('\\', r"\\")
            .replace('"', r#"\""#)
            .replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    });
    let labels: Vec<String> = labels.collect();
    format!("{{{}}}", labels.join(","))
}
