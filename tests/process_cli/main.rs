//! `turno process` as a program: its arguments, its input, what it does with
//! rubbish, and how it ends.

#[path = "../support/mod.rs"]
mod support;

mod rubbish;

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use support::{Group, Program};

fn turno(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The exit code and the first line on standard error.
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
            "turno: members 1 and 3 have the same address, 127.0.0.1:10001; each needs a port of its own",
        ),
        (
            &["1", ":10001", ":10000"],
            "turno: member 2 has the address of the critical section, 127.0.0.1:10000; give it another port, or move the section with --shared",
        ),
        (
            &["1", ":10001", ":10002", "--shared", "localhost:10002"],
            "turno: member 2 has the address of the critical section, 127.0.0.1:10002; give it another port, or move the section with --shared",
        ),
        (
            &["1", ":10001", "192.0.2.7:10002"],
            "turno: member 1 is on this host's loopback, which member 2 cannot reach; in a group of several machines give every member as HOST:PORT, the same list on each",
        ),
        (
            &["1", ":10001", ":0"],
            "turno: member 2 has port 0; give the port that it listens on",
        ),
        (
            &["1", "192.0.2.7:10001", "[2001:db8::7]:10002"],
            "turno: member 1 has only an IPv4 address and member 2 only an IPv6 one; give all of one kind",
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
fn a_port_in_use_is_said_plainly() {
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
fn an_address_that_is_not_this_hosts_is_said_plainly() {
    let (code, line) = refusal(&["process", "1", "192.0.2.7:10001", "192.0.2.8:10001"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        line,
        "turno: cannot listen at 192.0.2.7:10001: it is no address of this host; is the id right? --listen names another to bind"
    );
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
fn of_the_input_only_x_and_the_own_id_mean_something() {
    let group = Group::of(1);
    let mut process = group.process(1, "1h");
    for line in ["", "y", "2", "11", "q", "x x", "\u{3}", "X"] {
        process.say(line);
    }
    process.say(&"x".repeat(100_000));
    process.say(&format!("x{}y", " ".repeat(100_000)));
    process.say(" 1\r");
    process.wait_for("tick, clock 2");
    process.say("x");
    process.wait_for("Process entered CS");
    process.say("x");
    process.wait_for("'x' ignored");
    assert_eq!(process.count("tick"), 1);
    assert_eq!(process.lines().len(), 5, "{:#?}", process.lines());
}

#[test]
fn an_id_of_two_digits_ticks() {
    let group = Group::of(10);
    let mut process = group.process(10, "0s");
    process.say("1");
    process.say("10");
    // It reads this after both.
    process.say("x");
    process.wait_for("x: asks ");
    process.so_far();
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
    second.say("x");
    second.wait_for("Process exited CS");
    first.terminate();
}

#[test]
fn input_that_cannot_be_waited_for_is_read_all_the_same() {
    let group = Group::of(1);
    let options = [
        "process",
        "1",
        &group.addresses[0],
        "--shared",
        &group.section,
        "--hold",
        "0s",
    ];
    let null = Program::start_with("null", &options, Stdio::null());
    null.wait_for("listens at");
    null.terminate();
    let folder = std::env::temp_dir().join(format!("turno-input-{}", std::process::id()));
    std::fs::write(&folder, "1\nx").unwrap();
    let file = Program::start_with("file", &options, File::open(&folder).unwrap().into());
    file.wait_for("tick, clock 2");
    file.wait_for("Process exited CS");
    file.terminate();
    std::fs::remove_file(folder).unwrap();
}

#[test]
fn a_signal_makes_it_leave_the_section_and_answer_everybody() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let group = Group::of(3);
        let mut processes = group.all_that_ask_once("1h");
        processes[0].say("x");
        processes[0].wait_for("Process entered CS");
        processes[1].say("x");
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
            .shared
            .wait_for("[PID: 1, Clock: 6] interaction with cs ends");
    }
}

#[test]
fn a_signal_makes_it_give_up_its_request_and_answer_everybody() {
    let group = Group::of(3);
    let mut processes = group.all_that_ask_once("0s");
    // 3 is gone, so 1 waits; then so does 2, whom 1 owes its reply.
    processes.pop().unwrap().terminate();
    let mut second = processes.pop().unwrap();
    let mut first = processes.pop().unwrap();
    first.say("x");
    second.wait_for("req<2,1> received");
    second.say("x");
    first.wait_for("deferred, for (2,1) < (4,2)");
    second.so_far();
    assert_eq!(second.count("reply<5,1> received"), 0);
    let lines = first.terminate();
    assert_eq!(
        lines[lines.len() - 2..],
        ["the request is given up", "reply<5,1> sent to 2"]
    );
    second.wait_for("reply<5,1> received, clock 6");
}

#[test]
fn two_signals_at_once_end_it_in_order_too() {
    let group = Group::of(2);
    let mut processes = group.all_that_ask_once("1h");
    processes[0].say("x");
    processes[0].wait_for("Process entered CS");
    let first = processes.remove(0);
    for signal in [Signal::HUP, Signal::TERM, Signal::INT] {
        first.signal(signal);
    }
    let (status, lines) = first.finish();
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines.last().unwrap(), "Process exited CS");
    group
        .shared
        .wait_for("[PID: 1, Clock: 4] interaction with cs ends");
}

#[test]
fn a_reader_that_stands_still_does_not_stop_the_node() {
    let group = Group::of(2);
    let second = group.process(2, "0s");
    let mut first = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["process", "1", "--hold", "0s", "--shared", &group.section])
        .args(&group.addresses)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // More lines than any pipe holds, and nobody reads them.
    let mut input = first.stdin.take().unwrap();
    let ticks = 20_000;
    input.write_all("1\n".repeat(ticks).as_bytes()).unwrap();
    input.write_all(b"x\n").unwrap();
    second.wait_for(&format!("req<{},1> received", ticks + 2));
    group.shared.wait_for("[PID: 1");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// How often the process was waiting and began to run, so far.
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
    processes[0].say("x");
    processes[0].wait_for("Process exited CS");
    // The timer of a request that is done with may still come due; then nothing.
    let is_idle = (0..10).any(|_| {
        let before: Vec<u64> = processes.iter().map(wakeups).collect();
        // A stretch of time is what is looked at here: nothing can be waited for.
        std::thread::sleep(std::time::Duration::from_secs(1));
        before == processes.iter().map(wakeups).collect::<Vec<_>>()
    });
    assert!(is_idle, "in ten seconds not one without a wakeup");
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let group = Group::of(1);
    let mut process = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args([
            "process",
            "1",
            &group.addresses[0],
            "--shared",
            &group.section,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let mut input = process.stdin.take().unwrap();
    // It may have noticed already, at its first line.
    let _ = input.write_all(b"x\n1\n");
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_ipv6_group_takes_turns() {
    let ports = support::Ports::reserve(2);
    let members: Vec<String> = ports.iter().map(|port| format!("[::1]:{port}")).collect();
    let shared = Program::start("shared", &["shared", "--listen", "[::1]:0"]);
    let section = shared.listens_at();
    let mut processes: Vec<Program> = ["1", "2"]
        .map(|id| {
            let options = [
                "process",
                id,
                &members[0],
                &members[1],
                "--shared",
                &section,
                "--hold",
                "0s",
            ];
            Program::start(id, &options)
        })
        .into();
    for process in &mut processes {
        process.say("x");
        process.wait_for("Process exited CS");
    }
    shared.wait_for_nth(4, "interaction");
}

#[test]
fn it_says_when_nobody_listens_at_the_critical_section() {
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
    // A port that was just given back.
    let nobody = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut lonely = process(&nobody);
    lonely.say("x");
    lonely.wait_for(&format!(
        "nobody listens at the critical section, {nobody}: start turno shared there"
    ));
    lonely.wait_for("Process exited CS");
}
