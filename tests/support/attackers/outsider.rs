//! A sender on the network that is no member, and sends any datagram to any
//! address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::fixtures::program::Program;
use crate::fixtures::relayed_group::RelayedGroup;
use crate::fixtures::wait::eventually;

/// How many datagrams a process has dropped, by cause.
pub type Drops = BTreeMap<String, u64>;

/// How many datagrams are sent at a time: the buffer of a socket holds them.
const BATCH: usize = 50;

/// A datagram that only marks the end of a batch, and the cause of its drop.
const LAST: (&[u8], &str) = (b"", "malformed");

/// A datagram to send to a process.
#[derive(Clone)]
pub struct Injection {
    pub bytes: Vec<u8>,
    /// The cause under which the process counts its drop. `None` if it accepts the
    /// datagram, which must then have no effect.
    pub cause: Option<&'static str>,
}

pub struct Outsider {
    socket: UdpSocket,
}

impl Outsider {
    /// On the host of the members.
    pub fn here() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into()).unwrap()
    }

    /// At another address of this machine, which members on loopback take for
    /// another host. `None` if there is no such address, or no way from there.
    pub fn elsewhere() -> Option<Self> {
        // This sends nothing: it finds the address that a datagram would leave from.
        let probe = UdpSocket::bind("0.0.0.0:0").ok()?;
        probe.connect("198.51.100.1:9").ok()?;
        let address = probe.local_addr().ok()?.ip();
        if address.is_loopback() || address.is_unspecified() {
            return None;
        }
        let outsider = Self::at(address)?;
        let receiver = UdpSocket::bind("127.0.0.1:0").ok()?;
        receiver
            .set_read_timeout(Some(Duration::from_secs(1)))
            .ok()?;
        outsider.send(b"?", &receiver.local_addr().ok()?.to_string());
        let (_, source) = receiver.recv_from(&mut [0]).ok()?;
        (source.ip() == address).then_some(outsider)
    }

    fn at(address: IpAddr) -> Option<Self> {
        let socket = UdpSocket::bind((address, 0)).ok()?;
        Some(Outsider { socket })
    }

    pub fn send(&self, bytes: &[u8], to: &str) {
        // A full buffer loses it, as it may lose any datagram.
        let _ = self.socket.send_to(bytes, to);
    }

    /// Sends all these to a process that listens there, waits until it has handled
    /// each, and checks that it has counted each under its cause.
    pub fn inject(&self, injections: &[Injection], process: &Program, address: &str) {
        let mut expected = drops(process);
        for batch in injections.chunks(BATCH) {
            for injection in batch {
                self.send(&injection.bytes, address);
            }
            let causes = batch.iter().filter_map(|injection| injection.cause);
            for cause in causes.chain([LAST.1]) {
                *expected.entry(cause.to_owned()).or_default() += 1;
            }
            self.wait_until_handled(process, address);
            assert_eq!(drops(process), expected);
        }
    }

    /// Waits until a process has handled all that was sent to it there.
    pub fn wait_until_handled(&self, process: &Program, address: &str) {
        // A process handles the datagrams of one socket in order.
        let (last, cause) = LAST;
        let count = |drops: Drops| drops.get(cause).copied().unwrap_or(0);
        let before = count(drops(process));
        self.send(last, address);
        // A process prints nothing when it counts a drop, so this polls.
        eventually("the last drop's count", || {
            (count(drops(process)) != before).then_some(())
        });
    }

    /// Does what [`Outsider::inject`] does, at the critical section. To that every
    /// datagram with a cause is undecodable.
    pub fn inject_at_section(&self, injections: &[Injection], group: &RelayedGroup) {
        let mut expected = undecodable(&group.section);
        for batch in injections.chunks(BATCH) {
            for injection in batch {
                self.send(&injection.bytes, &group.section_address);
            }
            self.send(LAST.0, &group.section_address);
            expected += 1 + batch.iter().filter(|it| it.cause.is_some()).count() as u64;
            // The section prints nothing when it counts one, so this polls.
            eventually(&format!("{expected} undecodable"), || {
                (undecodable(&group.section) == expected).then_some(())
            });
        }
    }
}

/// Returns how many datagrams the section could not decode so far.
fn undecodable(section: &Program) -> u64 {
    let line = section.report();
    let mut counts = line.split(", ");
    let count = counts.find_map(|count| count.strip_prefix("undecodable "));
    count.expect("it is reported").parse().expect("a number")
}

/// Returns what this process has dropped so far.
pub fn drops(process: &Program) -> Drops {
    let line = process.report();
    let causes = line
        .strip_prefix("dropped so far: ")
        .expect("it begins the line");
    causes
        .split(", ")
        .filter_map(|cause| cause.rsplit_once(' '))
        .map(|(cause, count)| (cause.to_owned(), count.parse().expect("a number")))
        .collect()
}

/// A thread that sends as fast as the machine can, until this is dropped.
pub struct Flood {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Flood {
    /// Sends these datagrams in turn, each to its own address.
    pub fn start(datagrams: Vec<(String, Vec<u8>)>) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let outsider = Outsider::here();
            let all = datagrams.iter().cycle();
            (0..)
                .zip(all)
                .take_while(|_| !seen.load(Ordering::Relaxed))
                .map(|(number, (to, bytes))| {
                    outsider.send(bytes, to);
                    number
                })
                .last()
                .unwrap_or(0)
        });
        Flood {
            is_over,
            thread: Some(thread),
        }
    }

    /// Ends it, and returns how many datagrams it sent.
    pub fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
