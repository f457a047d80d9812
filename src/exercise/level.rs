//! The levels, from Lamport clocks alone to a restart.

use std::fmt;
use std::str::FromStr;

/// How much of the algorithm a sheet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Lamport clocks alone.
    Clocks,
    /// Two ask at the same moment.
    Order,
    /// Replies are deferred.
    Deferral,
    /// Datagrams are lost, and permissions are kept.
    Loss,
    /// A node starts again, without memory.
    Restart,
}

/// All of them, the easiest first.
pub(crate) const LEVELS: [Level; 5] = [
    Level::Clocks,
    Level::Order,
    Level::Deferral,
    Level::Loss,
    Level::Restart,
];

impl Level {
    /// From 1 to 5.
    pub(crate) fn number(self) -> usize {
        self as usize + 1
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Level::Clocks => "Lamport clocks",
            Level::Order => "who enters first",
            Level::Deferral => "deferred replies",
            Level::Loss => "lost datagrams and kept permissions",
            Level::Restart => "a node starts again",
        }
    }

    /// What a student must know of the run.
    pub(crate) fn introduction(self) -> &'static str {
        match self {
            Level::Clocks => {
                "Three nodes take turns by the algorithm of Ricart and Agrawala. Each event has \
                 a Lamport clock; some are left out."
            }
            Level::Order => {
                "Each node asks all others for the critical section, and enters when all have \
                 replied. At the end two of them have asked at the same moment; what is still \
                 under way ends between the nodes."
            }
            Level::Deferral => {
                "Each node asks all others for the critical section. A node replies to some \
                 requests at once, and defers its reply to others. At the end one node is in \
                 the section, and two wait."
            }
            Level::Loss => {
                "A node keeps the permission of another one until that one asks for it back. A \
                 request or a reply that is lost is made up for: the request is sent again."
            }
            Level::Restart => {
                "A node crashes while it waits, and starts again without memory: it greets the \
                 others to learn their clocks, and begins 100 past the largest (turno itself a \
                 million), so that no clock is used twice. What it had asked for before is \
                 answered late. A datagram that is ignored changes no clock."
            }
        }
    }

    pub(super) fn keeps_permissions(self) -> bool {
        self == Level::Loss
    }

    /// A sheet has so many questions at least, and of its clocks so many at most.
    pub(super) fn min_questions(self) -> usize {
        match self {
            Level::Clocks => 7,
            Level::Order => 5,
            Level::Deferral => 7,
            Level::Loss | Level::Restart => 6,
        }
    }

    pub(super) fn max_clocks(self) -> usize {
        match self {
            Level::Clocks => 8,
            Level::Order => 4,
            Level::Deferral | Level::Restart => 3,
            Level::Loss => 2,
        }
    }
}

/// The words are no level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoLevel;

impl fmt::Display for NoLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the levels are 1 to 5:")?;
        for (place, level) in LEVELS.iter().enumerate() {
            let separator = if place == 0 { " " } else { ", " };
            write!(f, "{separator}{} {}", level.number(), level.title())?;
        }
        Ok(())
    }
}

impl std::error::Error for NoLevel {}

impl FromStr for Level {
    type Err = NoLevel;

    fn from_str(text: &str) -> Result<Self, NoLevel> {
        let is_it = |level: &&Level| level.number().to_string() == text;
        LEVELS.iter().find(is_it).copied().ok_or(NoLevel)
    }
}
