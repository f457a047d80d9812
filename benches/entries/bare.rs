//! The bare network: datagrams of the same length, sent and received by processes that do
//! nothing else, with one blocking socket each.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use super::worker::{self, Kind, Work};

/// The length of a request for a lock whose name has a dozen bytes.
const LENGTH: usize = 100;

const REQUEST: u8 = b'?';
const REPLY: u8 = b'!';

/// A process that sends to all others and waits until all have replied. While it waits,
/// it replies to the others.
pub struct Exchange {
    socket: UdpSocket,
    peers: Vec<SocketAddr>,
    round: u64,
}

impl Exchange {
    /// Binds the port of this id, counted from 1.
    pub fn bind(id: u16, ports: &[u16]) -> io::Result<Self> {
        let own = ports[usize::from(id) - 1];
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, own))?;
        // In the last round the others may have ended, and a socket that overflows loses
        // datagrams.
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

/// Sends every datagram back to its sender, until standard input ends.
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
