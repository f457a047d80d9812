use std::collections::HashMap;

use super::*;

#[test]
fn an_arrival_before_its_sending_is_a_contradiction() {
    let [one, two] = handed_over(entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    // The first also enters with a reply that the second sends as it leaves.
    let [two, one] = handed_over(two, one);
    let merged = History::new(&[one, two]);
    assert!(matches!(merged, Err(TraceError::Circle { .. })));
}

#[test]
fn vector_clocks_count_every_event_and_know_what_happened_before() {
    let (runs, ..) = played(&Plan::of(42), &Addresses::default());
    let history = History::new(&runs).unwrap();
    let mut clocks: HashMap<EventId, Vector> = HashMap::new();
    let mut all = VectorClocks::new(&history);
    let mut last = vec![0; usize::from(history.members())];
    while let Some((event_id, clock)) = all.advance() {
        let event = history.event(event_id);
        let own = usize::from(event.id) - 1;
        assert_eq!(clock[own], last[own] + 1);
        last[own] = clock[own];
        if let Some(origin) = event.origin {
            let mut pairs = clocks[&origin].iter().zip(clock);
            assert!(pairs.all(|(before, after)| before <= after));
        }
        clocks.insert(event_id, clock.clone());
    }
}

#[test]
fn a_datagram_to_a_node_without_a_trace_is_not_reported_lost() {
    let mut one = entry(1, 10, 2, 4);
    one.records[2].sent.push(reply(1, 2, 5).0);
    let (alone, report) = checked(&[one.clone()]);
    assert_eq!((report.messages, report.lost), (1, 0));
    let drawn = |history| svg(&Diagram::new(history, &View::default()).unwrap());
    assert!(!drawn(&alone).contains("did not arrive"));
    assert!(drawn(&alone).contains("reply&lt;5,1&gt;, to a node without a trace"));
    assert!(!mermaid(&alone, &[String::new()]).unwrap().contains("-x"));
    let (both, report) = checked(&[one, entry(2, 5, 1, 2)]);
    assert_eq!((report.messages, report.lost), (1, 1));
    assert!(drawn(&both).contains("reply&lt;5,1&gt; did not arrive"));
}

/// The pairs of sending and arrival, by the names of the events, of one datagram that
/// node 1 sends to node 2 at these times and that arrives at these.
fn paired(sendings: &[u64], arrivals: &[u64]) -> Vec<(String, String)> {
    let (sent, received) = reply(1, 2, 5);
    let run = |id, times: &[u64], record: &dyn Fn(u64) -> Record| {
        let mut run = Run::new(header(id));
        run.records = times.iter().map(|at| record(*at)).collect();
        run
    };
    let one = run(1, sendings, &|at| Record {
        sent: vec![sent.clone()],
        ..event(at, 5, Phase::Free, 0)
    });
    let two = run(2, arrivals, &|at| Record {
        event: EventKind::Received,
        message: Some(received.clone()),
        ..event(at, 6, Phase::Free, 0)
    });
    let history = History::new(&[one, two]).unwrap();
    let name = |event_id: Option<EventId>| {
        let name = event_id.map(|event_id| history.label(event_id).to_string());
        name.unwrap_or_else(|| "lost".to_owned())
    };
    let datagrams = history.datagrams.iter();
    let mut pairs: Vec<(String, String)> = datagrams
        .map(|datagram| {
            let again = if datagram.is_repeated { " again" } else { "" };
            (name(datagram.sent), name(datagram.received) + again)
        })
        .collect();
    pairs.sort();
    pairs
}

#[test]
fn of_a_datagram_that_was_sent_again_the_earlier_sending_was_lost() {
    let pairs = |sendings: &[u64], arrivals: &[u64], expected: &[(&str, &str)]| {
        let paired = paired(sendings, arrivals);
        let paired: Vec<(&str, &str)> = paired.iter().map(|(s, r)| (&**s, &**r)).collect();
        assert_eq!(paired, expected, "{sendings:?} {arrivals:?}");
    };
    pairs(&[10, 20], &[30], &[("0-0", "lost"), ("0-1", "1-0")]);
    // Not a sending after the arrival.
    pairs(&[10, 20], &[15], &[("0-0", "1-0"), ("0-1", "lost")]);
    // In order, not crosswise.
    pairs(
        &[10, 20],
        &[30, 40],
        &[("0-0", "1-0"), ("0-1", "1-1 again")],
    );
    // The network repeated the first: the second is still lost.
    pairs(
        &[10, 50],
        &[20, 30],
        &[("0-0", "1-0"), ("0-0", "1-1 again"), ("0-1", "lost")],
    );
    pairs(
        &[10, 25],
        &[20, 30, 40],
        &[("0-0", "1-0"), ("0-1", "1-1 again"), ("0-1", "1-2 again")],
    );
}

#[test]
fn no_arrow_of_a_datagram_sent_again_goes_back_in_time() {
    let (mut found, addresses) = (0, Addresses::default());
    for seed in 0..60 {
        let mut plan = Plan::of(seed);
        plan.misled = None;
        let history = History::new(&played(&plan, &addresses).0).unwrap();
        let mut rank = vec![0; history.order.len()];
        for (position, event_id) in history.order.iter().enumerate() {
            rank[event_id.index()] = position;
        }
        for datagram in &history.datagrams {
            let (Some(sent), Some(received)) = (datagram.sent, datagram.received) else {
                continue;
            };
            assert!(rank[sent.index()] < rank[received.index()], "seed {seed}");
            found += usize::from(history.event(received).origin != Some(sent));
        }
        let diagram = Diagram::new(&history, &View::default()).unwrap();
        for arrow in &diagram.arrows {
            if let (Some((sent, _)), Some((received, _))) = (arrow.sent, arrow.received) {
                assert!(sent < received, "seed {seed}: {}", arrow.text);
            }
        }
    }
    assert!(found > 100, "{found} that were not the first sending");
}
