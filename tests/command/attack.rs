//! An outsider against real processes: it forges, replays, redirects, claims ids,
//! sends clocks far ahead, and floods. No process enters that should not, no clock
//! moves that should not, and each process that asks still enters.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use turno::internals::mutex::NodeId;
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::wire::{GroupDigest, Key, SIGNATURE};

use crate::attackers::forgery::{
    CapturedRequest, accepted, dropped, forgeries, ids_and_clocks, redirected, replayed,
};
use crate::attackers::outsider::{Flood, Injection, Outsider, drops};
use crate::fixtures::attacked_group::{AttackedGroup, ENTERED, KeyFile};
use crate::fixtures::program::Program;
use crate::fixtures::random::Random;
use crate::oracle::judge::message;

/// 3 is stopped and owes its reply, so a process that enters does so without it.
#[test]
fn with_a_key_no_datagram_of_an_outsider_lets_a_process_enter() {
    let key = KeyFile::make();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    let request = target.make_one_wait();
    let captured = target.group.relay.captured();
    let outsider = Outsider::here();
    for id in [1, 2] {
        target.withstand(id, &outsider, &forgeries(&request, id as u16));
        target.withstand(id, &outsider, &redirected(&captured, &request, id));
        target.withstand(id, &outsider, &replayed(&captured, |to| to == id));
    }
    target.resume();
}

/// Without a key a sender on a member's host can break a lock, but not with
/// datagrams that were sent before.
#[test]
fn without_a_key_a_late_repeated_or_redirected_reply_does_not_count() {
    let mut target = AttackedGroup::start(&[]);
    target.make_one_wait();
    let captured = target.group.relay.captured();
    let outsider = Outsider::here();
    for id in [1, 2] {
        target.withstand(id, &outsider, &replayed(&captured, |_| true));
    }
    target.resume();
}

#[test]
fn without_a_key_a_datagram_from_another_host_is_dropped() {
    let Some(outsider) = Outsider::elsewhere() else {
        crate::fixtures::needs::report_skipped("an address beside that of loopback");
        return;
    };
    let mut target = AttackedGroup::start(&[]);
    let request = target.make_one_wait();
    let mut injections = Vec::new();
    for (from, clock) in ids_and_clocks(&[1, 2, 3], request.clock) {
        let as_original = request.forged_as_original(from, clock).into_iter();
        for text in as_original.chain(request.forged(from, clock)) {
            injections.push(dropped(text, "from another host"));
        }
    }
    for (from, clock) in ids_and_clocks(&[0, 4, u16::MAX], request.clock) {
        for text in request.forged(from, clock) {
            injections.push(dropped(text, "of no member"));
        }
    }
    for id in [1, 2] {
        target.withstand(id, &outsider, &injections);
    }
    target.resume();
}

/// Each such datagram moves a clock by at most the bound, or not at all; and the
/// group recovers. (A sender that has captured the nonce of a run can do more.)
#[test]
fn without_a_key_clocks_far_ahead_move_no_clock_beyond_the_bound() {
    let mut target = AttackedGroup::start(&[]);
    for id in [1, 2, 3] {
        target.enter(id);
    }
    let request = CapturedRequest {
        incarnation: "00000000000000aa".into(),
        ..target.captured_request(1)
    };
    let outsider = Outsider::here();
    let forged = |clock: u64| {
        let as_original = request.forged_as_original(2, clock).into_iter();
        as_original.chain(request.forged(2, clock))
    };
    let address = target.group.listen_addresses[0].clone();
    let before = target.clock(1);
    for clock in [
        before + 2 * MAX_JUMP,
        MAX_CLOCK / 2,
        MAX_CLOCK - 1,
        MAX_CLOCK,
    ] {
        for text in forged(clock).cycle().take(20) {
            outsider.send(text.as_bytes(), &address);
        }
        outsider.wait_until_handled(target.process(1), &address);
    }
    // It asked 2, whose clock may have been a little ahead.
    assert!(target.clock(1) < before + 100);
    for jumps in 1..=3 {
        let now = target.clock(1);
        outsider.send(format!("req<{},2>", now + MAX_JUMP).as_bytes(), &address);
        outsider.wait_until_handled(target.process(1), &address);
        assert_eq!(target.clock(1), now + MAX_JUMP + 2, "jump {jumps}");
        for id in [2, 1, 3] {
            target.enter(id);
        }
    }
    target.finish();
}

/// All datagrams to the earlier run are sent again to the next one.
#[test]
fn with_a_key_datagrams_to_an_earlier_run_have_no_effect_on_the_next() {
    let key = KeyFile::make();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    for id in [1, 2, 3, 1] {
        target.enter(id);
    }
    let captured = target.group.relay.captured();
    target.restart(3);
    let outsider = Outsider::here();
    let address = target.group.listen_addresses[2].clone();
    let replays = replayed(&captured, |to| to == 3);
    outsider.inject(&replays, target.process(3), &address);
    // The others enter last, so that 3 must ask them.
    for id in [3, 1, 2] {
        target.enter(id);
    }
    target.process(1).signal(Signal::STOP);
    target.request_permission(3, 2);
    target.withstand(3, &outsider, &replays);
    assert_eq!(target.process(3).count(ENTERED), 1);
    target.process(1).signal(Signal::CONT);
    target.wait_until_all_left();
    target.finish();
}

/// Returns what the section has received so far, as it was on the wire.
fn received_by_section(section: &Program, key: &Key) -> Vec<Vec<u8>> {
    let signed = |line: &String| {
        let (id, clock, text) = message(line)?;
        let mut bytes = format!("cs<{clock},{id}>({text})").into_bytes();
        let id = NodeId(id.try_into().ok()?);
        key.sign(GroupDigest(0), id, NodeId(0), &mut bytes);
        Some(bytes)
    };
    section.lines().iter().filter_map(signed).collect()
}

#[test]
fn with_a_key_the_section_accepts_only_its_holders_and_each_message_once() {
    let mut random = Random::seeded();
    let key = KeyFile::make();
    let secret: Key = std::fs::read_to_string(&key.path).unwrap().parse().unwrap();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    let outsider = Outsider::here();
    for id in [1, 1, 2, 3, 3, 1, 2] {
        target.enter(id);
        let received = received_by_section(&target.group.section, &secret);
        // In any order, and often enough that some come at the worst moment.
        let mut injections = Vec::new();
        for _ in 0..100 {
            let text: &Vec<u8> = random.pick(&received);
            injections.push(accepted(text));
        }
        for text in &received {
            let unsigned = &text[..text.len() - SIGNATURE];
            let mut by_another = unsigned.to_vec();
            Key::new([7; 32]).sign(GroupDigest(0), NodeId(2), NodeId(0), &mut by_another);
            let text = String::from_utf8(text.clone()).unwrap();
            let later = text.replacen("cs<", "cs<9", 1);
            injections.push(dropped(unsigned, "undecodable"));
            injections.push(dropped(by_another, "undecodable"));
            injections.push(dropped(later, "undecodable"));
        }
        outsider.inject_at_section(&injections, &target.group);
        let now = received_by_section(&target.group.section, &secret);
        assert_eq!(now.len(), received.len(), "more than the holders have sent");
    }
    target.finish();
}

/// Measures how long each of these entries takes from its request on. Sorted.
fn latencies(target: &mut AttackedGroup, entries: usize) -> Vec<Duration> {
    for process in &target.processes {
        process.report();
    }
    let mut latencies: Vec<Duration> = (0..entries)
        .map(|turn| {
            let id = turn % 3 + 1;
            let before = target.process(id).count(ENTERED);
            let asked = Instant::now();
            target.request(id);
            target.process(id).wait_for_nth(before + 1, ENTERED);
            let latency = asked.elapsed();
            target.wait_until_all_left();
            latency
        })
        .collect();
    latencies.sort();
    latencies
}

fn median_and_worst(latencies: &[Duration]) -> String {
    let (median, worst) = (
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
    );
    format!("median {median:.1?}, worst {worst:.1?}")
}

/// Returns the resident memory of a process in KiB.
fn resident(process: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let (kib, _) = line.unwrap().trim().split_once(' ').unwrap();
    kib.parse().unwrap()
}

#[test]
fn in_a_flood_all_still_enter_and_neither_memory_nor_disk_fills() {
    const ENTRIES: usize = 30;
    let key = KeyFile::make();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    for id in 1..=3 {
        target.enter(id);
    }
    let calm = latencies(&mut target, ENTRIES);
    let request = target.captured_request(1);
    let to_each = |id: u16| {
        let malformed = [0, 7, 1400, 60_000].map(|length| dropped(vec![b'?'; length], ""));
        let all = malformed.into_iter().chain(forgeries(&request, id));
        let address = &target.group.listen_addresses[usize::from(id) - 1];
        all.map(|injection| (address.clone(), injection.bytes))
    };
    let datagrams = [1, 2, 3].into_iter().flat_map(to_each).collect();
    let lines_before: Vec<usize> = target.processes.iter().map(|p| p.lines().len()).collect();
    let began = Instant::now();
    let flood = Flood::start(datagrams);
    let flooded = latencies(&mut target, ENTRIES);
    let memory: Vec<u64> = target.processes.iter().map(resident).collect();
    let sent = flood.end();
    let seconds = began.elapsed().as_secs_f32();
    eprintln!("entries without a flood: {}", median_and_worst(&calm));
    eprintln!("and with one: {}", median_and_worst(&flooded));
    eprintln!("{sent} datagrams were sent in {seconds:.1} s");
    for ((process, before), memory) in target.processes.iter().zip(lines_before).zip(memory) {
        let all_dropped: u64 = drops(process).values().sum();
        let lines = process.lines();
        let reported = lines
            .iter()
            .filter(|line| line.starts_with("dropped"))
            .count();
        let new = lines.len() - before;
        eprintln!(
            "a process dropped {all_dropped}, reported {reported}, printed {new} lines, had {memory} KiB"
        );
        assert!(memory < 64 << 10);
        // Ten and a sum a second.
        let max_reported = (seconds as usize + 2) * 11;
        assert!(reported <= max_reported);
        assert!(new <= max_reported + ENTRIES * 30);
    }
    target.finish();
}

/// How many lines a program may print since then about datagrams of others: a
/// hundred at first, then ten and a sum a second, of two kinds.
fn max_reported(began: Instant) -> usize {
    120 + (began.elapsed().as_secs() as usize + 2) * 22
}

#[test]
fn with_a_key_a_repeated_hello_of_an_earlier_run_is_no_claim() {
    let key = KeyFile::make();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    target.enter(3);
    let captured = target.group.relay.captured();
    let to_itself = captured
        .iter()
        .find(|it| it.text.starts_with(b"req<0,3>") && it.to == 3);
    let to_itself = to_itself
        .expect("it had to receive its own hello")
        .text
        .clone();
    target.restart(3);
    let outsider = Outsider::here();
    let address = target.group.listen_addresses[2].clone();
    outsider.send(&to_itself, &address);
    outsider.wait_until_handled(target.process(3), &address);
    target.enter(3);
    assert_eq!(target.process(3).count("another node claims"), 0);
    target.finish();
}

#[test]
fn with_a_key_replays_are_reported_in_a_few_lines() {
    let key = KeyFile::make();
    let mut target = AttackedGroup::start(&["--key", &key.path]);
    for id in [1, 2, 3] {
        target.enter(id);
    }
    // So there are datagrams of two runs.
    target.restart(3);
    target.enter(3);
    let (outsider, address) = (Outsider::here(), target.group.listen_addresses[0].clone());
    for replay in replayed(&target.group.relay.captured(), |to| to == 1) {
        target.process(1).report();
        let before = target.process(1).lines().len();
        let reports_before = target.process(1).count("dropped so far");
        let began = Instant::now();
        let repeats = vec![replay; 500];
        outsider.inject(&repeats, target.process(1), &address);
        let reports = target.process(1).count("dropped so far") - reports_before;
        let lines = target.process(1).lines().len() - before - reports;
        let text = repeats[0].bytes.escape_ascii();
        assert!(lines <= max_reported(began), "{lines} lines: {text}");
    }
    target.finish();
}

#[test]
fn without_a_key_clocks_far_ahead_are_reported_in_a_few_lines() {
    let mut target = AttackedGroup::start(&[]);
    for id in [1, 2, 3] {
        target.enter(id);
    }
    let (outsider, address) = (Outsider::here(), target.group.listen_addresses[0].clone());
    target.process(1).report();
    let before = target.process(1).lines().len();
    let reports_before = target.process(1).count("dropped so far");
    let began = Instant::now();
    for _ in 0..200 {
        let far_ahead = format!("req<{MAX_CLOCK},2>");
        outsider.send(far_ahead.as_bytes(), &address);
        outsider.wait_until_handled(target.process(1), &address);
    }
    let lines = target.process(1).lines().len() - before;
    let reports = target.process(1).count("dropped so far") - reports_before;
    let lines = lines - reports;
    assert!(lines <= max_reported(began), "{lines} lines");
}

#[test]
fn what_the_section_refuses_is_reported_in_a_few_lines() {
    let mut target = AttackedGroup::start(&[]);
    target.enter(1);
    let outsider = Outsider::here();
    target.group.section.report();
    let before = target.group.section.lines().len();
    let began = Instant::now();
    let both = [
        dropped("malformed", "undecodable"),
        accepted(b"cs<1,2>(too late)"),
    ];
    let injections: Vec<Injection> = both.into_iter().cycle().take(2000).collect();
    outsider.inject_at_section(&injections, &target.group);
    let lines = target.group.section.lines().len() - before;
    let reports = target.group.section.count("so far: entries ") - 1;
    let lines = lines - reports;
    assert!(lines <= max_reported(began), "{lines} lines");
    target.enter(1);
    target.finish();
}
