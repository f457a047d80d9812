//! New clients.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use mio::{Interest, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::client::{Client, Phase};
use super::connection::Connection;
use super::protocol::Answer;
use super::{Agent, STOPPING};
use crate::system::retry_interrupted;

/// When to accept clients again after as many are connected as may be.
const FULL_RETRY_AFTER: Duration = Duration::from_millis(20);

/// When to accept clients again after the system refused, for example for want of file
/// descriptors.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Agent {
    /// Accepts all clients that have connected.
    pub(super) fn accept(&mut self) {
        self.accept_again = None;
        loop {
            if self.clients.len() >= self.capacity.connections() {
                self.accept_again = Instant::now().checked_add(FULL_RETRY_AFTER);
                return;
            }
            match retry_interrupted(|| self.socket.listener.accept()) {
                Ok((stream, _)) => self.add(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::warn!("cannot accept a client: {error}");
                    // The poll does not report the same clients again.
                    self.accept_again = Instant::now().checked_add(RETRY_AFTER);
                    return;
                }
            }
        }
    }

    fn add(&mut self, mut stream: UnixStream) {
        let token = self.next_client;
        self.next_client += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut stream, Token(token), interest) {
            log::warn!("cannot serve a client: {error}");
            return;
        }
        let peer = rustix::net::sockopt::socket_peercred(&stream).ok();
        let pid = |pid: rustix::process::Pid| pid.as_raw_nonzero().get().cast_unsigned();
        let mut client = Client {
            connection: Connection::new(stream),
            pid: peer.as_ref().map(|peer| pid(peer.pid)),
            uid: peer.as_ref().map(|peer| peer.uid.as_raw()),
            phase: Phase::Idle,
            waker: self.woken.waker(token),
        };
        if let Some(why) = self.refusal() {
            // The client may have gone.
            let _ = client.connection.send(&Answer::failed(why));
        } else {
            self.clients.insert(token, client);
        }
    }

    /// Why a new client is refused, and what to do about it.
    fn refusal(&self) -> Option<String> {
        self.is_stopping.then(|| STOPPING.to_owned())
    }
}

/// Allows this process as many open files as the system permits: a client that holds a
/// lock takes two.
pub(super) fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("cannot raise the limit of open files: {error}");
    }
}
