//! The runs of a trace, merged by happened-before: which send a receipt belongs
//! to, and one order of all events that contradicts none of it.
//!
//! Lamport 1978: an event happens before the next one of its node, a sending
//! before its receipt. The clock of the wall only chooses among orders that are
//! all true.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;

use thiserror::Error;

use super::reader::Run;
use super::record::{Kind, Record};

/// An event: which run, and which of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The run, as a place in [`History::runs`].
    pub run: usize,
    /// The record, as a place in [`Run::records`].
    pub record: usize,
}

/// Its name in a drawing: `RUN-RECORD`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.record)
    }
}

/// A datagram: its sending, its receipt, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it, and the place in what was sent there. None: by somebody who
    /// left no trace.
    pub sent: Option<(Place, usize)>,
    /// Where it arrived. None: it was lost, or arrived where no trace is left.
    pub received: Option<Place>,
    /// The same has arrived there before.
    pub is_repeated: bool,
}

/// Runs, merged.
#[derive(Clone, Debug)]
pub struct History {
    /// The runs, by id and then by time.
    pub runs: Vec<Run>,
    /// All events, each after all that happened before it.
    pub order: Vec<Place>,
    /// All datagrams, by sending, or else by receipt.
    pub datagrams: Vec<Datagram>,
    /// Of each receipt, the first sending of what was received.
    origins: HashMap<Place, Place>,
}

/// Why runs do not make a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// Something arrived before it was sent.
    #[error(
        "the trace contradicts itself: an event of node {id}, at clock {clock}, happened before itself"
    )]
    Circle {
        /// Whose event.
        id: u16,
        /// Its clock.
        clock: u64,
    },
    /// The runs are of different groups.
    #[error("the traces are of different groups: one has {0} members, and another {1}")]
    Groups(u16, u16),
}

/// What makes a datagram the same as another: who sent it in which run, to whom,
/// and what it says. Sent again it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity<'a> {
    from: u16,
    run: Option<&'a str>,
    to: u16,
    kind: Kind,
    clock: u64,
    echo: Option<u64>,
    lock: Option<&'a str>,
}

impl History {
    /// Merges the runs.
    ///
    /// # Errors
    /// [`Contradiction`] if no order is true to all of it.
    pub fn new(runs: Vec<Run>) -> Result<Self, Contradiction> {
        for pair in runs.windows(2) {
            let (one, other) = (pair[0].header.members, pair[1].header.members);
            if one != other {
                return Err(Contradiction::Groups(one, other));
            }
        }
        let (datagrams, origins) = matched(&runs);
        let order = ordered(&runs, &origins)?;
        Ok(History {
            runs,
            order,
            datagrams,
            origins,
        })
    }

    /// The record at a place.
    #[must_use]
    pub fn record(&self, place: Place) -> &Record {
        &self.runs[place.run].records[place.record]
    }

    /// Whose event it is.
    #[must_use]
    pub fn id(&self, place: Place) -> u16 {
        self.runs[place.run].header.id
    }

    /// Of a receipt, the first sending of what was received.
    #[must_use]
    pub fn origin(&self, place: Place) -> Option<Place> {
        self.origins.get(&place).copied()
    }

    /// The members of which there is no trace.
    #[must_use]
    pub fn missing(&self) -> Vec<u16> {
        let members = self.runs.iter().map(|run| run.header.members).max();
        let has_trace = |id: &u16| self.runs.iter().any(|run| run.header.id == *id);
        (1..=members.unwrap_or(0))
            .filter(|id| !has_trace(id))
            .collect()
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> u16 {
        let members = self.runs.iter().map(|run| run.header.members);
        members.max().unwrap_or(0)
    }
}

fn matched(runs: &[Run]) -> (Vec<Datagram>, HashMap<Place, Place>) {
    let mut datagrams: Vec<Datagram> = Vec::new();
    // Of each identity, its sendings, as places in `datagrams`.
    let mut sendings: HashMap<Identity<'_>, Vec<usize>> = HashMap::new();
    for (place, record) in places(runs) {
        let header = &runs[place.run].header;
        for (number, said) in record.sent.iter().enumerate() {
            let identity = Identity {
                from: header.id,
                run: Some(&header.run),
                to: said.peer,
                kind: said.kind,
                clock: said.clock,
                echo: said.echo,
                lock: said.lock.as_deref(),
            };
            sendings.entry(identity).or_default().push(datagrams.len());
            datagrams.push(Datagram {
                sent: Some((place, number)),
                received: None,
                is_repeated: false,
            });
        }
    }
    let mut origins = HashMap::new();
    let mut arrived: HashMap<Identity<'_>, usize> = HashMap::new();
    for (place, record) in places(runs) {
        let Some(said) = &record.message else {
            continue;
        };
        let identity = Identity {
            from: said.peer,
            run: said.run.as_deref(),
            to: runs[place.run].header.id,
            kind: said.kind,
            clock: said.clock,
            echo: said.echo,
            lock: said.lock.as_deref(),
        };
        let before = arrived.entry(identity.clone()).or_default();
        let is_repeated = *before > 0;
        *before += 1;
        let copies = sendings.get(&identity).map_or(&[][..], Vec::as_slice);
        if let Some((first, _)) = copies.first().and_then(|first| datagrams[*first].sent) {
            origins.insert(place, first);
        }
        // The latest sending before it that has not arrived yet, by the clock of
        // the wall; it only matters to the eye which.
        let is_free = |copy: &&usize| datagrams[**copy].received.is_none();
        let at_of = |copy: &usize| {
            let (sent, _) = datagrams[*copy].sent?;
            Some(runs[sent.run].records[sent.record].at)
        };
        let is_before = |copy: &&usize| at_of(copy).is_some_and(|at| at <= record.at);
        let mut latest = copies.iter().rev();
        let copy = latest
            .find(|copy| is_free(copy) && is_before(copy))
            .or_else(|| copies.iter().find(is_free));
        match copy {
            Some(copy) => {
                datagrams[*copy].received = Some(place);
                datagrams[*copy].is_repeated = is_repeated;
            }
            None => {
                let sent = copies.last().and_then(|last| datagrams[*last].sent);
                datagrams.push(Datagram {
                    sent,
                    received: Some(place),
                    is_repeated,
                });
            }
        }
    }
    (datagrams, origins)
}

fn places(runs: &[Run]) -> impl Iterator<Item = (Place, &Record)> {
    runs.iter().enumerate().flat_map(|(run, of_run)| {
        let records = of_run.records.iter().enumerate();
        records.map(move |(record, of_place)| (Place { run, record }, of_place))
    })
}

/// All events, each after all that happened before it; among those that could be
/// next, by the clock of the wall.
fn ordered(runs: &[Run], origins: &HashMap<Place, Place>) -> Result<Vec<Place>, Contradiction> {
    let total: usize = runs.iter().map(|run| run.records.len()).sum();
    let mut order = Vec::with_capacity(total);
    let mut done: Vec<usize> = vec![0; runs.len()];
    let mut waiting: HashMap<Place, Vec<usize>> = HashMap::new();
    let mut ready = BinaryHeap::new();
    let place_of = |run: usize, done: &[usize]| Place {
        run,
        record: done[run],
    };
    // A run comes after the earlier runs of its node.
    let is_first = |run: usize| run == 0 || runs[run - 1].header.id != runs[run].header.id;
    let mut next: Vec<usize> = (0..runs.len()).filter(|run| is_first(*run)).collect();
    loop {
        for run in next.drain(..) {
            let place = place_of(run, &done);
            let Some(record) = runs[run].records.get(place.record) else {
                continue;
            };
            match origins.get(&place) {
                Some(origin) if done[origin.run] <= origin.record => {
                    waiting.entry(*origin).or_default().push(run);
                }
                _ => ready.push(Reverse((record.at, runs[run].header.id, run))),
            }
        }
        let Some(Reverse((_, _, run))) = ready.pop() else {
            break;
        };
        let place = place_of(run, &done);
        order.push(place);
        done[run] += 1;
        next.extend(waiting.remove(&place).unwrap_or_default());
        next.push(run);
        let is_over = done[run] == runs[run].records.len();
        if is_over && run + 1 < runs.len() && !is_first(run + 1) {
            next.push(run + 1);
        }
    }
    if order.len() == total {
        return Ok(order);
    }
    let stuck = runs
        .iter()
        .zip(&done)
        .find(|(run, done)| **done < run.records.len());
    let (id, clock) = stuck.map_or((0, 0), |(run, done)| {
        (run.header.id, run.records[*done].clock)
    });
    Err(Contradiction::Circle { id, clock })
}
