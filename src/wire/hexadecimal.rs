//! 64 bits as text, in the JSON of a tail.

use std::{array, fmt};

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 64 bits as 16 hexadecimal digits.
#[derive(Clone, Copy, Default)]
pub(super) struct Hexadecimal(pub(super) u64);

impl Hexadecimal {
    pub(super) fn write(self, text: &mut String) {
        let digits = self.digits();
        text.push_str(str::from_utf8(&digits).expect("digits are ASCII"));
    }

    fn digits(self) -> [u8; 16] {
        let digit = |place| b"0123456789abcdef"[(self.0 >> (60 - 4 * place) & 0xf) as usize];
        array::from_fn(digit)
    }

    fn read(digits: &str) -> Option<Self> {
        let digits: &[u8; 16] = digits.as_bytes().try_into().ok()?;
        let bits = digits.iter().try_fold(0, |bits, digit| {
            let digit = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(bits << 4 | u64::from(digit))
        })?;
        Some(Hexadecimal(bits))
    }
}

impl Serialize for Hexadecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.digits();
        serializer.serialize_str(str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Hexadecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "16 hexadecimal digits",
            read: Hexadecimal::read,
        })
    }
}

/// A text that is parsed without a copy.
pub(super) struct Text<F> {
    pub(super) expected: &'static str,
    pub(super) read: F,
}

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let expected = self.expected;
        (self.read)(text).ok_or_else(|| E::custom(format_args!("not {expected}")))
    }
}
