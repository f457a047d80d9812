use std::time::Duration;

use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn group(id: u16, addresses: &[&str]) -> Result<Group, GroupError> {
    let list: Vec<Listed> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let group = Group::resolve(id, &list, None)?;
    group.section(&address(":10000"))?;
    Ok(group)
}

/// Why these addresses make no group.
fn refusal(id: u16, addresses: &[&str]) -> String {
    group(id, addresses).unwrap_err().to_string()
}

#[test]
fn an_address_is_displayed_as_it_is_written() {
    for text in [":10001", "alpha:7001", "10.0.0.7:1", "[::1]:65535"] {
        assert_eq!(address(text).to_string(), text);
    }
}

#[test]
fn a_text_that_is_not_an_address_says_how_to_write_one() {
    for (texts, why) in [
        (
            &["", "10001"][..],
            "no port in it; write :PORT or HOST:PORT",
        ),
        (
            &[":", ":x", ":+1", ":65536", "alpha:-1"],
            "the port after the last colon must be a number from 0 to 65535",
        ),
        (
            &["::1:10001"],
            "an IPv6 address goes in brackets, as in [::1]:10001",
        ),
    ] {
        for text in texts {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.to_string(), why, "{text}");
        }
    }
}

#[test]
fn a_port_alone_is_on_this_hosts_loopback() {
    let group = group(2, &[":10001", ":10002"]).unwrap();
    let members = ["127.0.0.1:10001", "127.0.0.1:10002"];
    assert_eq!(group.members, members.map(|text| text.parse().ok()));
    assert_eq!(Some(group.listen), group.members[1]);
    assert_eq!(group.address(NodeId(2)), group.members[1]);
    assert_eq!(group.address(NodeId(3)), None);
    assert_eq!(group.address(NodeId(0)), None);
}

#[test]
fn a_port_alone_goes_with_ipv6_members() {
    let group = group(1, &[":10001", "[::1]:10002"]).unwrap();
    assert!(group.members.iter().flatten().all(SocketAddr::is_ipv6));
}

#[test]
fn ipv4_and_ipv6_members_do_not_reach_each_other() {
    assert_eq!(
        refusal(1, &["127.0.0.1:10001", "[::1]:10002"]),
        "127.0.0.1:10001 (1) has only an IPv4 address and [::1]:10002 (2) only an IPv6 one; \
         give all of one kind"
    );
}

#[test]
fn the_id_counts_from_one_into_the_list() {
    for id in [0, 3] {
        let text = format!("id {id} is out of range: ids count from 1, and the list has 2");
        assert_eq!(refusal(id, &[":10001", ":10002"]), text);
    }
}

/// Knows alpha alone, and answers nothing about `slow.example`.
fn resolver() -> Resolver {
    Resolver::new(Duration::from_millis(20), |address| match address.host() {
        Some("alpha") => Ok(vec!["10.0.0.1:7001".parse().unwrap()]),
        Some("slow.example") => loop {
            std::thread::park();
        },
        Some(host) if address.is_by_name() => {
            Err(AddressError::new(format!("cannot find host {host}: no")))
        }
        _ => address.resolve(),
    })
}

#[test]
fn a_peers_unknown_name_is_a_member_without_an_address_and_the_own_one_an_error() {
    let list = ["alpha:7001", "beta:7001", "slow.example:7001"];
    let list: Vec<Listed> = list.iter().map(|text| text.parse().unwrap()).collect();
    let resolve = |id| Group::resolve_with(id, &list, None, &resolver());
    let mut group = resolve(1).unwrap();
    let alpha = "10.0.0.1:7001".parse().unwrap();
    assert_eq!(group.members, [Some(alpha), None, None]);
    assert_eq!(group.listen, alpha);
    // A port of this host is not one of all its interfaces because another is unknown.
    let local = [":7001", "beta:7001"].map(|text| text.parse().unwrap());
    let local = Group::resolve_with(1, &local, None, &resolver()).unwrap();
    assert_eq!(local.listen, "127.0.0.1:7001".parse().unwrap());
    assert_eq!(group.unknown(NodeId(2)), Some("cannot find host beta: no"));
    let late = "cannot find host slow.example: the resolver has not answered yet";
    assert_eq!(group.unknown(NodeId(3)), Some(late));
    assert!(!group.is_at(NodeId(2), "10.0.0.2".parse().unwrap()));
    let own = resolve(2).unwrap_err().to_string();
    let text = "cannot find host beta: no; it is the host of beta:7001 (2), this member itself";
    assert_eq!(own, text);

    let found = |texts: &[&str]| Ok(texts.iter().map(|text| text.parse().unwrap()).collect());
    // Nothing of use: of the other kind, of no host, the own one.
    for useless in [
        &["[2001:db8::1]:7001"][..],
        &["0.0.0.0:7001"],
        &["10.0.0.1:7001"],
    ] {
        assert!(!group.set_found(NodeId(2), found(useless)), "{useless:?}");
        let why = "beta:7001 has no IPv4 address of another host, of which this group is";
        assert_eq!(group.unknown(NodeId(2)), Some(why));
    }
    assert!(group.set_found(NodeId(2), found(&["[2001:db8::1]:7001", "10.0.0.2:7001"])));
    assert_eq!(group.unknown(NodeId(2)), None);
    assert_eq!(
        group.candidates(NodeId(2)),
        ["10.0.0.2:7001".parse().unwrap()]
    );
    assert!(group.is_at(NodeId(2), "10.0.0.2".parse().unwrap()));
    // A look-up that fails takes nothing away.
    assert!(!group.set_found(NodeId(2), Err(AddressError::new("no".to_owned()))));
    assert_eq!(group.candidates(NodeId(2)).len(), 1);
}

#[test]
fn no_two_members_share_a_port() {
    assert_eq!(
        refusal(1, &[":10001", ":10002", "127.0.0.1:10001"]),
        ":10001 (1) and 127.0.0.1:10001 (3) have the same address, 127.0.0.1:10001; \
         each needs a port of its own"
    );
}

#[test]
fn no_member_has_the_address_of_the_critical_section() {
    let text = ":10000 (2) has the address of the critical section, 127.0.0.1:10000;";
    assert!(refusal(1, &[":10001", ":10000"]).starts_with(text));
}

#[test]
fn no_member_has_port_zero() {
    let text = ":0 (2) has port 0; give the port that it listens on";
    assert_eq!(refusal(1, &[":10001", ":0"]), text);
}

#[test]
fn an_address_of_no_one_host_is_refused() {
    for ip in ["0.0.0.0", "224.0.0.1"] {
        let address = format!("{ip}:10002");
        let text = format!("{address} (2) is not the address of one host; give the host's own");
        assert_eq!(refusal(1, &["192.0.2.7:10001", &address]), text);
    }
}

#[test]
fn a_port_alone_of_the_section_is_where_the_members_are() {
    let members = [address("[::1]:10001").into()];
    let group = Group::resolve(1, &members, None).unwrap();
    let section = group.section(&address(":10000"));
    assert_eq!(section, Ok("[::1]:10000".parse().unwrap()));
    let error = group.section(&address(":0")).unwrap_err().to_string();
    assert!(error.starts_with("the critical section has port 0;"));
}

#[test]
fn the_bound_address_is_of_the_members_kind() {
    let resolve = |members: &str, listen: &str| {
        let (members, listen) = ([address(members).into()], address(listen));
        Group::resolve(1, &members, Some(&listen))
    };
    let group = resolve("192.0.2.7:7001", ":7001").unwrap();
    assert_eq!(group.listen, "127.0.0.1:7001".parse().unwrap());
    assert!(group.may_be_elsewhere());
    let error = resolve("192.0.2.7:7001", "[::1]:7001").unwrap_err();
    let text = "--listen [::1]:7001 is of the other kind";
    assert!(error.to_string().starts_with(text));
}

#[test]
fn a_member_is_heard_only_from_its_own_host_and_loopback_is_one_host() {
    let group = Group::on_loopback(1, &[10_001, 10_002]);
    let is_at = |source: &str| group.is_at(NodeId(2), source.parse().unwrap());
    assert!(is_at("127.0.0.1") && is_at("127.0.1.1") && is_at("::1"));
    assert!(is_at("::ffff:127.0.0.1"));
    assert!(!is_at("192.0.2.7"));
    assert!(!group.is_at(NodeId(3), "127.0.0.1".parse().unwrap()));
}

#[test]
fn the_digest_covers_the_list_as_it_is_written() {
    let digest = |addresses: &[&str]| group(1, addresses).unwrap().digest;
    let one = digest(&[":10001", ":10002"]);
    assert_eq!(digest(&[":10001", ":10002"]), one);
    for other in [
        &[":10002", ":10001"][..],
        &[":10001"],
        &[":10001", ":10002", ":10003"],
        &["127.0.0.1:10001", ":10002"],
    ] {
        assert_ne!(digest(other), one, "{other:?}");
    }
    let (mixed, lower) = ("LocalHost:10001", "localhost:10001");
    assert_eq!(digest(&[mixed, ":10002"]), digest(&[lower, ":10002"]));
}

#[test]
fn loopback_and_other_machines_make_no_group() {
    for local in [":10001", "127.0.0.1:10001", "localhost:10001"] {
        let text = format!("{local} (1) is on this host's loopback, which 192.0.2.7:10002 (2)");
        assert!(refusal(1, &[local, "192.0.2.7:10002"]).starts_with(&text));
    }
}

#[test]
fn a_member_has_the_name_of_the_list_or_of_its_host() {
    let called = |list: &[&str]| group(1, list).unwrap().called;
    let list = ["127.0.0.1:10001", "127.0.0.2:10002", "127.0.0.2:10003"];
    assert_eq!(
        called(&list),
        ["127.0.0.1", "127.0.0.2:10002", "127.0.0.2:10003"]
    );
    assert_eq!(called(&[":10001", "b=:10002"]), [":10001", "b"]);
    let named = group(1, &[":10001", "b=:10002"]).unwrap();
    assert_eq!(named.names, [":10001", "b"]);
    assert_eq!(named.listed, [":10001", ":10002"]);
    assert_eq!([1, 2].map(|id| named.is_named(NodeId(id))), [false, true]);
}

#[test]
fn names_are_not_in_the_digest() {
    let digest = |list: &[&str]| group(1, list).unwrap().digest;
    assert_eq!(
        digest(&["a=:10001", "b=:10002"]),
        digest(&[":10001", ":10002"])
    );
    assert_ne!(digest(&[":10001", ":10002"]), digest(&[":10001", ":10003"]));
}

#[test]
fn two_members_of_one_name_are_refused() {
    let text = "a=:10001 (1) and a=:10002 (2) have the same name, a; give each its own";
    assert_eq!(refusal(1, &["a=:10001", "a=:10002"]), text);
    let text = "127.0.0.1:10001 (1) and 127.0.0.1=:10002 (2) have the same name, 127.0.0.1; \
                give each its own";
    assert_eq!(refusal(1, &["127.0.0.1:10001", "127.0.0.1=:10002"]), text);
}

#[test]
fn a_name_that_is_no_word_is_refused() {
    for text in [
        "=:1",
        "a b=:1",
        "a/b=:1",
        &format!("{}=:1", "a".repeat(41)),
        "\u{1b}=:1",
    ] {
        let error = text.parse::<Listed>().unwrap_err().to_string();
        assert!(error.starts_with("a member's name, before the =, has 1 to 40 letters"));
    }
    let error = "a=10001".parse::<Listed>().unwrap_err().to_string();
    assert!(error.starts_with("no port in it"), "{error}");
    assert_eq!("a=b:1".parse::<Listed>().unwrap().to_string(), "a=b:1");
}
