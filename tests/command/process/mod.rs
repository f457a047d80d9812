//! `turno process` as a program: its arguments, its input, malformed datagrams, and
//! its end.

mod malformed;

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};

use crate::fixtures::group::Group;
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use rustix::process::Signal;

fn turno(arguments: &[&str]) -> Output {
    Command::new(TURNO)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Returns the exit code and the first line on standard error.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = turno(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    let line = error.lines().next().unwrap_or_default().to_owned();
    (output.status.code(), line)
}

#[test]
fn wrong_arguments_are_refused_with_the_reason_and_the_way_out() {
    for (arguments, reason) in [
        (
            &["0", ":10001"][..],
            "turno: id 0 is out of range: ids count from 1, and the list has 1",
        ),
        (
            &["4", ":10001", ":10002", ":10003"],
            "turno: id 4 is out of range: ids count from 1, and the list has 3",
        ),
        (
            &["1", ":10001", ":10002", ":10001"],
            "turno: :10001 (1) and :10001 (3) have the same address, 127.0.0.1:10001; each needs a port of its own",
        ),
        (
            &["1", ":10001", ":10000"],
            "turno: :10000 (2) has the address of the critical section, 127.0.0.1:10000; give it another port, or move the section with --shared",
        ),
        (
            &["1", ":10001", ":10002", "--shared", "localhost:10002"],
            "turno: :10002 (2) has the address of the critical section, 127.0.0.1:10002; give it another port, or move the section with --shared",
        ),
        (
            &["1", ":10001", "192.0.2.7:10002"],
            "turno: :10001 (1) is on this host's loopback, which 192.0.2.7:10002 (2) cannot reach; in a group of several machines give every member as HOST:PORT, the same list on each",
        ),
        (
            &["1", ":10001", ":0"],
            "turno: :0 (2) has port 0; give the port that it listens on",
        ),
        (
            &["1", "192.0.2.7:10001", "[2001:db8::7]:10002"],
            "turno: 192.0.2.7:10001 (1) has only an IPv4 address and [2001:db8::7]:10002 (2) only an IPv6 one; give all of one kind",
        ),
        (
            &["x", ":10001"],
            "error: invalid value 'x' for '<ID>': an id is a number from 1 to 65535",
        ),
        (
            &["1", "10001"],
            "error: invalid value '10001' for '<ADDR>...': no port in it; write :PORT or HOST:PORT",
        ),
        (
            &["1"],
            "error: the following required arguments were not provided:",
        ),
        (
            &["1", ":10001", "--hold", "long"],
            "error: invalid value 'long' for '--hold <TIME>': expected number at 0; write 200ms, 5s or 2m",
        ),
    ] {
        let all = [&["process"], arguments].concat();
        assert_eq!(refusal(&all), (Some(2), reason.to_owned()), "{arguments:?}");
    }
    let (code, line) = refusal(&["process", "1", "no-such-host.invalid:10001"]);
    assert_eq!(code, Some(2));
    assert!(
        line.starts_with("turno: cannot find host no-such-host.invalid: "),
        "{line}"
    );
}

#[test]
fn a_port_in_use_is_reported() {
    let group = Group::of(2);
    let _first = group.all("0s");
    let second = group.process(1, "0s");
    let (status, lines) = second.finish();
    assert_eq!(status.code(), Some(1));
    let address = &group.addresses[0];
    let expected = format!(
        "turno: cannot listen at 127.0.0.1{address}: the port is in use, perhaps by a turno that is still running"
    );
    assert_eq!(lines.last(), Some(&expected));
}

#[test]
fn an_address_of_another_host_is_reported() {
    let (code, line) = refusal(&["process", "1", "192.0.2.7:10001", "192.0.2.8:10001"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        line,
        "turno: cannot listen at 192.0.2.7:10001: it is no address of this host; is the id right? --listen names another to bind"
    );
}

#[test]
fn a_peer_whose_name_is_not_known_does_not_end_a_process() {
    let ports = Ports::reserve(1);
    let own = format!(":{}", ports.iter().next().unwrap());
    let process = Program::start(
        "process",
        &["process", "1", &own, "no-such-host.invalid:7001"],
    );
    let line = process.wait_for("WARNING: cannot find host no-such-host.invalid: ");
    let end = "; no-such-host.invalid:7001 (2) is not heard until its name is known, which is \
               looked up again";
    assert!(line.ends_with(end), "{line}");
    process.wait_for(&format!("process 1 of 2 listens at 127.0.0.1{own}"));
    process.terminate();
}

#[test]
fn help_shows_examples() {
    for arguments in [
        &["--help"][..],
        &["process", "--help"],
        &["shared", "--help"],
    ] {
        let output = turno(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example"));
    }
}

#[test]
fn only_x_and_the_own_id_have_a_meaning_in_the_input() {
    let group = Group::of(1);
    let mut process = group.process(1, "1h");
    for line in ["", "y", "2", "11", "q", "x x", "\u{3}", "X"] {
        process.send_line(line);
    }
    process.send_line(&"x".repeat(100_000));
    process.send_line(&format!("x{}y", " ".repeat(100_000)));
    process.send_line(" 1\r");
    process.wait_for("tick, clock 2");
    process.send_line("x");
    process.wait_for("Process entered CS");
    process.send_line("x");
    process.wait_for("'x' ignored");
    assert_eq!(process.count("tick"), 1);
    assert_eq!(process.lines().len(), 5, "{:#?}", process.lines());
}

#[test]
fn an_id_of_two_digits_ticks_the_clock() {
    let group = Group::of(10);
    let mut process = group.process(10, "0s");
    process.send_line("1");
    process.send_line("10");
    // The process reads this after both.
    process.send_line("x");
    process.wait_for("x: asks ");
    process.report();
    assert_eq!(process.count("tick"), 1);
    assert_eq!(process.count("tick, clock 2"), 1);
}

#[test]
fn the_end_of_the_input_leaves_it_running() {
    let group = Group::of(2);
    let mut first = group.process(1, "0s");
    let mut second = group.process(2, "0s");
    first.wait_for("listens at");
    second.wait_for("listens at");
    first.close_input();
    second.send_line("x");
    second.wait_for("Process exited CS");
    first.terminate();
}

#[test]
fn input_that_cannot_be_polled_is_read_too() {
    let group = Group::of(1);
    let options = [
        "process",
        "1",
        &group.addresses[0],
        "--shared",
        &group.section_address,
        "--hold",
        "0s",
    ];
    let null = Program::start_with("null", &options, Stdio::null());
    null.wait_for("listens at");
    null.terminate();
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), "1\nx").unwrap();
    let file = Program::start_with("file", &options, File::open(input.path()).unwrap().into());
    file.wait_for("tick, clock 2");
    file.wait_for("Process exited CS");
    file.terminate();
}

#[test]
fn on_a_signal_it_leaves_the_section_and_answers_each_peer() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let group = Group::of(3);
        let mut processes = group.all_without_resends("1h");
        processes[0].send_line("x");
        processes[0].wait_for("Process entered CS");
        processes[1].send_line("x");
        processes[0].wait_for("req<4,2> received");
        processes[1].wait_for("reply<5,3> received");
        let first = processes.remove(0);
        first.signal(signal);
        let (status, lines) = first.finish();
        assert_eq!(status.code(), Some(0));
        assert_eq!(
            lines[lines.len() - 2..],
            ["Process exited CS", "reply<6,1> sent to 2"]
        );
        processes[0].wait_for("Process entered CS");
        group
            .section
            .wait_for("[PID: 1, Clock: 6] interaction with cs ends");
    }
}

#[test]
fn on_a_signal_it_cancels_its_request_and_answers_each_peer() {
    let group = Group::of(3);
    let mut processes = group.all_without_resends("0s");
    // 3 is gone, so 1 waits. Then 2 waits too, for the reply of 1.
    processes.pop().unwrap().terminate();
    let mut second = processes.pop().unwrap();
    let mut first = processes.pop().unwrap();
    first.send_line("x");
    second.wait_for("req<2,1> received");
    second.send_line("x");
    first.wait_for("deferred, for (2,1) < (4,2)");
    second.report();
    assert_eq!(second.count("reply<5,1> received"), 0);
    let lines = first.terminate();
    assert_eq!(
        lines[lines.len() - 2..],
        ["the request is given up", "reply<5,1> sent to 2"]
    );
    second.wait_for("reply<5,1> received, clock 6");
}

#[test]
fn several_signals_at_once_end_it_in_order_too() {
    let group = Group::of(2);
    let mut processes = group.all_without_resends("1h");
    processes[0].send_line("x");
    processes[0].wait_for("Process entered CS");
    let first = processes.remove(0);
    for signal in [Signal::HUP, Signal::TERM, Signal::INT] {
        first.signal(signal);
    }
    let (status, lines) = first.finish();
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines.last().unwrap(), "Process exited CS");
    group
        .section
        .wait_for("[PID: 1, Clock: 4] interaction with cs ends");
}

#[test]
fn a_reader_that_does_not_read_does_not_stop_the_node() {
    let group = Group::of(2);
    let second = group.process(2, "0s");
    let mut first = Command::new(TURNO)
        .args([
            "process",
            "1",
            "--hold",
            "0s",
            "--shared",
            &group.section_address,
        ])
        .args(&group.addresses)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // More lines than a pipe holds, and this test reads none.
    let mut input = first.stdin.take().unwrap();
    let ticks = 20_000;
    input.write_all("1\n".repeat(ticks).as_bytes()).unwrap();
    input.write_all(b"x\n").unwrap();
    second.wait_for(&format!("req<{},1> received", ticks + 2));
    group.section.wait_for("[PID: 1");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// Returns how often the process has waited and was woken so far.
fn wakeups(process: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn an_idle_process_never_wakes() {
    let group = Group::of(3);
    let mut processes = group.all("0s");
    processes[0].send_line("x");
    processes[0].wait_for("Process exited CS");
    // The timer of a request that is over may still expire, but nothing after it.
    let is_idle = (0..10).any(|_| {
        let before: Vec<u64> = processes.iter().map(wakeups).collect();
        // The test observes a period of time: there is nothing to wait for.
        std::thread::sleep(std::time::Duration::from_secs(1));
        before == processes.iter().map(wakeups).collect::<Vec<_>>()
    });
    assert!(is_idle, "each of ten seconds had a wakeup");
}

#[test]
fn a_closed_output_is_no_failure() {
    let group = Group::of(1);
    let mut process = Command::new(TURNO)
        .args([
            "process",
            "1",
            &group.addresses[0],
            "--shared",
            &group.section_address,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let mut input = process.stdin.take().unwrap();
    // The process may have noticed already, at its first line.
    let _ = input.write_all(b"x\n1\n");
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_ipv6_group_takes_turns() {
    let ports = Ports::reserve(2);
    let members: Vec<String> = ports.iter().map(|port| format!("[::1]:{port}")).collect();
    let section = Program::start("shared", &["shared", "--listen", "[::1]:0"]);
    let address = section.section_address();
    let mut processes: Vec<Program> = ["1", "2"]
        .map(|id| {
            let options = [
                "process",
                id,
                &members[0],
                &members[1],
                "--shared",
                &address,
                "--hold",
                "0s",
            ];
            Program::start(id, &options)
        })
        .into();
    for process in &mut processes {
        process.send_line("x");
        process.wait_for("Process exited CS");
    }
    section.wait_for_nth(4, "interaction");
}

#[test]
fn a_missing_critical_section_is_reported() {
    let group = Group::of(1);
    let process = |section: &str| {
        let options = [
            "process",
            "1",
            &group.addresses[0],
            "--shared",
            section,
            "--hold",
            "0s",
        ];
        Program::start("1", &options)
    };
    // A port that was just released.
    let unused = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut process = process(&unused);
    process.send_line("x");
    process.wait_for(&format!(
        "no process listens at the critical section, {unused}: start turno shared there"
    ));
    process.wait_for("Process exited CS");
}
