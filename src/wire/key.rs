//! The key of a group, and the signatures made with it.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use super::GroupDigest;
use crate::mutex::NodeId;

/// How many bytes a signature takes at the end of a datagram: `#` and 16 bytes
/// in hexadecimal digits.
pub const SIGNATURE: usize = 1 + 2 * TAG;

/// HMAC-SHA-256 is used at half its length, the least that RFC 2104, section 5,
/// recommends.
const TAG: usize = 16;

/// The secret that the members of a group share: 32 bytes.
///
/// A signature is HMAC-SHA-256 (RFC 2104) over the group's digest, the sender's id, the
/// receiver's id and the text of the datagram. A datagram that was signed for one
/// receiver is therefore not valid for another, nor in another group. The signature
/// hides nothing, and does not prevent a replay: the echo and the clocks make replays
/// harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// A text is not a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key is 64 hexadecimal digits on a line of its own")]
pub struct KeyError;

impl Key {
    /// The key of these bytes, which must be secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Key(secret)
    }

    /// The key as its file has it. A secret: not for a log.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        hexadecimal(&self.0)
    }

    /// Appends the signature of a datagram from one member to another. The critical
    /// section has id 0.
    pub fn sign(&self, group: GroupDigest, from: NodeId, to: NodeId, datagram: &mut Vec<u8>) {
        let tag = self.mac(group, from, to, datagram).finalize().into_bytes();
        datagram.push(b'#');
        datagram.extend(hexadecimal(&tag[..TAG]).bytes());
    }

    /// Whether the signature of a datagram was made with this key, in constant time.
    #[must_use]
    pub fn verifies(
        &self,
        group: GroupDigest,
        from: NodeId,
        to: NodeId,
        signed: &Signed<'_>,
    ) -> bool {
        let mac = self.mac(group, from, to, signed.text);
        mac.verify_truncated_left(&signed.tag).is_ok()
    }

    fn mac(&self, group: GroupDigest, from: NodeId, to: NodeId, text: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length serves as a key");
        mac.update(b"turno 1\0");
        mac.update(&group.0.to_be_bytes());
        mac.update(&from.0.to_be_bytes());
        mac.update(&to.0.to_be_bytes());
        mac.update(text);
        mac
    }
}

/// A datagram that ends with a signature, valid or not.
pub struct Signed<'a> {
    /// The datagram without the signature.
    pub text: &'a [u8],
    tag: [u8; TAG],
}

impl<'a> Signed<'a> {
    /// Splits a datagram. `None` if it does not end with a signature.
    #[must_use]
    pub fn split(datagram: &'a [u8]) -> Option<Self> {
        let end = datagram.len().checked_sub(SIGNATURE)?;
        let (text, signature) = datagram.split_at(end);
        let digits = signature.strip_prefix(b"#")?;
        // Lower case only: otherwise one bit of a letter could be flipped.
        if digits.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        let tag = bytes_of(digits)?;
        Some(Signed { text, tag })
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let secret = bytes_of(text.trim().as_bytes());
        secret.map(Key).ok_or(KeyError)
    }
}

/// Not the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The bytes that these hexadecimal digits are, if they are as many.
fn bytes_of<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupDigest = GroupDigest(7);
    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);

    fn key(fill: u8) -> Key {
        Key::new([fill; 32])
    }

    fn signed(text: &[u8]) -> Vec<u8> {
        let mut datagram = text.to_vec();
        key(1).sign(GROUP, ONE, TWO, &mut datagram);
        datagram
    }

    #[test]
    fn a_signature_is_valid_only_for_its_text_sender_receiver_group_and_key() {
        let datagram = signed(b"req<2,1>{}");
        assert_eq!(datagram.len(), 10 + SIGNATURE);
        let signed = Signed::split(&datagram).unwrap();
        assert_eq!(signed.text, b"req<2,1>{}");
        assert!(key(1).verifies(GROUP, ONE, TWO, &signed));
        assert!(!key(2).verifies(GROUP, ONE, TWO, &signed));
        assert!(!key(1).verifies(GroupDigest(8), ONE, TWO, &signed));
        assert!(!key(1).verifies(GROUP, TWO, TWO, &signed));
        assert!(!key(1).verifies(GROUP, ONE, ONE, &signed));
        for place in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[place] ^= 1;
            let holds = Signed::split(&changed)
                .is_some_and(|signed| key(1).verifies(GROUP, ONE, TWO, &signed));
            assert!(!holds, "byte {place}");
        }
    }

    #[test]
    fn only_a_datagram_that_ends_with_a_signature_is_split() {
        for datagram in [&b""[..], b"#", b"req<2,1>", &[b'#'; 40], &[b'a'; 40]] {
            assert!(Signed::split(datagram).is_none());
        }
        let datagram = signed(b"");
        assert!(Signed::split(&datagram[1..]).is_none());
        let in_capitals = datagram.to_ascii_uppercase();
        assert!(Signed::split(&in_capitals).is_none());
        let multibyte = ["#", &"é".repeat(16)].concat();
        assert!(Signed::split(multibyte.as_bytes()).is_none());
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_never_displayed() {
        let text = key(0xab).to_secret_text();
        assert_eq!(text, "ab".repeat(32));
        assert_eq!(format!("{text}\n").parse(), Ok(key(0xab)));
        assert_eq!(format!("{:?}", key(0xab)), "Key(…)");
        for wrong in ["", "ab", &"g".repeat(64), &"a".repeat(65), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<Key>(), Err(KeyError), "{wrong}");
        }
    }

    /// What Python's `hmac` makes of the same bytes.
    #[test]
    fn the_signature_is_hmac_sha_256() {
        let datagram = signed(b"req<2,1>");
        let signature = str::from_utf8(&datagram[8..]).unwrap();
        assert_eq!(signature, "#6a4a57f9166c887e6919eefe3c83cbb4");
    }
}
