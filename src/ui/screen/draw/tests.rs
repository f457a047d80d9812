use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::group::Group;
use crate::mutex::{Body, Config, Durability, Incarnation, Message, NodeId, Origin, RequestId};
use crate::narrate;
use crate::protocol::{Event, Member};
use crate::ui::screen::diagram::staged::Staged;

const NONCE: Incarnation = Incarnation(7);

fn received(id: u16, body: Body) -> Event {
    Event::Received {
        message: Message {
            from: NodeId(id),
            origin: Origin::Turno(Incarnation(9)),
            body,
        },
        reply_to: None,
    }
}

fn acquire() -> Event {
    Event::Acquire(LockName::default())
}

fn request(clock: u64, id: u16) -> Event {
    let lock = LockName::default();
    received(id, Body::Request { lock, clock })
}

fn reply(clock: u64, id: u16, echo: u64) -> Event {
    let (lock, incarnation) = (LockName::default(), NONCE);
    let echo = RequestId {
        clock: echo,
        incarnation,
    };
    received(id, Body::Reply { lock, clock, echo })
}

/// Member 1 of so many, that has heard all others, after these events.
fn member(members: u16, events: &[Event]) -> Member {
    let mut member = Member::new(Config {
        durability: Durability::Durable {
            below: 1,
            synced: true,
        },
        ..Config::new(NodeId(1), members, NONCE)
    });
    for event in events {
        member.handle(event, &mut Vec::new()).unwrap();
    }
    member
}

fn said(text: &str, times: u32) -> Past {
    Past {
        after: Duration::from_millis(2_345),
        line: narrate::Line {
            text: text.to_owned(),
            tone: Tone::Ordinary,
        },
        times,
    }
}

/// The picture of a node at this size, after a line end, without the spaces at
/// the line ends.
fn picture(member: &Member, past: Vec<Past>, size: (u16, u16)) -> String {
    picture_with(&LiveDiagram::default(), None, member, past, size)
}

/// The same with this diagram, if the user wants that.
fn picture_with(
    diagram: &LiveDiagram,
    wants_diagram: Option<bool>,
    member: &Member,
    past: Vec<Past>,
    (width, height): (u16, u16),
) -> String {
    let members = u16::try_from(member.peers().len() + 1).unwrap();
    let ports: Vec<u16> = (10_001..=10_000 + members).collect();
    let group = Group::on_loopback(1, &ports);
    let is_held = matches!(member.state(&LockName::default()), State::Held { .. });
    let now = Instant::now();
    // The last peer was heard long ago, the others just now.
    let ago = |peer: &NodeId| Duration::from_secs(if peer.0 == members { 90 } else { 0 });
    let heard = member.peers().iter();
    let status = Status {
        group: &group,
        member,
        heard: &heard
            .map(|peer| (*peer, now.checked_sub(ago(peer)).unwrap()))
            .collect(),
        section: SocketAddr::from(([127, 0, 0, 1], 10_000)),
        entry_ends: is_held.then(|| now + Duration::from_secs(5)),
        in_state: Duration::from_secs(3),
        entries: u64::from(is_held),
        drops: &[("malformed", 2)].into(),
    };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let shown = Picture {
        status: &status,
        past: &VecDeque::from(past),
        diagram,
        wants_diagram,
        has_colour: true,
    };
    terminal
        .draw(|frame| {
            draw(frame, &shown);
        })
        .unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(width));
    rows.map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        format!("\n{}", line.trim_end())
    })
    .collect()
}

/// Node 1 of 3 in the section, with both others in its reply queue.
fn held() -> Member {
    member(
        3,
        &[
            acquire(),
            reply(3, 2, 2),
            reply(3, 3, 2),
            request(4, 2),
            request(6, 3),
        ],
    )
}

#[test]
fn held_with_a_reply_queue_of_two_on_an_ordinary_terminal() {
    let past = vec![said(
        "req<4,2> received, clock 6: deferred until we leave",
        1,
    )];
    assert_eq!(
        picture(&held(), past, (80, 18)),
        "
 process 1 of 3 at 127.0.0.1:10001             critical section 127.0.0.1:10000
┌ HELD ────────────────────────────────────────────────────────────────────────┐
│ in the section, 5 s more, token 5                                            │
│ clock 7  lastRequestClock 2  entries 1  dropped 2 (malformed 2)              │
└──────────────────────────────────────────────────────────────────────────────┘
┌ peers ───────────────────────────────────────────────────────────────────────┐
│  2  127.0.0.1:10002        waits for mine to (4,2)                           │
│  3  127.0.0.1:10003        waits for mine to (6,3)                           │
└──────────────────────────────────────────────────────────────────────────────┘
┌ lately ──────────────────────────────────────────────────────────────────────┐
│ 2.345 req<4,2> received, clock 6: deferred until we leave                    │
│                                                                              │
│                                                                              │
│                                                                              │
│                                                                              │
│                                                                              │
└──────────────────────────────────────────────────────────────────────────────┘
 x asks   1 ticks   d draws   q quits"
    );
}

#[test]
fn held_with_a_reply_queue_of_two_on_a_small_terminal() {
    let past = vec![
        said("x: req<2,1> sent to 2, 3, clock 2", 1),
        said("req<4,2> received, clock 6: deferred until we leave", 3),
    ];
    assert_eq!(
        picture(&held(), past, (40, 10)),
        "
 process 1 of 3 at 127.0.0.1:10001
 HELD  in the section, 5 s more, token 5
 clock 7  lastRequestClock 2  entries 1
  2  waits for mine to (4,2)
  3  waits for mine to (6,3)
 2.345 x: req<2,1> sent to 2, 3, clock 2
 2.345 req<4,2> received, clock 6:
       deferred until we leave  ×3

 x asks   1 ticks   d draws   q quits"
    );
}

#[test]
fn who_has_not_replied_is_said_on_a_small_terminal() {
    let waiting = member(3, &[acquire(), reply(3, 3, 2), request(5, 3)]);
    assert_eq!(
        picture(&waiting, Vec::new(), (50, 8)),
        "
 process 1 of 3 at 127.0.0.1:10001
 WAIT  1 of 2 replies missing, 3 s
 clock 6  lastRequestClock 2  entries 0  dropped 2
  2  owes me its reply
  3  has replied        waits for mine to (5,3)


 x asks   1 ticks   d draws   q quits"
    );
}

#[test]
fn of_many_peers_those_are_shown_with_whom_somebody_waits() {
    let events = [
        acquire(),
        reply(3, 2, 2),
        reply(3, 3, 2),
        reply(3, 4, 2),
        request(9, 4),
        reply(3, 5, 2),
        reply(3, 6, 2),
        reply(3, 8, 2),
    ];
    assert_eq!(
        picture(&member(9, &events), Vec::new(), (60, 10)),
        "
 process 1 of 9 at 127.0.0.1:10001
 WAIT  2 of 8 replies missing, 3 s
 clock 13  lastRequestClock 2  entries 0  dropped 2
  4  has replied                     waits for mine to (9,4)
  7  owes me its reply
  9  owes me its reply, silent 90 s
     and 5 more


 x asks   1 ticks   d draws   q quits"
    );
}

#[test]
fn the_state_is_the_last_thing_to_go() {
    let picture = picture(&member(3, &[]), Vec::new(), (20, 1));
    assert_eq!(picture, "\n 1 FREE  not asking");
}

#[test]
fn no_size_is_too_small_or_too_large_to_draw() {
    for member in [member(1, &[]), held(), member(200, &[acquire()])] {
        for width in [1, 2, 7, 40, 50, 300] {
            for height in [1, 2, 3, 5, 7, 15, 16, 17, 100] {
                let past = vec![said("a line that is much too long for it", 2)];
                picture(&member, past, (width, height));
            }
        }
    }
}

/// Node 1 of 3 in the section, with both others in its reply queue, and how it
/// came to that.
fn staged() -> Staged {
    let mut node = Staged::new(1, 3);
    node.happens(&Event::Start);
    node.enters();
    node.hears_request(4, 2);
    node.hears_request(6, 3);
    node
}

#[test]
fn the_diagram_is_beside_the_rest_where_there_is_room_for_both() {
    let node = staged();
    let past = vec![said("req<4,2> received, clock 6: deferred", 1)];
    let shown = picture_with(&node.diagram, None, &node.member, past, (100, 18));
    assert_eq!(
        shown,
        "
 process 1 of 3 at 127.0.0.1:10001                                 critical section 127.0.0.1:10000
┌ HELD ──────────────────────────────────────────┐┌ diagram ───────────────────────────────────────┐
│ in the section, 5 s more, token 5              ││ clock 1          2          3                  │
│ clock 7  lastRequestClock 2  entries 1         ││     1 │          ┊          ┊ starts           │
└────────────────────────────────────────────────┘│     2 ║──req 2──▷┼──req 2──▷┊ asks             │
┌ peers ─────────────────────────────────────────┐│     4 ║◄┄reply 3┄┊          ┊                  │
│  2  waits for mine to (4,2)                    ││     5 █◄┄┄┄┄┄┄┄┄┄┊┄reply 4┄┄┊ HELD, token 5    │
│  3  waits for mine to (6,3)                    ││     6 █◁──req 4──░          ┊ HELD: deferred   │
└────────────────────────────────────────────────┘│     7 █◁─────────░──req 6───░ HELD: deferred   │
┌ lately ────────────────────────────────────────┐│       █          ░          ░                  │
│ 2.345 req<4,2> received, clock 6: deferred     ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
└────────────────────────────────────────────────┘└────────────────────────────────────────────────┘
 x asks   1 ticks   d lists   q quits"
    );
}

#[test]
fn on_an_ordinary_terminal_the_diagram_takes_the_place_of_the_lines_if_wanted() {
    let node = staged();
    let past = vec![said("req<4,2> received, clock 6: deferred", 1)];
    let shown = picture_with(&node.diagram, Some(true), &node.member, past, (80, 20));
    assert_eq!(
        shown,
        "
 process 1 of 3 at 127.0.0.1:10001             critical section 127.0.0.1:10000
┌ HELD ────────────────────────────────────────────────────────────────────────┐
│ in the section, 5 s more, token 5                                            │
│ clock 7  lastRequestClock 2  entries 1  dropped 2 (malformed 2)              │
└──────────────────────────────────────────────────────────────────────────────┘
┌ peers ───────────────────────────────────────────────────────────────────────┐
│  2  127.0.0.1:10002        waits for mine to (4,2)                           │
│  3  127.0.0.1:10003        waits for mine to (6,3)                           │
└──────────────────────────────────────────────────────────────────────────────┘
┌ diagram ─────────────────────────────────────────────────────────────────────┐
│ clock 1              2              3                                        │
│     1 │              ┊              ┊ starts                                 │
│     2 ║────req 2────▷┼────req 2────▷┊ asks                                   │
│     4 ║◄┄┄┄reply 3┄┄┄┊              ┊                                        │
│     5 █◄┄┄┄┄┄┄┄┄┄┄┄┄┄┊┄┄┄reply 4┄┄┄┄┊ HELD, token 5                          │
│     6 █◁────req 4────░              ┊ HELD: deferred                         │
│     7 █◁─────────────░────req 6─────░ HELD: deferred                         │
│       █              ░              ░                                        │
└ ─▷ request  ┄► reply  ║ WAIT  █ HELD  ░ waits for us ────────────────────────┘
 x asks   1 ticks   d lists   q quits"
    );
}

#[test]
fn on_a_small_terminal_the_diagram_leaves_the_state_the_clock_and_the_keys() {
    let node = staged();
    let past = vec![said("req<4,2> received, clock 6: deferred", 1)];
    let shown = picture_with(&node.diagram, Some(true), &node.member, past, (40, 10));
    assert_eq!(
        shown,
        "
 process 1 of 3 at 127.0.0.1:10001
 HELD  in the section, 5 s more, token 5
 clock 7  lastRequestClock 2  entries 1
     1        2        3
   2 ║─req 2─▷┼─req 2─▷┊ asks
   4 ║◄reply 3┊        ┊
   5 █◄┄┄┄┄┄┄┄┊reply 4┄┊ HELD, token 5
   6 █◁─req 4─░        ┊ HELD: deferred
   7 █◁───────░─req 6──░ HELD: deferred
 x asks   1 ticks   d lists   q quits"
    );
}

#[test]
fn the_diagram_is_not_there_where_it_is_not_wanted_or_has_no_room() {
    let node = staged();
    for (wants_diagram, size) in [
        (Some(false), (200, 50)),
        (None, (99, 50)),
        (None, (200, 15)),
        (Some(true), (29, 24)),
        (Some(true), (80, 7)),
    ] {
        let shown = picture_with(&node.diagram, wants_diagram, &node.member, vec![], size);
        assert!(!shown.contains("─▷"), "{shown}");
        let has_key = shown.contains("d draws");
        assert_eq!(has_key, wants_diagram != Some(true), "{shown}");
    }
}
