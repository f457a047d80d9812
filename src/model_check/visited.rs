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
#[derive(Clone, Default)]
pub(super) struct Unhashed(u64);

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

/// A hash of 64 bits that is good enough to stand for the content.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        mixed(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = mixed(self.0.rotate_left(5).wrapping_mul(31) ^ bits).wrapping_add(1);
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
