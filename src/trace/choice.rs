//! Which locks of a trace are drawn.

use std::fmt;

use super::history::History;

/// So many locks are drawn under each other without being asked for.
const MAX_LOCKS: usize = 8;

/// So many locks are listed in a message.
const MAX_LISTED: usize = 40;

/// Why it is not known which locks to draw. Both list the locks of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// This lock was asked for, and does not occur.
    Unknown(String, Vec<String>),
    /// None was asked for, and the trace has too many for one drawing.
    Many(Vec<String>),
}

/// The locks to draw: those that are asked for, in this order, or else all of the trace.
/// Without any in the trace it is the nameless one. `is_all` draws any number of them.
pub(crate) fn locks_to_draw(
    history: &History,
    asked: &[String],
    is_all: bool,
) -> Result<Vec<String>, Undecided> {
    let known: Vec<String> = history.locks().into_iter().map(str::to_owned).collect();
    if let Some(unknown) = asked.iter().find(|lock| !known.contains(lock)) {
        return Err(Undecided::Unknown(unknown.clone(), known));
    }
    let mut locks: Vec<String> = Vec::new();
    for lock in asked {
        if !locks.contains(lock) {
            locks.push(lock.clone());
        }
    }
    match (locks.is_empty(), known.len()) {
        (false, _) => Ok(locks),
        (true, 0) => Ok(vec![String::new()]),
        (true, MAX_LOCKS..) if known.len() > MAX_LOCKS && !is_all => Err(Undecided::Many(known)),
        (true, _) => Ok(known),
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undecided::Unknown(lock, known) if known.is_empty() => {
                write!(f, "the trace has no {}: it has no lock at all", Name(lock))
            }
            Undecided::Unknown(lock, known) => {
                write!(f, "the trace has no {}: it has {}", Name(lock), List(known))
            }
            Undecided::Many(known) => write!(
                f,
                "the trace has {} locks: choose with --lock NAME, once for each, \
                 or draw them all with --all: {}",
                known.len(),
                List(known)
            ),
        }
    }
}

struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("nameless lock (--lock '')"),
            name => write!(f, "lock '{name}'"),
        }
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, lock) in self.0.iter().take(MAX_LISTED).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            match lock.as_str() {
                "" => write!(f, "{comma}the nameless lock")?,
                lock => write!(f, "{comma}'{lock}'")?,
            }
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
