use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn group(id: u16, addresses: &[&str]) -> Result<Group, GroupError> {
    let addresses: Vec<Address> = addresses.iter().map(|text| address(text)).collect();
    let group = Group::resolve(id, &addresses, None)?;
    group.section(&address(":10000"))?;
    Ok(group)
}

#[test]
fn an_address_is_read_and_shown_alike() {
    for text in [":10001", "alpha:7001", "10.0.0.7:1", "[::1]:65535"] {
        assert_eq!(address(text).to_string(), text);
    }
}

#[test]
fn what_is_no_address_says_how_to_write_it() {
    for (text, why) in [
        ("", AddressError::NoPort),
        ("10001", AddressError::NoPort),
        (":", AddressError::Port),
        (":x", AddressError::Port),
        (":+1", AddressError::Port),
        (":65536", AddressError::Port),
        ("alpha:-1", AddressError::Port),
        ("::1:10001", AddressError::Brackets),
    ] {
        assert_eq!(text.parse::<Address>(), Err(why), "{text}");
    }
}

#[test]
fn a_port_alone_is_this_hosts_loopback() {
    let group = group(2, &[":10001", ":10002"]).unwrap();
    let members = ["127.0.0.1:10001", "127.0.0.1:10002"];
    assert_eq!(group.members, members.map(|text| text.parse().unwrap()));
    assert_eq!(group.listen, group.members[1]);
    assert_eq!(group.address(NodeId(2)), Some(group.members[1]));
    assert_eq!(group.address(NodeId(3)), None);
    assert_eq!(group.address(NodeId(0)), None);
}

#[test]
fn a_port_alone_goes_with_ipv6_members() {
    let group = group(1, &[":10001", "[::1]:10002"]).unwrap();
    assert!(group.members.iter().all(SocketAddr::is_ipv6));
}

#[test]
fn ipv4_and_ipv6_members_do_not_reach_each_other() {
    assert_eq!(
        group(1, &["127.0.0.1:10001", "[::1]:10002"]),
        Err(GroupError::Families {
            v4: NodeId(1),
            v6: NodeId(2)
        })
    );
}

#[test]
fn the_id_counts_from_one_into_the_list() {
    for id in [0, 3] {
        let members = 2;
        assert_eq!(
            group(id, &[":10001", ":10002"]),
            Err(GroupError::NoSuchMember { id, members })
        );
    }
}

#[test]
fn no_two_members_share_a_port() {
    let doubled = group(1, &[":10001", ":10002", "127.0.0.1:10001"]);
    assert_eq!(
        doubled,
        Err(GroupError::Doubled {
            first: NodeId(1),
            second: NodeId(3),
            address: "127.0.0.1:10001".parse().unwrap()
        })
    );
}

#[test]
fn the_critical_sections_port_is_no_members() {
    assert_eq!(
        group(1, &[":10001", ":10000"]),
        Err(GroupError::IsSection {
            member: NodeId(2),
            address: "127.0.0.1:10000".parse().unwrap()
        })
    );
}

#[test]
fn port_zero_is_nobodys() {
    assert_eq!(
        group(1, &[":10001", ":0"]),
        Err(GroupError::PortZero(NodeId(2)))
    );
}

#[test]
fn an_address_that_is_nobodys_is_refused() {
    for nobodys in ["0.0.0.0", "224.0.0.1"] {
        let ip = nobodys.parse().unwrap();
        assert_eq!(
            group(1, &["192.0.2.7:10001", &format!("{nobodys}:10002")]),
            Err(GroupError::Unspecified(NodeId(2), ip))
        );
    }
}

#[test]
fn the_section_is_looked_for_where_the_members_are() {
    let members = [address("[::1]:10001")];
    let group = Group::resolve(1, &members, None).unwrap();
    let section = group.section(&address(":10000"));
    assert_eq!(section, Ok("[::1]:10000".parse().unwrap()));
    let zero = group.section(&address(":0"));
    assert_eq!(zero, Err(GroupError::SectionPortZero));
}

#[test]
fn what_is_bound_is_of_the_members_kind() {
    let resolve = |members: &str, listen: &str| {
        let (members, listen) = ([address(members)], address(listen));
        Group::resolve(1, &members, Some(&listen))
    };
    let group = resolve("192.0.2.7:7001", ":7001").unwrap();
    assert_eq!(group.listen, "127.0.0.1:7001".parse().unwrap());
    assert!(group.may_be_elsewhere());
    assert_eq!(
        resolve("192.0.2.7:7001", "[::1]:7001"),
        Err(GroupError::ListenFamily("[::1]:7001".into()))
    );
}

#[test]
fn a_member_is_heard_from_its_own_host_alone_and_loopback_is_one_host() {
    let group = Group::on_loopback(1, &[10_001, 10_002]);
    let is_at = |source: &str| group.is_at(NodeId(2), source.parse().unwrap());
    assert!(is_at("127.0.0.1") && is_at("127.0.1.1") && is_at("::1"));
    assert!(is_at("::ffff:127.0.0.1"));
    assert!(!is_at("192.0.2.7"));
    assert!(!group.is_at(NodeId(3), "127.0.0.1".parse().unwrap()));
}

#[test]
fn the_digest_is_of_the_list_as_it_is_written() {
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
    assert_eq!(
        digest(&["LocalHost:10001", ":10002"]),
        digest(&["localhost:10001", ":10002"])
    );
}

#[test]
fn loopback_does_not_go_with_other_machines() {
    for local in [":10001", "127.0.0.1:10001", "localhost:10001"] {
        assert_eq!(
            group(1, &[local, "192.0.2.7:10002"]),
            Err(GroupError::Loopback {
                local: NodeId(1),
                remote: NodeId(2)
            })
        );
    }
}
