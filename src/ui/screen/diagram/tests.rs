use std::io;

use super::staged::Staged;
use super::*;
use crate::mutex::{Body, Incarnation, Mode, Origin};
use crate::protocol::Event;
use crate::protocol::tests::{acquire, hello, received, release, reply, request, resend, turno};

/// The rows as text: the clock, the datagram, the note.
fn rows(node: &Staged) -> Vec<String> {
    let rows = node.diagram.rows.iter();
    rows.map(|row| {
        let clock = row
            .clock
            .map_or_else(String::new, |clock| format!("{clock}: "));
        let arrow = row.arrow.as_ref().map_or(String::new(), |arrow| {
            let peers: Vec<String> = arrow.peers.iter().map(NodeId::to_string).collect();
            let way = if arrow.is_sent { "to" } else { "from" };
            format!("[{} {way} {}] ", arrow.label, peers.join(" "))
        });
        let text = format!("{clock}{arrow}{}", row.note);
        match row.times {
            1 => text,
            times => format!("{text} ×{times}"),
        }
    })
    .collect()
}

#[test]
fn an_event_is_a_row_and_its_immediate_reply_another_row() {
    let mut node = Staged::new(2, 3);
    node.handle(Event::Start);
    node.handle(request(2, 1));
    node.handle(acquire());
    node.handle(reply(5, 3, 4));
    node.handle(request(6, 3));
    node.handle(request(4, 1));
    node.handle(reply(9, 1, 4));
    node.handle(release());
    node.handle(Event::Tick);
    assert_eq!(
        rows(&node),
        [
            "1: starts",
            "3: [req 2 from 1] ",
            "[reply 3 to 1] ",
            "4: [req 4 to 1 3] asks",
            "6: [reply 5 from 3] ",
            "7: [req 6 from 3] (4,2) < (6,3): deferred",
            "8: [req 4 from 1] (4,1) < (4,2)",
            "[reply 8 to 1] ",
            "10: [reply 9 from 1] HELD, token 10",
            "10: [reply 10 to 3] leaves",
            "11: ticks",
        ]
    );
}

#[test]
fn a_deferral_lasts_from_the_arrival_of_the_request_to_the_reply() {
    let mut node = Staged::new(1, 3);
    node.enters();
    node.handle(request(4, 2));
    node.handle(request(6, 3));
    node.handle(release());
    let states = node.diagram.rows.iter().map(|row| &row.standing);
    let states = states.map(|state| (state.phase, state.deferred.len()));
    let states: Vec<(Phase, usize)> = states.collect();
    assert_eq!(
        states,
        [
            (Phase::Wait, 0),
            (Phase::Wait, 0),
            (Phase::Held, 0),
            (Phase::Held, 1),
            (Phase::Held, 2),
            (Phase::Free, 0),
        ]
    );
}

#[test]
fn rows_without_effect_are_counted_until_one_has_an_effect() {
    let mut node = Staged::new(1, 3);
    node.handle(acquire());
    for _ in 0..3 {
        node.handle(resend(2));
        node.handle(acquire());
    }
    node.handle(reply(3, 2, 2));
    node.handle(reply(3, 2, 2));
    node.handle(resend(2));
    assert_eq!(
        rows(&node),
        [
            "2: [req 2 to 2 3] asks",
            "[req 2 to 2 3] again ×3",
            "'x' ignored ×3",
            "4: [reply 3 from 2] ",
            "[reply 3 from 2] ignored: that member has replied already",
            "[req 2 to 3] again",
        ]
    );
}

#[test]
fn a_deferred_request_that_arrives_again_is_counted() {
    let mut node = Staged::new(1, 3);
    node.enters();
    node.diagram.rows.clear();
    for _ in 0..2 {
        node.handle(request(4, 2));
        node.handle(request(6, 3));
    }
    node.handle(request(4, 2));
    assert_eq!(
        rows(&node),
        [
            "6: [req 4 from 2] HELD: deferred",
            "7: [req 6 from 3] HELD: deferred",
            "[req 4 from 2] again ×2",
            "[req 6 from 3] again",
        ]
    );
}

#[test]
fn a_flood_does_not_drive_out_earlier_rows() {
    let mut node = Staged::new(1, 3);
    node.handle(acquire());
    for _ in 0..1000 {
        node.drops(40_000);
        node.drops(10_002);
        node.diagram.happened(&NodeEvent::DroppedMore(5));
    }
    assert_eq!(
        rows(&node),
        [
            "2: [req 2 to 2 3] asks",
            "[ from ] dropped: signature wrong ×1000",
            "[ from 2] dropped: signature wrong ×1000",
            "dropped more ×5000",
        ]
    );
    let rows = node.diagram.rows.iter();
    let arrows = rows.filter_map(|row| row.arrow.as_ref());
    let lost: Vec<bool> = arrows.map(|arrow| arrow.is_lost).collect();
    assert_eq!(lost, [false, true, true]);
}

#[test]
fn a_flood_of_different_datagrams_does_not_drive_out_earlier_rows() {
    let mut node = Staged::new(1, 3);
    node.handle(acquire());
    for clock in 3..1000 {
        node.handle(reply(clock, 2, 1));
    }
    let rows = rows(&node);
    assert_eq!(rows.len(), 1 + MAX_IDLE);
    assert_eq!(rows[0], "2: [req 2 to 2 3] asks");
    let last = rows.last().unwrap();
    assert!(last.starts_with("[reply 999 from 2] ignored: "));
}

#[test]
fn the_oldest_rows_are_dropped() {
    let mut node = Staged::new(1, 3);
    for _ in 0..1000 {
        node.handle(Event::Tick);
    }
    assert_eq!(node.diagram.rows.len(), MAX_ROWS);
    assert_eq!(rows(&node).last().unwrap(), "1001: ticks");
}

#[test]
fn a_restarted_peer_is_shown_and_other_hellos_and_welcomes_are_not() {
    let mut node = Staged::new(1, 3);
    node.handle(hello(3));
    node.handle(hello(3));
    assert_eq!(rows(&node), [""; 0]);
    node.handle(received(3, Origin::Turno(Incarnation(10)), Body::Hello));
    assert_eq!(rows(&node), ["[hello from 3] 3 restarted"]);
    assert_eq!(node.diagram.rows[0].begins, Some(NodeId(3)));
}

#[test]
fn an_entry_without_a_datagram_and_a_request_to_some_members_are_rows() {
    let mut node = Staged::new(1, 1);
    node.handle(acquire());
    assert_eq!(rows(&node), ["2: HELD, token 2"]);

    let mut node = Staged::new(1, 4);
    node.enters();
    node.handle(release());
    node.handle(request(7, 2));
    node.handle(request(8, 4));
    node.diagram.rows.clear();
    node.handle(acquire());
    assert_eq!(rows(&node), ["10: [req 10 to 2 4] asks"]);
}

#[test]
fn a_datagram_that_could_not_be_sent_is_shown() {
    let mut node = Staged::new(1, 3);
    node.diagram.happened(&NodeEvent::NotSent {
        address: SocketAddr::from(([127, 0, 0, 1], 10_003)),
        error: &io::Error::other("the network is \x1b[1mgone"),
    });
    assert_eq!(
        rows(&node),
        [r"[ to 3] not sent: the network is \u{1b}[1mgone"]
    );
}

#[test]
fn the_sender_of_a_clock_too_far_ahead_is_asked_for_it() {
    let mut node = Staged::new(1, 3);
    node.handle(request(1 << 40, 3));
    assert_eq!(
        rows(&node),
        [
            "[req 1099511627776 from 3] clock too far ahead",
            "[hello to 3] "
        ]
    );
}

#[test]
fn a_request_for_another_lock_names_the_lock_escaped() {
    let mut node = Staged::new(1, 3);
    let lock = LockName::new("a\u{202e}b").unwrap();
    node.handle(turno(
        2,
        Body::Request {
            lock,
            clock: 2,
            is_try: false,
            mode: Mode::Exclusive,
        },
    ));
    assert_eq!(
        rows(&node),
        [r"3: [req 2 from 2] lock a\u{202e}b", "[reply 3 to 2] "]
    );
}
