//! Groups with failover, judged. The clocks of 1 and 2 differ by 10 at most.

use super::*;
use crate::trace::view_record::Number;

/// The view and the lease after an event.
fn in_view(number: Number, lease: u64, record: Record) -> Record {
    let view = Some(ViewRecord {
        number: Some(number),
        lease,
        ..ViewRecord::default()
    });
    Record { view, ..record }
}

fn joins(number: Number, members: &[u16], record: Record) -> Record {
    let mut record = in_view(number, 800, record);
    let members = members.to_vec();
    record.event = EventKind::View;
    record.view.as_mut().unwrap().joined = Some(JoinedRecord { members, floor: 0 });
    record
}

fn votes(number: Number, record: Record) -> Record {
    let mut record = in_view((0, 0), 800, record);
    record.event = EventKind::View;
    record.view.as_mut().unwrap().voted = Some(number);
    record
}

/// The lease of a holder is found over, this long after it ended.
pub(super) fn lost(ended: u64, record: Record) -> Record {
    let mut record = in_view((0, 0), 0, record);
    record.event = EventKind::View;
    let view = record.view.as_mut().unwrap();
    (view.ended, view.lost) = (Some(ended), vec![String::new()]);
    record
}

fn member(id: u16, records: Vec<Record>) -> Run {
    let header = Header {
        members: 3,
        ..header(id)
    };
    Run { header, records }
}

/// 1 enters with the reply of 2 and is cut off; 2 and 3 go on without it, and 2 enters at
/// 1200. `last` is the last event of 1.
pub(super) fn taken_over(last: Option<Record>) -> [Run; 2] {
    let (mut sent, mut received) = reply(2, 1, 2);
    (sent.echo, received.echo) = (Some(1), Some(1));
    let asks = Record {
        event: EventKind::Acquire,
        sent: vec![request(1, 2, 1)],
        ..event(100, 1, Phase::Wait, 1)
    };
    let enters = Record {
        event: EventKind::Received,
        message: Some(received),
        ..event(120, 3, Phase::Held, 3)
    };
    let replies = Record {
        event: EventKind::Received,
        message: Some(request(1, 1, 1)),
        sent: vec![sent],
        ..event(110, 2, Phase::Free, 0)
    };
    let mut one = vec![in_view((0, 0), 800, asks), in_view((0, 0), 800, enters)];
    one.extend(last);
    let two = vec![
        in_view((0, 0), 800, replies),
        votes((1, 2), event(1_090, 2, Phase::Free, 0)),
        joins((1, 2), &[2, 3], event(1_100, 10, Phase::Free, 0)),
        in_view((1, 2), 800, event(1_200, 11, Phase::Held, 11)),
        in_view((1, 2), 800, event(1_300, 12, Phase::Free, 0)),
    ];
    [member(1, one), member(2, two)]
}

pub(super) fn held(at: u64) -> Record {
    event(at, 3, Phase::Held, 3)
}

#[test]
fn an_entry_after_one_that_ended_with_its_lease_is_clean() {
    let mut runs = taken_over(Some(lost(0, held(1_000))));
    // It defers until its command has ended, and that is no entry.
    runs[0].records.push(in_view((0, 0), 0, held(1_400)));
    let (history, report) = checked(&runs);
    let text = report.text(&history);
    assert!(report.is_clean(), "{text}");
    assert_eq!((report.entries.len(), report.unordered.len()), (2, 0));
    assert!(report.entries[0].is_lost && !report.entries[1].is_lost);
    let counts = "1 views, 1 entries ended with their lease";
    assert!(text.contains(counts), "{text}");
    assert!(text.contains("every entry had a lease"), "{text}");
}

#[test]
fn a_lease_that_ends_after_the_next_entry_began_is_a_section_held_twice() {
    let (_, report) = checked(&taken_over(Some(lost(0, held(1_500)))));
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
    // A stopped member finds its lease over late.
    let (_, report) = checked(&taken_over(Some(lost(500, held(1_500)))));
    assert!(report.is_clean());
}

#[test]
fn an_entry_of_a_killed_member_ended_with_its_last_recorded_lease() {
    let (_, report) = checked(&taken_over(None));
    assert!(report.is_clean() && report.unordered.is_empty());
    let long = in_view((0, 0), 800, held(600));
    let (_, report) = checked(&taken_over(Some(long)));
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
}

#[test]
fn an_entry_of_a_killed_member_ended_when_its_next_run_began() {
    let [one, two] = taken_over(Some(in_view((0, 0), 9_000, held(600))));
    let start = Record {
        event: EventKind::Start,
        ..event(700, 4, Phase::Free, 0)
    };
    let mut again = member(1, vec![in_view((0, 0), 0, start)]);
    again.header.run = format!("{:016x}", 9);
    let (history, report) = checked(&[one.clone(), again.clone(), two.clone()]);
    assert!(report.is_clean(), "{}", report.text(&history));
    // Unless it resumes the entry: that lasts as long as the lease of the run before.
    let resume = Record {
        event: EventKind::Resume,
        ..held(710)
    };
    again.records.push(in_view((0, 0), 0, resume));
    again.records[0].clock = 3;
    let (_, report) = checked(&[one, again, two]);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
}

#[test]
fn where_the_clocks_cannot_be_compared_the_check_says_so() {
    let (history, report) = checked(&taken_over(Some(lost(0, held(1_195)))));
    assert!(report.is_clean());
    assert_eq!(report.unordered.len(), 1);
    let text = report.text(&history);
    let unknown = "not known: whether token 3 of node 1 ended before token 11 of node 2 began";
    assert!(text.contains(unknown), "{text}");
    assert!(text.contains("as far as the trace goes"), "{text}");
}

#[test]
fn within_a_view_only_replies_order_entries() {
    let mut runs = taken_over(Some(lost(0, held(1_000))));
    for record in &mut runs[1].records {
        *record = in_view((0, 0), 800, record.clone());
    }
    let (_, report) = checked(&runs);
    assert!(matches!(report.faults[..], [Fault::HeldTwice(_)]));
}

#[test]
fn the_token_of_a_later_entry_in_a_later_view_is_larger() {
    for (last, is_ordered) in [(1_000, true), (1_195, false)] {
        let mut runs = taken_over(Some(lost(0, held(last))));
        for record in &mut runs[1].records[2..] {
            record.clock = 2;
            record.token = record.token.map(|_| 2);
        }
        let (_, report) = checked(&runs);
        let is_found = matches!(report.faults[..], [Fault::TokenDidNotRise(_)]);
        assert!(is_found, "{is_ordered}");
    }
}

#[test]
fn an_entry_needs_a_lease_and_a_view() {
    let is_found = |change: fn(&mut ViewRecord)| {
        let mut runs = taken_over(Some(lost(0, held(1_000))));
        change(runs[1].records[3].view.as_mut().unwrap());
        let (_, report) = checked(&runs);
        let found = report.faults.iter();
        found
            .filter(|it| matches!(it, Fault::EnteredWithoutLease(_)))
            .count()
            == 1
    };
    assert!(is_found(|view| view.lease = 0));
    assert!(is_found(|view| view.number = None));
    assert!(!is_found(|_| {}));
}

#[test]
fn a_view_has_one_set_of_members() {
    let [one, two] = taken_over(Some(lost(0, held(1_000))));
    let joined = |members: &[u16]| {
        let join = joins((1, 2), members, event(1_100, 10, Phase::Free, 0));
        let (_, report) = checked(&[one.clone(), two.clone(), member(3, vec![join])]);
        report.faults
    };
    assert_eq!(joined(&[2, 3]), []);
    assert!(matches!(joined(&[1, 3])[..], [Fault::ViewsDiffer(..)]));
}

#[test]
fn the_numbers_of_a_member_s_views_rise() {
    type Act = fn(Record) -> Record;
    let join_1: Act = |record| joins((1, 2), &[2, 3], record);
    let join_2: Act = |record| joins((2, 3), &[2, 3], record);
    let (vote_1, vote_2): (Act, Act) = (|it| votes((1, 2), it), |it| votes((2, 3), it));
    let faults = |first: Act, second: Act, is_one_run: bool| {
        let event = |at| event(at, 10, Phase::Free, 0);
        let mut run = member(3, vec![first(event(1)), second(event(2))]);
        let mut again = member(3, Vec::new());
        again.header.run = format!("{:016x}", 9);
        if !is_one_run {
            again.records = run.records.split_off(1);
        }
        checked(&[run, again]).1.faults.len()
    };
    for (first, second, in_one_run, after_restart) in [
        (join_1, join_2, 0, 0),
        (join_2, join_1, 1, 1),
        (join_1, join_1, 1, 0),
        (vote_1, vote_2, 0, 0),
        (vote_2, vote_1, 1, 1),
        (vote_1, vote_1, 1, 1),
        (vote_1, join_1, 0, 0),
        (vote_2, join_1, 1, 1),
        // A member may join without a vote: its next vote is past its own last one only.
        (join_1, vote_1, 0, 0),
        (join_2, vote_1, 0, 0),
    ] {
        assert_eq!(faults(first, second, true), in_one_run);
        assert_eq!(faults(first, second, false), after_restart);
    }
}

#[test]
fn a_member_that_is_not_in_the_view_is_not_overtaken() {
    // 1 waits with an older request; 2 asked it in the view before, and enters without it.
    let is_overtaken = |view: Number| {
        let [_, mut two] = taken_over(None);
        two.records[0] = Record {
            sent: vec![request(2, 1, 8)],
            ..event(100, 8, Phase::Wait, 8)
        };
        two.records[0] = in_view((0, 0), 800, two.records[0].clone());
        two.records[1] = in_view(view, 800, event(1_090, 8, Phase::Wait, 8));
        two.records[2] = in_view(view, 800, event(1_200, 11, Phase::Held, 11));
        two.records[3] = in_view(view, 800, event(1_250, 12, Phase::Free, 0));
        two.records[4] = Record {
            sent: vec![reply(2, 1, 13).0],
            ..in_view(view, 800, event(1_300, 13, Phase::Free, 0))
        };
        let enters = Record {
            event: EventKind::Received,
            message: Some(reply(2, 1, 13).1),
            ..event(1_400, 14, Phase::Held, 14)
        };
        let waits = in_view((0, 0), 800, event(90, 5, Phase::Wait, 5));
        let one = member(1, vec![waits, in_view(view, 800, enters)]);
        let faults = checked(&[one, two]).1.faults;
        faults.iter().any(|it| matches!(it, Fault::Overtaken(_)))
    };
    assert!(is_overtaken((0, 0)));
    assert!(!is_overtaken((1, 2)));
}
