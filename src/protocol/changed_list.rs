//! A changed member list: what of the old list's clock a member must carry over, so that
//! tokens go on rising though members of the old list are dead for good.
//!
//! All members of the old list have stopped, and each that goes on begins as a member that
//! knows no clock but its own, as a new one does: it hears every member of the new list
//! before its first request, reply, acknowledgment and vote. That also shows that each of
//! them has left the old list. Of those that go on this is a second safeguard: no member
//! enters without the reply of each of them, or with failover the vote of a member that has
//! noted the bound of every token, or of a new one, which has heard them all.
//! What none of them can tell is how far the dead were ahead.
//!
//! Without failover every entry of a dead member had the permission of each member that
//! goes on. With one that it kept, or for delegated tokens, the clock was at most 2^19 past
//! the last clock that it knew of that member (`Config::unsynced_ahead`). With one that it
//! was just given, it is past that reply by what happened among the dead between the reply
//! and the entry: one clock for each request made and each datagram received, and
//! `Config::ahead`, a million, for each restart. So with [`SKIPPED_CLOCKS`] the dead would
//! have had to make 2^32 - 2^19 of the former, or 4,000 restarts, while one of them waited
//! for one entry, and no member that goes on heard of it.
//!
//! With failover a dead majority may have gone on alone, as far as it liked. But every
//! token is below a bound that a majority has noted on disk (rule 9): if fewer than a
//! majority are dead, one of that majority goes on, and its own bound is above all tokens.

use crate::mutex::MAX_CLOCK;

/// How many clocks a member skips when it takes its state over to another list: 2^32.
pub(crate) const SKIPPED_CLOCKS: u64 = 1 << 32;

/// The clock with which a member begins in the new list; `below` is the bound of its clock in
/// the old one. `None` beyond half of all clocks, which no other member would believe.
pub(crate) fn clock_in_new_list(below: u64, skipped: u64) -> Option<u64> {
    let clock = below.checked_add(skipped)?;
    (clock <= MAX_CLOCK / 2).then_some(clock)
}

/// Whether the states of the members that go on tell enough. `left_out` of the `members` of
/// the old list are dead, or have lost their state; the old list ever had failover or not.
pub(crate) fn is_enough_left(members: usize, left_out: usize, had_failover: bool) -> bool {
    let majority = members / 2 + 1;
    left_out < members && (!had_failover || left_out < majority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_skips_and_the_clock_does_not_run_out_for_a_thousand_million_changes() {
        assert_eq!(clock_in_new_list(5, SKIPPED_CLOCKS), Some(5 + (1 << 32)));
        let changes = MAX_CLOCK / 2 / SKIPPED_CLOCKS;
        assert!(changes > 1_000_000_000 / 2);
        let last = (changes - 1) * SKIPPED_CLOCKS;
        assert!(clock_in_new_list(last, SKIPPED_CLOCKS).is_some());
        assert_eq!(clock_in_new_list(MAX_CLOCK / 2, SKIPPED_CLOCKS), None);
        assert_eq!(clock_in_new_list(u64::MAX, SKIPPED_CLOCKS), None);
    }

    #[test]
    fn with_failover_fewer_than_a_majority_may_be_left_out_and_without_it_all_but_one() {
        for (members, most) in [(3, 1), (4, 2), (5, 2), (7, 3)] {
            assert!(is_enough_left(members, most, true));
            assert!(!is_enough_left(members, most + 1, true));
            assert!(is_enough_left(members, members - 1, false));
            assert!(!is_enough_left(members, members, false));
        }
    }
}
