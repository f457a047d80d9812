//! The logical clock of the bank's messages.
//!
//! It is turno's [`LamportClock`], which starts at 0 here and prints each of its changes,
//! on both sides.

use turno::LamportClock;

use crate::language::Texts;

/// A Lamport clock that prints its value at each change.
pub struct Clock {
    clock: LamportClock,
    print: fn(&str),
    texts: &'static Texts,
}

impl Clock {
    /// A clock at 0.
    pub fn new(print: fn(&str), texts: &'static Texts) -> Self {
        let clock = LamportClock::at(0);
        Clock {
            clock,
            print,
            texts,
        }
    }

    /// Advances the clock by one, and returns it as the stamp of a message.
    pub fn send(&mut self) -> u64 {
        // At its end, 2^63 - 1, the clock stays where it is: no bank counts that far.
        let _ = self.clock.tick();
        self.report();
        self.clock.now()
    }

    /// Advances the clock past its own value and the stamp of a client's message.
    ///
    /// Returns false if no honest client can have this stamp, because a client's clock
    /// follows ours. Such a stamp is ignored, or one client could take our clock, and so
    /// every client's, to its end.
    pub fn receive_from_client(&mut self, stamp: u64) -> bool {
        let is_believed = self.clock.receive(stamp).is_ok();
        if !is_believed {
            let _ = self.clock.tick();
        }
        self.report();
        is_believed
    }

    /// Advances the clock past its own value and the stamp of the server's message, which
    /// may be far ahead, because the server counts everything that it has ever done.
    pub fn receive_from_server(&mut self, stamp: u64) {
        // An impossible stamp is ignored.
        let _ = self.clock.catch_up(stamp);
        let _ = self.clock.tick();
        self.report();
    }

    fn report(&self) {
        let now = self.clock.now();
        (self.print)(&format!("{} {now}", self.texts.clock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::new(|_| {}, crate::language::Language::Pt.texts())
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
    fn no_client_can_take_the_clock_to_its_end() {
        let mut server = clock();
        for stamp in [u64::MAX, i64::MAX as u64, 1 << 40] {
            assert!(!server.receive_from_client(stamp));
        }
        assert_eq!(server.clock.now(), 3, "each message counts one");
        assert!(server.receive_from_client(0));
    }

    #[test]
    fn a_new_client_follows_a_server_that_has_run_for_years() {
        let mut client = clock();
        client.receive_from_server(1 << 50);
        assert_eq!(client.send(), (1 << 50) + 2);
    }
}
