//! What the network costs by itself: datagrams of the same length, sent and read
//! by processes that do nothing else, with one blocking socket each.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use super::worker::{self, Kind, Work};

/// As long as a request of a lock whose name has a dozen bytes.
const LENGTH: usize = 100;

const REQUEST: u8 = b'?';
const REPLY: u8 = b'!';

/// One who sends to all others, and waits until all have answered; and while it
/// waits, answers.
pub struct Exchange {
    socket: UdpSocket,
    peers: Vec<SocketAddr>,
    round: u64,
}

impl Exchange {
    /// Listens at the port of this place, counted from 1.
    pub fn bind(place: u16, ports: &[u16]) -> io::Result<Self> {
        let own = ports[usize::from(place) - 1];
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, own))?;
        // Of the last round the others may have no need of an answer any more; and
        // where a socket overflows datagrams are lost.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let others = ports.iter().filter(|port| **port != own);
        Ok(Exchange {
            socket,
            peers: others
                .map(|port| (Ipv4Addr::LOCALHOST, *port).into())
                .collect(),
            round: 0,
        })
    }
}

impl Work for Exchange {
    fn entry(&mut self, _kind: Kind) -> io::Result<()> {
        self.round += 1;
        let mut request = [REQUEST; LENGTH];
        request[1..9].copy_from_slice(&self.round.to_be_bytes());
        for peer in &self.peers {
            self.socket.send_to(&request, peer)?;
        }
        let mut missing = self.peers.len();
        let mut datagram = [0; LENGTH];
        while missing > 0 {
            let source = match self.socket.recv_from(&mut datagram) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                received => received?.1,
            };
            if datagram[0] == REQUEST {
                datagram[0] = REPLY;
                self.socket.send_to(&datagram, source)?;
            } else if datagram[1..9] == request[1..9] {
                missing -= 1;
            }
        }
        Ok(())
    }
}

/// Sends every datagram back to where it came from, until standard input ends.
pub fn echo(port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    thread::spawn(move || -> io::Result<()> {
        let mut datagram = [0; LENGTH];
        loop {
            let (length, source) = socket.recv_from(&mut datagram)?;
            datagram[0] = REPLY;
            socket.send_to(&datagram[..length], source)?;
        }
    });
    worker::answer_lines(worker::other)
}
