use super::Account;
use crate::mutex::{
    Body, Config, Durability, Effect, Incarnation, LockName, Message, NodeId, Origin, RequestId,
};
use crate::protocol::{Event, Member};
use crate::trace::{Header, Record};

const OWN: Incarnation = Incarnation(7);

fn received(from: u16, body: Body) -> Event {
    Event::Received {
        message: Message {
            from: NodeId(from),
            origin: Origin::Turno(Incarnation(9)),
            view: None,
            body,
        },
        reply_to: None,
    }
}

fn request(from: u16, clock: u64) -> Event {
    let lock = LockName::default();
    received(from, Body::Request { lock, clock })
}

fn reply(from: u16, clock: u64, to: u64) -> Event {
    let echo = RequestId {
        clock: to,
        incarnation: OWN,
    };
    let lock = LockName::default();
    received(from, Body::Reply { lock, clock, echo })
}

#[test]
fn a_record_is_put_into_the_words_of_the_live_event() {
    let mut member = Member::new(Config {
        durability: Durability::Durable {
            below: 1,
            synced: true,
        },
        ..Config::new(NodeId(1), 3, OWN)
    });
    let lock = LockName::default;
    for (event, text) in [
        (Event::Start, "start"),
        (Event::Tick, "tick"),
        (Event::Acquire(lock()), "x: req<3,1> sent to 2, 3"),
        (Event::Acquire(lock()), "'x' ignored"),
        (
            request(2, 2),
            "req<2,2> received: reply<4,1> sent, for (2,2) < (3,1)",
        ),
        (
            request(3, 5),
            "req<5,3> received: deferred, for (3,1) < (5,3)",
        ),
        (
            request(3, 5),
            "req<5,3> received: again, and still deferred",
        ),
        (reply(2, 6, 3), "reply<6,2> received"),
        (reply(3, 6, 3), "reply<6,3> received; Process entered CS"),
        (
            reply(3, 6, 3),
            "reply<6,3> received: ignored, no request of ours waits for a reply",
        ),
        (request(2, 9), "req<9,2> received: deferred until we leave"),
        (
            Event::Release(lock()),
            "Process exited CS; reply<10,1> sent to 3; reply<10,1> sent to 2",
        ),
        (received(2, Body::Hello), "req<0,2> received: hello"),
        (
            request(2, 1 << 40),
            "req<1099511627776,2> received: too far ahead to be believed, 2 is asked",
        ),
    ] {
        let mut effects: Vec<Effect> = Vec::new();
        let outcome = member.handle(&event, &mut effects);
        let outcome = outcome.map(|()| &*effects);
        let record = Record::new(0, &event, outcome, &member).unwrap();
        let live = Account::new(&record, &event, &effects, &member);
        assert_eq!(live.text(), text);
        let header = Header::new(&member);
        assert_eq!(Account::recorded(&header, &record).text(), text, "recorded");
    }
}
