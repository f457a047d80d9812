//! How much happened.

use std::fmt;
use std::ops::AddAssign;

use super::plan::Micros;

/// How much happened, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Plays.
    pub plays: u64,
    /// Virtual time.
    pub time: Micros,
    /// Entries.
    pub entries: u64,
    /// Of these, such that asked nobody, because all permissions were kept.
    pub entries_unasked: u64,
    /// Entries that the next run of a node has taken up.
    pub resumed: u64,
    /// Tokens lent for further entries.
    pub lent: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Of these, lost by chance.
    pub lost: u64,
    /// Lost in a partition.
    pub cut: u64,
    /// Repeated.
    pub repeated: u64,
    /// Overtaken by one that was sent later to the same member.
    pub overtaken: u64,
    /// Arrived where nobody was.
    pub at_nobody: u64,
    /// Crashes.
    pub crashes: u64,
    /// Of these, in the critical section.
    pub crashes_inside: u64,
    /// Of these, such that the entry outlived them.
    pub crashes_outlived: u64,
    /// Of the crashes, in the midst of what was being done.
    pub crashes_amid: u64,
    /// Pauses.
    pub pauses: u64,
    /// Partitions.
    pub partitions: u64,
    /// Requests given up.
    pub given_up: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        let Figures {
            plays,
            time,
            entries,
            entries_unasked,
            resumed,
            lent,
            sent,
            lost,
            cut,
            repeated,
            overtaken,
            at_nobody,
            crashes,
            crashes_inside,
            crashes_outlived,
            crashes_amid,
            pauses,
            partitions,
            given_up,
        } = other;
        self.plays += plays;
        self.time += time;
        self.entries += entries;
        self.entries_unasked += entries_unasked;
        self.resumed += resumed;
        self.lent += lent;
        self.sent += sent;
        self.lost += lost;
        self.cut += cut;
        self.repeated += repeated;
        self.overtaken += overtaken;
        self.at_nobody += at_nobody;
        self.crashes += crashes;
        self.crashes_inside += crashes_inside;
        self.crashes_outlived += crashes_outlived;
        self.crashes_amid += crashes_amid;
        self.pauses += pauses;
        self.partitions += partitions;
        self.given_up += given_up;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time as f64 / 3.6e9;
        let lines = [
            format!(
                "simulated time {hours:.1} h, {} entries ({} of them asked nobody, {} were resumed by a later run), {} tokens lent, {} requests given up",
                self.entries, self.entries_unasked, self.resumed, self.lent, self.given_up
            ),
            format!(
                "{} datagrams sent: {} lost, {} cut off, {} repeated, {} overtaken, {} to nobody",
                self.sent, self.lost, self.cut, self.repeated, self.overtaken, self.at_nobody
            ),
            format!(
                "{} crashes ({} in the section, {} of which the entry outlived, {} amid a step), {} pauses, {} partitions",
                self.crashes,
                self.crashes_inside,
                self.crashes_outlived,
                self.crashes_amid,
                self.pauses,
                self.partitions
            ),
        ];
        f.write_str(&lines.join("\n"))
    }
}
