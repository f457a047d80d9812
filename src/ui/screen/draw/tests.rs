use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::group::Group;
use crate::mutex::{LockName, NodeId, State};
use crate::narrate::{self, Tone};
use crate::protocol::Event;
use crate::protocol::tests::{acquire, reply, request};
use crate::ui::screen::diagram::staged::Staged;

/// Node 1 of 3 in the section, with both others in its reply queue.
fn held() -> Staged {
    let mut node = Staged::new(1, 3);
    node.handle(Event::Start);
    node.enters();
    node.handle(request(4, 2));
    node.handle(request(6, 3));
    node
}

fn entry(text: &str, times: u32) -> LogEntry {
    LogEntry {
        after: Duration::from_millis(2_345),
        line: narrate::Line {
            text: text.to_owned(),
            tone: Tone::Ordinary,
        },
        times,
    }
}

/// The picture of node 1 at this size, without the diagram if there is a choice. Each
/// line begins with a line end and has no spaces at its end.
fn picture(node: &Staged, log: Vec<LogEntry>, size: (u16, u16)) -> String {
    picture_with(None, node, log, size)
}

fn picture_with(
    wants_diagram: Option<bool>,
    node: &Staged,
    log: Vec<LogEntry>,
    size: (u16, u16),
) -> String {
    picture_of((wants_diagram, false), node, log, size)
}

fn picture_of(
    (wants_diagram, wants_help): (Option<bool>, bool),
    Staged { member, diagram }: &Staged,
    log: Vec<LogEntry>,
    (width, height): (u16, u16),
) -> String {
    let members = diagram.members();
    let ports: Vec<u16> = (10_001..=10_000 + members).collect();
    let group = Group::on_loopback(1, &ports);
    let is_held = matches!(member.state(&LockName::default()), State::Held { .. });
    let now = Instant::now();
    // The last peer was last heard long ago, the others just now.
    let ago = |peer: &NodeId| Duration::from_secs(if peer.0 == members { 90 } else { 0 });
    let heard_at = |peer: &NodeId| (*peer, now.checked_sub(ago(peer)).unwrap());
    let snapshot = Snapshot {
        group: &group,
        member,
        heard: &member.peers().iter().map(heard_at).collect(),
        section: SocketAddr::from(([127, 0, 0, 1], 10_000)),
        entry_ends: is_held.then(|| now + Duration::from_secs(5)),
        in_state: Duration::from_secs(3),
        entries: u64::from(is_held),
        drops: &[("malformed", 2)].into(),
    };
    let shown = Picture {
        snapshot: &snapshot,
        log: &VecDeque::from(log),
        diagram,
        wants_diagram,
        wants_help,
        palette: Palette { has_colour: true },
    };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let drawn = terminal.draw(|frame| _ = draw(frame, &shown));
    drawn.unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(width));
    rows.map(|row| {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        format!("\n{}", line.trim_end())
    })
    .collect()
}

#[test]
fn held_with_a_reply_queue_of_two_on_an_ordinary_terminal() {
    let log = vec![entry(
        "req<4,2> received, clock 6: deferred until we leave",
        1,
    )];
    assert_eq!(
        picture(&held(), log, (80, 18)),
        "
 process 1 of 3 at 127.0.0.1:10001             critical section 127.0.0.1:10000
┌ HELD ────────────────────────────────────────────────────────────────────────┐
│ in the section, 5 s more, token 5                                            │
│ clock 7  lastRequestClock 2  entries 1  dropped 2 (malformed 2)              │
└──────────────────────────────────────────────────────────────────────────────┘
┌ peers ───────────────────────────────────────────────────────────────────────┐
│  2  127.0.0.1:10002        request (4,2) deferred                            │
│  3  127.0.0.1:10003        request (6,3) deferred                            │
└──────────────────────────────────────────────────────────────────────────────┘
┌ lately ──────────────────────────────────────────────────────────────────────┐
│ 2.345 req<4,2> received, clock 6: deferred until we leave                    │
│                                                                              │
│                                                                              │
│                                                                              │
│                                                                              │
│                                                                              │
└──────────────────────────────────────────────────────────────────────────────┘
 x asks   1 ticks   d draws   ? help   q quits"
    );
}

#[test]
fn held_with_a_reply_queue_of_two_on_a_small_terminal() {
    let log = vec![
        entry("x: req<2,1> sent to 2, 3, clock 2", 1),
        entry("req<4,2> received, clock 6: deferred until we leave", 3),
    ];
    assert_eq!(
        picture(&held(), log, (40, 10)),
        "
 process 1 of 3 at 127.0.0.1:10001
 HELD  in the section, 5 s more, token 5
 clock 7  lastRequestClock 2  entries 1
  2  request (4,2) deferred
  3  request (6,3) deferred
 2.345 x: req<2,1> sent to 2, 3, clock 2
 2.345 req<4,2> received, clock 6:
       deferred until we leave  ×3

 x asks   1 ticks   d draws   q quits"
    );
}

#[test]
fn a_small_terminal_shows_which_replies_are_missing() {
    let mut waiting = Staged::new(1, 3);
    waiting.handle(acquire());
    waiting.handle(reply(3, 3, 2));
    waiting.handle(request(5, 3));
    assert_eq!(
        picture(&waiting, Vec::new(), (50, 8)),
        "
 process 1 of 3 at 127.0.0.1:10001
 WAIT  1 of 2 replies missing, 3 s
 clock 6  lastRequestClock 2  entries 0  dropped 2
  2  reply missing
  3  has replied    request (5,3) deferred


 x asks   1 ticks   d draws   ? help   q quits"
    );
}

#[test]
fn of_many_peers_those_that_wait_or_are_waited_for_are_shown() {
    let mut node = Staged::new(1, 9);
    node.handle(acquire());
    for peer in [2, 3, 4] {
        node.handle(reply(3, peer, 2));
    }
    node.handle(request(9, 4));
    for peer in [5, 6, 8] {
        node.handle(reply(3, peer, 2));
    }
    assert_eq!(
        picture(&node, Vec::new(), (60, 10)),
        "
 process 1 of 9 at 127.0.0.1:10001
 WAIT  2 of 8 replies missing, 3 s
 clock 13  lastRequestClock 2  entries 0  dropped 2
  4  has replied                 request (9,4) deferred
  7  reply missing
  9  reply missing, silent 90 s
     and 5 more


 x asks   1 ticks   d draws   ? help   q quits"
    );
}

#[test]
fn the_smallest_terminal_shows_the_state() {
    let picture = picture(&Staged::new(1, 3), Vec::new(), (20, 1));
    assert_eq!(picture, "\n 1 FREE  not asking");
}

#[test]
fn every_size_can_be_drawn() {
    let mut many = Staged::new(1, 200);
    many.handle(acquire());
    for node in [Staged::new(1, 1), held(), many] {
        for width in [1, 2, 7, 40, 50, 300] {
            for height in [1, 2, 3, 5, 7, 15, 16, 17, 100] {
                let log = vec![entry("a line that is much too long for it", 2)];
                picture(&node, log, (width, height));
            }
        }
    }
}

#[test]
fn the_diagram_is_beside_the_rest_where_there_is_room_for_both() {
    let log = vec![entry("req<4,2> received, clock 6: deferred", 1)];
    assert_eq!(
        picture_with(None, &held(), log, (100, 18)),
        "
 process 1 of 3 at 127.0.0.1:10001                                 critical section 127.0.0.1:10000
┌ HELD ──────────────────────────────────────────┐┌ diagram ───────────────────────────────────────┐
│ in the section, 5 s more, token 5              ││ clock 1          2          3                  │
│ clock 7  lastRequestClock 2  entries 1         ││     1 │          ┊          ┊ starts           │
└────────────────────────────────────────────────┘│     2 ║──req 2──▷┼──req 2──▷┊ asks             │
┌ peers ─────────────────────────────────────────┐│     4 ║◄┄reply 3┄┊          ┊                  │
│  2  request (4,2) deferred                     ││     5 █◄┄┄┄┄┄┄┄┄┄┊┄reply 4┄┄┊ HELD, token 5    │
│  3  request (6,3) deferred                     ││     6 █◁──req 4──░          ┊ HELD: deferred   │
└────────────────────────────────────────────────┘│     7 █◁─────────░──req 6───░ HELD: deferred   │
┌ lately ────────────────────────────────────────┐│       █          ░          ░                  │
│ 2.345 req<4,2> received, clock 6: deferred     ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
│                                                ││       █          ░          ░                  │
└────────────────────────────────────────────────┘└─▷ req  ┄► reply  ║ WAIT  █ HELD  ░ waits───────┘
 x asks   1 ticks   d lists   ? help   q quits"
    );
}

#[test]
fn on_an_ordinary_terminal_the_diagram_replaces_the_log_if_it_is_wanted() {
    let log = vec![entry("req<4,2> received, clock 6: deferred", 1)];
    assert_eq!(
        picture_with(Some(true), &held(), log, (80, 20)),
        "
 process 1 of 3 at 127.0.0.1:10001             critical section 127.0.0.1:10000
┌ HELD ────────────────────────────────────────────────────────────────────────┐
│ in the section, 5 s more, token 5                                            │
│ clock 7  lastRequestClock 2  entries 1  dropped 2 (malformed 2)              │
└──────────────────────────────────────────────────────────────────────────────┘
┌ peers ───────────────────────────────────────────────────────────────────────┐
│  2  127.0.0.1:10002        request (4,2) deferred                            │
│  3  127.0.0.1:10003        request (6,3) deferred                            │
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
 x asks   1 ticks   d lists   ? help   q quits"
    );
}

#[test]
fn on_a_small_terminal_the_diagram_leaves_the_state_the_clock_and_the_keys() {
    let log = vec![entry("req<4,2> received, clock 6: deferred", 1)];
    assert_eq!(
        picture_with(Some(true), &held(), log, (40, 10)),
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
fn the_diagram_is_hidden_if_it_is_not_wanted_or_has_no_room() {
    let node = held();
    for (wants_diagram, size) in [
        (Some(false), (200, 50)),
        (None, (95, 50)),
        (None, (200, 15)),
        (Some(true), (29, 24)),
        (Some(true), (80, 7)),
    ] {
        let shown = picture_with(wants_diagram, &node, vec![], size);
        assert!(!shown.contains("─▷"), "{shown}");
        let has_key = shown.contains("d draws");
        assert_eq!(has_key, wants_diagram != Some(true), "{shown}");
    }
}

#[test]
fn a_third_of_a_wide_terminal_has_the_diagram_with_a_legend() {
    let shown = picture_with(None, &held(), vec![], (99, 24));
    assert!(shown.contains("─▷ req  ┄► reply  ║ WAIT"), "{shown}");
    assert!(shown.contains("HELD: deferred"), "{shown}");
}

#[test]
fn the_keys_and_the_signs_are_explained_over_the_picture() {
    let shown = picture_of((None, true), &held(), vec![], (60, 20));
    assert_eq!(
        shown,
        "
 process 1 of 3 at 127.0.0.1:10001
┌ HELD ────────────────────────────────────────────────────┐
│ in the section, 5 s more, token 5                        │
│ clock 7┌ keys and signs ────────────────────────┐        │
└────────│ x   asks for the critical section      │────────┘
┌ peers ─│ 1   its clock ticks                    │────────┐
│  2  req│ d   the diagram, or the list of events │        │
│  3  req│ ?   this page, and back                │        │
└────────│ q   quits (also Ctrl-C)                │────────┘
┌ lately │                                        │────────┐
│        │ │   FREE       ║  WAIT, it has asked   │        │
│        │ █   HELD, it is in the section         │        │
│        │ ░   another waits for our reply        │        │
│        │ ┊   what another does is not known     │        │
│        │ ─▷  request    ┄►  reply               │        │
│        │ ┼   an arrow passes a node             │        │
│        └────────────────────────────────────────┘        │
│                                                          │
└──────────────────────────────────────────────────────────┘
 x asks   1 ticks   d draws   ? help   q quits"
    );
    // Where there is less room, as much as fits.
    for size in [(1, 1), (20, 5), (200, 50)] {
        picture_of((None, true), &held(), vec![], size);
    }
}
