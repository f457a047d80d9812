//! What an eavesdropper makes of the datagrams that it has captured: repeats
//! them, redirects them, and forges others.

use turno::internals::mutex::NodeId;
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::wire::{BEGINS, GroupDigest, Key, SIGNATURE};

use super::outsider::Injection;
use super::relay::Captured;

/// A request, as far as an eavesdropper knows it.
pub struct CapturedRequest {
    pub clock: u64,
    pub incarnation: String,
    pub group: String,
}

impl CapturedRequest {
    pub fn digest(&self) -> GroupDigest {
        GroupDigest(u64::from_str_radix(&self.group, 16).unwrap())
    }

    /// A request and a reply to this one, in the name of this member and with this
    /// clock, in the format of the original.
    pub fn forged_as_original(&self, from: u16, clock: u64) -> Vec<String> {
        vec![
            format!("req<{clock},{from}>"),
            format!("reply<{clock},{from}>"),
        ]
    }

    /// The same and a hello, in the format of turno.
    pub fn forged(&self, from: u16, clock: u64) -> Vec<String> {
        let CapturedRequest {
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

/// Pairs each of these ids with clocks: of the present, as far ahead as a member
/// believes, further, and the last one.
pub fn ids_and_clocks(ids: &[u16], now: u64) -> Vec<(u16, u64)> {
    let far = [now + MAX_JUMP, now + 2 * MAX_JUMP, MAX_CLOCK];
    let clocks = [1, now, now + 1].into_iter().chain(far);
    clocks
        .flat_map(|clock| ids.iter().map(move |id| (*id, clock)))
        .collect()
}

/// A datagram that its receiver drops under this cause.
pub fn dropped(bytes: impl Into<Vec<u8>>, cause: &'static str) -> Injection {
    let (bytes, cause) = (bytes.into(), Some(cause));
    Injection { bytes, cause }
}

/// A datagram that its receiver accepts, or accepted once, and that must have no
/// effect.
pub fn accepted(bytes: &[u8]) -> Injection {
    let (bytes, cause) = (bytes.to_vec(), None);
    Injection { bytes, cause }
}

/// Datagrams of an attacker without the key: unsigned, and signed with another.
pub fn forgeries(request: &CapturedRequest, receiver: u16) -> Vec<Injection> {
    let wrong = Key::new([7; 32]);
    let signed = |from: u16, text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        wrong.sign(request.digest(), NodeId(from), NodeId(receiver), &mut bytes);
        bytes
    };
    let mut injections = Vec::new();
    for (from, clock) in ids_and_clocks(&[1, 2, 3, 0, u16::MAX], request.clock) {
        for text in request.forged_as_original(from, clock) {
            injections.push(dropped(signed(from, &text), "not signed"));
            injections.push(dropped(text, "not signed"));
        }
        for text in request.forged(from, clock) {
            injections.push(dropped(signed(from, &text), "signature wrong"));
            injections.push(dropped(text, "not signed"));
        }
        let section = format!("cs<{clock},{from}>({BEGINS})");
        injections.push(dropped(section, "for the critical section"));
    }
    let too_large = format!("req<{},2>", MAX_CLOCK + 1);
    injections.push(dropped(too_large, "malformed"));
    injections
}

/// Captured datagrams, changed or sent to a member that they were not meant for.
pub fn redirected(
    captured: &[Captured],
    request: &CapturedRequest,
    receiver: usize,
) -> Vec<Injection> {
    let mut injections = Vec::new();
    for Captured { to, text } in captured {
        if *to != receiver {
            injections.push(dropped(text.clone(), "signature wrong"));
            continue;
        }
        let unsigned = &text[..text.len() - SIGNATURE];
        injections.push(dropped(unsigned, "not signed"));
        let readable = str::from_utf8(text).unwrap();
        if let Some((head, rest)) = readable.split_once("\"echo\":")
            && let Some((_, tail)) = rest.split_once(',')
        {
            let to_this = format!("{head}\"echo\":{},{tail}", request.clock);
            if to_this != readable {
                injections.push(dropped(to_this, "signature wrong"));
            }
        }
        let from_another = readable.replacen(",2>", ",3>", 1);
        if from_another != readable {
            injections.push(dropped(from_another, "signature wrong"));
        }
    }
    injections
}

/// The datagrams that were captured on the way to these members, as they are.
pub fn replayed(captured: &[Captured], is_to: impl Fn(usize) -> bool) -> Vec<Injection> {
    let to_them = captured.iter().filter(|captured| is_to(captured.to));
    to_them.map(|captured| accepted(&captured.text)).collect()
}
