//! The logical clock that every message of the bank is stamped with.
//!
//! It is turno's [`LamportClock`], begun at 0 and told aloud: each change of it
//! is a line, on both sides.

use turno::internals::mutex::LamportClock;
use turno::internals::mutex::MAX_CLOCK;

/// A Lamport clock that says what it shows whenever that changes.
pub struct Clock {
    clock: LamportClock,
    say: fn(&str),
}

impl Clock {
    /// A clock that shows 0.
    pub fn new(say: fn(&str)) -> Self {
        let clock = LamportClock::at(0);
        Clock { clock, say }
    }

    /// A message is about to be sent: one further, and that is its stamp.
    pub fn send(&mut self) -> u64 {
        // Were it at its end it would stay there: nobody counts so far.
        let stamp = self.clock.tick().unwrap_or(MAX_CLOCK);
        self.tell();
        stamp
    }

    /// A message came from a client: past its stamp and past our own clock.
    ///
    /// False if nobody honest has such a stamp, for a client's clock follows
    /// ours. It moves the clock no further than a message without one: else a
    /// single client could take it, and so everybody's, to its end.
    pub fn receive_from_client(&mut self, stamp: u64) -> bool {
        let is_believed = self.clock.receive(stamp).is_ok();
        if !is_believed {
            let _ = self.clock.tick();
        }
        self.tell();
        is_believed
    }

    /// A message came from the server, whose clock may be ahead of ours by all
    /// that it has done: it is believed.
    pub fn receive_from_server(&mut self, stamp: u64) {
        // Beyond all belief it is as if there were no stamp.
        let _ = self.clock.catch_up(stamp);
        let _ = self.clock.tick();
        self.tell();
    }

    fn tell(&self) {
        let now = self.clock.now();
        (self.say)(&format!("Relógio Lógico Atualizado: {now}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::new(|_| {})
    }

    #[test]
    fn a_first_login_shows_1_and_4_at_the_client_and_2_and_3_at_the_server() {
        let (mut client, mut server) = (clock(), clock());
        assert_eq!(client.send(), 1);
        assert!(server.receive_from_client(1));
        assert_eq!(server.clock.now(), 2);
        assert_eq!(server.send(), 3);
        client.receive_from_server(3);
        assert_eq!(client.clock.now(), 4);
        assert_eq!(client.send(), 5);
    }

    #[test]
    fn no_client_takes_the_clock_to_its_end() {
        let mut server = clock();
        for stamp in [u64::MAX, MAX_CLOCK, 1 << 40] {
            assert!(!server.receive_from_client(stamp));
        }
        assert_eq!(server.clock.now(), 3, "each was received, no more");
        assert!(server.receive_from_client(0));
    }

    #[test]
    fn a_new_client_follows_a_server_that_has_run_for_years() {
        let mut client = clock();
        client.receive_from_server(1 << 50);
        assert_eq!(client.send(), (1 << 50) + 2);
    }
}
