use super::*;
use crate::mutex::planted::Planted;
use crate::simulation::ProgramKind as Member;

#[test]
fn an_entry_after_the_reply_of_the_last_holder_is_clean_whatever_the_wall_clocks_show() {
    let (history, report) = checked(&handed_over(entry(1, 1000, 2, 4), entry(2, 10, 3, 6)));
    assert!(report.is_clean(), "{}", report.text(&history));
    assert_eq!(report.entries.len(), 2);
    assert!(report.gaps.is_empty());
    let text = report.text(&history);
    assert!(text.ends_with("no clock ran backwards"), "{text}");
    assert!(text.contains("node 2: 1 entries"), "{text}");
}

#[test]
fn two_entries_unordered_by_happened_before_are_a_section_held_twice() {
    let (history, report) = checked(&[entry(1, 10, 2, 4), entry(2, 500, 3, 6)]);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
    let text = report.text(&history);
    assert!(
        text.contains("VIOLATION: the critical section was held twice"),
        "{text}"
    );
    assert!(text.contains("node 2, line 3: {\"at\":501,"), "{text}");
    assert!(text.ends_with("the trace is whole: this is a true violation"));
}

#[test]
fn a_later_entry_needs_a_larger_token() {
    for token in [4, 3] {
        let (_, report) = checked(&handed_over(entry(1, 10, 2, 4), entry(2, 500, 1, token)));
        let is_found = matches!(report.faults[..], [Fault::TokenDidNotRise(_)]);
        assert!(is_found, "{token}");
    }
}

#[test]
fn delegated_tokens_belong_to_the_entry() {
    let mut one = entry(1, 10, 2, 4);
    let mut delegate = one.records[1].clone();
    (delegate.event, delegate.clock) = (EventKind::Delegate, 9);
    one.records[2].clock = 9;
    one.records.insert(2, delegate);
    let (history, report) = checked(&handed_over(one, entry(2, 500, 1, 7)));
    let is_found = matches!(report.faults[..], [Fault::TokenDidNotRise(_)]);
    assert!(is_found, "{}", report.text(&history));
}

#[test]
fn an_older_request_goes_first() {
    let [mut one, two] = handed_over(entry(1, 10, 3, 4), entry(2, 500, 2, 6));
    let (_, report) = checked(&[one.clone(), two.clone()]);
    assert!(
        report.is_clean(),
        "it kept the permission of the other member"
    );
    one.records[0].sent.push(request(1, 2, 3));
    let (_, report) = checked(&[one, two]);
    assert!(matches!(report.faults[..], [Fault::Overtaken(_)]));
}

#[test]
fn an_entry_whose_end_was_not_recorded_is_no_violation() {
    let [mut one, mut two] = handed_over(entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    // The disk is full: that it left, and what it sent then, is not recorded.
    one.records.truncate(2);
    let (history, report) = checked(&[one.clone(), two.clone()]);
    assert!(report.is_clean(), "{}", report.text(&history));
    assert_eq!(report.gaps, [Gap::NotSent(1, header(1).run)]);
    // It was killed there and sent nothing: then the other must not have entered.
    two.records[1].message = None;
    let (_, report) = checked(&[one, two]);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
}

#[test]
fn a_clock_that_runs_backwards_is_quoted() {
    let mut one = entry(1, 10, 3, 5);
    one.records[2].clock = 4;
    let (history, report) = checked(&[one]);
    let fault = Fault::ClockWentBack(EventId::new(2).unwrap());
    assert_eq!(report.faults, [fault]);
    let text = report.text(&history);
    assert!(text.contains("node 1, line 4: "), "{text}");
}

#[test]
fn gaps_of_the_trace_are_reported() {
    let [_, two] = handed_over(entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    let (history, report) = checked(&[two]);
    assert!(report.is_clean());
    assert_eq!(report.gaps, [Gap::NoTrace(1), Gap::NoRun(1, header(1).run)]);
    let text = report.text(&history);
    assert!(text.contains("as far as the trace goes: "), "{text}");
}

#[test]
fn traces_of_plays_without_a_violation_are_clean() {
    let addresses = Addresses::default();
    for seed in 0..150 {
        // Traces of nodes with different member lists are of different groups.
        let mut plan = Plan::of(seed);
        plan.misled = None;
        let (runs, figures, _) = played(&plan, &addresses);
        let (history, report) = checked(&runs);
        assert!(report.is_clean(), "seed {seed}:\n{}", report.text(&history));
        if !plan.members.contains(&Member::Original) {
            assert_eq!(report.entries.len() as u64, figures.entries, "seed {seed}");
            // A message that a crash kept from being sent is in the trace, and did not arrive.
            assert!(figures.crashes > 0 || report.gaps.is_empty(), "seed {seed}");
        }
        let drawn = || svg(&Diagram::new(&history, &View::default()).unwrap());
        assert_eq!(drawn(), drawn());
    }
}

#[test]
fn traces_of_plays_with_two_holders_show_them() {
    let addresses = Addresses::default();
    let mut found = 0;
    for bug in [
        Planted::RepliesCounted,
        Planted::NoTieBreak,
        Planted::RepliesWhileWaiting,
    ] {
        for seed in 0..60 {
            let mut plan = Plan::of(seed);
            plan.planted = Some(bug);
            let (runs, _, violation) = played(&plan, &addresses);
            let Err(Violation::TwoHolders { .. }) = violation else {
                continue;
            };
            // A holder that is a process of the original leaves no trace.
            if plan.members.contains(&Member::Original) {
                continue;
            }
            let (history, report) = checked(&runs);
            let shows =
                |fault: &Fault| matches!(fault, Fault::HeldTwice(_) | Fault::TokenDidNotRise(_));
            let text = report.text(&history);
            assert!(
                report.faults.iter().any(shows),
                "{bug:?}, seed {seed}:\n{text}"
            );
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn an_entry_may_have_asked_no_member_or_only_some() {
    // 1 enters and leaves, and enters again at once with the permissions that it kept;
    // then 2 enters.
    let mut one = entry(1, 10, 2, 4);
    one.records[0].event = EventKind::Acquire;
    one.records.push(Record {
        event: EventKind::Acquire,
        ..event(20, 6, Phase::Held, 6)
    });
    one.records.push(event(25, 7, Phase::Free, 0));
    let (history, report) = checked(&handed_over(one, entry(2, 500, 3, 9)));
    assert!(report.is_clean(), "{}", report.text(&history));
    let entries = &report.entries;
    assert_eq!((entries.len(), entries[1].request), (3, None));
    assert_eq!(entries[1].asked, entries[1].entered, "it did not wait");
    assert_eq!(entries[0].left, EventId::new(2));
    let drawn = Diagram::new(&history, &View::default()).unwrap();
    let tokens = drawn.lanes[0].states.iter().filter_map(|span| span.number);
    assert_eq!(tokens.collect::<Vec<_>>(), [2, 4, 6]);
}

/// The same run, with shared entries.
fn shared(mut run: Run) -> Run {
    for record in &mut run.records {
        record.shared = record.state != Phase::Free;
    }
    run
}

#[test]
fn shared_entries_may_overlap_and_their_tokens_need_not_rise() {
    for token in [3, 4, 6] {
        let (one, two) = (shared(entry(1, 10, 2, 4)), shared(entry(2, 500, 1, token)));
        let (history, report) = checked(&[one, two]);
        let text = report.text(&history);
        assert!(report.is_clean(), "{text}");
        assert!(text.contains("2 of the entries were shared"), "{text}");
    }
}

#[test]
fn a_shared_entry_and_an_exclusive_one_must_not_overlap() {
    let [reader, writer] = [shared(entry(1, 10, 2, 4)), entry(2, 500, 3, 6)];
    for runs in [[reader.clone(), writer.clone()], [writer, reader]] {
        let (_, report) = checked(&runs);
        assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
    }
}

#[test]
fn a_writer_needs_a_larger_token_than_a_reader_before_it() {
    let runs = handed_over(shared(entry(1, 10, 2, 6)), entry(2, 500, 1, 5));
    let (_, report) = checked(&runs);
    assert!(matches!(report.faults[..], [Fault::TokenDidNotRise(_)]));
}
