//! A state in 64 bits.

use super::memo::Memo;
use super::world::{MOST, World};
use crate::mutex::NodeId;

impl World {
    /// The same for the same state, in whichever tables: of its content.
    pub(super) fn fingerprint(&self, memo: &Memo) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |member| memo.member(member).hash);
            let rest = u64::from(self.asked[place]) << 8 | u64::from(self.lives[place]);
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest ^ self.below[place] << 16));
        }
        // A set: in whatever order.
        let network = self.network.iter();
        let network = network.fold(0_u64, |sum, message| {
            sum.wrapping_add(mixed(memo.message_hash(*message)))
        });
        let counts = u64::from(self.lends_left) << 16
            | u64::from(self.crashes_left) << 8
            | u64::from(self.cancels_left);
        mixed(
            mixed(sum ^ network) ^ mixed(counts ^ self.section.last_token << 24) ^ self.stay_hash(),
        )
    }

    fn stay_hash(&self) -> u64 {
        self.section.stay.map_or(0, |stay| {
            mixed(stay.token << 16 | u64::from(stay.life) << 8 | stay.place as u64)
        })
    }

    /// Of the members, but not of what they remember of each other's requests.
    pub(super) fn outline(&self, memo: &mut Memo) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |mut member| {
                for peer in (1..=MOST).map(|place| NodeId(place as u16)) {
                    member = memo.without_request_of(member, peer);
                }
                memo.member(member).hash
            });
            let rest = u64::from(self.asked[place]) << 8 | u64::from(self.lives[place]);
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest ^ self.below[place] << 16));
        }
        sum ^ self.stay_hash()
    }

    /// Of the members and of what they do inside: what heals does not depend on
    /// anything else.
    pub(super) fn members_fingerprint(&self, memo: &Memo) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |member| memo.member(member).hash);
            let rest = u64::from(self.lives[place]) ^ self.below[place] << 16;
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest));
        }
        mixed(sum ^ mixed(self.section.last_token) ^ self.stay_hash())
    }
}

/// Stirs the bits (the finalizer of MurmurHash3).
pub(super) fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}
