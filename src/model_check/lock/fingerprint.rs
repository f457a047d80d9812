//! A group in 64 bits of its content: the same for the same state in every memo.

use super::bounds::id_of;
use super::group_state::{GroupState, MAX_MEMBERS};
use super::memo::{MemberNumber, Memo};
use crate::model_check::visited::mixed;

impl GroupState {
    pub(super) fn fingerprint(&self, memo: &Memo) -> u64 {
        let members = self.members_hash(true, |member| memo.member(member).hash);
        // A set: the order does not count.
        let network = self.network.iter();
        let network = network.fold(0_u64, |sum, message| {
            sum.wrapping_add(mixed(memo.known_message(*message).hash))
        });
        let counts = u64::from(self.rushes_left) << 40
            | u64::from(self.delegations_left) << 16
            | u64::from(self.crashes_left) << 8
            | u64::from(self.cancels_left);
        let last_token = self.oracle.last_token << 24 ^ mixed(self.oracle.last_exclusive);
        mixed(mixed(members ^ network) ^ mixed(counts ^ last_token) ^ self.entry_hash())
    }

    /// Of the members and the entry, without what the members remember of each other's
    /// requests.
    pub(super) fn outline(&self, memo: &mut Memo) -> u64 {
        let members = self.members_hash(true, |mut member| {
            for peer in (0..MAX_MEMBERS).map(id_of) {
                member = memo.without_request_of(member, peer);
            }
            memo.member(member).hash
        });
        members ^ self.entry_hash()
    }

    /// Of the members and the section.
    pub(super) fn members_fingerprint(&self, memo: &Memo) -> u64 {
        let members = self.members_hash(false, |member| memo.member(member).hash);
        let last_tokens = mixed(self.oracle.last_token ^ mixed(self.oracle.last_exclusive));
        mixed(members ^ last_tokens ^ self.entry_hash())
    }

    fn members_hash(
        &self,
        with_requests: bool,
        mut hash_of: impl FnMut(MemberNumber) -> u64,
    ) -> u64 {
        let mut sum: u64 = 0;
        for (index, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, &mut hash_of);
            let requests = u64::from(self.requests[index]) * u64::from(with_requests);
            let counts = requests << 8 | u64::from(self.runs[index]);
            sum = mixed(sum ^ hash).wrapping_add(mixed(counts ^ self.reserved[index] << 16));
        }
        sum
    }

    fn entry_hash(&self) -> u64 {
        let rush = self.oracle.rush.map_or(0, |rush| {
            mixed(u64::from(rush.trying) << 32 | u64::from(rush.is_won) << 48 | 1 << 49)
        });
        let entries = self.oracle.entries.iter().flatten().map(|entry| {
            let mode = u64::from(entry.mode.is_shared()) << 4;
            mixed(entry.token << 16 | u64::from(entry.run) << 8 | mode | entry.index as u64)
        });
        entries.fold(rush, u64::wrapping_add)
    }
}
