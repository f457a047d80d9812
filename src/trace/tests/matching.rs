use super::*;

#[test]
fn what_arrives_before_it_is_sent_is_a_contradiction() {
    let (mut one, mut two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    handed_over(&mut one, &mut two);
    // And the first one enters with a reply that the second sends as it leaves.
    handed_over(&mut two, &mut one);
    let merged = History::new(&[one, two]);
    assert!(matches!(
        merged,
        Err(TraceError::Contradiction(Contradiction::Circle { .. }))
    ));
}

#[test]
fn vector_clocks_count_every_event_and_know_what_happened_before() {
    let (runs, ..) = played(&Plan::of(42), &Addresses::default());
    let history = History::new(&runs).unwrap();
    let mut clocks: Vec<(EventId, Vector)> = Vec::new();
    let mut all = VectorClocks::new(&history);
    while let Some((place, clock)) = all.advance() {
        clocks.push((place, clock.clone()));
    }
    let of = |place| {
        let found = clocks.iter().find(|(of, _)| *of == place);
        &found.unwrap().1
    };
    let mut last = vec![0; usize::from(history.members())];
    for (place, clock) in &clocks {
        let own = usize::from(history.event(*place).id) - 1;
        assert_eq!(clock[own], last[own] + 1);
        last[own] = clock[own];
        if let Some(origin) = history.event(*place).origin {
            assert!(
                of(origin)
                    .iter()
                    .zip(clock)
                    .all(|(before, after)| before <= after)
            );
        }
    }
}

#[test]
fn what_went_to_a_node_without_a_trace_is_not_said_to_be_lost() {
    let mut one = entry(1, 10, 2, 4);
    let (sent, _) = reply(1, 2, 5);
    one.records[2].sent.push(sent);
    let (alone, report) = judged(&[one.clone()]);
    assert_eq!((report.messages, report.lost), (1, 0));
    let drawn = |history| svg(&Diagram::new(history, &View::default()).unwrap());
    assert!(!drawn(&alone).contains("did not arrive"));
    assert!(drawn(&alone).contains("reply&lt;5,1&gt;, to a node without a trace"));
    assert!(!mermaid(&alone).unwrap().contains("-x"));
    let (both, report) = judged(&[one, entry(2, 5, 1, 2)]);
    assert_eq!((report.messages, report.lost), (1, 1));
    assert!(drawn(&both).contains("reply&lt;5,1&gt; did not arrive"));
}

/// The pairs of sending and arrival, by the names of the events, of what node 1
/// sends again and again to node 2: at these times, and these are the arrivals.
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
    let name = |place: Option<EventId>| {
        let place = place.map(|place| history.name(place).to_string());
        place.unwrap_or_else(|| "lost".to_owned())
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
fn of_the_same_datagram_sent_again_the_earlier_one_was_lost() {
    let pairs = |sendings: &[u64], arrivals: &[u64], expected: &[(&str, &str)]| {
        let paired = paired(sendings, arrivals);
        let paired: Vec<(&str, &str)> = paired.iter().map(|(s, r)| (&**s, &**r)).collect();
        assert_eq!(paired, expected, "{sendings:?} {arrivals:?}");
    };
    pairs(&[10, 20], &[30], &[("0-0", "lost"), ("0-1", "1-0")]);
    // Not one that had not been sent yet.
    pairs(&[10, 20], &[15], &[("0-0", "1-0"), ("0-1", "lost")]);
    // One after the other, and not crosswise.
    pairs(
        &[10, 20],
        &[30, 40],
        &[("0-0", "1-0"), ("0-1", "1-1 again")],
    );
    // The network has repeated the first: the second is lost nevertheless.
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
        let plan = Plan {
            misled: None,
            ..Plan::of(seed)
        };
        let history = History::new(&played(&plan, &addresses).0).unwrap();
        let mut rank = vec![0; history.order.len()];
        for (number, place) in history.order.iter().enumerate() {
            rank[place.index()] = number;
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
            if let (Some(left), Some(arrived)) = (arrow.from.1, arrow.to.1) {
                assert!(left < arrived, "seed {seed}: {}", arrow.text);
            }
        }
    }
    assert!(found > 100, "{found} that were not the first sending");
}
