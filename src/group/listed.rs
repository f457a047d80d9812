//! A member as the list has it: an address, and perhaps a name.

use std::fmt;
use std::str::FromStr;

use super::{Address, AddressError};

/// The longest name of a member, in bytes: it fits a line of a status and a drawing.
const MAX_NAME: usize = 40;

/// A member of the list, `HOST:PORT` or `NAME=HOST:PORT`.
///
/// The name is for people alone: members with and without names make one group, since
/// only the addresses are in its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name, if the list gives one.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

impl FromStr for Listed {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((name, address)) = text.split_once('=') else {
            let address = text.parse()?;
            return Ok(Listed {
                name: None,
                address,
            });
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_plain) {
            return Err(AddressError::new(format!(
                "a member's name, before the =, has 1 to {MAX_NAME} letters, digits, '-', '_' \
                 and '.'"
            )));
        }
        Ok(Listed {
            name: Some(name.to_owned()),
            address: address.parse()?,
        })
    }
}

impl From<Address> for Listed {
    fn from(address: Address) -> Self {
        Listed {
            name: None,
            address,
        }
    }
}

/// As it is written in the list.
impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}={}", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// The name of each member: the list's, else the host as the list has it, with its port
/// if another member has the same host or no host is given.
pub(super) fn called(members: &[Listed]) -> Vec<String> {
    let hosts = members.iter().map(|member| member.address.host());
    let hosts: Vec<Option<&str>> = hosts.collect();
    let is_alone = |host: &str| hosts.iter().filter(|it| **it == Some(host)).count() == 1;
    let called = members.iter().map(|member| match &member.name {
        Some(name) => name.clone(),
        None => match member.address.host() {
            Some(host) if is_alone(host) => host.to_owned(),
            _ => member.address.to_string(),
        },
    });
    called.collect()
}
