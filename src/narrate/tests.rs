use super::Account;
use crate::protocol::Event;
use crate::protocol::tests::{acquire, hello, release, reply, request, unstarted};
use crate::trace::Header;

#[test]
fn a_record_is_put_into_the_words_of_the_live_event() {
    let mut member = unstarted(1, 3);
    for (event, text) in [
        (Event::Start, "start"),
        (Event::Tick, "tick"),
        (acquire(), "x: req<3,1> sent to 2, 3"),
        (acquire(), "'x' ignored"),
        (
            request(2, 2),
            "req<2,2> received: reply<4,1> sent, for (2,2) < (3,1)",
        ),
        (
            request(5, 3),
            "req<5,3> received: deferred, for (3,1) < (5,3)",
        ),
        (
            request(5, 3),
            "req<5,3> received: again, and still deferred",
        ),
        (reply(6, 2, 3), "reply<6,2> received"),
        (reply(6, 3, 3), "reply<6,3> received; Process entered CS"),
        (
            reply(6, 3, 3),
            "reply<6,3> received: ignored, no request of ours waits for a reply",
        ),
        (request(9, 2), "req<9,2> received: deferred until we leave"),
        (
            release(),
            "Process exited CS; reply<10,1> sent to 3; reply<10,1> sent to 2",
        ),
        (hello(2), "req<0,2> received: hello"),
        (
            request(1 << 40, 2),
            "req<1099511627776,2> received: too far ahead to be believed, 2 is asked",
        ),
    ] {
        let mut effects = Vec::new();
        let outcome = member.handle(&event, &mut effects).map(|()| &*effects);
        let live = Account::new(&event, outcome, &member).unwrap();
        assert_eq!(live.text(), text);
        let header = Header::new(&member);
        let recorded = Account::recorded(&header, &live.record);
        assert_eq!(recorded.text(), text, "recorded");
    }
}
