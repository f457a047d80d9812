//! Reads the JSON object of a tail field by field, without a copy in between.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::hexadecimal::{Hexadecimal, Text};
use crate::mutex::{First, LockName};

/// The words of [`FirstField`].
pub(super) const HELD: &str = "held";
pub(super) const AHEAD: &str = "ahead";

/// The JSON object of a tail.
pub(super) struct Read {
    pub(super) incarnation: Hexadecimal,
    pub(super) group: Hexadecimal,
    pub(super) lock: Option<LockField>,
    pub(super) echo: Option<u64>,
    pub(super) to: Option<Hexadecimal>,
    pub(super) again: Option<bool>,
    pub(super) view: Option<(u64, u16)>,
    pub(super) is_try: Option<bool>,
    pub(super) is_shared: Option<bool>,
    pub(super) first: Option<FirstField>,
    pub(super) leaves: Option<bool>,
    /// The inner `None` is `null`.
    pub(super) heard: Option<Option<u64>>,
}

/// The name of a field.
enum Field {
    Incarnation,
    Group,
    Lock,
    Echo,
    To,
    Again,
    View,
    Try,
    Shared,
    First,
    Leaves,
    Heard,
    /// An unknown field that may be skipped. Any other unknown field may change the
    /// meaning of the datagram.
    Optional,
}

/// `"held"` or `"ahead"`.
pub(super) struct FirstField(pub(super) First);

/// A name that is not empty: the nameless lock has no such field.
pub(super) struct LockField(pub(super) LockName);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(Text {
            expected: "a field that is known, or ends in a question mark",
            read: |name: &str| match name {
                "incarnation" => Some(Field::Incarnation),
                "group" => Some(Field::Group),
                "lock" => Some(Field::Lock),
                "echo" => Some(Field::Echo),
                "to" => Some(Field::To),
                "again" => Some(Field::Again),
                "view" => Some(Field::View),
                "try?" => Some(Field::Try),
                "shared?" => Some(Field::Shared),
                "first" => Some(Field::First),
                "leaves" => Some(Field::Leaves),
                "heard?" => Some(Field::Heard),
                other => other.ends_with('?').then_some(Field::Optional),
            },
        })
    }
}

impl<'de> Deserialize<'de> for LockField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "the name of a lock",
            read: |name: &str| {
                let lock = LockName::new(name).ok()?;
                (!lock.is_nameless()).then_some(LockField(lock))
            },
        })
    }
}

impl<'de> Deserialize<'de> for FirstField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "held or ahead",
            read: |text: &str| match text {
                HELD => Some(FirstField(First::Held)),
                AHEAD => Some(FirstField(First::Ahead)),
                _ => None,
            },
        })
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut incarnation, mut group) = (None, None);
        let (mut lock, mut echo, mut to) = (None, None, None);
        let (mut again, mut view) = (None, None);
        let mut is_shared = None;
        let (mut is_try, mut first, mut leaves, mut heard) = (None, None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Incarnation => once(&mut incarnation, "incarnation", &mut map)?,
                Field::Group => once(&mut group, "group", &mut map)?,
                Field::Lock => once(&mut lock, "lock", &mut map)?,
                Field::Echo => once(&mut echo, "echo", &mut map)?,
                Field::To => once(&mut to, "to", &mut map)?,
                Field::Again => once(&mut again, "again", &mut map)?,
                Field::View => once(&mut view, "view", &mut map)?,
                Field::Try => once(&mut is_try, "try?", &mut map)?,
                Field::Shared => once(&mut is_shared, "shared?", &mut map)?,
                Field::First => once(&mut first, "first", &mut map)?,
                Field::Leaves => once(&mut leaves, "leaves", &mut map)?,
                Field::Heard => once(&mut heard, "heard?", &mut map)?,
                Field::Optional => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Read {
            incarnation: incarnation.ok_or_else(|| Error::missing_field("incarnation"))?,
            group: group.ok_or_else(|| Error::missing_field("group"))?,
            lock: lock.flatten(),
            echo: echo.flatten(),
            to: to.flatten(),
            again: again.flatten(),
            view: view.flatten(),
            is_try: is_try.flatten(),
            is_shared: is_shared.flatten(),
            first: first.flatten(),
            leaves: leaves.flatten(),
            heard,
        })
    }
}

/// Reads the value of a field that an object has at most once.
fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    value: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if value.is_some() {
        return Err(Error::duplicate_field(name));
    }
    *value = Some(map.next_value()?);
    Ok(())
}
