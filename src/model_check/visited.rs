//! The fingerprints of the states that a search has visited.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;

/// The visited states, 64 bits of each. Two of 10^9 states have the same bits with a
/// probability of 3 in 100; two of 10^8, of 3 in 10,000.
pub(super) struct Visited {
    shards: Vec<Mutex<HashSet<u64, BuildHasherDefault<Unhashed>>>>,
}

impl Visited {
    pub(super) fn new() -> Self {
        let shards = (0..256).map(|_| Mutex::default()).collect();
        Visited { shards }
    }

    /// Whether the fingerprint is new.
    pub(super) fn insert(&self, fingerprint: u64) -> bool {
        // The set itself takes the high and the low bits.
        let shard = (fingerprint >> 24) as usize % self.shards.len();
        self.shards[shard].lock().unwrap().insert(fingerprint)
    }
}

/// Takes a fingerprint for its own hash: it is mixed already.
#[derive(Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are numbers");
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

/// Mixes the bits (the finalizer of MurmurHash3).
pub(super) fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}
