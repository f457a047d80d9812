//! Which member of a list this machine is.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;

use super::{Address, GroupError, Listed, Resolver, listed};

/// How a user says which member of the list this one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnId {
    /// Its place in the list, from 1.
    Number(u16),
    /// Its name: the list's, or its host or its address as the list has it.
    Name(String),
}

impl FromStr for OwnId {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(number) => OwnId::Number(number),
            Err(_) => OwnId::Name(text.to_owned()),
        })
    }
}

impl fmt::Display for OwnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnId::Number(number) => number.fmt(f),
            OwnId::Name(name) => name.fmt(f),
        }
    }
}

/// The id of this member. Where nothing is given, it is the one member whose address is this
/// machine's own; names are looked up for that.
///
/// # Errors
/// A sentence that says what to give.
pub(crate) fn own_id(given: Option<&OwnId>, list: &[Listed]) -> Result<u16, GroupError> {
    match given {
        Some(OwnId::Number(number)) => Ok(*number),
        Some(OwnId::Name(name)) => of_name(name, list),
        None => of_this_machine(list, &Resolver::default(), is_own),
    }
}

fn of_name(name: &str, list: &[Listed]) -> Result<u16, GroupError> {
    let called = listed::called(list);
    let is_it = |(member, called): &(&Listed, &String)| {
        *called == name || member.address.host() == Some(name) || member.address.to_string() == name
    };
    let found = list
        .iter()
        .zip(&called)
        .zip(1..)
        .filter(|(pair, _)| is_it(pair));
    let found: Vec<u16> = found.map(|(_, id)| id).collect();
    match found[..] {
        [id] => Ok(id),
        [] => Err(GroupError(format!(
            "the id {name:?} is no member of the list: give one of {}, or a number from 1",
            called.join(", ")
        ))),
        _ => Err(GroupError(format!(
            "the id {name:?} is the host of several members: give one of {}, or a number from 1",
            called.join(", ")
        ))),
    }
}

/// The one member at an address of this machine.
fn of_this_machine(
    list: &[Listed],
    resolver: &Resolver,
    is_own: impl Fn(&SocketAddr) -> bool,
) -> Result<u16, GroupError> {
    let addresses: Vec<Address> = list.iter().map(|member| member.address.clone()).collect();
    let answers = resolver.resolve_all(&addresses, None);
    let is_here = |answer: &Result<Vec<SocketAddr>, _>| {
        answer.as_ref().is_ok_and(|found| found.iter().any(&is_own))
    };
    let here = answers
        .iter()
        .zip(1..)
        .filter(|(answer, _)| is_here(answer));
    let here: Vec<u16> = here.map(|(_, id)| id).collect();
    let way_out = "give --id N, or --id NAME, or \"id\" in the configuration";
    let called = listed::called(list);
    let name = |id: &u16| format!("{} ({id})", called[usize::from(*id) - 1]);
    let why = match &here[..] {
        [id] => return Ok(*id),
        [] => match answers.iter().find_map(|answer| answer.as_ref().err()) {
            Some(error) => {
                format!("no member that was found is at this machine's address; {error}")
            }
            None => "no member's address is this machine's own".to_owned(),
        },
        several => {
            let names: Vec<String> = several.iter().map(name).collect();
            format!("{} are all at addresses of this machine", names.join(", "))
        }
    };
    Err(GroupError(format!("no id: {why}; {way_out}")))
}

/// Whether this machine has this address: only then a socket can have it.
fn is_own(address: &SocketAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address.ip(), 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn list(members: &[&str]) -> Vec<Listed> {
        members.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn by_name(name: &str, members: &[&str]) -> Result<u16, String> {
        let given: OwnId = name.parse().unwrap();
        own_id(Some(&given), &list(members)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_is_a_number_or_the_name_host_or_address_of_a_member() {
        let members = ["alpha:7001", "b=beta.example:7001", "10.0.0.3:7001"];
        assert_eq!(by_name("2", &members), Ok(2));
        assert_eq!(by_name("alpha", &members), Ok(1));
        assert_eq!(by_name("b", &members), Ok(2));
        assert_eq!(by_name("beta.example", &members), Ok(2));
        assert_eq!(by_name("10.0.0.3:7001", &members), Ok(3));
        let error = by_name("delta", &members).unwrap_err();
        assert!(error.contains("give one of alpha, b, 10.0.0.3"), "{error}");
    }

    #[test]
    fn a_host_with_two_members_is_no_id() {
        let error = by_name("alpha", &["alpha:1", "alpha:2"]).unwrap_err();
        assert!(error.contains("the host of several members"), "{error}");
        assert_eq!(by_name("alpha:2", &["alpha:1", "alpha:2"]), Ok(2));
    }

    /// The id on a machine with these addresses, where a host is known as `hN`.
    fn on(own: &[&str], members: &[&str]) -> Result<u16, String> {
        let resolver = Resolver::new(Duration::from_secs(5), |address| {
            match address.host().and_then(|host| host.strip_prefix('h')) {
                Some(number) => Ok(vec![format!("10.0.0.{number}:1").parse().unwrap()]),
                None => address.resolve(),
            }
        });
        let is_own = |address: &SocketAddr| own.contains(&address.ip().to_string().as_str());
        of_this_machine(&list(members), &resolver, is_own).map_err(|error| error.to_string())
    }

    #[test]
    fn without_an_id_it_is_the_one_member_at_an_address_of_this_machine() {
        let members = ["h1:7001", "h2:7001", "10.0.0.3:7001"];
        assert_eq!(on(&["127.0.0.1", "10.0.0.2"], &members), Ok(2));
        assert_eq!(on(&["127.0.0.1", "10.0.0.3"], &members), Ok(3));
        let none = on(&["127.0.0.1"], &members).unwrap_err();
        assert!(
            none.contains("no member's address is this machine's own; give --id"),
            "{none}"
        );
        let two = on(&["10.0.0.1", "10.0.0.3"], &members).unwrap_err();
        assert!(
            two.contains("h1 (1), 10.0.0.3 (3) are all at addresses"),
            "{two}"
        );
    }

    #[test]
    fn the_only_member_on_this_host_needs_no_id() {
        assert_eq!(own_id(None, &list(&[":7001"])), Ok(1));
    }
}
