//! How often each thing happened.

use std::fmt;
use std::ops::AddAssign;

use super::takeovers::Takeovers;

macro_rules! figures {
    ($figures:ident: $($(#[doc = $meaning:literal])* $name:ident: $type:ty,)+) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $figures {
            $($(#[doc = $meaning])* pub $name: $type,)+
        }

        impl AddAssign for $figures {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

figures! { Figures:
    plans: u64,
    /// Virtual time, in microseconds.
    time: u64,
    entries: u64,
    /// Of these, entries without a request, because all permissions were kept.
    entries_without_request: u64,
    /// Of the entries, shared ones.
    shared: u64,
    /// Entries while another member was in the section, in shared mode as this one.
    overlapping: u64,
    /// Entries that the next run of a node resumed.
    resumed: u64,
    /// Tokens delegated for further entries.
    delegated: u64,
    sent: u64,
    /// Of these, lost by chance.
    lost: u64,
    /// Of these, lost in a partition.
    cut: u64,
    repeated: u64,
    /// Of these, overtaken by a later one to the same member.
    overtaken: u64,
    /// Of these, arrived where no program read.
    unread: u64,
    crashes: u64,
    /// Of these, in the critical section.
    crashes_inside: u64,
    /// Of these, outlived by the entry.
    crashes_outlived: u64,
    /// Of the crashes, in the middle of a step.
    crashes_amid: u64,
    pauses: u64,
    partitions: u64,
    /// Times that all turno nodes tried at one moment.
    rushes: u64,
    /// Tries that ended since another member came first.
    refused: u64,
    /// Times that the member list changed.
    lists_changed: u64,
    /// Requests that the user cancelled.
    cancelled: u64,
    /// Only of groups with failover.
    failover: FailoverFigures,
}

figures! { FailoverFigures:
    /// Groups with failover.
    groups: u64,
    /// Views joined.
    joined: u64,
    /// Entries that ended with the lease.
    lost: u64,
    suspended: u64,
    /// Disks lost.
    wiped: u64,
    /// Members that ended in order.
    left: u64,
    /// Links cut.
    links: u64,
    takeovers: Takeovers,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time as f64 / 3.6e9;
        writeln!(
            f,
            "simulated time {hours:.1} h, {} entries ({} of them without a request, {} shared, {} beside another, {} were resumed by a later run), {} tokens delegated, {} requests cancelled",
            self.entries,
            self.entries_without_request,
            self.shared,
            self.overlapping,
            self.resumed,
            self.delegated,
            self.cancelled
        )?;
        writeln!(
            f,
            "{} datagrams sent: {} lost, {} cut off, {} repeated, {} overtaken, {} read by no program",
            self.sent, self.lost, self.cut, self.repeated, self.overtaken, self.unread
        )?;
        write!(
            f,
            "{} crashes ({} in the section, {} of which the entry outlived, {} in the middle of a step), {} pauses, {} partitions",
            self.crashes,
            self.crashes_inside,
            self.crashes_outlived,
            self.crashes_amid,
            self.pauses,
            self.partitions
        )?;
        if self.lists_changed > 0 {
            write!(f, ", {} member lists changed", self.lists_changed)?;
        }
        if self.failover.groups == 0 {
            return Ok(());
        }
        write!(f, "\n{}", self.failover)
    }
}

impl fmt::Display for FailoverFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} groups with failover: {} views joined, {} entries lost with the lease, {} suspended, {} disks lost, {} left in order, {} links cut{}",
            self.groups,
            self.joined,
            self.lost,
            self.suspended,
            self.wiped,
            self.left,
            self.links,
            self.takeovers
        )
    }
}
