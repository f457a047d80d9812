//! How an agent stands, in the text format of Prometheus.

use std::fmt::Write;

use super::protocol::AgentStatus;

/// The text, a metric a paragraph.
pub(super) fn text(status: &AgentStatus) -> String {
    let node = &status.node;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        if samples.is_empty() {
            return;
        }
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "# HELP turno_{name} {help}\n# TYPE turno_{name} {kind}"
        );
        for (labels, value) in samples {
            let _ = writeln!(text, "turno_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), as_float(value))];
    metric(
        "clock",
        "counter",
        "The node's Lamport clock.",
        one(node.clock),
    );
    metric(
        "entries_total",
        "counter",
        "Entries into critical sections.",
        one(node.entries),
    );
    let of_state = |state: &str| {
        let clients = status.clients.iter().filter(|it| it.state == state);
        (label("state", state), clients.count() as f64)
    };
    let clients = ["holding", "waiting", "ending"].map(of_state);
    metric(
        "clients",
        "gauge",
        "Clients that hold or want a lock.",
        clients.into(),
    );
    let waits_for = node.peers.iter().map(|peer| {
        let id = peer.id;
        let kept = node
            .locks
            .iter()
            .filter(|lock| lock.waits_for.contains(&id));
        (label("peer", &id.to_string()), kept.count() as f64)
    });
    let help = "Locks for which this node waits for a peer's reply.";
    metric("locks_waiting_for_peer", "gauge", help, waits_for.collect());
    let of_peers = |value: fn(&crate::PeerStatus) -> Option<f64>| {
        let peers = node.peers.iter();
        let sample =
            |peer: &crate::PeerStatus| Some((label("peer", &peer.id.to_string()), value(peer)?));
        peers.filter_map(sample).collect::<Vec<_>>()
    };
    let heard = of_peers(|peer| peer.heard_ms.map(|ms| as_float(ms) / 1e3));
    let help = "How long ago a peer was heard.";
    metric("peer_heard_seconds", "gauge", help, heard);
    let reply = of_peers(|peer| peer.fastest_reply_us.map(|us| as_float(us) / 1e6));
    let help = "How long the fastest reply of a peer took.";
    metric("peer_fastest_reply_seconds", "gauge", help, reply);
    let again = of_peers(|peer| Some(as_float(peer.sent_again)));
    let help = "Datagrams that were sent to a peer again, for want of an answer.";
    metric("peer_sent_again_total", "counter", help, again);
    let dropped = node.dropped.iter();
    let dropped = dropped.map(|(cause, count)| (label("cause", cause), as_float(*count)));
    metric(
        "dropped_total",
        "counter",
        "Datagrams that were dropped.",
        dropped.collect(),
    );
    text
}

fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n");
    format!("{{{name}=\"{value}\"}}")
}

/// A count, as near as a float gets.
fn as_float(count: u64) -> f64 {
    count as f64
}
