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

/// How many secrets a key has at most: a datagram that none of them signed costs the work
/// of all.
pub const MAX_SECRETS: usize = 4;

/// What the members of a group share: a secret of 32 bytes, and while it is being changed
/// several. The first one signs; what any of them signed is accepted.
///
/// A signature is HMAC-SHA-256 (RFC 2104) over the group's digest, the sender's id, the
/// receiver's id and the text of the datagram. A datagram that was signed for one
/// receiver is therefore not valid for another, nor in another group. The signature
/// hides nothing, and does not prevent a replay: the echo and the clocks make replays
/// harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<[u8; 32]>);

/// A text is not a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key file has 1 to {MAX_SECRETS} keys, each 64 hexadecimal digits on a line of its own")]
pub struct KeyError;

impl Key {
    /// The key of these bytes, which must be secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Key(vec![secret])
    }

    /// The key as its file has it, a line a secret. A secret: not for a log.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        let lines = self.0.iter().map(|secret| hexadecimal(secret) + "\n");
        lines.collect()
    }

    /// How many secrets it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The names of its secrets, the one that signs first: for people, to see who has
    /// which. They tell nothing of the secrets.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name = |secret: &[u8; 32]| {
            let mut mac = Self::begin(secret);
            mac.update(b"turno key name");
            hexadecimal(&mac.finalize().into_bytes()[..4])
        };
        self.0.iter().map(name).collect()
    }

    /// The key with one more secret, which is accepted and does not sign.
    ///
    /// # Errors
    /// [`KeyError`] if there are [`MAX_SECRETS`], or this is one of them.
    pub fn with_another(mut self, secret: [u8; 32]) -> Result<Key, KeyError> {
        if self.0.len() >= MAX_SECRETS || self.0.contains(&secret) {
            return Err(KeyError);
        }
        self.0.push(secret);
        Ok(self)
    }

    /// The key whose last secret signs; it becomes the first.
    #[must_use]
    pub fn with_last_first(mut self) -> Key {
        self.0.rotate_right(1);
        self
    }

    /// The key with the secret that signs alone.
    #[must_use]
    pub fn with_first_alone(mut self) -> Key {
        self.0.truncate(1);
        self
    }

    /// Whether a member with the other key accepts what this one signs.
    #[must_use]
    pub fn is_accepted_by(&self, other: &Key) -> bool {
        self.0.first().is_some_and(|first| other.0.contains(first))
    }

    /// Appends the signature of a datagram from one member to another. The critical
    /// section has id 0.
    pub fn sign(&self, group: GroupDigest, from: NodeId, to: NodeId, datagram: &mut Vec<u8>) {
        let first = &self.0[0];
        let tag = mac(first, group, from, to, datagram);
        let tag = tag.finalize().into_bytes();
        datagram.push(b'#');
        datagram.extend(hexadecimal(&tag[..TAG]).bytes());
    }

    /// Whether the signature of a datagram was made with one of the secrets; with each of
    /// them in constant time.
    #[must_use]
    pub fn verifies(
        &self,
        group: GroupDigest,
        from: NodeId,
        to: NodeId,
        signed: &Signed<'_>,
    ) -> bool {
        self.0.iter().any(|secret| {
            let mac = mac(secret, group, from, to, signed.text);
            mac.verify_truncated_left(&signed.tag).is_ok()
        })
    }

    fn begin(secret: &[u8; 32]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(secret).expect("any length serves as a key")
    }
}

fn mac(
    secret: &[u8; 32],
    group: GroupDigest,
    from: NodeId,
    to: NodeId,
    text: &[u8],
) -> Hmac<Sha256> {
    let mut mac = Key::begin(secret);
    mac.update(b"turno 1\0");
    mac.update(&group.0.to_be_bytes());
    mac.update(&from.0.to_be_bytes());
    mac.update(&to.0.to_be_bytes());
    mac.update(text);
    mac
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
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets = lines.map(|line| bytes_of(line.as_bytes()).ok_or(KeyError));
        let secrets = secrets.collect::<Result<Vec<[u8; 32]>, _>>()?;
        match secrets.len() {
            1..=MAX_SECRETS => Ok(Key(secrets)),
            _ => Err(KeyError),
        }
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
        assert_eq!(text, "ab".repeat(32) + "\n");
        assert_eq!(text.parse(), Ok(key(0xab)));
        assert_eq!(text.trim().parse(), Ok(key(0xab)));
        assert_eq!(format!("{:?}", key(0xab)), "Key(…)");
        for wrong in ["", "ab", &"g".repeat(64), &"a".repeat(65), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<Key>(), Err(KeyError), "{wrong}");
        }
    }

    #[test]
    fn the_first_secret_signs_and_each_is_accepted() {
        let both = key(1).with_another([2; 32]).unwrap();
        let signed_by = |key: &Key| {
            let mut datagram = b"req<2,1>".to_vec();
            key.sign(GROUP, ONE, TWO, &mut datagram);
            datagram
        };
        let accepts = |key: &Key, datagram: &[u8]| {
            key.verifies(GROUP, ONE, TWO, &Signed::split(datagram).unwrap())
        };
        assert_eq!(signed_by(&both), signed_by(&key(1)));
        assert!(accepts(&both, &signed_by(&key(1))) && accepts(&both, &signed_by(&key(2))));
        assert!(!accepts(&both, &signed_by(&key(3))));
        let changed = both.clone().with_last_first();
        assert_eq!(signed_by(&changed), signed_by(&key(2)));
        assert!(accepts(&changed, &signed_by(&key(1))));
        assert_eq!(changed.with_first_alone(), key(2));
    }

    /// A key is changed in three steps. At no moment a member refuses another one, though
    /// each member takes each step when it does.
    #[test]
    fn at_each_step_of_a_change_all_members_accept_each_other() {
        let both = key(1).with_another([2; 32]).unwrap();
        let changed = both.clone().with_last_first();
        let steps = [key(1), both, changed.clone(), changed.with_first_alone()];
        for pair in steps.windows(2) {
            for (one, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                assert!(pair[one].is_accepted_by(&pair[other]));
            }
        }
        assert!(!steps[0].is_accepted_by(&steps[3]), "not in one step");
    }

    #[test]
    fn a_file_has_a_few_secrets_each_on_a_line() {
        let mut all = key(1);
        for fill in 2..=4 {
            all = all.with_another([fill; 32]).unwrap();
        }
        assert_eq!(all.to_secret_text().parse(), Ok(all.clone()));
        assert_eq!(all.clone().with_another([5; 32]), Err(KeyError));
        let five = all.to_secret_text() + &"5".repeat(64);
        assert_eq!(five.parse::<Key>(), Err(KeyError));
        assert_eq!("\n\n".parse::<Key>(), Err(KeyError));
        let names = all.names();
        assert!(names.len() == 4 && names[0] != names[1] && names[0].len() == 8);
        assert_eq!(key(1).with_another([1; 32]), Err(KeyError));
    }

    /// What Python's `hmac` makes of the same bytes.
    #[test]
    fn the_signature_is_hmac_sha_256() {
        let datagram = signed(b"req<2,1>");
        let signature = str::from_utf8(&datagram[8..]).unwrap();
        assert_eq!(signature, "#6a4a57f9166c887e6919eefe3c83cbb4");
    }
}
