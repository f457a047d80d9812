//! From an event of the algorithm to the rows of the diagram.

use std::collections::BTreeSet;

use super::{Arrow, ArrowKind, LiveDiagram, Row};
use crate::mutex::NodeId;
use crate::narrate::{Account, Tone, add};
use crate::trace::{EventKind, MessageKind, MessageRecord};

impl LiveDiagram {
    /// The event, then what it sent: the first arrow shares the event's row if that has
    /// none of its own.
    pub(super) fn rows_of(&mut self, account: &Account<'_>, clock_before: u64) -> Vec<Row> {
        let head = match &account.record.message {
            Some(message) => self.received(account, message, clock_before),
            None => account.note().map(|(tone, note)| self.event(tone, note)),
        };
        let mut rows: Vec<Row> = head.into_iter().collect();
        for arrow in sent(account) {
            let (tone, note) = match arrow.kind {
                _ if arrow.is_repeated => (Tone::Ignored, "again"),
                ArrowKind::Request if arrow.label != HELLO => (Tone::Ordinary, "asks"),
                _ => (Tone::Ordinary, ""),
            };
            match rows.last_mut().filter(|row| row.arrow.is_none()) {
                Some(row) => {
                    row.arrow = Some(arrow);
                    if row.note.is_empty() {
                        note.clone_into(&mut row.note);
                    }
                }
                None => {
                    let clock = rows.is_empty().then_some(self.now.clock);
                    let (arrow, row) = (Some(arrow), self.row(tone, note));
                    rows.push(Row {
                        clock,
                        arrow,
                        ..row
                    });
                }
            }
        }
        if let (Some(note), Some(row)) = (account.note_on_entry(), rows.first_mut()) {
            (row.tone, row.note) = (Tone::Section, note);
        }
        rows
    }

    /// The arrival of a message. A hello or welcome is shown only if it changes
    /// something: the clock, or the run of the peer.
    fn received(
        &mut self,
        account: &Account<'_>,
        message: &MessageRecord,
        clock_before: u64,
    ) -> Option<Row> {
        let (mut tone, mut note) = account.note()?;
        let from = NodeId(message.peer);
        let is_ignored = account.record.ignored.is_some();
        if from == self.own && !is_ignored {
            return Some(self.event(tone, note));
        }
        let is_restarted = !is_ignored && self.is_new_run(message);
        let is_silent = message.kind.is_clock_sync() && !account.is_doubted() && !is_ignored;
        if is_silent && !is_restarted && account.record.clock == clock_before {
            return None;
        }
        let is_repeated = !is_ignored && tone == Tone::Ignored;
        if is_restarted {
            tone = Tone::Trouble;
            let what = std::mem::replace(&mut note, format!("{from} restarted"));
            add(&mut note, &what);
        }
        Some(Row {
            arrow: Some(Arrow {
                is_repeated,
                ..arrow(false, message)
            }),
            begins: is_restarted.then_some(from),
            ..self.event(tone, note)
        })
    }

    /// Whether the message shows that its sender was restarted.
    fn is_new_run(&mut self, message: &MessageRecord) -> bool {
        let Some(run) = &message.run else {
            return false;
        };
        let known = self.runs.insert(NodeId(message.peer), run.clone());
        known.is_some_and(|known| known != *run)
    }
}

/// The label of a hello.
const HELLO: &str = "hello";

/// The arrow of a message from or to its peer.
fn arrow(is_sent: bool, message: &MessageRecord) -> Arrow {
    let clock = message.clock;
    let (kind, label) = match message.kind {
        MessageKind::Request => (ArrowKind::Request, format!("req {clock}")),
        MessageKind::Hello => (ArrowKind::Request, HELLO.to_owned()),
        MessageKind::Welcome => (ArrowKind::Reply, format!("welcome {clock}")),
        _ => (ArrowKind::Reply, format!("reply {clock}")),
    };
    Arrow {
        is_sent,
        peers: BTreeSet::from([NodeId(message.peer)]),
        kind,
        label,
        is_repeated: false,
        is_lost: false,
    }
}

/// What was sent, the same to several members as one arrow. Hellos are shown only if
/// a caller or a doubted clock needs them.
fn sent(account: &Account<'_>) -> Vec<Arrow> {
    let has_hello = account.record.event == EventKind::Acquire || account.is_doubted();
    let mut arrows: Vec<Arrow> = Vec::new();
    for (message, is_repeated) in account.sent() {
        let is_hello = message.kind == MessageKind::Hello;
        if message.kind == MessageKind::Welcome || is_hello && !has_hello {
            continue;
        }
        let arrow = Arrow {
            is_repeated: is_repeated && !is_hello,
            ..arrow(true, message)
        };
        let is_same = |other: &&mut Arrow| {
            (&other.label, other.is_repeated) == (&arrow.label, arrow.is_repeated)
        };
        match arrows.iter_mut().find(is_same) {
            Some(same) => same.peers.extend(arrow.peers),
            None => arrows.push(arrow),
        }
    }
    arrows
}
