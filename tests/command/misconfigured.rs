//! Processes whose settings contradict each other notice that, and give each other no
//! permission.

use std::net::UdpSocket;

use crate::fixtures::group::Group;
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;

fn process(id: &str, members: &[&str], options: &[&str]) -> Program {
    let arguments = [&["process", id, "--hold", "0s"], options, members].concat();
    Program::start(&format!("process {id} of {}", members.len()), &arguments)
}

#[test]
fn two_member_lists_notice_each_other_and_neither_side_enters() {
    let group = Group::of(3);
    let all: Vec<&str> = group.addresses.iter().map(String::as_str).collect();
    let options = ["--shared", &group.section_address];
    let mut first = process("1", &all, &options);
    let mut second = process("2", &all, &options);
    // The third has another address for the second.
    let ports = Ports::reserve(1);
    let elsewhere = format!(":{}", ports.iter().next().unwrap());
    let mut third = process("3", &[all[0], &elsewhere, all[2]], &options);
    for process in [&mut first, &mut second, &mut third] {
        process.send_line("x");
    }
    let other_list = |id| {
        format!(
            "dropped, process {id} has another member list, or another --failover: give all the same"
        )
    };
    first.wait_for(&other_list(3));
    second.wait_for(&other_list(3));
    third.wait_for(&other_list(1));
    first.wait_for(&format!("waiting 2 s for {} (3), not heard yet", all[2]));
    third.wait_for(", not heard yet");
    for process in [first, second, third] {
        let lines = process.terminate();
        assert!(!lines.iter().any(|line| line.contains("entered")));
    }
}

#[test]
fn the_reason_why_a_peer_is_dropped_is_recorded_in_a_flood_too() {
    let group = Group::of(2);
    let all: Vec<&str> = group.addresses.iter().map(String::as_str).collect();
    let mut process = process("1", &all, &["--shared", &group.section_address]);
    process.send_line("x");
    process.wait_for("x: asks 2 for the clock first");
    let outsider = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = format!("127.0.0.1{}", all[0]);
    // More than are reported in a second.
    for _ in 0..40 {
        outsider.send_to(b"malformed", &own).unwrap();
    }
    outsider.send_to(b"reply<5,2>", &own).unwrap();
    process.wait_for(
        "(2), not heard yet, datagrams in its name are dropped: \
         it does not say which request it answers",
    );
}

#[test]
fn two_nodes_with_one_id_notice_each_other_and_neither_enters() {
    let group = Group::of(2);
    let all: Vec<&str> = group.addresses.iter().map(String::as_str).collect();
    let options = ["--shared", &group.section_address];
    let ports = Ports::reserve(1);
    let elsewhere = format!("127.0.0.1:{}", ports.iter().next().unwrap());
    let mut second = process("2", &all, &options);
    let mut first = process("1", &all, &options);
    first.wait_for_welcome(2);
    second.wait_for_welcome(1);
    // Started by mistake: the same id at an address that is not in the list.
    let mut duplicate = process(
        "1",
        &all,
        &[&options[..], &["--listen", &elsewhere]].concat(),
    );
    duplicate.send_line("x");
    let claimed =
        "another node has this member's id: neither may enter until one of the two is stopped";
    duplicate.wait_for(claimed);
    first.wait_for(claimed);
    duplicate.wait_for("waiting 2 s for this member itself, ");
    first.send_line("x");
    first.wait_for("waiting 2 s for ");
    for process in [&first, &duplicate] {
        process.report();
        assert_eq!(process.count("entered"), 0);
    }
    let lines = first.lines();
    let reports = lines.iter().filter(|line| line.contains(claimed));
    let reports = reports.filter(|line| !line.contains("waiting "));
    assert_eq!(reports.count(), 1, "it lasts, and is reported once");
    // When one of them is gone, the other one continues.
    duplicate.terminate();
    first.wait_for("no other node claims to be this member any more");
    first.wait_for("Process exited CS");
    second.send_line("x");
    second.wait_for("Process exited CS");
}
