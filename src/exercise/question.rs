//! A question, its answer, and the rule that it follows from.

use serde::Serialize;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Question {
    /// Its name in the drawing.
    pub(super) letter: String,
    pub(super) text: String,
    /// What may be chosen; empty if a number is asked for.
    pub(super) choices: Vec<String>,
    /// The number, or the place of the right choice.
    pub(super) right: u64,
    /// The rule, quoted.
    pub(super) rule: &'static str,
}

impl Question {
    /// The answer in words.
    pub(super) fn answer(&self) -> String {
        let place = usize::try_from(self.right).ok();
        let choice = place.and_then(|place| self.choices.get(place));
        choice.map_or_else(|| self.right.to_string(), Clone::clone)
    }
}

/// Lamport 1978.
pub(super) const TICK: &str = "Lamport (1978), IR1: \"Each process Pi increments Ci between any two \
     successive events.\" The clock of before, and 1.";

/// Lamport 1978.
pub(super) const RECEIVE: &str = "Lamport (1978), IR2: \"Upon receiving a message m, process Pj sets \
     Cj greater than or equal to its present value and greater than Tm.\" The larger of its own \
     clock and the message's, and 1.";

/// How turno makes tokens.
pub(super) const TOKEN: &str = "The fencing token of an entry is the clock of the node as it enters: \
     past the clock of each reply that it needed, and so larger than every token before.";

/// Ricart and Agrawala 1981.
pub(super) const PRIORITY: &str = "Ricart and Agrawala (1981): \"A REPLY message is returned \
     immediately if the originator of the REQUEST message has priority; otherwise, the REPLY is \
     delayed.\" A node in the section defers all; one that waits compares its own request with \
     the other, by (clock, id).";

/// Ricart and Agrawala 1981.
pub(super) const NEXT: &str = "Ricart and Agrawala (1981): the request with the lowest sequence number \
     has priority. \"If the sequence numbers are equal, the node numbers are compared to determine \
     which will enter first.\"";

/// Carvalho and Roucairol 1983.
pub(super) const KEPT: &str = "Carvalho and Roucairol (1983): a permission lasts until its giver asks \
     for ours. A node asks only those whose permission it does not keep.";

/// Why turno's replies carry an echo.
pub(super) const ECHO: &str = "A reply says which request it answers, by the request's clock and the \
     run of the sender. It counts for that request only: the one that a node made before it crashed \
     is forgotten.";
