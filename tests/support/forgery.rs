//! What an eavesdropper makes of the datagrams that it has seen: the same again,
//! the same for somebody else, and others.

use turno::internals::mutex::NodeId;
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::wire::{BEGINS, GroupDigest, Key, SIGNATURE};

use super::outsider::Missile;
use super::relay::Captured;

/// A request, as an eavesdropper knows it.
pub struct Request {
    pub clock: u64,
    pub incarnation: String,
    pub group: String,
}

impl Request {
    pub fn digest(&self) -> GroupDigest {
        GroupDigest(u64::from_str_radix(&self.group, 16).unwrap())
    }

    /// In somebody's name and at this clock: requests and replies to this one,
    /// in the seed's words.
    pub fn forged_as_the_seed(&self, from: u16, clock: u64) -> Vec<String> {
        vec![
            format!("req<{clock},{from}>"),
            format!("reply<{clock},{from}>"),
        ]
    }

    /// The same, and a claim to be there, in turno's words.
    pub fn forged(&self, from: u16, clock: u64) -> Vec<String> {
        let Request {
            clock: echo,
            incarnation: to,
            group,
        } = self;
        let run = format!("{{\"incarnation\":\"00000000000000bb\",\"group\":\"{group}\"");
        vec![
            format!("req<0,{from}>{run}}}"),
            format!("req<{clock},{from}>{run}}}"),
            format!("reply<{clock},{from}>{run},\"echo\":0,\"to\":\"{to}\"}}"),
            format!("reply<{clock},{from}>{run},\"echo\":{echo},\"to\":\"{to}\"}}"),
            format!("reply<{clock},{from}>{run},\"echo\":{echo},\"to\":\"{to}\",\"again\":true}}"),
        ]
    }
}

/// Each of these ids, with clocks of today, as far ahead as is believed, further,
/// and the last one.
pub fn named(ids: &[u16], now: u64) -> Vec<(u16, u64)> {
    let far = [now + MAX_JUMP, now + 2 * MAX_JUMP, MAX_CLOCK];
    let clocks = [1, now, now + 1].into_iter().chain(far);
    clocks
        .flat_map(|clock| ids.iter().map(move |id| (*id, clock)))
        .collect()
}

pub fn missile(bytes: impl Into<Vec<u8>>, cause: &'static str) -> Missile {
    let (bytes, cause) = (bytes.into(), Some(cause));
    Missile { bytes, cause }
}

/// Without the key: unsigned, and signed with another.
pub fn forgeries(request: &Request, receiver: u16) -> Vec<Missile> {
    let wrong = Key::new([7; 32]);
    let signed = |from: u16, text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        wrong.sign(request.digest(), NodeId(from), NodeId(receiver), &mut bytes);
        bytes
    };
    let mut missiles = Vec::new();
    for (from, clock) in named(&[1, 2, 3, 0, u16::MAX], request.clock) {
        for text in request.forged_as_the_seed(from, clock) {
            missiles.push(missile(signed(from, &text), "not signed"));
            missiles.push(missile(text, "not signed"));
        }
        for text in request.forged(from, clock) {
            missiles.push(missile(signed(from, &text), "signature wrong"));
            missiles.push(missile(text, "not signed"));
        }
        let section = format!("cs<{clock},{from}>({BEGINS})");
        missiles.push(missile(section, "for the critical section"));
    }
    let too_large = format!("req<{},2>", MAX_CLOCK + 1);
    missiles.push(missile(too_large, "malformed"));
    missiles
}

/// What was overheard, for others than it was meant for, or changed.
pub fn redirected(captured: &[Captured], request: &Request, receiver: usize) -> Vec<Missile> {
    let mut missiles = Vec::new();
    for Captured { to, text } in captured {
        if *to != receiver {
            missiles.push(missile(text.clone(), "signature wrong"));
            continue;
        }
        let unsigned = &text[..text.len() - SIGNATURE];
        missiles.push(missile(unsigned, "not signed"));
        let readable = str::from_utf8(text).unwrap();
        if let Some((head, rest)) = readable.split_once("\"echo\":")
            && let Some((_, tail)) = rest.split_once(',')
        {
            let to_this = format!("{head}\"echo\":{},{tail}", request.clock);
            if to_this != readable {
                missiles.push(missile(to_this, "signature wrong"));
            }
        }
        let from_another = readable.replacen(",2>", ",3>", 1);
        if from_another != readable {
            missiles.push(missile(from_another, "signature wrong"));
        }
    }
    missiles
}

/// What was overheard on the way to these members, again.
pub fn replayed(captured: &[Captured], is_to: impl Fn(usize) -> bool) -> Vec<Missile> {
    let to_them = captured.iter().filter(|captured| is_to(captured.to));
    to_them.map(|captured| again(&captured.text)).collect()
}

/// It is heard, or at least it was once, and must have no effect.
pub fn again(bytes: &[u8]) -> Missile {
    let (bytes, cause) = (bytes.to_vec(), None);
    Missile { bytes, cause }
}
