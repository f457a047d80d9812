//! A member asks the others for the holders and the waiters of locks.
//!
//! ```text
//! query<NUMBER,ID>{"incarnation":..,"group":..,"lock":"nightly","have":[1]}
//! report<NUMBER,ID>{"incarnation":..,"group":..,"to":..,"piece":1,"of":2,"locks":[..]}
//! ```
//!
//! NUMBER counts the queries of the member that asks. Neither grants anything, so that a
//! reader passes over fields that it does not know.

use std::fmt::Write as _;

use serde::Deserialize;

use super::head::DatagramKind;
use super::hexadecimal::Hexadecimal;
use super::report::{CALLER_STATES, CallerReport, LockReport, MAX_PIECES, json, pieces};
use super::tail::{self, NO_TAIL};
use super::{Datagram, GroupDigest, Malformed};
use crate::mutex::{Incarnation, LockName, NodeId, Timestamp};

/// The longest tail of a report that is read, in bytes.
const MAX_REPORT: usize = 4096;

/// Asks what happens with the locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its number, among those of the asking run.
    pub number: u64,
    /// Only this lock. `None`: all.
    pub lock: Option<LockName>,
    /// The pieces of the report that have arrived.
    pub have: Vec<u16>,
}

/// A piece of the report of a member.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The number of the query.
    pub number: u64,
    /// The run that has asked.
    pub to: Incarnation,
    /// Its place, from 1 on.
    pub place: u16,
    /// How many there are.
    pub of: u16,
    /// How many callers the report leaves out, because there are too many.
    pub left_out: u64,
    /// The locks. One with many callers is in several pieces.
    pub locks: Vec<LockReport>,
}

#[derive(Deserialize)]
struct ReadQuery {
    incarnation: Hexadecimal,
    group: Hexadecimal,
    lock: Option<String>,
    #[serde(default)]
    have: Vec<u16>,
}

#[derive(Deserialize)]
struct ReadReport {
    incarnation: Hexadecimal,
    group: Hexadecimal,
    to: Hexadecimal,
    piece: u16,
    of: u16,
    #[serde(default)]
    left_out: u64,
    locks: Vec<LockReport>,
}

/// Reads what follows the head of a query or a report.
pub(super) fn decode(
    kind: DatagramKind,
    stamp: Timestamp,
    rest: &[u8],
) -> Result<Datagram, Malformed> {
    let (from, number) = (stamp.id, stamp.clock);
    if kind == DatagramKind::Query {
        let read: ReadQuery = serde_json::from_slice(rest).map_err(|_| NO_TAIL)?;
        if read.have.len() > usize::from(MAX_PIECES) {
            return Err(NO_TAIL);
        }
        let lock = read.lock.map(|lock| LockName::new(&lock)).transpose();
        return Ok(Datagram::Query {
            from,
            incarnation: Incarnation(read.incarnation.0),
            group: GroupDigest(read.group.0),
            query: Query {
                number,
                lock: lock.map_err(|_| NO_TAIL)?,
                have: read.have,
            },
        });
    }
    if rest.len() > MAX_REPORT {
        return Err(NO_TAIL);
    }
    let read: ReadReport = serde_json::from_slice(rest).map_err(|_| NO_TAIL)?;
    let is_in_order = (1..=read.of).contains(&read.piece) && read.of <= MAX_PIECES;
    let is_possible = |lock: &LockReport| {
        let has_state = |caller: &CallerReport| CALLER_STATES.contains(&&*caller.state);
        LockName::new(&lock.name).is_ok() && lock.callers.iter().all(has_state)
    };
    if !is_in_order || !read.locks.iter().all(is_possible) {
        return Err(NO_TAIL);
    }
    Ok(Datagram::Report {
        from,
        incarnation: Incarnation(read.incarnation.0),
        group: GroupDigest(read.group.0),
        piece: Piece {
            number,
            to: Incarnation(read.to.0),
            place: read.piece,
            of: read.of,
            left_out: read.left_out,
            locks: read.locks,
        },
    })
}

/// The text of a query, without a signature.
#[must_use]
pub fn encode_query(
    from: NodeId,
    incarnation: Incarnation,
    group: GroupDigest,
    query: &Query,
) -> String {
    let mut text = tail::begun(("query", query.number, from), incarnation, group);
    if let Some(lock) = &query.lock {
        text.push_str(",\"lock\":");
        text.push_str(&json(lock.as_str()));
    }
    if !query.have.is_empty() {
        text.push_str(",\"have\":");
        text.push_str(&json(&query.have));
    }
    text.push('}');
    text
}

/// The texts of a report, a piece each, without signatures.
#[must_use]
pub fn encode_report(
    from: NodeId,
    incarnation: Incarnation,
    group: GroupDigest,
    (number, to): (u64, Incarnation),
    locks: &[LockReport],
) -> Vec<String> {
    let (pieces, left_out) = pieces(locks);
    let of = u16::try_from(pieces.len()).expect("there are at most MAX_PIECES");
    let encode = |(place, locks)| {
        let piece = Piece {
            number,
            to,
            place,
            of,
            left_out,
            locks,
        };
        encode_piece(from, incarnation, group, &piece)
    };
    (1..).zip(pieces).map(encode).collect()
}

/// The text of a piece of a report, without a signature.
#[must_use]
pub fn encode_piece(
    from: NodeId,
    incarnation: Incarnation,
    group: GroupDigest,
    piece: &Piece,
) -> String {
    let mut text = tail::begun(("report", piece.number, from), incarnation, group);
    text.push_str(",\"to\":\"");
    Hexadecimal(piece.to.0).write(&mut text);
    // A string takes all.
    let _ = write!(text, "\",\"piece\":{},\"of\":{}", piece.place, piece.of);
    if piece.left_out > 0 {
        let _ = write!(text, ",\"left_out\":{}", piece.left_out);
    }
    text.push_str(",\"locks\":");
    text.push_str(&json(&piece.locks));
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::super::{OuterEntry, decode};
    use super::*;

    const RUN: Incarnation = Incarnation(17);
    const GROUP: GroupDigest = GroupDigest(18);

    fn caller(ticket: u64) -> CallerReport {
        CallerReport {
            ticket,
            state: "waiting".to_owned(),
            pid: Some(812),
            command: vec!["./backup".to_owned(), "\"é\n".to_owned()],
            ..CallerReport::default()
        }
    }

    fn lock(name: &str, callers: u64) -> LockReport {
        LockReport {
            name: name.to_owned(),
            request: Some(5),
            waits_for: vec![1, 3],
            callers: (1..=callers).map(caller).collect(),
        }
    }

    fn read(texts: &[String]) -> Vec<Piece> {
        let read = texts.iter().map(|text| match decode(text.as_bytes()) {
            Ok(Datagram::Report { piece, .. }) => piece,
            other => panic!("{other:?}"),
        });
        read.collect()
    }

    #[test]
    fn a_query_is_read_as_it_was_written() {
        let lock = LockName::new("nightly").unwrap();
        for (lock, have) in [(None, vec![]), (Some(lock), vec![1, 3])] {
            let number = 7;
            let query = Query { number, lock, have };
            let text = encode_query(NodeId(2), RUN, GROUP, &query);
            let expected = Datagram::Query {
                from: NodeId(2),
                incarnation: RUN,
                group: GROUP,
                query,
            };
            assert_eq!(decode(text.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn a_report_of_one_piece_is_read_as_it_was_written() {
        for locks in [vec![], vec![lock("nightly", 2), lock("", 1)]] {
            let texts = encode_report(NodeId(2), RUN, GROUP, (7, Incarnation(9)), &locks);
            let expected = Piece {
                number: 7,
                to: Incarnation(9),
                place: 1,
                of: 1,
                left_out: 0,
                locks,
            };
            assert_eq!(read(&texts), [expected]);
        }
    }

    #[test]
    fn a_long_report_is_in_pieces_that_fit_into_a_packet() {
        let locks: Vec<_> = (0..40)
            .map(|number| lock(&format!("lock {number}"), 9))
            .collect();
        let texts = encode_report(NodeId(2), RUN, GROUP, (7, RUN), &locks);
        assert!(texts.len() > 10);
        assert!(texts.iter().all(|text| text.len() < 1400));
        let pieces = read(&texts);
        let callers = pieces.iter().flat_map(|piece| &piece.locks);
        assert_eq!(callers.map(|lock| lock.callers.len()).sum::<usize>(), 360);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let locks = [lock("nightly", 5000)];
        let texts = encode_report(NodeId(2), RUN, GROUP, (7, RUN), &locks);
        assert_eq!(texts.len(), usize::from(MAX_PIECES));
        let pieces = read(&texts);
        let told: usize = pieces
            .iter()
            .map(|piece| piece.locks[0].callers.len())
            .sum();
        assert_eq!(pieces[0].left_out + told as u64, 5000);
    }

    #[test]
    fn a_long_command_is_cut() {
        let mut long = lock("nightly", 1);
        long.callers[0].command = vec!["é".repeat(3000)];
        let texts = encode_report(NodeId(2), RUN, GROUP, (7, RUN), &[long]);
        let piece = &read(&texts)[0];
        let expected = format!("{}…", "é".repeat(100));
        assert_eq!(piece.locks[0].callers[0].command, [expected]);
    }

    #[test]
    fn a_caller_whose_texts_grow_in_json_still_fits_into_a_packet() {
        let mut odd = lock("nightly", 3);
        for caller in &mut odd.callers {
            caller.command = vec!["\u{1}".repeat(300)];
            let lock = "\\".repeat(128);
            caller.under = vec![OuterEntry { lock, token: 1 }; 5];
        }
        let texts = encode_report(NodeId(2), RUN, GROUP, (7, RUN), &[odd]);
        assert!(texts.iter().all(|text| text.len() < 1400));
        assert_eq!(read(&texts).len(), texts.len());
    }

    #[test]
    fn a_report_that_is_not_in_order_is_malformed() {
        let begins = "report<7,2>{\"incarnation\":\"0000000000000011\",\
                      \"group\":\"0000000000000012\",\"to\":\"0000000000000013\"";
        let well = format!("{begins},\"piece\":1,\"of\":1,\"new\":5,\"locks\":[]}}");
        assert!(
            decode(well.as_bytes()).is_ok(),
            "unknown fields are passed over"
        );
        for rest in [
            "",
            ",\"piece\":0,\"of\":1,\"locks\":[]",
            ",\"piece\":2,\"of\":1,\"locks\":[]",
            ",\"piece\":1,\"of\":65,\"locks\":[]",
            ",\"piece\":1,\"of\":1,\"locks\":[{\"name\":\"a\\u0007\"}]",
            ",\"piece\":1,\"of\":1,\"locks\":[{\"name\":\"a\",\"callers\":\
             [{\"ticket\":1,\"state\":\"odd\",\"since_ms\":1}]}]",
        ] {
            let text = format!("{begins}{rest}}}");
            assert_eq!(decode(text.as_bytes()), Err(NO_TAIL), "{text}");
        }
    }
}
