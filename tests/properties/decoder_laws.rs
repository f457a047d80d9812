//! What holds for a datagram, whatever is in it.

use turno::internals::mutex::Message;
use turno::internals::wire::{Datagram, GroupDigest, decode, encode};

use crate::seed_scan::scan;

/// Panics if the datagram breaks one of the laws: that reading it does not
/// panic; that what is understood can be said, and is understood alike again;
/// and that a seed peer reads the same clock and id.
pub fn check(datagram: &[u8]) {
    let Ok(understood) = decode(datagram) else {
        return;
    };
    let (kind, clock, id) = match &understood {
        Datagram::Message { message, .. } => {
            let kind = if is_request(message) { "req" } else { "reply" };
            (kind, message.body.clock(), message.from)
        }
        Datagram::SeedReply { from, clock } => ("reply", *clock, *from),
        Datagram::Section(said) => ("cs", said.stamp.clock, said.stamp.id),
    };
    let read = scan(datagram, kind);
    let clock = i64::try_from(clock).expect("Go has no larger numbers");
    assert_eq!(read, Some((clock, id.0.into())), "a seed peer reads it so");

    let said = say(&understood);
    assert_eq!(decode(&said), Ok(understood), "said again");
    assert_eq!(scan(&said, kind), read, "a seed peer reads it so");
}

fn is_request(message: &Message) -> bool {
    message.to_string().starts_with("req<")
}

/// The datagram that says it the way turno does; a seed peer's reply is never
/// said by turno, which always adds the echo.
fn say(understood: &Datagram) -> Vec<u8> {
    match understood {
        Datagram::Message { message, group } => {
            // A seed peer's says nothing of a group.
            let group = group.unwrap_or(GroupDigest(0));
            encode(message, group).into_bytes()
        }
        Datagram::SeedReply { from, clock } => format!("reply<{clock},{from}>").into_bytes(),
        Datagram::Section(said) => said.encode(),
    }
}
