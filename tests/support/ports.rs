//! UDP ports that no other test takes.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Reserved UDP ports, until dropped.
///
/// A port that was bound and released could be taken by another before the
/// program under test binds it. So it is the TCP port of the same number that
/// is bound, and kept: no two tests have it, in whatever process, and the UDP
/// port stays free. They lie below the range from which the system hands out
/// ports of its own accord.
pub struct Ports {
    reserved: Vec<TcpListener>,
}

const FIRST: u16 = 11_000;
const LAST: u16 = 32_000;

impl Ports {
    pub fn reserve(count: usize) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let spread = std::process::id() as u16;
        let reserved: Vec<TcpListener> = (0..LAST - FIRST)
            .filter_map(|_| {
                let turn = NEXT.fetch_add(1, Ordering::Relaxed);
                let place = turn.wrapping_add(spread.wrapping_mul(101)) % (LAST - FIRST);
                let port = FIRST + place;
                let reservation = TcpListener::bind(("127.0.0.1", port)).ok()?;
                // The UDP port may belong to a program that is none of ours. It
                // is tried only once it is reserved: to try it is to bind it,
                // and who reserved it could be about to.
                UdpSocket::bind(("127.0.0.1", port)).ok()?;
                Some(reservation)
            })
            .take(count)
            .collect();
        assert_eq!(reserved.len(), count, "there are not enough free ports");
        Ports { reserved }
    }

    /// So many ports in a row.
    pub fn in_a_row(count: u16) -> Self {
        (0..100)
            .map(|_| Ports::reserve(usize::from(count)))
            .find(|ports| ports.iter().is_sorted_by(|one, next| one + 1 == *next))
            .expect("there are free ports in a row")
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.reserved
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
    }
}
