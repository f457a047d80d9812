use super::*;
use crate::mutex::clock::MAX_JUMP;
use crate::mutex::{ClockError, Token};

const NONCE: Incarnation = Incarnation(7);
const PEERS_NONCE: Origin = Origin::Turno(Incarnation(9));

/// Member `id` of a group of `members`, with clock 1.
fn node(id: u16, members: u16) -> RicartAgrawala {
    RicartAgrawala::new(NodeId(id), members, NONCE)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn stamp(clock: u64, id: u16) -> Timestamp {
    let id = NodeId(id);
    Timestamp { clock, id }
}

fn message(clock: u64, id: u16, body: Body, origin: Origin) -> Message {
    let stamp = stamp(clock, id);
    Message {
        stamp,
        body,
        origin,
    }
}

/// A turno node's `req<clock,id>`, arriving.
fn request(clock: u64, id: u16) -> Event {
    received(message(clock, id, Body::Request, PEERS_NONCE))
}

/// A turno node's `reply<clock,id>` to the request of clock `echo`, arriving.
fn reply(clock: u64, id: u16, echo: u64) -> Event {
    let echo = Some(echo);
    received(message(clock, id, Body::Reply { echo }, PEERS_NONCE))
}

fn received(message: Message) -> Event {
    Event::Received {
        message,
        socket: Socket::Listening,
        source: address(10_000 + message.stamp.id.0),
    }
}

/// A seed peer's `reply<clock,id>`, arriving at a socket.
fn seed_reply(clock: u64, id: u16, socket: Socket) -> Event {
    Event::Received {
        message: message(clock, id, Body::Reply { echo: None }, Origin::Seed),
        socket,
        source: address(10_000 + id),
    }
}

impl RicartAgrawala {
    fn must(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.handle(&event, &mut effects)
            .unwrap_or_else(|rejected| panic!("{event:?} was rejected: {rejected}"));
        effects
    }

    /// Hands in an event that must be refused and change nothing.
    fn must_not(&mut self, event: Event) -> Rejected {
        let before = self.clone();
        let mut effects = Vec::new();
        let rejected = self.handle(&event, &mut effects).expect_err("it was taken");
        assert_eq!(*self, before, "a rejected event changed the node");
        assert_eq!(effects, [], "a rejected event had effects");
        rejected
    }

    fn is_held(&self) -> bool {
        matches!(self.state(), State::Held { .. })
    }
}

/// The datagrams among the effects: to whom, and their heads.
fn sent(effects: &[Effect]) -> Vec<(u16, String)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, message, .. } => Some((to.0, message.to_string())),
            _ => None,
        })
        .collect()
}

fn sockets(effects: &[Effect]) -> Vec<(u16, Socket)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, socket, .. } => Some((to.0, *socket)),
            _ => None,
        })
        .collect()
}

/// Node 1 of 3 in the section: it has asked at 2 and entered at 5.
fn held() -> RicartAgrawala {
    let mut node = node(1, 3);
    node.must(Event::Want);
    node.must(reply(3, 2, 2));
    node.must(reply(3, 3, 2));
    assert!(node.is_held());
    node
}

/// Node 2 of 3 waiting: it has asked at 4.
fn waiting() -> RicartAgrawala {
    let mut node = node(2, 3);
    node.must(request(2, 1));
    node.must(Event::Want);
    assert_eq!(node.clock(), 4);
    node
}

#[test]
fn it_starts_free_at_clock_one_and_has_never_asked() {
    let node = node(1, 3);
    assert_eq!(
        (node.state(), node.clock(), node.last_request_clock()),
        (&State::Free, 1, None)
    );
}

#[test]
#[should_panic(expected = "id 4 is not in 1..=3")]
fn an_id_outside_the_list_is_a_bug_of_the_caller() {
    let _ = node(4, 3);
}

#[test]
fn wanting_the_section_ticks_and_asks_all_others() {
    let mut node = node(2, 3);
    let effects = node.must(Event::Want);
    assert_eq!(
        sent(&effects),
        [(1, "req<2,2>".into()), (3, "req<2,2>".into())]
    );
    assert_eq!((node.clock(), node.last_request_clock()), (2, Some(2)));
    assert!(matches!(node.state(), State::Wait { .. }));
}

#[test]
fn wanting_it_again_while_waiting_or_inside_is_refused() {
    assert_eq!(waiting().must_not(Event::Want), Rejected::NotFree);
    assert_eq!(held().must_not(Event::Want), Rejected::NotFree);
}

#[test]
fn the_own_id_ticks_the_clock_in_every_state() {
    for mut node in [node(1, 3), waiting(), held()] {
        let before = node.clock();
        assert_eq!(node.must(Event::Tick), []);
        assert_eq!(node.clock(), before + 1);
    }
}

#[test]
fn it_enters_when_the_last_reply_is_in_and_its_clock_is_the_token() {
    let mut node = node(1, 3);
    node.must(Event::Want);
    assert_eq!(node.must(reply(3, 3, 2)), []);
    let effects = node.must(reply(3, 2, 2));
    let token = Token::of(5);
    assert_eq!(effects, [Effect::Enter { token }]);
    assert_eq!(node.state(), &State::Held { token });
}

#[test]
fn a_group_of_one_enters_without_a_datagram() {
    let mut node = node(1, 1);
    let token = Token::of(2);
    assert_eq!(node.must(Event::Want), [Effect::Enter { token }]);
}

#[test]
fn an_entry_costs_two_messages_per_peer() {
    for members in [2, 3, 5, 9] {
        let mut nodes: Vec<_> = (1..=members).map(|id| node(id, members)).collect();
        let asked = nodes[0].must(Event::Want);
        let mut datagrams = sent(&asked).len();
        for id in 2..=members {
            let answered = nodes[usize::from(id) - 1].must(request(2, 1));
            datagrams += sent(&answered).len();
            nodes[0].must(reply(3, id, 2));
        }
        assert!(nodes[0].is_held());
        datagrams += sent(&nodes[0].must(Event::Left)).len();
        assert_eq!(datagrams, 2 * (usize::from(members) - 1));
    }
}

#[test]
fn a_request_is_answered_at_once_while_free() {
    let mut node = node(3, 3);
    let effects = node.must(request(2, 1));
    assert_eq!(sent(&effects), [(1, "reply<3,3>".into())]);
}

#[test]
fn a_reply_goes_back_to_where_the_request_came_from_and_echoes_its_clock() {
    let mut node = node(3, 3);
    let effects = node.must(Event::Received {
        message: message(2, 1, Body::Request, Origin::Seed),
        socket: Socket::Listening,
        source: address(54_321),
    });
    assert_eq!(
        effects,
        [Effect::Send {
            to: NodeId(1),
            address: Some(address(54_321)),
            socket: Socket::Listening,
            message: message(3, 3, Body::Reply { echo: Some(2) }, Origin::Turno(NONCE)),
        }]
    );
}

#[test]
fn an_older_request_is_answered_while_waiting() {
    let mut node = waiting();
    assert_eq!(
        sent(&node.must(request(3, 3))),
        [(3, "reply<5,2>".into())],
        "(3,3) < (4,2)"
    );
}

#[test]
fn a_younger_request_is_deferred_while_waiting() {
    let mut node = waiting();
    assert_eq!(node.must(request(5, 3)), [], "(4,2) < (5,3)");
    assert_eq!(node.reply_queue().len(), 1);
}

#[test]
fn a_tie_goes_to_the_lower_id() {
    let mut node = waiting();
    assert_eq!(sent(&node.must(request(4, 1))).len(), 1, "(4,1) < (4,2)");
    assert_eq!(sent(&node.must(request(4, 3))).len(), 0, "(4,2) < (4,3)");
}

#[test]
fn defers_the_reply_while_held_however_old_the_request() {
    let mut node = held();
    assert_eq!(node.must(request(1, 2)), []);
    assert_eq!(node.reply_queue()[0].request, stamp(1, 2));
}

#[test]
fn leaving_answers_the_queue_in_order_with_the_clock_of_that_moment() {
    let mut node = held();
    node.must(request(4, 3));
    node.must(request(4, 2));
    node.must(Event::Tick);
    let effects = node.must(Event::Left);
    assert_eq!(effects[0], Effect::Leave { clock: 8 });
    assert_eq!(
        sent(&effects),
        [(3, "reply<8,1>".into()), (2, "reply<8,1>".into())]
    );
    assert_eq!((node.state(), node.reply_queue()), (&State::Free, &[][..]));
}

#[test]
fn giving_up_answers_the_queue_and_never_uses_the_clock_again() {
    let mut node = waiting();
    node.must(request(5, 3));
    assert_eq!(sent(&node.must(Event::GiveUp)), [(3, "reply<6,2>".into())]);
    assert_eq!(node.state(), &State::Free);
    assert_eq!(node.must_not(reply(9, 1, 4)), Rejected::NotAwaited);
    node.must(Event::Want);
    assert_eq!(node.last_request_clock(), Some(7));
    assert_eq!(node.must_not(reply(9, 1, 4)), Rejected::StaleReply);
}

#[test]
fn leaving_and_giving_up_out_of_place_are_refused() {
    assert_eq!(waiting().must_not(Event::Left), Rejected::NotHeld);
    assert_eq!(held().must_not(Event::GiveUp), Rejected::NotWaiting);
    assert_eq!(node(1, 3).must_not(Event::Left), Rejected::NotHeld);
}

#[test]
fn replies_are_a_set_of_senders_and_never_a_number() {
    let mut node = waiting();
    node.must(reply(5, 3, 4));
    assert_eq!(node.must_not(reply(5, 3, 4)), Rejected::RepeatedReply);
    assert_eq!(node.must_not(reply(6, 3, 4)), Rejected::RepeatedReply);
    node.must(reply(5, 1, 4));
    assert!(node.is_held());
}

#[test]
fn a_reply_to_an_earlier_request_does_not_count_for_this_one() {
    let mut node = held();
    node.must(Event::Left);
    node.must(Event::Want);
    assert_eq!(node.must_not(reply(9, 2, 2)), Rejected::StaleReply);
}

#[test]
fn a_reply_whose_clock_has_not_passed_the_request_answers_another() {
    let mut node = waiting();
    assert_eq!(node.must_not(reply(4, 3, 4)), Rejected::StaleReply);
    let own_socket = Socket::OfRequest(4);
    assert_eq!(
        node.must_not(seed_reply(4, 3, own_socket)),
        Rejected::StaleReply
    );
}

#[test]
fn a_reply_while_free_or_held_is_not_awaited() {
    assert_eq!(node(1, 3).must_not(reply(5, 2, 2)), Rejected::NotAwaited);
    assert_eq!(held().must_not(reply(9, 2, 2)), Rejected::NotAwaited);
}

#[test]
fn for_a_seed_peers_reply_the_socket_is_the_echo() {
    let mut node = waiting();
    let early = Socket::OfRequest(3);
    assert_eq!(
        node.must_not(seed_reply(5, 3, Socket::Listening)),
        Rejected::NoEcho
    );
    assert_eq!(node.must_not(seed_reply(5, 3, early)), Rejected::StaleReply);
    node.must(seed_reply(5, 3, Socket::OfRequest(4)));
    assert_eq!(
        node.must_not(seed_reply(5, 3, Socket::OfRequest(4))),
        Rejected::RepeatedReply
    );
}

#[test]
fn an_echo_says_more_than_the_socket() {
    let mut node = waiting();
    let late = Event::Received {
        message: message(9, 3, Body::Reply { echo: Some(2) }, PEERS_NONCE),
        socket: Socket::OfRequest(4),
        source: address(10_003),
    };
    assert_eq!(node.must_not(late), Rejected::StaleReply);
}

#[test]
fn only_a_peer_known_to_echo_is_asked_from_the_listening_socket() {
    let mut node = node(3, 4);
    node.must(request(2, 1));
    node.must(Event::Received {
        message: message(2, 2, Body::Request, Origin::Seed),
        socket: Socket::Listening,
        source: address(54_321),
    });
    let asked = node.must(Event::Want);
    let own = Socket::OfRequest(5);
    assert_eq!(
        sockets(&asked),
        [(1, Socket::Listening), (2, own), (4, own)]
    );
}

/// The pause that a timer was set for.
fn pause(effects: &[Effect]) -> Duration {
    match effects.last() {
        Some(Effect::SetTimer { after, .. }) => *after,
        other => panic!("no timer was set, but {other:?}"),
    }
}

#[test]
fn a_request_is_sent_again_with_the_same_clock_to_those_who_have_not_replied() {
    let mut node = waiting();
    node.must(reply(5, 3, 4));
    node.must(Event::Tick);
    let timer = Timer::Resend { request: 4 };
    let again = node.must(Event::Expired(timer));
    assert_eq!(sent(&again), [(1, "req<4,2>".into())]);
    assert_eq!(sockets(&again), [(1, Socket::OfRequest(4))]);
}

#[test]
fn the_pauses_between_two_sendings_grow_up_to_a_bound() {
    let mut node = node(1, 2);
    let mut pauses = vec![pause(&node.must(Event::Want))];
    let timer = Timer::Resend { request: 2 };
    for _ in 0..100 {
        pauses.push(pause(&node.must(Event::Expired(timer))));
    }
    assert!(pauses.is_sorted());
    assert_eq!(pauses[0], FIRST_RESEND);
    assert_eq!(pauses[1], FIRST_RESEND * 2);
    assert_eq!(pauses[100], LONGEST_RESEND);
}

#[test]
fn a_seed_peer_that_defers_is_asked_ever_more_rarely() {
    let mut node = node(1, 2);
    node.must(Event::Received {
        message: message(2, 2, Body::Request, Origin::Seed),
        socket: Socket::Listening,
        source: address(54_321),
    });
    node.must(Event::Want);
    let timer = Timer::Resend { request: 4 };
    let asked = (0..1024).map(|_| sent(&node.must(Event::Expired(timer))).len());
    assert_eq!(
        asked.sum::<usize>(),
        11,
        "the 1st, 2nd, 4th, ..., 1024th time"
    );
}

#[test]
fn a_timer_of_a_request_that_is_done_with_means_nothing() {
    let timer = Timer::Resend { request: 2 };
    assert_eq!(held().must_not(Event::Expired(timer)), Rejected::StaleTimer);
    assert_eq!(
        waiting().must_not(Event::Expired(timer)),
        Rejected::StaleTimer
    );
}

#[test]
fn a_request_that_arrives_again_is_queued_once_and_does_not_tick() {
    let mut node = held();
    node.must(request(4, 2));
    assert_eq!(node.must_not(request(4, 2)), Rejected::AlreadyDeferred);
    assert_eq!(sent(&node.must(Event::Left)).len(), 1);
}

#[test]
fn a_request_that_arrives_again_after_its_reply_is_answered_again() {
    let mut node = node(2, 3);
    node.must(request(2, 1));
    let again = node.must(request(2, 1));
    assert_eq!(sent(&again), [(1, "reply<4,2>".into())]);
}

#[test]
fn a_peers_newer_request_takes_the_place_of_its_older_one() {
    let mut node = held();
    node.must(request(4, 2));
    node.must(request(9, 2));
    assert_eq!(node.must_not(request(4, 2)), Rejected::Overtaken);
    assert_eq!(sent(&node.must(Event::Left)), [(2, "reply<10,1>".into())]);
}

#[test]
fn a_peer_that_was_started_anew_is_answered_though_its_clock_went_back() {
    for (first, second) in [
        (Origin::Seed, Origin::Seed),
        (PEERS_NONCE, Origin::Turno(Incarnation(10))),
        (PEERS_NONCE, Origin::Seed),
    ] {
        let mut node = held();
        node.must(received(message(40, 2, Body::Request, first)));
        node.must(received(message(2, 2, Body::Request, second)));
        assert_eq!(node.reply_queue().len(), 1);
        assert_eq!(node.reply_queue()[0].request, stamp(2, 2));
    }
}

#[test]
fn a_stranger_and_our_own_id_are_refused() {
    for mut node in [node(1, 3), held()] {
        let stranger = Rejected::NoMember(NodeId(4));
        assert_eq!(node.must_not(request(2, 4)), stranger);
        assert_eq!(node.must_not(reply(2, 4, 2)), stranger);
        assert_eq!(node.must_not(request(2, 0)), Rejected::NoMember(NodeId(0)));
        assert_eq!(node.must_not(request(2, 1)), Rejected::OwnId(NodeId(1)));
    }
}

#[test]
fn a_clock_that_cannot_be_believed_is_refused() {
    let received = 5 + MAX_JUMP + 1;
    let own = 5;
    let expected = Rejected::Clock(ClockError::TooFarAhead { received, own });
    assert_eq!(held().must_not(request(received, 2)), expected);
    let mut node = waiting();
    node.must(Event::Tick);
    assert_eq!(node.must_not(reply(received, 1, 4)), expected);
}
