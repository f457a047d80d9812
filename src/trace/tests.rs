use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::mutex::planted::Planted;
use crate::simulation::{Addresses, Figures, Kind as Member, Plan, Recording, Violation, play};

fn header(id: u16) -> Header {
    Header {
        turno_trace: VERSION,
        id,
        members: 2,
        run: format!("{id:016x}"),
    }
}

/// An event after which the state is this one.
fn event(at: u64, clock: u64, state: Phase, number: u64) -> Record {
    Record {
        at,
        event: Occasion::Tick,
        message: None,
        ignored: None,
        because: None,
        lock: None,
        clock,
        state,
        request: (state == Phase::Wait).then_some(number),
        token: (state == Phase::Held).then_some(number),
        queue: Vec::new(),
        sent: Vec::new(),
    }
}

/// One that enters with this token and leaves.
fn entry(id: u16, at: u64, request: u64, token: u64) -> Run {
    let mut run = Run::new(header(id));
    run.records = vec![
        event(at, request, Phase::Wait, request),
        event(at + 1, token, Phase::Held, token),
        event(at + 2, token + 1, Phase::Free, 0),
    ];
    run
}

fn reply(from: u16, to: u16, clock: u64) -> (Said, Said) {
    let said = |peer| Said {
        peer,
        kind: Kind::Reply,
        clock,
        echo: Some(7),
        lock: None,
        run: Some(header(from).run),
    };
    (said(to), said(from))
}

/// A request, as its sender has it.
fn request(from: u16, to: u16, clock: u64) -> Said {
    Said {
        kind: Kind::Request,
        echo: None,
        ..reply(from, to, clock).0
    }
}

/// The second's entry, which the first lets in as it leaves.
fn handed_over(first: &mut Run, second: &mut Run) {
    let (sent, received) = reply(first.header.id, second.header.id, first.records[2].clock);
    first.records[2].sent.push(sent);
    second.records[1].event = Occasion::Received;
    second.records[1].message = Some(received);
}

fn judged(runs: &[Run]) -> (History, Report) {
    let history = History::new(runs).unwrap();
    let report = check(&history);
    (history, report)
}

#[test]
fn an_entry_that_the_last_holder_let_in_is_clean_whatever_the_machines_clocks_say() {
    let (mut one, mut two) = (entry(1, 1000, 2, 4), entry(2, 10, 3, 6));
    handed_over(&mut one, &mut two);
    let (history, report) = judged(&[one, two]);
    assert!(report.is_clean(), "{}", report.tell(&history));
    assert_eq!(report.entries.len(), 2);
    assert!(report.gaps.is_empty());
    let told = report.tell(&history).to_string();
    assert!(told.ends_with("no clock ran backwards"), "{told}");
    assert!(told.contains("node 2: 1 entries"), "{told}");
}

#[test]
fn two_entries_of_which_neither_knows_the_other_are_a_section_held_twice() {
    let (history, report) = judged(&[entry(1, 10, 2, 4), entry(2, 500, 3, 6)]);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
    let told = report.tell(&history).to_string();
    assert!(told.contains("VIOLATION: held twice"), "{told}");
    assert!(told.contains("node 2, line 3: {\"at\":501,"), "{told}");
    assert!(told.ends_with("the trace is whole: this is a true violation"));
}

#[test]
fn a_later_entry_needs_a_larger_token() {
    for token in [4, 3] {
        let (mut one, mut two) = (entry(1, 10, 2, 4), entry(2, 500, 1, token));
        handed_over(&mut one, &mut two);
        let (_, report) = judged(&[one, two]);
        assert!(
            matches!(report.faults[..], [Fault::TokenDidNotRise(_)]),
            "{token}"
        );
    }
}

#[test]
fn an_older_request_goes_first() {
    let (mut one, mut two) = (entry(1, 10, 3, 4), entry(2, 500, 2, 6));
    handed_over(&mut one, &mut two);
    let (_, report) = judged(&[one.clone(), two.clone()]);
    assert!(report.is_clean(), "it had kept the other one's permission");
    one.records[0].sent.push(request(1, 2, 3));
    let (_, report) = judged(&[one, two]);
    assert!(matches!(report.faults[..], [Fault::Overtaken(_)]));
}

#[test]
fn an_entry_whose_end_is_not_in_the_trace_is_no_violation() {
    let (mut one, mut two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    handed_over(&mut one, &mut two);
    // The disk is full: that it left, and what it sent then, is not written down.
    one.records.truncate(2);
    let (history, report) = judged(&[one.clone(), two.clone()]);
    assert!(report.is_clean(), "{}", report.tell(&history));
    assert_eq!(report.gaps, [Gap::NotSent(1, header(1).run)]);
    // Killed there, it has sent nothing: then the other must not have entered.
    two.records[1].message = None;
    let (_, report) = judged(&[one, two]);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
}

#[test]
fn a_clock_that_runs_backwards_is_quoted() {
    let mut one = entry(1, 10, 3, 5);
    one.records[2].clock = 4;
    let (history, report) = judged(&[one]);
    assert_eq!(
        report.faults,
        [Fault::ClockWentBack(Place::new(2).unwrap())]
    );
    assert!(
        report
            .tell(&history)
            .to_string()
            .contains("node 1, line 4: ")
    );
}

#[test]
fn what_is_not_in_the_trace_is_said() {
    let mut two = entry(2, 500, 3, 6);
    handed_over(&mut entry(1, 10, 2, 4), &mut two);
    let (history, report) = judged(&[two]);
    assert!(report.is_clean());
    assert_eq!(report.gaps, [Gap::NoTrace(1), Gap::NoRun(1, header(1).run)]);
    assert!(
        report
            .tell(&history)
            .to_string()
            .contains("as far as the trace goes: ")
    );
}

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

/// Plays a plan; its trace, and whether the judge was content.
fn played(plan: &Plan, addresses: &Addresses) -> (Vec<Run>, Figures, Result<(), Violation>) {
    let mut recording = Recording::default();
    let (figures, judged) = play(plan, addresses, Some(&mut recording));
    recording
        .runs
        .sort_by_key(|run| (run.header.id, run.header.run.clone()));
    (recording.runs, figures, judged)
}

#[test]
fn the_traces_of_what_the_simulation_finds_good_are_clean() {
    let addresses = Addresses::default();
    for seed in 0..150 {
        // Traces of nodes with different member lists are of different groups.
        let plan = Plan {
            odd: None,
            ..Plan::of(seed)
        };
        let (runs, figures, _) = played(&plan, &addresses);
        let (history, report) = judged(&runs);
        assert!(report.is_clean(), "seed {seed}:\n{}", report.tell(&history));
        if !plan.members.contains(&Member::Seed) {
            assert_eq!(report.entries.len() as u64, figures.entries, "seed {seed}");
            // What crashed before it was sent is in the trace, and did not arrive.
            assert!(figures.crashes > 0 || report.gaps.is_empty(), "seed {seed}");
        }
        let drawn = || svg(&Diagram::new(&history, &View::default()).unwrap());
        assert_eq!(drawn(), drawn());
    }
}

#[test]
fn the_traces_of_two_holders_show_them() {
    let addresses = Addresses::default();
    let mut found = 0;
    for bug in [
        Planted::RepliesCounted,
        Planted::NoTieBreak,
        Planted::RepliesWhileWaiting,
    ] {
        for seed in 0..60 {
            let plan = Plan {
                planted: Some(bug),
                ..Plan::of(seed)
            };
            let (runs, _, violation) = played(&plan, &addresses);
            let Err(Violation::TwoHolders { .. }) = violation else {
                continue;
            };
            // A holder that is a process of the original leaves no trace.
            if plan.members.contains(&Member::Seed) {
                continue;
            }
            let (history, report) = judged(&runs);
            let shows =
                |fault: &Fault| matches!(fault, Fault::HeldTwice(_) | Fault::TokenDidNotRise(_));
            assert!(
                report.faults.iter().any(shows),
                "{bug:?}, seed {seed}:\n{}",
                report.tell(&history)
            );
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn vector_clocks_count_every_event_and_know_what_happened_before() {
    let (runs, ..) = played(&Plan::of(42), &Addresses::default());
    let history = History::new(&runs).unwrap();
    let mut clocks: Vec<(Place, Vector)> = Vec::new();
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

fn write_file(folder: &Path, run: &Run) -> String {
    let path = folder.join(run.header.file_name());
    run.write(fs::File::create(&path).unwrap()).unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_trace_is_read_as_it_was_written_and_half_a_line_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    let text = write_file(folder.path(), &one);
    write_file(folder.path(), &two);
    fs::write(folder.path().join("notes.txt"), "none of ours").unwrap();
    let history = History::read(folder.path(), |_| {}).unwrap();
    let records = history.places().map(|place| history.record(place).unwrap());
    let written = one.records.iter().chain(&two.records).cloned();
    assert_eq!(records.collect::<Vec<_>>(), written.collect::<Vec<_>>());
    assert_eq!(
        (&history.runs[0].header, &history.runs[1].header),
        (&one.header, &two.header)
    );

    let path = folder.path().join(one.header.file_name());
    fs::write(&path, &text[..text.len() - 9]).unwrap();
    let history = History::read(folder.path(), |_| {}).unwrap();
    assert_eq!((history.order.len(), history.runs[0].is_cut), (5, true));
    let last = history.record(Place::new(1).unwrap()).unwrap();
    assert_eq!(last, one.records[1]);
}

#[test]
fn what_is_no_trace_is_refused_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = || {
        let read = History::read(folder.path(), |_| {});
        read.unwrap_err().to_string()
    };
    assert!(error().contains("no node-*.jsonl in "), "{}", error());
    let text = write_file(folder.path(), &entry(1, 10, 2, 4));
    let path = folder.path().join(header(1).file_name());
    fs::write(&path, text.replacen("\"FREE\"", "\"DONE\"", 1)).unwrap();
    assert!(
        error().contains(".jsonl, line 4: unknown variant `DONE`"),
        "{}",
        error()
    );
    fs::write(&path, text.replacen(":1,", ":2,", 1)).unwrap();
    let expected = ".jsonl, line 1: its format is version 2, and this turno reads version 1";
    assert!(error().ends_with(expected), "{}", error());
}

#[test]
fn a_drawing_is_of_the_nodes_the_lock_and_the_time_that_were_asked_for() {
    let (mut one, mut two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    handed_over(&mut one, &mut two);
    let history = History::new(&[one, two]).unwrap();
    let all = Diagram::new(&history, &View::default()).unwrap();
    assert_eq!((all.lanes.len(), all.arrows.len()), (2, 1));
    let held = |lane: &Lane| lane.stays.iter().any(|stay| stay.number == Some(4));
    assert!(held(&all.lanes[0]));
    let part = |view: View| Diagram::new(&history, &view).unwrap();
    let of_two = part(View {
        nodes: BTreeSet::from([2]),
        ..View::default()
    });
    assert_eq!(
        (of_two.lanes.len(), of_two.lanes[0].id, of_two.arrows.len()),
        (1, 2, 0)
    );
    let late = part(View {
        from: Some(400),
        ..View::default()
    });
    assert_eq!(late.lanes[0].dots.len(), 0);
    assert_eq!(late.lanes[1].dots.len(), 3);
    let of_a_lock = part(View {
        lock: "nightly".to_owned(),
        ..View::default()
    });
    assert!(of_a_lock.lanes.iter().all(|lane| lane.stays.is_empty()));
}

#[test]
fn no_text_breaks_a_drawing() {
    let mut one = entry(1, 10, 2, 4);
    one.records[1].queue.push((3, 2));
    one.records[1].because = Some("<script>&\"'\u{1b}[2J\u{0}".to_owned());
    let history = History::new(&[one]).unwrap();
    let view = View {
        lock: String::new(),
        ..View::default()
    };
    let mut diagram = Diagram::new(&history, &view).unwrap();
    diagram.lock = "</title>\u{7}".to_owned();
    let drawn = svg(&diagram);
    assert!(
        drawn.contains(r"&lt;script&gt;&amp;&quot;'\u{1b}[2J\u{0}"),
        "{drawn}"
    );
    assert!(drawn.contains(r"lock &lt;/title&gt;\u{7}"), "{drawn}");
}

#[test]
fn for_shiviz_every_hosts_clock_starts_at_1_and_rises_by_1() {
    let (runs, ..) = played(&Plan::of(42), &Addresses::default());
    let history = History::new(&runs).unwrap();
    let text = shiviz(&history).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})")
    );
    assert_eq!(lines.next(), Some(""));
    let mut last: std::collections::BTreeMap<String, u64> = Default::default();
    let mut events = 0;
    while let (Some(_event), Some(line)) = (lines.next(), lines.next()) {
        let (host, clock) = line.split_once(' ').unwrap();
        let clock: std::collections::BTreeMap<String, u64> = serde_json::from_str(clock).unwrap();
        let own = last.entry(host.to_owned()).or_default();
        assert_eq!(clock[host], *own + 1);
        *own += 1;
        events += 1;
    }
    assert_eq!(events, history.order.len());
}

#[test]
fn for_mermaid_signs_of_its_own_are_words() {
    let (mut one, mut two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    handed_over(&mut one, &mut two);
    let (sent, _) = reply(1, 2, 9);
    one.records[2].sent.push(sent);
    let text = mermaid(&History::new(&[one, two]).unwrap()).unwrap();
    assert_eq!(
        text,
        "sequenceDiagram\n  participant 1\n  participant 2\n  Note over 1: HELD, token 4\n  \
         1-x2: reply#lt;9,1#gt;\n  Note over 1: left\n  1-->>2: reply#lt;5,1#gt;\n  \
         Note over 2: HELD, token 6\n  Note over 2: left\n"
    );
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
        event: Occasion::Received,
        message: Some(received.clone()),
        ..event(at, 6, Phase::Free, 0)
    });
    let history = History::new(&[one, two]).unwrap();
    let name = |place: Option<Place>| {
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
            odd: None,
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
            if let (Some((_, left)), Some(arrived)) = (arrow.from, arrow.to.1) {
                assert!(left < arrived, "seed {seed}: {}", arrow.text);
            }
        }
    }
    assert!(found > 100, "{found} that were not the first sending");
}

#[test]
fn an_entry_may_have_asked_nobody_or_only_some() {
    // 1 enters and leaves, and has what it needs to enter once more at once; then
    // it lets 2 in.
    let mut one = entry(1, 10, 2, 4);
    one.records[0].event = Occasion::Acquire;
    one.records.push(Record {
        event: Occasion::Acquire,
        ..event(20, 6, Phase::Held, 6)
    });
    one.records.push(event(25, 7, Phase::Free, 0));
    let mut two = entry(2, 500, 3, 9);
    let (sent, received) = reply(1, 2, 7);
    one.records[4].sent.push(sent);
    two.records[1].event = Occasion::Received;
    two.records[1].message = Some(received);
    let (history, report) = judged(&[one, two]);
    assert!(report.is_clean(), "{}", report.tell(&history));
    let entries = &report.entries;
    assert_eq!((entries.len(), entries[1].request), (3, None));
    assert_eq!(entries[1].asked, entries[1].entered, "it did not wait");
    assert_eq!(entries[0].left, Place::new(2));
    let drawn = Diagram::new(&history, &View::default()).unwrap();
    let tokens = drawn.lanes[0].stays.iter().filter_map(|stay| stay.number);
    assert_eq!(tokens.collect::<Vec<_>>(), [2, 4, 6]);
}

#[test]
fn a_file_that_has_become_shorter_is_said_so_where_a_line_of_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let one = entry(1, 10, 3, 5);
    let text = write_file(folder.path(), &one);
    let history = History::read(folder.path(), |_| {}).unwrap();
    fs::write(folder.path().join(one.header.file_name()), &text[..99]).unwrap();
    let error = Diagram::new(&history, &View::default()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("cannot read ") && error.contains(".jsonl: "),
        "{error}"
    );
}
