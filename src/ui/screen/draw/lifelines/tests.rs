use super::*;
use crate::mutex::{Body, Incarnation, Origin};
use crate::protocol::Event;
use crate::protocol::tests::{acquire, hello, received, release, reply, request};
use crate::ui::screen::diagram::staged::Staged;

const PLAIN: Palette = Palette { has_colour: false };

/// The diagram of this node at this size. Each line begins with a line end and has no
/// spaces at its end.
fn picture(node: &Staged, size: (usize, usize)) -> String {
    let lines = lines(&node.diagram, size, PLAIN);
    assert_eq!(lines.len(), size.1);
    let lines = lines.iter().map(ToString::to_string);
    lines.map(|line| format!("\n{}", line.trim_end())).collect()
}

/// Node 2 of 3 in the third case of the original, with 3's request repeated.
fn case_3() -> Staged {
    let mut node = Staged::new(2, 3);
    node.handle(Event::Start);
    node.handle(request(2, 1));
    node.handle(acquire());
    node.handle(reply(5, 3, 4));
    node.handle(request(6, 3));
    node.handle(request(6, 3));
    node.handle(reply(7, 1, 4));
    node
}

#[test]
fn requests_replies_states_and_a_deferral_are_distinct_without_colour() {
    let mut node = case_3();
    assert_eq!(
        picture(&node, (64, 11)),
        "
 clock 1              2              3
     1 ┊              │              ┊ starts
     3 ┊────req 2────▷│              ┊
       ┊◄┄┄┄reply 3┄┄┄│              ┊
     4 ┊◁────req 4────║────req 4────▷┊ asks
     6 ┊              ║◄┄┄┄reply 5┄┄┄┊
     7 ┊              ║◁────req 6────░ (4,2) < (6,3): deferred
       ┊              ║◁····req 6····░ again
     8 ┊┄┄┄reply 7┄┄┄►█              ░ HELD, token 8
       ┊              █              ░
       ┊              █              ░"
    );
    node.handle(release());
    assert_eq!(
        picture(&node, (40, 6)),
        "
     1        2        3
   6 ┊        ║◄reply 5┊
   7 ┊        ║◁─req 6─░ (4,2) < (6,3):…
     ┊        ║◁·req 6·░ again
   8 ┊reply 7►█        ░ HELD, token 8
   8 ┊        │reply 8►┊ leaves"
    );
}

#[test]
fn an_arrow_crosses_the_lifelines_in_between() {
    let mut node = Staged::new(1, 4);
    node.enters();
    node.handle(request(9, 2));
    node.handle(request(9, 4));
    node.handle(release());
    assert_eq!(
        picture(&node, (70, 9)),
        "
 clock 1           2           3           4
     2 ║──req 2───▷┼──req 2───▷┼──req 2───▷┊ asks
     4 ║◄┄reply 3┄┄┊           ┊           ┊
     5 ║◄┄┄┄┄┄┄┄┄┄┄┊┄┄reply 4┄┄┊           ┊
     6 █◄┄┄┄┄┄┄┄┄┄┄┊┄┄┄┄┄┄┄┄┄┄┄┊┄┄reply 5┄┄┊ HELD, token 6
    10 █◁──req 9───░           ┊           ┊ HELD: deferred
    11 █◁──────────░───────────┼───req 9───░ HELD: deferred
    11 │┄reply 11┄►┊┄┄┄┄┄┄┄┄┄┄┄┊┄reply 11┄►┊ leaves
       │           ┊           ┊           ┊"
    );
}

#[test]
fn a_dropped_datagram_ends_in_a_cross_and_a_new_run_begins_its_line() {
    let mut node = Staged::new(1, 3);
    node.handle(acquire());
    node.handle(hello(3));
    node.drops(40_000);
    node.drops(10_003);
    node.handle(received(3, Origin::Turno(Incarnation(10)), Body::Hello));
    assert_eq!(
        picture(&node, (64, 7)),
        "
 clock 1              2              3
     2 ║────req 2────▷┼────req 2────▷┊ asks
       ║··············┊····req 2····▷┊ again
       ║✕──           ┊              ┊ dropped: signature wrong
       ║✕─────────────┼──────────────┊ dropped: signature wrong
       ║◁─────────────┼────hello─────┬ 3 restarted
       ║··············┊····req 2····▷┊ again"
    );
    let mut last = Staged::new(3, 3);
    last.drops(40_000);
    let mut alone = Staged::new(1, 1);
    alone.drops(40_000);
    assert_eq!(
        picture(&last, (64, 2)) + &picture(&alone, (40, 2)),
        "
 clock 1              2              3
       ┊              ┊           ──✕│ dropped: signature wrong
     1
     │✕──  dropped: signature wrong"
    );
}

#[test]
fn all_of_nine_members_are_shown_if_notes_have_the_labels_of_the_arrows() {
    let mut node = Staged::new(5, 9);
    node.enters();
    node.handle(request(4, 2));
    assert_eq!(
        picture(&node, (64, 11)),
        "
 clock 1    2    3    4    5    6    7    8    9
     2 ┊◁───┼◁───┼◁───┼◁───║───▷┼───▷┼───▷┼───▷┊ req 2  asks
     4 ┊┄┄┄┄┊┄┄┄┄┊┄┄┄┄┊┄┄┄►║    ┊    ┊    ┊    ┊ reply 3
     5 ┊    ┊┄┄┄┄┊┄┄┄┄┊┄┄┄►║    ┊    ┊    ┊    ┊ reply 4
     6 ┊    ┊    ┊┄┄┄┄┊┄┄┄►║    ┊    ┊    ┊    ┊ reply 5
     7 ┊    ┊    ┊    ┊┄┄┄►║    ┊    ┊    ┊    ┊ reply 6
     8 ┊    ┊    ┊    ┊    ║◄┄┄┄┊    ┊    ┊    ┊ reply 7
     9 ┊    ┊    ┊    ┊    ║◄┄┄┄┊┄┄┄┄┊    ┊    ┊ reply 8
    10 ┊    ┊    ┊    ┊    ║◄┄┄┄┊┄┄┄┄┊┄┄┄┄┊    ┊ reply 9
    11 ┊    ┊    ┊    ┊    █◄┄┄┄┊┄┄┄┄┊┄┄┄┄┊┄┄┄┄┊ HELD, token 11
    12 ┊    ░────┼────┼───▷█    ┊    ┊    ┊    ┊ HELD: deferred"
    );
}

#[test]
fn of_too_many_members_the_active_ones_are_shown() {
    let mut node = Staged::new(150, 200);
    node.handle(acquire());
    node.handle(reply(3, 199, 2));
    node.handle(request(5, 7));
    assert_eq!(
        picture(&node, (50, 5)),
        "
 clock 1   2   3   4   7  150 199 and 193 more
     2 ┊◁──┼◁──┼◁──┼◁──┼◁──║──▷┊  req 2  asks
     4 ┊   ┊   ┊   ┊   ┊   ║◄┄┄┊  reply 3
     6 ┊   ┊   ┊   ┊   ░──▷║   ┊  (2,150) < (5,7)…
       ┊   ┊   ┊   ┊   ░   ║   ┊"
    );
}

#[test]
fn clocks_of_seven_digits_have_room() {
    let mut node = Staged::new(1, 3);
    node.handle(request(1_000_006, 2));
    node.enters();
    assert_eq!(
        picture(&node, (64, 6)),
        "
   clock 1             2             3
 1000007 │◁req 1000006─┊             ┊
         │┄┄┄┄┄┄┄┄┄┄┄┄►┊             ┊ reply 1000007
 1000008 ║req 1000008─▷┼req 1000008─▷┊ asks
 1000010 ║◄┄┄┄┄┄┄┄┄┄┄┄┄┊             ┊ reply 1000009
 1000011 █◄┄┄┄┄┄┄┄┄┄┄┄┄┊┄┄┄┄┄┄┄┄┄┄┄┄┄┊ HELD, token 1000011"
    );
}

#[test]
fn every_size_can_be_drawn() {
    let mut many = Staged::new(1000, 1000);
    many.handle(request(3, 1));
    many.drops(40_000);
    many.handle(request(3, 999));
    for node in [case_3(), Staged::new(1, 1), many] {
        for width in [0, 1, 2, 7, 30, 64, 300] {
            for height in [0, 1, 2, 9, 300] {
                for line in lines(&node.diagram, (width, height), PLAIN) {
                    assert!(line.width() <= width.max(1) || width < 30, "{line}");
                }
            }
        }
    }
}
