//! How often each thing happened.

use std::fmt;
use std::ops::AddAssign;

macro_rules! figures {
    ($($(#[doc = $meaning:literal])* $name:ident,)+) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Figures {
            $($(#[doc = $meaning])* pub $name: u64,)+
        }

        impl AddAssign for Figures {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

figures! {
    plans,
    /// Virtual time, in microseconds.
    time,
    entries,
    /// Of these, entries without a request, because all permissions were kept.
    entries_without_request,
    /// Entries that the next run of a node resumed.
    resumed,
    /// Tokens delegated for further entries.
    delegated,
    sent,
    /// Of these, lost by chance.
    lost,
    /// Of these, lost in a partition.
    cut,
    repeated,
    /// Of these, overtaken by a later one to the same member.
    overtaken,
    /// Of these, arrived where no program read.
    unread,
    crashes,
    /// Of these, in the critical section.
    crashes_inside,
    /// Of these, outlived by the entry.
    crashes_outlived,
    /// Of the crashes, in the middle of a step.
    crashes_amid,
    pauses,
    partitions,
    /// Requests that the user cancelled.
    cancelled,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time as f64 / 3.6e9;
        writeln!(
            f,
            "simulated time {hours:.1} h, {} entries ({} of them without a request, {} were resumed by a later run), {} tokens delegated, {} requests cancelled",
            self.entries,
            self.entries_without_request,
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
        )
    }
}
